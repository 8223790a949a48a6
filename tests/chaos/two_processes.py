"""Two processes and one lock, round after round: never both inside, and nothing of either is lost.

    .venv/bin/python tests/chaos/two_processes.py --rounds 5000 --applies 100

First the state alone: two processes reach for the lock at the same moment, and the one that has it
keeps it until the other was refused; then each records and commits, one after the other. Then whole
applies: two at once, each of which does the work or names the other; afterwards everything is there
exactly once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chaos import APPLY, STACK, Violation, World
from provisioner.core.address import Address, TaskId
from provisioner.core.state.entries import Resolved, Verdict
from provisioner.core.state.state import State, TaskRecord
from provisioner.emulator.server import EmulatorServer
from provisioner.errors import StateLockedError
from provisioner.store.backend import LocalBackend
from provisioner.store.lock import Holder

_NAMES = ("one", "other")
_REFUSED = 4


@dataclass(slots=True)
class Rounds:
    """What was done."""

    rounds: int = 0
    refused: int = 0
    """How often a process was told that another has the lock."""


# ── the state alone ─────────────────────────────────────────────────────────


def work(path: str, name: str) -> None:
    """One of the two processes: takes the lock, records and commits, as it is told line by line."""
    done = 0
    for line in sys.stdin:
        if line != "try\n":
            break
        backend = LocalBackend(path, stack=STACK, tool_version="1")
        try:
            with backend.locked(Holder(pid=os.getpid(), host="here", command="apply", since="now")):
                _say("held")
                sys.stdin.readline()
                done += 1
                _record(backend, name, done)
        except StateLockedError as error:
            _say(f"refused {str(error).splitlines()[1].strip()}")
        else:
            _say("done")


def _record(backend: LocalBackend, name: str, number: int) -> None:
    backend.load()
    backend.begin(first=_first, reserve_bytes=2000)
    record = TaskRecord(
        project_id="1",
        task_id=TaskId(f"task-{name}"),
        task_type=201,
        spec={"Description": str(number)},
        digest="",
        request_id="",
        applied_at="",
    )
    entry = Resolved(
        seq=backend.next_seq,
        address=Address(name),
        attempt="",
        verdict=Verdict.ADOPTED,
        record=record,
        evidence="",
    )
    backend.record(entry)
    # Every other time the next process finds it in the journal only.
    if number % 2:
        backend.commit()


def _first(empty: State) -> State:
    return replace(empty, lineage="1ea6e")


def _say(text: str) -> None:
    print(text, flush=True)


class _Process:
    """The parent's end of ``work``."""

    def __init__(self, path: str, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hear(self, *expected: str) -> str:
        """What it says next.

        Raises:
            Violation: that is something else.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line not in expected:
            raise Violation(f"heard {line!r} in place of {' or '.join(expected)}")
        return line

    def end(self) -> None:
        self._process.communicate("end\n")


def contend(folder: str, rounds: int) -> Rounds:
    """Two processes reach for one lock, that many times.

    Raises:
        Violation: both had it, or neither, or something that was recorded is gone.
    """
    path = os.path.join(folder, "x.state.json")
    both = [_Process(path, name) for name in _NAMES]
    counted = Rounds()
    try:
        for number in range(1, rounds + 1):
            _contend_once(both, counted)
            state = LocalBackend(path, stack=STACK, tool_version="1").load()
            recorded = {name: record.spec["Description"] for name, record in state.tasks.items()}
            if recorded != dict.fromkeys(_NAMES, str(number)) or state.seq != 2 * number:
                raise Violation(f"after round {number}: {recorded}, entry {state.seq}")
    finally:
        for process in both:
            process.end()
    return counted


def _contend_once(both: list[_Process], counted: Rounds) -> None:
    for process in both:
        process.tell("try")
    said = [
        process.hear("held", f"refused pid {other.pid} on here, since now", _UNNAMED)
        for process, other in zip(both, reversed(both), strict=True)
    ]
    if sorted(word.split()[0] for word in said) != ["held", "refused"]:
        raise Violation(f"the lock was not had by exactly one: {said}")
    first, second = both if said[0] == "held" else reversed(both)
    first.tell("go on")
    first.hear("done")
    second.tell("try")
    second.hear("held")
    second.tell("go on")
    second.hear("done")
    counted.rounds += 1
    counted.refused += 1


_UNNAMED = "refused somebody, but the lock file does not say who"
"""Between taking the lock and writing one's name into it there is a moment."""


# ── whole applies ───────────────────────────────────────────────────────────


def race(folder: str, rounds: int, *, seed: int) -> Rounds:
    """Two applies at once, that many times; then everything is counted.

    Raises:
        Violation: neither did the work, one ended otherwise, or something is there twice or not at all.
    """
    counted = Rounds()
    # Slow enough for the two to meet, whichever is started first.
    with EmulatorServer(switches={"calls_per_second": 0, "latency_ms": 50}) as emulator:
        world = World(folder, emulator, tasks=8, seed=seed)
        for number in range(rounds):
            _race_once(world, counted, waits=number % 2 == 1)
            world.edit()
        world.finish()
    return counted


def _race_once(world: World, counted: Rounds, *, waits: bool) -> None:
    timeout = ("--lock-timeout", "60") if waits else ()
    both = {name: world.start(*APPLY, *timeout, output=name) for name in _NAMES}
    codes = {name: process.wait() for name, process in both.items()}
    counted.rounds += 1
    for name, code in codes.items():
        other = next(process.pid for key, process in both.items() if key != name)
        if code == _REFUSED and not waits and f"pid {other} " in world.said(name):
            counted.refused += 1
        elif code != 0:
            raise Violation(f"an apply beside another ended with {code}:\n{world.said(name)}")
    if 0 not in codes.values():
        raise Violation("each of two applies was refused because of the other")
    world.count()


# ── by hand ─────────────────────────────────────────────────────────────────


def main(words: Sequence[str] | None = None) -> int:
    """Do both in new folders and print what it came to. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Two processes and one lock, round after round.")
    parser.add_argument("--rounds", type=int, default=100, help="with the state alone (default: 100)")
    parser.add_argument("--applies", type=int, default=10, help="with whole applies (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the edits between applies (default: 1)")
    parser.add_argument("--work", nargs=2, metavar=("STATE", "NAME"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    if chosen.work:
        work(*chosen.work)
        return 0
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        try:
            print(line(contend(one, chosen.rounds), race(other, chosen.applies, seed=chosen.seed)))
        except Violation as violation:
            print(f"two processes: seed {chosen.seed}: {violation}", file=sys.stderr)
            return 1
    return 0


def line(state: Rounds, applies: Rounds) -> str:
    """What was done, on one line."""
    return (
        f"two processes: {state.rounds} rounds with the state, {state.refused} refused; "
        f"{applies.rounds} rounds of applies, {applies.refused} refused; 0 violations"
    )


if __name__ == "__main__":
    sys.exit(main())
