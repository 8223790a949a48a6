"""What a YAML text means, what is refused, and that nothing else comes out."""

import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.problem import Document
from provisioner.core.source import Source
from provisioner.store.reading import strict_yaml
from provisioner.store.reading.nodes import resolve
from provisioner.store.reading.strict_yaml import locate_yaml, parse_yaml
from provisioner.store.reading.yaml_messages import syntax_fault

SAMPLE = """\
# a manifest
kind: IntegrationTask
name: orders-to-lake
ProjectId: "17865298918277529"
TaskInfo: &info
  SyncType: 2
  Config: {concurrency: 1, ratio: 0.5, 'quoted': on}
  Nodes:
    - Name: orders_mysql
      Config: [{Name: Database, Value: "shop\\u00e9"}]
      Note: |
        two
        lines
    -
    - ~
copy: *info
---
name: é😀
"""

PITFALLS: list[tuple[str, JSONValue]] = [
    ("no", "no"),
    ("on", "on"),
    ("yes", "yes"),
    ("Off", "Off"),
    ("0123", "0123"),
    ("08", "08"),
    ("1_000", "1_000"),
    ("0b11", "0b11"),
    ("0x1F", "0x1F"),
    ("0o17", "0o17"),
    ("1:30", "1:30"),
    ("2024-01-01", "2024-01-01"),
    ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
    ("12345678901234567890", 12345678901234567890),
    ("17865298918277529", 17865298918277529),
    ("1e3", "1e3"),
    ("1E3", "1E3"),
    ("1.50", "1.50"),
    ("1.", "1."),
    (".5", ".5"),
    ("+5", "+5"),
    ("-5", -5),
    ("-0", "-0"),
    ("0", 0),
    ("-0.0", -0.0),
    ("1.5", 1.5),
    ("1e+16", 1e16),
    ("1e+999", "1e+999"),
    (".inf", ".inf"),
    ("inf", "inf"),
    (".nan", ".nan"),
    ("nan", "nan"),
    ("-", None),  # an empty list item, replaced below
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("false", False),
    ("False", False),
    ("FALSE", False),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("~", None),
    ("", None),
    ("nULL", "nULL"),
    ("y", "y"),
    ("=", "="),
    ("<<", "<<"),
    ("'1'", "1"),
    ('"true"', "true"),
    ("''", ""),
    ("|\n    1\n", "1\n"),
    (">-\n    1\n", "1"),
    ("9" * 300, int("9" * 300)),
    ("9" * 301, "9" * 301),
    ("1" + "0" * 5000, "1" + "0" * 5000),
    ("\u0661\u0662", "\u0661\u0662"),
    ("hello!", "hello!"),
]


@pytest.mark.parametrize(("written", "meant"), [case for case in PITFALLS if case[0] != "-"])
@pytest.mark.parametrize("marker", ["", "&unused "], ids=["plain", "anchored"])
def test_scalar_means_what_is_seen(written: str, meant: JSONValue, marker: str) -> None:
    text = f"a: {marker}{written}\n"
    value = only(text)
    assert value == {"a": meant}
    assert isinstance(value, dict)
    assert type(value["a"]) is type(meant)
    assert careful(text) == [value]


def only(text: str) -> JSONValue:
    documents, problems = parse_yaml(text, "f.yaml")
    assert problems == []
    assert len(documents) == 1
    return documents[0].value


def careful(text: str) -> list[JSONValue]:
    """What the careful reader alone says."""
    nodes = strict_yaml._composed(text).nodes
    return [node.value for node in nodes if node is not None and node.value is not None]


def messages(text: str) -> list[str]:
    return [str(problem) for problem in parse_yaml(text, "f.yaml")[1]]


def test_documents_know_their_place_and_index() -> None:
    documents, problems = parse_yaml("# c\n\n  a: 1\n---\n---\n# d\n[2]\n---\n", "f.yaml")
    assert problems == []
    assert documents == [
        Document({"a": 1}, Source("f.yaml", 3, 3), 0),
        Document([2], Source("f.yaml", 7, 1), 2),
    ]


def test_places_of_documents_do_not_depend_on_the_reader() -> None:
    quick, _ = parse_yaml("a: 1\n--- &x\nb: 2\n", "f.yaml")
    slow, _ = parse_yaml("a: 1\n--- &x\nb: 2\n---\nc: &c 1\nd: *c\n", "f.yaml")
    assert slow[:2] == quick


def test_documents_in_order_are_returned_beside_problems_of_others() -> None:
    documents, problems = parse_yaml("a: 1\n---\nb: 1\nb: 2\n---\nc: 3\n", "f.yaml")
    assert [(document.value, document.index) for document in documents] == [({"a": 1}, 0), ({"c": 3}, 2)]
    assert len(problems) == 1


def test_documents_before_a_syntax_fault_are_returned() -> None:
    documents, problems = parse_yaml('a: 1\n---\nb: "\n', "f.yaml")
    assert [document.value for document in documents] == [{"a": 1}]
    assert [str(problem) for problem in problems] == [
        "f.yaml:3:4: the quoted text that begins here has no closing quote"
    ]


@pytest.mark.parametrize("text", ["", "# only\n", "---\n", "---\n---\n~\n", "---\n...\n"])
def test_nothing_is_no_document_and_no_problem(text: str) -> None:
    assert parse_yaml(text, "f.yaml") == ([], [])


def test_byte_order_mark_at_the_beginning_is_no_text() -> None:
    assert only("\ufeffa: 1\n") == {"a": 1}
    assert messages("\ufeffa: 1\na: 2\n") == ['f.yaml:2:1: duplicate key "a": line 1 has it already']
    assert locate_yaml("\ufeffa: 1\n", 0, ["a"], key=False) == (1, 4)


def test_version_directive_is_accepted_if_it_says_1_2() -> None:
    assert only("%YAML 1.2\n---\na: no\n") == {"a": "no"}


def test_alias_repeats_its_value() -> None:
    text = "&k key: &v [1, &w {b: two}]\nx: *v\ny: *w\nz: *k\n"
    assert only(text) == {"key": [1, {"b": "two"}], "x": [1, {"b": "two"}], "y": {"b": "two"}, "z": "key"}


def test_anchor_may_be_declared_again() -> None:
    assert only("- &a 1\n- *a\n- &a 2\n- *a\n") == [1, 1, 2, 2]


def test_aliases_may_add_ten_thousand_values() -> None:
    text = "a: &a [" + "x, " * 999 + "]\nb: [" + "*a, " * 10 + "]\n"
    assert isinstance(only(text), dict)
    assert messages(text + "c: *a\n") == [
        "f.yaml:3:4: aliases repeat too much: more than 10,000 values or 1,048,576 characters"
    ]


def test_alias_bound_is_counted_a_document() -> None:
    document = "a: &a [" + "x, " * 999 + "]\nb: [" + "*a, " * 6 + "]\n"
    assert parse_yaml(f"{document}---\n{document}", "f.yaml")[1] == []


def test_alias_bomb_takes_little_memory() -> None:
    code = (
        "import resource, sys\n"
        "from provisioner.store.reading.strict_yaml import parse_yaml\n"
        "parse_yaml('a: &a [1]\\nb: *a', 'f')\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 50 * 2**20,) * 2)\n"
        "names = 'abcdefghi'\n"
        "text = 'a: &a [' + 'x, ' * 9 + ']\\n' + ''.join(\n"
        "    f'{n}: &{n} [' + f'*{m}, ' * 9 + ']\\n' for m, n in zip(names, names[1:]))\n"
        "print(*parse_yaml(text, 'f')[1], sep='\\n')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.stderr == ""
    assert run.stdout == ("f:5:8: aliases repeat too much: more than 10,000 values or 1,048,576 characters\n")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_without_recursion(opening: str) -> None:
    [message] = messages(opening * 100_000)
    assert message.endswith("nested deeper than 64 levels")


@pytest.mark.parametrize("anchor", ["", "- &a 1\n- *a\n- "], ids=["quick", "careful"])
def test_sixty_four_levels_are_allowed(anchor: str) -> None:
    levels = 64 - bool(anchor)
    assert only(f"{anchor}{'[' * levels}{']' * levels}")
    assert len(messages(f"{anchor}{'[' * (levels + 1)}{']' * (levels + 1)}")) == 1


def test_alias_at_the_limit_of_nesting() -> None:
    base = "- &a [[]]\n- " + "[" * 61
    assert parse_yaml(f"{base}*a{']' * 61}", "f")[1] == []
    assert messages(f"{base}[*a]{']' * 61}") == ["f.yaml:2:65: the alias *a nests deeper than 64 levels"]


def test_many_tag_directives_cost_no_time() -> None:
    # libyaml would compare each with all before it: a minute for this text.
    text = "".join(f"%TAG !a{number}! x\n" for number in range(50_000)) + "---\na: 1\n"
    assert messages(text) == ["f.yaml:1:1: the directive %TAG is not allowed: there are no tags"]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x80", "\x9f", "\ufffe", "\uffff", "\u2029"])
def test_character_that_cannot_stand_is_refused_in_its_place(character: str) -> None:
    [message] = messages(f"a: 1\r\nb: é{character}\n")
    assert message.startswith(f"f.yaml:2:5: the character U+{ord(character):04X} is not allowed")


def test_half_of_a_character_is_refused() -> None:
    assert messages("a: \ud800\n") == [
        "f.yaml:1:4: the character U+D800 is half of a character and cannot be encoded"
    ]


def test_tag_after_a_comment_is_named_as_resolved() -> None:
    assert messages("a: &x # note\n  !!str b\n") == [
        'f.yaml:1:4: the tag "tag:yaml.org,2002:str" is not allowed: remove it; a value is what it looks like'
    ]


def test_unknown_words_of_libyaml_are_passed_on() -> None:
    assert messages("a: |-2x\n b\n")[0].startswith("f.yaml:1:")
    assert syntax_fault("new words", begin_line=1, character="x") == "not YAML: new words"


# ── places ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("index", "path", "key", "place"),
    [
        (0, [], False, (2, 1)),
        (0, [], True, (2, 1)),
        (0, ["name"], False, (3, 7)),
        (0, ["name"], True, (3, 1)),
        (0, ["TaskInfo", "Config", "ratio"], False, (7, 35)),
        (0, ["TaskInfo", "Config", "quoted"], True, (7, 40)),
        (0, ["TaskInfo", "Nodes", 0], False, (9, 7)),
        (0, ["TaskInfo", "Nodes", 0], True, (9, 7)),
        (0, ["TaskInfo", "Nodes", 0, "Config", 0, "Value"], False, (10, 40)),
        (0, ["TaskInfo", "Nodes", 0, "Note"], False, (11, 13)),
        (0, ["TaskInfo", "Nodes", 1], False, (14, 6)),
        (0, ["TaskInfo", "Nodes", 9], False, (9, 5)),
        (0, ["TaskInfo", "Nodes", "Name"], False, (9, 5)),
        (0, ["TaskInfo", "Missing"], False, (5, 11)),
        (0, ["TaskInfo", "Missing", "deeper"], True, (5, 11)),
        (0, ["copy", "SyncType"], False, (16, 7)),
        (0, ["copy"], True, (16, 1)),
        (1, ["name"], False, (18, 7)),
        (2, ["name"], False, (1, 1)),
    ],
)
def test_locate(index: int, path: list[str | int], key: bool, place: tuple[int, int]) -> None:
    assert locate_yaml(SAMPLE, index, path, key=key) == place


def test_locate_in_a_document_that_is_not_in_order() -> None:
    assert locate_yaml("a: 1\na: 2\n", 0, ["a"], key=False) == (1, 1)


def paths(value: JSONValue) -> Iterator[list[str | int]]:
    yield []
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from ([name, *path] for path in paths(child))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, child in enumerate(value):
            yield from ([position, *path] for path in paths(child))


# ── any text ────────────────────────────────────────────────────────────────

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029\ufeff\ufffe\uffff")
texts = st.text(characters, max_size=12) | st.sampled_from([case[0] for case in PITFALLS])
# YAML 1.1, which the dumper writes, has no numbers such as 1e-05: it would tag them.
floats = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: "e" not in repr(number))
scalars = st.none() | st.booleans() | st.integers() | floats | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
roots = st.dictionaries(texts, values, min_size=1, max_size=4)


class Dumper(yaml.SafeDumper):
    """Quotes whatever this project would not read as text, and writes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text_node(dumper: Dumper, value: str) -> yaml.ScalarNode:
    style = '"' if not isinstance(resolve(value), str) or value == "<<" else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _number_node(dumper: Dumper, value: float) -> yaml.ScalarNode:
    kind = "int" if isinstance(value, int) else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", repr(value))


Dumper.add_representer(str, _text_node)
Dumper.add_representer(int, _number_node)
Dumper.add_representer(float, _number_node)


@settings(deadline=None)
@given(
    roots,
    st.sampled_from([None, True, False]),
    st.integers(2, 8),
    st.integers(10, 200),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_what_is_dumped_is_read_back(
    value: dict[str, JSONValue],
    flow: bool | None,
    indent: int,
    width: int,
    unicode: bool,
    explicit: bool,
    windows: bool,
) -> None:
    text = yaml.dump(
        value,
        Dumper=Dumper,
        default_flow_style=flow,
        indent=indent,
        width=width,
        allow_unicode=unicode,
        explicit_start=explicit,
        line_break="\r\n" if windows else "\n",
        sort_keys=False,
    )
    # The emitter breaks a few texts itself: libyaml's own loader is the judge of that.
    assume(yaml.load(text, yaml.CBaseLoader) == _as_text(value))
    documents, problems = parse_yaml(text, "f.yaml")
    assert problems == []
    assert repr([document.value for document in documents]) == repr([value]) == repr(careful(text))


def _as_text(value: JSONValue) -> object:
    """What a loader gives that resolves nothing."""
    match value:
        case Mapping():
            return {key: _as_text(child) for key, child in value.items()}
        case str():
            return value
        case Sequence():
            return [_as_text(child) for child in value]
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case _:
            return repr(value)


@settings(deadline=None)
@given(roots, st.booleans())
def test_every_value_has_a_place_within_the_text(value: dict[str, JSONValue], flow: bool) -> None:
    text = yaml.dump(value, Dumper=Dumper, default_flow_style=flow, allow_unicode=True)
    documents, _ = parse_yaml(text, "f.yaml")
    lines = text.split("\n")
    for document in documents:
        missing: list[list[str | int]] = [["no such key"], [99]]
        for path in [*paths(document.value), *missing]:
            for key in (True, False):
                line, column = locate_yaml(text, document.index, path, key=key)
                assert 1 <= line <= len(lines)
                assert 1 <= column <= len(lines[line - 1]) + 1


def ensure_sound(text: str) -> None:
    """Documents or problems, each with a place within the text; both readers agree."""
    documents, problems = parse_yaml(text, "f.yaml")
    lines = len(text.splitlines()) + 1
    assert all(0 < problem.source.line <= lines for problem in problems)
    if not problems:
        assert [document.value for document in documents] == careful(text)
    locate_yaml(text, 0, ["name"], key=True)


def test_every_prefix_is_read_or_refused() -> None:
    for length in range(len(SAMPLE)):
        ensure_sound(SAMPLE[:length])


@pytest.mark.parametrize("seed", range(20))
def test_mutated_text_is_read_or_refused(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(100):
        text = list(SAMPLE)
        for _ in range(source.randint(1, 6)):
            text[source.randrange(len(text))] = source.choice("\t \n\"'[]{}:,-&*!|>%@`#?a1~<é\x00\u2028")
        ensure_sound("".join(text))


@settings(deadline=None)
@given(st.text(st.sampled_from("\t \r\n\"'[]{}:,-&*!|>%@`#?a1~<\\xué.") | st.characters(), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    ensure_sound(text)
