"""Where the state is kept: a snapshot and a journal on the local disk, and a lock beside them.

Rule: what ``record`` returned from survives power loss. The snapshot is replaced whole; the journal
is only appended to. A journal names the snapshot that it
extends, so one that was left over is recognised, and one that is ahead of its snapshot (a state
restored from a backup) or that extends another one (made elsewhere) is refused.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from provisioner.core.address import Address
from provisioner.core.state import journal as journals
from provisioner.core.state import snapshot as snapshots
from provisioner.core.state.entries import Entry, Header
from provisioner.core.state.journal import Journal
from provisioner.core.state.ledger import Ledger
from provisioner.core.state.state import Attempt, State, TaskRecord
from provisioner.core.text import printable
from provisioner.errors import StateDamagedError, StateError
from provisioner.store.disk import Disk, translated, write_atomic
from provisioner.store.lock import Holder, StateLock

_KEPT = 100
"""Journals that a snapshot names. A state to which more were added elsewhere waits once, like a lost one."""


class LocalBackend:
    """State beside the manifests. One object, one run; see ``engine.ports.StateBackend``."""

    lost_track = False
    """See ``StateBackend.lost_track``; known once it was loaded under the lock."""

    def __init__(self, path: str, *, stack: str, tool_version: str, disk: Disk | None = None) -> None:
        # A state file that is a link stays one: the file it points to is replaced.
        self.name = printable(path)
        self._named = os.path.abspath(path)
        self._path = os.path.realpath(path)
        stem = self._path.removesuffix(".json")
        self._journal_path = f"{stem}.journal"
        self._journal_name = printable(path.removesuffix(".json") + ".journal")
        self._stack = stack
        self._tool_version = tool_version
        self._disk = disk or Disk()
        self.lock = StateLock(f"{stem}.lock", self._disk)
        self._ledger = Ledger(State(lineage="", stack=stack))
        self._base: _Base | None = None
        self._snapshot: object = None
        """Which file the base was read from, or written to."""

        self._journal: _OpenJournal | None = None
        self._chain = ""
        """Of the journal on the disk that is folded in, as far as it goes."""

        self._journal_id = ""
        """Of that journal; empty if there is none, or one that says nothing of this snapshot."""

    # ── reading ─────────────────────────────────────────────────────────────

    def load(self, *, accept_edits: bool = False) -> State:
        """Snapshot and journal folded together; an empty state if neither was ever written.

        Raises:
            StateDamagedError: either cannot be trusted; nothing was changed.
            StateError: either cannot be read.
        """
        # Before it is read: another that takes its place meanwhile must not pass for the one that was read.
        self._snapshot = self._disk.identity(self._path)
        snapshot, entries = self._read()
        base = State(lineage="", stack=self._stack)
        if snapshot is not None:
            base = snapshots.decode(snapshot, self.name, accept_edits=accept_edits)
            self._ensure_stack(base)
        self._ledger = Ledger(base)
        self._base = None if snapshot is None else _Base(base.seq, snapshots.checksum_of(snapshot))
        self._journal_id = ""
        if entries is not None:
            self._fold(journals.decode(entries, self._journal_name), base)
        self.lost_track = bool(self.lock.sent) and self.lock.sent not in {*base.sent, self._journal_id}
        if self.lock.is_ours:
            self._make_durable()
        return self.state

    @property
    def state(self) -> State:
        """The state with everything that was recorded since."""
        return self._ledger.state

    @property
    def lineage(self) -> str:
        """The state's lineage; empty if nothing was ever written."""
        return self._ledger.lineage

    @property
    def next_seq(self) -> int:
        """The number that the next entry must carry."""
        return self._ledger.seq + 1

    def record_of(self, address: Address) -> TaskRecord | None:
        """What is known of one task now."""
        return self._ledger.tasks.get(address)

    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that have no outcome, in order of address."""
        return tuple(self._ledger.open[address] for address in sorted(self._ledger.open))

    # ── writing, under the lock ─────────────────────────────────────────────

    def begin(self, *, first: Callable[[State], State], reserve_bytes: int) -> None:
        """Make a snapshot of what the journal holds, start a new journal and reserve space in it.

        Raises:
            StateError: nothing may be sent; on disk is the old state or the new one, both whole.
        """
        if not self.lineage:
            self._ledger = Ledger(first(self.state))
        journal = self._journal or self._next_journal()
        if not self.lost_track:
            # That a state is lost stays said until a fence stands for it.
            self.lock.note(self._journal_id)
        with self._giving_up(), translated("reserve space in", self.name):
            self._disk.reserve(journal.handle, journal.size, reserve_bytes)
            self._disk.sync(journal.handle)

    def record(self, entry: Entry) -> None:
        """Append one entry; it is durable when this returns.

        Raises:
            StateError: it may not be durable, and no later entry can be: nothing more may be sent.
        """
        journal = self._journal
        if journal is None:
            raise StateError("The journal cannot be written any more.\n  An earlier write to it failed.")
        line, chain = journals.encode_entry(entry, self._chain)
        with self._giving_up(), translated("write", self.name):
            self._ensure_alone(journal)
            self._disk.write(journal.handle, journal.size, line)
            self._disk.sync_data(journal.handle)
        self._chain, journal.size = chain, journal.size + len(line)
        self._ledger.add(entry)

    def commit(self) -> None:
        """Replace the snapshot by the state as it is now and start the next journal empty.

        Raises:
            StateError: snapshot and journal on disk still fold to the same state.
        """
        if self._journal is not None:
            self._next_journal()

    def replace(self, state: State) -> None:
        """Write a state that was changed otherwise than by entries (moves, removals), as a new snapshot.

        Raises:
            StateError: the old one is still there.
        """
        is_fenced = state.fence > self.state.fence
        self._ledger = Ledger(state)
        self._base = None
        self._next_journal()
        if self.lost_track and is_fenced:
            self.lost_track = False
            self.lock.note(self._journal_id)

    def close(self) -> None:
        """Give the journal's handle back and the space it reserved."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with translated("close", self.name):
                try:
                    self._disk.truncate(journal.handle, journal.size)
                finally:
                    self._disk.close(journal.handle)

    # ── the lock ────────────────────────────────────────────────────────────

    @contextmanager
    def locked(self, holder: Holder) -> Iterator[None]:
        """Hold the lock for the time of a ``with``; see ``StateLock.held``."""
        with self.lock.held(holder):
            yield
            self.close()

    # ── inside ──────────────────────────────────────────────────────────────

    def _read(self) -> tuple[bytes | None, bytes | None]:
        """Snapshot and journal as they are at one moment, though another run may be writing them.

        The journal is read before and after the snapshot, and it counts as it is after. If both are of
        one base, no commit was finished in between, and the snapshot is the one that it extends or one
        that has swallowed all of it. Otherwise they are read again.
        """
        with translated("read", self.name):
            before = self._disk.read(self._journal_path)
            while True:
                # By the name that was given: a link to nothing is an error, and not a state without tasks.
                snapshot = self._disk.read(self._named)
                after = self._disk.read(self._journal_path)
                if _first_line(before) == _first_line(after):
                    return snapshot, after
                before = after

    def _make_durable(self) -> None:
        """Sync what was read: a run that was killed may have written or renamed it and not synced it.

        Without this the run that reads it would call done what a power cut can still undo.
        """
        with translated("write", self.name):
            if self._base is not None and self._base.seq != self._ledger.seq:
                handle = self._disk.open(self._journal_path)
                try:
                    self._disk.sync_data(handle)
                finally:
                    self._disk.close(handle)
            self._disk.sync_folder(self._path)

    def _fold(self, journal: Journal, base: State) -> None:
        """Fold a journal's entries, unless the snapshot has swallowed them.

        Raises:
            StateDamagedError: the two do not belong together.
        """
        self._chain = journal.chain
        problem = self._contradiction(journal, base)
        if problem:
            raise StateDamagedError(
                "State file and journal do not belong together.\n"
                f"  {self._journal_name}: {problem}.\n"
                "Using them would forget tasks that exist. Put both back from one backup."
            )
        if self._is_of(journal, base):
            self._journal_id = journal.header.journal
        if self._base is not None and journal.chain != base.swallowed:
            for entry in journal.entries:
                self._ledger.add(entry)

    def _contradiction(self, journal: Journal, base: State) -> str:
        """Why a journal extends neither this snapshot nor one that this has swallowed; empty if it does.

        A journal without entries has nothing to lose, so it only must not be of a newer state.
        """
        header = journal.header
        if self._base is None:
            return "the state file is gone, but its journal has entries" if journal.entries else ""
        if header.lineage != base.lineage:
            return "the journal is of another state (their lineages differ)"
        if header.base_serial > base.serial:
            return (
                f"the state file (serial {base.serial}) is older than its journal "
                f"(serial {header.base_serial}): it was probably restored from a backup"
            )
        if journal.entries and not self._is_of(journal, base):
            return "the journal has entries that this state file does not know: it was made elsewhere"
        return ""

    def _is_of(self, journal: Journal, base: State) -> bool:
        """Whether a journal extends this snapshot, or is swallowed in it."""
        extends = self._base is not None and journal.header.base_checksum == self._base.checksum
        return extends or journal.chain == base.swallowed

    def _next_journal(self) -> "_OpenJournal":
        """Swallow the journal into a snapshot, if it holds anything or was to, and start an empty one."""
        self.close()
        is_said = bool(self._journal_id) and self._journal_id == self.lock.sent
        if self._base is None or self._base.seq != self._ledger.seq or is_said:
            self._base = self._write_snapshot()
        state = self.state
        self._journal_id = secrets.token_hex(8)
        header = Header(
            lineage=state.lineage,
            stack=state.stack,
            base_serial=state.serial,
            base_seq=state.seq,
            base_checksum=self._base.checksum,
            journal=self._journal_id,
        )
        line, chain = journals.encode_header(header)
        with translated("write", self.name):
            write_atomic(self._disk, self._journal_path, line)
            handle = self._disk.open(self._journal_path)
        self._chain = chain
        self._journal = _OpenJournal(handle, len(line))
        return self._journal

    def _write_snapshot(self) -> "_Base":
        state = self.state
        sent = (*state.sent, self._journal_id) if self._journal_id else state.sent
        state = replace(state, serial=state.serial + 1, swallowed=self._chain, sent=sent[-_KEPT:])
        data = snapshots.encode(state, self._tool_version)
        with translated("write", self.name):
            write_atomic(self._disk, self._path, data)
            self._snapshot = self._disk.identity(self._path)
        self._ledger = Ledger(state)
        return _Base(state.seq, snapshots.checksum_of(data))

    def _ensure_alone(self, journal: "_OpenJournal") -> None:
        """Snapshot, journal and lock must still be the files that their names lead to.

        A run that begins writes the snapshot first; what is appended here after that, it does not know of.

        Raises:
            StateError: somebody removed or replaced one: another run may have begun, and what is
                recorded here would not be found again.
        """
        if self._disk.identity(self._path) != self._snapshot:
            replaced = self._path
        elif not self._disk.is_named(journal.handle, self._journal_path):
            replaced = self._journal_path
        elif not self.lock.is_intact():
            replaced = self.lock.path
        else:
            return
        raise StateError(
            "The files of the state were removed or replaced while this run used them.\n"
            f"  {printable(replaced)}"
        )

    def _ensure_stack(self, state: State) -> None:
        if state.stack != self._stack:
            raise StateDamagedError(
                "The state file belongs to another stack.\n"
                f"  {self.name}: stack {printable(state.stack)}; this project is {printable(self._stack)}.\n"
                "Put the matching state file or provisioner.yaml back."
            )

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """Give the journal up when a write to it fails: a second sync might report a success that is none."""
        try:
            yield
        except StateError:
            self._journal = None
            raise


@dataclass(frozen=True, slots=True)
class _Base:
    """The snapshot on the disk."""

    seq: int
    checksum: str


@dataclass(slots=True)
class _OpenJournal:
    handle: int
    size: int


def _first_line(data: bytes | None) -> bytes | None:
    return data and data.partition(b"\n")[0]
