"""A project in a folder of its own, and a way to run the program in it: for the functional tests."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.cli import main
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer

REPOSITORY = Path(__file__).resolve().parents[1]


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


def new_project(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project as ``init`` makes it, in a folder of its own; nothing of this machine's settings counts."""
    for name in list(os.environ):
        if name.startswith(("PROVISIONER_", "TENCENTCLOUD_", "TCCLI_", "TKE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder / "home"))
    root = folder / "project"
    root.mkdir()
    made = Project(root, capsys)
    assert made.run("init").code == 0
    return made


def connect(monkeypatch: pytest.MonkeyPatch, emulator: EmulatorServer) -> None:
    """Make an emulator the endpoint of every project, with no limit worth mentioning on its calls."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
    monkeypatch.setenv("PROVISIONER_ENDPOINT", emulator.url)
    monkeypatch.setenv("PROVISIONER_RATE_PER_SECOND", "1000")


def unmeasured() -> dict[str, str]:
    """The environment for a process that is killed or cannot write, or that runs what other tests measure."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def task_manifest(name: str, *, task_type: int = 201, description: str = "x") -> str:
    """A small valid manifest."""
    return (
        f"kind: IntegrationTask\nname: {name}\nTaskInfo:\n  Description: {description}\n"
        f"  SyncType: 2\n  TaskType: {task_type}\n  Config:\n    concurrency: 1\n"
    )
