"""One task as asked for: a spec that can be compared and sent."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from provisioner.core.address import Address
from provisioner.core.body.lazy import Body
from provisioner.core.jobs.job import RunSpec
from provisioner.core.json_types import JSONObject
from provisioner.core.source import Source
from provisioner.core.task_types import family_of

_canonical_text = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One task as asked for, in canonical form."""

    address: Address
    source: Source
    """Where its document begins."""

    project_id: str
    task_type: int
    """201 or 202: the family of API actions that handles it."""

    body: Body = Body()
    """TaskInfo as it is compared and modified: only what the author decides."""

    create_body: Body = Body()
    """TaskInfo as it is created: ``body`` and whatever else was written."""

    digest: str
    """SHA-256 over project and body: equal digests mean that nothing is to be done."""

    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    """Fields of TaskInfo that are created as written and left alone afterwards."""

    moved_from: tuple[Address, ...] = ()
    """Addresses that the task had before, the latest first."""

    run: RunSpec | None = None
    """What its job is to do; None: that is left alone. Not part of the digest, which is the body's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A task that is not to be managed any more, as a manifest says it."""

    address: Address
    source: Source
    """Where its document begins."""

    destroy: bool
    """Whether the task is to be deleted, and not only forgotten."""


def spec_digest(project_id: str, body: JSONObject) -> str:
    """SHA-256, hexadecimal, over what a comparison of two specs would look at."""
    text = _canonical_text([project_id, body])
    return hashlib.sha256(text.encode()).hexdigest()


def task_type_of(body: JSONObject) -> int:
    """The family that a body asks for; see ``family_of``."""
    return family_of(body.get("TaskType"))


def collect(specs: Iterable[TaskSpec]) -> tuple[dict[Address, TaskSpec], list[tuple[TaskSpec, TaskSpec]]]:
    """Desired tasks by address, in order of addresses, and the pairs (first, again) that clash."""
    desired: dict[Address, TaskSpec] = {}
    clashes: list[tuple[TaskSpec, TaskSpec]] = []
    for spec in specs:
        first = desired.setdefault(spec.address, spec)
        if first is not spec:
            clashes.append((first, spec))
    return dict(sorted(desired.items())), clashes
