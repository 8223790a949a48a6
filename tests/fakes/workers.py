"""Workers without threads: the test decides which call ends first and how long one takes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from provisioner.engine.ports import Clock, Completed


def one_by_one(works: Sequence[Callable[[], Any]]) -> Iterator[Any]:
    """Pieces of work after each other; see ``cloud.api.Gather``."""
    yield from (work() for work in works)


class SyncWorkers:
    """One piece of work at each ``wait``, the one that ``choose`` picks; nothing runs on the side.

    Where nothing is under way, ``wait`` lets the clock run on by the time it was given.
    """

    def __init__(self, clock: Clock, choose: Callable[[int], int] = lambda _count: 0) -> None:
        self._clock = clock
        self._choose = choose
        self._pending: list[tuple[int, Callable[[], object]]] = []
        self.most_under_way = 0

    def submit(self, ticket: int, work: Callable[[], object]) -> None:
        """See ``Workers.submit``."""
        self._pending.append((ticket, work))
        self.most_under_way = max(self.most_under_way, len(self._pending))

    def wait(self, timeout_seconds: float | None) -> list[Completed]:
        """See ``Workers.wait``."""
        if self._pending:
            ticket, work = self._pending.pop(self._choose(len(self._pending)))
            return [Completed(ticket, work())]
        if timeout_seconds is None:
            raise AssertionError("the engine waits for ever: nothing is under way")
        self._clock.sleep(timeout_seconds)
        return []


class SlowWorkers(SyncWorkers):
    """Every piece of work takes so long; any number of them at the same time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(clock)
        self._seconds = seconds
        self._ends: list[tuple[float, int, object]] = []

    def submit(self, ticket: int, work: Callable[[], object]) -> None:
        """See ``Workers.submit``."""
        self._ends.append((self._clock.monotonic() + self._seconds, ticket, work()))
        self.most_under_way = max(self.most_under_way, len(self._ends))

    def wait(self, timeout_seconds: float | None) -> list[Completed]:
        """See ``Workers.wait``."""
        now = self._clock.monotonic()
        wait = min([self._ends[0][0] - now] if self._ends else [], default=timeout_seconds)
        if wait is None:
            raise AssertionError("the engine waits for ever: nothing is under way")
        self._clock.sleep(max(0.0, wait if timeout_seconds is None else min(wait, timeout_seconds)))
        if self._ends and self._ends[0][0] <= self._clock.monotonic():
            _, ticket, result = self._ends.pop(0)
            return [Completed(ticket, result)]
        return []
