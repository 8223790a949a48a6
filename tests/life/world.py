"""The whole program in this process, on the emulator's own rules: no sockets, no signatures, no waiting.

Rule: commands, planner, engine, journal, state file, manifests and wire shapes are the program's own, and
so are the emulator's gateway checks and service. Between the two stand a transport that hands over bytes,
a clock that moves when it is told to, and workers that do one call after another.
"""

import contextlib
import gc
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, ClassVar
from unittest import mock

import jsonschema_rs

from fakes.clock import START
from fakes.workers import SyncWorkers
from provisioner.cli import main
from provisioner.cloud.endpoint import Endpoint
from provisioner.cloud.exchange import Answered, Failed, Happened
from provisioner.commands.project import manifests, settings_file
from provisioner.commands.support import machine, remote
from provisioner.commands.verbs import export
from provisioner.core import settings
from provisioner.core.schema import manifest_schema
from provisioner.core.schema.validation import Checker
from provisioner.emulator import definition
from provisioner.emulator.gateway import Gateway, Request
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.service import Service
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches

PROJECT = "17865298918277529"
_DEFINITION = definition.load()
_SHARED_MEMORY = "/dev/shm"
_SECONDS_BETWEEN = 10
"""Time that passes before each command: more than any lag of listings that is played."""


@dataclass(frozen=True)
class Ran:
    """What one command came to."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Standard output as JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class World:
    """A service, and a project's folder."""

    now: ClassVar[float] = float(START)
    current: ClassVar["World"]

    def __init__(self, random: Random, switches: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        World.current = self
        World.now = float(START)
        self.random = random
        self.switches = Switches(switches)
        self.service = Service(_DEFINITION, self.switches, Storage(None, _DEFINITION), lambda: World.now)
        self.gateway = Gateway(_DEFINITION, self.switches, {}, lambda: World.now, lambda: World.now)
        self.calls: list[str] = []
        """API actions that were called."""

        base = _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) else None
        self.folder = tempfile.mkdtemp(prefix="life-", dir=base)
        self.clone = os.path.join(self.folder, "clone")
        self.root = os.path.join(self.folder, "project")
        self._settings = {
            "stack": "0011223344556677",
            "project_id": PROJECT,
            "region": "ap-singapore",
            "endpoint": "http://127.0.0.1:9",
            "rate_per_second": 1000,
            "guard": {"max_deletes": 1000, "max_delete_percent": 100},
            **settings,
        }
        for folder in (self.root, self.clone):
            os.makedirs(os.path.join(folder, "manifests"))
            with open(os.path.join(folder, "provisioner.yaml"), "w", encoding="utf-8") as file:
                json.dump(self._settings, file)

    def close(self) -> None:
        """Remove the folder."""
        os.chdir("/")
        shutil.rmtree(self.folder)

    def run(self, *arguments: str, folder: str = "") -> Ran:
        """One command."""
        World.now += _SECONDS_BETWEEN
        os.chdir(folder or self.root)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(arguments))
        return Ran(code, out.getvalue(), err.getvalue())

    def perform(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What somebody does in the console."""
        World.now += 1
        return self.service.perform(action, json.loads(json.dumps(parameters)))

    def task(self, task_id: str) -> dict[str, Any] | None:
        """A task as the service keeps it; a copy."""
        found = next((task for task in self.service.tasks() if task["TaskId"] == task_id), None)
        return None if found is None else json.loads(json.dumps(found))


# ── what stands between the program and the emulator ────────────────────────


class _Transport:
    """See ``transport.Transport``: the same words, without a network."""

    def __init__(self, endpoint: Endpoint, *, region: str, **_: object) -> None:
        self.endpoint = endpoint
        self.region = region

    def exchange(self, payload: bytes, headers: Mapping[str, str]) -> Happened:
        """See ``Transport.exchange``."""
        world, action, now = World.current, headers["X-TC-Action"], int(World.now)
        world.calls.append(action)
        request = Request("POST", "/", {}, payload)
        try:
            reply = world.service.perform(action, world.gateway._parameters(request, action))
        except RefusedError as error:
            return Failed(
                code=error.code, message=error.message, names_task=False, request_id="r", server_time=now
            )
        # What is handed over is a copy, and nothing but JSON.
        return Answered(response=json.loads(json.dumps(reply)), request_id="r", server_time=now)

    def close(self) -> None:
        """See ``Transport.close``."""


class _Clock:
    """See ``Clock``."""

    def __init__(self, *_: object) -> None:
        pass

    def now(self) -> int:
        """See ``Clock.now``."""
        return int(World.now)

    def time(self) -> float:
        """As ``time.time``."""
        return World.now

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return World.now

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        World.now += seconds


def _workers(_count: int, _should_stop: Callable[[], bool] | None = None) -> SyncWorkers:
    """One call after another, in whatever order."""
    return SyncWorkers(_Clock(), World.current.random.randrange)


_COMPILED: dict[str, Any] = {}


def _compiled_once(checker: Checker) -> Any:
    """See ``Checker._compiled``: a schema is compiled once, and not once a command."""
    title = str(checker.schema["title"])
    if title not in _COMPILED:
        _COMPILED[title] = jsonschema_rs.Draft202012Validator(checker.schema)
    return _COMPILED[title]


_ENVIRONMENT = {
    "TENCENTCLOUD_SECRET_ID": "AKIDLIFE",
    "TENCENTCLOUD_SECRET_KEY": "life",
    "NO_COLOR": "1",
    "PROVISIONER_LIST_LAG_SECONDS": "5",
}


@contextlib.contextmanager
def in_this_process() -> Iterator[None]:
    """While ``with`` lasts, the program runs as it is said above."""
    names = [name for name in os.environ if not name.startswith(("PROVISIONER_", "TENCENTCLOUD_", "TCCLI_"))]
    environment = {**{name: os.environ[name] for name in names}, **_ENVIRONMENT}
    was_on, before = gc.isenabled(), os.getcwd()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        for owner, name, value in (
            (remote, "Transport", _Transport),
            (remote, "time", _Clock()),
            (machine, "SystemClock", _Clock),
            (machine, "ThreadWorkers", _workers),
            (export, "ThreadWorkers", _workers),
            (Checker, "_compiled", property(_compiled_once)),
            (manifests, "manifest_schema", cache(manifest_schema.manifest_schema)),
            (settings_file, "settings_schema", cache(settings.settings_schema)),
        ):
            stack.enter_context(mock.patch.object(owner, name, value))
        # A command that finds it on would freeze what there is, and a thousand commands all of it.
        gc.disable()
        try:
            yield
        finally:
            os.chdir(before)
            if was_on:
                gc.enable()
