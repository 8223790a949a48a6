"""Finding files and reading the documents in them.

Rule: whatever is wrong with a file is a problem with a place, never an exception: an unreadable
file must not hide what is wrong with the others. Nothing is read that is not a regular file, and
never more than the limit.

A file that is left out without a word would look like a task that is no longer wanted. So what
cannot be looked into is a problem, and a folder that is not looked into on purpose is a warning.
"""

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from provisioner.core.manifest.problem import Document, Problem, ProblemsFoundError, Severity
from provisioner.core.source import Source

MAX_BYTES = 1024 * 1024
ENDINGS = (".yaml", ".yml", ".json")

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK_BYTES = 64 * 1024
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# The two-byte characters of GB 2312, the part of GBK that nearly all Chinese text is made of.
_CHINESE = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*+")
_IRREGULAR = "is not a regular file, so it is not read"


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """One file's documents that are in order, and everything wrong with the others."""

    path: str
    digest: str
    """SHA-256 of its bytes, hexadecimal; empty if they could not be read."""

    documents: tuple[Document, ...] = ()
    """At least one if there is no problem."""

    problems: tuple[Problem, ...] = ()


class _Kind(Enum):
    """What is done with a name in a folder."""

    FOLDER = auto()
    FILE = auto()
    LEFT_OUT = auto()


_Verdict: TypeAlias = "_Kind | Problem"


def find_documents(root: str) -> tuple[list[str], list[Problem]]:
    """The manifest files at or below ``root``, and what could not be looked into.

    Both are in an order that depends on the names only: that of the paths' parts, by code point.
    Names that begin with a dot are left out. Links to files are followed; links to folders are not,
    so that a circle of links has an end.
    """
    root = _name(root)
    found: list[tuple[str, _Verdict]] = [(root, _root_verdict(root))]
    files: list[str] = []
    problems: list[Problem] = []
    while found:
        path, verdict = found.pop()
        if verdict is _Kind.FOLDER:
            found += reversed(_inside(path))
        elif verdict is _Kind.FILE:
            files.append(path)
        elif isinstance(verdict, Problem):
            problems.append(verdict)
    return files, problems


def load_documents(path: str, *, natively: bool = False) -> LoadedFile:
    """Read and parse one file; see the module's rule.

    ``natively`` changes nothing but the time: many files are read faster so, and the first one later.
    """
    name = _name(path)
    digest = ""
    try:
        data = _bytes(path)
        digest = _digest(data)
        text = _text(data, name)
    except ProblemsFoundError as found:
        return LoadedFile(name, digest, problems=found.problems)
    documents, problems = parse_text(text, name, natively=natively)
    if not documents and not problems:
        problems = [Problem(Source(name), "is empty: write a document in it, or remove the file")]
    return LoadedFile(name, digest, tuple(documents), tuple(problems))


def content_digest(path: str) -> str:
    """``LoadedFile.digest`` without parsing."""
    try:
        return _digest(_bytes(path))
    except ProblemsFoundError:
        return ""


def text_of(path: str) -> str:
    """A file's text, without its byte order mark.

    Raises:
        ProblemsFoundError: it cannot be read, or is not UTF-8.
    """
    return _text(_bytes(path), _name(path))


def locate(path: str, index: int, keys: Sequence[str | int], *, key: bool = False) -> Source:
    """Where the value at ``keys`` stands in the document of that index, or its key.

    The file is read anew, so that nothing has to be kept of a file that is in order. If it cannot
    be read any more, the file itself is the place: the problem is still worth showing.
    """
    name = _name(path)
    try:
        text = _text(_bytes(path), name)
    except ProblemsFoundError:
        return Source(name)
    if is_json(name):
        from provisioner.store.reading.strict_json import locate_json

        return Source(name, *locate_json(text, index, keys, key=key))
    from provisioner.store.reading.strict_yaml import locate_yaml

    return Source(name, *locate_yaml(text, index, keys, key=key))


# ── finding ─────────────────────────────────────────────────────────────────


def _root_verdict(root: str) -> _Verdict:
    """What was named is looked at, wherever it is and whatever it is called."""
    try:
        mode = os.stat(root).st_mode
    except (OSError, ValueError) as error:
        return Problem(Source(root), _complaint(error))
    if stat.S_ISDIR(mode):
        return _Kind.FOLDER
    if not stat.S_ISREG(mode):
        return Problem(Source(root), _IRREGULAR)
    if not _is_manifest(root):
        return Problem(Source(root), f"is not a manifest: its name must end in {', '.join(ENDINGS)}")
    return _Kind.FILE


def _inside(folder: str) -> list[tuple[str, _Verdict]]:
    """The names in a folder as paths, sorted, with what is done with each."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        return [(folder, Problem(Source(folder), _complaint(error)))]
    prefix = folder if folder.endswith("/") else f"{folder}/"
    return [
        (path, _entry_verdict(path, entry))
        for entry in listed
        if not entry.name.startswith(".")
        for path in (prefix + entry.name,)
    ]


def _entry_verdict(path: str, entry: os.DirEntry[str]) -> _Verdict:
    try:
        if entry.is_symlink():
            return _link_verdict(path)
        if entry.is_dir(follow_symlinks=False):
            return _Kind.FOLDER
        return _file_verdict(path, is_regular=entry.is_file(follow_symlinks=False))
    except OSError as error:
        return Problem(Source(path), _complaint(error))


def _link_verdict(path: str) -> _Verdict:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return Problem(Source(path), "is a link to something that is not there")
    if stat.S_ISDIR(mode):
        return Problem(Source(path), "is a link to a folder, and is not followed", Severity.WARNING)
    return _file_verdict(path, is_regular=stat.S_ISREG(mode))


def _file_verdict(path: str, *, is_regular: bool) -> _Verdict:
    if not _is_manifest(path):
        return _Kind.LEFT_OUT
    return _Kind.FILE if is_regular else Problem(Source(path), _IRREGULAR)


def _is_manifest(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


# ── reading ─────────────────────────────────────────────────────────────────


def _bytes(path: str) -> bytes:
    """The whole file.

    Raises:
        ProblemsFoundError: it cannot be read, is not a regular file, or is too large.
    """
    try:
        # Without waiting: opening a FIFO would otherwise hang until somebody writes to it.
        handle = os.open(path, _READ)
        try:
            return _content(handle, _name(path))
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise _refusal(Source(_name(path)), _complaint(error)) from error


def _content(handle: int, name: str) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        is_folder = stat.S_ISDIR(status.st_mode)
        raise _refusal(Source(name), "is a folder, not a file" if is_folder else _IRREGULAR)
    if status.st_size > MAX_BYTES:
        raise _too_large(name, f"{status.st_size:,}")
    data = os.read(handle, status.st_size + 1)
    # The file may grow while it is read.
    while more := os.read(handle, _CHUNK_BYTES):
        data += more
        if len(data) > MAX_BYTES:
            raise _too_large(name, f"more than {MAX_BYTES:,}")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(data: bytes, name: str) -> str:
    """The bytes as text: UTF-8, with or without its mark.

    Raises:
        ProblemsFoundError: they are something else.
    """
    # Plain text in UTF-16 without its mark: one of the first two bytes is NUL.
    if data.startswith(_UTF16_MARKS) or data[:2].count(0) == 1:
        raise _refusal(Source(name, 1, 1), "is UTF-16: save it as UTF-8")
    data = data.removeprefix(_UTF8_MARK)
    if b"\0" in data:
        raise _refusal(_byte_source(name, data, data.index(b"\0")), "is not text: there is a NUL byte here")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        guess = "GBK" if _CHINESE.fullmatch(data) else "Windows-1252"
        raise _refusal(
            _byte_source(name, data, error.start),
            f"is not UTF-8 (byte 0x{data[error.start]:02x}; it may be {guess}): save it as UTF-8",
        ) from error


def parse_text(text: str, name: str, *, natively: bool = False) -> tuple[list[Document], list[Problem]]:
    """Every document of a text that is in order, and every problem; the name tells YAML from JSON."""
    if is_json(name):
        from provisioner.store.reading.strict_json import parse_json

        return parse_json(text, name) if text.strip() else ([], [])
    if natively:
        from provisioner.store.reading.native_yaml import UnusualError, read_usual

        try:
            value, place = read_usual(text)
        except UnusualError:
            pass
        else:
            return [Document(value, Source(name, *place), 0)], []
    from provisioner.store.reading.strict_yaml import parse_yaml

    return parse_yaml(text, name)


def is_json(name: str) -> bool:
    """Whether a file of that name is read as JSON."""
    return name.lower().endswith(".json")


# ── words and places ────────────────────────────────────────────────────────


def _byte_source(name: str, data: bytes, offset: int) -> Source:
    """Where a byte stands, counted in characters."""
    before = data[:offset].decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return Source(name, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _refusal(source: Source, message: str) -> ProblemsFoundError:
    return ProblemsFoundError((Problem(source, message),))


def _too_large(name: str, size: str) -> ProblemsFoundError:
    return _refusal(
        Source(name), f"is too large: it has {size} bytes, and a file may have {MAX_BYTES:,}; split it"
    )


def _complaint(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):  # a NUL or half a character, which no file system takes
        return "is not a name that a file can have"
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    return f"cannot be read: {(error.strerror or str(error)).lower()}"


def _name(path: str) -> str:
    """A path as it is shown, with forward slashes."""
    return path.replace(os.sep, "/")
