"""The names of things: addresses, task ids, places in files.

Rule: an address is ours and stays for life; a TaskId is the service's and is opaque. The two are
never mixed, so each has a type of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NewType, TypeAlias

JSONValue: TypeAlias = "str | int | float | bool | Mapping[str, JSONValue] | Sequence[JSONValue] | None"
"""Anything JSON can say. Treated as immutable: a change is a new value."""

JSONObject: TypeAlias = Mapping[str, "JSONValue"]

Address = NewType("Address", str)
"""The manifest's ``name``: how state, plans and commands name a task. Never empty."""

TaskId = NewType("TaskId", str)
"""Given by the service, opaque, never empty."""

MAX_ADDRESS = 128
"""Characters in an address."""

ADDRESS_PATTERN = "^[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}$"
"""One to 128 ASCII letters, digits, ``_``, ``.`` or ``-``; not starting with ``.`` or ``-``.

Safe as a file name, as a shell word and after a flag.
"""


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A place in a file. Lines and columns count from 1, as editors do; 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """``file:line:column``, or only the file where no place in it is meant."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file
