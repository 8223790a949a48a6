"""The two families of tasks, which differ in the API actions that handle them."""

from provisioner.core.json_types import JSONValue

REAL_TIME = 201
OFFLINE = 202
"""TaskType values."""


def family_of(task_type: JSONValue) -> int:
    """The family that a TaskType belongs to, 201 or 202.

    Anything that is not 202 is handled as real-time: the documented examples send 0 and 1.
    """
    return OFFLINE if task_type == OFFLINE else REAL_TIME
