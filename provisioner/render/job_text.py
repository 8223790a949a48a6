"""What is done about a job, in words.

Rule: every call is said, in order, and what may lose the state of a job stands out.
"""

from collections.abc import Iterator, Mapping, Sequence

from provisioner.core.jobs.job import RUN, Job, RunChange, Step
from provisioner.core.jobs.transitions import loses_state
from provisioner.core.json_types import JSONObject
from provisioner.core.plan.plan import Action, Change, Plan
from provisioner.core.state.state import TaskRecord
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.render.words import Paint, Pen, address_lines

_WORDS: Mapping[Step, str] = {
    Step.SUBMIT: "will be submitted (CommitType 0)",
    Step.SUBMIT_AND_START: "will be submitted and started (CommitType 1)",
    Step.SUBMIT_DISCARDING: "will be submitted and begin anew, without its state (CommitType 2)",
    Step.SUBMIT_RESTARTING: "will be submitted, pause with its state, and go on from there (CommitType 3)",
    Step.SUBMIT_KEEPING: "will be submitted and go on with its state (CommitType 4)",
    Step.START: "will be started",
    Step.STOP: "will be stopped",
    Step.SUSPEND: "will be suspended with its state",
    Step.RESUME: "will be resumed from where it was",
}
_LOSS = "job state is discarded: what it has read so far is forgotten"
_MAY_LOSE = "if it runs, job state is discarded: what it has read so far is forgotten"


def run_lines(paint: Paint, change: Change) -> Iterator[str]:
    """A line for each thing to know, as they stand in the heading of a block."""
    run = change.run
    if run is None:
        return
    if run.approval:
        yield f"  # (its version waits for approval in WeData, id {printable(run.approval)})"
    if run.pending is not None:
        what = run.pending.value.replace("_", " ")
        yield f"  # (what became of the last {what} of its job is not known; apply looks first)"
    if run.steps or run.if_running:
        yield f"  # ({_said(run)})"
    if run.loses_state:
        loses = any(loses_state(step, run.before) for step in run.steps) and run.before is not Job.UNKNOWN
        yield f"  # ({paint.alarm(_LOSS if loses else _MAY_LOSE)})"


def _said(run: RunChange) -> str:
    start = ""
    if run.start_from is not None and Step.START in run.steps:
        start = f", reading from {utc_text(run.start_from // 1000)}"
    if run.if_running is None:
        return f"run: {_in_words(run.steps)}{start}"
    if not run.if_running:
        return f"run: {_in_words(run.steps)}{start}, unless it runs already"
    if not run.steps:
        return f"run: {_in_words(run.if_running)}, if it runs"
    return f"run: {_in_words(run.steps)}{start}; if it runs already: {_in_words(run.if_running)}"


def _in_words(steps: Sequence[Step]) -> str:
    first, *others = (_WORDS[step] for step in steps)
    return ", then ".join([first, *(words.removeprefix("will be ") for words in others)])


def wish_of(change: Change) -> JSONObject:
    """What a new task's job is to do, as it stands beside the body."""
    run = change.run
    if run is None or change.action not in (Action.CREATE, Action.REPLACE):
        return {}
    return {RUN: {"state": run.after.value}}


def not_draft_lines(plan: Plan, pen: Pen) -> Iterator[str]:
    """Tasks that cannot be what is asked for, and what to write."""
    if plan.not_draft:
        yield "\n".join(
            [
                "In production already, and no draft any more; nothing is done about their jobs:",
                *address_lines(plan.not_draft, "  ", verbose=pen.verbose),
                "To have a job stopped, write run.state: stopped; to leave it alone, submitted.",
            ]
        )


def job_pairs(record: TaskRecord) -> list[tuple[str, str]]:
    """What is known of a recorded task's job; nothing if it is not managed."""
    run = record.run
    if run is None:
        return []
    waits = f" (waits for approval, id {printable(run.approval)})" if run.approval else ""
    pending = f" (its last {run.step.value.replace('_', ' ')} is under way)" if run.step and not waits else ""
    version = f", version {run.version}" if run.version else ""
    return [("job", f"{run.job.value}{version}{waits}{pending}")]
