"""What would have to happen for the world to be as desired.

Rule: a plan is data. It holds no clock, no random order and no function to call, so that somebody
else can carry it out later.
"""

from dataclasses import dataclass
from enum import StrEnum

from provisioner.core.address import Address, TaskId
from provisioner.core.body.diff import FieldChange
from provisioner.core.jobs.job import Job, RunChange
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.moves import Forgotten, Move
from provisioner.core.source import Source
from provisioner.core.state.state import WriteKind


class Action(StrEnum):
    """What is done to one task."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class Reason(StrEnum):
    """Why, where the fields alone do not say it."""

    NONE = ""
    NOT_IN_STATE = "not_in_state"
    NOT_IN_MANIFESTS = "not_in_manifests"
    REMOVED = "removal_requested"
    """A manifest says that it is to be deleted."""

    DESTROY = "destroy_requested"
    CHANGED = "manifest_changed"
    IMMUTABLE = "immutable_field_changed"
    UNSEEN = "content_not_known"
    """The task is ours, but what it holds is not known: it was adopted, or an update was cut off."""

    MOVED = "moved"
    """The task is at another address than its marker says; a write brings the marker up to date."""

    DRIFTED = "changed_in_wedata"
    """Somebody changed it there since it was last applied."""

    GONE = "gone_from_wedata"
    """The service does not know it any more."""

    RUN_STATE = "run_state"
    """Its body stays as it is; what its job does changes."""

    UNSETTLED = "outcome_unknown"
    """An earlier write was sent and its outcome is not known; apply looks before it does anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One task and what is done to it."""

    address: Address
    action: Action
    reason: Reason
    project_id: str
    task_type: int
    task_id: TaskId | None
    """The task as it exists; None for a create."""

    before: JSONObject | None
    """The body as last applied, or in a refreshed plan as it is there; None for a create."""

    after: JSONObject | None
    """The body as it will be; None for a delete."""

    fields: tuple[FieldChange, ...]
    """For an update or a replace: what differs, in order of path."""

    source: Source | None
    """Where the manifest is; for a delete, where one asks for it, if one does."""

    spec: TaskSpec | None = None
    """What is asked for; None for a delete, and in a plan that was read from a file."""

    job: Job | None = None
    """Of a task that is to go: what its job was last seen to do, where that hinders it."""

    renamed_from: Address | None = None
    """For a create: the only task that is to go and is the same but for its name; a hint, nothing more."""

    run: RunChange | None = None
    """What is done about its job, after its body is written; None: nothing."""

    ignored: tuple[str, ...] = ()
    """For an update: the fields that differ and that ``ignore_changes`` leaves as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a plan was worked out from."""

    tool_version: str
    stack: str
    lineage: str
    serial: int
    endpoint: str
    region: str
    environment: str
    targets: tuple[Address, ...] = ()
    destroy: bool = False
    refreshed: bool = False
    """Whether what is there was taken into account, and not only what was last applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """An earlier write whose outcome is not known."""

    address: Address
    kind: WriteKind
    attempt: str
    timestamp: int
    """Unix seconds that were signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many tasks a plan touches; a replace counts as one to add and one to destroy.

    A task that is forgotten goes on existing, and is counted by itself.
    """

    add: int
    change: int
    destroy: int
    forget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ordered changes and what they were worked out from."""

    origin: Origin
    changes: tuple[Change, ...]
    """In order of address; nothing that stays as it is."""

    unchanged: int
    """How many tasks stay as they are."""

    unsettled: tuple[Unsettled, ...] = ()
    """In order of address; apply settles these before anything else."""

    protection: tuple[tuple[Address, bool], ...] = ()
    """Where ``prevent_destroy`` is not yet as the manifest has it, and how that is; in order of address.
    Only the state changes; nothing is sent."""

    moves: tuple[Move, ...] = ()
    """Tasks that have another address now; in order of that. Recorded before anything is sent."""

    forgotten: tuple[Forgotten, ...] = ()
    """Tasks that are not managed any more and go on existing; in order of address."""

    not_draft: tuple[Address, ...] = ()
    """Tasks that are in production and are asked to be drafts, which they cannot become again; in order of
    address."""

    @property
    def counts(self) -> Counts:
        """For the summary line."""
        actions = [change.action for change in self.changes]
        replaced = actions.count(Action.REPLACE)
        return Counts(
            add=actions.count(Action.CREATE) + replaced,
            change=actions.count(Action.UPDATE),
            destroy=actions.count(Action.DELETE) + replaced,
            forget=sum(not one.waits for one in self.forgotten),
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.changes or self.unsettled or self.protection or self.moves or self.forgotten)
