"""SIGKILL at any moment: nothing is created twice, nothing is lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import Project, task_manifest, unmeasured
from tally import Table

TASKS = 200
SEED = int(os.environ.get("KILL_SEED", "1"))


def _apply(root: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "provisioner", "apply", "-auto-approve", "--rate-per-second", "1000"],
        cwd=root,
        env=unmeasured(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _journal_bytes(root: Path) -> int:
    journal = root / "provisioner.state.journal"
    return len(journal.read_bytes().rstrip(b"\0")) if journal.exists() else 0


@pytest.mark.parametrize("round_", range(10))
def test_a_killed_apply_is_finished_by_the_next_one(project: Project, round_: int, tried: Table) -> None:
    """Killed at a random point of its journal, then run again: 200 tasks there, 200 TaskIds here."""
    chance = random.Random(SEED * 1000 + round_)
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    for number in range(TASKS):
        project.write(f"manifests/{number}.yaml", task_manifest(f"task-{number}"))
    # The journal's growth tells how far it is: no clock decides when it is killed.
    kill_at = chance.randrange(200, TASKS * 900)
    process = _apply(project.root)
    while process.poll() is None and _journal_bytes(project.root) < kill_at:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    tried("real processes killed", process.returncode == -signal.SIGKILL)

    finished = project.run("apply", "-auto-approve", "--rate-per-second", "1000")
    assert finished.code == 0, f"KILL_SEED={SEED} round {round_}: {finished.err[-2000:]}"
    state = json.loads((project.root / "provisioner.state.json").read_text())
    recorded = {record["task_id"] for record in state["tasks"].values()}
    assert len(state["tasks"]) == len(recorded) == TASKS
    assert recorded == _task_ids_at_the_service(project)
    assert project.run("plan").out.startswith("No changes.")


def _task_ids_at_the_service(project: Project) -> set[str]:
    from provisioner.emulator.server import EmulatorServer

    with EmulatorServer(str(project.root / ".provisioner" / "emulator")) as server:
        tasks = server.service.tasks()
    ids = [task["TaskId"] for task in tasks]
    assert len(ids) == len(set(ids)) == TASKS
    return set(ids)
