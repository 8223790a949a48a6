"""What differs between two bodies: everything, once, at its path."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_node, body, columns
from provisioner.core.body.diff import FieldChange, ItemKey, diff, is_sensitive, path_label

WORDS = st.sampled_from(["a", "b", "c", "password", "x y"])
SETTINGS = st.dictionaries(WORDS, st.sampled_from(["", "1", "two", "long " * 30, "l1\nl2"]), max_size=3)


@st.composite
def nodes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Readers and writers, each with a name of its own."""
    return [
        {
            "Name": name,
            "NodeType": draw(st.sampled_from(["INPUT", "OUTPUT"])),
            "Config": draw(SETTINGS),
            "Schema": [
                {"Id": key, "Name": draw(WORDS), "Type": "int", "Properties": draw(SETTINGS)}
                for key in draw(st.lists(st.sampled_from("123"), unique=True))
            ],
        }
        for name in draw(st.lists(st.sampled_from(["n1", "n2", "n3"]), unique=True))
    ]


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Canonical bodies of which each list has keys."""
    pairs = st.tuples(st.sampled_from("12"), st.sampled_from("12"))
    fields = {
        "Description": draw(st.none() | st.sampled_from(["x", "y", "z" * 100, "a\nb", "a\nc"])),
        "SyncType": draw(st.none() | st.integers(1, 2)),
        "TaskType": draw(st.sampled_from([201, 202])),
        "Config": draw(SETTINGS),
        "Nodes": draw(nodes()),
        "Mappings": [
            {"SourceId": source, "SinkId": sink, "ExtConfig": draw(SETTINGS)}
            for source, sink in draw(st.lists(pairs, unique=True))
        ],
        "OfflineTaskAddEntity": {"CycleStep": draw(st.integers(1, 3)), "StartTime": draw(st.none() | WORDS)},
    }
    return dict(body(**fields))


def keyed(value: Any) -> Any:
    """Lists of items as maps by their keys, so that they can be changed by path; without order."""
    if isinstance(value, dict):
        return {name: keyed(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    return {_key(item): keyed(item) for item in value}


def _key(item: dict[str, Any]) -> str:
    if "SourceId" in item:
        return f"{item['SourceId']} → {item['SinkId']}"
    return str(item.get("Id") or item["Name"])


def applied(before: dict[str, Any], changes: tuple[FieldChange, ...]) -> Any:
    """``before`` in keyed form with every change made at its path."""
    result = keyed(before)
    for change in changes:
        if change.path[-1] != "(order)":
            _set(result, change)
    return _pruned(result)


def _set(result: dict[str, Any], change: FieldChange) -> None:
    *above, last = change.path
    for part in above:
        result = result.setdefault(part, {})
    assert result.get(last) == keyed(change.before)
    if change.after is None:
        del result[last]
    else:
        result[last] = keyed(change.after)


def _pruned(value: Any) -> Any:
    """Without maps that nothing is left in: a canonical body has none."""
    if not isinstance(value, dict):
        return value
    kept = {name: _pruned(item) for name, item in value.items()}
    return {name: item for name, item in kept.items() if item != {}}


@given(bodies(), bodies())
def test_changes_applied_to_before_give_after(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Nothing is missing, nothing is said twice, and what was there is said as it was."""
    changes = diff(before, after)
    assert applied(before, changes) == _pruned(keyed(after))
    assert len({(change.path, tuple(map(type, change.path))) for change in changes}) == len(changes)


@given(bodies(), bodies())
def test_no_change_means_equal(before: dict[str, Any], after: dict[str, Any]) -> None:
    """In both directions."""
    assert (diff(before, after) == ()) is (before == after)
    assert diff(before, before) == ()


@given(bodies())
def test_from_and_to_nothing(some: dict[str, Any]) -> None:
    """Every field appears, and every field goes."""
    assert applied({}, diff({}, some)) == _pruned(keyed(some))
    assert applied(some, diff(some, {})) == {}


@given(nodes(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_is_no_difference(some: list[dict[str, Any]], chance: random.Random) -> None:
    """Nodes and mappings are found by their keys."""
    shuffled = [*some]
    chance.shuffle(shuffled)
    assert diff(body(Nodes=some), body(Nodes=shuffled)) == ()


def test_the_order_of_columns_is_a_difference() -> None:
    """One change, which names the columns in their old and new order."""
    before = a_node("n", "INPUT", "MYSQL", width=3)
    after = {**before, "Schema": [before["Schema"][index] for index in (2, 0, 1)]}
    (change,) = diff(body(Nodes=[before]), body(Nodes=[after]))
    assert path_label(change.path) == 'Nodes["n"].Schema["(order)"]'
    assert (change.before, change.after) == (["101", "102", "103"], ["103", "101", "102"])


def test_a_new_column_does_not_move_the_others() -> None:
    """It is one change, wherever it is put."""
    before = a_node("n", "INPUT", "MYSQL", width=3)
    after = {**before, "Schema": [{"Id": "9", "Name": "n", "Type": "int"}, *columns(3)]}
    (change,) = diff(body(Nodes=[before]), body(Nodes=[after]))
    assert (change.path, change.before) == (("Nodes", "n", "Schema", "9"), None)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            [{"NodeType": "INPUT", "Config": {"a": "1"}}],
            [{"NodeType": "INPUT", "Config": {"a": "2"}}],
            [(("Nodes", "0", "Config", "a"), "1", "2")],
        ),
        (
            [{"NodeType": "INPUT"}],
            [{"NodeType": "INPUT"}, {"NodeType": "OUTPUT"}],
            [(("Nodes", "1"), None, {"NodeType": "OUTPUT"})],
        ),
        ([{"NodeType": "INPUT"}], None, [(("Nodes", "0"), {"NodeType": "INPUT"}, None)]),
        ([{}], None, [(("Nodes", "0"), {}, None)]),
    ],
    ids=["changed", "added", "removed", "empty"],
)
def test_items_without_keys_are_compared_by_number(before: Any, after: Any, expected: Any) -> None:
    """A node without a name cannot be followed."""
    changes = diff(body(Nodes=before), body(Nodes=after))
    assert [(change.path, change.before, change.after) for change in changes] == expected


def test_repeated_pairs_are_compared_by_number() -> None:
    """Two mappings with the same ends are no pair of keys."""
    one = {"SourceId": "1", "SinkId": "2"}
    two = {**one, "ExtConfig": {"a": "1"}}
    (change,) = diff(body(Mappings=[one, one]), body(Mappings=[one, two]))
    assert change.path[:2] == ("Mappings", "1")


def test_fields_of_another_version_are_compared_as_values() -> None:
    """A state may hold a field that the table does not know."""
    (change,) = diff({"Novel": {"a": 1}}, {"Novel": {"a": 2}})
    assert (change.path, change.before, change.after) == (("Novel",), {"a": 1}, {"a": 2})


def test_fields_that_need_a_new_task_say_why() -> None:
    """The reason comes from the field table."""
    (change,) = diff(body(TaskType=201), body(TaskType=202))
    assert change.replaces == "a task stays real-time or offline for life"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("Config", "password"), True),
        (("Config", "fs.s3.access-key"), True),
        (("Config", "PrivateKey"), True),
        (("Config", "hive.passwd"), True),
        (("Config", "token"), True),
        (("Config", "concurrency"), False),
        (("Nodes", ItemKey("payment_tokens")), False),
        (("Nodes", ItemKey("payment_tokens"), "Config", "secret"), True),
        ((), False),
    ],
    ids=str,
)
def test_secrets_are_known_by_their_names(path: tuple[str, ...], expected: bool) -> None:
    """The last name decides, and the key of an item is no name of a value."""
    change = FieldChange(path=path, before="a", after="b")
    assert (is_sensitive(path), change.sensitive) == (expected, expected)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("Config", "a"), "Config.a"),
        (("Nodes", ItemKey("orders"), "Config", "Database"), 'Nodes["orders"].Config.Database'),
        (("Config", "a.b"), 'Config["a.b"]'),
        (("Config", 'a"b\\'), 'Config["a\\"b\\\\"]'),
    ],
    ids=str,
)
def test_paths_as_people_write_them(path: tuple[str, ...], expected: str) -> None:
    """Quoted where a plain name would be ambiguous."""
    assert path_label(path) == expected
