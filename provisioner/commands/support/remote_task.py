"""Check that an address is free, and read the task of WeData that it is to have."""

import re

from provisioner.core.address import ADDRESS_PATTERN, Address, TaskId
from provisioner.core.api.replies import RemoteTask
from provisioner.core.api.task_api import TaskApi
from provisioner.core.state.state import State
from provisioner.core.task_types import OFFLINE, REAL_TIME
from provisioner.core.text import printable
from provisioner.errors import (
    ApiRefusedError,
    UsageError,
)


def ensure_free(state: State, address: Address, task_id: TaskId) -> None:
    """Pass if the address may have this task.

    Raises:
        UsageError: it is no address, it has a task already, or the task is another address's.
    """
    if not re.fullmatch(ADDRESS_PATTERN, address):
        raise UsageError(f"{printable(address)!r} is not an address.")
    known = state.tasks.get(address)
    if known is not None and address not in state.open:
        raise UsageError(
            f'"{address}" has its task already [id={printable(known.task_id)}].\n'
            f"Forget that one first: provisioner state rm {address}"
        )
    for other, record in state.tasks.items():
        if record.task_id == task_id and other != address:
            raise UsageError(
                f'The task is that of "{other}".\nMove it: provisioner state mv {other} {address}'
            )


def read_task(api: TaskApi, project_id: str, task_id: TaskId) -> RemoteTask:
    """A task of either type.

    Raises:
        UsageError: there is none.
        ApiError: the service could not be asked.
    """
    refusals = []
    for task_type in (REAL_TIME, OFFLINE):
        try:
            task = api.read(project_id, task_id, task_type)
        except ApiRefusedError as error:
            # How the service says "not of this type" is not documented, so a refusal may be that.
            refusals.append(error)
        else:
            if task is not None:
                return task
    if refusals and any(task.task_id == task_id for task in api.inventory(project_id).tasks):
        raise refusals[0]
    raise UsageError(
        "There is no such task.\n"
        f"  {printable(task_id)} in project {printable(project_id)}, real-time or offline."
    )
