"""How an apply goes and how it ended, in words.

Rule: what is said to be done is done and recorded. A write whose outcome is not known is neither
done nor failed and is counted on its own; every failure names its task, its place and what to do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provisioner.core.address import Address, TaskId
from provisioner.core.plan.plan import Action, Change
from provisioner.core.source import Source
from provisioner.core.text import printable
from provisioner.render.words import Paint, address_lines

_STARTED = {
    Action.CREATE: "Creating",
    Action.UPDATE: "Modifying",
    Action.REPLACE: "Replacing",
    Action.DELETE: "Destroying",
}
_FINISHED = {
    Action.CREATE: "Creation complete",
    Action.UPDATE: "Modifications complete",
    Action.REPLACE: "Replacement complete",
    Action.DELETE: "Destruction complete",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was done, counted as a plan counts: a replace is one added and one destroyed."""

    added: int = 0
    changed: int = 0
    destroyed: int = 0
    moved: int = 0
    forgotten: int = 0
    """Both only recorded; said where there are any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One change that was not carried out, or of which that is not known."""

    address: Address
    source: Source | None
    """Where its manifest is; None if it is gone."""

    action: str
    """Name of the API action that was asked for."""

    code: str
    message: str
    request_id: str
    """Empty if no answer arrived."""

    advice: str
    """What to do about it; empty if nothing sensible can be said."""

    unknown: bool
    """Whether it may have taken effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An address that nothing was sent for, or whose write is still open."""

    address: Address
    source: Source | None
    text: str
    """Why, and until when."""

    advice: str
    """What to do about it; empty if time does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be said of a task beside how it ended: of its editing lock, of what it waits for."""

    address: Address
    text: str
    advice: str
    """What to do about it; empty if there is nothing to do."""


def started(change: Change) -> str:
    """``orders-to-lake: Creating...``."""
    return f"{printable(change.address)}: {_STARTED[change.action]}..."


def retrying(change: Change, detail: str) -> str:
    """``orders-to-lake: Creating... not sent (the connection was refused), trying again``."""
    return f"{started(change)} not sent ({printable(detail)}), trying again"


def waiting(change: Change, holder: str) -> str:
    """``orders-to-lake: waits for the editing lock (held by 100028625403)``."""
    return f"{printable(change.address)}: waits for the editing lock (held by {printable(holder)})"


def watching(change: Change, detail: str) -> str:
    """``orders-to-lake: Modifying... start: in operation, 3 s``."""
    return f"{started(change)} {printable(detail)}"


def finished(change: Change, task_id: TaskId, seconds: float) -> str:
    """``orders-to-lake: Creation complete after 1s [id=h9d]``."""
    done = _FINISHED[change.action]
    return f"{printable(change.address)}: {done} after {seconds:.0f}s [id={printable(task_id)}]"


def failed(change: Change, detail: str) -> str:
    """``orders-to-lake: Creating... LimitExceeded: …``; the whole failure stands in the summary."""
    return f"{started(change)} {printable(detail)}"


def summary(tally: Tally, *, destroy: bool = False) -> str:
    """The last line of an apply in which everything was done."""
    if destroy:
        return f"Destroy complete! Resources: {_destroyed(tally)}."
    return f"Apply complete! Resources: {_counts(tally)}."


def render_summary(
    tally: Tally,
    failures: Sequence[Failure],
    *,
    waiting: Sequence[Waiting] = (),
    not_attempted: Sequence[Address] = (),
    notes: Sequence[Note] = (),
    reason: str = "",
    command: str = "",
    destroy: bool = False,
    colour: bool = False,
) -> str:
    """How it ended, set off by an empty line from what came before, ending with a newline.

    Args:
        tally: what was done.
        failures: what was refused, what is unknown, and what the service did not keep.
        waiting: what is held up, and until when.
        not_attempted: the tasks that nothing was sent for.
        notes: what there is to say beside that.
        reason: why they were not attempted; may be empty.
        command: what to type to go on, safe to print; the plain one if it is empty.
        destroy: whether this was a destroy.
        colour: whether to use colours.
    """
    paint = Paint(colour)
    if not (failures or waiting or not_attempted):
        noted = "".join(f"{line}\n" for note in notes for line in _note(note, paint))
        return f"\n{noted}{paint.good(summary(tally, destroy=destroy))}\n"
    blocks = ["\n".join(_failure(failure, paint)) for failure in failures]
    blocks += ["\n".join(_waiting(one, paint)) for one in waiting]
    blocks += ["\n".join(_note(note, paint)) for note in notes]
    if not_attempted:
        why = f" ({printable(reason)})" if reason else ""
        lines = address_lines(not_attempted, "  ", verbose=False)
        blocks.append("\n".join([f"Not attempted{why}:", *lines]))
    command = command or f"provisioner {'destroy' if destroy else 'apply'}"
    blocks.append(
        f"{paint.alarm(_incomplete(tally, failures, waiting, len(not_attempted), destroy=destroy))}\n"
        f"What was done is recorded. Continue with:\n  {command}"
    )
    return "\n" + "\n\n".join(blocks) + "\n"


def _incomplete(
    tally: Tally,
    failures: Sequence[Failure],
    waiting: Sequence[Waiting],
    not_attempted: int,
    *,
    destroy: bool,
) -> str:
    unknown = sum(failure.unknown for failure in failures)
    also_waiting = {one.address for one in waiting} - {one.address for one in failures}
    ended = {
        "failed": len(failures) - unknown,
        "unknown": unknown,
        "waiting": len(also_waiting),
        "not attempted": not_attempted,
    }
    rest = ", ".join(f"{count} {word}" for word, count in ended.items() if count)
    done = _destroyed(tally) if destroy else _counts(tally)
    return f"{'Destroy' if destroy else 'Apply'} incomplete: {done}; {rest}."


def _counts(tally: Tally) -> str:
    return f"{tally.added} added, {tally.changed} changed, {_destroyed(tally)}"


def _destroyed(tally: Tally) -> str:
    only_recorded = {"moved": tally.moved, "forgotten": tally.forgotten}
    rest = "".join(f", {count} {word}" for word, count in only_recorded.items() if count)
    return f"{tally.destroyed} destroyed{rest}"


def _waiting(one: Waiting, paint: Paint) -> Iterator[str]:
    yield f"{paint.alarm(f'{printable(one.address)}: waiting')}{_place(one.source)}"
    yield f"  {printable(one.text)}"
    if one.advice:
        yield f"  {printable(one.advice)}"


def _note(note: Note, paint: Paint) -> Iterator[str]:
    text = f"{printable(note.address)}: {printable(note.text)}"
    yield paint.alarm(text) if note.advice else text
    if note.advice:
        yield f"  {printable(note.advice)}"


def _place(source: Source | None) -> str:
    return f" ({printable(str(source))})" if source else ""


def _failure(failure: Failure, paint: Paint) -> Iterator[str]:
    word = "outcome unknown" if failure.unknown else "failed"
    yield f"{paint.alarm(f'{printable(failure.address)}: {word}')}{_place(failure.source)}"
    said = ": ".join(printable(part) for part in (failure.code, failure.message) if part)
    yield f"  {printable(failure.action)}: {said}"
    if failure.request_id:
        yield f"  RequestId: {printable(failure.request_id)}"
    if failure.advice:
        yield f"  {printable(failure.advice)}"
