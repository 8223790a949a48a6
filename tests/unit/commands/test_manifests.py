"""Manifests read by one process or by several: the same specs and problems, in the same order."""

import os
import random
from pathlib import Path

import pytest

from corpus import manifest
from provisioner.commands import manifests
from provisioner.commands.manifests import ManifestReader, Manifests, load_manifests, packed, unpacked
from provisioner.core.manifest import Defaults

DEFAULTS = Defaults(project_id="1", task_info={"Incharge": "ops"})

WRONG = {
    "unknown.yaml": "kind: IntegrationTask\nname: a\nTaskInfo: {SyncTyp: 2}\n",
    "empty.yaml": "",
    "torn.yaml": "kind: [",
    "two.yaml": "name: x-1\nTaskInfo: {SyncType: 2}\n---\nname: x-2\nTaskInfo: {SyncType: 99}\n",
    "again.yaml": "name: x-1\nTaskInfo: {SyncType: 2}\n",
    "service.yaml": "name: s\nlifecycle: {prevent_destroy: true, ignore_changes: [Description]}\n"
    "TaskInfo: {SyncType: 2, TaskType: 202, Status: 1, CreatorUin: 'ü\U0001f600'}\n",
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
