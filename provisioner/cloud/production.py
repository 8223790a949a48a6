"""What runs: the production side of tasks.

Rule: run status is read from the production listing, because the development state may show another
number. Whether a site knows that filter is not documented; one that refuses it, or answers with nothing or
with something that was not asked for, is asked for the task itself. That there is a version in production
is then told by ``InstanceVersion``, ``HasVersion`` or the status.
"""

from collections.abc import Callable, Generator, Mapping, Sequence

from provisioner.cloud.exchange import Answered, Failed, Happened, family, is_not_found
from provisioner.cloud.inventory import SMALL_PAGE_SIZE, Inventory
from provisioner.cloud.wire import actions, replies, requests
from provisioner.core.address import TaskId
from provisioner.core.jobs.job import Production
from provisioner.core.task_types import family_of
from provisioner.errors import ApiError

_NOT_TAKEN = frozenset(
    {"InvalidParameter", "InvalidParameterValue", "UnknownParameter", "UnsupportedOperation"}
)


class _NotListedError(ApiError):
    """The service does not list production."""


class Productions:
    """Reads what runs."""

    def __init__(
        self,
        ask: Callable[[actions.Call], Happened],
        ask_all: Callable[[Sequence[actions.Call]], Generator[Happened, None, None]],
        error_of: Callable[[str, Happened], ApiError],
    ) -> None:
        self._ask = ask
        self._ask_all = ask_all
        self._error_of = error_of

    def of(self, project_id: str, task_id: TaskId, task_type: int) -> Production:
        """One task.

        Raises:
            ApiError: no usable answer.
        """
        family_number = family_of(task_type)
        filters = (*actions.IN_PRODUCTION, ("TaskId", task_id))
        call = requests.list_call(
            project_id, family_number, page_number=1, page_size=SMALL_PAGE_SIZE, filters=filters
        )
        happened = self._ask(call)
        if isinstance(happened, Answered):
            tasks = replies.list_reply(happened, task_type=family_number).tasks
            if tasks and all(task.task_id == task_id for task in tasks):
                return replies.production_of(tasks[0], _time_of(happened, actions.LIST), is_submitted=True)
        elif not _is_not_taken(happened):
            raise self._error_of(actions.LIST, happened)
        # What a listing does not show may only not be listed yet.
        return self._described(project_id, task_id, task_type)

    def all(self, project_id: str) -> Mapping[TaskId, Production] | None:
        """Every task that has a version in production; None if the service does not list that.

        Raises:
            ApiError: any page could not be had.
        """
        inventory = Inventory(
            project_id, ask=self._ask_all, error_of=self._refusal, filters=actions.IN_PRODUCTION
        )
        try:
            listing = inventory.listing()
        except _NotListedError:
            return None
        return {
            task.task_id: replies.production_of(task, listing.server_time, is_submitted=True)
            for task in listing.tasks
        }

    def _described(self, project_id: str, task_id: TaskId, task_type: int) -> Production:
        happened = self._ask(requests.describe_call(project_id, task_id, task_type))
        if is_not_found(happened) and isinstance(happened, Failed) and happened.server_time is not None:
            return _nothing(happened.server_time)
        if not isinstance(happened, Answered):
            raise self._error_of(actions.DESCRIBE, happened)
        task = replies.describe_reply(happened, task_id=task_id, task_type=task_type)
        time = _time_of(happened, actions.DESCRIBE)
        if task is None:
            return _nothing(time)
        seen = replies.production_of(task, time, is_submitted=True)
        # In the development state 0 is "new", and 1 is shown of what was never submitted too.
        is_submitted = bool(seen.version or task.body.get("HasVersion")) or seen.status not in (None, 0, 1)
        return replies.production_of(task, time, is_submitted=is_submitted)

    def _refusal(self, action: str, happened: Happened) -> ApiError:
        if _is_not_taken(happened):
            return _NotListedError(action)
        return self._error_of(action, happened)


def _nothing(server_time: int) -> Production:
    return Production(status=None, version=0, server_time=server_time, is_submitted=False)


def _is_not_taken(happened: Happened) -> bool:
    return isinstance(happened, Failed) and family(happened.code) in _NOT_TAKEN


def _time_of(answered: Answered, action: str) -> int:
    if answered.server_time is None:
        raise replies.unusable(action, "there is no Date header", answered)
    return answered.server_time
