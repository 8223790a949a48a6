"""What one change takes, its job included: the body first, then what runs.

Rule: before each call that changes what runs it is looked at what runs, and a call is left out if that is
so already. Each is announced durably, sent once, and then looked at until it has come to its end; only then
the next one is worked out, from what is there. A call that may lose the state of a job is made only if the
plan said that it may.

What is accepted and has not come to its end in time is no failure and no success: it is recorded, and the
next run looks before it does anything.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from provisioner.core.address import TaskId
from provisioner.core.api.calls import RunTask
from provisioner.core.api.replies import Done, Refused, Reply, Unknown
from provisioner.core.jobs.codec import step_document
from provisioner.core.jobs.job import COMMIT_TYPES, Job, Production, RunRecord, RunSpec, Step
from provisioner.core.jobs.transitions import (
    is_reached,
    loses_state,
    refusal,
    settled,
    steps_for,
    took_effect,
    without_effect,
)
from provisioner.core.plan.plan import Action, Change, Reason
from provisioner.core.state.state import Attempt, TaskRecord, WriteKind
from provisioner.core.task_types import OFFLINE
from provisioner.engine import task_steps
from provisioner.engine.task_steps import Answer, Context, Look, Pause, Request, Result, Saw, Send, Steps
from provisioner.errors import ApiError

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_LONG_ENOUGH_SECONDS = 60.0
"""A job that had failed before and still shows that after so long has failed again."""

_MOST_TURNS = 12
"""More than any way through the table takes, were nobody else at it."""

_NOT_STILL = frozenset({Job.MOVING, Job.UNKNOWN})
_LOOKED_WITH = "DescribeIntegrationTasks"

Part: TypeAlias = Generator[Request, Answer, Result | None]
"""A part of a change: how the change ended there, or None if it goes on."""


def steps_of(change: Change, context: Context) -> Steps:
    """The conversation for one change."""
    if change.action in (Action.DELETE, Action.REPLACE) and context.limits.stop_running:
        stopped = yield from _Job(change, context).stopped()
        if stopped is not None:
            return stopped
    if change.reason is Reason.RUN_STATE:
        done = Done(task_id=_task_id(change), request_id="")
        result = Result(change=change, reply=done, action="", kind=WriteKind.RUN)
    else:
        result = yield from task_steps.steps_of(change, context)
    wish = change.spec.run if change.spec is not None else None
    if change.run is None or wish is None or not result.is_good:
        return result
    return (yield from _Job(change, context, result).brought_to(wish))


def _task_id(change: Change) -> TaskId:
    if change.task_id is None:
        raise ValueError(f"{change.address}: this change has no TaskId")
    return change.task_id


@dataclass(slots=True)
class _Job:
    """The job of one task, and what was done about it in this run."""

    change: Change
    context: Context
    body: Result | None = None
    """How its body ended; None where the task is to go, and its job is only in the way."""

    done: frozenset[WriteKind] = frozenset()
    sent: list[Step] = field(default_factory=list)
    action: str = _LOOKED_WITH
    """API action of the last call."""

    def brought_to(self, wish: RunSpec) -> Steps:
        """Every step that is needed, and how it ended."""
        for _ in range(_MOST_TURNS):
            seen = yield from self._looked()
            ended = seen if isinstance(seen, Result) else (yield from self._turned(wish, seen))
            if ended is not None:
                return ended
        return self._unknown("its job does not come to rest")

    def _turned(self, wish: RunSpec, seen: Production) -> Part:
        """What is to be done by what is seen, one thing of it."""
        record = self._record()
        run = _known(record.run, seen)
        if run.approval:
            if run.step is None or not took_effect(run.step, run, seen):
                return replace(self._good(), waits_for=run.approval)
            run = replace(run, approval="")
            yield Saw(run=run)
        if run.is_pending or seen.job in _NOT_STILL:
            return (yield from self._at_rest(run, seen))
        run = settled(run, seen)
        if why := refusal(wish, seen.job):
            return self._ended(Refused(code="RunState", message=why))
        left = steps_for(wish, run, record.digest)
        if left:
            return (yield from self._sent(left[0], record, run))
        yield Saw(run=run)
        return self._good()

    def stopped(self) -> Part:
        """Stop what runs, so that its task can be deleted; None once nothing runs."""
        record = self.context.record_of(self.change.address)
        if record is None or record.task_type == OFFLINE:
            return None
        waited = 0.0
        while True:
            seen = yield from self._looked()
            if isinstance(seen, Result):
                return seen
            if seen.job not in (Job.RUNNING, Job.SUSPENDED, Job.MOVING):
                return None
            if seen.job is not Job.MOVING and not self.sent:
                ended = yield from self._sent(Step.STOP, record, settled(_known(record.run, seen), seen))
                if ended is not None:
                    return ended
                continue
            step = Step.STOP if self.sent else None
            if not (yield from self._waits(step, seen, waited)):
                return self._not_reached(step, seen, waited)
            waited += _pause(waited)

    # ── one step ────────────────────────────────────────────────────────────

    def _sent(self, step: Step, record: TaskRecord, before: RunRecord) -> Part:
        """Announce one step and send it; None once it is accepted."""
        # Of a task that is to be deleted there is no state to keep, and nothing to start.
        planned = self.change.run if self.body is not None else None
        if step in self.sent:
            return self._unknown(f"{_called(step)} was accepted, and its job is {before.job} again")
        if planned is not None and loses_state(step, before.job) and not planned.loses_state:
            why = f"its job is {before.job}, and the plan did not say that the state of a job may be lost"
            return self._ended(Refused(code="StateLoss", message=why))
        write = RunTask(
            project_id=record.project_id,
            task_id=record.task_id,
            task_type=record.task_type,
            step=step,
            start_from=planned.start_from if planned is not None else None,
        )

        def attempt(attempt_id: str) -> Send:
            announced = Attempt(
                address=self.change.address,
                kind=WriteKind.RUN,
                attempt=attempt_id,
                project_id=record.project_id,
                task_type=record.task_type,
                task_id=record.task_id,
                spec=step_document(step, before),
                digest=record.digest if step in COMMIT_TYPES else "",
                protected=record.protected,
                timestamp=0,
                payload_digest="",
            )
            return Send(write=write, attempt=announced)

        self.action = self.context.api.action_of(write)
        answered = yield from task_steps.written(self.change, attempt, self.context)
        self.sent.append(step)
        self.done |= answered.done
        return None if isinstance(answered.reply, Done) else self._ended(answered.reply)

    def _at_rest(self, run: RunRecord, seen: Production) -> Part:
        """Wait until a step, of this run or of an earlier one, has come to its end; None once it has.

        Without a step somebody else is at it.
        """
        step, waited, was_moving = run.step, 0.0, False
        while True:
            is_still = seen.job not in _NOT_STILL
            was_moving = was_moving or seen.job is Job.MOVING
            if is_still and (step is None or is_reached(step, run, seen)):
                yield Saw(run=settled(self._now(run), seen))
                return None
            if is_still and step is not None and self._is_over(step, run, seen):
                yield Saw(run=without_effect(self._now(run), seen))
                return None
            # A job that had failed before still shows that until the service has begun with it.
            if seen.job is Job.FAILED and (was_moving or run.job is not Job.FAILED):
                yield Saw(run=settled(self._now(run), seen))
                return self._failed(seen)
            if not (yield from self._waits(step, seen, waited)):
                if seen.job is Job.FAILED and waited >= _LONG_ENOUGH_SECONDS:
                    yield Saw(run=settled(self._now(run), seen))
                    return self._failed(seen)
                return self._not_reached(step, seen, waited)
            waited += _pause(waited)
            looked = yield from self._looked()
            if isinstance(looked, Result):
                return looked
            seen = looked

    def _waits(self, step: Step | None, seen: Production, waited: float) -> Generator[Request, Answer, bool]:
        """Wait for a moment; False if there is no time left, or the run was stopped."""
        if waited >= self.context.limits.seconds:
            return False
        interrupted = yield Pause(seconds=_pause(waited), words=_words(step, seen, waited))
        return not isinstance(interrupted, ApiError)

    def _is_over(self, step: Step, run: RunRecord, seen: Production) -> bool:
        """Whether a step of an earlier run can have no effect any more: then it is worked out anew."""
        return step not in self.sent and seen.server_time > run.sent + self.context.limits.late

    def _looked(self) -> Generator[Request, Answer, Production | Result]:
        """What runs now, or how it ended because that could not be seen."""
        record, api = self._record(), self.context.api
        seen = yield Look(read=lambda: api.production(record.project_id, record.task_id, record.task_type))
        if isinstance(seen, Production):
            return seen
        why = f"it could not be looked at what runs: {str(seen).splitlines()[0]}"
        return self._unknown(why) if self.sent else self._ended(Refused(code="NotRead", message=why))

    # ── what is known, and how it ended ─────────────────────────────────────

    def _record(self) -> TaskRecord:
        record = self.context.record_of(self.change.address)
        if record is None:
            raise ValueError(f"{self.change.address}: no task is recorded")
        return record

    def _now(self, run: RunRecord) -> RunRecord:
        """What is recorded by now, if anything is."""
        return self._record().run or run

    def _good(self) -> Result:
        reply = Done(task_id=self._record().task_id, request_id="")
        return self._ended(reply if self.body is None or self.sent else self.body.reply)

    def _failed(self, seen: Production) -> Result:
        return self._ended(Refused(code=f"Status {seen.status}", message="its job has failed"))

    def _unknown(self, message: str) -> Result:
        return self._ended(Unknown(code="NotReached", message=message))

    def _not_reached(self, step: Step | None, seen: Production, waited: float) -> Result:
        what = f"{_called(step)} was accepted" if step is not None else "something is done to it"
        waits = step in COMMIT_TYPES and seen.job in (Job.NONE, Job.READY, Job.STOPPED)
        hint = "; perhaps its version waits for approval in WeData" if waits else ""
        return self._unknown(f"{what}; after {waited:.0f} s its job is {seen.job}{hint}")

    def _ended(self, reply: Reply) -> Result:
        done = self.done | (self.body.done if self.body is not None else frozenset())
        return Result(change=self.change, reply=reply, action=self.action, kind=WriteKind.RUN, done=done)


def _pause(waited: float) -> float:
    """Seconds until the next look: short at first, then longer and longer."""
    return min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, waited))


def _known(run: RunRecord | None, seen: Production) -> RunRecord:
    """What is recorded of a job; of one that was not managed so far, what is seen."""
    return run or settled(RunRecord(), seen)


def _called(step: Step) -> str:
    return f"the step {step.value.replace('_', ' ')}"


def _words(step: Step | None, seen: Production, waited: float) -> str:
    """How it goes, for whoever waits."""
    what = step.value.replace("_", " ") if step is not None else "wait"
    return f"{what}: {seen.job}, {waited:.0f} s"
