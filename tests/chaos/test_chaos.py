"""The harm that ``chaos`` and ``two_processes`` do, in the amounts of every day; see there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chaos
from chaos import Violation, World
from projects import unmeasured
from provisioner.emulator.server import EmulatorServer
from tally import Table

SEED = int(os.environ.get("CHAOS_SEED", "1"))
WORLDS, KILLS, TASKS = 4, 25, 24
HERE = Path(__file__).parent


def _started(script: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        # Its processes are killed: they must not measure coverage.
        env=unmeasured(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_hundred_killed_applies_make_nothing_twice_and_lose_nothing(tried: Table) -> None:
    """Four worlds at a time, because in each of them a process often waits for something."""
    worlds = [
        _started("chaos.py", "--tasks", TASKS, "--kills", KILLS, "--seed", SEED * WORLDS + number)
        for number in range(WORLDS)
    ]
    kills = 0
    for world in worlds:
        out, err = world.communicate()
        print(out, end="")
        assert world.returncode == 0, err
        found = re.search(r"(\d+) kills, .* 0 duplicates, 0 missing$", out.strip())
        assert found is not None, out
        kills += int(found[1])
    tried("real processes killed", kills)
    assert kills >= 100


@pytest.fixture
def applied(tmp_path: Path) -> Iterator[tuple[World, EmulatorServer]]:
    """A world in which everything is as it should be, and its service."""
    with EmulatorServer(switches={"calls_per_second": 0}) as emulator:
        world = World(str(tmp_path), emulator, tasks=3, seed=SEED)
        world.finish()
        yield world, emulator


def test_a_task_too_many_is_counted(applied: tuple[World, EmulatorServer]) -> None:
    """Under the name of one that there is."""
    world, emulator = applied
    task = emulator.service.tasks()[0]
    body = {"ProjectId": task["ProjectId"], "TaskInfo": {"TaskName": task["TaskName"]}}
    emulator.service.perform("CreateIntegrationTask", body)
    with pytest.raises(Violation, match=f"more than one task: {task['TaskName']}"):
        world.count()
    assert (world.report.duplicates, world.report.missing) == (1, 0)


@pytest.mark.parametrize("lost", ["at the service", "in the state", "both"])
def test_a_task_too_few_is_counted(applied: tuple[World, EmulatorServer], lost: str, tmp_path: Path) -> None:
    """Wherever it is missing: its manifest says that it should be there."""
    world, emulator = applied
    task = next(task for task in emulator.service.tasks() if task["TaskType"] == 201)
    if lost != "in the state":
        named = {"TaskId": task["TaskId"], "ProjectId": task["ProjectId"]}
        emulator.service.perform("DeleteIntegrationTask", named)
    if lost != "at the service":
        assert world.start("state", "rm", task["TaskName"]).wait() == 0
    with pytest.raises(Violation, match=f"not exactly once: {task['TaskName']}"):
        world.count()
    assert (world.report.duplicates, world.report.missing) == (0, 1)


def test_a_violation_ends_with_1_and_the_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever finds one must be able to look for it again, and at what it left."""

    def fail(_: World) -> None:
        raise Violation("more than one task: x")

    monkeypatch.setattr(World, "count", fail)
    assert chaos.main(["--tasks", "0", "--kills", "0", "--seed", "77"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("chaos: seed 77, 0 tasks, 0 kills")
    assert "more than one task: x\n" in said.err
    assert "--tasks 0 --kills 0 --seed 77" in said.err
    folder = re.search(r"is left in (.*)\. Again", said.err)
    assert folder is not None
    shutil.rmtree(folder[1])


def test_two_processes_never_have_the_lock_at_once(tried: Table) -> None:
    """A hundred rounds with the state, and a few with whole applies."""
    rounds, applies = 100, 6
    process = _started("two_processes.py", "--rounds", rounds, "--applies", applies, "--seed", SEED)
    out, err = process.communicate()
    print(out, end="")
    assert process.returncode == 0, err
    assert out.startswith(
        f"two processes: {rounds} rounds with the state, {rounds} refused; {applies} rounds of applies"
    )
    tried("rounds of two processes, one lock", rounds + applies)
