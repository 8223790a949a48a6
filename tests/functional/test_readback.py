"""However the service reads back what was written: applied is applied, without a word about it."""

import pytest

from projects import Project
from provisioner.emulator.server import EmulatorServer

RICH = """
kind: IntegrationTask
name: rich
TaskInfo:
  SyncType: 1
  TaskType: 201
  TaskMode: "1"
  Config: {list: '[1, 2]', map: '{"b":1,"a":"x, y"}', concurrency: 1}
  ExtConfig: {b: "1", a: "2"}
  ExecuteContext: {z: "1", y: "2"}
  Nodes:
    - {Id: "1", Name: in, NodeType: INPUT, Config: {Database: shop, Tables: '["a","b"]'},
       ExtConfig: {x: "5"}, Schema: [{Id: "11", Name: id, Type: bigint, Properties: {b: "1", a: "2"}}]}
    - {Id: "2", Name: out, NodeType: OUTPUT, Description: The lake, Config: {Database: ods},
       NodeMapping: {SourceId: "1", SinkId: "2", ExtConfig: {b: "1", a: "2"}}}
  Mappings:
    - {SourceId: "1", SinkId: "2", SchemaMappings: [{SourceSchemaId: "11", SinkSchemaId: "21"}],
       ExtConfig: {b: "1", a: "2"}}
"""
BARE = "kind: IntegrationTask\nname: bare\nTaskInfo: {SyncType: 2}\n"
WORST = {
    "settings_order": "reversed",
    "json_settings": "reserialised",
    "node_ids": "renumber_all",
    "task_mode": "empty",
    "console_settings": "add",
}


@pytest.fixture
def remote(remote: Project, examples: Project) -> Project:
    """The example manifests, one with everything in it and one with nothing, against the emulator."""
    examples.write("manifests/rich.yaml", RICH)
    examples.write("manifests/bare.yaml", BARE)
    return remote


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"unset": "null"},
        {"console_settings": "none"},
        {"settings_order": "reversed"},
        {"json_settings": "reserialised"},
        {"node_ids": "renumber"},
        {"node_ids": "renumber_all"},
        {"task_mode": "keep"},
        WORST,
        {**WORST, "unset": "null", "modify": "merge"},
        {**WORST, "create_keeps": "scalars"},
    ],
    ids=str,
)
def test_no_way_of_reading_back_is_a_difference(
    remote: Project, emulator: EmulatorServer, switches: dict[str, str]
) -> None:
    """Created and changed without remarks, nothing left to do, and found again without a state."""
    emulator.switches.set(switches)
    created = remote.run("apply", "-auto-approve")
    assert created.code == 0, created.err
    remote.write("manifests/rich.yaml", RICH.replace("concurrency: 1", "concurrency: 2"))
    changed = remote.run("apply", "-auto-approve")
    assert changed.code == 0, changed.err
    assert "1 changed" in changed.out
    for ran in (created, changed):
        assert "did not keep" not in ran.err + ran.out
    count = len(emulator.service.tasks())
    for name in ("provisioner.state.json", "provisioner.state.journal"):
        (remote.root / name).unlink()
    adopted = remote.run("apply", "-auto-approve")
    assert adopted.code == 0, adopted.err
    assert len(emulator.service.tasks()) == count
    assert remote.run("plan").out.startswith("No changes.")
