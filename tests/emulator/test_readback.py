"""How a read differs from what was written: as in the captured reply, or as a switch says."""

import json
from typing import Any

import pytest

from provisioner.emulator import definition
from provisioner.emulator.service import Service
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches
from provisioner.emulator.tasks import OWNER


def _read(info: dict[str, Any], *, modify: bool = False, **switches: Any) -> dict[str, Any]:
    """A task as it is read after it was written, by a create or by a modify."""
    declared = definition.load()
    service = Service(declared, Switches(switches), Storage(None, declared), lambda: 1_700_000_000.0)
    first = {"TaskName": "a", "TaskType": info.get("TaskType", 201)} if modify else {"TaskName": "a", **info}
    reply = service.perform("CreateIntegrationTask", {"ProjectId": "1", "TaskInfo": first})
    if modify:
        changed = {"TaskName": "a", **info, "TaskId": reply["TaskId"]}
        service.perform("ModifyIntegrationTask", {"ProjectId": "1", "TaskInfo": changed})
    names = {"ProjectId": "1", "TaskId": reply["TaskId"], "TaskType": info.get("TaskType", 201)}
    read: dict[str, Any] = service.perform("DescribeIntegrationTask", names)["TaskInfo"]
    assert json.loads(json.dumps(read)) == read
    return read


def _settings(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def test_what_is_not_set_reads_as_in_the_captured_reply() -> None:
    """Texts, ids, numbers and lists each in their way; every field is there, in alphabetical order."""
    read = _read({"Nodes": [{"Name": "n"}]}, console_settings="none")
    assert list(read) == sorted(read)
    declared = definition.load().objects["IntegrationTaskInfo"].values()
    assert set(read) == {field.name for field in declared if not field.china_only}
    for name in ("Description", "ScheduleTaskId", "InLongStreamId", "TaskMode"):
        assert read[name] == ""
    for name in ("TaskGroupId", "WorkflowId"):
        assert read[name] == "-1"
    for name in ("NumRecordsIn", "NumRecordsOut", "NumRestarts", "ReaderDelay"):
        assert read[name] == -1
    assert read["ExecuteContext"] == []
    for name in ("ExtConfig", "Mappings", "DataProxyUrl", "TaskAlarmRegularList", "Submit"):
        assert read[name] is None
    node = read["Nodes"][0]
    for name in ("Description", "Config", "Schema", "NodeMapping", "CreateTime", "UpdateTime", "CreatorUin"):
        assert node[name] is None
    assert node["OwnerUin"] == OWNER


def test_what_is_not_set_may_all_be_null() -> None:
    """Nobody has seen it, so it has to be borne."""
    read = _read({}, unset="null")
    for name in ("Description", "TaskMode", "WorkflowId", "NumRecordsIn", "ExecuteContext", "Config"):
        assert read[name] is None


def test_what_is_set_reads_as_it_was_written() -> None:
    """Also where the captured reply has a word for its absence."""
    info: dict[str, Any] = {
        "Description": "d",
        "WorkflowId": "7",
        "TaskMode": "1",
        "ExecuteContext": _settings(a="1"),
    }
    info["OfflineTaskAddEntity"] = dict.fromkeys(definition.load().objects["OfflineTaskAddParam"])
    info["OfflineTaskAddEntity"]["CycleStep"] = 0
    info["DataProxyUrl"] = ["http://127.0.0.1"]
    for unset in ("captured", "null"):
        read = _read(info, unset=unset)
        assert {name: read[name] for name in info} == info


@pytest.mark.parametrize(
    ("switch", "info", "expected"),
    [
        ("captured", {"SyncType": 1}, ""),
        ("captured", {"SyncType": 2}, "1"),
        ("captured", {"SyncType": 1, "TaskType": 202}, "1"),
        ("keep", {"SyncType": 1}, "1"),
        ("empty", {"SyncType": 2}, ""),
    ],
    ids=str,
)
def test_the_task_mode_of_whole_databases_reads_empty(
    switch: str, info: dict[str, Any], expected: str
) -> None:
    """As captured; or never, or always."""
    assert _read({"TaskMode": "1", **info}, task_mode=switch)["TaskMode"] == expected


def test_the_console_adds_settings_to_nodes() -> None:
    """Its own in Config, the canvas in ExtConfig; what somebody wrote is not there twice."""
    nodes = [{"Name": "n", "Config": _settings(Database="shop", isNew="true")}]
    node = _read({"Nodes": nodes})["Nodes"][0]
    config = {setting["Name"]: setting["Value"] for setting in node["Config"]}
    assert len(config) == len(node["Config"])
    assert config == {"SiblingNodes": "[]", "encoding": "null", "Database": "shop", "isNew": "true"}
    assert {"x", "y"} <= {setting["Name"] for setting in node["ExtConfig"]}
    plain = _read({"Nodes": nodes}, console_settings="none")["Nodes"][0]
    assert (plain["Config"], plain["ExtConfig"]) == (nodes[0]["Config"], None)


def test_every_name_value_list_may_come_in_another_order() -> None:
    """On every level; other lists keep theirs."""
    pair = _settings(a="1", b="2")
    schema = [
        {"Id": "1", "Name": "c", "Type": "t", "Properties": pair},
        {"Id": "2", "Name": "d", "Type": "t"},
    ]
    info = {
        **dict.fromkeys(("Config", "ExtConfig", "ExecuteContext"), pair),
        "Nodes": [{"Name": "n", "Config": pair, "ExtConfig": pair, "Schema": schema}, {"Name": "m"}],
        "Mappings": [{"SourceId": "1", "SinkId": "2", "SourceSchema": schema, "ExtConfig": pair}],
    }
    read = _read(info, settings_order="reversed", console_settings="none")
    node, mapping = read["Nodes"][0], read["Mappings"][0]
    for found in (
        *(read["Config"], read["ExtConfig"], read["ExecuteContext"], node["Config"], node["ExtConfig"]),
        *(node["Schema"][0]["Properties"], mapping["SourceSchema"][0]["Properties"], mapping["ExtConfig"]),
    ):
        assert found == pair[::-1]
    assert [column["Id"] for column in node["Schema"]] == ["1", "2"]
    assert [one["Name"] for one in read["Nodes"]] == ["n", "m"]
    assert _read(info)["Config"] == pair


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('{"b":[1,2],"a":"x, y"}', '{"a": "x, y", "b": [1, 2]}'),
        ("[1, 2]", "[1,2]"),
        ('["测试"]', '["测试"]'),
        ("[1,2", "[1,2"),
        ("{}", "{}"),
        ("1.50", "1.50"),
        ("[" * 100_000, "[" * 100_000),
    ],
    ids=lambda text: text[:20],
)
def test_json_in_settings_may_come_back_otherwise(written: str, read: str) -> None:
    """The same JSON, other white space; what is no JSON list or object stays."""
    config = _settings(a=written)
    assert _read({"Config": config}, json_settings="reserialised")["Config"] == _settings(a=read)
    assert _read({"Config": config})["Config"] == config


def test_a_setting_without_a_value_stays_without() -> None:
    """There is nothing to spell otherwise."""
    read = _read({"Config": [{"Name": "a"}]}, json_settings="reserialised")
    assert read["Config"] == [{"Name": "a", "Value": None}]


@pytest.mark.parametrize("modify", [False, True], ids=["create", "modify"])
@pytest.mark.parametrize(
    ("how", "ids", "ends"),
    [
        ("keep", ["1", "7", "90002"], ("1", "7")),
        ("renumber", ["90000", "90001", "90002"], ("1", "7")),
        ("renumber_all", ["90000", "90001", "90002"], ("90000", "90001")),
    ],
)
def test_nodes_keep_their_ids_or_get_others(how: str, ids: list[str], ends: Any, *, modify: bool) -> None:
    """And what points to them stays, or follows."""
    mapping = {"SourceId": "1", "SinkId": "7"}
    nodes = [{"Id": "1", "Name": "n"}, {"Id": "7", "Name": "m", "NodeMapping": mapping}, {"Name": "o"}]
    read = _read({"Nodes": nodes, "Mappings": [mapping, {"SourceId": "1"}]}, modify=modify, node_ids=how)
    assert [node["Id"] for node in read["Nodes"]] == ids
    for found in (read["Mappings"][0], read["Nodes"][1]["NodeMapping"]):
        assert (found["SourceId"], found["SinkId"]) == ends
    assert (read["Mappings"][1]["SourceId"], read["Mappings"][1]["SinkId"]) == (ends[0], None)


def test_nodes_may_be_renumbered_without_mappings() -> None:
    """Nothing points to them."""
    read = _read({"Nodes": [{"Name": "n"}]}, node_ids="renumber_all")
    assert (read["Nodes"][0]["Id"], read["Mappings"]) == ("90000", None)
