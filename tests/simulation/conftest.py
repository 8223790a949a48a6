"""Replay one schedule."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--schedule``, for the test that replays it."""
    parser.addoption("--schedule", help="a schedule of the simulation, to be played once more")
