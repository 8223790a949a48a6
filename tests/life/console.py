"""What people do in the console: changes of a task as the service keeps it.

Rule: an edit says for itself what it changes of what an author wrote; that is what drift must show.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from life.content import Maker, is_setting
from life.trees import KEYS, OBJECTS, ORDERED, SETTINGS, Path, Tree, at, items, leaves, put, remove

Info = dict[str, Any]
"""TaskInfo as the API has it: name-value lists and lists of objects are lists."""


class Console:
    """One task in the console."""

    def __init__(self, info: Info, live: Tree, applied: Tree, ids: Mapping[str, str], maker: Maker) -> None:
        self.info = info
        """As the service keeps it; changed in place."""

        self._live = live
        """What is there of what an author wrote; changed in place."""

        self._applied = applied
        """What an author wrote."""

        self._ids = ids
        """Ids of nodes as they were written -> as the service has them."""

        self._maker = maker
        self._random: Random = maker.random

    def edit(self) -> str:
        """Some edit. Returns what was done, in words; empty if there was nothing to do it to."""
        edits = (
            *[self._change_value] * 6,
            *[self._remove_value] * 3,
            *[self._remove_item] * 2,
            *(self._rename_item, self._move_column, self._shuffle, self._add_setting, self._add_item),
            *(self._add_field, self._respell, self._drop_marker),
        )
        return self._random.choice(edits)()

    # ── of what somebody wrote ──────────────────────────────────────────────

    def edit_within(self, place: Path) -> str:
        """Another value somewhere within a place."""
        return self._change_value(place)

    def _change_value(self, within: Path = ()) -> str:
        path = self._some_leaf(within)
        if path is None:
            return ""
        old = at(self._live, path)
        new = self._maker.other(old, path[-1], is_setting=is_setting(path))
        put(self._live, path, new)
        self._set(path, new)
        return f"{path}: {old!r:.60} -> {new!r:.60}"

    def _remove_value(self) -> str:
        path = self._some_leaf()
        if path is None or path == ("TaskName",):
            return ""
        how = self._random.choice(("gone", "null", "empty"))
        is_text = isinstance(at(self._live, path), str)
        if is_setting(path) and how == "empty":
            put(self._live, path, "")
            self._set(path, "")
            return f"{path}: empty"
        holder, key = self._place(path)
        remove(self._live, path)
        if is_setting(path):
            if how == "null":
                del holder[key]["Value"]
            else:
                del holder[key]
        elif is_text and how == "empty":
            holder[key] = ""
        else:
            del holder[key]
        return f"{path}: removed ({how})"

    def _remove_item(self) -> str:
        path = self._some_item()
        if path is None:
            return ""
        holder, key = self._place(path)
        self._forget(path, holder[key])
        del holder[key]
        return f"{path}: removed"

    def _rename_item(self) -> str:
        path = self._some_item()
        if path is None:
            return ""
        holder, key = self._place(path)
        self._forget(path, holder[key])
        field = self._random.choice(KEYS[path[-2]])
        holder[key][field] = self._maker.unique("theirs")
        return f"{path}: has another {field}"

    def _move_column(self) -> str:
        lists = [path[:-1] for path in items(self._live) if path[-2] in ORDERED]
        lists = [path for path in lists if len(at(self._live, path)) > 1]
        if not lists:
            return ""
        path = self._random.choice(lists)
        columns = at(self._live, path)
        key = next(iter(columns))
        columns[key] = columns.pop(key)
        holder, name = self._place(path)
        listed = holder[name]
        index = next(index for index, one in enumerate(listed) if one["Id"] == key)
        listed.append(listed.pop(index))
        return f"{path}: the first is the last"

    # ── of what nobody wrote, or what says the same ─────────────────────────

    def _shuffle(self) -> str:
        """Name-value lists and lists without order, wherever they are."""
        self._shuffled(self.info)
        return "lists without order are in another order"

    def _shuffled(self, value: Any) -> None:
        for name, inner in value.items():
            if isinstance(inner, list) and name in (*SETTINGS, *KEYS) and name not in ORDERED:
                self._random.shuffle(inner)
            for item in inner if isinstance(inner, list) else [inner]:
                if isinstance(item, dict):
                    self._shuffled(item)

    def _add_setting(self) -> str:
        holders = [self.info, *(self.info.get("Nodes") or [])]
        holder = self._random.choice(holders)
        name = self._random.choice(("Config", "ExtConfig"))
        entry = {"Name": self._maker.unique("console"), "Value": self._maker.text()}
        holder[name] = [*(holder.get(name) or []), entry]
        return f"a setting that nobody wrote: {entry['Name']}"

    def _add_item(self) -> str:
        name = self._random.choice(("Nodes", "Mappings"))
        item = {key: self._maker.unique("theirs") for key in KEYS[name]}
        self.info[name] = [item, *(self.info.get(name) or [])]
        return f"an item that nobody wrote: {name} {item}"

    def _add_field(self) -> str:
        fields: tuple[str, ...] = ("Incharge", "WorkflowId", "OwnerUin", "RunningCu", "NumRestarts")
        fields = tuple(name for name in fields if name not in self._applied)
        name = self._random.choice(fields)
        value = {"RunningCu": 2.5, "NumRestarts": 3}.get(name)
        self.info[name] = self._maker.unique("9") if value is None else value
        return f"a field that nobody wrote: {name}"

    def _respell(self) -> str:
        """Values of unset fields are spelled otherwise."""
        absent = [
            name for name in ("Incharge", "WorkflowId", "ExtConfig", "Mappings") if not self.info.get(name)
        ]
        for name in absent:
            self.info[name] = [] if name in ("ExtConfig", "Mappings") else ""
        return f"spelled as empty: {absent}" if absent else ""

    def _drop_marker(self) -> str:
        """The text before it stays."""
        text = self._live.get("Description", "")
        if not str(self.info.get("Description") or "").startswith(text):
            return ""
        self.info["Description"] = text
        return "the marker is gone from Description"

    # ── inside ──────────────────────────────────────────────────────────────

    def _forget(self, path: Path, item: Any) -> None:
        """An item is not there any more.

        Where the service has given a node another id than the author's, that a mapping is the author's is
        known by the node's name: without the node, it is no more.
        """
        remove(self._live, path)
        written = [own for own, theirs in self._ids.items() if theirs == item.get("Id") and own != theirs]
        if path[0] == "Nodes" and len(path) == 2 and written:
            for key, mapping in list(self._live.get("Mappings", {}).items()):
                holder, index = self._place(("Mappings", key))
                ends = [(mapping[field], holder[index][field]) for field in KEYS["Mappings"]]
                if any(own in written and own != theirs for own, theirs in ends):
                    remove(self._live, ("Mappings", key))

    def _some_leaf(self, within: Path = ()) -> Path | None:
        fixed = ("TaskType", "Id") if self._random.random() < 0.9 else ("TaskType", "Id", "TaskMode")
        paths = [path for path in leaves(self._live) if is_setting(path) or path[-1] not in fixed]
        paths = [path for path in paths if path[: len(within)] == within]
        return self._random.choice(paths) if paths else None

    def _some_item(self) -> Path | None:
        paths = list(items(self._live))
        return self._random.choice(paths) if paths else None

    def _set(self, path: Path, value: Any) -> None:
        holder, key = self._place(path)
        if is_setting(path):
            holder[key]["Value"] = value
        elif path == ("Description",):
            # As in the console's text field: the marker behind the text stays, or goes with it.
            marker = str(holder[key]).partition(" [provisioner ")
            keeps = self._random.random() < 0.7 and marker[1]
            holder[key] = f"{value}{marker[1]}{marker[2]}" if keeps else value
        else:
            holder[key] = value

    def _place(self, path: Path) -> tuple[Any, Any]:
        """What holds a value, and under which key or index."""
        value: Any = self.info
        index = 0
        while True:
            name = path[index]
            index += 1
            if name in SETTINGS or name in KEYS:
                if index == len(path):
                    return value, name
                inner = value[name]
                at_ = self._index(inner, name, path[index])
                index += 1
                if index == len(path):
                    return inner, at_
                value = inner[at_]
            elif name in OBJECTS:
                value = value[name]
            else:
                return value, name

    def _index(self, listed: list[Any], name: str, key: str) -> int:
        if name in SETTINGS:
            return next(index for index, one in enumerate(listed) if one["Name"] == key)
        for index, one in enumerate(listed):
            named = [one.get(field) for field in KEYS[name]]
            if key == " → ".join(map(str, named)):
                return index
            if name == "Mappings":
                written = key.split(" → ")
                if named == [self._ids.get(part, part) for part in written]:
                    return index
        raise LookupError(f"{name} {key}")
