"""A saved plan, read again."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from provisioner.core.address import Address, TaskId
from provisioner.core.body.diff import FieldChange, ItemKey
from provisioner.core.documents.plan_document import (
    FORMAT_VERSION,
    IN_PLACE,
    ORIGIN_TEXTS,
    REPLACES,
    TERRAFORM_ACTIONS,
    checksum_of,
)
from provisioner.core.jobs.codec import is_moment
from provisioner.core.jobs.job import Job, OnChange, RunChange, RunState, Step
from provisioner.core.plan.moves import Forgotten, Move
from provisioner.core.plan.plan import Change, Origin, Plan, Reason, Unsettled
from provisioner.core.source import Source
from provisioner.core.state.state import WriteKind
from provisioner.errors import StalePlanError, UsageError

Typed = TypeVar("Typed")

_ACTIONS = {words: action for action, words in TERRAFORM_ACTIONS.items()}


def decode(data: bytes, name: str) -> Plan:
    """A saved plan, for people to look at. What is applied is always worked out anew.

    Raises:
        UsageError: not a plan document of a version this program reads.
        StalePlanError: its content is not what was saved.
    """
    try:
        document = json.loads(data)
        version, checksum = document["format_version"], document.pop("checksum", None)
        is_as_saved = checksum == checksum_of(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"This is not a saved plan.\n  {name}\nMake one with: provisioner plan --out FILE"
        ) from error
    if version != FORMAT_VERSION:
        raise UsageError(
            "The saved plan is of another format.\n"
            f"  {name}: format {version!r}; this version reads {FORMAT_VERSION}."
        )
    if not is_as_saved:
        raise StalePlanError(
            f"The saved plan was edited.\n  {name}: its checksum does not match.\n"
            "What it shows may not be what it would do. Make it again:\n  provisioner plan --out FILE"
        )
    try:
        return _plan(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"The saved plan is damaged.\n  {name}\nMake it again.") from error


def decides_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents are the same but for where manifests stand in their files."""
    return _without_places(one) == _without_places(other)


def _without_places(document: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = document.get("resource_changes")
    if not isinstance(changes, list):
        return document
    stripped = [{**c, "source": None} if isinstance(c, dict) else c for c in changes]
    return {**document, "resource_changes": stripped, "checksum": None}


def _plan(document: Mapping[str, Any]) -> Plan:
    origin = Origin(
        **{name: _typed(document[name], str) for name in ORIGIN_TEXTS},
        serial=_typed(document["serial"], int),
        destroy=_typed(document["destroy"], bool),
        refreshed=_typed(document["refreshed"], bool),
        targets=tuple(Address(_typed(address, str)) for address in _list(document["targets"])),
    )
    return Plan(
        origin=origin,
        changes=tuple(_read_change(change) for change in _list(document["resource_changes"])),
        unchanged=_typed(document["summary"]["unchanged"], int),
        unsettled=tuple(_read_unsettled(one) for one in _list(document["unsettled"])),
        protection=tuple(
            (Address(_typed(one["address"], str)), _typed(one["prevent_destroy"], bool))
            for one in _list(document["protection"])
        ),
        moves=tuple(
            Move(
                before=Address(_typed(one["from"], str)),
                after=Address(_typed(one["to"], str)),
                task_id=_read_task_id(one["task_id"]),
                waits=_typed(one["waits"], bool),
            )
            for one in _list(document["moved"])
        ),
        forgotten=tuple(
            Forgotten(
                address=Address(_typed(one["address"], str)),
                task_id=_read_task_id(one["task_id"]),
                waits=_typed(one["waits"], bool),
            )
            for one in _list(document["forgotten"])
        ),
        not_draft=tuple(Address(_typed(address, str)) for address in _list(document.get("not_draft", []))),
    )


def _read_task_id(value: object) -> TaskId | None:
    return None if value is None else TaskId(_typed(value, str))


def _read_unsettled(document: Mapping[str, Any]) -> Unsettled:
    return Unsettled(
        address=Address(_typed(document["address"], str)),
        kind=WriteKind(document["kind"]),
        attempt=_typed(document["attempt"], str),
        timestamp=_typed(document["timestamp"], int),
    )


def _read_change(document: Mapping[str, Any]) -> Change:
    source, change = document["source"], document["change"]
    renamed_from = document["renamed_from"]
    return Change(
        address=Address(_typed(document["address"], str)),
        action=_ACTIONS[tuple(_list(change["actions"]))],
        reason=Reason(document["action_reason"]),
        project_id=_typed(document["project_id"], str),
        task_type=_typed(document["task_type"], int),
        task_id=_read_task_id(document["task_id"]),
        before=None if change["before"] is None else _typed(change["before"], dict),
        after=None if change["after"] is None else _typed(change["after"], dict),
        fields=tuple(_read_field(field) for field in _list(document["field_changes"])),
        ignored=tuple(_typed(name, str) for name in _list(document["ignored"])),
        renamed_from=None if renamed_from is None else Address(_typed(renamed_from, str)),
        job=None if document["job"] is None else Job(document["job"]),
        source=None if source is None else Source(_typed(source["file"], str), _typed(source["line"], int)),
        run=None if document.get("run") is None else _read_run(document["run"]),
    )


def _read_run(document: Mapping[str, Any]) -> RunChange:
    others, start, pending = document["if_running"], document["start_from"], document["pending"]
    if start is not None and not is_moment(_typed(start, int)):
        raise ValueError("a start is at no moment")
    return RunChange(
        before=Job(document["before"]),
        after=RunState(document["after"]),
        steps=tuple(map(Step, _list(document["steps"]))),
        if_running=None if others is None else tuple(map(Step, _list(others))),
        on_change=OnChange(document["on_change"]),
        start_from=start,
        loses_state=_typed(document["loses_state"], bool),
        pending=None if pending is None else Step(pending),
        approval=_typed(document["approval"], str),
        refused=_typed(document["refused"], str),
    )


def _read_field(document: Mapping[str, Any]) -> FieldChange:
    keys = set(_list(document["item_keys"]))
    parts = [_typed(part, str) for part in _list(document["path"])]
    if not parts:
        raise ValueError("a path is empty")
    effect = _typed(document["effect"], str)
    return FieldChange(
        path=tuple(ItemKey(part) if index in keys else part for index, part in enumerate(parts)),
        before=document["before"],
        after=document["after"],
        replaces=effect.removeprefix(REPLACES) if effect != IN_PLACE else "",
    )


def _list(value: object) -> list[Any]:
    return _typed(value, list)


def _typed(value: object, kind: type[Typed]) -> Typed:
    """The value, if it is exactly of this type: true is not a number here."""
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value
