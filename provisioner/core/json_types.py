"""What JSON can say, as types."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JSONValue: TypeAlias = "str | int | float | bool | Mapping[str, JSONValue] | Sequence[JSONValue] | None"
"""Anything JSON can say. Treated as immutable: a change is a new value."""

JSONObject: TypeAlias = Mapping[str, "JSONValue"]
