"""From a path in a task's canonical body to the place where its author wrote it.

Rule: a place is given only for a value that stands in the document itself, alone and plain: a field, or
one setting of a name-value list in either of its two forms. What comes from defaults, and whole items of
lists, have none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from provisioner.core.body.diff import ItemKey, Path
from provisioner.core.body.normalize import keys_of
from provisioner.core.jobs.job import RUN
from provisioner.core.json_types import JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands in a document."""

    path: tuple[str | int, ...]
    is_setting: bool = False
    """Whether it is a setting's value: a number there is sent as its text."""


def spot_of(document: JSONValue, path: Path) -> Spot | None:
    """The place of a value in a manifest's document; None if it has none there."""
    if not isinstance(document, Mapping):
        return None
    if path[0] == RUN:
        run = document.get(RUN)
        return Spot(path) if isinstance(run, Mapping) and path[1] in run else None
    return _in_object(document.get("TaskInfo"), TASK, path, ("TaskInfo",))


def _in_object(value: JSONValue, kind: str, path: Path, place: tuple[str | int, ...]) -> Spot | None:
    name, *rest = path
    rule = OBJECTS[kind].get(name)
    if rule is None or not isinstance(value, Mapping) or name not in value:
        return None
    inner, at, left = value[name], (*place, name), tuple(rest)
    match rule.kind:
        case Kind.RECORDS:
            return _setting(inner, left, at)
        case Kind.OBJECT:
            return _in_object(inner, rule.item, left, at) if left else None
        case Kind.OBJECTS:
            return _in_item(inner, rule, left, at)
        case _:
            return None if left else Spot(at)


def _in_item(value: JSONValue, rule: FieldRule, path: Path, place: tuple[str | int, ...]) -> Spot | None:
    if len(path) < 2 or not _is_list(value):
        return None
    index = _index(value, rule, path[0])
    return None if index is None else _in_object(value[index], rule.item, path[1:], (*place, index))


def _index(items: Sequence[JSONValue], rule: FieldRule, part: str) -> int | None:
    """Which item a part of a path means: the one with that key, or of that number."""
    if not isinstance(part, ItemKey):
        return int(part) if part.isdecimal() and int(part) < len(items) else None
    keys = keys_of([item for item in items if isinstance(item, Mapping)], rule) or []
    labels = [" → ".join(key) for key in keys]
    return labels.index(part) if labels.count(part) == 1 else None


def _setting(value: JSONValue, path: Path, place: tuple[str | int, ...]) -> Spot | None:
    if len(path) != 1:
        return None
    (name,) = path
    if isinstance(value, Mapping):
        return Spot((*place, name), is_setting=True) if name in value else None
    for index, item in enumerate(value if _is_list(value) else ()):
        if isinstance(item, Mapping) and item.get("Name") == name and "Value" in item:
            return Spot((*place, index, "Value"), is_setting=True)
    return None


def _is_list(value: JSONValue) -> TypeGuard[Sequence[JSONValue]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
