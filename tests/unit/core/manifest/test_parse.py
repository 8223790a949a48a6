"""One document becomes one spec, or everything that is wrong with it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from projects import REPOSITORY
from provisioner.cloud.wire.requests import create_call
from provisioner.core.address import Address
from provisioner.core.api.calls import CreateTask
from provisioner.core.body.normalize import Remarks, normal_task
from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.parse import Defaults, Parsed, parse
from provisioner.core.manifest.spec import Removal, TaskSpec, collect, spec_digest, task_type_of
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker, path_text
from provisioner.core.source import Source

CHECKER = Checker(manifest_schema())
HERE = Source("a.yaml", 1, 1)
BODY = json.loads((REPOSITORY / "tests/golden/manifest/vendor-body.json").read_text(encoding="utf-8"))
EXAMPLE = json.loads((REPOSITORY / "manifests/vendor-example.json").read_text(encoding="utf-8"))


def parsed(document: JSONValue, defaults: Defaults | None = None) -> Parsed:
    """The document as this project reads it."""
    return parse(document, HERE, CHECKER, defaults or Defaults(project_id="1"))


def spec_from(document: JSONValue, defaults: Defaults | None = None) -> TaskSpec:
    """The spec of a document that has one."""
    spec = parsed(document, defaults).spec
    assert spec is not None
    return spec


def orders(**fields: JSONValue) -> dict[str, Any]:
    """A small manifest with these fields."""
    return {"name": "orders", "TaskInfo": fields}


def defaults(**fields: JSONValue) -> Defaults:
    """What a project may say under every manifest."""
    remarks = Remarks()
    return Defaults("1", normal_task(fields, remarks), has_uncompared=remarks.has_uncompared)


def faults(document: JSONValue, under: Defaults | None = None) -> list[tuple[str, str]]:
    """Where and what."""
    result = parsed(document, under)
    assert result.spec is None
    return [(path_text(fault.path), fault.message) for fault in result.faults]


# ── the vendor's documented example ─────────────────────────────────────────


def test_example_of_the_repository_is_the_vendor_s() -> None:
    """Our two keys apart, it is the documented body of CreateIntegrationTask."""
    assert {key: value for key, value in EXAMPLE.items() if key not in ("kind", "name")} == BODY
    assert EXAMPLE["name"] == "vendor-example"


WARNINGS = [
    (
        "set by the service, so sent on create only and never compared: TaskInfo.AppId, TaskInfo.CreatorUin, "
        "TaskInfo.Nodes[0].AppId, TaskInfo.Nodes[0].CreatorUin, TaskInfo.Nodes[0].OperatorUin, "
        "TaskInfo.Nodes[0].OwnerUin and 6 more"
    ),
    "TaskInfo.SyncType is 0, which the API definition does not list: 1, 2",
    "TaskInfo.TaskType is 0, which the API definition does not list: 201, 202",
]


@pytest.mark.parametrize(
    ("document", "name", "first"),
    [
        (EXAMPLE, "vendor-example", []),
        (
            BODY,
            "task-2",
            ["no name: the address is taken from TaskName; write name: task-2 to keep it for life"],
        ),
    ],
    ids=["with-name", "as-documented"],
)
def test_documented_example_is_a_manifest(document: JSONValue, name: str, first: list[str]) -> None:
    """As it stands; what is odd about it is said and nothing is refused."""
    result = parsed(document, Defaults())
    assert result.faults == ()
    assert result.spec is not None
    assert result.spec.address == name
    assert result.spec.project_id == "17865298918277529"
    assert result.spec.task_type == 201
    assert sorted(fault.message for fault in result.warnings) == sorted([*WARNINGS, *first])


def without_empty(value: Any) -> Any:
    """A copy without what is empty: the service does not tell it from absent."""
    if isinstance(value, dict):
        kept = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ("", [], {}, None)}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def test_documented_example_is_sent_as_documented() -> None:
    """Every field and every value that the vendor's page has, and none that it has not."""
    spec = spec_from(BODY, Defaults())
    assert create_call(
        CreateTask(project_id=spec.project_id, body=spec.create_body)
    ).parameters == without_empty(BODY)


def test_documented_example_is_compared_without_what_the_service_owns() -> None:
    """Neither its own ids nor the accounts are of the author's making."""
    body = spec_from(BODY, Defaults()).body
    assert {"TaskId", "Status", "CreatorUin", "AppId", "ProjectId"}.isdisjoint(body)
    assert set(spec_from(BODY, Defaults()).create_body) > set(body)


# ── address and project ─────────────────────────────────────────────────────


def test_name_is_the_address_and_the_default_task_name() -> None:
    """A task without a name of its own has its address for one."""
    spec = spec_from(orders())
    assert spec.address == "orders"
    assert spec.body == {"TaskName": "orders"}
    assert spec.source == HERE
    assert spec_from(orders(TaskName="Orders")).body == {"TaskName": "Orders"}


@pytest.mark.parametrize("task_name", [None, "orders to lake", ""], ids=["none", "unusable", "empty"])
def test_task_name_that_is_no_address_does_not_serve_as_one(task_name: JSONValue) -> None:
    """Then the document has to say its name."""
    assert faults({"TaskInfo": {"TaskName": task_name}}) == [
        ("", '"name" is missing: the address by which this task is known, for life')
    ]


@pytest.mark.parametrize(
    ("outer", "inner", "default", "expected"),
    [
        ("2", None, "1", "2"),
        (None, "2", "1", "2"),
        (None, None, "1", "1"),
        ("2", "2", None, "2"),
        (None, "", "1", "1"),
    ],
    ids=["outside", "inside", "from-settings", "both", "empty-inside"],
)
def test_project_is_the_nearest_that_is_given(
    outer: str | None, inner: str | None, default: str | None, expected: str
) -> None:
    """The document's, else TaskInfo's, else the settings'."""
    document: dict[str, Any] = {"name": "orders", "ProjectId": outer, "TaskInfo": {"ProjectId": inner}}
    assert spec_from(document, Defaults(default)).project_id == expected


def test_two_projects_in_one_document_are_a_fault() -> None:
    """Nobody can tell which one was meant."""
    document: dict[str, Any] = {"name": "orders", "ProjectId": "2", "TaskInfo": {"ProjectId": "3"}}
    assert faults(document) == [("TaskInfo.ProjectId", 'TaskInfo.ProjectId is "3", but ProjectId is "2"')]


def test_document_without_a_project_is_a_fault() -> None:
    """With both places where it may be written."""
    assert faults(orders(), Defaults()) == [
        ("", '"ProjectId" is missing: write it here, or project_id in provisioner.yaml')
    ]


# ── everything that is wrong ────────────────────────────────────────────────


def test_faults_of_the_schema_come_alone() -> None:
    """What is not of the right shape is not looked into further."""
    assert faults({"TaskInfo": {"SyncType": "1"}}, Defaults()) == [
        (
            "TaskInfo.SyncType",
            (
                'TaskInfo.SyncType must be a whole number, not the text "1": '
                "write 1, without quotes or leading zeros"
            ),
        )
    ]


def test_all_other_faults_come_together() -> None:
    """An author corrects a file once; warnings are not lost meanwhile."""
    document: dict[str, Any] = {
        "TaskInfo": {
            "Config": [{"Name": "a", "Value": 1}, {"Name": "a", "Value": "x"}],
            "Nodes": [
                {"Name": "n", "Schema": [{"Id": "1", "Name": "x", "Type": "t"}] * 2},
                {"Name": "n", "Id": "2"},
            ],
            "SyncType": 7,
        }
    }
    assert faults(document, Defaults()) == [
        ("TaskInfo.Config[1].Name", 'TaskInfo.Config has two items with Name "a": items 0 and 1'),
        (
            "TaskInfo.Nodes[0].Schema[1].Id",
            'TaskInfo.Nodes[0].Schema has two items with Id "1": items 0 and 1',
        ),
        ("TaskInfo.Nodes[1].Name", 'TaskInfo.Nodes has two items with Name "n": items 0 and 1'),
        ("", '"name" is missing: the address by which this task is known, for life'),
        ("", '"ProjectId" is missing: write it here, or project_id in provisioner.yaml'),
    ]
    assert [path_text(fault.path) for fault in parsed(document, Defaults()).warnings] == ["TaskInfo.SyncType"]


def test_few_fields_of_the_service_are_all_named() -> None:
    """At the first of them, at its key."""
    (warning,) = parsed(orders(Status=1, AppId="1")).warnings
    assert warning.message == (
        "set by the service, so sent on create only and never compared: TaskInfo.AppId, TaskInfo.Status"
    )
    assert (warning.path, warning.at_key) == (("TaskInfo", "AppId"), True)


# ── one meaning, one digest ─────────────────────────────────────────────────

RICH: dict[str, Any] = orders(
    SyncType=2,
    Config={"a": 1, "b": True},
    Nodes=[
        {
            "Name": "in",
            "Schema": [{"Id": "1", "Name": "a", "Type": "t"}, {"Id": "2", "Name": "b", "Type": "t"}],
        },
        {"Name": "out"},
    ],
)


def rewritten(**fields: JSONValue) -> dict[str, Any]:
    """``RICH`` with some fields written in another way."""
    return {**copy.deepcopy(RICH), "TaskInfo": {**copy.deepcopy(RICH["TaskInfo"]), **fields}}


NODES: list[Any] = RICH["TaskInfo"]["Nodes"]
SAME: dict[str, dict[str, Any]] = {
    "settings-as-a-list": rewritten(
        Config=[{"Name": "b", "Value": "true"}, {"Name": "a", "Value": "1"}],
    ),
    "nodes-in-another-order": rewritten(Nodes=NODES[::-1]),
    "project-in-the-document": {**RICH, "ProjectId": "1"},
    "project-once-more": rewritten(ProjectId="1"),
    "fields-of-the-service": rewritten(Status=3, TaskId="x"),
    "empty-fields": rewritten(Description="", ExtConfig=[], Incharge=None),
    "task-name-said": rewritten(TaskName="orders"),
    "kind-said": {"kind": "IntegrationTask", **RICH},
    "lifecycle": {**RICH, "lifecycle": {"prevent_destroy": True}},
}


@pytest.mark.parametrize("document", SAME.values(), ids=SAME)
def test_two_ways_of_writing_have_one_digest(document: dict[str, Any]) -> None:
    """So that nothing is done because a file was tidied up."""
    assert spec_from(document).digest == spec_from(RICH).digest
    assert spec_from(document).body == spec_from(RICH).body


DIFFERENT: dict[str, dict[str, Any]] = {
    "setting": rewritten(Config={"a": 2, "b": True}),
    "columns-in-another-order": rewritten(Nodes=[{**NODES[0], "Schema": NODES[0]["Schema"][::-1]}, NODES[1]]),
    "one-node-less": rewritten(Nodes=NODES[:1]),
    "other-project": {**RICH, "ProjectId": "2"},
    "other-task-name": rewritten(TaskName="Orders"),
}


@pytest.mark.parametrize("document", DIFFERENT.values(), ids=DIFFERENT)
def test_different_meanings_have_different_digests(document: dict[str, Any]) -> None:
    """A digest stands for everything that a comparison would look at."""
    assert spec_from(document).digest != spec_from(RICH).digest


def test_digest_is_over_project_and_body() -> None:
    """Whatever the order in which a body's fields were written."""
    spec = spec_from(RICH)
    assert spec.digest == spec_digest("1", dict(sorted(spec.body.items(), reverse=True)))
    assert len(spec.digest) == 64


def test_body_is_made_once_where_both_are_the_same() -> None:
    """Without fields of the service, what is compared is what is created."""
    spec = spec_from(RICH)
    assert spec.body == spec.create_body
    assert spec_from(rewritten(Status=3)).create_body == {**spec.body, "Status": 3}


def test_field_of_the_service_in_the_defaults_is_not_compared() -> None:
    """Whether it was written here or there."""
    spec = spec_from(RICH, defaults(Status=3))
    assert spec.create_body == {**spec.body, "Status": 3}
    assert spec.digest == spec_from(RICH).digest


# ── defaults and lifecycle ──────────────────────────────────────────────────


def test_defaults_fill_in_what_a_manifest_does_not_say() -> None:
    """Field by field and setting by setting; lists as a whole."""
    under = defaults(ExecutorId="7", Config={"a": "0", "z": "0"}, Nodes=[{"Name": "default"}])
    body = spec_from(RICH, under).body
    assert body["ExecutorId"] == "7"
    assert body["Config"] == {"a": "1", "b": "true", "z": "0"}
    assert body["Nodes"] == spec_from(RICH).body["Nodes"]


def test_null_undoes_a_default() -> None:
    """A whole field, or one setting of it."""
    under = defaults(ExecutorId="7", Config={"a": "0", "z": "0"})
    assert spec_from(orders(ExecutorId=None, Config={"a": None}), under).body == {
        "Config": {"z": "0"},
        "TaskName": "orders",
    }


def test_task_name_may_be_a_default() -> None:
    """It is a field like any other."""
    assert spec_from(orders(), defaults(TaskName="all")).body == {"TaskName": "all"}


@pytest.mark.parametrize(
    ("lifecycle", "prevent_destroy", "ignore_changes"),
    [
        (None, False, ()),
        ({}, False, ()),
        ({"prevent_destroy": True}, True, ()),
        ({"prevent_destroy": False, "ignore_changes": ["Config", "Nodes"]}, False, ("Config", "Nodes")),
    ],
    ids=["null", "empty", "protected", "ignoring"],
)
def test_lifecycle_is_read(
    lifecycle: JSONValue, prevent_destroy: bool, ignore_changes: tuple[str, ...]
) -> None:
    """How this tool treats the task; nothing of it is in the body."""
    spec = spec_from({**orders(), "lifecycle": lifecycle})
    assert spec.prevent_destroy is prevent_destroy
    assert spec.ignore_changes == ignore_changes
    assert spec.body == spec_from(orders()).body


@pytest.mark.parametrize(
    ("task_type", "expected"),
    [(201, 201), (202, 202), (0, 201), (None, 201)],
    ids=["real-time", "offline", "as-documented", "left-out"],
)
def test_task_that_is_not_offline_is_real_time(task_type: int | None, expected: int) -> None:
    """The family of actions is chosen by one value only."""
    assert task_type_of({"TaskType": task_type}) == expected
    assert spec_from(orders(TaskType=task_type)).task_type == expected


# ── many documents ──────────────────────────────────────────────────────────


def test_specs_are_collected_in_order_of_address() -> None:
    """Whatever the order of files."""
    specs = [spec_from({"name": name, "TaskInfo": {}}) for name in ("b", "a", "c")]
    desired, clashes = collect(specs)
    assert list(desired) == ["a", "b", "c"]
    assert clashes == []


def test_address_that_is_there_twice_is_a_clash_with_the_first() -> None:
    """Each later one, even if it says the same."""
    specs = [
        parse({"name": "a", "TaskInfo": {}}, Source(f"{n}.yaml"), CHECKER, Defaults("1")).spec for n in "xyz"
    ]
    desired, clashes = collect([spec for spec in specs if spec is not None])
    assert desired == {Address("a"): specs[0]}
    assert clashes == [(specs[0], specs[1]), (specs[0], specs[2])]


EXAMPLES = sorted((REPOSITORY / "manifests").rglob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_in_json_is_a_manifest(path: Path) -> None:
    """What the repository shows is what it accepts."""
    assert spec_from(json.loads(path.read_text(encoding="utf-8"))).digest


# ── addresses ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("old", ("old",), id="one"),
        pytest.param(["middle", "old"], ("middle", "old"), id="several, the latest first"),
    ],
)
def test_a_task_may_have_had_other_addresses(written: JSONValue, expected: tuple[str, ...]) -> None:
    """As they are written; most have had none."""
    assert spec_from({**orders(), "moved": {"from": written}}).moved_from == expected
    assert spec_from(orders()).moved_from == ()


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        pytest.param(
            {"from": "orders"},
            [("moved.from", '"orders" is the address itself: write the one that the task had before')],
            id="itself",
        ),
        pytest.param(
            {"from": ["old", "orders", "old"]},
            [
                ("moved.from[1]", '"orders" is the address itself: write the one that the task had before'),
                ("moved.from[2]", '"old" stands here twice'),
            ],
            id="itself and one twice",
        ),
        pytest.param({"from": []}, [("moved.from", "moved.from must not be empty")], id="none"),
        pytest.param({}, [("moved", '"from" is missing in moved')], id="nothing"),
        pytest.param(
            {"from": 12},
            [("moved.from", "moved.from must be text or a list, not the number 12")],
            id="number",
        ),
        pytest.param(
            {"from": [12]},
            [("moved.from[0]", 'moved.from[0] must be text, not the number 12: quote it: "12"')],
            id="number in a list",
        ),
        pytest.param(
            {"from": "old", "form": "older"},
            [("moved.form", 'unknown field "form" in moved (did you mean "from"?)')],
            id="another word",
        ),
    ],
)
def test_what_is_wrong_with_an_earlier_address_has_its_place(
    moved: JSONValue, expected: list[tuple[str, str]]
) -> None:
    """And says what to write."""
    assert faults({**orders(), "moved": moved}) == expected


def test_an_earlier_address_has_to_be_an_address() -> None:
    """Alone and in a list."""
    for written, place in (("a b", "moved.from"), (["a b"], "moved.from[0]")):
        ((path, message),) = faults({**orders(), "moved": {"from": written}})
        assert path == place
        assert '"a b" has a character that is not allowed' in message


@pytest.mark.parametrize("destroy", [False, True])
def test_a_document_without_a_task_removes_one(destroy: bool) -> None:
    """It asks for nothing, and is no fault."""
    result = parsed({"kind": "IntegrationTask", "name": "orders", "removed": {"destroy": destroy}})
    assert (result.spec, result.faults) == (None, ())
    assert result.removal == Removal(address=Address("orders"), source=HERE, destroy=destroy)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {**orders(SyncType=2), "removed": {"destroy": False}},
            [("TaskInfo", '"TaskInfo" beside "removed": a task is described or removed, not both')],
            id="a task too",
        ),
        pytest.param(
            {
                "name": "orders",
                "removed": {"destroy": False},
                "moved": {"from": "old"},
                "lifecycle": None,
                "run": {"state": "running"},
                "ProjectId": "1",
            },
            [
                (name, f'"{name}" beside "removed": a task is described or removed, not both')
                for name in ("ProjectId", "run", "moved", "lifecycle")
            ],
            id="whatever describes a task",
        ),
        pytest.param({"removed": {"destroy": True}}, [("", '"name" is missing')], id="no name"),
        pytest.param(
            {"name": "orders", "removed": {}},
            [("removed", '"destroy" is missing in removed')],
            id="not said how",
        ),
        pytest.param(
            {"name": "orders", "removed": {"destroy": "no"}},
            [("removed.destroy", 'removed.destroy must be true or false, not the text "no"')],
            id="said otherwise",
        ),
        pytest.param({"name": "orders"}, [("", '"TaskInfo" is missing')], id="neither"),
    ],
)
def test_what_is_wrong_with_a_removal_has_its_place(
    document: JSONValue, expected: list[tuple[str, str]]
) -> None:
    """Whether the task goes or stays has to be written: there is no default for that."""
    assert faults(document) == expected
