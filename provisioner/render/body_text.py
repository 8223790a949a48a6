"""A task's body as indented text: what a create shows, and ``state show``.

Rule: names are the API's own; every value is JSON, so that text and number look different; what
must not be shown is replaced before it comes here; whatever comes from outside is escaped.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.core.address import JSONValue
from provisioner.core.text import printable

SHOWN_ITEMS = 8
"""How many columns or pairs of columns are shown before the rest is counted."""

_INLINE_CHARACTERS = 100


def value_text(value: JSONValue) -> str:
    """A value as JSON on one line, harmless to a terminal."""
    return printable(json.dumps(value, ensure_ascii=False))


def body_lines(body: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    """The fields of a body, in order of names: plain values aligned, then what has fields itself."""
    plain = {name: value for name, value in body.items() if not isinstance(value, Mapping | list)}
    width = max((len(printable(name)) for name in plain), default=0)
    for name in sorted(plain):
        yield f"{printable(name):<{width}} = {value_text(plain[name])}"
    for name in sorted(body):
        value = body[name]
        if isinstance(value, Mapping):
            yield from _nested(printable(name), value, verbose=verbose)
        elif isinstance(value, list):
            yield from _list_lines(printable(name), value, verbose=verbose)


def _nested(head: str, value: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"    {line}" for line in body_lines(value, verbose=verbose))
    yield "}"


def _list_lines(name: str, items: list[Any], *, verbose: bool) -> Iterator[str]:
    """Small items one a line; items with fields of their own as blocks named by their Name."""
    inline = [_inline(item) for item in items]
    if any(text is None for text in inline):
        for index, item in enumerate(items):
            label = item.get("Name") if isinstance(item, Mapping) else None
            yield from _nested(f"{name} {value_text(label or str(index + 1))}", item, verbose=verbose)
        return
    hidden = 0 if verbose else max(0, len(items) - SHOWN_ITEMS)
    yield f"{name} = ["
    yield from (f"    {text}," for text in inline[: len(items) - hidden])
    if hidden:
        yield f"    # ({hidden} more)"
    yield "]"


def _inline(item: object) -> str | None:
    """A small item on one line, or None if it needs a block."""
    if not isinstance(item, Mapping):
        return value_text(item)  # type: ignore[arg-type]  # a list holds JSON
    if any(isinstance(value, Mapping | list) for value in item.values()):
        return None
    text = ", ".join(f"{printable(name)} = {value_text(value)}" for name, value in item.items())
    return f"{{ {text} }}" if len(text) <= _INLINE_CHARACTERS else None
