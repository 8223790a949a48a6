"""``schema``: the JSON Schemas, generated from the same tables that check."""

import json

from provisioner.core.schema.manifest_schema import Schema


def schema_text(what: str) -> str:
    """``manifest``, ``settings``, ``plan`` or ``drift`` as JSON text, as it stands in ``schemas/``."""
    return json.dumps(_schema(what), indent=2, ensure_ascii=False) + "\n"


def _schema(what: str) -> Schema:
    if what == "settings":
        from provisioner.core.settings import settings_schema

        return settings_schema()
    if what == "plan":
        from provisioner.core.documents.plan_schema import plan_schema

        return plan_schema()
    if what == "drift":
        from provisioner.core.documents.drift_schema import drift_schema

        return drift_schema()
    from provisioner.core.schema.manifest_schema import manifest_schema

    return manifest_schema()
