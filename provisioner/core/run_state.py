"""What the job of a task is to do, what it does, and which calls lead from the one to the other.

Rule: one table for two readers. A plan asks it with the job as it was last seen, offline; the engine asks
it again with the job as it is, before each call. Nothing here calls anything, and whatever may lose the
state of a job says so.

Words: a *version* is what was submitted from the development state to production; a *job* is what runs it.
The service's own numbers (CommitType, Status) stand here once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from provisioner.core.json_types import JSONObject, JSONValue

RUN = "run"
"""Under this name a task's job is put beside its body, wherever both are shown or observed. No field of
the API begins with a small letter."""


class RunState(StrEnum):
    """What a manifest can ask for."""

    DRAFT = "draft"
    """Nothing is submitted."""

    SUBMITTED = "submitted"
    """The version in production is our body; whether its job runs is left alone."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPED = "stopped"


class OnChange(StrEnum):
    """What becomes of a running job when its body changes."""

    KEEP_STATE = "keep_state"
    """It goes on with the new version, from where it was."""

    RESTART = "restart"
    """It is paused with its state, and goes on with the new version."""

    DISCARD_STATE = "discard_state"
    """It is stopped, its state is dropped, and it begins anew."""


class Job(StrEnum):
    """What a job does, as far as that is known."""

    NONE = "draft"
    """There is no version in production."""

    READY = "submitted"
    """There is one, and it was never started."""

    MOVING = "in operation"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Step(StrEnum):
    """One call that changes what runs."""

    SUBMIT = "submit"
    SUBMIT_AND_START = "submit_and_start"
    SUBMIT_DISCARDING = "submit_discarding_state"
    SUBMIT_RESTARTING = "submit_restarting"
    SUBMIT_KEEPING = "submit_keeping_state"
    START = "start"
    STOP = "stop"
    SUSPEND = "suspend"
    RESUME = "resume"


COMMIT_TYPES: Mapping[Step, int] = {
    Step.SUBMIT: 0,
    Step.SUBMIT_AND_START: 1,
    Step.SUBMIT_DISCARDING: 2,
    Step.SUBMIT_RESTARTING: 3,
    Step.SUBMIT_KEEPING: 4,
}
"""The steps that make a new version, as CommitIntegrationTask calls them."""

_JOBS: Mapping[int, Job] = {
    1: Job.READY,
    2: Job.MOVING,
    3: Job.RUNNING,
    4: Job.SUSPENDED,
    5: Job.MOVING,
    6: Job.STOPPED,
    7: Job.FAILED,
    20: Job.FAILED,
}
"""Status -> job. 0 and 21 say nothing; neither does a number that nobody documented."""

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
_FIRST_MOMENT = 946_684_800_000
"""The year 2000."""

_LAST_MOMENT = 253_402_300_800_000
_MOMENT_DIGITS = 20
_AT_REST = frozenset({Job.NONE, Job.READY, Job.STOPPED})
ALIVE = frozenset({Job.RUNNING, Job.SUSPENDED})
"""Jobs whose tasks the service does not delete."""

_HAS_STATE = frozenset(Job) - _AT_REST
"""Jobs that may have read up to somewhere: a stop, and a discard, lose that."""

_VAGUE = frozenset({Job.UNKNOWN, Job.MOVING})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a manifest asks for under ``run``."""

    state: RunState
    on_change: OnChange = OnChange.KEEP_STATE
    start_from: int | None = None
    """Unix milliseconds: where a start begins to read; None: where the service lets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is known of the job of a task that is managed here."""

    job: Job = Job.UNKNOWN
    """As it was last seen."""

    digest: str = ""
    """Of the body that was last submitted; empty: none was, as far as is known."""

    current: str = ""
    """Of the body that its job runs, or goes on with; empty: that is not known, or there is none."""

    version: int = 0
    """InstanceVersion as last seen, and while a step is under way the one before it; 0: not known."""

    step: Step | None = None
    """Accepted by the service, and not yet seen to be reached."""

    sent: int = 0
    """Unix seconds at which that was signed."""

    approval: str = ""
    """TaskApproveId while the version waits for approval in WeData."""

    @property
    def is_pending(self) -> bool:
        """Whether it was not yet seen what became of the last step."""
        return self.step is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """The production side of a task as the service shows it."""

    status: int | None
    """As the service numbers it; None: it shows none."""

    version: int
    """InstanceVersion; 0: it shows none."""

    server_time: int
    """Unix seconds on the service's clock."""

    is_submitted: bool = True
    """Whether there is a version in production."""

    @property
    def job(self) -> Job:
        """What it does."""
        if not self.is_submitted:
            return Job.NONE
        return Job.UNKNOWN if self.status is None else _JOBS.get(self.status, Job.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What is done about one job."""

    before: Job
    after: RunState
    steps: tuple[Step, ...]
    """In order."""

    if_running: tuple[Step, ...] | None = None
    """What is done instead if it turns out to run; None where it is known what it does."""

    on_change: OnChange = OnChange.KEEP_STATE
    start_from: int | None = None
    loses_state: bool = False
    """Whether the state of a job may be lost."""

    pending: Step | None = None
    """An earlier step of which it was not yet seen what became."""

    approval: str = ""
    """TaskApproveId that this waits for."""

    refused: str = ""
    """Why it cannot be done; empty if it can."""


# ── the rules ───────────────────────────────────────────────────────────────


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


# ── what was seen ───────────────────────────────────────────────────────────


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


def step_document(step: Step, run: RunRecord) -> JSONObject:
    """A step that is about to be sent, and what it is judged by afterwards."""
    return {"step": step.value, "job": run.job.value, "version": run.version}


def step_of(document: JSONObject) -> tuple[Step, RunRecord]:
    """The step of a ``step_document``, and the job before it.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    version = document["version"]
    if not isinstance(version, int):
        raise TypeError("a version is no number")
    return Step(str(document["step"])), RunRecord(job=Job(str(document["job"])), version=version)


# ── as text ─────────────────────────────────────────────────────────────────


def encode_run(run: RunRecord) -> JSONObject:
    """A record as JSON, for the snapshot and the journal."""
    return {**asdict(run), "step": run.step.value if run.step else ""}


def decode_run(document: Mapping[str, Any]) -> RunRecord:
    """A record from JSON.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    names = ("job", "digest", "current", "step", "approval")
    texts = [document[name] for name in names]
    numbers = (document["version"], document["sent"])
    if not (all(type(one) is str for one in texts) and all(type(one) is int for one in numbers)):
        raise TypeError("a run record is of another shape")
    return RunRecord(
        job=Job(document["job"]),
        digest=document["digest"],
        current=document["current"],
        version=document["version"],
        step=Step(document["step"]) if document["step"] else None,
        sent=document["sent"],
        approval=document["approval"],
    )


def packed_run(wish: RunSpec | None) -> str:
    """A wish as one word, for the cache of manifests; empty if there is none."""
    if wish is None:
        return ""
    return f"{wish.state} {wish.on_change} {'' if wish.start_from is None else wish.start_from}"


def unpacked_run(text: str) -> RunSpec | None:
    """The wish again."""
    if not text:
        return None
    state, on_change, start = text.split(" ")
    return RunSpec(
        state=RunState(state), on_change=OnChange(on_change), start_from=int(start) if start else None
    )


def start_moment(value: JSONValue) -> int | None:
    """Unix milliseconds of ``start_from`` as it is written; None if it is no such moment."""
    text = str(value)
    if text.isascii() and text.isdecimal():
        return int(text) if len(text) <= _MOMENT_DIGITS and is_moment(int(text)) else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    milliseconds = int(moment.timestamp() * 1000)
    return milliseconds if is_moment(milliseconds) else None


def is_moment(milliseconds: int) -> bool:
    """Whether a job can be meant to start there: what is before the year 2000 was written in seconds."""
    return _FIRST_MOMENT <= milliseconds < _LAST_MOMENT
