"""The life of a project, drawn from a seed: people edit in git and in the console, and run commands.

Rule: after every command it is known, from the edits alone, what must be said: which tasks drift shows and
which fields of them, what the plan would do, what is in the manifests. Anything else is a broken promise.
"""

import gc
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from life.console import Console
from life.project import IGNORABLE, UNSET, BrokenError, Project, Task, as_api, is_fit, plain
from life.trees import (
    KEYS,
    ORDERED,
    Differences,
    Path,
    Tree,
    at,
    copied,
    differences,
    items,
    label,
    leaves,
    meaning,
    put,
    remove,
)
from life.world import PROJECT
from life.written import as_text, said_by, spot


class Story(Project):
    """The player of one story."""

    def play(self) -> None:
        """The whole story."""
        for _ in range(self.random.choice((1,) * 12 + (2,) * 9 + (3,) * 3 + (11,))):
            self._add_manifest()
        self._write()
        self._check_plan()
        self._apply()
        self._check_clean()
        for _ in range(self.random.randint(1, 3)):
            self._round()
        self._export_all()

    def _round(self) -> None:
        random = self.random
        for _ in range(random.choice((0, 0, 1, 2, 4))):
            self._edit_in_git()
        for _ in range(random.choice((0, 1, 1, 2, 5))):
            self._edit_in_console()
        if random.random() < 0.1:
            self._edit_on_both_sides()
        if random.random() < 0.5:
            self._turn_switches()
        self._write()
        self._check_drift()
        if random.random() < 0.5:
            self._check_plan()
        if random.random() < 0.5:
            self._check_plan(refresh=True)
        ways: list[Callable[[], None]] = [
            self._apply_refreshed,
            self._apply_refreshed,
            self._accept,
            self._apply_carefully,
        ]
        random.choice(ways)()
        if random.random() < 0.2:
            self._adopt_foreign()

    def _add_manifest(self) -> None:
        random = self.random
        address = self.maker.unique(random.choice(("orders-", "lake_", "T.")))
        name = (
            address if random.random() < 0.5 else self.maker.unique(random.choice(("orders ", "日志", "a/b")))
        )
        tree = self.maker.task(name)
        self._under_defaults(tree)
        files = sorted(
            {task.file for task in self.tasks.values() if task.file.endswith(".yaml") and task.wanted}
        )
        file = random.choice(files) if files and random.random() < 0.3 else self._new_file(address)
        task = Task(address, file, tree)
        if random.random() < 0.2:
            task.ignored = random.sample(IGNORABLE, random.randint(1, 2))
        self.tasks[address] = task
        self.note(f"git: {address} is new in {file}: {tree}, ignores {task.ignored}")

    def _edit_in_git(self) -> None:
        random = self.random
        described = [task for task in self.tasks.values() if task.wanted is not None]
        if not described or random.random() < 0.12:
            self._add_manifest()
            return
        task = random.choice(described)
        in_tree, of_task = self._git, (self._git_ignore, self._git_move, self._git_remove_manifest)
        weights: dict[Callable[[], str], int] = {
            lambda: in_tree.change(task.wanted or {}): 6,
            lambda: in_tree.remove(task.wanted or {}): 3,
            lambda: in_tree.add(task.wanted or {}): 4,
            lambda: in_tree.remove_item(task.wanted or {}): 2,
            lambda: in_tree.add_item(task.wanted or {}): 3,
            lambda: in_tree.rename_node(task.wanted or {}): 1,
            lambda: in_tree.move_column(task.wanted or {}): 1,
            lambda: in_tree.replace(task.wanted or {}): 1,
            lambda: random.choice(of_task)(task): 3,
            lambda: "written otherwise": 2,
        }
        (edit,) = random.choices(list(weights), list(weights.values()))
        done = edit()
        if task.wanted is not None:
            self._under_defaults(task.wanted)
        if done:
            self.note(f"git: {task.address}: {done}")

    def _git_ignore(self, task: Task) -> str:
        task.ignored = self.random.sample(IGNORABLE, self.random.randint(0, 2))
        return f"ignores {task.ignored}"

    def _git_move(self, task: Task) -> str:
        """Another address, by ``state mv`` or by ``moved:`` in the manifest."""
        old, new = task.address, self.maker.unique("moved-")
        if task.applied is not None:
            task.is_moved = True
            if task.recorded_as == old and self.random.random() < 0.5:
                self._expect(self.world.run("state", "mv", old, new), 0)
                task.recorded_as = new
            else:
                task.moved_from.insert(0, old)
        self._readdress(task, new)
        return f"is {new} now"

    def _readdress(self, task: Task, new: str) -> None:
        old = task.address
        if task.wanted is not None and task.wanted["TaskName"] == old:
            task.wanted["TaskName"] = new
        del self.tasks[old]
        task.address = new
        self.tasks[new] = task

    def _git_remove_manifest(self, task: Task) -> str:
        task.wanted = None
        if task.applied is None:
            del self.tasks[task.address]
        elif task.recorded_as != task.address:
            # Nobody has heard yet that it has moved.
            self._readdress(task, task.recorded_as)
        return "has no manifest any more"

    def _edit_in_console(self) -> None:
        random = self.random
        there = [task for task in self.tasks.values() if task.applied is not None and not task.is_gone]
        if random.random() < 0.1 or not there:
            body = as_api(self.maker.task(self.maker.unique("foreign ")))
            self.world.perform("CreateIntegrationTask", {"ProjectId": PROJECT, "TaskInfo": body})
            self.note(f"console: a task is made: {body}")
            return
        task = random.choice(there)
        if random.random() < 0.12:
            self._remove_in_console(task)
            return
        self._edited(task, Console.edit)

    def _edit_on_both_sides(self) -> None:
        """Git takes away an item in which somebody changes something in the console."""
        both = [
            (task, path)
            for task in self.tasks.values()
            if task.applied is not None and task.wanted is not None and not task.is_gone
            for path in {*items(task.wanted)} & {*items(task.live)}
        ]
        if both:
            task, path = self.random.choice(sorted(both, key=lambda one: (one[0].address, one[1])))
            remove(task.wanted or {}, path)
            self.note(f"git: {task.address}: {path} removed")
            self._edited(task, lambda console: console.edit_within(path))

    def _edited(self, task: Task, edit: Callable[[Console], str]) -> None:
        info = self.world.task(task.task_id)
        if info is None:
            raise BrokenError(f"{task.address}: the task {task.task_id} is not there")
        before = json.dumps(info, sort_keys=True)
        console = Console(info, task.live, task.applied or {}, task.ids, self.maker)
        done = edit(console)
        if done and json.dumps(info, sort_keys=True) != before:
            fixed = ("TaskId", "ProjectId", "TaskType")
            changes = {
                name: value for name, value in info.items() if name not in fixed and not name.startswith("_")
            }
            absent = [name for name in json.loads(before) if name not in info]
            # A field that is taken away is kept as the service keeps what is not set.
            changes.update({name: UNSET.get(name, "") for name in absent})
            changes = {name: value for name, value in changes.items() if value is not None}
            self._put(task, changes, [name for name in absent if name == "SyncType"])
            self.note(f"console: {task.address}: {done}")

    def _put(self, task: Task, changes: dict[str, Any], without: list[str]) -> None:
        for name in without:
            del changes[name]
        self.world.service.edit(task.task_id, changes)
        if without:
            kept = self.world.service._tasks.get(task.task_id)
            assert kept is not None
            self.world.service._tasks.put({name: one for name, one in kept.items() if name not in without})

    def _remove_in_console(self, task: Task) -> None:
        self.world.service.edit(task.task_id, {"Status": 1})
        before = self.world.switches["delete_removes"]
        self.world.switches.set({"delete_removes": "both"})
        is_offline = (task.live.get("TaskType") or 201) == 202
        names: dict[str, Any] = {"ProjectId": PROJECT, "TaskId": task.task_id}
        if is_offline:
            self.world.perform("DeleteOfflineTask", {**names, "OperatorName": "x", "VirtualFlag": False})
        else:
            self.world.perform("DeleteIntegrationTask", names)
        self.world.switches.set({"delete_removes": before})
        task.is_gone = True
        self.note(f"console: {task.address} is deleted")

    # ── acting ──────────────────────────────────────────────────────────────

    def _apply_refreshed(self) -> None:
        self.note("apply --refresh")
        self._expect(self.world.run("apply", "--refresh", "-auto-approve"), 0)
        self._was_applied(refresh=True)
        self._check_clean()

    def _apply(self) -> None:
        self.note("apply")
        self._expect(self.world.run("apply", "-auto-approve"), 0)
        self._was_applied(refresh=False)

    def _apply_carefully(self) -> None:
        """Without a look first: what somebody changed meanwhile is not written over."""
        touched = [
            task
            for address, (action, _) in self._changes(refresh=False).items()
            if (task := self.tasks[address]).applied is not None and (action == "update" or not task.is_gone)
        ]
        drifted = [task.address for task in touched if task.is_gone or self._is_touched_otherwise(task)]
        if not drifted:
            self._apply()
            self._check_clean()
            return
        before = self._bodies()
        ran = self.world.run("apply", "-auto-approve")
        self.note(f"apply is refused: {drifted}")
        self._expect(ran, 4)
        for address in drifted:
            if address not in ran.err:
                raise BrokenError(
                    f"{address} was changed there, and the refusal does not name it:\n{ran.err}"
                )
        if self._bodies() != before:
            raise BrokenError("a refused apply changed something")
        self._apply_refreshed()

    def _was_applied(self, *, refresh: bool) -> None:
        changes = self._changes(refresh=refresh)
        there = {task["TaskId"]: task for task in self.world.service.tasks()}
        for task in list(self.tasks.values()):
            action, _ = changes.get(task.address, ("", {}))
            base = self._seen(task) if refresh and not task.is_gone else task.applied or {}
            if action == "delete":
                if task.task_id in there:
                    raise BrokenError(f"{task.address}: the task is still there")
                del self.tasks[task.address]
                continue
            if action in ("create", "replace"):
                task.applied, task.live = copied(task.wanted), copied(task.wanted)
                task.is_gone = False
            elif action == "update":
                task.applied = self._effective(task, base)
                task.live = _live_after(task, base, task.applied)
            elif not task.is_gone:
                task.applied = copied(base)
            task.recorded_as = task.address
            if action:
                task.is_moved = False
                self._read_ids(task)

    def _accept(self) -> None:
        self.note("drift --accept")
        drifts = self._drifts()
        if any(one is None for one in drifts.values()):
            # What is gone is created anew or forgotten by an apply that looks first.
            self._apply_refreshed()
            return
        pending = {
            task.address: differences(task.applied or {}, task.wanted)
            for task in self.tasks.values()
            if task.wanted is not None and task.applied is not None
        }
        comments = {file: self._text(file).count("# comment") for file in self._by_file()}
        ran = self.world.run("drift", "--accept", "--json")
        self._expect(ran, 0)
        document = ran.document()
        written = {(one["address"], one["label"]) for one in document["accepted"]}
        labels = {
            (one["address"], tuple(change["path"])): change["label"]
            for one in document["drift"]
            for change in one["field_changes"]
        }
        # The service may spell it otherwise, and so it is written.
        texts = {
            (one["address"], tuple(change["path"])): change["after"]
            for one in document["drift"]
            for change in one["field_changes"]
        }
        for address, fields in drifts.items():
            task = self.tasks[address]
            for path, (old, new) in (fields or {}).items():
                is_written = (address, labels[address, path]) in written
                place = None if task.wanted is None else spot(task.document, path)
                if is_written != self._is_acceptable(task, path, old, new, place, pending.get(address, {})):
                    left = [one for one in document["left"] if one["address"] == address]
                    raise BrokenError(f"accept: {address}: {path}: written is {is_written}: {left}")
                if is_written and place is not None:
                    holder, key = place
                    holder[key] = texts[address, path]
                    self._take(task, path, texts[address, path])
            task.applied = copied(self._seen(task))
            for path in fields or {}:
                if isinstance(texts[address, path], str) and (address, labels[address, path]) in written:
                    put(task.applied, path, texts[address, path])
                    put(task.live, path, texts[address, path])
        self._check_files(comments)
        self._check_plan()
        self._check_drift()
        self._apply()
        self._check_clean()

    def _is_acceptable(
        self, task: Task, path: Path, old: Any, new: Any, place: object, pending: Differences
    ) -> bool:
        """Whether a value is one that can be written where it stands."""
        is_plain = not isinstance(old, dict | list | None) and not isinstance(new, dict | list)
        is_secret = any(word in path[-1].lower() for word in ("passw", "access_key"))
        is_beside = any(one[: len(path)] == path or path[: len(one)] == one for one in pending)
        is_needed = new is None and len(path) > 2 and path[-3] in ORDERED and path[-1] in ("Name", "Type")
        return (
            task.wanted is not None
            and not is_needed
            and is_plain
            and not is_secret
            and not is_beside
            and place is not None
        )

    def _take(self, task: Task, path: Path, new: Any) -> None:
        assert task.wanted is not None
        if new is None:
            remove(task.wanted, path)
        else:
            put(task.wanted, path, new)

    def _check_files(self, comments: Mapping[str, int]) -> None:
        """The manifests say what they said, but for what was accepted; no comment is lost."""
        for file, tasks in self._by_file().items():
            text = self._text(file)
            said = said_by(text, is_json=file.endswith(".json"))
            expected = [as_text(task.document) for task in tasks]
            if plain(said) != plain(expected):
                raise BrokenError(f"{file}: says\n{said}\nand must say\n{expected}")
            if text.count("# comment") != comments[file]:
                raise BrokenError(f"{file}: a comment is lost:\n{text}")

    # ── import and export ───────────────────────────────────────────────────

    def _adopt_foreign(self) -> None:
        """A task that somebody made becomes one of ours: by import beside a manifest, or by export."""
        tree = self.maker.task(self.maker.unique("foreign "))
        self._under_defaults(tree)
        before = self.world.switches["create_keeps"]
        self.world.switches.set({"node_ids": "keep", "create_keeps": "all"})
        self._frozen.add("node_ids")
        reply = self.world.perform("CreateIntegrationTask", {"ProjectId": PROJECT, "TaskInfo": as_api(tree)})
        self.world.switches.set({"create_keeps": before})
        address = self.maker.unique("taken-")
        task = Task(address, self._new_file(address), tree, task_id=reply["TaskId"])
        task.live = copied(tree)
        self.tasks[address] = task
        wanted = tree
        for _ in range(self.random.randint(0, 3)):
            edit = self.random.choice((self._git.change, self._git.add, self._git.add_item))
            self.note(f"git: {address}: {edit(wanted)}")
        self._under_defaults(wanted)
        self._write()
        ran = self.world.run("import", address, task.task_id)
        self.note(f"import {address} {task.task_id}: {tree}")
        self._expect(ran, 0)
        task.applied = copied(wanted)
        task.applied = self._seen(task)
        task.recorded_as = address
        self._read_ids(task)
        self._check_plan()
        self._check_drift()

    def _export_all(self) -> None:
        """The whole project as a new clone, without state: then nothing is to be done there."""
        self.world.switches.set({"modify_needs_lock": "no"})
        folder = self.world.clone
        listed = [task for task in self.world.service.tasks() if task["_in_development"]]
        ran = self.world.run("export", folder=folder)
        # Columns without a name or a type are no manifest; and defaults come on top of whatever is there.
        unfit = {task["TaskId"] for task in listed if not is_fit(task)}
        is_on_top = bool(self.defaults)
        if not is_on_top:
            self._expect(ran, 1 if unfit else 0)
        self.note(f"export: {len(listed)} tasks")
        state = self._recorded(folder)
        if {one["task_id"] for one in state.values()} != {task["TaskId"] for task in listed} - unfit:
            raise BrokenError(f"export: {len(state)} of {len(listed)} tasks\n{ran.out}\n{ran.err}")
        if is_on_top:
            return
        self._ensure_said(folder, {one["task_id"]: address for address, one in state.items()})
        for flags in ([], ["--refresh"]):
            planned = self.world.run("plan", "--detailed-exitcode", *flags, folder=folder)
            self._expect(planned, 0)
        self._check_drift(folder)

    def _ensure_said(self, folder: str, addresses: Mapping[str, str]) -> None:
        """What is known to be there stands in the manifests that were exported."""
        for task in self.tasks.values():
            if task.task_id not in addresses or task.is_gone:
                continue
            name = f"{addresses[task.task_id]}.yaml"
            with open(os.path.join(folder, "manifests", name), encoding="utf-8", newline="") as stream:
                (document,) = said_by(stream.read(), is_json=False)
            is_numbered = any(own != theirs for own, theirs in task.ids.items())
            for path in leaves(task.live):
                # Where the service numbers nodes, what points to them is called otherwise.
                if path[-1] in ("Id", "TaskMode") or (is_numbered and path[0] == "Mappings"):
                    continue
                place = spot(document, path)
                said = None if place is None else place[0][place[1]]
                if "NodeMapping" not in path and meaning(said) != meaning(as_text(at(task.live, path))):
                    raise BrokenError(f"export: {name}: {path} is {said!r}, not {at(task.live, path)!r}")


def _live_after(task: Task, before: Tree, applied: Tree) -> Tree:
    """What is there after an update: what is ignored is as others have it."""
    left = {name: task.live[name] for name in task.ignored if name in task.live}
    rest = {name: value for name, value in applied.items() if name not in task.ignored}
    if "Mappings" in left:
        left["Mappings"] = _following(left["Mappings"], before, applied)
    live: Tree = copied({**rest, **left})
    return live


def _following(mappings: Tree, before: Tree, after: Tree) -> Tree:
    """Mappings that others made, when the author gives the nodes other ids."""
    new = {node["Name"]: node.get("Id") for node in after.get("Nodes", {}).values()}
    ids = {node.get("Id"): new.get(node["Name"]) for node in before.get("Nodes", {}).values()}
    moved = {}
    for mapping in mappings.values():
        ends = {name: ids.get(mapping[name]) or mapping[name] for name in KEYS["Mappings"]}
        moved[label(ends, "Mappings")] = {**mapping, **ends}
    return moved


# ── one story ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Told:
    """How a story ended."""

    notes: list[str]
    broken: str
    edits: int


@contextmanager
def _swept(seed: int) -> Iterator[None]:
    """Cycles are collected now and then: commands of the program leave it to their end."""
    yield
    if seed % 20 == 0:
        gc.collect()


def story(seed: int) -> Told:
    """Play one story. To be called within ``in_this_process``."""
    with _swept(seed):
        project = Story(seed)
        try:
            project.play()
        except BrokenError as broken:
            return Told(project.notes, str(broken), project.edits)
        except Exception as crash:  # noqa: BLE001  # whatever it is, the seed and the steps must be said
            lines = "".join(traceback.format_exception(crash))
            return Told(project.notes, f"a crash:\n{lines}", project.edits)
        finally:
            project.world.close()
    return Told(project.notes, "", project.edits)
