"""Applies against an emulator that counts calls as the service does: pace, a shared quota, our own cost; and a
plan that looks at what is there.
"""

import os
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from corpus import manifest, write_project
from measure import PROGRAM, Cost, Table, publish, run
from provisioner.cloud.api import CloudTaskApi
from provisioner.cloud.credentials import Found
from provisioner.cloud.endpoint import parse_endpoint
from provisioner.cloud.rate_limit import Pace
from provisioner.cloud.renewal import CredentialProvider
from provisioner.cloud.transport import Transport
from provisioner.cloud.wire import actions
from provisioner.core.api.calls import CreateTask
from provisioner.core.api.replies import Done, Refused
from provisioner.core.api.signing import Credential
from provisioner.core.json_types import JSONObject
from provisioner.emulator.admin import RecordedCall
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from sample import Sample

CREATE = "CreateIntegrationTask"
LIMIT = 20
"""Calls of one action in a second. Source: the vendor's page of the action."""

CREATES = 1_000
_SHARED_CREATES = 800
_OTHERS = 10
"""Creates a second of another client, while it is there."""

_ALONE_SECONDS, _SHARED_SECONDS = 10, 20
_THEIRS = "another client's "
_UNLIMITED = {"calls_per_second": 0}
_FEW, _MANY = 400, 1_400
"""Creates whose difference is what one costs; in both as much is imported and as many processes take part."""


def applies(sizes: list[int]) -> None:
    """Every figure, printed one by one and written to the report."""
    table = Table([0])
    for latency in (100, 400):
        _pace(table, latency)
    _shared(table)
    for size in (0, *sizes):
        each = _cpu_of_a_create(size)
        table.put(f"our CPU a create, beside {size:,} tasks", 0, f"{each * 1000:.2f} ms", "< 2 ms, flat")
    for size in (one for one in sizes if one <= 10_000):
        _refresh(table, size)
    publish("applies", table)


def _environ() -> dict[str, str]:
    identity, key = EMBEDDED_CREDENTIAL
    return {**os.environ, "TENCENTCLOUD_SECRET_ID": identity, "TENCENTCLOUD_SECRET_KEY": key}


def _apply(folder: str, *flags: str) -> Cost:
    return run([PROGRAM, "apply", "--auto-approve", *flags], folder, _environ())


@contextmanager
def _project(count: int, server: EmulatorServer) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        write_project(folder, count, endpoint=server.url)
        yield folder


# ── pace ────────────────────────────────────────────────────────────────────


def _pace(table: Table, latency: int) -> None:
    """How close to the limit, and never over it."""
    with (
        EmulatorServer(None, switches={"latency_ms": latency}) as server,
        _project(CREATES, server) as folder,
    ):
        _apply(folder)
        calls = [call for call in server.calls if call.action == CREATE]
    times = sorted(call.arrived for call in calls)
    done = sorted(call.arrived for call in calls if not call.code)
    rate = (len(done) - 1) / (done[-1] - done[0])
    refused = sum(call.code.startswith("RequestLimitExceeded") for call in calls)
    what = f"{CREATES:,} creates, every call takes {latency} ms"
    table.put(f"{what}: a second", 0, f"{rate:.2f} = {100 * rate / LIMIT:.1f} % of {LIMIT}", "≥ 98 %")
    table.put(
        f"{what}: refused for pace / most in any second", 0, f"{refused} / {max(_windows(times))}", "0 / 20"
    )


def _windows(times: Sequence[float]) -> Iterator[int]:
    """How many arrivals each sliding second and each calendar second holds."""
    first = 0
    for last, time_ in enumerate(times):
        while time_ - times[first] >= 1:
            first += 1
        yield last - first + 1
    yield from Counter(int(time_) for time_ in times).values()


# ── a shared quota ──────────────────────────────────────────────────────────


def _shared(table: Table) -> None:
    """Another client of the same key makes creates for a while: what each of the two gets, and what comes after."""
    with EmulatorServer(None, switches={"latency_ms": 100}) as server:
        with _project(_SHARED_CREATES, server) as folder:
            others = _OtherClient(server.url)
            thread = threading.Thread(target=others.create)
            thread.start()
            _apply(folder)
            thread.join()
        ours = [call for call in server.calls if call.action == CREATE and not _is_theirs(call)]
    done = sorted(call.arrived for call in ours if not call.code)
    refused = [call.arrived for call in ours if call.code]
    ended = others.began + _SHARED_SECONDS
    for what, first, last in (
        ("alone", done[0], others.began),
        (f"while another client makes {_OTHERS}", others.began, ended),
        ("from 10 s after that", ended + 10, done[-1]),
    ):
        count = sum(first <= moment < last for moment in done)
        turned = sum(first <= moment < last for moment in refused)
        more = f", refused {turned}"
        if first == others.began:
            more += f"; the other {others.done / _SHARED_SECONDS:.1f}, refused {others.refused}"
        table.put(f"creates a second, {what}", 0, f"{count / (last - first):.1f}{more}", "")


def _is_theirs(call: RecordedCall) -> bool:
    body = call.parameters.get("TaskInfo")
    return isinstance(body, dict) and str(body.get("TaskName")).startswith(_THEIRS)


class _OtherClient:
    """Somebody else with the same key: creates tasks at its own pace, and does nothing about a refusal."""

    def __init__(self, url: str) -> None:
        identity, key = EMBEDDED_CREDENTIAL
        found = Found(Credential(identity, key))
        self.began = 0.0
        self.done = 0
        self.refused = 0
        self._transport = Transport(
            parse_endpoint(url), region="ap-singapore", monotonic=time.monotonic, connections=1
        )
        self._api = CloudTaskApi(
            self._transport,
            credentials=CredentialProvider(lambda: found, time.time),
            now=time.time,
            monotonic=time.monotonic,
            sleep=time.sleep,
            jitter=random.random,
            pace=Pace(1_000, monotonic=time.monotonic, sleep=time.sleep),
            gather=lambda works: (work() for work in works),
        )

    def create(self) -> None:
        """From a while after now, for a while."""
        time.sleep(_ALONE_SECONDS)
        self.began = turn = time.time()
        while turn < self.began + _SHARED_SECONDS:
            body: JSONObject = {"TaskName": f"{_THEIRS}{turn}", "SyncType": 2, "TaskType": 201}
            reply = self._api.send(self._api.sign(CreateTask(project_id="1", body=body)))
            self.done += isinstance(reply, Done)
            self.refused += isinstance(reply, Refused)
            turn = max(turn + 1 / _OTHERS, time.time() - 1)
            time.sleep(max(0.0, turn - time.time()))
        self._transport.close()


_NUMBERS = count(900_000)
"""Of tasks that no other apply of this run has made."""


# ── what it costs us ────────────────────────────────────────────────────────


def _cpu_of_a_create(size: int) -> float:
    """Seconds of ours that one more create takes, beside so many tasks."""
    with tempfile.TemporaryDirectory() as folder, EmulatorServer(None, switches=_UNLIMITED) as server:
        sample = Sample(folder, size, endpoint=server.url)
        rounds = 3 if size < 100_000 else 1
        more = [_cpu_of_creates(sample, _MANY) - _cpu_of_creates(sample, _FEW) for _ in range(rounds)]
    return statistics.median(more) / (_MANY - _FEW)


def _cpu_of_creates(sample: Sample, creates: int) -> float:
    chance, below = random.Random(creates), os.path.join(sample.folder, "manifests", f"new-{creates}")
    sample.restore()
    run([PROGRAM, "plan"], sample.folder)
    os.makedirs(below)
    for number in range(creates):
        with open(os.path.join(below, f"{number}.yaml"), "w", encoding="utf-8") as file:
            file.write(manifest(next(_NUMBERS), chance))
    cost = _apply(sample.folder, "--rate-per-second", "1000", "--parallelism", "10")
    shutil.rmtree(below)
    return cost.cpu_seconds


# ── what is there ───────────────────────────────────────────────────────────


def _refresh(table: Table, size: int) -> None:
    """A plan of tasks that were all applied, from what is there: how long, and how many calls."""
    with EmulatorServer(None, switches=_UNLIMITED) as server, _project(size, server) as folder:
        cost = _apply(folder, "--rate-per-second", "1000")
        what = f"apply of {size:,} creates, no latency, no limit"
        table.put(what, 0, f"{cost} = {1_000 * cost.wall_seconds / size:.1f} ms each", "")
        server.switches.set({"latency_ms": 100, "calls_per_second": LIMIT})
        before = len(server.calls)
        cost = run([PROGRAM, "plan", "--refresh"], folder, _environ())
        calls = server.calls[before:]
    pages = Counter(call.action for call in calls)
    refused = sum(bool(call.code) for call in calls)
    what = f"`plan --refresh` of {size:,} tasks, every call takes 100 ms"
    value = (
        f"{cost}, {pages[actions.LIST]} pages, {pages[actions.DESCRIBE]} reads of one task, {refused} refused"
    )
    table.put(what, 0, value, "bound by pages")
