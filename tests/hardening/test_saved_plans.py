"""A saved plan that was edited is not carried out, whatever was edited and however well.

200 edits of its content at random, and as many by somebody who also brings the checksum up to date: of
what a plan carries, nothing may be other than what manifests and state give.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from mutations import mutated
from projects import Project, task_manifest
from provisioner.core.documents.plan_document import checksum_of
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from tally import Table

EDITS = 200
DERIVED = frozenset({"format_version", "checksum", "source", "sensitive", "cannot_be_cleared"})
"""What says nothing of what is done: where manifests stand, what the document is, and two truth values
that are worked out anew and that Python takes for the numbers 0 and 1."""


@pytest.fixture
def emulator(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """With three tasks, so that a plan can create, change and delete."""
    with EmulatorServer(switches={"calls_per_second": 0}) as served:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
        monkeypatch.setenv("PROVISIONER_ENDPOINT", served.url)
        for name in ("kept", "changed", "gone"):
            project.write(f"manifests/{name}.yaml", task_manifest(name))
        assert project.run("apply", "-auto-approve").code == 0
        project.write("manifests/changed.yaml", task_manifest("changed", description="other"))
        project.write("manifests/new.yaml", task_manifest("new"))
        (project.root / "manifests" / "gone.yaml").unlink()
        yield served


class Attempts:
    """A saved plan, and what becomes of edited ones."""

    def __init__(self, project: Project, emulator: EmulatorServer) -> None:
        assert project.run("plan", "--max-delete-percent=100", "--out", "saved").code == 0
        self.saved = (project.root / "saved").read_bytes()
        self._project = project
        self._emulator = emulator
        self._before = self._world()

    def ensure_refused(self, edited: bytes, seed: str) -> None:
        """Not carried out: an error, nothing was sent, nothing changed."""
        (self._project.root / "edited").write_bytes(edited)
        ran = self._project.run("apply", "--max-delete-percent=100", "edited")
        assert ran.code in (1, 4), (seed, ran.err)
        assert ran.err.startswith("Error: "), seed
        assert self._world() == self._before, seed

    def _world(self) -> object:
        files = self._project.files()
        return (
            len(self._emulator.calls),
            self._emulator.service.tasks(),
            {name: data for name, data in files.items() if name.startswith("provisioner.state.json")},
        )

    def ensure_the_real_one_is_carried_out(self) -> None:
        """So that nothing else was in the way."""
        assert self._project.run("apply", "--max-delete-percent=100", "saved").code == 0
        assert {task["TaskName"] for task in self._emulator.service.tasks()} == {
            *("orders-to-lake", "kept", "changed", "new")
        }


def test_an_edited_plan_is_not_carried_out(project: Project, emulator: EmulatorServer, tried: Table) -> None:
    """Bytes at random; what only looks otherwise (a blank, the order of keys) is no edit."""
    attempts = Attempts(project, emulator)
    number = done = 0
    while done < EDITS:
        number += 1
        edited = mutated(attempts.saved, f"plan {number}")
        if _content(edited) == _content(attempts.saved):
            continue
        attempts.ensure_refused(edited, f"plan {number}")
        done += 1
    attempts.ensure_the_real_one_is_carried_out()
    tried("edits of a saved plan", done)


def _content(data: bytes) -> str:
    """What a plan says; the text itself if it is no JSON. Exact where Python is not: true is not 1."""
    try:
        return json.dumps(json.loads(data), sort_keys=True)
    except ValueError:
        return repr(data)


def test_a_forged_plan_is_not_carried_out(project: Project, emulator: EmulatorServer, tried: Table) -> None:
    """One value of its content is another, and its checksum fits."""
    attempts = Attempts(project, emulator)
    for number in range(EDITS):
        chance = random.Random(f"forged {number}")
        document = json.loads(attempts.saved)
        places = [place for place in _places(document) if _is_carried(place)]
        place = chance.choice(places)
        _forge(document, place, chance)
        del document["checksum"]
        document["checksum"] = checksum_of(document)
        attempts.ensure_refused(json.dumps(document).encode(), f"forged {number}: {place}")
    attempts.ensure_the_real_one_is_carried_out()
    tried("forged plans", EDITS)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value."""
    inside: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in inside:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _is_carried(path: tuple[str | int, ...]) -> bool:
    in_a_body = "before" in path or "after" in path
    return (in_a_body or not DERIVED & set(path)) and "after_unknown" not in path


def _forge(document: Any, path: tuple[str | int, ...], chance: random.Random) -> None:
    """Another value at a place, or none."""
    owner = document
    for part in path[:-1]:
        owner = owner[part]
    old = owner[path[-1]]
    if chance.random() < 0.2:
        del owner[path[-1]]
        return
    choices = [None, True, False, 0, 1, -1, 7.5, "", "x", [], {}, ["x"], {"x": "y"}, f"{old}x", [old]]
    owner[path[-1]] = chance.choice([value for value in choices if _differs(value, old)])


def _differs(value: object, old: object) -> bool:
    """Also in kind: 1 is not true, and 0 is not false."""
    return json.dumps(value) != json.dumps(old)
