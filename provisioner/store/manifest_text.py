"""A document as YAML, in the style of a hand-written manifest.

Rule: what is written reads back exactly as it was given, by our own strict reader, or it is not
written. Small items stand on one line each; text is quoted unless it is a plain word.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.store.edits import quoted
from provisioner.store.reading.documents import parse_text
from provisioner.store.reading.nodes import resolve

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
_OTHERS_WORDS = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Truth values to readers of YAML 1.1."""

_WIDTH = 100


def manifest_text(document: JSONObject) -> str | None:
    """The text; None if no YAML says that."""
    text = "\n".join(_map_lines(document, "")) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    documents, problems = parse_text(text, "x.yaml")
    is_same = not problems and len(documents) == 1 and _exactly(documents[0].value) == _exactly(document)
    return text if is_same else None


def _map_lines(value: JSONObject, indent: str) -> Iterator[str]:
    for name, item in value.items():
        key = _scalar(name)
        if isinstance(item, Mapping) and item:
            yield f"{indent}{key}:"
            yield from _map_lines(item, f"{indent}  ")
        elif isinstance(item, list) and item:
            yield f"{indent}{key}:"
            yield from _list_lines(item, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_flow(item)}"


def _list_lines(items: list[JSONValue], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, Mapping) and item and not _is_small(item, indent):
            first, *rest = _map_lines(item, f"{indent}  ")
            yield f"{indent}- {first.removeprefix(indent).removeprefix('  ')}"
            yield from rest
        else:
            yield f"{indent}- {_flow(item)}"


def _is_small(item: JSONObject, indent: str) -> bool:
    is_flat = not any(isinstance(inner, Mapping | list) and inner for inner in item.values())
    return is_flat and len(indent) + len(_flow(item)) < _WIDTH


def _flow(value: JSONValue) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(name)}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(cast("str | float | bool | None", value))


def _scalar(value: str | float | bool | None) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _WORD.fullmatch(value) and resolve(value) == value and value.lower() not in _OTHERS_WORDS:
        return value
    return quoted(value)


def _exactly(value: JSONValue) -> str:
    return json.dumps(value, sort_keys=True)
