"""The choices of one schedule: what goes wrong, and where.

Rule: whatever may go one way or another asks here, and alternative 0 is always the one without a
fault. Taking another one costs one of the budget, unless it is only a variant of a fault that was
paid for. So a schedule is a list of small numbers, and the same list is always the same schedule.
"""

from collections.abc import Iterator
from random import Random
from typing import Protocol


class Choices(Protocol):
    """Answers one stage of a schedule."""

    left: int
    """How many faults may still happen."""

    def fault(self, count: int) -> int:
        """One of ``count`` ways to go on; all but 0 are faults."""
        ...

    def variant(self, count: int) -> int:
        """One of ``count`` variants; none of them costs anything."""
        ...


class Script:
    """Choices read from a list; 0 once it is used up. Remembers what could have been chosen."""

    def __init__(self, script: tuple[int, ...] = (), budget: int = 0) -> None:
        self._script = script
        self.left = budget
        self.trace: list[tuple[int, int]] = []
        """What was chosen, and of how many."""

    def fault(self, count: int) -> int:
        """See ``Choices.fault``; where nothing may happen any more, nothing was chosen."""
        if not self.left:
            return 0
        chosen = self.variant(count)
        if chosen:
            self.left -= 1
        return chosen

    def variant(self, count: int) -> int:
        """See ``Choices.variant``."""
        at = len(self.trace)
        chosen = self._script[at] if at < len(self._script) else 0
        if chosen >= count:
            raise ValueError(
                f"choice {at} of this stage has {count} alternatives, so none is number {chosen}"
            )
        self.trace.append((chosen, count))
        return chosen

    def following(self) -> tuple[int, ...] | None:
        """The script to try next, in depth-first order; None after the last one."""
        trace = self.trace
        while trace and trace[-1][0] + 1 >= trace[-1][1]:
            trace.pop()
        if not trace:
            return None
        return (*(chosen for chosen, _ in trace[:-1]), trace[-1][0] + 1)


class _Undisturbed:
    """Nothing goes wrong."""

    left = 0

    def fault(self, count: int) -> int:
        """See ``Choices.fault``."""
        return 0

    def variant(self, count: int) -> int:
        """See ``Choices.variant``."""
        return 0


NO_FAULTS = _Undisturbed()


class Chance:
    """Choices by a seeded generator: faults while the budget lasts.

    An operation of the disk, of which there are many and which can go wrong in few ways, has the given
    probability; a send, which can go wrong in many ways, has a far higher one.
    """

    def __init__(self, random: Random, probability: float, budget: int) -> None:
        self._random = random
        self._probability = probability
        self.left = budget

    def fault(self, count: int) -> int:
        """See ``Choices.fault``."""
        if not self.left or self._random.random() >= self._probability * (count / 4) ** 2:
            return 0
        self.left -= 1
        return self._random.randrange(1, count)

    def variant(self, count: int) -> int:
        """See ``Choices.variant``."""
        return self._random.randrange(count)


# ── as text ─────────────────────────────────────────────────────────────────


def script_text(script: tuple[int, ...]) -> str:
    """``12=3,17=1``: which choices are not 0."""
    return ",".join(f"{at}={chosen}" for at, chosen in enumerate(script) if chosen)


def script_of(text: str) -> tuple[int, ...]:
    """The script of such a text."""
    chosen = dict(_numbers(part) for part in text.split(",") if part)
    return tuple(chosen.get(at, 0) for at in range(max(chosen, default=-1) + 1))


def scripts_of(text: str) -> Iterator[tuple[int, ...]]:
    """The scripts of one schedule, a stage each, divided by ``/``."""
    return map(script_of, text.split("/"))


def _numbers(part: str) -> tuple[int, int]:
    at, _, chosen = part.partition("=")
    return int(at), int(chosen)
