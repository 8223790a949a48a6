"""Realistic manifests, the same for the same seed: what the benchmark reads."""

import os
import random

from provisioner.core.address import TaskId
from provisioner.core.json_types import JSONObject
from provisioner.core.state.state import TaskRecord

STACK = "0011223344556677"

_TYPES = ("bigint", "varchar", "decimal(12,2)", "timestamp", "int", "string", "boolean", "date")
_WORDS = (
    "order",
    "payment",
    "customer",
    "invoice",
    "refund",
    "shipment",
    "session",
    "event",
    "stock",
    "price",
)


def manifest(number: int, chance: random.Random) -> str:
    """One real-time task of about 3 KB: two nodes, ten settings, twelve columns and mappings each."""
    subject = chance.choice(_WORDS)
    name = f"{subject}-{number:06d}"
    columns = [f"{chance.choice(_WORDS)}_{index}" for index in range(12)]
    types = [chance.choice(_TYPES) for _ in columns]
    lines = [
        "kind: IntegrationTask",
        f"name: {name}",
        "TaskInfo:",
        f"  TaskName: {name.replace('-', '_')}",
        f"  Description: Table {subject} number {number}, as it happens",
        "  SyncType: 2",
        "  TaskType: 201",
        '  TaskMode: "1"',
        '  ExecutorId: "20230313175748567418"',
        "  Config:",
        f"    concurrency: {chance.randint(1, 8)}",
        "    checkpointInterval: 60",
        "  Nodes:",
    ]
    for node, (kind, source) in enumerate((("INPUT", "MYSQL"), ("OUTPUT", "DLC")), start=1):
        lines += [
            f'    - Id: "{node}"',
            f"      Name: {subject}_{kind.lower()}",
            f"      NodeType: {kind}",
            f"      DataSourceType: {source}",
            f'      DatasourceId: "{65000 + chance.randint(0, 999)}"',
            "      Config:",
            *(f"        setting{index}: value-{chance.randint(0, 9999)}" for index in range(10)),
            "      Schema:",
            *(
                f'        - {{Id: "{node}{index:02d}", Name: {column}, Type: "{kind_}"}}'
                for index, (column, kind_) in enumerate(zip(columns, types, strict=True))
            ),
        ]
    lines += ["  Mappings:", '    - SourceId: "1"', '      SinkId: "2"', "      SchemaMappings:"]
    lines += [
        f'        - {{SourceSchemaId: "1{index:02d}", SinkSchemaId: "2{index:02d}"}}'
        for index in range(len(columns))
    ]
    return "\n".join(lines) + "\n"


def task_record(name: str) -> TaskRecord:
    """A task of that size, as a state has it."""
    nodes: list[JSONObject] = [
        {
            "Id": node,
            "Name": f"{name}-{node}",
            "Config": {f"setting{index}": f"value-{index}" for index in range(10)},
            "Schema": [
                {"Id": f"{node}{index}", "Name": f"column_{index}", "Type": "bigint"} for index in range(12)
            ],
        }
        for node in ("1", "2")
    ]
    return TaskRecord(
        project_id="17865298918277529",
        task_id=TaskId(f"h9d{name}"),
        task_type=201,
        spec={"TaskName": name, "SyncType": 2, "TaskType": 201, "Nodes": nodes},
        digest="d" * 64,
        request_id="8d6cc27b-0000-4000-8000-000000000000",
        applied_at="2026-11-24T00:00:00Z",
        attempt="0123456789abcdef",
    )


def write_project(folder: str, count: int, *, seed: int = 1, endpoint: str = "embedded") -> None:
    """A project with that many manifests, a hundred a folder."""
    chance = random.Random(seed)
    os.makedirs(os.path.join(folder, "manifests"), exist_ok=True)
    for number in range(count):
        below = os.path.join(folder, "manifests", f"team-{number // 100:04d}")
        os.makedirs(below, exist_ok=True)
        with open(os.path.join(below, f"task-{number:06d}.yaml"), "w", encoding="utf-8") as file:
            file.write(manifest(number, chance))
    with open(os.path.join(folder, "provisioner.yaml"), "w", encoding="utf-8") as file:
        file.write(f"stack: {STACK}\nproject_id: '1'\nregion: ap-singapore\nendpoint: {endpoint}\n")
