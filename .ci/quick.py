"""An environment from locked requirements, and the quick tests and the demo in it.

Rule: the tests run as configured; nothing is switched off for an older or newer Python or library.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pythons import ROOT

TOOLS = Path(sys.executable).parent
# Interpreters are found or fetched by pythons.py; uv has no business to download any. A PYTHONPATH would
# bring other code than the environment's.
ENVIRONMENT = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
ENVIRONMENT.pop("PYTHONPATH", None)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command and show what it prints.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    subprocess.run([str(word) for word in command], cwd=cwd, env=ENVIRONMENT, check=True)


def uv(*words: str | Path) -> None:
    """Run uv, which is silent unless it fails."""
    run(TOOLS / "uv", "--quiet", *words)


def make_environment(folder: Path, python: str, requirements: Path) -> None:
    """Make a fresh environment with exactly these requirements, whose hashes are checked."""
    uv("venv", "--clear", "--python", python, folder)
    uv("pip", "install", "--python", folder, "--require-hashes", "--requirement", requirements)


def install_checkout(folder: Path) -> None:
    """Install this checkout, editable, with the build tools that the environment has already."""
    uv("pip", "install", "--python", folder, "--no-deps", "--no-build-isolation", "--editable", ".")


def demo(program: Path, example: Path | None = None) -> None:
    """Run the demo in an empty folder, with the example's manifests or else with those that init writes."""
    with tempfile.TemporaryDirectory() as project:
        run(ROOT / ".ci" / "demo", program, project, *([example] if example else []))


def run_quick(folder: Path, tests: list[str]) -> None:
    """Run these tests and the demo with the environment's Python and libraries."""
    processes = ["--numprocesses", "2", "--dist", "worksteal"]
    # No cache: the failures of another version are not those of the default one.
    run(folder / "bin" / "python", "-m", "pytest", "--quiet", *processes, "-p", "no:cacheprovider", *tests)
    demo(folder / "bin" / "provisioner", ROOT)
