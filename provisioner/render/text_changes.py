"""What differs between two long texts, line by line.

Rule: every line that differs is shown whole; of two single lines that are long, what is equal at
both ends may be left out. Each line carries a symbol of its own, so that no text can pass for a
line of the plan.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from provisioner.core.json_types import JSONValue
from provisioner.core.text import printable
from provisioner.render.words import Pen, counted, quoted, value_text

_LONG = 80
"""Characters from which on a change of a text is shown on lines of its own."""

_CONTEXT = 40
"""Equal characters that are shown on both sides of a difference within one line."""

_CONTEXT_LINES = 3


def is_long(before: JSONValue, after: JSONValue) -> bool:
    """Whether a change is too long for ``"a" -> "b"``."""
    return any(_is_long(value) for value in (before, after))


def text_lines(pen: Pen, before: JSONValue, after: JSONValue, depth: int) -> Iterator[str]:
    """The lines that differ, some equal ones around them, and how many were left out."""
    old, new = _lines(before, after)
    matcher = SequenceMatcher(None, old, new)
    end = 0
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        yield from _left_out(pen, group[0][1] - end, depth)
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (pen.line(depth, "", _text(line)) for line in old[i1:i2])
            else:
                yield from _changed(pen, old[i1:i2], new[j1:j2], depth)
        end = group[-1][2]
    yield from _left_out(pen, len(old) - end, depth)


def _is_long(value: JSONValue) -> bool:
    return len(value) > _LONG or "\n" in value if isinstance(value, str) else len(value_text(value)) > _LONG


def _lines(before: JSONValue, after: JSONValue) -> tuple[list[str], list[str]]:
    """Texts by lines, lists by items; what is neither on both sides as JSON."""
    if isinstance(before, str) and isinstance(after, str):
        return before.split("\n"), after.split("\n")
    if isinstance(before, list) and isinstance(after, list):
        return [value_text(item) for item in before], [value_text(item) for item in after]
    return [value_text(before)], [value_text(after)]


def _left_out(pen: Pen, count: int, depth: int) -> Iterator[str]:
    if count:
        yield pen.line(depth, "", f"# ({counted(count, 'unchanged line')} hidden)")


def _changed(pen: Pen, old: Sequence[str], new: Sequence[str], depth: int) -> Iterator[str]:
    if len(old) == len(new) == 1 and not pen.verbose:
        old, new = _around(old[0], new[0])
    yield from (pen.line(depth, "-", _text(line)) for line in old)
    yield from (pen.line(depth, "+", _text(line)) for line in new)


def _around(old: str, new: str) -> tuple[list[str], list[str]]:
    """Two lines without most of what they have in common at the beginning and at the end."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    end = next((i for i in range(shorter - start) if old[-1 - i] != new[-1 - i]), shorter - start)
    return [_without_ends(old, start, end)], [_without_ends(new, start, end)]


def _without_ends(line: str, start: int, end: int) -> str:
    first, last = max(start - _CONTEXT, 0), min(len(line) - end + _CONTEXT, len(line))
    return f"{'…' if first else ''}{line[first:last]}{'…' if last < len(line) else ''}"


def _text(line: str) -> str:
    """A line as it is, or in quotes where that would hide something."""
    return line if printable(line) == line and line == line.rstrip() else quoted(line)
