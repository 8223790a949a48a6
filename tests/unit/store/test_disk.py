"""What is asked of the file system does what it says, or raises."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.trouble import Trouble, WatchedDisk, When
from provisioner.store.disk import Disk, write_atomic


@pytest.fixture
def disk() -> Disk:
    """The real one."""
    return Disk()


# ── reading ─────────────────────────────────────────────────────────────────


def test_a_file_is_read_whole(disk: Disk, tmp_path: Path) -> None:
    """Every byte, a NUL too."""
    (tmp_path / "file").write_bytes(b"one\0two\n")
    assert disk.read(str(tmp_path / "file")) == b"one\0two\n"


def test_a_file_that_is_not_there_is_none(disk: Disk, tmp_path: Path) -> None:
    """None, and not empty."""
    assert disk.read(str(tmp_path / "file")) is None


def test_a_link_to_nothing_is_not_none(disk: Disk, tmp_path: Path) -> None:
    """What it led to is lost."""
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OSError, match="it is a link to something that is not there") as caught:
        disk.read(str(tmp_path / "link"))
    assert caught.value.filename == str(tmp_path / "link")


@pytest.mark.parametrize("make", [pytest.param(os.mkdir, id="folder"), pytest.param(os.mkfifo, id="pipe")])
def test_what_is_not_a_regular_file_is_refused(
    make: Callable[[str], None], disk: Disk, tmp_path: Path
) -> None:
    """And a pipe that nobody writes to is not waited for."""
    path = str(tmp_path / "thing")
    make(path)
    with pytest.raises(OSError, match="not a regular file") as caught:
        disk.read(path)
    assert caught.value.filename == path


# ── writing ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("umask", [0, 0o777], ids=oct)
def test_a_new_file_is_for_its_owner_only(disk: Disk, tmp_path: Path, umask: int) -> None:
    """Whatever the umask allows or takes away."""
    before = os.umask(umask)
    try:
        disk.close(disk.create(str(tmp_path / "file")))
        lock = disk.lock(str(tmp_path / "lock"))
    finally:
        os.umask(before)
    assert lock is not None
    disk.close(lock)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_link_in_the_place_of_a_new_file_is_not_followed(disk: Disk, tmp_path: Path) -> None:
    """What it points to stays as it is."""
    (tmp_path / "other").write_text("precious")
    (tmp_path / "file").symlink_to("other")
    handle = disk.create(str(tmp_path / "file"))
    disk.write(handle, 0, b"new")
    disk.close(handle)
    assert (tmp_path / "other").read_text() == "precious"
    assert (tmp_path / "file").read_text() == "new"


def test_a_link_is_not_opened(disk: Disk, tmp_path: Path) -> None:
    """It may have been put there by somebody else."""
    (tmp_path / "other").write_text("precious")
    (tmp_path / "file").symlink_to("other")
    with pytest.raises(OSError, match="symbolic link"):
        disk.open(str(tmp_path / "file"))


def test_a_write_is_continued_until_all_of_it_is_done(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may take less than it is given."""
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, data, offset: real(handle, data[:2], offset))
    (tmp_path / "file").write_bytes(b"0123456789")
    handle = disk.open(str(tmp_path / "file"))
    disk.write(handle, 3, b"abcde")
    disk.close(handle)
    assert (tmp_path / "file").read_bytes() == b"012abcde89"


def test_reserved_space_reads_as_nul_and_can_be_cut_off(disk: Disk, tmp_path: Path) -> None:
    """Nothing is reserved where nothing is asked for."""
    (tmp_path / "file").write_bytes(b"abc")
    handle = disk.open(str(tmp_path / "file"))
    disk.reserve(handle, 3, 0)
    assert (tmp_path / "file").read_bytes() == b"abc"
    disk.reserve(handle, 3, 5)
    assert (tmp_path / "file").read_bytes() == b"abc" + b"\0" * 5
    disk.truncate(handle, 3)
    assert (tmp_path / "file").read_bytes() == b"abc"
    disk.close(handle)


def test_content_and_names_are_synced(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content and times, content alone, and the folder that holds the name; a bare name is in this folder."""
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(f"all of {_name(handle)}"))
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(f"content of {_name(handle)}"))
    monkeypatch.chdir(tmp_path)
    handle = disk.create("file")
    disk.sync(handle)
    disk.sync_data(handle)
    disk.close(handle)
    disk.sync_folder("file")
    disk.sync_folder(str(tmp_path / "file"))
    folder = f"all of {tmp_path.name}"
    assert synced == ["all of file", "content of file", folder, folder]


def test_a_file_is_put_in_anothers_place_or_removed(disk: Disk, tmp_path: Path) -> None:
    """Removing what is not there is fine."""
    (tmp_path / "old").write_text("new")
    (tmp_path / "file").write_text("old")
    disk.rename(str(tmp_path / "old"), str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "new"
    disk.remove(str(tmp_path / "file"))
    disk.remove(str(tmp_path / "file"))
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_down_to_the_last(disk: Disk, tmp_path: Path) -> None:
    """One that is there is fine."""
    disk.make_folder(str(tmp_path / "one" / "two"))
    disk.make_folder(str(tmp_path / "one" / "two"))
    assert (tmp_path / "one" / "two").is_dir()


# ── the lock ────────────────────────────────────────────────────────────────


def test_a_lock_is_held_once_and_is_free_when_its_handle_is_given_back(disk: Disk, tmp_path: Path) -> None:
    """None means that somebody else has it."""
    path = str(tmp_path / "lock")
    first = disk.lock(path)
    assert first is not None
    assert disk.lock(path) is None
    disk.close(first)
    again = disk.lock(path)
    assert again is not None
    disk.close(again)


def test_a_lock_that_cannot_be_taken_for_another_reason_leaves_no_handle_open(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without locks."""

    def flock(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No locks available"):
        disk.lock(str(tmp_path / "lock"))
    assert len(os.listdir("/proc/self/fd")) == len(before)


# ── replacing a file ────────────────────────────────────────────────────────


def test_a_file_is_replaced_in_the_order_that_makes_it_durable(tmp_path: Path) -> None:
    """Content before name, name before the word that it is done."""
    path = tmp_path / "file"
    path.write_text("old")
    watch = Trouble(0, AssertionError)
    write_atomic(WatchedDisk(watch), str(path), b"new")
    assert watch.names == ["create", "write", "sync", "close", "rename", "sync_folder"]
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("at", range(1, 6))
@pytest.mark.parametrize("when", [When.BEFORE, When.HALF])
@pytest.mark.parametrize("for_ever", [pytest.param(False, id="once"), pytest.param(True, id="for ever")])
def test_a_file_that_cannot_be_replaced_is_as_it_was(
    at: int, when: When, for_ever: bool, tmp_path: Path
) -> None:
    """Up to the rename; and what was begun is cleared away where that is possible."""
    path = tmp_path / "file"
    path.write_text("old")
    trouble = Trouble(at, lambda: OSError(errno.EIO, "broken"), when, for_ever)
    disk = WatchedDisk(trouble)
    with pytest.raises(OSError, match="broken"):
        write_atomic(disk, str(path), b"new")
    disk.release()
    assert path.read_text() == "old"
    assert for_ever or os.listdir(tmp_path) == ["file"]


def test_a_name_that_cannot_be_synced_is_an_error_although_the_file_is_there(tmp_path: Path) -> None:
    """It may be gone after a power cut: nobody may rely on it."""
    path = tmp_path / "file"
    trouble = Trouble(6, lambda: OSError(errno.EIO, "broken"))
    with pytest.raises(OSError, match="broken"):
        write_atomic(WatchedDisk(trouble), str(path), b"new")
    assert path.read_text() == "new"


def _name(handle: int) -> str:
    return os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))
