"""Tasks that exist become tasks of this project, and nothing is sent for it."""

import json

import pytest

from projects import Project, task_manifest
from provisioner.core.address import Address
from provisioner.core.marker import marker_for
from provisioner.emulator.server import EmulatorServer

PROJECT_ID = "17865298918277529"


@pytest.fixture
def remote(remote: Project) -> Project:
    """A project without manifests whose endpoint is the emulator."""
    (remote.root / "manifests" / "orders-to-lake.yaml").unlink()
    return remote


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


@pytest.mark.parametrize("code", ["FailedOperation", "InvalidParameter", "ResourceNotFound"])
def test_however_a_task_of_another_type_is_not_found(
    remote: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """The type is not said: an offline task is found all the same, and what is nowhere is nowhere."""
    monkeypatch.setattr("provisioner.commands.support.workers.SystemClock.sleep", lambda *_: None)
    emulator.switches.set({"not_found": code})
    task_id = _made(emulator, "second", TaskType=202)
    remote.write("manifests/second.yaml", task_manifest("second", task_type=202))
    ran = remote.run("import", "second", "nowhere")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "Error: There is no such task.")
    assert remote.run("import", "second", task_id).code == 0


# ── export ──────────────────────────────────────────────────────────────────

NODES = [
    {
        "Id": "1",
        "Name": "in",
        "NodeType": "INPUT",
        "Config": [{"Name": "Table", "Value": "orders"}, {"Name": "list", "Value": '["a", "b"]'}],
        "Schema": [{"Id": "11", "Name": "id", "Type": "bigint"}],
    },
    {"Id": "2", "Name": "out", "NodeType": "OUTPUT"},
]
MAPPINGS = [
    {"SourceId": "1", "SinkId": "2", "SchemaMappings": [{"SourceSchemaId": "11", "SinkSchemaId": "21"}]}
]


def _existing(emulator: EmulatorServer, count: int = 12) -> None:
    """A project as people make one: of both types, with odd names and texts, and two of one name."""
    for number in range(count):
        _made(
            emulator,
            f"orders {number % (count - 1)}",
            TaskType=201 + number % 2,
            Nodes=NODES,
            Mappings=MAPPINGS,
        )
    _made(emulator, "订单", Description="line one\nline two: # and more\n", SyncType=1, TaskMode="1")


def _manifests(project: Project) -> dict[str, bytes]:
    return {name: data for name, data in project.files().items() if name.startswith("manifests/")}


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"listed_fields": "plain", "settings_order": "reversed", "json_settings": "reserialised"},
        {"node_ids": "renumber_all", "unset": "null", "task_mode": "empty", "console_settings": "none"},
    ],
    ids=str,
)
def test_a_whole_project_is_exported_and_the_plan_is_empty(
    remote: Project, emulator: EmulatorServer, switches: dict[str, str]
) -> None:
    """Both types, with and without a look; nothing was sent. Once more adds nothing."""
    emulator.switches.set(switches)
    _existing(emulator)
    before = _calls(emulator)
    ran = remote.run("export")
    assert ran.code == 0, ran.out + ran.err
    assert "13 tasks exported, 0 known already.\nThe plan for what was exported is empty.\n" in ran.out
    assert _calls(emulator) == before
    assert {"manifests/orders-0.yaml", "manifests/orders-0-2.yaml"} < set(_manifests(remote))
    assert remote.run("validate").code == 0
    for flags in ([], ["--refresh"]):
        planned = remote.run("plan", *flags)
        assert planned.out.startswith("No changes."), planned.out
    files = _manifests(remote)
    assert remote.run("export").out == "0 tasks exported, 13 known already.\n"
    assert _manifests(remote) == files


def test_what_is_new_is_added_and_nothing_is_written_over(remote: Project, emulator: EmulatorServer) -> None:
    """A file of that name stays as it is; a folder below the manifests takes the new ones."""
    _made(emulator, "first")
    assert remote.run("export").code == 0
    remote.write("manifests/team/second.yaml", task_manifest("mine"))
    _made(emulator, "second")
    before = _manifests(remote)
    ran = remote.run("export", "manifests/team")
    assert ran.code == 0, ran.err
    assert "created  manifests/team/second-2.yaml" in ran.out
    assert {name: data for name, data in _manifests(remote).items() if name in before} == before


def test_an_export_that_was_cut_short_goes_on(remote: Project, emulator: EmulatorServer) -> None:
    """Manifests that were written and not recorded are taken for their tasks, if they say just that."""
    _existing(emulator)
    assert remote.run("export").code == 0
    files = _manifests(remote)
    for name in ("provisioner.state.json", "provisioner.state.journal"):
        (remote.root / name).unlink()
    ran = remote.run("export")
    assert ran.code == 0, ran.out + ran.err
    assert "kept     manifests/task-" in ran.out
    assert set(files) <= set(_manifests(remote))
    assert {name: data for name, data in _manifests(remote).items() if name in files} == files
    assert len(json.loads((remote.root / "provisioner.state.json").read_text())["tasks"]) == 13


def test_what_is_left_is_said_and_why(remote: Project, emulator: EmulatorServer) -> None:
    """Another project's, what defaults add, what cannot be read or written: exit 1."""
    _made(emulator, "theirs", Description=f"x {marker_for('0' * 16, Address('a'), '1' * 16)}")
    _made(emulator, "plain")
    _made(emulator, "half", Description="\ud800")
    _made(emulator, "twice", Nodes=[{"Name": "same"}, {"Name": "same"}])
    settings = remote.root / "provisioner.yaml"
    settings.write_text(settings.read_text() + "defaults: {ExecutorId: '7'}\n")
    ran = remote.run("export")
    assert ran.code == 1
    for line in (
        "1 task exported, 0 known already.\nWhat is left, and why:\n",
        ": it belongs to another project of this tool, as its marker says\n",
        ": its text cannot be written as YAML\n",
        "two items with Name",
        "manifests/plain.yaml: ExecutorId is not as it is there: defaults of provisioner.yaml come on top\n",
        '+ ExecutorId = "7"',
    ):
        assert line in ran.out, ran.out


def test_a_task_that_is_listed_and_cannot_be_read_is_left(remote: Project, emulator: EmulatorServer) -> None:
    """The others are exported."""
    for name in ("a", "b"):
        _made(emulator, name)
    emulator.faults.add("refuse", action="DescribeIntegrationTask", value="UnsupportedOperation")
    ran = remote.run("export", "--parallelism=1")
    assert ran.code == 1
    assert "1 task exported" in ran.out
    assert "UnsupportedOperation" in ran.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["elsewhere"], "Manifests in that folder would not be read.\n  elsewhere: is not below manifests."),
        (["--manifests=provisioner.yaml"], "The manifests are one file."),
    ],
    ids=str,
)
def test_an_export_that_leads_nowhere_is_refused(
    remote: Project, arguments: list[str], expected: str
) -> None:
    """Nothing is asked or written."""
    ran = remote.run("export", *arguments)
    assert (ran.code, expected in ran.err) == (1, True), ran.err


def test_an_export_needs_a_project(remote: Project) -> None:
    """It is in no manifest yet."""
    settings = remote.root / "provisioner.yaml"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("project_id")))
    ran = remote.run("export")
    assert (ran.code, "Name it: --project-id ID" in ran.err) == (1, True)


def test_a_folder_that_cannot_be_written_is_named(remote: Project, emulator: EmulatorServer) -> None:
    """A file stands where it belongs."""
    _made(emulator, "a")
    remote.write("manifests/taken", "")
    ran = remote.run("export", "manifests/taken")
    assert ran.code == 1
    assert "A manifest could not be written.\n  manifests/taken/a.yaml: File exists" in ran.err


def test_what_a_person_should_know_before_the_commit_is_said(
    remote: Project, emulator: EmulatorServer
) -> None:
    """Secrets in files, manifests that nothing was made of yet, and a project that has nothing."""
    assert "Project 17865298918277529 shows no tasks. If that is the wrong one: --project-id ID" in (
        remote.run("export").err
    )
    node = {"Name": "in", "NodeType": "INPUT", "Config": [{"Name": "password", "Value": "hunter2"}]}
    _made(emulator, "with a secret", Nodes=[node])
    _made(emulator, "without")
    remote.write("manifests/example.yaml", task_manifest("example"))
    ran = remote.run("export")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "The plan for what was exported is empty.")
    assert ran.err.splitlines() == [
        (
            "Look before you commit: 1 manifest with a setting that is named as a secret, first "
            "manifests/with-a-secret.yaml"
        ),
        "1 manifest without a task, first manifests/example.yaml: the next apply makes one",
    ]
    assert "hunter2" not in ran.out
