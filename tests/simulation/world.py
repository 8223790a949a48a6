"""A machine, a service, and the people around them; and what must hold whatever they do.

Planner, engine, journal and backend are the program's own. Between two runs a world is a value: it can
be copied, and worlds with equal fingerprints go on in the same way.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import cast
from unittest import mock

from builders import STACK
from fakes.clock import START
from fakes.trouble import WatchedDisk
from fakes.workers import SyncWorkers
from fakes.world import ORIGIN, WINDOW, WINDOW_SECONDS
from provisioner.commands.support.outcome import _exit_code
from provisioner.core.address import Address, TaskId
from provisioner.core.jobs.job import Job
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import without_marker
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.plan import Change
from provisioner.core.plan.planner import make_plan
from provisioner.core.state import journal as journals
from provisioner.core.state import snapshot as snapshots
from provisioner.core.state.state import Remote, State
from provisioner.engine.ports import Outside
from provisioner.engine.refresh import look_at
from provisioner.engine.run import Outcome, Run, Wish, keep_protection
from provisioner.engine.task_steps import Context, RunLimits
from provisioner.errors import ApiError, ProvisionerError, StalePlanError, StateDamagedError, StateError
from provisioner.store import backend as backend_module
from provisioner.store.backend import LocalBackend
from provisioner.store.lock import Holder
from simulation.choices import NO_FAULTS, Choices
from simulation.disk import Killed, Perils, PowerCut, SimulatedDisk
from simulation.service import BrokenPromiseError, Client, Service

PATH = "/state.json"
SNAPSHOT, JOURNAL, LOCK = PATH, "/state.journal", "/state.lock"
HOLDER = Holder(pid=7, host="here", command="provisioner apply", since="2030-01-01T00:00:00Z")

Manifests = Mapping[Address, TaskSpec]


def _first_of(_count: int) -> int:
    return 0


class _Clock:
    """The local clock, which may be wrong. See ``Clock``."""

    def __init__(self, service: Service, skew: int) -> None:
        self._service = service
        self._skew = skew

    def now(self) -> int:
        """See ``Clock.now``."""
        return START + int(self._service.now) + self._skew

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return self._service.now

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        self._service.pass_time(seconds)


class _Silent:
    """See ``Reporter``."""

    def started(self, change: Change) -> None:
        """See ``Reporter.started``."""

    def retrying(self, change: Change, detail: str) -> None:
        """See ``Reporter.retrying``."""

    def waiting(self, change: Change, holder: str) -> None:
        """See ``Reporter.waiting``."""

    def watching(self, change: Change, detail: str) -> None:
        """See ``Reporter.waiting``."""

    def finished(self, change: Change, task_id: TaskId) -> None:
        """See ``Reporter.finished``."""

    def failed(self, change: Change, detail: str) -> None:
        """See ``Reporter.failed``."""


class _Ids:
    """Ids that are the same in every replay. Stands in the place of ``secrets``."""

    def __init__(self) -> None:
        self._stage = 0
        self._numbers = count(1)

    def begin(self, stage: int) -> None:
        """Ids of one stage are none of another."""
        self._stage, self._numbers = stage, count(1)

    def token_hex(self, _bytes: int) -> str:
        """A new id; 16 digits."""
        return f"{self._stage:08x}{next(self._numbers):08x}"


IDS = _Ids()


@contextmanager
def replayable() -> Iterator[None]:
    """While ``with`` lasts, nothing is random, and equal files are decoded once: what they say is a value."""
    # A mutant may have loaded what is remembered.
    _loaded.cache_clear()
    with (
        mock.patch.object(backend_module, "secrets", IDS),
        mock.patch.object(snapshots, "decode", lru_cache(maxsize=10_000)(snapshots.decode)),
        mock.patch.object(journals, "decode", lru_cache(maxsize=10_000)(journals.decode)),
    ):
        yield


@dataclass(frozen=True)
class Ended:
    """How a process ended that was not killed."""

    outcome: Outcome | None = None
    error: ProvisionerError | None = None

    @property
    def is_success(self) -> bool:
        """Whether the exit code is 0."""
        return self.outcome is not None and _exit_code(self.outcome) == 0

    @property
    def named(self) -> set[TaskId]:
        """Tasks that it named and left alone."""
        if self.outcome is None:
            return set()
        both = (self.outcome.before, self.outcome.after)
        tasks = [task for one in both for conflict in one.conflicts for task in conflict.tasks]
        return {task.task_id for task in [*tasks, *(stray for one in both for stray in one.strays)]}


class World:
    """Everything that outlives a process."""

    def __init__(self) -> None:
        self.disk = SimulatedDisk()
        self.service = Service()
        self.backups: tuple[tuple[bytes | None, bytes | None], ...] = ()
        """Snapshot and journal as they were, oldest first."""

        self.is_lost = False
        """Whether a person took away or put back files of the state, so that it may know too little."""

        self.skew = 0
        """Seconds by which the local clock is ahead of the service's."""

        self.notes: list[str] = []
        """What happened, for whoever reads a replay."""

    def copy(self) -> "World":
        """Another world that goes on as this one would."""
        twin = World()
        twin.disk, twin.service = self.disk.copy(), self.service.copy()
        twin.backups, twin.is_lost, twin.skew = self.backups, self.is_lost, self.skew
        twin.notes = list(self.notes)
        return twin

    def fingerprint(self) -> object:
        """Equal for worlds that go on in the same way."""
        return (self.disk.fingerprint(), self.service.fingerprint(), self.backups, self.is_lost, self.skew)

    # ── what the program does ───────────────────────────────────────────────

    def apply(
        self,
        wanted: Manifests,
        choices: Choices = NO_FAULTS,
        *,
        parallelism: int = 2,
        wait: bool = False,
        meanwhile: Manifests | None = None,
        order: Callable[[int], int] = _first_of,
    ) -> Ended | None:
        """One ``apply``; None if it was killed.

        ``meanwhile``: what other runs want while it pauses. ``order``: which of so many calls ends first.
        """
        self.notes.append(f"apply at {self.service.now:g} s: {', '.join(wanted) or 'nothing'}")
        try:
            ended = self._process(wanted, choices, parallelism, wait=wait, meanwhile=meanwhile, order=order)
        except PowerCut:
            self.disk.cut(choices)
            ended = None
        self.notes.append(f"  {_told(ended)}")
        if ended is not None and ended.is_success:
            self._ensure_recorded_durably(wanted)
        self.ensure_promises_kept()
        return ended

    def _process(
        self,
        wanted: Manifests,
        choices: Choices,
        parallelism: int,
        *,
        wait: bool = False,
        meanwhile: Manifests | None = None,
        order: Callable[[int], int] = _first_of,
    ) -> Ended | None:
        perils = Perils(self.disk, choices, self._note)
        disk = WatchedDisk(perils, self.disk)
        clock = _Clock(self.service, self.skew)
        pause = None if meanwhile is None else lambda: self._pass_by(meanwhile, choices)
        client = Client(self.service, choices, perils, local_time=clock.now, note=self._note, pause=pause)
        outside = Outside(
            backend=LocalBackend(PATH, stack=STACK, tool_version="1", disk=disk),
            workers=SyncWorkers(clock, order),
            clock=clock,
            reporter=_Silent(),
            parallelism=parallelism,
            should_stop=lambda: client.is_stopped,
        )
        try:
            ended = Ended(outcome=_applied(client, outside, wanted, wait=wait))
        except Killed:
            return None
        except (StateError, ApiError) as error:
            ended = Ended(error=error)
        finally:
            if not self.disk.is_off:
                disk.release()
        if left := client.locked & self.service.tasks.keys():
            raise BrokenPromiseError(f"an editing lock was not released: {', '.join(sorted(left))}")
        return ended

    def _pass_by(self, wanted: Manifests, choices: Choices) -> None:
        """What other processes do while one pauses before it sends."""
        locks = choices.variant(3)
        before, while_, runs = ((0, 0, 1), (WINDOW_SECONDS + 1, 0, 1), (0, WINDOW_SECONDS + 1, 2))[
            choices.variant(3)
        ]
        self._note(("the lock holds", "the lock does not keep others out", "the lock file is removed")[locks])
        if locks == 2:
            self.disk.put(LOCK, None)
            self.is_lost = True
        self.disk.locks = locks != 1
        self.service.pass_time(before)
        for number in range(runs):
            self.service.pass_time(while_ if number else 0)
            self._note(f"another apply at {self.service.now:g} s")
            ended = self._process(wanted, choices, 1)
            self._note(_told(ended))
            if not locks and ended is not None and not isinstance(ended.error, StateError):
                raise BrokenPromiseError("a second run began while another one held the lock")
        self.disk.locks = True
        self._note(f"the paused process wakes at {self.service.now:g} s")

    def _note(self, text: str) -> None:
        self.notes.append(f"  {text}")

    def state(self) -> State:
        """What is on the disk.

        Raises:
            StateError: it cannot be trusted.
        """
        return _state_on(self.disk)

    # ── what people and time do ─────────────────────────────────────────────

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.notes.append(f"{seconds:g} s pass")
        self.service.pass_time(seconds)

    def back_up(self) -> None:
        """Keep a copy of snapshot and journal."""
        self.backups = (*self.backups, (self.disk.content(SNAPSHOT), self.disk.content(JOURNAL)))

    def put_file(self, path: str, data: bytes | None) -> None:
        """Remove a file of the state, or put one in its place."""
        self.notes.append(f"{path} is {'removed' if data is None else 'replaced'}")
        self.disk.put(path, data)
        self.is_lost = True

    def copy_task(self, task_id: TaskId) -> None:
        """Copy a task in the console, marker and all."""
        self.notes.append(f"{task_id} is copied in the console")
        task = self.service.tasks[task_id]
        self.service.put(task.project_id, task.text, is_copy=True)

    def edit_task(self, task_id: TaskId) -> None:
        """Change a task in the console."""
        self.notes.append(f"{task_id} is edited in the console")
        task = self.service.tasks[task_id]
        text = json.dumps({**task.body, "Config": {"parallelism": "by hand"}}, sort_keys=True)
        self.service.tasks[task_id] = replace(task, text=text, is_edited=True)

    def remove_copies(self) -> None:
        """Remove in the console the copies that are not recorded as an address's task."""
        if not any(task.is_copy for task in self.service.tasks.values()):
            return
        self.notes.append("the copies are removed in the console")
        kept = {record.task_id for record in self.state().tasks.values()}
        self.service.tasks = {
            key: task for key, task in self.service.tasks.items() if not task.is_copy or key in kept
        }

    def remove_strays(self) -> None:
        """Remove in the console what was named as no address's task; then nothing is lost any more."""
        kept = {record.task_id for record in self.state().tasks.values()}
        self.service.tasks = {key: task for key, task in self.service.tasks.items() if key in kept}
        self.is_lost = False

    def forget_state(self) -> None:
        """Remove snapshot and journal, because they are refused; the lock file stays."""
        self.put_file(SNAPSHOT, None)
        self.put_file(JOURNAL, None)

    def forget_what_is_gone(self) -> None:
        """Remove the records of tasks that are gone, as the program advises: ``state rm``."""
        backend = LocalBackend(PATH, stack=STACK, tool_version="1", disk=self.disk)
        with backend.locked(HOLDER):
            state = backend.load()
            kept = {
                address: record
                for address, record in state.tasks.items()
                if record.task_id in self.service.tasks
            }
            if len(kept) < len(state.tasks):
                self.notes.append("records of tasks that are gone are removed")
                backend.replace(replace(state, tasks=kept))

    def forget_content(self) -> None:
        """Record of every task that what it holds is not known."""
        backend = LocalBackend(PATH, stack=STACK, tool_version="1", disk=self.disk)
        with backend.locked(HOLDER):
            state = backend.load()
            unseen = {address: replace(record, digest="") for address, record in state.tasks.items()}
            backend.replace(replace(state, tasks=unseen))

    # ── what must hold ──────────────────────────────────────────────────────

    def ensure_promises_kept(self) -> None:
        """What holds at every moment.

        Raises:
            BrokenPromiseError: it does not.
        """
        tasks = self._made_by_us()
        if len(set(tasks.values())) < len(tasks):
            raise BrokenPromiseError("an address has two tasks")
        try:
            state = self.state()
        except StateDamagedError as error:
            if self.is_lost:
                return
            raise BrokenPromiseError(f"the state is refused: {error}") from error
        ids = [record.task_id for record in state.tasks.values()]
        if not all(map(self.service.existed, ids)):
            raise BrokenPromiseError("the state has an id that never existed")
        if len(set(ids)) < len(ids):
            raise BrokenPromiseError("the state has one id twice")
        if not self.is_lost:
            unknown = [key for key, address in tasks.items() if key not in ids and address not in state.open]
            if unknown:
                raise BrokenPromiseError(f"not recorded: {', '.join(unknown)}")

    def ensure_converged(self, wanted: Manifests, ended: Ended | None) -> None:
        """What holds once nothing disturbed a few runs.

        Raises:
            BrokenPromiseError: it does not.
        """
        if ended is None or not ended.is_success:
            raise BrokenPromiseError(f"it does not come to an end: {_told(ended)}")
        state = self.state()
        if not make_plan(wanted, state, ORIGIN).is_empty:
            raise BrokenPromiseError("the second plan is not empty")
        if state.tasks.keys() != wanted.keys():
            raise BrokenPromiseError("the state has other addresses than the manifests")
        ids = {record.task_id for record in state.tasks.values()}
        left = {key for key in self._made_by_us() if key not in ids} - ended.named
        if left:
            raise BrokenPromiseError(f"neither recorded nor named: {', '.join(sorted(left))}")
        for address, spec in wanted.items():
            self._ensure_as_desired(state.tasks[address].task_id, spec)

    def _ensure_as_desired(self, task_id: TaskId, spec: TaskSpec) -> None:
        task = self.service.tasks.get(task_id)
        if task is None:
            raise BrokenPromiseError(f"{spec.address}: its task is gone")
        plain = {**task.body, "Description": without_marker(str(task.body.get("Description")))}
        if plain != spec.body and not task.is_edited:
            raise BrokenPromiseError(f"{spec.address}: the service holds something else than was asked for")
        if spec.run is not None and (task.job is not Job.RUNNING or task.published != task.text):
            raise BrokenPromiseError(f"{spec.address}: its job does not run what was asked for")

    def _made_by_us(self) -> dict[TaskId, str]:
        """Every task that no person copied, each with its address: it has that for its name."""
        return {
            key: str(task.body.get("TaskName"))
            for key, task in self.service.tasks.items()
            if not task.is_copy
        }

    def _ensure_recorded_durably(self, wanted: Manifests) -> None:
        try:
            state = _state_on(self.disk.durable())
        except StateError as error:
            raise BrokenPromiseError(f"success, but the durable state is refused: {error}") from error
        if not make_plan(wanted, state, ORIGIN).is_empty:
            raise BrokenPromiseError("success, but not everything is recorded durably")


def _state_on(disk: SimulatedDisk) -> State:
    return _loaded(disk.content(SNAPSHOT), disk.content(JOURNAL))


@lru_cache(maxsize=10_000)
def _loaded(snapshot: bytes | None, journal: bytes | None) -> State:
    """The state in a snapshot and a journal. What is loaded follows from their bytes alone."""
    disk = SimulatedDisk()
    disk.put(SNAPSHOT, snapshot)
    disk.put(JOURNAL, journal)
    return LocalBackend(PATH, stack=STACK, tool_version="1", disk=disk).load()


def _applied(client: Client, outside: Outside, wanted: Manifests, *, wait: bool) -> Outcome:
    """As the apply command does it."""
    backend = cast("LocalBackend", outside.backend)
    with backend.locked(HOLDER):
        plan = make_plan(wanted, backend.load(), ORIGIN)
        if not plan.changes and not plan.unsettled:
            keep_protection(backend, wanted)
            return Outcome(plan=plan)
        context = Context(
            api=client,
            stack=STACK,
            new_id=lambda: IDS.token_hex(8),
            use_marker=True,
            record_of=backend.record_of,
            limits=RunLimits(late=WINDOW_SECONDS),
        )
        try:
            return _carried_out(context, outside, wanted, {}, wait=wait)
        except StalePlanError:
            # What somebody changed by hand is looked at, and what the manifests say is meant.
            records = backend.state.tasks.values()
            observed = look_at(records, client, outside.workers, lag_seconds=WINDOW.lag).observed
            return _carried_out(context, outside, wanted, observed, wait=wait)


def _carried_out(
    context: Context, outside: Outside, wanted: Manifests, observed: Observed, *, wait: bool
) -> Outcome:
    """One run; refreshed by what was observed, if anything was."""
    wish = Wish(
        desired=wanted,
        plan_of=lambda state: make_plan(wanted, state, ORIGIN, observed),
        first=_first,
        wait=wait,
        observed=observed,
    )
    run = Run(wish, context, outside, window=WINDOW, earlier=WINDOW, tell=lambda _: None)
    return run.carry_out(run.prepare())


def _first(empty: State) -> State:
    return replace(empty, lineage=IDS.token_hex(8), remote=Remote("test", ""))


def _told(ended: Ended | None) -> str:
    if ended is None:
        return "dead"
    if ended.error is not None:
        return f"{type(ended.error).__name__}: {' '.join(str(ended.error).split())}"
    return f"exit {_exit_code(ended.outcome)}" if ended.outcome is not None else ""
