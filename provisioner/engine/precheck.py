"""Look once more at the tasks that are about to be touched, before the first write.

Rule: what somebody approved is what is done. A task that is not any more as the plan has it is not
written over: the whole run is refused, with the fields and what to type. What is already as it is to
become is no reason to refuse, and neither is a task that is to go and is gone.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from provisioner.core.address import Address
from provisioner.core.body.diff import FieldChange, diff, path_label
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.plan.drift import (
    Observed,
    as_observed,
    field_drift,
    is_comparable,
    job_drift,
    live_body,
    overlap,
)
from provisioner.core.plan.plan import Action, Change, Reason
from provisioner.core.state.entries import Resolved, Verdict
from provisioner.core.state.state import State, TaskRecord
from provisioner.core.text import printable
from provisioner.engine.refresh import Looked
from provisioner.errors import StalePlanError

_SHOWN_TASKS = 10
_SHOWN_FIELDS = 5
_SHOWN_CHARACTERS = 60

Look = Callable[[Iterable[TaskRecord]], Looked]


def ensure_as_planned(
    changes: Iterable[Change], state: State, look: Look, *, destroy: bool = False
) -> frozenset[Address]:
    """Pass, or refuse all of these changes. Returns where a task was to be deleted and is gone.

    Args:
        changes: what is about to be done.
        state: what is recorded.
        look: looks at the tasks of records.
        destroy: whether the plan is one to destroy, for the words.

    Raises:
        StalePlanError: a task is not as the plan has it.
        ApiError: the service could not be asked.
    """
    touched = [
        (change, state.tasks[change.address])
        for change in changes
        if (change.action is not Action.CREATE or change.reason is Reason.GONE)
        and is_comparable(state, change.address)
    ]
    looked = look([record for _, record in touched]) if touched else Looked({})
    complaints = [
        f"  {change.address}{_place(change)}: {why}"
        for change, record in touched
        if (why := _complaint(change, record, looked))
    ]
    if complaints:
        raise StalePlanError(_text(complaints, destroy=destroy))
    return frozenset(
        change.address
        for change, record in touched
        if change.action in (Action.DELETE, Action.REPLACE) and looked.observed[record.task_id] is None
    )


def gone_entry(address: Address, record: TaskRecord) -> Resolved:
    """That a task is gone, as an entry of the journal, without its number."""
    return _entry(address, record, Verdict.ABSENT, None)


def observed_entries(
    state: State, observed: Observed, anew: AbstractSet[Address], targets: Sequence[Address] = ()
) -> Iterator[Resolved]:
    """What was observed as entries of the journal, without their numbers.

    Args:
        state: what is recorded.
        observed: what was there.
        anew: addresses whose task is gone and is about to be created anew.
        targets: the only addresses to look at; empty: all.
    """
    for address, record in sorted(state.tasks.items()):
        if not is_comparable(state, address) or record.task_id not in observed:
            continue
        if targets and address not in targets:
            continue
        body = observed[record.task_id]
        there = as_observed(record, body) if body is not None else None
        if there is None and address in anew:
            yield gone_entry(address, record)
        elif there is not None and there is not record:
            yield _entry(address, record, Verdict.CONFIRMED, there)


def _entry(address: Address, record: TaskRecord, verdict: Verdict, there: TaskRecord | None) -> Resolved:
    return Resolved(
        seq=0,
        address=address,
        attempt=record.attempt,
        verdict=verdict,
        record=there,
        evidence="refreshed",
    )


def _complaint(change: Change, record: TaskRecord, looked: Looked) -> str:
    """Why the change must not be made; empty if it may."""
    if record.task_id in looked.unread:
        return looked.unread[record.task_id]
    body = looked.observed[record.task_id]
    if body is None:
        return "it is gone from WeData" if change.action is Action.UPDATE else ""
    if change.reason is Reason.GONE:
        return "it is there again"
    fields = _changed(change, live_body(record, body))
    wanted = change.spec.run.state if change.spec is not None and change.spec.run is not None else None
    before = change.run.before if change.run is not None else None
    drifted = job_drift(record, body, change.spec, before=before)
    fields += [field for field in drifted if field.after != wanted]
    return ", ".join(_told(fields))


def _changed(change: Change, live: JSONObject) -> list[FieldChange]:
    """What is neither as the plan has it nor as it is to become."""
    fields = field_drift(change.before or {}, live, change.spec)
    if change.after is None:
        return list(fields)
    left = [field.path for field in diff(change.after, live)]
    return [field for field in fields if any(overlap(field.path, path) for path in left)]


def _told(fields: Sequence[FieldChange]) -> Iterator[str]:
    for field in fields[:_SHOWN_FIELDS]:
        label = path_label(field.path)
        yield label if field.sensitive else f"{label} is {_cut(field.after)}, not {_cut(field.before)}"
    if len(fields) > _SHOWN_FIELDS:
        yield f"{len(fields) - _SHOWN_FIELDS} more"


def _cut(value: JSONValue) -> str:
    if value is None:
        return "absent"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float) else "another"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _place(change: Change) -> str:
    return f" ({change.source.file}:{change.source.line})" if change.source is not None else ""


def _text(complaints: Sequence[str], *, destroy: bool) -> str:
    named = "\n".join(printable(line) for line in complaints[:_SHOWN_TASKS])
    more = f"\n  … and {len(complaints) - _SHOWN_TASKS} more" if len(complaints) > _SHOWN_TASKS else ""
    plan, apply = ("plan --destroy", "destroy") if destroy else ("plan", "apply")
    return (
        f"Tasks in WeData are not as the plan has them, or cannot be read yet.\n{named}{more}\n"
        f"Nothing was sent. To see what would be done now:\n  provisioner {plan} --refresh\n"
        f"To do it, after asking:\n  provisioner {apply} --refresh"
    )
