"""What a plan says of addresses: what has moved, what is forgotten, and what looks like a rename.

Rule: nothing of this is sent, and it is said all the same: it decides which task a name means.
"""

import re
from collections.abc import Iterator

from provisioner.core.plan.plan import Change, Plan
from provisioner.core.text import printable
from provisioner.render.words import Pen, quoted, some_lines

_PLAIN_IN_YAML = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|[yn])$)[A-Za-z_][0-9A-Za-z_.-]*", re.IGNORECASE | re.ASCII
)
"""A text that every reader of YAML takes for a text without quotes."""

_UNTIL = "once it is known what became of the earlier write"


def name_blocks(plan: Plan, pen: Pen) -> Iterator[str]:
    """A block for what has moved, and one for what is forgotten; none where there is nothing."""
    moved = [
        f"  # {pen.paint.bold(printable(move.before))} "
        + (
            f"will move to {printable(move.after)} {_UNTIL}"
            if move.waits
            else f"has moved to {printable(move.after)}"
        )
        for move in plan.moves
    ]
    forgotten = [
        f"  # {pen.paint.bold(printable(one.address))} will no longer be managed"
        + (f" {_UNTIL}" if one.waits else "; the task itself stays in WeData")
        for one in plan.forgotten
    ]
    for lines in (moved, forgotten):
        if lines:
            yield "\n".join(some_lines(lines, "  ", verbose=pen.verbose))


def rename_hint(change: Change) -> str:
    """Which line makes one task out of a delete and a create; see ``Change.renamed_from``."""
    old, file = str(change.renamed_from), change.source.file if change.source else ""
    if file.endswith(".json"):
        line = f'"moved": {{"from": {quoted(old)}}}'
    else:
        line = f"moved: {{from: {old if _PLAIN_IN_YAML.fullmatch(old) else quoted(old)}}}"
    return f"this looks like a rename: add to {printable(file) or 'its manifest'}: {line}"
