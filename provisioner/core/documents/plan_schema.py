"""The JSON Schema of the plan document.

Rule: it says what a reader may rely on within one format version. New keys may be added without a
new version, so no object is closed; the keys that are there today are required.
"""

from provisioner.core.jobs.job import Job, OnChange, RunState, Step
from provisioner.core.json_types import JSONValue
from provisioner.core.plan.plan import Action, Reason
from provisioner.core.schema.consequence import Consequence
from provisioner.core.schema.manifest_schema import DIALECT, Schema
from provisioner.core.state.state import WriteKind

_FORMAT = r"^1\.[0-9]+$"
_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ID: Schema = {"type": ["string", "null"], "description": "null where a create has no outcome yet."}
_WAITS: Schema = {
    "type": "boolean",
    "description": "Whether a write has no outcome yet: until then nothing is done about it.",
}
_CONSEQUENCES: list[JSONValue] = [one.value for one in Consequence]
_BODY: Schema = {
    "type": ["object", "null"],
    "description": "TaskInfo in canonical form: name-value lists are maps; secrets are replaced.",
}
_ACTIONS: dict[Action, list[JSONValue]] = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["delete", "create"],
    Action.DELETE: ["delete"],
}


def plan_schema() -> Schema:
    """The schema of what ``plan --json`` prints and ``plan --out`` saves."""
    return {
        "$schema": DIALECT,
        "title": "provisioner plan",
        "description": "What an apply would do. A superset of resource_changes in Terraform's JSON plans.",
        **_object(
            format_version={**_TEXT, "pattern": _FORMAT, "description": "A reader of 1.0 can read any 1.x."},
            tool_version=_TEXT,
            stack={**_TEXT, "description": "Marks the tasks that belong to these manifests."},
            lineage={**_TEXT, "description": "Which state; empty if nothing was ever applied."},
            serial={**_COUNT, "description": "Which version of the state."},
            endpoint=_TEXT,
            region=_TEXT,
            environment={**_TEXT, "description": "Empty if none was chosen."},
            targets={**_list(_TEXT), "description": "The only tasks that were looked at; empty: all."},
            destroy={"type": "boolean", "description": "Whether everything is to go."},
            refreshed={
                "type": "boolean",
                "description": "Whether what is in WeData was looked at: before is then what is there.",
            },
            summary=_object(add=_COUNT, change=_COUNT, destroy=_COUNT, forget=_COUNT, unchanged=_COUNT),
            resource_changes={**_list(_ref("change")), "description": "In order of addresses."},
            unsettled={
                **_list(_ref("unsettled")),
                "description": "Earlier writes whose outcome is not known; apply settles them first.",
            },
            protection={
                **_list(_object(address=_TEXT, prevent_destroy={"type": "boolean"})),
                "description": "Where prevent_destroy changes in the state; nothing is sent for that.",
            },
            moved={
                **_list(_object(**{"from": _TEXT, "to": _TEXT}, task_id=_ID, waits=_WAITS)),
                "description": "Tasks that have another address now; recorded before anything is sent.",
            },
            forgotten={
                **_list(_object(address=_TEXT, task_id=_ID, waits=_WAITS)),
                "description": "Tasks that are not managed any more and go on existing; nothing is sent.",
            },
            not_draft={
                **_list(_TEXT),
                "description": "Tasks in production that are asked to be drafts: nothing is done.",
            },
            checksum={
                **_TEXT,
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 over everything else, keys sorted, without blanks, ASCII only.",
            },
        ),
        "$defs": {"change": _change(), "field": _field(), "unsettled": _unsettled()},
    }


def _change() -> Schema:
    return _object(
        address={**_TEXT, "minLength": 1, "description": "The manifest's name."},
        mode={"const": "managed"},
        type={"const": "wedata_integration_task"},
        name={**_TEXT, "description": "The address once more."},
        previous_address={
            "type": ["string", "null"],
            "description": "The address that the state has for it, where the task has moved.",
        },
        action_reason={"enum": [reason.value for reason in Reason]},
        project_id=_TEXT,
        task_type={"type": "integer", "description": "201 real-time, 202 offline."},
        task_id={"type": ["string", "null"], "description": "null for a task that is to be created."},
        source={
            "description": "Where the manifest begins; null if there is none.",
            "anyOf": [_object(file=_TEXT, line=_COUNT), {"type": "null"}],
        },
        renamed_from={
            "type": ["string", "null"],
            "description": "For a create: the task that is to go and is the same but for its name.",
        },
        job={
            "enum": [*(job.value for job in Job), None],
            "description": "For a delete: what its job was last seen to do, where that hinders it.",
        },
        consequence={
            "enum": _CONSEQUENCES,
            "description": "The worst that it does to a task that runs; from the worst to none.",
        },
        ignored={
            **_list(_TEXT),
            "description": "Fields that differ and that lifecycle.ignore_changes leaves as they are.",
        },
        change=_object(
            actions={"enum": list(_ACTIONS.values())},
            before=_BODY,
            after=_BODY,
            after_unknown={"type": "object", "description": "What is known only after the apply."},
        ),
        field_changes={**_list(_ref("field")), "description": "For an update or a replace: what differs."},
        run={
            "description": "What is done about the task's job; null if nothing is.",
            "anyOf": [_run(), {"type": "null"}],
        },
    )


def _run() -> Schema:
    steps: Schema = {"type": "array", "items": {"enum": [step.value for step in Step]}}
    return _object(
        before={"enum": [job.value for job in Job], "description": "What it does, as far as is known."},
        after={"enum": [state.value for state in RunState]},
        steps={**steps, "description": "The calls, in order."},
        if_running={
            "description": "The calls instead if it runs; null where it is known what it does.",
            "anyOf": [steps, {"type": "null"}],
        },
        on_change={"enum": [way.value for way in OnChange]},
        start_from={"type": ["integer", "null"], "description": "Unix milliseconds."},
        loses_state={"type": "boolean", "description": "Whether the state of a job may be lost."},
        pending={
            "enum": [*(step.value for step in Step), None],
            "description": "An earlier step of which it is not known what became.",
        },
        approval={**_TEXT, "description": "The TaskApproveId that this waits for; empty if it does not."},
        refused={**_TEXT, "description": "Why it cannot be done; empty if it can."},
    )


def _field() -> Schema:
    return _object(
        path={**_list(_TEXT), "minItems": 1, "description": "From TaskInfo down."},
        item_keys={**_list(_COUNT), "description": "Which parts of the path are keys of list items."},
        label={**_TEXT, "description": "The path as people write it."},
        before={"description": "null if the field was absent."},
        after={"description": "null if the field will be absent."},
        sensitive={"type": "boolean", "description": "Whether the values are replaced."},
        effect={**_TEXT, "pattern": "^(in place$|forces replacement: )"},
        consequence={"enum": _CONSEQUENCES},
        consequence_reason={**_TEXT, "description": "Why that is its consequence."},
        cannot_be_cleared={
            "type": "boolean",
            "description": "Whether it is to go and the API cannot clear it: what is there may stay.",
        },
    )


def _unsettled() -> Schema:
    return _object(
        address=_TEXT,
        kind={"enum": [kind.value for kind in WriteKind]},
        attempt=_TEXT,
        timestamp={"type": "integer", "description": "Unix seconds that were signed."},
    )


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
