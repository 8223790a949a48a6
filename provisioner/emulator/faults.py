"""Failures on request: what a network and a service can do to a call.

Rule: faults are programmed, not mocked. A test says which calls are hit and how; the call then goes
through everything that a healthy one does, up to the point where it fails.
"""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provisioner.errors import UsageError


class Kind(StrEnum):
    """What happens to the call."""

    DROP_REQUEST = "drop_request"
    """The connection closes; nothing was done."""

    DROP_ANSWER = "drop_answer"
    """It is done; the connection closes without an answer."""

    ERROR_AFTER = "error_after"
    """It is done; the answer is an HTTP 500 with a page."""

    BAD_GATEWAY = "bad_gateway"
    """Nothing was done; the answer is an HTTP 502 with a page."""

    INTERNAL_ERROR_AFTER = "internal_error_after"
    """It is done; the answer is the code InternalError."""

    INTERNAL_ERROR = "internal_error"
    """Nothing was done; the answer is the code InternalError."""

    REFUSE = "refuse"
    """Nothing was done; the answer is the code in ``value``."""

    COMMIT_LATE = "commit_late"
    """The connection closes; it is done ``value`` seconds later, on the service's clock."""

    ANSWER_LATE = "answer_late"
    """It is done; the answer comes ``value`` seconds later."""

    GARBAGE = "garbage"
    """It is done; the answer is not JSON."""

    TRUNCATED = "truncated"
    """It is done; the answer ends in the middle."""

    NO_TASK_ID = "no_task_id"
    """It is done; the answer reports success without saying more."""

    REDIRECT = "redirect"
    """Nothing was done; the answer is an HTTP 307 to the same place."""

    SLOW_DRIP = "slow_drip"
    """It is done; the answer comes a byte at a time, ``value`` seconds apart."""


@dataclass(slots=True)
class Fault:
    """One programmed failure."""

    kind: Kind
    action: str
    """The API action that is hit; ``*`` for every one."""

    count: int
    """How many calls are still to be hit."""

    value: str = ""
    probability: float = 1.0


class Faults:
    """What is still to happen. Safe to use from several threads."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: list[Fault] = []
        self._chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._lock = threading.Lock()

    def add(
        self,
        kind: str,
        action: str = "*",
        *,
        count: int = 1,
        value: str | float = "",
        probability: float = 1.0,
    ) -> None:
        """Hit the next ``count`` calls of an action, each with that probability.

        Raises:
            UsageError: there is no such kind.
        """
        try:
            fault = Fault(Kind(kind), action, int(count), str(value), float(probability))
        except ValueError as error:
            raise UsageError(f"This fault cannot be played: {error}.") from error
        with self._lock:
            self._faults.append(fault)

    def add_document(self, document: Mapping[str, Any]) -> None:
        """The same from JSON: ``{"kind": …, "action": …, "count": …, "value": …, "probability": …}``.

        Raises:
            UsageError: it cannot be played.
        """
        try:
            self.add(**document)
        except TypeError as error:
            raise UsageError(f"This fault cannot be played: {error}.") from error

    def clear(self) -> None:
        """Be healthy again."""
        with self._lock:
            self._faults.clear()

    def next(self, action: str) -> Fault | None:
        """The fault for this call, if one is due."""
        with self._lock:
            for fault in self._faults:
                if fault.count > 0 and fault.action in ("*", action):
                    if self._chance.random() >= fault.probability:
                        return None
                    fault.count -= 1
                    return fault
        return None
