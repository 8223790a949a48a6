"""A plan as a comment on a pull request, in the Markdown of GitHub and GitLab.

Rule: what stands in the text of the plan stands here, in the same words and groups: the counts and what is
at stake first, then the worst. A comment holds only so much; what has no room is counted. Whatever comes
from outside stands in a fence that it cannot end, or escaped in a code element, where no name is notified.
"""

import html
import re
from collections.abc import Sequence

from provisioner.core.plan.plan import Plan
from provisioner.core.plan.risk import consequence_of
from provisioner.render.plan_text import after_changes, before_changes, change_blocks, conclusion
from provisioner.render.risk_text import ALARMING
from provisioner.render.words import Paint, Pen, counted

LIMIT = 60_000
"""Characters. Source: GitHub takes 65,536 for a comment; the rest is for the words of whoever posts it."""

_LEAST = 500
"""With less room than this a group is only counted."""

_LONGEST_LINE = 2_000
_LONGEST_HEADING = 300
_LONGEST_RUN = 20
"""Of backticks. A fence has to be longer than what it holds."""

_INDENT = re.compile(" *# ")
_RUN = re.compile(f"`{{{_LONGEST_RUN + 1},}}")


def render_markdown(plan: Plan, *, verbose: bool = False, limit: int = LIMIT) -> str:
    """The plan in at most about so many characters, ending with a newline."""
    pen = Pen(Paint(colour=False), verbose)
    title, *at_stake = conclusion(plan, pen.paint).split("\n")
    parts = [f"### {title}", *at_stake]
    if notes := [*before_changes(plan, pen), *after_changes(plan, pen)]:
        parts.append(_fenced("\n\n".join(notes).split("\n"), "", limit // 2))
    room = limit - sum(map(len, parts))
    left_out: list[int] = []
    for group, (heading, *lines) in change_blocks(plan, Pen(pen.paint, verbose, is_diff=True)):
        if room < _LEAST:
            left_out.append(len(group))
            continue
        is_open = consequence_of(group[0]) in ALARMING
        parts.append(_details(_INDENT.sub("", heading, count=1), lines, room, is_open=is_open))
        room -= len(parts[-1])
    if left_out:
        tasks, groups = counted(sum(left_out), "more task"), counted(len(left_out), "more group")
        parts.append(f"{tasks} in {groups} would not fit into a comment. All of it: `provisioner plan`")
    return "\n\n".join(parts) + "\n"


def _details(heading: str, lines: Sequence[str], room: int, *, is_open: bool) -> str:
    """A group that is unfolded by a click, or folded by one."""
    summary = f"<code>{html.escape(_cut(heading, _LONGEST_HEADING), quote=False)}</code>"
    fenced = _fenced(lines, "diff", room - len(summary))
    return f"<details{' open' * is_open}><summary>{summary}</summary>\n\n{fenced}\n\n</details>"


def _fenced(lines: Sequence[str], language: str, room: int) -> str:
    """Lines as they are, as many as there is room for; the rest is counted."""
    lines = [_RUN.sub(_counted_run, _cut(line, _LONGEST_LINE)) for line in lines]
    shown, size = 0, 0
    while shown < len(lines) and size + len(lines[shown]) < room:
        size += len(lines[shown]) + 1
        shown += 1
    text = "\n".join(lines[:shown])
    if shown < len(lines):
        text += f"\n# … and {counted(len(lines) - shown, 'more line')}: provisioner plan"
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", text))]))
    return f"{fence}{language}\n{text}\n{fence}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text) - longest} more characters)"


def _counted_run(run: re.Match[str]) -> str:
    return f"{run[0][:_LONGEST_RUN]}…({len(run[0]) - _LONGEST_RUN} more backticks)"
