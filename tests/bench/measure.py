"""What a run of a process costs, and tables of that in ``BENCHMARKS.md``."""

import datetime as dt
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

PROGRAM = os.path.join(os.path.dirname(sys.executable), "provisioner")
REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "BENCHMARKS.md")

PLOTTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "growth.json")
GROWTH: dict[str, dict[int, float]] = defaultdict(dict)
"""What goes into the plot: series -> how many -> seconds."""


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
    """Columns: how many tasks; 0 where that does not matter."""

    rows: dict[str, tuple[dict[int, str], str]] = field(default_factory=dict)

    def put(self, what: str, size: int, value: str, target: str) -> None:
        """One figure; it is printed at once."""
        self.rows.setdefault(what, ({}, target))[0][size] = value
        sys.stdout.write(f"| {what} | {f'{size:,}' if size else ''} | {value} | {target} |\n")
        sys.stdout.flush()

    def __str__(self) -> str:
        """The table in Markdown."""
        lines = [
            f"| what | {' | '.join(f'{size:,}' if size else 'measured' for size in self.sizes)} | to reach |",
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
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)])
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
    command: list[str],
    folder: str,
    before: Callable[[], object] = lambda: None,
    *,
    rounds: int,
    environ: dict[str, str] | None = None,
) -> Cost:
    """Of several runs, with something done before each."""
    costs = []
    for _ in range(rounds):
        before()
        costs.append(run(command, folder, environ))
    return median_of(costs)


def median_of(costs: list[Cost]) -> Cost:
    """The medians, each of its own."""
    return Cost(
        statistics.median(cost.wall_seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
        statistics.median(cost.peak_mb for cost in costs),
    )


def publish(section: str, table: object) -> None:
    """Replace a section of the report; what stands around it is written by people."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    begin, end = f"<!-- {section}: written by make bench -->", f"<!-- end of {section} -->"
    text = f"{begin}\n{machine}; {today}.\n\n{table}\n{end}"
    with open(REPORT, encoding="utf-8") as file:
        report = file.read()
    report, found = re.subn(f"{begin}.*?{end}", lambda _: text, report, count=1, flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{REPORT} has no section {section}")
    with open(REPORT, "w", encoding="utf-8") as file:
        file.write(report)
    _keep_for_the_plot()


def _keep_for_the_plot() -> None:
    """Series of this run take the place of those of an earlier one."""
    with open(PLOTTED, encoding="utf-8") as file:
        series = json.load(file)
    series |= {
        name: {str(size): round(points[size], 4) for size in sorted(points)}
        for name, points in GROWTH.items()
    }
    with open(PLOTTED, "w", encoding="utf-8") as file:
        json.dump(series, file, indent=2)
        file.write("\n")
