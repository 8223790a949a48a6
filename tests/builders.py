"""Values for tests: valid by default, changed by keyword."""

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.core.address import Address, TaskId
from provisioner.core.body.normalize import Remarks, compared, normal_task, sent
from provisioner.core.jobs.job import RunSpec
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import Removal, TaskSpec, collect, spec_digest, task_type_of
from provisioner.core.plan.moves import names_of
from provisioner.core.plan.plan import Origin, Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.source import Source
from provisioner.core.state.state import Attempt, State, TaskRecord, WriteKind

PROJECT = "17865298918277529"
STACK = "0011223344556677"
SECRET = "hunter2-correct-horse"


def columns(count: int, first: int = 101) -> list[dict[str, Any]]:
    """Columns as a manifest has them."""
    names = ("id", "customer_id", "amount", "created_at")
    return [
        {
            "Id": str(first + i),
            "Name": names[i] if i < 4 else f"column_{i}",
            "Type": "bigint" if i % 2 else "string",
        }
        for i in range(count)
    ]


def task_info(**fields: Any) -> dict[str, Any]:
    """A TaskInfo as somebody may write it; a field given as None is left out."""
    info: dict[str, Any] = {
        "Description": "Orders, as they happen, into the data lake",
        "SyncType": 2,
        "TaskType": 201,
        "TaskMode": "1",
        "Config": {"concurrency": 1, "checkpointInterval": 60},
        "Nodes": [
            a_node("orders_mysql", "INPUT", "MYSQL", Id="1", Config={"Database": "shop", "Table": "orders"}),
            a_node("orders_lake", "OUTPUT", "DLC", Id="2", first=201),
        ],
        "Mappings": [
            {
                "SourceId": "1",
                "SinkId": "2",
                "SchemaMappings": [{"SourceSchemaId": "101", "SinkSchemaId": "201"}],
            }
        ],
    }
    return {name: value for name, value in {**info, **fields}.items() if value is not None}


def a_node(
    name: str, kind: str, source: str, *, first: int = 101, width: int = 3, **fields: Any
) -> dict[str, Any]:
    """A reader or a writer."""
    return {
        "Name": name,
        "NodeType": kind,
        "DataSourceType": source,
        "DatasourceId": "65614",
        "Schema": columns(width, first),
        **fields,
    }


def a_spec(
    name: str = "orders-to-lake",
    info: Mapping[str, Any] | None = None,
    *,
    source: Source | None = None,
    project_id: str = PROJECT,
    prevent_destroy: bool = False,
    ignore_changes: Iterable[str] = (),
    run: RunSpec | None = None,
    moved_from: Iterable[str] = (),
    **fields: Any,
) -> TaskSpec:
    """One task as asked for; ``fields`` are put over the body of ``task_info``."""
    written = task_info(**{"TaskName": name, **fields}) if info is None else info
    normal = normal_task(written, Remarks())
    body = compared(normal)
    return TaskSpec(
        address=Address(name),
        source=source or Source(f"manifests/{name}.yaml", 1, 1),
        project_id=project_id,
        task_type=task_type_of(body),
        body=body,
        create_body=sent(normal),
        digest=spec_digest(project_id, body),
        prevent_destroy=prevent_destroy,
        ignore_changes=tuple(ignore_changes),
        run=run,
        moved_from=tuple(map(Address, moved_from)),
    )


def a_record(spec: TaskSpec | None = None, /, **fields: Any) -> TaskRecord:
    """The record of a spec that was applied."""
    spec = spec or a_spec()
    known: dict[str, Any] = {
        "project_id": spec.project_id,
        "task_id": TaskId(f"id-of-{spec.address}"),
        "task_type": spec.task_type,
        "spec": spec.body,
        "digest": spec.digest,
        "request_id": "9b1f4a52-0000-4000-8000-000000000001",
        "applied_at": "2026-01-02T03:04:05Z",
        "protected": spec.prevent_destroy,
        "attempt": "00112233445566778899",
    }
    return TaskRecord(**{**known, **fields})


def an_attempt(spec: TaskSpec | None = None, /, kind: WriteKind = WriteKind.CREATE, **fields: Any) -> Attempt:
    """A write that was sent and not answered."""
    spec = spec or a_spec()
    known: dict[str, Any] = {
        "address": spec.address,
        "kind": kind,
        "attempt": "ffeeddccbbaa99887766",
        "project_id": spec.project_id,
        "task_type": spec.task_type,
        "task_id": None if kind is WriteKind.CREATE else TaskId(f"id-of-{spec.address}"),
        "spec": spec.body,
        "digest": spec.digest,
        "protected": False,
        "timestamp": 1_767_323_045,
        "payload_digest": "0" * 64,
    }
    return Attempt(**{**known, **fields})


def a_state(
    *applied: TaskSpec, records: Mapping[str, TaskRecord] | None = None, attempts: Iterable[Attempt] = ()
) -> State:
    """A state in which these specs were applied; ``records`` come on top, by address."""
    tasks = {spec.address: a_record(spec) for spec in applied}
    tasks.update({Address(name): record for name, record in (records or {}).items()})
    return State(
        lineage="5f0c8a9b7d6e4f3a2b1c0d9e8f7a6b5c",
        stack=STACK,
        serial=7,
        seq=21,
        tasks=tasks,
        open={attempt.address: attempt for attempt in attempts},
    )


def an_origin(**fields: Any) -> Origin:
    """What a plan was worked out from."""
    known: dict[str, Any] = {
        "tool_version": "1.2.3",
        "stack": STACK,
        "lineage": "5f0c8a9b7d6e4f3a2b1c0d9e8f7a6b5c",
        "serial": 7,
        "endpoint": "wedata.example.com",
        "region": "ap-singapore",
        "environment": "",
    }
    return Origin(**{**known, **fields})


def a_removal(name: str, *, destroy: bool = False) -> Removal:
    """A manifest that says that a task is not managed any more."""
    return Removal(address=Address(name), source=Source(f"manifests/{name}.yaml", 1, 1), destroy=destroy)


def a_plan(
    *desired: TaskSpec, state: State | None = None, removals: Iterable[Removal] = (), **origin: Any
) -> Plan:
    """The plan of these specs against a state, an empty one by default."""
    wanted, _ = collect(desired)
    names = names_of(desired, {one.address: one for one in removals}, use_marker=True)
    asked = {} if origin.get("destroy") else wanted
    return make_plan(asked, a_state() if state is None else state, an_origin(**origin), names=names)


def body(**fields: Any) -> JSONObject:
    """A canonical body."""
    return compared(normal_task(task_info(**fields), Remarks()))


def texts_everywhere(text: str) -> Plan:
    """A plan with the text in every place that somebody outside decides."""
    name = text.encode("utf-8", "replace").decode() or "n"
    text = text.encode("utf-8", "replace").decode()
    reader = a_node(name, "INPUT", text, Config={name: text, "password": SECRET}, Description=text)
    more = {**reader, "Config": {"q": f"{text}\n{'x' * 90}"}, "Schema": columns(12)}
    place = Source(f"{name}.yaml", 3, 1)
    old = [a_spec("changed", Nodes=[reader], Description=text), a_spec("gone", TaskName=text)]
    new = [
        a_spec("changed", Nodes=[more], Description=f"{text}\n{text[::-1]}", source=place),
        a_spec(
            "new", Description=text * 9, Config={"secret": SECRET, name: text}, project_id=text, source=place
        ),
    ]
    return a_plan(*new, state=a_state(*old), environment=text, endpoint=text)
