"""Settling writes whose outcome is unknown: the whole table, and what an empty state finds again."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from builders import STACK
from fakes import (
    CREATE,
    LOST_AFTER,
    LOST_BEFORE,
    MODIFY,
    START,
    WINDOW_SECONDS,
    Fate,
    World,
    late,
    spec_of,
)
from provisioner.core.address import TaskId
from provisioner.core.journal import Intent
from provisioner.core.marker import marker_for
from provisioner.core.plan import Action, Reason
from provisioner.core.state import WriteKind
from provisioner.engine.settle import to_adopt
from provisioner.errors import ApiUnreachableError, StateError

A, B = spec_of("a"), spec_of("b")
A_CHANGED = spec_of("a", {"Config": {"parallelism": "2"}})
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
    assert world.events == ["list p1", "resolved a adopted"]
    assert world.plan(A).is_empty


def test_what_an_adopted_task_did_not_keep_is_sent_by_the_next_plan() -> None:
    """The create's answer was lost and its Config with it: the id is recorded, the content is not known."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    world.api.dropped[CREATE] = {"Config"}
    world.apply(A)
    world.settler().settle()
    assert (world.state.tasks[A.address].task_id, world.state.tasks[A.address].digest) == ("t-1", "")
    assert [(change.action, change.reason) for change in world.plan(A).changes] == [
        (Action.UPDATE, Reason.UNSEEN)
    ]
    world.apply(A)
    assert world.plan(A).is_empty
    assert world.api.tasks[TaskId("t-1")].body["Config"] == {"parallelism": "1"}


@pytest.mark.parametrize("use_marker", [MARKED, UNMARKED])
def test_a_task_that_is_not_listed_is_absent_only_after_the_window(use_marker: bool) -> None:
    """Up to its last second the attempt is pending; one later it is closed."""
    world = _left_open(LOST_BEFORE, use_marker=use_marker)
    _wait(world, WINDOW_SECONDS)
    (pending,) = world.settler().settle().pending
    assert (pending.attempt.address, pending.until) == ("a", START + WINDOW_SECONDS + 1)
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
    assert len(world.settler().settle().pending) == 1


def test_a_create_that_takes_effect_late_is_adopted_within_its_window() -> None:
    """Pending first, listed later: never absent in between."""
    world = _left_open(late(200))
    assert len(world.settler().settle().pending) == 1
    _wait(world, 200)
    assert [address for address, _ in world.settler().settle().adopted] == ["a"]


def test_a_listing_that_lags_does_not_make_a_task_absent() -> None:
    """The window covers the lag."""
    world = _left_open(LOST_AFTER)
    world.api.list_lag_seconds = 30
    assert len(world.settler().settle().pending) == 1
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


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"TaskName": "z"}, id="other name"),
        pytest.param({"TaskType": 202}, id="other type"),
        pytest.param({"Config": {"parallelism": "9"}}, id="other content"),
    ],
)
def test_without_markers_a_task_that_differs_is_not_adopted(other: dict[str, object]) -> None:
    """Name, type and content must agree."""
    world = _left_open(LOST_BEFORE, use_marker=False)
    world.api.put({**A.body, **other})  # type: ignore[dict-item]  # JSON values, whatever they are
    _wait(world, WINDOW_SECONDS + 1)
    assert len(world.settler().settle().absent) == 1


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
    assert [pending.attempt.address for pending in settled.pending] == ["b"]
    assert [event for event in world.events if event.startswith("list")] == ["list p1", "list p2"]
    assert counted == [1, 1]


def test_a_service_that_cannot_be_asked_leaves_everything_open() -> None:
    """No listing, no verdict."""
    world = _left_open(LOST_AFTER)
    world.api.read_errors.append(ApiUnreachableError("no route"))
    with pytest.raises(ApiUnreachableError):
        world.settler().settle()
    assert len(world.backend.attempts()) == 1


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
    assert world.events == ["read t-1", "resolved a adopted"]
    assert world.plan(A_CHANGED).is_empty


def test_an_update_that_the_service_does_not_show_is_sent_whole_by_the_next_plan() -> None:
    """It may still take effect, so the content is not known, even if the manifest is put back."""
    world = _named_left_open(LOST_BEFORE, delete=False)
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
    assert [attempt.address for attempt in world.settler().settle().absent] == ["a"]
    assert world.state.tasks == {}
    assert world.backend.attempts() == ()


def test_a_delete_whose_task_is_still_there_is_planned_again() -> None:
    """A delete may be repeated: it names its task."""
    world = _named_left_open(LOST_BEFORE, delete=True)
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
    """Recorded, not created: and then sent whole, because what they hold was not compared."""
    world = _state_deleted()
    settled = world.settler().adopt([A, B])
    assert [address for address, _ in settled.adopted] == ["a", "b"]
    record = world.state.tasks[A.address]
    assert (record.task_id, record.attempt, record.spec, record.digest) == ("t-1", f"{1:016x}", {}, "")
    assert [change.action for change in world.plan(A, B).changes] == [Action.UPDATE, Action.UPDATE]
    world.apply(A, B)
    assert len(world.api.tasks) == 2
    assert world.plan(A, B).is_empty


def test_an_adopted_task_is_protected_as_its_manifest_says() -> None:
    """From the first moment."""
    world = _state_deleted()
    world.settler().adopt([spec_of("a", prevent_destroy=True)])
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
    settled = world.settler().adopt([A])
    assert (settled.adopted, settled.conflicts) == ([], [])
    assert world.events == ["list p1"]


def test_more_tasks_than_one_with_our_marker_are_a_conflict() -> None:
    """Neither is taken."""
    world = _state_deleted()
    world.api.put(world.api.named("a")[0].body)
    settled = world.settler().adopt([A])
    assert [task.task_id for task in settled.conflicts[0].tasks] == ["t-1", "t-3"]
    assert world.state.tasks == {}


def test_a_task_that_is_recorded_under_another_address_is_not_adopted() -> None:
    """A task that was moved in the state still carries the marker of its old address."""
    world = World()
    world.apply(A)
    world.backend._ledger.tasks[B.address] = world.backend._ledger.tasks.pop(A.address)
    assert world.settler().adopt([A]).adopted == []


def test_without_markers_nothing_is_adopted_and_nothing_is_listed() -> None:
    """A match by name alone is never taken silently."""
    world = _state_deleted()
    world.use_marker = False
    assert world.settler().adopt([A]).adopted == []
    assert world.events == []


def test_a_project_is_listed_once_for_settling_and_adopting() -> None:
    """One settler, one listing."""
    world = _left_open(LOST_AFTER)
    settler = world.settler()
    settler.settle()
    settler.adopt([B, spec_of("c")])
    assert [event for event in world.events if event.startswith("list")] == ["list p1"]


def test_only_what_is_neither_recorded_nor_open_is_looked_for() -> None:
    """What is recorded has its task; what is open is settled, not adopted."""
    world = _left_open(LOST_AFTER)
    world.apply(B)
    wanted = {spec.address: spec for spec in (A, B, spec_of("c"))}
    assert [spec.address for spec in to_adopt(wanted, world.state)] == ["c"]


def _write_description(world: World, text: str) -> None:
    stored = world.api.tasks[TaskId("t-1")]
    stored.body = {**stored.body, "Description": text}
