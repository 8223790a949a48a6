"""What a person sees and types when jobs are part of what is asked for: against the emulator, every way."""

import json
import re
from typing import Any

import pytest

from projects import Project, Ran, task_manifest
from provisioner.emulator.server import EmulatorServer

NOT_STARTED, RUNNING, SUSPENDED, STOPPED = 1, 3, 4, 6


@pytest.fixture
def remote(remote: Project) -> Project:
    """A project whose endpoint is the emulator, with one task that has a job."""
    (remote.root / "manifests" / "orders-to-lake.yaml").unlink()
    return remote


def _ask(project: Project, text: str, description: str = "x", *, task_type: int = 201) -> None:
    """Write the manifest; ``text`` stands under ``run``, as one line of YAML."""
    run = f"run: {{{text}}}\n" if text else ""
    manifest = task_manifest("orders", description=description, task_type=task_type)
    project.write("manifests/orders.yaml", manifest + run)


def _apply(project: Project, *more: str) -> Ran:
    return project.run("apply", "-auto-approve", "--run-timeout", "0", *more)


def _task(emulator: EmulatorServer) -> dict[str, Any]:
    (task,) = emulator.service.tasks()
    return task


def _job(project: Project) -> dict[str, Any]:
    state = json.loads((project.root / "provisioner.state.json").read_text())
    job: dict[str, Any] = state["tasks"]["orders"]["run"]
    return job


def _kept_and_dropped(emulator: EmulatorServer) -> tuple[int, int]:
    """How often the state of the job was kept over a change, and how often it was thrown away."""
    task = _task(emulator)
    return task["_state_kept"], task["_state_dropped"]


def _started(project: Project, emulator: EmulatorServer, how: str = "state: running") -> None:
    """One task whose job runs."""
    _ask(project, how)
    assert _apply(project).code == 0
    assert _task(emulator)["Status"] == RUNNING


# ── from one state to another ───────────────────────────────────────────────


@pytest.mark.parametrize("preconditions", ["strict", "lenient"])
def test_a_new_task_is_submitted_and_started_and_then_there_is_nothing_to_do(
    remote: Project, emulator: EmulatorServer, preconditions: str
) -> None:
    """One apply, one version, one start; the second plan is empty."""
    emulator.switches.set({"run_preconditions": preconditions})
    _ask(remote, "state: running")
    assert "(run: will be submitted and started (CommitType 1))" in remote.run("plan").out
    assert _apply(remote).code == 0
    task = _task(emulator)
    assert (task["Status"], task["InstanceVersion"], task["_job_version"]) == (RUNNING, 1, 1)
    assert remote.run("plan").out.startswith("No changes.")


def test_a_running_task_is_changed_with_its_state_kept(remote: Project, emulator: EmulatorServer) -> None:
    """The plan says what becomes of the job, the apply does that, and nothing is lost."""
    _started(remote, emulator)
    _ask(remote, "state: running", "told better")
    plan = remote.run("plan")
    assert '~ Description = "x" -> "told better"' in plan.out
    assert "(run: will be submitted and go on with its state (CommitType 4))" in plan.out
    assert "discarded" not in plan.out
    ran = _apply(remote)
    assert (ran.code, ran.out.splitlines()[-1]) == (
        0,
        "Apply complete! Resources: 0 added, 1 changed, 0 destroyed.",
    )
    task = _task(emulator)
    assert (task["Status"], task["InstanceVersion"], task["_job_version"]) == (RUNNING, 2, 2)
    assert _kept_and_dropped(emulator) == (1, 0)
    assert remote.run("plan").out.startswith("No changes.")


def test_on_change_alone_is_no_change(remote: Project, emulator: EmulatorServer) -> None:
    """Neither is from where a start reads: both say how, and there is nothing to do."""
    _started(remote, emulator)
    _ask(remote, "state: running, on_change: restart, start_from: 1700000000000")
    assert remote.run("plan").out.startswith("No changes.")
    _ask(remote, "state: running, on_change: restart", "told better")
    assert "pause with its state, and go on from there (CommitType 3)" in remote.run("plan").out
    assert _apply(remote).code == 0
    assert _kept_and_dropped(emulator) == (1, 0)


def test_a_discard_is_red_and_needs_the_flag(remote: Project, emulator: EmulatorServer) -> None:
    """The plan shows it, the apply shows it and refuses, and the flag that lifts that is named."""
    _started(remote, emulator)
    _ask(remote, "state: running, on_change: discard_state", "told better")
    assert "(job state is discarded: what it has read so far is forgotten)" in remote.run("plan").out
    refused = _apply(remote)
    assert refused.code == 1
    assert "will be submitted and begin anew, without its state (CommitType 2)" in refused.out
    assert "orders (manifests/orders.yaml:1:1)" in refused.err
    assert "provisioner apply --allow-state-loss" in refused.err
    assert _task(emulator)["InstanceVersion"] == 1
    assert _apply(remote, "--allow-state-loss").code == 0
    assert _kept_and_dropped(emulator) == (0, 1)
    assert remote.run("plan").out.startswith("No changes.")


def test_a_stop_loses_state_and_a_start_begins_where_it_is_told(
    remote: Project, emulator: EmulatorServer
) -> None:
    """``stopped`` needs the flag, ``running`` after it does not; a moment is sent as milliseconds."""
    _started(remote, emulator)
    _ask(remote, "state: stopped")
    assert '~ state = "running" -> "stopped"' in remote.run("plan").out
    assert _apply(remote).code == 1
    assert _apply(remote, "--allow-state-loss").code == 0
    assert _task(emulator)["Status"] == STOPPED
    _ask(remote, 'state: running, start_from: "2026-01-31T08:00:00+08:00"')
    assert "(run: will be started, reading from 2026-01-31T00:00:00Z)" in remote.run("plan").out
    assert _apply(remote).code == 0
    assert (_task(emulator)["Status"], _task(emulator)["_started_from"]) == (RUNNING, "1769817600000")
    assert remote.run("plan").out.startswith("No changes.")


def test_a_new_task_starts_where_it_is_told(remote: Project, emulator: EmulatorServer) -> None:
    """A start from a moment is a call of its own, after a submit."""
    _started(remote, emulator, "state: running, start_from: 1700000000000")
    assert (_task(emulator)["_started_from"], _task(emulator)["InstanceVersion"]) == ("1700000000000", 1)


def test_suspended_keeps_what_was_read(remote: Project, emulator: EmulatorServer) -> None:
    """A change waits for the job to run again, and goes with its state then."""
    _started(remote, emulator)
    _ask(remote, "state: suspended")
    assert "(run: will be suspended with its state)" in remote.run("plan").out
    assert _apply(remote).code == 0
    assert _task(emulator)["Status"] == SUSPENDED
    _ask(remote, "state: running")
    assert "(run: will be resumed from where it was)" in remote.run("plan").out
    assert _apply(remote).code == 0
    _ask(remote, "state: suspended", "told better")
    assert _apply(remote).code == 0
    assert (_task(emulator)["Status"], _task(emulator)["InstanceVersion"]) == (SUSPENDED, 1)
    _ask(remote, "state: running", "told better")
    assert _apply(remote).code == 0
    assert (_task(emulator)["Status"], _task(emulator)["_job_version"]) == (RUNNING, 2)
    assert _kept_and_dropped(emulator) == (2, 0)


def test_only_a_job_that_runs_can_be_suspended(remote: Project, emulator: EmulatorServer) -> None:
    """Refused with the place and what to write; a plan refuses it too, where that is known."""
    _ask(remote, "state: suspended")
    for command in ("plan", "apply"):
        ran = remote.run(command)
        assert ran.code == 1
        assert "orders (manifests/orders.yaml:1:1): only a job that runs can be suspended" in ran.err
        assert "write run.state: running" in ran.err
    assert emulator.service.tasks() == []


def test_submitted_leaves_alone_what_runs(remote: Project, emulator: EmulatorServer) -> None:
    """Every change is submitted; whether it runs is somebody else's business."""
    _ask(remote, "state: submitted")
    assert _apply(remote).code == 0
    task = _task(emulator)
    assert (task["InstanceVersion"], task["Status"]) == (1, NOT_STARTED)
    emulator.service.edit(task["TaskId"], {"Status": RUNNING})
    assert remote.run("drift").out.startswith("No drift.")
    _ask(remote, "state: submitted", "told better")
    assert _apply(remote).code == 0
    assert (_task(emulator)["InstanceVersion"], _task(emulator)["Status"]) == (2, RUNNING)
    assert _task(emulator)["_committed"]["Description"].startswith("told better")


def test_what_is_in_production_is_no_draft_any_more(remote: Project, emulator: EmulatorServer) -> None:
    """Said in words, with what to write instead; nothing is done, and it is no change."""
    _ask(remote, "state: draft")
    assert _apply(remote).code == 0
    assert _task(emulator)["_committed"] is None
    _ask(remote, "state: submitted")
    assert _apply(remote).code == 0
    _ask(remote, "state: draft")
    plan = remote.run("plan", "--detailed-exitcode")
    assert plan.code == 0
    assert "In production already, and no draft any more" in plan.out
    assert "write run.state: stopped; to leave it alone, submitted." in plan.out


def test_an_offline_task_can_be_submitted(remote: Project, emulator: EmulatorServer) -> None:
    """It runs by its schedule; everything else is refused with its place."""
    _ask(remote, "state: running", task_type=202)
    ran = remote.run("validate")
    assert ran.code == 3
    assert re.search(
        r"orders\.yaml:9:\d+: .*run.state is running, but an offline task runs by", ran.err + ran.out
    )
    _ask(remote, "state: submitted", task_type=202)
    assert _apply(remote).code == 0
    assert _task(emulator)["OfflineTaskStatus"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state: paused", 'run.state cannot be "paused"'),
        ("on_change: restart", '"state" is missing'),
        ("state: running, start_from: yesterday", "write a time with its zone"),
        ('state: running, start_from: "2026-01-31T08:00:00"', "write a time with its zone"),
        ("state: stopped, start_from: 1700000000000", "run.state is stopped: write running, or leave"),
    ],
)
def test_what_cannot_be_asked_for_is_said_with_its_place(remote: Project, text: str, words: str) -> None:
    """File, line and column, and what to write."""
    _ask(remote, text)
    ran = remote.run("validate")
    assert ran.code == 3
    assert words in ran.out + ran.err
    assert "manifests/orders.yaml:9:" in ran.out + ran.err


def test_without_run_what_runs_is_left_alone(remote: Project, emulator: EmulatorServer) -> None:
    """A task without ``run`` is changed and never submitted; its record says nothing of a job."""
    _ask(remote, "")
    assert _apply(remote).code == 0
    emulator.service.edit(_task(emulator)["TaskId"], {"Status": RUNNING})
    _ask(remote, "", "told better")
    assert _apply(remote).code == 0
    assert (_task(emulator)["Status"], _task(emulator)["_committed"]) == (RUNNING, None)
    state = json.loads((remote.root / "provisioner.state.json").read_text())
    assert "run" not in state["tasks"]["orders"]
    assert remote.run("drift").out.startswith("No drift.")


def test_run_on_a_task_that_exists_takes_its_job_as_it_is(remote: Project, emulator: EmulatorServer) -> None:
    """What it does is not known before it is looked at: the plan says both, and a discard is red."""
    _ask(remote, "")
    assert _apply(remote).code == 0
    _ask(remote, "state: running, on_change: discard_state")
    assert "if it runs, job state is discarded" in remote.run("plan").out
    _ask(remote, "state: running")
    plan = remote.run("plan")
    assert (
        "will be submitted and started (CommitType 1); if it runs already: will be submitted and go"
        in plan.out
    )
    assert _apply(remote).code == 0
    assert _task(emulator)["Status"] == RUNNING
    assert remote.run("plan").out.startswith("No changes.")


# ── what takes its time, fails, or waits ────────────────────────────────────


def test_what_is_not_reached_in_time_is_recorded_and_looked_at_first(
    remote: Project, emulator: EmulatorServer
) -> None:
    """Exit 6 with what is known; the next plan says so, and the next apply looks and sends nothing."""
    emulator.switches.set({"transition_reads": 2})
    _ask(remote, "state: running")
    ran = _apply(remote)
    assert ran.code == 6
    assert "the step submit and start was accepted; after 0 s its job is in operation" in ran.out
    assert "The next apply looks before it does anything." in ran.out
    plan = remote.run("plan")
    assert "(what became of the last submit and start of its job is not known; apply looks first)" in plan.out
    emulator.switches.set({"transition_reads": 0})
    while _apply(remote).code == 6:
        pass
    assert (_task(emulator)["Status"], _task(emulator)["InstanceVersion"]) == (RUNNING, 1)
    assert remote.run("plan").out.startswith("No changes.")


def test_a_job_that_fails_is_a_failure_and_goes_on_with_its_state_afterwards(
    remote: Project, emulator: EmulatorServer
) -> None:
    """Status 7 is shown as such; then what was failed is submitted anew as ``on_change`` says."""
    emulator.switches.set({"start_ends": "failed"})
    _ask(remote, "state: running")
    ran = _apply(remote)
    assert ran.code == 5
    assert "CommitIntegrationTask: Status 7: its job has failed" in ran.out
    plan = remote.run("plan")
    assert '~ state = "failed" -> "running"' in plan.out
    assert "go on with its state (CommitType 4)" in plan.out
    emulator.switches.set({"start_ends": "running"})
    assert _apply(remote).code == 0
    assert _kept_and_dropped(emulator) == (1, 0)


def test_a_version_that_waits_for_approval_is_no_error(remote: Project, emulator: EmulatorServer) -> None:
    """Shown, exit 0, not submitted twice; once it was approved the next apply goes on."""
    emulator.switches.set({"site": "china", "approval": "needed"})
    _ask(remote, "state: running")
    ran = _apply(remote)
    approval = _task(emulator)["_approval"]
    assert ran.code == 0
    assert f"waits for approval in WeData (id {approval})" in ran.err
    assert (
        f"orders: waits for approval in WeData (id {approval}); the next apply looks, and goes on" in ran.out
    )
    plan = remote.run("plan")
    assert f"(its version waits for approval in WeData, id {approval})" in plan.out
    assert _apply(remote).code == 0
    assert _task(emulator)["_approval"] == approval
    emulator.service.approve(_task(emulator)["TaskId"])
    assert _apply(remote).code == 0
    assert (_task(emulator)["Status"], _task(emulator)["InstanceVersion"]) == (RUNNING, 1)
    assert remote.run("plan").out.startswith("No changes.")


def test_an_approval_that_nobody_tells_of_is_unknown_and_not_submitted_twice(
    remote: Project, emulator: EmulatorServer
) -> None:
    """The international site says no more than that it accepts: exit 6, and it is looked at."""
    emulator.switches.set({"approval": "needed"})
    _ask(remote, "state: running")
    ran = _apply(remote)
    assert ran.code == 6
    assert "perhaps its version waits for approval in WeData" in ran.out + ran.err
    approval = _task(emulator)["_approval"]
    assert _apply(remote).code == 6
    assert _task(emulator)["_approval"] == approval
    emulator.service.approve(_task(emulator)["TaskId"])
    assert _apply(remote).code == 0
    assert _task(emulator)["Status"] == RUNNING


@pytest.mark.parametrize(
    "switches",
    [
        {"production_filter": "refuse"},
        {"development_status": "new"},
        {"commit_needs_lock": "holder"},
        {"submit_flag": "null"},
        {"not_found": "ResourceNotFound"},
        {"unknown_filter": "ignore"},
        {"precondition_code": "FailedOperation"},
    ],
)
def test_it_works_whatever_the_service_turns_out_to_be(
    remote: Project, emulator: EmulatorServer, switches: dict[str, str]
) -> None:
    """Start, change, stop, start: one version for each body, whatever is undocumented."""
    emulator.switches.set(switches)
    _started(remote, emulator)
    _ask(remote, "state: running", "told better")
    assert _apply(remote).code == 0
    _ask(remote, "state: stopped", "told better")
    assert _apply(remote, "--allow-state-loss").code == 0
    _ask(remote, "state: running", "told better")
    assert _apply(remote).code == 0
    task = _task(emulator)
    assert (task["Status"], task["InstanceVersion"], task["_job_version"]) == (RUNNING, 2, 2)
    assert _kept_and_dropped(emulator) == (1, 1)
    assert remote.run("plan", "--refresh").out.startswith("No changes.")


def test_a_service_that_shows_no_run_state_is_unknown(remote: Project, emulator: EmulatorServer) -> None:
    """No production listing, and a development state that says "new": exit 6, and nothing is sent twice."""
    emulator.switches.set({"production_filter": "refuse", "development_status": "new"})
    _ask(remote, "state: running")
    assert _apply(remote).code == 6
    assert "its job is unknown" in _apply(remote).out
    assert (_task(emulator)["Status"], _task(emulator)["InstanceVersion"]) == (RUNNING, 1)


# ── lost answers ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["drop_answer", "error_after", "internal_error_after", "garbage"])
def test_a_discard_whose_answer_is_lost_is_never_done_twice(
    remote: Project, emulator: EmulatorServer, fault: str
) -> None:
    """It is looked at what runs: the version tells that it was done."""
    _started(remote, emulator)
    _ask(remote, "state: running, on_change: discard_state", "told better")
    emulator.faults.add(fault, "CommitIntegrationTask")
    assert _apply(remote, "--allow-state-loss").code == 0
    assert _apply(remote, "--allow-state-loss").code == 0
    assert (_kept_and_dropped(emulator), _task(emulator)["InstanceVersion"]) == ((0, 1), 2)
    assert remote.run("plan").out.startswith("No changes.")


def test_a_step_that_may_still_take_effect_is_waited_for(remote: Project, emulator: EmulatorServer) -> None:
    """Exit 6 and until when; the next plan says so; after the window it is done anew, once."""
    _started(remote, emulator)
    _ask(remote, "state: running, on_change: discard_state", "told better")
    emulator.faults.add("drop_request", "CommitIntegrationTask")
    ran = _apply(remote, "--allow-state-loss")
    assert ran.code == 6
    assert "its submit discarding state may still take effect; pending until" in ran.err
    assert "1 earlier write has an unknown outcome" in remote.run("plan").out
    assert _apply(remote, "--allow-state-loss").code == 6
    assert _task(emulator)["InstanceVersion"] == 1
    emulator.switches.set({"clock_offset_seconds": 400})
    ran = _apply(remote, "--allow-state-loss")
    assert (ran.code, _kept_and_dropped(emulator)) == (0, (0, 1))
    assert "orders: the earlier submit discarding state of its job did not take effect" in ran.err
    assert remote.run("plan").out.startswith("No changes.")


def test_a_person_can_say_that_a_step_had_no_effect(remote: Project, emulator: EmulatorServer) -> None:
    """``resolve --absent`` closes it and forgets no task."""
    _started(remote, emulator)
    _ask(remote, "state: suspended")
    emulator.faults.add("drop_request", "SuspendIntegrationTask")
    assert _apply(remote).code == 6
    ran = remote.run("resolve", "orders", "--absent")
    assert (ran.code, ran.out) == (0, "Recorded: the step of the job of orders had no effect.\n")
    assert _apply(remote).code == 0
    assert _task(emulator)["Status"] == SUSPENDED


# ── somebody else ───────────────────────────────────────────────────────────


def test_a_job_that_somebody_stopped_is_drift(remote: Project, emulator: EmulatorServer) -> None:
    """Shown by ``drift``, planned from by ``plan --refresh``, and in the way of a plan that does not know."""
    _started(remote, emulator)
    emulator.service.edit(_task(emulator)["TaskId"], {"Status": STOPPED})
    drift = remote.run("drift", "--detailed-exitcode")
    assert drift.code == 2
    assert '~ state = "running" -> "stopped"' in drift.out
    assert remote.run("plan").out.startswith("No changes.")
    plan = remote.run("plan", "--refresh")
    assert '~ state = "stopped" -> "running"' in plan.out
    _ask(remote, "state: running", "told better")
    ran = _apply(remote)
    assert ran.code == 4
    assert 'run.state is "stopped", not "running"' in ran.err
    assert _task(emulator)["InstanceVersion"] == 1
    assert _apply(remote, "--refresh").code == 0
    assert _task(emulator)["Status"] == RUNNING


def test_what_somebody_did_to_a_job_can_be_accepted(remote: Project, emulator: EmulatorServer) -> None:
    """``run.state`` is written into the manifest; a failure is nothing to ask for."""
    _started(remote, emulator)
    emulator.service.edit(_task(emulator)["TaskId"], {"Status": 7})
    assert "its job is failed, which is nothing to ask for" in remote.run("drift", "--accept").out
    emulator.service.edit(_task(emulator)["TaskId"], {"Status": SUSPENDED})
    assert "run.state is as in WeData now." in remote.run("drift", "--accept").out
    assert "state: suspended" in (remote.root / "manifests" / "orders.yaml").read_text()
    assert remote.run("plan", "--refresh").out.startswith("No changes.")


def test_many_jobs_are_looked_at_by_one_listing(remote: Project, emulator: EmulatorServer) -> None:
    """A production listing for all of them, and not a call for each."""
    for number in range(12):
        text = task_manifest(f"task-{number}") + "run: {state: running}\n"
        remote.write(f"manifests/task-{number}.yaml", text)
    assert _apply(remote).code == 0
    first = min(emulator.service.tasks(), key=lambda task: str(task["TaskName"]))
    emulator.service.edit(first["TaskId"], {"Status": STOPPED})
    drift = remote.run("drift")
    assert "1 changed, 0 gone. 11 tasks as last applied." in drift.out
    emulator.switches.set({"production_filter": "refuse"})
    assert remote.run("drift").out == drift.out


# ── deletes ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["state: running", ""])
def test_a_running_task_is_deleted_only_on_demand(
    remote: Project, emulator: EmulatorServer, how: str
) -> None:
    """Refused with the flag that stops it first; no other flag is needed then. Managed or not."""
    _ask(remote, how)
    assert _apply(remote).code == 0
    if not how:
        names = {name: _task(emulator)[name] for name in ("ProjectId", "TaskId")}
        emulator.service.perform("CommitIntegrationTask", {**names, "CommitType": 1})
    refused = remote.run("destroy", "-auto-approve")
    assert refused.code == 5
    assert "to stop and delete it, add --stop-running" in refused.out
    assert len(emulator.service.tasks()) == 1
    assert remote.run("destroy", "-auto-approve", "--stop-running").code == 0
    assert emulator.service.tasks() == []


def test_a_running_task_is_replaced_only_on_demand(remote: Project, emulator: EmulatorServer) -> None:
    """Stop, wait, delete, create, start."""
    _started(remote, emulator)
    before = _task(emulator)["TaskId"]
    path = remote.root / "manifests" / "orders.yaml"
    path.write_text(path.read_text().replace("  SyncType: 2", '  SyncType: 2\n  TaskMode: "1"'))
    assert "must be replaced" in remote.run("plan").out
    assert _apply(remote).code == 5
    assert _apply(remote, "--stop-running").code == 0
    after = _task(emulator)
    assert after["TaskId"] != before
    assert after["Status"] == RUNNING


def test_a_stop_that_takes_too_long_deletes_nothing(remote: Project, emulator: EmulatorServer) -> None:
    """Exit 6; the next one looks, and goes on."""
    _started(remote, emulator)
    emulator.switches.set({"transition_reads": 2})
    ran = remote.run("destroy", "-auto-approve", "--stop-running", "--run-timeout", "0")
    assert ran.code == 6
    assert len(emulator.service.tasks()) == 1
    emulator.service.edit(_task(emulator)["TaskId"], {"Status": STOPPED})
    assert remote.run("destroy", "-auto-approve", "--stop-running", "--run-timeout", "0").code == 0


# ── documents ───────────────────────────────────────────────────────────────


def test_a_saved_plan_says_what_becomes_of_jobs_and_is_held_to_the_flag(
    remote: Project, emulator: EmulatorServer
) -> None:
    """The steps are in the document; what loses state needs the flag when it is carried out."""
    _started(remote, emulator)
    _ask(remote, "state: stopped")
    assert remote.run("plan", "--out", "p.json").code == 0
    (change,) = json.loads((remote.root / "p.json").read_text())["resource_changes"]
    assert change["change"]["actions"] == ["update"]
    assert change["change"]["before"] == change["change"]["after"]
    assert (change["run"]["steps"], change["run"]["loses_state"]) == (["stop"], True)
    assert '~ state = "running" -> "stopped"' in remote.run("show", "p.json").out
    refused = remote.run("apply", "p.json")
    assert refused.code == 1
    assert "provisioner apply --allow-state-loss p.json" in refused.err
    assert remote.run("apply", "--allow-state-loss", "p.json").code == 0
    assert _task(emulator)["Status"] == STOPPED
    assert "job             = stopped, version 1" in remote.run("state", "show", "orders").out
