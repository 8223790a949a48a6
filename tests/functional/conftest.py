"""Fixtures for tests that run the whole program."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from projects import REPOSITORY, Project, connect
from provisioner.emulator.server import EmulatorServer


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    """An emulator outside the program's own process."""
    with EmulatorServer(switches={"calls_per_second": 0}) as server:
        yield server


@pytest.fixture
def remote(project: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project with that emulator as its endpoint."""
    connect(monkeypatch, emulator)
    return project


@pytest.fixture
def examples(project: Project) -> Project:
    """The project with this repository's example manifests."""
    shutil.rmtree(project.root / "manifests")
    shutil.copytree(REPOSITORY / "manifests", project.root / "manifests")
    return project


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Type something at the prompt."""
    import io

    def typed(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return typed
