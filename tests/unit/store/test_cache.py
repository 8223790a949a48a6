"""The cache of manifests: what was kept is there the next time, however much it is."""

from pathlib import Path

import pytest

from provisioner.store.cache import Head, load_cache


def head(number: int) -> Head:
    """Of a manifest."""
    return Head(f"task-{number}é", number, 1, "1", 201, "d" * 64, False, ("old",), "")


@pytest.mark.parametrize("count", [1, 999, 1_000, 1_001, 2_500])
def test_what_was_kept_is_there_again(tmp_path: Path, count: int) -> None:
    """Also where it is written in several pieces; and what was there before and is not kept, is not."""
    path = str(tmp_path / "below" / "cache")
    cache = load_cache("key", path)
    for number in range(count):
        cache.keep(f"f{number}", f"{number}", [head(number)])
    cache.save(path)
    again = load_cache("key", path)
    for number in range(count):
        assert again.heads(f"f{number}") == (f"{number}", [head(number)])
    again.save(path)
    empty = load_cache("key", path)
    assert empty.heads("f0") == ("", ())
    assert (tmp_path / "below" / "cache").stat().st_mode & 0o777 == 0o600


def test_what_is_kept_as_it_was_is_not_written_anew(tmp_path: Path) -> None:
    """Most plans change nothing."""
    file = tmp_path / "cache"
    cache = load_cache("key", str(file))
    cache.keep("f", "1", [head(1)])
    cache.save(str(file))
    made = file.stat().st_ino
    again = load_cache("key", str(file))
    again.keep("f", *again.heads("f"))
    again.save(str(file))
    assert file.stat().st_ino == made
