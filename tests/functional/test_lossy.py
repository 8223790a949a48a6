"""A network that loses things and a service that refuses: what a person sees, and what is true after."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from projects import Project, Ran, task_manifest
from provisioner.emulator.server import EmulatorServer


def _apply(project: Project) -> Ran:
    return project.run("apply", "-auto-approve")


def _recorded(project: Project) -> dict[str, str]:
    state = json.loads((project.root / "provisioner.state.json").read_text())
    return {address: record["task_id"] for address, record in state["tasks"].items()}


def _assert_exactly_once(project: Project, emulator: EmulatorServer) -> None:
    """As many tasks there as addresses here, the same ids, and nothing left to do."""
    there = sorted(task["TaskId"] for task in emulator.service.tasks())
    assert sorted(_recorded(project).values()) == there
    assert project.run("plan").out.startswith("No changes.")


@pytest.mark.parametrize(
    "fault", ["drop_answer", "error_after", "internal_error_after", "garbage", "truncated", "no_task_id"]
)
def test_a_lost_answer_is_found_in_the_same_run(
    remote: Project, emulator: EmulatorServer, fault: str
) -> None:
    """It was done: the task is looked for, recorded and counted, and nothing is sent twice."""
    emulator.faults.add(fault, "CreateIntegrationTask")
    ran = _apply(remote)
    assert ran.code == 0, ran.err
    assert "found in WeData and recorded" in ran.err
    assert "1 added" in ran.out
    assert sum(call.action == "CreateIntegrationTask" for call in emulator.calls) == 1
    _assert_exactly_once(remote, emulator)


@pytest.mark.parametrize("fault", ["drop_request", "bad_gateway", "internal_error", "commit_late"])
def test_what_may_still_happen_is_waited_for(remote: Project, emulator: EmulatorServer, fault: str) -> None:
    """Not listed and its window open: pending, exit 6, and nothing is sent again before it is over."""
    emulator.faults.add(fault, "CreateIntegrationTask", value=100)
    ran = _apply(remote)
    assert ran.code == 6
    assert "pending until" in ran.err
    assert "provisioner apply" in ran.out
    again = _apply(remote)
    assert again.code == 6
    assert sum(call.action == "CreateIntegrationTask" for call in emulator.calls) == 1
    assert "unknown outcome" in remote.run("plan").out

    emulator.switches.set({"clock_offset_seconds": 400})
    finished = _apply(remote)
    assert finished.code == 0, finished.err
    assert len(emulator.service.tasks()) == 1
    _assert_exactly_once(remote, emulator)


def test_a_refusal_names_everything_and_the_others_go_on(remote: Project, emulator: EmulatorServer) -> None:
    """Code, message, RequestId, manifest line, advice, counts, and the command to continue."""
    for number in range(5):
        remote.write(f"manifests/t{number}.yaml", task_manifest(f"t{number}"))
    emulator.faults.add("refuse", "CreateIntegrationTask", value="LimitExceeded")
    ran = _apply(remote)
    assert ran.code == 5
    refused = next(call for call in emulator.calls if call.code == "LimitExceeded")
    name = refused.parameters["TaskInfo"]["TaskName"]
    for expected in (
        f"{name}: failed (manifests/{name}.yaml:",
        "CreateIntegrationTask: LimitExceeded",
        f"RequestId: {refused.request_id}",
        "quota",
        "Apply incomplete: 5 added, 0 changed, 0 destroyed; 1 failed.",
        "  provisioner apply",
    ):
        assert expected in ran.out
    assert _apply(remote).code == 0
    _assert_exactly_once(remote, emulator)


def test_a_refusal_for_pace_is_tried_again(remote: Project, emulator: EmulatorServer) -> None:
    """As a new attempt, and without a word of failure."""
    emulator.faults.add("refuse", "CreateIntegrationTask", value="RequestLimitExceeded")
    ran = _apply(remote)
    assert ran.code == 0, ran.err
    assert [call.code for call in emulator.calls if call.action == "CreateIntegrationTask"] == [
        "RequestLimitExceeded",
        "",
    ]
    _assert_exactly_once(remote, emulator)


def test_refused_credentials_end_the_run_at_once(remote: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error, before anything is recorded."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "wrong")
    ran = _apply(remote)
    assert ran.code == 5
    assert "AuthFailure.SignatureFailure" in ran.err
    assert "wrong" not in ran.err.replace("wrong usage", "")
    assert not (remote.root / "provisioner.state.json").exists()


def test_deletes_wait_until_everything_else_has_succeeded(remote: Project, emulator: EmulatorServer) -> None:
    """A failed create leaves the task that was to be deleted alone."""
    assert _apply(remote).code == 0
    (remote.root / "manifests" / "orders-to-lake.yaml").unlink()
    remote.write("manifests/new.yaml", task_manifest("new"))
    emulator.faults.add("refuse", "CreateIntegrationTask", value="LimitExceeded")
    ran = _apply(remote)
    assert ran.code == 5
    assert "1 not attempted" in ran.out
    assert list(_recorded(remote)) == ["orders-to-lake"]


def test_a_running_task_is_not_taken_for_deleted(remote: Project, emulator: EmulatorServer) -> None:
    """The service says success and means no: the task stays in the state."""
    assert _apply(remote).code == 0
    emulator.service.edit(_recorded(remote)["orders-to-lake"], {"Status": 3})
    ran = remote.run("destroy", "-auto-approve")
    assert ran.code == 5
    assert "DeleteFlag 100" in ran.out
    assert list(_recorded(remote)) == ["orders-to-lake"]


def test_what_a_create_does_not_keep_is_sent_once_more(remote: Project, emulator: EmulatorServer) -> None:
    """Config and nodes arrive by a modify; the next plan is empty."""
    emulator.switches.set({"create_keeps": "scalars"})
    assert _apply(remote).code == 0
    assert emulator.service.tasks()[0]["Nodes"]
    _assert_exactly_once(remote, emulator)


def test_one_copy_too_many_is_shown_and_nothing_is_touched(remote: Project, emulator: EmulatorServer) -> None:
    """Two tasks with one marker and no state: a person must look."""
    assert _apply(remote).code == 0
    task = emulator.service.tasks()[0]
    copied = {
        "ProjectId": task["ProjectId"],
        "TaskInfo": {"TaskName": "copy", "Description": task["Description"]},
    }
    copy_id = emulator.service.perform("CreateIntegrationTask", copied)["TaskId"]
    assert remote.run("plan").out.startswith("No changes.")
    for name in ("provisioner.state.json", "provisioner.state.journal"):
        (remote.root / name).unlink()
    ran = _apply(remote)
    assert ran.code == 1
    assert task["TaskId"] in ran.err
    assert copy_id in ran.err
    assert "provisioner resolve orders-to-lake --adopt TASK_ID" in ran.out
    assert _recorded(remote) == {}
    assert len(emulator.service.tasks()) == 2
    adopted = remote.run("resolve", "orders-to-lake", "--adopt", task["TaskId"])
    assert adopted.code == 0, adopted.err
    assert _apply(remote).code == 0
    assert _recorded(remote) == {"orders-to-lake": task["TaskId"]}
    assert emulator.service.tasks()[1]["TaskName"] == "copy"


@pytest.mark.parametrize(
    "switch",
    [
        ("modify", "merge"),
        ("node_ids", "renumber"),
        ("console_settings", "add"),
        ("task_mode", "empty"),
        ("not_found", "FailedOperation"),
    ],
    ids="=".join,
)
def test_nothing_is_seen_that_nobody_changed(
    remote: Project, emulator: EmulatorServer, switch: tuple[str, str]
) -> None:
    """However the service reads back: applied is applied, without remarks."""
    emulator.switches.set(dict([switch]))
    ran = _apply(remote)
    assert ran.code == 0, ran.err
    assert "did not keep" not in ran.err
    path = remote.root / "manifests" / "orders-to-lake.yaml"
    path.write_text(path.read_text().replace("concurrency: 1", "concurrency: 2"))
    changed = _apply(remote)
    assert (changed.code, "did not keep" in changed.err) == (0, False), changed.err
    _assert_exactly_once(remote, emulator)


def test_an_interrupted_apply_finishes_what_is_in_flight(remote: Project, emulator: EmulatorServer) -> None:
    """Ctrl-C once: no new calls, everything known recorded, exit 130; the next apply does the rest."""
    emulator.switches.set({"latency_ms": 300})
    for number in range(30):
        remote.write(f"manifests/t{number}.yaml", task_manifest(f"t{number}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioner", "apply", "-auto-approve", "--parallelism", "2"],
        cwd=remote.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "Creation complete" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "no new calls" in err
    assert "not attempted" in out
    created = emulator.service.tasks()
    assert 0 < len(created) < 31
    assert sorted(_recorded(remote).values()) == sorted(task["TaskId"] for task in created)
    emulator.switches.set({"latency_ms": 0})
    assert _apply(remote).code == 0
    assert len(emulator.service.tasks()) == 31
    _assert_exactly_once(remote, emulator)


def test_two_applies_at_once_do_not_meet(remote: Project, emulator: EmulatorServer, tmp_path: Path) -> None:
    """The second names the first and exits 4; with --lock-timeout it waits and finds nothing to do."""
    emulator.switches.set({"latency_ms": 300})
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioner", "apply", "-auto-approve"],
        cwd=remote.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stderr is not None
    process.stderr.readline()
    refused = _apply(remote)
    assert refused.code == 4
    assert f"pid {process.pid}" in refused.err
    assert remote.run("force-unlock").code == 4
    waited = remote.run("apply", "-auto-approve", "-lock-timeout=60s")
    assert waited.code == 0, waited.err
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert remote.run("force-unlock").code == 0
    _assert_exactly_once(remote, emulator)
