"""What the service kept of what we wrote.

Rule: only what was written is looked at, and what was to be taken away. The service adds, renumbers,
re-serialises and leaves empty; none of that is a difference. What remains is: a written value that is
not there, and a value that should be gone and is not.

Source of the tolerances: a captured reply of the live service (lists that are not set come back as
null, unset ids as "-1", TaskMode as "" for whole-database tasks, settings in any order with extra
names, JSON inside values re-serialised) and the vendor's field notes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from provisioner.core.body.diff import ORDER, FieldChange, ItemKey, Path
from provisioner.core.body.normalize import record_text
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.marker import without_marker
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind, Role

_LOOKED_AT = frozenset({Role.INPUT, Role.SHARED})
_EMPTY: tuple[JSONValue, ...] = (None, "", [], {})
_ENDS = ("SourceId", "SinkId")
"""Fields of a mapping that point to nodes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A body after it was written."""

    body: JSONObject
    """As the service holds it, in canonical form: what was written, but for what is in ``lost``."""

    lost: tuple[FieldChange, ...]
    """What is there otherwise than it was written: ``before`` is the service's, ``after`` is ours."""


def not_kept(written: JSONObject, observed: JSONObject) -> tuple[FieldChange, ...]:
    """Every written value that the service shows differently."""
    return kept(written, observed).lost


def kept(
    written: JSONObject,
    observed: JSONObject,
    *,
    before: JSONObject | None = None,
    nodes: Sequence[JSONObject] = (),
) -> Kept:
    """A written body beside TaskInfo as the service shows it.

    Args:
        written: in canonical form.
        observed: as it was read, unprocessed.
        before: the body that was written over; what it has and ``written`` has not should be gone.
        nodes: the author's, where ``written`` has none: mappings point to them all the same.
    """
    numbers = _numbers({"Nodes": list(nodes), **written}, observed)
    lost: list[FieldChange] = []
    body = _object(written, observed, TASK, (), numbers, lost)
    if before is not None:
        _leave_what_is_left(before, written, observed, body, lost)
    return Kept(body, tuple(lost))


def _numbers(written: JSONObject, observed: JSONObject) -> Mapping[str, str]:
    """Our node ids to the service's where those differ, through the nodes' names: it may renumber."""
    theirs = {str(node.get("Name")): node.get("Id") for node in _maps(observed.get("Nodes"))}
    ours = [(node.get("Id"), str(node.get("Name"))) for node in _maps(written.get("Nodes"))]
    pairs = [(str(own), str(theirs[name])) for own, name in ours if own and theirs.get(name)]
    return {own: number for own, number in pairs if own != number}


def numbered_as_written(part: JSONObject, nodes: Sequence[JSONObject], observed: JSONObject) -> JSONObject:
    """Fields of TaskInfo as they are there, with the author's ids of nodes in place of the service's.

    Sent beside what the author wrote, they would point to nothing otherwise.

    Args:
        part: the fields, as an author could have written them.
        nodes: the nodes that the author wrote.
        observed: TaskInfo as it was read.
    """
    theirs = _numbers({"Nodes": list(nodes)}, observed)
    numbers = {number: own for own, number in theirs.items()}
    result = dict(part)
    if part.get("Nodes"):
        result["Nodes"] = [_renumbered(node, ("Id",), numbers) for node in _maps(part["Nodes"])]
    if part.get("Mappings"):
        result["Mappings"] = [_renumbered(one, _ENDS, numbers) for one in _maps(part["Mappings"])]
    return result


def _renumbered(value: JSONObject, fields: Sequence[str], numbers: Mapping[str, str]) -> JSONObject:
    """A node or a mapping with other ids; the mapping in a node follows."""
    ids = {name: numbers.get(str(value[name]), value[name]) for name in fields if name in value}
    inner = value.get("NodeMapping")
    mapping = {"NodeMapping": _renumbered(inner, _ENDS, numbers)} if isinstance(inner, Mapping) else {}
    return {**value, **ids, **mapping}


def _object(
    written: JSONObject,
    observed: JSONObject,
    name: str,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> dict[str, JSONValue]:
    rules, result = OBJECTS[name], dict[str, JSONValue]()
    for key, value in written.items():
        # A name the table does not know can only come from an older or newer version's state.
        rule = rules.get(key)
        if rule is not None and rule.role not in _LOOKED_AT:
            found = value
        else:
            found = _field(value, observed.get(key), rule, (*path, key), numbers, lost)
        if found not in _EMPTY:
            result[key] = found
    return result


def _field(
    ours: JSONValue,
    theirs: JSONValue,
    rule: FieldRule | None,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> JSONValue:
    """The value that is there."""
    match rule.kind if rule is not None else None:
        case Kind.RECORDS:
            return _records(_map(ours), _record_map(theirs), path, lost)
        case Kind.OBJECT if rule is not None:
            return _object(_map(ours), _map(theirs), rule.item, path, numbers, lost)
        case Kind.OBJECTS if rule is not None:
            return _objects(_maps(ours), _maps(theirs), rule, path, numbers, lost)
        case _:
            if _is_same(ours, theirs, rule, numbers):
                return ours
            lost.append(FieldChange(path=path, before=theirs, after=ours))
            return _as_written(theirs, rule)


def _objects(
    ours: Sequence[JSONObject],
    theirs: Sequence[JSONObject],
    rule: FieldRule,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> list[JSONValue]:
    """Items are matched by key, else by position; items that only the service has do not matter.

    A service that renumbers nodes may renumber the mappings with them or leave them as they were
    written; what fits better is what it did.
    """
    if not numbers and _are_word_for_word(ours, theirs, rule.key):
        return list(ours)
    tries = []
    for renumbered in [numbers, {}] if numbers and rule.item == "IntegrationNodeMapping" else [{}]:
        missing: list[FieldChange] = []
        keys = [_key(item, rule, renumbered) for item in ours]
        tries.append((missing, _matched(ours, keys, theirs, rule, path, numbers, missing)))
    best, items = min(tries, key=lambda one: (_absent(one[0], path), len(one[0])))
    lost += best
    return items


def _are_word_for_word(ours: Sequence[JSONObject], theirs: Sequence[JSONObject], key: Sequence[str]) -> bool:
    """Whether every item is only text and stands at its place as it was written, as columns usually do.

    Then looking field by field would find the same; it costs ten times as much.
    """
    return len(ours) <= len(theirs) and all(map(_is_word_for_word, ours, theirs, repeat(key)))


def _is_word_for_word(ours: JSONObject, theirs: JSONObject, key: Sequence[str]) -> bool:
    for name, value in ours.items():
        if type(value) is not str or not value or theirs.get(name) != value:
            return False
    # A name that only the service gave an item makes its key another one.
    return all(name in ours or not theirs.get(name) for name in key)


def _absent(lost: Sequence[FieldChange], path: Path) -> int:
    """How many items of a list are not there at all."""
    return sum(one.before is None and len(one.path) == len(path) + 1 for one in lost)


def _matched(
    ours: Sequence[JSONObject],
    keys: Sequence[tuple[str, ...]],
    theirs: Sequence[JSONObject],
    rule: FieldRule,
    path: Path,
    numbers: Mapping[str, str],
    lost: list[FieldChange],
) -> list[JSONValue]:
    """``keys``: under which key each of our items is to be found at the service."""
    by_key: dict[tuple[str, ...], list[tuple[int, JSONObject]]] = {}
    for position, item in enumerate(theirs):
        by_key.setdefault(_key(item, rule, {}), []).append((position, item))
    items: list[JSONValue] = []
    positions: list[int] = []
    for index, (item, key) in enumerate(zip(ours, keys, strict=True)):
        own = _key(item, rule, {})
        place = (*path, ItemKey(" → ".join(own) if any(own) else str(index)))
        if any(own):
            # Two items may have the same key: then they are told apart by their order.
            found = by_key.get(key)
            match = found.pop(0) if found else None
        else:
            match = (index, theirs[index]) if index < len(theirs) else None
        if match is None:
            lost.append(FieldChange(path=place, before=None, after=item))
            continue
        positions.append(match[0])
        items.append(_object(item, match[1], rule.item, place, numbers, lost))
    if rule.ordered and positions != sorted(positions):
        labels = [" → ".join(_key(item, rule, {})) for item in theirs]
        there, written = ([labels[at] for at in order] for order in (sorted(positions), positions))
        lost.append(FieldChange(path=(*path, ORDER), before=there, after=written))
        items = [item for _, item in sorted(zip(positions, items, strict=True), key=lambda pair: pair[0])]
    return items


def _key(item: JSONObject, rule: FieldRule, numbers: Mapping[str, str]) -> tuple[str, ...]:
    parts = [str(item.get(name) or "") for name in rule.key]
    return tuple([numbers.get(part, part) for part in parts] if numbers else parts)


def _records(
    ours: JSONObject, theirs: Mapping[str, Any], path: Path, lost: list[FieldChange]
) -> dict[str, JSONValue]:
    result: dict[str, JSONValue] = {}
    for name, value in ours.items():
        found = theirs.get(name)
        if _is_same_text(str(value), found):
            result[name] = value
        else:
            lost.append(FieldChange(path=(*path, name), before=found, after=value))
            if isinstance(found, str | int | float | bool):
                result[name] = record_text(found)
    return result


def _leave_what_is_left(
    before: JSONObject,
    written: JSONObject,
    observed: JSONObject,
    body: dict[str, JSONValue],
    lost: list[FieldChange],
) -> None:
    """What was there before, was not written again and is there still: the service merges."""
    for name, rule in OBJECTS[TASK].items():
        if rule.role not in _LOOKED_AT or name not in before:
            continue
        if rule.kind is Kind.RECORDS:
            found, again = _record_map(observed.get(name)), _map(written.get(name))
            left = {
                key: value
                for key, value in _map(before[name]).items()
                if key not in again and found.get(key) is not None and _is_same_text(str(value), found[key])
            }
            lost += [FieldChange(path=(name, key), before=value, after=None) for key, value in left.items()]
            if left:
                body[name] = dict(sorted({**_map(body.get(name)), **left}.items()))
        elif name not in written and not kept({name: before[name]}, observed).lost:
            lost.append(FieldChange(path=(name,), before=before[name], after=None))
            body[name] = before[name]


def _is_same(ours: JSONValue, theirs: JSONValue, rule: FieldRule | None, numbers: Mapping[str, str]) -> bool:
    if type(ours) is str and ours == theirs:
        return True
    if rule is not None and rule.kind in (Kind.INTEGER, Kind.UNSIGNED, Kind.NUMBER):
        return _number(ours) == _number(theirs)
    if rule is None or rule.kind is not Kind.STRING:
        return _exactly(ours) == _exactly(theirs)
    if rule.name in _ENDS:
        return str(theirs) in (str(ours), numbers.get(str(ours)))
    if rule.name == "Description":
        return without_marker(str(theirs or "")) == without_marker(str(ours or ""))
    return _text(ours, rule) == _text(theirs, rule) or (rule.name == "TaskMode" and not theirs)


def _as_written(theirs: JSONValue, rule: FieldRule | None) -> JSONValue:
    """A value of the service as an author would have written it: no marker, and nothing for "not set"."""
    if rule is None or rule.kind is not Kind.STRING:
        return theirs
    if rule.name == "Description":
        return without_marker(str(theirs or "")) or None
    return None if theirs in ("", rule.unset) else theirs


def _is_same_text(ours: str, theirs: object) -> bool:
    """Equal as text, or as the JSON that both spell."""
    if ours == theirs:
        return True
    if not isinstance(theirs, str | int | float | bool):
        return not ours and theirs is None
    text = record_text(theirs)
    if ours == text:
        return True
    if ours[:1] not in ("[", "{"):
        return False
    try:
        return _exactly(json.loads(ours)) == _exactly(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _exactly(value: object) -> str:
    """A value so that only the same one is equal: Python takes true for 1."""
    return json.dumps(value, sort_keys=True)


def _number(value: JSONValue) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever the service sent; the except is for it
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: JSONValue, rule: FieldRule) -> str:
    return "" if value is None or value == rule.unset else str(value)


def _map(value: JSONValue) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _maps(value: JSONValue) -> list[JSONObject]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def _record_map(value: JSONValue) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    return {str(item.get("Name")): item.get("Value") for item in _maps(value)}
