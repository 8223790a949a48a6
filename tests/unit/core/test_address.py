"""Names: what may be an address, and how a place in a file is written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.address import ADDRESS_PATTERN
from provisioner.core.source import Source


@pytest.mark.parametrize("name", ["a", "0", "_", "orders-to-lake", "A.b_c-9", "x" * 128])
def test_name_that_is_safe_everywhere_is_an_address(name: str) -> None:
    """Letters, digits, and three marks that no shell and no file system minds."""
    assert re.fullmatch(ADDRESS_PATTERN, name)


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "-flag", "a b", "a/b", "ä", "a\n", "٣", "x" * 129],
    ids=["empty", "dot", "dash", "space", "slash", "umlaut", "newline", "other-digit", "too-long"],
)
def test_name_that_is_unsafe_somewhere_is_no_address(name: str) -> None:
    """Not as a file name, as a shell word, or after a flag."""
    assert not re.fullmatch(ADDRESS_PATTERN, name)


def test_place_is_written_as_editors_read_it() -> None:
    """File, line and column; only the file where no line is meant."""
    assert str(Source("a.yaml", 3, 5)) == "a.yaml:3:5"
    assert str(Source("a.yaml")) == "a.yaml"


@given(st.lists(st.builds(Source, st.text(), st.integers(0, 99), st.integers(0, 99))))
def test_places_are_ordered_by_file_then_line_then_column(places: list[Source]) -> None:
    """Numbers count as numbers: line 9 stands before line 10."""
    assert sorted(places) == sorted(places, key=lambda place: (place.file, place.line, place.column))
