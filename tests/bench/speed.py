"""Start-up, and plans of a thousand, ten thousand and a hundred thousand manifests.

python tests/bench/run.py speed                  1,000 and 10,000
python tests/bench/run.py speed 1000 10000 100000

Seconds are what a person waits, and in brackets what the processors worked; both are medians. On a machine
that others use, compare the brackets.
"""

import math
import os
import sys
import tempfile
from collections.abc import Callable

from measure import GROWTH, PROGRAM, Cost, Table, median, median_of, publish, run
from sample import Sample

ROUNDS = 5
NAIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "naive.py")
_FEW = (10, 100)
"""Sizes that are only in the plot."""


def speed(sizes: list[int]) -> None:
    """Every figure, printed one by one and written to the report."""
    table = Table(sizes)
    _start_up(table)
    for size in (*_FEW, *sizes):
        with tempfile.TemporaryDirectory() as folder:
            rounds = ROUNDS if size <= 1_000 else 3 if size < 100_000 else 1
            (_plans if size in sizes else _growth)(table, Sample(folder, size), size, rounds)
    _exponents(table)
    publish("speed", table)


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
    costs = {name: median_of(times[name]) for name in commands}
    for name in ("version", "--help"):
        ratio = costs[name].wall_seconds / costs["bare"].wall_seconds
        cpu = costs[name].cpu_seconds / costs["bare"].cpu_seconds
        value = f"{costs[name].wall_seconds * 1000:.0f} ms = {ratio:.2f} x (CPU {cpu:.2f} x)"
        table.put(f"`provisioner {name}` / `python3 -I -c pass`", size, value, "≤ 2.5 x")
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(folder, 1)
        cost = median([PROGRAM, "plan"], folder, sample.forget_cache, rounds=2 * ROUNDS)
        table.put("`plan` of one manifest", size, str(cost), "≤ 0.15 s")


def _growth(_table: Table, sample: Sample, size: int, rounds: int) -> None:
    plan = [PROGRAM, "plan"]
    cold = median(plan, sample.folder, sample.forget_cache, rounds=rounds)
    GROWTH["provisioner, cold"][size] = cold.wall_seconds
    GROWTH["provisioner, nothing changed"][size] = median(plan, sample.folder, rounds=rounds).wall_seconds


def _plans(table: Table, sample: Sample, size: int, rounds: int) -> None:
    folder, plan = sample.folder, [PROGRAM, "plan"]
    target = "≤ 0.5 / 3.0 / 30 s"
    table.put("cold `validate`", size, str(median([PROGRAM, "validate"], folder, rounds=rounds)), target)
    cold = median(plan, folder, sample.forget_cache, rounds=rounds)
    table.put("cold `plan`", size, str(cold), target)
    table.put("peak memory of a cold plan", size, f"{cold.peak_mb:.0f} MB", "≤ 1.5 GB at 100,000")
    same = median(plan, folder, rounds=rounds)
    table.put("`plan`, nothing changed", size, str(same), "≤ 0.20 / 0.5 / 4 s")
    table.put("peak memory of that", size, f"{same.peak_mb:.0f} MB", "≤ 60 / 100 / 600 MB")
    GROWTH["provisioner, cold"][size] = cold.wall_seconds
    GROWTH["provisioner, nothing changed"][size] = same.wall_seconds
    cost = median(plan, folder, sample.edit_one, rounds=rounds)
    more = f"{cost} = {cost.wall_seconds - same.wall_seconds:+.2f} s"
    table.put("`plan`, one changed", size, more, "+ 0.05 / 0.05 / 0.1 s")
    if size <= 1_000:
        cost = median([sys.executable, NAIVE, folder], folder, rounds=1)
        table.put("CSafeLoader, jsonschema and DeepDiff on each", size, str(cost), "")
        GROWTH["libyaml, jsonschema, DeepDiff"][size] = cost.wall_seconds
    cost = median(plan, folder, sample.edit_all, rounds=rounds)
    table.put("`plan`, every task changed", size, str(cost), "≤ 1 / 8 s, linear")
    if size >= 100_000:
        return
    for form in ([], ["--json"], ["--markdown"]):
        cost = median([*plan, *form], folder, _all_to_create(sample), rounds=rounds)
        what = " ".join(["plan", *form])
        more = f"{cost} = {cost.wall_seconds - cold.wall_seconds:+.2f} s"
        table.put(f"`{what}`, every task to be created", size, more, "cold + 1 s at 10,000")


def _all_to_create(sample: Sample) -> Callable[[], None]:
    def before() -> None:
        sample.restore()
        sample.forget_all()

    return before


def _exponents(table: Table) -> None:
    """How cost grows from the smallest of these sizes to the largest: 1 is in proportion."""
    small, large = min(table.sizes), max(table.sizes)
    if small == large:
        return
    for name in ("provisioner, cold", "provisioner, nothing changed"):
        grown = math.log(GROWTH[name][large] / GROWTH[name][small]) / math.log(large / small)
        what = f"growth of `plan`{name.removeprefix('provisioner')}, {small:,} to {large:,}"
        table.put(what, large, f"exponent {grown:.2f}", "≤ 1.05")
