"""A plan for the person who must approve it, in Terraform's words.

Rule: whatever will happen to a task is said, once: every address is named or counted beside the
flag that names it, every difference is shown, and only what stays as it is, or is new and long, is
counted instead. Changes that are the same share one block; a plan that creates or deletes very many
tasks has a line for each. ``verbose`` gives every task a block of its own with nothing left out.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from provisioner.core.body.masking import shown_body
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.plan.plan import Action, Change, Plan, Reason
from provisioner.core.plan.risk import by_risk
from provisioner.core.task_types import TYPE
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.render.address_changes import name_blocks, rename_hint
from provisioner.render.body_text import Pairs, body_lines, pair_lines
from provisioner.render.field_changes import Level, change_lines, shown_sides
from provisioner.render.job_text import not_draft_lines, run_lines, wish_of
from provisioner.render.risk_text import consequence_words, ignored_lines, remarks, risk_line
from provisioner.render.words import (
    KNOWN_AFTER_APPLY,
    SYMBOLS,
    Paint,
    Pen,
    address_lines,
    columns,
    counted,
    family,
    quoted,
)

_MANY = 20
"""More different creates than this, or deletes, have a line each instead of a block."""

_SHORTEST_NAME = 4
"""An address shorter than this is not looked for in the text of a body."""

_LEGEND = {
    Action.CREATE: "create",
    Action.UPDATE: "update in-place",
    Action.REPLACE: "destroy and then create replacement",
    Action.DELETE: "destroy",
}
_VERBS = {
    Action.CREATE: "will be created",
    Action.UPDATE: "will be updated in-place",
    Action.REPLACE: "must be replaced",
    Action.DELETE: "will be destroyed",
}
_GONE_VERBS = {
    Action.CREATE: "will be created anew",
    Action.DELETE: "will be forgotten",
}
_WHY = {
    Reason.NOT_IN_MANIFESTS: "because no manifest has this address any more",
    Reason.REMOVED: "because its manifest says removed: {destroy: true}",
    Reason.MOVED: "it was moved here; its ownership marker still names the old address",
    Reason.DRIFTED: "somebody changed it in WeData since it was last applied",
    Reason.UNSEEN: "what the task holds is not known, so the whole body is sent",
}
_UNSETTLED_CREATE = "an earlier create was sent and its outcome is unknown; apply looks for the task first"
_UNSETTLED = "an earlier write was sent and its outcome is unknown; apply settles that first"

Group = Sequence[Change]
"""Changes that are shown together; never empty."""


def render_plan(plan: Plan, *, colour: bool, verbose: bool = False) -> str:
    """The whole plan, ending with a newline."""
    pen = Pen(Paint(colour), verbose)
    blocks = [*before_changes(plan, pen)]
    if plan.changes:
        blocks += ["provisioner will perform the following actions:", _legend(plan, pen.paint)]
        blocks += ["\n".join(lines) for _, lines in change_blocks(plan, pen)]
    blocks += [*after_changes(plan, pen), conclusion(plan, pen.paint)]
    return "\n\n".join(blocks) + "\n"


# ── around the changes ──────────────────────────────────────────────────────


def before_changes(plan: Plan, pen: Pen) -> Iterator[str]:
    """Blocks about what an apply does first."""
    yield from _unsettled(plan, pen)
    yield from name_blocks(plan, pen)


def after_changes(plan: Plan, pen: Pen) -> Iterator[str]:
    """Blocks about what is not sent, and about what the plan is made of."""
    yield from _protection(plan, pen)
    yield from not_draft_lines(plan, pen)
    if plan.origin.targets:
        lines = address_lines(plan.origin.targets, "  ", verbose=pen.verbose)
        yield "\n".join(["Only these targets were looked at:", *lines])
    if not plan.is_empty and plan.origin.refreshed:
        yield "Refreshed: every change begins with what is in WeData now."
    if not plan.is_empty and plan.origin.environment:
        yield f"Environment {quoted(plan.origin.environment)}, endpoint {quoted(plan.origin.endpoint)}."


def conclusion(plan: Plan, paint: Paint) -> str:
    """How much it is, and what is at stake; nothing in it comes from outside."""
    if plan.is_empty:
        return _nothing(plan, paint)
    counts = plan.counts
    forget = f", {counts.forget} to forget" if counts.forget else ""
    summary = f" {counts.add} to add, {counts.change} to change, {counts.destroy} to destroy{forget}."
    said = paint.bold("Plan:") + summary
    return f"{said}\n{risk_line(plan.changes, paint)}" if plan.changes else said


def _legend(plan: Plan, paint: Paint) -> str:
    used = {change.action for change in plan.changes}
    lines = [f"{paint.symbol(SYMBOLS[action])} {text}" for action, text in _LEGEND.items() if action in used]
    return "\n".join(["The symbols mean:", *lines])


def _unsettled(plan: Plan, pen: Pen) -> Iterator[str]:
    if not plan.unsettled:
        return
    count = len(plan.unsettled)
    has = "has an unknown outcome" if count == 1 else "have an unknown outcome"
    rows = [
        (f"  {printable(one.address)}", one.kind.value, f"signed {utc_text(one.timestamp)}")
        for one in plan.unsettled
    ]
    heading = f"{counted(count, 'earlier write')} {has}: apply finds out what became of {_it(count)} first."
    yield "\n".join([pen.paint.bold(heading), *columns(rows)])


def _protection(plan: Plan, pen: Pen) -> Iterator[str]:
    for is_on, word in ((True, "set"), (False, "lifted")):
        addresses = [address for address, wanted in plan.protection if wanted is is_on]
        if addresses:
            lines = address_lines(addresses, "  ", verbose=pen.verbose)
            yield "\n".join(
                [f"prevent_destroy will be {word} in the state (nothing is sent for that):", *lines]
            )


def _it(count: int) -> str:
    return "it" if count == 1 else "them"


def _nothing(plan: Plan, paint: Paint) -> str:
    if plan.origin.destroy:
        return paint.good("No changes.") + " There is nothing to destroy."
    tasks = "Your tasks in WeData" if plan.origin.refreshed else "Your tasks"
    said = paint.good("No changes.") + f" {tasks} match the manifests."
    return f"{said}\n{counted(plan.unchanged, 'task')} unchanged."


# ── what stands together ────────────────────────────────────────────────────


def change_blocks(plan: Plan, pen: Pen) -> Iterator[tuple[Group, list[str]]]:
    """Each group with its lines, of which the first is a heading.

    The worst comes first, then what comes first in order of address.
    """
    if pen.verbose:
        yield from (([change], [*_block(pen, [change])]) for change in by_risk(plan.changes))
        return
    in_lines = {action for action in Action if _are_many(plan.changes, action)}
    groups: dict[Hashable, list[Change]] = {}
    for change in by_risk(plan.changes):
        key = _line_key(change) if _is_whole(change) and change.action in in_lines else _block_key(change)
        groups.setdefault(key, []).append(change)
    for group in groups.values():
        as_lines = _is_whole(group[0]) and group[0].action in in_lines
        yield group, [*(_one_line_each(pen, group) if as_lines else _block(pen, group))]


def _is_whole(change: Change) -> bool:
    """Whether this is about a whole body and not about some of its fields."""
    return not change.fields


def _are_many(changes: Iterable[Change], action: Action) -> bool:
    """Whether these would be too many blocks. Stops looking as soon as that is known."""
    different: set[Hashable] = set()
    for change in changes:
        if change.action is action and _is_whole(change):
            different.add(_block_key(change))
            if len(different) > _MANY:
                return True
    return False


def _line_key(change: Change) -> Hashable:
    return change.action, change.reason, change.project_id, _folder(change), change.run, change.job


def _block_key(change: Change) -> Hashable:
    """Equal for changes that one block can stand for."""
    kind = (
        change.action,
        change.reason,
        change.project_id,
        change.task_type,
        change.renamed_from,
        change.run,
    )
    if change.action is Action.DELETE:
        return (*kind, change.address)
    if _is_whole(change):
        return (*kind, _template(change))
    shown = [[field.path, *shown_sides(field), field.replaces] for field in change.fields]
    said = sorted(remarks(change).items())
    return (*kind, change.ignored, json.dumps([shown, said]))


def _template(change: Change) -> str:
    """The body without what only names the task."""
    body = {name: value for name, value in (shown_body(change.after) or {}).items() if name != "TaskName"}
    text = json.dumps(body, ensure_ascii=False)
    return text.replace(change.address, "\0") if len(change.address) >= _SHORTEST_NAME else text


def _folder(change: Change) -> str:
    return change.source.file.rpartition("/")[0] if change.source else ""


# ── one line for each task ──────────────────────────────────────────────────


def _one_line_each(pen: Pen, group: Group) -> Iterator[str]:
    change = group[0]
    folder = f"{printable(_folder(change))}: " if _folder(change) else ""
    verb = f"{_verb(pen.paint, group)}, project {quoted(change.project_id)}"
    yield f"  # {pen.paint.bold(folder + counted(len(group), 'task'))} {verb}"
    yield from _why(group)
    yield from _jobs(pen, group)
    rows = columns(_row(change) for change in group)
    yield from (pen.line(0, SYMBOLS[change.action], row) for row in rows)


def _row(change: Change) -> tuple[str, ...]:
    source = change.source
    place = f"{source.file.rpartition('/')[2]}:{source.line}" if source else f"[id={change.task_id}]"
    body = change.before if change.after is None else change.after
    hint = f"# {rename_hint(change)}" if change.renamed_from is not None else ""
    return printable(change.address), _route(body or {}), family(change.task_type), printable(place), hint


def _route(body: JSONObject) -> str:
    """``MYSQL → DLC``: from which kinds of data source to which."""
    nodes = body.get("Nodes")
    found = [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []
    if not found:
        return "no nodes"
    return f"{_ends(found, 'INPUT')} → {_ends(found, 'OUTPUT')}"


def _ends(nodes: Sequence[Mapping[str, JSONValue]], kind: str) -> str:
    types = [str(node.get("DataSourceType", "?")) for node in nodes if node.get("NodeType") == kind]
    different = list(dict.fromkeys(types))
    more = f" +{len(different) - 1}" if len(different) > 1 else ""
    return printable(different[0]) + more if different else "?"


# ── a block for one task or several ─────────────────────────────────────────


def _block(pen: Pen, group: Group) -> Iterator[str]:
    change, alone = group[0], len(group) == 1
    yield from _heading(pen, group)
    symbol, head = SYMBOLS[change.action], _head(change, alone=alone)
    yield pen.line(0, symbol, f"{TYPE} {quoted(change.address)} {{")
    if change.action is Action.DELETE:
        yield from _deleted(pen, change)
    elif change.action is Action.UPDATE and _is_whole(change):
        yield from pair_lines(pen, "", head, 1)
        if change.reason is Reason.RUN_STATE:
            yield pen.line(1, "", f"# ({counted(len(change.after or {}), 'unchanged field')} hidden)")
        elif change.reason is not Reason.MOVED:
            yield from body_lines(pen, symbol, shown_body(change.after) or {})
    elif _is_whole(change):
        yield from body_lines(
            pen,
            symbol,
            {**(shown_body(change.after) or {}), **wish_of(change)},
            _head(change, alone=len(group) == 1),
        )
    else:
        level = Level(
            before=change.before or {},
            after=change.after or {},
            is_counted=alone,
            remarks=remarks(change),
        )
        yield from change_lines(pen, change.fields, level, head)
    yield from ignored_lines(pen, change)
    yield pen.line(0, "", "}")


def _heading(pen: Pen, group: Group) -> Iterator[str]:
    change, verb = group[0], _verb(pen.paint, group)
    if len(group) == 1:
        yield f"  # {pen.paint.bold(printable(change.address))} {verb}"
        yield from _why(group)
        yield from _jobs(pen, group)
        if change.renamed_from is not None:
            yield f"  # ({rename_hint(change)})"
        if change.source:
            yield f"  #   {printable(f'{change.source.file}:{change.source.line}')}"
        return
    yield f"  # {pen.paint.bold(counted(len(group), 'task'))} {verb}"
    yield from _why(group)
    yield from _jobs(pen, group)
    yield from address_lines([one.address for one in group], "  #   ", verbose=pen.verbose)
    same = "each like this but for its name" if _is_whole(change) else "each like this"
    yield f"  # ({same})"


def _verb(paint: Paint, group: Group) -> str:
    """What happens; what destroys stands out."""
    change = group[0]
    if change.reason is Reason.GONE:
        is_gone = paint.alarm(f"{'is' if len(group) == 1 else 'are'} gone from WeData")
        return f"{is_gone}; {_GONE_VERBS[change.action]}"
    if change.action is Action.UPDATE:
        return f"{_VERBS[change.action]}: {consequence_words(change, paint)}"
    verb = _VERBS[change.action]
    return paint.alarm(verb) if change.action in (Action.REPLACE, Action.DELETE) else verb


def _jobs(pen: Pen, group: Group) -> Iterator[str]:
    """What is done about the job, which is the same for all of them."""
    yield from run_lines(pen.paint, group[0])


def _why(group: Group) -> Iterator[str]:
    change = group[0]
    why = _WHY.get(change.reason, "")
    if change.reason is Reason.UNSETTLED:
        why = _UNSETTLED_CREATE if change.action is Action.CREATE else _UNSETTLED
    if len(group) > 1:
        why = why.replace("this address", "these addresses")
    if why:
        yield f"  # ({why})"
    if change.job is not None:
        whose = "its job was" if len(group) == 1 else "their jobs were"
        yield f"  # ({whose} {change.job} when last seen: that is deleted only with --stop-running)"


def _head(change: Change, *, alone: bool) -> Pairs:
    """Project and id: what a body does not say."""
    moved = any(field.path == ("ProjectId",) for field in change.fields)
    head = [] if moved else [("project_id", quoted(change.project_id))]
    if change.task_id is None:
        return [*head, ("task_id", KNOWN_AFTER_APPLY)]
    if not alone:
        return head
    after = f" -> {KNOWN_AFTER_APPLY}" if change.action is Action.REPLACE else ""
    return [*head, ("task_id", f"{quoted(change.task_id)}{after}")]


def _deleted(pen: Pen, change: Change) -> Iterator[str]:
    body = shown_body(change.before) or {}
    if pen.verbose:
        yield from body_lines(pen, "-", body, _head(change, alone=True))
        return
    head = [*_head(change, alone=True)]
    if isinstance(name := body.get("TaskName"), str):
        head.append(("TaskName", quoted(name)))
    yield from pair_lines(pen, "-", head, 1)
    yield pen.line(1, "", f"# ({counted(len(body), 'field')})")
