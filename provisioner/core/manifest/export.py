"""A task that exists as the manifest that describes it.

Rule: what the author decides is written, what the service owns is not; names are made from TaskName,
valid and unique. Whether the manifest says what is there is for others to prove.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from provisioner.core.address import MAX_ADDRESS, Address
from provisioner.core.api.replies import RemoteTask
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.marker import without_marker
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind, Role

_WRITTEN = frozenset({Role.INPUT, Role.SHARED, Role.REFERENCE})
_NOT_IN_ADDRESS = re.compile(r"[^0-9A-Za-z_.-]+", re.ASCII)
_EMPTY: tuple[JSONValue, ...] = (None, "", [], {})


def document_of(task: RemoteTask, address: Address, project_id: str = "") -> dict[str, JSONValue]:
    """The manifest's document.

    Args:
        task: as it was read.
        address: what it is to be called.
        project_id: where it is; empty if that goes without saying.
    """
    info = _object(task.body, TASK)
    info.setdefault("TaskType", task.task_type)
    document: dict[str, JSONValue] = {"kind": "IntegrationTask", "name": address}
    if project_id:
        document["ProjectId"] = project_id
    return {**document, "TaskInfo": info}


def authored(body: JSONObject, names: Iterable[str]) -> dict[str, JSONValue]:
    """What an author could have written of these fields of TaskInfo; None where nothing is set."""
    rules = OBJECTS[TASK]
    found = {name: _field(body.get(name), rules[name]) for name in names if name in rules}
    return {name: None if value in _EMPTY else value for name, value in found.items()}


def address_for(task: RemoteTask, taken: Iterable[str]) -> Address:
    """An address that is not taken, in whatever case: it becomes a file's name too."""
    used = {name.casefold() for name in taken}
    stem = _cleaned(task.name) or _cleaned(f"task-{task.task_id}")
    name, number = stem, 1
    while name.casefold() in used:
        number += 1
        tail = f"-{number}"
        name = stem[: MAX_ADDRESS - len(tail)] + tail
    return Address(name)


def _cleaned(name: str) -> str:
    return _NOT_IN_ADDRESS.sub("-", name).strip("-.")[:MAX_ADDRESS]


def _object(value: JSONObject, kind: str) -> dict[str, JSONValue]:
    """The fields that are set, in the order of the table."""
    written: dict[str, JSONValue] = {}
    for name, rule in OBJECTS[kind].items():
        if rule.role in _WRITTEN:
            found = _field(value.get(name), rule)
            if found not in _EMPTY:
                written[name] = found
    return written


def _field(value: JSONValue, rule: FieldRule) -> JSONValue:
    match rule.kind:
        case Kind.RECORDS:
            return _records(value)
        case Kind.OBJECT:
            return _object(value, rule.item) if isinstance(value, Mapping) else None
        case Kind.OBJECTS:
            return [_object(item, rule.item) for item in _maps(value)]
        case Kind.STRING if value == rule.unset:
            return None
        case Kind.STRING if rule.name == "Description":
            return without_marker(str(value or ""))
        case _:
            return value


def _records(value: JSONValue) -> JSONValue:
    """As a map; what says nothing is left out."""
    if isinstance(value, Mapping):
        return {name: item for name, item in value.items() if item is not None}
    return {
        name: item["Value"]
        for item in _maps(value)
        if isinstance(name := item.get("Name"), str) and item.get("Value") is not None
    }


def _maps(value: JSONValue) -> Sequence[JSONObject]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
