"""20,000 inputs that nobody wrote: never a traceback, and never a state that was never there.

Every file that the program reads and every answer that it gets is changed at random, or made up. What may
come of it: what it was before, an error that a person can read, or, for a journal, what it was at an
earlier moment. Each input has a seed, which a failure names.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import pytest
from urllib3 import HTTPResponse

from builders import PROJECT, STACK, a_plan, a_record, a_spec, a_state, an_attempt
from fakes.workers import one_by_one
from mutations import mutated
from projects import REPOSITORY
from provisioner.cloud import transport as transports
from provisioner.cloud.api import CloudTaskApi
from provisioner.cloud.endpoint import parse_endpoint
from provisioner.cloud.exchange import Happened
from provisioner.cloud.rate_limit import Pace
from provisioner.cloud.signer import Signer
from provisioner.cloud.transport import Timeouts, Transport
from provisioner.commands.project.manifests import load_manifests
from provisioner.commands.project.project import problem_text
from provisioner.commands.project.settings_file import read_settings
from provisioner.commands.support.lock import last_run
from provisioner.core.address import Address, TaskId
from provisioner.core.api.calls import CreateTask, DeleteTask, ModifyTask
from provisioner.core.api.replies import Done, Refused, Unknown
from provisioner.core.api.signing import Credential
from provisioner.core.documents.plan_document import encode
from provisioner.core.documents.plan_reader import decode
from provisioner.core.manifest.parse import Defaults
from provisioner.core.settings import FILE_NAME
from provisioner.core.state import journal as journals
from provisioner.core.state import snapshot as snapshots
from provisioner.core.state.entries import Entry, Finished, Header, Intent, Rejected, Resolved, Verdict
from provisioner.core.state.ledger import fold
from provisioner.core.state.state import Remote, State, WriteKind
from provisioner.core.text import printable_lines
from provisioner.errors import ApiError, ProvisionerError, StateDamagedError, StateError
from provisioner.render.plan_text import render_plan
from provisioner.render.state_text import render_state
from provisioner.store.backend import LocalBackend
from provisioner.store.cache import Head, ManifestCache, load_cache
from provisioner.store.disk import Disk
from provisioner.store.lock import Holder, StateLock
from tally import Table

JOURNALS, STATES, PLANS = 4000, 4000, 2000
YAML, JSON, SETTINGS = 3000, 2000, 1000
SENT_REPLIES, READ_REPLIES = 300, 1700
LOCKS, CACHES = 1000, 1000


def inputs(data: bytes, name: str, count: int) -> Iterator[tuple[bytes, str]]:
    """That many changed inputs, each with its seed."""
    for number in range(count):
        seed = f"{name} {number}"
        yield mutated(data, seed), seed


def test_there_are_twenty_thousand() -> None:
    """Of all kinds together."""
    files = JOURNALS + STATES + PLANS + YAML + JSON + SETTINGS + LOCKS + CACHES
    assert files + SENT_REPLIES + READ_REPLIES == 20_000


# ── state and journal ───────────────────────────────────────────────────────

BASE = replace(
    a_state(a_spec("kept"), a_spec("changed", Description="a\nb é"), a_spec("gone")),
    swallowed="0" * 32,
    sent=("0123456789abcdef", "fedcba9876543210"),
    remote=Remote("https://wedata.example", "ap-singapore"),
)
_FIRST = BASE.seq + 1


def _entries() -> list[Entry]:
    """One of each, some of them open."""
    changed, created = a_spec("changed", Description="other"), a_spec("new")
    modify, create = an_attempt(changed, WriteKind.UPDATE), an_attempt(created, marked=True)
    delete = an_attempt(a_spec("gone"), WriteKind.DELETE, attempt="d" * 20)
    refused = an_attempt(a_spec("refused"), attempt="e" * 20)
    task_id = TaskId("id-of-new")
    known = a_record(created, task_id=task_id, attempt=create.attempt)
    return [
        Intent(seq=_FIRST, attempt=modify),
        Intent(seq=_FIRST + 1, attempt=create),
        Finished(
            seq=_FIRST + 2,
            address=Address("new"),
            attempt=create.attempt,
            task_id=task_id,
            request_id="r\x1b",
            at="2030-01-01T00:00:00Z",
        ),
        Resolved(
            seq=_FIRST + 3,
            address=Address("new"),
            attempt=create.attempt,
            verdict=Verdict.CONFIRMED,
            record=known,
            evidence="seen",
        ),
        Intent(seq=_FIRST + 4, attempt=delete),
        Intent(seq=_FIRST + 5, attempt=refused),
        Rejected(seq=_FIRST + 6, address=Address("refused"), attempt="e" * 20, code="X", request_id=""),
        Resolved(
            seq=_FIRST + 7,
            address=Address("gone"),
            attempt="d" * 20,
            verdict=Verdict.ABSENT,
            record=None,
            evidence="é",
        ),
    ]


ENTRIES = _entries()
SNAPSHOT = snapshots.encode(BASE, "1")
PREFIXES = [fold(BASE, ENTRIES[:count]) for count in range(len(ENTRIES) + 1)]


def _journal(entries: list[Entry]) -> bytes:
    header = Header(
        lineage=BASE.lineage,
        stack=STACK,
        base_serial=BASE.serial,
        base_seq=BASE.seq,
        base_checksum=snapshots.checksum_of(SNAPSHOT),
        journal="0123456789abcdef",
    )
    data, chain = journals.encode_header(header)
    for entry in entries:
        line, chain = journals.encode_entry(entry, chain)
        data += line
    return data + bytes(512)


class Given(Disk):
    """A disk on which these bytes are."""

    def __init__(self, snapshot: bytes, journal: bytes) -> None:
        self._snapshot = snapshot
        self._journal = journal

    def read(self, path: str) -> bytes | None:
        """See ``Disk.read``."""
        return self._journal if path.endswith(".journal") else self._snapshot


def _load(snapshot: bytes, journal: bytes) -> State:
    disk = Given(snapshot, journal)
    return LocalBackend("/x.state.json", stack=STACK, tool_version="1", disk=disk).load()


def _ensure_readable(error: ProvisionerError) -> None:
    """Words, none of which a terminal obeys."""
    assert str(error)
    assert printable_lines(str(error)) == str(error)


def test_a_journal(tried: Table) -> None:
    """Gives the state at a moment that there was, or is refused."""
    assert _load(SNAPSHOT, _journal(ENTRIES)) == PREFIXES[-1]
    outcomes = set()
    for data, seed in inputs(_journal(ENTRIES), "journal", JOURNALS):
        try:
            state = _load(SNAPSHOT, data)
        except StateDamagedError:
            outcomes.add(-1)
        else:
            assert state in PREFIXES, seed
            outcomes.add(PREFIXES.index(state))
    assert {-1, 0, len(PREFIXES) - 1} <= outcomes, "both ways were gone"
    tried("fuzz inputs", JOURNALS)


def test_a_state(tried: Table) -> None:
    """Is exactly the one that was written, or is refused; also one that a person says is meant."""
    refused = accepted = 0
    for data, seed in inputs(SNAPSHOT, "state", STATES):
        try:
            assert _load(data, _journal([])) == BASE, seed
        except StateDamagedError:
            refused += 1
        try:
            state = snapshots.decode(data, "x.state.json", accept_edits=True)
        except StateDamagedError:
            continue
        # What was accepted can be written and shown.
        assert snapshots.decode(snapshots.encode(state, "1"), "x.state.json") == state, seed
        render_state(state, colour=False)
        accepted += 1
    assert refused > STATES * 0.9
    assert accepted > STATES * 0.05
    tried("fuzz inputs", STATES)


def test_a_saved_plan(tried: Table) -> None:
    """Is exactly the one that was saved, or is refused."""
    state = replace(BASE, tasks={**BASE.tasks, Address("moved"): a_record(a_spec("moved"))})
    plan = a_plan(
        a_spec("kept"), a_spec("changed", Description="c\nd", SyncType=1), a_spec("new"), state=state
    )
    saved = encode(plan)
    read = decode(saved, "saved")
    for data, seed in inputs(saved, "plan", PLANS):
        try:
            found = decode(data, "saved")
        except ProvisionerError as error:
            _ensure_readable(error)
        else:
            assert found == read, seed
            assert render_plan(found, colour=False) == render_plan(plan, colour=False), seed
    tried("fuzz inputs", PLANS)


# ── what people write ───────────────────────────────────────────────────────


def _manifests() -> list[tuple[str, bytes]]:
    """The examples, as YAML and as JSON."""
    from provisioner.store.reading.documents import load_documents

    found = []
    for path in sorted((REPOSITORY / "manifests").rglob("*.yaml")):
        found.append((".yaml", path.read_bytes()))
        loaded = load_documents(str(path))
        found += [(".json", json.dumps(one.value, indent=1).encode()) for one in loaded.documents]
    return found


def _check_manifests(folder: Path, ending: str, count: int) -> None:
    sources = [data for kind, data in _manifests() if kind == ending]
    (folder / "manifests").mkdir()
    for number in range(count):
        data = mutated(sources[number % len(sources)], f"{ending} {number}")
        (folder / "manifests" / f"{number:04}{ending}").write_bytes(data)
    found = load_manifests("manifests", Defaults(project_id=PROJECT))
    assert found.files == count
    text = problem_text(found.problems)
    assert printable_lines(text) == text
    assert len({problem.source.file for problem in found.errors}) > count / 4
    assert all(problem.message for problem in found.problems)


@pytest.mark.parametrize(("ending", "count"), [(".yaml", YAML), (".json", JSON)])
def test_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Table, ending: str, count: int
) -> None:
    """Every problem of every one of them, in one run; the others are tasks."""
    monkeypatch.chdir(tmp_path)
    _check_manifests(tmp_path, ending, count)
    tried("fuzz inputs", count)


_SETTINGS = b"""\
stack: "5f0c1a2b3c4d5e6f"
project_id: "17865298918277529"
region: ap-singapore
endpoint: http://127.0.0.1:8080
manifests: manifests
state: provisioner.state.json
defaults:
  ExecutorId: "20230313175748567418"
  Config: [{Name: a, Value: 1}, {Name: b, Value: 2}]
guard: {max_deletes: 10, max_delete_percent: 30}
rate_per_second: 20
settle: {work_seconds: 60}
environments:
  prod: {project_id: "1", endpoint: wedata.intl.tencentcloudapi.com, defaults: {Nodes: [{Name: n}]}}
"""


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Table) -> None:
    """Settings, problems with places, or an error."""
    monkeypatch.chdir(tmp_path)
    for data, _seed in inputs(_SETTINGS, "settings", SETTINGS):
        (tmp_path / FILE_NAME).write_bytes(data)
        for environment in ("", "prod"):
            try:
                found = read_settings(environment, {})
            except ProvisionerError as error:
                _ensure_readable(error)
                continue
            if isinstance(found, tuple):
                assert found
                assert all(problem.source.file == FILE_NAME and str(problem) for problem in found)
    tried("fuzz inputs", SETTINGS)


# ── what the service answers ────────────────────────────────────────────────

_TASK = {
    "TaskId": "t-1",
    "TaskName": "t",
    "TaskType": 201,
    "Description": "d",
    "CreateTime": "2026-01-01 00:00:00",
    "ProjectId": PROJECT,
    "Config": [{"Name": "a", "Value": "1"}],
    "Nodes": None,
}
REPLIES = [
    json.dumps({"Response": response}).encode()
    for response in (
        {"TaskId": "t-1", "RequestId": "r-1"},
        {"Data": True, "DeleteFlag": 0, "DeleteErrInfo": "ok", "RequestId": "r-1"},
        {"Data": False, "DeleteFlag": 100, "DeleteErrInfo": "running", "RequestId": "r-1"},
        {"TaskInfo": _TASK, "RequestId": "r-1"},
        {"TaskInfoSet": [_TASK], "TotalCount": 1, "RequestId": "r-1"},
        {"Error": {"Code": "ResourceNotFound", "Message": "no"}, "RequestId": "r-1"},
        {"Error": {"Code": "InternalError", "Message": "no"}, "RequestId": "r-1"},
        {"Error": {"Code": "AuthFailure.SignatureExpire", "Message": "no"}, "RequestId": "r-1"},
    )
] + [b'{"code": 4000, "message": "m", "codeDesc": "InvalidParameter"}']
ENDPOINT = parse_endpoint("http://127.0.0.1:1")
_HEADERS = {"Date": formatdate(0, usegmt=True), "Content-Type": "application/json"}


class Answering:
    """A transport whose every exchange came to the same."""

    endpoint = ENDPOINT
    region = "r"

    def __init__(self, happened: Happened) -> None:
        self._happened = happened

    def exchange(self, *_: object) -> Happened:
        """See ``api.Exchanger``."""
        return self._happened


class _Fixed:
    """See ``renewal.Credentials``."""

    def current(self) -> Credential:
        """Always this one."""
        return Credential("id", "key")

    def renewed(self) -> Credential:
        """And no other."""
        return self.current()


def _ensure_understood(happened: Happened, seed: str) -> None:
    """Whatever is asked: a reply that says what is known, or an error in words."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    api = CloudTaskApi(
        Answering(happened),
        credentials=_Fixed(),
        now=lambda: 1_700_000_000 + clock[0],
        monotonic=lambda: clock[0],
        sleep=sleep,
        jitter=lambda: 0.5,
        pace=Pace(1000, monotonic=lambda: clock[0], sleep=sleep),
        gather=one_by_one,
    )
    for write in (
        CreateTask(project_id=PROJECT, body={"TaskName": "t"}),
        ModifyTask(project_id=PROJECT, task_id=TaskId("t-1"), body={"TaskName": "t"}),
        DeleteTask(project_id=PROJECT, task_id=TaskId("t-1"), task_type=201),
    ):
        reply = api.send(api.sign(write))
        assert isinstance(reply, Done | Refused | Unknown), seed
        if isinstance(reply, Done):
            assert reply.task_id.strip(), seed
    for ask in (lambda: api.read(PROJECT, TaskId("t-1"), 201), lambda: api.inventory(PROJECT)):
        try:
            ask()
        except ApiError as error:
            _ensure_readable(error)


def _received(body: bytes, number: int) -> HTTPResponse:
    headers = {**_HEADERS, "Content-Encoding": "gzip"} if number % 20 == 19 else _HEADERS
    return HTTPResponse(BytesIO(body), headers=headers, status=200, preload_content=False)


def test_an_answer(tried: Table) -> None:
    """Is understood, or is not; a write is then unknown and nothing else. Nothing is raised."""
    transport = Transport(ENDPOINT, region="r", monotonic=lambda: 0.0, connections=1)
    for number in range(READ_REPLIES):
        seed = f"reply {number}"
        body = mutated(REPLIES[number % len(REPLIES)], seed)
        try:
            happened = transports._happened(_received(body, number))
        except transports._TRANSLATED as error:
            happened = transport._failure(error, has_sent=True)
        _ensure_understood(happened, seed)
    tried("fuzz inputs", READ_REPLIES)


class _Replaying:
    """A port that answers each request with the next of some bytes, and closes."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._listening.accept()
            # Whoever has read enough of rubbish closes with the rest unread, which resets the connection.
            with connection, contextlib.suppress(OSError):
                _take_request(connection)
                connection.sendall(answer)


def _take_request(connection: socket.socket) -> None:
    request = b""
    while not request.endswith(b"\r\n\r\n{}"):
        received = connection.recv(65536)
        if not received:
            return
        request += received


def test_an_answer_over_a_socket(tried: Table) -> None:
    """Bytes from the status line on."""
    answers = []
    for number in range(SENT_REPLIES):
        body = REPLIES[number % len(REPLIES)]
        head = f"HTTP/1.1 200 OK\r\nDate: {_HEADERS['Date']}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        answers.append(mutated(head + body, f"sent {number}"))
    with _Replaying(answers) as served:
        endpoint = parse_endpoint(served.url)
        signer = Signer(endpoint, _Fixed(), region="r", now=lambda: 0.0)
        headers = signer.sign("DescribeIntegrationTask", b"{}").headers
        for number in range(SENT_REPLIES):
            transport = Transport(
                endpoint,
                region="r",
                monotonic=lambda: 0.0,
                connections=1,
                timeouts=Timeouts(connect=30, read=30, total=30),
            )
            _ensure_understood(transport.exchange(b"{}", headers), f"sent {number}")
            transport.close()
    tried("fuzz inputs", SENT_REPLIES)


# ── what the program keeps beside it ────────────────────────────────────────


def test_a_lock_file(tmp_path: Path, tried: Table) -> None:
    """Says who held it, or nothing; it can always be taken, and its words are safe to print."""
    path = tmp_path / "x.state.lock"
    holder = Holder(pid=7, host="here", command="provisioner apply", since="2030-01-01T00:00:00Z")
    said = {name: getattr(holder, name) for name in Holder.__dataclass_fields__}
    written = json.dumps({**said, "journal": "0123456789abcdef"}).encode().ljust(300) + b"\n"
    for data, seed in inputs(written, "lock", LOCKS):
        path.write_bytes(data)
        lock = StateLock(str(path), Disk())
        told = last_run(lock)
        assert printable_lines(told) == told, seed
        with lock.held(holder):
            assert isinstance(lock.sent, str), seed
            assert lock.holder() == holder, seed
            other = StateLock(str(path), Disk())
            with pytest.raises(StateError, match="pid 7 on here"), other.held(holder):
                pass
        assert StateLock(str(path), Disk()).holder() is None, seed
    tried("fuzz inputs", LOCKS)


def test_a_cache(tmp_path: Path, tried: Table) -> None:
    """Is exactly the one that was written, or an empty one."""
    path = str(tmp_path / "manifests.cache")
    cache = ManifestCache({}, "key")
    head = Head("a", 1, 1, PROJECT, 201, "d" * 64, prevent_destroy=False, moved_from=[])
    cache.keep("manifests/é.yaml", "0" * 64, [head, head])
    cache.keep("manifests/b.yaml", "1" * 64, [head])
    cache.save(path)
    written = Path(path).read_bytes()
    names = ("manifests/é.yaml", "manifests/b.yaml")
    whole = [load_cache("key", path).heads(name) for name in names]
    empty: list[Any] = [("", ()), ("", ())]
    assert whole != empty
    for data, seed in inputs(written, "cache", CACHES):
        Path(path).write_bytes(data)
        found = [load_cache("key", path).heads(name) for name in names]
        assert found == (whole if data == written else empty), seed
    tried("fuzz inputs", CACHES)
