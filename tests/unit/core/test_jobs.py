"""Jobs in manifests, plans, documents, the journal, drift and the guard."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from builders import a_plan, a_record, a_spec, a_state, an_attempt, an_origin
from provisioner.core.address import Address, TaskId
from provisioner.core.body.locate import Spot, spot_of
from provisioner.core.documents.plan_document import encode as encode_plan
from provisioner.core.documents.plan_reader import decode as decode_plan
from provisioner.core.documents.plan_schema import plan_schema
from provisioner.core.jobs.codec import step_document
from provisioner.core.jobs.job import Job, OnChange, RunRecord, RunSpec, RunState, Step
from provisioner.core.jobs.transitions import accepted
from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.parse import Defaults, Parsed, parse
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import as_observed, find_drift, job_drift, with_job
from provisioner.core.plan.guard import ensure_possible, ensure_state_kept
from provisioner.core.plan.plan import Action, Plan, Reason
from provisioner.core.plan.planner import make_plan
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker, path_text
from provisioner.core.source import Source
from provisioner.core.state.entries import Entry, Finished, Intent, Ran, Resolved, Verdict
from provisioner.core.state.journal import decode, encode_entry, encode_header
from provisioner.core.state.ledger import fold
from provisioner.core.state.snapshot import encode_record
from provisioner.core.state.state import State, TaskRecord, WriteKind
from provisioner.errors import StateDamagedError, UsageError
from records import some_attempt, some_header, some_record, some_state

CHECKER = Checker(manifest_schema())
MOMENT = 1_700_000_000_000
"""Unix milliseconds."""

RUNS = RunSpec(state=RunState.RUNNING)
STOPPED = RunSpec(state=RunState.STOPPED)
T = Address("t")


# ── in a manifest ───────────────────────────────────────────────────────────


def parsed(run: JSONValue, task_type: int = 201) -> Parsed:
    """A small manifest with that under ``run``."""
    document: JSONValue = {"name": "t", "TaskInfo": {"TaskType": task_type}, "run": run}
    return parse(document, Source("a.yaml", 1, 1), CHECKER, Defaults(project_id="1"))


@pytest.mark.parametrize(
    ("written", "wish"),
    [
        (None, None),
        ({"state": "draft"}, RunSpec(state=RunState.DRAFT)),
        ({"state": "running", "on_change": "restart"}, replace(RUNS, on_change=OnChange.RESTART)),
        ({"state": "running", "start_from": MOMENT}, replace(RUNS, start_from=MOMENT)),
        ({"state": "running", "start_from": "2023-11-14T22:13:20Z"}, replace(RUNS, start_from=MOMENT)),
    ],
)
def test_what_a_job_is_to_do_is_read_and_is_no_part_of_the_digest(
    written: JSONValue, wish: RunSpec | None
) -> None:
    """So that caches and states stay valid."""
    spec, without = parsed(written).spec, parsed(None).spec
    assert spec is not None
    assert without is not None
    assert (spec.run, spec.digest, spec.body) == (wish, without.digest, without.body)


@pytest.mark.parametrize(
    ("written", "task_type", "places"),
    [
        ({}, 201, ["run"]),
        ({"state": "paused"}, 201, ["run.state"]),
        ({"state": "running", "on_change": "explode"}, 201, ["run.on_change"]),
        ({"state": "running", "else": 1}, 201, ["run.else"]),
        ({"state": "running", "start_from": 1.5}, 201, ["run.start_from"]),
        ({"state": "running", "start_from": "soon"}, 201, ["run.start_from"]),
        ({"state": "running", "start_from": MOMENT // 1000}, 201, ["run.start_from"]),
        ({"state": "stopped", "start_from": "soon"}, 201, ["run.start_from", "run.start_from"]),
        ({"state": "suspended"}, 202, ["run.state"]),
        ({"state": "running", "start_from": MOMENT}, 202, ["run.state"]),
    ],
)
def test_what_cannot_be_asked_for_has_its_place(
    written: JSONValue, task_type: int, places: list[str]
) -> None:
    """Every fault of it."""
    found = parsed(written, task_type)
    assert found.spec is None
    assert [path_text(fault.path) for fault in found.faults] == places


@pytest.mark.parametrize("state", ["draft", "submitted"])
def test_an_offline_task_can_be_submitted(state: str) -> None:
    """It runs by its schedule."""
    assert parsed({"state": state}, 202).spec is not None


def test_what_a_job_is_to_do_stands_in_its_document() -> None:
    """If it is written there."""
    document = {"run": {"state": "running"}, "TaskInfo": {}}
    assert spot_of(document, ("run", "state")) == Spot(("run", "state"))
    assert spot_of(document, ("run", "on_change")) is None
    assert spot_of({"TaskInfo": {}}, ("run", "state")) is None


# ── in a plan ───────────────────────────────────────────────────────────────


def applied(run: RunRecord | None = None, **fields: Any) -> State:
    """A state in which the task was applied and its job does that."""
    spec = a_spec("t", **fields)
    known = (
        replace(run, digest=run.digest or spec.digest, current=run.current or spec.digest) if run else None
    )
    return a_state(records={"t": a_record(spec, run=known)})


RUNNING = RunRecord(job=Job.RUNNING, version=1)


def planned(spec: TaskSpec, state: State) -> Plan:
    """The plan of one task."""
    return a_plan(spec, state=state)


def test_a_plan_without_run_says_nothing_of_jobs() -> None:
    """Whatever is recorded."""
    assert planned(a_spec("t"), applied(RUNNING)).is_empty
    (change,) = planned(a_spec("t", SyncType=1), applied(RUNNING)).changes
    assert change.run is None


def test_a_body_and_its_job_are_one_change() -> None:
    """The field of the job stands last, and only where it becomes another."""
    (change,) = planned(a_spec("t", SyncType=1, run=STOPPED), applied(RUNNING)).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.CHANGED)
    assert [field.path for field in change.fields] == [("SyncType",), ("run", "state")]
    (same,) = planned(a_spec("t", SyncType=1, run=RUNS), applied(RUNNING)).changes
    assert [field.path for field in same.fields] == [("SyncType",)]
    assert same.run is not None
    assert same.run.steps == (Step.SUBMIT_KEEPING,)


def test_a_replaced_task_has_a_job_of_its_own() -> None:
    """It begins anew, whatever the one before did."""
    (change,) = planned(
        a_spec("t", TaskType=202, run=RunSpec(state=RunState.SUBMITTED)), applied(RUNNING)
    ).changes
    assert change.action is Action.REPLACE
    assert change.run is not None
    assert (change.run.before, change.run.steps) == (Job.NONE, (Step.SUBMIT,))


def test_a_whole_body_and_its_job_are_one_change_too() -> None:
    """Of a task whose content is not known, the job follows the body that is sent."""
    state = a_state(records={"t": a_record(a_spec("t"), digest="", spec={}, run=RUNNING)})
    (change,) = planned(a_spec("t", run=RUNS), state).changes
    assert (change.reason, change.fields) == (Reason.UNSEEN, ())
    assert change.run is not None


def test_a_moved_task_keeps_what_was_submitted() -> None:
    """Only its marker is written; the version in production stays ours."""
    spec = a_spec("t", run=RUNS)
    run = replace(RUNNING, digest=spec.digest, current=spec.digest)
    state = a_state(records={"t": a_record(spec, run=run, marked_as="old")})
    (change,) = planned(spec, state).changes
    assert (change.reason, change.run) == (Reason.MOVED, None)


def test_an_open_step_says_nothing_of_the_body() -> None:
    """What is in the body is known; what to do about the job is worked out once the step is settled."""
    attempt = an_attempt(a_spec("t"), WriteKind.RUN, spec=step_document(Step.STOP, RUNNING))
    state = replace(applied(RUNNING), open={T: attempt})
    plan = planned(a_spec("t", run=STOPPED), state)
    assert plan.changes == ()
    assert [one.kind for one in plan.unsettled] == [WriteKind.RUN]
    (change,) = planned(a_spec("t", SyncType=1, run=STOPPED), state).changes
    assert (change.reason, change.run) == (Reason.CHANGED, None)


def test_what_is_in_production_is_named_where_a_draft_is_asked_for() -> None:
    """It is no change."""
    draft = RunSpec(state=RunState.DRAFT)
    plan = planned(a_spec("t", run=draft), applied(RUNNING))
    assert (plan.not_draft, plan.is_empty) == (("t",), True)
    assert planned(a_spec("t", run=draft), applied()).not_draft == ()


def test_a_gone_task_is_made_anew_with_a_job_of_its_own() -> None:
    """In a refreshed plan."""
    spec = a_spec("t", run=RUNS)
    plan = make_plan({T: spec}, applied(RUNNING), an_origin(), {TaskId("id-of-t"): None})
    (change,) = plan.changes
    assert change.reason is Reason.GONE
    assert change.run is not None
    assert change.run.before is Job.NONE


@pytest.mark.parametrize("run", [None, RUNNING, replace(RUNNING, job=Job.READY, step=Step.START)])
@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("fields", [{}, {"SyncType": 1}])
def test_every_change_of_a_job_is_written_and_read(
    run: RunRecord | None, state: RunState, fields: dict[str, Any]
) -> None:
    """As the schema says, byte for byte the same again."""
    start = MOMENT if state is RunState.RUNNING else None
    plan = planned(a_spec("t", run=RunSpec(state=state, start_from=start), **fields), applied(run))
    data = encode_plan(plan)
    assert encode_plan(decode_plan(data, "p")) == data
    jsonschema.Draft202012Validator(plan_schema()).validate(json.loads(data))


def test_a_forged_start_is_refused() -> None:
    """A clock has to show it."""
    plan = planned(
        a_spec("t", run=replace(RUNS, start_from=MOMENT)), applied(RunRecord(job=Job.NONE, digest="x"))
    )
    document = json.loads(encode_plan(plan))
    document["resource_changes"][0]["run"]["start_from"] = 10**30
    text = json.dumps(
        {k: v for k, v in document.items() if k != "checksum"}, sort_keys=True, separators=(",", ":")
    )
    document["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    with pytest.raises(UsageError, match="damaged"):
        decode_plan(json.dumps(document).encode(), "p")


# ── the guard ───────────────────────────────────────────────────────────────


def test_what_cannot_be_is_refused_with_every_place() -> None:
    """And what to write."""
    wish = RunSpec(state=RunState.SUSPENDED)
    with pytest.raises(UsageError) as caught:
        ensure_possible(a_plan(*(a_spec(f"t{number:02}", run=wish) for number in range(12))))
    assert "t00 (manifests/t00.yaml:1:1): only a job that runs can be suspended" in str(caught.value)
    assert str(caught.value).endswith("… and 2 more")
    ensure_possible(a_plan(a_spec("t", run=RUNS)))


def test_a_loss_is_refused_with_the_command_that_means_it() -> None:
    """Not of a task that is replaced: that says it all."""
    losing = planned(a_spec("t", run=STOPPED), applied(RUNNING))
    with pytest.raises(UsageError, match="apply --allow-state-loss"):
        ensure_state_kept(losing, "provisioner apply --allow-state-loss")
    ensure_state_kept(planned(a_spec("t", run=RUNS, SyncType=1), applied(RUNNING)), "")
    ensure_state_kept(planned(a_spec("t", TaskMode="3", run=STOPPED), applied(RUNNING)), "")


# ── in the journal ──────────────────────────────────────────────────────────

STEP = step_document(Step.SUBMIT, RunRecord(job=Job.NONE))
ATTEMPT = some_attempt("orders", kind=WriteKind.RUN, task_id=TaskId("id-orders"), spec=STEP)
DONE = Finished(
    seq=9,
    address=Address("orders"),
    attempt=ATTEMPT.attempt,
    task_id=TaskId("id-orders"),
    request_id="r",
    at="2026-01-01T00:00:00Z",
    approval="a-1",
)
SAW = Ran(seq=10, address=Address("orders"), run=RUNNING)


def written(*entries: Entry) -> bytes:
    """A journal."""
    data, chain = encode_header(some_header())
    for entry in entries:
        line, chain = encode_entry(entry, chain)
        data += line
    return data


def test_steps_and_what_is_seen_survive_the_journal() -> None:
    """Byte for byte; and a record with a job too."""
    record = some_record(run=replace(RUNNING, step=Step.STOP, sent=7, approval="a"))
    found = Resolved(
        seq=11, address=Address("orders"), attempt="x", verdict=Verdict.REPEAT, record=record, evidence="e"
    )
    entries = (Intent(seq=8, attempt=ATTEMPT), DONE, SAW, found)
    assert decode(written(*entries), "j").entries == entries


def test_what_has_no_job_leaves_no_trace() -> None:
    """An older version reads what this one writes for it."""
    assert "run" not in encode_record(some_record())
    assert b"approval" not in written(replace(DONE, approval=""))
    assert decode(written(replace(DONE, approval="")), "j").entries == (replace(DONE, approval=""),)


def test_an_accepted_step_and_what_is_seen_are_folded_into_the_record() -> None:
    """The body stays as it is known; a step that is open is no other write."""
    state = fold(some_state("orders"), [Intent(seq=8, attempt=ATTEMPT)])
    assert state.open[Address("orders")] == ATTEMPT
    state = fold(state, [DONE])
    record = state.tasks[Address("orders")]
    assert record == some_record(
        run=accepted(None, STEP, digest=ATTEMPT.digest, at=ATTEMPT.timestamp, approval="a-1")
    )
    assert fold(state, [SAW]).tasks[Address("orders")] == some_record(run=RUNNING)


def test_an_update_keeps_what_is_known_of_the_job_and_a_new_task_begins_without() -> None:
    """They are not the same job."""
    address = Address("orders")
    for kind, run in ((WriteKind.UPDATE, RUNNING), (WriteKind.CREATE, None)):
        intent = Intent(seq=8, attempt=some_attempt(kind=kind))
        known = replace(some_state("orders"), tasks={address: some_record(run=RUNNING)})
        done = replace(DONE, approval="")
        assert fold(known, [intent, done]).tasks[address].run == run


@pytest.mark.parametrize("entries", [(replace(SAW, seq=8),), (Intent(seq=8, attempt=ATTEMPT), DONE)])
def test_a_job_without_a_task_is_damage(entries: tuple[Entry, ...]) -> None:
    """Nothing like it is ever written."""
    with pytest.raises(StateDamagedError, match="it has no task"):
        fold(some_state(), entries)


@pytest.mark.parametrize(
    "entry",
    [
        Intent(seq=8, attempt=replace(ATTEMPT, spec={"step": "jump"})),
        replace(SAW, run=replace(RUNNING, digest=7)),  # type: ignore[arg-type]  # a newer version's
    ],
)
def test_a_step_that_this_version_does_not_know_is_refused(entry: Entry) -> None:
    """Before anything is folded."""
    with pytest.raises(StateDamagedError, match="does not know"):
        decode(written(entry), "j")


# ── drift ───────────────────────────────────────────────────────────────────


def drifted(
    known: RunRecord | None, job: Job | None, wish: RunSpec | None = RUNS
) -> list[tuple[object, ...]]:
    """What is said of a job that is seen to do that."""
    spec = a_spec("t", run=wish)
    record = a_record(spec, run=known)
    body = spec.body if job is None else with_job(spec.body, job)
    drifts = find_drift(a_state(records={"t": record}), {record.task_id: body}, {T: spec})
    return [(field.path, field.before, field.after) for one in drifts.found for field in one.fields]


STATE = ("run", "state")


@pytest.mark.parametrize(
    ("known", "job", "wish", "said"),
    [
        (RUNNING, Job.STOPPED, RUNS, [(STATE, "running", "stopped")]),
        (RUNNING, Job.FAILED, RUNS, [(STATE, "running", "failed")]),
        (RUNNING, Job.RUNNING, RUNS, []),
        (RUNNING, Job.MOVING, RUNS, []),
        (RUNNING, Job.UNKNOWN, RUNS, []),
        (RUNNING, None, RUNS, []),
        (RUNNING, Job.STOPPED, None, []),
        (RUNNING, Job.STOPPED, RunSpec(state=RunState.SUBMITTED), []),
        (RUNNING, Job.STOPPED, RunSpec(state=RunState.DRAFT), []),
        (replace(RUNNING, job=Job.UNKNOWN), Job.STOPPED, RUNS, []),
        (replace(RUNNING, step=Step.STOP), Job.STOPPED, RUNS, []),
        (replace(RUNNING, approval="a"), Job.STOPPED, RUNS, []),
        (None, Job.STOPPED, RUNS, []),
    ],
)
def test_a_job_that_does_something_else_is_drift_where_somebody_asked_for_it(
    known: RunRecord | None, job: Job | None, wish: RunSpec | None, said: list[tuple[object, ...]]
) -> None:
    """And where it is clear what it did and does."""
    assert drifted(known, job, wish) == said


def test_what_is_observed_of_a_job_is_taken_over() -> None:
    """What is not clear, or under way, changes nothing."""
    record: TaskRecord = a_record(a_spec("t"), run=RUNNING)
    assert as_observed(record, with_job(record.spec, Job.STOPPED)).run == replace(RUNNING, job=Job.STOPPED)
    for job in (Job.RUNNING, Job.MOVING, Job.UNKNOWN):
        assert as_observed(record, with_job(record.spec, job)) is record
    assert as_observed(record, record.spec) is record
    pending = replace(record, run=replace(RUNNING, step=Step.STOP))
    assert as_observed(pending, with_job(record.spec, Job.STOPPED)) is pending
    bare = a_record(a_spec("t"))
    assert as_observed(bare, with_job(record.spec, Job.STOPPED)) is bare


def test_a_plan_may_begin_with_another_job_than_is_recorded() -> None:
    """A refreshed one does."""
    spec = a_spec("t", run=RUNS)
    record = a_record(spec, run=RUNNING)
    body = with_job(spec.body, Job.STOPPED)
    assert job_drift(record, body, spec, before=Job.STOPPED) == ()
    assert job_drift(record, body, spec, before=Job.UNKNOWN) == ()
