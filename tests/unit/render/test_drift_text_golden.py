"""Drift in every form it can take, kept as text and as JSON to be reviewed like code."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from builders import a_node, a_record, a_spec, a_state
from projects import REPOSITORY
from provisioner.core.address import Address, TaskId
from provisioner.core.documents.drift_document import drift_document
from provisioner.core.documents.drift_schema import drift_schema
from provisioner.core.documents.plan_document import document_text
from provisioner.core.manifest.spec import collect
from provisioner.core.plan.drift import Drifts, find_drift
from provisioner.core.text import printable_lines
from provisioner.render.drift_text import render_drift

GOLDEN = REPOSITORY / "tests" / "golden" / "drift"

Case = tuple[Drifts, Mapping[Address, str]]


def nothing() -> Case:
    """Every task is as it was applied."""
    spec = a_spec()
    return find_drift(a_state(spec), {TaskId("id-of-orders-to-lake"): spec.body}, {}), {}


def everything() -> Case:
    """Changed by both, changed in the console only, without a manifest, gone, not known, not read."""
    reader = a_node("in", "INPUT", "MYSQL", Id="1", Config={"password": "hunter2", "Table": "orders"})
    names = ("both", "console", "gone", "left", "same", "unread")
    old = {name: a_spec(name, Nodes=[reader]) for name in names}
    config = {"concurrency": 2, "checkpointInterval": 30}
    desired, _ = collect(
        [
            a_spec("both", Nodes=[reader], Config=config, SyncType=1, Description="mine"),
            old["console"],
            a_spec("gone", Nodes=[reader], SyncType=1),
        ]
    )
    changed = {**reader, "Config": {"password": "*******", "Table": "orders\x1b[2J"}, "Schema": []}
    live: dict[str, dict[str, Any] | None] = {
        "both": {**old["both"].body, "Config": {"concurrency": "3"}, "Description": ""},
        "console": {**old["console"].body, "Nodes": [changed]},
        "gone": None,
        "left": {**old["left"].body, "Config": {"concurrency": "3", "checkpointInterval": "60"}},
        "same": dict(old["same"].body),
    }
    state = a_state(*old.values(), records={"unseen": a_record(a_spec("unseen"), digest="")})
    observed = {TaskId(f"id-of-{name}"): body for name, body in live.items()}
    return find_drift(state, observed, desired), {Address("unread"): "the two do not agree"}


def test_both_changed_one_and_one_changed_only() -> None:
    """What git changed is counted where the console did not touch it."""
    drifts, _ = everything()
    text = render_drift(drifts, {}, colour=False)
    assert "(1 more field changed in git only; plan shows what that does)" in text
    only_git = a_spec("t", Description="mine")
    live = {**a_spec("t").body, "SyncType": 1}
    alone = find_drift(a_state(a_spec("t")), {TaskId("id-of-t"): live}, {Address("t"): only_git})
    assert "(1 field changed in git only;" in render_drift(alone, {}, colour=False)


CASES = {"nothing": nothing, "everything": everything}


def _kept(path: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_as_it_was_reviewed(name: str) -> None:
    """Nothing in it moves the cursor, and no secret is shown."""
    text = render_drift(*CASES[name](), colour=False)
    assert printable_lines(text) == text
    assert "hunter2" not in text
    _kept(GOLDEN / name / "drift.txt", text)


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_as_it_was_reviewed(name: str) -> None:
    """And is what its schema says."""
    document = drift_document(*CASES[name]())
    jsonschema.Draft202012Validator(drift_schema()).validate(document)
    text = document_text(document)
    assert "hunter2" not in text
    _kept(GOLDEN / name / "drift.json", f"{text}\n")


def test_the_published_schema_is_current() -> None:
    """``schemas/drift.schema.json`` comes from the code, and is a schema."""
    jsonschema.Draft202012Validator.check_schema(drift_schema())
    text = json.dumps(drift_schema(), indent=2, ensure_ascii=False) + "\n"
    _kept(REPOSITORY / "schemas" / "drift.schema.json", text)
