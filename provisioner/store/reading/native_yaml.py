"""YAML of the usual kind, read by a native parser: what the strict reader would read, in a third of the time.

Rule: what is read here is exactly what the strict reader would have read, and whatever might not be is
not read here. yaml-rs follows YAML 1.2, so it takes ``0123`` for 123, and it tells no places. So a text
in which anything is unusual (a number that is not written as it is counted, an anchor, a tag, a second
document, an escape, a block of text) is left to the strict reader, and so is all that yaml-rs refuses.
The differential test holds the two to each other.
"""

import re
from functools import lru_cache
from typing import Any

from yaml_rs import YAMLDecodeError, loads

from provisioner.core.json_types import JSONValue
from provisioner.store.reading.nodes import MAX_NESTING

_MAX_LINE = 1000
"""libyaml refuses a key of more than 1,024 characters."""

_CONTAINERS = frozenset([dict, list])
_TEXT = frozenset([str])

_MISREAD = re.compile("[\\\\\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Escapes, what libyaml refuses, and what YAML 1.1 takes for a line break or a separator."""

_ENDS = r"(?:[ ]*(?:[,\]}\n]|\Z)|[ ]+#)"
"""What comes after a number that stands alone."""

_UNUSUAL = re.compile(
    # Of all places, only those where one of these characters stands are looked at.
    r"""[-+._!&*|>@`%?<:0-9](?:(?<=<)<|(?<=:)[,\[\]{}"']|(?<=:)(?<![^\s\[{,].)|(?<![^\s\[{,:].)(?:"""
    # A tag, an anchor, an alias, a block of text, a directive, what is reserved, a key told by a mark.
    r"(?<=[!&*|>@`%?])"
    # The mark of a document, and what some reader takes for a number though it is no integer as written.
    r"|(?<=_)[-+._0-9]|(?<=\.)[._0-9A-Za-z]|(?<=\+)[._0-9]|(?<=-)(?:[-._0]|[1-9](?![0-9]{0,14}" + _ENDS + "))"
    r"|(?<=0)(?!" + _ENDS + r")|(?<=[1-9])(?![0-9]{0,14}" + _ENDS + "))"
    r")"
)

_QUOTED = re.compile(r"""(?<=[\s\[{,:])(?:"[^"\\\n]*"|'[^'\n]*')""")
"""A text in quotes, on one line, where a value or a key may begin. One that begins in the middle of a plain
text leaves a quotation mark behind, or hides nothing but more of that text."""


_NO_BRACKETS = bytes(set(range(256)) - set(b"\n[]{}\"'"))
_IN_QUOTES = re.compile(rb"""\"[^\"]*\"|'[^']*'""")

_BEFORE_FIRST = re.compile(r"(?:[ ]*(?:#[^\n]*)?\n)*[ ]*")


class UnusualError(Exception):
    """Only the strict reader can judge this text."""


def read_usual(text: str) -> tuple[JSONValue, tuple[int, int]]:
    """The value of the one document in a text, and the line and column where it begins.

    Raises:
        UnusualError: there is something in the text that may have to be refused, or read otherwise.
    """
    if _MISREAD.search(text) or _is_unusual(text):
        raise UnusualError
    try:
        value: Any = loads(text, parse_datetime=False)
    except YAMLDecodeError as error:
        raise UnusualError from error
    if type(value) not in _CONTAINERS or not _is_plain(value):
        raise UnusualError
    return value, _first_place(text)


def _is_unusual(text: str) -> bool:
    if max(map(len, text.split("\n"))) > _MAX_LINE:
        return True
    if not all(map(_is_closed, {*text.encode().translate(None, _NO_BRACKETS).split(b"\n")})):
        return True
    if not _UNUSUAL.search(text):
        return False
    # It may stand in quotes.
    bare = _QUOTED.sub("q", text)
    return '"' in bare or "'" in bare or _UNUSUAL.search(bare) is not None


@lru_cache(maxsize=1024)
def _is_closed(brackets: bytes) -> bool:
    """Whether every bracket of a line is closed in it, what stands in quotes left out.

    A key in brackets may go over a line's end for yaml-rs, and not for libyaml.
    """
    bare = _IN_QUOTES.sub(b"", brackets)
    while (shorter := bare.replace(b"{}", b"").replace(b"[]", b"")) != bare:
        bare = shorter
    return not bare


def _is_plain(value: Any) -> bool:  # noqa: ANN401  # what was read is not known yet
    """Whether every key is text, and nothing is nested too deep."""
    level = [value]
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                if not {*map(type, container)} <= _TEXT:
                    return False
                container = container.values()  # noqa: PLW2901
            below += [inner for inner in container if type(inner) in _CONTAINERS]
        if not below:
            return True
        level = below
    return False


def _first_place(text: str) -> tuple[int, int]:
    before = _BEFORE_FIRST.match(text)
    end = before.end() if before else 0
    return text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end)
