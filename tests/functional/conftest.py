"""Fixtures for tests that run the whole program."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from projects import REPOSITORY, Project, new_project


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project as ``init`` makes it, with the embedded emulator."""
    return new_project(tmp_path, capsys, monkeypatch)


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
