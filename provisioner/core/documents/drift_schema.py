"""The JSON Schema of the drift document. Its rule is that of ``plan_schema``."""

from typing import cast

from provisioner.core.schema.manifest_schema import DIALECT, Schema

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def drift_schema() -> Schema:
    """The schema of what ``drift --json`` prints."""
    version: Schema = {**_TEXT, "pattern": r"^1\.[0-9]+$", "description": "A reader of 1.0 can read any 1.x."}
    place: Schema = {"anyOf": [_object(file=_TEXT, line=_COUNT), {"type": "null"}]}
    taken = _object(address=_TEXT, label=_TEXT, source=place)
    shown = _object(
        format_version=version,
        summary=_object(changed=_COUNT, gone=_COUNT, as_applied=_COUNT),
        drift={**_list({"$ref": "#/$defs/drift"}), "description": "In order of addresses."},
        not_compared={
            **_list(_TEXT),
            "description": "Addresses whose content is not known, or that have an open write.",
        },
        unread={
            **_list(_object(address=_TEXT, why=_TEXT)),
            "description": "Tasks that nothing can be said of.",
        },
    )
    accepted: Schema = {
        "accepted": {**_list(taken), "description": "With --accept: what was written into manifests."},
        "left": {
            **_list({"allOf": [taken, _object(why=_TEXT)]}),
            "description": "With --accept: what was not, and why.",
        },
    }
    return {
        "$schema": DIALECT,
        "title": "provisioner drift",
        "description": "What differs between the state and WeData: what was changed behind our back.",
        "type": "object",
        "required": shown["required"],
        "properties": {**cast("Schema", shown["properties"]), **accepted},
        "$defs": {"drift": _drift(), "field": _field()},
    }


def _drift() -> Schema:
    changed = {
        **_list({"$ref": "#/$defs/field"}),
        "description": "What the manifest changes about the field.",
    }
    field: Schema = {"allOf": [{"$ref": "#/$defs/field"}, _object(changed_in_manifest=changed)]}
    return _object(
        address={**_TEXT, "minLength": 1, "description": "The manifest's name."},
        task_id=_TEXT,
        project_id=_TEXT,
        task_type={"type": "integer", "description": "201 real-time, 202 offline."},
        source={
            "description": "Where the manifest begins; null if there is none.",
            "anyOf": [_object(file=_TEXT, line=_COUNT), {"type": "null"}],
        },
        gone={"type": "boolean", "description": "Whether WeData does not know the task any more."},
        field_changes={**_list(field), "description": "before: as last applied; after: as it is there."},
    )


def _field() -> Schema:
    return _object(
        path={**_list(_TEXT), "minItems": 1, "description": "From TaskInfo down."},
        item_keys={**_list(_COUNT), "description": "Which parts of the path are keys of list items."},
        label={**_TEXT, "description": "The path as people write it."},
        before={"description": "null if the field was absent."},
        after={"description": "null if the field is absent."},
        sensitive={"type": "boolean", "description": "Whether the values are replaced."},
    )


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}
