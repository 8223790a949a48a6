"""Values that go to the task API and come back: they cannot be changed on the way."""

from dataclasses import FrozenInstanceError

import pytest

from provisioner.core.address import TaskId
from provisioner.core.api.calls import (
    CreateTask,
    DeleteTask,
    EditingCall,
    EditingVerb,
    ModifyTask,
    SignedWrite,
)
from provisioner.core.api.replies import Done, EditingLock, Listing, Refused, RemoteTask, Unknown
from provisioner.core.json_types import JSONValue
from provisioner.core.task_types import OFFLINE, REAL_TIME, family_of

WRITE = CreateTask(project_id="1", body={})
REMOTE = RemoteTask(
    task_id=TaskId("t"), task_type=201, name="n", description="", create_time="2023-11-14 22:13:20", body={}
)
VALUES = (
    WRITE,
    ModifyTask(project_id="1", task_id=TaskId("t"), body={}),
    DeleteTask(project_id="1", task_id=TaskId("t"), task_type=OFFLINE),
    SignedWrite(write=WRITE, action="CreateIntegrationTask", payload=b"", headers={}, timestamp=0, digest=""),
    Done(task_id=TaskId("t"), request_id="r"),
    Refused(code="c", message="m"),
    Unknown(code="c", message="m"),
    REMOTE,
    Listing(tasks=[REMOTE], server_time=0),
    EditingCall(verb=EditingVerb.LOOK, project_id="1", task_id=TaskId("t"), task_type=OFFLINE),
    EditingLock(is_ours=True),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value_cannot_be_changed(value: object) -> None:
    """Neither what was signed nor what was heard is rewritten afterwards."""
    name = next(iter(value.__dataclass_fields__))  # type: ignore[attr-defined]  # each is a dataclass
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


def test_refusal_is_final_unless_it_says_otherwise() -> None:
    """Trying again is sensible only where the reply gave a reason for it."""
    assert not Refused(code="c", message="m").may_repeat


def test_task_types_are_the_api_s() -> None:
    """The two numbers that choose the family of actions."""
    assert (REAL_TIME, OFFLINE) == (201, 202)


@pytest.mark.parametrize("task_type", [201, 0, 1, 203, -202, None, "202", True])
def test_everything_that_is_not_offline_is_real_time(task_type: JSONValue) -> None:
    """The documented examples show numbers that are no TaskType."""
    assert family_of(task_type) == REAL_TIME
    assert family_of(OFFLINE) == OFFLINE
