"""``apply`` and ``destroy``: read, settle, plan, show, ask, carry out, say how it went.

Read ``_run`` for the order of things; what a run does is in ``engine.run``, what happens to one
task in ``engine.task_steps``.
"""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from provisioner.commands.project.manifests import Manifests
from provisioner.commands.project.project import Options, Project, ensure_targets, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.support.machine import Machine, RunChoice
from provisioner.commands.support.next_command import next_command
from provisioner.commands.support.outcome import conclude
from provisioner.commands.support.planning import (
    ensure_one_each,
    limits_of,
    load_state,
    plan_of,
    read_manifests,
)
from provisioner.commands.support.remote import open_remote
from provisioner.commands.support.saved_plan import read_saved
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.api.task_api import TaskApi
from provisioner.core.documents.plan_document import to_document
from provisioner.core.documents.plan_reader import decides_the_same
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.guard import ensure_allowed, ensure_possible, ensure_state_kept, loses_state
from provisioner.core.plan.moves import NO_NAMES, rearranged
from provisioner.core.plan.plan import Plan
from provisioner.core.state.state import State
from provisioner.engine.editing_lock import LockPolicy
from provisioner.engine.run import Outcome, keep_names, keep_protection
from provisioner.engine.settle import Settled
from provisioner.errors import StalePlanError, StateError, UsageError
from provisioner.render.plan_text import render_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """What apply and destroy take beside what every command takes."""

    plan_file: str | None = None
    auto_approve: bool = False
    targets: tuple[str, ...] = ()
    as_json: bool = False
    destroy: bool = False
    refresh: bool = False
    """Look at every task first, and plan from what is there."""

    verbose: bool = False
    wait: bool = False
    """Wait for what time will settle, instead of leaving it to the next run."""

    lock_timeout_seconds: float = 0
    lock_policy: LockPolicy = field(default_factory=LockPolicy)
    """What to do about tasks that somebody has open in WeData."""

    allow_state_loss: bool = False
    """Jobs may lose their state where the plan says so."""

    stop_running: bool = False
    """A running or suspended job is stopped where its task is to be deleted."""

    run_timeout_seconds: float = 300
    """How long a job may take to start or stop."""

    @property
    def verb(self) -> str:
        """The command that does this."""
        return "destroy" if self.destroy else "apply"


def apply(terminal: Terminal, options: Options, chosen: ApplyOptions) -> int:
    """Carry out a plan, after asking. Returns the exit code.

    Raises:
        ProvisionerError: every way in which it can fail before or while recording; see ``errors``.
    """
    if chosen.as_json and not (chosen.auto_approve or chosen.plan_file):
        raise UsageError("--json cannot ask.\nAdd --auto-approve, or give a saved plan.")
    saved = None
    if chosen.plan_file:
        plan, data = read_saved(os.path.abspath(chosen.plan_file))
        # As it stands in the file, so that what is only worked out for readers is compared too.
        saved = json.loads(data)
        origin = plan.origin
        chosen = replace(chosen, destroy=origin.destroy, targets=origin.targets, refresh=origin.refreshed)
    project = open_project(options)
    command = _Command(terminal, project, options, chosen, saved)
    # Before the lock: bad manifests must not even leave a lock file behind.
    command.read()
    with locked(terminal, command.backend, chosen.verb, chosen.lock_timeout_seconds) as has_waited:
        outcome = command.under_lock(read_again=has_waited)
        if outcome is None:
            return command.cancel()
        # Before the lock is given back: should that fail, it has been said what was done.
        return conclude(terminal, outcome, as_json=chosen.as_json, command=command.to_continue)


class _Command:
    """One apply or destroy."""

    def __init__(
        self,
        terminal: Terminal,
        project: Project,
        options: Options,
        chosen: ApplyOptions,
        saved: Mapping[str, object] | None,
    ) -> None:
        self._terminal = terminal
        self._project = project
        self._settings = project.settings
        self._options = options
        self._manifests = Manifests({}, (), 0)
        self._names = NO_NAMES
        self._read_for: State | None = None
        self._chosen = chosen
        self._saved = saved
        self._found = Settled()
        self._observed: Observed | None = None
        """What is there, where the plan is refreshed."""

        self._machine = Machine(terminal, project)
        self.backend = self._machine.backend

    def read(self, *, again: bool = False) -> State:
        """The manifests as they are beside the state as it is; returns the state.

        The manifests are read once more only if another run changed the state in between, or if that is
        asked for: what did not change since it was applied is taken from the state.

        Raises:
            ManifestError, StateError: either has problems.
        """
        state = load_state(self._project, self.backend)
        before = self._read_for
        if again or before is None or (state.serial, state.seq) != (before.serial, before.seq):
            self._manifests = read_manifests(
                self._terminal,
                self._project,
                state,
                destroy=self._chosen.destroy,
                refresh=self._chosen.refresh,
            )
            self._names = self._manifests.names(use_marker=self._project.use_marker)
            self._read_for = state
        return state

    @property
    def _desired(self) -> Mapping[Address, TaskSpec]:
        return self._manifests.desired

    def under_lock(self, *, read_again: bool) -> Outcome | None:
        """Plan, and carry that out if it is approved; None if it is not."""
        state = self.read(again=read_again)
        with ExitStack() as stack:
            api = self._refreshed(stack, state) if self._chosen.refresh else None
            plan = self._plan(state)
            if self._saved is not None and not decides_the_same(self._saved, to_document(plan)):
                changed = "tasks in WeData" if self._chosen.refresh else "state"
                raise self._stale(f"The manifests or the {changed} changed since the plan was made.")
            self._ensure_allowed(plan, state)
            if api is None and not plan.changes and not plan.unsettled:
                return self._recorded(plan)
            stack.enter_context(self._machine.interrupt.listening())
            api = api or stack.enter_context(open_remote(self._settings, self._machine.clock))
            return self._carry_out(api, plan)

    def _recorded(self, plan: Plan) -> Outcome | None:
        """What only the state has to know: nothing is sent for that, and nobody is asked for a network."""
        if not self._approved(plan):
            return None
        there = keep_names(self.backend, self._names, plan.origin.targets)
        keep_protection(self.backend, self._desired, plan.origin.targets)
        return Outcome(plan=plan, moves=there.moves, forgotten=there.forgotten)

    @property
    def to_continue(self) -> str:
        """What to type to go on where this one stopped: a saved plan is stale by then."""
        chosen = self._chosen
        flags = ["--stop-running"] if chosen.stop_running else []
        return next_command(self._options, chosen.verb, targets=chosen.targets, flags=flags)

    def _refreshed(self, stack: ExitStack, state: State) -> TaskApi:
        """The service, once it was looked at what is there."""
        targets = ensure_targets(self._chosen.targets, self._desired, state, self._names)
        there = rearranged(state, self._names, targets).state
        api = stack.enter_context(open_remote(self._settings, self._machine.clock))
        self._observed = self._machine.observe(api, there, targets)
        return api

    def cancel(self) -> int:
        """Say that nothing was sent; returns the exit code."""
        recorded = self._found.adopted or self._found.absent or self._found.repeat
        what = "Nothing was sent; what was found is recorded." if recorded else "Nothing was changed."
        self._terminal.say(f"\nApply cancelled. {what}")
        return UsageError.exit_code

    def _carry_out(self, api: TaskApi, shown: Plan) -> Outcome | None:
        """Do it; where the disk forbids to go on, the command that goes on is named."""
        try:
            return self._run(api, shown)
        except StateError as error:
            if type(error) is not StateError:
                # It has words of its own for what to do.
                raise
            raise StateError(f"{error}\nContinue with:\n  {self.to_continue}") from error

    def _run(self, api: TaskApi, shown: Plan) -> Outcome | None:
        run = self._machine.run(
            api,
            desired=self._desired,
            names=self._names,
            plan_of=self._plan,
            wait=self._chosen.wait,
            lock_policy=self._chosen.lock_policy,
            observed=self._observed,
            jobs=RunChoice(seconds=self._chosen.run_timeout_seconds, stop_running=self._chosen.stop_running),
        )
        plan = run.prepare()
        self._found = run.settled
        self._ensure_allowed(plan, self.backend.state)
        if self._saved is not None and _decisions(shown) != _decisions(plan):
            raise self._stale("What was found in WeData since the plan was made changes what is to be done.")
        if not self._approved(plan):
            run.finish(plan.origin.targets)
            return None
        with self._terminal.progress(len(plan.changes), "Applying") as self._machine.reporter.done:
            return run.carry_out(plan)

    def _plan(self, state: State) -> Plan:
        chosen = self._chosen
        return plan_of(
            self._project,
            {} if chosen.destroy else self._desired,
            state,
            self._names,
            targets=chosen.targets,
            destroy=chosen.destroy,
            observed=self._observed,
        )

    def _ensure_allowed(self, plan: Plan, state: State) -> None:
        ensure_one_each(self._manifests, state, self._names)
        ensure_allowed(plan, state, limits_of(self._project), self._desired)
        ensure_possible(plan)
        self._ensure_state_kept(plan)

    def _ensure_state_kept(self, plan: Plan) -> None:
        """What jobs lose is shown before it is refused."""
        if self._chosen.allow_state_loss or not loses_state(plan):
            return
        self._show(plan)
        chosen = self._chosen
        if chosen.plan_file:
            again = next_command(
                self._options, chosen.verb, flags=["--allow-state-loss"], file=chosen.plan_file
            )
        else:
            flags = [*(["--refresh"] if chosen.refresh else []), "--allow-state-loss"]
            again = next_command(self._options, chosen.verb, targets=chosen.targets, flags=flags)
        ensure_state_kept(plan, again)

    def _approved(self, plan: Plan) -> bool:
        if self._saved is not None:
            return True
        self._show(plan)
        if self._chosen.auto_approve or not (plan.changes or plan.forgotten):
            return True
        verb = "destroy all of these tasks" if self._chosen.destroy else "perform these actions"
        with self._machine.interrupt.paused():
            answer = self._terminal.ask(
                f"\nDo you want to {verb}?\n"
                "  provisioner will perform the actions described above.\n"
                "  Only 'yes' will be accepted to approve.\n\n"
                "  Enter a value: "
            )
        return answer == "yes"

    def _stale(self, why: str) -> StalePlanError:
        chosen = self._chosen
        flags = [*(["--destroy"] if chosen.destroy else []), f"--out={chosen.plan_file}"]
        again = next_command(self._options, "plan", targets=chosen.targets, flags=flags)
        return StalePlanError(f"Saved plan is stale.\n  {why}\nMake it again:\n  {again}")

    def _show(self, plan: Plan) -> None:
        if not self._chosen.as_json:
            text = render_plan(plan, colour=self._terminal.colour, verbose=self._chosen.verbose)
            self._terminal.result(text)


def _decisions(plan: Plan) -> object:
    """What a plan does, without the state's serial and without what was open when it was made."""
    document = to_document(plan)
    changes = [{**change, "source": None, "action_reason": None} for change in document["resource_changes"]]
    return changes, document["moved"], document["forgotten"]
