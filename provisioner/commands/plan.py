"""``plan``: desired against state. Nothing is written but the file that ``--out`` names.

Rule: no network, unless ``--refresh`` asks for what is there to be looked at.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto

from provisioner.commands.lock import last_run
from provisioner.commands.manifests import Manifests, name_place
from provisioner.commands.next_command import next_command
from provisioner.commands.project import (
    Options,
    Project,
    ensure_targets,
    open_project,
    problem_text,
    uncollected,
)
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address, TaskId
from provisioner.core.documents.plan_document import encode
from provisioner.core.documents.plan_reader import decode
from provisioner.core.manifest.problem import Problem
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.guard import Limits, ensure_allowed
from provisioner.core.plan.job_guard import ensure_possible
from provisioner.core.plan.moves import NO_NAMES, Names, collisions, rearranged
from provisioner.core.plan.plan import Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.state.state import Remote, State
from provisioner.core.text import printable
from provisioner.errors import ManifestError, StateError, UsageError
from provisioner.render.plan_text import render_plan
from provisioner.store.backend import LocalBackend
from provisioner.store.disk import Disk, write_atomic

CHANGES = 2
"""Exit code of ``plan --detailed-exitcode`` when there is something to do."""

_SHOWN_TASKS = 5


class Form(Enum):
    """How a plan is printed."""

    TEXT = auto()
    JSON = auto()
    MARKDOWN = auto()


def plan(  # one parameter a flag
    terminal: Terminal,
    options: Options,
    *,
    out: str | None,
    form: Form,
    detailed_exitcode: bool,
    targets: Sequence[str],
    destroy: bool,
    refresh: bool,
    verbose: bool,
) -> int:
    """Work out the plan and show it.

    Raises:
        ManifestError: a manifest has errors; there is no plan of half the manifests.
        StateError: the state cannot be trusted.
        UsageError: the guard refuses what the plan would delete.
        ApiError: with ``refresh``, what is there could not be looked at.
    """
    path = os.path.abspath(out) if out else ""
    project = open_project(options)
    backend = project.backend()
    with uncollected():
        state = load_state(project, backend)
        manifests = read_manifests(terminal, project, state, destroy=destroy, refresh=refresh)
        desired, names = manifests.desired, manifests.names(use_marker=project.use_marker)
        if told := last_run(backend.lock):
            terminal.say(told)
        wanted = {} if destroy else desired
        ensure_one_each(manifests, state, names)
        observed, held = (
            _observed(terminal, project, wanted, state, names, targets) if refresh else (None, {})
        )
        planned = plan_of(project, wanted, state, names, targets=targets, destroy=destroy, observed=observed)
        ensure_allowed(planned, state, limits_of(project), desired)
        ensure_possible(planned)
        for line in _open_lines(planned, held):
            terminal.say(line)
        document = encode(planned) if form is Form.JSON or out else b""
        if out:
            # Before anything is shown: a result is the last word, and there is one only.
            _save(path, document)
        print_plan(terminal, planned, form, verbose=verbose, document=document)
    if out:
        command = next_command(options, "apply", file=out)
        terminal.say(f"Saved the plan. To carry out exactly this:\n  {command}")
    return CHANGES if detailed_exitcode and not planned.is_empty else 0


def print_plan(terminal: Terminal, plan: Plan, form: Form, *, verbose: bool, document: bytes = b"") -> None:
    """Write a plan to standard output. ``document``: what it is as JSON, if that is known already."""
    match form:
        case Form.TEXT:
            terminal.result(render_plan(plan, colour=terminal.colour, verbose=verbose))
        case Form.JSON:
            terminal.document((document or encode(plan)).decode())
        case Form.MARKDOWN:
            from provisioner.render.plan_markdown import render_markdown

            terminal.result(render_markdown(plan, verbose=verbose))


def load_state(project: Project, backend: LocalBackend) -> State:
    """The state, if it is one of the service that this project's calls go to.

    Raises:
        StateError: it is not, or it cannot be trusted.
    """
    with uncollected():
        state = backend.load()
    known, remote = state.remote, project.remote
    # Without a region of ours there is nothing to compare; a call asks for one first.
    is_same = (remote.endpoint, remote.region or known.region) == (known.endpoint, known.region)
    if state.lineage and not is_same:
        raise StateError(
            "The state belongs to another service.\n"
            f"  {printable(project.settings.state)}: {_place(known)}; this project is at {_place(remote)}.\n"
            "A TaskId means something there only. Use another state file (--state, or an environment) for\n"
            "another service. If both names lead to the same one, accept the state for this one:\n"
            "  provisioner state accept"
        )
    return state


def _place(remote: Remote) -> str:
    return printable(f"{remote.endpoint} {remote.region}".strip())


def _observed(
    terminal: Terminal,
    project: Project,
    desired: Mapping[Address, TaskSpec],
    state: State,
    names: Names,
    targets: Sequence[str],
) -> tuple[Observed, Mapping[TaskId, str]]:
    """What is there of the tasks in the state, or of the targets; and which of them others have open."""
    from provisioner.commands.remote import open_remote
    from provisioner.commands.running import Machine
    from provisioner.engine.editing_lock import held_by_others

    machine = Machine(terminal, project)
    addresses = ensure_targets(targets, desired, state, names)
    there = rearranged(state, names, addresses).state
    with open_remote(project.settings, machine.clock) as api:
        observed = machine.observe(api, there, addresses)
        return observed, held_by_others(there.tasks.values(), observed, api)


def _open_lines(plan: Plan, held: Mapping[TaskId, str]) -> Iterator[str]:
    """Which of the tasks that are to be changed somebody else has open: a line for each of them."""
    addresses: dict[str, list[Address]] = {}
    for change in plan.changes:
        if change.task_id is not None and change.task_id in held:
            addresses.setdefault(held[change.task_id], []).append(change.address)
    for holder, theirs in addresses.items():
        more = f" and {len(theirs) - _SHOWN_TASKS} more" if len(theirs) > _SHOWN_TASKS else ""
        yield printable(
            f"Note: {holder} is editing {', '.join(theirs[:_SHOWN_TASKS])}{more} in WeData. "
            "An apply leaves that, unless --lock-wait 5m or --take-lock is added."
        )


def desired_tasks(
    terminal: Terminal, project: Project, state: State, *, destroy: bool
) -> Mapping[Address, TaskSpec]:
    """What the manifests ask for; see ``read_manifests``."""
    return read_manifests(terminal, project, state, destroy=destroy).desired


def read_manifests(
    terminal: Terminal, project: Project, state: State, *, destroy: bool, refresh: bool = False
) -> Manifests:
    """What the manifests say; their warnings are said unless everything is to go.

    With ``refresh`` they are all parsed: what is gone is created from its manifest, not from the state.

    Raises:
        ManifestError: a manifest has errors.
    """
    manifests: Manifests = project.manifests(None if refresh else state)
    if manifests.errors:
        raise ManifestError(problem_text(manifests.problems))
    for warning in [] if destroy else manifests.warnings:
        terminal.say(str(warning))
    return manifests


def ensure_one_each(manifests: Manifests, state: State, names: Names) -> None:
    """Pass, or refuse: the state has several tasks where the manifests have one that has moved.

    Raises:
        ManifestError: it has; the tasks and what to do are named.
    """
    problems = []
    for new, *olds in collisions(state, names):
        found = [address for address in (new, *olds) if address in state.tasks]
        ids = ", ".join(f"{address} [id={state.tasks[address].task_id}]" for address in found)
        message = (
            f'"{olds[0]}" cannot move to "{new}": the state has both, each with a task of its own: {ids}; '
            f"take this out, or forget the task that is not meant: provisioner state rm ADDRESS"
            if new in state.tasks
            else f'only one task can move to "{new}", and the state has several: {ids}; '
            "forget those that are not meant: provisioner state rm ADDRESS"
        )
        place = name_place(manifests.desired[new].source, olds[0])
        problems.append(Problem(place, message))
    if problems:
        raise ManifestError(problem_text(problems))


def plan_of(
    project: Project,
    desired: Mapping[Address, TaskSpec],
    state: State,
    names: Names = NO_NAMES,
    *,
    targets: Sequence[str] = (),
    destroy: bool = False,
    observed: Observed | None = None,
) -> Plan:
    """The plan, for these targets or for everything; refreshed where something was observed."""
    addresses = ensure_targets(targets, desired, state, names)
    origin = project.origin(state, targets=addresses, destroy=destroy, refreshed=observed is not None)
    return make_plan(desired, state, origin, observed, names)


def limits_of(project: Project) -> Limits:
    """How much a plan may delete."""
    settings = project.settings
    return Limits(settings.max_deletes, settings.max_delete_percent)


def read_saved(path: str) -> tuple[Plan, bytes]:
    """A saved plan, for looking at and for comparing.

    Raises:
        UsageError: it cannot be read, or it is not a plan.
    """
    name = printable(path)
    try:
        data = Disk().read(path)
    except OSError as error:
        raise UsageError(f"The saved plan cannot be read.\n  {name}: {error.strerror}") from error
    if data is None:
        raise UsageError(f"There is no saved plan.\n  {name}\nMake one with: provisioner plan --out FILE")
    return decode(data, name), data


def _save(path: str, document: bytes) -> None:
    try:
        write_atomic(Disk(), path, document)
    except OSError as error:
        raise UsageError(f"The plan could not be saved.\n  {printable(path)}: {error.strerror}") from error
