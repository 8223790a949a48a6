"""Where the state is kept: a snapshot, a journal and a lock on the local disk.

Rule: what ``record`` returned from survives power loss. The snapshot is replaced whole; the journal
is only appended to; the lock file is never renamed or removed. A journal names the snapshot that it
extends, so one that was left over is recognised and one that is ahead of its snapshot (a state
restored from a backup) is refused.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from provisioner.core import journal as journals
from provisioner.core import state as states
from provisioner.core.address import Address
from provisioner.core.journal import Entry, Header, Ledger
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
        self._journal: _OpenJournal | None = None
        self._snapshot_seq: int | None = None

    # ── reading ─────────────────────────────────────────────────────────────

    def load(self, *, accept_edits: bool = False) -> State:
        """Snapshot and journal folded together; an empty state if neither was ever written.

        Raises:
            StateDamagedError: either cannot be trusted; nothing was changed.
            StateError: either cannot be read.
        """
        # The journal first: a run that commits between the two reads leaves this one with a snapshot
        # that is newer than its journal, never with one that is older.
        with self._translated("read"):
            entries = self._disk.read(self._journal_path)
            snapshot = self._disk.read(self._path)
        base = State(lineage="", stack=self._stack)
        if snapshot is not None:
            base = states.decode(snapshot, self.name, accept_edits=accept_edits)
            self._ensure_stack(base)
        self._ledger = Ledger(base)
        self._snapshot_seq = None if snapshot is None else base.seq
        if entries is not None:
            journal = journals.decode(entries, self._journal_name)
            self._ensure_belongs(journal.header, base, has_snapshot=snapshot is not None)
            for entry in journal.entries:
                self._ledger.add(entry)
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

    def begin(self, *, endpoint: str, new_lineage: Callable[[], str], reserve_bytes: int) -> None:
        """Make a snapshot of what the journal holds, start a new journal and reserve space in it.

        Raises:
            StateError: nothing may be sent; on disk is the old state or the new one, both whole.
        """
        if not self.lineage:
            self._ledger = Ledger(replace(self.state, lineage=new_lineage()))
        journal = self._journal or self._next_journal(endpoint)
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
        line, chain = journals.encode_entry(entry, journal.chain)
        with self._giving_up(), self._translated("write"):
            self._disk.write(journal.handle, journal.size, line)
            self._disk.sync_data(journal.handle)
        journal.chain, journal.size = chain, journal.size + len(line)
        self._ledger.add(entry)

    def commit(self) -> None:
        """Replace the snapshot by the state as it is now and start the next journal empty.

        Raises:
            StateError: snapshot and journal on disk still fold to the same state.
        """
        if self._journal is None:
            return
        self._next_journal(self._journal.endpoint)

    def replace(self, state: State, *, endpoint: str) -> None:
        """Write a state that a person changed (moves, removals), as a new snapshot.

        Raises:
            StateError: the old one is still there.
        """
        self._ledger = Ledger(state)
        self._snapshot_seq = None
        self._next_journal(endpoint)

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
        text = json.dumps({name: getattr(holder, name) for name in Holder.__dataclass_fields__})
        try:
            with self._translated("lock"):
                self._disk.truncate(handle, 0)
                self._disk.write(handle, 0, f"{text}\n".encode())
            yield
            self.close()
        finally:
            # Emptied while still held, so that a free lock does not name a holder. A failure here loses
            # nothing, and must not stand in the place of what the run itself has to say.
            with suppress(OSError):
                self._disk.truncate(handle, 0)
            with suppress(OSError):
                self._disk.close(handle)

    def holder(self) -> Holder | None:
        """Who holds the lock now, as far as the lock file says."""
        with self._translated("read"):
            data = self._disk.read(self._lock_path)
        try:
            return Holder(**json.loads(data or b""))
        except (ValueError, TypeError):
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

    def _next_journal(self, endpoint: str) -> "_OpenJournal":
        """Swallow the journal into a snapshot, if it holds anything, and start an empty one."""
        self.close()
        if self._snapshot_seq != self._ledger.seq:
            self._write_snapshot()
        state = self.state
        header = Header(
            lineage=state.lineage,
            stack=state.stack,
            base_serial=state.serial,
            base_seq=state.seq,
            endpoint=endpoint,
        )
        line, chain = journals.encode_header(header)
        with self._translated("write"):
            write_atomic(self._disk, self._journal_path, line)
            handle = self._disk.open(self._journal_path)
        self._journal = _OpenJournal(handle, chain, len(line), endpoint)
        return self._journal

    def _write_snapshot(self) -> None:
        state = replace(self.state, serial=self.state.serial + 1)
        with self._translated("write"):
            write_atomic(self._disk, self._path, states.encode(state, self._tool_version))
        self._ledger = Ledger(state)
        self._snapshot_seq = state.seq

    def _ensure_stack(self, state: State) -> None:
        if state.stack != self._stack:
            raise StateDamagedError(
                "The state file belongs to another stack.\n"
                f"  {self.name}: stack {printable(state.stack)}; this project is {printable(self._stack)}.\n"
                "Put the matching state file or provisioner.yaml back."
            )

    def _ensure_belongs(self, header: Header, base: State, *, has_snapshot: bool) -> None:
        """The journal must extend this snapshot, or one that this snapshot has swallowed."""
        if not has_snapshot:
            problem = "the state file is gone, but its journal is there"
        elif header.lineage != base.lineage:
            problem = "the journal is of another state (their lineages differ)"
        elif header.base_serial > base.serial:
            problem = (
                f"the state file (serial {base.serial}) is older than its journal "
                f"(serial {header.base_serial}): it was probably restored from a backup"
            )
        else:
            return
        raise StateDamagedError(
            "State file and journal do not belong together.\n"
            f"  {self._journal_name}: {problem}.\n"
            "Using them would forget tasks that exist. Put both back from one backup."
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


@dataclass(slots=True)
class _OpenJournal:
    handle: int
    chain: str
    size: int
    endpoint: str


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "\nMake room on the disk and run the command again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "\nThe folder must be writable for the user who runs this."
        case _:
            return ""
