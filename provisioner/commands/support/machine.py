"""A run, wired: the engine with this machine's clock, threads, terminal and state file."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.commands.project.project import Project
from provisioner.commands.support.outcome import settled_lines
from provisioner.commands.support.reporter import ApplyReporter
from provisioner.commands.support.workers import Interrupt, SystemClock, ThreadWorkers
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.api.task_api import TaskApi
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import ID_DIGITS
from provisioner.core.plan.drift import Observed, is_comparable
from provisioner.core.plan.moves import NO_NAMES, Names
from provisioner.core.plan.plan import Plan
from provisioner.core.settings import Settings
from provisioner.core.state.state import State
from provisioner.core.text import printable
from provisioner.engine.editing_lock import LockPolicy
from provisioner.engine.ports import Outside
from provisioner.engine.refresh import Looked, look_at
from provisioner.engine.run import Run, Wish
from provisioner.engine.settle import SIGNATURE_SECONDS, Settled, Window
from provisioner.engine.task_steps import Context, RunLimits
from provisioner.errors import ApiError
from provisioner.store.backend import LocalBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoice:
    """How far to go with jobs."""

    seconds: float = 300
    """How long one may take to start or stop."""

    stop_running: bool = False


_NO_WAIT = Window(late=-1, lag=-1)


class Machine:
    """What one command runs on."""

    def __init__(self, terminal: Terminal, project: Project) -> None:
        self.backend: LocalBackend = project.backend()
        self.interrupt = Interrupt(terminal.say)
        self.clock = SystemClock(self.interrupt)
        self.reporter = ApplyReporter(terminal, monotonic=self.clock.monotonic)
        self._terminal = terminal
        self._project = project

    def first_state(self, empty: State) -> State:
        """The state that a project begins with."""
        return replace(empty, lineage=secrets.token_hex(16), remote=self._project.remote)

    def look(self, api: TaskApi, state: State, targets: Sequence[Address] = ()) -> Looked:
        """The tasks in the state as they are now, or the targets among them; see ``engine.refresh``.

        Raises:
            ApiError: the service cannot be asked.
        """
        records = [
            record
            for address, record in sorted(state.tasks.items())
            if is_comparable(state, address) and (not targets or address in targets)
        ]
        settings = self._project.settings
        lag_seconds = 0 if settings.is_embedded else settings.list_lag_seconds
        workers = ThreadWorkers(settings.parallelism)
        with self._terminal.progress(len(records), "Looking") as seen:
            return look_at(records, api, workers, lag_seconds=lag_seconds, progress=seen)

    def observe(self, api: TaskApi, state: State, targets: Sequence[Address] = ()) -> Observed:
        """What is there of every task in the state, or of every target, for a plan.

        Raises:
            ApiError: it could not be looked at, all of it: a plan is whole or there is none.
        """
        looked = self.look(api, state, targets)
        if looked.unread:
            names = {record.task_id: address for address, record in state.tasks.items()}
            lines = "\n".join(
                printable(f"  {names[task_id]}: {why}") for task_id, why in looked.unread.items()
            )
            raise ApiError(f"Some tasks could not be looked at.\n{lines}\nRun the command again in a moment.")
        return looked.observed

    def run(
        self,
        api: TaskApi,
        *,
        desired: Mapping[Address, TaskSpec],
        names: Names = NO_NAMES,
        plan_of: Callable[[State], Plan],
        wait: bool,
        lock_policy: LockPolicy | None = None,
        observed: Observed | None = None,
        jobs: RunChoice | None = None,
    ) -> Run:
        """A run that is to come to what is desired, by these plans; refreshed by what was observed."""
        settings = self._project.settings
        window = _window(settings)
        # The embedded emulator ended with the process that sent to it: nothing can be late.
        earlier = _NO_WAIT if settings.is_embedded else window
        chosen = jobs or RunChoice()
        context = Context(
            api=api,
            stack=settings.stack,
            new_id=_new_id,
            use_marker=self._project.use_marker,
            record_of=self.backend.record_of,
            limits=RunLimits(seconds=chosen.seconds, late=earlier.late, stop_running=chosen.stop_running),
        )
        outside = Outside(
            backend=self.backend,
            workers=ThreadWorkers(settings.parallelism, self.interrupt.is_set),
            clock=self.clock,
            reporter=self.reporter,
            parallelism=settings.parallelism,
            should_stop=self.interrupt.is_set,
        )

        def tell(settled: Settled) -> None:
            for line in settled_lines(settled, wait=wait):
                self._terminal.say(line)

        return Run(
            Wish(
                desired=desired,
                names=names,
                plan_of=plan_of,
                first=self.first_state,
                wait=wait,
                lock_policy=lock_policy or LockPolicy(),
                observed=observed or {},
            ),
            context,
            outside,
            window=window,
            earlier=earlier,
            tell=tell,
        )


def _new_id() -> str:
    return secrets.token_hex(ID_DIGITS // 2)


def _window(settings: Settings) -> Window:
    late = SIGNATURE_SECONDS + settings.work_seconds + settings.list_lag_seconds
    return Window(late=late, lag=settings.list_lag_seconds)
