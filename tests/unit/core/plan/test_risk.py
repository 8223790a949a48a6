"""What a change means for a task that runs: by its action, by its fields, by what is done about its job."""

from dataclasses import replace
from typing import Any

import pytest

from builders import a_node, a_plan, a_record, a_spec, a_state, an_attempt, an_origin, columns
from provisioner.core.address import TaskId
from provisioner.core.jobs.job import RUN, Job, OnChange, RunRecord, RunSpec, RunState
from provisioner.core.plan.plan import Change, Reason
from provisioner.core.plan.planner import make_plan
from provisioner.core.plan.risk import by_risk, cannot_be_cleared, causes_of, consequence_of, counted_risks
from provisioner.core.schema.consequence import Consequence
from provisioner.core.schema.fields import OBJECTS, TASK, Kind, Role
from provisioner.core.state.state import WriteKind

LOSES, RESTARTS, HARMLESS = Consequence.LOSES_POSITION, Consequence.RESTARTS, Consequence.HARMLESS


def _change(before: dict[str, Any], after: dict[str, Any], **spec: Any) -> Change:
    """The only change of a plan that leads from one body to the other."""
    old, new = a_spec(**before), a_spec(**after, **spec)
    (change,) = a_plan(new, state=a_state(old)).changes
    return change


def _nodes(reader: dict[str, Any], writer: dict[str, Any]) -> dict[str, Any]:
    """A body with these two nodes; what they say comes over what they would say."""
    nodes = [a_node("in", "INPUT", "MYSQL", Id="1"), a_node("out", "OUTPUT", "DLC", Id="2", first=201)]
    return {"Nodes": [{**nodes[0], **reader}, {**nodes[1], **writer}]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {"Description": "other"}, HARMLESS, id="a description"),
        pytest.param({}, {"TaskName": "other"}, HARMLESS, id="a name"),
        pytest.param({}, {"Incharge": "other"}, HARMLESS, id="who is in charge"),
        pytest.param({}, {"TagList": [{"Key": "team", "Value": "x"}]}, HARMLESS, id="a tag"),
        pytest.param({}, {"ExecutorId": "1"}, RESTARTS, id="where it runs"),
        pytest.param({}, {"Config": {"concurrency": 2}}, RESTARTS, id="a setting"),
        pytest.param({}, {"ExtConfig": {"TaskAlarmRegularList": "1"}}, HARMLESS, id="an alarm rule"),
        pytest.param({}, {"ExtConfig": {"other": "1"}}, RESTARTS, id="a further setting"),
        pytest.param({}, {"Mappings": []}, RESTARTS, id="a mapping"),
        pytest.param({}, {"SyncType": 1}, LOSES, id="which tables are read"),
        pytest.param({}, {"SyncType": 1, "Description": "x"}, LOSES, id="the worst of two"),
        pytest.param(
            {"OfflineTaskAddEntity": {"CycleStep": 1}},
            {"OfflineTaskAddEntity": {"CycleStep": 2}},
            RESTARTS,
            id="a schedule",
        ),
    ],
)
def test_an_update_is_as_bad_as_its_worst_field(
    before: dict[str, Any], after: dict[str, Any], expected: Consequence
) -> None:
    """By the field table."""
    assert consequence_of(_change(before, after)) is expected


@pytest.mark.parametrize(
    ("node", "of_a_reader", "of_a_writer"),
    [
        pytest.param({"Config": {"Table": "x"}}, LOSES, RESTARTS, id="a setting"),
        pytest.param({"DatasourceId": "9"}, LOSES, RESTARTS, id="the data source"),
        pytest.param({"DataSourceType": "ORACLE"}, LOSES, RESTARTS, id="its kind"),
        pytest.param({"Name": "renamed"}, LOSES, RESTARTS, id="another node in its place"),
        pytest.param({"Config": {"password": "x"}}, RESTARTS, RESTARTS, id="a secret"),
        pytest.param({"Schema": columns(2)}, RESTARTS, RESTARTS, id="a column less"),
        pytest.param({"ExtConfig": {"other": "1"}}, RESTARTS, RESTARTS, id="a further setting"),
        pytest.param({"ExtConfig": {"iconPosition": "1"}}, HARMLESS, HARMLESS, id="the canvas"),
        pytest.param({"Description": "x"}, HARMLESS, HARMLESS, id="a description"),
        pytest.param({"Id": "7"}, RESTARTS, RESTARTS, id="its number"),
    ],
)
def test_only_what_a_reader_reads_decides_over_the_position(
    node: dict[str, Any], of_a_reader: Consequence, of_a_writer: Consequence
) -> None:
    """A writer has none."""
    assert consequence_of(_change(_nodes({}, {}), _nodes(node, {}))) is of_a_reader
    assert consequence_of(_change(_nodes({}, {}), _nodes({}, node))) is of_a_writer


def test_a_node_that_becomes_a_reader_or_was_one_counts_as_one() -> None:
    """Whatever it is on the other side."""
    turned = {"NodeType": "INPUT", "DatasourceId": "9"}
    assert consequence_of(_change(_nodes({}, {}), _nodes({}, turned))) is LOSES
    assert consequence_of(_change(_nodes({}, turned), _nodes({}, {}))) is LOSES


def test_nodes_without_names_of_their_own_are_told_apart_by_their_numbers() -> None:
    """What they are is known all the same."""
    same = {"Name": "same"}
    before = _nodes(same, same)
    assert consequence_of(_change(before, _nodes(same, {**same, "DatasourceId": "9"}))) is RESTARTS
    assert consequence_of(_change(before, _nodes({**same, "DatasourceId": "9"}, same))) is LOSES


def test_where_nodes_are_nothing_is_known_the_worse_is_said() -> None:
    """As in a plan that was read from a file and damaged."""
    change = _change(_nodes({}, {}), _nodes({}, {"DatasourceId": "9"}))
    for body in ({}, {"Nodes": "x"}, {"Nodes": ["x"]}):
        assert consequence_of(replace(change, before=body, after=body)) is LOSES
    first = replace(change.fields[0], path=("Nodes",))
    assert consequence_of(replace(change, fields=(first,))) is LOSES


def test_an_offline_task_has_no_position_to_lose() -> None:
    """Its next run reads what it is told to."""
    offline = {"TaskType": 202}
    assert consequence_of(_change({**offline}, {**offline, "SyncType": 1})) is RESTARTS


def test_a_field_that_the_table_does_not_know_may_matter() -> None:
    """It can only come from another version's state."""
    change = _change({}, {"Description": "x"})
    field = replace(change.fields[0], path=("Unknown", "Deep"))
    assert consequence_of(replace(change, fields=(field,))) is RESTARTS


def test_what_is_whole_goes_by_its_action() -> None:
    """A replace is as bad as it sounds, whatever its fields are; a new task harms nobody."""
    old = [a_spec(name) for name in ("gone", "replaced")]
    plan = a_plan(a_spec("new"), a_spec("replaced", TaskType=202), state=a_state(*old))
    assert {change.address: consequence_of(change) for change in plan.changes} == {
        "gone": Consequence.DELETES,
        "new": HARMLESS,
        "replaced": Consequence.RECREATES,
    }


def test_what_is_gone_already_can_suffer_no_more() -> None:
    """It is only forgotten, or made anew."""
    specs = [a_spec("forgotten"), a_spec("anew")]
    observed = {TaskId(f"id-of-{spec.address}"): None for spec in specs}
    plan = make_plan({specs[1].address: specs[1]}, a_state(*specs), an_origin(refreshed=True), observed)
    assert [(change.reason, consequence_of(change)) for change in plan.changes] == [
        (Reason.GONE, HARMLESS),
        (Reason.GONE, HARMLESS),
    ]


def test_an_update_of_what_is_not_known_may_change_anything() -> None:
    """Adopted unseen, or an earlier write that was not answered; a moved task is known."""
    spec = a_spec()
    unseen = a_state(records={spec.address: a_record(spec, spec={}, digest="")})
    unsettled = a_state(spec, attempts=[an_attempt(spec, WriteKind.UPDATE)])
    moved = a_state(records={spec.address: a_record(spec, marked_as="old")})
    found = [a_plan(spec, state=state).changes[0] for state in (unseen, unsettled, moved)]
    assert [consequence_of(change) for change in found] == [RESTARTS, RESTARTS, HARMLESS]


# ── jobs ────────────────────────────────────────────────────────────────────


def _run_change(job: Job, wish: RunSpec, **fields: Any) -> Change:
    """What is done about a task whose job does this and that has this body in production."""
    old = a_spec()
    run = RunRecord(job=job, digest=old.digest, current=old.digest if job is Job.RUNNING else "")
    state = a_state(records={old.address: a_record(old, run=run)})
    (change,) = a_plan(a_spec(run=wish, **fields), state=state).changes
    return change


@pytest.mark.parametrize(
    ("job", "wish", "fields", "expected"),
    [
        pytest.param(Job.STOPPED, RunSpec(state=RunState.RUNNING), {}, HARMLESS, id="it begins"),
        pytest.param(Job.SUSPENDED, RunSpec(state=RunState.STOPPED), {}, LOSES, id="it stops"),
        pytest.param(Job.RUNNING, RunSpec(state=RunState.SUSPENDED), {}, RESTARTS, id="it pauses"),
        pytest.param(
            Job.RUNNING,
            RunSpec(state=RunState.RUNNING),
            {"Description": "x"},
            RESTARTS,
            id="it goes on with a harmless change",
        ),
        pytest.param(
            Job.RUNNING,
            RunSpec(state=RunState.RUNNING, on_change=OnChange.DISCARD_STATE),
            {"Description": "x"},
            LOSES,
            id="it begins anew",
        ),
        pytest.param(
            Job.UNKNOWN, RunSpec(state=RunState.STOPPED), {}, LOSES, id="it may run, and is stopped"
        ),
    ],
)
def test_what_is_done_about_a_job_counts_too(
    job: Job, wish: RunSpec, fields: dict[str, Any], expected: Consequence
) -> None:
    """Beside the fields."""
    change = _run_change(job, wish, **fields)
    assert consequence_of(change) is expected
    assert RUN in {cause.path[0] for cause in causes_of(change)}


# ── several ─────────────────────────────────────────────────────────────────


def test_changes_are_read_the_worst_first_and_counted() -> None:
    """Otherwise in their order; only what there is is counted."""
    old = [a_spec(name) for name in ("a", "b", "c", "d")]
    plan = a_plan(
        a_spec("a", Description="x"),
        a_spec("b", ExecutorId="1"),
        a_spec("d", ExecutorId="1"),
        state=a_state(*old),
    )
    assert [change.address for change in by_risk(plan.changes)] == ["c", "b", "d", "a"]
    assert [change.address for change in plan.changes] == ["a", "b", "c", "d"]
    assert list(counted_risks(plan.changes).items()) == [
        (Consequence.DELETES, 1),
        (RESTARTS, 2),
        (HARMLESS, 1),
    ]


# ── clearing ────────────────────────────────────────────────────────────────


def test_what_the_api_cannot_clear_is_known() -> None:
    """A number or a truth value has no empty value; a text, a list and a setting are left out or emptied."""
    lost = {"WorkflowId": "w", "OfflineTaskAddEntity": {"CycleStep": 1, "ProductName": "p"}}
    after = {"SyncType": None, "Config": {}, "OfflineTaskAddEntity": {"ProductName": "p"}}
    change = _change(lost, after)
    assert [field.path for field in change.fields if cannot_be_cleared(change, field)] == [
        ("OfflineTaskAddEntity", "CycleStep"),
        ("SyncType",),
    ]
    assert {field.path for field in change.fields} >= {("WorkflowId",), ("Config", "concurrency")}


def test_a_new_task_has_nothing_to_clear() -> None:
    """Where a task is replaced, what is left out is not there."""
    change = _change({}, {"TaskType": 202, "SyncType": None})
    assert not any(cannot_be_cleared(change, field) for field in change.fields)


# ── the table ───────────────────────────────────────────────────────────────


def test_every_field_that_is_compared_says_what_it_means() -> None:
    """Itself, or the one that it lies in; what forces a replacement says that instead."""
    silent = [
        rule.name
        for rule in OBJECTS[TASK].values()
        if rule.role in (Role.INPUT, Role.SHARED) and not (rule.effect or rule.replaces)
    ]
    assert silent == []
    reasons = [rule.effect.reason for rules in OBJECTS.values() for rule in rules.values() if rule.effect]
    assert all(reasons)


def test_settings_with_a_meaning_of_their_own_are_in_lists_of_settings() -> None:
    """Nowhere else would they be found."""
    for rules in OBJECTS.values():
        assert all(rule.kind is Kind.RECORDS for rule in rules.values() if rule.settings)
