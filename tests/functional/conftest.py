"""Fixtures for tests that run the whole program."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from projects import REPOSITORY, Project


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project as ``init`` makes it, with the embedded emulator."""
    for name in list(os.environ):
        if name.startswith(("PROVISIONER_", "TENCENTCLOUD_", "TCCLI_", "TKE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root, capsys)
    assert made.run("init").code == 0
    return made


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
