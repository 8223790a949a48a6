"""A task as the service shows it, which is not how it was written.

Rule: what is known about real replies is played: every declared field is there, keys are in
alphabetical order, what is not set has a value of its own, and some values come back otherwise than
they were sent. What is only presumed is a switch that has to be turned.

Source: the vendor's captured reply of a real-time task that had been made in the console.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.emulator.definition import Definition, Field
from provisioner.emulator.switches import Switches
from provisioner.emulator.task import Task, is_offline

_UNSET: Mapping[str, Any] = {
    **dict.fromkeys(("Description", "ScheduleTaskId", "InLongStreamId", "TaskMode"), ""),
    **dict.fromkeys(("TaskGroupId", "WorkflowId"), "-1"),
    **dict.fromkeys(("NumRecordsIn", "NumRecordsOut", "NumRestarts", "ReaderDelay"), -1),
    "ExecuteContext": [],
}
"""How fields of a task read that are not set. Whatever is not named here, lists included, is null."""

_CONSOLE_CONFIG = (
    {"Name": "SiblingNodes", "Value": "[]"},
    {"Name": "isNew", "Value": "false"},
    {"Name": "encoding", "Value": "null"},
)
_CONSOLE_CANVAS = (
    {"Name": "x", "Value": "1"},
    {"Name": "y", "Value": "1"},
    {"Name": "iconPosition", "Value": "left"},
)
_WHOLE_DATABASE = 1

Settings = Sequence[Mapping[str, Any]]


def read_back(task: Task, definition: Definition, switches: Switches) -> dict[str, Any]:
    """TaskInfo for a reply."""
    shown = _Shower(definition, switches).object(task, "IntegrationTaskInfo")
    if switches["task_mode"] == "empty" or (switches["task_mode"] == "captured" and _is_whole_database(task)):
        shown["TaskMode"] = ""
    for node in shown["Nodes"] or []:
        node["OwnerUin"] = task.get("OwnerUin")
        if switches["console_settings"] == "add":
            node["Config"] = _with(node["Config"] or [], _CONSOLE_CONFIG)
            node["ExtConfig"] = _with(node["ExtConfig"] or [], _CONSOLE_CANVAS)
    if switches["unset"] == "captured":
        shown.update({name: value for name, value in _UNSET.items() if shown[name] in (None, "", [])})
    return shown


def _is_whole_database(task: Task) -> bool:
    return task.get("SyncType") == _WHOLE_DATABASE and not is_offline(task)


def _with(settings: Settings, more: Settings) -> list[Mapping[str, Any]]:
    """Settings behind those of the console, unless somebody wrote the same ones."""
    written = {setting.get("Name") for setting in settings}
    return [*(setting for setting in more if setting["Name"] not in written), *settings]


class _Shower:
    """Shows values by the definition."""

    def __init__(self, definition: Definition, switches: Switches) -> None:
        self._objects = definition.objects
        self._is_china = switches["site"] == "china"
        self._reverses = switches["settings_order"] == "reversed"
        self._reserialises = switches["json_settings"] == "reserialised"

    def object(self, value: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Every field that is declared on the site."""
        fields = sorted(self._objects[name].values(), key=lambda field: field.name)
        return {
            field.name: self._field(value.get(field.name), field)
            for field in fields
            if self._is_china or not field.china_only
        }

    def _field(self, value: Any, field: Field) -> Any:  # noqa: ANN401  # JSON
        if field.type not in ("list", "object"):
            return value
        if not value:
            # Lists and objects that are not set come back as null, and so do empty ones.
            return None
        if field.item == "RecordField":
            return self._settings(value)
        if field.item not in self._objects:
            return value
        if isinstance(value, list):
            return [self.object(item, field.item) for item in value]
        return self.object(value, field.item)

    def _settings(self, value: Settings) -> list[dict[str, Any]]:
        """A name-value list."""
        shown = [self.object(setting, "RecordField") for setting in value]
        if self._reserialises:
            shown = [{**setting, "Value": _reserialised(setting["Value"])} for setting in shown]
        return shown[::-1] if self._reverses else shown


def _reserialised(text: Any) -> Any:  # noqa: ANN401  # JSON
    """Text that is a JSON list or object, spelled otherwise: other white space, keys in order."""
    if not isinstance(text, str) or text[:1] not in ("[", "{"):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    spaced = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return spaced if spaced != text else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
