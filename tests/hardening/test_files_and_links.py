"""Twelve ways in which rights and links can be in the way: private files stay private, nothing is written
through a link that was planted, and what cannot be read is never taken for nothing.
"""

import ctypes
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import Project, task_manifest, unmeasured
from tally import Table

STATE, JOURNAL, LOCK = "provisioner.state.json", "provisioner.state.journal", "provisioner.state.lock"
_CAPBSET_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2


@pytest.fixture(autouse=True)
def case(tried: Table) -> Iterator[None]:
    """Each test is one case."""
    yield
    tried("permission and link cases")


@pytest.fixture
def applied(project: Project) -> Project:
    """With a state of one task."""
    assert project.run("apply", "-auto-approve").code == 0
    return project


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of somebody else's that links lead to."""
    path = tmp_path / "victim"
    path.write_text("precious\n")
    return path


def modes(root: Path) -> dict[str, int]:
    """The rights of every file."""
    return {str(p.relative_to(root)): stat.S_IMODE(p.stat().st_mode) for p in root.rglob("*") if p.is_file()}


def _without_roots_rights() -> None:
    """Before the program begins: a superuser's eyes are no better than its owner's."""
    libc = ctypes.CDLL(None)
    for right in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        libc.prctl(_CAPBSET_DROP, right, 0, 0, 0)


def as_an_owner(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program in a process to which rights on files apply, whoever runs the tests."""
    return subprocess.run(
        [sys.executable, "-m", "provisioner", *arguments],
        cwd=project.root,
        env=unmeasured(),
        preexec_fn=_without_roots_rights,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("umask", [0o000, 0o777], ids=oct)
def test_every_file_is_its_owners_whatever_the_umask(project: Project, umask: int) -> None:
    """State, journal, lock, saved plan and the emulator's data are 0600; nobody else can read the cache."""
    (project.root / ".provisioner" / "emulator").mkdir(parents=True)
    before = os.umask(umask)
    try:
        for command in ("apply -auto-approve", "plan --out saved", "plan"):
            ran = project.run(*command.split())
            assert ran.code == 0, ran.err
        project.write("manifests/second.yaml", task_manifest("second")).chmod(0o600)
        assert project.run("apply", "-auto-approve").code == 0
    finally:
        os.umask(before)
    found = modes(project.root)
    assert {STATE, JOURNAL, LOCK, "saved"} < found.keys()
    for name, mode in found.items():
        if name.startswith(("provisioner.state.", "saved", ".provisioner/emulator/")):
            assert mode == 0o600, name
        elif name.startswith(".provisioner/"):
            assert mode & 0o077 == 0, name
    assert project.run("plan").out.startswith("No changes.")


def test_a_state_file_that_is_a_link_stays_one(project: Project, tmp_path: Path) -> None:
    """The file that it leads to is replaced, and its journal and lock are beside that."""
    assert project.run("apply", "-auto-approve").code == 0
    (tmp_path / "kept").mkdir()
    for name in (STATE, JOURNAL, LOCK):
        (project.root / name).rename(tmp_path / "kept" / name)
    (project.root / STATE).symlink_to(tmp_path / "kept" / STATE)
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("apply", "-auto-approve").code == 0
    assert (project.root / STATE).is_symlink()
    assert not (project.root / JOURNAL).exists()
    assert len(json.loads((tmp_path / "kept" / STATE).read_bytes())["tasks"]) == 2


def test_a_state_file_that_is_a_link_to_nothing_is_refused(applied: Project) -> None:
    """It is not "nothing exists": the disk that it leads to may just not be there, and every task with it."""
    for name in (STATE, JOURNAL, LOCK):
        (applied.root / name).unlink()
    (applied.root / STATE).symlink_to("not-mounted/" + STATE)
    for command in (
        "plan",
        "apply -auto-approve",
        "show",
        "state list",
        "state accept",
        "destroy -auto-approve",
    ):
        ran = applied.run(*command.split())
        assert ran.code == 4, command
        assert f"{STATE}: it is a link to something that is not there" in ran.err, command
    assert not (applied.root / "not-mounted" / STATE).exists()


@pytest.mark.parametrize("name", [STATE, JOURNAL])
def test_a_temporary_file_that_was_planted_is_not_written_through(
    applied: Project, victim: Path, name: str
) -> None:
    """A link in its place is removed; what it leads to stays as it is."""
    (applied.root / f"{name}.tmp").symlink_to(victim)
    applied.write("manifests/second.yaml", task_manifest("second"))
    assert applied.run("apply", "-auto-approve").code == 0
    assert victim.read_text() == "precious\n"
    assert not (applied.root / f"{name}.tmp").is_symlink()
    assert not (applied.root / name).is_symlink()


@pytest.mark.parametrize("there", [True, False], ids=["a link", "a link to nothing"])
def test_a_lock_file_that_is_a_link_is_refused(applied: Project, victim: Path, there: bool) -> None:
    """Two projects would have one lock, or one project two."""
    (applied.root / LOCK).unlink()
    (applied.root / LOCK).symlink_to(victim if there else "nowhere")
    applied.write("manifests/second.yaml", task_manifest("second"))
    ran = applied.run("apply", "-auto-approve")
    assert (ran.code, "remove" in ran.err, "Creating" in ran.err) == (4, True, False), ran.err
    assert victim.read_text() == "precious\n"
    assert not (applied.root / "nowhere").exists()


def test_a_journal_that_is_a_link_is_not_written_through(applied: Project, tmp_path: Path) -> None:
    """It is read, because it may hold what happened; the next one is a file of its own."""
    journal = applied.root / JOURNAL
    elsewhere = tmp_path / "elsewhere"
    journal.rename(elsewhere)
    journal.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    applied.write("manifests/second.yaml", task_manifest("second"))
    assert applied.run("apply", "-auto-approve").code == 0
    assert elsewhere.read_bytes() == before
    assert not journal.is_symlink()
    assert applied.run("plan").out.startswith("No changes.")


def test_a_folder_for_the_cache_that_is_a_link_is_used(project: Project, tmp_path: Path) -> None:
    """Somebody wants it elsewhere; what is in it is private there too. A planted file in it is not used."""
    (tmp_path / "cache").mkdir()
    (project.root / ".provisioner").symlink_to(tmp_path / "cache")
    victim = tmp_path / "victim"
    (tmp_path / "cache" / "manifests.cache").symlink_to(victim)
    for command in ("apply -auto-approve", "plan", "plan"):
        assert project.run(*command.split()).code == 0
    assert not victim.exists()
    assert set(modes(tmp_path / "cache").values()) == {0o600}
    (tmp_path / "cache" / "emulator" / "lock").unlink()
    (tmp_path / "cache" / "emulator" / "lock").symlink_to(victim)
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("apply", "-auto-approve").code == 4
    assert not victim.exists()


def test_a_plan_is_not_saved_through_a_link(project: Project, victim: Path) -> None:
    """The link is replaced by the plan."""
    (project.root / "saved").symlink_to(victim)
    assert project.run("plan", "--out", "saved").code == 0
    assert victim.read_text() == "precious\n"
    assert not (project.root / "saved").is_symlink()
    assert project.run("apply", "saved").code == 0


@pytest.mark.parametrize("name", ["manifests", "manifests/orders-to-lake.yaml"])
def test_manifests_that_cannot_be_read_are_not_gone(applied: Project, name: str) -> None:
    """A plan without them would delete their tasks."""
    path = applied.root / name
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        for command in ("plan", "validate", "apply -auto-approve"):
            ran = as_an_owner(applied, *command.split())
            assert ran.returncode == 3, ran.stderr
            assert f"{name}: cannot be read: permission denied" in ran.stderr
    finally:
        path.chmod(mode)
    assert applied.run("plan").out.startswith("No changes.")


def test_init_writes_through_no_link_to_nothing(project: Project) -> None:
    """Neither .gitignore nor another file of it."""
    for name in (".gitignore", "provisioner.yaml"):
        (project.root / name).unlink()
        (project.root / name).symlink_to("nowhere")
        ran = project.run("init")
        assert (ran.code, f"{name}: is a link to something that is not there" in ran.err) == (1, True)
        assert not (project.root / "nowhere").exists()
        (project.root / name).unlink()
        assert project.run("init").code == 0


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_sent(project: Project) -> None:
    """Nothing could be recorded there."""
    project.root.chmod(0o500)
    try:
        ran = as_an_owner(project, "apply", "-auto-approve")
    finally:
        project.root.chmod(0o700)
    assert ran.returncode == 4, ran.stderr
    assert "Permission denied\nThe folder must be writable for the user who runs this." in ran.stderr
    assert "Creating" not in ran.stderr
    assert not (project.root / STATE).exists()


@pytest.mark.parametrize("name", [STATE, JOURNAL, LOCK])
def test_a_pipe_is_no_file(applied: Project, name: str) -> None:
    """It is refused, and not waited for."""
    (applied.root / name).unlink()
    os.mkfifo(applied.root / name)
    for command in ("plan", "apply -auto-approve", "show"):
        ran = as_an_owner(applied, *command.split())
        assert ran.returncode == 4, (command, ran.stderr)
        assert "not a regular file" in ran.stderr
