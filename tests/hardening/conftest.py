"""Fixtures of the hardening tests, and the line in which they say at the end how much they tried."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from projects import Project, new_project

_COUNTS = pytest.StashKey[Counter[str]]()
_NOTES = pytest.StashKey[list[str]]()


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project as ``init`` makes it, with the embedded emulator."""
    return new_project(tmp_path, capsys, monkeypatch)


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> Callable[[str, int], None]:
    """Count what was tried, under the words that the last line says."""
    counts = pytestconfig.stash.setdefault(_COUNTS, Counter())

    def count(what: str, amount: int = 1) -> None:
        counts[what] += amount

    return count


@pytest.fixture
def note(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Say something that was measured."""
    return pytestconfig.stash.setdefault(_NOTES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """``hardening: 616 escape cases, ..., 0 findings``."""
    counts = config.stash.get(_COUNTS, Counter())
    if not counts:
        return
    failed = [
        report
        for outcome in ("failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
        if "hardening/" in report.nodeid
    ]
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    terminalreporter.write_line(f"hardening: {said}, {len(failed)} findings")
    for line in config.stash.get(_NOTES, []):
        terminalreporter.write_line(f"hardening: {line}")
