"""Plans of a thousand, ten thousand and a hundred thousand manifests, start-up and applies: the table in
``BENCHMARKS.md``.

python tests/bench/run.py speed                  1,000 and 10,000
python tests/bench/run.py speed 1000 10000 100000

Seconds are what a person waits, and in brackets what the processors worked; both are medians. On a machine
that others use, compare the brackets.
"""

import datetime as dt
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

from corpus import STACK, manifest, write_project
from provisioner import __version__
from provisioner.commands.manifests import load_manifests
from provisioner.core.address import TaskId
from provisioner.core.manifest import Defaults
from provisioner.core.state import Remote, State, TaskRecord, encode
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer

ROUNDS = 5
PROGRAM = os.path.join(os.path.dirname(sys.executable), "provisioner")
REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "BENCHMARKS.md")
SETTINGS = f"stack: {STACK}\nproject_id: '1'\nregion: ap-singapore\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run of a process, or the medians of several."""

    wall_seconds: float
    cpu_seconds: float
    """The process and those that it started."""

    peak_mb: float

    def __str__(self) -> str:
        """As in the table."""
        return f"{self.wall_seconds:.2f} s ({self.cpu_seconds:.2f})"


@dataclass(slots=True)
class Table:
    """Figures by what was measured and how much of it there was."""

    sizes: list[int]
    rows: dict[str, tuple[dict[int, str], str]] = field(default_factory=dict)

    def put(self, what: str, size: int, value: str, target: str) -> None:
        """One figure; it is printed at once."""
        self.rows.setdefault(what, ({}, target))[0][size] = value
        sys.stdout.write(f"| {what} | {size:,} | {value} | {target} |\n")
        sys.stdout.flush()

    def __str__(self) -> str:
        """The table in Markdown."""
        lines = [
            f"| what | {' | '.join(f'{size:,}' for size in self.sizes)} | target |",
            "|---" * (len(self.sizes) + 2) + "|",
        ]
        lines += [
            f"| {what} | {' | '.join(values.get(size, '') for size in self.sizes)} | {target} |"
            for what, (values, target) in self.rows.items()
        ]
        return "\n".join(lines)


# A new process begins with the peak memory of the one that starts it, so that must be a small one.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, status)
"""


def run(command: list[str], folder: str, environ: dict[str, str] | None = None) -> Cost:
    """Run to the end; a plan that exits with 2 is no failure."""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    done = subprocess.run(launcher, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    wall, cpu, peak, status = done.stdout.split()
    if os.waitstatus_to_exitcode(int(status)) not in (0, 2):
        raise SystemExit(f"{command}: ended with {status}")
    return Cost(float(wall), float(cpu), float(peak))


def median(
    command: list[str], folder: str, before: Callable[[], object] = lambda: None, *, rounds: int
) -> Cost:
    """Of several runs, with something done before each."""
    costs = []
    for _ in range(rounds):
        before()
        costs.append(run(command, folder))
    return Cost(
        statistics.median(cost.wall_seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
        statistics.median(cost.peak_mb for cost in costs),
    )


class Sample:
    """A project whose every task was applied, and what can be done to it."""

    def __init__(self, folder: str, count: int, *, endpoint: str = "embedded") -> None:
        self.folder = folder
        self.state = os.path.join(folder, "provisioner.state.json")
        self._settings = f"{SETTINGS}endpoint: {endpoint}\n"
        self._edits = 0
        write_project(folder, count, endpoint=endpoint)
        remote = (
            Remote("embedded", "") if endpoint == "embedded" else Remote("http://127.0.0.1", "ap-singapore")
        )
        loaded = load_manifests(os.path.join(folder, "manifests"), Defaults(project_id="1"))
        tasks = {
            address: TaskRecord(
                project_id=spec.project_id,
                task_id=TaskId(f"h9d{number:08d}"),
                task_type=spec.task_type,
                spec=spec.body,
                digest=spec.digest,
                request_id="8d6cc27b-0000-4000-8000-000000000000",
                applied_at="2026-11-24T00:00:00Z",
                attempt="0123456789abcdef",
            )
            for number, (address, spec) in enumerate(loaded.desired.items())
        }
        state = State(lineage="1f2e3d4c5b6a7988", stack=STACK, serial=1, remote=remote, tasks=tasks)
        self._applied = encode(state, __version__)
        self.restore()

    def restore(self) -> None:
        """Everything is applied, and nothing else."""
        with open(self.state, "wb") as file:
            file.write(self._applied)

    def forget_cache(self) -> None:
        """The next command is a cold one."""
        shutil.rmtree(os.path.join(self.folder, ".provisioner"), ignore_errors=True)

    def forget_all(self) -> None:
        """Nothing was ever applied."""
        self.forget_cache()
        os.remove(self.state)

    def edit_one(self) -> None:
        """One manifest asks for something else."""
        self._edits += 1
        path = os.path.join(self.folder, "manifests", "team-0000", "task-000007.yaml")
        with open(path, encoding="utf-8") as file:
            text = re.sub("Description: .*", f"Description: edit {self._edits}", file.read())
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def edit_all(self) -> None:
        """Every manifest asks for something else."""
        self._edits += 1
        with open(os.path.join(self.folder, "provisioner.yaml"), "w", encoding="utf-8") as file:
            file.write(f"{self._settings}defaults: {{Incharge: p{self._edits}}}\n")


def speed(sizes: list[int]) -> None:
    """Every figure, printed one by one and written to the report."""
    table = Table(sizes)
    _start_up(table)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            _plans(
                table,
                Sample(folder, size),
                size,
                rounds=ROUNDS if size <= 1_000 else 3 if size < 100_000 else 1,
            )
        _creates(table, size)
    _write(table)


def _start_up(table: Table) -> None:
    size = table.sizes[0]
    commands = {
        "bare": [sys.executable, "-I", "-c", "pass"],
        "version": [PROGRAM, "version"],
        "--help": [PROGRAM, "--help"],
    }
    times: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(4 * ROUNDS):
        for name, command in commands.items():
            times[name].append(run(command, "."))
    cpu = {name: statistics.median(cost.cpu_seconds for cost in costs) for name, costs in times.items()}
    for name in ("version", "--help"):
        ratio = f"{cpu[name] * 1000:.0f} ms = {cpu[name] / cpu['bare']:.2f} x"
        table.put(f"`provisioner {name}` / `python3 -I -c pass`, CPU", size, ratio, "≤ 2.5 x")
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(folder, 1)
        cost = median([PROGRAM, "plan"], folder, sample.forget_cache, rounds=ROUNDS)
        table.put("`plan` of one manifest", size, str(cost), "≤ 0.15 s")


def _plans(table: Table, sample: Sample, size: int, *, rounds: int) -> None:
    folder, plan = sample.folder, [PROGRAM, "plan"]
    cold = "≤ 0.5 / 3.0 / 30 s"
    cost = median([PROGRAM, "validate"], folder, rounds=rounds)
    table.put("cold `validate`", size, str(cost), cold)
    cost = median(plan, folder, sample.forget_cache, rounds=rounds)
    table.put("cold `plan`", size, str(cost), cold)
    table.put("peak memory of a cold plan", size, f"{cost.peak_mb:.0f} MB", "≤ 1.5 GB at 100,000")
    cost = median(plan, folder, rounds=rounds)
    table.put("`plan`, nothing changed", size, str(cost), "≤ 0.20 / 0.5 / 4 s")
    table.put("peak memory of that", size, f"{cost.peak_mb:.0f} MB", "≤ 60 / 100 / 600 MB")
    cost = median(plan, folder, sample.edit_one, rounds=rounds)
    table.put("`plan`, one changed", size, str(cost), "no-op + 0.05 / 0.05 / 0.1 s")
    if size <= 1_000:
        naive = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "naive.py"), folder]
        cost = median(naive, folder, rounds=1)
        table.put("CSafeLoader, jsonschema and DeepDiff on each", size, str(cost), "")
    cost = median(plan, folder, sample.edit_all, rounds=rounds)
    table.put("`plan`, every task changed", size, str(cost), "≤ 1 / 8 s")
    for form in ([], ["--json"]):
        cost = median([*plan, *form], folder, _all_to_create(sample), rounds=rounds)
        table.put(
            f"`plan {''.join(form)}`, every task to be created".replace(" `", "`"),
            size,
            str(cost),
            "cold + 1 s at 10,000",
        )
        sample.restore()


def _all_to_create(sample: Sample) -> Callable[[], None]:
    def before() -> None:
        sample.restore()
        sample.forget_all()

    return before


def _creates(table: Table, size: int) -> None:
    """What one more create costs us, beside a state of that size: the difference of two applies."""
    few, many = 20, 220
    cpu = {count: _apply_seconds(size, count) for count in (few, many)}
    each = (cpu[many] - cpu[few]) / (many - few)
    table.put("our CPU a create, beside that many tasks", size, f"{each * 1000:.1f} ms", "< 2 ms, flat")


def _apply_seconds(size: int, creates: int) -> float:
    identity, key = EMBEDDED_CREDENTIAL
    environ = {**os.environ, "TENCENTCLOUD_SECRET_ID": identity, "TENCENTCLOUD_SECRET_KEY": key}
    chance = random.Random(creates)
    with tempfile.TemporaryDirectory() as folder, EmulatorServer(None) as server:
        Sample(folder, size, endpoint=server.url)
        run([PROGRAM, "plan"], folder)
        os.mkdir(os.path.join(folder, "manifests", "new"))
        for number in range(creates):
            path = os.path.join(folder, "manifests", "new", f"{number}.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(manifest(900_000 + number, chance))
        command = [PROGRAM, "apply", "--auto-approve", "--rate-per-second", "1000"]
        return run(command, folder, environ).cpu_seconds


def _write(table: Table) -> None:
    """Replace the table under its heading; what stands below it is written by people."""
    with open(REPORT, encoding="utf-8") as file:
        report = file.read()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    text = f"<!-- speed: written by make bench -->\n{machine}; {today}.\n\n{table}\n<!-- end of speed -->"
    report = re.sub(r"<!-- speed: .*?<!-- end of speed -->", lambda _: text, report, count=1, flags=re.DOTALL)
    with open(REPORT, "w", encoding="utf-8") as file:
        file.write(report)
