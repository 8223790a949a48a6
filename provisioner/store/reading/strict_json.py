"""JSON, read as strictly as YAML: no key twice, no NaN, no half characters, bounded nesting.

Rule: the same value comes out as of the same text read as YAML, numbers included. ``1e3`` and
``1.50`` stay text, and no digit of a long number is lost.

There are two readers, as in ``strict_yaml``: the standard library's for a text that is in order, and
an iterative one that finds every problem and the place of every value in any other.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.problem import Document, Problem
from provisioner.core.schema.validation import shown
from provisioner.core.source import Source
from provisioner.store.reading.nodes import (
    MAX_NESTING,
    Container,
    Finding,
    Lines,
    Node,
    is_too_deep,
    place_of,
    resolve_number,
)

_BYTE_ORDER_MARK = "\ufeff"
_SPACE = re.compile(r"[ \t\n\r]*")
_HALF = re.compile("[\ud800-\udfff]")
# Any escape of half a character, though most come in pairs that are in order; or a raw half.
_HALF_WRITTEN = re.compile("\\\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_TEXT_BEGINNING = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_BEGINNING = re.compile(_TEXT_BEGINNING)
_TOKEN = re.compile(
    rf"""[ \t\n\r]*+(?:
      (?P<text>{_TEXT_BEGINNING}")
    | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
    | (?P<word>-?[A-Za-z]\w*+)
    | (?P<mark>[\[\]{{}}:,])
    | (?P<end>\Z)
    | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS: dict[str, JSONValue] = {"true": True, "false": False, "null": None}
_NO_NUMBERS = {"NaN", "Infinity", "-Infinity"}


def parse_json(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """The document if it is in order and not null, and every problem. See ``parse_yaml``."""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = _quick(text)
        begin = _SPACE.match(text)
        place = Lines(text).place(begin.end() if begin else 0)
    except (ValueError, RecursionError):
        composer = _composed(text)
        if composer.node is None:
            return [], [Problem(Source(file, *place), message) for place, message in composer.findings]
        value, place = composer.node.value, composer.node.place
    return [] if value is None else [Document(value, Source(file, *place), 0)], []


def locate_json(text: str, index: int, path: Sequence[str | int], *, key: bool) -> tuple[int, int]:
    """Line and column of the value at ``path``, or of its key. See ``locate_yaml``."""
    node = _composed(text.removeprefix(_BYTE_ORDER_MARK)).node
    return (1, 1) if node is None or index else place_of(node, path, key=key)


# ── the quick reader ────────────────────────────────────────────────────────


def _quick(text: str) -> JSONValue:
    """The value of a text in which nothing is unusual.

    Raises:
        ValueError: it is not JSON, or something in it may have to be refused.
        RecursionError: it is nested deeper than the interpreter allows.
    """
    if ("\\u" in text or not text.isascii()) and _HALF_WRITTEN.search(text):
        raise ValueError
    value: JSONValue = json.loads(
        text,
        object_pairs_hook=_unique,
        parse_int=resolve_number,
        parse_float=resolve_number,
        parse_constant=_refuse,
    )
    if is_too_deep(value):
        raise ValueError
    return value


def _unique(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _refuse(constant: str) -> JSONValue:
    raise ValueError(constant)


# ── the careful reader ──────────────────────────────────────────────────────


class _Next(Enum):
    """What may come next."""

    VALUE = auto()
    VALUE_OR_END = auto()
    KEY = auto()
    KEY_OR_END = auto()
    COLON = auto()
    COMMA_OR_END = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    """One word of JSON."""

    kind: str
    """text, number, word, mark, end or other."""

    written: str
    offset: int


class _SyntaxFaultError(Exception):
    """A fault after which nothing can be made out."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


class _Composer:
    """Reads one text: its node if it is in order, and everything that is wrong."""

    def __init__(self, text: str) -> None:
        self.node: Node | None = None
        self.findings: list[Finding] = []
        self._text = text
        self._lines = Lines(text)
        self._open: list[Container] = []
        self._next = _Next.VALUE
        self._root: Node | None = None
        self._steps: dict[_Next, Callable[[_Token], None]] = {
            _Next.VALUE: self._value,
            _Next.VALUE_OR_END: self._value_or_end,
            _Next.KEY: self._key,
            _Next.KEY_OR_END: self._key_or_end,
            _Next.COLON: self._colon,
            _Next.COMMA_OR_END: self._comma_or_end,
            _Next.NOTHING: self._nothing,
        }

    def run(self) -> None:
        """Read to the end, or to the first fault after which nothing can be made out."""
        try:
            for match in _TOKEN.finditer(self._text):
                kind = match.lastgroup or ""
                self._steps[self._next](_Token(kind, match.group(kind), match.start(kind)))
        except _SyntaxFaultError as fault:
            self._find(fault.offset, fault.message)
        if not self.findings:
            self.node = self._root

    def _find(self, offset: int, message: str) -> None:
        self.findings.append(Finding(self._lines.place(offset), message))

    def _value_or_end(self, token: _Token) -> None:
        if token.written == "]" and token.kind == "mark":
            self._end()
        else:
            self._value(token)

    def _value(self, token: _Token) -> None:
        if token.written in ("{", "["):
            self._start(token)
        elif token.kind in ("text", "number", "word"):
            self._add(Node(self._scalar(token), self._lines.place(token.offset)))
        else:
            raise self._unexpected(token, "a value is expected here")

    def _scalar(self, token: _Token) -> JSONValue:
        if token.kind == "text":
            return self._unescaped(token)
        if token.kind == "number":
            return resolve_number(token.written)
        if token.written in _NO_NUMBERS:
            self._find(token.offset, f"{token.written} is not a number that JSON knows")
        elif token.written not in _CONSTANTS:
            raise self._unexpected(token, "a value is expected here: put text in double quotes")
        return _CONSTANTS.get(token.written)

    def _unescaped(self, token: _Token) -> str:
        value: str = json.loads(token.written)
        if half := _HALF.search(value):
            code = ord(half.group())
            self._find(token.offset, f"the text has U+{code:04X}, half of a character: it cannot be encoded")
        return value

    def _start(self, token: _Token) -> None:
        if len(self._open) == MAX_NESTING:
            raise _SyntaxFaultError(token.offset, f"nested deeper than {MAX_NESTING} levels")
        self._open.append(Container(self._lines.place(token.offset), is_map=token.written == "{"))
        self._next = _Next.KEY_OR_END if token.written == "{" else _Next.VALUE_OR_END

    def _end(self) -> None:
        self._add(self._open.pop().node())

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].add(node)
            self._next = _Next.COMMA_OR_END
        else:
            self._root = node
            self._next = _Next.NOTHING

    def _key_or_end(self, token: _Token) -> None:
        if token.written == "}":
            self._end()
        else:
            self._key(token)

    def _key(self, token: _Token) -> None:
        if token.kind != "text":
            raise self._unexpected(token, "a key in double quotes is expected here")
        container = self._open[-1]
        key = self._unescaped(token)
        container.key = None if key in container.keys else key
        if container.key is None:
            first = container.keys[key].line
            self._find(token.offset, f"duplicate key {shown(key)}: line {first} has it already")
        else:
            container.keys[key] = self._lines.place(token.offset)
        self._next = _Next.COLON

    def _colon(self, token: _Token) -> None:
        if token.written != ":":
            raise self._unexpected(token, 'a ":" is expected here, after a key')
        self._next = _Next.VALUE

    def _comma_or_end(self, token: _Token) -> None:
        container = self._open[-1]
        closing = "}" if container.is_map else "]"
        if token.written == closing:
            self._end()
        elif token.written == ",":
            self._next = _Next.KEY if container.is_map else _Next.VALUE
        else:
            raise self._unexpected(token, f'a "," or a "{closing}" is expected here')

    def _nothing(self, token: _Token) -> None:
        if token.kind != "end":
            raise self._unexpected(token, "nothing more is expected here: a .json file has one document")

    def _unexpected(self, token: _Token, message: str) -> _SyntaxFaultError:
        """The fault in the words that help most."""
        if token.kind == "other":
            return self._unknown(token)
        if token.kind == "end" and self._open:
            container = self._open[-1]
            what = "map" if container.is_map else "list"
            message = f"the text ends, but the {what} that begins in line {container.place.line} does not"
        elif token.written in ("}", "]") and self._text[: token.offset].rstrip().endswith(","):
            message = f'remove the "," before this "{token.written}"'
        return _SyntaxFaultError(token.offset, message)

    def _unknown(self, token: _Token) -> _SyntaxFaultError:
        """What cannot begin a token: a comment, another kind of quote, or text that is broken."""
        if token.written in ("/", "#"):
            return _SyntaxFaultError(token.offset, "JSON has no comments: remove it, or write YAML")
        beginning = _BEGINNING.match(self._text, token.offset)
        if beginning is None:
            return _SyntaxFaultError(token.offset, f"{shown(token.written)} is not expected here")
        return self._broken_text(token, beginning.end())

    def _broken_text(self, token: _Token, offset: int) -> _SyntaxFaultError:
        stop = self._text[offset : offset + 1]
        if stop == "\\":
            return _SyntaxFaultError(offset, "this escape does not exist: write two backslashes for one")
        if stop in ("", "\n", "\r"):
            return _SyntaxFaultError(token.offset, "the text that begins here has no closing quote")
        name, escape = f"U+{ord(stop):04X}", f"\\u{ord(stop):04x}"
        return _SyntaxFaultError(offset, f"the character {name} is not allowed as it stands: write {escape}")


@lru_cache(maxsize=1)
def _composed(text: str) -> _Composer:
    """One text, read carefully; the last one is kept, because problems of a file come together."""
    composer = _Composer(text)
    composer.run()
    return composer
