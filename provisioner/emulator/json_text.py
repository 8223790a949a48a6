"""JSON as it comes in from a socket or a file.

Rule: only what every reader understands alike is read: UTF-8, no key twice, no number that is not one.
Python's own reader is laxer in each of these, and a client that is wrong would never hear of it.
"""

import json
import math
from typing import Any


def read_json(text: bytes | str) -> Any:  # noqa: ANN401  # JSON
    """The value.

    Raises:
        ValueError: it is not JSON; says why.
    """
    try:
        return json.loads(
            # From bytes, the standard library would guess UTF-16 and UTF-32 too.
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_no_number,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return value


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text[:40]} is not a number that JSON has")
