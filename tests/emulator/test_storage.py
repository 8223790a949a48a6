"""The data folder: one emulator at a time, and nothing in it that a call could stumble over."""

import errno
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from desk import Desk
from projects import Project, task_manifest, unmeasured
from provisioner.cli import main
from provisioner.emulator import definition
from provisioner.emulator.folder import FolderError
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.server import EmulatorServer
from provisioner.emulator.storage import Storage
from provisioner.emulator.task import COMMITTED, DRAFT, HAS_STATE, JOB_VERSION, VISIBLE_FROM

TASK: dict[str, Any] = {
    "TaskId": "t1",
    "ProjectId": "1",
    "TaskType": 201,
    "Status": 1,
    "CreateTime": "2026-01-01 00:00:00",
    **DRAFT,
}


def _storage(folder: Path) -> Storage:
    return Storage(str(folder), definition.load())


def _filled(folder: Path) -> None:
    with closing(_storage(folder)) as storage:
        storage.put(TASK)


def _row(folder: Path, text: object) -> None:
    with closing(sqlite3.connect(folder / "tasks.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE tasks SET task = ?", (text,))


DAMAGES = {
    "no JSON": "{",
    "no text": b"\x00\xff",
    "a list": "[]",
    "another id": '{"TaskId": "t2"}',
    "no project": '{"TaskId": "t1"}',
    "another shape": '{"TaskId": "t1", "ProjectId": "1", "TaskType": 201, "Status": 1, "CreateTime": "x",'
    ' "_visible_from": 0, "Nodes": 5}',
    "another key": '{"TaskId": "t1", "ProjectId": "1", "TaskType": 201, "Status": 1, "CreateTime": "x",'
    ' "_visible_from": 0, "_color": "red"}',
    "no count": '{"TaskId": "t1", "ProjectId": "1", "TaskType": 201, "Status": 1, "CreateTime": "x",'
    ' "_visible_from": 0, "_state_dropped": null}',
    "no body": '{"TaskId": "t1", "ProjectId": "1", "TaskType": 201, "Status": 1, "CreateTime": "x",'
    ' "_visible_from": 0, "_committed": {"Nodes": 5}}',
    "nothing to approve": '{"TaskId": "t1", "ProjectId": "1", "TaskType": 201, "Status": 1, "CreateTime": "x",'
    ' "_visible_from": 0, "_approval_body": []}',
    "no time": '{"TaskId": "t1", "ProjectId": "1", "TaskType": 201, "Status": 1, "CreateTime": "x",'
    ' "_visible_from": "a"}',
}


@pytest.mark.parametrize("text", DAMAGES.values(), ids=DAMAGES)
def test_a_broken_row_is_one_clear_error(tmp_path: Path, text: object) -> None:
    """It says that the folder may be deleted; and once it is, all is well."""
    folder = tmp_path / "data"
    _filled(folder)
    _row(folder, text)
    with pytest.raises(FolderError, match=r"(?s)damaged.*may be deleted"):
        _storage(folder)
    with pytest.raises(FolderError, match="damaged"):
        _storage(folder)
    _deleted(folder)
    with closing(_storage(folder)) as storage:
        assert storage.tasks == {}


def _deleted(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize("damage", ["garbage", "torn", "other table"])
def test_a_broken_file_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    """Whatever has become of it."""
    folder = tmp_path / "data"
    _filled(folder)
    file = folder / "tasks.sqlite3"
    if damage == "garbage":
        file.write_bytes(b"garbage" * 1000)
    elif damage == "torn":
        file.write_bytes(file.read_bytes()[:5000])
    else:
        file.unlink()
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute("CREATE TABLE tasks (name TEXT)")
    with pytest.raises(FolderError, match=r"(?s)damaged.*may be deleted"):
        _storage(folder)


def test_what_is_put_is_read_back(tmp_path: Path) -> None:
    """With the fields of either site."""
    tagged = {**TASK, "TagList": [{"Key": "a", "Value": "b"}], "Nodes": None}
    with closing(_storage(tmp_path)) as storage:
        storage.put(tagged)
    with closing(_storage(tmp_path)) as storage:
        assert storage.tasks == {"t1": tagged}


OLD: dict[str, Any] = {name: value for name, value in TASK.items() if name == VISIBLE_FROM or name[0] != "_"}
"""A task as the first version of the emulator kept it."""


def _read_from(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """The task as it is read where that row was kept."""
    _filled(folder)
    _row(folder, json.dumps(task))
    with closing(_storage(folder)) as storage:
        return storage.tasks["t1"]


@pytest.mark.parametrize("has_version", [None, False, True], ids=str)
def test_a_task_of_an_earlier_version_is_read(tmp_path: Path, has_version: bool | None) -> None:
    """As a draft, unless it has a version: then what it is now is what was committed."""
    old = {**OLD, "TaskName": "a", "HasVersion": has_version}
    committed = {"TaskName": "a", "ProjectId": "1", "TaskType": 201} if has_version else None
    assert _read_from(tmp_path, old) == {**DRAFT, **old, COMMITTED: committed}


@pytest.mark.parametrize(("status", "has_state"), [(1, False), (3, True), (4, True), (6, False), (7, True)])
def test_a_job_of_an_earlier_version_has_the_state_of_its_status(
    tmp_path: Path, status: int, has_state: bool
) -> None:
    """And what it runs is the version that there was."""
    read = _read_from(tmp_path, {**OLD, "Status": status, "HasVersion": True, "InstanceVersion": 2})
    assert (read[HAS_STATE], read[JOB_VERSION]) == (has_state, 2 if has_state else None)


def test_the_life_of_a_task_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What is committed, what waits, what is under way and how often state was dropped: all is kept."""
    first = Desk(tmp_path, approval="needed", transition_reads=2, delete_removes="development")
    committed, waiting, deleted = (first.create(name, Description="old") for name in "abc")
    for task_id in (committed, deleted):
        first.commit(task_id, 1)
        first.service.approve(task_id)
        first.service.edit(task_id, {"Status": 3})
    first.run("Stop", committed)
    assert first.read(committed)["Status"] == 5
    first.commit(waiting)
    for task_id in (committed, waiting):
        first.modify(task_id, Description="new")
    first.service.edit(deleted, {"Status": 6})
    assert first.do("DeleteIntegrationTask", TaskId=deleted)["Data"] is True
    before = first.service.tasks()
    first.service.close()

    second = Desk(tmp_path)
    assert second.service.tasks() == before
    assert second.in_production(committed)["Description"] == "old"
    assert (second.kept(committed)["Status"], second.kept(committed)["_state_dropped"]) == (6, 1)
    second.service.approve(waiting)
    assert second.in_production(waiting)["Description"] == "old"
    assert second.listed() == [committed, waiting]
    second.service.close()


@pytest.mark.parametrize(
    "kind", ["a file", "a link for a lock", "a folder for a database", "a folder for a journal"]
)
def test_a_folder_that_cannot_be_used_is_not_called_damaged(tmp_path: Path, kind: str) -> None:
    """It is not offered for deletion either."""
    folder = tmp_path / "data"
    if kind == "a file":
        folder.write_text("")
    elif kind == "a link for a lock":
        folder.mkdir()
        (folder / "lock").symlink_to(tmp_path / "elsewhere")
    else:
        name = "tasks.sqlite3" + ("-wal" if kind == "a folder for a journal" else "")
        (folder / name).mkdir(parents=True)
    with pytest.raises(FolderError) as raised:
        _storage(folder)
    assert str(folder) in str(raised.value)
    assert "deleted" not in str(raised.value)


def test_what_cannot_be_written_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    """As the service's own trouble, here and for whoever programs it; what is there stays readable."""
    _filled(tmp_path)
    storage = _storage(tmp_path)
    with closing(storage), closing(sqlite3.connect(tmp_path / "tasks.sqlite3")) as database:
        database.execute("DROP TABLE tasks")
        with pytest.raises(RefusedError, match="InternalError"):
            storage.put({**TASK, "Status": 3})
        with pytest.raises(RefusedError, match="InternalError"):
            storage.remove("t1")
        assert storage.tasks == {"t1": TASK}


def test_a_second_emulator_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    """By name of the first; its file is its owner's, and afterwards the folder is free."""
    with EmulatorServer(str(tmp_path)):
        with pytest.raises(FolderError, match=rf"process {os.getpid()}, since 20"):
            EmulatorServer(str(tmp_path))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert set(modes.values()) == {0o600}
        assert "lock" in modes
    with EmulatorServer(str(tmp_path)):
        pass


def test_a_disk_without_locks_is_no_folder_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so, and no second emulator is suspected."""

    def without_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", without_locks)
    with pytest.raises(FolderError, match=r"No locks available\.$"):
        _storage(tmp_path)


def test_an_apply_that_cannot_serve_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the machine's state; nothing was sent."""
    project = _project(tmp_path / "project", capsys)

    def without_sockets(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("provisioner.emulator.server._Server", without_sockets)
    ran = project.run("apply", "-auto-approve")
    assert ran.code == 4
    assert "cannot serve" in ran.err
    assert "Too many open files" in ran.err


def test_a_port_that_is_taken_leaves_the_folder_free(tmp_path: Path) -> None:
    """What was begun is given back."""
    with EmulatorServer() as other:
        port = int(other.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            EmulatorServer(str(tmp_path), port=port)
    with EmulatorServer(str(tmp_path)):
        pass


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """A ``provisioner emulator`` in another process, and its folder."""
    folder = tmp_path / "project" / ".provisioner" / "emulator"
    command = [sys.executable, "-m", "provisioner", "emulator", "--data", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unmeasured())
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Serving")
    yield folder, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_lock_ends_with_the_process(other: tuple[Path, "subprocess.Popen[str]"]) -> None:
    """Even a killed one leaves the folder free."""
    folder, process = other
    with pytest.raises(FolderError, match=f"process {process.pid}"):
        EmulatorServer(str(folder))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with EmulatorServer(str(folder)):
        pass


def _project(root: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    root.mkdir(exist_ok=True)
    project = Project(root, capsys)
    assert project.run("init").code == 0
    project.write("manifests/t.yaml", task_manifest("t"))
    return project


def test_the_commands_refuse_a_folder_in_use(
    tmp_path: Path,
    other: tuple[Path, "subprocess.Popen[str]"],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``emulator`` with 1, an embedded apply with 4: both name who has it."""
    folder, process = other
    ran = _project(tmp_path / "project", capsys).run("apply", "-auto-approve")
    assert ran.code == 4
    assert f"process {process.pid}" in ran.err
    assert main(["emulator", "--data", str(folder)]) == 1
    error = capsys.readouterr().err
    assert f"process {process.pid}" in error
    assert "Wait until it has ended, or use another folder." in error


def test_the_commands_refuse_a_damaged_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same two, the same codes, and that it may be deleted."""
    project = _project(tmp_path / "project", capsys)
    folder = project.root / ".provisioner" / "emulator"
    folder.mkdir(parents=True)
    (folder / "tasks.sqlite3").write_bytes(b"garbage" * 1000)
    ran = project.run("apply", "-auto-approve")
    assert ran.code == 4
    assert "The folder may be deleted" in ran.err
    assert main(["emulator", "--data", str(folder)]) == 1
    assert "The folder may be deleted" in capsys.readouterr().err
    _deleted(folder)
    assert project.run("apply", "-auto-approve").code == 0
