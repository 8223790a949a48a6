"""The journal as bytes: what has happened since the last snapshot.

Rule: every prefix of a journal is a valid journal. So this module never rewrites an entry; it only
encodes and decodes them.

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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from provisioner.core.jobs.codec import decode_run, encode_run
from provisioner.core.json_types import JSONValue
from provisioner.core.state.entries import Entry, Finished, Header, Intent, Ran, Rejected, Resolved, Verdict
from provisioner.core.state.ledger import damaged_journal
from provisioner.core.state.snapshot import decode_attempt, decode_record, encode_attempt, encode_record
from provisioner.errors import StateDamagedError

FORMAT = 1
_CHAIN_DIGITS = 32
_SEED = "0" * _CHAIN_DIGITS
_PREFIX_BYTES = 6 + 1 + _CHAIN_DIGITS + 1
_AFTER_HOLE = re.compile(rb"\0([0-9]{6,20}) [0-9a-f]{32} ({[^\0\n]*)\n$")

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
        raise damaged_journal(
            f"{name}: entry {len(documents) + 1}, byte {size}: its checksum does not match."
        )
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
        raise damaged_journal(f"{name}: it has no header.")
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
