"""A task as the service shows it, which is not how it was written.

Rule: what is known about real replies is played: every declared field is there, what is not set is
null, keys are in alphabetical order, and some values come back otherwise than they were sent.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.emulator.definition import Definition, Field
from provisioner.emulator.storage import Task
from provisioner.emulator.switches import Switches

_CONSOLE_SETTINGS = ({"Name": "SiblingNodes", "Value": "[]"}, {"Name": "isNew", "Value": "false"})


def read_back(task: Task, definition: Definition, switches: Switches) -> dict[str, Any]:
    """TaskInfo for a reply."""
    shown = _shown(task, definition.objects["IntegrationTaskInfo"], definition, switches)
    if switches["task_mode"] == "empty":
        shown["TaskMode"] = ""
    if switches["console_settings"] == "add":
        for node in shown["Nodes"] or []:
            node["Config"] = [*_CONSOLE_SETTINGS, *reversed(node["Config"] or [])]
    return shown


def _shown(
    value: Mapping[str, Any], fields: Mapping[str, Field], definition: Definition, switches: Switches
) -> dict[str, Any]:
    on_site = (field for field in fields.values() if not field.china_only or switches["site"] == "china")
    return {
        field.name: _field(value.get(field.name), field, definition, switches)
        for field in sorted(on_site, key=lambda field: field.name)
    }


def _field(value: Any, field: Field, definition: Definition, switches: Switches) -> Any:  # noqa: ANN401  # JSON
    inner = definition.objects.get(field.item)
    if inner is None or not value:
        # Lists and objects that are not set come back as null, and so do empty ones.
        return value if value or field.type not in ("list", "object") else None
    if isinstance(value, list):
        return [_shown(item, inner, definition, switches) for item in value]
    return _shown(value, inner, definition, switches)
