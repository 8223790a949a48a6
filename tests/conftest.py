"""What every test needs: the helpers beside this file, the scripts in ``chaos`` and ``bench``, and no clock."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(_HERE, "chaos"), os.path.join(_HERE, "bench")]

# No clock decides about a test: machines are shared and slow at times.
settings.register_profile("no clock", deadline=None)
# For `make versions`: the default version of Python has tried every example of the generated tests already.
settings.register_profile("fewer", deadline=None, max_examples=20)
settings.load_profile("no clock")

from projects import Project, new_project  # noqa: E402  # found where the path above says
from tally import Table, Tally  # noqa: E402

_TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """Nothing was tried yet."""
    config.stash[_TALLY] = Tally()


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Table:
    """Counts what the test tries."""
    return request.config.stash[_TALLY].table_of(request)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project as ``init`` makes it, with the embedded emulator."""
    return new_project(tmp_path, capsys, monkeypatch)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of several hands in what it has tried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = session.config.stash[_TALLY].packed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what it hands in; one that crashed has nothing, and its tests have failed."""
    node.config.stash[_TALLY].add(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How much was tried of each promise."""
    stats = terminalreporter.stats
    for line in config.stash[_TALLY].lines(stats.get("failed", []) + stats.get("error", [])):
        terminalreporter.write_line(line)
