"""Drift for people: what somebody changed in WeData since it was last applied.

Rule: it reads as a plan does, but tells what *has* changed, from what was last applied to what is
there. What the manifest changes about the same field stands apart, below the task.
"""

from collections.abc import Iterator, Mapping, Sequence

from provisioner.core.address import Address
from provisioner.core.body.diff import FieldChange, path_label
from provisioner.core.plan.drift import Drift, Drifts
from provisioner.core.task_types import TYPE
from provisioner.core.text import printable
from provisioner.render.field_changes import Level, change_lines, shown_sides
from provisioner.render.words import Paint, Pen, address_lines, counted, quoted, value_text


def render_drift(
    drifts: Drifts,
    unread: Mapping[Address, str],
    *,
    colour: bool,
    verbose: bool = False,
    advises: bool = True,
) -> str:
    """All of it, ending with a newline.

    Args:
        drifts: what was found.
        unread: why nothing can be said of a task.
        colour: whether the text goes to a terminal that takes colours.
        verbose: whether nothing is to be cut.
        advises: whether to say what can be done about it.
    """
    pen = Pen(Paint(colour), verbose)
    blocks = ["\n".join(_task(pen, drift)) for drift in drifts.found]
    blocks += [*_left_out(pen, drifts.not_compared, unread), _ending(pen, drifts, advises=advises)]
    return "\n\n".join(blocks) + "\n"


def _task(pen: Pen, drift: Drift) -> Iterator[str]:
    address = pen.paint.bold(printable(drift.address))
    verb = pen.paint.alarm("is gone from WeData") if drift.is_gone else "was changed in WeData"
    yield f"  # {address} {verb}"
    if drift.spec is None:
        yield "  # (no manifest has this address any more)"
    else:
        yield f"  #   {printable(f'{drift.spec.source.file}:{drift.spec.source.line}')}"
    head = [("project_id", quoted(drift.record.project_id)), ("task_id", quoted(drift.record.task_id))]
    symbol = "-" if drift.is_gone else "~"
    yield pen.line(0, symbol, f"{TYPE} {quoted(drift.address)} {{")
    level = Level(before=drift.record.spec, after=drift.live or {})
    if drift.is_gone:
        yield from (pen.line(1, "", f"{name:<10} = {text}") for name, text in head)
    else:
        yield from change_lines(pen, drift.fields, level, head)
    yield pen.line(0, "", "}")
    yield from _asked(drift)


def _asked(drift: Drift) -> Iterator[str]:
    """What the manifest changes: about the same fields one by one, about others counted."""
    beside = {one.path: one for field in drift.fields for one in drift.asked_beside(field)}
    others = len(drift.asked) - len(beside)
    if beside:
        yield "  # You changed in git what somebody changed in the console:"
        yield from (f"  #   {_in_git(one)}" for one in beside.values())
    if others and not drift.is_gone:
        more = "more " if beside else ""
        yield f"  # ({counted(others, f'{more}field')} changed in git only; plan shows what that does)"


def _in_git(field: FieldChange) -> str:
    before, after = shown_sides(field)
    sides = [value_text(side, verbose=False) if side is not None else "(absent)" for side in (before, after)]
    return printable(f"{path_label(field.path)} = {sides[0]} -> {sides[1]}")


def _left_out(pen: Pen, not_compared: Sequence[Address], unread: Mapping[Address, str]) -> Iterator[str]:
    if not_compared:
        lines = address_lines(not_compared, "  ", verbose=pen.verbose)
        yield "\n".join(
            ["Not compared, because what they hold is not known; the next apply writes them:", *lines]
        )
    if unread:
        rows = [printable(f"  {address}: {unread[address]}") for address in sorted(unread)]
        yield "\n".join(["Nothing can be said of these; run the command again:", *rows])


def _ending(pen: Pen, drifts: Drifts, *, advises: bool) -> str:
    gone = sum(drift.is_gone for drift in drifts.found)
    changed = len(drifts.found) - gone
    same = f"{counted(drifts.as_applied, 'task')} as last applied."
    if not drifts.found:
        return f"{pen.paint.good('No drift.')} {same}"
    said = f"{pen.paint.bold('Drift:')} {changed} changed, {gone} gone. {same}"
    if not advises:
        return said
    return (
        f"{said}\nTo see what would put it back:\n  provisioner plan --refresh\n"
        "To take what was changed into the manifests:\n  provisioner drift --accept"
    )
