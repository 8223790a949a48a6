"""Say at the end of the tests how much was played."""

import pytest

from life.amounts import COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line with the counts."""
    if COUNTS:
        terminalreporter.write_line(
            f"life of a task: {COUNTS['stories']:,} stories with {COUNTS['edits']:,} differences behind our back, "
            f"{COUNTS['broken']} with one that is false or missed or another broken promise, "
            f"{COUNTS['caught']}/{COUNTS['mutants']} mutants"
        )
