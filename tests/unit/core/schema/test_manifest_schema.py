"""The schemas: valid themselves, up to date in ``schemas/``, and read alike by every validator."""

import json
import re
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator

from projects import REPOSITORY
from provisioner.commands.verbs.schema import schema_text
from provisioner.core.json_types import JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, Kind, Role
from provisioner.core.schema.manifest_schema import DIALECT, manifest_schema, task_definitions
from provisioner.core.schema.validation import Checker

NAMES = ["manifest", "settings"]


@pytest.mark.parametrize("name", NAMES)
def test_schema_in_the_repository_is_current(name: str) -> None:
    """``provisioner schema NAME > schemas/NAME.schema.json`` brings it up to date."""
    path = REPOSITORY / f"schemas/{name}.schema.json"
    assert path.read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_valid_schema(name: str) -> None:
    """Of the dialect that it names."""
    schema = json.loads(schema_text(name))
    assert schema["$schema"] == DIALECT
    Draft202012Validator.check_schema(schema)


def parts(schema: JSONValue) -> Iterator[dict[str, JSONValue]]:
    """A schema and every schema in it."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


@pytest.mark.parametrize("name", NAMES)
def test_patterns_are_read_alike_by_every_validator(name: str) -> None:
    """Neither classes nor anchors that Python, Rust and editors take differently."""
    for part in parts(json.loads(schema_text(name))):
        if isinstance(pattern := part.get("pattern"), str):
            assert not re.search(r"\\[dDwWsSbBAzZ]", pattern), pattern


@pytest.mark.parametrize("name", NAMES)
def test_references_lead_somewhere(name: str) -> None:
    """Each ``$ref`` names a definition of the same file."""
    schema = json.loads(schema_text(name))
    for part in parts(schema):
        if isinstance(reference := part.get("$ref"), str):
            assert reference.removeprefix("#/$defs/") in schema["$defs"]


def test_every_field_is_described() -> None:
    """Editors show what a field is for, who sets it, and what values are usual."""
    for name, rules in OBJECTS.items():
        definition = task_definitions()[name]
        assert isinstance(definition, dict)
        assert list(definition["properties"]) == list(rules)
        if name == "RecordField":
            continue
        for field, rule in rules.items():
            shown = definition["properties"][field]
            assert shown["description"].startswith(rule.text)
            assert ("never compared" in shown["description"]) == (rule.role in (Role.MIRROR, Role.SERVICE))
            assert shown.get("examples", []) == list(rule.values)
            assert ("$comment" in shown) == rule.china_only


CHECKER = Checker(manifest_schema())
GOOD: dict[Kind, list[JSONValue]] = {
    Kind.STRING: ["", "x", None],
    Kind.INTEGER: [0, -(2**63), 2**63 - 1, 2.0, None],
    Kind.UNSIGNED: [0, 2**64 - 1, None],
    Kind.NUMBER: [0, -1, 0.5, None],
    Kind.BOOLEAN: [True, False, None],
    Kind.STRINGS: [[], ["x"], None],
    Kind.RECORDS: [[], {}, None, {"a": 1, "b": None}, [{"Name": "a", "Value": True}], [{"Name": "a"}]],
    Kind.OBJECT: [{}, None],
    Kind.OBJECTS: [[], None],
}
BAD: dict[Kind, list[JSONValue]] = {
    Kind.STRING: [1, True, [], {}],
    Kind.INTEGER: ["1", True, 1.5, 2**63, -(2**63) - 1],
    Kind.UNSIGNED: [-1, 2**64, "1", 1.5],
    Kind.NUMBER: ["1", True],
    Kind.BOOLEAN: [0, "true"],
    Kind.STRINGS: ["x", [1], [None], {}],
    Kind.RECORDS: ["x", 1, {"": 1}, {"a": []}, [{"Name": ""}], [{"Value": "x"}], [{"Name": 1}], [{}], [1]],
    Kind.OBJECT: [1, "x", [], {"Colour": 1}],
    Kind.OBJECTS: [{}, "x", [1], [{"Colour": 1}], [None]],
}
FIELDS = {rule.kind: rule.name for rule in OBJECTS[TASK].values() if not rule.required}
FIELDS[Kind.UNSIGNED] = "CycleType"


def document(kind: Kind, value: JSONValue) -> JSONValue:
    """A manifest whose only field is of that kind."""
    info: JSONValue = {FIELDS[kind]: value}
    if kind is Kind.UNSIGNED:
        info = {"OfflineTaskAddEntity": info}
    return {"name": "a", "TaskInfo": info}


@pytest.mark.parametrize("kind", Kind)
def test_kind_allows_what_the_api_takes(kind: Kind) -> None:
    """And an explicit null, which undoes a default."""
    for value in GOOD[kind]:
        assert CHECKER.check(document(kind, value)) == [], value


@pytest.mark.parametrize("kind", Kind)
def test_kind_refuses_what_the_api_does_not_take(kind: Kind) -> None:
    """Nothing is converted behind the author's back."""
    for value in BAD[kind]:
        assert CHECKER.check(document(kind, value)) != [], value


@pytest.mark.parametrize("lifecycle", [None, {}, {"prevent_destroy": True, "ignore_changes": ["Nodes"]}])
def test_lifecycle_is_ours(lifecycle: JSONValue) -> None:
    """It may be left out, be empty, or name fields that are compared."""
    assert CHECKER.is_valid({"TaskInfo": {}, "lifecycle": lifecycle})


@pytest.mark.parametrize("field", ["TaskId", "ProjectId", "Status", "Colour", "Id"])
def test_field_that_is_never_compared_cannot_be_ignored(field: str) -> None:
    """It would promise what is so anyway."""
    assert not CHECKER.is_valid({"TaskInfo": {}, "lifecycle": {"ignore_changes": [field]}})
