"""The types of tasks: for Terraform there is one, and the API has two families of them."""

from provisioner.core.json_types import JSONValue

REAL_TIME = 201
OFFLINE = 202
"""TaskType values."""

TYPE = "wedata_integration_task"
"""The type of every task, in the sense of Terraform's plans."""


def family_of(task_type: JSONValue) -> int:
    """The family that a TaskType belongs to, 201 or 202.

    Anything that is not 202 is handled as real-time: the documented examples send 0 and 1.
    """
    return OFFLINE if task_type == OFFLINE else REAL_TIME
