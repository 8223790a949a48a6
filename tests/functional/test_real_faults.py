"""Real faults, end to end: a disk that is full, a network that lies, a home directory that interferes.

For each: the exit code, and the words: which tasks are done, which are unknown and until when, what
happens next and what to type. Afterwards everything is there exactly once. Losses of a create's
answer are in ``test_lossy``, failures of single disk operations in ``test_failing_disk``.
"""

import http.client
import json
import os
import resource
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from projects import Project, Ran, connect, task_manifest, unmeasured
from provisioner.cloud.transport import Timeouts
from provisioner.emulator.server import EmulatorServer

CREATE = "CreateIntegrationTask"
LIST_LAG_SECONDS = 30
"""The default of the setting."""

PASSES_SECONDS = 400
"""More than the window of any write."""


class Gate:
    """Where an answer that is late waits until it is let through."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def sleep(self, _seconds: float) -> None:
        """In place of the emulator's sleep."""
        self._open.wait(60)

    def open(self) -> None:
        """Let everything through."""
        self._open.set()


@dataclass
class Remote:
    """A project and the emulator that it is applied to."""

    project: Project
    emulator: EmulatorServer
    gate: Gate

    def write_tasks(self, count: int) -> None:
        """That many manifests: t0, t1, …"""
        for number in range(count):
            self.project.write(f"manifests/t{number}.yaml", task_manifest(f"t{number}"))

    def apply(self) -> Ran:
        """One apply in this process."""
        return self.project.run("apply", "-auto-approve")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """An apply as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "provisioner", "apply", "-auto-approve", *arguments],
            cwd=self.project.root,
            # Its files may have no room for a measurement.
            env=unmeasured(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def creates(self) -> int:
        """How many creates have arrived."""
        return sum(call.action == CREATE for call in self.emulator.calls)

    def let_time_pass(self) -> None:
        """Until nothing that was sent can happen any more."""
        self.emulator.switches.set({"clock_offset_seconds": PASSES_SECONDS})

    def wait_for_tasks(self, count: int) -> list[str]:
        """The TaskIds, once that many tasks are there."""
        while len(tasks := self.emulator.service.tasks()) < count:
            time.sleep(0.005)
        return [task["TaskId"] for task in tasks]

    def ensure_exactly_once(self) -> None:
        """As many tasks there as manifests here, the same ids in the state, and nothing left to do."""
        shown = json.loads(self.project.run("show", "--json").out)
        here = {task["address"]: task["task_id"] for task in shown["tasks"]}
        there = {task["TaskName"]: task["TaskId"] for task in self.emulator.service.tasks()}
        manifests = {path.stem for path in (self.project.root / "manifests").iterdir()}
        assert here == there
        assert here.keys() == manifests
        assert len(self.emulator.service.tasks()) == len(there)
        assert shown["unsettled"] == []
        assert self.project.run("plan").out.startswith("No changes.")


@pytest.fixture
def remote(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """A project without manifests, and an emulator beside it."""
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    gate = Gate()
    with EmulatorServer(switches={"calls_per_second": 0}, sleep=gate.sleep) as emulator:
        connect(monkeypatch, emulator)
        yield Remote(project, emulator, gate)
        gate.open()


# ── a disk that is full ─────────────────────────────────────────────────────

PAGE = 4096


class SmallDisk:
    """A file system of its own with a few hundred kilobytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, *, but_pages: int = 0) -> None:
        """Leave no more than that free."""
        with self._filler.open("wb", buffering=0) as file:
            free = os.statvfs(self.folder)
            os.posix_fallocate(file.fileno(), 0, (free.f_bavail - but_pages) * free.f_bsize)

    def make_room(self) -> None:
        """Take it all back."""
        self._filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """Mounted, with the state on it; skipped where mounting is not allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here; a limit on the size of files is tried instead")
    monkeypatch.setenv("PROVISIONER_STATE", str(folder / "x.state.json"))
    yield SmallDisk(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("pages", [0, 1, 2, 3, 4, 8, 16, 32])
def test_a_full_disk_at_the_start_sends_nothing(remote: Remote, small_disk: SmallDisk, pages: int) -> None:
    """However far it comes: the space for all outcomes is reserved before the first call."""
    remote.write_tasks(30)
    small_disk.fill(but_pages=pages)
    process = remote.start()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "No space left on device\nMake room on the disk and run the command again.\n" in err
    assert "Creating" not in err
    assert remote.creates() == 0
    small_disk.make_room()
    assert remote.apply().code == 0
    assert remote.creates() == 30
    remote.ensure_exactly_once()


def test_a_disk_that_fills_up_during_an_apply_keeps_every_outcome(
    remote: Remote, small_disk: SmallDisk
) -> None:
    """The reserved space takes them, and gives the snapshot its place at the end."""
    remote.write_tasks(20)
    err = _filled_meanwhile(remote, small_disk, code=0)
    assert err.count("Creation complete") == 20
    small_disk.make_room()
    assert remote.creates() == 20
    remote.ensure_exactly_once()


def test_a_snapshot_without_room_leaves_everything_in_the_journal(
    remote: Remote, small_disk: SmallDisk
) -> None:
    """A large state, a small change: said so, and the next apply goes on from there."""
    remote.write_tasks(100)
    assert remote.apply().code == 0
    remote.write_tasks(102)
    err = _filled_meanwhile(remote, small_disk, code=4)
    assert err.count("Creation complete") == 2
    assert err.endswith(
        "No space left on device\n"
        "Make room on the disk and run the command again.\n"
        "What was done is recorded in the journal.\n"
        "Continue with:\n"
        "  provisioner apply --parallelism=4\n"
    )
    assert len(json.loads(remote.project.run("show", "--json").out)["tasks"]) == 102
    small_disk.make_room()
    assert remote.apply().code == 0
    assert remote.creates() == 102
    remote.ensure_exactly_once()


def _filled_meanwhile(remote: Remote, small_disk: SmallDisk, *, code: int) -> str:
    """An apply whose disk is filled while its first create is under way; returns what it said."""
    before = len(remote.emulator.service.tasks())
    remote.emulator.faults.add("answer_late", CREATE)
    process = remote.start("--parallelism", "4")
    remote.wait_for_tasks(before + 1)
    small_disk.fill()
    remote.gate.open()
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return err


def _limit_files(process: "subprocess.Popen[str]") -> None:
    """From now on it cannot write a byte into any file."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))


def test_a_limit_on_files_at_the_start_sends_nothing(remote: Remote) -> None:
    """As a full disk does."""
    remote.write_tasks(3)
    process = subprocess.run(
        [sys.executable, "-m", "provisioner", "apply", "-auto-approve"],
        cwd=remote.project.root,
        env=unmeasured(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 * PAGE, 4 * PAGE)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 4
    assert "cannot reserve space in provisioner.state.json: File too large\n" in process.stderr
    assert "Nothing more was sent.\nContinue with:\n  provisioner apply\n" in process.stderr
    assert remote.creates() == 0
    assert remote.apply().code == 0
    remote.ensure_exactly_once()


def test_what_cannot_be_recorded_is_named_with_its_task_id(remote: Remote) -> None:
    """Three creates are under way when the disk stops taking anything; the next apply finds them."""
    remote.write_tasks(5)
    remote.emulator.faults.add("answer_late", CREATE, count=3)
    process = remote.start("--parallelism", "3")
    task_ids = remote.wait_for_tasks(3)
    _limit_files(process)
    remote.gate.open()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "Traceback" not in err
    heading, _, named = err.partition("These tasks were created and could not be recorded:\n")
    assert "The state could not be kept on disk.\n  cannot write" in heading
    for number, task_id in enumerate(task_ids):
        assert task_id in named, (number, err)
    assert "Nothing more was sent. The next run looks for what was in flight.\n" in named
    assert named.endswith("Continue with:\n  provisioner apply --parallelism=3\n")
    assert remote.creates() == 3

    shown = remote.project.run("show").out
    assert "3 writes have an unknown outcome:" in shown
    finished = remote.apply()
    assert finished.code == 0, finished.err
    assert finished.err.count("found in WeData and recorded") == 3
    assert remote.creates() == 5
    remote.ensure_exactly_once()


def test_a_state_that_is_removed_during_an_apply_stops_it(remote: Remote) -> None:
    """Another run could begin in its place: what is done is named, and is found again."""
    remote.write_tasks(3)
    remote.emulator.faults.add("answer_late", CREATE)
    process = remote.start("--parallelism", "1")
    task_ids = remote.wait_for_tasks(1)
    for path in remote.project.root.glob("provisioner.state.*"):
        path.unlink()
    remote.gate.open()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "The files of the state were removed or replaced while this run used them." in err
    assert f"t0 = {task_ids[0]}" in err
    assert remote.creates() == 1
    held = remote.apply()
    assert held.code == 6
    assert "t0: found in WeData and recorded" in held.err
    assert "an earlier state was lost" in held.out
    remote.let_time_pass()
    assert remote.apply().code == 0
    remote.ensure_exactly_once()


def test_a_lock_file_that_is_removed_lets_nobody_create_twice(remote: Remote) -> None:
    """A second run begins beside the first: it finds what is in flight, and the first one stops."""
    remote.write_tasks(3)
    remote.emulator.faults.add("answer_late", CREATE)
    first = remote.start("--parallelism", "1")
    task_ids = remote.wait_for_tasks(1)
    (remote.project.root / "provisioner.state.lock").unlink()
    second = remote.start()
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert f"t0: found in WeData and recorded [id={task_ids[0]}]" in err
    remote.gate.open()
    _, err = first.communicate(timeout=60)
    assert first.returncode == 4, err
    assert f"t0 = {task_ids[0]}" in err
    assert remote.creates() == 3
    remote.ensure_exactly_once()


def test_a_whole_backup_that_is_put_back_finds_what_was_made_since(remote: Remote, tmp_path: Path) -> None:
    """State and journal of yesterday: adopted by its marker, and new creates wait for one window."""
    names = ("provisioner.state.json", "provisioner.state.journal")
    remote.write_tasks(2)
    assert remote.apply().code == 0
    for name in names:
        shutil.copy(remote.project.root / name, tmp_path)
    remote.write_tasks(4)
    assert remote.apply().code == 0
    shutil.copy(tmp_path / names[0], remote.project.root)
    refused = remote.apply()
    assert refused.code == 4
    assert "is older than its journal (serial 3): it was probably restored from a backup" in refused.err
    shutil.copy(tmp_path / names[1], remote.project.root)
    remote.write_tasks(5)
    held = remote.apply()
    assert held.code == 6
    assert held.err.count("found in WeData and recorded") == 2
    assert (
        "t4: an earlier state was lost, and what it had sent may still take effect; pending until" in held.err
    )
    remote.let_time_pass()
    assert remote.apply().code == 0
    assert remote.creates() == 5
    remote.ensure_exactly_once()


# ── a network that loses, delays and lies ───────────────────────────────────

DONE = ["drop_answer", "error_after", "internal_error_after", "garbage", "truncated"]
NOT_DONE = ["drop_request", "bad_gateway", "internal_error", "redirect"]


def _updated(remote: Remote) -> None:
    remote.project.write("manifests/t0.yaml", task_manifest("t0", description="changed"))


def _deleted(remote: Remote) -> None:
    (remote.project.root / "manifests" / "t0.yaml").unlink()


def _offline_deleted(remote: Remote) -> None:
    (remote.project.root / "manifests" / "off.yaml").unlink()


EDITS: dict[str, tuple[str, Callable[[Remote], None]]] = {
    "update": ("ModifyIntegrationTask", _updated),
    "delete": ("DeleteIntegrationTask", _deleted),
    "delete offline": ("DeleteOfflineTask", _offline_deleted),
}


def _prepared(remote: Remote) -> None:
    remote.write_tasks(2)
    remote.project.write("manifests/off.yaml", task_manifest("off", task_type=202))
    assert remote.apply().code == 0


@pytest.mark.parametrize("fault", DONE)
def test_a_lost_answer_to_an_update_is_found_in_the_same_run(remote: Remote, fault: str) -> None:
    """It was done: seen, recorded, counted; and it is not sent again."""
    _prepared(remote)
    _updated(remote)
    remote.emulator.faults.add(fault, "ModifyIntegrationTask")
    ran = remote.apply()
    assert ran.code == 0, ran.err + ran.out
    assert "t0: found in WeData and recorded" in ran.err
    assert "1 changed" in ran.out
    assert sum(call.action == "ModifyIntegrationTask" for call in remote.emulator.calls) == 1
    remote.ensure_exactly_once()


@pytest.mark.parametrize("edit", ["delete", "delete offline"])
@pytest.mark.parametrize("fault", DONE)
def test_a_lost_answer_to_a_delete_is_settled_once_listings_have_caught_up(
    remote: Remote, fault: str, edit: str
) -> None:
    """It is gone, but a listing may lag: exit 6 says until when, and it is not sent again."""
    _prepared(remote)
    action, change = EDITS[edit]
    change(remote)
    remote.emulator.faults.add(fault, action)
    ran = remote.apply()
    assert ran.code == 6, ran.err + ran.out
    assert "the task may be gone; pending until " in ran.err
    remote.emulator.switches.set({"clock_offset_seconds": LIST_LAG_SECONDS + 2})
    finished = remote.apply()
    assert finished.code == 0, finished.err
    assert "the earlier delete left no task" in finished.err
    assert sum(call.action == action for call in remote.emulator.calls) == 1
    remote.ensure_exactly_once()


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("fault", NOT_DONE)
def test_a_change_that_may_still_happen_is_waited_for(remote: Remote, fault: str, edit: str) -> None:
    """Exit 6 says until when; before that nothing is sent for it, after that it is done once more."""
    _prepared(remote)
    action, change = EDITS[edit]
    change(remote)
    remote.emulator.faults.add(fault, action)
    for _ in range(2):
        ran = remote.apply()
        assert ran.code == 6, ran.err + ran.out
        address = "off" if edit == "delete offline" else "t0"
        assert f"{address}: its {edit.split(maxsplit=1)[0]} may still take effect; pending until " in ran.err
        assert ran.out.endswith("Continue with:\n  provisioner apply\n")
        assert "1 write has an unknown outcome" in remote.project.run("show").out
        assert "unknown outcome" in remote.project.run("plan").out
    assert sum(call.action == action for call in remote.emulator.calls) == 1
    remote.let_time_pass()
    assert remote.apply().code == 0
    remote.ensure_exactly_once()


def test_an_unknown_outcome_says_everything(remote: Remote) -> None:
    """What is done, what is unknown and until when, what happens next, and what to type."""
    remote.write_tasks(3)
    remote.emulator.faults.add("drop_request", CREATE)
    ran = remote.apply()
    assert ran.code == 6
    lost = next(call.parameters["TaskInfo"]["TaskName"] for call in remote.emulator.calls if call.fault)
    for expected in (
        f"{lost}: outcome unknown (manifests/{lost}.yaml:1:1)\n  CreateIntegrationTask: ConnectionLost: ",
        "Nothing is sent again until it is known; the next apply looks first. It is settled for good after ",
        "Apply incomplete: 2 added, 0 changed, 0 destroyed; 1 unknown.\n",
        "What was done is recorded. Continue with:\n  provisioner apply\n",
    ):
        assert expected in ran.out
    assert ran.err.count("Creation complete") == 2


def test_a_redirect_is_not_followed(remote: Remote) -> None:
    """A signed create must reach the place that it was signed for, once."""
    remote.write_tasks(1)
    remote.emulator.faults.add("redirect", CREATE)
    ran = remote.apply()
    assert ran.code == 6
    assert "CreateIntegrationTask: HTTP 307" in ran.out
    assert remote.creates() == 1
    remote.let_time_pass()
    assert remote.apply().code == 0
    remote.ensure_exactly_once()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs for people who run tests; reads are asked twice."""
    monkeypatch.setattr(
        "provisioner.cloud.transport.Timeouts", lambda: Timeouts(connect=0.5, read=0.3, total=0.5)
    )
    monkeypatch.setattr("provisioner.cloud.api.MAX_TRIES", 2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["answer_late", "slow_drip"])
def test_an_answer_that_takes_too_long_is_not_waited_for(remote: Remote, fault: str) -> None:
    """However lively the other side is; the task is found, as after any other loss."""
    remote.write_tasks(2)
    remote.emulator.faults.add(fault, CREATE)
    ran = remote.apply()
    assert ran.code == 0, ran.err
    assert "found in WeData and recorded" in ran.err
    assert "2 added" in ran.out
    remote.ensure_exactly_once()


# ── servers that are none ───────────────────────────────────────────────────


class Lying(socketserver.StreamRequestHandler):
    """Passes a call on, and answers as it likes when the call is the one it is after."""

    server: "LyingServer"

    def handle(self) -> None:
        """One call."""
        request = self._request()
        if request is None:
            return
        action, body, headers = request
        if self.server.action in (action, "*"):
            if self.server.passes_on:
                self._forward(body, headers)
            self.server.hit += 1
            self.wfile.write(self.server.answer)
        else:
            self.wfile.write(self._forward(body, headers))

    def _request(self) -> tuple[str, bytes, dict[str, str]] | None:
        if not self.rfile.readline():
            return None
        headers = dict(http.client.parse_headers(self.rfile).items())
        names = {name.lower(): value for name, value in headers.items()}
        return names["x-tc-action"], self.rfile.read(int(names["content-length"])), headers

    def _forward(self, body: bytes, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        head = f"HTTP/1.1 200 OK\r\nDate: {answer.headers['Date']}\r\nContent-Length: {len(data)}\r\n"
        return f"{head}Connection: close\r\n\r\n".encode() + data


class LyingServer(socketserver.ThreadingTCPServer):
    """Stands before the emulator."""

    daemon_threads = True
    action = ""
    """The API action that gets ``answer``; ``*`` for every one."""

    answer = b""
    passes_on = True
    """Whether it is done before it is answered so."""

    hit = 0

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), Lying)
        self.behind = behind


@pytest.fixture
def lying(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingServer]:
    """Between the program and the emulator."""
    with LyingServer(int(remote.emulator.url.rpartition(":")[2])) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv("PROVISIONER_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        yield server
        server.shutdown()
        thread.join()


def _http(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


RUBBISH = {
    "closed at once": b"",
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half a status line": b"HTTP/1.1 2",
    "bytes": bytes(range(256)) * 8,
    "a page": _http(b"<html>Please sign in</html>", "Content-Type: text/html"),
    "an empty body": _http(b""),
    "not utf-8": _http(b"\xff\xfe{"),
    "a list": _http(b"[]"),
    "deep": _http(b"[" * 100_000),
    "no Response": _http(b'{"ok": true}'),
    "a Response of text": _http(b'{"Response": "done"}'),
    "an error without a code": _http(b'{"Response": {"Error": {}}}'),
    "NaN": _http(b'{"Response": {"TaskId": NaN}}'),
    "broken gzip": _http(b"\x1f\x8b\x08rubbish", "Content-Encoding: gzip"),
    "shorter than it says": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{",
    "broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n{}",
    "one endless header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "503": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "TaskId of another kind": _http(b'{"Response": {"TaskId": {"x": 1}, "RequestId": "r"}}'),
    "empty TaskId": _http(b'{"Response": {"TaskId": "", "RequestId": "r"}}'),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_in_answer_to_a_create_that_was_done_is_no_loss(
    remote: Remote, lying: LyingServer, name: str
) -> None:
    """Whatever comes back: the task is looked for, recorded, and not made again."""
    remote.write_tasks(1)
    lying.action, lying.answer = CREATE, RUBBISH[name]
    ran = remote.apply()
    assert ran.code == 0, ran.err + ran.out
    assert "t0: found in WeData and recorded" in ran.err
    assert lying.hit == remote.creates() == 1
    remote.ensure_exactly_once()


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_in_answer_to_a_create_that_was_not_done_is_waited_out(
    remote: Remote, lying: LyingServer, name: str
) -> None:
    """It may have been done: exit 6, and again only after the window."""
    remote.write_tasks(1)
    lying.action, lying.answer, lying.passes_on = CREATE, RUBBISH[name], False
    ran = remote.apply()
    assert ran.code == 6, ran.err + ran.out
    assert "t0: its creation may still take effect; pending until " in ran.err
    assert ran.out.endswith("What was done is recorded. Continue with:\n  provisioner apply\n")
    lying.action = ""
    assert remote.apply().code == 6
    assert (lying.hit, remote.creates()) == (1, 0)
    remote.let_time_pass()
    assert remote.apply().code == 0
    remote.ensure_exactly_once()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", [name for name in RUBBISH if "TaskId" not in name])
def test_rubbish_in_answer_to_everything_sends_nothing(remote: Remote, lying: LyingServer, name: str) -> None:
    """The project cannot be listed, so nothing is created; one clear error says so."""
    remote.write_tasks(1)
    lying.action, lying.answer = "*", RUBBISH[name]
    ran = remote.apply()
    assert ran.code == 5, ran.err
    assert "Traceback" not in ran.err
    assert "DescribeIntegrationTasks" in ran.err
    assert remote.creates() == 0
    assert not (remote.project.root / "provisioner.state.json").exists()
    lying.action = ""
    assert remote.apply().code == 0
    remote.ensure_exactly_once()


@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_answers_is_left(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and that is all."""
    remote.write_tasks(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PROVISIONER_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        ran = remote.apply()
    assert ran.code == 5
    assert "Traceback" not in ran.err
    assert "no complete answer came in time" in ran.err
    assert not (remote.project.root / "provisioner.state.json").exists()


# ── runs that are in progress, and runs that were cut short ─────────────────


@pytest.mark.parametrize("command", ["show", "plan"])
def test_a_run_in_progress_and_an_interrupted_one_are_told_of(remote: Remote, command: str) -> None:
    """By whom, since when, and what is open; nothing of it once the next apply has come to its end."""
    remote.write_tasks(1)
    assert remote.project.run(command).err == ""
    remote.emulator.faults.add("answer_late", CREATE)
    process = remote.start()
    remote.wait_for_tasks(1)
    who = f": provisioner apply, pid {process.pid} on {os.uname().nodename}, since 2"
    in_progress = remote.project.run(command)
    assert in_progress.err.startswith(f"A run is in progress{who}")
    assert in_progress.err.endswith("What is shown may be out of date.\n")
    process.kill()
    process.communicate()
    interrupted = remote.project.run(command)
    assert interrupted.err.startswith(f"The last run was interrupted{who}")
    assert interrupted.err.endswith("What it did is recorded; the next apply goes on from there.\n")
    assert "write has an unknown outcome" in interrupted.out
    remote.gate.open()
    assert remote.apply().code == 0
    assert remote.project.run(command).err == ""
    remote.ensure_exactly_once()


# ── what lies about in the environment ──────────────────────────────────────


@pytest.mark.parametrize("where", ["home", "variable"])
def test_a_netrc_that_names_the_host_changes_nothing(
    remote: Remote, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its password would take the place of our signature."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    path = home / (".netrc" if where == "home" else "other")
    path.write_text(
        "machine 127.0.0.1 login somebody password canary-1234\ndefault login x password canary-1234\n"
    )
    path.chmod(0o600)
    if where == "variable":
        monkeypatch.setenv("NETRC", str(path))
    remote.write_tasks(1)
    ran = remote.apply()
    assert ran.code == 0, ran.err
    assert "canary" not in ran.err + ran.out
    remote.ensure_exactly_once()


@pytest.mark.parametrize("case", [str.upper, str.lower], ids=["upper case", "lower case"])
def test_a_dead_proxy_does_not_stand_before_this_machine(
    remote: Remote, case: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is reached directly whatever the variables say."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
        monkeypatch.setenv(case(name), dead)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    remote.write_tasks(1)
    ran = remote.apply()
    assert ran.code == 0, ran.err
    remote.ensure_exactly_once()
