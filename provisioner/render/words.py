"""The smallest pieces of text: colours, symbols, quoted values, lists of names.

Rule: whatever comes from outside becomes text here and is made printable here; the other modules of
this package put such pieces together and add nothing of their own to escape. A value is written as
JSON, so a string that looks like our own words stays a string in quotes.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from provisioner.core.body.diff import ItemKey
from provisioner.core.body.masking import HIDDEN, shown_body
from provisioner.core.json_types import JSONValue
from provisioner.core.plan.plan import Action
from provisioner.core.task_types import OFFLINE
from provisioner.core.text import printable

SYMBOLS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
}

KNOWN_AFTER_APPLY = "(known after apply)"

_encode = json.JSONEncoder(ensure_ascii=False).encode
_PLAIN = re.compile(r"[A-Za-z_][0-9A-Za-z_.-]*", re.ASCII)
_LISTED = 50
"""Lists of addresses are complete up to here; longer ones show the first ``_FIRST``."""

_FIRST = 20
_WIDTH = 100
_LONGEST = 400
"""Characters of one value that are shown; the rest is counted."""

_BOLD, _RED, _GREEN, _YELLOW = "1", "31", "32", "33"
_SYMBOL_COLOURS = {"+": _GREEN, "~": _YELLOW, "-": _RED}


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours text, or leaves it as it is."""

    colour: bool

    def bold(self, text: str) -> str:
        """For headings."""
        return self._with(_BOLD, text)

    def alarm(self, text: str) -> str:
        """For what destroys or has failed."""
        return self._with(f"{_BOLD};{_RED}", text)

    def good(self, text: str) -> str:
        """For success."""
        return self._with(f"{_BOLD};{_GREEN}", text)

    def symbol(self, symbol: str) -> str:
        """A symbol of the plan in its colour, at the right of three columns."""
        if not self.colour:
            return f"{symbol:>3}"
        painted = "".join(
            self._with(_SYMBOL_COLOURS[part], part) if part in _SYMBOL_COLOURS else part for part in symbol
        )
        return " " * (3 - len(symbol)) + painted

    def _with(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


@dataclass(frozen=True, slots=True)
class Pen:
    """Puts lines into their columns: a symbol, then text, four columns further in at each depth."""

    paint: Paint
    verbose: bool
    symbols: bool = True
    """Whether there is a column for symbols; the state has none."""

    is_diff: bool = False
    """Whether symbols stand at the beginning of the line, as those of a diff, which other tools colour."""

    def line(self, depth: int, symbol: str, text: str) -> str:
        """One line."""
        if self.is_diff:
            # In a diff a change in place is marked by an exclamation mark.
            return f"{symbol.replace('~', '!'):<4}{'    ' * depth}{text}".rstrip(" ")
        mark = f"{self.paint.symbol(symbol)} " if self.symbols else ""
        return f"{'    ' * depth}{mark}{text}".rstrip(" ")


def quoted(text: str) -> str:
    """Text as a JSON string, safe to print."""
    return printable(_encode(text))


def label(part: str) -> str:
    """A field's or setting's name, quoted if it is not a plain word."""
    return part if _PLAIN.fullmatch(part) else quoted(part)


def item_label(name: str, part: str) -> str:
    """``Nodes["orders"]`` for an item with a key, ``Nodes[0]`` for one without."""
    return f"{label(name)}[{quoted(part) if isinstance(part, ItemKey) else label_or_number(part)}]"


def label_or_number(part: str) -> str:
    """The place of an item in a list that has no keys."""
    return part if part.isascii() and part.isdigit() else label(part)


def value_text(value: JSONValue, *, verbose: bool = True) -> str:
    """A value on one line. Unless ``verbose``, a very long one is cut and the rest counted."""
    if value == HIDDEN:
        return HIDDEN
    if isinstance(value, str):
        return quoted(value) if verbose or len(value) <= _LONGEST else _cut(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{label(key)} = {value_text(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(value_text(item) for item in value)}]"
    return json.dumps(value)


def shown_value(value: JSONValue) -> JSONValue:
    """A value with every secret in it replaced."""
    return cast("Mapping[str, JSONValue]", shown_body({"value": value}))["value"]


def counted(count: int, one: str, many: str = "") -> str:
    """``1 task``, ``2 tasks``."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def some_lines(lines: Sequence[str], indent: str, *, verbose: bool) -> list[str]:
    """Lines, all of them unless there are very many."""
    if verbose or len(lines) <= _LISTED:
        return list(lines)
    return [*lines[:_FIRST], f"{indent}… and {len(lines) - _FIRST} more (--verbose lists them)"]


def address_lines(addresses: Sequence[str], indent: str, *, verbose: bool) -> list[str]:
    """Addresses side by side on wrapped lines, all of them unless there are very many."""
    few = verbose or len(addresses) <= _LISTED
    named = addresses if few else addresses[:_FIRST]
    text = ", ".join(printable(address) for address in named)
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if not few:
        lines.append(f"{indent}… and {len(addresses) - len(named)} more (--verbose lists them)")
    return lines


def family(task_type: int) -> str:
    """``real-time`` or ``offline``."""
    return "offline" if task_type == OFFLINE else "real-time"


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as aligned text; nothing is added after the last cell of a row."""
    table = [list(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip(" ")
        for row in table
    ]


def _cut(text: str) -> str:
    return f"{quoted(text[:_LONGEST])}… ({len(text) - _LONGEST} more characters)"
