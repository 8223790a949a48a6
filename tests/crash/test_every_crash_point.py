"""The process dies at its n-th effect, for every n; then it is started again, until all is done.

An effect is an operation of the disk or a send. It dies before the effect, in the middle of a
write, or right after the effect, before anything else could happen. Run, Applier, Settler
and LocalBackend are the real ones. The disk is real where the process is killed, and in memory where
the power is cut: then nothing that was not synced is left, or any part of it.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest

from builders import STACK
from fakes.actions import STATUSES
from fakes.api import FakeTaskApi
from fakes.clock import FakeClock
from fakes.disk import MemoryDisk
from fakes.fates import LOST_AFTER, LOST_BEFORE, OK, Fate, late
from fakes.reporter import ListReporter
from fakes.specs import desired_of, spec_of
from fakes.trouble import Trouble, WatchedDisk, When
from fakes.workers import SyncWorkers
from fakes.world import ORIGIN, WINDOW, WINDOW_SECONDS, first_state
from provisioner.core.address import Address
from provisioner.core.api.calls import SignedWrite
from provisioner.core.api.replies import Reply
from provisioner.core.jobs.job import Job, OnChange, RunSpec, RunState
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import find_marker
from provisioner.core.plan.moves import names_of
from provisioner.core.plan.planner import make_plan
from provisioner.core.state.state import State
from provisioner.engine.ports import Outside
from provisioner.engine.run import Run, Wish
from provisioner.engine.task_steps import Context, RunLimits
from provisioner.store.backend import LocalBackend
from provisioner.store.lock import Holder
from tally import Table

HOLDER = Holder(pid=7, host="here", command="provisioner apply", since="2030-01-01T00:00:00Z")

BEFORE = (spec_of("gone"), spec_of("kept"), spec_of("moved"))
AFTER = (
    *(spec_of(f"new-{number}") for number in range(3)),
    spec_of("kept", {"Config": {"parallelism": "2"}}),
    spec_of("moved"),
)
"""Three creates, an update, a delete; one stays as it is."""

RENAMED = (*AFTER[:4], spec_of("renamed", moved_from=["moved"]))
"""The same, and one of the tasks has another address."""

REPLACED = (*AFTER[:4], spec_of("moved", {"TaskType": 202}))
"""The same, and a replace."""

RUNS = RunSpec(state=RunState.RUNNING)
WITH_JOBS = (spec_of("anew", run=RUNS), spec_of("stops", run=RUNS))
JOBS_CHANGED = (
    spec_of("anew", {"Config": {"parallelism": "2"}}, run=replace(RUNS, on_change=OnChange.DISCARD_STATE)),
    spec_of("starts", run=RUNS),
    spec_of("stops", run=replace(RUNS, state=RunState.STOPPED)),
)
"""A job that loses its state, one that starts, and one that is stopped."""


class Crash(BaseException):
    """The process is dead: nothing may catch this and go on."""


class MortalApi(FakeTaskApi):
    """A service whose client may die at a send."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.trouble = Trouble(0, Crash)

    def send(self, signed: SignedWrite) -> Reply:
        """See ``TaskApi.send``."""
        reply: Reply = self.trouble("send", lambda: FakeTaskApi.send(self, signed))
        return reply


class Machine:
    """What outlives a process: the disk, the service, the time."""

    def __init__(self, path: str, memory: MemoryDisk | None = None, chance: Random | None = None) -> None:
        self.path = path
        self.memory = memory
        """The disk, if its power can be cut."""

        self._chance = chance
        self.clock = FakeClock()
        self.api = MortalApi(self.clock)
        self._ids = (f"{number:016x}" for number in count(1))

    def apply(self, specs: Iterable[TaskSpec], trouble: Trouble) -> bool:
        """One process from its start to its end. Returns whether it lived to see it."""
        self.api.trouble = trouble
        disk = WatchedDisk(trouble, self.memory)
        try:
            self._apply(desired_of(specs), disk)
        except Crash:
            return False
        finally:
            disk.release()
            if self.memory is not None:
                self.memory.cut_power(self._chance)
        return True

    def apply_undisturbed(self, specs: Iterable[TaskSpec]) -> None:
        """One process that meets no trouble, after all windows have passed."""
        self.wait()
        assert self.apply(specs, Trouble(0, Crash))

    def wait(self) -> None:
        """Until nothing can take effect any more."""
        self.clock.sleep(WINDOW_SECONDS + 1)
        self.api.server_clock.sleep(WINDOW_SECONDS + 1)

    def state(self) -> State:
        """What is on the disk."""
        return LocalBackend(self.path, stack=STACK, tool_version="1", disk=self.memory).load()

    def _apply(self, wanted: dict[Address, TaskSpec], disk: WatchedDisk) -> None:
        """As the apply command does it."""
        backend = LocalBackend(self.path, stack=STACK, tool_version="1", disk=disk)
        with backend.locked(HOLDER):
            backend.load()
            run = self._run(backend, wanted)
            plan = run.prepare()
            assert run.settled.conflicts == []
            run.carry_out(plan)

    def _run(self, backend: LocalBackend, wanted: dict[Address, TaskSpec]) -> Run:
        context = Context(
            api=self.api,
            stack=STACK,
            new_id=lambda: next(self._ids),
            use_marker=True,
            record_of=backend.record_of,
            limits=RunLimits(late=WINDOW_SECONDS),
        )
        outside = Outside(
            backend=backend,
            workers=SyncWorkers(self.clock, lambda pending: pending - 1),
            clock=self.clock,
            reporter=ListReporter(),
            parallelism=2,
            should_stop=lambda: False,
        )
        names = names_of(wanted.values(), {}, use_marker=True)
        wish = Wish(
            desired=wanted,
            names=names,
            plan_of=lambda state: make_plan(wanted, state, ORIGIN, names=names),
            first=first_state,
        )
        return Run(wish, context, outside, window=WINDOW, earlier=WINDOW, tell=lambda _: None)


def ensure_promises_kept(machine: Machine) -> None:
    """What holds at every moment, whatever has happened."""
    state, api = machine.state(), machine.api
    marked = [find_marker(str(task.body["Description"])) for task in api.tasks.values()]
    digests = [marker.address_digest for marker in marked if marker]
    assert len(digests) == len(set(digests)) == len(api.tasks), "an address has two tasks"
    ids = [record.task_id for record in state.tasks.values()]
    assert set(ids) <= api.ever, "the state has an id that never existed"
    assert len(ids) == len(set(ids))


def ensure_all_done(machine: Machine, specs: Iterable[TaskSpec]) -> None:
    """What holds at the end."""
    ensure_promises_kept(machine)
    state, api = machine.state(), machine.api
    wanted = desired_of(specs)
    assert {record.task_id for record in state.tasks.values()} == set(api.tasks), "a task is not recorded"
    assert state.tasks.keys() == wanted.keys()
    for address, record in state.tasks.items():
        body = api.tasks[record.task_id].body
        assert {**body, "Description": ""} == {**wanted[address].body, "Description": ""}
    assert make_plan(wanted, state, ORIGIN).is_empty, "the second plan is not empty"


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process dies, the machine does not: syncing would only cost time."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(os, "fdatasync", lambda _handle: None)


@pytest.fixture(params=["killed", "power cut", "power cut, some is left"])
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """One new machine after the other; every process on it ends in the same way."""
    numbered = ((number, str(tmp_path / f"{number}.state.json")) for number in count())
    match request.param:
        case "killed":
            return (Machine(path) for _, path in numbered)
        case "power cut":
            return (Machine(path, MemoryDisk()) for _, path in numbered)
        case _:
            return (Machine(path, MemoryDisk(), Random(number)) for number, path in numbered)


def _prepared(machine: Machine) -> Machine:
    machine.apply_undisturbed(BEFORE)
    ensure_all_done(machine, BEFORE)
    return machine


@pytest.mark.parametrize("when", When, ids=[when.name.lower() for when in When])
@pytest.mark.parametrize(
    "specs", [AFTER, REPLACED, RENAMED], ids=["changes", "changes and a replace", "changes and a rename"]
)
@pytest.mark.parametrize(
    "fates",
    [
        pytest.param((), id="good network"),
        pytest.param((LOST_AFTER,), id="an answer is lost"),
        pytest.param((OK, LOST_BEFORE), id="a request is lost"),
        pytest.param((OK, OK, late(100)), id="a request is late"),
    ],
)
def test_a_run_that_dies_at_any_effect_is_finished_by_the_next_ones(
    when: When,
    specs: tuple[TaskSpec, ...],
    fates: tuple[Fate, ...],
    machines: Iterator[Machine],
    tried: Table,
) -> None:
    """No address has two tasks, every task is recorded, and what was asked for is there."""
    for at in count(1):
        machine = _prepared(next(machines))
        task_id = machine.state().tasks[Address("moved")].task_id
        machine.api.fates.extend(fates)
        trouble = Trouble(at, Crash, when, for_ever=True)
        lived = machine.apply(specs, trouble)
        machine.api.fates.clear()
        ensure_promises_kept(machine)
        for _ in range(2):
            machine.apply_undisturbed(specs)
        ensure_all_done(machine, specs)
        assert specs is not RENAMED or machine.state().tasks[Address("renamed")].task_id == task_id
        if lived:
            assert not trouble.has_struck
            tried("effects at which a process dies in turn", at - 1)
            break


def ensure_jobs_done(machine: Machine) -> None:
    """Each does what was asked for, and lost its state as often as that was."""
    ensure_all_done(machine, JOBS_CHANGED)
    jobs = {str(task.name): task for task in machine.api.tasks.values()}
    assert {name: (task.status, task.discards) for name, task in jobs.items()} == {
        "anew": (STATUSES[Job.RUNNING], 1),
        "starts": (STATUSES[Job.RUNNING], 0),
        "stops": (STATUSES[Job.STOPPED], 1),
    }
    assert all(task.published == task.body for task in jobs.values())


@pytest.mark.parametrize("when", When, ids=[when.name.lower() for when in When])
@pytest.mark.parametrize(
    "fates",
    [
        pytest.param((), id="good network"),
        pytest.param((OK, OK, LOST_AFTER, LOST_AFTER, LOST_AFTER), id="answers are lost"),
        pytest.param((OK, OK, LOST_BEFORE, LOST_BEFORE), id="requests are lost"),
        pytest.param((OK, OK, late(100), late(100), late(200)), id="requests are late"),
    ],
)
def test_no_state_of_a_job_is_lost_twice_whenever_a_run_dies(
    when: When, fates: tuple[Fate, ...], machines: Iterator[Machine], tried: Table
) -> None:
    """At every moment; and in the end every job does what was asked for."""
    for at in count(1):
        machine = next(machines)
        machine.apply_undisturbed(WITH_JOBS)
        ensure_all_done(machine, WITH_JOBS)
        machine.api.fates.extend(fates)
        trouble = Trouble(at, Crash, when, for_ever=True)
        lived = machine.apply(JOBS_CHANGED, trouble)
        machine.api.fates.clear()
        ensure_promises_kept(machine)
        for _ in range(3):
            machine.apply_undisturbed(JOBS_CHANGED)
            assert all(task.discards <= 1 for task in machine.api.tasks.values())
        ensure_jobs_done(machine)
        if lived:
            assert not trouble.has_struck
            tried("effects at which a process dies in turn", at - 1)
            break


@pytest.mark.parametrize("when", When, ids=[when.name.lower() for when in When])
def test_a_first_run_that_dies_at_any_effect_is_finished_by_the_next_ones(
    when: When, machines: Iterator[Machine], tried: Table
) -> None:
    """There is neither state nor journal yet."""
    for at in count(1):
        machine = next(machines)
        lived = machine.apply(BEFORE, Trouble(at, Crash, when, for_ever=True))
        ensure_promises_kept(machine)
        machine.apply_undisturbed(BEFORE)
        ensure_all_done(machine, BEFORE)
        if lived:
            tried("effects at which a process dies in turn", at - 1)
            break


@pytest.mark.parametrize("seed", range(20))
def test_runs_that_die_again_and_again_come_to_an_end(seed: int, machines: Iterator[Machine]) -> None:
    """Five deaths in a row at random effects, on a network that loses and delays."""
    chance = Random(seed)
    machine = _prepared(next(machines))
    for _ in range(5):
        machine.api.fates.extend(chance.choices([OK, LOST_BEFORE, LOST_AFTER, late(200)], k=6))
        machine.apply(
            REPLACED, Trouble(chance.randint(1, 60), Crash, chance.choice(list(When)), for_ever=True)
        )
        machine.api.fates.clear()
        ensure_promises_kept(machine)
        if chance.random() < 0.5:
            machine.wait()
    for _ in range(2):
        machine.apply_undisturbed(REPLACED)
    ensure_all_done(machine, REPLACED)
