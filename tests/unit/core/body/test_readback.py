"""What the service kept: its habits are no difference, a value that is gone is one."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.core.address import Address
from provisioner.core.body import readback
from provisioner.core.body.diff import diff, path_label
from provisioner.core.body.readback import kept, not_kept, numbered_as_written
from provisioner.core.marker import marker_for, with_marker

MARKER = marker_for("5f0c1a2b3c4d5e6f", Address("orders"), "0123456789abcdef")


def lost(written: dict[str, Any], observed: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Where, what the service shows, what was written."""
    return [(path_label(change.path), change.before, change.after) for change in not_kept(written, observed)]


def node(**fields: Any) -> dict[str, Any]:
    """A body with one node."""
    return {"Nodes": [{"Name": "in", **fields}]}


TOLERATED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "list-not-set-is-null": (
        {"ExtConfig": {}, "Mappings": [], **node(Schema=[])},
        {"ExtConfig": None, "Mappings": None, **node(Schema=None)},
    ),
    "list-not-set-is-empty": ({"ExecuteContext": {}}, {"ExecuteContext": []}),
    "field-not-set-is-not-there": ({"ExecuteContext": {}, "Nodes": [], "Description": ""}, {}),
    "object-not-set-is-null": ({"OfflineTaskAddEntity": {}}, {"OfflineTaskAddEntity": None}),
    "text-not-set-is-empty": ({"Description": ""}, {"Description": ""}),
    "text-not-set-is-null": (node(Description=""), node(Description=None)),
    "id-not-set-is-minus-one": ({"WorkflowId": ""}, {"WorkflowId": "-1"}),
    "id-minus-one-is-not-set": ({"WorkflowId": "-1"}, {"WorkflowId": ""}),
    "numbers-of-the-service": (
        {"NumRecordsIn": 0, "NumRestarts": 0, "ReaderDelay": 0},
        {"NumRecordsIn": -1, "NumRecordsOut": -1, "NumRestarts": -1, "ReaderDelay": -1},
    ),
    "task-mode-empty-for-whole-databases": ({"TaskMode": "1"}, {"TaskMode": ""}),
    "task-mode-null": ({"TaskMode": "1"}, {"TaskMode": None}),
    "submit-null-and-version-there": ({}, {"Submit": None, "HasVersion": True}),
    "node-keys-of-the-service": (
        node(AppId="1"),
        node(NodeMapping=None, CreateTime=None, CreatorUin=None, OwnerUin="100006386216"),
    ),
    "node-renumbered": (node(Id="1"), node(Id="65614")),
    "node-renumbered-in-mappings": (
        {
            "Nodes": [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}],
            "Mappings": [{"SourceId": "1", "SinkId": "2", "ExtConfig": {"a": "1"}}],
        },
        {
            "Nodes": [{"Name": "out", "Id": "1"}, {"Name": "in", "Id": "2"}],
            "Mappings": [{"SourceId": "2", "SinkId": "1", "ExtConfig": [{"Name": "a", "Value": "1"}]}],
        },
    ),
    "node-renumbered-in-its-own-mapping": (
        node(Id="1", NodeMapping={"SourceId": "1"}),
        node(Id="65614", NodeMapping={"SourceId": "65614"}),
    ),
    "nodes-in-another-order": (
        {"Nodes": [{"Name": "in", "NodeType": "INPUT"}, {"Name": "out", "NodeType": "OUTPUT"}]},
        {"Nodes": [{"Name": "out", "NodeType": "OUTPUT"}, {"Name": "in", "NodeType": "INPUT"}]},
    ),
    "nodes-that-were-not-written": (node(), {"Nodes": [{"Name": "x"}, {"Name": "in"}]}),
    "nodes-without-names": (
        {"Nodes": [{"NodeType": "INPUT"}]},
        {"Nodes": [{"NodeType": "INPUT", "Name": None}]},
    ),
    "canvas-data-in-settings": (
        node(ExtConfig={"mine": "1"}),
        node(
            ExtConfig=[
                {"Name": "x", "Value": "12"},
                {"Name": "mine", "Value": "1"},
                {"Name": "iconPosition", "Value": "[]"},
            ]
        ),
    ),
    "settings-in-another-order": (
        {"Config": {"a": "1", "b": "2"}},
        {"Config": [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]},
    ),
    "settings-as-a-map": ({"Config": {"a": "1"}}, {"Config": {"a": "1", "b": "2"}}),
    "setting-shown-as-number": ({"Config": {"a": "1"}}, {"Config": [{"Name": "a", "Value": 1}]}),
    "setting-shown-as-truth-value": ({"Config": {"a": "true"}}, {"Config": [{"Name": "a", "Value": True}]}),
    "empty-setting-shown-as-null": ({"Config": {"a": ""}}, {"Config": [{"Name": "a", "Value": None}]}),
    "empty-setting-not-shown": ({"Config": {"a": ""}}, {"Config": None}),
    "json-written-again": (
        {"Config": {"a": '{"b": [1, 2], "c": "ä"}', "d": "[ ]"}},
        {"Config": [{"Name": "a", "Value": '{"c":"\\u00e4","b":[1,2]}'}, {"Name": "d", "Value": "[]"}]},
    ),
    "alarm-list-in-another-shape": (
        {"TaskAlarmRegularList": ["1769", "1768"]},
        {"TaskAlarmRegularList": ["1769,1768"]},
    ),
    "whole-number-as-fraction": (
        {"SyncType": 2, "OfflineTaskAddEntity": {"CycleType": 3}},
        {"SyncType": 2.0, "OfflineTaskAddEntity": {"CycleType": 3.0}},
    ),
    "number-as-text": ({"SyncType": 2}, {"SyncType": "2"}),
    "text-as-number": ({"ExecutorId": "17"}, {"ExecutorId": 17}),
    "times-of-the-service": ({"CreateTime": "a", "UpdateTime": "b"}, {"CreateTime": "c", "UpdateTime": "d"}),
    "every-field-present": (
        {"TaskName": "t"},
        {"AppId": "1", "Locked": None, "TaskName": "t", "Unheard": {}},
    ),
    "marker-in-description": (
        {"Description": "Orders"},
        {"Description": with_marker("Orders", MARKER)},
    ),
    "name-of-another-version": (node(Colour=["red"]), node(Colour=["red"])),
    "marker-alone": ({"Description": ""}, {"Description": str(MARKER)}),
    "marker-on-both-sides": ({"Description": str(MARKER)}, {"Description": None}),
}


@pytest.mark.parametrize(("written", "observed"), TOLERATED.values(), ids=TOLERATED)
def test_habit_of_the_service_is_no_difference(written: dict[str, Any], observed: dict[str, Any]) -> None:
    """It adds, renumbers, serialises anew and leaves empty."""
    assert lost(written, observed) == []


MAPPINGS: list[dict[str, Any]] = [
    {"SourceId": "1", "SinkId": "2", "ExtConfig": {"a": "first"}},
    {"SourceId": "1", "SinkId": "2", "ExtConfig": {"a": "second"}},
]
SHOWN_MAPPINGS: list[dict[str, Any]] = [
    {"SourceId": "1", "SinkId": "2", "ExtConfig": [{"Name": "a", "Value": text}]}
    for text in ("first", "second")
]
TWO_NODES = [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}]
SWAPPED = [{"Name": "in", "Id": "2"}, {"Name": "out", "Id": "1"}]


def test_items_with_one_key_are_told_apart_by_their_order() -> None:
    """Two mappings between the same nodes are two."""
    assert lost({"Mappings": MAPPINGS}, {"Mappings": SHOWN_MAPPINGS}) == []
    assert lost({"Mappings": MAPPINGS}, {"Mappings": SHOWN_MAPPINGS[:1]}) != []


def test_mappings_may_stay_as_written_where_nodes_are_renumbered() -> None:
    """The numbers are the other way round at the service, and a mapping for both directions exists."""
    both = [
        {"SourceId": "1", "SinkId": "2", "ExtConfig": {"a": "there"}},
        {"SourceId": "2", "SinkId": "1", "ExtConfig": {"a": "back"}},
    ]
    shown = [
        {**item, "ExtConfig": [{"Name": "a", "Value": text}]}
        for item, text in zip(both, ("there", "back"), strict=True)
    ]
    assert lost({"Nodes": TWO_NODES, "Mappings": both}, {"Nodes": SWAPPED, "Mappings": shown}) == []


def test_columns_in_another_order_are_a_difference() -> None:
    """Their order carries meaning; what is kept is in the service's order."""
    columns = [{"Id": number, "Name": f"c{number}", "Type": "int"} for number in ("1", "2", "3")]
    written: dict[str, Any] = {"Nodes": [{"Name": "in", "Schema": columns}]}
    shown: dict[str, Any] = {"Nodes": [{"Name": "in", "Schema": [columns[1], columns[0], columns[2]]}]}
    assert lost(written, shown) == [('Nodes["in"].Schema["(order)"]', ["2", "1", "3"], ["1", "2", "3"])]
    found = kept(written, shown)
    assert found.body == shown
    assert diff(found.body, written) == found.lost


def test_what_is_kept_is_the_body_as_the_service_holds_it() -> None:
    """So that the next difference against the manifest is just what was lost."""
    written: dict[str, Any] = {
        "TaskName": "t",
        "SyncType": 2,
        "Config": {"a": "1", "b": "2", "c": "3"},
        "Nodes": [{"Name": "in", "NodeType": "INPUT"}, {"Name": "out", "NodeType": "OUTPUT"}],
        "OfflineTaskAddEntity": {"CycleStep": 1},
    }
    shown: dict[str, Any] = {
        "TaskName": "t",
        "SyncType": None,
        "Config": [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": True}, {"Name": "c", "Value": None}],
        "Nodes": [{"Name": "in", "NodeType": "INPUT"}],
        "OfflineTaskAddEntity": None,
    }
    assert kept(written, shown).body == {
        "TaskName": "t",
        "Config": {"a": "1", "b": "true"},
        "Nodes": [{"Name": "in", "NodeType": "INPUT"}],
    }


def test_what_should_be_gone_and_is_not_is_lost() -> None:
    """A service that merges leaves it: the body says so."""
    before: dict[str, Any] = {"SyncType": 2, "ExecutorId": "7", "Config": {"a": "1", "old": "x", "gone": "y"}}
    written: dict[str, Any] = {"Config": {"a": "1"}}
    shown: dict[str, Any] = {
        "SyncType": 2,
        "ExecutorId": "",
        "Config": [{"Name": "a", "Value": "1"}, {"Name": "old", "Value": "x"}],
    }
    found = kept(written, shown, before=before)
    assert {(path_label(field.path), field.before, field.after) for field in found.lost} == {
        ("SyncType", 2, None),
        ("Config.old", "x", None),
    }
    assert found.body == {"SyncType": 2, "Config": {"a": "1", "old": "x"}}
    assert kept(written, shown, before=found.body).body == found.body
    assert kept(written, {"Config": shown["Config"][:1]}, before=before).lost == ()
    emptied: dict[str, Any] = {"Config": {"a": "1", "old": ""}}
    assert kept(written, {"Config": shown["Config"][:1]}, before=emptied).lost == ()


@pytest.mark.parametrize("ends", [("1", "2"), ("90", "91")], ids=["as written", "renumbered"])
def test_a_pair_that_is_gone_is_not_the_whole_mapping(ends: tuple[str, str]) -> None:
    """Where the service numbers nodes itself, whatever it did with the mappings."""
    pairs = [{"SourceSchemaId": "1", "SinkSchemaId": "1"}, {"SourceSchemaId": "2", "SinkSchemaId": "2"}]
    written: dict[str, Any] = {
        "Nodes": [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}],
        "Mappings": [{"SourceId": "1", "SinkId": "2", "SchemaMappings": pairs}],
    }
    shown: dict[str, Any] = {
        "Nodes": [{"Name": "in", "Id": "90"}, {"Name": "out", "Id": "91"}],
        "Mappings": [{"SourceId": ends[0], "SinkId": ends[1], "SchemaMappings": pairs[:1]}],
    }
    (lost,) = kept(written, shown).lost
    assert path_label(lost.path) == 'Mappings["1 → 2"].SchemaMappings["2 → 2"]'


def test_what_is_sent_back_has_the_ids_that_the_author_wrote() -> None:
    """Where the service numbers nodes itself; its own nodes keep theirs, and so does what fits already."""
    nodes: list[dict[str, Any]] = [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}]
    shown: dict[str, Any] = {
        "Nodes": [{"Name": "in", "Id": "90"}, {"Name": "out", "Id": "91"}, {"Name": "theirs", "Id": "92"}]
    }
    left: dict[str, Any] = {
        "Config": {"a": "90"},
        "Nodes": [
            {"Name": "in", "Id": "90"},
            {"Name": "out", "Id": "91", "NodeMapping": {"SourceId": "90", "SinkId": "91"}},
            {"Name": "theirs", "Id": "92"},
        ],
        "Mappings": [{"SourceId": "90", "SinkId": "91"}, {"SourceId": "1", "SinkId": "92"}],
    }
    assert numbered_as_written(left, nodes, shown) == {
        "Config": {"a": "90"},
        "Nodes": [
            {"Name": "in", "Id": "1"},
            {"Name": "out", "Id": "2", "NodeMapping": {"SourceId": "1", "SinkId": "2"}},
            {"Name": "theirs", "Id": "92"},
        ],
        "Mappings": [{"SourceId": "1", "SinkId": "2"}, {"SourceId": "1", "SinkId": "92"}],
    }
    assert numbered_as_written({"Description": None}, nodes, shown) == {"Description": None}


LOST: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, Any, Any]]]] = {
    "text-changed": ({"TaskName": "a"}, {"TaskName": "b"}, [("TaskName", "b", "a")]),
    "text-gone": ({"ExecutorId": "7"}, {"ExecutorId": ""}, [("ExecutorId", "", "7")]),
    "text-not-there": ({"ExecutorId": "7"}, {}, [("ExecutorId", None, "7")]),
    "id-unset": ({"WorkflowId": "7"}, {"WorkflowId": "-1"}, [("WorkflowId", "-1", "7")]),
    "no-id-is-no-text": (
        {"Nodes": [{"Name": "in", "Schema": [{"Id": "1", "Name": "c", "Type": "int", "Value": "-1"}]}]},
        {"Nodes": [{"Name": "in", "Schema": [{"Id": "1", "Name": "c", "Type": "int", "Value": ""}]}]},
        [('Nodes["in"].Schema["1"].Value', "", "-1")],
    ),
    "true-is-not-one": (
        {"Config": {"a": "[true]"}},
        {"Config": [{"Name": "a", "Value": "[1]"}]},
        [("Config.a", "[1]", "[true]")],
    ),
    "number-changed": ({"SyncType": 2}, {"SyncType": 1}, [("SyncType", 1, 2)]),
    "number-gone": ({"SyncType": 0}, {"SyncType": None}, [("SyncType", None, 0)]),
    "number-of-another-shape": ({"SyncType": 2}, {"SyncType": ["2"]}, [("SyncType", ["2"], 2)]),
    "number-beyond-all-bounds": ({"SyncType": 2}, {"SyncType": 10**400}, [("SyncType", 10**400, 2)]),
    "task-mode-other": ({"TaskMode": "1"}, {"TaskMode": "0"}, [("TaskMode", "0", "1")]),
    "description-changed": (
        {"Description": "Orders"},
        {"Description": with_marker("Payments", MARKER)},
        [("Description", with_marker("Payments", MARKER), "Orders")],
    ),
    "description-gone": ({"Description": "Orders"}, {"Description": None}, [("Description", None, "Orders")]),
    "setting-changed": (
        {"Config": {"a": "1", "b": "1"}},
        {"Config": [{"Name": "a", "Value": "2"}, {"Name": "b", "Value": "1"}]},
        [("Config.a", "2", "1")],
    ),
    "setting-gone": ({"Config": {"a": "1"}}, {"Config": None}, [("Config.a", None, "1")]),
    "setting-of-another-shape": (
        {"Config": {"a": "1"}},
        {"Config": [{"Name": "a", "Value": ["1"]}]},
        [("Config.a", ["1"], "1")],
    ),
    "settings-of-another-shape": ({"Config": {"a": "1"}}, {"Config": "a=1"}, [("Config.a", None, "1")]),
    "json-changed": (
        {"Config": {"a": '{"b": 1}'}},
        {"Config": [{"Name": "a", "Value": '{"b":2}'}]},
        [("Config.a", '{"b":2}', '{"b": 1}')],
    ),
    "json-no-more": (
        {"Config": {"a": '{"b": 1}'}},
        {"Config": [{"Name": "a", "Value": "{b"}]},
        [("Config.a", "{b", '{"b": 1}')],
    ),
    "number-text-is-not-json": (
        {"Config": {"a": "1.0"}},
        {"Config": [{"Name": "a", "Value": "1"}]},
        [("Config.a", "1", "1.0")],
    ),
    "node-gone": (node(), {"Nodes": None}, [('Nodes["in"]', None, {"Name": "in"})]),
    "node-renamed": (node(), {"Nodes": [{"Name": "x"}]}, [('Nodes["in"]', None, {"Name": "in"})]),
    "node-without-name-gone": (
        {"Nodes": [{"NodeType": "INPUT"}, {"NodeType": "OUTPUT"}]},
        {"Nodes": [{"NodeType": "OUTPUT"}]},
        [('Nodes["0"].NodeType', "OUTPUT", "INPUT"), ('Nodes["1"]', None, {"NodeType": "OUTPUT"})],
    ),
    "nodes-of-another-shape": (node(), {"Nodes": {"Name": "in"}}, [('Nodes["in"]', None, {"Name": "in"})]),
    "items-of-another-shape": (node(), {"Nodes": ["in", None]}, [('Nodes["in"]', None, {"Name": "in"})]),
    "name-of-another-shape": (node(), {"Nodes": [{"Name": ["in"]}]}, [('Nodes["in"]', None, {"Name": "in"})]),
    "inside-a-node": (
        node(Id="1", DatasourceId="7", Config={"a": "1"}),
        node(Id="9", DatasourceId="8", Config=None),
        [('Nodes["in"].DatasourceId', "8", "7"), ('Nodes["in"].Config.a', None, "1")],
    ),
    "column-gone": (
        node(Schema=[{"Id": "1", "Name": "id", "Type": "bigint"}]),
        node(Schema=[{"Id": "2", "Name": "id", "Type": "bigint"}]),
        [('Nodes["in"].Schema["1"]', None, {"Id": "1", "Name": "id", "Type": "bigint"})],
    ),
    "mapping-turned-round": (
        {
            "Nodes": [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}],
            "Mappings": [{"SourceId": "1", "SinkId": "2"}],
        },
        {
            "Nodes": [{"Name": "in", "Id": "11"}, {"Name": "out", "Id": "12"}],
            "Mappings": [{"SourceId": "12", "SinkId": "11"}],
        },
        [('Mappings["1 → 2"]', None, {"SourceId": "1", "SinkId": "2"})],
    ),
    "own-mapping-of-another-node": (
        node(Id="1", NodeMapping={"SourceId": "1"}),
        node(Id="65614", NodeMapping={"SourceId": "65615"}),
        [('Nodes["in"].NodeMapping.SourceId', "65615", "1")],
    ),
    "name-of-another-version": (
        node(Colour="red"),
        node(Colour="blue"),
        [('Nodes["in"].Colour', "blue", "red")],
    ),
    "schedule-gone": (
        {"OfflineTaskAddEntity": {"CycleType": 3}},
        {"OfflineTaskAddEntity": None},
        [("OfflineTaskAddEntity.CycleType", None, 3)],
    ),
}


@pytest.mark.parametrize(("written", "observed", "expected"), LOST.values(), ids=LOST)
def test_value_that_was_not_kept_is_seen(
    written: dict[str, Any], observed: dict[str, Any], expected: list[tuple[str, Any, Any]]
) -> None:
    """Where it was written, what stands there now, and whatever shape it has."""
    assert lost(written, observed) == expected


def test_json_nested_without_end_is_a_difference_and_no_crash() -> None:
    """A setting's value is text from outside."""
    deep = "[" * 100_000
    assert lost({"Config": {"a": f"{deep} "}}, {"Config": [{"Name": "a", "Value": deep}]}) == [
        ("Config.a", deep, f"{deep} ")
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("-1ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["Name", "Value", "Id", "Nodes", "SourceId"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FULL: dict[str, Any] = {
    "Config": {"a": '{"b": 1}', "c": ""},
    "Description": "Orders",
    "Mappings": [{"SourceId": "1", "SinkId": "2"}],
    "Nodes": [{"Name": "in", "Id": "1", "Schema": [{"Id": "1", "Name": "id", "Type": "t"}]}, {"Id": "2"}],
    "OfflineTaskAddEntity": {"CycleType": 3},
    "SyncType": 2,
    "TaskMode": "1",
}


@given(st.dictionaries(st.sampled_from(list(FULL)), anything))
def test_whatever_the_service_shows_is_judged(shown: dict[str, Any]) -> None:
    """A reply is data from outside: no shape of it is a crash."""
    not_kept(FULL, {**FULL, **shown})


def test_what_was_kept_as_written_is_kept() -> None:
    """The plainest case of all."""
    assert lost(FULL, FULL) == []


columns = st.lists(
    st.dictionaries(
        st.sampled_from(["Id", "Name", "SourceSchemaId", "SinkSchemaId"]),
        st.sampled_from(["1", "2", "", None, 1, True]),
    ),
    max_size=4,
)


@given(columns, columns, st.booleans())
@example([{"SourceSchemaId": "1"}], [{"SinkSchemaId": "2"}], True)
@example([{"SourceSchemaId": "1", "SinkSchemaId": ""}], [], True)
def test_a_list_that_is_word_for_word_as_written_is_judged_as_item_by_item(
    written: list[dict[str, Any]], shown: list[dict[str, Any]], is_added_to: bool
) -> None:
    """Looking at all of it at once is only quicker: what it says is what looking at each item says."""
    if is_added_to:
        shown = [*(theirs | mine for mine, theirs in zip(written, [*shown, *written], strict=False)), *shown]
    sides = [
        {**node(Schema=items), "Mappings": [{"SourceId": "1", "SinkId": "2", "SchemaMappings": items}]}
        for items in (written, shown)
    ]
    at_once = kept(*sides)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(readback, "_are_word_for_word", lambda *_: False)
        assert kept(*sides) == at_once
