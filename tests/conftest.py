"""Make the helpers beside this file importable by every test: builders, fakes."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
