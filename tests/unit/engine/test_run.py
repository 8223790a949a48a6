"""A whole run: what it looks at first, what it holds, and what it says became of everything."""

from collections import deque
from dataclasses import replace

import pytest

from builders import STACK, a_removal
from fakes.actions import CREATE, DELETE, MODIFY
from fakes.backend import MemoryBackend
from fakes.clock import START
from fakes.fates import LOST_AFTER, LOST_BEFORE, OK, Fate, refused
from fakes.specs import spec_of
from fakes.world import LAG_SECONDS, WINDOW_SECONDS, World
from provisioner.core.address import TaskId
from provisioner.core.api.replies import Done, Refused, Unknown
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import marker_for
from provisioner.core.plan.plan import Action
from provisioner.core.state.state import State, WriteKind
from provisioner.core.task_types import OFFLINE
from provisioner.engine import manual
from provisioner.engine.run import Outcome, keep_protection
from provisioner.errors import ApiRefusedError, ApiUnreachableError, StateError

A, B = spec_of("a"), spec_of("b")
A_CHANGED = spec_of("a", {"Config": {"parallelism": "2"}})
A_OFFLINE = spec_of("a", {"TaskType": OFFLINE})
"""Another type is another task: a replace."""


def _ran(world: World, *specs: TaskSpec, wait: bool = False) -> Outcome:
    """One run from its first look to its snapshot."""
    run = world.run(*specs, wait=wait)
    return run.carry_out(run.prepare())


def _pass(world: World, seconds: int) -> None:
    for clock in (world.clock, world.api.server_clock):
        clock.sleep(seconds)


# ── before anything is sent ─────────────────────────────────────────────────


def test_what_settling_turns_into_a_create_is_looked_for_as_well() -> None:
    """An update's task is gone, and another one carries its address: that one is taken, none is made."""
    world = World()
    _ran(world, A)
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A_CHANGED)
    (old,) = world.api.tasks.values()
    world.api.tasks.clear()
    world.api.put({**old.body, "Description": str(marker_for(STACK, A.address, "7" * 16))})
    _pass(world, WINDOW_SECONDS + 1)
    outcome = _ran(world, A_CHANGED)
    assert [address for address, _ in outcome.before.adopted] == ["a"]
    assert len(world.api.tasks) == 1
    assert world.plan(A_CHANGED).is_empty


def test_an_address_that_is_held_holds_up_nothing_else() -> None:
    """Its change is not sent, the others are; and what is open is not closed."""
    world = World()
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A)
    outcome = _ran(world, A, B)
    assert [change.address for change in outcome.not_sent] == ["a"]
    assert list(world.state.tasks) == ["b"]
    assert [held.address for held in outcome.before.held] == ["a"]


def test_deletes_wait_for_what_is_held() -> None:
    """Everything else has to have succeeded, and what is held has not."""
    world = World()
    _ran(world, B)
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A, B)
    outcome = _ran(world, A)
    assert [change.address for change in outcome.applied.not_attempted] == ["b"]
    _pass(world, WINDOW_SECONDS + 1)
    _ran(world, A)
    assert list(world.state.tasks) == ["a"]


def test_nothing_is_created_if_the_project_cannot_be_listed() -> None:
    """What exists already would be made twice."""
    world = World()
    world.api.read_errors.append(ApiRefusedError("not allowed"))
    with pytest.raises(ApiRefusedError):
        world.run(A).prepare()
    assert world.api.sent == []


def test_waiting_looks_again_when_time_has_settled_it() -> None:
    """With --wait the run goes on by itself; the clocks are the service's and ours."""
    world = World()
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A)
    world.clock.pulls = world.api.server_clock
    outcome = _ran(world, A, wait=True)
    assert world.clock.now() == START + WINDOW_SECONDS + 1
    assert [attempt.address for attempt in outcome.before.absent] == ["a"]
    assert [result.is_good for result in outcome.applied.results] == [True]


def test_waiting_ends_when_the_person_asks_to_stop() -> None:
    """Ctrl-C during a wait of minutes."""
    world = World()
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A)
    run = world.run(A, wait=True)
    world.should_stop = lambda: world.clock.now() > START
    plan = run.prepare()
    assert world.clock.now() == START + WINDOW_SECONDS + 1
    assert run.carry_out(plan).interrupted
    assert len(world.backend.attempts()) == 1


def test_a_service_that_contradicts_itself_is_not_waited_for_for_ever() -> None:
    """Listed and not readable, look after look."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    world.api.unreadable.add(TaskId("t-1"))
    _ran(world, A)
    world.clock.pulls = world.api.server_clock
    assert world.run(A, wait=True).settle().addresses == {A.address}
    run = world.run(A, wait=True)
    run.prepare()
    assert run.settled.addresses == {A.address}


def test_a_person_who_asks_to_stop_gets_what_is_in_flight_confirmed() -> None:
    """The read-back belongs to the write; looking for what was not answered is left to the next run."""
    world = World()
    world.api.fates_of["b"] = deque([LOST_AFTER])
    world.should_stop = lambda: len(world.api.sent) >= 2
    outcome = _ran(world, A, B, spec_of("c"))
    assert outcome.interrupted
    assert world.state.tasks[A.address].digest == A.digest
    assert [attempt.address for attempt in world.backend.attempts()] == ["b"]
    assert outcome.after.held == []


# ── what became of what was sent ────────────────────────────────────────────


def test_a_create_without_an_answer_that_is_found_is_done() -> None:
    """In the same run, and it counts as if it had been answered."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    outcome = _ran(world, A)
    (result,) = outcome.applied.results
    assert isinstance(result.reply, Done)
    assert result.reply.task_id == "t-1"
    assert result.done == {WriteKind.CREATE}
    assert world.plan(A).is_empty


def test_what_a_found_task_did_not_keep_is_written_in_the_same_run() -> None:
    """One answer was lost and half a body with it: no change is left for the next plan."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    world.api.dropped[CREATE] = {"Config"}
    outcome = _ran(world, A, B)
    assert [signed.action for signed in world.api.sent] == [CREATE, CREATE, MODIFY, MODIFY]
    assert outcome.applied.failures == []
    assert world.plan(A, B).is_empty


def test_what_a_found_task_does_not_keep_at_all_is_its_failure() -> None:
    """The change is still the create that was asked for."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    world.api.dropped = {CREATE: {"Config"}, MODIFY: {"Config"}}
    (failure,) = _ran(world, A).applied.failures
    assert failure.change.action is Action.CREATE
    assert failure.done == {WriteKind.CREATE, WriteKind.UPDATE}
    assert [field.path for field in failure.lost] == [("Config", "parallelism")]


def test_an_update_without_an_answer_that_shows_is_done() -> None:
    """It was there when it was looked at."""
    world = World()
    _ran(world, A)
    world.api.fates.append(LOST_AFTER)
    (result,) = _ran(world, A_CHANGED).applied.results
    assert result.is_good
    assert result.done == {WriteKind.UPDATE}
    assert world.plan(A_CHANGED).is_empty


def test_a_delete_without_an_answer_is_done_once_the_task_is_gone() -> None:
    """Gone from the listing too, and that no longer lags."""
    world = World()
    _ran(world, A)
    world.clock.pulls = world.api.server_clock
    world.api.fates.append(LOST_AFTER)
    (result,) = _ran(world, wait=True).applied.results
    assert isinstance(result.reply, Done)
    assert result.done == {WriteKind.DELETE}
    assert world.state.tasks == {}


@pytest.mark.parametrize("wait", [False, True], ids=["not waited for", "waited for"])
def test_a_write_that_had_no_effect_is_refused_once_that_is_sure(wait: bool) -> None:
    """Before its window is over it is unknown; after it, it did not happen."""
    world = World()
    world.clock.pulls = world.api.server_clock
    world.api.fates.append(LOST_BEFORE)
    (result,) = _ran(world, A, wait=wait).applied.results
    assert isinstance(result.reply, Refused if wait else Unknown)
    assert bool(world.backend.attempts()) is not wait


def test_an_update_that_had_no_effect_is_refused_once_that_is_sure() -> None:
    """What the task holds is written whole by the next run."""
    world = World()
    _ran(world, A)
    world.clock.pulls = world.api.server_clock
    world.api.fates.append(LOST_BEFORE)
    (result,) = _ran(world, A_CHANGED, wait=True).applied.results
    assert isinstance(result.reply, Refused)
    assert result.done == set()


def test_a_last_look_that_fails_leaves_it_to_the_next_run() -> None:
    """What was done is told and kept all the same."""
    world = World()
    world.api.fates_of["b"] = deque([LOST_AFTER])
    run = world.run(A, B)
    plan = run.prepare()
    world.api.read_errors.extend([None, ApiUnreachableError("no route")])
    outcome = run.carry_out(plan)
    assert [result.is_good for result in outcome.applied.results].count(True) == 1
    assert [held.address for held in outcome.after.held] == ["b"]
    assert _ran(world, A, B).applied.results == []
    assert sorted(world.state.tasks) == ["a", "b"]


def test_a_replace_that_fails_half_way_has_deleted() -> None:
    """That the old task is gone is part of what is told."""
    world = World()
    _ran(world, A)
    world.api.fates.extend([OK, refused("InvalidParameter")])
    (result,) = _ran(world, spec_of("a", {"TaskType": 202})).applied.failures
    assert result.kind is WriteKind.CREATE
    assert result.done == {WriteKind.DELETE}
    assert world.state.tasks == {}


def test_a_run_that_only_settles_sends_nothing() -> None:
    """And says what it found."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    world.apply(A)
    settled = world.run().settle()
    assert [address for address, _ in settled.adopted] == ["a"]
    assert world.told[-1] is settled
    assert len(world.api.sent) == 1


# ── protection, and a person's word ─────────────────────────────────────────


def test_protection_follows_the_manifests_without_a_call() -> None:
    """Set and lifted; only that of the targets, if there are any."""
    world = World()
    _ran(world, A, B)
    guarded = {spec.address: replace(spec, prevent_destroy=True) for spec in (A, B)}
    keep_protection(world.backend, guarded, [A.address])
    assert [record.protected for record in world.state.tasks.values()] == [True, False]
    keep_protection(world.backend, guarded)
    assert [record.protected for record in world.state.tasks.values()] == [True, True]
    keep_protection(world.backend, {A.address: A})
    assert not world.state.tasks[A.address].protected
    assert len(world.api.sent) == 2


def test_a_person_says_which_task_it_is() -> None:
    """It is recorded with unknown content, and the next run writes the whole manifest and the marker."""
    world = World(use_marker=False)
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A)
    task_id = world.api.put({**A.body, "Config": {}})
    assert _ran(world, A).before.conflicts
    task = world.api.read("p1", task_id, 201)
    assert task is not None
    manual.adopt(world.backend, world.clock, A.address, "p1", task)
    assert world.backend.attempts() == ()
    assert _ran(world, A).applied.failures == []
    assert world.state.tasks[A.address].task_id == task_id
    assert world.plan(A).is_empty


def test_a_person_says_that_there_is_none() -> None:
    """The attempt is closed, and the next run creates the task."""
    world = World()
    world.api.fates.append(LOST_BEFORE)
    _ran(world, A)
    (attempt,) = world.backend.attempts()
    manual.declare_absent(world.backend, attempt)
    assert _ran(world, A).applied.failures == []
    assert len(world.api.tasks) == 1


# ── when the disk refuses ───────────────────────────────────────────────────


def _refuse(*_: object, **__: object) -> None:
    raise StateError("the disk is full")


def test_a_journal_that_cannot_be_made_ready_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so."""
    world = World()
    run = world.run(A)
    plan = run.prepare()
    monkeypatch.setattr(world.backend, "begin", _refuse)
    with pytest.raises(StateError, match=r"^the disk is full\nNothing more was sent\.$"):
        run.carry_out(plan)
    assert not world.api.tasks


def test_a_snapshot_that_cannot_be_written_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is in the journal, and that is said."""
    world = World()
    run = world.run(A)
    plan = run.prepare()
    monkeypatch.setattr(world.backend, "commit", _refuse)
    with pytest.raises(StateError, match=r"^the disk is full\nWhat was done is recorded in the journal\.$"):
        run.carry_out(plan)
    assert MemoryBackend(world.backend.memory, stack=STACK).load().tasks.keys() == {A.address}


@pytest.mark.parametrize(
    ("fate", "reply", "is_there"),
    [
        pytest.param(OK, Done, True, id="created"),
        pytest.param(refused("InvalidParameter"), Refused, False, id="refused"),
    ],
)
def test_a_replace_whose_delete_is_found_done_goes_on_with_the_create(
    fate: Fate, reply: type, is_there: bool
) -> None:
    """The answer to the delete was lost; the run saw that the task is gone, and that is half the work."""
    world = World()
    world.apply(A)
    world.events.clear()
    world.api.fates_of["a"] = deque([LOST_AFTER, fate])
    # By the service's clock the delete is old enough for a listing to be believed.
    world.api.server_clock.sleep(LAG_SECONDS + 1)
    (result,) = _ran(world, A_OFFLINE).applied.results
    assert [event for event in world.events if event.startswith("send")] == [
        f"send {DELETE} a",
        f"send {CREATE} a",
    ]
    assert isinstance(result.reply, reply)
    assert WriteKind.DELETE in result.done
    assert bool(world.api.named("a")) is is_there
    assert world.plan(A_OFFLINE).is_empty is is_there


def test_a_replace_that_is_stopped_half_way_is_not_told_as_done() -> None:
    """The old task was found gone, and then the person asked to stop."""
    world = World()
    world.apply(A)
    world.api.fates_of["a"] = deque([LOST_AFTER])
    world.api.server_clock.sleep(LAG_SECONDS + 1)
    world.should_stop = lambda: "resolved a absent" in world.events
    applied = _ran(world, A_OFFLINE).applied
    assert [change.address for change in applied.not_attempted] == ["a"]
    assert [result.done for result in applied.results] == [{WriteKind.DELETE}]


# ── addresses ───────────────────────────────────────────────────────────────

RENAMED = spec_of("new", {**A.body}, moved_from=["a"])
"""``a`` under another address, and nothing else about it."""


class TellingBackend(MemoryBackend):
    """Tells of snapshots that are made by hand, too."""

    def replace(self, state: State) -> None:
        """See ``StateBackend.replace``."""
        self.events.append(f"snapshot {' '.join(sorted(state.tasks))}")
        super().replace(state)


class FullBackend(MemoryBackend):
    """On a disk that is full."""

    def replace(self, state: State) -> None:
        """See ``StateBackend.replace``."""
        raise StateError(f"The state could not be kept on disk.\n  no space for {len(state.tasks)} tasks")


def test_a_move_is_recorded_before_anything_is_sent() -> None:
    """One update brings the marker up to date; the task stays."""
    world = World()
    _ran(world, A)
    world.events.clear()
    world.backend = TellingBackend(world.backend.memory, stack=STACK, events=world.events)
    world.backend.load()
    outcome = _ran(world, RENAMED)
    assert [(move.before, move.after) for move in outcome.moves] == [("a", "new")]
    told = [event for event in world.events if event.split()[0] in ("snapshot", "intent", "send")]
    assert told == ["snapshot new", "intent update new", f"send {MODIFY} a"]
    assert (world.state.tasks[RENAMED.address].task_id, world.state.tasks[RENAMED.address].marked_as) == (
        "t-1",
        "",
    )
    assert world.run(RENAMED).prepare().is_empty


def test_a_task_that_is_forgotten_is_left_alone_and_no_stray() -> None:
    """Neither deleted now nor pointed at by every run from then on."""
    world = World()
    _ran(world, A, B)
    removal = a_removal("a")
    run = world.run(B, removals=[removal])
    outcome = run.carry_out(run.prepare())
    assert [one.address for one in outcome.forgotten] == ["a"]
    assert (set(world.state.tasks), len(world.api.tasks)) == ({"b"}, 2)
    again = world.run(B, spec_of("c"), removals=[removal])
    again.prepare()
    assert again.settled.strays == []


def test_a_move_waits_for_the_outcome_of_a_write() -> None:
    """The update of the old address is found done first; then it moves, all in one run."""
    world = World()
    _ran(world, A)
    world.api.fates.append(LOST_AFTER)
    world.apply(A_CHANGED)
    _pass(world, WINDOW_SECONDS + 1)
    renamed = spec_of("new", {**A_CHANGED.body}, moved_from=["a"])
    outcome = _ran(world, renamed)
    assert [move.waits for move in outcome.moves] == [False]
    assert set(world.state.tasks) == {"new"}
    assert len(world.api.tasks) == 1


def test_while_a_write_may_still_take_effect_neither_address_is_touched() -> None:
    """It is held, and said; the run after the window does the rest."""
    world = World()
    world.api.fates.append(LOST_BEFORE)
    world.apply(A)
    outcome = _ran(world, RENAMED)
    assert (outcome.moves, outcome.applied.results) == ((), [])
    assert [held.address for held in outcome.before.held] == ["a"]
    assert (set(world.state.tasks), world.api.tasks) == (set(), {})
    _pass(world, WINDOW_SECONDS + 1)
    _ran(world, RENAMED)
    assert set(world.state.tasks) == {"new"}
    assert len(world.api.tasks) == 1


def test_a_run_that_is_stopped_records_no_move() -> None:
    """Nothing was done, so nothing is said to be."""
    world = World()
    _ran(world, A)
    run = world.run(RENAMED)
    plan = run.prepare()
    world.should_stop = lambda: True
    assert run.carry_out(plan).moves == ()
    assert set(world.state.tasks) == {"a"}


def test_a_move_that_cannot_be_recorded_sends_nothing() -> None:
    """The disk is full before anything began."""
    world = World()
    _ran(world, A)
    world.events.clear()
    world.backend = FullBackend(world.backend.memory, stack=STACK, events=world.events)
    world.backend.load()
    run = world.run(RENAMED)
    plan = run.prepare()
    with pytest.raises(StateError, match="no space for 1 tasks\nNothing more was sent"):
        run.carry_out(plan)
    assert not [event for event in world.events if event.startswith(("intent", "send"))]
