"""The two families of tasks, which differ in the API actions that handle them.

Rule: everything that is not offline is handled as real-time; the documented example sends 0.
"""

REAL_TIME = 201
OFFLINE = 202
"""TaskType values."""
