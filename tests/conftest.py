"""Make the helpers beside this file importable by every test, and the scripts in ``chaos`` and ``bench``."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, "chaos"), os.path.join(_HERE, "bench")]
