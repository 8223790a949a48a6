"""A value is changed in place, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.manifest.problem import ProblemsFoundError
from provisioner.store.edits import Edit, _edited, _says, edit_file
from provisioner.store.reading.documents import load_documents, parse_text

YAML = """\
# about orders
a: x  # why
plain: word
number: 1
empty:
single: 'it''s'
double: "q"
literal: |
    one
    two
folded: >-
  one
  two
flow: {x: 1, y: [1, two]}
anchored: &word kept
alias: *word
---
a: of another document
"""


def _change(
    text: str, path: tuple[str | int, ...], value: Any, *, name: str = "x.yaml", **more: Any
) -> str | None:
    return _edited(text, name, Edit(index=0, path=path, value=value, **more))


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("a",), "y", "a: x  # why", "a: y  # why"),
        (("plain",), "two words", "plain: word", "plain: two words"),
        (("plain",), "a # b", "plain: word", 'plain: "a # b"'),
        (("plain",), "12", "plain: word", 'plain: "12"'),
        (("plain",), "a\nb", "plain: word", 'plain: "a\\nb"'),
        (("plain",), "\x85\u2028", "plain: word", 'plain: "\\u0085\\u2028"'),
        (("plain",), None, "plain: word", "plain: null"),
        (("number",), 2, "number: 1", "number: 2"),
        (("number",), True, "number: 1", "number: true"),
        (("empty",), "x", "empty:\n", "empty: x\n"),
        (("single",), "isn't", "'it''s'", "'isn''t'"),
        (("double",), 'a"b', '"q"', '"a\\"b"'),
        (("literal",), "one\nthree\n", "    two\n", "    three\n"),
        (("literal",), "one", "|\n    one\n    two\n", "|-\n    one\n"),
        (("literal",), None, "|\n    one\n    two\n", "null\n"),
        (("literal",), " a\n", "|\n    one\n    two\n", '" a\\n"\n'),
        (("folded",), "one\n\nthree", ">-\n  one\n  two\n", "|-\n  one\n\n  three\n"),
        (("flow", "x"), 2, "{x: 1,", "{x: 2,"),
        (("flow", "y", 1), "a, b", "two]", '"a, b"]'),
    ],
)
def test_the_value_is_changed_and_everything_else_stays(
    path: tuple[str | int, ...], value: Any, old: str, new: str
) -> None:
    """Comments, order, style, and the other documents."""
    assert YAML.count(old) == 1
    assert _change(YAML, path, value) == YAML.replace(old, new)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("anchored",), "x"), (("alias",), "x"), (("flow",), "x"), (("nobody",), "x"), (("plain",), "\ud800")],
    ids=str,
)
def test_what_cannot_be_changed_alone_is_left(path: tuple[str | int, ...], value: str) -> None:
    """What others repeat, what is more than a value, what is not there, what no file can say."""
    assert _change(YAML, path, value) is None


@pytest.mark.parametrize(
    "text", ["a: x\nb: 2\n---\nc: 3\n", "a: x\nb: 1\n---\nc: 4\n", "a: x\nb: 1\n", "a: x: y\n"]
)
def test_an_edit_that_would_reach_further_is_none(text: str) -> None:
    """Beside the value, in another document, or a document gone."""
    before, _ = parse_text("a: y\nb: 1\n---\nc: 3\n", "x.yaml")
    assert not _says(text, "x.yaml", Edit(index=0, path=("a",), value="x"), before)


def test_a_setting_may_stay_a_number() -> None:
    """It is sent as its text; a field of text is quoted."""
    assert _change("a: 1\n", ("a",), "2", is_setting=True) == "a: 2\n"
    assert _change("a: 1\n", ("a",), "2") == 'a: "2"\n'
    assert _change("a: 1\n", ("a",), "01", is_setting=True) == "a: 01\n"
    assert _change("a: 1\n", ("a",), None, is_setting=True) == "a: null\n"


@pytest.mark.parametrize(
    ("path", "value", "is_setting", "new"),
    [
        (("a",), "y", False, '{"a": "y", "b": [1, {"c": 2}]}'),
        (("b", 1, "c"), "3", True, '{"a": "x", "b": [1, {"c": 3}]}'),
        (("b", 1, "c"), "3", False, '{"a": "x", "b": [1, {"c": "3"}]}'),
        (("b", 0), None, False, '{"a": "x", "b": [null, {"c": 2}]}'),
    ],
)
def test_json_is_changed_in_place_too(
    path: tuple[str | int, ...], value: Any, is_setting: bool, new: str
) -> None:
    """By its own rules."""
    text = '{"a": "x", "b": [1, {"c": 2}]}'
    assert _change(text, path, value, name="x.json", is_setting=is_setting) == new


@given(st.text(), st.sampled_from(["a", "plain", "single", "double", "literal", "folded", "empty"]))
def test_whatever_the_value_the_text_says_it_and_nothing_else_changed(value: str, key: str) -> None:
    """Or it is left; and what any file can say is not left."""
    changed = _change(YAML, (key,), value)
    if changed is None:
        assert not value.isprintable()
        return
    before, after = (parse_text(text, "x.yaml")[0] for text in (YAML, changed))
    old, new = before[0].value, after[0].value
    assert isinstance(old, dict)
    assert new == {**old, key: value}
    assert before[1].value == after[1].value
    assert changed.count("#") >= YAML.count("#")


def test_a_file_is_replaced_whole_and_keeps_its_mode_and_mark(tmp_path: Path) -> None:
    """Also where its name is a link; what could not be changed is returned."""
    real, path = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_bytes(b"\xef\xbb\xbfa: x\r\nb: &n y\r\n")
    real.chmod(0o640)
    path.symlink_to(real)
    done, left = Edit(index=0, path=("a",), value="z"), Edit(index=0, path=("b",), value="z")
    assert edit_file(str(path), [done, left]) == [left]
    assert real.read_bytes() == b"\xef\xbb\xbfa: z\r\nb: &n y\r\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert path.is_symlink()


def test_a_file_without_a_change_is_not_written(tmp_path: Path) -> None:
    """And one that cannot be read is a problem."""
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    path.chmod(0o400)
    before = path.stat().st_mtime_ns
    assert edit_file(str(path), []) == []
    assert path.stat().st_mtime_ns == before
    assert json.loads(path.read_text()) == load_documents(str(path)).documents[0].value
    with pytest.raises(ProblemsFoundError):
        edit_file(str(tmp_path / "nowhere.yaml"), [])
