"""Between the plan and the first write somebody changes a task: it is not written over."""

from dataclasses import replace
from typing import Any

import pytest

from builders import STACK
from fakes.actions import CREATE, DELETE, MODIFY
from fakes.specs import spec_of
from fakes.world import LAG_SECONDS, World
from provisioner.core.address import TaskId
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import marker_for
from provisioner.core.plan.plan import Reason
from provisioner.engine.run import Outcome
from provisioner.errors import ApiUnreachableError, StalePlanError

A, B = spec_of("a"), spec_of("b")
A_CHANGED = spec_of("a", {"Config": {"parallelism": "2"}})


def _applied(*specs: TaskSpec) -> World:
    world = World()
    assert not world.apply(*specs).failures
    world.backend.commit()
    for clock in (world.clock, world.api.server_clock):
        clock.sleep(LAG_SECONDS)
    world.events.clear()
    return world


def _edit(world: World, name: str, **fields: Any) -> None:
    (task,) = world.api.named(name)
    task.body = {**task.body, **fields}


def _observed(world: World) -> dict[TaskId, JSONObject | None]:
    return {
        record.task_id: task.body if (task := world.api.tasks.get(record.task_id)) else None
        for record in world.state.tasks.values()
    }


def _ran(world: World, *specs: TaskSpec, observed: dict[TaskId, JSONObject | None] | None = None) -> Outcome:
    run = world.run(*specs, observed=observed)
    return run.carry_out(run.prepare())


def _refusal(world: World, *specs: TaskSpec, observed: dict[TaskId, JSONObject | None] | None = None) -> str:
    before = world.state.tasks
    with pytest.raises(StalePlanError) as caught:
        _ran(world, *specs, observed=observed)
    assert not [event for event in world.events if event.startswith(("send", "intent"))]
    assert world.state.tasks == before
    return str(caught.value)


def test_only_what_is_touched_is_read_and_before_the_first_write() -> None:
    """A create has nothing to be read, and what stays is left alone."""
    world = _applied(A, B)
    _ran(world, A_CHANGED, B, spec_of("c"))
    assert world.events.index("read t-1") < world.events.index(f"send {CREATE} c")
    assert "read t-2" not in world.events[: world.events.index(f"send {MODIFY} a")]


@pytest.mark.parametrize("after", [(A_CHANGED, B), (B,)], ids=["update", "delete"])
def test_a_task_that_somebody_changed_is_not_written_over(after: tuple[TaskSpec, ...]) -> None:
    """Nothing is sent, not even for the others; the field and what to type are named."""
    world = _applied(A, B)
    _edit(world, "a", Description="theirs")
    text = _refusal(world, *after, spec_of("c"))
    assert 'Description is "theirs", not "about a"' in text
    assert "provisioner plan --refresh\n" in text


def test_an_item_in_which_somebody_changed_something_is_not_taken_away() -> None:
    """A path within what goes is of the same place."""
    node: dict[str, JSONValue] = {"Name": "in", "Config": {"Table": "orders"}}
    world = _applied(with_node := spec_of("a", {"Nodes": [node]}))
    _edit(world, "a", Nodes=[{**node, "Config": {"Table": "theirs"}}])
    assert 'Table is "theirs", not "orders"' in _refusal(world, A)
    assert 'Table is "theirs", not "orders"' in _refusal(world, spec_of("a", {"Nodes": [{"Name": "out"}]}))
    assert world.plan(with_node).is_empty


def test_what_is_already_as_it_is_to_become_is_no_reason_to_refuse() -> None:
    """Somebody did it by hand; the write makes sure."""
    world = _applied(A)
    _edit(world, "a", Config={"parallelism": "2"})
    assert not _ran(world, A_CHANGED).applied.failures
    assert world.plan(A_CHANGED).is_empty


def test_what_the_manifest_leaves_to_others_is_no_reason_to_refuse() -> None:
    """It is sent as they have it."""
    world = _applied(A)
    _edit(world, "a", Description="theirs")
    assert not _ran(world, replace(A_CHANGED, ignore_changes=("Description",))).applied.failures


def test_an_update_of_a_task_that_is_gone_is_refused() -> None:
    """A delete of it is not: that is what it was after."""
    world = _applied(A, B)
    world.api.tasks.clear()
    assert "a (manifests/a.yaml:1): it is gone from WeData" in _refusal(world, A_CHANGED, B)
    assert not _ran(world, B).applied.failures
    assert list(world.state.tasks) == ["b"]


def test_what_cannot_be_looked_at_is_not_written() -> None:
    """Unreachable, or the answers contradict each other."""
    world = _applied(A)
    world.api.unreadable.add(TaskId("t-1"))
    assert "do not agree yet" in _refusal(world, A_CHANGED)
    world.api.read_errors.append(ApiUnreachableError("no network"))
    with pytest.raises(ApiUnreachableError):
        _ran(world, A_CHANGED)


def test_what_is_not_known_is_written_without_a_look() -> None:
    """The plan says that everything is sent."""
    world = _applied(A)
    record = world.state.tasks[A.address]
    world.backend.replace(replace(world.state, tasks={A.address: replace(record, digest="")}))
    _edit(world, "a", Description="theirs")
    assert not _ran(world, A).applied.failures
    assert world.plan(A).is_empty


def test_a_person_who_asked_to_stop_waits_for_no_look() -> None:
    """Nothing is sent anyway."""
    world = _applied(A)
    run = world.run(A_CHANGED, observed=_observed(world))
    plan = run.prepare()
    world.should_stop = lambda: True
    world.events.clear()
    assert run.carry_out(plan).interrupted
    assert world.events == []


def test_many_fields_and_many_tasks_are_counted_and_secrets_are_not_shown() -> None:
    """A refusal fits on a screen."""
    settings = {"Config": {**{f"s{number}": "1" for number in range(7)}, "password": "hunter2"}}
    names = [f"t{number:02d}" for number in range(12)]
    world = _applied(*[spec_of(name, settings) for name in names])
    for name in names:
        _edit(world, name, Config={"s0": "9" * 99, "password": "correct"})
    text = _refusal(world, *[spec_of(name, {**settings, "SyncType": 1}) for name in names])
    assert "  … and 2 more" in text
    assert "Config.password, Config.s0 is" in text
    assert ", 3 more" in text
    assert "999…, not" in text
    assert "Config.s1 is absent, not" in text
    assert "correct" not in text


def test_a_whole_item_that_is_gone_is_told_without_its_content() -> None:
    """Its place is enough."""
    nodes: JSONObject = {"Nodes": [{"Name": "in", "NodeType": "INPUT"}]}
    world = _applied(spec_of("a", nodes))
    _edit(world, "a", Nodes=[])
    assert 'Nodes["in"] is absent, not another' in _refusal(world, spec_of("a", {**nodes, "SyncType": 1}))


# ── refreshed ───────────────────────────────────────────────────────────────


def test_a_refreshed_run_puts_back_what_somebody_changed() -> None:
    """From what is there to what is asked for; afterwards nothing is left to do."""
    world = _applied(A, B)
    _edit(world, "a", Description="theirs")
    outcome = _ran(world, A, B, observed=_observed(world))
    assert [change.reason for change in outcome.plan.changes] == [Reason.DRIFTED]
    assert not outcome.applied.failures
    assert str(world.api.named("a")[0].body["Description"]).startswith("about a [")
    assert world.plan(A, B).is_empty


def test_what_is_there_as_it_is_asked_for_is_recorded() -> None:
    """Nothing is sent for that, and the next plan is empty."""
    world = _applied(A)
    _edit(world, "a", Config={"parallelism": "2"})
    assert not _ran(world, A_CHANGED, observed=_observed(world)).plan.changes
    assert world.plan(A_CHANGED).is_empty


def test_a_refreshed_plan_is_stale_as_well() -> None:
    """Somebody changed it once more, or the task is there again."""
    world = _applied(A)
    _edit(world, "a", Description="theirs")
    observed = _observed(world)
    _edit(world, "a", Description="theirs again")
    assert 'Description is "theirs again", not "theirs"' in _refusal(world, A, observed=observed)
    assert "it is there again" in _refusal(world, A, observed={TaskId("t-1"): None})


def test_a_task_that_is_gone_is_created_anew() -> None:
    """Once: its record goes before the create is announced."""
    world = _applied(A, B)
    del world.api.tasks[TaskId("t-1")]
    outcome = _ran(world, A, B, observed=_observed(world))
    assert not outcome.applied.failures
    assert world.events.index("resolved a absent") < world.events.index("intent create a")
    assert [task.task_id for task in world.api.named("a")] == [world.state.tasks[A.address].task_id]


def test_a_task_that_is_gone_and_found_under_its_marker_is_adopted() -> None:
    """Somebody made a copy of it: that is the task, and none is made."""
    world = _applied(A)
    (old,) = world.api.tasks.values()
    world.api.tasks.clear()
    world.api.put({**old.body, "Description": str(marker_for(STACK, A.address, "7" * 16))})
    outcome = _ran(world, A, observed={old.task_id: None})
    assert [address for address, _ in outcome.before.adopted] == ["a"]
    assert outcome.before.strays == []
    assert len(world.api.tasks) == 1


def test_only_targets_are_taken_over() -> None:
    """Of the others nothing is recorded."""
    world = _applied(A, B)
    _edit(world, "a", Description="theirs")
    _edit(world, "b", Description="theirs")
    run = world.run(A, B, observed=_observed(world))
    plan = run.prepare()
    targets = replace(plan.origin, targets=(A.address,))
    chosen = replace(plan, origin=targets, changes=plan.changes[:1])
    run.carry_out(chosen)
    assert world.state.tasks[B.address].spec == B.body


def test_a_gone_task_without_a_manifest_is_forgotten() -> None:
    """Its delete is done already."""
    world = _applied(A)
    world.api.tasks.clear()
    outcome = _ran(world, observed=_observed(world))
    assert [change.reason for change in outcome.plan.changes] == [Reason.GONE]
    assert (outcome.applied.failures, world.state.tasks) == ([], {})
    assert f"send {DELETE} t-1" not in world.events


def test_what_was_to_be_deleted_and_is_gone_is_not_deleted_once_more() -> None:
    """How the service would refuse that is not documented; a task in its place is created."""
    world = _applied(A, B)
    world.api.tasks.clear()
    outcome = _ran(world, spec_of("a", {"TaskMode": "3"}))
    assert [len(result.done) for result in outcome.applied.results] == [1, 1]
    assert (outcome.applied.failures, list(world.state.tasks)) == ([], [A.address])
    assert not [event for event in world.events if event.startswith(f"send {DELETE}")]
    assert f"send {CREATE} a" in world.events
