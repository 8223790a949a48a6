"""What the service kept of what we wrote.

Rule: only what was written is looked at. The service adds, renumbers, re-serialises and leaves
empty; none of that is a difference. What remains is: a written value that is not there.

Source of the tolerances: a captured reply of the live service (lists that are not set come back as
null, unset ids as "-1", TaskMode as "" for whole-database tasks, settings in any order with extra
names, JSON inside values re-serialised) and the vendor's field notes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.core.address import JSONObject, JSONValue
from provisioner.core.canonical import record_text
from provisioner.core.diff import FieldChange, ItemKey, Path
from provisioner.core.fields import OBJECTS, TASK, FieldRule, Kind, Role
from provisioner.core.marker import without_marker

_LOOKED_AT = frozenset({Role.INPUT, Role.SHARED})
_UNSET_ID = "-1"


def not_kept(written: JSONObject, observed: JSONObject) -> tuple[FieldChange, ...]:
    """Every written value that the service shows differently: ``before`` is its, ``after`` ours."""
    numbers = _numbers(written, observed)
    lost: list[FieldChange] = []
    _object(written, observed, TASK, (), numbers, lost)
    return tuple(lost)


def _numbers(written: JSONObject, observed: JSONObject) -> Mapping[str, str]:
    """Our node ids to the service's, through the nodes' names: the service may renumber."""
    theirs = {str(node.get("Name")): node.get("Id") for node in _maps(observed.get("Nodes"))}
    ours = [(node.get("Id"), str(node.get("Name"))) for node in _maps(written.get("Nodes"))]
    return {str(own): str(theirs[name]) for own, name in ours if own and theirs.get(name)}


def _object(
    written: JSONObject,
    observed: JSONObject,
    name: str,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> None:
    rules = OBJECTS[name]
    for key, value in written.items():
        rule = rules.get(key)
        if rule is None:
            # A name the table does not know can only come from an older or newer version's state.
            if value != observed.get(key):
                lost.append(FieldChange(path=(*path, key), before=observed.get(key), after=value))
        elif rule.role in _LOOKED_AT:
            _field(value, observed.get(key), rule, (*path, key), numbers, lost)


def _field(
    ours: JSONValue,
    theirs: JSONValue,
    rule: FieldRule,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> None:
    match rule.kind:
        case Kind.RECORDS:
            _records(_map(ours), _record_map(theirs), path, lost)
        case Kind.OBJECT:
            _object(_map(ours), _map(theirs), rule.item, path, numbers, lost)
        case Kind.OBJECTS:
            _objects(_maps(ours), _maps(theirs), rule, path, numbers, lost)
        case _:
            if not _is_same(ours, theirs, rule, numbers):
                lost.append(FieldChange(path=path, before=theirs, after=ours))


def _objects(
    ours: Sequence[JSONObject],
    theirs: Sequence[JSONObject],
    rule: FieldRule,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> None:
    """Items are matched by key, else by position; items that only the service has do not matter."""
    by_key = {_key(item, rule, {}): item for item in theirs}
    for index, item in enumerate(ours):
        own, theirs_key = _key(item, rule, {}), _key(item, rule, numbers)
        place = (*path, ItemKey(" → ".join(own) if any(own) else str(index)))
        if any(own):
            # A service that renumbers nodes may leave the mappings as they were written.
            match = by_key.get(theirs_key) or by_key.get(own)
        else:
            match = theirs[index] if index < len(theirs) else None
        if match is None:
            lost.append(FieldChange(path=place, before=None, after=item))
        else:
            _object(item, match, rule.item, place, numbers, lost)


def _key(item: JSONObject, rule: FieldRule, numbers: Mapping[str, str]) -> tuple[str, ...]:
    node_ids = rule.item == "IntegrationNodeMapping"
    parts = (str(item.get(name) or "") for name in rule.key)
    return tuple(numbers.get(part, part) if node_ids else part for part in parts)


def _records(ours: JSONObject, theirs: Mapping[str, Any], path: Path, lost: list[FieldChange]) -> None:
    for name, value in ours.items():
        if not _is_same_text(str(value), theirs.get(name)):
            lost.append(FieldChange(path=(*path, name), before=theirs.get(name), after=value))


def _is_same(ours: JSONValue, theirs: JSONValue, rule: FieldRule, numbers: Mapping[str, str]) -> bool:
    if ours == theirs:
        return True
    if rule.name in ("SourceId", "SinkId"):
        return numbers.get(str(ours)) == theirs
    if rule.name == "Description":
        return without_marker(str(theirs or "")) == without_marker(str(ours or ""))
    if rule.name == "TaskMode" and not theirs:
        return True
    if rule.kind in (Kind.INTEGER, Kind.UNSIGNED, Kind.NUMBER):
        return _number(ours) == _number(theirs)
    return _text(ours) == _text(theirs)


def _is_same_text(ours: str, theirs: object) -> bool:
    """Equal as text, or as the JSON that both spell."""
    if not isinstance(theirs, str | int | float | bool):
        return not ours and theirs is None
    text = record_text(theirs)
    if ours == text:
        return True
    if ours[:1] not in ("[", "{"):
        return False
    try:
        return bool(json.loads(ours) == json.loads(text))
    except (ValueError, RecursionError):
        return False


def _number(value: JSONValue) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever the service sent; the except is for it
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: JSONValue) -> str:
    return "" if value is None or value == _UNSET_ID else str(value)


def _map(value: JSONValue) -> JSONObject:
    return value if isinstance(value, Mapping) else {}


def _maps(value: JSONValue) -> list[JSONObject]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def _record_map(value: JSONValue) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {str(item.get("Name")): item.get("Value") for item in _maps(value)}
