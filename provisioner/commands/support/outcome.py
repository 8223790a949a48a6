"""How an apply ended: in words, as JSON, and as an exit code.

Rule: every task of the plan is accounted for: done, not done, unknown, waiting, or not attempted; and
the command to continue is named.
"""

import json
from collections.abc import Iterator

from provisioner.commands.terminal import Terminal
from provisioner.core.advice import advice_for
from provisioner.core.api.replies import Done, Refused, RemoteTask, Unknown
from provisioner.core.body.diff import FieldChange, path_label
from provisioner.core.jobs.codec import step_of
from provisioner.core.plan.plan import Action, Change
from provisioner.core.state.state import WriteKind
from provisioner.core.text import printable
from provisioner.core.times import utc_clock
from provisioner.engine.run import Outcome
from provisioner.engine.settle import Conflict, Held, Settled
from provisioner.engine.task_steps import Result
from provisioner.errors import ApiRefusedError, ConflictError, InterruptedRunError, OutcomeUnknownError
from provisioner.render.apply_text import Failure, Note, Tally, Waiting, render_summary

_SHOWN_FIELDS = 5


def settled_lines(settled: Settled, *, wait: bool = False) -> Iterator[str]:
    """What looking found, a line for each address."""
    for address, record in settled.adopted:
        yield f"{address}: found in WeData and recorded [id={printable(record.task_id)}]"
    for attempt in settled.absent:
        verb = "created nothing" if attempt.kind is WriteKind.CREATE else "left no task"
        yield f"{attempt.address}: the earlier {attempt.kind} {verb}"
    for attempt in settled.repeat:
        yield f"{attempt.address}: the earlier {attempt.kind} did not take effect"
    for attempt, took_effect in settled.ran:
        step, _ = step_of(attempt.spec)
        what = "took effect" if took_effect else "did not take effect"
        yield f"{attempt.address}: the earlier {step.value.replace('_', ' ')} of its job {what}"
    for held in settled.held:
        yield f"{held.address}: {printable(held.why)}{_until(held, 'waiting' if wait else 'pending')}"
    for conflict in settled.conflicts:
        yield f"{conflict.address}: {conflict.why}: {_ids(conflict.tasks)}"
    for task in settled.strays:
        yield (
            f"Note: {printable(task.name)} [id={printable(task.task_id)}] carries this project's marker, "
            "but is not the task of any address here. It is left alone."
        )


def conclude(terminal: Terminal, outcome: Outcome, *, as_json: bool, command: str) -> int:
    """Say how it ended and return the exit code. ``command`` goes on where it stopped."""
    if as_json:
        terminal.result(json.dumps(_document(outcome), indent=2, ensure_ascii=True))
    elif (
        outcome.applied.results
        or outcome.applied.not_attempted
        or outcome.moves
        or outcome.forgotten
        or _waiting(outcome)
    ):
        terminal.result(_summary(outcome, command, colour=terminal.colour))
    return _exit_code(outcome)


def _summary(outcome: Outcome, command: str, *, colour: bool) -> str:
    until = {one.address: one.until for one in outcome.after.held}
    return render_summary(
        _tally(outcome),
        [_failure(result, until.get(result.change.address, 0)) for result in outcome.applied.failures],
        waiting=_waiting(outcome),
        not_attempted=[change.address for change in outcome.applied.not_attempted],
        notes=[*_lock_notes(outcome), *_approval_notes(outcome)],
        reason="interrupted" if outcome.interrupted else outcome.applied.gave_up,
        command=command,
        destroy=outcome.plan.origin.destroy,
        colour=colour,
    )


def _tally(outcome: Outcome) -> Tally:
    """What is recorded as done, write by write: a replace that failed half-way has destroyed."""
    results = outcome.applied.results
    return Tally(
        added=sum(WriteKind.CREATE in result.done for result in results),
        changed=sum(
            bool(result.done & {WriteKind.UPDATE, WriteKind.RUN}) and result.change.action is Action.UPDATE
            for result in results
        ),
        destroyed=sum(WriteKind.DELETE in result.done for result in results),
        moved=len(outcome.moves),
        forgotten=len(outcome.forgotten),
    )


def _approval_notes(outcome: Outcome) -> Iterator[Note]:
    for result in outcome.applied.results:
        if result.waits_for:
            text = f"waits for approval in WeData (id {result.waits_for}); the next apply looks, and goes on"
            yield Note(address=result.change.address, text=text, advice="")


def _lock_notes(outcome: Outcome) -> Iterator[Note]:
    for taken in outcome.taken_over:
        text = f"took the editing lock of {taken.holder}"
        yield Note(address=taken.address, text=text, advice="")
    for kept in outcome.not_released:
        yield Note(
            address=kept.address,
            text=f"its editing lock could not be released: {kept.why}",
            advice=f"Nobody else can edit it [id={kept.task_id}] until you unlock it in the WeData console.",
        )


# ── what did not come to what was asked for ─────────────────────────────────


def _failure(result: Result, until: int = 0) -> Failure:
    """``until``: when a write without an answer can be settled for good, in Unix seconds; 0: not known."""
    change, reply = result.change, result.reply
    code, message = ("", "") if isinstance(reply, Done) else (reply.code, reply.message)
    if isinstance(reply, Done):
        code = "NotConfirmed" if result.unread else "NotKept"
        message = result.unread or _lost_text(result.lost)
    return Failure(
        address=change.address,
        source=change.source,
        action=result.action,
        code=code,
        message=message,
        request_id=reply.request_id,
        advice=_advice(result, until),
        unknown=isinstance(reply, Unknown),
    )


def _advice(result: Result, until: int) -> str:
    reply, address = result.reply, result.change.address
    match reply:
        case Unknown() if reply.code == "NotReached":
            return "It is recorded what was accepted. The next apply looks before it does anything."
        case Unknown():
            when = f" It is settled for good after {utc_clock(until)}." if until else ""
            return f"Nothing is sent again until it is known; the next apply looks first.{when}"
        case Done() if result.unread:
            return f"The task exists [id={printable(reply.task_id)}]; the next apply writes it once more."
        case Done():
            return "Write what the service takes, or leave the field to others: lifecycle.ignore_changes."
        case Refused() if reply.code.startswith("ResourceNotFound") and result.kind is WriteKind.UPDATE:
            return (
                f"The task is gone from WeData. To have it again: provisioner state rm {address}, then apply."
            )
        case Refused():
            return advice_for(reply.code)


def _lost_text(lost: tuple[FieldChange, ...]) -> str:
    """``the service did not keep Config.x (it has null, not "1")``, for the first few."""
    said = [_lost_field(field) for field in lost[:_SHOWN_FIELDS]]
    more = f" and {len(lost) - len(said)} more" if len(lost) > len(said) else ""
    return f"the service did not keep {', '.join(said)}{more}"


def _lost_field(field: FieldChange) -> str:
    label = path_label(field.path)
    if field.sensitive:
        return label
    there, ours = (json.dumps(side, ensure_ascii=False) for side in (field.before, field.after))
    return f"{label} (it has {_cut(there)}, not {_cut(ours)})"


def _cut(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


# ── what waits ──────────────────────────────────────────────────────────────


def _held(outcome: Outcome) -> dict[str, Held | Conflict]:
    """What nothing was sent for, by address; a write of this run is a failure and not listed twice."""
    reported = {result.change.address for result in outcome.applied.failures}
    found: dict[str, Held | Conflict] = {}
    for settled in (outcome.before, outcome.after):
        found.update((one.address, one) for one in settled.held if one.address not in reported)
        found.update((one.address, one) for one in settled.conflicts)
    return dict(sorted(found.items()))


def _waiting(outcome: Outcome) -> list[Waiting]:
    changes: dict[str, Change] = {change.address: change for change in outcome.not_sent}
    rows = []
    for address, one in _held(outcome).items():
        change = changes.get(address)
        if isinstance(one, Held):
            text, advice = f"{one.why}{_until(one, 'pending')}", ""
        else:
            text = f"{one.why}: {_ids(one.tasks)}"
            advice = f"Say which one is its task: provisioner resolve {address} --adopt TASK_ID"
        source = change.source if change is not None else None
        rows.append(Waiting(address=one.address, source=source, text=text, advice=advice))
    return rows


def _until(held: Held, word: str) -> str:
    return f"; {word} until {utc_clock(held.until)}" if held.until else ""


def _ids(tasks: tuple[RemoteTask, ...]) -> str:
    return ", ".join(printable(task.task_id) for task in tasks)


# ── for programs ────────────────────────────────────────────────────────────


def _exit_code(outcome: Outcome) -> int:
    if outcome.interrupted:
        return InterruptedRunError.exit_code
    failures, held = outcome.applied.failures, _held(outcome).values()
    if any(isinstance(result.reply, Unknown) for result in failures) or any(
        isinstance(one, Held) for one in held
    ):
        return OutcomeUnknownError.exit_code
    if failures or outcome.applied.not_attempted:
        return ApiRefusedError.exit_code
    return ConflictError.exit_code if held else 0


def _document(outcome: Outcome) -> dict[str, object]:
    tally = _tally(outcome)
    return {
        "format_version": "1.0",
        "summary": {
            "added": tally.added,
            "changed": tally.changed,
            "destroyed": tally.destroyed,
            "moved": tally.moved,
            "forgotten": tally.forgotten,
        },
        "interrupted": outcome.interrupted,
        "results": [_result_document(result) for result in outcome.applied.results],
        "not_attempted": [change.address for change in outcome.applied.not_attempted],
        "editing_locks": {
            "taken_over": [
                {"address": one.address, "task_id": one.task_id, "holder": one.holder}
                for one in outcome.taken_over
            ],
            "not_released": [
                {"address": one.address, "task_id": one.task_id, "why": one.why}
                for one in outcome.not_released
            ],
        },
        "waiting": [
            {
                "address": address,
                "why": one.why,
                "until": one.until if isinstance(one, Held) else 0,
                "task_ids": [task.task_id for task in one.tasks] if isinstance(one, Conflict) else [],
            }
            for address, one in _held(outcome).items()
        ],
    }


def _result_document(result: Result) -> dict[str, object]:
    reply = result.reply
    outcome = "done" if result.is_good else "unknown" if isinstance(reply, Unknown) else "failed"
    failure = None if result.is_good else _failure(result)
    return {
        "address": result.change.address,
        "action": result.change.action.value,
        "api_action": result.action,
        "outcome": outcome,
        "waits_for_approval": result.waits_for or None,
        "done": sorted(kind.value for kind in result.done),
        "task_id": reply.task_id if isinstance(reply, Done) else None,
        "request_id": reply.request_id,
        "code": failure.code if failure else None,
        "message": failure.message if failure else None,
    }
