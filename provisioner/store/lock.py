"""The lock beside the state: who holds it, and from which journal something was sent last.

Rule: the system's lock on the file is what counts; what stands in the file is for people, and for the
day on which the state gets lost. The program never renames or removes the file. A lock on a file that
somebody else has removed locks nothing, so whoever holds it can ask whether it is still the file that
its name leads to.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from provisioner.core.text import printable
from provisioner.errors import StateError, StateLockedError
from provisioner.store.disk import Disk, translated

_UNREADABLE = "?"
"""Sent from a journal, but from which cannot be read any more: from none that any state knows."""

_PADDED_BYTES = 1024
"""The text is written over the old one at once, blanks included: killed in between, the old one stands."""

_TRIES = 10
_UNNAMED_SECONDS = 0.2
"""How often, and how long, a lock is looked at whose file does not say who holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock."""

    pid: int
    host: str
    command: str
    since: str
    """UTC, ``yyyy-mm-ddThh:mm:ssZ``."""


class StateLock:
    """The lock of one state."""

    def __init__(self, path: str, disk: Disk) -> None:
        self.path = path
        self.sent = ""
        """Id of the journal from which calls were sent last, whatever has become of the state; empty if none
        ever were. As it was when the lock was taken, and as it was noted since."""

        self._disk = disk
        self._handle: int | None = None

    @contextmanager
    def held(self, holder: Holder) -> Iterator[None]:
        """Hold the lock for the time of a ``with``.

        Raises:
            StateLockedError: somebody else holds it; says who and since when.
            StateError: the lock file cannot be written.
        """
        with translated("lock", self.path):
            self._disk.make_folder(os.path.dirname(self.path))
            handle = self._taken()
        if handle is None:
            raise StateLockedError(self._held_by())
        self._handle = handle
        try:
            self.sent = self._left_word()
            self._write(handle, {name: getattr(holder, name) for name in Holder.__dataclass_fields__})
            yield
        finally:
            # Without a holder while it is still held, so that a free lock does not name one. A failure
            # here loses nothing, and must not stand in the place of what the run itself has to say.
            with suppress(StateError):
                self._write(handle, {})
            self._handle = None
            with suppress(OSError):
                self._disk.close(handle)

    def note(self, sent: str) -> None:
        """Leave word from which journal calls are sent: the state itself may get lost.

        Raises:
            StateError: it could not be made durable.
        """
        if self._handle is not None and self.sent != sent:
            self.sent = sent
            self._write(self._handle, self._document())
            with translated("lock", self.path):
                self._disk.sync_data(self._handle)

    @property
    def is_ours(self) -> bool:
        """Whether this run holds it."""
        return self._handle is not None

    def is_intact(self) -> bool:
        """Whether the file that is held, if one is, is still the one that its name leads to."""
        return self._handle is None or self._disk.is_named(self._handle, self.path)

    def holder(self) -> Holder | None:
        """Who holds the lock now, as far as the file says."""
        document = self._document()
        try:
            return Holder(**{name: document[name] for name in Holder.__dataclass_fields__})
        except KeyError:
            return None

    def is_held(self) -> bool:
        """Whether a run holds the lock at this moment."""
        with translated("read", self.path):
            return self._disk.is_locked(self.path)

    def _taken(self) -> int | None:
        """The file, locked; None if somebody else holds it.

        Whoever has just taken it, or is about to leave it, is not named in it for a moment: after
        that it is free or says who.
        """
        for _ in range(_TRIES):
            handle = self._disk.lock(self.path)
            if handle is not None or self.holder() is not None:
                return handle
            time.sleep(_UNNAMED_SECONDS / _TRIES)
        return None

    def _held_by(self) -> str:
        holder = self.holder()
        who = "  somebody, but the lock file does not say who"
        if holder is not None:
            who = (
                f"  pid {holder.pid} on {printable(str(holder.host))}, since {printable(str(holder.since))}\n"
                f"  {printable(str(holder.command))}"
            )
        return (
            f"Another run holds the state's lock.\n{who}\nWait for it to end, or use --lock-timeout SECONDS."
        )

    def _left_word(self) -> str:
        """What the last run left that sent something.

        A text is torn if a run died while it wrote over another one, which may have said that something
        was sent: then the state counts as lost. A text that is shorter than all, or has holes, was the
        first one: what is said is made durable before anything is sent, so nothing was.
        """
        document = self._document()
        with translated("read", self.path):
            data = self._disk.read(self.path) or b""
        if not document and len(data) >= _PADDED_BYTES and b"\0" not in data:
            return _UNREADABLE
        journal = document.get("journal")
        return journal if isinstance(journal, str) else ""

    def _document(self) -> dict[str, Any]:
        """What the file says; empty if that is nothing that a run has written."""
        with translated("read", self.path):
            data = self._disk.read(self.path)
        try:
            document = json.loads((data or b"").partition(b"\n")[0])
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def _write(self, handle: int, document: Mapping[str, Any]) -> None:
        told = {**document, "journal": self.sent} if self.sent else document
        text = f"{json.dumps(told)}\n".encode().ljust(_PADDED_BYTES) if told else b""
        with translated("lock", self.path):
            self._disk.write(handle, 0, text)
            self._disk.truncate(handle, len(text))
