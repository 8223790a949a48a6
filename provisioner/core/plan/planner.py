"""Work out a plan: desired against state.

Rule: the same manifests and the same state give the same plan, byte for byte.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from provisioner.core.address import Address
from provisioner.core.body.diff import FieldChange, diff
from provisioner.core.jobs.job import ALIVE, RUN, Job, RunChange, RunSpec, RunState
from provisioner.core.jobs.transitions import run_change, stays_in_production
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Observed, as_observed, is_comparable
from provisioner.core.plan.moves import NO_NAMES, Names, rearranged
from provisioner.core.plan.plan import Action, Change, Origin, Plan, Reason, Unsettled
from provisioner.core.state.state import Attempt, State, TaskRecord, WriteKind


def make_plan(
    desired: Mapping[Address, TaskSpec],
    state: State,
    origin: Origin,
    observed: Observed | None = None,
    names: Names = NO_NAMES,
) -> Plan:
    """Desired against state, or against what was observed where that is given.

    With targets, everything else stays as it is and is not counted.
    """
    there = rearranged(state, names, origin.targets)
    state, wanted = there.state, set(origin.targets)
    addresses = [a for a in sorted({*desired, *state.tasks, *state.open}) if not wanted or a in wanted]
    changes, unchanged = [], 0
    for address in addresses:
        if address in there.waiting:
            continue
        record = state.tasks.get(address)
        change = _change(address, desired.get(address), state, origin, observed or {})
        if change is not None:
            changes.append(change)
        elif record is not None:
            unchanged += 1
    not_draft = tuple(
        address
        for address in addresses
        if (spec := desired.get(address)) is not None
        and spec.run is not None
        and (record := state.tasks.get(address)) is not None
        and stays_in_production(spec.run, record.run)
    )
    looked_at = {*addresses, *there.waiting}
    unsettled = tuple(_unsettled(state.open[a]) for a in sorted(looked_at & state.open.keys()))
    return Plan(
        origin=origin,
        changes=tuple(_with_hints([_as_asked(change, names) for change in changes])),
        unchanged=unchanged,
        unsettled=unsettled,
        not_draft=not_draft,
        protection=tuple(
            (address, desired[address].prevent_destroy)
            for address in addresses
            if address in desired
            and address in state.tasks
            and desired[address].prevent_destroy != state.tasks[address].protected
        ),
        moves=there.moves,
        forgotten=there.forgotten,
    )


def _as_asked(change: Change, names: Names) -> Change:
    """The change; a delete that a manifest asks for says where."""
    removal = names.removed.get(change.address)
    if removal is None:
        return change
    is_plain = change.reason is Reason.NOT_IN_MANIFESTS
    return replace(change, source=removal.source, reason=Reason.REMOVED if is_plain else change.reason)


def _with_hints(changes: Sequence[Change]) -> Iterator[Change]:
    """The changes; a create that may be the new name of a task that is to go says so.

    Only where there is no doubt which one: one create and one delete with equal bodies.
    """
    goes = _by_content(changes, Action.DELETE, Reason.NOT_IN_MANIFESTS)
    comes = _by_content(changes, Action.CREATE, Reason.NOT_IN_STATE) if goes else {}
    old = {
        comes[content][0]: goes[content][0]
        for content in goes.keys() & comes.keys()
        if len(goes[content]) == len(comes[content]) == 1
    }
    for change in changes:
        yield replace(change, renamed_from=old[change.address]) if change.address in old else change


def _by_content(changes: Iterable[Change], action: Action, reason: Reason) -> Mapping[str, list[Address]]:
    """Addresses by what their tasks hold; a TaskName that is only the address does not count."""
    found: dict[str, list[Address]] = {}
    for change in changes:
        if change.action is action and change.reason is reason:
            body = dict((change.spec.body if change.spec is not None else change.before) or {})
            if body.get("TaskName") == change.address:
                del body["TaskName"]
            content = json.dumps([change.project_id, body], sort_keys=True)
            found.setdefault(content, []).append(change.address)
    return found


def protected_deletes(plan: Plan, state: State, desired: Mapping[Address, TaskSpec]) -> Iterator[Change]:
    """The changes that ``prevent_destroy`` forbids: the manifest's where there is one, else the recorded."""
    for change in plan.changes:
        if change.action in (Action.DELETE, Action.REPLACE):
            spec, record = desired.get(change.address), state.tasks.get(change.address)
            if spec.prevent_destroy if spec is not None else record is not None and record.protected:
                yield change


def effective_body(spec: TaskSpec, record: TaskRecord | None) -> JSONObject:
    """The body to apply: what the manifest ignores stays as it was last applied."""
    if record is None or not spec.ignore_changes:
        return spec.body
    body = dict(spec.body)
    for name in spec.ignore_changes:
        if name in record.spec:
            body[name] = record.spec[name]
        else:
            body.pop(name, None)
    return body


def _change(
    address: Address, spec: TaskSpec | None, state: State, origin: Origin, observed: Observed
) -> Change | None:
    """What happens to one task, or None if nothing does."""
    record, attempt = state.tasks.get(address), state.open.get(address)
    change = _body_change(address, spec, record, attempt, state, origin, observed)
    if spec is None or spec.run is None or (attempt is not None and attempt.kind is WriteKind.RUN):
        return change
    there = _there(address, record, state, observed)
    return _with_run(change, spec, spec.run, there)


def _body_change(
    address: Address,
    spec: TaskSpec | None,
    record: TaskRecord | None,
    attempt: Attempt | None,
    state: State,
    origin: Origin,
    observed: Observed,
) -> Change | None:
    """What happens to the body of one task."""
    if attempt is not None and attempt.kind is WriteKind.RUN:
        attempt = None  # it is about the job; what the body is, is known
    if record is not None and is_comparable(state, address) and record.task_id in observed:
        return _observed(spec, address, record, observed[record.task_id], origin)
    if spec is not None:
        return _create(spec, attempt) if record is None else _existing(spec, record, attempt)
    return None if record is None else _delete(address, record, attempt, origin)


def _observed(
    spec: TaskSpec | None, address: Address, record: TaskRecord, body: JSONObject | None, origin: Origin
) -> Change | None:
    """What happens to a task that was looked at; ``body`` is None if it is gone."""
    if body is None:
        gone = _delete(address, record, None, origin) if spec is None else _create(spec, None)
        return replace(gone, reason=Reason.GONE)
    there = as_observed(record, body)
    change = _delete(address, there, None, origin) if spec is None else _existing(spec, there, None)
    if change is not None and there.digest != record.digest and change.reason is Reason.CHANGED:
        return replace(change, reason=Reason.DRIFTED)
    return change


def _there(
    address: Address, record: TaskRecord | None, state: State, observed: Observed
) -> TaskRecord | None:
    """The record, or what was observed in its place."""
    if record is None or not is_comparable(state, address) or record.task_id not in observed:
        return record
    body = observed[record.task_id]
    return None if body is None else as_observed(record, body)


def _with_run(
    change: Change | None, spec: TaskSpec, wish: RunSpec, record: TaskRecord | None
) -> Change | None:
    """A change, or none so far, with what is done about the job."""
    is_new = record is None or (change is not None and change.action is Action.REPLACE)
    writes = change is not None and not (record is not None and record.digest and not change.fields)
    digest = spec.digest if record is None or writes else record.digest
    run = run_change(
        wish,
        None if is_new or record is None else record.run,
        digest,
        is_new=is_new,
    )
    if run is None:
        return change
    fields = _run_fields(run)
    if change is not None:
        is_whole = change.action is Action.CREATE or not change.fields
        return replace(change, run=run, fields=change.fields if is_whole else (*change.fields, *fields))
    there = cast("TaskRecord", record)  # without one there is a change that makes it
    return Change(
        address=spec.address,
        action=Action.UPDATE,
        reason=Reason.RUN_STATE,
        project_id=there.project_id,
        task_type=there.task_type,
        task_id=there.task_id,
        before=there.spec,
        after=there.spec,
        fields=fields,
        source=spec.source,
        spec=spec,
        run=run,
    )


def _run_fields(run: RunChange) -> tuple[FieldChange, ...]:
    """What differs, beside the fields of the body."""
    before = None if run.before is Job.UNKNOWN else run.before.value
    # To submit leaves a job to do what it does.
    stays = run.after is RunState.SUBMITTED and run.before not in (Job.NONE, Job.UNKNOWN)
    if stays or before == run.after.value:
        return ()
    return (FieldChange(path=(RUN, "state"), before=before, after=run.after.value),)


def _unsettled(attempt: Attempt) -> Unsettled:
    return Unsettled(
        address=attempt.address, kind=attempt.kind, attempt=attempt.attempt, timestamp=attempt.timestamp
    )


def _create(spec: TaskSpec, attempt: Attempt | None) -> Change:
    return Change(
        address=spec.address,
        action=Action.CREATE,
        reason=Reason.UNSETTLED if attempt else Reason.NOT_IN_STATE,
        project_id=spec.project_id,
        task_type=spec.task_type,
        task_id=None,
        before=None,
        after=spec.create_body,
        fields=(),
        source=spec.source,
        spec=spec,
    )


def _existing(spec: TaskSpec, record: TaskRecord, attempt: Attempt | None) -> Change | None:
    if attempt is None and spec.digest == record.digest and not record.marked_as:
        return None
    after = effective_body(spec, record)
    fields = _field_changes(spec, record, after)
    is_known = bool(record.digest) and attempt is None and not record.marked_as
    if not fields and is_known:
        return None
    replaces = any(change.replaces for change in fields)
    return Change(
        address=spec.address,
        action=Action.REPLACE if replaces else Action.UPDATE,
        reason=_reason(record, attempt, replaces=replaces, is_changed=bool(fields)),
        project_id=spec.project_id,
        task_type=spec.task_type,
        task_id=record.task_id,
        before=record.spec,
        after=spec.create_body if replaces else after,
        fields=fields,
        source=spec.source,
        spec=spec,
        ignored=() if replaces else _ignored(spec, record),
    )


def _ignored(spec: TaskSpec, record: TaskRecord) -> tuple[str, ...]:
    """What the manifest says otherwise than it was last applied, and leaves to others all the same."""
    return tuple(
        name
        for name in sorted(set(spec.ignore_changes))
        if record.spec and spec.body.get(name) != record.spec.get(name)
    )


def _field_changes(spec: TaskSpec, record: TaskRecord, after: JSONObject) -> tuple[FieldChange, ...]:
    """What differs. Of a task that was adopted unseen only the project and the type are known."""
    fields = diff(record.spec, after) if record.spec else _type_change(spec, record)
    if spec.project_id == record.project_id:
        return fields
    moved = FieldChange(
        path=("ProjectId",),
        before=record.project_id,
        after=spec.project_id,
        replaces="a task cannot move to another project",
    )
    return (moved, *fields)


def _type_change(spec: TaskSpec, record: TaskRecord) -> tuple[FieldChange, ...]:
    if spec.task_type == record.task_type:
        return ()
    return diff({"TaskType": record.task_type}, {"TaskType": spec.task_type})


def _reason(record: TaskRecord, attempt: Attempt | None, *, replaces: bool, is_changed: bool) -> Reason:
    if attempt is not None:
        return Reason.UNSETTLED
    if replaces:
        return Reason.IMMUTABLE
    if record.digest and not is_changed:
        return Reason.MOVED
    return Reason.CHANGED if record.digest else Reason.UNSEEN


def _delete(address: Address, record: TaskRecord, attempt: Attempt | None, origin: Origin) -> Change:
    reason = Reason.DESTROY if origin.destroy else Reason.NOT_IN_MANIFESTS
    return Change(
        address=address,
        action=Action.DELETE,
        reason=Reason.UNSETTLED if attempt else reason,
        project_id=record.project_id,
        task_type=record.task_type,
        task_id=record.task_id,
        before=record.spec,
        after=None,
        fields=(),
        source=None,
        job=record.run.job if record.run is not None and record.run.job in ALIVE else None,
    )
