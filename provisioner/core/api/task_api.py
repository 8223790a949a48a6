"""The remote side, as the engine sees it. The ``cloud`` package implements it."""

from collections.abc import Callable, Mapping
from typing import Protocol

from provisioner.core.address import TaskId
from provisioner.core.api.calls import EditingCall, SignedWrite, Write
from provisioner.core.api.replies import EditingLock, Listing, RemoteTask, Reply
from provisioner.core.jobs.job import Production


class TaskApi(Protocol):
    """The remote side as the engine sees it. Methods may be called from several threads.

    The reads raise ``ApiError`` (one of its children) when no usable answer could be had; they
    repeat what is safe to repeat. ``send`` never repeats and never raises.
    """

    def sign(self, write: Write) -> SignedWrite:
        """Serialise and sign now. Sends nothing."""
        ...

    def send(self, signed: SignedWrite) -> Reply:
        """Send those bytes once: no redirect, no retry, one total deadline."""
        ...

    def seconds_until_ready(self, action: str) -> float:
        """How long the pace of this API action asks to wait before the next call; 0 = now."""
        ...

    def action_of(self, write: Write) -> str:
        """Name of the API action a write becomes; the pace is kept per action."""
        ...

    def read(self, project_id: str, task_id: TaskId, task_type: int) -> RemoteTask | None:
        """The task as it is now, or None if the service does not know it.

        Raises:
            ApiError: no usable answer.
        """
        ...

    def inventory(self, project_id: str, *, progress: Callable[[int], None] | None = None) -> Listing:
        """Every task of the project: both task types, development state, all pages.

        Raises:
            ApiError: any page could not be had; an incomplete listing is never returned.
        """
        ...

    def editing_lock(self, call: EditingCall) -> EditingLock:
        """Make a call about the editing lock. A task that is not there is locked by nobody.

        Raises:
            ApiRefusedError: the service said no, for whatever reason.
            ApiError: no usable answer.
        """
        ...

    def production(self, project_id: str, task_id: TaskId, task_type: int) -> Production:
        """The production side of one task: whether there is one, and what its job does.

        Raises:
            ApiError: no usable answer.
        """
        ...

    def productions(self, project_id: str) -> Mapping[TaskId, Production] | None:
        """The production side of every task that has one; None if the service does not list that.

        Raises:
            ApiError: any page could not be had.
        """
        ...
