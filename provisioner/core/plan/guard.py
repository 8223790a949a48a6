"""Whether a plan may be carried out: what it destroys, and what it does about jobs.

Rule: a refusal names the numbers, the tasks with their places, and the flag or line that lifts it; nothing
was sent. ``destroy`` is asked for in as many words, so only ``prevent_destroy`` stops it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from provisioner.core.address import Address
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.plan import Action, Change, Plan
from provisioner.core.plan.planner import protected_deletes
from provisioner.core.state.state import State
from provisioner.errors import UsageError

SMALL_STATE = 10
"""Below this many tasks a share says nothing: one of three is a third."""

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be deleted by one plan."""

    max_deletes: int
    max_delete_percent: float


def ensure_allowed(plan: Plan, state: State, limits: Limits, desired: Mapping[Address, TaskSpec]) -> None:
    """Pass, or refuse the whole plan.

    Args:
        plan: what is to be done.
        state: what is recorded.
        limits: how much may go.
        desired: what the manifests say, also where everything is to be destroyed.

    Raises:
        UsageError: a protected task would be destroyed, or too many would be.
    """
    _ensure_unprotected(plan, state, desired)
    if not plan.origin.destroy:
        _ensure_few(plan, state, limits)


def _ensure_unprotected(plan: Plan, state: State, desired: Mapping[Address, TaskSpec]) -> None:
    protected = list(protected_deletes(plan, state, desired))
    if not protected:
        return
    lines = "\n".join(
        f"  {change.address}  ({desired[change.address].source})"
        if change.address in desired
        else f"  {change.address}  ({change.source or 'its manifest is gone'})"
        for change in protected
    )
    raise UsageError(
        f"This plan would destroy tasks that lifecycle.prevent_destroy protects.\n{lines}\n"
        "Set prevent_destroy to false in the manifest, or put the manifest back and do that, and try again."
    )


def _ensure_few(plan: Plan, state: State, limits: Limits) -> None:
    deletes = [change.address for change in plan.changes if change.action in (Action.DELETE, Action.REPLACE)]
    count, existing = len(deletes), len(state.tasks)
    percent = 100 * count / existing if existing else 0
    too_many = count > limits.max_deletes
    too_large = existing >= SMALL_STATE and percent > limits.max_delete_percent
    if not too_many and not too_large:
        return
    named = "\n".join(f"  {address}" for address in deletes[:_NAMED])
    more = f"\n  … and {count - _NAMED} more" if count > _NAMED else ""
    flags = [f"--max-deletes {count}"] if too_many else []
    flags += [f"--max-delete-percent {-(-100 * count // existing)}"] if too_large else []
    raise UsageError(
        f"This plan destroys {count} of {existing} tasks ({percent:.0f} %); the guard allows "
        f"{limits.max_deletes} and {limits.max_delete_percent:g} %.\n{named}{more}\n"
        f"If that is meant, add: {' '.join(flags)}"
    )


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
