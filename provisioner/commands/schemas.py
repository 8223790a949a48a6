"""``schema``: the JSON Schemas, generated from the same tables that check."""

import json

from provisioner.core.schema import Schema


def schema_text(what: str) -> str:
    """``manifest``, ``settings`` or ``plan`` as JSON text, exactly as it stands in ``schemas/``."""
    return json.dumps(_schema(what), indent=2, ensure_ascii=False) + "\n"


def _schema(what: str) -> Schema:
    if what == "settings":
        from provisioner.core.settings import settings_schema

        return settings_schema()
    if what == "plan":
        from provisioner.core.plan_schema import plan_schema

        return plan_schema()
    from provisioner.core.schema import manifest_schema

    return manifest_schema()
