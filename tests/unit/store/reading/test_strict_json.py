"""JSON means what the same text means as YAML, and every fault has its place."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.problem import Document
from provisioner.core.source import Source
from provisioner.store.reading import strict_json
from provisioner.store.reading.nodes import is_too_deep
from provisioner.store.reading.strict_json import locate_json, parse_json
from provisioner.store.reading.strict_yaml import parse_yaml

SAMPLE = """\
{
  "kind": "IntegrationTask", "name": "orders\\u00e9\\n",
  "TaskInfo": {"SyncType": 2, "ratio": -1.5, "list": [true, false, null, {}, [], [[1]]]},
  "long": 17865298918277529
}
"""


def only(text: str) -> JSONValue:
    documents, problems = parse_json(text, "f.json")
    assert problems == []
    assert len(documents) == 1
    return documents[0].value


def messages(text: str) -> list[str]:
    return [str(problem) for problem in parse_json(text, "f.json")[1]]


def careful(text: str) -> JSONValue:
    """What the careful reader alone says."""
    node = strict_json._composed(text).node
    return node.value if node is not None else None


@pytest.mark.parametrize("before", ["", "\ufeff", "\n \t"])
def test_document_knows_its_place(before: str) -> None:
    documents, problems = parse_json(f'{before}{{"a": 1}}', "f.json")
    place = (2, 3) if before.strip("\ufeff") else (1, 1)
    assert (documents, problems) == ([Document({"a": 1}, Source("f.json", *place), 0)], [])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0", 0),
        ("-5", -5),
        ("-0", "-0"),
        ("1.5", 1.5),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("1e+16", 1e16),
        ("1e999", "1e999"),
        ("17865298918277529", 17865298918277529),
        ("9" * 5000, "9" * 5000),
        ('"1"', "1"),
        ('"\\u0031\\/\\ud83d\\ude00"', "1/😀"),
        ("true", True),
        ("null", None),
    ],
)
def test_value_means_what_is_seen(written: str, meant: JSONValue) -> None:
    text = f'{{"a": {written}}}'
    value = only(text)
    assert isinstance(value, dict)
    assert value == {"a": meant} == careful(text)
    assert type(value["a"]) is type(meant)


def test_null_is_no_document() -> None:
    assert parse_json(" null ", "f.json") == ([], [])


def test_nothing_is_a_problem() -> None:
    assert messages("") == ["f.json:1:1: a value is expected here"]


def test_raw_half_of_a_character_is_refused() -> None:
    assert messages('["\ud800"]') == [
        "f.json:1:2: the text has U+D800, half of a character: it cannot be encoded"
    ]


def test_lines_are_counted_as_editors_do() -> None:
    assert messages('{\r\n"a": 1,\r"a": 2\n}') == ['f.json:3:1: duplicate key "a": line 2 has it already']


def test_sixty_four_levels_are_allowed() -> None:
    text = "[" * 64 + "]" * 64
    assert only(text) == careful(text)
    assert messages(f"[{text}]") == ["f.json:1:65: nested deeper than 64 levels"]
    assert messages('{"a":' * 65 + "1" + "}" * 65) == ["f.json:1:321: nested deeper than 64 levels"]


def test_depth_of_values_is_measured_without_recursion() -> None:
    value: JSONValue = {}
    for _ in range(100_000):
        value = [value]
    assert is_too_deep(value)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_without_recursion(opening: str) -> None:
    # In a process of its own: a crash of the interpreter would otherwise end the tests.
    code = f"from provisioner.store.reading.strict_json import *; print(parse_json({opening!r} * 100_000, 'f')[1][0])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.stdout.endswith("nested deeper than 64 levels\n"), run.stderr


@pytest.mark.parametrize(
    ("index", "path", "key", "place"),
    [
        (0, [], False, (1, 1)),
        (0, ["name"], False, (2, 38)),
        (0, ["name"], True, (2, 30)),
        (0, ["TaskInfo", "list", 5, 0, 0], False, (3, 84)),
        (0, ["TaskInfo", "list", 9], False, (3, 54)),
        (0, ["TaskInfo", "other", "deeper"], True, (3, 15)),
        (1, ["name"], False, (1, 1)),
    ],
)
def test_locate(index: int, path: list[str | int], key: bool, place: tuple[int, int]) -> None:
    assert locate_json(SAMPLE, index, path, key=key) == place


def test_locate_in_a_document_that_is_not_in_order() -> None:
    assert locate_json('{"a": 1, "a": 2}', 0, ["a"], key=False) == (1, 1)


def paths(value: JSONValue) -> Iterator[list[str | int]]:
    yield []
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from ([name, *path] for path in paths(child))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, child in enumerate(value):
            yield from ([position, *path] for path in paths(child))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# What YAML 1.2 takes from JSON, and libyaml with it.
shared_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"),
    max_size=12,
)


def documents_of(text: st.SearchStrategy[str]) -> st.SearchStrategy[JSONValue]:
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    values: st.SearchStrategy[JSONValue] = st.recursive(
        st.none() | st.booleans() | numbers | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(text, values)


@settings(deadline=None)
@given(documents_of(texts), st.booleans(), st.sampled_from([None, 0, 2]))
def test_what_is_dumped_is_read_back(value: JSONValue, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert repr(only(text)) == repr(value) == repr(careful(text))
    lines = text.split("\n")
    for path in paths(value):
        line, column = locate_json(text, 0, path, key=True)
        assert 1 <= column <= len(lines[line - 1])


@settings(deadline=None)
@given(documents_of(shared_texts), st.sampled_from([None, 0, 2]))
def test_json_read_as_yaml_is_the_same(value: JSONValue, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    documents, problems = parse_yaml(text, "f.json")
    assert problems == []
    assert repr(documents) == repr(parse_json(text, "f.json")[0])


def ensure_sound(text: str) -> None:
    """Accepted if the standard library does, but for what is refused on purpose; places within."""
    documents, problems = parse_json(text, "f.json")
    lines = len(text.splitlines()) + 1
    assert all(0 < problem.source.line <= lines for problem in problems)
    composed = strict_json._composed(text)
    assert bool(composed.findings) == bool(problems)
    if documents:
        assert documents[0].value == careful(text)
    locate_json(text, 0, ["name"], key=True)
    try:
        json.loads(text)
    except ValueError:
        assert problems


def test_every_prefix_is_read_or_refused() -> None:
    for length in range(len(SAMPLE)):
        ensure_sound(SAMPLE[:length])


@pytest.mark.parametrize("seed", range(20))
def test_mutated_text_is_read_or_refused(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(100):
        text = list(SAMPLE)
        for _ in range(source.randint(1, 4)):
            text[source.randrange(len(text))] = source.choice("\t \n\"'[]{}:,-+.0123eEau\\/#éN\x00\x1f\u2028")
        ensure_sound("".join(text))


@settings(deadline=None)
@given(st.text(st.sampled_from("\t \r\n\"[]{}:,-+.01eE\\/ud8c'#é") | st.characters(), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    ensure_sound(text)
