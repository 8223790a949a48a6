"""The native reader: what it reads is what the strict reader reads, and whatever may be something else it leaves."""

from collections.abc import Iterator
from itertools import product

import pytest

from provisioner.core.json_types import JSONValue
from provisioner.store.reading.documents import parse_text
from provisioner.store.reading.native_yaml import UnusualError, read_usual
from provisioner.store.reading.nodes import MAX_NESTING, resolve
from provisioner.store.reading.strict_yaml import parse_yaml
from yaml_documents import yaml_document

DOCUMENTS = 20_000


def _same(one: JSONValue, other: JSONValue) -> bool:
    """Equal, of the same types, in the same order: 1 is not true, and not 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(map(_same, one.values(), other.values()))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _disagreement(text: str) -> str:
    """What the two readers disagree on; empty if they agree, None if the native one leaves the text."""
    value, place = read_usual(text)
    documents, problems = parse_yaml(text, "f")
    if problems or len(documents) != 1:
        return f"strict: {problems or documents}"
    (document,) = documents
    source = document.source
    if not _same(document.value, value) or (source.line, source.column) != place:
        return f"native: {value} at {place}\nstrict: {document.value} at {source}"
    return ""


def test_the_two_readers_agree_on_everything_that_both_read() -> None:
    """Right and wrong, by hand and by machine; a text that is left is judged by the strict reader alone."""
    read, disagreements = 0, []
    for seed in range(DOCUMENTS):
        text = yaml_document(seed)
        try:
            disagreement = _disagreement(text)
        except UnusualError:
            continue
        read += 1
        if disagreement:
            disagreements.append(f"seed {seed}: {text!r}\n{disagreement}")
    assert disagreements == []
    assert read > DOCUMENTS / 10, "too few of them are read natively to say anything"


def _short_words() -> Iterator[str]:
    """Everything that is short and that somebody might take for a number, a truth value or nothing."""
    for length in (1, 2, 3):
        yield from map("".join, product("019_+-.eExobafnNiItTrRuUlLsSyYdD~:,", repeat=length))
    yield from map("".join, product("01_+-.e", repeat=5))
    yield from (
        "Infinity",
        "-inf",
        "nan",
        "NAN",
        "nULL",
        "tRUE",
        "Yes",
        "off",
        "None",
        "1,5",
        "1 000",
        "12:30:45",
        "\u0663",
        "\uff11",
    )


def test_no_short_word_is_read_as_something_else() -> None:
    """A name like ``_100`` stays a name."""
    misread = []
    for word in _short_words():
        try:
            value, _ = read_usual(f"a: {word}\n")
        except UnusualError:
            continue
        if not _same(value, {"a": resolve(word)}):
            misread.append(word)
    assert misread == []


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n",
        "# comment\n\n  # another\n  a: {b: [1, -2, 0]}\n",
        "- x\n- 'y'\n",
        "a: \"it's\"\nb: 'a, b: 05'\n",
        'a: "orders-2024"\nb: yes\nc: ~\nd: TRUE\n',
        "a: x 5\nb: é\n",
    ],
)
def test_a_usual_text_is_read(text: str) -> None:
    """Otherwise nothing would be gained."""
    assert _disagreement(text) == ""
    assert parse_text(text, "a.yaml", natively=True) == parse_text(text, "a.yaml")


@pytest.mark.parametrize(
    "text",
    [
        *("", "# only a comment\n", "text\n", "5\n"),
        *("a: 05\n", "a: 1_000\n", "a: 0x1f\n", "a: 1.5\n", "a: .inf\n", "a: +1\n", "a: -0\n", "a: -05\n"),
        *("a: &x 1\n", "a: *x\n", "a: !t x\n", "<<: {a: 1}\n", "a: |\n  text\n", "%YAML 1.2\n---\na: 1\n"),
        *("a: 1\n---\nb: 1\n", "a: 1\n...\n", "? a\n", "a: 1\na: 2\n", "5: a\n", "true: a\n", "~: a\n"),
        *(
            'a: "x\\n"\n',
            "a: it's\n",
            "a:\tx\n",
            "a: x\r\n",
            "a: \u2028\n",
            "\ufeffa: 1\n",
            "a: [1\n",
            "a: {b: c\n}\n",
        ),
        *("a: {b: :c}\n", "a: {b:}\n", "a: {b: ?c}\n", "a: 'x' y\n", f"{'k' * 1100}: 1\n"),
        *(f"{'[' * (MAX_NESTING + 1)}{']' * (MAX_NESTING + 1)}\n", f"a: {'9' * 16}\n"),
    ],
)
def test_whatever_is_unusual_is_left_to_the_strict_reader(text: str) -> None:
    """It may have to be refused, or be read otherwise."""
    with pytest.raises(UnusualError):
        read_usual(text)
    assert parse_text(text, "a.yaml", natively=True) == parse_yaml(text, "a.yaml")


def test_the_deepest_that_is_allowed_is_read() -> None:
    """One level less than what is refused."""
    assert _disagreement(f"{'[' * MAX_NESTING}{']' * MAX_NESTING}\n") == ""
