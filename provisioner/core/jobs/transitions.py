"""Which calls lead from what a job does to what it is to do.

Rule: one table for two readers. A plan asks it with the job as it was last seen, offline; the engine asks
it again with the job as it is, before each call. Nothing here calls anything, and whatever may lose the
state of a job says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from provisioner.core.jobs.codec import step_of
from provisioner.core.jobs.job import (
    ALIVE,
    COMMIT_TYPES,
    Job,
    OnChange,
    Production,
    RunChange,
    RunRecord,
    RunSpec,
    RunState,
    Step,
)
from provisioner.core.json_types import JSONObject

_GOALS: Mapping[Step, Job] = {
    Step.SUBMIT_AND_START: Job.RUNNING,
    Step.SUBMIT_DISCARDING: Job.RUNNING,
    Step.SUBMIT_RESTARTING: Job.RUNNING,
    Step.SUBMIT_KEEPING: Job.RUNNING,
    Step.START: Job.RUNNING,
    Step.RESUME: Job.RUNNING,
    Step.SUSPEND: Job.SUSPENDED,
    Step.STOP: Job.STOPPED,
}

_ON_CHANGE: Mapping[OnChange, Step] = {
    OnChange.KEEP_STATE: Step.SUBMIT_KEEPING,
    OnChange.RESTART: Step.SUBMIT_RESTARTING,
    OnChange.DISCARD_STATE: Step.SUBMIT_DISCARDING,
}

_AT_REST = frozenset({Job.NONE, Job.READY, Job.STOPPED})

_HAS_STATE = frozenset(Job) - _AT_REST
"""Jobs that may have read up to somewhere: a stop, and a discard, lose that."""

_VAGUE = frozenset({Job.UNKNOWN, Job.MOVING})


def steps_for(wish: RunSpec, run: RunRecord, digest: str) -> tuple[Step, ...]:
    """The calls from a job that is known to what is wished.

    Args:
        wish: what is asked for.
        run: what is known of the job now.
        digest: of the body; empty: that is not known.
    """
    job = run.job
    is_submitted = bool(digest) and run.digest == digest
    submit = () if is_submitted else (Step.SUBMIT,)
    match wish.state:
        case RunState.DRAFT:
            return ()
        case RunState.SUBMITTED:
            return submit
        case RunState.RUNNING:
            is_current = bool(digest) and run.current == digest
            return _to_running(wish, job, is_submitted=is_submitted, is_current=is_current)
        case RunState.SUSPENDED:
            # A new version is submitted once it is to run again: with what it has read, and not before.
            return () if job is Job.SUSPENDED or refusal(wish, job) else (Step.SUSPEND,)
        case RunState.STOPPED:
            # A job that has failed does not run, and the service stops only what does.
            return (Step.STOP, *submit) if job in ALIVE else submit
        case _:
            assert_never(wish.state)


def _to_running(wish: RunSpec, job: Job, *, is_submitted: bool, is_current: bool) -> tuple[Step, ...]:
    if job in _AT_REST:
        if is_submitted:
            return (Step.START,)
        # A start from a point in time is a call of its own.
        return (Step.SUBMIT_AND_START,) if wish.start_from is None else (Step.SUBMIT, Step.START)
    if is_current and job is Job.RUNNING:
        return ()
    if is_current and job is Job.SUSPENDED:
        return (Step.RESUME,)
    if job is Job.SUSPENDED and wish.on_change is OnChange.RESTART:
        return (Step.SUBMIT_KEEPING,)  # it is paused with its state already
    # A failed job goes on by a new version, even of the same body: what a start does to its state is not
    # documented, and what these do is.
    return (_ON_CHANGE[wish.on_change],)


def refusal(wish: RunSpec, job: Job) -> str:
    """Why a wish cannot come true from this job; empty if it can."""
    if wish.state is RunState.SUSPENDED and job in {*_AT_REST, Job.FAILED}:
        return (
            "only a job that runs can be suspended; write run.state: running, apply that, and then suspended"
        )
    return ""


def loses_state(step: Step, job: Job) -> bool:
    """Whether a step loses what a job has read so far."""
    return step in (Step.STOP, Step.SUBMIT_DISCARDING) and job in _HAS_STATE


def goal_of(step: Step) -> Job | None:
    """What a job does once a step is through; None: a step that leaves the job alone."""
    return _GOALS.get(step)


def run_change(
    wish: RunSpec, run: RunRecord | None, digest: str, *, is_new: bool = False
) -> RunChange | None:
    """What is to be done about a job, by what is recorded; None if nothing is.

    Args:
        wish: what is asked for.
        run: what is recorded; None: it was not managed so far.
        digest: of the body that will be there.
        is_new: whether the task is yet to be made.
    """
    known = run or RunRecord(job=Job.NONE if is_new else Job.UNKNOWN)
    if wish.state is RunState.DRAFT:
        return None
    is_submitted = bool(digest) and known.digest == digest
    waits = bool(known.approval) and is_submitted
    if waits:
        steps: tuple[Step, ...] = ()
        if_running = None
    elif known.job in _VAGUE or known.is_pending:
        steps = steps_for(wish, replace(known, job=Job.READY), digest)
        if_running = steps_for(wish, replace(known, job=Job.RUNNING), digest)
        if if_running == steps:
            if_running = None
    else:
        steps = steps_for(wish, known, digest)
        if_running = None
    refused = "" if waits or known.is_pending else refusal(wish, known.job)
    if not (steps or if_running or refused or known.is_pending or waits):
        return None
    before = Job.UNKNOWN if known.job in _VAGUE else known.job
    return RunChange(
        before=before,
        after=wish.state,
        steps=steps,
        if_running=if_running,
        on_change=wish.on_change,
        start_from=wish.start_from,
        loses_state=any(loses_state(step, before) for step in steps)
        or any(loses_state(step, Job.RUNNING) for step in if_running or ()),
        pending=None if waits else known.step,
        approval=known.approval if waits else "",
        refused=refused,
    )


def stays_in_production(wish: RunSpec, run: RunRecord | None) -> bool:
    """Whether a draft is asked for of what is in production: no call leads back there."""
    is_there = run is not None and bool(run.digest or run.job not in (Job.NONE, Job.UNKNOWN))
    return wish.state is RunState.DRAFT and is_there


def took_effect(step: Step, before: RunRecord, seen: Production) -> bool | None:
    """Whether a step that was sent is seen to have had an effect; None: that cannot be told.

    Args:
        step: what was sent.
        before: the job and the version before that.
        seen: what there is now.
    """
    if step not in COMMIT_TYPES:
        return seen.job in (Job.MOVING, _GOALS[step]) or (step is Step.STOP and seen.job in _AT_REST)
    if seen.version:
        return seen.version > before.version
    if before.job is Job.NONE:
        return seen.job is not Job.NONE
    if step is Step.SUBMIT_AND_START and before.job in _AT_REST:
        return seen.job not in _AT_REST
    return None


def is_reached(step: Step, before: RunRecord, seen: Production) -> bool:
    """Whether a step that was accepted has come to its end."""
    goal = _GOALS.get(step)
    is_there = goal is None or seen.job is goal or (goal is Job.STOPPED and seen.job in _AT_REST)
    return is_there and (step not in COMMIT_TYPES or took_effect(step, before, seen) is not False)


def accepted(
    run: RunRecord | None, sent: JSONObject, *, digest: str, at: int, approval: str = ""
) -> RunRecord:
    """What is known once the service has accepted a step.

    Args:
        run: what was known before.
        sent: what was recorded of the step; see ``step_document``.
        digest: of the body that a new version is made of.
        at: Unix seconds at which it was signed.
        approval: TaskApproveId, if it waits for that.
    """
    step, before = step_of(sent)
    known = run or RunRecord()
    submits = step in COMMIT_TYPES
    return RunRecord(
        job=before.job,
        version=before.version,
        digest=digest if submits else known.digest,
        current=_current(step, known, digest),
        step=step,
        sent=at,
        approval=approval if submits else known.approval,
    )


def _current(step: Step, known: RunRecord, digest: str) -> str:
    """Which body a job runs after a step."""
    if step is Step.START:
        return known.digest
    if step is Step.STOP:
        return ""
    return digest if step in COMMIT_TYPES and step is not Step.SUBMIT else known.current


def settled(run: RunRecord, seen: Production) -> RunRecord:
    """What is known once nothing is under way any more."""
    known = replace(run, version=seen.version or run.version, step=None, sent=0, approval="")
    return with_job(known if seen.is_submitted else replace(known, digest="", current=""), seen.job)


def without_effect(run: RunRecord, seen: Production) -> RunRecord:
    """The same, where a step was accepted and is seen to have had no effect.

    A discard is taken for done all the same: once more it would discard once more.
    """
    step = run.step
    is_repeatable = step in COMMIT_TYPES and step is not Step.SUBMIT_DISCARDING
    if step is not None and is_repeatable and took_effect(step, run, seen) is False:
        run = replace(run, digest="", current="")
    return settled(run, seen)


def with_job(run: RunRecord, job: Job) -> RunRecord:
    """What is known once a job is seen to do something; one that somebody started runs what is submitted."""
    is_started = run.job in _AT_REST and job in ALIVE and run.step is None and not run.current
    return replace(run, job=job, current=run.digest if is_started else run.current)
