"""The emulator over real sockets: every fault, what it keeps, and what rubbish does to it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from projects import unmeasured
from provisioner.cli import main
from provisioner.core.api.signing import Credential, authorization
from provisioner.emulator.faults import Kind
from provisioner.emulator.server import ADMIN, EMBEDDED_CREDENTIAL, TOKEN_HEADER, EmulatorServer
from provisioner.emulator.switches import SWITCHES
from provisioner.errors import UsageError

CREDENTIAL = Credential(*EMBEDDED_CREDENTIAL)
CREATE = {"ProjectId": "1", "TaskInfo": {"TaskName": "a"}}


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = time.time()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[EmulatorServer]:
    with EmulatorServer(clock=clock, sleep=clock.sleep, switches={"calls_per_second": 0}) as server:
        yield server


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)


def _post(
    url: str, parameters: object, action: str, *, timestamp: float | None = None
) -> tuple[int, bytes, str]:
    """One signed call by hand: status, body, content type."""
    body = json.dumps(parameters).encode()
    host = url.removeprefix("http://")
    signed = {"content-type": "application/json", "host": host}
    at = int(time.time() if timestamp is None else timestamp)
    headers = {
        "Content-Type": "application/json",
        "Host": host,
        "X-TC-Action": action,
        "X-TC-Version": "2021-08-20",
        "X-TC-Timestamp": str(at),
        "X-TC-Region": "r",
        "Authorization": authorization(CREDENTIAL, signed, body, timestamp=at, service="wedata"),
    }
    connection = _connection(url)
    try:
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.headers["Content-Type"]
    finally:
        connection.close()


def _call(url: str, parameters: object, action: str = "CreateIntegrationTask") -> dict[str, Any]:
    status, body, content_type = _post(url, parameters, action)
    assert (status, content_type) == (200, "application/json")
    reply: dict[str, Any] = json.loads(body)["Response"]
    assert reply["RequestId"]
    return reply


TOKEN = {"X-Emulator-Token": EMBEDDED_CREDENTIAL[1]}


def _admin(url: str, method: str, path: str, document: object = None) -> tuple[int, Any]:
    body = b"" if document is None else json.dumps(document).encode()
    return _send(url, method, f"/_emulator/{path}", body, TOKEN)


def _send(url: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """One request with exactly these headers and those that are needed."""
    connection = _connection(url)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


FAULTS: dict[Kind, tuple[str, bool]] = {
    Kind.DROP_REQUEST: ("closed", False),
    Kind.DROP_ANSWER: ("closed", True),
    Kind.ERROR_AFTER: ("HTTP 500", True),
    Kind.BAD_GATEWAY: ("HTTP 502", False),
    Kind.INTERNAL_ERROR_AFTER: ("InternalError", True),
    Kind.INTERNAL_ERROR: ("InternalError", False),
    Kind.REFUSE: ("FailedOperation", False),
    Kind.COMMIT_LATE: ("closed", False),
    Kind.ANSWER_LATE: ("ok", True),
    Kind.GARBAGE: ("garbage", True),
    Kind.TRUNCATED: ("closed", True),
    Kind.NO_TASK_ID: ("no id", True),
    Kind.REDIRECT: ("HTTP 307", False),
    Kind.SLOW_DRIP: ("ok", True),
}


def _seen(url: str) -> str:
    """What a client sees of one create."""
    try:
        status, body, _ = _post(url, CREATE, "CreateIntegrationTask")
    except (http.client.HTTPException, ConnectionError):
        return "closed"
    if status != 200:
        return f"HTTP {status}"
    try:
        reply = json.loads(body)["Response"]
    except ValueError:
        return "garbage"
    if "Error" in reply:
        return str(reply["Error"]["Code"])
    return "ok" if "TaskId" in reply else "no id"


@pytest.mark.parametrize("kind", list(Kind))
def test_every_fault_is_played(emulator: EmulatorServer, kind: Kind) -> None:
    """What the client sees, and whether the task exists all the same; then all is well again."""
    emulator.faults.add(kind)
    seen, done = FAULTS[kind]
    assert _seen(emulator.url) == seen
    assert len(emulator.service.tasks()) == done
    assert emulator.calls[-1].fault == kind
    assert _seen(emulator.url) == "ok"


def test_a_late_commit_happens_on_the_services_clock(emulator: EmulatorServer, clock: Clock) -> None:
    """Not a second before."""
    emulator.faults.add("commit_late", value=120)
    assert _seen(emulator.url) == "closed"
    clock.now += 119
    assert emulator.service.tasks() == []
    clock.now += 1
    assert len(emulator.service.tasks()) == 1


def test_faults_hit_the_calls_that_they_are_meant_for(emulator: EmulatorServer) -> None:
    """By action, by number and by chance; and can be taken back."""
    emulator.faults.add("refuse", "DescribeIntegrationTask", value="ResourceInUse", count=2)
    assert "TaskId" in _call(emulator.url, CREATE)
    read = {"ProjectId": "1", "TaskId": "x"}
    for expected in ("ResourceInUse", "ResourceInUse", None):
        reply = _call(emulator.url, read, "DescribeIntegrationTask")
        assert reply.get("Error", {}).get("Code") == expected
    emulator.faults.add("refuse", probability=0.0, count=5)
    assert "TaskId" in _call(emulator.url, CREATE)
    emulator.faults.clear()
    for kind, options in (("explode", {}), ("refuse", {"count": "many"})):
        with pytest.raises(UsageError):
            emulator.faults.add(kind, **options)  # type: ignore[arg-type]  # wrong on purpose


# ── programming it from another process ─────────────────────────────────────


@pytest.fixture
def open_emulator() -> Iterator[EmulatorServer]:
    """One that is programmed over HTTP, as ``provisioner emulator`` is."""
    with EmulatorServer(switches={"calls_per_second": 0}, admin=True) as server:
        yield server


def test_it_can_be_programmed_from_another_process(open_emulator: EmulatorServer) -> None:
    """Faults, switches and edits in, calls and tasks out."""
    url = open_emulator.url
    assert _admin(url, "POST", "faults", [{"kind": "refuse", "value": "LimitExceeded"}])[0] == 200
    assert _call(url, CREATE)["Error"]["Code"] == "LimitExceeded"
    assert _admin(url, "POST", "faults", {"kind": "refuse", "value": "ResourceInUse"})[0] == 200
    assert _call(url, CREATE)["Error"]["Code"] == "ResourceInUse"
    task_id = _call(url, CREATE)["TaskId"]
    assert _admin(url, "POST", f"tasks/{task_id}", {"Description": "edited"})[0] == 200
    assert _admin(url, "GET", "tasks")[1][0]["Description"] == "edited"
    assert [call["code"] for call in _admin(url, "GET", "calls")[1]] == ["LimitExceeded", "ResourceInUse", ""]
    assert _admin(url, "POST", "switches", {"modify": "merge"})[1]["modify"] == "merge"
    assert _admin(url, "GET", "switches")[1]["modify"] == "merge"


def test_a_commit_is_approved_from_another_process(open_emulator: EmulatorServer) -> None:
    """With or without a body; what the emulator keeps of the job can be looked at."""
    url = open_emulator.url
    assert _admin(url, "POST", "switches", {"approval": "needed"})[1]["approval"] == "needed"
    for body in (b"", b"{}"):
        task_id = _call(url, CREATE)["TaskId"]
        on_it = {"ProjectId": "1", "TaskId": task_id}
        assert _call(url, {**on_it, "CommitType": 1}, "CommitIntegrationTask")["Data"] is True
        kept = _admin(url, "GET", "tasks")[1][-1]
        assert (kept["_committed"], kept["Status"]) == (None, 1)
        assert _send(url, "POST", f"/_emulator/tasks/{task_id}/approve", body, TOKEN)[0] == 200
        assert _call(url, on_it, "StopIntegrationTask")["Data"] is True
        kept = _admin(url, "GET", "tasks")[1][-1]
        assert kept["_committed"]["TaskName"] == "a"
        assert (kept["Status"], kept["_state_dropped"], kept["_state_kept"]) == (6, 1, 0)
        assert kept["_started_from"] is None


def test_an_approval_that_the_status_forbids_is_answered(open_emulator: EmulatorServer) -> None:
    """400, and the words of the refusal."""
    url = open_emulator.url
    open_emulator.switches.set({"approval": "needed"})
    task_id = _call(url, CREATE)["TaskId"]
    _call(url, {"ProjectId": "1", "TaskId": task_id, "CommitType": 1}, "CommitIntegrationTask")
    open_emulator.service.edit(task_id, {"Status": 3})
    status, answer = _admin(url, "POST", f"tasks/{task_id}/approve", {})
    assert status == 400
    assert "cannot be started" in answer["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", b""),
        ("faults", b"{"),
        ("faults", b"\xff"),
        ("faults", b"[" * 100_000),
        ("faults", b'"x"'),
        ("faults", b"[5]"),
        ("faults", b'{"kind": "explode"}'),
        ("faults", b'{"kind": "refuse", "color": "red"}'),
        ("faults", b'{"kind": "refuse", "count": Infinity}'),
        ("faults", b'{"kind": "refuse", "count": 1e400}'),
        ("faults", b'{"kind": "answer_late", "value": "abc"}'),
        ("faults", b'[{"kind": "refuse"}, {"kind": "slow_drip", "value": -1}]'),
        ("switches", b"[]"),
        ("switches", b'"x"'),
        ("switches", b'{"modify": "mangle"}'),
        ("switches", b'{"modify": []}'),
        ("switches", b'{"sight": "china"}'),
        ("switches", b'{"clock_offset_seconds": 1000000000000000000000000000000}'),
        ("switches", b'{"latency_ms": true}'),
        ("switches", b'{"modify": "merge", "modify": "merge"}'),
        ("tasks/ID", b"[]"),
        ("tasks/ID", b"5"),
        ("tasks/ID", b'{"TaskId": "evil"}'),
        ("tasks/ID", b'{"CreateTime": null, "_visible_from": "a"}'),
        ("tasks/ID", b'{"Nodes": 5}'),
        ("tasks/nobody", b"{}"),
        ("tasks/nobody/approve", b""),
        ("tasks/ID/approve", b""),
        ("tasks/ID/reject", b"{}"),
        ("nothing", b"{}"),
        ("", b"{}"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else str(value[:60]),
)
def test_what_cannot_be_programmed_is_answered_and_changes_nothing(
    open_emulator: EmulatorServer, path: str, body: bytes
) -> None:
    """400 and what is wrong."""
    url = open_emulator.url
    task_id = _call(url, CREATE)["TaskId"]
    before = (open_emulator.service.tasks(), open_emulator.switches.all())
    status, answer = _send(url, "POST", "/_emulator/" + path.replace("ID", task_id), body, TOKEN)
    assert (status, list(answer)) == (400, ["error"])
    assert answer["error"]
    assert (open_emulator.service.tasks(), open_emulator.switches.all()) == before
    page = {"ProjectId": "1", "PageNumber": 1, "PageSize": 10}
    assert _call(url, page, "DescribeIntegrationTasks")["TotalCount"] == 1


def test_only_what_there_is_can_be_looked_at(open_emulator: EmulatorServer) -> None:
    """The answer says what there is."""
    status, answer = _admin(open_emulator.url, "GET", "nothing")
    assert status == 400
    assert "GET calls" in answer["error"]


def test_programming_needs_the_emulators_key(open_emulator: EmulatorServer) -> None:
    """Without it, or with another one, nothing is shown and nothing done."""
    headers: dict[str, str]
    for headers in ({}, {"X-Emulator-Token": ""}, {"X-Emulator-Token": "k\xe9y"}):
        for method, path in (("GET", "tasks"), ("POST", "switches")):
            body = b'{"modify": "merge"}'
            status, answer = _send(open_emulator.url, method, f"/_emulator/{path}", body, headers)
            assert (status, list(answer)) == (403, ["error"])
    assert open_emulator.switches["modify"] == "replace"


def test_an_embedded_emulator_is_not_programmed_over_http(emulator: EmulatorServer) -> None:
    """Not even with the key: its port is open to everybody on the machine."""
    assert _admin(emulator.url, "GET", "tasks")[0] == 404
    assert _admin(emulator.url, "POST", "switches", {"modify": "merge"})[0] == 404
    assert emulator.switches["modify"] == "replace"


# ── who may talk to it, and rubbish ─────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/_emulator/tasks", "/elsewhere"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Host": "127.0.0.1.evil.example.com"},
        {"Host": "evil.example.com:127.0.0.1"},
        {"Host": "127.0.0.1:80:80"},
        {"Host": ""},
        {"Origin": "http://evil.example.com"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_web_pages_reach_nothing(open_emulator: EmulatorServer, path: str, headers: dict[str, str]) -> None:
    """Neither one from elsewhere, nor one whose name was made to lead to this machine."""
    for method in ("GET", "POST"):
        status, answer = _send(open_emulator.url, method, path, b"", {**TOKEN, **headers})
        assert (status, list(answer)) == (403, ["error"])
    assert open_emulator.calls == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:65535"])
def test_this_machine_is_called_by_either_name(open_emulator: EmulatorServer, host: str) -> None:
    """With a port or without."""
    assert _send(open_emulator.url, "GET", "/_emulator/tasks", b"", {**TOKEN, "Host": host}) == (200, [])


_GET = b"GET / HTTP/1.1\r\n"
_POST = b"POST / HTTP/1.1\r\n"
RUBBISH = {
    "nothing": b"",
    "TLS": b"\x16\x03\x01\x02\x00\x01",
    "bytes": b"\x00\xff\r\n\r\n",
    "no host": _GET + b"\r\n",
    "two hosts": _GET + b"Host: localhost\r\nHost: localhost\r\n\r\n",
    "no length": _POST + b"Host: localhost\r\n\r\n",
    "length of words": _POST + b"Content-Length: many\r\n\r\n",
    "negative length": _POST + b"Content-Length: -5\r\n\r\n",
    "superscript length": _POST + b"Content-Length: \xb2\r\n\r\n",
    "endless length": _POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "huge length": _POST + b"Content-Length: 99999999999\r\n\r\n",
    "two lengths": _POST + b"Content-Length: 0\r\nContent-Length: 50\r\n\r\n",
    "chunks": _POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "half a body": _POST + b"Content-Length: 10\r\n\r\nhal",
    "long path": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "long header": _POST + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": _POST + b"X: a\r\n" * 200 + b"\r\n",
    "another method": b"PUT /_emulator/faults HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "an old version": b"GET /\r\n\r\n",
    "a new version": b"GET / HTTP/9.9\r\n\r\n",
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_is_answered_or_cut_off_and_never_printed(
    emulator: EmulatorServer, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever comes in, the next good call is answered."""
    host, port = emulator.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(RUBBISH[name])
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while received := connection.recv(65536):
                answer += received
    # What was not read when the connection ended may take the answer with it.
    assert name.startswith(("long", "many")) or bool(answer) == (name != "nothing")
    assert "TaskId" in _call(emulator.url, CREATE)
    assert capfd.readouterr() == ("", "")


def test_a_bug_in_the_emulator_keeps_its_traceback(
    emulator: EmulatorServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not a client's doing must not look like a lost connection."""
    monkeypatch.setattr(emulator, "handle", lambda _: 1 / 0)
    assert _seen(emulator.url) == "closed"
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_call_under_way_at_the_end_has_no_effect_and_is_not_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It finds everything closed, which is nobody's bug; and nothing is kept any more."""
    waits, goes_on = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        waits.set()
        assert goes_on.wait(20)

    server = EmulatorServer(str(tmp_path), sleep=sleep, switches={"latency_ms": 1})
    server.start()
    seen: list[str] = []
    url = server.url
    client = threading.Thread(target=lambda: seen.append(_seen(url)))
    client.start()
    assert waits.wait(20)
    server.stop()
    goes_on.set()
    client.join(20)
    assert seen == ["InternalError"]
    assert server.service.tasks() == []
    assert capfd.readouterr() == ("", "")
    with EmulatorServer(str(tmp_path)) as again:
        assert again.service.tasks() == []


def test_latency_is_waited(emulator: EmulatorServer, clock: Clock) -> None:
    """Every call takes that long."""
    emulator.switches.set({"latency_ms": 250})
    _call(emulator.url, CREATE)
    assert clock.slept == [0.25]


def test_the_date_is_the_services(emulator: EmulatorServer) -> None:
    """A client must be able to correct its clock by it."""
    emulator.switches.set({"clock_offset_seconds": 86_400})
    reply = _call(emulator.url, CREATE)
    assert reply["Error"]["Code"] == "AuthFailure.SignatureExpire"
    status, _, _ = _post(emulator.url, CREATE, "CreateIntegrationTask", timestamp=emulator.clock())
    assert status == 200
    assert len(emulator.service.tasks()) == 1


# ── what switches do ────────────────────────────────────────────────────────


def _with(emulator: EmulatorServer, **switches: Any) -> str:
    emulator.switches.set(switches)
    return emulator.url


def test_duplicate_names(emulator: EmulatorServer) -> None:
    """Accepted, or refused with the code of the switch."""
    url = emulator.url
    _call(url, CREATE)
    assert "TaskId" in _call(url, CREATE)
    _with(emulator, duplicate_name="InvalidParameter")
    assert _call(url, CREATE)["Error"]["Code"] == "InvalidParameter"


@pytest.mark.parametrize("shape", ["null", "ResourceNotFound", "FailedOperation", "InvalidParameter"])
def test_not_found_has_the_shape_of_the_switch(emulator: EmulatorServer, shape: str) -> None:
    """Also for a task of the other type."""
    url = _with(emulator, not_found=shape)
    task_id = _call(url, CREATE)["TaskId"]
    for parameters in ({"TaskId": "x"}, {"TaskId": task_id, "TaskType": 202}):
        reply = _call(url, {"ProjectId": "1", **parameters}, "DescribeIntegrationTask")
        assert reply.get("Error", {}).get("Code", "null") == shape


@pytest.mark.parametrize(("how", "kept"), [("replace", ""), ("merge", "old")])
def test_a_modify_replaces_or_merges(emulator: EmulatorServer, how: str, kept: str) -> None:
    """What is not sent is cleared, or stays."""
    url = _with(emulator, modify=how)
    info = {"TaskName": "a", "Description": "old", "Nodes": [{"Name": "n", "NodeType": "INPUT"}]}
    task_id = _call(url, {"ProjectId": "1", "TaskInfo": info})["TaskId"]
    changed = {"TaskId": task_id, "TaskName": "b", "Status": 3, "Nodes": [{"Name": "m"}]}
    _call(url, {"ProjectId": "1", "TaskInfo": changed}, "ModifyIntegrationTask")
    read = _call(url, {"ProjectId": "1", "TaskId": task_id}, "DescribeIntegrationTask")["TaskInfo"]
    assert (read["TaskName"], read["Description"], read["Status"]) == ("b", kept, 1)
    assert read["Nodes"][0]["Name"] == "m"


def test_a_create_may_keep_only_plain_fields_or_refuse_offline_tasks(emulator: EmulatorServer) -> None:
    """Neither is documented."""
    url = _with(emulator, create_keeps="scalars")
    info = {"TaskName": "a", "TaskType": 202, "Config": [{"Name": "x", "Value": "1"}]}
    task_id = _call(url, {"ProjectId": "1", "TaskInfo": info})["TaskId"]
    read = {"ProjectId": "1", "TaskId": task_id, "TaskType": 202}
    assert _call(url, read, "DescribeIntegrationTask")["TaskInfo"]["Config"] is None
    _with(emulator, create_offline="refuse")
    assert _call(url, {"ProjectId": "1", "TaskInfo": info})["Error"]["Code"] == "InvalidParameterValue"


def test_listings_lag_and_have_a_largest_page(emulator: EmulatorServer, clock: Clock) -> None:
    """A new task is not listed at once; a page that is too large is refused."""
    url = _with(emulator, list_lag_seconds=30, max_page_size=10)
    _call(url, CREATE)
    page: dict[str, Any] = {"ProjectId": "1", "PageNumber": 1, "PageSize": 10}
    assert emulator.service.perform("DescribeIntegrationTasks", page)["TotalCount"] == 0
    clock.now += 30
    assert emulator.service.perform("DescribeIntegrationTasks", page)["TotalCount"] == 1
    large = (
        _call(url, {**page, "PageSize": 11}, "DescribeIntegrationTasks")
        if clock.now - time.time() < 200
        else {}
    )
    assert large["Error"]["Code"] == "InvalidParameterValue"


def test_listings_filter(emulator: EmulatorServer) -> None:
    """By TaskId, and by production state."""
    url = emulator.url
    first, second = (_call(url, CREATE)["TaskId"] for _ in range(2))
    commit = {"ProjectId": "1", "TaskId": second}
    _call(url, commit, "CommitIntegrationTask")
    for name, value, expected in (("TaskId", first, first), ("ProductionState", "true", second)):
        page = {
            "ProjectId": "1",
            "PageNumber": 1,
            "PageSize": 10,
            "Filters": [{"Name": name, "Values": [value]}],
        }
        listed = _call(url, page, "DescribeIntegrationTasks")["TaskInfoSet"]
        assert [task["TaskId"] for task in listed] == [expected]
    assert (
        _call(url, {"ProjectId": "2", "PageNumber": 1, "PageSize": 10}, "DescribeIntegrationTasks")[
            "TotalCount"
        ]
        == 0
    )


def test_a_modify_may_need_the_lock(emulator: EmulatorServer) -> None:
    """Refused while somebody else holds it."""
    url = _with(emulator, modify_needs_lock="others")
    task_id = _call(url, CREATE)["TaskId"]
    emulator.service.edit(task_id, {"Locker": "somebody"})
    modify = {"ProjectId": "1", "TaskInfo": {"TaskId": task_id, "TaskName": "b"}}
    assert _call(url, modify, "ModifyIntegrationTask")["Error"]["Code"] == "UnsupportedOperation"


def test_what_is_not_played_says_so(emulator: EmulatorServer) -> None:
    """A clear refusal rather than a made-up success."""
    parameters = {"ProjectId": "1", "TaskIds": ["x"], "TaskType": 201}
    reply = _call(emulator.url, parameters, "BatchStopIntegrationTasks")
    assert reply["Error"]["Code"] == "UnsupportedOperation"
    missing = {"ProjectId": "1", "TaskInfo": {"TaskId": "x"}}
    assert _call(emulator.url, missing, "ModifyIntegrationTask")["Error"]["Code"] == "ResourceNotFound"
    offline = {"ProjectId": "1", "TaskId": "x", "OperatorName": "", "VirtualFlag": False}
    assert _call(emulator.url, offline, "DeleteOfflineTask")["Error"]["Code"] == "ResourceNotFound"


# ── what it keeps ───────────────────────────────────────────────────────────


def test_tasks_are_kept_across_runs_for_their_owner_only(tmp_path: Path) -> None:
    """Created, changed, deleted: the next run sees the same."""
    folder = str(tmp_path / "data")
    with EmulatorServer(folder, switches={"calls_per_second": 0}) as server:
        ids = [_call(server.url, CREATE)["TaskId"] for _ in range(3)]
        delete = {"ProjectId": "1", "TaskId": ids[0]}
        assert _call(server.url, delete, "DeleteIntegrationTask")["Data"] is True
        modify = {"ProjectId": "1", "TaskInfo": {"TaskId": ids[1], "TaskName": "b"}}
        _call(server.url, modify, "ModifyIntegrationTask")
    with EmulatorServer(folder) as server:
        assert [(task["TaskId"], task["TaskName"]) for task in server.service.tasks()] == [
            (ids[1], "b"),
            (ids[2], "a"),
        ]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert modes == {0o600}


def test_an_answered_create_survives_the_kill_of_the_emulator(tmp_path: Path) -> None:
    """SIGKILL right after the answer."""
    command = [sys.executable, "-m", "provisioner", "emulator", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unmeasured())
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    task_id = _call(url, CREATE)["TaskId"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with EmulatorServer(str(tmp_path / "data")) as server:
        assert [task["TaskId"] for task in server.service.tasks()] == [task_id]


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """It names its address and its key, takes switches, and ends with 0."""
    command = [sys.executable, "-m", "provisioner", "emulator", "--set", "modify=merge"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    assert _admin(url, "GET", "switches")[1]["modify"] == "merge"
    process.send_signal(signal.SIGINT)
    greeting = process.stdout.read()
    assert process.wait(20) == 0
    curl = next(line for line in greeting.splitlines() if line.startswith("  curl"))
    assert curl == (
        f"  curl -H 'X-Emulator-Token: {EMBEDDED_CREDENTIAL[1]}' "
        f'-d \'{{"kind": "drop_answer", "action": "CreateIntegrationTask", "count": 1}}\' {url}/_emulator/faults'
    )
    assert all(kind in greeting for kind in Kind)
    process.stdout.close()


def test_the_help_shows_how_faults_are_programmed(capsys: pytest.CaptureFixture[str]) -> None:
    """The header and the key that are checked, and a fault that there is."""
    assert main(["emulator", "--help"]) == 0
    text = capsys.readouterr().out
    for part in (f"{TOKEN_HEADER}: {EMBEDDED_CREDENTIAL[1]}", f'"{Kind.DROP_ANSWER}"', f"URL{ADMIN}faults"):
        assert part in text


def test_the_pace_is_measured_by_a_clock_that_no_switch_turns(clock: Clock) -> None:
    """A service whose clock is ahead, or jumps, lets no more calls pass."""
    with EmulatorServer(clock=clock, monotonic=lambda: 0.0, switches={"calls_per_second": 1}) as server:
        assert "TaskId" in _call(server.url, CREATE)
        for offset in (0, 100, 200):
            server.switches.set({"clock_offset_seconds": offset})
            assert _call(server.url, CREATE)["Error"]["Code"] == "RequestLimitExceeded"


def test_the_switches_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each in a row, with its default, where that comes from, and what else there is."""
    assert main(["emulator", "--list-switches"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:3] for row in rows] == [[s.name, str(s.default), s.known] for s in SWITCHES]
    for row, switch in zip(rows, SWITCHES, strict=True):
        assert all(value in row for value in switch.values)


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "²"], ["--set", "modify"]], ids=str)
def test_the_command_refuses_what_it_cannot_serve(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the argument."""
    assert main(["emulator", *arguments]) == 1
    assert arguments[0] in capsys.readouterr().err


def test_the_command_refuses_a_port_that_is_taken(
    emulator: EmulatorServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its number."""
    port = emulator.url.rpartition(":")[2]
    assert main(["emulator", "--port", port]) == 1
    assert f"port {port}: Address already in use." in capsys.readouterr().err
