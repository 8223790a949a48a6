"""What the service does with a call that passed: projects, listings, refusals, what is late, edits."""

from collections.abc import Mapping
from typing import Any

import pytest

from desk import Desk, code_of
from projects import REPOSITORY
from provisioner.emulator.task import OWN
from provisioner.errors import UsageError


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ── projects, and what is not found ─────────────────────────────────────────

ON_A_TASK: Mapping[str, Mapping[str, Any]] = {
    "DeleteIntegrationTask": {},
    "CommitIntegrationTask": {},
    "StartIntegrationTask": {},
    "ResumeIntegrationTask": {},
    "SuspendIntegrationTask": {},
    "StopIntegrationTask": {},
    "LockIntegrationTask": {},
    "UnlockIntegrationTask": {},
    "RobAndLockIntegrationTask": {"TaskType": 201},
    "DescribeTaskLockStatus": {"TaskType": 201},
    "DeleteOfflineTask": {"OperatorName": "", "VirtualFlag": False},
}


@pytest.mark.parametrize("code", ["ResourceNotFound", "FailedOperation", "InvalidParameter"])
@pytest.mark.parametrize("action", ["ModifyIntegrationTask", *ON_A_TASK])
def test_a_task_is_found_in_its_own_project_only(desk: Desk, action: str, code: str) -> None:
    """Elsewhere it does not exist, as the switch says it; and nothing happens to it."""
    desk.switches.set({"not_found_write": code, "run_preconditions": "lenient"})
    task_id = desk.create(TaskType=202 if action == "DeleteOfflineTask" else 201)
    before = desk.service.tasks()

    def call(project: str, task: str) -> object:
        if action == "ModifyIntegrationTask":
            return desk.do(action, ProjectId=project, TaskInfo={"TaskId": task, "TaskName": "b"})
        return desk.do(action, ProjectId=project, TaskId=task, **ON_A_TASK[action])

    assert code_of(lambda: call("2", task_id)) == code
    assert code_of(lambda: call("1", "nobody")) == code
    assert desk.service.tasks() == before
    call("1", task_id)


def test_a_modify_has_to_say_which_task(desk: Desk) -> None:
    """Without a TaskId there is none."""
    assert code_of(lambda: desk.do("ModifyIntegrationTask", TaskInfo={"TaskName": "b"})) == "ResourceNotFound"


def test_a_read_finds_a_task_in_its_own_project_only(desk: Desk) -> None:
    """And so does a listing."""
    task_id = desk.create()
    assert desk.do("DescribeIntegrationTask", TaskId=task_id)["TaskInfo"]["TaskId"] == task_id
    assert desk.do("DescribeIntegrationTask", ProjectId="2", TaskId=task_id)["TaskInfo"] is None
    assert desk.listed() == [task_id]
    assert desk.listed(ProjectId="2") == []


@pytest.mark.parametrize("action", ["CreateIntegrationTask", "ModifyIntegrationTask"])
def test_a_contradiction_about_the_project_is_refused_or_ignored(desk: Desk, action: str) -> None:
    """As the switch says; what is empty or the same contradicts nothing."""
    task_id = desk.create()

    def call(project: str | None) -> object:
        info = {"TaskName": "b", "TaskId": task_id, "ProjectId": project}
        return desk.do(action, TaskInfo=info)

    assert code_of(lambda: call("2")) == "InvalidParameterValue"
    for project in ("1", "", None):
        call(project)
    desk.switches.set({"project_mismatch": "ignore"})
    call("2")
    assert {task["ProjectId"] for task in desk.service.tasks()} == {"1"}


def test_each_type_is_deleted_by_its_own_action(desk: Desk) -> None:
    """The other one does not find it."""
    offline, real_time = desk.create(TaskType=202), desk.create(TaskType=None)
    assert code_of(lambda: desk.do("DeleteIntegrationTask", TaskId=offline)) == "ResourceNotFound"
    assert code_of(lambda: desk.do("DeleteOfflineTask", TaskId=real_time)) == "ResourceNotFound"
    assert len(desk.service.tasks()) == 2


# ── listings ────────────────────────────────────────────────────────────────


def _filter(name: str | None, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


def test_every_filter_counts_whatever_their_order(desk: Desk) -> None:
    """A task is listed if all of them let it through."""
    first, second, third = desk.create(), desk.create(), desk.create()
    for task_id in (first, second):
        desk.do("CommitIntegrationTask", TaskId=task_id)
    production, one = _filter("ProductionState", "true"), _filter("TaskId", first, third)
    assert desk.listed(Filters=[production]) == [first, second]
    assert desk.listed(Filters=[one]) == [first, third]
    assert desk.listed(Filters=[production, one]) == desk.listed(Filters=[one, production]) == [first]
    assert desk.listed(Filters=[_filter("ProductionState", "false")]) == [first, second, third]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Filters": [_filter("TaskName", "a")]}, "InvalidParameter.InvalidFilterParameter"),
        ({"Filters": [_filter(None, "a")]}, "InvalidParameter.InvalidFilterParameter"),
        ({"OrderFields": [{"Name": "Colour", "Direction": "ASC"}]}, "InvalidParameterValue"),
        ({"OrderFields": [{"Name": "CreateTime", "Direction": "SIDEWAYS"}]}, "InvalidParameterValue"),
        ({"OrderFields": [{"Name": "CreateTime"}]}, "InvalidParameterValue"),
        ({"OrderFields": [{}]}, "InvalidParameterValue"),
    ],
    ids=str,
)
def test_an_unknown_filter_or_order_is_refused_or_ignored(
    desk: Desk, parameters: dict[str, Any], code: str
) -> None:
    """As the switch says; never half of each."""
    task_id = desk.create()
    assert code_of(lambda: desk.listed(**parameters)) == code
    desk.switches.set({"unknown_filter": "ignore"})
    assert desk.listed(**parameters) == [task_id]


def test_listings_are_in_order_of_creation(desk: Desk) -> None:
    """Either way; what the times of a request mean is unknown, so they mean nothing."""
    old = desk.create()
    desk.now += 1
    new = desk.create()
    for direction, expected in (("ASC", [old, new]), ("DESC", [new, old])):
        order = [{"Name": "CreateTime", "Direction": direction}]
        assert desk.listed(OrderFields=order) == expected
    assert desk.listed(StartTime="2090-01-01 00:00:00", EndTime="2091-01-01 00:00:00") == [old, new]


# ── what is late ────────────────────────────────────────────────────────────


def _late(desk: Desk, seconds: float, name: str) -> None:
    parameters = {"ProjectId": "1", "TaskInfo": {"TaskName": name}}
    desk.service.perform_late(seconds, "CreateIntegrationTask", parameters)


def test_what_is_refused_when_it_is_due_has_no_effect(desk: Desk) -> None:
    """Neither on the call that comes then, nor on what else is due."""
    desk.switches.set({"duplicate_name": "InvalidParameter"})
    desk.create("a")
    _late(desk, 10, "a")
    _late(desk, 10, "b")
    desk.service.perform_late(10, "BatchStopIntegrationTasks", {"ProjectId": "1"})
    _late(desk, 10, "c")
    desk.now += 10
    assert len(desk.listed()) == 3
    assert [task["TaskName"] for task in desk.service.tasks()] == ["a", "b", "c"]


def test_what_is_late_happens_in_the_order_in_which_it_is_due(desk: Desk) -> None:
    """Whatever was sent first."""
    _late(desk, 20, "second")
    _late(desk, 10, "first")
    _late(desk, 30, "third")
    desk.now += 20
    assert [task["TaskName"] for task in desk.service.tasks()] == ["first", "second"]


# ── edits ───────────────────────────────────────────────────────────────────


def test_a_task_is_edited_as_in_the_console(desk: Desk) -> None:
    """Fields that the service decides included."""
    task_id = desk.create()
    desk.service.edit(task_id, {"Description": "x", "Status": 3, "Locker": "somebody"})
    task = desk.service.tasks()[0]
    assert (task["Description"], task["Status"], task["Locker"]) == ("x", 3, "somebody")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([], "object"),
        (5, "object"),
        ({"TaskId": "evil"}, "TaskId"),
        ({"ProjectId": "2"}, "ProjectId"),
        ({"TaskType": 202}, "TaskType"),
        ({"_visible_from": "a"}, "_visible_from"),
        ({"CreateTime": None}, "CreateTime"),
        ({"Nodes": 5}, "Nodes"),
        ({"Nodes": [{"Config": [{"Name": 1}]}]}, r"Nodes\.0\.Config\.0\.Name"),
        ({"Status": "running"}, "Status"),
        ({"Colour": "red"}, "Colour"),
    ],
    ids=str,
)
def test_an_edit_that_the_definition_does_not_allow_is_refused(
    desk: Desk, changes: object, named: str
) -> None:
    """It names what is wrong, and nothing is changed."""
    task_id = desk.create()
    before = desk.service.tasks()
    with pytest.raises(UsageError, match=named):
        desk.service.edit(task_id, changes)
    assert desk.service.tasks() == before


def test_an_edit_of_nobody_is_refused(desk: Desk) -> None:
    """There is no such task."""
    with pytest.raises(UsageError, match="nobody"):
        desk.service.edit("nobody", {})


def test_the_readme_names_every_key_that_only_tests_see() -> None:
    """They are looked up there."""
    readme = (REPOSITORY / "README.md").read_text()
    assert [key for key in OWN if f"`{key}`" not in readme] == []
