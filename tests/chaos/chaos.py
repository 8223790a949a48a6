"""Kill ``provisioner apply`` at any moment, again and again, on a network that loses things; then count.

    .venv/bin/python tests/chaos/chaos.py --tasks 200 --kills 100 --seed 1

Everything is real: processes, SIGKILL, files, sockets, the emulator behind them. Between two runs
manifests are changed, added, removed and given another type. Every so often so much time passes on
the service's clock that nothing which was sent can happen any more. In the end applies are left
undisturbed until one has nothing left to do, and tasks at the service are counted against TaskIds
in the state: exactly one for each manifest, and the same ones.

When to kill is decided by what the process has written, never by a clock: a byte of the journal, a
byte of its output, or a file being replaced. The seed decides edits, faults and those moments; how
the machine schedules processes and threads it does not.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from provisioner.emulator.faults import Faults
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from provisioner.store.backend import LocalBackend

STACK = "0011223344556677"
STATE = "provisioner.state.json"
JOURNAL = "provisioner.state.journal"
OUTPUT = "output.txt"

WORK_SECONDS, LIST_LAG_SECONDS = 5, 5
"""What the project is told of the service."""

LATE_SECONDS, LAG_SECONDS = 2, 2
"""What the service does: less."""

WINDOW_SECONDS = 300 + WORK_SECONDS + LIST_LAG_SECONDS

_WRITES = ("CreateIntegrationTask", "ModifyIntegrationTask", "DeleteIntegrationTask", "DeleteOfflineTask")
_FAULTS = {
    "drop_request": ("", 0.16),
    "drop_answer": ("", 0.16),
    "error_after": ("", 0.16),
    "garbage": ("", 0.16),
    "commit_late": (str(LATE_SECONDS), 0.16),
    "answer_late": ("0.05", 0.16),
    "refuse": ("RequestLimitExceeded", 0.04),
}
"""Kind, value, and its share of all faults. A refusal for pace is waited out, so that it is rarer."""

_ALWAYS = 1_000_000
"""More calls than a run makes."""

APPLY = ("apply", "-auto-approve")
_ENDED_WELL = {0, 5, 6}
"""Exit codes of an apply that was not killed: done, something refused or unreachable, something unknown."""

_JOURNAL_BYTES, _OUTPUT_BYTES = 1200, 80
"""What one change leaves in the journal and in the output, about."""

_UNDISTURBED = 12
"""Applies in the end, at most: a write may be refused, found without effect, and made again."""

_SETTINGS = f"""\
stack: "{STACK}"
project_id: "1"
region: ap-singapore
rate_per_second: 1000
guard: {{max_deletes: 1000000, max_delete_percent: 100}}
settle: {{work_seconds: {WORK_SECONDS}, list_lag_seconds: {LIST_LAG_SECONDS}}}
"""


class Violation(Exception):  # noqa: N818  # what the test is about, not an error of the program that tests
    """A promise was broken."""


@dataclass(slots=True)
class Report:
    """What was done, and what it came to."""

    seed: int
    tasks: int
    kills: int = 0
    runs: int = 0
    seconds: float = 0
    writes: int = 0
    """Creates, modifies and deletes that arrived at the service."""

    faults: int = 0
    duplicates: int = 0
    """Tasks at the service beyond the one that an address may have."""

    missing: int = 0
    """Manifests without a task, tasks without a record, and records without a task."""

    violations: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The whole of it."""
        return (
            f"chaos: seed {self.seed}, {self.tasks} tasks, {self.kills} kills, {self.runs} runs, "
            f"{self.seconds:.0f} seconds, {self.writes} writes, {self.faults} faults, "
            f"{self.duplicates} duplicates, {self.missing} missing"
        )


@dataclass(slots=True)
class Wanted:
    """What one manifest asks for."""

    version: int = 1
    task_type: int = 201

    @property
    def description(self) -> str:
        """Tells the versions apart."""
        return f"version {self.version}"

    def text(self, address: str) -> str:
        """The manifest."""
        return (
            f"kind: IntegrationTask\nname: {address}\nTaskInfo:\n  Description: {self.description}\n"
            f"  SyncType: 2\n  TaskType: {self.task_type}\n  Config:\n    concurrency: 1\n"
        )


class World:
    """A project on the disk, the service that it is applied to, and the wish to do harm."""

    def __init__(self, folder: str, emulator: EmulatorServer, *, tasks: int, seed: int) -> None:
        self.report = Report(seed=seed, tasks=tasks)
        self._folder = folder
        self._emulator = emulator
        self._chance = Random(seed)
        self._wanted: dict[str, Wanted] = {}
        self._removed: list[str] = []
        self._made = 0
        self._pending = tasks
        """Changes that are to be expected of the next run, about."""

        self._threads = threading.active_count()
        os.mkdir(self._path("manifests"))
        self._write("provisioner.yaml", f"{_SETTINGS}endpoint: {emulator.url}\n")
        for _ in range(tasks):
            self._add()

    # ── between two runs ────────────────────────────────────────────────────

    def edit(self) -> None:
        """Change, add, remove and retype a few manifests."""
        count = self._chance.randint(2, max(8, self.report.tasks // 8))
        for _ in range(count):
            roll = self._chance.random()
            if roll < 0.4 and self._wanted:
                self._change(self._chance.choice(sorted(self._wanted)))
            elif roll < 0.5 and self._wanted:
                self._retype(self._chance.choice(sorted(self._wanted)))
            elif len(self._wanted) > self.report.tasks - self._chance.randint(0, 3):
                self._remove(self._chance.choice(sorted(self._wanted)))
            else:
                self._add()
        self._pending += count

    def spoil(self) -> None:
        """Program what the service and the network will do to the next run's calls."""
        chance = self._chance
        self._emulator.switches.set({"list_lag_seconds": chance.choice([0, 0, LAG_SECONDS])})
        self._emulator.faults = Faults(chance.randrange(2**32))
        probability = chance.choice([0, 0.05, 0.2, 0.5])
        for kind, (value, share) in _FAULTS.items():
            for action in _WRITES:
                self._add_fault(kind, action, value, probability * share)
        for kind in ("drop_request", "drop_answer", "garbage"):
            self._add_fault(kind, "*", "", 0.003)

    def _add_fault(self, kind: str, action: str, value: str, probability: float) -> None:
        if probability:
            self._emulator.faults.add(kind, action, count=_ALWAYS, value=value, probability=probability)

    def let_time_pass(self) -> None:
        """Until nothing that was sent so far can happen any more."""
        self._be_quiet()
        # What is late happens first: the emulator does it when it is asked next.
        self._pass(LATE_SECONDS + 1)
        self._emulator.service.tasks()
        self._pass(WINDOW_SECONDS + 60)

    # ── runs ────────────────────────────────────────────────────────────────

    def start(self, *words: str, output: str = OUTPUT) -> "subprocess.Popen[bytes]":
        """The program, on its way; what it says goes to that file of the project's folder."""
        with open(self._path(output), "wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "provisioner", *words],
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )

    def said(self, output: str = OUTPUT) -> str:
        """What a process has said so far."""
        with open(self._path(output), encoding="utf-8", errors="replace") as file:
            return file.read()

    def run_and_kill(self) -> None:
        """One apply, killed unless it has ended before; no address may have two tasks after it."""
        process = self.start(*APPLY, "--parallelism", str(self._chance.choice([1, 4, 10])))
        is_due = self._moment()
        while process.poll() is None and not is_due():
            time.sleep(0.0005)
        process.kill()
        code = process.wait()
        if code == -signal.SIGKILL:
            self.report.kills += 1
        else:
            self._pending = 0
        self._be_quiet()
        self._judge_run(code, _ENDED_WELL | {-signal.SIGKILL})
        self.ensure_no_duplicates()

    def finish(self) -> None:
        """Apply, undisturbed, until there is nothing left to do; then count."""
        self._emulator.faults.clear()
        self._emulator.switches.set({"list_lag_seconds": 0})
        for _ in range(_UNDISTURBED):
            self.let_time_pass()
            code = self.start(*APPLY).wait()
            self._judge_run(code, _ENDED_WELL)
            if code == 0:
                break
        else:
            raise Violation(f"not done after {_UNDISTURBED} undisturbed applies:\n{self.said()}")
        self.count()
        if self.start("plan", "-detailed-exitcode").wait() != 0:
            raise Violation("a plan after the last apply is not empty")

    # ── judging ─────────────────────────────────────────────────────────────

    def _judge_run(self, code: int, allowed: set[int]) -> None:
        self.report.runs += 1
        calls, self._emulator.calls = self._emulator.calls, []
        self.report.writes += sum(call.action in _WRITES for call in calls)
        self.report.faults += sum(bool(call.fault) for call in calls)
        output = self.said()
        if code not in allowed or "Traceback" in output:
            raise Violation(f"an apply ended with {code}:\n{output}")

    def ensure_no_duplicates(self) -> None:
        """No address has two tasks.

        Raises:
            Violation: one has.
        """
        names = Counter(task["TaskName"] for task in self._emulator.service.tasks())
        self.report.duplicates = sum(count - 1 for count in names.values())
        if self.report.duplicates:
            twice = ", ".join(name for name, count in names.items() if count > 1)
            raise Violation(f"more than one task: {twice}")

    def count(self) -> None:
        """Tasks at the service against TaskIds in the state against manifests.

        Raises:
            Violation: they are not the same.
        """
        self.ensure_no_duplicates()
        tasks = {task["TaskName"]: task for task in self._emulator.service.tasks()}
        there = {name: task["TaskId"] for name, task in tasks.items()}
        state = LocalBackend(self._path(STATE), stack=STACK, tool_version="").load()
        here: dict[str, str] = {name: record.task_id for name, record in state.tasks.items()}
        wrong = {name for name in {*there, *here, *self._wanted} if there.get(name) != here.get(name)}
        wrong |= there.keys() ^ self._wanted.keys()
        self.report.missing = len(wrong)
        if wrong or state.open:
            raise Violation(f"not exactly once: {', '.join(sorted({*wrong, *state.open}))}")
        for name, wanted in self._wanted.items():
            task = tasks[name]
            if not task["Description"].startswith(wanted.description) or task["TaskType"] != wanted.task_type:
                raise Violation(f"{name} is not what its manifest says: {task}")

    # ── inside ──────────────────────────────────────────────────────────────

    def _environment(self) -> dict[str, str]:
        ours = ("PROVISIONER_", "TENCENTCLOUD_", "COVERAGE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        identity, key = EMBEDDED_CREDENTIAL
        return {
            **kept,
            "HOME": self._folder,
            "TENCENTCLOUD_SECRET_ID": identity,
            "TENCENTCLOUD_SECRET_KEY": key,
        }

    def _moment(self) -> Callable[[], bool]:
        """When to kill the run that has just begun."""
        changes = max(1, min(self._pending, self.report.tasks))
        match self._chance.choice(["journal", "output", "replaced"]):
            case "journal":
                return self._journal_has(self._chance.randrange(changes * _JOURNAL_BYTES))
            case "output":
                return self._output_has(self._chance.randrange(changes * _OUTPUT_BYTES))
            case _:
                return self._replaced(self._chance.choice([STATE, JOURNAL]), self._chance.randint(1, 2))

    def _journal_has(self, place: int) -> Callable[[], bool]:
        """Whether the journal is written up to there; what is only reserved reads as NUL."""

        def has() -> bool:
            try:
                with open(self._path(JOURNAL), "rb", buffering=0) as journal:
                    journal.seek(place)
                    return journal.read(1) not in (b"", b"\0")
            except FileNotFoundError:
                return False

        return has

    def _output_has(self, size: int) -> Callable[[], bool]:
        return lambda: os.path.getsize(self._path(OUTPUT)) >= size

    def _replaced(self, name: str, times: int) -> Callable[[], bool]:
        """Whether another file has taken the name so often."""
        seen = [self._inode(name)]

        def is_replaced() -> bool:
            inode = self._inode(name)
            if inode != seen[-1]:
                seen.append(inode)
            return len(seen) > times

        return is_replaced

    def _inode(self, name: str) -> int:
        try:
            return os.stat(self._path(name)).st_ino
        except FileNotFoundError:
            return 0

    def _be_quiet(self) -> None:
        """Until the emulator has done with every connection: a call is done before time passes."""
        while threading.active_count() > self._threads:
            time.sleep(0.001)

    def _pass(self, seconds: int) -> None:
        offset = int(self._emulator.switches["clock_offset_seconds"])
        self._emulator.switches.set({"clock_offset_seconds": offset + seconds})

    def _add(self) -> None:
        """A new address, or one that was removed before."""
        if self._removed and self._chance.random() < 0.5:
            address = self._removed.pop(self._chance.randrange(len(self._removed)))
        else:
            self._made += 1
            address = f"task-{self._made}"
        self._put(address, Wanted(task_type=self._chance.choice([201, 201, 201, 202])))

    def _change(self, address: str) -> None:
        before = self._wanted[address]
        self._put(address, Wanted(before.version + 1, before.task_type))

    def _retype(self, address: str) -> None:
        before = self._wanted[address]
        self._put(address, Wanted(before.version, 403 - before.task_type))

    def _remove(self, address: str) -> None:
        del self._wanted[address]
        self._removed.append(address)
        os.unlink(self._path(f"manifests/{address}.yaml"))

    def _put(self, address: str, wanted: Wanted) -> None:
        self._wanted[address] = wanted
        self._write(f"manifests/{address}.yaml", wanted.text(address))

    def _write(self, name: str, text: str) -> None:
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def cause(folder: str, *, tasks: int, kills: int, seed: int, tell: Callable[[str], object] = print) -> Report:
    """Do the harm in an empty folder; returns what it came to, violations included."""
    began = time.monotonic()
    with EmulatorServer(switches={"calls_per_second": 0}) as emulator:
        world = World(folder, emulator, tasks=tasks, seed=seed)
        report, chance = world.report, Random(f"time {seed}")
        try:
            while report.kills < kills:
                world.spoil()
                world.run_and_kill()
                world.edit()
                if chance.random() < 0.2:
                    world.let_time_pass()
                if report.runs % 500 == 0:
                    tell(f"{report.kills} kills in {report.runs} runs")
            world.finish()
        except Violation as violation:
            report.violations.append(str(violation))
    report.seconds = time.monotonic() - began
    return report


# ── by hand ─────────────────────────────────────────────────────────────────


def main(words: Sequence[str] | None = None) -> int:
    """Do the harm in a new folder and print what it came to. Returns the exit code."""
    chosen = _arguments(words)
    folder = tempfile.mkdtemp(prefix="chaos-")
    report = cause(folder, tasks=chosen.tasks, kills=chosen.kills, seed=chosen.seed, tell=_tell)
    print(report.line)
    if not report.violations:
        shutil.rmtree(folder)
        return 0
    for violation in report.violations:
        _tell(violation)
    _tell(f"The project is left in {folder}. Again, as far as the machine lets it be the same:")
    _tell(f"  tests/chaos/chaos.py --tasks {chosen.tasks} --kills {chosen.kills} --seed {chosen.seed}")
    return 1


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Kill `provisioner apply` at any moment, again and again, on a network that loses things; "
        "then count tasks at the service against TaskIds in the state.",
        epilog="Everything happens on this machine. Ends with one line; exit code 1 if a task was made twice or lost.",
    )
    parser.add_argument("--tasks", type=int, default=200, help="manifests, about (default: 200)")
    parser.add_argument("--kills", type=int, default=100, help="processes to kill (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of edits, faults and moments (default: 1)")
    return parser.parse_args(words)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
