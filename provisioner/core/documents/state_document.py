"""The state as a document: what ``show --json`` and ``state show --json`` print."""

import json

from provisioner.core.address import Address
from provisioner.core.body.masking import shown_body
from provisioner.core.json_types import JSONValue
from provisioner.core.state.state import State, TaskRecord


def json_text(document: object) -> str:
    """A document as JSON, in ASCII and laid out for people."""
    return json.dumps(document, indent=2, ensure_ascii=True)


def state_document(state: State) -> dict[str, object]:
    """The state as JSON data, without secrets."""
    return {
        "format_version": "1.0",
        "lineage": state.lineage,
        "serial": state.serial,
        "stack": state.stack,
        "tasks": [record_document(address, state.tasks[address]) for address in sorted(state.tasks)],
        "unsettled": [
            {"address": a.address, "kind": a.kind.value, "timestamp": a.timestamp, "task_id": a.task_id}
            for _, a in sorted(state.open.items())
        ],
    }


def record_document(address: Address, record: TaskRecord) -> dict[str, JSONValue]:
    """One task as JSON data, without secrets."""
    return {
        "address": address,
        "task_id": record.task_id,
        "project_id": record.project_id,
        "task_type": record.task_type,
        "applied_at": record.applied_at,
        "request_id": record.request_id,
        "protected": record.protected,
        "spec": shown_body(record.spec),
    }
