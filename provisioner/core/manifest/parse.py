"""From a document somebody wrote to one task as asked for.

Rule: a document either becomes a whole spec or a list of everything that is wrong with it; there
is no half-filled spec. Places in files are paths here; whoever holds the text turns them into
lines.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from provisioner.core.address import ADDRESS_PATTERN, Address
from provisioner.core.body.normalize import Remarks, compared, merged, normal_task, sent
from provisioner.core.jobs.codec import start_moment
from provisioner.core.jobs.job import RUN, OnChange, RunSpec, RunState
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.manifest.problem import Problem
from provisioner.core.manifest.spec import Removal, TaskSpec, spec_digest, task_type_of
from provisioner.core.schema.validation import Checker, Fault, Path, path_text, shown
from provisioner.core.source import Source
from provisioner.core.task_types import OFFLINE, family_of

MOVED_FROM: Path = ("moved", "from")
"""Where a document names the addresses that its task had before."""

_OF_A_TASK = ("TaskInfo", "ProjectId", RUN, "moved", "lifecycle")
_ADDRESS = re.compile(ADDRESS_PATTERN)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a manifest need not say."""

    project_id: str | None = None
    task_info: JSONObject = field(default_factory=dict)
    """In normal form."""

    has_uncompared: bool = False
    """Whether ``task_info`` has fields that are sent on create only."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A spec or a removal, or why there is neither; and what is worth saying either way."""

    spec: TaskSpec | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    removal: Removal | None = None


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file, parsed."""

    path: str
    digest: str
    """Of its bytes."""

    specs: tuple[TaskSpec, ...]
    problems: tuple[Problem, ...]
    removals: tuple[Removal, ...] = ()


def parse(document: JSONValue, source: Source, checker: Checker, defaults: Defaults) -> Parsed:
    """One document as a spec, with defaults merged, or as a removal, or every fault in it."""
    if faults := checker.check(document):
        return Parsed(None, tuple(faults))
    written = cast("Mapping[str, JSONValue]", document)
    if "removed" in written:
        return _removal(written, source)
    remarks = Remarks()
    info = merged(
        defaults.task_info, normal_task(cast("JSONObject", written["TaskInfo"]), remarks, ("TaskInfo",))
    )
    address = _address(written, info, remarks)
    project_id = _project(written, info, defaults, remarks)
    run = _run(written, info, remarks)
    remarks.faults += _moved_faults(written, address)
    if remarks.faults:
        return Parsed(None, tuple(remarks.faults), tuple(remarks.warnings))
    info.setdefault("TaskName", address)
    create_body = sent(info)
    has_uncompared = remarks.has_uncompared or defaults.has_uncompared
    body = compared(info) if has_uncompared else create_body
    spec = replace(_spec(written, (body, create_body), Address(address), project_id, source), run=run)
    return Parsed(spec, (), (*_service_warning(remarks), *remarks.warnings))


def _spec(
    written: Mapping[str, JSONValue],
    bodies: tuple[JSONObject, JSONObject],
    address: Address,
    project: str,
    source: Source,
) -> TaskSpec:
    """``bodies``: what is compared, and what is created."""
    lifecycle = cast("Mapping[str, JSONValue]", written.get("lifecycle") or {})
    body, create_body = bodies
    return TaskSpec(
        address=address,
        source=source,
        project_id=project,
        task_type=task_type_of(body),
        body=body,
        create_body=create_body,
        digest=spec_digest(project, body),
        prevent_destroy=bool(lifecycle.get("prevent_destroy")),
        ignore_changes=tuple(cast("list[str]", lifecycle.get("ignore_changes") or ())),
        moved_from=tuple(old for old, _ in _moved_from(written)),
    )


def _removal(written: Mapping[str, JSONValue], source: Source) -> Parsed:
    """A document without a task: nothing may stand in it that would describe one."""
    faults = tuple(
        Fault((name,), f'"{name}" beside "removed": a task is described or removed, not both', at_key=True)
        for name in _OF_A_TASK
        if name in written
    )
    if faults:
        return Parsed(None, faults)
    destroy = cast("Mapping[str, JSONValue]", written["removed"])["destroy"]
    address = Address(cast("str", written["name"]))
    return Parsed(None, removal=Removal(address=address, source=source, destroy=destroy is True))


def _moved_from(written: Mapping[str, JSONValue]) -> list[tuple[Address, Path]]:
    """The addresses that a task had before, and where each is written."""
    moved = cast("Mapping[str, JSONValue]", written.get("moved") or {})
    old = moved.get("from")
    if isinstance(old, str):
        return [(Address(old), MOVED_FROM)]
    names = cast("list[str]", old or [])
    return [(Address(name), (*MOVED_FROM, index)) for index, name in enumerate(names)]


def _moved_faults(written: Mapping[str, JSONValue], address: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for old, path in _moved_from(written):
        if old == address:
            yield Fault(path, f'"{old}" is the address itself: write the one that the task had before')
        elif old in seen:
            yield Fault(path, f'"{old}" stands here twice')
        seen.add(old)


def _address(written: Mapping[str, JSONValue], info: JSONObject, remarks: Remarks) -> str:
    """The manifest's name; a body copied from the vendor's page has none, then its TaskName serves."""
    name = written.get("name")
    if isinstance(name, str):
        return name
    task_name = info.get("TaskName")
    if isinstance(task_name, str) and _ADDRESS.fullmatch(task_name):
        remarks.warnings.append(
            Fault(
                (),
                f"no name: the address is taken from TaskName; write name: {task_name} to keep it for life",
            )
        )
        return task_name
    remarks.faults.append(Fault((), '"name" is missing: the address by which this task is known, for life'))
    return ""


def _project(written: Mapping[str, JSONValue], info: JSONObject, defaults: Defaults, remarks: Remarks) -> str:
    """The top level's project, else TaskInfo's, else the settings'; the two in a file must agree."""
    outer, inner = written.get("ProjectId"), info.get("ProjectId")
    if outer and inner and outer != inner:
        remarks.faults.append(
            Fault(
                ("TaskInfo", "ProjectId"),
                f"TaskInfo.ProjectId is {shown(inner)}, but ProjectId is {shown(outer)}",
            )
        )
    project = outer or inner or defaults.project_id
    if not project:
        remarks.faults.append(
            Fault((), '"ProjectId" is missing: write it here, or project_id in provisioner.yaml')
        )
    return cast("str", project or "")


def _run(written: Mapping[str, JSONValue], info: JSONObject, remarks: Remarks) -> RunSpec | None:
    """What the job is to do; the schema has checked the words."""
    said = cast("Mapping[str, JSONValue]", written.get(RUN) or {})
    if not said:
        return None
    state, start = RunState(str(said["state"])), said.get("start_from")
    if family_of(info.get("TaskType")) == OFFLINE and state not in (RunState.DRAFT, RunState.SUBMITTED):
        why = (
            f"run.state is {state}, but an offline task runs by its schedule: write draft or submitted, "
            "or leave run out"
        )
        remarks.faults.append(Fault((RUN, "state"), why))
    moment = None if start is None else start_moment(start)
    if start is not None and moment is None:
        why = (
            f"start_from is {shown(start)}: write a time with its zone, such as 2026-01-31T08:00:00Z, or "
            "Unix milliseconds, from the year 2000 on"
        )
        remarks.faults.append(Fault((RUN, "start_from"), why))
    if start is not None and state is not RunState.RUNNING:
        why = (
            f"start_from is where a job starts to read, and run.state is {state}: write running, or leave "
            "start_from out"
        )
        remarks.faults.append(Fault((RUN, "start_from"), why, at_key=True))
    return RunSpec(
        state=state, on_change=OnChange(str(said.get("on_change") or "keep_state")), start_from=moment
    )


def _service_warning(remarks: Remarks) -> list[Fault]:
    """One warning for all fields of a document that the service owns."""
    if not remarks.service_fields:
        return []
    names = sorted({path_text(path) for path in remarks.service_fields})
    said = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return [
        Fault(
            remarks.service_fields[0],
            f"set by the service, so sent on create only and never compared: {said}",
            at_key=True,
        )
    ]
