"""Whether a plan destroys more than anybody can have meant.

Rule: a refusal names the numbers, the tasks and the flag or line that lifts it. ``destroy`` is asked
for in as many words, so only ``prevent_destroy`` stops it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.core.address import Address
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.plan import Action, Plan
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
