"""Look at tasks that are recorded: as few calls as it takes, and no absence by one look.

Rule: a listing that shows a task as it was applied suffices for it, one call for a hundred tasks.
Whatever a listing shows otherwise, or not at all, is read alone, because a listing may lag behind and
need not show everything. A task is gone only if neither a complete listing nor a read of its own shows
it, and it is older than the lag of listings. Only reads happen here, and nothing is recorded.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from provisioner.core.address import TaskId
from provisioner.core.api.replies import Listing, RemoteTask
from provisioner.core.api.task_api import TaskApi
from provisioner.core.body.readback import not_kept
from provisioner.core.jobs.job import Job, Production
from provisioner.core.json_types import JSONObject
from provisioner.core.plan.drift import Observed, with_job
from provisioner.core.state.state import TaskRecord
from provisioner.core.times import utc_text
from provisioner.engine.ports import Workers
from provisioner.errors import ApiError, ApiRefusedError

_FEW = 10
"""So many tasks of a project are read one by one; more are listed first."""

Answer: TypeAlias = RemoteTask | ApiError | None


@dataclass(frozen=True, slots=True)
class Named:
    """Which task is meant."""

    project_id: str
    task_id: TaskId
    task_type: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking came to."""

    observed: Observed
    unread: Mapping[TaskId, str] = field(default_factory=dict)
    """Why nothing can be said of a task."""


def look_at(
    records: Iterable[TaskRecord],
    api: TaskApi,
    workers: Workers,
    *,
    lag_seconds: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Looked:
    """The tasks of these records as they are now.

    Args:
        records: as last applied.
        api: what to ask.
        workers: several reads go at the same time.
        lag_seconds: how long after it was written a task may be missing in listings.
        progress: told how many tasks were seen so far.

    Raises:
        ApiError: the service cannot be asked.
    """
    return _Look(api, workers, lag_seconds, progress).at(list(records))


def would_be_listed(record: TaskRecord, listing: Listing, lag_seconds: int) -> bool:
    """Whether a task would be in a listing if it were there: a listing may lag behind.

    When it was written is recorded by the service's clock. When a later call was signed would not do: a
    signature may be older than it is sent by as much as the service allows.
    """
    return record.applied_at <= utc_text(listing.server_time - lag_seconds)


class _Look:
    """One look; lists each project at most once."""

    def __init__(
        self, api: TaskApi, workers: Workers, lag_seconds: int, progress: Callable[[int], None]
    ) -> None:
        self._api = api
        self._workers = workers
        self._lag_seconds = lag_seconds
        self._progress = progress
        self._seen = 0
        self._total = 0
        self._listings: dict[str, tuple[Mapping[TaskId, RemoteTask], Listing]] = {}
        self._observed: dict[TaskId, JSONObject | None] = {}
        self._unread: dict[TaskId, str] = {}

    def at(self, records: Sequence[TaskRecord]) -> Looked:
        """See ``look_at``."""
        self._total = len(records)
        many = {
            project for project, count in Counter(one.project_id for one in records).items() if count > _FEW
        }
        left = [one for one in records if one.project_id not in many or not self._is_listed_as_applied(one)]
        names = [Named(one.project_id, one.task_id, one.task_type) for one in left]
        for index, answer in read_each(names, self._api, self._workers):
            self._judge(left[index], answer)
            self._saw(len(self._observed) + len(self._unread))
        self._look_at_jobs([one for one in records if one.run is not None], many)
        return Looked(self._observed, self._unread)

    def _saw(self, count: int) -> None:
        """A listing shows tasks of others too, and a second one begins anew."""
        self._seen = max(self._seen, min(count, self._total))
        self._progress(self._seen)

    def _is_listed_as_applied(self, record: TaskRecord) -> bool:
        listed = self._listed(record)
        if listed is None or not_kept(record.spec, listed.body):
            return False
        self._observed[record.task_id] = listed.body
        return True

    def _judge(self, record: TaskRecord, answer: Answer) -> None:
        if isinstance(answer, RemoteTask):
            self._observed[record.task_id] = answer.body
            return
        if isinstance(answer, ApiError) and not isinstance(answer, ApiRefusedError):
            raise answer
        # How the service says "not found" is not documented, so a refusal may be that.
        listed = self._listed(record)
        if listed is not None and answer is not None:
            self._observed[record.task_id] = listed.body
        elif listed is not None:
            self._unread[record.task_id] = "the service's listing and its answer do not agree yet"
        elif would_be_listed(record, self._listing(record.project_id)[1], self._lag_seconds):
            self._observed[record.task_id] = None
        else:
            self._unread[record.task_id] = "the service does not show it, and it may not be listed yet"

    def _look_at_jobs(self, records: Sequence[TaskRecord], many: Container[str]) -> None:
        """What the jobs of these do, beside their bodies: by a listing of production where they are many."""
        managed = [one for one in records if self._observed.get(one.task_id) is not None]
        listings = {
            project: self._api.productions(project)
            for project in sorted({one.project_id for one in managed})
            if project in many
        }
        found = [(one, (listings.get(one.project_id) or {}).get(one.task_id)) for one in managed]
        # What a listing does not show is looked at alone, as for the bodies.
        alone = [one for one, listed in found if listed is None]
        seen: dict[TaskId, Job] = {one.task_id: listed.job for one, listed in found if listed is not None}
        for ticket, one in enumerate(alone):
            self._workers.submit(ticket, _looking(self._api, one))
        for index, answer in _answers(len(alone), self._workers):
            task_id = alone[index].task_id
            if isinstance(answer, Production):
                seen[task_id] = answer.job
            else:
                self._unread[task_id] = f"it could not be looked at what runs: {str(answer).splitlines()[0]}"
                del self._observed[task_id]
        for task_id, job in seen.items():
            self._observed[task_id] = with_job(cast("JSONObject", self._observed[task_id]), job)

    def _listed(self, record: TaskRecord) -> RemoteTask | None:
        return self._listing(record.project_id)[0].get(record.task_id)

    def _listing(self, project_id: str) -> tuple[Mapping[TaskId, RemoteTask], Listing]:
        if project_id not in self._listings:
            listing = self._api.inventory(project_id, progress=self._saw)
            self._listings[project_id] = {task.task_id: task for task in listing.tasks}, listing
        return self._listings[project_id]


def read_each(names: Sequence[Named], api: TaskApi, workers: Workers) -> Iterator[tuple[int, Answer]]:
    """Every task alone, several at the same time: its index, and the task, None or why there is no answer."""
    for ticket, named in enumerate(names):
        workers.submit(ticket, _reading(api, named))
    for index, answer in _answers(len(names), workers):
        yield index, cast("Answer", answer)


def _answers(count: int, workers: Workers) -> Iterator[tuple[int, object]]:
    """What became of so many pieces of work, in the order in which they end."""
    answered = 0
    while answered < count:
        for completed in workers.wait(None):
            answered += 1
            yield completed.ticket, completed.result


def _looking(api: TaskApi, record: TaskRecord) -> Callable[[], Production | ApiError]:
    """A look at a job whose failure is an answer, because a worker must not raise."""

    def look() -> Production | ApiError:
        try:
            return api.production(record.project_id, record.task_id, record.task_type)
        except ApiError as error:
            return error

    return look


def _reading(api: TaskApi, named: Named) -> Callable[[], Answer]:
    """A read whose failure is an answer, because a worker must not raise."""

    def read() -> Answer:
        try:
            return api.read(named.project_id, named.task_id, named.task_type)
        except ApiError as error:
            return error

    return read
