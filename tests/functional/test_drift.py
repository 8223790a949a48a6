"""Somebody changes tasks in the console: it is found, told apart from what git changed, and only told."""

import json

import jsonschema
import pytest

from projects import REPOSITORY, Project, task_manifest
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from provisioner.emulator.switches import SWITCHES


@pytest.fixture
def remote(remote: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with its first task, a second and an offline one applied to the emulator."""
    monkeypatch.setenv("PROVISIONER_LIST_LAG_SECONDS", "0")
    remote.write("manifests/second.yaml", task_manifest("second"))
    remote.write("manifests/nightly.yaml", task_manifest("nightly", task_type=202))
    assert remote.run("apply", "-auto-approve").code == 0
    return remote


def _id_of(emulator: EmulatorServer, name: str) -> str:
    return str(next(task["TaskId"] for task in emulator.service.tasks() if task["TaskName"] == name))


def _edit(emulator: EmulatorServer, name: str, **fields: object) -> None:
    emulator.service.edit(_id_of(emulator, name), fields)


def _setting(value: str) -> list[dict[str, str]]:
    return [{"Name": "concurrency", "Value": value}]


def test_what_nobody_changed_is_no_drift(remote: Project) -> None:
    """Exit 0, whatever is asked for; nothing is written."""
    before = {name: data for name, data in remote.files().items() if not name.startswith(".provisioner")}
    ran = remote.run("drift", "--detailed-exitcode")
    assert (ran.code, ran.out) == (0, "No drift. 3 tasks as last applied.\n")
    after = {name: data for name, data in remote.files().items() if not name.startswith(".provisioner")}
    assert after == before


def test_a_change_in_the_console_is_shown_apart_from_one_in_git(
    remote: Project, emulator: EmulatorServer
) -> None:
    """From what was applied to what is there; what git changed stands below."""
    _edit(emulator, "second", Config=_setting("3"))
    remote.write("manifests/second.yaml", task_manifest("second").replace("concurrency: 1", "concurrency: 2"))
    ran = remote.run("drift", "--detailed-exitcode")
    assert ran.code == 2
    assert "# second was changed in WeData\n  #   manifests/second.yaml:1\n" in ran.out
    assert '~ concurrency = "1" -> "3"' in ran.out
    assert (
        "# You changed in git what somebody changed in the console:\n"
        '  #   Config.concurrency = "1" -> "2"\n' in ran.out
    )
    assert "Drift: 1 changed, 0 gone. 2 tasks as last applied.\n" in ran.out
    assert remote.run("drift").code == 0


def test_a_task_that_is_gone_is_gone(remote: Project, emulator: EmulatorServer) -> None:
    """Of either type; the state keeps its record, because looking changes nothing."""
    for name, action in (("second", "DeleteIntegrationTask"), ("nightly", "DeleteOfflineTask")):
        parameters = {"ProjectId": "17865298918277529", "TaskId": _id_of(emulator, name)}
        emulator.service.perform(action, parameters)
    ran = remote.run("drift")
    assert "# second is gone from WeData" in ran.out
    assert "# nightly is gone from WeData" in ran.out
    assert "Drift: 0 changed, 2 gone. 1 task as last applied." in ran.out
    assert remote.run("state", "list").out == "nightly\norders-to-lake\nsecond\n"


def test_drift_is_said_for_programs(remote: Project, emulator: EmulatorServer) -> None:
    """By a published schema; a target is the only one that is looked at."""
    _edit(emulator, "second", Description="theirs")
    _edit(emulator, "nightly", Description="theirs")
    ran = remote.run("drift", "--json", "--target=second")
    document = json.loads(ran.out)
    jsonschema.validate(document, json.loads((REPOSITORY / "schemas" / "drift.schema.json").read_text()))
    (drift,) = document["drift"]
    (field,) = drift["field_changes"]
    assert (drift["address"], field["label"], field["before"], field["after"]) == (
        "second",
        "Description",
        "x",
        "theirs",
    )
    assert document["summary"] == {"changed": 1, "gone": 0, "as_applied": 0}


def test_what_cannot_be_read_is_no_drift_and_no_success(remote: Project, emulator: EmulatorServer) -> None:
    """A task that is listed and not shown: exit 5, and which one."""
    emulator.service.perform(
        "DeleteIntegrationTask", {"ProjectId": "17865298918277529", "TaskId": _id_of(emulator, "second")}
    )
    ran = remote.run("drift", "--list-lag-seconds=3600")
    assert ran.code == 5
    assert "second: the service does not show it, and it may not be listed yet" in ran.out


# ── plan --refresh, and apply ───────────────────────────────────────────────


def _delete(emulator: EmulatorServer, name: str) -> None:
    parameters = {"ProjectId": "17865298918277529", "TaskId": _id_of(emulator, name)}
    emulator.service.perform("DeleteIntegrationTask", parameters)


def _refused_change(remote: Project, emulator: EmulatorServer) -> str:
    _edit(emulator, "second", Description="theirs")
    remote.write("manifests/second.yaml", task_manifest("second").replace("concurrency: 1", "concurrency: 2"))
    ran = remote.run("apply", "-auto-approve")
    assert ran.code == 4
    return ran.err


def test_apply_does_not_write_over_what_somebody_changed(remote: Project, emulator: EmulatorServer) -> None:
    """Exit 4, the field, and what to type; typed, it shows both changes and makes them."""
    err = _refused_change(remote, emulator)
    assert "Tasks in WeData are not as the plan has them, or cannot be read yet.\n" in err
    assert '  second (manifests/second.yaml:1): Description is "theirs", not "x"\n' in err
    assert "provisioner plan --refresh\n" in err
    planned = remote.run("plan", "--refresh", "--out=saved.plan")
    assert "# (somebody changed it in WeData since it was last applied)" in planned.out
    assert '~ Description = "theirs" -> "x"' in planned.out
    assert '~ concurrency = "1" -> "2"' in planned.out
    assert "Refreshed: every change begins with what is in WeData now." in planned.out
    assert json.loads((remote.root / "saved.plan").read_text())["refreshed"] is True
    applied = remote.run("apply", "saved.plan")
    assert applied.code == 0, applied.err
    assert remote.run("plan").out.startswith("No changes. Your tasks match")
    refreshed = remote.run("plan", "--refresh", "--detailed-exitcode")
    assert (refreshed.code, refreshed.out[:26]) == (0, "No changes. Your tasks in ")


def test_a_saved_refreshed_plan_goes_stale(remote: Project, emulator: EmulatorServer) -> None:
    """Somebody changed the task once more since it was made."""
    _edit(emulator, "second", Description="theirs")
    assert remote.run("plan", "--refresh", "--out=saved.plan").code == 0
    _edit(emulator, "second", Description="theirs again")
    ran = remote.run("apply", "saved.plan")
    assert ran.code == 4
    assert "Saved plan is stale.\n  The manifests or the tasks in WeData changed" in ran.err


def test_gone_tasks_are_created_anew_or_forgotten(remote: Project, emulator: EmulatorServer) -> None:
    """What the plan says is what happens; one task for each address afterwards."""
    _delete(emulator, "second")
    _delete(emulator, "orders-to-lake")
    (remote.root / "manifests" / "orders-to-lake.yaml").unlink()
    planned = remote.run("plan", "--refresh")
    assert "# second is gone from WeData; will be created anew" in planned.out
    assert "# orders-to-lake is gone from WeData; will be forgotten" in planned.out
    applied = remote.run("apply", "--refresh", "-auto-approve")
    assert applied.code == 0, applied.err
    assert sorted(str(task["TaskName"]) for task in emulator.service.tasks()) == ["nightly", "second"]
    assert remote.run("plan", "--refresh").out.startswith("No changes.")


def test_an_update_of_a_gone_task_says_what_to_do(remote: Project, emulator: EmulatorServer) -> None:
    """Exit 4; with --refresh it is created anew."""
    _delete(emulator, "second")
    remote.write("manifests/second.yaml", task_manifest("second", description="new"))
    ran = remote.run("apply", "-auto-approve")
    assert ran.code == 4
    assert "second (manifests/second.yaml:1): it is gone from WeData" in ran.err
    assert remote.run("apply", "--refresh", "-auto-approve").code == 0


def test_a_refreshed_apply_without_a_change_records_what_is_there(
    remote: Project, emulator: EmulatorServer
) -> None:
    """Git follows the console by hand: nothing is sent, and no plan shows it any more."""
    _edit(emulator, "second", Description="theirs")
    remote.write("manifests/second.yaml", task_manifest("second", description="theirs"))
    assert "1 to change" in remote.run("plan").out
    ran = remote.run("apply", "--refresh", "-auto-approve")
    assert (ran.code, ran.out[:11]) == (0, "No changes.")
    assert remote.run("plan").out.startswith("No changes.")
    assert remote.run("drift").out.startswith("No drift.")


def test_a_plan_is_refreshed_whole_or_not_at_all(remote: Project, emulator: EmulatorServer) -> None:
    """A task that nothing can be said of: exit 5."""
    _delete(emulator, "second")
    ran = remote.run("plan", "--refresh", "--list-lag-seconds=3600")
    assert ran.code == 5
    assert "Some tasks could not be looked at.\n  second: the service does not show it" in ran.err


def test_destroy_is_held_to_what_was_seen(remote: Project, emulator: EmulatorServer) -> None:
    """And names its own way on."""
    _edit(emulator, "second", Description="theirs")
    ran = remote.run("destroy", "-auto-approve")
    assert ran.code == 4
    assert "provisioner plan --destroy --refresh\n" in ran.err
    assert remote.run("destroy", "--refresh", "-auto-approve").code == 0
    assert emulator.service.tasks() == []


# ── drift --accept ──────────────────────────────────────────────────────────

COMMENTED = """\
# Orders.
kind: IntegrationTask
name: second  # for life
TaskInfo:
  # in words
  Description: >-
    x
  SyncType: 2
  TaskType: 201
  Config:
    concurrency: 1  # slow is fine
    added: 1
  Nodes:
    - Name: in
      NodeType: INPUT
      Config:
        - {Name: Table, Value: orders}  # as the API writes it
        - {Name: password, Value: hunter2}
    - {Name: out, NodeType: OUTPUT}
"""


@pytest.fixture
def commented(remote: Project, emulator: EmulatorServer) -> Project:
    """The second task with comments and nodes, applied."""
    remote.write("manifests/second.yaml", COMMENTED)
    assert remote.run("apply", "-auto-approve").code == 0
    return remote


def _nodes(emulator: EmulatorServer, **settings: str) -> list[dict[str, object]]:
    task = next(task for task in emulator.service.tasks() if task["TaskName"] == "second")
    nodes: list[dict[str, object]] = task["Nodes"]
    config = [{"Name": name, "Value": value} for name, value in settings.items()]
    return [{**nodes[0], "Config": config}, *nodes[1:]]


def test_what_was_changed_is_taken_into_the_manifest(commented: Project, emulator: EmulatorServer) -> None:
    """In place; comments, order and style stay. The next plan is empty, with and without a look."""
    nodes = _nodes(emulator, Table="orders_v2", password="hunter2")
    _edit(emulator, "second", Config=_setting("4"), Nodes=nodes, Description="y: z", SyncType=1)
    ran = commented.run("drift", "--accept", "--detailed-exitcode")
    assert ran.code == 0, ran.out
    assert "manifests/second.yaml:11:18: Config.concurrency is as in WeData now.\n" in ran.out
    assert ran.out.endswith("5 fields accepted, 0 left.\n")
    expected = (
        COMMENTED.replace("concurrency: 1", "concurrency: 4")
        .replace("added: 1", "added: null")
        .replace(">-\n    x", "|-\n    y: z")
        .replace("Value: orders}", "Value: orders_v2}")
        .replace("SyncType: 2", "SyncType: 1")
    )
    assert (commented.root / "manifests" / "second.yaml").read_text() == expected
    for flags in ([], ["--refresh"]):
        assert commented.run("plan", *flags).out.startswith("No changes."), flags
    assert commented.run("drift").out.startswith("No drift.")


def test_what_cannot_be_taken_is_named_and_left(commented: Project, emulator: EmulatorServer) -> None:
    """With its place and why; the next plan shows that and nothing else."""
    nodes = _nodes(emulator, Table="orders", password="other")
    _edit(emulator, "second", Nodes=nodes[:1], Description="theirs", Config=_setting("7"), TaskName="theirs")
    commented.write("manifests/second.yaml", COMMENTED.replace("concurrency: 1", "concurrency: 2"))
    (commented.root / "manifests" / "nightly.yaml").unlink()
    _edit(emulator, "nightly", Description="theirs")
    _delete(emulator, "orders-to-lake")
    ran = commented.run("drift", "--accept", "--detailed-exitcode")
    assert ran.code == 2
    for line in (
        "nightly: TaskInfo is left: no manifest has this address.",
        "manifests/orders-to-lake.yaml:3:1: TaskInfo is left: it is gone from WeData: remove its manifest, or",
        "manifests/second.yaml:2:1: Config.concurrency is left: git changed it too: write what it is to be.",
        'manifests/second.yaml:2:1: Nodes["in"].Config.password is left: it is named as a secret,',
        'manifests/second.yaml:2:1: Nodes["out"] is left: a whole item, or an order, differs',
        "manifests/second.yaml:2:1: TaskName is left: its value is not written here",
        "2 fields accepted, 6 left. What is left is shown by:\n  provisioner plan\n",
    ):
        assert line in ran.out, ran.out
    assert "hunter2" not in ran.out
    planned = commented.run("plan", "--target=second").out
    assert '~ concurrency = "7" -> "2"' in planned
    assert '"theirs" -> "second"' in planned
    assert "Description" not in planned


def test_what_no_manifest_may_say_is_left(commented: Project, emulator: EmulatorServer) -> None:
    """A column without a type is there in the console only; the manifests stay valid."""
    columns = [{"Id": "1", "Name": "id", "Type": "bigint"}]
    text = COMMENTED.replace("NodeType: OUTPUT}", f"NodeType: OUTPUT, Schema: {json.dumps(columns)}}}")
    commented.write("manifests/second.yaml", text)
    assert commented.run("apply", "-auto-approve").code == 0
    task = next(task for task in emulator.service.tasks() if task["TaskName"] == "second")
    bare = [{"Id": "1", "Name": "id"}]
    _edit(emulator, "second", Nodes=[task["Nodes"][0], {**task["Nodes"][1], "Schema": bare}])
    ran = commented.run("drift", "--accept")
    assert 'Nodes["out"].Schema["1"].Type is left: a manifest must have another value there.' in ran.out
    assert commented.run("validate").code == 0
    assert "1 to change" in commented.run("plan").out


def test_accepting_nothing_writes_nothing(remote: Project) -> None:
    """No new version of the state, and no words about what there is to do."""
    path = remote.root / "provisioner.state.json"
    before = path.read_bytes()
    ran = remote.run("drift", "--accept")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "0 fields accepted, 0 left.")
    assert path.read_bytes() == before


def test_only_a_target_is_accepted(remote: Project, emulator: EmulatorServer) -> None:
    """The others stay as they are; for programs what was done is in the document."""
    _edit(emulator, "second", Description="theirs")
    _edit(emulator, "nightly", Description="theirs")
    ran = remote.run("drift", "--accept", "--json", "--target=second")
    document = json.loads(ran.out)
    jsonschema.validate(document, json.loads((REPOSITORY / "schemas" / "drift.schema.json").read_text()))
    place = {"file": "manifests/second.yaml", "line": 4}
    assert document["accepted"] == [{"address": "second", "label": "Description", "source": place}]
    assert document["left"] == []
    assert "Description: x" in (remote.root / "manifests" / "nightly.yaml").read_text()
    assert json.loads(remote.run("drift", "--json").out)["summary"]["changed"] == 1


def test_a_value_that_others_repeat_is_left(remote: Project, emulator: EmulatorServer) -> None:
    """An edit must not reach further than it says."""
    text = task_manifest("second").replace("Description: x", "Description: &x x\n  Incharge: *x")
    remote.write("manifests/second.yaml", text)
    assert remote.run("apply", "-auto-approve").code == 0
    _edit(emulator, "second", Description="theirs")
    ran = remote.run("drift", "--accept")
    assert (
        "manifests/second.yaml:4:16: Description is left: it cannot be changed in place without doubt."
        in ran.out
    )
    assert (remote.root / "manifests" / "second.yaml").read_text() == text


def test_a_manifest_that_cannot_be_written_is_an_error(
    remote: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded then."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisioner.store.edits.write_atomic", refuse)
    _edit(emulator, "second", Description="theirs")
    ran = remote.run("drift", "--accept")
    assert ran.code == 1
    assert "A manifest could not be written.\n  manifests/second.yaml: No space left on device" in ran.err
    assert remote.run("drift", "--detailed-exitcode").code == 2


VALUES = [
    (switch.name, value)
    for switch in SWITCHES
    for value in switch.values
    if switch.name not in ("site", "create_offline", "create_keeps", "delete_fails")
]


@pytest.mark.parametrize(("name", "value"), VALUES, ids=str)
def test_whatever_the_service_does_drift_is_what_was_edited(
    examples: Project, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Under every switch: nothing after an apply; after an edit that edit and nothing else."""
    with EmulatorServer(switches={"calls_per_second": 0, name: value}) as emulator:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
        monkeypatch.setenv("PROVISIONER_ENDPOINT", emulator.url)
        monkeypatch.setenv("PROVISIONER_RATE_PER_SECOND", "1000")
        monkeypatch.setenv("PROVISIONER_LIST_LAG_SECONDS", "0")
        for number in range(12):  # more than are read one by one
            examples.write(f"manifests/more-{number}.yaml", task_manifest(f"more-{number}"))
        assert examples.run("apply", "-auto-approve").code == 0
        clean = examples.run("drift", "--detailed-exitcode")
        assert clean.code == 0, clean.out
        _edit(emulator, "more-3", Config=_setting("9"))
        gone = _id_of(emulator, "more-4")
        emulator.service.perform("DeleteIntegrationTask", {"ProjectId": "17865298918277529", "TaskId": gone})
        document = json.loads(examples.run("drift", "--json").out)
        told = {
            drift["address"]: [field["label"] for field in drift["field_changes"]]
            for drift in document["drift"]
        }
        assert told == {"more-3": ["Config.concurrency"], "more-4": []}
        assert document["unread"] == []
