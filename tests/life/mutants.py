"""The program with one mistake in how it compares, for as long as a ``with`` lasts.

Rule: only here, from outside. A mistake that no story notices would mean that nobody looks there.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

from provisioner.commands.support import drift_acceptance
from provisioner.core.body import readback
from provisioner.core.body.diff import FieldChange, Path
from provisioner.core.body.readback import Kept
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.plan import drift
from provisioner.core.schema.fields import FieldRule
from provisioner.core.state.state import TaskRecord
from provisioner.engine import precheck, task_steps
from provisioner.store import edits
from provisioner.store.edits import Edit


@dataclass(frozen=True)
class Mutant:
    """One mistake."""

    name: str
    seed: int
    """Of a story that notices it, as long as stories are made as they are now; a test looks further."""

    applied: Callable[[], AbstractContextManager[object]]


def _patched(owner: object, name: str, value: object) -> Callable[[], AbstractContextManager[object]]:
    return lambda: mock.patch.object(owner, name, value)


_matched, _records, _is_same, _kept = readback._matched, readback._records, readback._is_same, readback.kept
_edit_file = edits.edit_file


def _first_items_only(ours: Sequence[JSONObject], *rest: Any) -> list[JSONValue]:
    """Items behind the second are not looked at."""
    keys, *others = rest
    return [*_matched(ours[:2], keys[:2], *others), *ours[2:]]


def _order_ignored(
    ours: Sequence[JSONObject],
    keys: Sequence[tuple[str, ...]],
    theirs: Sequence[JSONObject],
    rule: FieldRule,
    *rest: Any,
) -> list[JSONValue]:
    """Columns may stand in any order."""
    position = {key: index for index, key in enumerate(keys)}
    known = sorted(theirs, key=lambda item: position.get(readback._key(item, rule, {}), len(position)))
    return _matched(ours, keys, known, rule, *rest)


def _empty_is_anything(
    ours: JSONObject, theirs: Mapping[str, Any], path: Path, lost: list[FieldChange]
) -> dict[str, JSONValue]:
    """A setting that was taken away is as it was."""
    return _records(
        ours, {**ours, **{name: one for name, one in theirs.items() if one is not None}}, path, lost
    )


def _blanks_ignored(
    ours: JSONValue, theirs: JSONValue, rule: FieldRule | None, numbers: Mapping[str, str]
) -> bool:
    """Blanks around a text do not count."""
    strip = [side.strip() if isinstance(side, str) else side for side in (ours, theirs)]
    return _is_same(strip[0], strip[1], rule, numbers)


def _with_marker(
    ours: JSONValue, theirs: JSONValue, rule: FieldRule | None, numbers: Mapping[str, str]
) -> bool:
    """The marker counts as the author's text."""
    if rule is not None and rule.name == "Description":
        return bool(ours == theirs)
    return _is_same(ours, theirs, rule, numbers)


def _extras_count(written: JSONObject, there: JSONObject, **named: Any) -> Kept:
    """A setting of the task that nobody wrote is a difference."""
    found = _kept(written, there, **named)
    extra = set(readback._record_map(there.get("Config"))) - set(readback._map(written.get("Config")))
    lost = (FieldChange(path=("Config", name), before="theirs", after=None) for name in sorted(extra))
    body = {
        **found.body,
        "Config": {**readback._map(found.body.get("Config")), **dict.fromkeys(extra, "theirs")},
    }
    return Kept(body, (*found.lost, *lost)) if extra else found


def _no_json(ours: str, theirs: object) -> bool:
    """Settings that are JSON are compared as text."""
    return (not ours and theirs is None) or ours == theirs


def _one_edit(path: str, edits: Sequence[Edit]) -> list[Edit]:
    """Of several values in a file one is written, and all are said to be."""
    _edit_file(path, edits[:1])
    return []


def _never_changed(record: TaskRecord, _body: JSONObject) -> JSONObject:
    """What is there is taken for what was applied."""
    return record.spec


def _same_place(one: Path, other: Path) -> bool:
    """Only what is of exactly the same place is compared."""
    return one == other


def _kept_everywhere() -> AbstractContextManager[object]:
    stack = ExitStack()
    for owner in (readback, drift, task_steps):
        stack.enter_context(mock.patch.object(owner, "kept", _extras_count))
    return stack


MUTANTS = (
    Mutant("the third item of a list is not looked at", 0, _patched(readback, "_matched", _first_items_only)),
    Mutant("the order of columns is not looked at", 0, _patched(readback, "_matched", _order_ignored)),
    Mutant("a setting that is gone is as it was", 5, _patched(readback, "_records", _empty_is_anything)),
    Mutant("blanks around a text do not count", 5, _patched(readback, "_is_same", _blanks_ignored)),
    Mutant("the marker is drift", 1, _patched(readback, "_is_same", _with_marker)),
    Mutant("what nobody wrote is drift", 5, _kept_everywhere),
    Mutant("JSON is compared as text", 1, _patched(readback, "_is_same_text", _no_json)),
    Mutant("no drift at all", 0, _patched(drift, "live_body", _never_changed)),
    Mutant("one value of a file is accepted", 34, _patched(drift_acceptance, "edit_file", _one_edit)),
    Mutant("a change within what goes is written over", 46, _patched(precheck, "overlap", _same_place)),
)
