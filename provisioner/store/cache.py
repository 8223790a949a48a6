"""What was found in manifests the last time, so that a file that did not change is not parsed.

Rule: the cache is a hint and never the truth. An entry counts only for exactly the bytes it was made
from, by the same program, schema and settings; a cache that is missing, damaged or foreign is an
empty one; and deleting it changes nothing but the time that a plan takes. Only files without any
problem or warning have an entry.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

PATH = os.path.join(".provisioner", "manifests.cache")
_CHECKSUM_BYTES = 64
_ENTRIES_AT_ONCE = 1_000


class Head(NamedTuple):
    """What a plan needs to know of a manifest whose task did not change."""

    address: str
    line: int
    column: int
    project_id: str
    task_type: int
    digest: str
    """Of the spec: the body is the one that the state has under this digest."""

    prevent_destroy: bool
    moved_from: Sequence[str]
    run: str = ""
    """What its job is to do, packed; see ``core.jobs.codec``."""


class ManifestCache:
    """Heads by file, for one combination of program, schema and settings."""

    def __init__(self, entries: Mapping[str, tuple[str, list[Head]]], key: str) -> None:
        self._old = entries
        self._new: dict[str, tuple[str, list[Head]]] = {}
        self._key = key

    def heads(self, path: str) -> tuple[str, Sequence[Head]]:
        """The digest of the bytes that an entry was made from, and its heads; empty if there is none."""
        return self._old.get(path, ("", ()))

    def keep(self, path: str, content_digest: str, heads: Sequence[Head]) -> None:
        """Remember a file for the next time."""
        known = self._old.get(path, ("", []))
        is_known = known[0] == content_digest and known[1] is heads
        self._new[path] = known if is_known else (content_digest, list(heads))

    def save(self, path: str = PATH) -> None:
        """Write what was kept, if it differs; a folder that cannot be written is no problem."""
        if self._new == self._old:
            return
        temporary = f"{path}.{os.getpid()}.tmp"
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(handle, "wb") as file:
                    self._write(file)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise

    def _write(self, file: BinaryIO) -> None:
        """Piece by piece: all of a hundred thousand entries at once takes as much memory as a plan may."""
        file.write(b"0" * _CHECKSUM_BYTES + b"\n")
        checksum = hashlib.sha256(self._key.encode())
        for piece in self._pieces():
            checksum.update(piece)
            file.write(piece)
        file.seek(0)
        file.write(checksum.hexdigest().encode())

    def _pieces(self) -> Iterator[bytes]:
        entries, begin = iter(self._new.items()), b"{"
        while some := dict(islice(entries, _ENTRIES_AT_ONCE)):
            yield begin + json.dumps(some, ensure_ascii=True, separators=(",", ":"))[1:-1].encode()
            begin = b","
        yield b"}" if self._new else b"{}"


def load_cache(key: str, path: str = PATH) -> ManifestCache:
    """The cache for this key; an empty one if there is none that can be believed."""
    try:
        with open(path, "rb") as file:
            checksum, content = file.readline(_CHECKSUM_BYTES + 1).rstrip(b"\n"), file.read()
    except OSError:
        return ManifestCache({}, key)
    if checksum != _checksum(key, content):
        return ManifestCache({}, key)
    document: dict[str, Any] = json.loads(content)
    del content
    # What was taken over is let go at once: both of a hundred thousand would be much.
    entries = {name: _entry(*document.pop(name)) for name in list(document)}
    return ManifestCache(entries, key)


def _entry(digest: str, heads: Sequence[Sequence[Any]]) -> tuple[str, list[Head]]:
    return digest, [_head(fields) for fields in heads]


def _head(fields: Sequence[Any]) -> Head:
    """A head that shares with others what is the same."""
    address, line, column, project_id, task_type, digest, is_protected, moved_from, run = fields
    project_id, run = sys.intern(project_id), sys.intern(run)
    return Head(address, line, column, project_id, task_type, digest, is_protected, tuple(moved_from), run)


def _checksum(key: str, content: bytes) -> bytes:
    checksum = hashlib.sha256(key.encode())
    checksum.update(content)
    return checksum.hexdigest().encode()
