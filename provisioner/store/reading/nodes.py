"""What a YAML and a JSON document have in common: numbers, nesting, and where each value stands.

Rule: a value is what its author sees. A number is a number only if writing it back gives the same
text; so ``0123``, ``1_000``, ``1e3`` and ``1.50`` stay text, and no digit is ever lost or added.

Places are looked up in a tree of nodes, which is built only for a text that has problems.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from provisioner.core.json_types import JSONValue

MAX_NESTING = 64
"""Lists and maps inside one another. A task needs six."""

_MAX_DIGITS = 300
"""Longer numbers stay text: ``int()`` takes quadratic time and refuses 4,300 digits."""

WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""Plain scalars that are not text."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-][0-9]+)?")
_LINE_BREAK = re.compile(r"\r\n?|\n")


class Place(NamedTuple):
    """A line and a column, from 1."""

    line: int
    column: int


class Finding(NamedTuple):
    """A problem of a text whose file name is not known here."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a value is, everything in it included."""

    values: int = 1
    characters: int = 0
    height: int = 0
    """Containers inside one another."""

    def __add__(self, other: "Weight") -> "Weight":
        """A container's weight with one more value in it."""
        return Weight(
            self.values + other.values,
            self.characters + other.characters,
            max(self.height, other.height + 1),
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it is written."""

    value: JSONValue
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict)
    """Where the keys of a map stand."""

    children: Mapping[str | int, "Node"] = field(default_factory=dict)
    """By key or by index; an alias has none of its own."""

    weight: Weight = Weight()


@dataclass(slots=True)
class Container:
    """A map or a list whose end has not been read."""

    place: Place
    is_map: bool = False
    key: str | None = None
    """The key whose value comes next; None if it was refused, and its value with it."""

    keys: dict[str, Place] = field(default_factory=dict)
    children: dict[str | int, Node] = field(default_factory=dict)
    weight: Weight = Weight(height=1)

    def add(self, node: Node) -> None:
        """Put a value in its place."""
        if not self.is_map:
            self.children[len(self.children)] = node
        elif self.key is not None:
            self.children[self.key] = node
        self.weight += node.weight

    def node(self) -> Node:
        """The whole of it."""
        values = [child.value for child in self.children.values()]
        value: JSONValue = dict(zip(map(str, self.children), values, strict=True)) if self.is_map else values
        return Node(value, self.place, self.keys, self.children, self.weight)


class Lines:
    """Where the lines of a text begin."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]

    def place(self, offset: int) -> Place:
        """The line and column of a character."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def offset(self, line: int, column: int) -> int:
        """Which character stands at a line and column."""
        return self._starts[line - 1] + column - 1


def resolve(text: str) -> JSONValue:
    """What a plain scalar means: null, true, false, a number that reads back the same, or text."""
    if text in WORDS:
        return WORDS[text]
    return resolve_number(text)


def resolve_number(text: str) -> JSONValue:
    """The number if it is written as Python would write it, else the text itself."""
    if len(text) > _MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and repr(number := float(text)) == text:
        return number
    return text


def is_too_deep(value: JSONValue) -> bool:
    """Whether lists and maps are nested deeper than ``MAX_NESTING``."""
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return any(isinstance(item, (dict, list)) for item in level)


def place_of(node: Node, path: Sequence[str | int], *, key: bool) -> Place:
    """Where the value at ``path`` stands, or its key; the nearest parent's place if there is none."""
    place = node.place
    for part in path:
        child = node.children.get(part)
        if child is None:
            return node.place
        place = node.keys[part] if key and isinstance(part, str) else child.place
        node = child
    return place
