"""Change single values in a manifest, in place: comments, order and style stay.

Rule: an edit is made only if the text then reads exactly as before but for that one value. Whatever way
of writing it passes that test is taken, the one of the old value first; if none does, the text is left.
A file is replaced whole, and keeps its mode.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.core.body.normalize import record_text
from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.problem import Document
from provisioner.store.disk import Disk, write_atomic
from provisioner.store.reading.documents import is_json, parse_text, text_of

_MARK = "\ufeff"
_REFUSED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One value that is to be another."""

    index: int
    """Which document of the file, from 0."""

    path: tuple[str | int, ...]
    """Where in the document; something stands there."""

    value: str | float | bool | None
    is_setting: bool = False
    """Whether a number says the same as its text."""


def edit_file(path: str, edits: Sequence[Edit]) -> list[Edit]:
    """Make the edits that can be made safely; returns the others.

    Raises:
        ProblemsFoundError: the file cannot be read.
        OSError: it cannot be written; it is as it was.
    """
    before = text = text_of(path)
    left = []
    for edit in edits:
        changed = _edited(text, path, edit)
        if changed is None:
            left.append(edit)
        else:
            text = changed
    if text != before:
        _write(path, text)
    return left


def _write(path: str, text: str) -> None:
    real = os.path.realpath(path)
    with open(real, "rb") as file:
        mark = _MARK if file.read(3) == _MARK.encode() else ""
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    write_atomic(Disk(), real, (mark + text).encode())
    os.chmod(real, mode)


def _edited(text: str, name: str, edit: Edit) -> str | None:
    documents, _ = parse_text(text, name)
    span = _span(text, name, edit)
    if span is None:
        return None
    begin, end = span
    for form in _forms(text[begin:end], edit.value, name):
        changed = text[:begin] + form + text[end:]
        if _says(changed, name, edit, documents):
            return changed
    return None


def _span(text: str, name: str, edit: Edit) -> tuple[int, int] | None:
    """Where the old value begins and ends."""
    if not is_json(name):
        from provisioner.store.reading.strict_yaml import locate_yaml, scalar_span

        return scalar_span(text, locate_yaml(text, edit.index, edit.path, key=False))
    from provisioner.store.reading.nodes import Lines
    from provisioner.store.reading.strict_json import locate_json

    place = locate_json(text, edit.index, edit.path, key=False)
    begin = Lines(text).offset(*place)
    return begin, json.JSONDecoder().raw_decode(text, begin)[1]


# ── ways of writing a value ─────────────────────────────────────────────────


def _forms(old: str, value: str | float | bool | None, name: str) -> Iterator[str]:
    """Ways of writing a value, the one that is most like the old one first."""
    if value is None:
        texts = ["null"]
    elif not isinstance(value, str):
        texts = [record_text(value)]
    elif is_json(name):
        texts = [quoted(value)] if old.startswith('"') else [value, quoted(value)]
    else:
        texts = list(_yaml_forms(old, value))
    yield from texts
    if old[:1] in ("|", ">"):
        # A block ends with the end of its last line.
        yield from (f"{text}\n" for text in texts)
    # Where nothing stood behind the colon.
    yield from (f" {text}" for text in texts)


def _yaml_forms(old: str, value: str) -> Iterator[str]:
    style = old[:1]
    if style == "'":
        yield f"'{value.replace(style, style * 2)}'"
    elif style in ("|", ">"):
        yield from _block_forms(old, value)
    elif style != '"':
        yield value
    yield quoted(value)


def _block_forms(old: str, value: str) -> Iterator[str]:
    """As a literal block, as deep as the old one."""
    indent = next((re.match(" *", line)[0] for line in old.split("\n")[1:] if line.strip()), "")  # type: ignore[index]  # it matches everything
    ends = len(value) - len(value.rstrip("\n"))
    chomping = "-" if ends == 0 else "" if ends == 1 else "+"
    lines = value.removesuffix("\n").split("\n")
    yield "\n".join([f"|{chomping}", *(indent + line if line else "" for line in lines)]) + "\n"


def quoted(value: str) -> str:
    """A text in double quotes, as YAML and JSON both read it."""
    text = json.dumps(value, ensure_ascii=False)
    return _REFUSED.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


# ── what a text says ────────────────────────────────────────────────────────


def _says(text: str, name: str, edit: Edit, before: Sequence[Document]) -> bool:
    """Whether a text reads as before but for the edit."""
    documents, problems = parse_text(text, name)
    if problems or [one.index for one in documents] != [one.index for one in before]:
        return False
    return all(_reads(old, new, edit) for old, new in zip(before, documents, strict=True))


def _reads(old: Document, new: Document, edit: Edit) -> bool:
    if old.index != edit.index:
        return _exactly(old.value) == _exactly(new.value)
    found = _at(new.value, edit.path)
    return _is_value(found, edit) and _exactly(with_value(old.value, edit.path, found)) == _exactly(new.value)


def _is_value(found: JSONValue, edit: Edit) -> bool:
    if edit.is_setting and isinstance(edit.value, str) and isinstance(found, str | int | float):
        return record_text(found) == edit.value
    return _exactly(found) == _exactly(edit.value)


def _at(value: Any, path: Sequence[str | int]) -> JSONValue:  # noqa: ANN401  # JSON
    """The value at a path; None where it leads nowhere."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    found: JSONValue = value
    return found


def with_value(value: Any, path: Sequence[str | int], found: JSONValue) -> JSONValue:  # noqa: ANN401  # JSON
    """The value with another one at a path that leads somewhere."""
    if not path:
        return found
    first, *rest = path
    inner = with_value(value[first], rest, found)
    if isinstance(value, Mapping):
        return {**value, str(first): inner}
    return [inner if index == first else item for index, item in enumerate(value)]


def _exactly(value: JSONValue) -> str:
    return json.dumps(value, sort_keys=True)
