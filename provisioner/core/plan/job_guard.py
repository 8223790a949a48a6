"""Whether what a plan does about jobs can be done, and may be.

Rule: a refusal names every task with its place, and what to write or to type. Nothing was sent.
"""

from collections.abc import Iterable, Sequence

from provisioner.core.plan.plan import Action, Change, Plan
from provisioner.errors import UsageError

_NAMED = 10


def ensure_possible(plan: Plan) -> None:
    """Pass, or refuse the whole plan.

    Raises:
        UsageError: a job cannot come to what its manifest asks for.
    """
    refused = [change for change in plan.changes if change.run is not None and change.run.refused]
    if refused:
        lines = _lines((change, change.run.refused) for change in refused if change.run is not None)
        raise UsageError(f"Some jobs cannot come to what their manifests ask for.\n{lines}")


def loses_state(plan: Plan) -> bool:
    """Whether a job may lose its state that is not deleted as a whole."""
    return any(map(_loses_state, plan.changes))


def _loses_state(change: Change) -> bool:
    return change.run is not None and change.run.loses_state and change.action is not Action.REPLACE


def ensure_state_kept(plan: Plan, command: str) -> None:
    """Pass, or refuse what would lose the state of jobs.

    Args:
        plan: what is to be done; where a task is deleted as a whole, that says it all.
        command: what to type if that is meant.

    Raises:
        UsageError: it would.
    """
    losing = [change for change in plan.changes if _loses_state(change)]
    if losing:
        lines = _lines((change, "") for change in losing)
        raise UsageError(
            f"This plan loses the state of jobs: what they have read so far.\n{lines}\n"
            f"If that is meant:\n  {command}"
        )


def _lines(rows: Iterable[tuple[Change, str]]) -> str:
    """A line for each task, the first of very many."""
    said: Sequence[str] = [
        f"  {change.address}{f' ({change.source})' if change.source else ''}{f': {why}' if why else ''}"
        for change, why in rows
    ]
    more = [f"  … and {len(said) - _NAMED} more"] if len(said) > _NAMED else []
    return "\n".join([*said[:_NAMED], *more])
