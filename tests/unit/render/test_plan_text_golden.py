"""Plans that show every form a plan can take, each kept as text and as JSON to be reviewed like code."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from builders import a_node, a_plan, a_record, a_removal, a_spec, a_state, an_attempt, an_origin, columns
from projects import REPOSITORY
from provisioner.core.address import TaskId
from provisioner.core.documents.plan_document import encode, to_document
from provisioner.core.documents.plan_reader import decode
from provisioner.core.documents.plan_schema import plan_schema
from provisioner.core.jobs.job import Job, OnChange, RunRecord, RunSpec, RunState, Step
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import collect
from provisioner.core.plan.plan import Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.source import Source
from provisioner.core.state.state import WriteKind
from provisioner.render.plan_markdown import render_markdown
from provisioner.render.plan_text import render_plan

GOLDEN = REPOSITORY / "tests" / "golden" / "plan"

_SQL = "select id,\n       amount,\n       created_at\nfrom orders\nwhere amount > 0\n  and paid\norder by id\nlimit 10"


def nothing_to_do() -> Plan:
    """Every task is as its manifest says."""
    specs = [a_spec("customers-to-hive", TaskType=202), a_spec()]
    return a_plan(*specs, state=a_state(*specs))


def create_one() -> Plan:
    """A new task with a wide table, a secret, settings with odd names, and columns with settings."""
    wide = a_node("orders_mysql", "INPUT", "MYSQL", Id="1", width=40)
    wide["Config"] = {"password": "hunter2", "odd name": "a=b", "Where": "x > 1\nand y < 2"}
    narrow = a_node("orders_lake", "OUTPUT", "DLC", Id="2", first=201)
    narrow["Schema"][0]["Properties"] = {"nullable": "false"}
    tags = [{"Key": "team", "Value": "data"}]
    return a_plan(a_spec(Nodes=[wide, narrow], TagList=tags, ExecuteContext={"text": "x" * 500}))


def each_action() -> Plan:
    """One create, one update in place, one replacement, one delete, and one that stays."""
    old = {name: a_spec(name) for name in ("customers", "gone", "orders", "stays")}
    desired = [
        a_spec("customers", TaskType=202),
        a_spec("invoices"),
        a_spec("orders", Config={"concurrency": 4, "checkpointInterval": 60, "password": "hunter2"}),
        old["stays"],
    ]
    return a_plan(*desired, state=a_state(*old.values()), environment="prod")


def update_deep() -> Plan:
    """Changes at every depth: nodes, settings, columns, their order, long texts, secrets."""
    reader = a_node("orders_mysql", "INPUT", "MYSQL", Id="1", Config={"Database": "shop", "Table": "orders"})
    reader["Config"] |= {"Query": _SQL, "password": "hunter2", "access_key": "old"}
    before = a_spec(Nodes=[reader, a_node("orders_lake", "OUTPUT", "DLC", Id="2", first=201)])
    changed = a_node(
        "orders_mysql", "INPUT", "MYSQL", Id="1", Config={"Database": "shop2", "Table": "orders"}
    )
    changed["Config"] |= {"Query": _SQL.replace("amount > 0", "amount > 1"), "password": "correct horse"}
    changed["Schema"] = [*reversed(columns(2)), {"Id": "109", "Name": "note", "Type": "string"}]
    changed["Schema"][0]["Type"] = "int"
    after = a_spec(
        Nodes=[changed, a_node("payment_tokens", "OUTPUT", "HIVE", Id="2", first=201)],
        Description="Orders and whatever belongs to them, as they happen, into the data lake of the company, by night",
        WorkflowId="w-1",
        SyncType=None,
    )
    return a_plan(after, state=a_state(before))


def renamed() -> Plan:
    """Two nodes with new names, one of them with a secret in it, and one that only changes."""
    lake, hive = (
        a_node("lake", "OUTPUT", "DLC", Id="2"),
        a_node("hive", "OUTPUT", "HIVE", Id="3", Config={"password": "hunter2"}),
    )
    before = a_spec(Nodes=[a_node("source", "INPUT", "MYSQL", Id="1"), hive, lake])
    source = a_node("source", "INPUT", "ORACLE", Id="1")
    after = a_spec(Nodes=[source, {**hive, "Name": "a_hive"}, {**lake, "Name": "a_lake"}])
    return a_plan(after, state=a_state(before))


def same_change() -> Plan:
    """The same change of many tasks, one that differs, and creates that differ only in their names."""
    names = [f"table-{number:02d}-to-lake" for number in range(60)]
    old = [a_spec(name) for name in names]
    new = [a_spec(name, Config={"concurrency": 2, "checkpointInterval": 60}) for name in names[:-1]]
    new.append(a_spec(names[-1], Config={"concurrency": 3, "checkpointInterval": 60}))
    made = [
        a_spec(f"fresh-{word}", Description=f"of fresh-{word}") for word in ("apples", "bread", "carrots")
    ]
    return a_plan(*new, *made, state=a_state(*old))


def many_creates() -> Plan:
    """More new tasks than anybody wants to read as blocks, from two folders."""
    kinds = ("MYSQL", "POSTGRE", "ORACLE")
    specs = []
    for number in range(24):
        nodes = [
            a_node("in", "INPUT", kinds[number % 3], Id="1", width=number + 1),
            a_node("out", "OUTPUT", "DLC", Id="2"),
            a_node("copy", "OUTPUT", "COS", Id="3"),
        ]
        folder = "manifests/sales" if number % 2 else "manifests"
        place = Source(f"{folder}/task-{number}.yaml", 1 + number, 1)
        kind = 201 if number % 4 else 202
        specs.append(a_spec(f"task-{number}", Nodes=nodes[: 2 + number % 2], TaskType=kind, source=place))
    return a_plan(*specs)


def refreshed() -> Plan:
    """Changed in the console, gone and wanted (two that are alike), gone and not wanted."""
    old = [a_spec(name) for name in ("changed", "gone-apples", "gone-bread", "unwanted")]
    live: dict[str, JSONObject | None] = {spec.address: None for spec in old}
    live["changed"] = {**old[0].body, "Description": "theirs"}
    observed = {TaskId(f"id-of-{name}"): body for name, body in live.items()}
    wanted, _ = collect(old[:3])
    return make_plan(wanted, a_state(*old), an_origin(refreshed=True), observed)


def looks_renamed() -> Plan:
    """One task with another address, and nothing else about it."""
    return a_plan(a_spec("orders-to-lake-v2"), state=a_state(a_spec()))


def nothing_to_refresh() -> Plan:
    """Every task is there as its manifest says."""
    spec = a_spec()
    return make_plan({spec.address: spec}, a_state(spec), an_origin(refreshed=True), {})


def many_deletes() -> Plan:
    """Destroy of a large state."""
    return a_plan(
        state=a_state(*(a_spec(f"task-{number:02d}", Nodes=None) for number in range(22))), destroy=True
    )


def unsettled() -> Plan:
    """Creates and writes that were never answered, and a task that was adopted unseen."""
    fresh, lost, seen = a_spec("fresh"), a_spec("lost"), a_spec("seen")
    records = {"lost": a_record(lost), "seen": a_record(seen, spec={}, digest="")}
    attempts = [an_attempt(fresh), an_attempt(lost, WriteKind.UPDATE)]
    return a_plan(fresh, lost, seen, state=a_state(records=records, attempts=attempts))


def only_unsettled() -> Plan:
    """Nothing to change, but something to find out; only one task was asked for."""
    return a_plan(state=a_state(attempts=[an_attempt()]), targets=("orders-to-lake",))


def moved() -> Plan:
    """Another project, which takes a new task."""
    return a_plan(a_spec(project_id="2"), state=a_state(a_spec()))


def addresses() -> Plan:
    """Renamed, renamed and changed, renamed while a write is open; forgotten, and deleted as a manifest says."""
    old = [a_spec(name, TaskName="t") for name in ("old-1", "old-2", "left", "ends", "unsure")]
    return a_plan(
        a_spec("new-1", TaskName="t", moved_from=["older", "old-1"]),
        a_spec("new-2", moved_from=["old-2"], Description="another"),
        a_spec("sure", moved_from=["unsure"]),
        state=a_state(*old, attempts=[an_attempt(old[-1], WriteKind.UPDATE)]),
        removals=[a_removal("left"), a_removal("ends", destroy=True)],
    )


def risks() -> Plan:
    """What changes where a task reads, what cannot be cleared, what is left to others."""
    out = a_node("out", "OUTPUT", "DLC", Id="2")
    names = ("reads-elsewhere", "writes-elsewhere", "cleared", "described")
    nodes = [a_node("in", "INPUT", "MYSQL", Id="1"), out]
    old = [a_spec(name, Nodes=nodes) for name in names]
    return a_plan(
        a_spec(names[0], Nodes=[{**nodes[0], "DatasourceId": "9"}, out]),
        a_spec(names[1], Nodes=[nodes[0], {**out, "DatasourceId": "9"}]),
        a_spec(names[2], Nodes=nodes, SyncType=None),
        a_spec(
            names[3],
            Nodes=nodes,
            Description="theirs",
            Incharge="me",
            Config={"concurrency": 1},
            ignore_changes=["Config", "Description", "Incharge"],
            TagList=[{"Key": "team", "Value": "data"}],
        ),
        state=a_state(*old),
    )


def jobs() -> Plan:
    """Everything that can become of a job: new, changed, lost, not known, pending, waiting, no draft, only to be submitted, and
    of a task that goes while its job runs."""

    def wish(state: str, on_change: str = "keep_state", start: int | None = None) -> RunSpec:
        return RunSpec(state=RunState(state), on_change=OnChange(on_change), start_from=start)

    runs = RunRecord(job=Job.RUNNING, digest="d", current="d", version=3)
    known: dict[str, RunRecord | None] = {
        "anew": runs,
        "goes-on": runs,
        "no-draft": runs,
        "pauses": runs,
        "pending": RunRecord(job=Job.READY, digest="d", current="d", step=Step.START),
        "stops": runs,
        "suspends": runs,
        "unknown": None,
        "unknown-anew": None,
        "unknown-suspends": None,
        "waits": RunRecord(job=Job.NONE, digest="d", step=Step.SUBMIT_AND_START, approval="a-1"),
    }
    wishes = {
        "anew": wish("running", "discard_state"),
        "goes-on": wish("running"),
        "no-draft": wish("draft"),
        "pauses": wish("running", "restart"),
        "pending": wish("running"),
        "stops": wish("stopped"),
        "suspends": wish("suspended"),
        "unknown": wish("running"),
        "unknown-anew": wish("running", "discard_state"),
        "unknown-suspends": wish("suspended"),
        "waits": wish("running"),
    }
    changed = {"anew", "goes-on", "pauses"}
    old = {name: a_spec(name, Nodes=None, Mappings=None) for name in known}
    records = {
        name: a_record(spec, run=replace(run, digest=spec.digest, current=spec.digest) if run else None)
        for name, spec in old.items()
        for run in (known[name],)
    }
    desired = [
        a_spec(
            name,
            Nodes=None,
            Mappings=None,
            run=wishes[name],
            Description="told better" if name in changed else old[name].body["Description"],
        )
        for name in known
    ]
    new = [
        a_spec("new", Nodes=None, Mappings=None, run=wish("running", start=1_769_817_600_000)),
        a_spec("new-draft", Nodes=None, Mappings=None, run=wish("draft")),
    ]
    goes, behind = (a_spec(name, Nodes=None, Mappings=None) for name in ("goes", "submits"))
    records["goes"] = a_record(goes, run=runs)
    records["submits"] = a_record(behind, run=replace(runs, digest="of another body", current=""))
    desired.append(replace(behind, run=wish("submitted")))
    return a_plan(*desired, *new, state=a_state(records=records))


CASES: dict[str, Callable[[], Plan]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        nothing_to_do,
        create_one,
        each_action,
        update_deep,
        renamed,
        same_change,
        many_creates,
        many_deletes,
        refreshed,
        looks_renamed,
        nothing_to_refresh,
        unsettled,
        only_unsettled,
        moved,
        addresses,
        risks,
        jobs,
    )
}


def _kept(path: Path, text: str) -> None:
    """Compare with the file; rewrite it if that was asked for."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", CASES)
def test_a_plan_reads_as_it_was_reviewed(name: str) -> None:
    """The text, byte for byte."""
    _kept(GOLDEN / name / "plan.txt", render_plan(CASES[name](), colour=False))


@pytest.mark.parametrize("name", CASES)
def test_a_comment_is_as_it_was_reviewed(name: str) -> None:
    """The Markdown, byte for byte."""
    _kept(GOLDEN / name / "plan.md", render_markdown(CASES[name]()))


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_as_it_was_reviewed(name: str) -> None:
    """The JSON document, byte for byte."""
    _kept(GOLDEN / name / "plan.json", encode(CASES[name]()).decode())


@pytest.mark.parametrize("name", ["each-action", "create-one"])
def test_verbose_is_as_it_was_reviewed(name: str) -> None:
    """Nothing cut, nothing counted that is new or goes."""
    _kept(GOLDEN / name / "plan.verbose.txt", render_plan(CASES[name](), colour=False, verbose=True))


def test_colour_is_as_it_was_reviewed() -> None:
    """Terraform's colours."""
    _kept(GOLDEN / "each-action" / "plan.colour.txt", render_plan(CASES["each-action"](), colour=True))


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_what_its_schema_says(name: str) -> None:
    """Every case validates."""
    jsonschema.Draft202012Validator(plan_schema()).validate(to_document(CASES[name]()))


@pytest.mark.parametrize("name", CASES)
def test_a_saved_plan_reads_like_the_plan(name: str) -> None:
    """Where it hides no secrets' names; the text is the same after saving and reading."""
    plan = CASES[name]()
    saved = decode(encode(plan), "tfplan")
    for verbose in (False, True):
        assert render_plan(saved, colour=False, verbose=verbose) == render_plan(
            plan, colour=False, verbose=verbose
        )


def test_the_published_schema_is_current() -> None:
    """``schemas/plan.schema.json`` comes from the code, and is a schema."""
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    _kept(REPOSITORY / "schemas" / "plan.schema.json", text)
