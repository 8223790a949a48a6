"""``apply`` and ``destroy``: settle, plan, show, ask, carry out, say how it went.

Read ``_Run.under_lock`` for the order of things; what happens to one task is in ``engine.steps``.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from provisioner.commands.lock import locked
from provisioner.commands.outcome import Outcome, conclude, settled_lines
from provisioner.commands.plan import desired_tasks, limits_of, plan_of, read_saved
from provisioner.commands.project import Options, Project, open_project
from provisioner.commands.remote import open_remote
from provisioner.commands.reporter import ApplyReporter
from provisioner.commands.terminal import Terminal
from provisioner.commands.workers import Interrupt, SystemClock, ThreadWorkers
from provisioner.core.address import Address
from provisioner.core.calls import TaskApi
from provisioner.core.guard import ensure_allowed
from provisioner.core.manifest import TaskSpec
from provisioner.core.marker import ID_DIGITS
from provisioner.core.plan import Action, Change, Plan
from provisioner.core.plan_document import decides_the_same, to_document
from provisioner.core.state import State
from provisioner.engine.apply import Applier
from provisioner.engine.settle import SIGNATURE_SECONDS, Settled, Settler, to_adopt
from provisioner.engine.steps import Context
from provisioner.errors import ConflictError, StalePlanError, UsageError
from provisioner.render.plan_text import render_plan

_ENTRY_BYTES = 2_000
"""Journal space for one write's entries beside the body, generously."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """What apply and destroy take beside what every command takes."""

    plan_file: str | None = None
    auto_approve: bool = False
    targets: tuple[str, ...] = ()
    as_json: bool = False
    destroy: bool = False
    verbose: bool = False
    lock_timeout_seconds: float = 0


def apply(terminal: Terminal, options: Options, chosen: ApplyOptions) -> int:
    """Carry out a plan, after asking. Returns the exit code.

    Raises:
        ProvisionerError: every way in which it can fail before or while recording; see ``errors``.
    """
    if chosen.as_json and not (chosen.auto_approve or chosen.plan_file):
        raise UsageError("--json cannot ask.\nAdd --auto-approve, or give a saved plan.")
    saved = None
    if chosen.plan_file:
        plan, _ = read_saved(os.path.abspath(chosen.plan_file))
        saved = to_document(plan)
        chosen = replace(chosen, destroy=plan.origin.destroy, targets=plan.origin.targets)
    project = open_project(options)
    run = _Run(terminal, project, chosen, saved)
    # Before the lock: bad manifests must not even leave a lock file behind.
    run.read_manifests()
    with locked(terminal, run.backend, chosen.lock_timeout_seconds):
        outcome = run.under_lock()
    return conclude(terminal, outcome, as_json=chosen.as_json)


class _Run:
    """One apply."""

    def __init__(
        self,
        terminal: Terminal,
        project: Project,
        chosen: ApplyOptions,
        saved: Mapping[str, object] | None,
    ) -> None:
        self._terminal = terminal
        self._project = project
        self._settings = project.settings
        self._desired: Mapping[Address, TaskSpec] = {}
        self._read_for: State | None = None
        self._chosen = chosen
        self._saved = saved
        self._interrupt = Interrupt(terminal.say)
        self._clock = SystemClock(self._interrupt)
        self.backend = project.backend()

    def read_manifests(self) -> State:
        """The manifests as they are beside the state as it is; returns the state.

        Read once more under the lock only if another run changed the state in between: what did
        not change since it was applied is taken from the state.

        Raises:
            ManifestError, StateError: either has problems.
        """
        state = self.backend.load()
        if self._read_for is None or (state.serial, state.seq) != (self._read_for.serial, self._read_for.seq):
            destroy = self._chosen.destroy
            self._desired = desired_tasks(self._terminal, self._project, state, destroy=destroy)
            self._read_for = state
        return state

    def under_lock(self) -> Outcome:
        """Load, plan, settle, ask, carry out, settle again, commit."""
        state = self.read_manifests()
        plan = self._plan(state)
        if self._saved is not None and not decides_the_same(self._saved, to_document(plan)):
            raise _stale("The manifests or the state changed since the plan was made.")
        ensure_allowed(plan, state, limits_of(self._project))
        if plan.is_empty:
            self._show(plan)
            self._sync_protection()
            return Outcome(plan=plan)
        with ExitStack() as stack:
            stack.enter_context(self._interrupt.listening())
            api = stack.enter_context(open_remote(self._settings, self._clock))
            plan = self._settle_first(api, plan)
            if plan.is_empty or not self._approved(plan):
                self.backend.commit()
                return Outcome(plan=plan, cancelled=not plan.is_empty)
            return self._carry_out(api, plan)

    # ── before ──────────────────────────────────────────────────────────────

    def _plan(self, state: State) -> Plan:
        chosen = self._chosen
        return plan_of(self._project, self._desired, state, targets=chosen.targets, destroy=chosen.destroy)

    def _settle_first(self, api: TaskApi, plan: Plan) -> Plan:
        """The plan once what was open is settled and what already exists is adopted."""
        settler = self._settler(api)
        settled = settler.settle() if plan.unsettled else Settled()
        self._tell(settled)
        creates = {change.address for change in plan.changes if change.action is Action.CREATE}
        wanted = [spec for spec in to_adopt(self._desired, self.backend.state) if spec.address in creates]
        adopted = settler.adopt(wanted) if wanted else Settled()
        self._tell(adopted)
        _ensure_no_conflict(settled, adopted)
        state = self.backend.state
        again = self._plan(state)
        ensure_allowed(again, state, limits_of(self._project))
        if self._saved is not None and _decisions(plan) != _decisions(again):
            raise _stale("Settling what an earlier apply left open changed what is to be done.")
        return again

    def _approved(self, plan: Plan) -> bool:
        if self._saved is not None:
            return True
        self._show(plan)
        if self._chosen.auto_approve:
            return True
        verb = "destroy all of these tasks" if self._chosen.destroy else "perform these actions"
        answer = self._terminal.ask(
            f"\nDo you want to {verb}?\n"
            "  provisioner will perform the actions described above.\n"
            "  Only 'yes' will be accepted to approve.\n\n"
            "  Enter a value: "
        )
        return answer == "yes"

    def _show(self, plan: Plan) -> None:
        if not self._chosen.as_json:
            text = render_plan(plan, colour=self._terminal.colour, verbose=self._chosen.verbose)
            self._terminal.result(text)

    # ── carrying out ────────────────────────────────────────────────────────

    def _carry_out(self, api: TaskApi, plan: Plan) -> Outcome:
        blocked = {attempt.address for attempt in self.backend.attempts()}
        changes = [change for change in plan.changes if change.address not in blocked]
        self._ready(changes)
        with self._terminal.progress(len(changes), "Applying") as done:
            applied = self._applier(api, done).carry_out(changes)
        pending = self._settle_last(api)
        self.backend.commit()
        self._sync_protection()
        return Outcome(
            plan=plan,
            applied=applied,
            settled=pending,
            interrupted=self._interrupt.is_set(),
            blocked=tuple(change for change in plan.changes if change.address in blocked),
        )

    def _applier(self, api: TaskApi, done: Callable[[int], None]) -> Applier:
        context = Context(
            api=api,
            stack=self._settings.stack,
            new_id=new_id,
            use_marker=self._settings.marker != "none",
            record_of=self.backend.record_of,
        )
        return Applier(
            context,
            backend=self.backend,
            workers=ThreadWorkers(self._settings.parallelism),
            clock=self._clock,
            reporter=ApplyReporter(self._terminal, done=done, monotonic=self._clock.monotonic),
            parallelism=self._settings.parallelism,
            should_stop=self._interrupt.is_set,
        )

    def _settle_last(self, api: TaskApi) -> Settled:
        """What this very run left open; a failure to look leaves it open for the next run."""
        if not self.backend.attempts():
            return Settled()
        self._terminal.say("Looking for tasks whose creation was not answered ...")
        settled = self._settler(api, same_run=True).settle()
        self._tell(settled)
        return settled

    def _settler(self, api: TaskApi, *, same_run: bool = False) -> Settler:
        settings = self._settings
        window = SIGNATURE_SECONDS + settings.work_seconds + settings.list_lag_seconds
        return Settler(
            api=api,
            backend=self.backend,
            clock=self._clock,
            stack=settings.stack,
            use_marker=settings.marker != "none",
            # The embedded emulator ended with the process that sent the request: nothing can be late.
            window_seconds=-1 if settings.is_embedded and not same_run else window,
            ready=self._ready,
        )

    def _ready(self, changes: Sequence[Change] = ()) -> None:
        """Make the journal ready for the entries of these changes."""
        bodies = sum(len(repr(change.after or change.before)) for change in changes)
        self.backend.begin(
            endpoint=self._settings.endpoint,
            new_lineage=lambda: secrets.token_hex(16),
            reserve_bytes=2 * (bodies + _ENTRY_BYTES * len(changes)),
        )

    def _tell(self, settled: Settled) -> None:
        for line in settled_lines(settled):
            self._terminal.say(line)

    def _sync_protection(self) -> None:
        """Keep ``prevent_destroy`` in state as the manifests have it: nothing is sent for that."""
        state = self.backend.state
        changed = {
            address: replace(state.tasks[address], protected=spec.prevent_destroy)
            for address, spec in self._desired.items()
            if address in state.tasks and state.tasks[address].protected != spec.prevent_destroy
        }
        if changed and not self._chosen.targets:
            tasks = {**state.tasks, **changed}
            self.backend.replace(replace(state, tasks=tasks), endpoint=self._settings.endpoint)


def new_id() -> str:
    """A random id for an attempt."""
    return secrets.token_hex(ID_DIGITS // 2)


def _decisions(plan: Plan) -> object:
    """What a plan does, without the state's serial and without what was open when it was made."""
    return [
        {**change, "source": None, "action_reason": None} for change in to_document(plan)["resource_changes"]
    ]


def _ensure_no_conflict(*settled: Settled) -> None:
    conflicts = [conflict for one in settled for conflict in one.conflicts]
    if not conflicts:
        return
    lines = [
        f"  {conflict.address}: {conflict.why}: {', '.join(task.task_id for task in conflict.tasks)}"
        for conflict in conflicts
    ]
    raise ConflictError(
        "More tasks than one belong to one address. Nothing was touched.\n"
        + "\n".join(lines)
        + "\nDelete the ones too many in WeData, then run the command again."
    )


def _stale(why: str) -> StalePlanError:
    return StalePlanError(f"Saved plan is stale.\n  {why}\nMake it again:\n  provisioner plan --out FILE")
