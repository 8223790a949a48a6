"""The page about the architecture names what exists, and draws the packages that there are."""

import ast
import re
from pathlib import Path

import pytest

from projects import REPOSITORY

SOURCE = REPOSITORY / "provisioner"
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()
NAMED = sorted(set(re.findall(r"`([a-z_/]+\.py)`\s+`(\w+(?:\.\w+)?)`", PAGE)))
"""Modules and what the page says is in them."""

DRAWN = PAGE.partition("```\nprovisioner/\n")[2].partition("```")[0]


def names_in(path: Path) -> set[str]:
    """The functions and classes of a module, and the methods of its classes with the class before them."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return names


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_every_function_of_the_walk_exists(module: str, name: str) -> None:
    assert name in names_in(SOURCE / module)


def test_the_walk_goes_through_every_part_of_an_apply() -> None:
    parts = {module.partition("/")[0] for module, _ in NAMED}
    assert parts == {"cli.py", "commands", "cloud", "core", "engine", "render", "store"}


def test_the_picture_shows_every_package() -> None:
    drawn = re.findall(r"([a-z]+)/\s", DRAWN)
    assert sorted(drawn) == sorted(path.parent.name for path in SOURCE.rglob("*/__init__.py"))
