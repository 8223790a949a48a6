"""What we know we made, and what we tried without hearing the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from provisioner.core.address import Address, TaskId
from provisioner.core.body.lazy import Body
from provisioner.core.jobs.job import RunRecord
from provisioner.core.json_types import JSONObject


class WriteKind(StrEnum):
    """What an attempt tries to do."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RUN = "run"
    """A call that changes what runs: its ``spec`` is the step, and its ``digest`` that of the body that a
    new version is made of; see ``core.jobs.job``."""


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """One task we know we made."""

    project_id: str
    task_id: TaskId
    task_type: int
    spec: Body = Body()
    """The canonical body of the last write that succeeded. Empty if it was adopted unseen."""

    digest: str
    """Digest of the desired spec then; empty if what the service holds is not known, so that the
    next plan sends the whole body again."""

    request_id: str
    applied_at: str
    """UTC, ``yyyy-mm-ddThh:mm:ssZ``."""

    protected: bool = False
    """``prevent_destroy`` as last applied: removing the manifest does not remove the protection."""

    attempt: str = ""
    """The attempt id in the task's marker, so that a later write keeps the marker."""

    marked_as: str = ""
    """The address that the marker names, where that is another one: the task was moved since."""

    run: RunRecord | None = None
    """What is known of its job; None: that is not managed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One write that was announced: what was going to be sent, when, and what it means if it worked."""

    address: Address
    kind: WriteKind
    attempt: str
    """Random id; for a create it is in the marker."""

    project_id: str
    task_type: int
    task_id: TaskId | None
    """None for a create."""

    spec: JSONObject
    digest: str
    protected: bool
    timestamp: int
    """Unix seconds that were signed: it cannot take effect 300 s and a working time later."""

    payload_digest: str
    marked: bool = True
    """Whether what was sent carries the marker of this attempt: how the task is found again."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Which service the tasks are at. A TaskId means something there only."""

    endpoint: str
    """``embedded``, or the endpoint as it is requested; without the port where it is this machine."""

    region: str
    """``X-TC-Region``; empty for the embedded emulator, which has one only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything we know we made, and what we tried without hearing the outcome."""

    lineage: str
    """A random id made with a new state and never changed. Empty: nothing was ever written."""

    stack: str
    serial: int = 0
    """Counts up by one per snapshot; comparable only within a lineage."""

    seq: int = 0
    """Number of the last journal entry that is folded in."""

    swallowed: str = ""
    """Chain value of the last journal that is folded in; see ``core.state.journal``."""

    sent: tuple[str, ...] = ()
    """Ids of the journals that are folded in and from which calls were sent: the last few, the latest last.
    Who knows one of them descends from it."""

    remote: Remote = Remote("", "")
    """Where the tasks are."""

    fence: int = 0
    """Unix seconds on the service's clock: an earlier state was lost, and until then something that it
    knew of may still take effect, so nothing is created. 0: no state was lost."""

    tasks: Mapping[Address, TaskRecord] = field(default_factory=dict)
    open: Mapping[Address, Attempt] = field(default_factory=dict)
    """Attempts without an outcome, at most one an address."""


def with_task(state: State, address: Address, record: TaskRecord) -> State:
    """The state with one record added or replaced."""
    return replace(state, tasks={**state.tasks, address: record})


def without_task(state: State, address: Address) -> State:
    """The state with one record forgotten."""
    return replace(state, tasks={key: value for key, value in state.tasks.items() if key != address})
