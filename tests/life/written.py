"""Manifests as people write them: the same content in many forms, with comments; and what a file says.

Rule: nothing of the program reads or writes here.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, cast

import yaml

from life.trees import KEYS, OBJECTS, SETTINGS, Path, Tree

_PLAIN = re.compile(r"[A-Za-z][A-Za-z_/-]*", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_BLOCK = re.compile(r"[A-Za-z][A-Za-z0-9 _.\n-]*[A-Za-z0-9]")
_EMPTY_TEXTS = ("WorkflowId", "Incharge", "ExecutorId")
_EMPTY_LISTS = ("ExecuteContext", "ExtConfig", "Mappings")
_SERVICE = {"Status": 1, "CreatorUin": "100000000001", "TaskId": "mine", "NumRestarts": 2}


class Writer:
    """Writes trees as documents, and documents as text; how, is chance."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._comments = 0

    # ── a tree as a document ────────────────────────────────────────────────

    def document(self, address: str, tree: Tree, ignored: Sequence[str], defaults: Tree) -> dict[str, Any]:
        """The document of one manifest."""
        random = self._random
        info = self._object(self._without_defaults(tree, defaults))
        if info.get("TaskName") == address and random.random() < 0.7:
            del info["TaskName"]
        for name in _EMPTY_TEXTS:
            if name not in {**tree, **defaults} and random.random() < 0.1:
                info[name] = random.choice((None, ""))
        for name in _EMPTY_LISTS:
            if name not in {**tree, **defaults} and random.random() < 0.1:
                info[name] = random.choice((None, []))
        if random.random() < 0.05:
            info.update(_SERVICE)
        document = {"kind": "IntegrationTask", "name": address, "TaskInfo": info}
        if ignored:
            document["lifecycle"] = {"ignore_changes": list(ignored)}
        return document

    def _without_defaults(self, tree: Tree, defaults: Tree) -> Tree:
        """What is not left to provisioner.yaml."""
        left = dict(tree)
        for name, value in defaults.items():
            if name in SETTINGS:
                left[name] = {one: text for one, text in tree[name].items() if value.get(one) != text}
            elif tree[name] == value:
                del left[name]
        return left

    def _object(self, tree: Tree) -> dict[str, Any]:
        written = {}
        for name in self._shuffled(tree):
            value = tree[name]
            if name in SETTINGS:
                value = self._settings(value)
            elif name in OBJECTS:
                value = self._object(value)
            elif name in KEYS:
                in_order = (
                    list(value.values())
                    if name in ("Schema", "SourceSchema")
                    else self._shuffled(value.values())
                )
                value = [self._object(item) for item in in_order]
            written[name] = value
        return written

    def _settings(self, settings: Tree) -> Any:
        random = self._random
        entries = {name: self._loose(settings[name]) for name in self._shuffled(settings)}
        if random.random() < 0.1:
            entries["not set"] = None
        if random.random() < 0.5:
            return entries
        return [{"Name": name, "Value": value} for name, value in entries.items()]

    def _loose(self, text: str) -> Any:
        """A number or a truth value where that says the same text."""
        if self._random.random() < 0.5:
            return text
        if text in ("true", "false"):
            return text == "true"
        for kind in (int, float):
            try:
                number = kind(text)
            except ValueError:
                continue
            if repr(number) == text:
                return number
        return text

    def _shuffled(self, values: Any) -> list[Any]:
        listed = list(values)
        if self._random.random() < 0.5:
            self._random.shuffle(listed)
        return listed

    # ── documents as text ───────────────────────────────────────────────────

    def text(self, documents: Sequence[Mapping[str, Any]]) -> str:
        """YAML with comments; some of it in flow style."""
        lines = [line for one in documents for line in ("---", *self._map(one, ""))]
        return "\n".join(lines) + "\n"

    def _comment(self, indent: str) -> Iterator[str]:
        """Sometimes a line with a comment."""
        if self._random.random() < 0.1:
            self._comments += 1
            yield f"{indent}# comment {self._comments} of somebody: x"

    def _map(self, value: Mapping[str, Any], indent: str) -> Iterator[str]:
        for name, item in value.items():
            yield from self._comment(indent)
            key = self._scalar(name, None)
            inner = f"{indent}  "
            if not isinstance(item, dict | list) or not item or (indent and self._random.random() < 0.15):
                yield f"{indent}{key}: {self._inline(item, inner)}"
                continue
            yield f"{indent}{key}:"
            yield from self._map(item, inner) if isinstance(item, dict) else self._list(item, inner)

    def _list(self, items: Sequence[Any], indent: str) -> Iterator[str]:
        for item in items:
            if isinstance(item, dict) and item and self._random.random() < 0.6:
                first, *rest = self._map(item, f"{indent}  ")
                yield (
                    f"{indent}-\n{first}" if first.lstrip().startswith("#") else f"{indent}- {first.lstrip()}"
                )
                yield from rest
            else:
                yield f"{indent}- {self._inline(item, f'{indent}  ')}"

    def _inline(self, value: Any, indent: str) -> str:
        """On one line, or a block of lines."""
        if isinstance(value, dict | list):
            return self._flow(value)
        text = self._scalar(value, indent)
        if self._random.random() < 0.1 and "\n" not in text:
            self._comments += 1
            text += f"  # comment {self._comments}"
        return text

    def _flow(self, value: Any) -> str:
        if isinstance(value, dict):
            return (
                "{" + ", ".join(f"{self._scalar(k, None)}: {self._flow(v)}" for k, v in value.items()) + "}"
            )
        if isinstance(value, list):
            return "[" + ", ".join(map(self._flow, value)) + "]"
        return self._scalar(value, None)

    def _scalar(self, value: Any, indent: str | None) -> str:
        random = self._random
        if not isinstance(value, str):
            return json.dumps(value)
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and random.random() < 0.7:
            return value
        if indent is not None and _BLOCK.fullmatch(value) and random.random() < 0.5:
            return "|-\n" + "\n".join(f"{indent}{line}".rstrip() for line in value.split("\n"))
        if value.isprintable() and random.random() < 0.3:
            return "'" + value.replace("'", "''") + "'"
        return _quoted(value)


def _quoted(text: str) -> str:
    """In double quotes; what does not print is escaped, as JSON and YAML both read it."""
    inner = (
        char if char.isprintable() else json.dumps(char)[1:-1]
        for char in json.dumps(text, ensure_ascii=False)
    )
    return "".join(inner)


# ── what a file says ────────────────────────────────────────────────────────


def said_by(text: str, *, is_json: bool) -> list[Any]:
    """Every document of a file, all single values as text."""
    if is_json:
        return [as_text(json.loads(text))]
    return list(yaml.load_all(text, Loader=yaml.CBaseLoader))


def as_text(value: Any) -> Any:
    """A document in which every single value is the text that YAML has for it."""
    if isinstance(value, dict):
        return {name: as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def spot(document: Mapping[str, Any], path: Path) -> tuple[Any, Any] | None:
    """Where a single value stands in a document: what holds it, and under which key; None if it does not."""
    return _in_object(document["TaskInfo"], path)


def _in_object(value: Any, path: Path) -> tuple[Any, Any] | None:
    name, *rest = path or ("",)
    if name not in value:
        return None
    inner = value[name]
    if name in SETTINGS:
        return _setting(inner, rest[0])
    if name in OBJECTS:
        return _in_object(inner, tuple(rest))
    if name in KEYS:
        for item in inner:
            if " → ".join(item[key] for key in KEYS[name]) == rest[0]:
                return _in_object(item, tuple(rest[1:]))
        return None
    return value, name


def _setting(settings: Any, name: str) -> tuple[Any, Any] | None:
    if isinstance(settings, dict):
        return (settings, name) if name in settings else None
    for entry in cast("list[dict[str, Any]]", settings):
        if entry["Name"] == name:
            return entry, "Value"
    return None
