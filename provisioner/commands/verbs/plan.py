"""``plan``: desired against state. Nothing is written but the file that ``--out`` names.

Rule: no network, unless ``--refresh`` asks for what is there to be looked at.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from provisioner.commands.project.project import Options, Project, ensure_targets, open_project, uncollected
from provisioner.commands.support.lock import last_run
from provisioner.commands.support.plan_output import CHANGES, Form, encoded, print_plan
from provisioner.commands.support.planning import (
    ensure_one_each,
    limits_of,
    load_state,
    plan_of,
    read_manifests,
)
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address, TaskId
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.guard import ensure_allowed, ensure_possible
from provisioner.core.plan.moves import Names, rearranged
from provisioner.core.plan.plan import Plan
from provisioner.core.state.state import State
from provisioner.core.text import printable
from provisioner.errors import UsageError
from provisioner.store.disk import Disk, write_atomic

_SHOWN_TASKS = 5


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
        document = b""
        if out:
            # Before anything is shown: a result is the last word, and there is one only.
            document = encoded(planned)
            _save(path, document)
        print_plan(terminal, planned, form, verbose=verbose, document=document)
    if out:
        from provisioner.commands.support.next_command import next_command

        command = next_command(options, "apply", file=out)
        terminal.say(f"Saved the plan. To carry out exactly this:\n  {command}")
    return CHANGES if detailed_exitcode and not planned.is_empty else 0


def _observed(
    terminal: Terminal,
    project: Project,
    desired: Mapping[Address, TaskSpec],
    state: State,
    names: Names,
    targets: Sequence[str],
) -> tuple[Observed, Mapping[TaskId, str]]:
    """What is there of the tasks in the state, or of the targets; and which of them others have open."""
    from provisioner.commands.support.machine import Machine
    from provisioner.commands.support.remote import open_remote
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


def _save(path: str, document: bytes) -> None:
    try:
        write_atomic(Disk(), path, document)
    except OSError as error:
        raise UsageError(f"The plan could not be saved.\n  {printable(path)}: {error.strerror}") from error
