"""Finding files and reading the documents in them.

Rule: whatever is wrong with a file is a problem with a place, never an exception: an unreadable
file must not hide what is wrong with the others. Nothing is read that is not a regular file, and
never more than the limit.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provisioner.core.address import Source
from provisioner.core.problem import Document, Problem, ProblemsFoundError

MAX_BYTES = 1024 * 1024
ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """One file's documents, or why there are none."""

    path: str
    digest: str
    """SHA-256 of its bytes, hexadecimal; empty if they could not be read."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_documents(root: str) -> tuple[list[str], list[Problem]]:
    """The manifest files at or below ``root``, in an order that depends on their names only.

    Names that begin with a dot are left out; links to folders are not followed, so that a circle
    of links has an end.
    """
    if not os.path.lexists(root):
        return [], [Problem(Source(_name(root)), "there is no such file or folder")]
    if not os.path.isdir(root):
        return [_name(root)], []
    files: list[str] = []
    problems: list[Problem] = []
    for path, problem in _walk(root):
        if problem:
            problems.append(Problem(Source(path), problem))
        else:
            files.append(path)
    return files, problems


def load_documents(path: str) -> LoadedFile:
    """Read and parse one file; see the module's rule."""
    name = _name(path)
    try:
        data = _read(path)
    except OSError as error:
        return LoadedFile(name, "", problems=(Problem(Source(name), _complaint(error)),))
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = _text(data, name)
        documents = tuple(_parse(text, name))
    except ProblemsFoundError as found:
        return LoadedFile(name, digest, problems=found.problems)
    if not documents:
        empty = Problem(Source(name), "is empty: a manifest has at least a name and TaskInfo")
        return LoadedFile(name, digest, problems=(empty,))
    return LoadedFile(name, digest, documents)


def locate(path: str, index: int, keys: Sequence[str | int], *, key: bool = False) -> Source:
    """The place of what stands at ``keys`` in the index-th document; read anew, so only for problems."""
    try:
        text = _text(_read(path), path)
        if path.endswith(".json"):
            from provisioner.store.strict_json import locate_json

            return Source(path, *locate_json(text, keys, key=key))
        from provisioner.store.strict_yaml import locate_yaml

        return Source(path, *locate_yaml(text, index, keys, key=key))
    except (OSError, ProblemsFoundError):
        # It was readable a moment ago; the problem itself is still worth showing.
        return Source(path)


def _walk(folder: str) -> Iterator[tuple[str, str]]:
    """Files below a folder as (path, problem), sorted level by level."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(
                (entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name
            )
    except OSError as error:
        yield _name(folder), _complaint(error)
        return
    for entry in listed:
        path = _name(os.path.join(folder, entry.name))
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(os.path.join(folder, entry.name))
        elif entry.name.lower().endswith(ENDINGS) and not entry.is_dir():
            yield path, ""


def _read(path: str) -> bytes:
    """At most the limit; a FIFO or a device is refused before it can hang.

    Raises:
        OSError: it cannot be read, is not a regular file, or is too large.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        # One byte more than allowed: the file may grow while it is read.
        data = file.read(min(status.st_size, MAX_BYTES) + 1) or b""
    if max(len(data), status.st_size) > MAX_BYTES:
        size = max(len(data), status.st_size)
        raise OSError(errno.EFBIG, f"it has {size:,} bytes; a file may have {MAX_BYTES:,}: split it")
    return data


def _text(data: bytes, name: str) -> str:
    """The bytes as text: UTF-8, with or without its mark."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _fault(name, data, 0, "is UTF-16, not UTF-8: save it as UTF-8")
    if b"\0" in data:
        raise _fault(name, data, data.index(b"\0"), "is not text: it has a NUL byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise _fault(
            name, data, error.start, f"is not UTF-8 (byte 0x{byte:02x}): save it as UTF-8"
        ) from error


def _parse(text: str, name: str) -> list[Document]:
    if name.endswith(".json"):
        from provisioner.store.strict_json import parse_json

        return parse_json(text, name) if text.strip() else []
    from provisioner.store.strict_yaml import parse_yaml

    return parse_yaml(text, name)


def _fault(name: str, data: bytes, offset: int, message: str) -> ProblemsFoundError:
    line = data.count(b"\n", 0, offset) + 1
    start = data.rfind(b"\n", 0, offset) + 1
    column = len(data[start:offset].decode("utf-8", "replace")) + 1
    return ProblemsFoundError((Problem(Source(name, line, column), message),))


def _complaint(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower() if error.errno in (errno.EACCES, errno.ENOENT) else ""
    return f"cannot be read: {reason or error.strerror or error}"


def _name(path: str) -> str:
    """A path as it is shown, with forward slashes."""
    return path.replace(os.sep, "/")
