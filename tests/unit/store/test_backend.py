"""The state survives: the same promises for every backend, and what the local disk may do to them."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from builders import STACK
from fakes.backend import Memory, MemoryBackend
from fakes.disk import MemoryDisk
from fakes.trouble import Trouble, WatchedDisk, When
from fakes.world import first_state
from provisioner.core.address import Address, TaskId
from provisioner.core.state.entries import Entry, Finished, Intent, Rejected
from provisioner.core.state.ledger import fold
from provisioner.core.state.state import Attempt, State, WriteKind
from provisioner.errors import StateDamagedError, StateError, StateLockedError
from provisioner.store.backend import LocalBackend
from provisioner.store.disk import Disk
from provisioner.store.lock import Holder, StateLock

HOLDER = Holder(pid=7, host="here", command="provisioner apply", since="2030-01-01T00:00:00Z")
Backend = LocalBackend | MemoryBackend
Reopen = Callable[[], Backend]


def _begin(backend: Backend, *, reserve_bytes: int = 1000) -> None:
    backend.begin(first=first_state, reserve_bytes=reserve_bytes)


def _attempt(name: str) -> Attempt:
    return Attempt(
        address=Address(name),
        kind=WriteKind.CREATE,
        attempt=f"attempt-{name}",
        project_id="p1",
        task_type=201,
        task_id=None,
        spec={"TaskName": name},
        digest=f"digest-{name}",
        protected=False,
        timestamp=1,
        payload_digest="",
    )


def _intent(seq: int, name: str) -> Intent:
    return Intent(seq=seq, attempt=_attempt(name))


def _finished(seq: int, name: str) -> Finished:
    return Finished(
        seq=seq,
        address=Address(name),
        attempt=f"attempt-{name}",
        task_id=TaskId(f"t-{name}"),
        request_id="r",
        at="2030-01-01T00:00:00Z",
    )


def _create(backend: Backend, name: str) -> None:
    backend.record(_intent(backend.next_seq, name))
    backend.record(_finished(backend.next_seq, name))


# ── every backend ───────────────────────────────────────────────────────────


@pytest.fixture(params=["memory", "local"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """A way to come back later, as the next process would."""
    memory = Memory()

    def in_memory() -> Backend:
        backend = MemoryBackend(memory, stack=STACK)
        backend.load()
        return backend

    def on_disk() -> Backend:
        backend = LocalBackend(str(tmp_path / "x.state.json"), stack=STACK, tool_version="1")
        backend.load()
        return backend

    return in_memory if request.param == "memory" else on_disk


def test_a_state_that_was_never_written_is_empty(reopen: Reopen) -> None:
    """No lineage, no tasks, nothing open."""
    backend = reopen()
    assert backend.state == State(lineage="", stack=STACK)
    assert (backend.next_seq, backend.attempts()) == (1, ())
    assert backend.record_of(Address("a")) is None


def test_what_was_recorded_is_there_for_the_next_run_without_a_commit(reopen: Reopen) -> None:
    """That is what a journal is for."""
    backend = reopen()
    _begin(backend)
    _create(backend, "a")
    backend.record(_intent(backend.next_seq, "b"))
    again = reopen()
    assert again.state == backend.state
    assert again.next_seq == 4
    assert [attempt.address for attempt in again.attempts()] == ["b"]
    record = again.record_of(Address("a"))
    assert record is not None
    assert record.task_id == "t-a"


def test_what_was_committed_is_there_for_the_next_run(reopen: Reopen) -> None:
    """And what is recorded after the commit as well."""
    backend = reopen()
    _begin(backend)
    _create(backend, "a")
    backend.commit()
    _create(backend, "b")
    assert sorted(reopen().state.tasks) == ["a", "b"]
    assert reopen().state == backend.state


def test_what_the_last_run_left_in_its_journal_is_kept_by_the_next_one(reopen: Reopen) -> None:
    """Making ready swallows the journal into a snapshot."""
    backend = reopen()
    _begin(backend)
    _create(backend, "a")
    second = reopen()
    _begin(second)
    _create(second, "b")
    assert sorted(reopen().state.tasks) == ["a", "b"]


def test_a_lineage_is_made_once(reopen: Reopen) -> None:
    """With the first state, and never changed."""
    _begin(reopen())
    second = reopen()
    second.begin(first=lambda empty: replace(empty, lineage="another"), reserve_bytes=0)
    assert reopen().state.lineage == "1ea6e"


def test_making_ready_again_loses_nothing(reopen: Reopen) -> None:
    """Settling makes ready, and so does carrying out."""
    backend = reopen()
    _begin(backend)
    _create(backend, "a")
    _begin(backend)
    _create(backend, "b")
    assert sorted(reopen().state.tasks) == ["a", "b"]


def test_attempts_are_in_order_of_address(reopen: Reopen) -> None:
    """Whatever order they were announced in; a rejected one is closed."""
    backend = reopen()
    _begin(backend)
    for name in "cab":
        backend.record(_intent(backend.next_seq, name))
    assert [attempt.address for attempt in backend.attempts()] == ["a", "b", "c"]
    rejected = Rejected(
        seq=backend.next_seq, address=Address("b"), attempt="attempt-b", code="No", request_id=""
    )
    backend.record(rejected)
    assert [attempt.address for attempt in reopen().attempts()] == ["a", "c"]


def test_nothing_can_be_recorded_before_it_was_made_ready(reopen: Reopen) -> None:
    """There would be no space reserved for it; and there is nothing to commit."""
    backend = reopen()
    backend.commit()
    with pytest.raises(StateError):
        backend.record(_intent(1, "a"))
    assert reopen().state == State(lineage="", stack=STACK)


# ── the local disk ──────────────────────────────────────────────────────────


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the state file is."""
    return str(tmp_path / "x.state.json")


def _local(path: str, disk: Disk | None = None, *, stack: str = STACK) -> LocalBackend:
    return LocalBackend(path, stack=stack, tool_version="1", disk=disk)


def _written(path: str, *names: str) -> LocalBackend:
    """A backend that has recorded these tasks and committed them."""
    backend = _local(path)
    backend.load()
    _begin(backend)
    for name in names:
        _create(backend, name)
    backend.commit()
    backend.close()
    return backend


def _journal(path: str) -> Path:
    return Path(path.removesuffix(".json") + ".journal")


def test_snapshot_journal_and_lock_are_for_their_owner_only(path: str) -> None:
    """A state may hold what somebody put into a setting."""
    with _local(path).locked(HOLDER):
        _written(path, "a")
    files = list(Path(path).parent.iterdir())
    assert sorted(file.name for file in files) == ["x.state.journal", "x.state.json", "x.state.lock"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_state_file_that_is_a_link_stays_one(path: str, tmp_path: Path) -> None:
    """The file it points to is replaced; journal and lock are beside that."""
    (tmp_path / "real").mkdir()
    _written(str(tmp_path / "real" / "s.json"))
    Path(path).symlink_to(tmp_path / "real" / "s.json")
    _written(path, "a")
    assert Path(path).is_symlink()
    assert sorted(os.listdir(tmp_path / "real")) == ["s.journal", "s.json"]
    assert list(_local(path).load().tasks) == ["a"]


def test_a_link_to_a_state_that_is_gone_is_no_state_without_tasks(path: str, tmp_path: Path) -> None:
    """The disk that it leads to may just not be mounted: every task would be made a second time."""
    Path(path).symlink_to(tmp_path / "gone" / "s.json")
    with pytest.raises(StateError) as caught:
        _local(path).load()
    assert str(caught.value) == (
        f"The state could not be kept on disk.\n  cannot read {path}: it is a link to something that is not there"
        "\nPut back what the link leads to, or remove the link if nothing was ever applied here."
    )


def test_a_folder_that_is_not_there_is_made_with_the_lock(tmp_path: Path) -> None:
    """Looking makes nothing."""
    path = str(tmp_path / "deep" / "down" / "x.state.json")
    backend = _local(path)
    assert backend.load().tasks == {}
    assert not backend.lock.is_held()
    assert not (tmp_path / "deep").exists()
    with backend.locked(HOLDER):
        _begin(backend)
    assert Path(path).exists()


def test_a_lineage_is_known_once_there_is_one(path: str) -> None:
    """Empty before."""
    backend = _local(path)
    assert backend.lineage == ""
    _begin(backend)
    assert backend.lineage == "1ea6e"


def test_every_snapshot_has_the_next_serial(path: str) -> None:
    """And one that would hold nothing new is not written."""
    _written(path, "a")
    before = Path(path).read_bytes()
    assert _local(path).load().serial == 2
    backend = _local(path)
    backend.load()
    _begin(backend)
    backend.commit()
    backend.close()
    assert Path(path).read_bytes() == before


def test_space_for_the_outcomes_is_reserved_before_anything_is_sent(path: str) -> None:
    """A disk that fills up later cannot keep an outcome from being written; the rest is given back."""
    backend = _local(path)
    _begin(backend, reserve_bytes=5000)
    size = _journal(path).stat().st_size
    assert size > 5000
    _create(backend, "a")
    assert _journal(path).stat().st_size == size
    assert _local(path).load() == backend.state
    backend.close()
    assert _journal(path).stat().st_size < size
    assert _local(path).load() == backend.state


def test_an_entry_whose_write_did_not_finish_is_dropped(path: str) -> None:
    """Its call was never made; what came before it is kept, and the next run goes on from there."""
    backend = _local(path)
    _begin(backend)
    _create(backend, "a")
    backend.close()
    whole = _journal(path).read_bytes()
    _journal(path).write_bytes(whole + b"000123 abc")
    backend = _local(path)
    assert list(backend.load().tasks) == ["a"]
    _begin(backend)
    _create(backend, "b")
    assert sorted(_local(path).load().tasks) == ["a", "b"]


def test_an_entry_that_was_changed_is_refused(path: str) -> None:
    """It is not torn: it is damage, and nothing is guessed."""
    backend = _local(path)
    _begin(backend)
    _create(backend, "a")
    backend.close()
    _journal(path).write_bytes(_journal(path).read_bytes().replace(b"t-a", b"t-z"))
    with pytest.raises(StateDamagedError, match="checksum does not match"):
        _local(path).load()


def test_a_state_that_a_person_changed_replaces_the_old_one(path: str) -> None:
    """Moves and removals; what was in the journal is not folded in again."""
    _written(path, "a", "b")
    backend = _local(path)
    state = backend.load()
    kept = {key: record for key, record in state.tasks.items() if key != "a"}
    backend.replace(replace(state, tasks=kept))
    backend.close()
    assert list(_local(path).load().tasks) == ["b"]
    assert _local(path).load().serial == state.serial + 1


def test_an_edited_state_is_refused_unless_the_edit_is_accepted(path: str) -> None:
    """The checksum tells; ``accept_edits`` takes it as it is."""
    _written(path, "a")
    text = Path(path).read_text()
    Path(path).write_text(text.replace("t-a", "t-z"))
    with pytest.raises(StateDamagedError, match="changed by something else"):
        _local(path).load()
    assert _local(path).load(accept_edits=True).tasks[Address("a")].task_id == "t-z"


# ── what else may happen to the files ───────────────────────────────────────


def _sent(path: str, *names: str) -> None:
    """A whole run under the lock that created these tasks."""
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        for name in names:
            _create(backend, name)
        backend.commit()


def _lost_track(path: str) -> bool:
    """What the next run thinks of the state that it finds."""
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        return backend.lost_track


@pytest.mark.parametrize("name", ["x.state.lock", "x.state.journal", "x.state.json"])
def test_a_run_whose_files_were_removed_records_nothing_more(path: str, name: str) -> None:
    """Another run could begin beside it, and what is recorded here would not be found."""
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        _create(backend, "a")
        (Path(path).parent / name).unlink()
        with pytest.raises(StateError, match="removed or replaced"):
            backend.record(_intent(backend.next_seq, "b"))
    with pytest.raises(StateError, match="cannot be written any more"):
        backend.record(_intent(backend.next_seq, "b"))


def test_a_run_that_was_overtaken_records_nothing_more(path: str) -> None:
    """Where locks hold nobody: another run swallowed what this one said and died before it had a journal of its own.

    What this run appended to the old journal then, no state would know of, and every later run would be refused.
    """
    overtaken, renames = _local(path), count()

    def around(name: str, act: Callable[[], Any], half: Callable[[], object]) -> Any:
        if name == "rename" and next(renames) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return act()

    with overtaken.locked(HOLDER):
        overtaken.load()
        _begin(overtaken)
        overtaken.record(_intent(overtaken.next_seq, "a"))
        other = _local(path, WatchedDisk(around))
        other.load()
        with pytest.raises(StateError):
            _begin(other)
        with pytest.raises(StateError, match="removed or replaced"):
            overtaken.record(_finished(overtaken.next_seq, "a"))
    assert [attempt.address for attempt in _opened(path)] == ["a"]


def _opened(path: str) -> tuple[Attempt, ...]:
    backend = _local(path)
    backend.load()
    return backend.attempts()


def test_a_lock_on_a_file_that_was_replaced_is_none(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed between opening and locking: whoever comes next would lock another file."""
    disk = Disk()
    monkeypatch.setattr(disk, "is_named", lambda _handle, _path: False)
    assert disk.lock(f"{path}.lock") is None
    assert not Disk().is_named(os.open(os.devnull, os.O_RDONLY), f"{path}.nowhere")


def test_a_state_that_is_the_last_one_has_lost_nothing(path: str) -> None:
    """Neither the first of all, nor one that a run ended with, nor one that a run died on."""
    assert not _lost_track(path)
    _sent(path, "a")
    assert not _lost_track(path)
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
    assert not _lost_track(path)


@pytest.mark.parametrize("with_journal", [False, True], ids=["without its journal", "with its journal"])
def test_a_state_that_went_back_is_noticed(path: str, with_journal: bool) -> None:
    """The lock file remembers from which journal calls were sent last."""
    _sent(path, "a")
    old = Path(path).read_bytes(), _journal(path).read_bytes()
    _sent(path, "b")
    Path(path).write_bytes(old[0])
    if with_journal:
        _journal(path).write_bytes(old[1])
    else:
        _journal(path).unlink()
    assert _lost_track(path)


def _files(path: str) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in (Path(path), _journal(path))}


def _put_back(files: dict[Path, bytes]) -> None:
    for file, data in files.items():
        file.write_bytes(data)


def _all_lost(path: str) -> None:
    for file in (*_files(path), Path(path.replace(".json", ".lock"))):
        file.unlink()


def test_a_state_of_another_line_is_noticed(path: str) -> None:
    """A state began anew after the old one was lost, sent something, and then the old one came back: its serial is higher."""
    for name in "abc":
        _sent(path, name)
    old = _files(path)
    _all_lost(path)
    _sent(path, "a")
    _put_back(old)
    assert _lost_track(path)


def test_a_later_state_of_another_branch_is_noticed(path: str) -> None:
    """Of the same lineage and with a higher serial, as from another branch in git; it does not know what was sent here."""
    _sent(path, "a")
    common = _files(path)
    for name in "bcd":
        _sent(path, name)
    other = _files(path)
    _all_lost(path)
    _put_back(common)
    _sent(path, "e")
    _put_back(other)
    assert _lost_track(path)


@pytest.mark.parametrize("with_journal", [False, True], ids=["without its journal", "with its journal"])
def test_a_state_that_went_on_elsewhere_has_lost_nothing(path: str, with_journal: bool) -> None:
    """A colleague applied from the same state, and theirs is taken over."""
    _sent(path, "a")
    lock = Path(path.replace(".json", ".lock"))
    ours = lock.read_bytes()
    for name in "bc":
        _sent(path, name)
    lock.write_bytes(ours)
    if not with_journal:
        _journal(path).unlink()
    assert not _lost_track(path)


def test_a_state_names_the_last_journals_only(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it does not grow for ever. Who comes back after more of them waits once."""
    monkeypatch.setattr("provisioner.store.backend._KEPT", 2)
    _sent(path, "a")
    lock = Path(path.replace(".json", ".lock"))
    ours = lock.read_bytes()
    _sent(path, "b")
    lock.write_bytes(ours)
    assert not _lost_track(path)
    _sent(path, "c")
    _sent(path, "d")
    assert len(_local(path).load().sent) == 2
    lock.write_bytes(ours)
    assert _lost_track(path)


def test_a_run_that_dies_between_two_journals_has_lost_nothing(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run died before it recorded anything, and the next one before it left word of its own journal."""
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)

    def note(_lock: StateLock, _sent: str) -> None:
        raise _Killed

    backend = _local(path)
    with monkeypatch.context() as patch, backend.locked(HOLDER):
        backend.load()
        patch.setattr(StateLock, "note", note)
        with pytest.raises(_Killed):
            _begin(backend)
    assert not _lost_track(path)


def test_a_state_whose_journal_went_back_is_noticed(path: str) -> None:
    """A run died, and the journal that holds what it sent is replaced by an earlier one."""
    _sent(path, "a")
    old = _journal(path).read_bytes()
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        backend.record(_intent(backend.next_seq, "b"))
    _journal(path).write_bytes(old)
    assert _lost_track(path)


def test_looking_whether_it_is_locked_needs_no_right_to_write(path: str) -> None:
    """A reviewer may plan in a checkout that belongs to somebody else."""
    _sent(path, "a")
    lock = Path(f"{path.removesuffix('.json')}.lock")
    lock.chmod(0o400)
    assert not _local(path).lock.is_held()
    lock.chmod(0o600)
    with _local(path).locked(HOLDER):
        assert _local(path).lock.is_held()


def test_a_folder_that_cannot_be_written_is_said_so(path: str) -> None:
    """Other than a file that cannot be read."""
    disk = WatchedDisk(Trouble(1, lambda: OSError(errno.EACCES, "no right")))
    with pytest.raises(StateError, match="The folder must be writable"):
        _begin(_local(path, disk))


def test_a_lock_file_that_was_torn_is_that_of_a_lost_state(path: str) -> None:
    """What stood there may have said that something was sent; the first text of all stood over none."""
    lock = Path(f"{path.removesuffix('.json')}.lock")
    lock.write_text('[1, "x"'.ljust(1024))
    assert _lost_track(path)
    for first in (b'{"pid": 7', b'{"pid": 7'.ljust(1024, b"\0"), b'{"serial": "x", "journal": 1}'):
        lock.write_bytes(first)
        assert not _lost_track(path)


def test_a_journal_of_a_snapshot_that_was_made_elsewhere_is_refused(path: str) -> None:
    """Two clones of one state: one died with a write open, then took the other's newer state file."""
    _sent(path, "a")
    ours = Path(path).read_bytes(), _journal(path).read_bytes()
    _sent(path, "b")
    theirs = Path(path).read_bytes()
    Path(path).write_bytes(ours[0])
    _journal(path).write_bytes(ours[1])
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        backend.record(_intent(backend.next_seq, "c"))
    Path(path).write_bytes(theirs)
    with pytest.raises(StateDamagedError, match="made elsewhere"):
        _local(path).load()


def test_a_reader_sees_one_moment_while_another_run_commits(path: str) -> None:
    """The snapshot is replaced between its two reads: it reads again."""
    _sent(path, "a")
    other = _local(path)
    other.load()
    _begin(other)
    reads = count()

    def around(name: str, act: Callable[[], Any], half: Callable[[], object]) -> Any:
        if name == "read" and next(reads) == 1:
            _create(other, "b")
            other.commit()
        return act()

    state = _local(path, WatchedDisk(around)).load()
    assert sorted(state.tasks) == ["a", "b"]
    other.close()


# ── which journal belongs to which snapshot ─────────────────────────────────


def test_a_journal_left_over_from_before_the_commit_is_recognised(path: str) -> None:
    """Killed between the two renames: the snapshot has swallowed what the journal says."""
    backend = _local(path)
    _begin(backend)
    _create(backend, "a")
    old = _journal(path).read_bytes()
    backend.commit()
    backend.close()
    _journal(path).write_bytes(old)
    loaded = _local(path)
    assert loaded.load() == backend.state
    _begin(loaded)
    _create(loaded, "b")
    assert sorted(_local(path).load().tasks) == ["a", "b"]


def test_a_snapshot_without_a_journal_is_enough(path: str) -> None:
    """The journal is not in git."""
    _written(path, "a")
    _journal(path).unlink()
    assert list(_local(path).load().tasks) == ["a"]


def test_a_journal_ahead_of_its_snapshot_is_refused(path: str) -> None:
    """The state was restored from a backup, its journal was not: tasks would be forgotten."""
    _written(path, "a")
    old = Path(path).read_bytes()
    _written_more(path, "b")
    Path(path).write_bytes(old)
    with pytest.raises(StateDamagedError, match=r"is older than its journal \(serial 3\)"):
        _local(path).load()


def test_a_journal_of_another_lineage_is_refused(path: str, tmp_path: Path) -> None:
    """Two states that have nothing to do with each other."""
    _written(path, "a")
    other = _local(str(tmp_path / "y.state.json"))
    other.begin(first=lambda empty: replace(empty, lineage="other"), reserve_bytes=0)
    other.close()
    _journal(path).write_bytes(_journal(str(tmp_path / "y.state.json")).read_bytes())
    with pytest.raises(StateDamagedError, match="their lineages differ"):
        _local(path).load()


def test_a_journal_with_entries_whose_state_is_gone_is_refused(path: str) -> None:
    """An empty state would create every task again."""
    backend = _local(path)
    _begin(backend)
    _create(backend, "a")
    backend.close()
    Path(path).unlink()
    with pytest.raises(StateDamagedError, match="the state file is gone, but its journal has entries"):
        _local(path).load()


def test_a_journal_without_entries_does_not_stand_in_for_a_state(path: str) -> None:
    """The state file was deleted: that is an empty state, of which something was sent before."""
    with (backend := _local(path)).locked(HOLDER):
        backend.load()
        _begin(backend)
        _create(backend, "a")
        backend.commit()
    Path(path).unlink()
    again = _local(path)
    with again.locked(HOLDER):
        assert again.load().lineage == ""
        assert again.lost_track


def test_a_state_of_another_stack_is_refused(path: str) -> None:
    """A state file that was copied from another project."""
    _written(path, "a")
    with pytest.raises(StateDamagedError, match="belongs to another stack"):
        _local(path, stack="0" * 16).load()


def test_a_run_that_commits_while_another_only_looks_does_not_disturb_it(path: str) -> None:
    """Looking takes no lock: it sees the state before the commit or after it, never a contradiction."""
    for at in (1, 2):
        backend = _local(path)
        backend.load()
        _begin(backend)
        _create(backend, f"a{at}")
        expected = set(backend.state.tasks)
        reads = count(1)

        def between(
            name: str,
            act: Callable[[], Any],
            half: object,
            *,
            at: int = at,
            reads: Iterator[int] = reads,
            writer: LocalBackend = backend,
        ) -> Any:
            if next(reads) == at:
                writer.commit()
            return act()

        assert set(_local(path, WatchedDisk(between)).load().tasks) == expected
        backend.close()


def _written_more(path: str, name: str) -> None:
    backend = _local(path)
    backend.load()
    _begin(backend)
    _create(backend, name)
    backend.commit()
    backend.close()


# ── what is said when the disk refuses ──────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        pytest.param(errno.ENOSPC, "\nMake room on the disk", id="full"),
        pytest.param(errno.EDQUOT, "\nMake room on the disk", id="quota"),
        pytest.param(errno.ENOENT, "\nPut back what the link leads to", id="a link to nothing"),
        pytest.param(errno.ELOOP, "\nA link stands where", id="a circle of links"),
        pytest.param(errno.EACCES, "\nThe file must be readable", id="no right"),
        pytest.param(errno.EROFS, "\nThe folder must be writable", id="read-only"),
        pytest.param(errno.EIO, "", id="broken"),
    ],
)
def test_an_error_of_the_disk_says_what_to_do_about_it(code: int, advice: str, path: str) -> None:
    """Where there is something to do."""
    disk = WatchedDisk(Trouble(1, lambda: OSError(code, "the reason", "the\nfile")))
    with pytest.raises(StateError) as caught:
        _local(path, disk).load()
    text = "The state could not be kept on disk.\n  cannot read the\\nfile: the reason"
    assert str(caught.value).startswith(text + advice)
    assert bool(advice) is (str(caught.value) != text)


def test_an_error_without_a_file_name_names_the_state_file(path: str) -> None:
    """A handle has no name."""
    disk = WatchedDisk(Trouble(1, lambda: OSError(errno.EIO, "the reason")))
    with pytest.raises(StateError, match=f"cannot read {path}: the reason"):
        _local(path, disk).load()


def test_a_folder_in_the_place_of_the_state_file_is_an_error_that_names_it(path: str) -> None:
    """And no traceback."""
    os.mkdir(path)
    with pytest.raises(StateError, match=f"cannot read {path}: not a regular file"):
        _local(path).load()


# ── the lock ────────────────────────────────────────────────────────────────

_HOLD = """
import os, sys
from provisioner.store.backend import LocalBackend
from provisioner.store.lock import Holder, StateLock
from provisioner.store.disk import Disk
backend = LocalBackend(sys.argv[1], stack="5ac4", tool_version="1")
with backend.locked(Holder(pid=os.getpid(), host="there", command="provisioner apply", since="noon")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(path: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_the_lock(
    path: str, held: "subprocess.Popen[str]"
) -> None:
    """Its number, machine, command and since when."""
    backend = _local(path)
    assert backend.lock.is_held()
    with pytest.raises(StateLockedError) as caught, backend.locked(HOLDER):
        pytest.fail("two runs at once")
    assert f"pid {held.pid} on there, since noon\n  provisioner apply\n" in str(caught.value)


def test_a_process_that_is_killed_gives_the_lock_back(path: str, held: "subprocess.Popen[str]") -> None:
    """The kernel does; the file that is left behind locks nothing."""
    held.send_signal(signal.SIGKILL)
    held.wait()
    backend = _local(path)
    assert not backend.lock.is_held()
    with backend.locked(HOLDER):
        assert backend.lock.holder() == HOLDER
    assert backend.lock.holder() is None


def test_a_free_lock_names_no_holder(path: str) -> None:
    """Neither before the first run nor after it."""
    backend = _local(path)
    assert backend.lock.holder() is None
    with backend.locked(HOLDER):
        assert backend.lock.is_held()
    assert (backend.lock.holder(), backend.lock.is_held()) == (None, False)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="torn"),
        pytest.param(b"[]", id="not a map"),
        pytest.param(b'{"pid": 1}', id="incomplete"),
        pytest.param(b"\xff", id="not text"),
    ],
)
def test_a_lock_whose_holder_is_not_named_is_held_all_the_same(content: bytes, path: str) -> None:
    """The file says who; the kernel says whether."""
    first, second = _local(path), _local(path)
    with first.locked(HOLDER):
        Path(path.replace(".json", ".lock")).write_bytes(content)
        with pytest.raises(StateLockedError, match="does not say who"), second.locked(HOLDER):
            pytest.fail("two runs at once")


def test_what_a_lock_file_says_is_made_safe_to_print(path: str) -> None:
    """Anybody may have written it."""
    first, second = _local(path), _local(path)
    with first.locked(replace(HOLDER, command="evil\x1b[2J")):
        with pytest.raises(StateLockedError, match=r"evil\\x1b\[2J"), second.locked(HOLDER):
            pytest.fail("two runs at once")
        Path(path.replace(".json", ".lock")).write_text(json.dumps({**_named(HOLDER), "host": ["\n"]}))
        with pytest.raises(StateLockedError, match="pid 7 on "), second.locked(HOLDER):
            pytest.fail("two runs at once")


def test_a_lock_that_cannot_be_given_back_properly_does_not_hide_what_went_wrong(path: str) -> None:
    """A disk that has become read-only: the TaskIds that could not be recorded must be seen."""
    trouble = Trouble(0, lambda: OSError(errno.EROFS, "read-only"), for_ever=True)
    disk = WatchedDisk(trouble)
    with pytest.raises(StateError, match="a = t-1"), _local(path, disk).locked(HOLDER):  # noqa: PT012
        trouble.at = len(trouble.names) + 1
        raise StateError("a = t-1")
    disk.release()


def test_a_journal_whose_space_cannot_be_given_back_is_closed_all_the_same(path: str) -> None:
    """One handle must not stay open because of another call's failure."""
    trouble = Trouble(0, lambda: OSError(errno.EIO, "broken"))
    disk = WatchedDisk(trouble)
    backend = _local(path, disk)
    _begin(backend)
    trouble.at = len(trouble.names) + 1
    with pytest.raises(StateError, match="cannot close"):
        backend.close()
    assert trouble.names[-2:] == ["truncate", "close"]
    backend.close()


def _named(holder: Holder) -> dict[str, object]:
    return {name: getattr(holder, name) for name in Holder.__dataclass_fields__}


# ── every operation of the disk fails once, and for ever ────────────────────


def _fresh(_path: str) -> None:
    """No state yet."""


def _left_in_journal(path: str) -> None:
    """A snapshot, and a journal that a killed run left behind."""
    _written(path, "z")
    backend = _local(path)
    backend.load()
    _begin(backend)
    _create(backend, "y")
    backend.close()


def _run(backend: LocalBackend, recorded: list[Entry]) -> None:
    """What an apply does to the disk."""
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        for name in "ab":
            for make in (_intent, _finished):
                entry: Entry = make(backend.next_seq, name)
                backend.record(entry)
                recorded.append(entry)
        backend.commit()
        last = _intent(backend.next_seq, "c")
        backend.record(last)
        recorded.append(last)


def _content(state: State) -> object:
    return state.tasks, state.open, state.seq


@pytest.mark.parametrize("start", [_fresh, _left_in_journal], ids=["fresh", "left in journal"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
@pytest.mark.parametrize("when", When, ids=[when.name.lower() for when in When])
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
def test_whatever_operation_fails_no_durable_entry_is_lost(
    start: Callable[[str], None],
    code: int,
    when: When,
    for_ever: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Afterwards the state is one that was recorded, with all that was said to be durable in it."""
    # No power is cut here, so that syncing would only cost time.
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(os, "fdatasync", lambda _handle: None)
    for at in count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        path = str(folder / "x.state.json")
        start(path)
        before = _local(path).load()
        recorded: list[Entry] = []
        trouble = Trouble(at, lambda: OSError(code, os.strerror(code)), when, for_ever)
        disk = WatchedDisk(trouble)
        failure = _failure(_local(path, disk), recorded)
        disk.release()
        after = _local(path).load()
        possible = [
            _content(fold(before, recorded)),
            _content(fold(before, [*recorded, *_next(recorded, before)])),
        ]
        assert _content(after) in possible, f"operation {at} ({trouble.names[-1]}): {failure}"
        _run(_local(path), [])
        assert {"a", "b"} <= set(_local(path).load().tasks)
        if not trouble.has_struck:
            assert failure is None
            break


def _failure(backend: LocalBackend, recorded: list[Entry]) -> StateError | None:
    try:
        _run(backend, recorded)
    except StateError as error:
        return error
    return None


def _next(recorded: list[Entry], before: State) -> list[Entry]:
    """The entry that was under way: it may be on the disk although it was not said to be."""
    made: list[Entry] = []
    for name in "ab":
        made += [_intent(before.seq + len(made) + 1, name), _finished(before.seq + len(made) + 2, name)]
    made.append(_intent(before.seq + len(made) + 1, "c"))
    return made[len(recorded) : len(recorded) + 1]


def test_a_state_that_went_back_is_remembered_until_it_is_fenced(path: str) -> None:
    """Also by a run that sends something else from the old state and fences nothing."""

    def run(work: Callable[[LocalBackend], None]) -> bool:
        backend = _local(path)
        with backend.locked(HOLDER):
            backend.load()
            was_lost = backend.lost_track
            work(backend)
        return was_lost

    def create(backend: LocalBackend, name: str) -> None:
        _begin(backend)
        _create(backend, name)
        backend.commit()

    def fence(backend: LocalBackend) -> None:
        backend.replace(replace(backend.state, fence=1))

    run(lambda backend: create(backend, "a"))
    old = [(file, file.read_bytes()) for file in (Path(path), _journal(path))]
    for name in "bcd":
        run(partial(create, name=name))
    for file, content in old:
        file.write_bytes(content)
    assert run(lambda backend: create(backend, "e"))
    assert run(fence)
    assert not run(lambda _: None)


@pytest.mark.parametrize("when", When, ids=[when.name.lower() for when in When])
def test_a_run_that_dies_while_it_writes_the_lock_file_does_not_make_a_loss_unnoticed(
    when: When, path: str
) -> None:
    """The state is removed after it: whatever the lock file is then, calls may have been sent before."""
    for at in count(1):
        _begin_and_commit(path)
        trouble = Trouble(at, _Killed, when, for_ever=True)
        disk = WatchedDisk(trouble)
        with suppress(_Killed), _local(path, disk).locked(HOLDER):
            pass
        disk.release()
        Path(path).unlink()
        _journal(path).unlink()
        backend = _local(path)
        with backend.locked(HOLDER):
            backend.load()
            assert backend.lost_track, trouble.names
        if not trouble.has_struck:
            break
        Path(path.replace(".json", ".lock")).unlink()


def _begin_and_commit(path: str) -> None:
    backend = _local(path)
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        _create(backend, "a")
        backend.commit()


# ── what was written and not synced ─────────────────────────────────────────


class _Killed(BaseException):
    """The process is dead."""


@pytest.mark.parametrize("operation", ["sync_data", "sync_folder"])
def test_what_a_run_goes_on_from_survives_a_power_cut(operation: str) -> None:
    """A run was killed before it synced an entry or a name; the next one reads it, and then it counts."""
    disk, path = MemoryDisk(), "/x.state.json"
    strike = _Before(operation)
    watched = WatchedDisk(strike, disk)
    with pytest.raises(_Killed):
        _create_and_begin_another(_local(path, watched), strike)
    watched.release()
    if operation == "sync_folder":
        # A person removes the journal, and that is durable; what it held is in the new snapshot.
        disk._names.pop("/x.state.journal")
        disk._durable_names.pop("/x.state.journal")
    backend = _local(path, disk)
    with backend.locked(HOLDER):
        read = backend.load()
    assert list(read.open) == ["b"]
    disk.cut_power()
    assert _content(_local(path, disk).load()) == _content(read)


def _create_and_begin_another(backend: LocalBackend, strike: "_Before") -> None:
    with backend.locked(HOLDER):
        backend.load()
        _begin(backend)
        _create(backend, "a")
        strike.is_armed = True
        backend.record(_intent(3, "b"))
        backend.commit()


class _Before:
    """The process dies before an operation of that name, once this is armed."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._is_dead = False
        self.is_armed = False

    def __call__(self, name: str, act: Callable[[], Any], half: object) -> Any:
        self._is_dead = self._is_dead or (self.is_armed and name == self._operation)
        if self._is_dead:
            raise _Killed
        return act()


# ── a sync that failed ──────────────────────────────────────────────────────


def test_a_failed_sync_is_not_repeated(tmp_path: Path) -> None:
    """The kernel may have dropped what it could not write, and would call the second one a success."""
    for at in count(1):
        path = str(tmp_path / str(at) / "x.state.json")
        trouble = _SyncTrouble(at)
        backend = _local(path, WatchedDisk(trouble))
        failure = _failure(backend, [])
        if trouble.after is None:
            assert failure is None
            break
        assert failure is not None
        assert not [name for name in trouble.after if name.startswith("sync")]


class _SyncTrouble:
    """The n-th sync fails; what comes after it is remembered."""

    def __init__(self, at: int) -> None:
        self._syncs = 0
        self._at = at
        self.after: list[str] | None = None

    def __call__(self, name: str, act: Callable[[], Any], half: object) -> Any:
        if self.after is not None:
            self.after.append(name)
        if name.startswith("sync"):
            self._syncs += 1
            if self._syncs == self._at:
                self.after = []
                raise OSError(errno.EIO, "broken")
        return act()


@pytest.mark.parametrize("operation", ["reserve", "sync", "write", "sync_data"])
def test_after_a_failure_nothing_more_is_recorded_until_it_is_made_ready_anew(
    operation: str, path: str
) -> None:
    """The journal is given up; a new one begins with what is known to be durable."""
    trouble = Trouble(0, lambda: OSError(errno.EIO, "broken"))
    disk = WatchedDisk(trouble)
    backend = _local(path, disk)
    _begin(backend)
    steps = {"reserve": 1, "sync": 2, "write": 1, "sync_data": 2}
    trouble.at = len(trouble.names) + steps[operation]
    with pytest.raises(StateError):
        _begin(backend) if operation in ("reserve", "sync") else backend.record(_intent(1, "a"))
    assert trouble.names[-1] == operation
    with pytest.raises(StateError, match="cannot be written any more"):
        backend.record(_intent(1, "a"))
    backend.commit()
    assert trouble.names[-1] == operation
    _begin(backend)
    _create(backend, "a")
    disk.release()
    assert list(_local(path).load().tasks) == ["a"]
