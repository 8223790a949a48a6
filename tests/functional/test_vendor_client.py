"""The vendor's own client as an outside witness: it talks to the emulator as to the real service."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.wedata.v20210820 import models, wedata_client

from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer

PROJECT = "1612982498218618880"


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    """An emulator in memory."""
    with EmulatorServer() as server:
        yield server


def _client(emulator: EmulatorServer, *, key: str = EMBEDDED_CREDENTIAL[1]) -> Any:
    profile = ClientProfile(
        httpProfile=HttpProfile(protocol="http", endpoint=emulator.url.removeprefix("http://"))
    )
    return wedata_client.WedataClient(
        credential.Credential(EMBEDDED_CREDENTIAL[0], key), "ap-singapore", profile
    )


def _request(kind: Callable[[], Any], **fields: Any) -> Any:
    request = kind()
    request._deserialize({"ProjectId": PROJECT, **fields})
    return request


def _info(**fields: Any) -> dict[str, Any]:
    node = {"Name": "orders", "NodeType": "INPUT", "Config": [{"Name": "Database", "Value": "shop"}]}
    return {"TaskName": "orders", "SyncType": 2, "TaskType": 201, "Nodes": [node], **fields}


def _create(client: Any, **fields: Any) -> str:
    request = _request(models.CreateIntegrationTaskRequest, TaskInfo=_info(**fields))
    return str(client.CreateIntegrationTask(request).TaskId)


def _describe(client: Any, task_id: str, task_type: int = 201) -> Any:
    request = _request(models.DescribeIntegrationTaskRequest, TaskId=task_id, TaskType=task_type)
    return client.DescribeIntegrationTask(request).TaskInfo


def _code(call: Callable[[], object]) -> str:
    with pytest.raises(TencentCloudSDKException) as raised:
        call()
    return str(raised.value.get_code())


def test_it_creates_and_describes(emulator: EmulatorServer) -> None:
    """What was written is read back, and the service's own fields are filled in."""
    client = _client(emulator)
    info = _describe(client, _create(client, Description="测试 “quoted” 😀"))
    assert info.Description == "测试 “quoted” 😀"
    assert ("Database", "shop") in {(setting.Name, setting.Value) for setting in info.Nodes[0].Config}
    assert info.CreatorUin
    assert info.Status == 1


def test_it_modifies(emulator: EmulatorServer) -> None:
    """By the TaskId inside TaskInfo."""
    client = _client(emulator)
    task_id = _create(client)
    info = _info(TaskId=task_id, Description="new")
    client.ModifyIntegrationTask(_request(models.ModifyIntegrationTaskRequest, TaskInfo=info))
    assert _describe(client, task_id).Description == "new"


def test_it_lists_by_pages_and_by_type(emulator: EmulatorServer) -> None:
    """Each type apart, every task once, and the whole number of them."""
    client = _client(emulator)
    real_time = {_create(client, TaskName=f"t{number}") for number in range(5)}
    _create(client, TaskType=202)
    found = []
    for page in (1, 2, 3):
        request = _request(models.DescribeIntegrationTasksRequest, PageNumber=page, PageSize=2, TaskType=201)
        answer = client.DescribeIntegrationTasks(request)
        assert answer.TotalCount == 5
        found += [info.TaskId for info in answer.TaskInfoSet or ()]
    assert sorted(found) == sorted(real_time)


def test_it_deletes_each_type_by_its_own_action(emulator: EmulatorServer) -> None:
    """And a second delete says that there is no such task."""
    client = _client(emulator)
    real_time, offline = _create(client), _create(client, TaskType=202)
    delete = _request(models.DeleteIntegrationTaskRequest, TaskId=real_time)
    assert client.DeleteIntegrationTask(delete).Data is True
    request = _request(models.DeleteOfflineTaskRequest, TaskId=offline, OperatorName="", VirtualFlag=False)
    assert client.DeleteOfflineTask(request).Data is True
    assert _code(lambda: client.DeleteIntegrationTask(delete)) == "ResourceNotFound"
    assert emulator.service.tasks() == []


def test_a_running_task_is_not_deleted_and_that_is_no_error(emulator: EmulatorServer) -> None:
    """The refusal is a success that says Data false and DeleteFlag 100."""
    client = _client(emulator)
    task_id = _create(client)
    client.CommitIntegrationTask(_request(models.CommitIntegrationTaskRequest, TaskId=task_id, CommitType=0))
    client.StartIntegrationTask(_request(models.StartIntegrationTaskRequest, TaskId=task_id))
    assert _describe(client, task_id).Status == 3
    delete = _request(models.DeleteIntegrationTaskRequest, TaskId=task_id)
    refused = client.DeleteIntegrationTask(delete)
    assert (refused.Data, refused.DeleteFlag) == (False, 100)
    client.SuspendIntegrationTask(_request(models.SuspendIntegrationTaskRequest, TaskId=task_id))
    assert client.DeleteIntegrationTask(delete).DeleteFlag == 100
    client.StopIntegrationTask(_request(models.StopIntegrationTaskRequest, TaskId=task_id))
    assert client.DeleteIntegrationTask(delete).Data is True


def test_it_locks(emulator: EmulatorServer) -> None:
    """A lock of somebody else's can be seen and taken over; a commit needs it."""
    client = _client(emulator)
    task_id = _create(client)
    emulator.service.edit(task_id, {"Locked": True, "Locker": "somebody"})
    commit = _request(models.CommitIntegrationTaskRequest, TaskId=task_id)
    assert _code(lambda: client.CommitIntegrationTask(commit)) == "UnsupportedOperation"
    lock = _request(models.LockIntegrationTaskRequest, TaskId=task_id)
    assert _code(lambda: client.LockIntegrationTask(lock)) == "UnsupportedOperation"
    status = _request(models.DescribeTaskLockStatusRequest, TaskId=task_id, TaskType=201)
    assert client.DescribeTaskLockStatus(status).TaskLockStatus.IsLocker == 0
    rob = _request(models.RobAndLockIntegrationTaskRequest, TaskId=task_id, TaskType=201)
    assert client.RobAndLockIntegrationTask(rob).RobLockState.IsRob is True
    assert client.CommitIntegrationTask(commit).Data is True
    unlock = _request(models.UnlockIntegrationTaskRequest, TaskId=task_id)
    assert client.UnlockIntegrationTask(unlock).Data is True
    assert client.LockIntegrationTask(lock).Data is True


def _on(client: Any, action: str, task_id: str, **fields: Any) -> Any:
    """One action on a task."""
    kind = getattr(models, f"{action}Request")
    return getattr(client, action)(_request(kind, TaskId=task_id, **fields))


def _in_production(client: Any, task_type: int = 201) -> list[Any]:
    request = _request(
        models.DescribeIntegrationTasksRequest,
        PageNumber=1,
        PageSize=10,
        TaskType=task_type,
        Filters=[{"Name": "ProductionState", "Values": ["true"]}],
    )
    return list(client.DescribeIntegrationTasks(request).TaskInfoSet or ())


def test_it_publishes_and_sees_what_is_published(emulator: EmulatorServer) -> None:
    """A task is in production as it was committed, and in development as it is."""
    client = _client(emulator)
    task_id = _create(client, Description="first")
    assert _in_production(client) == []
    commit = {"CommitType": 0, "VersionDesc": "v1", "EventDesc": "first"}
    assert _on(client, "CommitIntegrationTask", task_id, **commit).Data is True
    info = _info(TaskId=task_id, Description="second")
    client.ModifyIntegrationTask(_request(models.ModifyIntegrationTaskRequest, TaskInfo=info))
    (published,) = _in_production(client)
    assert (published.Description, published.InstanceVersion, published.HasVersion) == ("first", 1, True)
    assert published.Nodes[0].Name == "orders"
    assert published.Status == 1
    assert _describe(client, task_id).Description == "second"
    assert _on(client, "CommitIntegrationTask", task_id, CommitType=1).Data is True
    (published,) = _in_production(client)
    assert (published.Description, published.InstanceVersion, published.Status) == ("second", 2, 3)


def test_it_publishes_offline_tasks_by_their_type(emulator: EmulatorServer) -> None:
    """Without it the service looks among real-time tasks."""
    client = _client(emulator)
    task_id = _create(client, TaskType=202)
    assert _code(lambda: _on(client, "CommitIntegrationTask", task_id)) == "ResourceNotFound"
    assert _on(client, "CommitIntegrationTask", task_id, TaskType=202, CommitType=0).Data is True
    assert [info.OfflineTaskStatus for info in _in_production(client, 202)] == [2]
    assert _in_production(client) == []


def test_it_runs_a_task_through_its_whole_life(emulator: EmulatorServer) -> None:
    """Each action shows its transition and then its end; the job's state is kept or dropped as it says."""
    emulator.switches.set({"transition_reads": 1})
    client = _client(emulator)
    task_id = _create(client)
    assert _code(lambda: _on(client, "StartIntegrationTask", task_id)) == "UnsupportedOperation"
    _on(client, "CommitIntegrationTask", task_id, CommitType=0)
    since = {"Event": "TIMESTAMP", "ExtConfig": [{"Name": "timestamp", "Value": "1686811933000"}]}
    life: tuple[tuple[str, dict[str, Any], list[int]], ...] = (
        ("StartIntegrationTask", since, [2, 3]),
        ("SuspendIntegrationTask", {"Event": "SUSPEND"}, [2, 4]),
        ("ResumeIntegrationTask", {"Event": "RESUME"}, [2, 3]),
        ("CommitIntegrationTask", {"CommitType": 4}, [2, 3]),
        ("SuspendIntegrationTask", {"Event": "SUSPEND_WITHOUT_SP"}, [2, 4]),
        ("StopIntegrationTask", {}, [5, 6]),
        ("StartIntegrationTask", {"Event": "START"}, [2, 3]),
    )
    for action, fields, statuses in life:
        assert _on(client, action, task_id, **fields).Data is True
        if action == "ResumeIntegrationTask":
            assert _code(lambda: _on(client, "StopIntegrationTask", task_id)) == "ResourceInUse"
            (kept,) = emulator.service.tasks()
            assert kept["_started_from"] == "1686811933000"
        assert [_describe(client, task_id).Status, _in_production(client)[0].Status] == statuses
    (kept,) = emulator.service.tasks()
    assert (kept["_state_kept"], kept["_state_dropped"], kept["_started_from"]) == (2, 1, None)


def test_its_commit_may_wait_for_approval(emulator: EmulatorServer) -> None:
    """The international client is told no more than true, and sees nothing published."""
    emulator.switches.set({"approval": "needed"})
    client = _client(emulator)
    task_id = _create(client)
    answer = _on(client, "CommitIntegrationTask", task_id, CommitType=1)
    assert json.loads(answer.to_json_string()) == {"Data": True, "RequestId": answer.RequestId}
    assert _in_production(client) == []
    emulator.service.approve(task_id)
    assert [info.Status for info in _in_production(client)] == [3]


def test_a_lock_that_it_may_not_take_stays_where_it_is(emulator: EmulatorServer) -> None:
    """It is told whose it is, by an answer or by a refusal."""
    emulator.switches.set({"rob": "refused", "delete_needs_lock": "others", "modify_needs_lock": "holder"})
    client = _client(emulator)
    task_id = _create(client)
    emulator.service.edit(task_id, {"Locked": True, "Locker": "100028625403"})
    status = _on(client, "DescribeTaskLockStatus", task_id, TaskType=201).TaskLockStatus
    assert (status.Locker, status.IsLocker, status.IsRob) == ("100028625403", 0, 0)
    state = _on(client, "RobAndLockIntegrationTask", task_id, TaskType=201).RobLockState
    assert (state.IsRob, state.Locker) == (False, "100028625403")
    for action in ("UnlockIntegrationTask", "DeleteIntegrationTask", "CommitIntegrationTask"):
        assert _code(partial(_on, client, action, task_id)) == "UnsupportedOperation"
    modify = _request(models.ModifyIntegrationTaskRequest, TaskInfo=_info(TaskId=task_id))
    assert _code(lambda: client.ModifyIntegrationTask(modify)) == "UnsupportedOperation"


def test_a_delete_may_fail_or_leave_what_is_published(emulator: EmulatorServer) -> None:
    """The one is a success that says no and why, the other is found by name only."""
    emulator.switches.set({"delete_fails": "yes", "delete_removes": "development"})
    client = _client(emulator)
    task_id = _create(client)
    _on(client, "CommitIntegrationTask", task_id)
    failed = _on(client, "DeleteIntegrationTask", task_id)
    assert (failed.Data, failed.DeleteFlag) == (False, 1)
    assert failed.DeleteErrInfo
    emulator.switches.set({"delete_fails": "no"})
    assert _on(client, "DeleteIntegrationTask", task_id).Data is True
    assert _describe(client, task_id) is None
    request = _request(models.CheckIntegrationTaskNameExistsRequest, TaskName="orders")
    answer = client.CheckIntegrationTaskNameExists(request)
    assert (answer.Data, answer.ExistsType) == (True, 2)


def test_it_asks_whether_a_name_is_taken(emulator: EmulatorServer) -> None:
    """By name within a project."""
    client = _client(emulator)
    _create(client)
    for name, taken in (("orders", True), ("others", False)):
        request = _request(models.CheckIntegrationTaskNameExistsRequest, TaskName=name)
        assert client.CheckIntegrationTaskNameExists(request).Data is taken


def test_an_offline_task_can_be_made_by_its_own_action(emulator: EmulatorServer) -> None:
    """Its notes read back as Description."""
    client = _client(emulator)
    request = _request(
        models.CreateOfflineTaskRequest,
        CycleStep=1,
        DelayTime=0,
        EndTime="2099-12-31 00:00:00",
        Notes="nightly",
        StartTime="2026-01-01 00:00:00",
        TaskName="nightly",
        TypeId=27,
        TaskAction="0",
        TaskMode="1",
    )
    task_id = client.CreateOfflineTask(request).TaskId
    assert len(task_id) == 17
    assert _describe(client, task_id, 202).Description == "nightly"


def test_refusals_reach_it_as_its_own_exceptions(emulator: EmulatorServer) -> None:
    """With the code that the service would give."""
    client = _client(emulator)
    assert _code(lambda: _create(_client(emulator, key="wrong"))) == "AuthFailure.SignatureFailure"
    missing = models.DescribeIntegrationTaskRequest()
    missing.TaskId = "x"
    assert _code(lambda: client.DescribeIntegrationTask(missing)) == "MissingParameter"
    wrong = _request(models.CreateIntegrationTaskRequest, TaskInfo=_info(SyncType="two"))
    assert _code(lambda: client.CreateIntegrationTask(wrong)) == "InvalidParameter"


def test_the_pace_reaches_it_too() -> None:
    """The second call of a second whose limit is one; the clock that measures it stands still."""
    with EmulatorServer(switches={"calls_per_second": 1}, monotonic=lambda: 0.0) as server:
        client = _client(server)
        _create(client)
        assert _code(lambda: _create(client)) == "RequestLimitExceeded"
