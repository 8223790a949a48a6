"""What a project has decided: provisioner.yaml, variables and flags as one value.

Rule: a setting is a row of ``SETTINGS``; its flag, its variable, its place in the schema and its
text in ``--help`` come from there. Precedence: flag, variable, file (the chosen environment's part
over the rest), default. The endpoint never comes from a manifest, credentials never come from here.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.core.body.normalize import Remarks, merged, normal_task
from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.parse import Defaults
from provisioner.core.marker import ID_DIGITS
from provisioner.core.schema.fields import TASK
from provisioner.core.schema.manifest_schema import DIALECT, Schema, task_definitions
from provisioner.core.schema.validation import Fault, Path, nearest
from provisioner.core.text import printable
from provisioner.errors import UsageError

EMBEDDED = "embedded"
FILE_NAME = "provisioner.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting that is a plain value."""

    path: tuple[str, ...]
    """Where it stands in provisioner.yaml."""

    kind: str
    """JSON type: ``string``, ``integer`` or ``number``."""

    default: str | float | None
    text: str
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``max_deletes``: the last part of the path, which is unique."""
        return self.path[-1]

    @property
    def flag(self) -> str:
        """``--max-deletes``."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """``PROVISIONER_MAX_DELETES``."""
        return "PROVISIONER_" + self.name.upper()


SETTINGS = (
    Setting(
        path=("stack",),
        kind="string",
        default=None,
        pattern="^[0-9a-f]{16}$",
        text="random id made by init; marks the tasks that this project owns",
    ),
    Setting(
        path=("project_id",),
        kind="string",
        default=None,
        text="WeData project for manifests that name none",
    ),
    Setting(
        path=("region",),
        kind="string",
        default=None,
        pattern="^[0-9A-Za-z-]+$",
        text="X-TC-Region of every call, such as ap-singapore",
    ),
    Setting(
        path=("endpoint",),
        kind="string",
        default=EMBEDDED,
        text="embedded, a host name, or http://127.0.0.1:PORT",
    ),
    Setting(
        path=("manifests",), kind="string", default="manifests", text="folder or file with the manifests"
    ),
    Setting(
        path=("state",),
        kind="string",
        default="provisioner.state.json",
        # Journal and lock are called after it: two names must not lead to the same ones. No file has NUL.
        pattern="^[^\\x00\\n]+[.]json$",
        text="the state file; its name ends in .json",
    ),
    Setting(
        path=("rate_per_second",),
        kind="number",
        default=20,
        minimum=0.01,
        maximum=1000,
        text="calls per second and API action",
    ),
    Setting(
        path=("parallelism",),
        kind="integer",
        default=64,
        minimum=1,
        maximum=100,
        text="at most so many calls at the same time; more than 10 only if they take long",
    ),
    Setting(
        path=("marker",),
        kind="string",
        default="description",
        values=("description", "none"),
        text="where the ownership marker goes",
    ),
    Setting(
        path=("guard", "max_deletes"),
        kind="integer",
        default=10,
        minimum=0,
        maximum=1_000_000,
        text="refuse a plan that deletes more tasks than this (destroy is not limited)",
    ),
    Setting(
        path=("guard", "max_delete_percent"),
        kind="number",
        default=30,
        minimum=0,
        maximum=100,
        text="refuse a plan that deletes a larger share of the tasks than this (destroy is not limited)",
    ),
    Setting(
        path=("settle", "work_seconds"),
        kind="integer",
        default=60,
        minimum=0,
        maximum=3600,
        text="longest the service works on an accepted request",
    ),
    Setting(
        path=("settle", "list_lag_seconds"),
        kind="integer",
        default=30,
        minimum=0,
        maximum=3600,
        text="longest until a new task is listed",
    ),
)
BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a command needs to know about the project."""

    stack: str
    project_id: str | None
    region: str | None
    endpoint: str
    manifests: str
    state: str
    rate_per_second: float
    parallelism: int
    marker: str
    max_deletes: int
    max_delete_percent: float
    work_seconds: int
    list_lag_seconds: int
    environment: str = ""
    defaults: Defaults = field(default_factory=Defaults)

    @property
    def is_embedded(self) -> bool:
        """Whether the calls go to the emulator inside this very process."""
        return self.endpoint == EMBEDDED


def settings_schema() -> Schema:
    """The schema of provisioner.yaml."""
    properties = _setting_properties()
    environment: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {
        "$schema": DIALECT,
        "title": FILE_NAME,
        "description": "Settings of one project; the folder that holds this file is its root.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **properties,
            "environments": {
                "type": "object",
                "propertyNames": {"pattern": "^[0-9A-Za-z_][0-9A-Za-z_-]*$"},
                "additionalProperties": environment,
                "description": "Settings that --env NAME puts over the others.",
            },
        },
        "$defs": task_definitions(),
    }


def default_faults(layer: Mapping[str, Any], path: Path) -> list[Fault]:
    """What the defaults of one part of provisioner.yaml, which stands at ``path``, name twice."""
    remarks = Remarks()
    normal_task(layer.get("defaults") or {}, remarks, (*path, "defaults"))
    return remarks.faults


def resolve(
    document: Mapping[str, Any],
    *,
    environment: str,
    variables: Mapping[str, str],
    flags: Mapping[str, str | float | None],
) -> Settings:
    """The settings in force.

    Args:
        document: provisioner.yaml, accepted by the schema and without ``default_faults``.
        environment: the chosen environment, or empty.
        variables: the process's environment variables.
        flags: setting name to value, for the flags that were given.

    Raises:
        UsageError: an unknown environment, or a variable or flag with an unusable value.
    """
    layers = [document]
    if environment:
        layers.append(_environment(document, environment))
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        value = setting.default
        for layer in layers:
            found = _lookup(layer, setting.path)
            value = value if found is None else found
        value = _from_text(setting, variables.get(setting.variable), setting.variable, value)
        values[setting.name] = _from_text(setting, flags.get(setting.name), setting.flag, value)
    if (
        environment
        and _lookup(layers[1], ("state",)) is None
        and not _given(BY_NAME["state"], variables, flags)
    ):
        # Two environments in one state file would delete each other's tasks.
        values["state"] = f"{environment}.state.json"
    return Settings(
        **{**values, "stack": _stack(values["stack"], environment)},
        environment=environment,
        defaults=_defaults(values["project_id"], layers),
    )


def _setting_properties() -> Schema:
    properties: Schema = {
        "defaults": {"$ref": f"#/$defs/{TASK}", "description": "Put under every manifest's TaskInfo."}
    }
    groups: dict[str, Schema] = {}
    for setting in SETTINGS:
        schema = _setting_schema(setting)
        if len(setting.path) == 1:
            properties[setting.name] = schema
        else:
            groups.setdefault(setting.path[0], {})[setting.name] = schema
    for name, members in groups.items():
        properties[name] = {"type": "object", "additionalProperties": False, "properties": members}
    return properties


def _setting_schema(setting: Setting) -> Schema:
    schema: Schema = {"type": setting.kind, "description": setting.text}
    optional: dict[str, JSONValue] = {
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "pattern": setting.pattern or None,
        "enum": list(setting.values) or None,
        "minLength": 1 if setting.kind == "string" else None,
    }
    schema.update({name: value for name, value in optional.items() if value is not None})
    return schema


def _environment(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    environments: Mapping[str, Mapping[str, Any]] = document.get("environments") or {}
    if name not in environments:
        known = ", ".join(sorted(environments)) or "none"
        raise UsageError(
            f'There is no environment "{printable(name)}"{nearest(name, list(environments))}.\n'
            f"  {FILE_NAME} has: {known}."
        )
    return environments[name] or {}


def _lookup(layer: Mapping[str, Any], path: tuple[str, ...]) -> Any:  # noqa: ANN401  # checked by the schema
    value: Any = layer
    for part in path:
        value = (value or {}).get(part)
    return value


def _from_text(setting: Setting, given: str | float | None, name: str, otherwise: Any) -> Any:  # noqa: ANN401
    """A value given on the command line or in a variable, by the setting's own rules."""
    if given is None or given == "":
        return otherwise
    if setting.kind == "string":
        if setting.values and given not in setting.values:
            raise UsageError(f"{name} must be {' or '.join(setting.values)}, not {given!r}.")
        if setting.pattern and not re.fullmatch(setting.pattern, str(given)):
            raise UsageError(f"{name} must be of the form {setting.pattern}, not {given!r}.")
        return given
    try:
        value = int(given) if setting.kind == "integer" else float(given)
    except ValueError as error:
        raise UsageError(f"{name} must be a number, not {given!r}.") from error
    low, high = setting.minimum, setting.maximum
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise UsageError(f"{name} must be between {low} and {high}, not {given!r}.")
    return value


def _given(setting: Setting, variables: Mapping[str, str], flags: Mapping[str, Any]) -> bool:
    return bool(variables.get(setting.variable) or flags.get(setting.name))


def _defaults(project_id: str | None, layers: list[Mapping[str, Any]]) -> Defaults:
    """The defaults in normal form; an environment's stand over the others field by field."""
    result: dict[str, JSONValue] = {}
    remarks = Remarks()
    for layer in layers:
        result = merged(result, normal_task(layer.get("defaults") or {}, remarks))
    return Defaults(project_id, result, has_uncompared=remarks.has_uncompared)


def _stack(stack: str | None, environment: str) -> str:
    """The stack id; each environment has its own, so that none takes another's tasks for its own."""
    if not stack:
        raise UsageError(
            f'"stack" is missing in {FILE_NAME}.\n'
            "It marks the tasks that this project owns: 16 random hexadecimal digits, committed.\n"
            "`provisioner init` writes one into a new project; this prints one:\n"
            "  openssl rand -hex 8"
        )
    if not environment:
        return stack
    return hashlib.sha256(f"{stack}/{environment}".encode()).hexdigest()[:ID_DIGITS]
