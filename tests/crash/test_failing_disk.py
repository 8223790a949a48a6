"""Each operation of the disk fails in turn under a real apply; then everything is there exactly once.

The program is the real one, from its arguments to its exit code, and so are files, sockets and the
emulator. Only the state's disk is watched: its n-th operation fails, for every n. What the backend
alone does then is in ``unit/store``.
"""

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from fakes.trouble import Trouble, WatchedDisk, When
from projects import Project, Ran, task_manifest
from provisioner.core.state.state import State
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from provisioner.store.backend import LocalBackend
from tally import Table

PASSES_SECONDS = 400
"""More than the window of any write."""


@dataclass
class Clock:
    """The time that program and service go by."""

    passed: int = 0
    """Seconds that went by at once."""

    def time(self) -> float:
        """Unix seconds."""
        return time.time() + self.passed

    def sleep(self, seconds: float) -> None:
        """As it is."""
        time.sleep(seconds)


@dataclass
class World:
    """A project and its service."""

    project: Project
    emulator: EmulatorServer
    clock: Clock
    patch: pytest.MonkeyPatch

    def edit(self, number: int) -> None:
        """A task to create, one to change and one to delete."""
        manifests = self.project.root / "manifests"
        self.project.write(f"manifests/new-{number}.yaml", task_manifest(f"new-{number}"))
        self.project.write("manifests/kept.yaml", task_manifest("kept", description=f"v{number}"))
        (manifests / f"new-{number - 1}.yaml").unlink(missing_ok=True)

    def apply(self, trouble: Trouble | None = None) -> Ran:
        """One apply, on a disk that may be in trouble."""
        with self.patch.context() as patch:
            disk = WatchedDisk(trouble) if trouble else None
            if disk is not None:
                patch.setattr("provisioner.store.backend.Disk", lambda: disk)
            ran = self.project.run("apply", "-auto-approve")
            if disk is not None:
                disk.release()
        return ran

    def state(self) -> State:
        """What is on the disk."""
        settings = (self.project.root / "provisioner.yaml").read_text()
        stack = settings.split('stack: "')[1][:16]
        return LocalBackend(
            str(self.project.root / "provisioner.state.json"), stack=stack, tool_version=""
        ).load()

    def there(self) -> dict[str, str]:
        """TaskId to name, of every task at the service."""
        return {task["TaskId"]: task["TaskName"] for task in self.emulator.service.tasks()}


@pytest.fixture
def world(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One task to keep and one that goes, applied."""
    clock = Clock()
    with EmulatorServer(switches={"calls_per_second": 0}, clock=clock.time) as emulator:
        made = World(project, emulator, clock, monkeypatch)
        monkeypatch.setattr("provisioner.commands.support.remote.time", clock)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
        monkeypatch.setenv("PROVISIONER_ENDPOINT", emulator.url)
        monkeypatch.setenv("PROVISIONER_RATE_PER_SECOND", "1000")
        # A process fails here, the machine does not: syncing would only cost time.
        monkeypatch.setattr(os, "fsync", lambda _handle: None)
        monkeypatch.setattr(os, "fdatasync", lambda _handle: None)
        (project.root / "manifests" / "orders-to-lake.yaml").unlink()
        made.edit(0)
        assert made.apply().code == 0
        yield made


def _ensure_everything_accounted_for(world: World, ran: Ran, where: str) -> None:
    """Every task is recorded, open or named; what is recorded exists; success means durable."""
    state, there = world.state(), world.there()
    recorded = {record.task_id: address for address, record in state.tasks.items()}
    for task_id, name in there.items():
        if task_id not in recorded:
            assert name in state.open or task_id in ran.err, f"{where}: {name} is lost\n{ran.err}"
    for task_id, address in recorded.items():
        assert task_id in there or address in state.open, f"{where}: {address} is recorded and not there"
    assert len(there) == len(set(there.values())), f"{where}: a task is there twice"
    if ran.code == 0:
        assert (set(recorded), state.open) == (set(there), {}), f"{where}: said to be done"


def _ensure_exactly_once(world: World, where: str) -> None:
    state, there = world.state(), world.there()
    recorded = {str(record.task_id): str(address) for address, record in state.tasks.items()}
    assert (recorded, state.open) == (there, {}), where
    assert world.project.run("plan").out.startswith("No changes."), where


def _ensure_words(ran: Ran, reason: str, where: str) -> None:
    """What is wrong and why; once something was sent, what has become of it, and how to go on."""
    assert "Traceback" not in ran.err, where
    if ran.code == 0:
        return
    before, _, error = ran.err.partition("Error: The state could not be kept on disk.\n")
    assert reason in error, f"{where}: {ran.err}"
    if "Creating..." in before:
        is_done = "Apply complete!" in ran.out or "What was done is recorded in the journal." in error
        assert is_done is ("Nothing more was sent." not in error), f"{where}: {ran.err}"
        assert "Apply complete!" in ran.out or error.endswith("Continue with:\n  provisioner apply\n"), where


@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize(
    ("code", "when"),
    [
        pytest.param(errno.ENOSPC, When.BEFORE, id="full"),
        pytest.param(errno.EIO, When.BEFORE, id="broken"),
        pytest.param(errno.EIO, When.AFTER, id="broken and done"),
        pytest.param(errno.EINTR, When.BEFORE, id="interrupted"),
        pytest.param(errno.ENOSPC, When.HALF, id="short write"),
    ],
)
def test_whatever_operation_fails_the_next_apply_ends_with_everything_once(
    world: World, code: int, when: When, for_ever: bool, tried: Table
) -> None:
    """A create, an update and a delete; the disk fails at the n-th operation, for every n."""
    for at in count(1):
        world.edit(at)
        trouble = Trouble(at, lambda: OSError(code, os.strerror(code)), when, for_ever)
        ran = world.apply(trouble)
        where = f"operation {at} of {len(trouble.names)} ({trouble.names[-1]}), exit {ran.code}"
        _ensure_everything_accounted_for(world, ran, where)
        _ensure_words(ran, os.strerror(code), where)
        assert ran.code in (0, 4), f"{where}: {ran.err}"
        world.clock.passed += PASSES_SECONDS
        finished = world.apply()
        assert finished.code == 0, f"{where}: {finished.err}"
        _ensure_exactly_once(world, where)
        if not trouble.has_struck:
            assert ran.code == 0
            tried("operations of the disk that fail in turn", at - 1)
            break
