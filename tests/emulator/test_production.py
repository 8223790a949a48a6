"""Two states of a task: what a commit publishes, which reads show what, and what a delete leaves."""

from typing import Any

import pytest

from desk import PRODUCTION, Desk, code_of
from provisioner.emulator import definition
from provisioner.errors import UsageError

OFFLINE = 202


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_commit_publishes_the_task_as_it_is_then(desk: Desk) -> None:
    """A modify afterwards is seen in development only, until the next commit."""
    task_id = desk.create(Description="first", Config=[{"Name": "x", "Value": "1"}])
    assert desk.in_production(task_id) is None
    desk.commit(task_id, 0)
    desk.modify(task_id, TaskName="b", Description="second")
    shown, development = desk.in_production(task_id), desk.read(task_id)
    assert (shown["TaskName"], shown["Description"]) == ("a", "first")
    assert [setting["Value"] for setting in shown["Config"]] == ["1"]
    assert (development["TaskName"], development["Description"]) == ("b", "second")
    assert [task["Description"] for task in desk.page()] == ["second"]
    assert desk.kept(task_id)["_committed"]["Description"] == "first"
    desk.commit(task_id, 0)
    shown = desk.in_production(task_id)
    assert (shown["TaskName"], shown["Description"], shown["Config"]) == ("b", "second", None)


def test_what_is_first_written_after_a_commit_is_not_in_production(desk: Desk) -> None:
    """Neither a text nor a list."""
    task_id = desk.create()
    desk.commit(task_id)
    desk.modify(task_id, Description="new", Nodes=[{"Name": "n"}])
    shown = desk.in_production(task_id)
    assert (shown["Description"], shown["Nodes"]) == ("", None)


def test_each_commit_makes_a_version(desk: Desk) -> None:
    """And says that there is one; a draft says nothing of the kind."""
    task_id = desk.create()
    names = ("Submit", "HasVersion", "InstanceVersion", "Status", "OfflineTaskStatus")
    assert [desk.read(task_id)[name] for name in names] == [None, None, None, 1, 1]
    for version in (1, 2):
        assert desk.commit(task_id) == {"Data": True}
        assert [desk.read(task_id)[name] for name in names] == [True, True, version, 1, 1]
    desk.switches.set({"submit_flag": "null"})
    desk.commit(task_id)
    assert [desk.read(task_id)[name] for name in names] == [None, True, 3, 1, 1]


def test_a_create_cannot_claim_a_version(desk: Desk) -> None:
    """The fields that say so are the service's, whatever is sent."""
    task_id = desk.create(HasVersion=True, Submit=True, InstanceVersion=7, OfflineTaskStatus=2)
    assert desk.in_production(task_id) is None
    read = desk.read(task_id)
    names = ("HasVersion", "Submit", "InstanceVersion", "OfflineTaskStatus")
    assert [read[name] for name in names] == [None, None, None, 1]


def test_an_offline_task_is_committed_by_its_type(desk: Desk) -> None:
    """The default finds real-time tasks only; whatever the CommitType, the schedule runs it."""
    offline, real_time = desk.create(TaskType=OFFLINE), desk.create()
    assert code_of(lambda: desk.commit(offline)) == "ResourceNotFound"
    assert code_of(lambda: desk.commit(real_time, TaskType=OFFLINE)) == "ResourceNotFound"
    for version, commit_type in enumerate((0, 1, 2), 1):
        desk.commit(offline, commit_type, TaskType=OFFLINE)
        read = desk.read(offline, TaskType=OFFLINE)
        assert (read["OfflineTaskStatus"], read["Status"], read["InstanceVersion"]) == (2, 1, version)
    assert desk.in_production(offline, TaskType=OFFLINE)["TaskId"] == offline
    assert desk.in_production(offline) is None


def test_a_listing_is_of_production_if_the_filter_says_true(desk: Desk) -> None:
    """Any other value means development, where every task is."""
    draft, committed = desk.create(), desk.create()
    desk.commit(committed)
    assert desk.listed(Filters=[PRODUCTION]) == [committed]
    for other in (["false"], [], None):
        assert desk.listed(Filters=[{**PRODUCTION, "Values": other}]) == [draft, committed]


@pytest.mark.parametrize("unknown", ["refuse", "ignore"])
def test_a_service_may_not_know_the_filter(unknown: str) -> None:
    """Then it is refused, also where other unknown filters are ignored."""
    desk = Desk(production_filter="refuse", unknown_filter=unknown)
    task_id = desk.create()
    assert code_of(lambda: desk.in_production(task_id)) == "InvalidParameter.InvalidFilterParameter"
    assert desk.listed() == [task_id]


def test_development_may_not_tell_how_the_job_is(desk: Desk) -> None:
    """Describe and the plain listing say 0 then, production says it; by default all do."""
    task_id = desk.create()
    desk.commit(task_id, 1)

    def statuses() -> list[int]:
        shown = (desk.read(task_id), *desk.page(), desk.in_production(task_id))
        return [task["Status"] for task in shown]

    assert statuses() == [3, 3, 3]
    desk.switches.set({"development_status": "new"})
    assert statuses() == [0, 0, 3]


# ── what a delete leaves, and names ─────────────────────────────────────────


def _name(desk: Desk, name: str, **more: str) -> tuple[bool, int]:
    reply = desk.do("CheckIntegrationTaskNameExists", TaskName=name, **more)
    return (reply["Data"], reply["ExistsType"])


@pytest.mark.parametrize("task_type", [201, OFFLINE])
@pytest.mark.parametrize("removes", ["both", "development"])
def test_a_delete_takes_both_states_or_one(removes: str, task_type: int) -> None:
    """Of a draft there is but one; what is left is in the production listing, and nowhere else."""
    desk = Desk(delete_removes=removes)
    committed, draft = (desk.create(name, TaskType=task_type) for name in ("committed", "draft"))
    desk.commit(committed, TaskType=task_type)
    for task_id in (committed, draft):
        if task_type == OFFLINE:
            reply = desk.do("DeleteOfflineTask", TaskId=task_id, OperatorName="", VirtualFlag=False)
        else:
            reply = desk.do("DeleteIntegrationTask", TaskId=task_id)
        assert reply["Data"] is True
    left = [committed] if removes == "development" else []
    assert [task["TaskId"] for task in desk.service.tasks()] == left
    assert desk.listed(TaskType=task_type) == []
    assert desk.listed(TaskType=task_type, Filters=[PRODUCTION]) == left
    assert desk.read(committed, TaskType=task_type) is None
    assert _name(desk, "committed") == ((True, 2) if left else (False, 0))
    assert _name(desk, "draft") == (False, 0)


def test_what_is_in_production_only_runs_and_is_not_edited() -> None:
    """Run actions work on production; everything else asks for the development state."""
    desk = Desk(delete_removes="development")
    task_id = desk.create()
    desk.commit(task_id)
    assert desk.do("DeleteIntegrationTask", TaskId=task_id)["Data"] is True
    for call in (
        lambda: desk.modify(task_id),
        lambda: desk.commit(task_id),
        lambda: desk.do("DeleteIntegrationTask", TaskId=task_id),
        lambda: desk.do("LockIntegrationTask", TaskId=task_id),
    ):
        assert code_of(call) == "ResourceNotFound"
    desk.run("Start", task_id)
    assert desk.in_production(task_id)["Status"] == 3
    desk.run("Stop", task_id)


def test_a_name_is_looked_for_in_development_first(desk: Desk) -> None:
    """A task that was renamed since its commit has two; the task that is named does not count."""
    task_id = desk.create("old")
    desk.commit(task_id)
    assert _name(desk, "old") == (True, 1)
    desk.modify(task_id, TaskName="new")
    assert _name(desk, "old") == (True, 2)
    assert _name(desk, "new") == (True, 1)
    assert _name(desk, "old", TaskId=task_id) == _name(desk, "new", TaskId=task_id) == (False, 0)
    assert _name(desk, "old", ProjectId="2") == (False, 0)
    desk.switches.set({"duplicate_name": "FailedOperation"})
    assert code_of(lambda: desk.create("old")) == "FailedOperation"


# ── approval ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("site", ["intl", "china"])
def test_a_commit_may_have_to_be_approved(site: str) -> None:
    """Until then nothing is published; then what was committed, not what was written since."""
    desk = Desk(site=site, approval="needed")
    task_id = desk.create(Description="first")
    reply = desk.commit(task_id, 1)
    waiting = desk.kept(task_id)["_approval"]
    more = {"DataDto": {"TaskApproveId": waiting}} if site == "china" else {}
    assert reply == {"Data": True, **more}
    assert waiting
    assert desk.in_production(task_id) is None
    assert (desk.read(task_id)["Status"], desk.read(task_id)["HasVersion"]) == (1, None)
    desk.modify(task_id, Description="second")
    desk.service.approve(task_id)
    shown = desk.in_production(task_id)
    assert (shown["Description"], shown["Status"], shown["InstanceVersion"]) == ("first", 3, 1)
    assert desk.kept(task_id)["_approval"] is None


def test_without_approval_the_china_site_says_so() -> None:
    """The field is there, and null."""
    desk = Desk(site="china")
    assert desk.commit(desk.create()) == {"Data": True, "DataDto": None}


def test_a_second_commit_takes_the_place_of_the_one_that_waits() -> None:
    """One approval publishes one version."""
    desk = Desk(approval="needed")
    task_id = desk.create(Description="first")
    desk.commit(task_id)
    first = desk.kept(task_id)["_approval"]
    desk.modify(task_id, Description="second")
    desk.commit(task_id)
    assert desk.kept(task_id)["_approval"] != first
    desk.service.approve(task_id)
    assert desk.in_production(task_id)["Description"] == "second"
    assert desk.read(task_id)["InstanceVersion"] == 1


def test_only_what_waits_is_approved() -> None:
    """Anything else is an error of whoever programs the emulator."""
    desk = Desk(approval="needed", delete_removes="development")
    task_id = desk.create()
    for other in ("nobody", task_id):
        with pytest.raises(UsageError, match=other):
            desk.service.approve(other)
    desk.commit(task_id)
    desk.service.approve(task_id)
    with pytest.raises(UsageError, match=task_id):
        desk.service.approve(task_id)
    desk.commit(task_id)
    desk.do("DeleteIntegrationTask", TaskId=task_id)
    with pytest.raises(UsageError, match=task_id):
        desk.service.approve(task_id)


def test_an_approval_that_comes_too_late_has_no_effect() -> None:
    """The job is running by then, and cannot be started."""
    desk = Desk(approval="needed")
    task_id = desk.create()
    desk.commit(task_id, 1)
    desk.service.edit(task_id, {"Status": 3})
    before = desk.service.tasks()
    assert code_of(lambda: desk.service.approve(task_id)) == "UnsupportedOperation"
    assert desk.service.tasks() == before


# ── edits, and the shape of replies ─────────────────────────────────────────


def test_a_colleague_may_commit_or_take_a_commit_back(desk: Desk) -> None:
    """By what an edit says of HasVersion; to say what is so already changes nothing."""
    task_id = desk.create(Description="first")
    desk.service.edit(task_id, {"HasVersion": True, "InstanceVersion": 4})
    desk.service.edit(task_id, {"HasVersion": True, "Description": "second"})
    assert desk.in_production(task_id)["Description"] == "first"
    desk.commit(task_id)
    assert desk.read(task_id)["InstanceVersion"] == 5
    desk.service.edit(task_id, {"HasVersion": False})
    assert desk.in_production(task_id) is None


@pytest.mark.parametrize("site", ["intl", "china"])
def test_replies_have_no_other_fields_than_the_declared(site: str) -> None:
    """Of that site; nothing of what only tests see."""
    desk = Desk(site=site)
    objects = definition.load().objects
    task_id = desk.create()
    on_it: dict[str, Any] = {"TaskId": task_id}
    typed = {**on_it, "TaskType": 201}
    page = {"PageNumber": 1, "PageSize": 10, "Filters": [PRODUCTION]}
    for action, parameters in (
        ("LockIntegrationTask", on_it),
        ("DescribeTaskLockStatus", typed),
        ("RobAndLockIntegrationTask", typed),
        ("CommitIntegrationTask", {**on_it, "CommitType": 1}),
        ("SuspendIntegrationTask", on_it),
        ("ResumeIntegrationTask", on_it),
        ("DescribeIntegrationTasks", page),
        ("StopIntegrationTask", on_it),
        ("StartIntegrationTask", on_it),
        ("StopIntegrationTask", on_it),
        ("UnlockIntegrationTask", on_it),
        ("CheckIntegrationTaskNameExists", {"TaskName": "a"}),
        ("DeleteIntegrationTask", on_it),
    ):
        _ensure_declared(desk.do(action, **parameters), f"{action}Response", objects, site)


def _ensure_declared(value: Any, name: str, objects: Any, site: str) -> None:
    for key, item in value.items():
        field = objects[name][key]
        assert site == "china" or not field.china_only
        if field.type == "object" and item is not None:
            _ensure_declared(item, field.item, objects, site)
        if field.item == "IntegrationTaskInfo" and field.type == "list":
            assert item
            for info in item:
                _ensure_declared(info, field.item, objects, site)
