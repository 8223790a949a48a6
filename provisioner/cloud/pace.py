"""How fast calls may follow one another, for each API action.

Rule: evenly spaced, with a little more room than the limit asks for, so that the service never
counts one too many in any second although the network delays each call differently. The limit is
counted per action. When somebody else uses part of the quota the pace gives way at once and comes
back slowly.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

MARGIN = 1.02
"""Spacing over the exact one. So 20 ms a second are left over for calls that come early or late."""

LATENESS_SECONDS = 0.01
"""A call that is this late does not move those after it. Half of what is left over: the rest is
for the network, which delays each call differently."""

_SLOW_DOWN = 1.5
_SLOWEST = 20.0
_RECOVER = 0.98


@dataclass(slots=True)
class _Lane:
    ready_at: float = 0.0
    slowness: float = 1.0


class Pace:
    """The pace of every API action. Safe to use from several threads."""

    def __init__(
        self, rate_per_second: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._spacing = MARGIN / rate_per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    def seconds_until_ready(self, action: str) -> float:
        """How long to wait before the next call; 0 = now."""
        with self._lock:
            return max(0.0, self._lane(action).ready_at - self._monotonic())

    def take(self, action: str) -> float:
        """Take the next place in the row. Returns how many seconds from now it is."""
        with self._lock:
            lane, now = self._lane(action), self._monotonic()
            place = max(lane.ready_at, now - LATENESS_SECONDS)
            lane.ready_at = place + self._spacing * lane.slowness
            lane.slowness = max(1.0, lane.slowness * _RECOVER)
            return max(0.0, place - now)

    def wait(self, action: str) -> None:
        """Take the next place and sleep until it has come."""
        seconds = self.take(action)
        if seconds > 0:
            self._sleep(seconds)

    def slow_down(self, action: str) -> None:
        """The service said that it was too fast."""
        with self._lock:
            lane = self._lane(action)
            lane.slowness = min(_SLOWEST, lane.slowness * _SLOW_DOWN)
            lane.ready_at = max(lane.ready_at, self._monotonic() + self._spacing * lane.slowness)

    def _lane(self, action: str) -> _Lane:
        return self._lanes.setdefault(action, _Lane())
