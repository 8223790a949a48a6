"""An engine with every fake around it.

A test arranges the world (``fates``, ``waits``, ``fail_after``), lets the engine run, and looks at what came
of it: ``events`` tells in which order.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from builders import STACK
from fakes.api import FakeTaskApi
from fakes.backend import MemoryBackend
from fakes.clock import FakeClock
from fakes.reporter import ListReporter
from fakes.specs import desired_of
from fakes.workers import SyncWorkers
from provisioner.core.manifest.spec import Removal, TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.moves import names_of
from provisioner.core.plan.plan import Change, Origin, Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.state.state import Remote, State
from provisioner.engine.apply import Applied, Applier
from provisioner.engine.editing_lock import EditingLocks, LockPolicy
from provisioner.engine.ports import Outside
from provisioner.engine.run import Run, Wish
from provisioner.engine.settle import SIGNATURE_SECONDS, Settled, Settler, Window
from provisioner.engine.task_steps import Context, RunLimits

LAG_SECONDS = 30

WINDOW_SECONDS = SIGNATURE_SECONDS + 60 + LAG_SECONDS
"""After signing, until nothing can take effect or stay unlisted any more."""

WINDOW = Window(late=WINDOW_SECONDS, lag=LAG_SECONDS)

ORIGIN = Origin(
    tool_version="0",
    stack=STACK,
    lineage="1ea6e",
    serial=0,
    endpoint="test",
    region="",
    environment="default",
)


def first_state(empty: State) -> State:
    """A state to begin with."""
    return replace(empty, lineage="1ea6e", remote=Remote("test", ""))


class World:
    """An engine and everything around it."""

    def __init__(self, *, choose: Callable[[int], int] = lambda _count: 0, use_marker: bool = True) -> None:
        self.events: list[str] = []
        self.clock = FakeClock()
        self.api = FakeTaskApi(self.clock, self.events)
        self.backend = MemoryBackend(stack=STACK, events=self.events)
        self.workers = SyncWorkers(self.clock, choose)
        self.reporter = ListReporter()
        self.told: list[Settled] = []
        self.should_stop: Callable[[], bool] = lambda: False
        self.use_marker = use_marker
        self.locks = EditingLocks(self.clock.monotonic)
        self.limits = RunLimits(seconds=60, late=WINDOW_SECONDS)
        self.ids = (f"{number:016x}" for number in range(1, 1_000_000))
        self.ready()

    @property
    def state(self) -> State:
        """What is recorded."""
        return self.backend.state

    def ready(self) -> None:
        """Make ready to record."""
        self.backend.begin(first=first_state, reserve_bytes=0)

    def plan(self, *specs: TaskSpec) -> Plan:
        """What would have to happen for these, and no others, to exist."""
        return make_plan(desired_of(specs), self.state, ORIGIN)

    def apply(self, *specs: TaskSpec, parallelism: int = 4) -> Applied:
        """Make it so that these, and no others, exist."""
        return self.carry_out(self.plan(*specs).changes, parallelism=parallelism)

    def carry_out(self, changes: Iterable[Change], *, parallelism: int = 4) -> Applied:
        """Carry out changes with an engine of their own."""
        outside = self.outside(parallelism=parallelism)
        return Applier(self.context(), outside, self.locks).carry_out(changes)

    def outside(self, *, parallelism: int = 4) -> Outside:
        """What a run goes through."""
        return Outside(
            backend=self.backend,
            workers=self.workers,
            clock=self.clock,
            reporter=self.reporter,
            parallelism=parallelism,
            should_stop=lambda: self.should_stop(),  # noqa: PLW0108  # a test may set it later
        )

    def run(
        self,
        *specs: TaskSpec,
        wait: bool = False,
        observed: Observed | None = None,
        lock_policy: LockPolicy | None = None,
        removals: Iterable[Removal] = (),
    ) -> Run:
        """One run that is to come to these, and no others; refreshed by what was observed."""
        names = names_of(specs, {one.address: one for one in removals}, use_marker=self.use_marker)
        wish = Wish(
            desired=desired_of(specs),
            names=names,
            plan_of=lambda state: make_plan(desired_of(specs), state, ORIGIN, observed, names),
            first=first_state,
            wait=wait,
            lock_policy=lock_policy or LockPolicy(),
            observed=observed or {},
        )
        return Run(wish, self.context(), self.outside(), window=WINDOW, earlier=WINDOW, tell=self.told.append)

    def context(self) -> Context:
        """What every change needs to know."""
        return Context(
            api=self.api,
            stack=STACK,
            new_id=lambda: next(self.ids),
            use_marker=self.use_marker,
            record_of=self.backend.record_of,
            limits=self.limits,
        )

    def settler(self, *, progress: Callable[[int], None] | None = None) -> Settler:
        """A settler that has listed nothing yet."""
        return Settler(
            api=self.api,
            backend=self.backend,
            stack=STACK,
            use_marker=self.use_marker,
            window=WINDOW,
            first=first_state,
            ready=self.ready,
            progress=progress,
        )

    def forget_everything(self) -> None:
        """Delete the state."""
        self.backend = MemoryBackend(stack=STACK, events=self.events)
