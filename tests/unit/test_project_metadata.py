"""The versions of Python that are supported: said in several places, the same in all of them."""

import re
import runpy
import tomllib

from projects import REPOSITORY

PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
# The list that `make versions` runs.
SUPPORTED: list[str] = runpy.run_path(str(REPOSITORY / ".ci" / "pythons.py"))["supported"]()


def test_versions_run_are_those_of_the_classifiers() -> None:
    """All of them, oldest first, without a gap."""
    prefix = "Programming Language :: Python :: 3."
    classifiers = [line for line in PYPROJECT["project"]["classifiers"] if line.startswith(prefix)]
    assert [f"{prefix}{version.removeprefix('3.')}" for version in SUPPORTED] == classifiers
    minors = [int(version.removeprefix("3.")) for version in SUPPORTED]
    assert minors == list(range(minors[0], minors[0] + len(minors)))


def test_oldest_version_is_the_one_that_is_required() -> None:
    """By the package, by the linter, by the lock files."""
    oldest = SUPPORTED[0]
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert f"--python-version {oldest} " in (REPOSITORY / "Makefile").read_text()


def test_readme_names_the_supported_versions() -> None:
    """In one sentence: "Python 3.11, … or 3.14"."""
    said = re.findall(r"Python ((?:3\.\d+, )+3\.\d+ or 3\.\d+)", (REPOSITORY / "README.md").read_text())
    assert said == [f"{', '.join(SUPPORTED[:-1])} or {SUPPORTED[-1]}"]
