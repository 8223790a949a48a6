"""What a person sees and types when something is open, lost, somebody else's, or at another service."""

import json
import os
import pty
import re
import select
import subprocess
import sys

import pytest

from projects import Project, Ran, task_manifest
from provisioner.emulator.server import EmulatorServer


def _apply(project: Project, *more: str) -> Ran:
    return project.run("apply", "-auto-approve", *more)


def _recorded(project: Project) -> dict[str, str]:
    state = json.loads((project.root / "provisioner.state.json").read_text())
    return {address: record["task_id"] for address, record in state["tasks"].items()}


def _task_ids(emulator: EmulatorServer) -> list[str]:
    return [task["TaskId"] for task in emulator.service.tasks()]


# ── another service ─────────────────────────────────────────────────────────


def test_a_state_of_another_service_is_refused(remote: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator first, the real thing next: what is recorded there means nothing here."""
    assert _apply(remote).code == 0
    before = remote.files()
    monkeypatch.setenv("PROVISIONER_ENDPOINT", "embedded")
    for command in (["plan"], ["apply", "-auto-approve"], ["destroy", "-auto-approve"]):
        ran = remote.run(*command)
        assert ran.code == 4
        assert "The state belongs to another service." in ran.err
        assert "http://127.0.0.1 ap-singapore; this project is at embedded." in ran.err
    after = {name: data for name, data in remote.files().items() if name in before}
    assert after.items() >= {n: d for n, d in before.items() if not n.endswith(".lock")}.items()
    assert remote.run("show").code == 0


def test_a_state_can_be_accepted_for_another_name_of_the_service(remote: Project) -> None:
    """A region is part of the name."""
    assert _apply(remote).code == 0
    assert remote.run("plan", "--region", "ap-hongkong").code == 4
    assert remote.run("state", "accept", "--region", "ap-hongkong").code == 0
    assert remote.run("plan", "--region", "ap-hongkong").out.startswith("No changes.")
    assert remote.run("plan").code == 4


# ── lost and restored states ────────────────────────────────────────────────


def test_a_lost_state_file_finds_its_tasks_and_waits_before_it_creates(
    remote: Project, emulator: EmulatorServer
) -> None:
    """What an earlier run had sent may still take effect: exit 6, until when, and then all is done."""
    assert _apply(remote).code == 0
    created = _recorded(remote)
    (remote.root / "provisioner.state.json").unlink()
    remote.write("manifests/new.yaml", task_manifest("new"))
    ran = _apply(remote)
    assert ran.code == 6
    assert "orders-to-lake: found in WeData and recorded" in ran.err
    assert re.search(r"new: an earlier state was lost, .*; pending until \d\d:\d\d:\d\d UTC", ran.err)
    assert "new: waiting (manifests/new.yaml:1:1)" in ran.out
    assert _recorded(remote) == created
    emulator.switches.set({"clock_offset_seconds": 400})
    assert _apply(remote).code == 0
    assert sorted(_recorded(remote).values()) == sorted(_task_ids(emulator))


def test_a_journal_that_still_holds_something_is_not_passed_over(remote: Project) -> None:
    """The state file is gone and the journal knows of writes: refused, with what to do."""
    assert _apply(remote).code == 0
    journal = remote.root / "provisioner.state.journal"
    kept = journal.read_bytes()
    line = b"000002 " + b"0" * 32 + b" {}\n"
    journal.write_bytes(kept + line)
    assert remote.run("plan").code == 4


# ── resolve ─────────────────────────────────────────────────────────────────


def test_resolve_settles_by_looking_and_sends_nothing(remote: Project, emulator: EmulatorServer) -> None:
    """Pending at first, absent when the window is over."""
    assert remote.run("resolve").out == "There is nothing to settle: no write has an unknown outcome.\n"
    emulator.faults.add("drop_request", "CreateIntegrationTask")
    assert _apply(remote).code == 6
    pending = remote.run("resolve")
    assert (pending.code, pending.out) == (6, "1 left to settle.\n")
    assert "pending until" in pending.err
    emulator.switches.set({"clock_offset_seconds": 400})
    settled = remote.run("resolve")
    assert (settled.code, settled.out) == (0, "Everything is settled.\n")
    assert "orders-to-lake: the earlier create created nothing" in settled.err
    assert sum(call.action == "CreateIntegrationTask" for call in emulator.calls) == 1


def test_a_person_may_say_that_a_create_left_nothing(remote: Project, emulator: EmulatorServer) -> None:
    """Then it is created anew without waiting."""
    emulator.faults.add("drop_request", "CreateIntegrationTask")
    assert _apply(remote).code == 6
    said = remote.run("resolve", "orders-to-lake", "--absent")
    assert (said.code, said.out) == (0, "Recorded: the create at orders-to-lake left no task.\n")
    assert _apply(remote).code == 0
    assert list(_recorded(remote).values()) == _task_ids(emulator)


def test_without_markers_a_person_says_whose_task_it_is(
    remote: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is taken stops the create, and only that; one command takes the task over."""
    monkeypatch.setenv("PROVISIONER_MARKER", "none")
    info = {"TaskName": "orders-to-lake", "Description": "somebody's"}
    task_id = emulator.service.perform(
        "CreateIntegrationTask", {"ProjectId": "17865298918277529", "TaskInfo": info}
    )["TaskId"]
    remote.write("manifests/other.yaml", task_manifest("other"))
    ran = _apply(remote)
    assert ran.code == 1
    assert f"its name is taken, and without markers nobody can tell whose that task is: {task_id}" in ran.out
    assert "provisioner resolve orders-to-lake --adopt TASK_ID" in ran.out
    assert list(_recorded(remote)) == ["other"]
    adopted = remote.run("resolve", "orders-to-lake", "--adopt", task_id)
    assert (adopted.code, adopted.out) == (0, f"Recorded: orders-to-lake is orders-to-lake [id={task_id}].\n")
    assert _apply(remote).code == 0
    assert sorted(_recorded(remote).values()) == sorted(_task_ids(emulator))
    assert remote.run("plan").out.startswith("No changes.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["resolve", "orders-to-lake"], "resolve takes nothing, or an address and one of"),
        (["resolve", "--absent"], "resolve takes nothing, or an address and one of"),
        (["resolve", "x", "--absent", "--adopt", "y"], "resolve takes nothing, or an address and one of"),
        (["resolve", "nobody", "--absent"], 'No write to "nobody" has an unknown outcome.'),
        (["resolve", "a b", "--adopt", "y"], "is not an address"),
        (["resolve", "orders-to-lake", "--adopt", "y"], '"orders-to-lake" has its task already'),
        (["resolve", "new", "--adopt", "y"], "There is no such task."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_said_must_fit_what_is_recorded(remote: Project, arguments: list[str], expected: str) -> None:
    """Exit 1, and nothing is changed."""
    assert _apply(remote).code == 0
    before = _recorded(remote)
    ran = remote.run(*arguments)
    assert (ran.code, expected in ran.err) == (1, True), ran.err
    assert _recorded(remote) == before


def test_a_task_belongs_to_one_address(remote: Project) -> None:
    """To give it to another is ``state mv``."""
    assert _apply(remote).code == 0
    task_id = _recorded(remote)["orders-to-lake"]
    ran = remote.run("resolve", "new", "--adopt", task_id)
    assert ran.code == 1
    assert "provisioner state mv orders-to-lake new" in ran.err


# ── what holds up what ──────────────────────────────────────────────────────


def test_a_destroy_does_not_end_well_while_a_create_may_still_happen(
    remote: Project, emulator: EmulatorServer
) -> None:
    """Nothing is recorded, but a task may appear: exit 6, with the time."""
    emulator.faults.add("commit_late", "CreateIntegrationTask", value=100)
    assert _apply(remote).code == 6
    ran = remote.run("destroy", "-auto-approve")
    assert ran.code == 6
    assert "orders-to-lake: waiting" in ran.out
    emulator.switches.set({"clock_offset_seconds": 400})
    assert remote.run("destroy", "-auto-approve").code == 0
    assert _task_ids(emulator) == []


def test_an_update_without_an_answer_waits_too(remote: Project, emulator: EmulatorServer) -> None:
    """It may still be written over what is written next."""
    assert _apply(remote).code == 0
    path = remote.root / "manifests" / "orders-to-lake.yaml"
    path.write_text(path.read_text().replace("concurrency: 1", "concurrency: 2"))
    emulator.faults.add("drop_request", "ModifyIntegrationTask")
    lost = _apply(remote)
    assert lost.code == 6
    assert "its update may still take effect; pending until" in lost.err
    assert _apply(remote).code == 6
    emulator.switches.set({"clock_offset_seconds": 400})
    assert _apply(remote).code == 0
    assert remote.run("plan").out.startswith("No changes.")


def test_a_delete_whose_answer_was_lost_is_told_as_done(
    remote: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is gone, so it is; and an answer that says "failed" for "not there" changes nothing."""
    # Waits between tries are not what is tested.
    monkeypatch.setattr("provisioner.commands.support.workers.SystemClock.sleep", lambda *_: None)
    emulator.switches.set({"not_found": "FailedOperation"})
    assert _apply(remote).code == 0
    emulator.faults.add("drop_answer", "DeleteIntegrationTask")
    lost = remote.run("destroy", "-auto-approve")
    assert lost.code == 6
    assert "orders-to-lake: the task may be gone; pending until" in lost.err
    emulator.switches.set({"clock_offset_seconds": 100})
    again = remote.run("destroy", "-auto-approve")
    assert again.code == 0, again.err
    assert "the earlier delete left no task" in again.err
    assert (_task_ids(emulator), _recorded(remote)) == ([], {})


def test_a_delete_whose_answer_was_lost_is_done_once_that_is_sure(
    remote: Project, emulator: EmulatorServer
) -> None:
    """In the same run, where the service's listing cannot lag any more."""
    assert _apply(remote).code == 0
    emulator.switches.set({"clock_offset_seconds": 100})
    emulator.faults.add("drop_answer", "DeleteIntegrationTask")
    ran = remote.run("destroy", "-auto-approve")
    assert (ran.code, "Destroy complete! Resources: 1 destroyed." in ran.out) == (0, True), ran.out


def test_what_the_service_does_not_keep_is_a_failure_and_stays_in_the_plan(
    remote: Project, emulator: EmulatorServer
) -> None:
    """A removed field that a merging service leaves: exit 5 in words, and the plan goes on showing it."""
    assert _apply(remote).code == 0
    emulator.switches.set({"modify": "merge"})
    path = remote.root / "manifests" / "orders-to-lake.yaml"
    path.write_text(re.sub(r"  SyncType: 2.*\n", "", path.read_text()))
    ran = _apply(remote)
    assert ran.code == 5
    assert "NotKept: the service did not keep SyncType (it has 2, not null)" in ran.out
    planned = remote.run("plan", "-detailed-exitcode")
    assert planned.code == 2
    assert re.search(r"- SyncType +=", planned.out)


def test_an_apply_for_programs_names_what_waits(remote: Project, emulator: EmulatorServer) -> None:
    """Address, why, until when."""
    emulator.faults.add("drop_request", "CreateIntegrationTask")
    assert _apply(remote).code == 6
    document = json.loads(_apply(remote, "-json").out)
    (waiting,) = document["waiting"]
    assert waiting["address"] == "orders-to-lake"
    assert waiting["until"] > 0


def test_a_failure_for_programs_has_code_and_message(remote: Project, emulator: EmulatorServer) -> None:
    """As in the words."""
    emulator.faults.add("refuse", "CreateIntegrationTask", value="LimitExceeded")
    ran = _apply(remote, "-json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["outcome"], result["code"]) == (5, "failed", "LimitExceeded")


# ── protection ──────────────────────────────────────────────────────────────


def test_protection_is_in_the_plan_until_it_is_in_force(remote: Project, emulator: EmulatorServer) -> None:
    """Exit 2 for pipelines that apply only then; destroy is held to it at once."""
    assert _apply(remote).code == 0
    path = remote.root / "manifests" / "orders-to-lake.yaml"
    path.write_text(path.read_text() + "lifecycle: {prevent_destroy: true}\n")
    planned = remote.run("plan", "-detailed-exitcode")
    assert planned.code == 2
    assert (
        "prevent_destroy will be set in the state (nothing is sent for that):\n  orders-to-lake"
        in planned.out
    )
    assert remote.run("destroy", "-auto-approve").code == 1
    calls = len(emulator.calls)
    assert _apply(remote).code == 0
    assert len(emulator.calls) == calls
    assert remote.run("plan", "-detailed-exitcode").code == 0
    path.unlink()
    assert remote.run("plan").code == 1


# ── a person at a terminal ──────────────────────────────────────────────────


def test_ctrl_c_at_the_prompt_ends_it(remote: Project) -> None:
    """There is nothing to finish first: exit 130, nothing sent."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioner", "apply"],
        cwd=remote.root,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(slave),  # noqa: PLW1509  # it makes one system call and nothing else
        env=dict(os.environ),
    )
    os.close(slave)
    shown = _read_until(master, b"Enter a value:")
    os.write(master, b"\x03")
    assert process.wait(timeout=60) == 130
    os.close(master)
    assert b"Only 'yes' will be accepted" in shown
    assert not (remote.root / "provisioner.state.json").exists()


def _take_terminal(terminal: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _read_until(terminal: int, text: bytes) -> bytes:
    shown = b""
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, shown
        shown += os.read(terminal, 4096)
    return shown
