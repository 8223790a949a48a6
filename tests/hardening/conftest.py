"""Fixtures of the hardening tests."""

from pathlib import Path

import pytest

from projects import Project, new_project


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A new project as ``init`` makes it, with the embedded emulator."""
    return new_project(tmp_path, capsys, monkeypatch)
