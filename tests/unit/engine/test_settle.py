"""Settling writes whose outcome is unknown: the whole table, and what an empty state finds again."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from builders import STACK
from fakes.actions import CREATE, MODIFY
from fakes.clock import START
from fakes.fates import LOST_AFTER, LOST_BEFORE, Fate, late
from fakes.specs import spec_of
from fakes.world import LAG_SECONDS, WINDOW_SECONDS, World
from provisioner.core.address import TaskId
from provisioner.core.marker import marker_for
from provisioner.core.plan.plan import Action, Reason
from provisioner.core.state.entries import Intent
from provisioner.core.state.state import WriteKind
from provisioner.core.task_types import OFFLINE
from provisioner.errors import ApiRefusedError, ApiUnreachableError, StateError

A, B = spec_of("a"), spec_of("b")
A_CHANGED = spec_of("a", {"Config": {"parallelism": "2"}})
A_OFFLINE = spec_of("a", {"TaskType": OFFLINE})
"""Another type is another task: a replace."""

MARKED = pytest.param(True, id="by marker")
UNMARKED = pytest.param(False, id="by name")


def _left_open(fate: Fate, *, use_marker: bool = True) -> World:
    """A world in which the create of ``a`` was not answered."""
    world = World(use_marker=use_marker)
    world.api.fates.append(fate)
    world.apply(A)
    world.events.clear()
    return world


def _wait(world: World, seconds: int) -> None:
    world.api.server_clock.sleep(seconds)


# ── creates ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("use_marker", [MARKED, UNMARKED])
def test_a_task_that_is_listed_is_adopted_at_once(use_marker: bool) -> None:
    """The answer was lost, the task is there: its id is recorded and nothing is sent."""
    world = _left_open(LOST_AFTER, use_marker=use_marker)
    settled = world.settler().settle()
    record = world.state.tasks[A.address]
    assert settled.adopted == [(A.address, record)]
    assert (record.task_id, record.spec, record.digest) == ("t-1", A.body, A.digest)
    assert record.attempt == f"{1:016x}"
    assert world.backend.attempts() == ()
    assert world.events == ["list p1", "read t-1", "resolved a adopted"]
    assert world.plan(A).is_empty


def test_what_an_adopted_task_did_not_keep_is_sent_by_the_next_plan() -> None:
    """The create's answer was lost and its Config with it: the id is recorded, and what is there."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    world.api.dropped[CREATE] = {"Config"}
    world.apply(A)
    world.settler().settle()
    assert world.state.tasks[A.address].task_id == "t-1"
    (change,) = world.plan(A).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.CHANGED)
    assert [(field.path, field.before, field.after) for field in change.fields] == [
        (("Config", "parallelism"), None, "1")
    ]
    world.apply(A)
    assert world.plan(A).is_empty
    assert world.api.tasks[TaskId("t-1")].body["Config"] == {"parallelism": "1"}


@pytest.mark.parametrize("use_marker", [MARKED, UNMARKED])
def test_a_task_that_is_not_listed_is_absent_only_after_the_window(use_marker: bool) -> None:
    """Up to its last second the attempt is pending; one later it is closed."""
    world = _left_open(LOST_BEFORE, use_marker=use_marker)
    _wait(world, WINDOW_SECONDS)
    (held,) = world.settler().settle().held
    assert (held.address, held.until) == ("a", START + WINDOW_SECONDS + 1)
    assert len(world.backend.attempts()) == 1
    _wait(world, 1)
    assert [attempt.address for attempt in world.settler().settle().absent] == ["a"]
    assert world.backend.attempts() == ()
    assert [change.action for change in world.plan(A).changes] == [Action.CREATE]


def test_looking_at_what_stays_pending_leaves_no_trace() -> None:
    """Nothing is recorded as long as nothing is known."""
    world = _left_open(LOST_BEFORE)
    world.settler().settle()
    assert world.events == ["list p1"]


def test_the_local_clock_never_decides() -> None:
    """However late it is here: the service's own time counts."""
    world = _left_open(LOST_BEFORE)
    world.clock.sleep(1_000_000)
    assert len(world.settler().settle().held) == 1


def test_a_create_that_takes_effect_late_is_adopted_within_its_window() -> None:
    """Pending first, listed later: never absent in between."""
    world = _left_open(late(200))
    assert len(world.settler().settle().held) == 1
    _wait(world, 200)
    assert [address for address, _ in world.settler().settle().adopted] == ["a"]


def test_a_listing_that_lags_does_not_make_a_task_absent() -> None:
    """The window covers the lag."""
    world = _left_open(LOST_AFTER)
    world.api.list_lag_seconds = 30
    assert len(world.settler().settle().held) == 1
    _wait(world, WINDOW_SECONDS + 1)
    assert [address for address, _ in world.settler().settle().adopted] == ["a"]


@pytest.mark.parametrize("use_marker", [MARKED, UNMARKED])
def test_more_tasks_than_one_are_a_conflict_and_nothing_is_touched(use_marker: bool) -> None:
    """A task that was copied in the console, marker and all: a person must look."""
    world = _left_open(LOST_AFTER, use_marker=use_marker)
    world.api.put(world.api.named("a")[0].body)
    _wait(world, WINDOW_SECONDS + 1)
    (conflict,) = world.settler().settle().conflicts
    assert (conflict.address, [task.task_id for task in conflict.tasks]) == ("a", ["t-1", "t-2"])
    assert world.events == ["list p1"]
    assert len(world.backend.attempts()) == 1


@pytest.mark.parametrize(
    "description",
    [
        pytest.param("about a", id="no marker"),
        pytest.param(f"about a {marker_for('0' * 16, A.address, f'{1:016x}')}", id="other stack"),
        pytest.param(f"about a {marker_for(STACK, B.address, f'{1:016x}')}", id="other address"),
        pytest.param(f"about a {marker_for(STACK, A.address, f'{9:016x}')}", id="other attempt"),
    ],
)
def test_a_task_without_exactly_the_marker_of_the_attempt_is_not_adopted(description: str) -> None:
    """Its name and its content may be the same: it is not what this attempt made."""
    world = _left_open(LOST_BEFORE)
    world.api.put({**A.body, "Description": description})
    _wait(world, WINDOW_SECONDS + 1)
    assert len(world.settler().settle().absent) == 1


@pytest.mark.parametrize("other", [{"TaskName": "z"}, {"TaskType": 202}], ids=["other name", "other type"])
def test_without_markers_a_task_of_another_name_or_type_is_not_ours(other: dict[str, object]) -> None:
    """Name and type must agree before anything else is looked at."""
    world = _left_open(LOST_BEFORE, use_marker=False)
    world.api.put({**A.body, **other})  # type: ignore[dict-item]  # JSON values, whatever they are
    _wait(world, WINDOW_SECONDS + 1)
    assert len(world.settler().settle().absent) == 1


def test_without_markers_a_task_of_the_same_name_and_other_content_is_a_conflict() -> None:
    """The service may have dropped something of ours, or it is a stranger's: a person must look."""
    world = _left_open(LOST_BEFORE, use_marker=False)
    task_id = world.api.put({**A.body, "Config": {"parallelism": "9"}})
    _wait(world, WINDOW_SECONDS + 1)
    settled = world.settler().settle()
    assert (settled.absent, settled.adopted) == ([], [])
    assert [task.task_id for task in settled.conflicts[0].tasks] == [task_id]
    assert settled.addresses == {A.address}


def test_without_markers_a_task_that_is_known_to_be_anothers_is_not_adopted() -> None:
    """Two addresses with one TaskName: what one of them made is not the other's."""
    world = World(use_marker=False)
    twin = replace(A, address=B.address)
    world.apply(twin)
    world.api.fates.append(LOST_BEFORE)
    world.apply(A, twin)
    _wait(world, WINDOW_SECONDS + 1)
    assert len(world.settler().settle().absent) == 1


def test_every_attempt_is_settled_with_one_listing_of_its_project() -> None:
    """Two addresses in one project, one in another: two listings."""
    world = World()
    world.api.fates.extend([LOST_AFTER, LOST_BEFORE, LOST_AFTER])
    world.apply(A, B, spec_of("c", project_id="p2"))
    world.events.clear()
    counted: list[int] = []
    settled = world.settler(progress=counted.append).settle()
    assert [address for address, _ in settled.adopted] == ["a", "c"]
    assert [held.address for held in settled.held] == ["b"]
    assert [event for event in world.events if event.startswith("list")] == ["list p1", "list p2"]
    assert counted == [1, 1]


def test_a_service_that_cannot_be_asked_leaves_everything_open() -> None:
    """No listing, no verdict; and one try is enough for all of them."""
    world = World()
    world.api.fates.extend([LOST_AFTER, LOST_AFTER])
    world.apply(A, spec_of("c", project_id="p2"))
    world.api.read_errors.append(ApiUnreachableError("no route"))
    world.events.clear()
    settled = world.settler().settle()
    assert [(held.address, held.until) for held in settled.held] == [("a", 0), ("c", 0)]
    assert "no route" in settled.held[0].why
    assert world.events == ["list p1"]
    assert len(world.backend.attempts()) == 2


def test_an_attempt_that_cannot_be_looked_at_holds_up_only_its_own_address() -> None:
    """A project that refuses its listing; the other project's task is found."""
    world = World()
    world.api.fates.extend([LOST_AFTER, LOST_AFTER])
    world.apply(A, spec_of("c", project_id="p2"))
    world.api.read_errors.append(ApiRefusedError("not allowed"))
    settled = world.settler().settle()
    assert [held.address for held in settled.held] == ["a"]
    assert [address for address, _ in settled.adopted] == ["c"]


def test_a_task_that_is_listed_and_cannot_be_read_is_not_adopted_yet() -> None:
    """The listing may lag behind a deletion."""
    world = _left_open(LOST_AFTER)
    world.api.unreadable.add(TaskId("t-1"))
    (held,) = world.settler().settle().held
    assert (held.address, held.until) == ("a", world.api.server_clock.now() + LAG_SECONDS + 1)
    world.api.unreadable.clear()
    assert [address for address, _ in world.settler().settle().adopted] == ["a"]


def test_a_verdict_that_cannot_be_recorded_is_an_error() -> None:
    """What is not durable is not known."""
    world = _left_open(LOST_AFTER)
    world.backend.fail_after = 0
    with pytest.raises(StateError):
        world.settler().settle()
    assert len(world.backend.attempts()) == 1


# ── updates and deletes ─────────────────────────────────────────────────────


def _named_left_open(fate: Fate, *, delete: bool) -> World:
    """A world in which the update or the delete of ``a`` was not answered."""
    world = World()
    world.apply(A)
    world.api.fates.append(fate)
    if delete:
        world.apply()
    else:
        world.apply(A_CHANGED)
    world.events.clear()
    return world


UPDATE, DELETE = pytest.param(False, id="update"), pytest.param(True, id="delete")


def test_an_update_that_the_service_shows_is_done() -> None:
    """The record is as if the answer had come, and keeps the attempt that made the task."""
    world = _named_left_open(LOST_AFTER, delete=False)
    ((address, record),) = world.settler().settle().adopted
    assert (address, record.task_id, record.spec) == ("a", "t-1", A_CHANGED.body)
    assert (record.digest, record.attempt) == (A_CHANGED.digest, f"{1:016x}")
    assert world.events == ["list p1", "read t-1", "resolved a adopted"]
    assert world.plan(A_CHANGED).is_empty


@pytest.mark.parametrize("delete", [UPDATE, DELETE])
def test_a_write_that_may_still_take_effect_holds_up_its_address(delete: bool) -> None:
    """What is written meanwhile would be written over later; one second after the window it is over."""
    world = _named_left_open(LOST_BEFORE, delete=delete)
    _wait(world, WINDOW_SECONDS)
    (held,) = world.settler().settle().held
    assert (held.address, held.until) == ("a", START + WINDOW_SECONDS + 1)
    assert len(world.backend.attempts()) == 1
    _wait(world, 1)
    assert len(world.settler().settle().repeat) == 1


def test_an_update_that_takes_effect_late_is_never_overtaken() -> None:
    """Held until it is there; then it counts, and a later one is written over it."""
    world = _named_left_open(late(100), delete=False)
    assert world.settler().settle().addresses == {A.address}
    _wait(world, 100)
    assert [address for address, _ in world.settler().settle().adopted] == ["a"]
    assert world.plan(A_CHANGED).is_empty


def test_what_was_there_before_does_not_show_that_an_update_is_done() -> None:
    """It may still be under way, and would write over what is written after it."""
    world = World()
    world.apply(A)
    record = world.state.tasks[A.address]
    unseen = {A.address: replace(record, digest="")}
    world.backend.replace(replace(world.state, tasks=unseen))
    world.api.fates.append(late(100))
    world.apply(A)
    _wait(world, WINDOW_SECONDS)
    assert world.settler().settle().addresses == {A.address}
    _wait(world, 1)
    assert [attempt.address for attempt in world.settler().settle().repeat] == [A.address]


def test_an_update_that_only_clears_is_done_when_it_is_cleared() -> None:
    """All that it writes was there before."""
    full, cleared = spec_of("a", {"Incharge": "x"}), spec_of("a")
    world = World()
    world.apply(full)
    world.api.fates.append(late(100))
    world.apply(cleared)
    assert world.settler().settle().addresses == {A.address}
    _wait(world, 100)
    assert [address for address, _ in world.settler().settle().adopted] == ["a"]


def test_an_update_that_the_service_does_not_show_is_sent_whole_by_the_next_plan() -> None:
    """After its window what the task holds is not known, even if the manifest is put back."""
    world = _named_left_open(LOST_BEFORE, delete=False)
    world.clock.sleep(WINDOW_SECONDS + 1)
    _wait(world, WINDOW_SECONDS + 1)
    assert [attempt.kind for attempt in world.settler().settle().repeat] == [WriteKind.UPDATE]
    (change,) = world.plan(A).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.UNSEEN)
    world.apply(A_CHANGED)
    assert world.api.sent[-1].action == MODIFY
    assert world.plan(A_CHANGED).is_empty


@pytest.mark.parametrize("delete", [UPDATE, DELETE])
def test_a_task_that_the_service_does_not_know_any_more_is_forgotten(delete: bool) -> None:
    """The delete succeeded, or somebody else's did."""
    world = _named_left_open(LOST_BEFORE, delete=delete)
    world.api.tasks.clear()
    _wait(world, LAG_SECONDS + 1)
    assert [attempt.address for attempt in world.settler().settle().absent] == ["a"]
    assert world.state.tasks == {}
    assert world.backend.attempts() == ()


@pytest.mark.parametrize("delete", [UPDATE, DELETE])
def test_one_answer_that_there_is_no_task_proves_nothing(delete: bool) -> None:
    """The listing has to agree, and not lag: a record that is dropped too early is a task made twice."""
    world = _named_left_open(LOST_BEFORE, delete=delete)
    world.api.unreadable.add(TaskId("t-1"))
    assert world.settler().settle().addresses == {A.address}
    world.api.list_lag_seconds = LAG_SECONDS
    assert world.settler().settle().addresses == {A.address}
    assert list(world.state.tasks) == ["a"]


def test_a_signature_that_is_older_than_its_call_makes_no_task_old() -> None:
    """The service takes one that is 200 s behind: how long the task is there is not told by that."""
    world = World()
    _wait(world, 200)
    world.apply(A)
    world.api.fates.append(LOST_AFTER)
    world.apply(A_CHANGED)
    world.api.unreadable.add(TaskId("t-1"))
    world.api.list_lag_seconds = LAG_SECONDS
    (held,) = world.settler().settle().held
    assert (held.address, held.until) == ("a", START + 200 + LAG_SECONDS + 1)
    assert list(world.state.tasks) == ["a"]


@pytest.mark.parametrize("delete", [UPDATE, DELETE])
def test_where_a_task_cannot_be_read_its_listing_decides(delete: bool) -> None:
    """How the service says that there is none is not documented: a refusal may be that."""
    world = _named_left_open(LOST_AFTER, delete=delete)
    world.api.refuse_reads = True
    _wait(world, LAG_SECONDS + 1)
    settled = world.settler().settle()
    assert (len(settled.absent), len(settled.adopted)) == ((1, 0) if delete else (0, 1))
    assert settled.held == []


def test_a_service_that_goes_away_while_it_is_asked_decides_nothing() -> None:
    """Listed, and then out of reach."""
    world = _named_left_open(LOST_AFTER, delete=False)
    world.api.read_errors.extend([None, ApiUnreachableError("no route")])
    assert world.settler().settle().addresses == {A.address}


def test_a_delete_whose_task_is_still_there_is_planned_again() -> None:
    """A delete may be repeated: it names its task."""
    world = _named_left_open(LOST_BEFORE, delete=True)
    world.clock.sleep(WINDOW_SECONDS + 1)
    _wait(world, WINDOW_SECONDS + 1)
    assert [attempt.kind for attempt in world.settler().settle().repeat] == [WriteKind.DELETE]
    assert [change.action for change in world.plan().changes] == [Action.DELETE]
    world.apply()
    assert world.api.tasks == {}


@pytest.mark.parametrize("delete", [UPDATE, DELETE])
def test_an_attempt_at_a_task_that_is_not_recorded_is_closed(delete: bool) -> None:
    """There is nothing that could be looked at."""
    world = World()
    world.apply(A)
    world.api.fates.append(LOST_BEFORE)
    world.apply(*([] if delete else [A_CHANGED]))
    (attempt,) = world.backend.attempts()
    world.forget_everything()
    world.ready()
    world.backend.record(Intent(seq=1, attempt=attempt))
    assert world.settler().settle().absent == [attempt]
    assert world.backend.attempts() == ()


# ── adopting ────────────────────────────────────────────────────────────────


def _state_deleted() -> World:
    world = World()
    world.apply(A, B)
    world.forget_everything()
    world.events.clear()
    return world


def test_a_deleted_state_finds_its_tasks_again() -> None:
    """Recorded, not created, with what they hold: the next plan shows only what differs."""
    world = _state_deleted()
    settled = world.settler().adopt([A_CHANGED, B], [A.address, B.address])
    assert [address for address, _ in settled.adopted] == ["a", "b"]
    record = world.state.tasks[A.address]
    assert (record.task_id, record.attempt, record.spec) == ("t-1", f"{1:016x}", A.body)
    (change,) = world.plan(A_CHANGED, B).changes
    assert [(field.path, field.before, field.after) for field in change.fields] == [
        (("Config", "parallelism"), "1", "2")
    ]
    world.apply(A_CHANGED, B)
    assert len(world.api.tasks) == 2
    assert world.plan(A_CHANGED, B).is_empty


def test_a_deleted_state_finds_a_task_by_the_address_that_it_had_before() -> None:
    """Its marker was never brought up to date: it is taken, and the next plan writes the new address."""
    world = _state_deleted()
    renamed = spec_of("new", {**A.body}, moved_from=["older", "a"])
    settled = world.settler().adopt([renamed, B], [renamed.address, B.address])
    assert {address for address, _ in settled.adopted} == {"b", "new"}
    assert settled.strays == []
    record = world.state.tasks[renamed.address]
    assert (record.task_id, record.marked_as) == ("t-1", "a")
    (change,) = world.plan(renamed, B).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.MOVED)
    world.apply(renamed, B)
    assert world.plan(renamed, B).is_empty
    assert len(world.api.tasks) == 2


def test_a_task_under_each_of_two_names_is_a_conflict() -> None:
    """Nobody can tell which one has moved."""
    world = _state_deleted()
    renamed = spec_of("b", {**B.body}, moved_from=["a"])
    (conflict,) = world.settler().adopt([renamed], [renamed.address]).conflicts
    assert [task.task_id for task in conflict.tasks] == ["t-2", "t-1"]


def test_an_adopted_task_is_protected_as_its_manifest_says() -> None:
    """From the first moment."""
    world = _state_deleted()
    world.settler().adopt([spec_of("a", prevent_destroy=True)], [A.address, B.address])
    assert world.state.tasks[A.address].protected


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda world: world.api.tasks.clear(), id="no task"),
        pytest.param(lambda world: _write_description(world, "about a"), id="no marker"),
        pytest.param(
            lambda world: _write_description(world, str(marker_for("0" * 16, A.address, "1" * 16))),
            id="other stack",
        ),
        pytest.param(
            lambda world: _write_description(world, str(marker_for(STACK, B.address, "1" * 16))),
            id="other address",
        ),
    ],
)
def test_what_does_not_carry_our_marker_is_not_adopted(arrange: Callable[[World], None]) -> None:
    """And looking leaves no trace."""
    world = World()
    world.apply(A)
    world.forget_everything()
    world.events.clear()
    arrange(world)
    settled = world.settler().adopt([A], [A.address, B.address])
    assert (settled.adopted, settled.conflicts) == ([], [])
    assert world.events == ["list p1"]


def test_more_tasks_than_one_with_our_marker_are_a_conflict() -> None:
    """Neither is taken."""
    world = _state_deleted()
    world.api.put(world.api.named("a")[0].body)
    settled = world.settler().adopt([A], [A.address, B.address])
    assert [task.task_id for task in settled.conflicts[0].tasks] == ["t-1", "t-3"]
    assert world.state.tasks == {}


def test_a_task_that_is_recorded_under_another_address_is_not_adopted() -> None:
    """A task that was moved in the state still carries the marker of its old address."""
    world = World()
    world.apply(A)
    world.backend._ledger.tasks[B.address] = world.backend._ledger.tasks.pop(A.address)
    assert world.settler().adopt([A], [A.address, B.address]).adopted == []


def test_without_markers_a_name_that_is_taken_is_a_conflict() -> None:
    """A match by name alone is never taken silently, and nothing is created beside it."""
    world = World(use_marker=False)
    world.apply(A)
    world.forget_everything()
    settled = world.settler().adopt([A, B], [A.address, B.address])
    assert settled.adopted == []
    assert [(one.address, one.tasks[0].task_id) for one in settled.conflicts] == [("a", "t-1")]


def test_what_an_earlier_state_may_have_sent_is_waited_for() -> None:
    """Our markers and no state: nothing is created for a window, and the wait begins only once."""
    world = _state_deleted()
    c = spec_of("c")
    settled = world.settler().adopt([A, c], [A.address, c.address])
    assert [address for address, _ in settled.adopted] == ["a"]
    assert [(held.address, held.until) for held in settled.held] == [("c", START + WINDOW_SECONDS + 1)]
    assert world.state.fence == START + WINDOW_SECONDS
    _wait(world, WINDOW_SECONDS)
    assert world.settler().adopt([c], [c.address]).addresses == {c.address}
    _wait(world, 1)
    assert world.settler().adopt([c], [c.address]).held == []


def test_a_state_that_went_back_is_fenced_as_one_that_was_lost() -> None:
    """Restored from a backup: what was sent after it may still take effect."""
    world = World()
    world.apply(A)
    world.backend.lost_track = True
    settled = world.settler().adopt([B], [A.address, B.address])
    assert settled.addresses == {B.address}
    assert list(world.state.tasks) == ["a"]


def test_a_state_that_went_back_is_waited_for_once() -> None:
    """However often it is looked at meanwhile, as ``--wait`` does."""
    world = World()
    world.apply(A)
    world.backend.lost_track = True
    for _ in range(2):
        (held,) = world.settler().adopt([B], [A.address, B.address]).held
        assert held.until == START + WINDOW_SECONDS + 1
        _wait(world, WINDOW_SECONDS // 2)


def test_the_first_state_of_all_is_not_fenced() -> None:
    """Nothing of this stack is there and nothing was ever sent."""
    world = World()
    world.forget_everything()
    assert world.settler().adopt([A], [A.address]).held == []


def test_a_replace_takes_over_what_a_later_state_has_made() -> None:
    """The state is an old one, and the task in it is gone: what took its place is not made once more."""
    world = World()
    world.apply(A)
    old = world.state
    world.apply(A_OFFLINE)
    world.backend.replace(old)
    _wait(world, LAG_SECONDS + 1)
    run = world.run(A_OFFLINE)
    assert run.prepare().is_empty
    assert [(address, record.task_id) for address, record in run.settled.adopted] == [("a", "t-2")]


def test_a_replace_waits_for_what_an_earlier_state_may_have_sent() -> None:
    """A part of it is a create."""
    world = World()
    world.apply(A)
    world.backend.lost_track = True
    assert world.settler().adopt([A_OFFLINE], [A.address]).addresses == {A.address}


@pytest.mark.parametrize("refuse_reads", [False, True], ids=["read", "only listed"])
def test_a_task_that_is_replaced_and_was_copied_leaves_the_copy_alone(refuse_reads: bool) -> None:
    """The recorded one is ours; the other is named."""
    world = World()
    world.apply(A)
    copy = world.api.put(world.api.named("a")[0].body)
    world.api.refuse_reads = refuse_reads
    settled = world.settler().adopt([A_OFFLINE], [A.address])
    assert (settled.adopted, settled.addresses) == ([], set())
    assert [task.task_id for task in settled.strays] == [copy]


def test_a_new_task_that_is_not_shown_yet_is_not_given_up_for_a_copy() -> None:
    """The copy carries its marker. Once a listing would show what was made, it is gone."""
    world = World()
    world.apply(A)
    copy = world.api.put(world.api.named("a")[0].body)
    made = world.state.tasks[A.address].task_id
    del world.api.tasks[made]
    settled = world.settler().adopt([A_OFFLINE], [A.address])
    assert (settled.adopted, settled.addresses) == ([], {A.address})
    assert world.state.tasks[A.address].task_id == made
    _wait(world, LAG_SECONDS + 1)
    settled = world.settler().adopt([A_OFFLINE], [A.address])
    assert [(address, record.task_id) for address, record in settled.adopted] == [("a", copy)]


def test_a_marked_task_that_cannot_be_read_is_not_adopted_yet() -> None:
    """The listing may lag behind a deletion: neither adopted nor created anew."""
    world = _state_deleted()
    world.api.unreadable.add(TaskId("t-1"))
    settled = world.settler().adopt([A], [A.address, B.address])
    assert (settled.adopted, settled.addresses) == ([], {A.address})


def test_tasks_of_this_stack_that_nobody_asks_for_are_named() -> None:
    """A copy of a recorded task, and one whose manifest is gone: left alone, and not passed over."""
    world = World()
    world.apply(A)
    copy = world.api.put(world.api.named("a")[0].body)
    orphan = world.api.put({**B.body, "Description": str(marker_for(STACK, B.address, "1" * 16))})
    c = spec_of("c")
    assert [task.task_id for task in world.settler().adopt([c], [A.address, c.address]).strays] == [
        copy,
        orphan,
    ]


def test_a_project_is_listed_once_for_settling_and_adopting() -> None:
    """One settler, one listing."""
    world = _left_open(LOST_AFTER)
    settler = world.settler()
    settler.settle()
    settler.adopt([B, spec_of("c")], [A.address, B.address])
    assert [event for event in world.events if event.startswith("list")] == ["list p1"]


def _write_description(world: World, text: str) -> None:
    stored = world.api.tasks[TaskId("t-1")]
    stored.body = {**stored.body, "Description": text}
