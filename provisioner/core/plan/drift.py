"""What changed behind our back: the state beside what the service shows.

Rule: three things are told apart: what was last applied (the state), what is there (the service), and
what is asked for (the manifests). Drift is between the first two, by the rules of
``core.body.readback``: only what was written is compared, and what a manifest leaves to others is not. Of
a task whose content is not known, or that has an open write, nothing is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from provisioner.core.address import Address, TaskId
from provisioner.core.body.diff import FieldChange, Path, diff
from provisioner.core.body.readback import kept
from provisioner.core.jobs.job import RUN, Job, RunState
from provisioner.core.jobs.transitions import with_job as seen_doing
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec, spec_digest
from provisioner.core.state.state import State, TaskRecord

Observed: TypeAlias = Mapping[TaskId, JSONObject | None]
"""TaskInfo as it was read, unprocessed; None: the service does not know the task any more. A task that
is not in it was not looked at, or could not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One task that is not as it was last applied."""

    address: Address
    record: TaskRecord
    """As it was last applied."""

    live: JSONObject | None
    """The body as it is there, in canonical form; None if the task is gone."""

    fields: tuple[FieldChange, ...]
    """What differs, ``before`` as last applied and ``after`` as it is there; empty if the task is gone."""

    spec: TaskSpec | None
    """What the manifests ask for; None if no manifest has the address."""

    asked: tuple[FieldChange, ...]
    """What the manifest changes since it was last applied."""

    @property
    def is_gone(self) -> bool:
        """Whether the service does not know the task any more."""
        return self.live is None

    def asked_beside(self, field: FieldChange) -> tuple[FieldChange, ...]:
        """What the manifest changes about the same field, or within it, or around it."""
        return tuple(one for one in self.asked if overlap(one.path, field.path))


@dataclass(frozen=True, slots=True)
class Drifts:
    """What looking at the tasks in the state came to."""

    found: tuple[Drift, ...]
    """In order of address."""

    as_applied: int
    """How many tasks are as they were last applied."""

    not_compared: tuple[Address, ...] = ()
    """Where the state does not say what the task holds, or a write is open; in order of address."""


def is_comparable(state: State, address: Address) -> bool:
    """Whether the state says what the task of an address holds."""
    record = state.tasks.get(address)
    return record is not None and bool(record.digest) and address not in state.open


def live_body(record: TaskRecord, body: JSONObject) -> JSONObject:
    """What was last applied, as it is there now, in canonical form.

    Args:
        record: as last applied.
        body: TaskInfo as it was read, unprocessed.
    """
    found = kept(record.spec, body)
    return found.body if found.lost else record.spec


def as_observed(record: TaskRecord, body: JSONObject) -> TaskRecord:
    """The record as if what is there had been applied."""
    record = _with_job(record, body)
    live = live_body(record, body)
    if live == record.spec:
        return record
    return replace(record, spec=live, digest=spec_digest(record.project_id, live))


def field_drift(before: JSONObject, live: JSONObject, spec: TaskSpec | None) -> tuple[FieldChange, ...]:
    """What differs, but for the fields that the manifest leaves to others."""
    ignored = spec.ignore_changes if spec is not None else ()
    return tuple(field for field in diff(before, live) if field.path[0] not in ignored)


def job_drift(
    record: TaskRecord, body: JSONObject, spec: TaskSpec | None, *, before: Job | None = None
) -> tuple[FieldChange, ...]:
    """What a job does otherwise than it was last seen to, where the manifest says what it is to do.

    Args:
        record: as last applied.
        body: as it was observed; what the job does stands in it under ``run``, see ``with_job``.
        spec: what is asked for.
        before: what it did; None: what is recorded.
    """
    job = _job_in(body)
    if spec is None or spec.run is None or spec.run.state in (RunState.DRAFT, RunState.SUBMITTED):
        return ()
    if record.run is None or record.run.is_pending or record.run.approval or job is None:
        return ()
    known = before or record.run.job
    if {job, known} & {Job.MOVING, Job.UNKNOWN} or job is known:
        return ()
    return (FieldChange(path=(RUN, "state"), before=known.value, after=job.value),)


def with_job(body: JSONObject, job: Job) -> JSONObject:
    """An observed body with what its job does."""
    return {**body, RUN: job.value}


def _job_in(body: JSONObject) -> Job | None:
    job = body.get(RUN)
    return Job(job) if isinstance(job, str) else None


def _with_job(record: TaskRecord, body: JSONObject) -> TaskRecord:
    """The record with what its job does; what is not clear, or under way, changes nothing."""
    job, run = _job_in(body), record.run
    if run is None or job is None or job in (Job.MOVING, Job.UNKNOWN, run.job) or run.is_pending:
        return record
    return replace(record, run=seen_doing(run, job))


def find_drift(
    state: State, observed: Observed, desired: Mapping[Address, TaskSpec], targets: Sequence[Address] = ()
) -> Drifts:
    """Every task of the state, or every target, beside what was observed."""
    found, not_compared, as_applied = [], [], 0
    for address in sorted(set(targets) & set(state.tasks) if targets else state.tasks):
        record = state.tasks[address]
        if not is_comparable(state, address):
            not_compared.append(address)
        elif record.task_id in observed:
            drift = _drift(address, record, observed[record.task_id], desired.get(address))
            if drift is None:
                as_applied += 1
            else:
                found.append(drift)
    return Drifts(tuple(found), as_applied, tuple(not_compared))


def _drift(
    address: Address, record: TaskRecord, body: JSONObject | None, spec: TaskSpec | None
) -> Drift | None:
    live = None if body is None else live_body(record, body)
    fields = () if live is None else field_drift(record.spec, live, spec)
    if body is not None:
        fields = (*fields, *job_drift(record, body, spec))
    if live is not None and not fields:
        return None
    asked = () if spec is None else field_drift(record.spec, spec.body, spec)
    return Drift(address=address, record=record, live=live, fields=fields, spec=spec, asked=asked)


def overlap(one: Path, other: Path) -> bool:
    """Whether two paths are of the same place, or one of a place within the other's."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
