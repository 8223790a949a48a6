"""A project and what is known of it: what must be said of every task, worked out from the edits alone.

Rule: what is expected is never asked of the program; what the program says is compared with it here.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from life.content import Maker
from life.edits import Edits
from life.trees import (
    KEYS,
    OBJECTS,
    ORDERED,
    REPLACES,
    SETTINGS,
    Differences,
    Tree,
    copied,
    differences,
    meaning,
    seen,
)
from life.world import Ran, World
from life.written import Writer

REFUSED_OR = ("accept", "InvalidParameter", "FailedOperation")
TOLERATED: Mapping[str, Sequence[Any]] = {
    "duplicate_name": REFUSED_OR,
    "not_found": ("null", "ResourceNotFound", "FailedOperation", "InvalidParameter"),
    "not_found_write": ("ResourceNotFound", "FailedOperation", "InvalidParameter"),
    "project_mismatch": ("refuse", "ignore"),
    "modify": ("replace", "merge"),
    "create_keeps": ("all", "scalars"),
    "null_parameter": ("ignore", "refuse"),
    "list_lag_seconds": (0, 3),
    "listed_fields": ("all", "plain"),
    "max_page_size": (10, 200),
    "unknown_filter": ("refuse", "ignore"),
    "node_ids": ("keep", "renumber", "renumber_all"),
    "unset": ("captured", "null"),
    "console_settings": ("add", "none"),
    "settings_order": ("as_written", "reversed"),
    "json_settings": ("as_written", "reserialised"),
    "task_mode": ("captured", "keep", "empty"),
    "production_filter": ("accept", "refuse"),
    "development_status": ("same", "new"),
    "submit_flag": ("true", "null"),
    "commit_default": ("0", "1"),
    "approval": ("none", "needed"),
    "run_preconditions": ("strict", "lenient"),
    "modify_running": ("accept", "refuse"),
    "transition_reads": (0, 2),
    "start_ends": ("running", "failed"),
    "create_takes_lock": ("yes", "no"),
    "modify_needs_lock": ("no", "others"),
    "commit_needs_lock": ("no", "others", "holder"),
    "delete_needs_lock": ("no", "others"),
    "rob": ("allowed", "refused"),
    "lock_expires_seconds": (0, 60),
    "delete_removes": ("both", "development"),
}
"""What the service may be like without anybody's noticing; ``site`` is drawn once for a project."""

IGNORABLE = (
    "Description",
    "Config",
    "ExtConfig",
    "ExecutorId",
    "Incharge",
    "Nodes",
    "Mappings",
    "WorkflowId",
)


class BrokenError(Exception):
    """A promise was broken."""


@dataclass
class Task:
    """One address: what is asked for, what was applied, what is there."""

    address: str
    file: str
    wanted: Tree | None = None
    """None: there is no manifest."""

    ignored: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    applied: Tree | None = None
    """None: it is not in the state."""

    live: Tree = field(default_factory=dict)
    """What is there of what was written."""

    recorded_as: str = ""
    """Its address in the state: what ``moved:`` says is recorded by an apply."""

    moved_from: list[str] = field(default_factory=list)
    task_id: str = ""
    is_gone: bool = False
    is_moved: bool = False
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of nodes as they were written -> as the service has them."""


class Project:
    """The player of one story."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.notes: list[str] = []
        self.edits = 0
        """How many edits in the console drift had to show."""

        is_china = random.random() < 0.2
        self.maker = Maker(random, is_china=is_china)
        self.writer = Writer(random)
        self._git = Edits(self.maker)
        self.defaults: Tree = {}
        if random.random() < 0.3:
            self.defaults = {"ExecutorId": "20230313175748567418", "Config": {"shared by all": "x"}}
        switches = {"site": "china" if is_china else "intl", "calls_per_second": 0, **self._switches(0.3)}
        self.world = World(random, switches, {"defaults": self.defaults} if self.defaults else {})
        self.note(f"switches: {switches}")
        self.tasks: dict[str, Task] = {}
        self._frozen: set[str] = set()
        """Switches that must not be turned any more."""

    def note(self, text: str) -> None:
        """For whoever reads a replay."""
        self.notes.append(text)

    # ── switches ────────────────────────────────────────────────────────────

    def _switches(self, share: float) -> dict[str, Any]:
        random = self.random
        return {name: random.choice(values) for name, values in TOLERATED.items() if random.random() < share}

    def _turn_switches(self) -> None:
        turned = {name: value for name, value in self._switches(0.15).items() if name not in self._frozen}
        self.world.switches.set(turned)
        self.note(f"the service is otherwise: {turned}")

    def _shows_mode(self, task: Task) -> bool:
        how = self.world.switches["task_mode"]
        is_whole = task.live.get("SyncType") == 1 and task.live.get("TaskType") != 202
        return how == "keep" or (how == "captured" and not is_whole)

    def _new_file(self, address: str) -> str:
        return f"{address}.{self.random.choice(('yaml', 'yaml', 'yml', 'json'))}"

    def _under_defaults(self, tree: Tree) -> None:
        for name, value in self.defaults.items():
            if name in SETTINGS:
                tree[name] = {**value, **tree.get(name, {})}
            else:
                tree.setdefault(name, value)

    # ── files ───────────────────────────────────────────────────────────────

    def _write(self) -> None:
        """Every manifest anew, in whatever form."""
        folder = os.path.join(self.world.root, "manifests")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        for file, tasks in self._by_file().items():
            for task in tasks:
                self._under_defaults(task.wanted or {})
                task.document = self.writer.document(
                    task.address, task.wanted or {}, task.ignored, self.defaults
                )
                if task.moved_from:
                    task.document["moved"] = {"from": list(task.moved_from)}
            documents = [task.document for task in tasks]
            text = json.dumps(documents[0]) if file.endswith(".json") else self.writer.text(documents)
            with open(os.path.join(folder, file), "w", encoding="utf-8", newline="") as stream:
                stream.write(text)

    def _by_file(self) -> dict[str, list[Task]]:
        files: dict[str, list[Task]] = {}
        for task in self.tasks.values():
            if task.wanted is not None:
                files.setdefault(task.file, []).append(task)
        return files

    # ── what must be said ───────────────────────────────────────────────────

    def _seen(self, task: Task) -> Tree:
        return seen(task.applied or {}, task.live, shows_mode=self._shows_mode(task))

    def _drift_of(self, task: Task) -> Differences | None:
        """None: it is gone."""
        if task.is_gone:
            return None
        ignored = task.ignored if task.wanted is not None else ()
        found = differences(task.applied or {}, self._seen(task))
        return {path: sides for path, sides in found.items() if path[0] not in ignored}

    def _drifts(self) -> dict[str, Differences | None]:
        """Every address that drift must show."""
        recorded = [task for task in self.tasks.values() if task.applied is not None]
        found = {task.address: self._drift_of(task) for task in recorded}
        return {address: one for address, one in found.items() if one is None or one}

    def _effective(self, task: Task, base: Tree) -> Tree:
        """What is asked for beside what is left to others."""
        wanted: Tree = copied(task.wanted)
        for name in task.ignored:
            wanted.pop(name, None)
            if name in base:
                wanted[name] = copied(base[name])
        return wanted

    def _changes(self, *, refresh: bool) -> dict[str, tuple[str, Differences]]:
        """What the plan must do: action and fields by address."""
        found = {}
        for task in self.tasks.values():
            if task.applied is None:
                found[task.address] = ("create", Differences())
            elif task.wanted is None:
                found[task.address] = ("delete", Differences())
            elif refresh and task.is_gone:
                found[task.address] = ("create", Differences())
            else:
                base = self._seen(task) if refresh else task.applied
                fields = differences(base, self._effective(task, base))
                if any(path[0] in REPLACES for path in fields):
                    found[task.address] = ("replace", fields)
                elif fields or task.is_moved:
                    found[task.address] = ("update", fields)
        return found

    # ── looking ─────────────────────────────────────────────────────────────

    def _check_drift(self, folder: str = "") -> None:
        ran = self.world.run("drift", "--json", folder=folder)
        self._expect(ran, 0)
        document = ran.document()
        said = {one["address"]: None if one["gone"] else _fields(one) for one in document["drift"]}
        expected = self._drifts() if not folder else {}
        self.edits += sum(1 if one is None else len(one) for one in expected.values())
        if document["unread"] or document["not_compared"]:
            raise BrokenError(
                f"drift: not all could be read: {document['unread']} {document['not_compared']}"
            )
        self._ensure_equal("drift", said, expected)

    def _check_plan(self, *, refresh: bool = False) -> None:
        ran = self.world.run("plan", "--json", *(["--refresh"] if refresh else []))
        self._expect(ran, 0)
        said, expected = {}, self._changes(refresh=refresh)
        for one in ran.document()["resource_changes"]:
            action = _ACTIONS[tuple(one["change"]["actions"])]
            said[one["address"]] = action, _fields(one)
        what = "plan --refresh" if refresh else "plan"
        actions = {address: action for address, (action, _) in expected.items()}
        told = {address: action for address, (action, _) in said.items()}
        if told != actions:
            raise BrokenError(f"{what}: says {told}, and it must be {actions}")
        self._ensure_equal(
            what,
            {address: fields for address, (_, fields) in said.items()},
            {address: fields for address, (_, fields) in expected.items()},
        )

    def _ensure_equal(
        self, what: str, said: Mapping[str, Differences | None], expected: Mapping[str, Differences | None]
    ) -> None:
        for address in sorted({*said, *expected}):
            if (address in said) != (address in expected):
                which = "shown and nobody did it" if address in said else "not shown"
                raise BrokenError(f"{what}: {address}: {which}: {said.get(address, expected.get(address))}")
            told, real = said[address], expected[address]
            if told is None or real is None:
                if told is not real:
                    raise BrokenError(f"{what}: {address}: says {told}, and it must be {real}; None is gone")
                continue
            if told.keys() != real.keys():
                false, missed = told.keys() - real.keys(), real.keys() - told.keys()
                raise BrokenError(f"{what}: {address}: false {false}, missed {missed}")
            for path, sides in real.items():
                ours, theirs = _comparable(told[path]), _comparable(sides)
                if ours != theirs and "(sensitive value)" not in str(told[path]):
                    raise BrokenError(f"{what}: {address}: {path}: says {told[path]}, and it is {sides}")

    def _check_clean(self) -> None:
        """Nothing is to be done, and drift shows what it showed before."""
        self._check_plan()
        if self._changes(refresh=False):
            raise BrokenError(f"the tests are wrong: {self._changes(refresh=False)} is left")
        self._check_drift()

    def _expect(self, ran: Ran, code: int) -> None:
        if ran.code != code:
            raise BrokenError(
                f"exit code {ran.code} in place of {code}\n{ran.out[-3000:]}\n{ran.err[-3000:]}"
            )

    # ── what is there ───────────────────────────────────────────────────────

    def _is_touched_otherwise(self, task: Task) -> bool:
        """Whether what is there is neither what was applied nor what is asked for."""
        there = self._drift_of(task) or {}
        if task.wanted is None:
            return bool(there)
        left = differences(self._seen(task), self._effective(task, self._seen(task)))
        return any(one[: len(path)] == path or path[: len(one)] == one for one in left for path in there)

    def _bodies(self) -> list[dict[str, Any]]:
        """What every task holds, but for who has it open."""
        mine = ("Locked", "Locker")
        return [
            {name: one for name, one in task.items() if name not in mine and not name.startswith("_")}
            for task in self.world.service.tasks()
        ]

    def _recorded(self, folder: str) -> dict[str, Any]:
        """The tasks in a state file."""
        path = os.path.join(folder, "provisioner.state.json")
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as file:
            tasks: dict[str, Any] = json.load(file)["tasks"]
            return tasks

    def _read_ids(self, task: Task) -> None:
        task.task_id = self._recorded(self.world.root)[task.address]["task_id"]
        kept = self.world.task(task.task_id) or {}
        theirs = {node["Name"]: node.get("Id", "") for node in kept.get("Nodes") or []}
        nodes = (task.live.get("Nodes") or {}).values()
        task.ids = {
            node["Id"]: theirs[node["Name"]] for node in nodes if "Id" in node and node["Name"] in theirs
        }

    def _text(self, file: str) -> str:
        with open(os.path.join(self.world.root, "manifests", file), encoding="utf-8", newline="") as stream:
            return stream.read()


# ── what the program said ───────────────────────────────────────────────────

_ACTIONS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
}
UNSET: Mapping[str, Any] = {
    **{key: [] for key in ("Config", "ExtConfig", "ExecuteContext", "Nodes", "Mappings", "TagList")},
    **{key: {} for key in OBJECTS},
}


def _fields(document: Mapping[str, Any]) -> Differences:
    return {tuple(one["path"]): (one["before"], one["after"]) for one in document["field_changes"]}


def is_fit(value: Any) -> bool:
    """Whether every column has a name and a type."""
    if isinstance(value, list):
        return all(map(is_fit, value))
    if not isinstance(value, dict):
        return True
    columns = [column for name in ORDERED for column in value.get(name) or []]
    return all(column.get("Name") and column.get("Type") for column in columns) and all(
        map(is_fit, value.values())
    )


def _comparable(sides: Sequence[Any]) -> tuple[Any, ...]:
    """Values that can be compared: single ones by what they say; of items only whether they are there."""
    return tuple(
        "an item" if isinstance(side, dict) else meaning(side) if not isinstance(side, list) else tuple(side)
        for side in sides
    )


def plain(documents: Any) -> Any:
    """Documents whose settings that are JSON are compared by what they say; null is the empty text."""
    if isinstance(documents, dict):
        return {name: plain(item) for name, item in documents.items()}
    if isinstance(documents, list):
        return [plain(item) for item in documents]
    return "null" if documents in ("", "~", "null") else meaning(documents)


def as_api(tree: Tree) -> dict[str, Any]:
    """A tree as the API has it."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if name in SETTINGS:
            found[name] = [{"Name": one, "Value": text} for one, text in value.items()]
        elif name in OBJECTS:
            found[name] = as_api(value)
        elif name in KEYS:
            found[name] = [as_api(item) for item in value.values()]
        else:
            found[name] = value
    return found
