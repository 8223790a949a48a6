"""What is destroyed, and how a person is kept from destroying what was not meant."""

import re

import pytest

from projects import Project, task_manifest
from provisioner.emulator.server import EmulatorServer

TASKS = 12


@pytest.fixture
def applied(remote: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Twelve tasks."""
    monkeypatch.setenv("PROVISIONER_LIST_LAG_SECONDS", "0")
    (remote.root / "manifests" / "orders-to-lake.yaml").unlink()
    for number in range(TASKS):
        remote.write(f"manifests/task-{number:02}.yaml", task_manifest(f"task-{number:02}"))
    assert remote.run("apply", "-auto-approve").code == 0
    emulator.calls.clear()
    return remote


def _remove(project: Project, count: int) -> None:
    for number in range(count):
        (project.root / "manifests" / f"task-{number:02}.yaml").unlink()


@pytest.mark.parametrize(
    ("count", "flags"),
    [
        pytest.param(11, "--max-deletes 11 --max-delete-percent 92", id="number and share"),
        pytest.param(4, "--max-delete-percent 34", id="share"),
    ],
)
def test_a_mass_delete_is_refused_and_then_allowed(
    applied: Project, emulator: EmulatorServer, count: int, flags: str
) -> None:
    """The refusal has the numbers, the tasks and the flags that lift it, and those lift it."""
    _remove(applied, count)
    state = (applied.root / "provisioner.state.json").read_bytes()
    for command in (["plan"], ["apply", "-auto-approve"]):
        refused = applied.run(*command)
        assert refused.code == 1
        assert f"This plan destroys {count} of {TASKS} tasks (" in refused.err
        assert "the guard allows 10 and 30 %.\n  task-00\n  task-01\n" in refused.err
        assert refused.err.endswith(f"If that is meant, add: {flags}\n")
    assert emulator.calls == []
    assert (applied.root / "provisioner.state.json").read_bytes() == state
    allowed = applied.run("apply", "-auto-approve", *flags.split())
    assert (allowed.code, len(emulator.service.tasks())) == (0, TASKS - count), allowed.err
    assert f"0 added, 0 changed, {count} destroyed." in allowed.out
    assert applied.run("plan", "--detailed-exitcode").code == 0


def test_the_limits_of_the_settings_file_count_too(applied: Project) -> None:
    """Where a team is more careful, or less."""
    _remove(applied, 3)
    assert applied.run("plan").code == 0
    settings = applied.root / "provisioner.yaml"
    settings.write_text(settings.read_text() + "guard: {max_deletes: 2}\n")
    assert "the guard allows 2 and 30 %." in applied.run("plan").err
    assert applied.run("plan", "--max-deletes=3").code == 0


@pytest.mark.parametrize("flag", [1, 100])
def test_a_delete_that_is_refused_without_an_error_is_a_failure(
    applied: Project, emulator: EmulatorServer, flag: int
) -> None:
    """DeleteErrInfo is shown, the record stays, and once nothing is in the way it goes."""
    (task,) = [task for task in emulator.service.tasks() if task["TaskName"] == "task-00"]
    if flag == 1:
        emulator.switches.set({"delete_fails": "yes"})
    else:
        emulator.service.edit(task["TaskId"], {"Status": 4})
    _remove(applied, 1)
    ran = applied.run("apply", "-auto-approve")
    assert ran.code == 5
    reason = {1: "The task could not be deleted.", 100: "The task is running or suspended."}[flag]
    assert re.search(rf"task-00: failed\n  DeleteIntegrationTask: DeleteFlag {flag}: {reason}", ran.out), (
        ran.out
    )
    assert "task-00" in applied.run("state", "list").out
    emulator.switches.set({"delete_fails": "no"})
    emulator.service.edit(task["TaskId"], {"Status": 6})
    assert applied.run("apply", "-auto-approve", "--refresh").code == 0
    assert "task-00" not in applied.run("state", "list").out


@pytest.mark.parametrize("code", ["ResourceNotFound", "FailedOperation", "InvalidParameter"])
def test_what_is_gone_already_is_done(applied: Project, emulator: EmulatorServer, code: str) -> None:
    """However the service would refuse to delete it: nothing is sent for it."""
    (task,) = [task for task in emulator.service.tasks() if task["TaskName"] == "task-00"]
    names = {"ProjectId": task["ProjectId"], "TaskId": task["TaskId"]}
    emulator.service.perform("DeleteIntegrationTask", names)
    emulator.switches.set({"not_found_write": code})
    _remove(applied, 2)
    ran = applied.run("apply", "-auto-approve")
    assert (ran.code, len(emulator.service.tasks())) == (0, TASKS - 2), ran.out
    deletes = [call for call in emulator.calls if call.action == "DeleteIntegrationTask"]
    assert [call.parameters["TaskId"] == task["TaskId"] for call in deletes] == [False]
    assert applied.run("plan", "--detailed-exitcode").code == 0


def test_a_number_that_the_api_cannot_clear_is_said_in_the_plan(
    applied: Project, emulator: EmulatorServer
) -> None:
    """Where the service merges it stays, which is a failure and not hidden."""
    emulator.switches.set({"modify": "merge"})
    text = task_manifest("task-00").replace("  SyncType: 2\n", "")
    applied.write("manifests/task-00.yaml", text)
    assert "the API cannot clear it: what is there may stay" in applied.run("plan").out
    ran = applied.run("apply", "-auto-approve")
    assert ran.code == 5
    assert "the service did not keep SyncType (it has 2, not null)" in ran.out
    assert "SyncType" in applied.run("plan").out
