"""A project of 300 tasks that somebody made in the console becomes manifests and state, over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from projects import Project, connect
from provisioner.emulator.server import EmulatorServer

PROJECT_ID = "17865298918277529"
TASKS = 300

SERVICES: dict[str, dict[str, Any]] = {
    "as it is known": {},
    "as it may be": {
        "listed_fields": "plain",
        "max_page_size": 10,
        "not_found": "FailedOperation",
        "node_ids": "renumber",
        "settings_order": "reversed",
        "json_settings": "reserialised",
        "unset": "null",
    },
    "on the China site": {
        "site": "china",
        "console_settings": "none",
        "task_mode": "empty",
        "modify": "merge",
    },
}
"""What the service is like."""

NAMES = (
    "orders_to_lake",
    "Orders_To_Lake",  # the same file on some disks
    "orders to lake",
    "../../etc/passwd",
    "a/b\\c",
    ".hidden",
    "-rf",
    "日志同步",
    "日志同步 2",
    "größe: ja, 'so' \"so\" #1",
    "CON",
    "null",
    "0123",
    "x" * 300,
    "x" * 300 + "y",
    "twice",
    "twice",
    " ",
    "tab\there",
    "\x1b[31mred",
    "{{ jinja }}",
)


@pytest.fixture(params=list(SERVICES.values()), ids=list(SERVICES))
def emulator(request: pytest.FixtureRequest) -> Iterator[EmulatorServer]:
    """An emulator with 300 tasks, half a year of a team's work in the console."""
    with EmulatorServer(switches={"calls_per_second": 0, **request.param}) as server:
        for number in range(TASKS):
            _made(server, number)
        yield server


@pytest.fixture
def project(project: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A fresh folder as ``init`` makes it, its endpoint that emulator."""
    connect(monkeypatch, emulator)
    monkeypatch.setenv("PROVISIONER_LIST_LAG_SECONDS", "0")
    # Waits between tries are not what is tested.
    monkeypatch.setattr("provisioner.commands.support.workers.SystemClock.sleep", lambda *_: None)
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    return project


def _made(server: EmulatorServer, number: int) -> None:
    name = NAMES[number] if number < len(NAMES) else f"task {number}"
    is_offline = number % 3 == 0
    info: dict[str, Any] = {
        "TaskName": name,
        "Description": None if number % 5 == 0 else f'Number {number}\nof {TASKS}: ünïcode, "quotes"\t#',
        "SyncType": 1 + number % 2,
        "TaskType": 202 if is_offline else 201,
        "TaskMode": str(number % 2),
        "ExecutorId": "20230313175748567418",
        "Config": [
            {"Name": "concurrency", "Value": str(number)},
            {"Name": "rules", "Value": '{"b": [1, 2.50], "a": null}'},
            {"Name": "empty", "Value": ""},
            {"Name": "unset", "Value": None},
            {"Name": "yes", "Value": "no"},
        ],
        "Nodes": [
            _node("in", "INPUT", number, "1"),
            _node("out", "OUTPUT", number, "2"),
        ][: number % 3],
        "Incharge": "somebody",
        "CreatorUin": "1",
    }
    if number % 3 == 2:
        pairs = [
            {"SourceSchemaId": "11", "SinkSchemaId": "21"},
            {"SourceSchemaId": "12", "SinkSchemaId": "22"},
        ]
        info["Mappings"] = [{"SourceId": "1", "SinkId": "2", "SchemaMappings": pairs}]
    if is_offline:
        info["OfflineTaskAddEntity"] = {
            "CycleType": 3,
            "CycleStep": 1,
            "StartTime": "2026-01-01 00:00:00",
            "Retriable": 0,
        }
    server.service.perform("CreateIntegrationTask", {"ProjectId": PROJECT_ID, "TaskInfo": info})


def _node(name: str, kind: str, number: int, node_id: str) -> dict[str, Any]:
    return {
        "Name": f"{name} → {number}",
        "Id": node_id,
        "NodeType": kind,
        "DataSourceType": "MYSQL",
        "DatasourceId": "65614",
        "Config": [
            {"Name": "SiblingNodes", "Value": "[]"},
            {"Name": "where", "Value": "a = 'x'\n  and b > 1"},
        ],
        "Schema": [
            {"Id": f"{node_id}{column}", "Name": f"column_{column}", "Type": "decimal(10,2)", "Comment": None}
            for column in range(1, 4)
        ],
    }


def _manifests(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(project.root / "manifests").iterdir()}


def test_a_whole_project_is_exported_and_nothing_is_left_to_do(
    project: Project, emulator: EmulatorServer
) -> None:
    """The manifests are valid, the plan is empty with and without a look, and drift finds nothing."""
    before = emulator.service.tasks()
    ran = project.run("export")
    assert ran.code == 0, ran.out + ran.err
    assert ran.out.endswith(
        f"{TASKS} tasks exported, 0 known already.\nThe plan for what was exported is empty.\n"
    )
    assert "\x1b" not in ran.out
    assert emulator.service.tasks() == before
    files = _manifests(project)
    assert len(files) == len({name.casefold() for name in files}) == TASKS
    validated = project.run("validate")
    assert (validated.code, validated.out) == (0, f"Success! {TASKS} tasks in {TASKS} files.\n")
    for flags in ([], ["--refresh"]):
        planned = project.run("plan", "--detailed-exitcode", *flags)
        assert (planned.code, planned.out[:11]) == (0, "No changes."), planned.out
    drifted = project.run("drift", "--detailed-exitcode")
    assert (drifted.code, drifted.out[:9]) == (0, "No drift."), drifted.out

    # Again: nothing is written over, and only what is new is added.
    assert project.run("export").out.endswith(f"0 tasks exported, {TASKS} known already.\n")
    assert _manifests(project) == files
    _made(emulator, TASKS)
    _made(emulator, 15)  # a third of the same name
    again = project.run("export")
    assert (again.code, again.out.splitlines()[-2]) == (0, f"2 tasks exported, {TASKS} known already.")
    after = _manifests(project)
    assert {name: text for name, text in after.items() if name in files} == files
    assert sorted(after.keys() - files.keys()) == [f"task-{TASKS}.yaml", "twice-3.yaml"]
    assert project.run("plan", "--detailed-exitcode").code == 0

    # From here on it is a project like any other: one edit in git is one change.
    path = project.root / "manifests" / "twice-2.yaml"
    path.write_text(path.read_text().replace("concurrency: ", "concurrency: 9"))
    document = json.loads(project.run("plan", "--json").out)
    assert [one["address"] for one in document["resource_changes"]] == ["twice-2"]
    assert project.run("apply", "-auto-approve").code == 0
    assert project.run("drift", "--detailed-exitcode").code == 0
