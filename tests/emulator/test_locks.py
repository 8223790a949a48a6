"""Who holds a task, and what that forbids."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from desk import Desk, code_of
from provisioner.emulator.tasks import OWNER

COLLEAGUE = "100028625403"
OURS, THEIRS, NOBODYS = "ours", "theirs", "nobody's"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def _task(desk: Desk, holder: str, task_type: int = 201) -> str:
    task_id = desk.create(TaskType=task_type)
    if holder == THEIRS:
        desk.service.edit(task_id, {"Locked": True, "Locker": COLLEAGUE})
    elif holder == NOBODYS:
        desk.do("UnlockIntegrationTask", TaskId=task_id)
    return task_id


def _lock(desk: Desk, task_id: str) -> tuple[bool, str]:
    read = desk.read(task_id)
    return (read["Locked"], read["Locker"])


def _status(desk: Desk, task_id: str, task_type: int = 201) -> dict[str, Any]:
    reply = desk.do("DescribeTaskLockStatus", TaskId=task_id, TaskType=task_type)
    status = reply["TaskLockStatus"]
    assert status.pop("TaskId") == task_id
    return dict(status)


@pytest.mark.parametrize(("takes", "lock"), [("yes", (True, OWNER)), ("no", (False, ""))])
def test_a_create_takes_the_lock_or_not(takes: str, lock: tuple[bool, str]) -> None:
    """As in the captured reply, by default."""
    desk = Desk(create_takes_lock=takes)
    assert _lock(desk, desk.create()) == lock


@pytest.mark.parametrize("rob", ["allowed", "refused"])
@pytest.mark.parametrize("holder", [OURS, THEIRS, NOBODYS])
def test_the_status_says_who_holds_it_and_whether_it_can_be_taken(holder: str, rob: str) -> None:
    """What robbing does then is what was said."""
    desk = Desk(rob=rob)
    task_id = _task(desk, holder)
    locker = {OURS: OWNER, THEIRS: COLLEAGUE, NOBODYS: ""}[holder]
    can = holder != THEIRS or rob == "allowed"
    assert _status(desk, task_id) == {"Locker": locker, "IsLocker": int(holder == OURS), "IsRob": int(can)}
    reply = desk.do("RobAndLockIntegrationTask", TaskId=task_id, TaskType=201)
    assert reply == {"RobLockState": {"IsRob": can, "Locker": OWNER if can else COLLEAGUE}}
    assert _lock(desk, task_id) == (True, OWNER if can else COLLEAGUE)


@pytest.mark.parametrize("action", ["Lock", "Unlock"])
@pytest.mark.parametrize("holder", [OURS, THEIRS, NOBODYS])
def test_a_lock_is_taken_and_given_back_by_anyone_but_a_colleague_of_the_holder(
    desk: Desk, holder: str, action: str
) -> None:
    """To take what one has, or to give back what nobody has, is no mistake."""
    task_id = _task(desk, holder)
    before = desk.kept(task_id)

    def call() -> object:
        return desk.do(f"{action}IntegrationTask", TaskId=task_id)

    if holder == THEIRS:
        assert code_of(call) == "UnsupportedOperation"
        assert desk.kept(task_id) == before
    else:
        assert call() == {"Data": True}
        assert _lock(desk, task_id) == ((True, OWNER) if action == "Lock" else (False, ""))


@pytest.mark.parametrize("action", ["RobAndLockIntegrationTask", "DescribeTaskLockStatus"])
def test_these_ask_for_the_type(desk: Desk, action: str) -> None:
    """The other one does not find it."""
    for task_type, other in ((201, 202), (202, 201)):
        task_id = desk.create(TaskType=task_type)
        wrong = {"TaskId": task_id, "TaskType": other}
        assert code_of(partial(desk.do, action, **wrong)) == "ResourceNotFound"
        assert desk.do(action, TaskId=task_id, TaskType=task_type)


CALLS: dict[str, tuple[int, Callable[[Desk, str], object]]] = {
    "modify_needs_lock": (201, lambda desk, task_id: desk.modify(task_id, Description="x")),
    "commit_needs_lock": (201, lambda desk, task_id: desk.commit(task_id)),
    "delete_needs_lock": (201, lambda desk, task_id: desk.do("DeleteIntegrationTask", TaskId=task_id)),
    "delete_needs_lock, offline": (
        202,
        lambda desk, task_id: desk.do(
            "DeleteOfflineTask", TaskId=task_id, OperatorName="", VirtualFlag=False
        ),
    ),
}


@pytest.mark.parametrize("holder", [OURS, THEIRS, NOBODYS])
@pytest.mark.parametrize("needs", ["no", "others", "holder"])
@pytest.mark.parametrize("name", CALLS)
def test_an_action_may_need_the_lock(desk: Desk, name: str, needs: str, holder: str) -> None:
    """``others``: nobody else may have it; ``holder``: one has to have it oneself."""
    desk.switches.set({name.partition(",")[0]: needs})
    task_type, call = CALLS[name]
    task_id = _task(desk, holder, task_type)
    before = desk.service.tasks()
    if needs == "no" or holder == OURS or (needs == "others" and holder == NOBODYS):
        call(desk, task_id)
        assert desk.service.tasks() != before
    else:
        assert code_of(lambda: call(desk, task_id)) == "UnsupportedOperation"
        assert desk.service.tasks() == before


def test_by_default_only_the_commit_needs_a_lock_that_nobody_else_has(desk: Desk) -> None:
    """The refusal is the captured one."""
    task_id = _task(desk, THEIRS)
    with pytest.raises(Exception, match=rf"locked by {COLLEAGUE} and cannot be committed"):
        desk.commit(task_id)
    desk.modify(task_id)
    assert desk.do("DeleteIntegrationTask", TaskId=task_id)["Data"] is True


def test_the_name_of_the_last_holder_is_no_lock(desk: Desk) -> None:
    """What counts is whether the task is locked."""
    task_id = _task(desk, THEIRS)
    desk.service.edit(task_id, {"Locked": False})
    assert _status(desk, task_id)["Locker"] == ""
    desk.commit(task_id)
    desk.do("LockIntegrationTask", TaskId=task_id)
    assert _lock(desk, task_id) == (True, OWNER)


def test_a_lock_may_expire(desk: Desk) -> None:
    """So long after it was taken, by us or by somebody; to take it again makes it last."""
    desk.switches.set({"lock_expires_seconds": 100})
    ours, theirs = desk.create(), _task(desk, THEIRS)
    desk.now += 60
    desk.do("LockIntegrationTask", TaskId=ours)
    desk.now += 39
    assert _lock(desk, theirs) == (True, COLLEAGUE)
    desk.now += 1
    assert _lock(desk, theirs) == (False, "")
    assert {task["Locked"] for task in desk.page() if task["TaskId"] == theirs} == {False}
    assert _status(desk, theirs) == {"Locker": "", "IsLocker": 0, "IsRob": 1}
    assert _lock(desk, ours) == (True, OWNER)
    desk.service.edit(theirs, {"Locked": True, "Locker": COLLEAGUE})
    desk.now += 99
    assert _lock(desk, theirs) == (True, COLLEAGUE)
    assert _lock(desk, ours) == (False, "")
