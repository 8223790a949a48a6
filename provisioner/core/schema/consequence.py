"""What a change means for a task that runs.

Rule: the worst comes first, so that consequences can be compared; the words are for programs, and
people's words are made of them where something is shown.
"""

from collections.abc import Iterable
from enum import StrEnum


class Consequence(StrEnum):
    """From the worst to none."""

    DELETES = "deletes"
    """The task goes, with everything that it knows."""

    RECREATES = "recreates"
    """The task goes, and another one with a TaskId of its own takes its place and begins anew."""

    LOSES_POSITION = "may_lose_sync_position"
    """Where a running job has read up to may not count any more: it may read twice, or leave out."""

    RESTARTS = "restart_needed"
    """It is saved at once, and a job reads it when it is submitted and started again."""

    HARMLESS = "harmless"
    """Nothing that a running job would notice."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {consequence: rank for rank, consequence in enumerate(Consequence)}


def worst(consequences: Iterable[Consequence]) -> Consequence:
    """The worst of several; none of them is harmless."""
    return min(consequences, key=lambda one: one.rank, default=Consequence.HARMLESS)
