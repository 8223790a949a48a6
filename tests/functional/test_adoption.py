"""Tasks that exist become tasks of this project, and nothing is sent for it."""

import json
from collections.abc import Iterator

import pytest

from projects import Project, task_manifest
from provisioner.core.address import Address
from provisioner.core.marker import marker_for
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer

PROJECT_ID = "17865298918277529"


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    """An emulator outside the program's own process."""
    with EmulatorServer(switches={"calls_per_second": 0}) as server:
        yield server


@pytest.fixture
def remote(project: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project without manifests whose endpoint is that emulator."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
    monkeypatch.setenv("PROVISIONER_ENDPOINT", emulator.url)
    monkeypatch.setenv("PROVISIONER_RATE_PER_SECOND", "1000")
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    return project


def _made(emulator: EmulatorServer, name: str, *, project_id: str = PROJECT_ID, **info: object) -> str:
    """A task that somebody made in the console; returns its TaskId."""
    body = {
        "TaskName": name,
        "Description": "x",
        "SyncType": 2,
        "TaskType": 201,
        "Config": [{"Name": "concurrency", "Value": "1"}, {"Name": "other", "Value": "[]"}],
        **info,
    }
    reply = emulator.service.perform("CreateIntegrationTask", {"ProjectId": project_id, "TaskInfo": body})
    return str(reply["TaskId"])


def _calls(emulator: EmulatorServer) -> list[dict[str, object]]:
    return [dict(task) for task in emulator.service.tasks()]


# ── import ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("task_type", [201, 202])
def test_a_task_that_is_as_its_manifest_says_needs_nothing(
    remote: Project, emulator: EmulatorServer, task_type: int
) -> None:
    """The next plan is empty, with and without a look; nothing was sent."""
    task_id = _made(emulator, "second", TaskType=task_type)
    remote.write("manifests/second.yaml", task_manifest("second", task_type=task_type))
    before = _calls(emulator)
    ran = remote.run("import", "second", task_id)
    assert ran.code == 0, ran.err
    assert ran.out == f"Recorded: second is second [id={task_id}].\nIt is as the manifest says.\n"
    assert "writes the ownership marker; until then" in ran.err
    assert _calls(emulator) == before
    for flags in ([], ["--refresh"]):
        assert remote.run("plan", *flags).out.startswith("No changes.")


def test_what_differs_is_left_to_the_next_plan(remote: Project, emulator: EmulatorServer) -> None:
    """Only that, and the change writes the marker."""
    task_id = _made(emulator, "second", SyncType=1)
    remote.write("manifests/second.yaml", task_manifest("second", description="mine"))
    ran = remote.run("import", "second", task_id)
    assert "2 fields not as the manifest says; see: provisioner plan\n" in ran.out
    planned = remote.run("plan").out
    assert '~ Description = "x" -> "mine"' in planned
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned
    assert remote.run("apply", "-auto-approve").code == 0
    (task,) = emulator.service.tasks()
    assert str(task["Description"]).startswith("mine [provisioner ")
    assert remote.run("plan", "--refresh").out.startswith("No changes.")


def test_a_task_of_another_project_is_imported_from_there(remote: Project, emulator: EmulatorServer) -> None:
    """--project-id says where it is."""
    task_id = _made(emulator, "second", project_id="2")
    remote.write("manifests/second.yaml", task_manifest("second"))
    assert remote.run("import", "second", task_id).code == 1
    assert remote.run("import", "second", task_id, "--project-id=2").code == 0
    state = json.loads((remote.root / "provisioner.state.json").read_text())
    assert state["tasks"]["second"]["project_id"] == "2"


def test_whose_task_it_was_is_said(remote: Project, emulator: EmulatorServer) -> None:
    """Another project's, another address's; nothing where it is this one's, or without markers."""
    stack = next(
        line.split('"')[1]
        for line in (remote.root / "provisioner.yaml").read_text().splitlines()
        if "stack" in line
    )
    markers = {
        "another project": marker_for("0" * 16, Address("a"), "1" * 16),
        "another address": marker_for(stack, Address("nobody"), "1" * 16),
        "": marker_for(stack, Address("own"), "1" * 16),
    }
    for (said, marker), name in zip(markers.items(), ("a", "b", "own"), strict=True):
        remote.write(f"manifests/{name}.yaml", task_manifest(name))
        ran = remote.run("import", name, _made(emulator, name, Description=f"x {marker}"))
        assert ran.code == 0
        assert ran.err == "" if not said else said in ran.err
    remote.write("manifests/c.yaml", task_manifest("c"))
    assert remote.run("import", "c", _made(emulator, "c"), "--marker=none").err == ""


def test_what_cannot_be_imported_changes_nothing(remote: Project, emulator: EmulatorServer) -> None:
    """No manifest, no such task, taken."""
    task_id = _made(emulator, "second")
    remote.write("manifests/second.yaml", task_manifest("second"))
    remote.write("manifests/third.yaml", task_manifest("third"))
    for arguments, expected in (
        (["secnd", task_id], 'No manifest has the address "secnd" (did you mean "second"?)'),
        (["second", "nope"], "There is no such task."),
    ):
        ran = remote.run("import", *arguments)
        assert (ran.code, expected in ran.err) == (1, True), ran.err
        assert not (remote.root / "provisioner.state.json").exists()
    assert remote.run("import", "second", task_id).code == 0
    for arguments, expected in (
        (["second", task_id], '"second" has its task already'),
        (["third", task_id], 'The task is that of "second"'),
    ):
        ran = remote.run("import", *arguments)
        assert (ran.code, expected in ran.err) == (1, True), ran.err
