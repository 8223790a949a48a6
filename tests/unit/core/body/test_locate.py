"""From a path in the canonical body to the place where its author wrote it."""

from typing import Any

import pytest

from provisioner.core.body.diff import ItemKey
from provisioner.core.body.locate import spot_of

INFO: dict[str, Any] = {
    "Description": "x",
    "Config": {"a": 1},
    "ExtConfig": [{"Name": "b", "Value": "2"}, {"Name": "bare"}],
    "ExecuteContext": None,
    "OfflineTaskAddEntity": {"CycleStep": 1},
    "Nodes": [
        {
            "Name": "in",
            "Config": [{"Name": "c", "Value": "3"}],
            "Schema": [{"Id": "2"}, {"Id": "1", "Type": "int"}],
        },
        {"Name": "twice"},
        {"Name": "twice"},
    ],
    "Mappings": [{"SourceId": "1", "SinkId": "2", "SchemaMappings": [{"SourceSchemaId": "9"}]}],
}


@pytest.mark.parametrize(
    ("path", "place", "is_setting"),
    [
        (("Description",), ("Description",), False),
        (("Config", "a"), ("Config", "a"), True),
        (("ExtConfig", "b"), ("ExtConfig", 0, "Value"), True),
        (("OfflineTaskAddEntity", "CycleStep"), ("OfflineTaskAddEntity", "CycleStep"), False),
        (("Nodes", ItemKey("in"), "Config", "c"), ("Nodes", 0, "Config", 0, "Value"), True),
        (("Nodes", ItemKey("in"), "Schema", ItemKey("1"), "Type"), ("Nodes", 0, "Schema", 1, "Type"), False),
        (("Mappings", ItemKey("1 → 2"), "SinkId"), ("Mappings", 0, "SinkId"), False),
        (
            ("Mappings", ItemKey("1 → 2"), "SchemaMappings", "0", "SourceSchemaId"),
            ("Mappings", 0, "SchemaMappings", 0, "SourceSchemaId"),
            False,
        ),
    ],
)
def test_a_plain_value_has_a_place(
    path: tuple[str, ...], place: tuple[str | int, ...], is_setting: bool
) -> None:
    """In both forms of settings, and in items by their keys, whatever their order."""
    spot = spot_of({"TaskInfo": INFO}, path)
    assert spot is not None
    assert (spot.path, spot.is_setting) == (("TaskInfo", *place), is_setting)


@pytest.mark.parametrize(
    "path",
    [
        ("TaskName",),
        ("Unheard",),
        ("Config",),
        ("Config", "other"),
        ("ExtConfig", "bare"),
        ("ExecuteContext", "a"),
        ("OfflineTaskAddEntity",),
        ("Description", "deeper"),
        ("Nodes",),
        ("Nodes", ItemKey("in")),
        ("Nodes", ItemKey("twice"), "Name"),
        ("Nodes", ItemKey("nobody"), "Name"),
        ("Nodes", "7", "Name"),
        ("Nodes", "(order)", "x"),
        ("Mappings", ItemKey("1 → 2"), "ExtConfig", "a"),
    ],
    ids=str,
)
def test_what_does_not_stand_there_alone_has_none(path: tuple[str, ...]) -> None:
    """What comes from defaults, whole items, and what cannot be told apart."""
    assert spot_of({"TaskInfo": INFO}, path) is None


def test_a_document_of_another_shape_has_no_places() -> None:
    """Nothing is guessed."""
    assert spot_of(None, ("Description",)) is None
    assert spot_of({"TaskInfo": {"Nodes": None}}, ("Nodes", ItemKey("in"), "Name")) is None
