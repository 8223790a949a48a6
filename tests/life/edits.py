"""What people do in git: changes of what is asked for.

Rule: an edit changes the tree and says in words what it did; empty if there was nothing to do it to.
"""

from typing import Any

from life.content import FIELDS, HOLDERS, Maker, is_setting, kind_of
from life.trees import ORDERED, Path, Tree, at, items, label, leaves, objects, put
from life.trees import remove as taken_away


class Edits:
    """Edits of trees."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker

    def _leaf(self, tree: Tree) -> Path | None:
        fixed = ("TaskType", "TaskMode")
        paths = [path for path in leaves(tree) if is_setting(path) or path[-1] not in fixed]
        return self._maker.random.choice(paths) if paths else None

    def change(self, tree: Tree) -> str:
        path = self._leaf(tree)
        if path is None:
            return ""
        if path == ("TaskName",):
            new: Any = self._maker.unique("renamed ")
        elif path[-1] == "Id" and not is_setting(path):
            new = self._maker.unique("7")
        else:
            new = self._maker.other(at(tree, path), path[-1], is_setting=is_setting(path))
        put(tree, path, new)
        return f"{path} = {new!r:.80}"

    def remove(self, tree: Tree) -> str:
        path = self._leaf(tree)
        # A column has a name and a type; and a merging service cannot be told to forget a number.
        if path is None or (
            not is_setting(path) and path[-1] in ("Name", "Type", "TaskName", "SyncType", "Id")
        ):
            return ""
        taken_away(tree, path)
        return f"{path} removed"

    def add(self, tree: Tree) -> str:
        path = self._maker.random.choice(list(objects(tree)))
        where = kind_of(path)
        inner = at(tree, path)
        if where in HOLDERS and self._maker.random.random() < 0.5:
            holder, name = self._maker.random.choice(HOLDERS[where]), self._maker.setting_name()
            if name in inner.get(holder, {}):
                return ""
            put(tree, (*path, holder, name), self._maker.text())
            return f"{(*path, holder, name)} added"
        absent = [name for name in FIELDS.get(where, ()) if name not in inner and name != "TaskMode"]
        if not absent:
            return ""
        name = self._maker.random.choice(absent)
        put(tree, (*path, name), self._maker.value(name))
        return f"{(*path, name)} added"

    def remove_item(self, tree: Tree) -> str:
        paths = list(items(tree))
        if not paths:
            return ""
        path = self._maker.random.choice(paths)
        taken_away(tree, path)
        return f"{path} removed"

    def add_item(self, tree: Tree) -> str:
        lists = [path[:-1] for path in items(tree)] or [("Nodes",)]
        path = self._maker.random.choice([*lists, ("Nodes",)])
        item = self._maker.new_item(path[-1])
        put(tree, (*path, label(item, path[-1])), item)
        return f"{path} + {item}"

    def rename_node(self, tree: Tree) -> str:
        if "Nodes" not in tree:
            return ""
        old = self._maker.random.choice(list(tree["Nodes"]))
        node = tree["Nodes"].pop(old)
        node["Name"] = self._maker.unique("node ")
        tree["Nodes"][node["Name"]] = node
        return f"node {old} is called {node['Name']}"

    def move_column(self, tree: Tree) -> str:
        lists = [path[:-1] for path in items(tree) if path[-2] in ORDERED]
        if not lists:
            return ""
        path = self._maker.random.choice(lists)
        columns = at(tree, path)
        first = next(iter(columns))
        columns[first] = columns.pop(first)
        return f"{path}: the first is the last"

    def replace(self, tree: Tree) -> str:
        if self._maker.random.random() < 0.5:
            tree["TaskType"] = 403 - tree["TaskType"]
            return f"TaskType = {tree['TaskType']}"
        tree["TaskMode"] = self._maker.other(tree.get("TaskMode"), "TaskMode")
        return f"TaskMode = {tree['TaskMode']}"
