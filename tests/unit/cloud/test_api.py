"""Calls, refusals and listings of ``CloudTaskApi``, over a transport that is told what happens."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fakes.workers import one_by_one
from provisioner.cloud import inventory as module
from provisioner.cloud.api import CloudTaskApi
from provisioner.cloud.endpoint import Endpoint, parse_endpoint
from provisioner.cloud.exchange import Answered, Failed, Happened, Lost, NotSent, Unusable
from provisioner.cloud.rate_limit import Pace
from provisioner.core.address import TaskId
from provisioner.core.api.calls import CreateTask, DeleteTask, EditingCall, EditingVerb, ModifyTask, Write
from provisioner.core.api.replies import Done, EditingLock, Refused, Reply, Unknown
from provisioner.core.api.signing import Credential
from provisioner.core.manifest.spec import task_type_of
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError, CredentialsError, UsageError

NOW = 1_700_000_000


class World:
    """A clock, and a service that answers by a function of action and parameters."""

    def __init__(self, play: Callable[[str, dict[str, Any]], Happened], **more: Any) -> None:
        self.play = play
        self.seconds = 0.0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.timestamps: list[int] = []
        self.token: str | None = None
        self.fresh_token: str | None = None
        self.renewals = 0
        self.api = CloudTaskApi(
            self,
            credentials=self,
            now=lambda: NOW + self.seconds,
            monotonic=lambda: self.seconds,
            sleep=self.sleep,
            jitter=lambda: 1.0,
            pace=Pace(20, monotonic=lambda: self.seconds, sleep=self.sleep),
            gather=one_by_one,
        )

    @property
    def endpoint(self) -> Endpoint:
        return parse_endpoint("wedata.example")

    region = "ap-singapore"

    def current(self) -> Credential:
        return Credential("AKIDEXAMPLE0001", "EXAMPLEKEY0001", self.token, "a place\x1b")

    def renewed(self) -> Credential:
        self.renewals += 1
        self.token = self.fresh_token
        return self.current()

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def exchange(self, payload: bytes, headers: Mapping[str, str]) -> Happened:
        self.calls.append((headers["X-TC-Action"], json.loads(payload)))
        self.timestamps.append(int(headers["X-TC-Timestamp"]))
        return self.play(*self.calls[-1])

    def write(self, write: Write) -> Reply:
        return self.api.send(self.api.sign(write))


def script(*happened: Happened) -> World:
    left = list(happened)
    return World(lambda _action, _parameters: left.pop(0))


def answered(server_time: int | None = NOW, **response: Any) -> Answered:
    return Answered(response=response, request_id="r-1", server_time=server_time)


def failed(code: str, server_time: int | None = NOW) -> Failed:
    return Failed(code=code, message="m\x1b", request_id="r-1", server_time=server_time)


CREATE = CreateTask(project_id="1", body={"TaskName": "t", "Config": {"b": "1", "a": "2"}})
MODIFY = ModifyTask(project_id="1", task_id=TaskId("t-1"), body={"TaskName": "t", "TaskType": 202})
DELETE = DeleteTask(project_id="1", task_id=TaskId("t-1"), task_type=201)
OFFLINE = DeleteTask(project_id="1", task_id=TaskId("t-1"), task_type=202)


def test_what_is_sent() -> None:
    world = World(lambda _action, _parameters: answered(TaskId="t-1", Data=True))
    for write in (CREATE, MODIFY, DELETE, OFFLINE):
        assert world.write(write) == Done(task_id=TaskId("t-1"), request_id="r-1", server_time=NOW)
        assert world.api.action_of(write) == world.calls[-1][0]
    config = [{"Name": "b", "Value": "1"}, {"Name": "a", "Value": "2"}]
    assert world.calls == [
        (
            "CreateIntegrationTask",
            {"ProjectId": "1", "TaskInfo": {"ProjectId": "1", "TaskName": "t", "Config": config}},
        ),
        (
            "ModifyIntegrationTask",
            {"ProjectId": "1", "TaskInfo": {"TaskType": 202, "TaskName": "t", "TaskId": "t-1"}},
        ),
        ("DeleteIntegrationTask", {"ProjectId": "1", "TaskId": "t-1"}),
        ("DeleteOfflineTask", {"ProjectId": "1", "TaskId": "t-1", "OperatorName": "", "VirtualFlag": False}),
    ]


def test_signing_counts_for_the_pace() -> None:
    world = script()
    assert world.api.seconds_until_ready("CreateIntegrationTask") == 0
    world.api.sign(CREATE)
    assert world.api.seconds_until_ready("CreateIntegrationTask") > 0.05


BAD_IDS = ("\ud800", "a\x00b", "a\x1b[31m", " lead", "trail\t", "trail ", "a\nb", "a\u202eb", "x" * 257)


def test_the_longest_usable_id_is_an_id() -> None:
    """Ids are opaque: only what cannot be stored, sent or shown is none."""
    for task_id in ("x" * 256, "a b", "名"):
        reply = script(answered(TaskId=task_id)).write(CREATE)
        assert reply == Done(task_id=TaskId(task_id), request_id="r-1", server_time=NOW)


EXPIRED, TOKEN = "AuthFailure.SignatureExpire", "AuthFailure.TokenFailure"
REPLIES: list[tuple[str, Write, Happened, str, str, bool]] = [
    ("no TaskId", CREATE, answered(TaskId=" "), "unknown", "NoTaskId", False),
    *(
        (f"TaskId {task_id[:9]!r}", CREATE, answered(TaskId=task_id), "unknown", "BadTaskId", False)
        for task_id in BAD_IDS
    ),
    ("refused", CREATE, failed("InvalidParameter.X"), "refused", "InvalidParameter.X", False),
    ("in doubt", CREATE, failed("InternalError"), "unknown", "InternalError", False),
    ("pace", CREATE, failed("RequestLimitExceeded"), "refused", "RequestLimitExceeded", True),
    ("not sent", CREATE, NotSent(reason="r"), "refused", "NotSent", True),
    ("lost", CREATE, Lost(code="Timeout", reason="r"), "unknown", "Timeout", False),
    ("502", MODIFY, Unusable(code="HTTP 502", reason="r", status=502), "unknown", "HTTP 502", False),
    ("modify not found", MODIFY, failed("ResourceNotFound"), "refused", "ResourceNotFound", False),
    ("running", DELETE, answered(Data=False, DeleteFlag=100), "refused", "DeleteFlag 100", False),
    (
        "flag 1",
        DELETE,
        answered(Data=True, DeleteFlag=1, DeleteErrInfo="x"),
        "refused",
        "DeleteFlag 1",
        False,
    ),
    ("false", OFFLINE, answered(Data=False), "refused", "Data false", False),
    ("says nothing", DELETE, answered(), "unknown", "NoData", False),
    ("odd flag", DELETE, answered(Data=True, DeleteFlag=True), "unknown", "NoData", False),
    ("gone", DELETE, failed("ResourceNotFound.X"), "done", "", False),
    (
        "login expired",
        CREATE,
        failed("AuthFailure.SignatureExpire"),
        "refused",
        "AuthFailure.SignatureExpire",
        False,
    ),
    (
        "no Date",
        CREATE,
        failed("AuthFailure.SignatureExpire", None),
        "refused",
        "AuthFailure.SignatureExpire",
        False,
    ),
    (
        "static token",
        CREATE,
        failed("AuthFailure.TokenFailure"),
        "refused",
        "AuthFailure.TokenFailure",
        False,
    ),
]


@pytest.mark.parametrize(
    ("write", "happened", "kind", "code", "may_repeat"),
    [row[1:] for row in REPLIES],
    ids=[r[0] for r in REPLIES],
)
def test_what_a_write_comes_to(
    write: Write, happened: Happened, kind: str, code: str, may_repeat: bool
) -> None:
    world = script(happened)
    reply = world.write(write)
    assert type(reply).__name__.lower() == kind
    assert len(world.calls) == 1
    if isinstance(reply, Refused | Unknown):
        assert reply.code == code
        assert "\x1b" not in reply.message
    assert (isinstance(reply, Refused) and reply.may_repeat) == may_repeat


def test_a_clock_that_is_off_is_corrected_for_what_follows() -> None:
    world = script(
        failed("AuthFailure.SignatureExpire", NOW + 4000), answered(TaskId="t"), answered(TaskInfo=None)
    )
    reply = world.write(CREATE)
    assert isinstance(reply, Refused)
    assert reply.may_repeat
    assert isinstance(world.write(CREATE), Done)
    assert world.timestamps == [NOW, NOW + 4000]
    assert world.api.read("1", TaskId("t"), 202) is None


def test_a_read_corrects_the_clock_once() -> None:
    world = World(lambda _action, _parameters: failed("AuthFailure.SignatureExpire", NOW + 4000))
    with pytest.raises(ApiRefusedError, match="SignatureExpire"):
        world.api.read("1", TaskId("t"), 201)
    assert len(world.calls) == 2


def test_new_temporary_credentials_are_worth_another_attempt() -> None:
    world = World(lambda _action, _parameters: failed("AuthFailure.TokenFailure"))
    world.token = "one"
    signed = world.api.sign(CREATE)
    world.token = "two"
    reply = world.api.send(signed)
    assert isinstance(reply, Refused)
    assert reply.may_repeat


def test_no_new_credentials_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(lambda _action, _parameters: failed("AuthFailure.TokenFailure"))
    signed = world.api.sign(CREATE)

    def none() -> Credential:
        raise CredentialsError("none")

    for name in ("renewed", "current"):
        monkeypatch.setattr(world, name, none)
        reply = world.api.send(signed)
        assert isinstance(reply, Refused)
        assert not reply.may_repeat


def test_a_refused_token_is_replaced_before_it_is_given_up() -> None:
    """The machine's role may have new ones although the old ones should have lasted."""
    world = World(lambda _action, _parameters: failed("AuthFailure.TokenFailure"))
    world.token, world.fresh_token = "one", "two"
    reply = world.write(CREATE)
    assert isinstance(reply, Refused)
    assert reply.may_repeat
    assert world.renewals == 1


def test_a_token_that_is_refused_again_and_again_is_given_up() -> None:
    """It is replaced once for each refusal; when there is no other, the read ends."""
    world = World(lambda _action, _parameters: failed("AuthFailure.TokenFailure"))
    world.token, world.fresh_token = "one", "two"
    with pytest.raises(ApiRefusedError, match="TokenFailure"):
        world.api.read("1", TaskId("t"), 201)
    assert len(world.calls) == 2
    assert world.renewals == 2


@pytest.mark.parametrize("code", ["AuthFailure", "AuthFailure.SecretIdNotFound", "UnauthorizedOperation.X"])
def test_a_refusal_of_the_credentials_says_where_they_came_from(code: str) -> None:
    """For a read in the error, for a write in the reply; the name of a file is made safe to print."""
    world = World(lambda _action, _parameters: failed(code))
    with pytest.raises(ApiRefusedError, match=r"\(credentials: a place\\x1b\)"):
        world.api.read("1", TaskId("t"), 201)
    reply = world.write(CREATE)
    assert isinstance(reply, Refused)
    assert reply.message.endswith("(credentials: a place\\x1b)")
    assert "\x1b" not in reply.message


def test_other_refusals_do_not_speak_of_credentials() -> None:
    """They have nothing to do with it."""
    reply = script(failed("InvalidParameter")).write(CREATE)
    assert isinstance(reply, Refused)
    assert "credentials" not in reply.message


@pytest.mark.parametrize("body", [{"TaskName": "\ud800"}, {"A": float("nan")}, {"A": "x" * 11_000_000}])
def test_a_body_that_cannot_be_sent_is_refused_before_it_is_signed(body: dict[str, Any]) -> None:
    world = script()
    with pytest.raises(ApiError, match="cannot be written"):
        world.api.sign(CreateTask(project_id="1", body=body))
    assert world.api.seconds_until_ready("CreateIntegrationTask") == 0


def test_a_region_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "region", "a\r\nX: y")
    with pytest.raises(UsageError, match="region"):
        script()


# ── reads ───────────────────────────────────────────────────────────────────

TASK = {
    "TaskId": "t-1",
    "TaskType": 202,
    "TaskName": "n",
    "Description": None,
    "CreateTime": "2026-01-01 00:00:00",
}


def test_read() -> None:
    world = script(Lost(code="Timeout", reason="r"), failed("InternalError"), answered(TaskInfo=TASK))
    task = world.api.read("1", TaskId("t-1"), 202)
    assert task is not None
    assert (task.task_id, task.task_type, task.name, task.description) == ("t-1", 202, "n", "")
    assert world.calls[0][1] == {"ProjectId": "1", "TaskId": "t-1", "TaskType": 202}


def test_not_found_is_an_answer() -> None:
    assert script(failed("ResourceNotFound.X")).api.read("1", TaskId("t-1"), 0) is None


# ── the editing lock ────────────────────────────────────────────────────────


def about(verb: EditingVerb, task_type: int = 202) -> EditingCall:
    return EditingCall(verb=verb, project_id="1", task_id=TaskId("t-1"), task_type=task_type)


LOOK, LOCK, TAKE_OVER, RELEASE = (about(verb) for verb in EditingVerb)


def test_what_is_asked_about_the_editing_lock() -> None:
    """Two of the actions want to know the type, and take only the two documented ones."""
    world = World(lambda _action, _parameters: failed("ResourceNotFound"))
    for call in (LOOK, LOCK, TAKE_OVER, RELEASE, about(EditingVerb.LOOK, 0)):
        assert world.api.editing_lock(call) == EditingLock(is_ours=False)
    names = {"ProjectId": "1", "TaskId": "t-1"}
    assert world.calls == [
        ("DescribeTaskLockStatus", {**names, "TaskType": 202}),
        ("LockIntegrationTask", names),
        ("RobAndLockIntegrationTask", {**names, "TaskType": 202}),
        ("UnlockIntegrationTask", names),
        ("DescribeTaskLockStatus", {**names, "TaskType": 201}),
    ]


def status(is_locker: Any, locker: Any = "7") -> dict[str, Any]:
    return {"TaskLockStatus": {"TaskId": "t-1", "Locker": locker, "IsLocker": is_locker, "IsRob": 1}}


@pytest.mark.parametrize(
    ("call", "response", "lock"),
    [
        (LOOK, status(1), EditingLock(is_ours=True, holder="7")),
        (LOOK, status(0), EditingLock(is_ours=False, holder="7")),
        (LOOK, status(False, ""), EditingLock(is_ours=False)),
        (LOOK, status(True, None), EditingLock(is_ours=True)),
        (TAKE_OVER, {"RobLockState": {"IsRob": True, "Locker": "7"}}, EditingLock(is_ours=True, holder="7")),
        (TAKE_OVER, {"RobLockState": {"IsRob": 0, "Locker": "8"}}, EditingLock(is_ours=False, holder="8")),
        (LOCK, {"Data": True}, EditingLock(is_ours=True)),
        (LOCK, {"Data": False}, EditingLock(is_ours=False)),
        (RELEASE, {"Data": True}, EditingLock(is_ours=False)),
        (RELEASE, {"Data": False}, EditingLock(is_ours=True)),
    ],
)
def test_what_is_said_of_the_editing_lock(
    call: EditingCall, response: dict[str, Any], lock: EditingLock
) -> None:
    assert script(answered(**response)).api.editing_lock(call) == lock


SAYS_NOTHING: list[tuple[EditingCall, dict[str, Any]]] = [
    (LOOK, {}),
    (LOOK, {"TaskLockStatus": None}),
    (LOOK, {"TaskLockStatus": []}),
    (LOOK, status(None)),
    (LOOK, status("1")),
    (LOOK, status(2)),
    (LOOK, status(-1)),
    (LOOK, status(1.5)),
    (LOOK, status(0, 7)),
    (LOOK, status(0, [])),
    (TAKE_OVER, {}),
    (TAKE_OVER, {"RobLockState": {}}),
    (TAKE_OVER, {"RobLockState": {"IsRob": "true"}}),
    (LOCK, {}),
    (LOCK, {"Data": "true"}),
    (LOCK, {"Data": 2}),
    (RELEASE, {"Data": None}),
    (RELEASE, {"Data": {}}),
]


@pytest.mark.parametrize(("call", "response"), SAYS_NOTHING, ids=ascii)
def test_garbage_says_nothing_of_the_editing_lock(call: EditingCall, response: dict[str, Any]) -> None:
    """Neither that it is ours nor that it is somebody's."""
    with pytest.raises(ApiError, match="something unusable"):
        script(answered(**response)).api.editing_lock(call)


@pytest.mark.parametrize(
    ("happened", "error", "tries"),
    [
        (failed("FailedOperation"), ApiRefusedError, 1),
        (failed("UnsupportedOperation"), ApiRefusedError, 1),
        (failed("InternalError"), ApiRefusedError, 3),
        (failed("RequestLimitExceeded"), ApiRefusedError, 3),
        (Lost(code="Timeout", reason="r"), ApiUnreachableError, 3),
        (NotSent(reason="r"), ApiUnreachableError, 3),
        (Unusable(code="HTTP 502", reason="r", status=502), ApiError, 3),
    ],
)
def test_a_call_about_the_editing_lock_gives_up_soon(
    happened: Happened, error: type[ApiError], tries: int
) -> None:
    """A task can be written without it."""
    world = World(lambda _action, _parameters: happened)
    with pytest.raises(error):
        world.api.editing_lock(LOCK)
    assert len(world.calls) == tries


UNUSABLE = [
    {},
    {"TaskInfo": []},
    {"TaskInfo": "x"},
    {"TaskInfo": {}},
    {"TaskInfo": {"TaskId": 7}},
    {"TaskInfo": {"TaskId": True}},
    {"TaskInfo": {"TaskId": {}}},
    {"TaskInfo": {**TASK, "TaskId": "other"}},
    *({"TaskInfo": {**TASK, "TaskId": task_id}} for task_id in BAD_IDS),
]


@pytest.mark.parametrize("response", UNUSABLE, ids=ascii)
def test_garbage_is_never_taken_for_no_task(response: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="something unusable"):
        script(answered(**response)).api.read("1", TaskId("t-1"), 201)


FAILURES: list[tuple[Happened, type[ApiError], int]] = [
    (failed("InvalidParameter"), ApiRefusedError, 1),
    (failed("FailedOperation"), ApiRefusedError, 5),
    (NotSent(reason="r"), ApiUnreachableError, 5),
    (NotSent(reason="r", is_passing=False), ApiUnreachableError, 1),
    (Lost(code="Timeout", reason="r"), ApiUnreachableError, 5),
    (Unusable(code="NotJSON", reason="r"), ApiError, 1),
]


@pytest.mark.parametrize(("happened", "error", "tries"), FAILURES, ids=str)
def test_a_read_gives_up(happened: Happened, error: type[ApiError], tries: int) -> None:
    world = World(lambda _action, _parameters: happened)
    with pytest.raises(error) as caught:
        world.api.read("1", TaskId("t"), 201)
    assert type(caught.value) is error
    assert len(world.calls) == tries
    assert "\x1b" not in str(caught.value)


def test_a_read_gives_up_after_a_minute() -> None:
    world = script()

    def slow(_action: str, _parameters: dict[str, Any]) -> Happened:
        world.seconds += 40
        return Lost(code="Timeout", reason="r")

    world.play = slow
    with pytest.raises(ApiUnreachableError):
        world.api.read("1", TaskId("t"), 201)
    assert len(world.calls) == 2


# ── listings ────────────────────────────────────────────────────────────────


class Project:
    """Tasks of one type, newest first, shown page by page; changed while it is read if told to."""

    def __init__(self, count: int) -> None:
        self.ids = [f"t-{number}" for number in range(count)]
        self.before: dict[int, Callable[[], None]] = {}
        self.max_size = 1000
        self.total: int | None = -1
        self.asked = 0

    def play(self, action: str, parameters: dict[str, Any]) -> Happened:
        if parameters["TaskType"] == 202:
            return answered(TaskInfoSet=None, TotalCount=0)
        self.asked += 1
        self.before.pop(self.asked, lambda: None)()
        if parameters["PageSize"] > self.max_size:
            return failed("InvalidParameterValue")
        start = (parameters["PageNumber"] - 1) * parameters["PageSize"]
        page = [{"TaskId": name} for name in self.ids[start : start + parameters["PageSize"]]]
        return answered(TaskInfoSet=page, TotalCount=len(self.ids) if self.total == -1 else self.total)


def listed(world: World) -> set[str]:
    return {task.task_id for task in world.api.inventory("1").tasks}


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_every_page_is_read_and_no_more(count: int) -> None:
    project = Project(count)
    world, counts = World(project.play), list[int]()
    listing = world.api.inventory("1", progress=counts.append)
    assert len(listing.tasks) == count
    assert listing.server_time == NOW
    # Pages that are read at the same time count if the first is the same after all of them.
    pages = max(1, -(-count // 100))
    assert project.asked == pages + (pages > 2)
    assert counts[-1] == count


def test_both_types_are_listed() -> None:
    world = World(lambda _a, p: answered(TaskInfoSet=[{"TaskId": str(p["TaskType"])}], TotalCount=1))
    assert {(task.task_id, task.task_type) for task in world.api.inventory("1").tasks} == {
        ("201", 201),
        ("202", 202),
    }


@pytest.mark.parametrize(
    ("shown", "asked", "family"),
    [
        (0, 201, 201),
        (0, 202, 201),
        (1, 201, 201),
        (202, 201, 202),
        (None, 202, 202),
        (True, 202, 202),
        ("x", 201, 201),
    ],
)
def test_a_task_is_of_a_family_whatever_number_is_shown(shown: Any, asked: int, family: int) -> None:
    """By the same mapping as a manifest's: the number chooses the API action that deletes it."""
    item = {"TaskId": "t", "TaskType": shown}

    def play(_action: str, parameters: dict[str, Any]) -> Happened:
        items = [item] if parameters["TaskType"] == asked else []
        return answered(TaskInfoSet=items, TotalCount=len(items))

    assert [task.task_type for task in World(play).api.inventory("1").tasks] == [family]
    if shown is not None and not isinstance(shown, bool | str):
        assert task_type_of(item) == family


def test_a_task_deleted_while_listing_hides_no_other() -> None:
    """Page 1 is read, a task of it goes: the 101st moves to page 1 and is on no page that is read."""
    project = Project(250)
    project.before[2] = lambda: project.ids.remove("t-0")
    assert "t-100" in listed(World(project.play))


def test_a_task_made_while_listing_is_counted_once() -> None:
    project = Project(250)
    project.before[2] = lambda: project.ids.insert(0, "new")
    assert listed(World(project.play)) == set(project.ids)


def test_a_smaller_page_is_asked_for_when_the_large_one_is_refused() -> None:
    project = Project(25)
    project.max_size = 50
    assert len(listed(World(project.play))) == 25


def test_a_page_cut_short_leaves_nothing_out() -> None:
    """The service counts pages by the size asked for and shows half of each."""
    project = Project(60)

    def play(action: str, parameters: dict[str, Any]) -> Happened:
        happened = project.play(action, parameters)
        assert isinstance(happened, Answered)
        shown: Any = happened.response["TaskInfoSet"]
        return answered(TaskInfoSet=shown and shown[:30], TotalCount=happened.response["TotalCount"])

    assert len(listed(World(play))) == 60


def test_an_empty_page_by_mistake_is_not_the_end() -> None:
    project = Project(250)

    def play(action: str, parameters: dict[str, Any]) -> Happened:
        happened = project.play(action, parameters)
        return answered(TaskInfoSet=[], TotalCount=250) if project.asked == 2 else happened

    assert len(listed(World(play))) == 250


@pytest.mark.parametrize("total", [None, 300, 100], ids=["none", "too high", "too low"])
def test_a_total_that_counts_something_else(total: int | None) -> None:
    project = Project(150 if total != 100 else 99)
    project.total = total
    assert len(listed(World(project.play))) == len(project.ids)


def test_a_listing_that_always_shows_the_same_page_ends() -> None:
    page = [{"TaskId": f"t-{number}"} for number in range(100)]
    world = World(lambda _a, _p: answered(TaskInfoSet=page, TotalCount=500))
    with pytest.raises(ApiError, match="does not end"):
        world.api.inventory("1")


def test_an_endless_listing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 5)
    world = World(lambda _a, p: answered(TaskInfoSet=[{"TaskId": str(p["PageNumber"])}], TotalCount=None))
    with pytest.raises(ApiError, match="does not end"):
        world.api.inventory("1")


def test_a_listing_that_never_settles() -> None:
    calls = iter(range(10_000))

    def play(_action: str, parameters: dict[str, Any]) -> Happened:
        first = parameters["PageNumber"] == 1
        return answered(TaskInfoSet=[{"TaskId": f"t-{next(calls)}"}] if first else [], TotalCount=2)

    with pytest.raises(ApiError, match="does not settle"):
        World(play).api.inventory("1")


def test_too_large_an_answer_is_asked_for_in_smaller_pages() -> None:
    project, large = Project(25), Unusable(code="TooLarge", reason="r")
    world = World(lambda a, p: large if p["PageSize"] > 10 else project.play(a, p))
    assert len(listed(world)) == 25


def test_a_project_that_is_not_there_is_no_empty_listing() -> None:
    with pytest.raises(ApiRefusedError, match="ResourceNotFound"):
        script(failed("ResourceNotFound")).api.inventory("1")


def test_without_a_date_there_is_no_listing() -> None:
    with pytest.raises(ApiError, match="no Date header"):
        script(answered(None, TaskInfoSet=[], TotalCount=0)).api.inventory("1")


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"TaskInfoSet": "x"},
        {"TaskInfoSet": {}},
        {"TaskInfoSet": [], "TotalCount": "1"},
        {"TaskInfoSet": [], "TotalCount": True},
        {"TaskInfoSet": [None], "TotalCount": 1},
        {"TaskInfoSet": [{"TaskName": "n"}], "TotalCount": 1},
        *({"TaskInfoSet": [{"TaskId": task_id}], "TotalCount": 1} for task_id in BAD_IDS),
    ],
    ids=ascii,
)
def test_a_garbled_page_is_no_listing(response: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="something unusable"):
        script(answered(**response)).api.inventory("1")
