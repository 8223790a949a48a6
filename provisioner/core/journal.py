"""What has happened since the last snapshot.

Rule: an entry is durable before the call it announces, and every prefix of a journal is a valid
journal. So this module never rewrites an entry; it only encodes, decodes and folds them.

Format: one entry a line, ``LENGTH CHAIN JSON``. LENGTH is the byte length of the JSON, six digits
or more. CHAIN is a digest over the JSON and the CHAIN of the entry before, so that a changed, lost
or reordered entry is noticed wherever it stands. The first entry is the header. After the last
entry there may be NUL bytes: space reserved so that a full disk cannot stop an outcome from being
written.

Only the last entry can be torn, because each is synced before the next is written. It is torn if it
has no newline and is shorter than it announces, or if it has holes of NUL; its write never
returned, so the call it announces was never made, and it is dropped. Anything else that does not
fit is damage, and is refused.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias, assert_never, cast

from provisioner.core.address import Address, TaskId
from provisioner.core.jobs.codec import decode_run, encode_run
from provisioner.core.jobs.job import RunRecord
from provisioner.core.jobs.transitions import accepted
from provisioner.core.json_types import JSONValue
from provisioner.core.state import (
    Attempt,
    State,
    TaskRecord,
    WriteKind,
    decode_attempt,
    decode_record,
    encode_attempt,
    encode_record,
)
from provisioner.errors import StateDamagedError

FORMAT = 1
_CHAIN_DIGITS = 32
_SEED = "0" * _CHAIN_DIGITS
_PREFIX_BYTES = 6 + 1 + _CHAIN_DIGITS + 1
_AFTER_HOLE = re.compile(rb"\0([0-9]{6,20}) [0-9a-f]{32} ({[^\0\n]*)\n$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which snapshot this journal extends."""

    lineage: str
    stack: str
    base_serial: int
    base_seq: int
    base_checksum: str
    """Of the snapshot: another one of the same serial, made elsewhere, is not the base."""

    journal: str
    """Random id of this journal: an earlier one of the same base is not this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write is about to be sent."""

    seq: int
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The service said that it did it."""

    seq: int
    address: Address
    attempt: str
    task_id: TaskId
    request_id: str
    at: str
    approval: str = ""
    """TaskApproveId, where a version waits for that; see ``calls.Done``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The write had no effect: refused before any, or never sent."""

    seq: int
    address: Address
    attempt: str
    code: str
    request_id: str


class Verdict(StrEnum):
    """How an attempt without an outcome was settled."""

    ADOPTED = "adopted"
    """The task exists and is ours: its id is recorded."""

    ABSENT = "absent"
    """There is no such task: a create left nothing, a delete succeeded."""

    CONFIRMED = "confirmed"
    """What was written was read back: from now on what is there counts."""

    REPEAT = "repeat"
    """The task exists, but what it holds is not known: the next plan sends the whole body again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An attempt was settled by looking, or by a person."""

    seq: int
    address: Address
    attempt: str
    verdict: Verdict
    record: TaskRecord | None
    """What is known now; None if there is no task."""

    evidence: str
    """What was seen, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a job does was seen, and nothing is under way for it any more than this says."""

    seq: int
    address: Address
    run: RunRecord


Entry: TypeAlias = Intent | Finished | Rejected | Resolved | Ran

_ENTRIES: Mapping[str, type[Entry]] = {
    "intent": Intent,
    "finished": Finished,
    "rejected": Rejected,
    "resolved": Resolved,
    "ran": Ran,
}
_NAMES = {kind: name for name, kind in _ENTRIES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A journal as read."""

    header: Header
    entries: tuple[Entry, ...]
    chain: str
    """Chain value of the last entry: what the next one continues."""

    size: int
    """Bytes up to the end of the last entry: where the next one goes."""

    torn: int
    """Bytes of an unfinished last entry, dropped; 0 if there was none."""


# ── folding ─────────────────────────────────────────────────────────────────


class Ledger:
    """A state that entries are folded into one by one, each at a cost that does not grow with it."""

    def __init__(self, state: State) -> None:
        self._base = state
        self.lineage = state.lineage
        self.seq = state.seq
        self.tasks = dict(state.tasks)
        self.open = dict(state.open)

    @property
    def state(self) -> State:
        """The state now: a copy, so it costs what the state's size is."""
        return replace(self._base, seq=self.seq, tasks=dict(self.tasks), open=dict(self.open))

    def add(self, entry: Entry) -> None:
        """Fold one entry; one that the state already has is skipped.

        Raises:
            StateDamagedError: an entry is missing before this one, or an outcome has no intent.
        """
        if entry.seq <= self.seq:
            return
        if entry.seq != self.seq + 1:
            raise _damaged(f"entry {self.seq + 1} is missing before entry {entry.seq}")
        self.seq = entry.seq
        match entry:
            case Intent():
                self.open[entry.attempt.address] = entry.attempt
            case Finished():
                self._finish(entry)
            case Rejected():
                _closed(self.open, entry.address, entry.attempt)
            case Resolved():
                self.open.pop(entry.address, None)
                self._put(entry.address, entry.record)
            case Ran():
                self._put(entry.address, replace(self._known(entry.address), run=entry.run))
            case _:
                assert_never(entry)

    def _finish(self, entry: Finished) -> None:
        attempt = _closed(self.open, entry.address, entry.attempt)
        if attempt.kind is WriteKind.RUN:
            self._put(entry.address, with_step(self._known(entry.address), attempt, approval=entry.approval))
            return
        known = self.tasks.get(entry.address)
        record = None
        if attempt.kind is not WriteKind.DELETE:
            record = record_of(attempt, entry.task_id, request_id=entry.request_id, at=entry.at, known=known)
            # Whether a write is kept whole is not documented; until it was read back (CONFIRMED) the task
            # exists and its content is not known.
            record = replace(record, digest="")
        self._put(entry.address, record)

    def _known(self, address: Address) -> TaskRecord:
        """The task whose job an entry is about."""
        record = self.tasks.get(address)
        if record is None:
            raise _damaged(f"{address}: what its job does is recorded, and it has no task")
        return record

    def _put(self, address: Address, record: TaskRecord | None) -> None:
        if record is None:
            self.tasks.pop(address, None)
        else:
            self.tasks[address] = record


def fold(state: State, entries: Iterable[Entry]) -> State:
    """The state after these entries.

    Raises:
        StateDamagedError: see ``Ledger.add``.
    """
    ledger = Ledger(state)
    for entry in entries:
        ledger.add(entry)
    return ledger.state


def _closed(attempts: dict[Address, Attempt], address: Address, attempt: str) -> Attempt:
    found = attempts.pop(address, None)
    if found is None or found.attempt != attempt:
        raise _damaged(f"{address}: an outcome has no intent before it")
    return found


def record_of(
    attempt: Attempt, task_id: TaskId, *, request_id: str, at: str, known: TaskRecord | None = None
) -> TaskRecord:
    """What we know once an attempt to create or update has succeeded."""
    return TaskRecord(
        project_id=attempt.project_id,
        task_id=task_id,
        task_type=attempt.task_type,
        spec=attempt.spec,
        digest=attempt.digest,
        request_id=request_id,
        applied_at=at,
        protected=attempt.protected,
        attempt=attempt.attempt if attempt.kind is WriteKind.CREATE or known is None else known.attempt,
        run=known.run if attempt.kind is WriteKind.UPDATE and known is not None else None,
    )


def with_step(record: TaskRecord, attempt: Attempt, *, approval: str = "") -> TaskRecord:
    """What we know once the service has accepted a step of a job."""
    run = accepted(record.run, attempt.spec, digest=attempt.digest, at=attempt.timestamp, approval=approval)
    return replace(record, run=run)


# ── bytes ───────────────────────────────────────────────────────────────────


def encode_header(header: Header) -> tuple[bytes, str]:
    """The first line of a journal, and the chain value that the next entry continues."""
    return _line({"kind": "header", "format": FORMAT, **_fields(header)}, _SEED)


def encode_entry(entry: Entry, chain: str) -> tuple[bytes, str]:
    """One entry as a line that continues ``chain``, and the new chain value."""
    document = {"kind": _NAMES[type(entry)], **_fields(entry)}
    if isinstance(entry, Intent):
        document["attempt"] = encode_attempt(entry.attempt)
    elif isinstance(entry, Resolved):
        document["record"] = None if entry.record is None else encode_record(entry.record)
    elif isinstance(entry, Ran):
        document["run"] = encode_run(entry.run)
    elif isinstance(entry, Finished) and not entry.approval:
        del document["approval"]
    return _line(document, chain)


def decode(data: bytes, name: str) -> Journal:
    """A journal file as entries, up to a torn last one.

    Raises:
        StateDamagedError: anything but the last entry does not fit, or it is from a newer version.
    """
    documents, chain, size = [], _SEED, 0
    while size < len(data):
        line = _next_line(data, size, chain)
        if line is None:
            break
        documents.append(line.document)
        chain, size = line.chain, line.end
    rest = data[size:]
    torn = len(rest.rstrip(b"\0"))
    if torn and not _is_torn(rest):
        raise _damaged(f"{name}: entry {len(documents) + 1}, byte {size}: its checksum does not match.")
    return _journal(documents, name, chain=chain, size=size, torn=torn)


@dataclass(frozen=True, slots=True)
class _Line:
    document: dict[str, Any]
    chain: str
    end: int


def _next_line(data: bytes, start: int, chain: str) -> _Line | None:
    """The entry that begins at ``start``, or None if none that is whole and unharmed does."""
    end = data.find(b"\n", start) + 1
    parts = data[start : end - 1].split(b" ", 2) if end else []
    if len(parts) < 3:
        return None
    length, found, text = parts
    if length != b"%06d" % len(text) or found.decode("latin-1") != _chained(chain, text):
        return None
    return _Line(json.loads(text), found.decode(), end)


def _is_torn(rest: bytes) -> bool:
    """Whether what is left is one entry whose write did not finish."""
    text = rest.rstrip(b"\0")
    if b"\n" in text[:-1] or _ends_with_another_entry(text):
        return False  # another entry was written after this one was synced
    if rest.startswith(b"\0") or b"\0\0" in text:
        return True
    if text.endswith(b"\n"):
        return False
    length = text[:_PREFIX_BYTES].split(b" ", 1)[0]
    return not length.isdigit() or len(text) < _PREFIX_BYTES or len(text) < _announced(length)


def _ends_with_another_entry(text: bytes) -> bool:
    """Whether a whole entry stands behind a hole of NUL, where the end of the one before it was."""
    found = _AFTER_HOLE.search(text)
    return found is not None and int(found[1]) == len(found[2])


def _announced(length: bytes) -> int:
    return len(length) + 1 + _CHAIN_DIGITS + 1 + int(length) + 1


def _journal(documents: list[dict[str, Any]], name: str, *, chain: str, size: int, torn: int) -> Journal:
    if not documents or documents[0].get("kind") != "header":
        raise _damaged(f"{name}: it has no header.")
    version = documents[0].pop("format", None)
    if version != FORMAT:
        raise StateDamagedError(
            "The journal is from a newer version of provisioner.\n"
            f"  {name}: format {version}; this version reads format {FORMAT}.\n"
            "Use the version that wrote it, or a newer one."
        )
    try:
        header = Header(**{key: value for key, value in documents[0].items() if key != "kind"})
        entries = tuple(_entry(document) for document in documents[1:])
    except (KeyError, TypeError, ValueError) as error:
        # The checksum fits, so a program wrote it; but not one whose entries this version knows.
        raise StateDamagedError(
            f"The journal has an entry that this version does not know.\n  {name}: {error}\n"
            "Use the version that wrote it, or a newer one."
        ) from error
    return Journal(header=header, entries=entries, chain=chain, size=size, torn=torn)


def _entry(document: dict[str, Any]) -> Entry:
    kind = document.pop("kind")
    if kind == "intent":
        document["attempt"] = decode_attempt(document["attempt"])
    elif kind == "resolved":
        document["verdict"] = Verdict(document["verdict"])
        document["record"] = None if document["record"] is None else decode_record(document["record"])
    elif kind == "ran":
        document["run"] = decode_run(document["run"])
    return _ENTRIES[kind](**document)


def _damaged(fault: str) -> StateDamagedError:
    return StateDamagedError(
        f"The journal is damaged.\n  {fault}\nPut state file and journal back from one backup."
    )


def _fields(value: object) -> dict[str, JSONValue]:
    names = cast("Any", value).__dataclass_fields__
    return {name: getattr(value, name) for name in names}


def _line(document: Mapping[str, object], chain: str) -> tuple[bytes, str]:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode(
        errors="backslashreplace"
    )
    new = _chained(chain, text)
    return b"%06d %s %s\n" % (len(text), new.encode(), text), new


def _chained(chain: str, text: bytes) -> str:
    return hashlib.sha256(chain.encode() + text).hexdigest()[:_CHAIN_DIGITS]
