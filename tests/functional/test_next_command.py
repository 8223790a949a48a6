"""The commands that a person is told to type: with the flags of the one before, so that they can be typed."""

import json
import os
import shlex
from collections.abc import Iterator

import pytest

from projects import Project, Ran, task_manifest
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer

CREATE = "CreateIntegrationTask"
FLAGS = ("--env", "prod", "--state", "it's.state.json", "--parallelism", "1")


@pytest.fixture
def emulator(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """Two tasks, an environment, and an emulator that both are of."""
    project.write("manifests/second.yaml", task_manifest("second"))
    settings = project.root / "provisioner.yaml"
    settings.write_text(settings.read_text() + "environments: {prod: {}}\n")
    with EmulatorServer(switches={"calls_per_second": 0}) as served:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
        monkeypatch.setenv("PROVISIONER_ENDPOINT", served.url)
        yield served


def _typed(project: Project, line: str, *more: str) -> Ran:
    """What comes of typing that line, with more behind it."""
    program, *words = shlex.split(line.strip())
    assert program == "provisioner"
    return project.run(*words, *more)


def test_an_apply_that_failed_is_continued_where_it_was(project: Project, emulator: EmulatorServer) -> None:
    """Folder, environment, settings and targets are those of the first one; nothing else is touched."""
    emulator.faults.add("refuse", CREATE, value="InvalidParameterValue")
    where = ("--chdir", str(project.root))
    ran = project.run("apply", "-auto-approve", "--target", "second", *FLAGS, *where)
    assert ran.code == 5, ran.err
    heading, _, line = ran.out.rpartition("Continue with:\n")
    assert "1 failed" in heading
    assert line.startswith("  provisioner apply --chdir ")
    assert _typed(project, line, "-auto-approve").code == 0
    assert [task["TaskName"] for task in emulator.service.tasks()] == ["second"]
    assert (project.root / "it's.state.json").exists()


def test_a_destroy_that_failed_is_continued_as_one(project: Project, emulator: EmulatorServer) -> None:
    """Also where it was a saved plan: that one is stale by then."""
    assert project.run("apply", "-auto-approve", *FLAGS).code == 0
    assert project.run("plan", "--destroy", "--target", "second", "--out=gone", *FLAGS).code == 0
    emulator.faults.add("refuse", "DeleteIntegrationTask", value="InvalidParameterValue")
    ran = project.run("apply", *FLAGS, "gone")
    assert ran.code == 5, ran.err
    line = ran.out.rpartition("Continue with:\n")[2]
    assert line.startswith("  provisioner destroy --env prod ")
    assert _typed(project, line, "-auto-approve").code == 0
    assert [task["TaskName"] for task in emulator.service.tasks()] == ["orders-to-lake"]


@pytest.mark.parametrize("flags", [(), ("--destroy",), ("--target", "second")], ids=" ".join)
def test_a_stale_plan_is_made_again_as_it_was(
    project: Project, emulator: EmulatorServer, flags: tuple[str, ...]
) -> None:
    """Under the same name, by a command that can be typed; then it can be applied."""
    project.run("apply", "-auto-approve", *FLAGS)
    project.write("manifests/second.yaml", task_manifest("second", description="one"))
    assert project.run("plan", "--out", "my plan", *flags, *FLAGS).code == 0
    project.write("manifests/second.yaml", task_manifest("second", description="two"))
    if "--destroy" in flags:
        assert project.run("state", "rm", "orders-to-lake", *FLAGS).code == 0
    ran = project.run("apply", *FLAGS, "my plan")
    assert (ran.code, "Saved plan is stale." in ran.err) == (4, True), ran.err
    again = _typed(project, ran.err.rpartition("Make it again:\n")[2])
    assert again.code == 0, again.err
    assert _typed(project, again.err.rpartition("To carry out exactly this:\n")[2]).code == 0
    there = {task["TaskName"] for task in emulator.service.tasks()}
    assert ("second" in there) == ("--destroy" not in flags)


def test_a_disk_that_fails_names_the_command_too(
    project: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its flags."""

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("provisioner.store.disk.os.posix_fallocate", full)
    ran = project.run("apply", "-auto-approve", "--target", "second", *FLAGS)
    assert (ran.code, emulator.service.tasks()) == (4, [])
    monkeypatch.undo()
    line = ran.err.rpartition("Continue with:\n")[2].strip()
    assert (
        line == "provisioner apply --env prod '--state=it'\"'\"'s.state.json' --parallelism=1 --target=second"
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--no-color", "--parallelism=1", "apply", "-auto-approve"), "provisioner apply"),
        (("-auto-approve", "apply", "-destroy"), "provisioner destroy"),
        (("--no-color", "state", "rm", "second"), "provisioner state rm"),
        (("-lock-timeout", "1", "state", "mv", "second", "third"), "provisioner state mv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_lock_names_the_command_that_holds_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], name: str
) -> None:
    """Wherever its flags stand, and without its arguments: those may be anything."""
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("apply", "-auto-approve").code == 0
    lock = project.root / "provisioner.state.lock"
    told = []

    def look(*_: object, again: bool = False) -> None:
        # The state is also read before the lock is taken.
        if command := json.loads(lock.read_bytes()).get("command"):
            told.append(command)
            raise KeyboardInterrupt

    where = (
        "commands.verbs.apply._Command.read" if "apply" in arguments else "store.backend.LocalBackend.load"
    )
    monkeypatch.setattr(f"provisioner.{where}", look)
    assert project.run(*arguments).code == 130
    assert told == [name]
