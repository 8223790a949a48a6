"""The marker: put on when a body is sent, taken off before anybody compares."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.address import Address
from provisioner.core.marker import (
    Marker,
    address_digest,
    find_marker,
    marker_for,
    with_marker,
    without_marker,
)

STACK = "5f0c1a2b3c4d5e6f"
ATTEMPT = "0123456789abcdef"
MARKER = marker_for(STACK, Address("orders"), ATTEMPT)
TAIL = f"[provisioner {STACK}/{address_digest(Address('orders'))}/{ATTEMPT}]"

hexes = st.text("0123456789abcdef", min_size=16, max_size=16)
markers = st.builds(Marker, hexes, hexes, hexes)


def test_marker_says_whose_which_and_which_attempt() -> None:
    """The stack's id, the address's digest, the attempt's id."""
    assert str(MARKER) == TAIL
    assert address_digest(Address("orders")) == hashlib.sha256(b"orders").hexdigest()[:16]


def test_different_addresses_have_different_digests() -> None:
    """One letter more, another digest."""
    assert address_digest(Address("orders")) != address_digest(Address("orders2"))


def test_marker_stands_behind_the_text() -> None:
    """After one blank; alone where there is no text."""
    assert with_marker("Orders", MARKER) == f"Orders {TAIL}"
    assert with_marker("", MARKER) == TAIL


@given(st.text().filter(lambda text: find_marker(text) is None), markers)
def test_marker_comes_off_as_it_went_on(text: str, marker: Marker) -> None:
    """The author's text is the same before and after."""
    marked = with_marker(text, marker)
    assert find_marker(marked) == marker
    assert without_marker(marked) == text


@given(st.text(), markers, markers)
def test_marker_is_replaced_and_not_repeated(text: str, first: Marker, second: Marker) -> None:
    """A text never has two of ours: the later one stands."""
    marked = with_marker(with_marker(text, first), second)
    assert find_marker(marked) == second
    assert marked == with_marker(text, second)


def test_marker_is_found_wherever_people_have_moved_it() -> None:
    """They add to a description, before it and behind it."""
    assert find_marker(f"see {TAIL} (checked by Li)") == MARKER
    assert without_marker(f"Orders {TAIL} (checked by Li)") == "Orders (checked by Li)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Orders",
        TAIL.upper(),
        TAIL.replace("/", "-"),
        TAIL[:-2] + "]",
        TAIL.replace("provisioner", "terraform"),
    ],
    ids=[
        "empty",
        "plain",
        "upper-case",
        "other-marks",
        "too-short",
        "other-tool",
    ],
)
def test_text_that_is_not_our_marker_is_left_alone(text: str) -> None:
    """Whatever else an author writes stays."""
    assert find_marker(text) is None
    assert without_marker(text) == text
