"""A clock that moves when it is told to."""

START = 1_700_000_000
"""Unix seconds at which every fake clock begins."""


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pulls: FakeClock | None = None
        """A clock that moves with it."""

    def now(self) -> int:
        """See ``Clock.now``."""
        return START + int(self.seconds)

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``; returns at once."""
        self.seconds += seconds
        if self.pulls is not None:
            self.pulls.sleep(seconds)
