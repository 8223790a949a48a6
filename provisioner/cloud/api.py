"""The task API over the network. See ``core.api.task_api.TaskApi`` for what each method promises.

Rule: a write is sent once, whatever happens. A read is asked again as long as that is sensible,
within a bound. What a refusal teaches (the service's time, its pace) is applied to what follows.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeAlias

from provisioner.cloud.endpoint import Endpoint
from provisioner.cloud.exchange import (
    SIGNATURE_EXPIRE,
    TOKEN_FAILURE,
    Answered,
    Failed,
    Happened,
    Kind,
    Lost,
    NotSent,
    Unusable,
    Verdict,
    is_about_credentials,
    is_not_found,
    is_rate_limit,
    verdict_of,
)
from provisioner.cloud.failures import error_of, shown
from provisioner.cloud.inventory import Inventory
from provisioner.cloud.production import Productions
from provisioner.cloud.rate_limit import Pace
from provisioner.cloud.renewal import Credentials
from provisioner.cloud.signer import Signer
from provisioner.cloud.wire import actions, replies, requests
from provisioner.core.address import TaskId
from provisioner.core.api.calls import EditingCall, SignedWrite, Write
from provisioner.core.api.replies import EditingLock, Listing, Refused, RemoteTask, Reply, Unknown
from provisioner.core.jobs.job import Production
from provisioner.errors import ApiError, CredentialsError

MAX_TRIES = 5
_MAX_LOCK_TRIES = 3
"""Of a call about the editing lock: a task can be written without it."""

_MAX_SECONDS = 60.0
"""No try of a read begins later than this after the first."""


Gather: TypeAlias = Callable[[Sequence[Callable[[], Happened]]], Iterator[Happened]]
"""Does pieces of work, some of them at the same time; yields what they come to, in their order."""


class Exchanger(Protocol):
    """One exchange, as ``transport.Transport`` does it."""

    @property
    def endpoint(self) -> Endpoint:
        """Where requests go."""
        ...

    @property
    def region(self) -> str:
        """``X-TC-Region``."""
        ...

    def exchange(self, payload: bytes, headers: Mapping[str, str]) -> Happened:
        """Send once; never raises."""
        ...


class CloudTaskApi:
    """Real calls, to the service or to an emulator; may be used by several threads."""

    def __init__(
        self,
        transport: Exchanger,
        *,
        credentials: Credentials,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], object],
        jitter: Callable[[], float],
        pace: Pace,
        gather: Gather,
    ) -> None:
        """Send nothing yet. ``gather``: makes several reads at the same time.

        Raises:
            UsageError: the region is not one.
        """
        self._transport = transport
        self._signer = Signer(transport.endpoint, credentials, region=transport.region, now=now)
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._pace = pace
        self._gather = gather

    # ── writes ──────────────────────────────────────────────────────────────

    def action_of(self, write: Write) -> str:
        """See ``TaskApi``."""
        return requests.action_of(write)

    def seconds_until_ready(self, action: str) -> float:
        """See ``TaskApi``."""
        return self._pace.seconds_until_ready(action)

    def sign(self, write: Write) -> SignedWrite:
        """See ``TaskApi``. Counts as the call for the pace: what is signed is sent at once.

        Raises:
            ApiError: the body cannot be written, or there are no credentials; nothing was sent.
        """
        call = requests.write_call(write)
        payload = requests.payload_of(call)
        signed = self._signer.sign(call.action, payload)
        self._pace.take(call.action)
        return SignedWrite(
            write=write,
            action=call.action,
            payload=payload,
            headers=signed.headers,
            timestamp=signed.timestamp,
            digest=hashlib.sha256(payload).hexdigest(),
        )

    def send(self, signed: SignedWrite) -> Reply:
        """See ``TaskApi``."""
        happened = self._exchange(signed.action, signed.payload, signed.headers)
        kind = requests.kind_of(signed.write)
        match verdict_of(kind, happened):
            case Verdict.ANSWERED:
                return _answer(signed.write, happened)
            case Verdict.REFUSED:
                return _refused(happened, may_repeat=False)
            case Verdict.REPEAT:
                may_repeat = self._is_remedied(happened, signed.headers, signed.timestamp)
                return _refused(happened, may_repeat=may_repeat)
            case Verdict.UNKNOWN:
                code, message, request_id = _told(happened)
                return Unknown(code=code, message=message, request_id=request_id)

    # ── reads ───────────────────────────────────────────────────────────────

    def read(self, project_id: str, task_id: TaskId, task_type: int) -> RemoteTask | None:
        """See ``TaskApi``."""
        happened = self._ask(requests.describe_call(project_id, task_id, task_type))
        if is_not_found(happened):
            return None
        if not isinstance(happened, Answered):
            raise self._error(actions.DESCRIBE, happened)
        return replies.describe_reply(happened, task_id=task_id, task_type=task_type)

    def inventory(self, project_id: str, *, progress: Callable[[int], None] | None = None) -> Listing:
        """See ``TaskApi``."""
        return Inventory(project_id, ask=self._ask_all, error_of=self._error, progress=progress).listing()

    def editing_lock(self, call: EditingCall) -> EditingLock:
        """See ``TaskApi``."""
        asked = requests.editing_call(call)
        happened = self._ask(asked, Kind.EDITING_LOCK)
        if is_not_found(happened):
            return EditingLock(is_ours=False)
        if not isinstance(happened, Answered):
            raise self._error(asked.action, happened)
        return replies.editing_reply(call, happened)

    def production(self, project_id: str, task_id: TaskId, task_type: int) -> Production:
        """See ``TaskApi``. Where production is not listed, the task itself says what it does."""
        production = Productions(self._ask, self._ask_all, self._error)
        return production.of(project_id, task_id, task_type)

    def productions(self, project_id: str) -> Mapping[TaskId, Production] | None:
        """See ``TaskApi``."""
        return Productions(self._ask, self._ask_all, self._error).all(project_id)

    def _ask(self, call: actions.Call, kind: Kind = Kind.READ) -> Happened:
        """What a call that may be repeated came to in the end, asked again as long as that is sensible.

        Raises:
            ApiError: there are no credentials to sign with.
        """
        payload = requests.payload_of(call)
        began, tries = float("inf"), 0
        max_tries = MAX_TRIES if kind is Kind.READ else _MAX_LOCK_TRIES
        while True:
            self._pace.wait(call.action)
            # Not before its first turn: many may stand in line.
            began = min(began, self._monotonic())
            signed = self._signer.sign(call.action, payload)
            happened = self._exchange(call.action, payload, signed.headers)
            tries += 1
            if verdict_of(kind, happened) is not Verdict.REPEAT or tries >= max_tries:
                return happened
            if not self._is_remedied(happened, signed.headers, signed.timestamp):
                return happened
            pause = self._pause(tries)
            if self._monotonic() - began + pause > _MAX_SECONDS:
                return happened
            self._sleep(pause)

    def _ask_all(self, calls: Sequence[actions.Call]) -> Generator[Happened, None, None]:
        """Several reads at the same time, within the pace; what they came to, in their order."""
        yield from self._gather([partial(self._ask, call) for call in calls])

    # ── inside ──────────────────────────────────────────────────────────────

    def _exchange(self, action: str, payload: bytes, headers: Mapping[str, str]) -> Happened:
        happened = self._transport.exchange(payload, headers)
        if is_rate_limit(happened):
            self._pace.slow_down(action)
        if is_about_credentials(happened):
            # Whose they were is the first question, and the service does not say.
            message = f"{happened.message} (credentials: {self._signer.source})"
            happened = replace(happened, message=message)
        return happened

    def _is_remedied(self, happened: Happened, headers: Mapping[str, str], timestamp: int) -> bool:
        """Whether what stood in the way may be gone at the next attempt."""
        if isinstance(happened, Failed) and happened.code == SIGNATURE_EXPIRE:
            return self._signer.correct_clock(happened.server_time, timestamp)
        if isinstance(happened, Failed) and happened.code == TOKEN_FAILURE:
            try:
                return self._signer.has_other_token(headers)
            except CredentialsError:
                return False
        return True

    def _pause(self, tries: int) -> float:
        """Seconds before the next try of a read: doubling, and not in step with other clients."""
        return float(min(8.0, 0.5 * 2 ** (tries - 1)) * (0.5 + self._jitter() / 2))

    def _error(self, action: str, happened: Happened) -> ApiError:
        return error_of(action, happened, endpoint=str(self._transport.endpoint))


def _answer(write: Write, happened: Happened) -> Reply:
    if isinstance(happened, Answered):
        return replies.write_reply(write, happened)
    # A delete of what is not there.
    return replies.already_gone(write, request_id=_told(happened)[2])


def _refused(happened: Happened, *, may_repeat: bool) -> Refused:
    code, message, request_id = _told(happened)
    return Refused(code=code, message=message, request_id=request_id, may_repeat=may_repeat)


def _told(happened: Happened) -> tuple[str, str, str]:
    """Code, message and RequestId of what went wrong, safe to print."""
    match happened:
        case NotSent():
            return "NotSent", happened.reason, ""
        case Lost() | Unusable():
            return happened.code, happened.reason, ""
        case Failed():
            return shown(happened.code), shown(happened.message), shown(happened.request_id)
        case Answered():
            raise TypeError("an answer is no failure")
