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


def test_a_cache_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    """Its checksum does not match, nor does that of another key."""
    file = tmp_path / "cache"
    cache = load_cache("key", str(file))
    cache.keep("f", "1", [head(1)])
    cache.save(str(file))
    assert load_cache("another key", str(file)).heads("f") == ("", ())
    file.write_bytes(file.read_bytes().replace(b"task-1", b"task-2"))
    assert load_cache("key", str(file)).heads("f") == ("", ())


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_the_old_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """And nothing beside it. A full disk is no problem; Ctrl-C is still heard."""
    file = tmp_path / "cache"
    cache = load_cache("key", str(file))
    cache.keep("f", "1", [head(1)])
    cache.save(str(file))
    before = file.read_bytes()
    cache = load_cache("key", str(file))
    cache.keep("f", "2", [head(2)])

    def fail(_old: str, _new: str) -> None:
        raise error

    monkeypatch.setattr("os.replace", fail)
    if error is OSError:
        cache.save(str(file))
    else:
        with pytest.raises(error):
            cache.save(str(file))
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert file.read_bytes() == before
