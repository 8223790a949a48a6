"""Say at the end of the tests how much was simulated; replay one schedule."""

import pytest

from simulation.amounts import COUNTS


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--schedule``, for the test that replays it."""
    parser.addoption("--schedule", help="a schedule of the simulation, to be played once more")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line with the counts."""
    if COUNTS:
        terminalreporter.write_line(
            "simulation: "
            f"{COUNTS['schedules']:,} schedules ({COUNTS['runs']:,} runs; what is equal is played once), "
            f"{COUNTS['seeds']:,} seeds, {COUNTS['histories']:,} histories of {COUNTS['steps']} steps, "
            f"{COUNTS['caught']}/{COUNTS['mutants']} mutants, {COUNTS['violations']} violations"
        )
