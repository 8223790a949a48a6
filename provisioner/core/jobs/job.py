"""What the job of a task is to do, and what it does.

Words: a *version* is what was submitted from the development state to production; a *job* is what runs it.
The service's own numbers (CommitType, Status) stand here once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

RUN = "run"
"""Under this name a task's job is put beside its body, wherever both are shown or observed. No field of
the API begins with a small letter."""


class RunState(StrEnum):
    """What a manifest can ask for."""

    DRAFT = "draft"
    """Nothing is submitted."""

    SUBMITTED = "submitted"
    """The version in production is our body; whether its job runs is left alone."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPED = "stopped"


class OnChange(StrEnum):
    """What becomes of a running job when its body changes."""

    KEEP_STATE = "keep_state"
    """It goes on with the new version, from where it was."""

    RESTART = "restart"
    """It is paused with its state, and goes on with the new version."""

    DISCARD_STATE = "discard_state"
    """It is stopped, its state is dropped, and it begins anew."""


class Job(StrEnum):
    """What a job does, as far as that is known."""

    NONE = "draft"
    """There is no version in production."""

    READY = "submitted"
    """There is one, and it was never started."""

    MOVING = "in operation"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Step(StrEnum):
    """One call that changes what runs."""

    SUBMIT = "submit"
    SUBMIT_AND_START = "submit_and_start"
    SUBMIT_DISCARDING = "submit_discarding_state"
    SUBMIT_RESTARTING = "submit_restarting"
    SUBMIT_KEEPING = "submit_keeping_state"
    START = "start"
    STOP = "stop"
    SUSPEND = "suspend"
    RESUME = "resume"


COMMIT_TYPES: Mapping[Step, int] = {
    Step.SUBMIT: 0,
    Step.SUBMIT_AND_START: 1,
    Step.SUBMIT_DISCARDING: 2,
    Step.SUBMIT_RESTARTING: 3,
    Step.SUBMIT_KEEPING: 4,
}
"""The steps that make a new version, as CommitIntegrationTask calls them."""

_JOBS: Mapping[int, Job] = {
    1: Job.READY,
    2: Job.MOVING,
    3: Job.RUNNING,
    4: Job.SUSPENDED,
    5: Job.MOVING,
    6: Job.STOPPED,
    7: Job.FAILED,
    20: Job.FAILED,
}
"""Status -> job. 0 and 21 say nothing; neither does a number that nobody documented."""

ALIVE = frozenset({Job.RUNNING, Job.SUSPENDED})
"""Jobs whose tasks the service does not delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a manifest asks for under ``run``."""

    state: RunState
    on_change: OnChange = OnChange.KEEP_STATE
    start_from: int | None = None
    """Unix milliseconds: where a start begins to read; None: where the service lets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is known of the job of a task that is managed here."""

    job: Job = Job.UNKNOWN
    """As it was last seen."""

    digest: str = ""
    """Of the body that was last submitted; empty: none was, as far as is known."""

    current: str = ""
    """Of the body that its job runs, or goes on with; empty: that is not known, or there is none."""

    version: int = 0
    """InstanceVersion as last seen, and while a step is under way the one before it; 0: not known."""

    step: Step | None = None
    """Accepted by the service, and not yet seen to be reached."""

    sent: int = 0
    """Unix seconds at which that was signed."""

    approval: str = ""
    """TaskApproveId while the version waits for approval in WeData."""

    @property
    def is_pending(self) -> bool:
        """Whether it was not yet seen what became of the last step."""
        return self.step is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """The production side of a task as the service shows it."""

    status: int | None
    """As the service numbers it; None: it shows none."""

    version: int
    """InstanceVersion; 0: it shows none."""

    server_time: int
    """Unix seconds on the service's clock."""

    is_submitted: bool = True
    """Whether there is a version in production."""

    @property
    def job(self) -> Job:
        """What it does."""
        if not self.is_submitted:
            return Job.NONE
        return Job.UNKNOWN if self.status is None else _JOBS.get(self.status, Job.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What is done about one job."""

    before: Job
    after: RunState
    steps: tuple[Step, ...]
    """In order."""

    if_running: tuple[Step, ...] | None = None
    """What is done instead if it turns out to run; None where it is known what it does."""

    on_change: OnChange = OnChange.KEEP_STATE
    start_from: int | None = None
    loses_state: bool = False
    """Whether the state of a job may be lost."""

    pending: Step | None = None
    """An earlier step of which it was not yet seen what became."""

    approval: str = ""
    """TaskApproveId that this waits for."""

    refused: str = ""
    """Why it cannot be done; empty if it can."""
