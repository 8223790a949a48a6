"""What every test needs: the helpers beside this file, the scripts in ``chaos`` and ``bench``, and no clock."""

import os
import sys

from hypothesis import settings

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, "chaos"), os.path.join(_HERE, "bench")]

# No clock decides about a test: machines are shared and slow at times.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")
