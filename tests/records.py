"""Records, attempts and journal entries for tests: valid as they come, changed by keyword."""

from dataclasses import replace
from typing import Any

from provisioner.core.address import Address, TaskId
from provisioner.core.state.entries import Finished, Header, Intent, Rejected
from provisioner.core.state.state import Attempt, State, TaskRecord, WriteKind

STACK = "5f0c1a2b3c4d5e6f"
PROJECT = "17865298918277529"


def some_body(name: str = "orders") -> dict[str, Any]:
    """A small body in canonical form, with every shape that a state has to write."""
    return {
        "Config": {"concurrency": "1", "note": 'quoted "ä" \\ \u2028'},
        "Nodes": [
            {"DataSourceType": "MYSQL", "Name": f"{name}_in", "NodeType": "INPUT"},
            {"DataSourceType": "DLC", "Name": f"{name}_out", "NodeType": "OUTPUT"},
        ],
        "SyncType": 2,
        "TaskName": name,
        "TaskType": 201,
    }


def some_record(name: str = "orders", **changes: Any) -> TaskRecord:
    """A task we know we made."""
    record = TaskRecord(
        project_id=PROJECT,
        task_id=TaskId(f"id-{name}"),
        task_type=201,
        spec=some_body(name),
        digest="d" * 64,
        request_id="8d6cc27b-0000-4000-8000-000000000000",
        applied_at="2023-11-14T22:13:20Z",
        protected=False,
        attempt="0123456789abcdef",
    )
    return replace(record, **changes)


def some_attempt(name: str = "orders", **changes: Any) -> Attempt:
    """A create that was announced."""
    attempt = Attempt(
        address=Address(name),
        kind=WriteKind.CREATE,
        attempt="0123456789abcdef",
        project_id=PROJECT,
        task_type=201,
        task_id=None,
        spec=some_body(name),
        digest="d" * 64,
        protected=False,
        timestamp=1_700_000_000,
        payload_digest="e" * 64,
    )
    return replace(attempt, **changes)


def some_state(*names: str, **changes: Any) -> State:
    """A state that knows one task for each name."""
    state = State(
        lineage="1f2e3d4c5b6a7988",
        stack=STACK,
        serial=3,
        seq=7,
        tasks={Address(name): some_record(name) for name in names},
    )
    return replace(state, **changes)


def some_header(**changes: Any) -> Header:
    """The header of a journal that extends ``some_state``."""
    header = Header(
        lineage="1f2e3d4c5b6a7988",
        stack=STACK,
        base_serial=3,
        base_seq=7,
        base_checksum="c" * 64,
        journal="a" * 16,
    )
    return replace(header, **changes)


def an_intent(seq: int, name: str = "orders", **changes: Any) -> Intent:
    """A write is about to be sent."""
    return Intent(seq=seq, attempt=some_attempt(name, **changes))


def a_finish(seq: int, name: str = "orders", attempt: str = "0123456789abcdef") -> Finished:
    """The service said that it did it."""
    return Finished(
        seq=seq,
        address=Address(name),
        attempt=attempt,
        task_id=TaskId(f"id-{name}"),
        request_id="r-1",
        at="2023-11-14T22:13:20Z",
    )


def a_rejection(seq: int, name: str = "orders", attempt: str = "0123456789abcdef") -> Rejected:
    """The write had no effect."""
    return Rejected(
        seq=seq, address=Address(name), attempt=attempt, code="InvalidParameter", request_id="r-1"
    )
