"""A plan for the person who approves it, in Terraform's words.

Rule: nothing is hidden without being counted. What is the same for many tasks is said once, with
their addresses; what stays as it is is a number; ``verbose`` expands both. Order comes from the
plan; nothing is sorted or decided here.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from provisioner.core.diff import FieldChange, path_label
from provisioner.core.plan import Action, Change, Plan, Reason, Unsettled
from provisioner.core.plan_document import HIDDEN, TYPE, shown_body
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.render.body_text import body_lines, value_text
from provisioner.render.paint import Paint

MANY_CREATES = 20
"""From here on a create is one line, unless everything is asked for."""

LISTED_ADDRESSES = 50
_FIRST_ADDRESSES = 20
_LONG_TEXT = 80

_SYMBOLS = {
    Action.CREATE: ("+", "green", "create"),
    Action.UPDATE: ("~", "yellow", "update in-place"),
    Action.REPLACE: ("-/+", "red", "destroy and then create replacement"),
    Action.DELETE: ("-", "red", "destroy"),
}
_HAPPENS = {
    Action.CREATE: "will be created",
    Action.UPDATE: "will be updated in-place",
    Action.REPLACE: "must be replaced",
    Action.DELETE: "will be destroyed",
}
_REASONS = {
    Reason.NOT_IN_MANIFESTS: "no manifest has this address",
    Reason.UNSEEN: "what the task holds is not known, so the whole body is sent",
    Reason.UNSETTLED: "an earlier write was not answered; apply looks for the task before it does anything",
}
_KINDS = {201: "real-time", 202: "offline"}


def render_plan(plan: Plan, *, colour: bool, verbose: bool = False) -> str:
    """The whole plan, ending in its summary line."""
    paint = Paint(colour)
    if plan.is_empty:
        return "\n".join(_no_changes(plan, paint)) + "\n"
    lines = [*_unsettled_lines(plan.unsettled, paint), *_legend(plan, paint)]
    for line in _changes(plan, paint, verbose=verbose):
        lines.append(line)
    counts = plan.counts
    lines.append(
        f"{paint('Plan:', 'bold')} {counts.add} to add, {counts.change} to change, {counts.destroy} to destroy."
    )
    return "\n".join(lines) + "\n"


def _no_changes(plan: Plan, paint: Paint) -> Iterator[str]:
    if plan.origin.destroy:
        yield f"{paint('No changes.', 'bold', 'green')} There is nothing to destroy."
        return
    yield f"{paint('No changes.', 'bold', 'green')} Your tasks match the manifests."
    if plan.unchanged:
        yield f"\n{_count(plan.unchanged, 'task')} compared, nothing to do."


def _unsettled_lines(unsettled: Sequence[Unsettled], paint: Paint) -> Iterator[str]:
    if not unsettled:
        return
    writes = _count(len(unsettled), "earlier write")
    yield paint(f"{writes} {'has' if len(unsettled) == 1 else 'have'} an unknown outcome:", "bold", "yellow")
    for one in unsettled:
        yield f"  {printable(one.address)}: a {one.kind} signed at {utc_text(one.timestamp)}"
    yield "Apply looks for these tasks first; nothing is sent again before that.\n"


def _legend(plan: Plan, paint: Paint) -> Iterator[str]:
    used = {change.action for change in plan.changes}
    if not used:
        return
    yield "provisioner will perform the following actions:\n"
    for action, (symbol, style, meaning) in _SYMBOLS.items():
        if action in used:
            yield f"{paint(f'{symbol:>3}', style)} {meaning}"
    yield ""


def _changes(plan: Plan, paint: Paint, *, verbose: bool) -> Iterator[str]:
    creates = [change for change in plan.changes if change.action is Action.CREATE]
    compact = len(creates) > MANY_CREATES and not verbose
    if compact:
        yield from _compact_creates(creates, paint)
    rest = [change for change in plan.changes if not (compact and change.action is Action.CREATE)]
    for group in _groups(rest, verbose=verbose):
        yield from _block(group, paint, verbose=verbose)
        yield ""


# ── many creates ────────────────────────────────────────────────────────────


def _compact_creates(creates: Sequence[Change], paint: Paint) -> Iterator[str]:
    """One line for each, by folder."""
    yield paint(f"  # {len(creates)} tasks will be created (--verbose shows each in full)", "bold")
    width = min(60, max(len(change.address) for change in creates))
    plus = paint("+", "green")
    for folder, group in groupby(creates, key=_folder):
        yield f"    {printable(folder)}"
        for change in group:
            kind = _KINDS.get(change.task_type, str(change.task_type))
            yield f"  {plus}   {change.address:<{width}}  {kind:<9}  {_route(change)}"
    yield ""


def _folder(change: Change) -> str:
    file = change.source.file if change.source else ""
    return file.rpartition("/")[0] + "/"


def _route(change: Change) -> str:
    """``MYSQL → DLC``: what it reads and writes."""
    nodes: Any = (change.after or {}).get("Nodes") or []
    kinds = {"INPUT": [], "OUTPUT": []}  # type: dict[str, list[str]]
    for node in nodes:
        kinds.setdefault(str(node.get("NodeType")), []).append(str(node.get("DataSourceType") or "?"))
    sides = (" + ".join(kinds["INPUT"]), " + ".join(kinds["OUTPUT"]))
    return printable(" → ".join(side for side in sides if side))


# ── groups of the same change ───────────────────────────────────────────────


def _groups(changes: Sequence[Change], *, verbose: bool) -> list[list[Change]]:
    """Changes that say the same, together; in order of the first of each."""
    if verbose:
        return [[change] for change in changes]
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(_signature(change), []).append(change)
    return list(groups.values())


def _signature(change: Change) -> str:
    """What is printed of a change beside its own names; alone if it prints more than that."""
    if change.action is Action.CREATE or (change.action is not Action.DELETE and not change.fields):
        return f"alone {change.address}"
    if change.action is Action.DELETE:
        return f"delete {change.reason}"
    return repr((change.action, change.reason, [(f.path, f.before, f.after) for f in change.fields]))


def _block(group: Sequence[Change], paint: Paint, *, verbose: bool) -> Iterator[str]:
    first = group[0]
    if len(group) == 1:
        yield from _single(first, paint, verbose=verbose)
        return
    yield paint(f"  # {len(group)} tasks {_HAPPENS[first.action]}", "bold") + _because(first, len(group))
    yield from _addresses(group)
    symbol, style, _ = _SYMBOLS[first.action]
    if first.fields:
        yield f"{paint(f'{symbol:>3}', style)} each {{"
        yield from _field_lines(first.fields, paint)
        yield "    }"


def _addresses(group: Sequence[Change]) -> Iterator[str]:
    shown = group if len(group) <= LISTED_ADDRESSES else group[:_FIRST_ADDRESSES]
    for change in shown:
        known = f"  [id={printable(change.task_id)}]" if change.task_id else ""
        yield f"      {change.address}{known}"
    if len(shown) < len(group):
        yield f"      … and {len(group) - len(shown)} more (--verbose lists them)"


# ── one change ──────────────────────────────────────────────────────────────


def _single(change: Change, paint: Paint, *, verbose: bool) -> Iterator[str]:
    symbol, style, _ = _SYMBOLS[change.action]
    happens = paint(f"  # {change.address} {_HAPPENS[change.action]}", "bold")
    yield (
        happens
        + _because(change, 1)
        + (f"  {paint(printable(str(change.source)), 'dim')}" if change.source else "")
    )
    yield f"{paint(f'{symbol:>3}', style)} {TYPE} {value_text(change.address)} {{"
    if change.action is Action.CREATE:
        yield from _created(change, paint, verbose=verbose)
    elif change.action is Action.DELETE:
        yield from _deleted(change, paint, verbose=verbose)
    else:
        yield from _changed(change, paint)
    yield "    }"


def _because(change: Change, count: int) -> str:
    reason = _REASONS.get(change.reason, "")
    if change.reason is Reason.NOT_IN_MANIFESTS and count > 1:
        reason = "no manifest has these addresses"
    return f" ({reason})" if reason else ""


def _created(change: Change, paint: Paint, *, verbose: bool) -> Iterator[str]:
    plus = paint("+", "green")
    yield f"      {plus} task_id    = (known after apply)"
    yield f"      {plus} project_id = {value_text(change.project_id)}"
    for line in body_lines(shown_body(change.after) or {}, verbose=verbose):
        yield f"      {plus} {_hidden(line)}"


def _deleted(change: Change, paint: Paint, *, verbose: bool) -> Iterator[str]:
    minus = paint("-", "red")
    yield f"      {minus} task_id    = {value_text(change.task_id)}"
    yield f"      {minus} project_id = {value_text(change.project_id)}"
    body = shown_body(change.before) or {}
    if verbose:
        for line in body_lines(body, verbose=True):
            yield f"      {minus} {_hidden(line)}"
        return
    if "TaskName" in body:
        yield f"      {minus} TaskName   = {value_text(body['TaskName'])}"
    yield f"        # ({_count(len(body), 'field')})"


def _changed(change: Change, paint: Paint) -> Iterator[str]:
    yield f"        task_id = {value_text(change.task_id)}" + (
        " -> (known after apply)" if change.action is Action.REPLACE else ""
    )
    yield from _field_lines(change.fields, paint)
    touched = {field.path[0] for field in change.fields}
    same = len([name for name in (change.after or {}) if name not in touched])
    if same:
        yield f"        # ({_count(same, 'unchanged field')} hidden)"


def _field_lines(fields: Iterable[FieldChange], paint: Paint) -> Iterator[str]:
    for field in fields:
        yield from _field(field, paint)


def _field(field: FieldChange, paint: Paint) -> Iterator[str]:
    label = printable(path_label(field.path))
    forces = paint(f"  # forces replacement: {field.replaces}", "red") if field.replaces else ""
    if field.sensitive:
        yield f"      {paint('~', 'yellow')} {label} = {HIDDEN}{forces}"
    elif field.before is None:
        yield from _one_sided("+", "green", label, field.after, paint, forces)
    elif field.after is None:
        yield from _one_sided("-", "red", label, field.before, paint, forces)
    elif _is_long(field.before) or _is_long(field.after):
        yield f"      {paint('~', 'yellow')} {label} ={forces}"
        yield from _line_diff(str(field.before), str(field.after), paint)
    else:
        change = f"{value_text(field.before)} -> {value_text(field.after)}"
        yield f"      {paint('~', 'yellow')} {label} = {change}{forces}"


def _one_sided(symbol: str, style: str, label: str, value: Any, paint: Paint, forces: str) -> Iterator[str]:  # noqa: ANN401  # JSON
    mark = paint(symbol, style)
    if isinstance(value, dict) and value:
        yield f"      {mark} {label} {{{forces}"
        for line in body_lines(shown_body(value) or {}, verbose=False):
            yield f"      {mark}     {_hidden(line)}"
        yield f"      {mark} }}"
    else:
        yield f"      {mark} {label} = {value_text(value)}{forces}"


def _is_long(value: object) -> bool:
    return isinstance(value, str) and (len(value) > _LONG_TEXT or "\n" in value)


def _line_diff(before: str, after: str, paint: Paint) -> Iterator[str]:
    """Long texts line by line, with what stays the same around a change."""
    import difflib

    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=2)
    styles = {"+": "green", "-": "red"}
    for line in list(lines)[2:]:
        style = styles.get(line[0])
        text = printable(line)
        yield f"          {paint(text, style) if style else text}"


def _hidden(line: str) -> str:
    """The placeholder as itself, not as a text that somebody wrote."""
    return line.replace(value_text(HIDDEN), HIDDEN)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
