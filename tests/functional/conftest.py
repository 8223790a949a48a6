"""A project in a folder of its own, and a way to run the program in it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """What one run of the program came to."""

    code: int
    out: str
    err: str


class Project:
    """A folder with a project in it; every run is the real ``main``."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys

    def run(self, *arguments: str) -> Ran:
        """Run the program in the folder."""
        before = Path.cwd()
        os.chdir(self.root)
        try:
            code = main(list(arguments))
        finally:
            os.chdir(before)
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def write(self, name: str, text: str) -> Path:
        """Put a file into the folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def files(self) -> dict[str, bytes]:
        """Every file and its bytes: to see that nothing was changed."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


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


def task_manifest(name: str, *, task_type: int = 201, description: str = "x") -> str:
    """A small valid manifest."""
    return (
        f"kind: IntegrationTask\nname: {name}\nTaskInfo:\n  Description: {description}\n"
        f"  SyncType: 2\n  TaskType: {task_type}\n  Config:\n    concurrency: 1\n"
    )
