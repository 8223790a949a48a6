"""Drift as a document: what ``drift --json`` prints.

Rule: as for plans, the document is an interface with a version and a published schema
(``schemas/drift.schema.json``), and a value that must not be shown is replaced here, for every reader.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.core.address import Address, TaskId
from provisioner.core.body.diff import FieldChange
from provisioner.core.documents.plan_document import field_document
from provisioner.core.plan.drift import Drift, Drifts

FORMAT_VERSION = "1.0"


def drift_document(drifts: Drifts, unread: Mapping[Address, str]) -> dict[str, Any]:
    """The drift as JSON data, keys in a fixed order.

    Args:
        drifts: what was found.
        unread: why nothing can be said of a task.
    """
    return {
        "format_version": FORMAT_VERSION,
        "summary": {
            "changed": sum(not drift.is_gone for drift in drifts.found),
            "gone": sum(drift.is_gone for drift in drifts.found),
            "as_applied": drifts.as_applied,
        },
        "drift": [_drift(drift) for drift in drifts.found],
        "not_compared": list(drifts.not_compared),
        "unread": [{"address": address, "why": unread[address]} for address in sorted(unread)],
    }


def _drift(drift: Drift) -> dict[str, Any]:
    source = drift.spec.source if drift.spec is not None else None
    task_id: TaskId = drift.record.task_id
    return {
        "address": drift.address,
        "task_id": task_id,
        "project_id": drift.record.project_id,
        "task_type": drift.record.task_type,
        "source": None if source is None else {"file": source.file, "line": source.line},
        "gone": drift.is_gone,
        "field_changes": [_field(drift, field) for field in drift.fields],
    }


def _field(drift: Drift, field: FieldChange) -> dict[str, Any]:
    """``before`` as last applied, ``after`` as it is there, and what the manifest changes about it."""
    return {
        **field_document(field),
        "changed_in_manifest": [field_document(one) for one in drift.asked_beside(field)],
    }
