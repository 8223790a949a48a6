"""How an apply ended: in words, as JSON, and as an exit code.

Rule: every task of the plan is accounted for: done, refused, unknown, or not attempted; and the
command to continue is named.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.advice import advice_for
from provisioner.core.calls import Done, Refused, Unknown
from provisioner.core.plan import Action, Change, Plan
from provisioner.core.state import TaskRecord, WriteKind
from provisioner.core.text import printable
from provisioner.core.times import utc_clock
from provisioner.engine.apply import Applied
from provisioner.engine.settle import Settled
from provisioner.engine.steps import Result
from provisioner.errors import ApiRefusedError, InterruptedRunError, OutcomeUnknownError, UsageError
from provisioner.render.apply_text import Failure, Tally, render_summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything there is to say about one apply."""

    plan: Plan
    applied: Applied = field(default_factory=Applied)
    settled: Settled = field(default_factory=Settled)
    """What became of the writes that this run left open."""

    blocked: tuple[Change, ...] = ()
    """Changes that wait for an earlier write whose outcome is not known yet."""

    interrupted: bool = False
    cancelled: bool = False
    """The person did not say yes."""


def settled_lines(settled: Settled) -> Iterator[str]:
    """What settling found, a line for each address."""
    for address, record in settled.adopted:
        yield f"{address}: found in WeData and recorded [id={printable(record.task_id)}]"
    for attempt in settled.absent:
        verb = "created nothing" if attempt.kind is WriteKind.CREATE else "left no task"
        yield f"{attempt.address}: the earlier {attempt.kind} {verb}"
    for attempt in settled.repeat:
        yield f"{attempt.address}: the earlier {attempt.kind} may not have taken effect; it is planned anew"
    for pending in settled.pending:
        address, until = pending.attempt.address, utc_clock(pending.until)
        yield f"{address}: its creation may still take effect; pending until {until}"
    for conflict in settled.conflicts:
        ids = ", ".join(printable(task.task_id) for task in conflict.tasks)
        yield f"{conflict.address}: {conflict.why}: {ids}"


def conclude(terminal: Terminal, outcome: Outcome, *, as_json: bool) -> int:
    """Say how it ended and return the exit code."""
    if outcome.cancelled:
        terminal.say("\nApply cancelled. Nothing was changed.")
        return UsageError.exit_code
    if as_json:
        terminal.result(json.dumps(_document(outcome), indent=2, ensure_ascii=True))
    elif outcome.applied.results or outcome.applied.not_attempted or outcome.blocked:
        terminal.result(_summary(outcome, colour=terminal.colour))
    return _exit_code(outcome)


def _summary(outcome: Outcome, *, colour: bool) -> str:
    return render_summary(
        _tally(outcome),
        [*_failures(outcome), *_blocked_failures(outcome)],
        not_attempted=[change.address for change in outcome.applied.not_attempted],
        reason=_reason(outcome),
        destroy=outcome.plan.origin.destroy,
        colour=colour,
    )


def _tally(outcome: Outcome) -> Tally:
    """What is recorded as done; what was found after its answer was lost counts as done."""
    adopted = {address for address, _ in outcome.settled.adopted}
    done = [result for result in outcome.applied.results if _is_done(result, adopted) or _is_made(result)]
    actions = [result.change.action for result in done]
    replaced = actions.count(Action.REPLACE)
    return Tally(
        added=actions.count(Action.CREATE) + replaced,
        changed=actions.count(Action.UPDATE),
        destroyed=actions.count(Action.DELETE) + replaced,
    )


def _is_done(result: Result, adopted: set[Address]) -> bool:
    return isinstance(result.reply, Done) or (
        isinstance(result.reply, Unknown) and result.change.address in adopted
    )


def _is_made(result: Result) -> bool:
    """Whether a task was created although writing the rest of it failed."""
    return result.change.action is Action.CREATE and result.kind is WriteKind.UPDATE


def _failures(outcome: Outcome) -> Iterator[Failure]:
    adopted = {address for address, _ in outcome.settled.adopted}
    until = {pending.attempt.address: pending.until for pending in outcome.settled.pending}
    for result in outcome.applied.results:
        reply = result.reply
        if isinstance(reply, Done) or _is_done(result, adopted):
            continue
        is_unknown = isinstance(reply, Unknown)
        yield Failure(
            address=result.change.address,
            source=result.change.source,
            action=result.action,
            code=reply.code,
            message=reply.message,
            request_id=reply.request_id,
            advice=_unknown_advice(until.get(result.change.address))
            if is_unknown
            else advice_for(reply.code),
            unknown=is_unknown,
        )


def _blocked_failures(outcome: Outcome) -> Iterator[Failure]:
    for change in outcome.blocked:
        yield Failure(
            address=change.address,
            source=change.source,
            action="CreateIntegrationTask",
            code="Unknown",
            message="an earlier create was not answered, and the task is not listed yet",
            request_id="",
            advice=_unknown_advice(None),
            unknown=True,
        )


def _unknown_advice(until: int | None) -> str:
    when = f" after {utc_clock(until)}" if until else ""
    return (
        f"Nothing is sent again until it is known. Run the command again{when}: it looks for the task first."
    )


def _reason(outcome: Outcome) -> str:
    return "interrupted" if outcome.interrupted else outcome.applied.gave_up


def _exit_code(outcome: Outcome) -> int:
    if outcome.interrupted:
        return InterruptedRunError.exit_code
    failures = [*_failures(outcome), *_blocked_failures(outcome)]
    if any(failure.unknown for failure in failures):
        return OutcomeUnknownError.exit_code
    if failures or outcome.applied.not_attempted:
        return ApiRefusedError.exit_code
    return 0


def _document(outcome: Outcome) -> dict[str, object]:
    tally = _tally(outcome)
    adopted = dict(outcome.settled.adopted)
    return {
        "format_version": "1.0",
        "summary": {"added": tally.added, "changed": tally.changed, "destroyed": tally.destroyed},
        "interrupted": outcome.interrupted,
        "results": [_result_document(result, adopted) for result in outcome.applied.results],
        "not_attempted": [change.address for change in outcome.applied.not_attempted],
        "pending": [change.address for change in outcome.blocked],
    }


def _result_document(result: Result, adopted: dict[Address, TaskRecord]) -> dict[str, object]:
    reply = result.reply
    found = adopted.get(result.change.address)
    document: dict[str, object] = {
        "address": result.change.address,
        "action": result.change.action.value,
        "api_action": result.action,
        "request_id": reply.request_id,
        "remarks": list(result.remarks),
    }
    if isinstance(reply, Done):
        return {**document, "outcome": "done", "task_id": reply.task_id}
    if isinstance(reply, Unknown) and found is not None:
        return {**document, "outcome": "done", "task_id": found.task_id}
    outcome = "refused" if isinstance(reply, Refused) else "unknown"
    return {**document, "outcome": outcome, "task_id": None, "code": reply.code, "message": reply.message}
