"""Settle writes whose outcome is unknown: by looking, never by sending again.

Rule: an attempt closes only by a TaskId, by a refusal before effect, by its marker in a listing, or
by a complete listing without it after its window. The window is 300 s (the service refuses older
signatures) plus the longest it works on an accepted request plus the lag of its listing, on the
service's own clock. Only reads happen here, and recording what they showed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from provisioner.core.address import Address
from provisioner.core.calls import Listing, RemoteTask, TaskApi
from provisioner.core.journal import Resolved, Verdict, record_of
from provisioner.core.manifest import TaskSpec
from provisioner.core.marker import address_digest, find_marker
from provisioner.core.observed import not_kept
from provisioner.core.state import Attempt, State, TaskRecord, WriteKind
from provisioner.core.times import utc_text
from provisioner.engine.ports import Clock, StateBackend

SIGNATURE_SECONDS = 300
"""How long the service accepts a signature. Source: the vendor's signature documentation."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An attempt that cannot be settled yet."""

    attempt: Attempt
    until: int
    """Unix seconds on the service's clock."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """More tasks than one where one belongs: a person must look."""

    address: Address
    tasks: tuple[RemoteTask, ...]
    why: str


@dataclass(slots=True)
class Settled:
    """What settling came to, in order of address."""

    adopted: list[tuple[Address, TaskRecord]] = field(default_factory=list)
    absent: list[Attempt] = field(default_factory=list)
    repeat: list[Attempt] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


class Settler:
    """Looks, and records what it saw. One object lists each project once."""

    def __init__(
        self,
        *,
        api: TaskApi,
        backend: StateBackend,
        clock: Clock,
        stack: str,
        use_marker: bool,
        window_seconds: int,
        ready: Callable[[], None],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._api = api
        self._backend = backend
        self._clock = clock
        self._stack = stack
        self._use_marker = use_marker
        self._window_seconds = window_seconds
        """After signing, until nothing can take effect or stay unlisted any more."""

        self._ready = ready
        """Called before anything is recorded, so that looking alone leaves no trace on the disk."""

        self._progress = progress
        self._listings: dict[str, Listing] = {}

    def settle(self) -> Settled:
        """Every attempt without an outcome.

        Raises:
            ApiError: the service could not be asked; everything stays open.
            StateError: what was seen could not be recorded.
        """
        settled = Settled()
        for attempt in self._backend.attempts():
            if attempt.kind is WriteKind.CREATE:
                self._settle_create(attempt, settled)
            else:
                self._settle_named(attempt, settled)
        return settled

    def adopt(self, specs: Iterable[TaskSpec]) -> Settled:
        """Tasks that are to be created but already exist under our marker: record, never recreate.

        That is how a state that was deleted or restored from a backup finds its tasks again.

        Raises:
            ApiError, StateError: as for ``settle``.
        """
        settled = Settled()
        if not self._use_marker:
            return settled
        known = {record.task_id for record in self._backend.state.tasks.values()}
        by_project: dict[str, dict[str, list[RemoteTask]]] = {}
        for spec in specs:
            if spec.project_id not in by_project:
                by_project[spec.project_id] = self._ours(spec.project_id)
            tasks = by_project[spec.project_id].get(address_digest(spec.address), [])
            self._adopt_one(spec, [task for task in tasks if task.task_id not in known], settled)
        return settled

    # ── creates ─────────────────────────────────────────────────────────────

    def _settle_create(self, attempt: Attempt, settled: Settled) -> None:
        listing = self._listing(attempt.project_id)
        found = self._candidates(attempt, listing)
        if len(found) > 1:
            settled.conflicts.append(Conflict(attempt.address, tuple(found), "more than one task was found"))
        elif found:
            self._adopt_attempt(attempt, found[0], settled)
        elif listing.server_time > attempt.timestamp + self._window_seconds:
            evidence = f"not in a complete listing at {utc_text(listing.server_time)}"
            self._resolve(attempt.address, attempt.attempt, Verdict.ABSENT, None, evidence)
            settled.absent.append(attempt)
        else:
            until = attempt.timestamp + self._window_seconds + 1
            settled.pending.append(Pending(attempt, until))

    def _candidates(self, attempt: Attempt, listing: Listing) -> list[RemoteTask]:
        """The tasks that this attempt may have made; exactly that one where markers are used."""
        if self._use_marker:
            wanted = (self._stack, address_digest(attempt.address), attempt.attempt)
            return [task for task in listing.tasks if _marker_of(task) == wanted]
        # Without markers: same type and name, created with this body, and not known to be another's.
        known = {record.task_id for record in self._backend.state.tasks.values()}
        return [
            task
            for task in listing.tasks
            if task.name == attempt.spec.get("TaskName")
            and task.task_type == attempt.task_type
            and task.task_id not in known
            and not not_kept(attempt.spec, task.body)
        ]

    def _adopt_attempt(self, attempt: Attempt, task: RemoteTask, settled: Settled) -> None:
        record = record_of(attempt, task.task_id, request_id="", at=utc_text(self._clock.now()))
        if not_kept(attempt.spec, task.body):
            record = replace(record, digest="")
        self._resolve(
            attempt.address,
            attempt.attempt,
            Verdict.ADOPTED,
            record,
            f"listed as {task.name}, created {task.create_time}",
        )
        settled.adopted.append((attempt.address, record))

    def _adopt_one(self, spec: TaskSpec, tasks: list[RemoteTask], settled: Settled) -> None:
        if len(tasks) > 1:
            settled.conflicts.append(
                Conflict(spec.address, tuple(tasks), "more than one task carries its marker")
            )
        elif tasks:
            record = self._unseen_record(spec, tasks[0])
            evidence = f"carries our marker, created {tasks[0].create_time}"
            self._resolve(spec.address, record.attempt, Verdict.ADOPTED, record, evidence)
            settled.adopted.append((spec.address, record))

    def _unseen_record(self, spec: TaskSpec, task: RemoteTask) -> TaskRecord:
        """A record without content: the next plan sends the whole body."""
        marker = find_marker(task.description)
        return TaskRecord(
            project_id=spec.project_id,
            task_id=task.task_id,
            task_type=task.task_type,
            spec={},
            digest="",
            request_id="",
            applied_at=utc_text(self._clock.now()),
            protected=spec.prevent_destroy,
            attempt=marker.attempt if marker else "",
        )

    def _ours(self, project_id: str) -> dict[str, list[RemoteTask]]:
        """The project's tasks with this stack's marker, by digest of their address."""
        ours: dict[str, list[RemoteTask]] = {}
        for task in self._listing(project_id).tasks:
            marker = find_marker(task.description)
            if marker is not None and marker.stack == self._stack:
                ours.setdefault(marker.address_digest, []).append(task)
        return ours

    # ── updates and deletes: they name a TaskId ─────────────────────────────

    def _settle_named(self, attempt: Attempt, settled: Settled) -> None:
        record = self._backend.record_of(attempt.address)
        if record is None:
            self._resolve(attempt.address, attempt.attempt, Verdict.ABSENT, None, "no task is recorded here")
            settled.absent.append(attempt)
            return
        seen = self._api.read(record.project_id, record.task_id, record.task_type)
        if seen is None:
            self._resolve(
                attempt.address,
                attempt.attempt,
                Verdict.ABSENT,
                None,
                "the service does not know the task any more",
            )
            settled.absent.append(attempt)
        elif attempt.kind is WriteKind.UPDATE and not not_kept(attempt.spec, seen.body):
            done = record_of(
                attempt, record.task_id, request_id="", at=utc_text(self._clock.now()), known=record
            )
            self._resolve(
                attempt.address,
                attempt.attempt,
                Verdict.ADOPTED,
                done,
                "the service shows what was to be written",
            )
            settled.adopted.append((attempt.address, done))
        else:
            # It may still take effect, so what the task holds is not known: the next plan sends it all.
            self._resolve(
                attempt.address,
                attempt.attempt,
                Verdict.REPEAT,
                replace(record, digest=""),
                "the task is still there",
            )
            settled.repeat.append(attempt)

    # ── inside ──────────────────────────────────────────────────────────────

    def _listing(self, project_id: str) -> Listing:
        if project_id not in self._listings:
            self._listings[project_id] = self._api.inventory(project_id, progress=self._progress)
        return self._listings[project_id]

    def _resolve(
        self, address: Address, attempt: str, verdict: Verdict, record: TaskRecord | None, evidence: str
    ) -> None:
        self._ready()
        self._backend.record(
            Resolved(
                seq=self._backend.next_seq,
                address=address,
                attempt=attempt,
                verdict=verdict,
                record=record,
                evidence=evidence,
            )
        )


def to_adopt(desired: Mapping[Address, TaskSpec], state: State) -> list[TaskSpec]:
    """What a listing is looked through for before anything is created."""
    return [
        spec for address, spec in desired.items() if address not in state.tasks and address not in state.open
    ]


def _marker_of(task: RemoteTask) -> tuple[str, str, str] | None:
    marker = find_marker(task.description)
    return None if marker is None else (marker.stack, marker.address_digest, marker.attempt)
