"""Failures on request: what a network and a service can do to a call.

Rule: faults are programmed, not mocked. A test says which calls are hit and how; the call then goes
through everything that a healthy one does, up to the point where it fails.
"""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from provisioner.emulator import definition
from provisioner.emulator.switches import MAX_NUMBER
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


_DEFAULT_SECONDS: Mapping[Kind, float] = {Kind.COMMIT_LATE: 1, Kind.ANSWER_LATE: 1, Kind.SLOW_DRIP: 0.01}
"""The kinds whose ``value`` is a time, and how long it is unless it is said."""


@dataclass(slots=True)
class Fault:
    """One programmed failure."""

    kind: Kind
    action: str
    """The API action that is hit; ``*`` for every one."""

    count: int
    """How many calls are still to be hit."""

    code: str
    """Of REFUSE: the error code."""

    seconds: float
    """Of the kinds that take their time: how long."""

    probability: float


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

        ``value`` means what the kind says; the kinds that say nothing of it ignore it.

        Raises:
            UsageError: there is no such fault.
        """
        fault = _fault(kind, action, count, value, probability)
        with self._lock:
            self._faults.append(fault)

    def add_documents(self, documents: Sequence[object]) -> None:
        """The same from JSON, none if one of them is wrong.

        Each is ``{"kind": …, "action": …, "count": …, "value": …, "probability": …}``; only ``kind`` is
        needed.

        Raises:
            UsageError: there is no such fault.
        """
        faults = [_documented(document) for document in documents]
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Be healthy again."""
        with self._lock:
            self._faults.clear()

    def next(self, action: str) -> Fault | None:
        """The fault for this call, if one is due."""
        with self._lock:
            for fault in self._faults:
                is_due = fault.count > 0 and fault.action in ("*", action)
                if is_due and self._chance.random() < fault.probability:
                    fault.count -= 1
                    return fault
        return None


_PARTS: Mapping[str, object] = {"kind": "", "action": "*", "count": 1, "value": "", "probability": 1.0}
"""The parts of a fault in JSON, and what they are if they are not said."""


def _documented(document: object) -> Fault:
    """The fault that a JSON object describes."""
    if not isinstance(document, dict):
        raise UsageError(f"A fault is a JSON object, not {document!r:.80}.")
    if unknown := [name for name in document if name not in _PARTS]:
        raise UsageError(f"A fault has no {unknown[0]!r:.80}. It has: {', '.join(_PARTS)}.")
    return _fault(*{**_PARTS, **document}.values())


def _fault(kind: object, action: object, count: object, value: object, probability: object) -> Fault:
    """A fault of checked parts, whoever wrote them."""
    if not (isinstance(kind, str) and kind in list(Kind)):
        raise _not("kind", kind, f"one of {', '.join(Kind)}")
    if not (isinstance(action, str) and (action == "*" or action in definition.load().requests)):
        raise _not("action", action, "the name of an API action, or * for every one")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise _not("count", count, "a whole number from 1")
    chance = _number(probability, 1)
    if chance is None:
        raise _not("probability", probability, "a number from 0 to 1")
    named = Kind(kind)
    seconds = _number(value, MAX_NUMBER) if value != "" else _DEFAULT_SECONDS.get(named)
    if named in _DEFAULT_SECONDS and seconds is None:
        raise _not("value", value, f"a number of seconds from 0 to {MAX_NUMBER}")
    return Fault(named, action, count, str(value), seconds or 0.0, chance)


def _number(value: object, highest: float) -> float | None:
    """The number from 0 up to ``highest`` that is meant, or None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= highest else None


def _not(name: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"This fault cannot be played: {name} is {value!r:.80}, not {wanted}.")
