"""The one form in which two task bodies can be compared.

Rule: two ways of writing the same thing have the same canonical form, and the form is what is
sent. Name-value lists become maps in order of names; their values become the text that will be
sent; lists whose order means nothing are sorted by key; what is empty is absent, because the
service does not tell null, "" and [] apart.

Works on documents that the schema has accepted: shapes are not checked again here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, cast

from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind, Role
from provisioner.core.schema.validation import Fault, Path, nearest, path_text, shown

_COMPARED = frozenset({Role.INPUT, Role.SHARED, Role.REFERENCE})
_WHOLE = (Kind.INTEGER, Kind.UNSIGNED)
_NESTED = (Kind.RECORDS, Kind.OBJECT, Kind.OBJECTS)

# Most fields need no look at all: they are compared, say anything, and have nothing inside.
_PLAIN = {
    name: frozenset(
        rule.name
        for rule in rules.values()
        if rule.kind not in (*_WHOLE, *_NESTED)
        and rule.role in _COMPARED
        and not rule.values
        and not rule.china_only
    )
    for name, rules in OBJECTS.items()
}
_LISTED = {
    name: {rule.name: frozenset(rule.values) for rule in rules.values() if rule.values}
    for name, rules in OBJECTS.items()
}


@dataclass(slots=True)
class Remarks:
    """What was noticed on the way."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    service_fields: list[Path] = field(default_factory=list)
    has_uncompared: bool = False
    """Whether anything was written that is sent on create only."""


def normal_task(info: JSONObject, remarks: Remarks, path: Path = ()) -> dict[str, JSONValue]:
    """TaskInfo with every shape settled; explicit nulls are kept, so that they can undo defaults."""
    return _object(info, TASK, path, remarks)


def merged(defaults: JSONObject, own: JSONObject) -> dict[str, JSONValue]:
    """Defaults under a task's own fields: maps are merged, everything else is replaced."""
    result = dict(defaults)
    for name, value in own.items():
        under = result.get(name)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            result[name] = merged(under, value)
        else:
            result[name] = value
    return result


def sent(info: JSONObject) -> dict[str, JSONValue]:
    """The body for a create: everything that was written, without what is empty."""
    return _without(info, TASK, compared_only=False)


def compared(info: JSONObject) -> dict[str, JSONValue]:
    """The body that is compared and modified: only what the author decides."""
    return _without(info, TASK, compared_only=True)


def record_text(value: str | float | bool) -> str:
    """The text that is sent for a setting's value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _object(value: JSONObject, name: str, path: Path, remarks: Remarks) -> dict[str, JSONValue]:
    rules, plain = OBJECTS[name], _PLAIN[name]
    result: dict[str, JSONValue] = {}
    for key in sorted(value):
        item = value[key]
        if key not in plain and item is not None:
            rule, place = rules[key], (*path, key)
            _remark(item, rule, place, name, remarks)
            item = _field(item, rule, place, remarks)
        result[key] = item
    return result


def _remark(item: JSONValue, rule: FieldRule, path: Path, name: str, remarks: Remarks) -> None:
    """Note what is worth saying about a field that is not plain."""
    if rule.role not in _COMPARED:
        remarks.has_uncompared = True
    if rule.role is Role.SERVICE:
        remarks.service_fields.append(path)
    if rule.name in _LISTED[name] and item not in _LISTED[name][rule.name]:
        remarks.warnings.append(_unlisted(rule, item, path))
    if rule.china_only:
        remarks.warnings.append(_china_only(path))


def _field(item: JSONValue, rule: FieldRule, path: Path, remarks: Remarks) -> JSONValue:
    match rule.kind:
        case Kind.RECORDS:
            return _records(item, path, remarks)
        case Kind.OBJECT:
            return _object(cast("JSONObject", item), rule.item, path, remarks)
        case Kind.OBJECTS:
            return _objects(cast("Sequence[JSONObject]", item), rule, path, remarks)
        case Kind.INTEGER | Kind.UNSIGNED:
            return int(cast("float", item))
        case _:
            return item


def _records(item: JSONValue, path: Path, remarks: Remarks) -> JSONObject:
    """Both written forms as a map in order of names; a null value means the setting is not set."""
    if isinstance(item, Mapping):
        pairs: list[tuple[str, Any]] = list(item.items())
    else:
        entries = cast("Sequence[Mapping[str, Any]]", item)
        pairs = [(entry["Name"], entry.get("Value")) for entry in entries]
        if len({name for name, _ in pairs}) < len(pairs):
            remarks.faults.extend(_repeated([(name,) for name, _ in pairs], ("Name",), path))
    return {
        name: None if value is None else record_text(value)
        for name, value in sorted(pairs, key=itemgetter(0))
    }


def _objects(items: Sequence[JSONObject], rule: FieldRule, path: Path, remarks: Remarks) -> JSONValue:
    values = [_object(item, rule.item, (*path, index), remarks) for index, item in enumerate(items)]
    keys = keys_of(values, rule)
    if keys is None:
        return values
    if len(set(keys)) < len(keys):
        if len(rule.key) == 1:
            remarks.faults.extend(_repeated(keys, rule.key, path))
        return values
    if rule.ordered:
        return values
    return [value for _, value in sorted(zip(keys, values, strict=True), key=itemgetter(0))]


def keys_of(items: Sequence[JSONObject], rule: FieldRule) -> list[tuple[str, ...]] | None:
    """The key of each item of a list, or None if the list has no key or an item lacks it."""
    if not rule.key:
        return None
    keys = [tuple(item.get(name) for name in rule.key) for item in items]
    if any(not isinstance(part, str) for key in keys for part in key):
        return None
    return cast("list[tuple[str, ...]]", keys)


def _repeated(keys: Sequence[tuple[str, ...]], names: tuple[str, ...], path: Path) -> Iterator[Fault]:
    seen: dict[tuple[str, ...], int] = {}
    for index, key in enumerate(keys):
        if key in seen:
            said = ", ".join(shown(part) for part in key)
            yield Fault(
                (*path, index, names[0]),
                f"{path_text(path)} has two items with {names[0]} {said}: items {seen[key]} and {index}",
            )
        seen.setdefault(key, index)


def _unlisted(rule: FieldRule, item: JSONValue, path: Path) -> Fault:
    listed = ", ".join(shown(value) for value in rule.values[:8]) + (", …" if len(rule.values) > 8 else "")
    hint = nearest(item, [str(value) for value in rule.values]) if isinstance(item, str) else ""
    return Fault(
        path, f"{path_text(path)} is {shown(item)}, which the API definition does not list{hint}: {listed}"
    )


def _china_only(path: Path) -> Fault:
    return Fault(
        path, f"{path_text(path)} is declared on the China site only; elsewhere it is refused", at_key=True
    )


def _without(value: JSONObject, name: str, *, compared_only: bool) -> dict[str, JSONValue]:
    """A copy without what is empty and, if asked, without what is not compared."""
    rules, plain = OBJECTS[name], _PLAIN[name]
    result: dict[str, JSONValue] = {}
    for key, item in value.items():
        if key in plain:
            kept = item
        elif item is None or (compared_only and rules[key].role not in _COMPARED):
            continue
        else:
            kept = _inner_without(item, rules[key], compared_only=compared_only)
        # Zero and false say something; null, "", [] and {} do not.
        if kept or isinstance(kept, int | float):
            result[key] = kept
    return result


def _inner_without(item: JSONValue, rule: FieldRule, *, compared_only: bool) -> JSONValue:
    match rule.kind:
        case Kind.RECORDS:
            return {k: v for k, v in sorted(cast("JSONObject", item).items()) if v is not None}
        case Kind.OBJECT:
            return _without(cast("JSONObject", item), rule.item, compared_only=compared_only)
        case Kind.OBJECTS:
            items = cast("Sequence[JSONObject]", item)
            return [_without(one, rule.item, compared_only=compared_only) for one in items]
        case _:
            return item
