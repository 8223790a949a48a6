"""Manifests read by one process or by several: the same specs and problems, in the same order."""

import os
import random
from pathlib import Path

import pytest

from corpus import manifest
from provisioner.commands.project import manifests
from provisioner.commands.project.manifests import ManifestReader, Manifests, load_manifests, name_place
from provisioner.commands.project.packing import packed, unpacked
from provisioner.core.address import Address
from provisioner.core.manifest.parse import Defaults
from provisioner.core.source import Source

DEFAULTS = Defaults(project_id="1", task_info={"Incharge": "ops"})

WRONG = {
    "unknown.yaml": "kind: IntegrationTask\nname: a\nTaskInfo: {SyncTyp: 2}\n",
    "empty.yaml": "",
    "torn.yaml": "kind: [",
    "two.yaml": "name: x-1\nTaskInfo: {SyncType: 2}\n---\nname: x-2\nTaskInfo: {SyncType: 99}\n",
    "again.yaml": "name: x-1\nTaskInfo: {SyncType: 2}\n",
    "service.yaml": "name: s\nlifecycle: {prevent_destroy: true, ignore_changes: [Description]}\n"
    "TaskInfo: {SyncType: 2, TaskType: 202, Status: 1, CreatorUin: 'ü\U0001f600'}\n",
    "gone.yaml": "name: gone-1\nremoved: {destroy: false}\n---\nname: gone-2\nremoved: {destroy: true}\n",
    "renamed.yaml": "name: renamed\nmoved: {from: [was-2, was-1]}\nTaskInfo: {SyncType: 2}\n",
    "running.yaml": "name: running\nrun: {state: running, start_from: 1700000000000}\nTaskInfo: {SyncType: 2}\n",
    "text.json": '{"name": "j", "TaskInfo": {"SyncType": 2, "Description": "\\ud800 \\n"}}',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Good and bad manifests, read from a folder of their own."""
    chance = random.Random(5)
    for number in range(30):
        (tmp_path / f"m{number:02d}.yaml").write_text(manifest(number, chance))
    for name, text in WRONG.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    return str(tmp_path)


def loaded(folder: str, least: int, monkeypatch: pytest.MonkeyPatch) -> Manifests:
    monkeypatch.setattr(manifests, "LEAST_FILES", least)
    return load_manifests(folder, DEFAULTS)


@pytest.mark.parametrize("least", [1, 5, 18])
def test_processes_change_nothing(folder: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Specs, problems and the order of both, from one process or from three."""
    alone = loaded(folder, 1_000, monkeypatch)
    together = loaded(folder, least, monkeypatch)
    assert len(alone.errors) == 5
    assert len(alone.warnings) == 2
    assert together == alone
    assert [(one.address, one.destroy) for one in alone.removed.values()] == [
        ("gone-1", False),
        ("gone-2", True),
    ]
    assert [spec.moved_from for spec in alone.desired.values() if spec.moved_from] == [("was-2", "was-1")]
    assert list(together.desired) == list(alone.desired)
    assert [list(spec.body) for spec in together.desired.values()] == [
        list(spec.body) for spec in alone.desired.values()
    ]


def test_what_is_packed_is_unpacked(folder: str) -> None:
    """Everything about every file, with the order of the fields in a body."""
    reader = ManifestReader(DEFAULTS)
    files = [reader.read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    assert list(unpacked(packed(files))) == files
    assert list(unpacked(packed([]))) == []
    assert any(spec.create_body != spec.body for file in files for spec in file.specs)


FAULTY = {
    "a.yaml": "name: a\nTaskInfo: {SyncType: 2}\n",
    "b.yaml": "name: b\nmoved:\n  from: a\nTaskInfo: {SyncType: 2}\n",
    "c.yaml": "name: c\nTaskInfo: {SyncType: 2}\n---\nname: d\nmoved:\n  from:\n    - x\n    - gone\n"
    "TaskInfo: {SyncType: 2}\n",
    "e.json": '{"name": "e",\n "TaskInfo": {"SyncType": 2},\n "moved": {"from": ["x"]}}',
    "f.yaml": "name: gone\nremoved: {destroy: false}\n---\nname: gone\nremoved: {destroy: true}\n",
    "g.yaml": "name: c\nremoved:\n  destroy: true\n",
}


def test_what_manifests_say_of_each_other_s_addresses_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line and column of the address itself, or of the removal, in whichever document of the file."""
    (tmp_path / "manifests").mkdir()
    for name, text in FAULTY.items():
        (tmp_path / "manifests" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    found = load_manifests("manifests", DEFAULTS)
    assert [str(problem) for problem in found.errors] == [
        'manifests/b.yaml:3:9: "a" is still an address: manifests/a.yaml:1:1 has it, so it has not moved here',
        'manifests/c.yaml:8:7: "gone" cannot have moved here: manifests/f.yaml:1:1 removes it',
        'manifests/e.json:3:21: "x" has moved to "d" already: manifests/c.yaml:4:1 says so',
        'manifests/f.yaml:5:10: "gone" is removed twice: manifests/f.yaml:1:1 removes it too',
        'manifests/g.yaml:3:3: "c" cannot be removed: manifests/c.yaml:1:1 still describes it',
    ]


def test_a_place_in_a_file_that_changed_meanwhile_is_where_it_was(tmp_path: Path) -> None:
    """The problem is still worth showing."""
    path = tmp_path / "a.yaml"
    path.write_text("\n\nname: a\nTaskInfo: {}\n")
    gone = Source(str(path), 1, 1)
    assert name_place(gone, Address("old")) == gone
    assert name_place(Source(str(path), 3, 1), Address("old")) == Source(str(path), 3, 1)
