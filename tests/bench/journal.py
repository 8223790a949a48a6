"""One outcome made durable, beside the whole state rewritten durably, at ten and at ten thousand tasks."""

import os
import statistics
import tempfile
import time

from corpus import STACK, task_record
from measure import Table, publish
from provisioner.core.address import Address
from provisioner.core.state import snapshot as snapshots
from provisioner.core.state.entries import Resolved, Verdict
from provisioner.core.state.state import State
from provisioner.store.backend import LocalBackend
from provisioner.store.disk import Disk, write_atomic

ROUNDS = 7


def journal() -> None:
    """One outcome made durable, beside the whole state rewritten durably, at both sizes."""
    table = Table([0])
    appended = _append_seconds()
    rewritten = {count: _rewrite_seconds(count) for count in _STATE_SIZES}
    small, large = _STATE_SIZES
    for what, seconds, bound in (
        ("a record appended", appended, "≤ 1.5"),
        ("the whole state rewritten", rewritten, ""),
    ):
        table.put(
            f"{what}, synced, {large:,} / {small} tasks",
            0,
            f"{seconds[large] * 1000:.2f} ms / {seconds[small] * 1000:.2f} ms "
            f"= {seconds[large] / seconds[small]:.2f}",
            bound,
        )
    for count in _STATE_SIZES:
        table.put(
            f"the whole state / a record, {count:,} tasks", 0, f"{rewritten[count] / appended[count]:.0f}", ""
        )
    publish("journal", table)


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
            write_atomic(disk, path, snapshots.encode(state, "1"))
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _state(count: int) -> State:
    tasks = {Address(f"task-{number}"): task_record(f"task-{number}") for number in range(count)}
    return State(lineage="1ea6e", stack=STACK, tasks=tasks)
