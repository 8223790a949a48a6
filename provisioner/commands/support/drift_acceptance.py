"""``drift --accept``: what somebody changed in WeData goes into the manifests, in place.

Rule: only single values that stand in a manifest are written there; everything else is named with its
file and line, and left. The state then records what is there, so that the next plan shows what is left
and nothing else. Nothing is sent.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from provisioner.commands.support.comparison import Seen
from provisioner.core.address import Address
from provisioner.core.body.diff import FieldChange, path_label
from provisioner.core.body.locate import spot_of
from provisioner.core.jobs.job import RUN, RunState
from provisioner.core.manifest.problem import Document, ProblemsFoundError
from provisioner.core.plan.drift import Drift, as_observed
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker
from provisioner.core.source import Source
from provisioner.core.state.state import State
from provisioner.errors import UsageError
from provisioner.store.backend import LocalBackend
from provisioner.store.edits import Edit, edit_file, with_value
from provisioner.store.reading.documents import load_documents, locate


@dataclass(frozen=True, slots=True)
class Taken:
    """One field that was written into a manifest, or was not."""

    address: Address
    source: Source | None
    """Where its value stands; None if there is no manifest."""

    label: str
    why: str = ""
    """Why it was left; empty if it was written."""


@dataclass(slots=True)
class Accepted:
    """What accepting came to, in order of address."""

    written: list[Taken] = field(default_factory=list)
    left: list[Taken] = field(default_factory=list)


def accept(seen: Seen, backend: LocalBackend) -> Accepted:
    """Write what is there into the manifests, and record it.

    Raises:
        UsageError: a manifest cannot be written.
        StateError: the state cannot be written; the manifests say what is there.
    """
    result, checker = Accepted(), Checker(manifest_schema())
    edits: dict[str, list[tuple[Edit, Taken]]] = defaultdict(list)
    for drift in seen.drifts.found:
        _plan_edits(drift, edits, result, checker)
    for path, pairs in edits.items():
        left = _written(path, [edit for edit, _ in pairs])
        for edit, taken in pairs:
            if edit in left:
                result.left.append(replace(taken, why="it cannot be changed in place without doubt"))
            else:
                result.written.append(taken)
    _record(seen, backend)
    result.left.sort(key=lambda one: (one.address, one.label))
    return result


def _plan_edits(
    drift: Drift, edits: Mapping[str, list[tuple[Edit, Taken]]], result: Accepted, checker: Checker
) -> None:
    if drift.spec is None:
        result.left.append(Taken(drift.address, None, "TaskInfo", "no manifest has this address"))
        return
    source = drift.spec.source
    if drift.is_gone:
        why = "it is gone from WeData: remove its manifest, or have it created anew by apply --refresh"
        result.left.append(Taken(drift.address, source, "TaskInfo", why))
        return
    document = _document(source)
    for one in drift.fields:
        taken = Taken(drift.address, source, path_label(one.path))
        why, edit = _edit(drift, one, document, checker)
        if edit is None or document is None:
            result.left.append(replace(taken, why=why))
        else:
            place = locate(source.file, document.index, edit.path)
            edits[source.file].append((edit, replace(taken, source=place)))


def _edit(
    drift: Drift, one: FieldChange, document: Document | None, checker: Checker
) -> tuple[str, Edit | None]:
    """The edit, or why there is none."""
    if why := _why_left(drift, one):
        return why, None
    value, spot = one.after, spot_of(document.value, one.path) if document is not None else None
    if spot is None or document is None:
        return "its value is not written here: it comes from defaults or from the address", None
    edit = Edit(
        index=document.index,
        path=spot.path,
        value=cast("str | float | bool | None", value),
        is_setting=spot.is_setting,
    )
    if not checker.is_valid(with_value(document.value, edit.path, edit.value)):
        return "a manifest must have another value there", None
    return "", edit


def _why_left(drift: Drift, one: FieldChange) -> str:
    """Why a field is not taken, whatever the manifest says; empty if it may be."""
    value = one.after
    if drift.asked_beside(one):
        return "git changed it too: write what it is to be"
    if one.sensitive:
        return "it is named as a secret, and is not copied into a file"
    if not isinstance(value, str | int | float | None) or not isinstance(one.before, str | int | float):
        return "a whole item, or an order, differs: edit it by hand"
    if one.path[0] == RUN and value not in list(RunState):
        return f"its job is {value}, which is nothing to ask for"
    return ""


def _document(source: Source) -> Document | None:
    documents = load_documents(source.file).documents
    return next((one for one in documents if one.source == source), None)


def _written(path: str, edits: list[Edit]) -> list[Edit]:
    try:
        return edit_file(path, edits)
    except (OSError, ProblemsFoundError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it changed meanwhile"
        raise UsageError(f"A manifest could not be written.\n  {path}: {reason}") from error


def _record(seen: Seen, backend: LocalBackend) -> None:
    """Every task that was changed as it is there; that one has moved is recorded by an apply only."""
    state: State = backend.state
    tasks = dict(state.tasks)
    addresses = {record.task_id: address for address, record in tasks.items()}
    for drift in seen.drifts.found:
        body, address = seen.observed[drift.record.task_id], addresses[drift.record.task_id]
        if body is not None:
            tasks[address] = as_observed(tasks[address], body)
    if tasks != state.tasks:
        backend.replace(replace(state, tasks=tasks))
