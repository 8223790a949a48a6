"""The program with one safety step left out, for as long as a ``with`` lasts.

Rule: only here, from outside: the program has no switch for any of these. A mutant that breaks no
promise within the budget would mean that the simulation does not look where that step matters.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from fakes.disk import MemoryDisk
from fakes.trouble import WatchedDisk
from fakes.world import WINDOW_SECONDS
from provisioner.core.api.calls import CreateTask, SignedWrite, Write
from provisioner.core.api.replies import Listing, Refused, RemoteTask, Reply, Unknown
from provisioner.core.body.readback import not_kept
from provisioner.core.marker import without_marker
from provisioner.core.state import journal as journals
from provisioner.core.state import ledger
from provisioner.core.state.entries import Entry, Finished, Intent
from provisioner.core.state.ledger import Ledger, record_of
from provisioner.core.state.state import Attempt, State, TaskRecord, WriteKind
from provisioner.engine import editing_lock
from provisioner.engine import settle as settle_module
from provisioner.engine.settle import Settled, Settler, Window
from provisioner.store import backend as backend_module
from provisioner.store.backend import LocalBackend
from provisioner.store.disk import Disk
from simulation.amounts import IS_LONG
from simulation.disk import SimulatedDisk
from simulation.service import Client


@dataclass(frozen=True)
class Mutant:
    """One safety step left out."""

    name: str
    applied: Callable[[], AbstractContextManager[object]]
    scenarios: tuple[str, ...]
    """Where it is looked for."""

    budget: int = 2


def _patched(owner: object, name: str, value: object) -> Callable[[], AbstractContextManager[object]]:
    return lambda: mock.patch.object(owner, name, value)


# ── intents ─────────────────────────────────────────────────────────────────

_record = LocalBackend.record


def _record_late(self: LocalBackend, entry: Entry) -> None:
    """An intent is written together with its outcome, as if there were no need for it before."""
    waiting: dict[str, Intent] = self.__dict__.setdefault("waiting", {})
    if isinstance(entry, Intent):
        waiting[entry.attempt.address] = entry
        self._ledger.add(entry)
        return
    intent = waiting.pop(entry.address, None)
    if intent is not None:
        ledger = self._ledger
        self._ledger = Ledger(replace(ledger.state, seq=intent.seq - 1, open={}))
        _record(self, replace(intent, seq=self.next_seq))
        self._ledger = ledger
    _record(self, entry)


@contextmanager
def _intent_not_synced() -> Iterator[None]:
    """The sync after an intent is left out."""
    is_intent = False
    sync_data = MemoryDisk.sync_data

    def record(self: LocalBackend, entry: Entry) -> None:
        nonlocal is_intent
        is_intent = isinstance(entry, Intent)
        _record(self, entry)
        is_intent = False

    def sync(self: MemoryDisk, handle: int) -> None:
        if not is_intent:
            sync_data(self, handle)

    with (
        mock.patch.object(LocalBackend, "record", record),
        mock.patch.object(SimulatedDisk, "sync_data", sync),
    ):
        yield


# ── files ───────────────────────────────────────────────────────────────────


def _write_in_place(disk: Disk, path: str, data: bytes) -> None:
    handle = disk.create(path) if disk.read(path) is None else disk.open(path)
    disk.truncate(handle, 0)
    disk.write(handle, 0, data)
    disk.sync(handle)
    disk.close(handle)
    disk.sync_folder(path)


def _rename_before_sync(disk: Disk, path: str, data: bytes) -> None:
    handle = disk.create(f"{path}.tmp")
    disk.write(handle, 0, data)
    disk.rename(f"{path}.tmp", path)
    disk.sync(handle)
    disk.close(handle)
    disk.sync_folder(path)


def _not_synced(self: MemoryDisk, path: str) -> None:
    pass


_sync_data = WatchedDisk.sync_data


def _sync_quietly(self: WatchedDisk, handle: int) -> None:
    with suppress(OSError):
        _sync_data(self, handle)


def _damage_ignored(_rest: bytes) -> bool:
    """What does not fit is taken for an unfinished last entry, wherever it stands."""
    return True


def _refused_if_torn(_rest: bytes) -> bool:
    return False


@contextmanager
def _any_journal_folded() -> Iterator[None]:
    """Neither the base nor the number of an entry is looked at."""
    add = Ledger.add

    def add_any(self: Ledger, entry: Entry) -> None:
        seq, self.seq = self.seq, entry.seq - 1
        add(self, entry)
        self.seq = max(seq, entry.seq)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(LocalBackend, "_contradiction", return_value=""))
        stack.enter_context(mock.patch.object(Ledger, "add", add_any))
        yield


# ── answers ─────────────────────────────────────────────────────────────────

_send = Client.send


def _send_again(self: Client, signed: SignedWrite) -> Reply:
    reply = _send(self, signed)
    return _send(self, self.sign(signed.write)) if isinstance(reply, Unknown) else reply


def _unknown_is_failed(self: Client, signed: SignedWrite) -> Reply:
    reply = _send(self, signed)
    return Refused(code=reply.code, message="") if isinstance(reply, Unknown) else reply


def _signed_late(self: Client, signed: SignedWrite) -> Reply:
    """As if the pause were before the signing."""
    pause = self._pause

    def resigned() -> None:
        if pause is not None:
            pause()
        object.__setattr__(signed, "timestamp", self._local_time())

    self._pause = None if pause is None else resigned
    return _send(self, signed)


_sign = Client.sign


def _sign_without_marker(self: Client, write: Write) -> SignedWrite:
    if isinstance(write, CreateTask):
        description = without_marker(str(write.body["Description"]))
        write = replace(write, body={**write.body, "Description": description})
    return _sign(self, write)


# ── settling ────────────────────────────────────────────────────────────────

_init = Settler.__init__
_settle_named = Settler._settle_named


def _without_window(self: Settler, **given: Any) -> None:
    _init(self, **{**given, "window": Window(late=-1, lag=-1)})


def _without_lag(self: Settler, **given: Any) -> None:
    window = given["window"]
    _init(self, **{**given, "window": Window(late=window.late - window.lag, lag=window.lag)})


def _settle_named_at_once(self: Settler, attempt: Attempt) -> None:
    window, self._window = self._window, Window(late=-1, lag=self._window.lag)
    try:
        _settle_named(self, attempt)
    finally:
        self._window = window


_settle_run = Settler._settle_run


def _settle_run_at_once(self: Settler, attempt: Attempt) -> None:
    window, self._window = self._window, Window(late=-WINDOW_SECONDS, lag=self._window.lag)
    try:
        _settle_run(self, attempt)
    finally:
        self._window = window


def _with_step_not_remembered(record: TaskRecord, attempt: Attempt, *, approval: str = "") -> TaskRecord:
    """What was accepted is forgotten."""
    return record


def _shown_before(attempt: Attempt, _record: TaskRecord, seen: RemoteTask) -> bool:
    """What was there before counts as done."""
    return attempt.kind is WriteKind.UPDATE and not not_kept(attempt.spec, seen.body)


_made_by = Settler._made_by


def _last_made_by(self: Settler, attempt: Attempt, listing: Listing) -> list[RemoteTask]:
    return _made_by(self, attempt, listing)[-1:]


def _adopt_nothing(self: Settler, *_: object) -> Settled:
    return self._settled


def _no_fence(self: Settler, state: State, *, has_tasks: bool) -> int:
    return 0


def _trusted_unread(self: Ledger, entry: Finished) -> None:
    """What was sent counts as what is there."""
    attempt = self.open.pop(entry.address)
    known = self.tasks.get(entry.address)
    record = None
    if attempt.kind is not WriteKind.DELETE:
        record = record_of(attempt, entry.task_id, request_id=entry.request_id, at=entry.at, known=known)
    self._put(entry.address, record)


_load = LocalBackend.load


def _load_unsuspecting(self: LocalBackend, *, accept_edits: bool = False) -> State:
    """Only a state that is gone counts as lost, not one that is an earlier one or of another line."""
    state = _load(self, accept_edits=accept_edits)
    self.lost_track = self.lost_track and not state.lineage
    return state


# ── all of them ─────────────────────────────────────────────────────────────

_CREATES = ("create two", "create")


def _kept(_self: object) -> Iterator[None]:
    """What was locked stays locked."""
    return iter(())


MUTANTS: tuple[Mutant, ...] = (
    Mutant("no intent", _patched(LocalBackend, "record", _record_late), ("create",)),
    Mutant("intent not synced", _intent_not_synced, _CREATES),
    Mutant("directory not synced", _patched(SimulatedDisk, "sync_folder", _not_synced), _CREATES),
    Mutant("truncate in place", _patched(backend_module, "write_atomic", _write_in_place), _CREATES),
    Mutant("renamed before synced", _patched(backend_module, "write_atomic", _rename_before_sync), _CREATES),
    Mutant("unknown is sent again", _patched(Client, "send", _send_again), _CREATES),
    Mutant("unknown is taken for failed", _patched(Client, "send", _unknown_is_failed), _CREATES),
    Mutant("no window", _patched(Settler, "__init__", _without_window), _CREATES),
    Mutant("window without the lag of the listing", _patched(Settler, "__init__", _without_lag), _CREATES),
    Mutant("signed late", _patched(Client, "send", _signed_late), ("paused",)),
    Mutant("nothing listed before a create", _patched(Settler, "adopt", _adopt_nothing), ("state lost",)),
    Mutant("marker not sent", _patched(Client, "sign", _sign_without_marker), _CREATES),
    Mutant("torn last entry not dropped", _patched(journals, "_is_torn", _refused_if_torn), _CREATES),
    Mutant("damage ignored", _patched(journals, "_is_torn", _damage_ignored), ("journal damaged",)),
    Mutant(
        "lock ignored",
        _patched(SimulatedDisk, "locks", property(lambda _: False, lambda *_: None)),
        ("paused",),
    ),
    Mutant(
        "lost lock not noticed",
        _patched(LocalBackend, "_ensure_alone", lambda *_: None),
        ("paused", "paused, two"),
    ),
    Mutant("journal of another snapshot folded", _any_journal_folded, ("old journal",)),
    Mutant("lost state not fenced", _patched(Settler, "_fence", _no_fence), ("all but the lock lost",)),
    Mutant(
        "state of another line not noticed",
        _patched(LocalBackend, "load", _load_unsuspecting),
        ("another line restored",),
    ),
    Mutant(
        "named writes without a window",
        _patched(Settler, "_settle_named", _settle_named_at_once),
        ("change",),
    ),
    Mutant(
        "steps of jobs without a window",
        _patched(Settler, "_settle_run", _settle_run_at_once),
        ("job begins anew",),
    ),
    Mutant(
        "an accepted step is not remembered",
        _patched(ledger, "with_step", _with_step_not_remembered),
        ("job begins anew",),
    ),
    Mutant("a step is sent again", _patched(Client, "send", _send_again), ("job begins anew",)),
    Mutant(
        "what was there before is taken for done",
        _patched(settle_module, "_is_shown_done", _shown_before),
        ("write the same, change",),
    ),
    Mutant("content trusted before it was read", _patched(Ledger, "_finish", _trusted_unread), _CREATES),
    Mutant("failed sync ignored", _patched(WatchedDisk, "sync_data", _sync_quietly), _CREATES),
    Mutant(
        "two of one marker are no conflict",
        _patched(Settler, "_made_by", _last_made_by),
        ("copied in the console",),
    ),
    Mutant(
        "what is too young to be listed is taken for gone",
        _patched(Settler, "_would_be_listed", lambda *_: True),
        ("copied, replaced, and back",),
    ),
    Mutant("editing lock kept", _patched(editing_lock._Guard, "release", _kept), ("change",)),
)

SNAPSHOT_NOT_LOOKED_AT = Mutant(
    "snapshot not looked at before a record",
    _patched(WatchedDisk, "identity", lambda *_: None),
    ("paused",),
    budget=3,
)
"""Takes too long to be looked for every time."""

if IS_LONG:
    MUTANTS = (*MUTANTS, SNAPSHOT_NOT_LOOKED_AT)
