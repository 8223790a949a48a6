"""The names of tasks: addresses and task ids.

Rule: an address is ours and stays for life; a TaskId is the service's and is opaque. The two are
never mixed, so each has a type of its own.
"""

from typing import NewType

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
