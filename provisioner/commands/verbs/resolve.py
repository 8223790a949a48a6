"""``resolve``: settle writes whose outcome is unknown, by looking or by a person's word.

Rule: nothing is created, changed or deleted at the service; only what is known about it is recorded.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from provisioner.commands.project.project import Options, Project, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.support.machine import Machine
from provisioner.commands.support.planning import load_state, plan_of
from provisioner.commands.support.remote import open_remote
from provisioner.commands.support.remote_task import ensure_free, read_task
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address, TaskId
from provisioner.core.api.task_api import TaskApi
from provisioner.core.state.state import State, WriteKind
from provisioner.core.text import printable
from provisioner.engine import manual
from provisioner.engine.settle import Settled
from provisioner.errors import (
    ConflictError,
    InterruptedRunError,
    OutcomeUnknownError,
    UsageError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveOptions:
    """What resolve takes beside what every command takes."""

    address: str | None = None
    """The only one to settle by a person's word; None: all of them by looking."""

    adopt: str | None = None
    """A TaskId: that task is the address's."""

    absent: bool = False
    """The open write at the address left nothing."""

    project_id: str | None = None
    wait: bool = False
    lock_timeout_seconds: float = 0


def resolve(terminal: Terminal, options: Options, chosen: ResolveOptions) -> int:
    """Find out what became of writes without an answer. Returns the exit code.

    Raises:
        UsageError: what was said does not fit what is recorded; nothing was changed.
        ProvisionerError: the service or the state cannot be used.
    """
    if (chosen.address is None) != (chosen.adopt is None and not chosen.absent) or (
        chosen.adopt is not None and chosen.absent
    ):
        raise UsageError(
            "resolve takes nothing, or an address and one of --adopt TASK_ID and --absent.\n"
            "  provisioner resolve orders-to-lake --adopt TASK_ID"
        )
    project = open_project(options)
    machine = Machine(terminal, project)
    with ExitStack() as stack:
        stack.enter_context(locked(terminal, machine.backend, "resolve", chosen.lock_timeout_seconds))
        state = load_state(project, machine.backend)
        if chosen.absent:
            return _absent(terminal, machine, state, str(chosen.address))
        if chosen.adopt is None and not state.open:
            terminal.result("There is nothing to settle: no write has an unknown outcome.")
            return 0
        stack.enter_context(machine.interrupt.listening())
        api = stack.enter_context(open_remote(project.settings, machine.clock))
        if chosen.adopt is not None:
            return _adopt(terminal, project, machine, api, state, chosen)
        return _settle(terminal, project, machine, api, wait=chosen.wait)


def _settle(terminal: Terminal, project: Project, machine: Machine, api: TaskApi, *, wait: bool) -> int:
    run = machine.run(api, desired={}, plan_of=lambda state: plan_of(project, {}, state), wait=wait)
    settled = run.settle()
    machine.backend.commit()
    left = len(machine.backend.attempts())
    terminal.result(f"{left} left to settle." if left else "Everything is settled.")
    return _exit_code(machine, settled)


def _exit_code(machine: Machine, settled: Settled) -> int:
    if machine.interrupt.is_set():
        return InterruptedRunError.exit_code
    if settled.held:
        return OutcomeUnknownError.exit_code
    return ConflictError.exit_code if settled.conflicts else 0


def _absent(terminal: Terminal, machine: Machine, state: State, address: str) -> int:
    attempt = state.open.get(Address(address))
    if attempt is None:
        raise UsageError(
            f'No write to "{printable(address)}" has an unknown outcome.\n'
            "They are listed by:\n  provisioner show"
        )
    machine.backend.begin(first=machine.first_state, reserve_bytes=0)
    manual.declare_absent(machine.backend, attempt)
    machine.backend.commit()
    if attempt.kind is WriteKind.RUN:
        terminal.result(f"Recorded: the step of the job of {address} had no effect.")
        return 0
    terminal.result(f"Recorded: the {attempt.kind} at {address} left no task.")
    return 0


def _adopt(
    terminal: Terminal,
    project: Project,
    machine: Machine,
    api: TaskApi,
    state: State,
    chosen: ResolveOptions,
) -> int:
    address, task_id = Address(str(chosen.address)), TaskId(str(chosen.adopt))
    ensure_free(state, address, task_id)
    attempt = state.open.get(address)
    project_id = chosen.project_id or (attempt.project_id if attempt else project.settings.project_id)
    if not project_id:
        raise UsageError("The task's project is not known.\nName it: --project-id ID")
    task = read_task(api, project_id, task_id)
    machine.backend.begin(first=machine.first_state, reserve_bytes=0)
    manual.adopt(machine.backend, machine.clock, address, project_id, task)
    machine.backend.commit()
    terminal.result(f"Recorded: {address} is {printable(task.name)} [id={printable(task_id)}].")
    terminal.say("What it holds was not compared: the next apply sends the whole manifest.")
    return 0
