"""What has happened since the last snapshot, one value each.

Rule: an entry is durable before the call it announces.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from provisioner.core.address import Address, TaskId
from provisioner.core.jobs.job import RunRecord
from provisioner.core.state.state import Attempt, TaskRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which snapshot this journal extends."""

    lineage: str
    stack: str
    base_serial: int
    base_seq: int
    base_checksum: str
    """Of the snapshot: another one of the same serial, made elsewhere, is not the base."""

    journal: str
    """Random id of this journal: an earlier one of the same base is not this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write is about to be sent."""

    seq: int
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The service said that it did it."""

    seq: int
    address: Address
    attempt: str
    task_id: TaskId
    request_id: str
    at: str
    approval: str = ""
    """TaskApproveId, where a version waits for that; see ``core.api.replies.Done``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The write had no effect: refused before any, or never sent."""

    seq: int
    address: Address
    attempt: str
    code: str
    request_id: str


class Verdict(StrEnum):
    """How an attempt without an outcome was settled."""

    ADOPTED = "adopted"
    """The task exists and is ours: its id is recorded."""

    ABSENT = "absent"
    """There is no such task: a create left nothing, a delete succeeded."""

    CONFIRMED = "confirmed"
    """What was written was read back: from now on what is there counts."""

    REPEAT = "repeat"
    """The task exists, but what it holds is not known: the next plan sends the whole body again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An attempt was settled by looking, or by a person."""

    seq: int
    address: Address
    attempt: str
    verdict: Verdict
    record: TaskRecord | None
    """What is known now; None if there is no task."""

    evidence: str
    """What was seen, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a job does was seen, and nothing is under way for it any more than this says."""

    seq: int
    address: Address
    run: RunRecord


Entry: TypeAlias = Intent | Finished | Rejected | Resolved | Ran
