"""What a task holds, as the tests know it: maps all the way down, and what differs between two of them.

Rule: nothing of the program is used here. What drift and plan must say is worked out from these trees, so
that the program cannot agree with itself.

A tree is TaskInfo with name-value lists as maps by name and lists of objects as maps by key; of columns
the order counts. What is not set is not there.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Tree: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]
Differences: TypeAlias = dict[Path, tuple[Any, Any]]

SETTINGS = frozenset({"Config", "ExtConfig", "ExecuteContext", "Properties"})
OBJECTS = frozenset({"OfflineTaskAddEntity", "NodeMapping", "TaskImportInfo"})
KEYS: Mapping[str, tuple[str, ...]] = {
    "Nodes": ("Name",),
    "Schema": ("Id",),
    "SourceSchema": ("Id",),
    "Mappings": ("SourceId", "SinkId"),
    "SchemaMappings": ("SourceSchemaId", "SinkSchemaId"),
    "TagList": ("Key",),
}
"""Lists of objects, and the fields by which their items are told apart."""

ORDERED = frozenset({"Schema", "SourceSchema"})
REPLACES = frozenset({"TaskType", "TaskMode"})


def label(item: Mapping[str, Any], name: str) -> str:
    """How an item of a list is called."""
    return " → ".join(item[key] for key in KEYS[name])


def copied(tree: Any) -> Any:
    """Another tree that says the same; the order of items is kept."""
    return {name: copied(value) for name, value in tree.items()} if isinstance(tree, dict) else tree


def differences(before: Tree, after: Tree) -> Differences:
    """Every place where two trees differ, with what is there on both sides."""
    return dict(_object(before, after, ()))


def _object(before: Tree, after: Tree, path: Path) -> Iterator[tuple[Path, tuple[Any, Any]]]:
    for name in {**before, **after}:
        place, old, new = (*path, name), before.get(name), after.get(name)
        if name in SETTINGS:
            old, new = old or {}, new or {}
            for one in {**old, **new}:
                if old.get(one) != new.get(one):
                    yield (*place, one), (old.get(one), new.get(one))
        elif name in OBJECTS:
            yield from _object(old or {}, new or {}, place)
        elif name in KEYS:
            yield from _items(old or {}, new or {}, place)
        elif old != new:
            yield place, (old, new)


def _items(before: Tree, after: Tree, path: Path) -> Iterator[tuple[Path, tuple[Any, Any]]]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            yield (*path, key), (old, new)
        else:
            yield from _object(old, new, (*path, key))
    order = ([key for key in before if key in after], [key for key in after if key in before])
    if path[-1] in ORDERED and order[0] != order[1]:
        yield (*path, "(order)"), order


def seen(applied: Tree, live: Tree, *, shows_mode: bool) -> Tree:
    """What was applied, as it is there now: of what nobody wrote nothing is said.

    A setting that was written empty and is not there is as it was written, and so is a TaskMode that
    is not shown.
    """
    found = _seen_object(applied, live)
    if "TaskMode" in applied and not (shows_mode and "TaskMode" in live):
        found["TaskMode"] = applied["TaskMode"]
    return found


def _seen_object(applied: Tree, live: Tree) -> Tree:
    found: Tree = {}
    for name, value in applied.items():
        # A node's number is the service's to give, and a column's is its key.
        there: Any = value if name == "Id" else live.get(name)
        if name in SETTINGS:
            texts = live.get(name) or {}
            there = {one: texts.get(one, "" if text == "" else None) for one, text in value.items()}
            there = {one: text for one, text in there.items() if text is not None}
        elif name in OBJECTS:
            there = _seen_object(value, there or {})
        elif name in KEYS:
            order = (there or {}) if name in ORDERED else value
            there = {
                key: _seen_object(value[key], there[key])
                for key in order
                if key in value and key in (there or {})
            }
        if there not in (None, {}):
            found[name] = there
    return found


def meaning(value: Any) -> Any:
    """What a value says: a text that is JSON says what the JSON says, however it is spelled."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return "JSON", json.dumps(json.loads(value), sort_keys=True)
        except ValueError:
            return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        return {name: meaning(item) for name, item in value.items()}
    return value


def leaves(tree: Tree, path: Path = ()) -> Iterator[Path]:
    """Every single value: fields and settings, but for the fields that are keys."""
    for name, value in tree.items():
        if name in SETTINGS:
            yield from ((*path, name, one) for one in value)
        elif name in OBJECTS:
            yield from leaves(value, (*path, name))
        elif name in KEYS:
            for key, item in value.items():
                inner = {field: one for field, one in item.items() if field not in KEYS[name]}
                yield from leaves(inner, (*path, name, key))
        else:
            yield (*path, name)


def items(tree: Tree, path: Path = ()) -> Iterator[Path]:
    """Every item of a list, at whatever depth."""
    for name, value in tree.items():
        if name in OBJECTS:
            yield from items(value, (*path, name))
        elif name in KEYS:
            for key, item in value.items():
                yield (*path, name, key)
                yield from items(item, (*path, name, key))


def objects(tree: Tree, path: Path = ()) -> Iterator[Path]:
    """The task itself and every object in it."""
    yield path
    for name, value in tree.items():
        if name in OBJECTS:
            yield from objects(value, (*path, name))
        elif name in KEYS:
            for key, item in value.items():
                yield from objects(item, (*path, name, key))


def at(tree: Tree, path: Path) -> Any:
    """The value at a path."""
    for part in path:
        tree = tree[part]
    return tree


def put(tree: Tree, path: Path, value: Any) -> None:
    """Set a value, and what is around it."""
    *around, last = path
    for part in around:
        tree = tree.setdefault(part, {})
    tree[last] = value


def remove(tree: Tree, path: Path) -> None:
    """Take a value away, and a map that is empty then."""
    inner = at(tree, path[:-1])
    del inner[path[-1]]
    if not inner and len(path) > 1:
        remove(tree, path[:-1])
