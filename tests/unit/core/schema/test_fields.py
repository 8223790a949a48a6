"""The field table agrees with the API definition, name by name."""

import json
from typing import Any

import pytest

from projects import REPOSITORY
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind, Role

DEFINED: dict[str, list[dict[str, Any]]] = json.loads(
    (REPOSITORY / "provisioner/emulator/api.json").read_text(encoding="utf-8")
)["objects"]

KINDS = {
    ("string", ""): Kind.STRING,
    ("int64", ""): Kind.INTEGER,
    ("uint64", ""): Kind.UNSIGNED,
    ("float", ""): Kind.NUMBER,
    ("bool", ""): Kind.BOOLEAN,
    ("list", "string"): Kind.STRINGS,
    ("list", "RecordField"): Kind.RECORDS,
    ("object", "..."): Kind.OBJECT,
    ("list", "..."): Kind.OBJECTS,
}
ROLES = {
    "input": Role.INPUT,
    "input_or_server": Role.SHARED,
    "server": Role.SERVICE,
}
OTHER_ROLES = {
    (TASK, "TaskId"): Role.SERVICE,
    (TASK, "ProjectId"): Role.MIRROR,
    ("IntegrationNodeInfo", "Id"): Role.REFERENCE,
    ("IntegrationNodeInfo", "TaskId"): Role.MIRROR,
    ("IntegrationNodeInfo", "ProjectId"): Role.MIRROR,
}
"""Where the table says more than the definition does."""

ROWS = [(name, rule) for name, rules in OBJECTS.items() for rule in rules.values()]
IDS = [f"{name}.{rule.name}" for name, rule in ROWS]


def defined(name: str, field: str) -> dict[str, Any]:
    """What the definition says of one field."""
    return next(entry for entry in DEFINED[name] if entry["name"] == field)


@pytest.mark.parametrize("name", OBJECTS)
def test_object_has_exactly_the_defined_fields(name: str) -> None:
    """None is missing, none is made up, and they stand in the definition's order."""
    assert sorted(OBJECTS[name]) == sorted(entry["name"] for entry in DEFINED[name])
    assert all(field == rule.name for field, rule in OBJECTS[name].items())


@pytest.mark.parametrize(("name", "rule"), ROWS, ids=IDS)
def test_field_has_the_defined_type(name: str, rule: FieldRule) -> None:
    """Each type of the definition is one kind of the table."""
    entry = defined(name, rule.name)
    item = entry.get("item", "")
    nested = item not in ("", "string", "RecordField")
    assert KINDS[entry["type"], "..." if nested else item] is rule.kind
    assert rule.item == (item if nested else "")


@pytest.mark.parametrize(("name", "rule"), ROWS, ids=IDS)
def test_field_has_the_defined_role(name: str, rule: FieldRule) -> None:
    """Who decides a value; parts of an object are decided by whoever decides the object."""
    whole = Role.SERVICE if name == "LastOperateInfo" else Role.INPUT
    entry = defined(name, rule.name)
    expected = OTHER_ROLES.get((name, rule.name)) or (ROLES[entry["role"]] if "role" in entry else whole)
    assert rule.role is expected


@pytest.mark.parametrize(("name", "rule"), ROWS, ids=IDS)
def test_field_is_declared_where_the_definition_says(name: str, rule: FieldRule) -> None:
    """The international gateway refuses what only the China site declares."""
    assert rule.china_only == defined(name, rule.name).get("china_only", False)


def test_required_are_the_fields_without_which_nothing_can_be_said() -> None:
    """The definition asks for more in schedules than the vendor's own tools send, and for less here."""
    required = {(name, rule.name) for name, rule in ROWS if rule.required}
    in_definition = {
        (name, entry["name"]) for name in OBJECTS for entry in DEFINED[name] if entry.get("required")
    }
    assert required == {
        ("RecordField", "Name"),
        *((item) for item in in_definition if item[0] != "OfflineTaskAddParam"),
    }


def test_every_nested_object_is_in_the_table() -> None:
    """Whatever a body may contain has rules of its own."""
    assert {rule.item for _, rule in ROWS if rule.item} <= set(OBJECTS)


@pytest.mark.parametrize(("name", "rule"), ROWS, ids=IDS)
def test_row_is_sound(name: str, rule: FieldRule) -> None:
    """Keys are fields of the item, an order needs a key, values are of the field's type."""
    del name
    assert rule.text.endswith(".")
    assert set(rule.key) <= set(OBJECTS.get(rule.item, {}))
    assert rule.kind is Kind.OBJECTS or not rule.key
    assert rule.key or not rule.ordered
    kind = str if rule.kind is Kind.STRING else int
    assert all(type(value) is kind for value in rule.values)
    assert not rule.values or rule.kind in (Kind.STRING, Kind.INTEGER, Kind.UNSIGNED)
    assert len(set(rule.values)) == len(rule.values)


def test_what_cannot_change_in_place_says_why() -> None:
    """Exactly two fields make a change into a replacement."""
    assert {rule.name for _, rule in ROWS if rule.replaces} == {"TaskType", "TaskMode"}


def test_nobody_can_change_the_rules() -> None:
    """The table is the same for every reader."""
    with pytest.raises(TypeError):
        OBJECTS[TASK]["Colour"] = OBJECTS[TASK]["TaskName"]  # type: ignore[index]  # that is the promise
