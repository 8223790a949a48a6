"""Where the state is kept: a snapshot, a journal and a lock on the local disk.

Rule: what ``record`` returned from survives power loss. The snapshot is replaced whole; the journal
is only appended to; the lock file is never renamed or removed. A journal names the snapshot that it
extends, so one that was left over is recognised, and one that is ahead of its snapshot (a state
restored from a backup) or that extends another one (made elsewhere) is refused.
"""

import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from provisioner.core import journal as journals
from provisioner.core import state as states
from provisioner.core.address import Address
from provisioner.core.journal import Entry, Header, Journal, Ledger
from provisioner.core.state import Attempt, State, TaskRecord
from provisioner.core.text import printable
from provisioner.errors import StateDamagedError, StateError, StateLockedError
from provisioner.store.disk import Disk, write_atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock."""

    pid: int
    host: str
    command: str
    since: str
    """UTC, ``yyyy-mm-ddThh:mm:ssZ``."""


class LocalBackend:
    """State beside the manifests. One object, one run; see ``engine.StateBackend``."""

    lost_track = False
    """See ``StateBackend.lost_track``; known once it was loaded under the lock."""

    def __init__(self, path: str, *, stack: str, tool_version: str, disk: Disk | None = None) -> None:
        # A state file that is a link stays one: the file it points to is replaced.
        self.name = printable(path)
        self._path = os.path.realpath(path)
        stem = self._path.removesuffix(".json")
        self._journal_path = f"{stem}.journal"
        self._lock_path = f"{stem}.lock"
        self._journal_name = printable(path.removesuffix(".json") + ".journal")
        self._stack = stack
        self._tool_version = tool_version
        self._disk = disk or Disk()
        self._ledger = Ledger(State(lineage="", stack=stack))
        self._base: _Base | None = None
        self._journal: _OpenJournal | None = None
        self._chain = ""
        """Of the journal on the disk that is folded in, as far as it goes."""

        self._journal_id = ""
        self._lock: int | None = None
        self._sent = _Sent()

    # ── reading ─────────────────────────────────────────────────────────────

    def load(self, *, accept_edits: bool = False) -> State:
        """Snapshot and journal folded together; an empty state if neither was ever written.

        Raises:
            StateDamagedError: either cannot be trusted; nothing was changed.
            StateError: either cannot be read.
        """
        snapshot, entries = self._read()
        base = State(lineage="", stack=self._stack)
        if snapshot is not None:
            base = states.decode(snapshot, self.name, accept_edits=accept_edits)
            self._ensure_stack(base)
        self._ledger = Ledger(base)
        self._base = None if snapshot is None else _Base(base.seq, states.checksum_of(snapshot))
        if entries is not None:
            self._fold(journals.decode(entries, self._journal_name), base)
        self.lost_track = self._sent.is_ahead_of(base.serial, self._journal_id)
        if self._lock is not None:
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
        self._note(_Sent(self._ledger.serial, self._journal_id))
        with self._giving_up(), self._translated("reserve space in"):
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
        with self._giving_up(), self._translated("write"):
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
            self._note(_Sent(self._ledger.serial))

    def replace(self, state: State) -> None:
        """Write a state that was changed otherwise than by entries (moves, removals), as a new snapshot.

        Raises:
            StateError: the old one is still there.
        """
        is_fenced = state.fence > self.state.fence
        self._ledger = Ledger(state)
        self._base = None
        self._next_journal()
        self.lost_track = self.lost_track and not is_fenced

    def close(self) -> None:
        """Give the journal's handle back and the space it reserved."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with self._translated("close"):
                try:
                    self._disk.truncate(journal.handle, journal.size)
                finally:
                    self._disk.close(journal.handle)

    # ── the lock ────────────────────────────────────────────────────────────

    @contextmanager
    def locked(self, holder: Holder) -> Iterator[None]:
        """Hold the lock for the time of a ``with``.

        Raises:
            StateLockedError: somebody else holds it; says who and since when.
            StateError: the lock file cannot be written.
        """
        with self._translated("lock"):
            self._disk.make_folder(os.path.dirname(self._path))
            handle = self._disk.lock(self._lock_path)
        if handle is None:
            raise StateLockedError(self._held_by())
        self._lock = handle
        try:
            self._sent = self._left_word()
            self._write_lock({name: getattr(holder, name) for name in Holder.__dataclass_fields__})
            yield
            self.close()
        finally:
            # Without a holder while it is still held, so that a free lock does not name one. A failure
            # here loses nothing, and must not stand in the place of what the run itself has to say.
            with suppress(StateError):
                self._write_lock({})
            self._lock = None
            with suppress(OSError):
                self._disk.close(handle)

    def holder(self) -> Holder | None:
        """Who holds the lock now, as far as the lock file says."""
        document = self._lock_document()
        try:
            return Holder(**{name: document[name] for name in Holder.__dataclass_fields__})
        except KeyError:
            return None

    def is_locked(self) -> bool:
        """Whether a run holds the lock at this moment."""
        with self._translated("lock"):
            if self._disk.read(self._lock_path) is None:
                return False
            handle = self._disk.lock(self._lock_path)
            if handle is not None:
                self._disk.close(handle)
        return handle is None

    def _held_by(self) -> str:
        holder = self.holder()
        who = "  somebody, but the lock file does not say who"
        if holder is not None:
            who = (
                f"  pid {holder.pid} on {printable(str(holder.host))}, since {printable(str(holder.since))}\n"
                f"  {printable(str(holder.command))}"
            )
        return (
            f"Another run holds the state's lock.\n{who}\nWait for it to end, or use --lock-timeout SECONDS."
        )

    # ── inside ──────────────────────────────────────────────────────────────

    def _read(self) -> tuple[bytes | None, bytes | None]:
        """Snapshot and journal as they are at one moment, though another run may be writing them.

        The journal is read before and after the snapshot, and it counts as it is after. If both are of
        one base, no commit was finished in between, and the snapshot is the one that it extends or one
        that has swallowed all of it. Otherwise they are read again.
        """
        with self._translated("read"):
            before = self._disk.read(self._journal_path)
            while True:
                snapshot = self._disk.read(self._path)
                after = self._disk.read(self._journal_path)
                if _first_line(before) == _first_line(after):
                    return snapshot, after
                before = after

    def _make_durable(self) -> None:
        """Sync what was read: a run that was killed may have written or renamed it and not synced it.

        Without this the run that reads it would call done what a power cut can still undo.
        """
        with self._translated("write"):
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
        self._chain, self._journal_id = journal.chain, journal.header.journal
        problem = self._contradiction(journal, base)
        if problem:
            raise StateDamagedError(
                "State file and journal do not belong together.\n"
                f"  {self._journal_name}: {problem}.\n"
                "Using them would forget tasks that exist. Put both back from one backup."
            )
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
        is_known = journal.chain == base.swallowed or header.base_checksum == self._base.checksum
        if journal.entries and not is_known:
            return "the journal has entries that this state file does not know: it was made elsewhere"
        return ""

    def _next_journal(self) -> "_OpenJournal":
        """Swallow the journal into a snapshot, if it holds anything, and start an empty one."""
        self.close()
        if self._base is None or self._base.seq != self._ledger.seq:
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
        with self._translated("write"):
            write_atomic(self._disk, self._journal_path, line)
            handle = self._disk.open(self._journal_path)
        self._chain = chain
        self._journal = _OpenJournal(handle, len(line))
        return self._journal

    def _write_snapshot(self) -> "_Base":
        state = replace(self.state, serial=self.state.serial + 1, swallowed=self._chain)
        data = states.encode(state, self._tool_version)
        with self._translated("write"):
            write_atomic(self._disk, self._path, data)
        self._ledger = Ledger(state)
        return _Base(state.seq, states.checksum_of(data))

    def _ensure_alone(self, journal: "_OpenJournal") -> None:
        """Journal and lock must still be the files that their names lead to.

        Raises:
            StateError: somebody removed or replaced one: another run may have begun, and what is
                recorded here would not be found again.
        """
        held = [(journal.handle, self._journal_path)]
        if self._lock is not None:
            held.append((self._lock, self._lock_path))
        for handle, path in held:
            if not self._disk.is_named(handle, path):
                raise StateError(
                    "The files of the state were removed or replaced while this run used them.\n"
                    f"  {printable(path)}"
                )

    def _note(self, sent: "_Sent") -> None:
        """Leave word beside the state from which of it calls are sent: the state itself may get lost.

        The word about a state that is lost stays until a fence stands for it.
        """
        if self._lock is not None and self._sent != sent and not self.lost_track:
            self._sent = sent
            self._write_lock(self._lock_document())
            with self._translated("lock"):
                self._disk.sync_data(self._lock)

    def _lock_document(self) -> dict[str, Any]:
        """What the lock file says; empty if that is nothing that a run has written."""
        with self._translated("read"):
            data = self._disk.read(self._lock_path)
        try:
            document = json.loads(_first_line(data) or b"")
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def _left_word(self) -> "_Sent":
        """What was left by the last run that sent something; of a state that is lost if it cannot be read."""
        document = self._lock_document()
        with self._translated("read"):
            if not document and self._disk.read(self._lock_path):
                return _Sent(_AFTER_ALL)
        serial, journal = document.get("serial"), document.get("journal")
        return _Sent(serial if isinstance(serial, int) else 0, journal if isinstance(journal, str) else "")

    def _write_lock(self, document: Mapping[str, Any]) -> None:
        """Say who holds the lock, in the file that this run holds."""
        if self._lock is None:
            raise TypeError("the lock is not held")
        sent = {"serial": self._sent.serial, "journal": self._sent.journal}
        told = {**document, **sent} if self._sent.serial else document
        line = f"{json.dumps(told)}\n".encode() if told else b""
        with self._translated("lock"):
            # Never empty in between: the first line is the old one or the new one.
            self._disk.write(self._lock, 0, line)
            self._disk.truncate(self._lock, len(line))

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

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            name = self.name if error.filename is None else printable(os.fsdecode(error.filename))
            reason = f"cannot {verb} {name}: {error.strerror}{_advice(error)}"
            raise StateError(f"The state could not be kept on disk.\n  {reason}") from error


@dataclass(frozen=True, slots=True)
class _Base:
    """The snapshot on the disk."""

    seq: int
    checksum: str


_AFTER_ALL = 2**62
"""A serial later than that of every state."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the lock file remembers of the last run that sent something, whatever becomes of the state."""

    serial: int = 0
    """Of the snapshot that it began or ended with; 0: nothing was ever sent."""

    journal: str = ""
    """Id of the journal in which what it sent stands; empty once that is in the snapshot."""

    def is_ahead_of(self, serial: int, journal: str) -> bool:
        """Whether a state is not the one that was last sent from: it is gone, or an older one."""
        return self.serial > serial or (self.serial == serial and self.journal not in ("", journal))


@dataclass(slots=True)
class _OpenJournal:
    handle: int
    size: int


def _first_line(data: bytes | None) -> bytes | None:
    return data and data.partition(b"\n")[0]


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "\nMake room on the disk and run the command again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "\nThe folder must be writable for the user who runs this."
        case _:
            return ""
