"""Times as text. The time itself always comes in as an argument, in Unix seconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=8)  # an apply asks for the same second many times
def utc_text(seconds: int) -> str:
    """``yyyy-mm-ddThh:mm:ssZ``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_clock(seconds: int) -> str:
    """``hh:mm:ss UTC``, for something that is minutes away."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")
