"""What a plan puts at stake, in words, for the person who must approve it.

Rule: the worst stands first and stands out; of what is harmless only the number is said.
"""

from collections.abc import Iterable, Iterator, Mapping

from provisioner.core.body.diff import FieldChange, Path
from provisioner.core.plan.plan import Action, Change
from provisioner.core.plan.risk import (
    cannot_be_cleared,
    consequence_of,
    counted_risks,
    field_effect,
    run_effect,
)
from provisioner.core.schema.consequence import Consequence
from provisioner.render.words import Paint, Pen, label

ALARMING = frozenset({Consequence.DELETES, Consequence.RECREATES, Consequence.LOSES_POSITION})
"""What a person must not overlook."""

_COUNTED = {
    Consequence.DELETES: ("deleted", "deleted"),
    Consequence.RECREATES: ("recreated", "recreated"),
    Consequence.LOSES_POSITION: ("may lose the sync position", "may lose the sync position"),
    Consequence.RESTARTS: ("needs a restart", "need a restart"),
    Consequence.HARMLESS: ("harmless", "harmless"),
}
_WORDS = {
    Consequence.LOSES_POSITION: "may lose the sync position",
    Consequence.RESTARTS: "takes effect at the next submit and restart",
    Consequence.HARMLESS: "harmless",
}

_BY_US = "interrupts a running job"


def risk_line(changes: Iterable[Change], paint: Paint) -> str:
    """How many changes there are of each consequence, the worst first."""
    said = [
        _painted(f"{count} {_COUNTED[consequence][count > 1]}", consequence, paint)
        for consequence, count in counted_risks(changes).items()
    ]
    return f"{paint.bold('Risk:')} {', '.join(said)}."


def consequence_words(change: Change, paint: Paint) -> str:
    """What an update means for a task that runs."""
    consequence = consequence_of(change)
    words = _WORDS[consequence]
    if consequence is Consequence.RESTARTS and change.run is not None:
        # The apply itself does what is needed; ``render.job_text`` says which calls those are.
        words = _BY_US if run_effect(change.run).consequence is consequence else words
    return _painted(words, consequence, paint)


def remarks(change: Change) -> Mapping[Path, str]:
    """What is to be said beside the fields of an update."""
    fields = change.fields if change.action is Action.UPDATE else ()
    return {one.path: said for one in fields if (said := _remark(change, one))}


def ignored_lines(pen: Pen, change: Change) -> Iterator[str]:
    """What the manifest says otherwise and leaves to others."""
    if change.ignored:
        names = ", ".join(label(name) for name in change.ignored)
        yield pen.line(
            1, "", f"# (another {names} in the manifest; lifecycle.ignore_changes leaves that alone)"
        )


def _remark(change: Change, field: FieldChange) -> str:
    if cannot_be_cleared(change, field):
        return "the API cannot clear it: what is there may stay"
    if field_effect(change, field).consequence is Consequence.LOSES_POSITION:
        return _WORDS[Consequence.LOSES_POSITION]
    return ""


def _painted(text: str, consequence: Consequence, paint: Paint) -> str:
    return paint.alarm(text) if consequence in ALARMING else text
