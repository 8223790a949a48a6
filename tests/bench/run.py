"""Measure what people feel, side by side in one run: medians and ratios, nothing asserted.

python tests/bench/run.py            every figure
python tests/bench/run.py plan       only those whose name begins like that
python tests/bench/run.py speed 1000 10000 100000      plans of so many; see speed.py
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from corpus import STACK, task_record, write_project
from provisioner.core import state as states
from provisioner.core.address import Address
from provisioner.core.journal import Resolved, Verdict
from provisioner.core.state import State
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from provisioner.store.backend import LocalBackend
from provisioner.store.disk import Disk, write_atomic
from speed import speed

ROUNDS = 7
PROGRAM = os.path.join(os.path.dirname(sys.executable), "provisioner")


def _seconds(command: list[str], folder: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _median(command: list[str], folder: str, *, rounds: int = ROUNDS) -> float:
    return statistics.median(_seconds(command, folder) for _ in range(rounds))


def _row(name: str, value: str, bound: str) -> None:
    sys.stdout.write(f"| {name} | {value} | {bound} |\n")
    sys.stdout.flush()


@contextmanager
def _project(count: int, *, endpoint: str = "embedded") -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        write_project(folder, count, endpoint=endpoint)
        yield folder


def start_up() -> None:
    """``provisioner version`` beside the bare interpreter, interleaved."""
    bare, ours = [], []
    for _ in range(3 * ROUNDS):
        bare.append(_seconds([sys.executable, "-c", "pass"], "."))
        ours.append(_seconds([PROGRAM, "version"], "."))
    a, b = statistics.median(bare), statistics.median(ours)
    _row(
        "`provisioner version` / `python3 -c pass`",
        f"{b * 1000:.0f} ms / {a * 1000:.0f} ms = {b / a:.2f}",
        "≤ 3",
    )


def plan() -> None:
    """A plan of 1,000 manifests: every task to be created, and again when nothing changed."""
    with _project(1000) as folder:
        _row("cold plan, 1,000 manifests", f"{_median([PROGRAM, 'plan'], folder):.2f} s", "≤ 3 s")
        _seconds([PROGRAM, "apply", "--auto-approve", "--rate-per-second", "1000"], folder)
        _row("unchanged plan, 1,000 tasks", f"{_median([PROGRAM, 'plan'], folder):.2f} s", "≤ 1 s")


def apply() -> None:
    """400 creates at 20 a second with 100 ms latency: how close to the limit, and never over it."""
    with EmulatorServer(None, switches={"latency_ms": 100}) as server:
        with _project(400, endpoint=server.url) as folder:
            identity, key = EMBEDDED_CREDENTIAL
            environ = {**os.environ, "TENCENTCLOUD_SECRET_ID": identity, "TENCENTCLOUD_SECRET_KEY": key}
            subprocess.run(
                [PROGRAM, "apply", "--auto-approve"],
                cwd=folder,
                env=environ,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        calls = [call for call in server.calls if call.action == "CreateIntegrationTask"]
    times = sorted(call.arrived for call in calls)
    rate = (len(times) - 1) / (times[-1] - times[0])
    refused = sum(call.code.startswith("RequestLimitExceeded") for call in calls)
    _row("creates a second, 400 creates, 100 ms", f"{rate:.2f} ({100 * rate / 20:.1f} % of 20)", "≥ 19")
    _row("refused for pace", str(refused), "0")
    _row("most in any second", str(max(_windows(times))), "≤ 20")


def _windows(times: list[float]) -> Iterator[int]:
    """How many arrivals each sliding second and each calendar second holds."""
    first = 0
    for last, time_ in enumerate(times):
        while time_ - times[first] >= 1:
            first += 1
        yield last - first + 1
    yield from Counter(int(time_) for time_ in times).values()


def journal() -> None:
    """One outcome made durable, beside the whole state rewritten durably, at both sizes."""
    appended = _append_seconds()
    rewritten = {count: _rewrite_seconds(count) for count in _STATE_SIZES}
    small, large = _STATE_SIZES
    for what, seconds, bound in (
        ("a record appended", appended, "≤ 1.5"),
        ("the whole state rewritten", rewritten, ""),
    ):
        _row(
            f"{what}, synced, {large:,} / {small} tasks",
            f"{seconds[large] * 1000:.2f} ms / {seconds[small] * 1000:.2f} ms "
            f"= {seconds[large] / seconds[small]:.2f}",
            bound,
        )
    for count in _STATE_SIZES:
        _row(f"the whole state / a record, {count:,} tasks", f"{rewritten[count] / appended[count]:.0f}", "")


_STATE_SIZES = (10, 10_000)
_RECORDS = 301
"""Records that are appended at each size, timed one by one."""


def _append_seconds() -> dict[int, float]:
    """``LocalBackend.record`` of a task that was made, at each size in turn."""
    times: dict[int, list[float]] = {count: [] for count in _STATE_SIZES}
    with tempfile.TemporaryDirectory() as folder:
        backends = {count: _backend(folder, count) for count in _STATE_SIZES}
        for number in range(_RECORDS):
            for count, backend in backends.items():
                entry = _entry(backend.next_seq, f"new-{number}")
                start = time.perf_counter()
                backend.record(entry)
                times[count].append(time.perf_counter() - start)
        for backend in backends.values():
            backend.close()
    return {count: statistics.median(all_) for count, all_ in times.items()}


def _backend(folder: str, count: int) -> LocalBackend:
    """Ready to record, with that many tasks in the state."""
    backend = LocalBackend(os.path.join(folder, f"{count}.state.json"), stack=STACK, tool_version="1")
    backend.begin(first=lambda _: _state(count), reserve_bytes=_RECORDS * 4_000)
    return backend


def _entry(seq: int, name: str) -> Resolved:
    record = task_record(name)
    return Resolved(
        seq=seq,
        address=Address(name),
        attempt=record.attempt,
        verdict=Verdict.ADOPTED,
        record=record,
        evidence="listed",
    )


def _rewrite_seconds(count: int) -> float:
    """What a tool does that keeps no journal: the whole state for one task."""
    with tempfile.TemporaryDirectory() as folder:
        path, state, disk, times = os.path.join(folder, "x.state.json"), _state(count), Disk(), []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            write_atomic(disk, path, states.encode(state, "1"))
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _state(count: int) -> State:
    tasks = {Address(f"task-{number}"): task_record(f"task-{number}") for number in range(count)}
    return State(lineage="1ea6e", stack=STACK, tasks=tasks)


BENCHES: dict[str, Callable[[], None]] = {
    "start-up": start_up,
    "plan": plan,
    "apply": apply,
    "journal": journal,
    "speed": lambda: speed([int(size) for size in sys.argv[2:]] or [1_000, 10_000]),
}


def main() -> None:
    """Print a table in Markdown."""
    sys.stdout.write(f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {ROUNDS}\n\n")
    sys.stdout.write("| what | measured | to reach |\n|---|---|---|\n")
    for name, bench in BENCHES.items():
        if len(sys.argv) < 2 or name.startswith(sys.argv[1]):
            bench()


if __name__ == "__main__":
    main()
