"""A task as the manifest that describes it, and a name for it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import body
from provisioner.core.address import ADDRESS_PATTERN, Address, TaskId
from provisioner.core.api.replies import RemoteTask
from provisioner.core.body.readback import not_kept
from provisioner.core.manifest.export import address_for, document_of
from provisioner.core.manifest.parse import Defaults, parse
from provisioner.core.marker import marker_for
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker
from provisioner.core.source import Source

CHECKER = Checker(manifest_schema())
MARKER = marker_for("0" * 16, Address("a"), "1" * 16)


def _task(name: Any = "orders", **info: Any) -> RemoteTask:
    return RemoteTask(
        task_id=TaskId("t-1"),
        task_type=201,
        name=name,
        description="",
        create_time="",
        body={"TaskName": name, "TaskType": 201, **info},
    )


def test_what_the_author_decides_is_written_and_nothing_else() -> None:
    """No service fields, no marker, nothing that is not set; settings as a map."""
    settings = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": None}, {"Value": "nameless"}]
    task = _task(
        Description=f"About orders {MARKER}",
        Status=3,
        WorkflowId="-1",
        TaskMode="",
        Config=settings,
        ExtConfig=None,
        OfflineTaskAddEntity=None,
        Nodes=[
            {
                "Name": "in",
                "Id": "7",
                "CreatorUin": "1",
                "Config": settings,
                "Schema": None,
                "NodeMapping": {},
            }
        ],
    )
    assert document_of(task, Address("x"), "p") == {
        "kind": "IntegrationTask",
        "name": "x",
        "ProjectId": "p",
        "TaskInfo": {
            "TaskName": "orders",
            "Description": "About orders",
            "TaskType": 201,
            "Nodes": [{"Id": "7", "Name": "in", "Config": {"a": "1"}}],
            "Config": {"a": "1"},
        },
    }
    assert "ProjectId" not in document_of(task, Address("x"))


def test_the_type_is_said_even_where_the_service_does_not_say_it() -> None:
    """It was asked for by its type."""
    assert document_of(_task(TaskType=None), Address("x"))["TaskInfo"] == {
        "TaskName": "orders",
        "TaskType": 201,
    }


def test_the_manifest_says_what_is_there() -> None:
    """Read back, nothing differs."""
    task = _task(**dict(body()))
    parsed = parse(document_of(task, Address("x"), "p"), Source("x", 1, 1), CHECKER, Defaults())
    assert parsed.spec is not None
    assert not_kept(parsed.spec.body, task.body) == ()


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("orders", [], "orders"),
        ("Orders to lake!", [], "Orders-to-lake"),
        ("-.a.-", [], "a"),
        ("订单", [], "task-t-1"),
        ("orders", ["Orders", "orders-2"], "orders-3"),
        ("x" * 200, ["x" * 128], "x" * 126 + "-2"),
    ],
)
def test_a_name_becomes_an_address(name: str, taken: list[str], expected: str) -> None:
    """Valid, and not taken in whatever case."""
    assert address_for(_task(name), taken) == expected


@given(st.text(), st.lists(st.text()))
def test_every_name_has_a_valid_address(name: str, taken: list[str]) -> None:
    """That no other one has."""
    address = address_for(_task(name), taken)
    assert re.fullmatch(ADDRESS_PATTERN, address)
    assert address not in taken
