"""The page about the architecture follows a manifest to its TaskId: an apply calls every function that it names."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from projects import REPOSITORY, Project, task_manifest
from provisioner.errors import StateError
from provisioner.store.backend import LocalBackend

SOURCE = REPOSITORY / "provisioner"
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()
NAMED = set(re.findall(r"`([a-z_/]+\.py)`\s+`(\w+(?:\.\w+)?)`", PAGE))
"""Modules and what the page says is called in them."""


@contextmanager
def calls_seen() -> Iterator[set[tuple[str, str]]]:
    """Every function of ours that is called meanwhile, on any thread: its module's path and its name."""
    seen: set[tuple[str, str]] = set()
    root = f"{SOURCE}{os.sep}"

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root):
            seen.add((code.co_filename.removeprefix(root), code.co_qualname))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def test_an_apply_calls_every_function_that_the_page_names(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the journal of a run that was cut short; a manifest with a fault has its place looked up."""

    def full(*_: object) -> None:
        raise StateError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "commit", full)
        assert project.run("apply", "-auto-approve").code == 4
    project.write("manifests/orders.yaml", task_manifest("orders"))
    with calls_seen() as seen:
        assert project.run("apply", "-auto-approve").code == 0
        project.write("manifests/wrong.yaml", "kind: IntegrationTask\nname: wrong\n")
        assert project.run("validate").code == 3
    assert len(NAMED) > 40
    assert sorted(NAMED - seen) == []
