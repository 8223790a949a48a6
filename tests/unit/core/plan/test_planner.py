"""What a plan decides, and why."""

from typing import Any

import pytest

from builders import a_plan, a_record, a_spec, a_state, an_attempt, an_origin
from provisioner.core.address import TaskId
from provisioner.core.manifest.spec import collect
from provisioner.core.plan.plan import Action, Plan, Reason
from provisioner.core.plan.planner import effective_body, make_plan, protected_deletes
from provisioner.core.state.state import State, TaskRecord, WriteKind


def _decided(plan: Plan) -> list[tuple[str, str, str]]:
    return [(change.address, change.action.value, change.reason.value) for change in plan.changes]


@pytest.mark.parametrize(
    ("desired", "state", "expected"),
    [
        ([a_spec("t")], a_state(), [("t", "create", "not_in_state")]),
        ([a_spec("t")], a_state(a_spec("t")), []),
        ([a_spec("t", SyncType=1)], a_state(a_spec("t")), [("t", "update", "manifest_changed")]),
        ([a_spec("t", TaskType=202)], a_state(a_spec("t")), [("t", "replace", "immutable_field_changed")]),
        ([a_spec("t", project_id="2")], a_state(a_spec("t")), [("t", "replace", "immutable_field_changed")]),
        ([], a_state(a_spec("t")), [("t", "delete", "not_in_manifests")]),
        (
            [a_spec("t")],
            a_state(records={"t": a_record(a_spec("t"), digest="")}),
            [("t", "update", "content_not_known")],
        ),
        (
            [a_spec("t")],
            a_state(records={"t": a_record(a_spec("t"), digest="", spec={})}),
            [("t", "update", "content_not_known")],
        ),
        ([a_spec("t")], a_state(attempts=[an_attempt(a_spec("t"))]), [("t", "create", "outcome_unknown")]),
        (
            [a_spec("t")],
            a_state(a_spec("t"), attempts=[an_attempt(a_spec("t"), kind=WriteKind.UPDATE)]),
            [("t", "update", "outcome_unknown")],
        ),
        (
            [],
            a_state(a_spec("t"), attempts=[an_attempt(a_spec("t"), kind=WriteKind.DELETE)]),
            [("t", "delete", "outcome_unknown")],
        ),
        ([], a_state(attempts=[an_attempt(a_spec("t"))]), []),
    ],
    ids=[
        "new",
        "same",
        "changed",
        "another family",
        "another project",
        "manifest gone",
        "content not known",
        "never seen",
        "create open",
        "update open",
        "delete open",
        "create open, manifest gone",
    ],
)
def test_what_is_done_to_one_task(desired: Any, state: State, expected: Any) -> None:
    """One row for each way in which desired, state and open attempts can meet."""
    assert _decided(a_plan(*desired, state=state)) == expected


def test_changes_come_in_order_of_addresses_and_are_counted() -> None:
    """A replacement is one to add and one to destroy; what stays is counted too."""
    old = [a_spec(name) for name in ("d", "b", "a", "stays")]
    plan = a_plan(
        a_spec("z"), a_spec("b", SyncType=1), a_spec("d", TaskType=202), old[3], state=a_state(*old)
    )
    assert [change.address for change in plan.changes] == ["a", "b", "d", "z"]
    assert (plan.counts.add, plan.counts.change, plan.counts.destroy, plan.unchanged) == (2, 1, 2, 1)
    assert not plan.is_empty


def test_targets_leave_everything_else_alone() -> None:
    """Not even counted; an open attempt of another task is not looked at."""
    state = a_state(a_spec("b"), attempts=[an_attempt(a_spec("c"))])
    plan = a_plan(a_spec("a"), state=state, targets=("a",))
    assert (_decided(plan), plan.unchanged, plan.unsettled) == ([("a", "create", "not_in_state")], 0, ())


def test_an_open_attempt_alone_is_something_to_do() -> None:
    """It has to be settled even if no manifest wants the task any more."""
    plan = a_plan(state=a_state(attempts=[an_attempt(a_spec("t"))]))
    assert (plan.changes, plan.is_empty, plan.unsettled[0].address) == ((), False, "t")
    assert a_plan().is_empty


def test_destroy_says_so() -> None:
    """What is asked for in as many words has its own reason."""
    plan = a_plan(state=a_state(a_spec("t")), destroy=True)
    assert plan.changes[0].reason is Reason.DESTROY


def test_a_task_moves_only_by_being_made_again() -> None:
    """The project is shown first among the fields."""
    (change,) = a_plan(a_spec("t", project_id="2", SyncType=1), state=a_state(a_spec("t"))).changes
    assert [field.path for field in change.fields] == [("ProjectId",), ("SyncType",)]
    assert change.action is Action.REPLACE


@pytest.mark.parametrize(
    ("ignored", "record", "expected"),
    [
        ((), a_record(a_spec(Description="old")), "new"),
        (("Description",), None, "new"),
        (("Description",), a_record(a_spec(Description="old")), "old"),
        (("Description",), a_record(a_spec(Description=None)), None),
    ],
    ids=["nothing ignored", "not yet made", "as applied", "not there when applied"],
)
def test_what_a_manifest_ignores_stays(
    ignored: tuple[str, ...], record: TaskRecord | None, expected: str | None
) -> None:
    """It is created as written and left alone afterwards."""
    spec = a_spec(Description="new", ignore_changes=ignored)
    assert effective_body(spec, record).get("Description") == expected


def test_an_ignored_change_alone_is_none() -> None:
    """Although the digests differ."""
    spec = a_spec(Description="new", ignore_changes=["Description"])
    plan = a_plan(spec, state=a_state(a_spec(Description="old")))
    assert (plan.is_empty, plan.unchanged) == (True, 1)


def test_protection_outlives_the_manifest() -> None:
    """A delete or a replacement is forbidden by the manifest, or by the record if there is none."""
    guarded = [a_spec(name, prevent_destroy=True) for name in ("gone", "made-anew", "lifted", "changed")]
    desired = [
        a_spec("made-anew", TaskType=202, prevent_destroy=True),
        a_spec("lifted", TaskType=202),
        a_spec("changed", SyncType=1, prevent_destroy=True),
    ]
    state = a_state(*guarded, a_spec("unguarded"))
    plan, (wanted, _) = a_plan(*desired, state=state), collect(desired)
    assert [change.address for change in protected_deletes(plan, state, wanted)] == ["gone", "made-anew"]


def test_a_delete_without_a_record_is_not_protected() -> None:
    """A plan may be checked against a state that has moved on."""
    plan = a_plan(state=a_state(a_spec("t", prevent_destroy=True)))
    assert list(protected_deletes(plan, a_state(), {})) == []


@pytest.mark.parametrize(
    ("fields", "replaced"),
    [({}, False), ({"TaskType": 202}, True), ({"project_id": "2"}, True)],
    ids=["same", "type", "project"],
)
def test_of_a_task_that_was_adopted_unseen_project_and_type_are_known(
    fields: dict[str, Any], replaced: bool
) -> None:
    """What it holds is not: but a task of another type or project is another task."""
    record = a_record(a_spec("t"), spec={}, digest="")
    (change,) = a_plan(a_spec("t", **fields), state=a_state(records={"t": record})).changes
    assert change.action is (Action.REPLACE if replaced else Action.UPDATE)


def test_protection_that_is_not_yet_in_force_is_part_of_the_plan() -> None:
    """Nothing is sent for it; but removing the manifest now would destroy the task."""
    state = a_state(a_spec("a"), a_spec("b", prevent_destroy=True), a_spec("c"))
    plan = a_plan(a_spec("a", prevent_destroy=True), a_spec("b"), a_spec("c"), state=state)
    assert (plan.changes, plan.protection) == ((), (("a", True), ("b", False)))
    assert not plan.is_empty


def test_a_task_that_was_moved_has_its_marker_brought_up_to_date() -> None:
    """By an update without a changed field, or with the next one that has some."""
    moved = a_record(a_spec("t"), marked_as="old")
    (change,) = a_plan(a_spec("t"), state=a_state(records={"t": moved})).changes
    assert (change.action, change.reason, change.fields) == (Action.UPDATE, Reason.MOVED, ())
    (change,) = a_plan(a_spec("t", SyncType=1), state=a_state(records={"t": moved})).changes
    assert (change.reason, len(change.fields)) == (Reason.CHANGED, 1)


# ── refreshed ───────────────────────────────────────────────────────────────


def _refreshed(desired: list[Any], state: State, live: dict[str, Any], **origin: Any) -> Plan:
    wanted, _ = collect(desired)
    observed = {TaskId(f"id-of-{name}"): body for name, body in live.items()}
    return make_plan(wanted, state, an_origin(refreshed=True, **origin), observed)


def test_a_refreshed_plan_begins_with_what_is_there() -> None:
    """What nobody asked for is put back; what is as it is asked for is left."""
    old, new = a_spec("t"), a_spec("t", SyncType=1)
    theirs = {**old.body, "Description": "theirs"}
    (change,) = _refreshed([old], a_state(old), {"t": theirs}).changes
    assert (change.action, change.reason, change.before, change.after) == (
        "update",
        Reason.DRIFTED,
        theirs,
        old.body,
    )
    assert [(field.before, field.after) for field in change.fields] == [("theirs", old.body["Description"])]
    assert _refreshed([new], a_state(old), {"t": new.body}).is_empty
    assert _decided(_refreshed([new], a_state(old), {"t": old.body})) == [("t", "update", "manifest_changed")]


def test_a_task_that_is_gone_is_created_anew_or_forgotten() -> None:
    """Whether or not a manifest asks for it."""
    spec = a_spec("t")
    (change,) = _refreshed([spec], a_state(spec), {"t": None}).changes
    assert (change.action, change.reason, change.task_id, change.after) == (
        "create",
        Reason.GONE,
        None,
        spec.create_body,
    )
    (change,) = _refreshed([], a_state(spec), {"t": None}, destroy=True).changes
    assert (change.action, change.reason, change.task_id) == ("delete", Reason.GONE, "id-of-t")


def test_a_delete_shows_what_is_there() -> None:
    """Whoever approves it sees what goes."""
    old = a_spec("t")
    theirs = {**old.body, "Description": "theirs"}
    (change,) = _refreshed([], a_state(old), {"t": theirs}).changes
    assert (change.action, change.reason, change.before) == ("delete", Reason.NOT_IN_MANIFESTS, theirs)


def test_what_others_may_change_is_not_put_back() -> None:
    """It stays as they have it."""
    old, mine = a_spec("t"), a_spec("t", ignore_changes=["Description"])
    theirs = {**old.body, "Description": "theirs"}
    assert _refreshed([mine], a_state(old), {"t": theirs}).is_empty


def test_what_was_not_looked_at_is_planned_from_the_state() -> None:
    """And so is what the state does not know the content of."""
    new = a_spec("t", SyncType=1)
    unseen = a_state(records={"t": a_record(a_spec("t"), digest="")})
    assert _decided(_refreshed([new], a_state(a_spec("t")), {})) == [("t", "update", "manifest_changed")]
    assert _decided(_refreshed([new], unseen, {"t": new.body})) == [("t", "update", "content_not_known")]


# ── renames ─────────────────────────────────────────────────────────────────


def _hints(desired: list[Any], *applied: Any, **origin: Any) -> dict[str, str | None]:
    return {
        change.address: change.renamed_from
        for change in a_plan(*desired, state=a_state(*applied), **origin).changes
    }


def test_one_that_goes_and_one_that_comes_with_the_same_body_look_like_a_rename() -> None:
    """Whether or not TaskName was left to be the address."""
    assert _hints([a_spec("new")], a_spec("old")) == {"new": "old", "old": None}
    named: dict[str, Any] = {"TaskName": "orders"}
    assert _hints([a_spec("new", **named)], a_spec("old", **named))["new"] == "old"


@pytest.mark.parametrize(
    ("desired", "applied"),
    [
        ([a_spec("new", SyncType=1)], [a_spec("old")]),
        ([a_spec("new", project_id="2")], [a_spec("old")]),
        ([a_spec("new", TaskName="orders")], [a_spec("old")]),
        ([a_spec("new"), a_spec("newer")], [a_spec("old")]),
        ([a_spec("new")], [a_spec("old"), a_spec("older")]),
    ],
    ids=["another body", "another project", "another name", "two come", "two go"],
)
def test_where_there_is_doubt_nothing_is_hinted(desired: list[Any], applied: list[Any]) -> None:
    """A wrong hint would be worse than none."""
    assert set(_hints(desired, *applied).values()) == {None}
