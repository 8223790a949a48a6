"""The job of a task: what starts and ends it, what becomes of its state, and what is refused when."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from desk import Desk, code_of

DRAFT, NOT_STARTED, RUNNING, SUSPENDED, STOPPED, FAILED = "draft", 1, 3, 4, 6, 7
ACTIONS = ("Start", "Stop", "Suspend", "Resume")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def _task(desk: Desk, status: str | int) -> str:
    """A task that was brought there by the actions themselves."""
    task_id = desk.create()
    if status == DRAFT:
        return task_id
    if status == FAILED:
        desk.switches.set({"start_ends": "failed"})
    desk.commit(task_id, 0 if status == NOT_STARTED else 1)
    desk.switches.set({"start_ends": "running"})
    if status in (SUSPENDED, STOPPED):
        desk.run("Suspend" if status == SUSPENDED else "Stop", task_id)
    assert desk.kept(task_id)["Status"] == status
    return task_id


def _job(desk: Desk, task_id: str) -> tuple[Any, ...]:
    """Status, how often state was dropped and kept, and the version that runs."""
    task = desk.kept(task_id)
    return (task["Status"], task["_state_dropped"], task["_state_kept"], task["_job_version"])


# ── commits ─────────────────────────────────────────────────────────────────

ENDS: Mapping[tuple[str | int, int], tuple[Any, ...]] = {
    (DRAFT, 0): (NOT_STARTED, 0, 0, None),
    (DRAFT, 1): (RUNNING, 0, 0, 1),
    (NOT_STARTED, 0): (NOT_STARTED, 0, 0, None),
    (NOT_STARTED, 1): (RUNNING, 0, 0, 2),
    (RUNNING, 0): (RUNNING, 0, 0, 1),
    (RUNNING, 2): (RUNNING, 1, 0, 2),
    (RUNNING, 3): (RUNNING, 0, 1, 2),
    (RUNNING, 4): (RUNNING, 0, 1, 2),
    (SUSPENDED, 0): (SUSPENDED, 0, 0, 1),
    (SUSPENDED, 2): (RUNNING, 1, 0, 2),
    (SUSPENDED, 3): (RUNNING, 0, 1, 2),
    (SUSPENDED, 4): (RUNNING, 0, 1, 2),
    (STOPPED, 0): (STOPPED, 1, 0, 1),
    (STOPPED, 1): (RUNNING, 1, 0, 2),
    (FAILED, 0): (FAILED, 0, 0, 1),
    (FAILED, 1): (RUNNING, 1, 0, 2),
    (FAILED, 2): (RUNNING, 1, 0, 2),
    (FAILED, 3): (RUNNING, 0, 1, 2),
    (FAILED, 4): (RUNNING, 0, 1, 2),
}
"""Status and CommitType to what ``_job`` says then; what is not here is refused."""

STATUSES = (DRAFT, NOT_STARTED, RUNNING, SUSPENDED, STOPPED, FAILED)


@pytest.mark.parametrize("commit_type", range(5))
@pytest.mark.parametrize("status", STATUSES)
def test_a_commit_does_to_the_job_what_its_type_says(desk: Desk, status: str | int, commit_type: int) -> None:
    """Or is refused, and then publishes nothing, where there is no job for it."""
    task_id = _task(desk, status)
    before = desk.kept(task_id)
    expected = ENDS.get((status, commit_type))
    if expected is None:
        assert code_of(lambda: desk.commit(task_id, commit_type)) == "UnsupportedOperation"
        assert desk.kept(task_id) == before
    else:
        desk.commit(task_id, commit_type)
        assert _job(desk, task_id) == expected
        assert desk.kept(task_id)["InstanceVersion"] == (before["InstanceVersion"] or 0) + 1


@pytest.mark.parametrize("commit_type", range(5))
@pytest.mark.parametrize("status", STATUSES)
def test_a_lenient_service_commits_whatever_the_status(status: str | int, commit_type: int) -> None:
    """Then a job runs unless the commit is a submit."""
    desk = Desk(run_preconditions="lenient")
    task_id = _task(desk, status)
    before = desk.kept(task_id)["Status"]
    desk.commit(task_id, commit_type)
    assert desk.kept(task_id)["Status"] == (before if commit_type == 0 else RUNNING)


@pytest.mark.parametrize(("default", "status"), [(0, NOT_STARTED), ("1", RUNNING)], ids=str)
def test_a_commit_that_says_no_type_has_the_switchs(desk: Desk, default: str | int, status: int) -> None:
    """A number or its text turns the switch."""
    desk.switches.set({"commit_default": default})
    task_id = desk.create()
    desk.commit(task_id)
    assert desk.kept(task_id)["Status"] == status


@pytest.mark.parametrize("commit_type", [-1, 5])
def test_an_unknown_commit_type_is_refused(commit_type: int) -> None:
    """Also by a lenient service."""
    desk = Desk(run_preconditions="lenient")
    task_id = desk.create()
    assert code_of(lambda: desk.commit(task_id, commit_type)) == "InvalidParameterValue"
    assert desk.kept(task_id)["InstanceVersion"] is None


# ── run actions ─────────────────────────────────────────────────────────────

RUNS: Mapping[tuple[str | int, str], tuple[Any, ...]] = {
    (NOT_STARTED, "Start"): (RUNNING, 0, 0, 1),
    (RUNNING, "Stop"): (STOPPED, 1, 0, 1),
    (RUNNING, "Suspend"): (SUSPENDED, 0, 0, 1),
    (SUSPENDED, "Stop"): (STOPPED, 1, 0, 1),
    (SUSPENDED, "Resume"): (RUNNING, 0, 1, 1),
    (STOPPED, "Start"): (RUNNING, 1, 0, 1),
    (FAILED, "Start"): (RUNNING, 1, 0, 1),
}
"""Status and action to what ``_job`` says then; what is not here is refused."""


@pytest.mark.parametrize("code", ["UnsupportedOperation", "FailedOperation", "ResourceUnavailable"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", STATUSES)
def test_an_action_needs_a_job_that_it_makes_sense_for(status: str | int, action: str, code: str) -> None:
    """Else it is refused with the code of the switch; a lenient service does it all the same."""
    desk = Desk(precondition_code=code)
    task_id = _task(desk, status)
    before = desk.kept(task_id)
    expected = RUNS.get((status, action))
    if expected is not None:
        desk.run(action, task_id)
        assert _job(desk, task_id) == expected
        return
    assert code_of(lambda: desk.run(action, task_id)) == code
    assert desk.kept(task_id) == before
    desk.switches.set({"run_preconditions": "lenient"})
    desk.run(action, task_id)
    ends = {"Start": RUNNING, "Stop": STOPPED, "Suspend": SUSPENDED, "Resume": RUNNING}
    assert desk.kept(task_id)["Status"] == ends[action]


@pytest.mark.parametrize("preconditions", ["strict", "lenient"])
@pytest.mark.parametrize("action", ACTIONS)
def test_run_actions_find_no_offline_task(action: str, preconditions: str) -> None:
    """Its schedule runs it."""
    desk = Desk(run_preconditions=preconditions)
    task_id = desk.create(TaskType=202)
    desk.commit(task_id, TaskType=202)
    assert code_of(lambda: desk.run(action, task_id)) == "ResourceNotFound"


@pytest.mark.parametrize(
    ("action", "event", "fits"),
    [
        ("Start", "START", True),
        ("Start", "START ", True),
        ("Start", "", True),
        ("Start", "STOP", False),
        ("Start", "start", False),
        ("Suspend", "SUSPEND", True),
        ("Suspend", "SUSPEND_WITHOUT_SP", True),
        ("Suspend", "START", False),
        ("Resume", "RESUME", True),
        ("Resume", "START", False),
        ("Resume", "TIMESTAMP", False),
    ],
)
def test_an_event_has_to_be_the_actions_own(desk: Desk, action: str, event: str, fits: bool) -> None:
    """Blanks around it do not count: the vendor's example has one."""
    task_id = _task(desk, {"Start": NOT_STARTED, "Suspend": RUNNING, "Resume": SUSPENDED}[action])
    if fits:
        desk.run(action, task_id, Event=event)
    else:
        assert code_of(lambda: desk.run(action, task_id, Event=event)) == "InvalidParameterValue"


def test_a_forced_pause_loses_the_jobs_state(desk: Desk) -> None:
    """There is no snapshot to go on from; a normal one loses nothing."""
    task_id = _task(desk, RUNNING)
    desk.run("Suspend", task_id, Event="SUSPEND_WITHOUT_SP")
    assert _job(desk, task_id)[:3] == (SUSPENDED, 1, 0)
    desk.run("Resume", task_id)
    assert _job(desk, task_id)[:3] == (RUNNING, 1, 0)
    desk.run("Suspend", task_id)
    desk.run("Resume", task_id)
    assert _job(desk, task_id)[:3] == (RUNNING, 1, 1)


@pytest.mark.parametrize("event", ["TIMESTAMP", "START"])
def test_a_job_starts_from_a_point_in_time(desk: Desk, event: str) -> None:
    """The vendor's example sends the timestamp with START; a start without one is from new."""
    task_id = _task(desk, NOT_STARTED)
    since = [{"Name": "other", "Value": "x"}, {"Name": "timestamp", "Value": "1686811933000"}]
    desk.run("Start", task_id, Event=event, ExtConfig=since)
    assert desk.kept(task_id)["_started_from"] == "1686811933000"
    desk.commit(task_id, 4)
    assert desk.kept(task_id)["_started_from"] == "1686811933000"
    desk.commit(task_id, 2)
    assert desk.kept(task_id)["_started_from"] is None
    desk.run("Stop", task_id)
    desk.run("Start", task_id, Event=event, ExtConfig=since)
    desk.run("Stop", task_id)
    desk.run("Start", task_id)
    assert desk.kept(task_id)["_started_from"] is None


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "²"], ids=repr)
def test_a_timestamp_is_a_number_of_milliseconds(desk: Desk, value: str | None) -> None:
    """Anything else is refused, and so is the event without any."""
    task_id = _task(desk, NOT_STARTED)
    for settings in ([{"Name": "timestamp", "Value": value}], [], None):
        start = {"Event": "TIMESTAMP", "ExtConfig": settings}
        assert code_of(partial(desk.run, "Start", task_id, **start)) == "InvalidParameterValue"
    assert desk.kept(task_id)["Status"] == NOT_STARTED


def test_the_times_of_a_job_are_told(desk: Desk) -> None:
    """When it was started, when it was stopped; UpdateTime moves with both."""
    task_id = _task(desk, NOT_STARTED)
    read = desk.read(task_id)
    assert (read["LastRunTime"], read["StopTime"]) == (None, None)
    desk.now += 1
    desk.run("Start", task_id)
    desk.now += 1
    desk.run("Stop", task_id)
    read = desk.read(task_id)
    assert read["LastRunTime"] == "2023-11-14 22:13:21"
    assert read["StopTime"] == read["UpdateTime"] == "2023-11-14 22:13:22"


# ── transitions ─────────────────────────────────────────────────────────────


def _statuses(desk: Desk, task_id: str, reads: int) -> list[int]:
    """What so many reads show, one by one and by listings in turn."""
    shown = []
    for number in range(reads):
        read = desk.read(task_id) if number % 2 == 0 else desk.page(Filters=[])[0]
        shown.append(read["Status"])
    return shown


@pytest.mark.parametrize(
    ("status", "action", "between", "after"),
    [
        (NOT_STARTED, "Start", 2, RUNNING),
        (RUNNING, "Suspend", 2, SUSPENDED),
        (SUSPENDED, "Resume", 2, RUNNING),
        (RUNNING, "Stop", 5, STOPPED),
    ],
)
def test_a_transition_may_last_for_some_reads(
    desk: Desk, status: int, action: str, between: int, after: int
) -> None:
    """Of either kind; those of tests do not count."""
    task_id = _task(desk, status)
    desk.switches.set({"transition_reads": 3})
    desk.run(action, task_id)
    assert [desk.kept(task_id)["Status"] for _ in range(5)] == [between] * 5
    assert _statuses(desk, task_id, 5) == [between] * 3 + [after] * 2


def test_a_transition_may_last_for_some_time(desk: Desk) -> None:
    """By the service's clock; with both switches it is over when both are."""
    desk.switches.set({"transition_seconds": 10})
    task_id = desk.create()
    desk.commit(task_id, 1)
    assert _statuses(desk, task_id, 3) == [2, 2, 2]
    desk.now += 9
    assert _statuses(desk, task_id, 1) == [2]
    desk.now += 1
    assert desk.kept(task_id)["Status"] == RUNNING
    desk.switches.set({"transition_reads": 1})
    desk.run("Suspend", task_id)
    desk.now += 10
    assert _statuses(desk, task_id, 2) == [2, SUSPENDED]


def test_reads_that_do_not_show_the_status_do_not_count(desk: Desk) -> None:
    """In development, where that says 0; and of other tasks and pages."""
    desk.switches.set({"transition_reads": 1, "development_status": "new"})
    task_id, _ = desk.create(), desk.create()
    desk.commit(task_id, 1)
    assert _statuses(desk, task_id, 4) == [0, 0, 0, 0]
    second = {"PageNumber": 2, "PageSize": 1}
    assert desk.do("DescribeIntegrationTasks", **second)["TaskInfoSet"][0]["TaskId"] != task_id
    assert [desk.in_production(task_id)["Status"] for _ in range(2)] == [2, RUNNING]


def test_during_a_transition_the_job_is_left_alone(desk: Desk) -> None:
    """Every action on it is refused, and a delete says that it is running; a lenient service obeys."""
    desk.switches.set({"transition_seconds": 10})
    task_id = desk.create()
    desk.commit(task_id, 1)
    before = desk.kept(task_id)
    for action in ACTIONS:
        assert code_of(partial(desk.run, action, task_id)) == "ResourceInUse"
    for commit_type in range(5):
        assert code_of(partial(desk.commit, task_id, commit_type)) == "ResourceInUse"
    assert desk.do("DeleteIntegrationTask", TaskId=task_id)["DeleteFlag"] == 100
    assert desk.kept(task_id) == before
    desk.switches.set({"run_preconditions": "lenient"})
    desk.run("Stop", task_id)
    desk.now += 10
    assert desk.kept(task_id)["Status"] == STOPPED


@pytest.mark.parametrize("how", ["commit", "start", "resume", "go on"])
def test_a_job_may_end_as_failed(desk: Desk, how: str) -> None:
    """Behind the transition, however it was told to run."""
    task_id = _task(desk, SUSPENDED if how in ("resume", "go on") else NOT_STARTED)
    desk.switches.set({"start_ends": "failed", "transition_reads": 1})
    if how in ("start", "resume"):
        desk.run(how.title(), task_id)
    else:
        desk.commit(task_id, 1 if how == "commit" else 4)
    assert _statuses(desk, task_id, 2) == [2, FAILED]


@pytest.mark.parametrize(("action", "after"), [("Suspend", SUSPENDED), ("Stop", STOPPED)])
def test_only_a_job_that_is_to_run_fails(desk: Desk, action: str, after: int) -> None:
    """A pause and a stop come to their end."""
    task_id = _task(desk, RUNNING)
    desk.switches.set({"start_ends": "failed"})
    desk.run(action, task_id)
    assert desk.kept(task_id)["Status"] == after


# ── what a job forbids ──────────────────────────────────────────────────────


@pytest.mark.parametrize("status", STATUSES)
def test_a_modify_of_a_running_job_may_be_refused(desk: Desk, status: str | int) -> None:
    """Of a running one only; by default of none."""
    task_id = _task(desk, status)
    desk.modify(task_id, Description="first")
    desk.switches.set({"modify_running": "refuse", "precondition_code": "FailedOperation"})
    if status == RUNNING:
        assert code_of(lambda: desk.modify(task_id, Description="second")) == "FailedOperation"
    else:
        desk.modify(task_id, Description="second")
    assert desk.read(task_id)["Description"] == ("first" if status == RUNNING else "second")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("fails", ["no", "yes"])
def test_a_delete_may_say_no(fails: str, status: str | int) -> None:
    """100 for a job that is alive, 1 with a reason if it fails; nothing is deleted then."""
    desk = Desk(delete_fails=fails)
    task_id = _task(desk, status)
    flag = 100 if status in (RUNNING, SUSPENDED) else int(fails == "yes")
    reply = desk.do("DeleteIntegrationTask", TaskId=task_id)
    assert (reply["Data"], reply["DeleteFlag"]) == (flag == 0, flag)
    assert reply["DeleteErrInfo"]
    assert len(desk.service.tasks()) == int(flag != 0)


# ── edits ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "then", "has_state"),
    [
        (NOT_STARTED, RUNNING, True),
        (NOT_STARTED, 20, False),
        (RUNNING, 20, True),
        (RUNNING, STOPPED, False),
        (RUNNING, FAILED, True),
    ],
)
def test_what_becomes_of_a_job_behind_our_back(desk: Desk, status: int, then: int, has_state: bool) -> None:
    """An edit ends a transition, and is not counted as ours."""
    task_id = _task(desk, status)
    desk.switches.set({"transition_seconds": 10})
    desk.run("Start" if status == NOT_STARTED else "Suspend", task_id)
    desk.service.edit(task_id, {"Status": status})
    desk.service.edit(task_id, {"Status": then})
    desk.now += 10
    task = desk.kept(task_id)
    assert (task["Status"], task["_state_dropped"]) == (then, 0)
    assert (task["_has_state"], task["_job_version"]) == (has_state, 1)
    desk.service.edit(task_id, {"Description": "x"})
    assert desk.kept(task_id)["_has_state"] is has_state


def test_a_draft_that_a_colleague_runs_has_no_version(desk: Desk) -> None:
    """It is stopped like any other."""
    task_id = desk.create()
    desk.service.edit(task_id, {"Status": RUNNING})
    assert _job(desk, task_id) == (RUNNING, 0, 0, None)
    desk.run("Stop", task_id)
    assert _job(desk, task_id) == (STOPPED, 1, 0, None)
