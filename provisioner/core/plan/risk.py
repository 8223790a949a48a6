"""How much is at stake with each change of a plan.

Rule: pure, and decided by the change alone, so that a saved plan says the same. What a field means for
a running job stands in the field table; here it is only looked up. Where the service documents too
little to know, the worse is said.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provisioner.core.body.diff import FieldChange, Path
from provisioner.core.jobs.job import RUN, RunChange, Step
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.plan.plan import Action, Change, Reason
from provisioner.core.schema.consequence import Consequence, worst
from provisioner.core.schema.fields import OBJECTS, TASK, Effect, FieldRule, Kind
from provisioner.core.task_types import OFFLINE

_WHOLE = {
    Action.CREATE: Consequence.HARMLESS,
    Action.REPLACE: Consequence.RECREATES,
    Action.DELETE: Consequence.DELETES,
}
_NOT_KNOWN = Effect(
    Consequence.RESTARTS, "what the task holds is not known, so any field may become another one"
)
_OF_A_WRITER = Effect(Consequence.RESTARTS, "a running job writes with what was submitted until it restarts")
_OFFLINE = Effect(
    Consequence.RESTARTS, "an offline task keeps no position; its next run has it once submitted"
)
_OF_A_SECRET = Effect(
    Consequence.RESTARTS, "a running job keeps the credentials it began with; they do not say where to read"
)
_INTERRUPTS = frozenset({Step.SUBMIT_KEEPING, Step.SUBMIT_RESTARTING, Step.SUSPEND, Step.STOP})
_STATE_LOST = Effect(Consequence.LOSES_POSITION, "what the job has read so far is forgotten")
_INTERRUPTED = Effect(Consequence.RESTARTS, "a running job stands still, or goes on with the new version")
_GOES_ON = Effect(Consequence.HARMLESS, "no running job is interrupted")
_NEW_FIELD = Effect(Consequence.RESTARTS, "what this field means is not known here")


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing about a change that means something for a task that runs."""

    path: Path
    """The field; empty where it is not about one."""

    effect: Effect


def consequence_of(change: Change) -> Consequence:
    """The worst that a change does."""
    if change.action is Action.UPDATE:
        return worst(cause.effect.consequence for cause in causes_of(change))
    if change.reason is Reason.GONE:
        return Consequence.HARMLESS  # there is no task any more that could suffer
    return _WHOLE[change.action]


def causes_of(change: Change) -> Iterator[Cause]:
    """Everything about an update that means something for a task that runs.

    Whatever else an update comes to do to a task than to write its fields is one more cause here.
    """
    for field in change.fields:
        yield Cause(field.path, field_effect(change, field))
    if change.run is not None:
        yield Cause((RUN,), run_effect(change.run))
    if change.reason in (Reason.UNSEEN, Reason.UNSETTLED):
        yield Cause((), _NOT_KNOWN)


def by_risk(changes: Iterable[Change]) -> list[Change]:
    """The worst first; what is as bad stays in its order."""
    return sorted(changes, key=lambda change: consequence_of(change).rank)


def counted_risks(changes: Iterable[Change]) -> Mapping[Consequence, int]:
    """How many changes there are of each consequence that there is, the worst first."""
    counts = Counter(map(consequence_of, changes))
    return {consequence: counts[consequence] for consequence in Consequence if consequence in counts}


def field_effect(change: Change, field: FieldChange) -> Effect:
    """What it means for a running job that this field of this task becomes another one."""
    if field.path[0] == RUN and change.run is not None:
        return run_effect(change.run)
    effect = _effect(field.path)
    if effect.consequence is not Consequence.LOSES_POSITION:
        return effect
    if change.task_type == OFFLINE:
        return _OFFLINE
    if field.sensitive:
        return _OF_A_SECRET
    return _OF_A_WRITER if _is_writers(change, field) else effect


def run_effect(run: RunChange) -> Effect:
    """What is done about a job, as far as it goes beyond a job that begins or goes on."""
    if run.loses_state:
        return _STATE_LOST
    return _INTERRUPTED if _INTERRUPTS & {*run.steps, *(run.if_running or ())} else _GOES_ON


def cannot_be_cleared(change: Change, field: FieldChange) -> bool:
    """Whether a field is to go and the API has no way to clear it: left out, it may stay as it is."""
    if change.action is not Action.UPDATE or field.after is not None:
        return False
    rule = _rule(field.path)
    return rule is not None and rule.cleared is None


def _effect(path: Path) -> Effect:
    """That of the innermost field on the way that has one."""
    effect = _NEW_FIELD
    settings: Mapping[str, Effect] = {}
    for rule, name in _walk(path):
        if rule is None:
            return settings.get(name, effect)
        effect, settings = rule.effect or effect, rule.settings
    return effect


def _rule(path: Path) -> FieldRule | None:
    """The rule of the field itself; None for an item of a list, a setting, or an unknown field."""
    *_, (rule, name) = _walk(path)
    return rule if rule is not None and name == path[-1] else None


def _walk(path: Path) -> Iterator[tuple[FieldRule | None, str]]:
    """The parts of a path that are names of fields, each with its rule, and a setting's name with none."""
    rules: Mapping[str, FieldRule] = OBJECTS[TASK]
    parts = iter(path)
    for name in parts:
        rule = rules.get(name)
        yield rule, name
        rules = OBJECTS.get(rule.item, {}) if rule is not None else {}
        if rule is not None and rule.kind is Kind.OBJECTS:
            next(parts, None)


def _is_writers(change: Change, field: FieldChange) -> bool:
    """Whether the field lies in a node that does not read, neither before nor after."""
    if field.path[0] != "Nodes" or len(field.path) < 2:
        return False
    nodes = [node for body in (change.before, change.after) for node in _nodes(body, field.path[1])]
    return bool(nodes) and all(node.get("NodeType") == "OUTPUT" for node in nodes)


def _nodes(body: JSONObject | None, part: str) -> Iterator[JSONObject]:
    """The node that a part of a path means: by its name, or by its number where names are not unique."""
    nodes: JSONValue = (body or {}).get("Nodes")
    if not isinstance(nodes, Sequence) or isinstance(nodes, str):
        return
    for index, node in enumerate(nodes):
        if isinstance(node, Mapping) and part in (node.get("Name"), str(index)):
            yield node
