"""Settle writes whose outcome is unknown: by looking, never by sending again.

Rule: an attempt closes only by a TaskId, by a refusal before effect, by what it was to do being seen,
or by a complete listing after its window. The window is 300 s (the service refuses older
signatures) plus the longest it works on an accepted request plus the lag of its listing, on the
service's own clock; before it is over the write may still take effect, so its address waits. An
attempt that cannot be settled holds up its own address and nothing else.

Only reads happen here, and recording what they showed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from provisioner.core.address import Address, TaskId
from provisioner.core.api.replies import Listing, RemoteTask
from provisioner.core.api.task_api import TaskApi
from provisioner.core.body.readback import kept, not_kept
from provisioner.core.jobs.codec import step_of
from provisioner.core.jobs.job import RunRecord, Step
from provisioner.core.jobs.transitions import took_effect
from provisioner.core.manifest.spec import TaskSpec, spec_digest
from provisioner.core.marker import Marker, address_digest, find_marker
from provisioner.core.state.entries import Resolved, Verdict
from provisioner.core.state.ledger import record_of, with_step
from provisioner.core.state.state import Attempt, State, TaskRecord, WriteKind
from provisioner.core.times import utc_text
from provisioner.engine.ports import StateBackend
from provisioner.engine.refresh import would_be_listed
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError

SIGNATURE_SECONDS = 300
"""How long the service accepts a signature. Source: the vendor's signature documentation."""


@dataclass(frozen=True, slots=True)
class Window:
    """How long what was sent may still happen, in seconds on the service's clock."""

    late: int
    """After signing, until nothing can take effect or stay unlisted any more. Negative: no wait."""

    lag: int
    """After a task was made, until it is listed."""


@dataclass(frozen=True, slots=True)
class Held:
    """An address that nothing is sent for, because what there is of it is not known yet."""

    address: Address
    why: str
    until: int = 0
    """Unix seconds on the service's clock; 0 if time alone does not settle it."""

    attempt: Attempt | None = None
    """The write that is open; None where a create has to wait that was never sent."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """More tasks than one where one belongs, or one that may be somebody else's: a person must look."""

    address: Address
    tasks: tuple[RemoteTask, ...]
    why: str


@dataclass(slots=True)
class Settled:
    """What settling came to, in order of address."""

    adopted: list[tuple[Address, TaskRecord]] = field(default_factory=list)
    absent: list[Attempt] = field(default_factory=list)
    repeat: list[Attempt] = field(default_factory=list)
    ran: list[tuple[Attempt, bool]] = field(default_factory=list)
    """Steps of jobs, and whether they took effect."""

    held: list[Held] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    strays: list[RemoteTask] = field(default_factory=list)
    """Tasks with this stack's marker that neither state nor manifests know: left alone."""

    server_time: int = 0
    """Unix seconds on the service's clock when it was looked at; 0 if nothing was listed."""

    @property
    def addresses(self) -> set[Address]:
        """Everything that nothing may be sent for."""
        return {one.address for one in self.held} | {one.address for one in self.conflicts}


class Settler:
    """Looks, and records what it saw. One object lists each project once; both methods add to one result."""

    def __init__(
        self,
        *,
        api: TaskApi,
        backend: StateBackend,
        stack: str,
        use_marker: bool,
        window: Window,
        first: Callable[[State], State],
        ready: Callable[[], None],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._api = api
        self._backend = backend
        self._stack = stack
        self._use_marker = use_marker
        self._window = window
        self._first = first
        """Makes a state out of an empty one."""

        self._ready = ready
        """Called before anything is recorded, so that looking alone leaves no trace on the disk."""

        self._progress = progress
        self._listings: dict[str, Listing | ApiError] = {}
        self._settled = Settled()

    def settle(self) -> Settled:
        """Every attempt without an outcome; what cannot be looked at stays open.

        Raises:
            StateError: what was seen could not be recorded.
        """
        unreachable: ApiError | None = None
        for attempt in self._backend.attempts():
            try:
                if unreachable is not None:
                    raise unreachable
                if attempt.kind is WriteKind.CREATE:
                    self._settle_create(attempt)
                elif attempt.kind is WriteKind.RUN:
                    self._settle_run(attempt)
                else:
                    self._settle_named(attempt)
            except ApiError as error:
                # One try is enough where nobody answers: each takes a minute.
                unreachable = error if isinstance(error, ApiUnreachableError) else unreachable
                why = f"it could not be looked at: {' '.join(str(error).split())}"
                self._settled.held.append(Held(attempt.address, why, attempt=attempt))
        self._settled.server_time = self._server_time()
        return self._settled

    def adopt(self, specs: Iterable[TaskSpec], addresses: Iterable[Address]) -> Settled:
        """Tasks that are to be created but already exist under our marker: record, never recreate.

        That is how a state that was deleted or restored from a backup finds its tasks again. What an
        earlier state had sent may also still take effect: then creates wait, see ``State.fence``.

        Args:
            specs: what is to be created, in the place of another task or of none.
            addresses: every address that the manifests know.

        Raises:
            ApiError: the service could not be asked, so nothing may be created.
            StateError: what was seen could not be recorded.
        """
        state = self._backend.state
        wanted = list(specs)
        known = {record.task_id for record in state.tasks.values()}
        without_task = {*addresses, *state.open} - set(state.tasks)
        ours: dict[str, dict[str, list[RemoteTask]]] = {}
        for spec in wanted:
            if spec.project_id not in ours:
                ours[spec.project_id] = self._ours(spec.project_id, known)
        fence = self._fence(state, has_tasks=any(ours.values()))
        for spec in wanted:
            names = (spec.address, *spec.moved_from)
            marked = ours[spec.project_id]
            found = [task for name in names for task in marked.get(address_digest(name), [])]
            record = state.tasks.get(spec.address)
            if found and record is not None and self._read(record, self._listed(record)) is not None:
                found = []  # the task that is to be replaced is there: any other is a copy, and a stray
            elif found and record is not None and not self._would_be_listed(record):
                self._settled.held.append(self._unclear(spec.address))  # it may be there all the same
                continue
            else:
                without_task.update(names)
            namesakes = [] if found or self._use_marker else self._namesakes(spec, known)
            self._adopt_one(spec, found, namesakes, fence)
        self._settled.server_time = self._server_time()
        self._settled.strays = _strays(ours, {address_digest(address) for address in without_task})
        return self._settled

    # ── creates ─────────────────────────────────────────────────────────────

    def _settle_create(self, attempt: Attempt) -> None:
        listing = self._listing(attempt.project_id)
        found = self._made_by(attempt, listing)
        until = attempt.timestamp + self._window.late
        if len(found) > 1:
            self._settled.conflicts.append(
                Conflict(attempt.address, tuple(found), "more than one task was found")
            )
        elif found and not attempt.marked and not_kept(attempt.spec, found[0].body):
            why = "a task of its name appeared that is not as it was written"
            self._settled.conflicts.append(Conflict(attempt.address, tuple(found), why))
        elif found:
            self._adopt_attempt(attempt, found[0])
        elif listing.server_time > until:
            evidence = f"not in a complete listing at {utc_text(listing.server_time)}"
            self._resolve(attempt.address, attempt.attempt, Verdict.ABSENT, None, evidence)
            self._settled.absent.append(attempt)
        else:
            why = "its creation may still take effect"
            self._settled.held.append(Held(attempt.address, why, until + 1, attempt))

    def _made_by(self, attempt: Attempt, listing: Listing) -> list[RemoteTask]:
        """The tasks that this attempt may have made; exactly that one where it was marked."""
        if attempt.marked:
            wanted = Marker(self._stack, address_digest(attempt.address), attempt.attempt)
            return [task for task in listing.tasks if find_marker(task.description) == wanted]
        # There was none of this name when it was sent: see ``_namesakes``.
        known = {record.task_id for record in self._backend.state.tasks.values()}
        return [
            task
            for task in listing.tasks
            if _is_called(task, attempt.spec.get("TaskName"), attempt.task_type) and task.task_id not in known
        ]

    def _adopt_attempt(self, attempt: Attempt, listed: RemoteTask) -> None:
        seen = self._seen(attempt.project_id, listed)
        if seen is None:
            self._settled.held.append(self._unclear(attempt.address, attempt))
            return
        record = record_of(attempt, seen.task_id, request_id="", at=utc_text(self._server_time()))
        found = kept(attempt.spec, seen.body)
        if found.lost:
            record = replace(record, spec=found.body, digest=spec_digest(record.project_id, found.body))
        evidence = f"listed as {seen.name}, created {seen.create_time}"
        self._resolve(attempt.address, attempt.attempt, Verdict.ADOPTED, record, evidence)
        self._settled.adopted.append((attempt.address, record))

    # ── what an earlier state has made ──────────────────────────────────────

    def _adopt_one(
        self,
        spec: TaskSpec,
        found: list[RemoteTask],
        namesakes: list[RemoteTask],
        fence: int,
    ) -> None:
        if len(found) > 1:
            why = "more than one task carries its marker"
            self._settled.conflicts.append(Conflict(spec.address, tuple(found), why))
        elif found:
            self._adopt_marked(spec, found[0])
        elif namesakes:
            why = "its name is taken, and without markers nobody can tell whose that task is"
            self._settled.conflicts.append(Conflict(spec.address, tuple(namesakes), why))
        elif fence >= self._server_time():
            why = "an earlier state was lost, and what it had sent may still take effect"
            self._settled.held.append(Held(spec.address, why, fence + 1))

    def _adopt_marked(self, spec: TaskSpec, listed: RemoteTask) -> None:
        seen = self._seen(spec.project_id, listed)
        if seen is None:
            self._settled.held.append(self._unclear(spec.address))
            return
        marker, found = find_marker(listed.description), kept(spec.body, seen.body)
        record = TaskRecord(
            project_id=spec.project_id,
            task_id=seen.task_id,
            task_type=seen.task_type,
            # As the service holds it: the next plan shows how that differs from the manifest.
            spec=found.body,
            digest=spec_digest(spec.project_id, found.body) if found.lost else spec.digest,
            request_id="",
            applied_at=utc_text(self._server_time()),
            protected=spec.prevent_destroy,
            attempt=marker.attempt if marker else "",
            marked_as=_marked_as(spec, marker),
        )
        evidence = f"carries our marker, created {seen.create_time}"
        self._resolve(spec.address, record.attempt, Verdict.ADOPTED, record, evidence)
        self._settled.adopted.append((spec.address, record))

    def _ours(self, project_id: str, known: set[TaskId]) -> dict[str, list[RemoteTask]]:
        """The project's tasks with this stack's marker that are not recorded, by digest of their address."""
        ours: dict[str, list[RemoteTask]] = {}
        for task in self._listing(project_id).tasks:
            marker = find_marker(task.description)
            if marker is not None and marker.stack == self._stack and task.task_id not in known:
                ours.setdefault(marker.address_digest, []).append(task)
        return ours

    def _namesakes(self, spec: TaskSpec, known: set[TaskId]) -> list[RemoteTask]:
        """The tasks that have the name already, so that none of them is taken for ours later."""
        return [
            task
            for task in self._listing(spec.project_id).tasks
            if _is_called(task, spec.body.get("TaskName"), spec.task_type) and task.task_id not in known
        ]

    def _fence(self, state: State, *, has_tasks: bool) -> int:
        """Until when nothing is created; recorded at once, so that the wait begins only once."""
        is_lost = self._backend.lost_track or (not state.lineage and has_tasks)
        if not is_lost or self._window.late < 0:
            return state.fence
        fence = self._server_time() + self._window.late
        self._backend.replace(replace(state if state.lineage else self._first(state), fence=fence))
        return fence

    # ── updates and deletes: they name a TaskId ─────────────────────────────

    def _settle_named(self, attempt: Attempt) -> None:
        record = self._backend.record_of(attempt.address)
        if record is None:
            self._close(attempt, "no task is recorded here")
            return
        listing, listed = self._listing(record.project_id), self._listed(record)
        seen = self._read(record, listed)
        is_over = listing.server_time > attempt.timestamp + self._window.late
        if seen is not None and _is_shown_done(attempt, record, seen):
            self._adopt_update(attempt, record)
        elif seen is None and listed is None:
            if self._would_be_listed(record):
                self._close(attempt, "the service does not know the task any more")
            else:
                why, until = "the task may be gone", listing.server_time + max(self._window.lag, 0) + 1
                self._settled.held.append(Held(attempt.address, why, until, attempt))
        elif not is_over:
            until = attempt.timestamp + self._window.late + 1
            why = f"its {attempt.kind} may still take effect"
            self._settled.held.append(Held(attempt.address, why, until, attempt))
        else:
            # It did not take effect and cannot any more. What the task holds is looked at no closer: the
            # next plan sends it all.
            evidence = f"still there at {utc_text(listing.server_time)}"
            known = replace(record, digest="")
            self._resolve(attempt.address, attempt.attempt, Verdict.REPEAT, known, evidence)
            self._settled.repeat.append(attempt)

    def _adopt_update(self, attempt: Attempt, record: TaskRecord) -> None:
        now = utc_text(self._server_time())
        done = record_of(attempt, record.task_id, request_id="", at=now, known=record)
        evidence = "the service shows what was to be written"
        self._resolve(attempt.address, attempt.attempt, Verdict.ADOPTED, done, evidence)
        self._settled.adopted.append((attempt.address, done))

    def _close(self, attempt: Attempt, evidence: str) -> None:
        self._resolve(attempt.address, attempt.attempt, Verdict.ABSENT, None, evidence)
        self._settled.absent.append(attempt)

    # ── steps of jobs: what runs tells, or the window ───────────────────────

    def _settle_run(self, attempt: Attempt) -> None:
        record = self._backend.record_of(attempt.address)
        if record is None:
            self._close(attempt, "no task is recorded here")
            return
        step, before = step_of(attempt.spec)
        seen = self._api.production(record.project_id, record.task_id, record.task_type)
        found = took_effect(step, before, seen)
        until = attempt.timestamp + self._window.late
        at = utc_text(seen.server_time)
        if found:
            known, evidence = with_step(record, attempt), f"its job is {seen.job} at {at}"
            self._resolve(attempt.address, attempt.attempt, Verdict.ADOPTED, known, evidence)
            self._settled.ran.append((attempt, True))
        elif seen.server_time <= until:
            self._settled.held.append(
                Held(attempt.address, f"its {_named(step)} may still take effect", until + 1, attempt)
            )
        elif found is None and step is Step.SUBMIT_DISCARDING:
            # Done once more it would discard the state once more.
            why = f"whether its {_named(step)} took effect cannot be seen: say --absent if it did not"
            self._settled.held.append(Held(attempt.address, why, attempt=attempt))
        else:
            run = record.run or RunRecord(job=before.job, version=before.version)
            evidence = f"its job is {seen.job} at {at}"
            self._resolve(
                attempt.address, attempt.attempt, Verdict.REPEAT, replace(record, run=run), evidence
            )
            self._settled.ran.append((attempt, False))

    # ── inside ──────────────────────────────────────────────────────────────

    def _seen(self, project_id: str, listed: RemoteTask) -> RemoteTask | None:
        """A listed task as it is now; None if the listing still shows one that is gone."""
        return self._api.read(project_id, listed.task_id, listed.task_type)

    def _read(self, record: TaskRecord, listed: RemoteTask | None) -> RemoteTask | None:
        """A recorded task as it is now; as it was listed where the service does not show it alone.

        How the service says "not found" is not documented, so a refusal may be that.
        """
        try:
            return self._api.read(record.project_id, record.task_id, record.task_type)
        except ApiRefusedError:
            return listed

    def _would_be_listed(self, record: TaskRecord) -> bool:
        return would_be_listed(record, self._listing(record.project_id), max(self._window.lag, 0))

    def _listed(self, record: TaskRecord) -> RemoteTask | None:
        listing = self._listing(record.project_id)
        return next((task for task in listing.tasks if task.task_id == record.task_id), None)

    def _unclear(self, address: Address, attempt: Attempt | None = None) -> Held:
        """A task that is listed and cannot be read, or the other way round: until listings have caught up."""
        why = "the service's listing and its answer do not agree yet"
        return Held(address, why, self._server_time() + max(self._window.lag, 0) + 1, attempt)

    def _listing(self, project_id: str) -> Listing:
        if project_id not in self._listings:
            try:
                self._listings[project_id] = self._api.inventory(project_id, progress=self._progress)
            except ApiError as error:
                self._listings[project_id] = error
        listing = self._listings[project_id]
        if isinstance(listing, ApiError):
            raise listing
        return listing

    def _server_time(self) -> int:
        """When the first listing was made; 0 if none was."""
        times = (one.server_time for one in self._listings.values() if isinstance(one, Listing))
        return min(times, default=0)

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


def _is_shown_done(attempt: Attempt, record: TaskRecord, seen: RemoteTask) -> bool:
    """Whether what is seen can only be there because the update took effect.

    What was there before, or may have been, proves nothing: the update may still be under way, and would
    write over whatever is written after it.
    """
    if attempt.kind is not WriteKind.UPDATE or not record.digest or record.spec == attempt.spec:
        return False
    return not kept(attempt.spec, seen.body, before=record.spec).lost


def _marked_as(spec: TaskSpec, marker: Marker | None) -> str:
    """The address that a task had before, where its marker still names that one."""
    digest = marker.address_digest if marker else ""
    return next((old for old in spec.moved_from if address_digest(old) == digest), "")


def _named(step: Step) -> str:
    return step.value.replace("_", " ")


def _is_called(task: RemoteTask, name: object, task_type: int) -> bool:
    return task.name == name and task.task_type == task_type


def _strays(ours: Mapping[str, Mapping[str, list[RemoteTask]]], without_task: set[str]) -> list[RemoteTask]:
    """Marked tasks that are not recorded and belong to no address that has no task."""
    return [
        task
        for project in ours.values()
        for digest, tasks in project.items()
        if digest not in without_task
        for task in tasks
    ]
