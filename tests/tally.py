"""How much was tried of each promise, and in how many tests it was broken: tables at the end of a run."""

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

_TITLES = {"hardening": "hardening", "life": "the life of a task"}
"""Folder to table; what the other folders count belongs to the create protocol."""


@dataclass
class Table:
    """What the tests of some folders tried."""

    amounts: Counter[str] = field(default_factory=Counter)
    measured: list[str] = field(default_factory=list)
    """Lines of their own."""

    tests: list[str] = field(default_factory=list)
    """Node ids of those that count here."""

    def __call__(self, what: str, amount: int = 1) -> None:
        """So much more of it was tried."""
        self.amounts[what] += amount

    def lines(self, failed: Container[str]) -> Iterator[str]:
        """The rows, as text. ``failed`` are node ids."""
        violations = sum(test in failed for test in self.tests)
        rows = (*sorted(self.amounts.items()), ("violations", violations))
        width = max(len(what) for what, _ in rows)
        yield from (f"  {what:{width}}  {amount:>11,}" for what, amount in rows)
        yield from (f"  {line}" for line in sorted(self.measured))


class Tally:
    """All tables, of one process; those of others are added to it."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def table_of(self, request: pytest.FixtureRequest) -> Table:
        """The one to which a test belongs; from now on its failure is a violation there."""
        table = self._table(_TITLES.get(request.path.parent.name, "create protocol"))
        table.tests.append(request.node.nodeid)
        return table

    def packed(self) -> dict[str, Any]:
        """To be sent to another process."""
        return {
            title: {"amounts": dict(table.amounts), "measured": table.measured, "tests": table.tests}
            for title, table in self._tables.items()
        }

    def add(self, packed: dict[str, Any]) -> None:
        """What another process has tried."""
        for title, other in packed.items():
            table = self._table(title)
            table.amounts.update(other["amounts"])
            table.measured += other["measured"]
            table.tests += other["tests"]

    def lines(self, reports: list[pytest.TestReport]) -> Iterator[str]:
        """Every table. ``reports`` are those of the tests that failed."""
        failed = {report.nodeid for report in reports}
        for title, table in sorted(self._tables.items()):
            yield f"{title}:"
            yield from table.lines(failed)

    def _table(self, title: str) -> Table:
        return self._tables.setdefault(title, Table())
