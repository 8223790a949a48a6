"""Times as text: UTC, whatever the machine's zone."""

import pytest

from provisioner.core.times import utc_clock, utc_text


@pytest.mark.parametrize(
    ("seconds", "text", "clock"),
    [
        (0, "1970-01-01T00:00:00Z", "00:00:00 UTC"),
        (1_700_000_000, "2023-11-14T22:13:20Z", "22:13:20 UTC"),
        (1_709_164_799, "2024-02-28T23:59:59Z", "23:59:59 UTC"),
        (1_709_164_800, "2024-02-29T00:00:00Z", "00:00:00 UTC"),
    ],
    ids=["epoch", "plain", "before-midnight", "leap-day"],
)
def test_time_is_written_in_utc(seconds: int, text: str, clock: str) -> None:
    """A date and a clock, with the zone said."""
    assert utc_text(seconds) == text
    assert utc_clock(seconds) == clock
