"""How fast each API action may be called.

Rule: calls of one action are evenly spaced, a little wider than the limit asks for. The service
counts arrivals per second and per action and refuses the one that is too many; whether its second is
a fixed one or a sliding one is not documented. With even spacing neither can hold more than the limit
as long as the journey's time varies by less than the margin.

When the service refuses for pace all the same (other tools of the same account share the counter),
the spacing is doubled once for the burst and shrinks back with every call. The clock and the sleep
come in as arguments.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

MARGIN = 0.015
"""By how much the spacing exceeds 1/rate; 15 ms over any whole second, whatever the rate."""

LATENESS_SECONDS = 0.005
"""A call that is this late does not move those after it, or every little delay would add up. It is a
third of the margin; the rest is for the journey."""

_MAX_SLOWNESS = 16.0
_RECOVERY = 0.98
"""What each call leaves of the extra spacing: from half speed back to full in 35 calls."""

_PENALTY_SECONDS = 1.0
"""The limit is per second, so that is how long a refusal holds everything up."""


@dataclass(slots=True)
class _Lane:
    """The pace of one action."""

    ready_at: float = float("-inf")
    slowness: float = 1.0
    slowed_at: float = float("-inf")


class Pace:
    """Spacing of calls, per API action; may be used by several threads."""

    def __init__(
        self,
        rate_per_second: float,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self._spacing = (1.0 + MARGIN) / rate_per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.RLock()

    def seconds_until_ready(self, action: str) -> float:
        """How long to wait before the next call; 0 = now."""
        with self._lock:
            return max(0.0, self._lane(action).ready_at - self._monotonic())

    def take(self, action: str) -> float:
        """Count one call of the action; returns how many seconds from now its turn is."""
        with self._lock:
            lane, now = self._lane(action), self._monotonic()
            turn = lane.ready_at if now - lane.ready_at <= LATENESS_SECONDS else now
            lane.ready_at = turn + self._spacing * lane.slowness
            lane.slowness = max(1.0, lane.slowness * _RECOVERY)
            return max(0.0, turn - now)

    def wait(self, action: str) -> None:
        """Sleep until a call may be made, and count it.

        Nobody's turn is fixed before it has come: a refusal holds up all that wait.
        """
        while (seconds := self._take_if_ready(action)) > 0:
            self._sleep(seconds)

    def _take_if_ready(self, action: str) -> float:
        """Count one call if its turn has come; returns how many seconds are left until then."""
        with self._lock:
            seconds = self.seconds_until_ready(action)
            if seconds <= 0:
                self.take(action)
            return seconds

    def slow_down(self, action: str) -> None:
        """The service refused a call for pace.

        A burst of refusals counts once: they are all about the same second.
        """
        with self._lock:
            lane, now = self._lane(action), self._monotonic()
            if now - lane.slowed_at < _PENALTY_SECONDS:
                return
            lane.slowed_at = now
            lane.slowness = min(_MAX_SLOWNESS, lane.slowness * 2)
            lane.ready_at = max(lane.ready_at, now + _PENALTY_SECONDS)

    def _lane(self, action: str) -> _Lane:
        return self._lanes.setdefault(action, _Lane())
