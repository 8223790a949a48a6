"""The canonical form: two ways of writing the same thing have one, and it is what is sent."""

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.body.normalize import Remarks, compared, keys_of, merged, normal_task, record_text, sent
from provisioner.core.json_types import JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK

RULES = OBJECTS[TASK]


def normal(info: dict[str, Any]) -> dict[str, JSONValue]:
    """The normal form of a body that draws no fault."""
    remarks = Remarks()
    result = normal_task(info, remarks)
    assert remarks.faults == []
    return result


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("", ""),
        (1, "1"),
        (-7, "-7"),
        (True, "true"),
        (False, "false"),
        (5.0, "5.0"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (17865298918277529, "17865298918277529"),
    ],
    ids=str,
)
def test_setting_is_sent_as_text(value: str | float, text: str) -> None:
    """A number or truth value as it stands in JSON."""
    assert record_text(value) == text


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "list-and-map": (
        {"Config": [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": 1}]},
        {"Config": {"a": "1", "b": 2}},
    ),
    "order-of-settings": ({"Config": {"a": 1, "b": 2}}, {"Config": {"b": 2, "a": 1}}),
    "order-of-fields": ({"SyncType": 1, "TaskMode": "1"}, {"TaskMode": "1", "SyncType": 1}),
    "order-of-nodes": (
        {"Nodes": [{"Name": "b"}, {"Name": "a"}]},
        {"Nodes": [{"Name": "a"}, {"Name": "b"}]},
    ),
    "order-of-mappings": (
        {"Mappings": [{"SourceId": "1", "SinkId": "3"}, {"SourceId": "1", "SinkId": "2"}]},
        {"Mappings": [{"SourceId": "1", "SinkId": "2"}, {"SourceId": "1", "SinkId": "3"}]},
    ),
    "whole-fraction": ({"SyncType": 2.0}, {"SyncType": 2}),
    "absent-and-null": ({"Description": None}, {}),
    "absent-and-empty": ({"Description": "", "Nodes": [], "Config": {}, "OfflineTaskAddEntity": {}}, {}),
    "absent-and-empty-inside": (
        {"OfflineTaskAddEntity": {"CycleType": None}, "Config": {"a": None}},
        {"OfflineTaskAddEntity": None, "Config": []},
    ),
    "setting-without-value": (
        {"Config": [{"Name": "a"}, {"Name": "b", "Value": 1}]},
        {"Config": {"b": 1}},
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_same_thing_has_one_form(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Compared and sent alike, and in the same order."""
    assert list(sent(normal(one)).items()) == list(sent(normal(other)).items())
    assert compared(normal(one)) == compared(normal(other))


ID = {"Id": "1", "Name": "id", "Type": "bigint"}
AMOUNT = {"Id": "2", "Name": "amount", "Type": "bigint"}
DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "order-of-columns": (
        {"Nodes": [{"Name": "n", "Schema": [ID, AMOUNT]}]},
        {"Nodes": [{"Name": "n", "Schema": [AMOUNT, ID]}]},
    ),
    "order-without-keys": (
        {"Nodes": [{"NodeType": "INPUT"}, {"NodeType": "OUTPUT"}]},
        {"Nodes": [{"NodeType": "OUTPUT"}, {"NodeType": "INPUT"}]},
    ),
    "empty-setting": ({"Config": {"a": ""}}, {"Config": {}}),
    "zero": ({"SyncType": 0}, {}),
    "false": ({"OfflineTaskAddEntity": {"TaskAutoSubmit": False}}, {}),
    "number-as-text": ({"Config": {"a": 5.0}}, {"Config": {"a": 5}}),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_different_things_have_different_forms(one: dict[str, Any], other: dict[str, Any]) -> None:
    """What carries meaning is kept: an order of columns, a zero, a truth value."""
    assert compared(normal(one)) != compared(normal(other))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["x", "y"], 'Config has two items with Name "a": items 0 and 1'),
        ([1, "x"], 'Config has two items with Name "a": items 0 and 1'),
        ([None, 1], 'Config has two items with Name "a": items 0 and 1'),
    ],
    ids=["texts", "number-and-text", "null-and-number"],
)
def test_setting_that_is_there_twice_is_a_fault(entries: list[JSONValue], message: str) -> None:
    """Whatever the two values are; which one was meant cannot be told."""
    remarks = Remarks()
    normal_task({"Config": [{"Name": "a", "Value": value} for value in entries]}, remarks)
    assert [(fault.path, fault.message) for fault in remarks.faults] == [(("Config", 1, "Name"), message)]


def test_each_repetition_is_a_fault_of_its_own() -> None:
    """Three items of one name are two too many."""
    remarks = Remarks()
    normal_task({"Nodes": [{"Name": "n"}, {"Name": "n"}, {"Name": "m"}, {"Name": "n"}]}, remarks)
    assert [fault.message for fault in remarks.faults] == [
        'Nodes has two items with Name "n": items 0 and 1',
        'Nodes has two items with Name "n": items 0 and 3',
    ]


def test_mapping_that_is_there_twice_is_kept_as_written() -> None:
    """Two nodes may be joined twice: no fault, and no order is made up."""
    mappings = [
        {"SinkId": "2", "SourceId": "1", "ExtConfig": {"b": "1"}},
        {"SinkId": "2", "SourceId": "1", "ExtConfig": {"a": "1"}},
        {"SinkId": "1", "SourceId": "1"},
    ]
    assert compared(normal({"Mappings": mappings}))["Mappings"] == mappings


def test_field_of_the_service_is_sent_and_never_compared() -> None:
    """It is remarked on, with its place."""
    remarks = Remarks()
    info = normal_task({"Status": 0, "Nodes": [{"Name": "n", "CreatorUin": "1"}], "TaskName": "t"}, remarks)
    assert remarks.service_fields == [("Nodes", 0, "CreatorUin"), ("Status",)]
    assert remarks.has_uncompared
    assert sent(info) == {"Nodes": [{"CreatorUin": "1", "Name": "n"}], "Status": 0, "TaskName": "t"}
    assert compared(info) == {"Nodes": [{"Name": "n"}], "TaskName": "t"}


def test_mirror_is_not_compared_and_not_remarked_on() -> None:
    """The project once more is no reason for a warning."""
    remarks = Remarks()
    info = normal_task({"ProjectId": "1", "TaskName": "t"}, remarks)
    assert (remarks.service_fields, remarks.warnings, remarks.has_uncompared) == ([], [], True)
    assert compared(info) == {"TaskName": "t"}


@pytest.mark.parametrize(
    "info",
    [{}, {"TaskName": "t", "Config": {"a": 1}, "Nodes": [{"Name": "n", "Id": "1"}]}, {"Status": None}],
    ids=["empty", "plain", "null"],
)
def test_body_without_remarks_is_compared_as_it_is_sent(info: dict[str, Any]) -> None:
    """So one of the two need not be worked out."""
    remarks = Remarks()
    result = normal_task(info, remarks)
    assert not remarks.has_uncompared
    assert sent(result) == compared(result)


def test_value_that_the_definition_does_not_list_is_a_warning() -> None:
    """With what is listed, cut short, and the one that may have been meant."""
    remarks = Remarks()
    normal_task({"SyncType": 0, "Nodes": [{"DataSourceType": "MYSQl"}]}, remarks)
    assert [fault.message for fault in remarks.warnings] == [
        (
            'Nodes[0].DataSourceType is "MYSQl", which the API definition does not list (did you mean "MYSQL"?): '
            '"MYSQL", "POSTGRE", "ORACLE", "SQLSERVER", "FTP", "HIVE", "HDFS", "ICEBERG", …'
        ),
        "SyncType is 0, which the API definition does not list: 1, 2",
    ]


@pytest.mark.parametrize("value", [2, 2.0, None], ids=str)
def test_listed_value_draws_no_warning(value: JSONValue) -> None:
    """However it is written; and nothing is not a value."""
    remarks = Remarks()
    normal_task({"SyncType": value}, remarks)
    assert remarks.warnings == []


def test_field_of_the_china_site_is_a_warning() -> None:
    """At its key: the name is what the other site refuses."""
    remarks = Remarks()
    normal_task({"TagList": [{"Key": "k", "Value": "v"}]}, remarks)
    (warning,) = remarks.warnings
    assert warning.at_key
    assert warning.message == "TagList is declared on the China site only; elsewhere it is refused"


MERGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "own-stands-over-default": ({"SyncType": 1}, {"SyncType": 2}, {"SyncType": 2}),
    "default-fills-in": ({"SyncType": 1}, {}, {"SyncType": 1}),
    "maps-are-merged": (
        {"Config": {"a": "1", "b": "1"}},
        {"Config": {"b": "2"}},
        {"Config": {"a": "1", "b": "2"}},
    ),
    "lists-are-replaced": (
        {"Nodes": [{"Name": "a"}]},
        {"Nodes": [{"Name": "b"}]},
        {"Nodes": [{"Name": "b"}]},
    ),
    "null-undoes": ({"SyncType": 1}, {"SyncType": None}, {}),
    "null-undoes-a-setting": (
        {"Config": {"a": "1", "b": "1"}},
        {"Config": {"a": None}},
        {"Config": {"b": "1"}},
    ),
    "null-undoes-a-map": ({"Config": {"a": "1"}}, {"Config": None}, {}),
    "null-undoes-inside": (
        {"OfflineTaskAddEntity": {"CycleType": 1, "CycleStep": 1}},
        {"OfflineTaskAddEntity": {"CycleType": None}},
        {"OfflineTaskAddEntity": {"CycleStep": 1}},
    ),
    "empty-map-keeps": ({"Config": {"a": "1"}}, {"Config": {}}, {"Config": {"a": "1"}}),
}


@pytest.mark.parametrize(("defaults", "own", "expected"), MERGES.values(), ids=MERGES)
def test_defaults_stand_under_a_task_s_own_fields(
    defaults: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]
) -> None:
    """And neither of the two is changed by it."""
    before = copy.deepcopy((defaults, own))
    assert sent(merged(normal(defaults), normal(own))) == expected
    assert (defaults, own) == before


def test_keys_tell_items_apart_where_each_has_one() -> None:
    """A list without a key, or with an item that lacks it, is matched by position."""
    assert keys_of([{"Name": "a"}, {"Name": "b"}], RULES["Nodes"]) == [("a",), ("b",)]
    assert keys_of([{"Name": "a"}, {}], RULES["Nodes"]) is None
    assert keys_of([{"Name": None}], RULES["Nodes"]) is None
    assert keys_of([], RULES["Nodes"]) == []
    assert keys_of([{}], RULES["Config"]) is None


names = st.text("abc", min_size=1, max_size=2)
records = st.dictionaries(names, st.none() | st.booleans() | st.integers() | names)
nodes = st.lists(
    st.fixed_dictionaries(
        {"Name": names}, optional={"Config": records, "Description": st.none() | st.text()}
    ),
    max_size=3,
    unique_by=lambda node: str(node["Name"]),
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "Config": records,
        "Description": st.none() | st.text(),
        "Nodes": nodes,
        "OfflineTaskAddEntity": st.none()
        | st.fixed_dictionaries({}, optional={"CycleType": st.none() | st.integers(0)}),
        "Status": st.none() | st.integers(),
        "SyncType": st.none() | st.integers(),
    },
)


def as_listed(value: JSONValue, source: random.Random) -> JSONValue:
    """The same body written in another way: settings as lists, items and fields in another order."""
    if isinstance(value, dict):
        items = [(key, as_listed(item, source)) for key, item in value.items()]
        source.shuffle(items)
        result: dict[str, Any] = dict(items)
        if isinstance(config := result.get("Config"), dict):
            result["Config"] = [{"Value": item, "Name": name} for name, item in config.items()]
        return result
    if isinstance(value, list):
        return source.sample([as_listed(item, source) for item in value], len(value))
    return value


@given(bodies, st.randoms(use_true_random=False))
def test_any_body_has_one_form_however_it_is_written(body: dict[str, Any], source: random.Random) -> None:
    """Lists or maps, whatever the order: one canonical form, and it is its own canonical form."""
    other = as_listed(body, source)
    assert isinstance(other, dict)
    assert sent(normal(other)) == sent(normal(body))
    once = sent(normal(body))
    assert sent(normal(once)) == once
    assert compared(once) == compared(normal(body))


# A null in the middle undoes what stands below it, so the lower two are always put together first.
layers = bodies.filter(lambda body: body.get("OfflineTaskAddEntity", {}) is not None)


@given(layers, layers, layers)
def test_defaults_merge_in_layers(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    """It does not matter which two of three layers are put together first."""
    low, middle, high = normal(one), normal(two), normal(three)
    assert merged(merged(low, middle), high) == merged(low, merged(middle, high))
