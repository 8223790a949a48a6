"""The service's count in any one second never exceeds the rate, whatever the journey adds."""

from hypothesis import given
from hypothesis import strategies as st

from provisioner.cloud.rate_limit import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def a_pace(rate: float = 20) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(rate, monotonic=clock.monotonic, sleep=clock.sleep), clock


@given(
    rate=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 0.01)), min_size=1, max_size=150),
)
def test_no_second_holds_more_than_the_rate(rate: int, steps: list[tuple[float, float]]) -> None:
    """Steps: seconds that pass before a call is wanted (mostly none), and how late it arrives."""
    pace, clock = a_pace(rate)
    arrivals = []
    for index, (idle, jitter) in enumerate(steps):
        clock.now += idle if index % 30 == 0 else 0
        pace.wait("A")
        arrivals.append(clock.now + jitter)
    arrivals.sort()
    # Sliding windows; every fixed one is among them.
    for first, start in enumerate(arrivals):
        assert sum(1 for arrival in arrivals[first:] if arrival < start + 1) <= rate


def test_the_first_call_goes_at_once_and_the_next_is_spaced() -> None:
    pace, clock = a_pace()
    assert pace.seconds_until_ready("A") == 0
    assert pace.take("A") == 0
    assert 0.05 < pace.seconds_until_ready("A") < 0.052
    assert pace.seconds_until_ready("B") == 0
    clock.now += pace.seconds_until_ready("A")
    assert pace.seconds_until_ready("A") == 0
    pace.wait("B")
    assert clock.slept == []


def test_a_pause_is_not_made_up_for() -> None:
    pace, clock = a_pace()
    pace.take("A")
    clock.now += 60
    pace.take("A")
    assert pace.seconds_until_ready("A") > 0.05


def test_a_refusal_holds_the_action_up_for_a_second_and_counts_once_a_burst() -> None:
    pace, clock = a_pace()
    pace.take("A")
    for _ in range(10):
        pace.slow_down("A")
    assert pace.seconds_until_ready("A") == 1
    assert pace.seconds_until_ready("B") == 0
    clock.now += 1
    pace.take("A")
    assert 0.10 < pace.seconds_until_ready("A") < 0.11


def test_it_comes_back_to_full_speed_by_and_by() -> None:
    pace, _ = a_pace()
    pace.slow_down("A")
    spacings = []
    for _ in range(40):
        pace.wait("A")
        spacings.append(pace.seconds_until_ready("A"))
    assert spacings == sorted(spacings, reverse=True)
    assert spacings[0] > 0.1
    assert spacings[-1] < 0.0509


def test_slowness_has_an_end() -> None:
    pace, clock = a_pace()
    for _ in range(20):
        pace.slow_down("A")
        clock.now += 5
    pace.take("A")
    assert pace.seconds_until_ready("A") < 1
