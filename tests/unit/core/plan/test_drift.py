"""What counts as drift, and what is said beside it."""

from dataclasses import replace
from typing import Any

from builders import a_record, a_spec, a_state, an_attempt
from provisioner.core.address import Address, TaskId
from provisioner.core.body.diff import path_label
from provisioner.core.manifest.spec import TaskSpec, collect, spec_digest
from provisioner.core.marker import marker_for, with_marker
from provisioner.core.plan.drift import as_observed, find_drift
from provisioner.core.state.state import WriteKind

SPEC = a_spec("t")
ID = TaskId("id-of-t")


def _found(live: dict[str, Any] | None, *desired: TaskSpec, applied: TaskSpec = SPEC) -> list[Any]:
    wanted, _ = collect(desired)
    return list(find_drift(a_state(applied), {ID: live}, wanted).found)


def _changed(
    live: dict[str, Any], *desired: TaskSpec, applied: TaskSpec = SPEC
) -> list[tuple[str, Any, Any]]:
    return [
        (path_label(field.path), field.before, field.after)
        for drift in _found(live, *desired, applied=applied)
        for field in drift.fields
    ]


def test_a_task_as_it_was_applied_is_no_drift() -> None:
    """What the service adds, or spells otherwise, is none either."""
    live = {
        **SPEC.body,
        "Status": 3,
        "Description": with_marker("x", marker_for("0" * 16, SPEC.address, "1" * 16)),
    }
    drifts = find_drift(a_state(a_spec("t", Description="x")), {ID: live}, {})
    assert (drifts.found, drifts.as_applied) == ((), 1)


def test_drift_goes_from_what_was_applied_to_what_is_there() -> None:
    """Changed, taken away; a marker is no part of a text, and "-1" is none."""
    applied = a_spec("t", WorkflowId="7", Description="old")
    marked = with_marker("new", marker_for("0" * 16, SPEC.address, "1" * 16))
    live = {**applied.body, "WorkflowId": "-1", "Description": marked, "Config": {"concurrency": "1"}}
    assert _changed(live, applied=applied) == [
        ("Config.checkpointInterval", "60", None),
        ("Description", "old", "new"),
        ("WorkflowId", "7", None),
    ]
    assert _changed({**live, "Description": marked[4:]}, applied=applied)[1] == ("Description", "old", None)


def test_what_a_manifest_leaves_to_others_is_no_drift() -> None:
    """Neither is what was not written."""
    spec = a_spec("t", ignore_changes=["Description"])
    assert _changed({**spec.body, "Description": "theirs", "ExecutorId": "9"}, spec) == []


def test_a_task_that_is_gone_is_told() -> None:
    """With nothing to compare."""
    (drift,) = _found(None, SPEC)
    assert (drift.is_gone, drift.fields, drift.live) == (True, (), None)


def test_what_git_changed_stands_beside_what_the_console_changed() -> None:
    """Only what is about the same field."""
    asked = a_spec("t", SyncType=1, Config={"concurrency": 2, "checkpointInterval": 60})
    (drift,) = _found({**SPEC.body, "Config": {"concurrency": "3", "checkpointInterval": "60"}}, asked)
    (field,) = drift.fields
    assert [(one.before, one.after) for one in drift.asked_beside(field)] == [("1", "2")]
    assert [path_label(one.path) for one in drift.asked] == ["Config.concurrency", "SyncType"]


def test_what_is_not_known_is_not_compared() -> None:
    """A record without a digest, or with an open write; and what was not looked at is not counted."""
    state = a_state(
        a_spec("open"),
        a_spec("other"),
        records={"unseen": a_record(a_spec("unseen"), digest="")},
        attempts=[an_attempt(a_spec("open"), kind=WriteKind.UPDATE)],
    )
    drifts = find_drift(state, {TaskId("id-of-open"): None}, {})
    assert (drifts.found, drifts.as_applied, drifts.not_compared) == ((), 0, ("open", "unseen"))


def test_only_targets_are_looked_at() -> None:
    """The others are not counted."""
    state = a_state(a_spec("a"), a_spec("b"))
    observed = {TaskId("id-of-a"): None, TaskId("id-of-b"): None}
    drifts = find_drift(state, observed, {}, [Address("b"), Address("not-applied")])
    assert [drift.address for drift in drifts.found] == ["b"]


def test_a_record_can_be_taken_as_it_is_there() -> None:
    """With a digest of its own; the same record where nothing differs."""
    record = a_record(SPEC)
    assert as_observed(record, SPEC.body) is record
    live = {**SPEC.body, "SyncType": 1}
    assert as_observed(record, live) == replace(
        record, spec=live, digest=spec_digest(record.project_id, live)
    )
