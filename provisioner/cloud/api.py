"""The task API over the network. See ``core.calls.TaskApi`` for what each method promises.

Rule: a write is sent once, whatever happens. A read is asked again as long as that is sensible,
within a bound. The service's clock is believed over ours: when it says that a signature is too old,
its ``Date`` corrects the signatures that follow.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.cloud import wire
from provisioner.cloud.outcome import (
    CLOCK_IS_OFF,
    Answer,
    Failure,
    Happened,
    Lost,
    NotSent,
    Verdict,
    family,
    judge,
)
from provisioner.cloud.pace import Pace
from provisioner.cloud.transport import Signed, Transport
from provisioner.core.address import TaskId
from provisioner.core.advice import advice_for
from provisioner.core.calls import (
    OFFLINE,
    REAL_TIME,
    DeleteTask,
    Done,
    Listing,
    Refused,
    RemoteTask,
    Reply,
    SignedWrite,
    Unknown,
    Write,
)
from provisioner.core.signing import Credential
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError

PAGE_SIZE = 100
_SMALL_PAGE = 10
_MAX_PAGES = 10_000
MAX_TRIES = 6
"""How often a read is asked; the pauses between add up to about 15 s."""


class CloudTaskApi:
    """Real calls, to the service or to an emulator."""

    def __init__(
        self,
        transport: Transport,
        *,
        credential: Callable[[], Credential],
        now: Callable[[], float],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        pace: Pace,
    ) -> None:
        self._transport = transport
        self._credential = credential
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        """Between 0 and 1, so that several clients do not come back in step."""

        self._pace = pace
        self._clock_offset = 0
        """Seconds to add to our clock, once the service said that it is off."""

    # ── writes ──────────────────────────────────────────────────────────────

    def action_of(self, write: Write) -> str:
        """See ``TaskApi``."""
        return wire.action_of(write)

    def seconds_until_ready(self, action: str) -> float:
        """See ``TaskApi``."""
        return self._pace.seconds_until_ready(action)

    def sign(self, write: Write) -> SignedWrite:
        """See ``TaskApi``. Takes the action's place in the pace."""
        action = wire.action_of(write)
        signed = self._signed(action, wire.parameters_of(write))
        self._pace.take(action)
        return SignedWrite(
            write=write,
            action=action,
            payload=signed.payload,
            headers=signed.headers,
            timestamp=signed.timestamp,
            digest=hashlib.sha256(signed.payload).hexdigest(),
        )

    def send(self, signed: SignedWrite) -> Reply:
        """See ``TaskApi``."""
        happened = self._transport.exchange(signed.payload, signed.headers)
        self._learn(signed.action, happened)
        match happened:
            case Answer(fields=fields, request_id=request_id):
                return wire.reply_of(signed.write, fields, request_id)
            case NotSent(message=message):
                return Refused(code="NotSent", message=message, may_repeat=True)
            case Lost(code=code, message=message):
                return Unknown(code=code, message=message)
            case Failure():
                return _refusal(signed.write, happened)

    # ── reads ───────────────────────────────────────────────────────────────

    def read(self, project_id: str, task_id: TaskId, task_type: int) -> RemoteTask | None:
        """See ``TaskApi``."""
        try:
            answer = self._ask(wire.READ, wire.read_parameters(project_id, task_id, task_type))
        except _NotFoundError:
            return None
        return wire.read_reply(answer.fields, task_type)

    def inventory(self, project_id: str, *, progress: Callable[[int], None] | None = None) -> Listing:
        """See ``TaskApi``."""
        tasks: dict[TaskId, RemoteTask] = {}
        times: list[int] = []
        for task_type in (REAL_TIME, OFFLINE):
            for answer in self._pages(project_id, task_type, tasks):
                times.append(_time_of(answer))
                if progress is not None:
                    progress(len(tasks))
        return Listing(tasks=tuple(tasks.values()), server_time=times[0])

    def _pages(self, project_id: str, task_type: int, tasks: dict[TaskId, RemoteTask]) -> list[Answer]:
        """Every page of one type, into ``tasks``; a task that moved between pages counts once."""
        size = PAGE_SIZE
        answers: list[Answer] = []
        seen: set[TaskId] = set()
        while len(answers) < _MAX_PAGES:
            parameters = wire.list_parameters(project_id, task_type, page=len(answers) + 1, size=size)
            try:
                answer = self._ask(wire.LIST, parameters)
            except ApiRefusedError:
                # The largest page is not documented: the first may have been refused for its size.
                if answers or size == _SMALL_PAGE:
                    raise
                size = _SMALL_PAGE
                continue
            answers.append(answer)
            page = wire.list_reply(answer.fields, task_type)
            tasks.update({task.task_id: task for task in page.tasks})
            seen.update(task.task_id for task in page.tasks)
            if not page.tasks or (page.total is not None and len(seen) >= page.total):
                return answers
        raise ApiError(f"The service's listing does not end.\n  {wire.LIST}: {_MAX_PAGES} pages")

    def _ask(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        """The answer to a read, asked again as long as that is sensible.

        Raises:
            ApiRefusedError, ApiUnreachableError: there was none.
        """
        tries = 0
        while True:
            self._pace.wait(action)
            signed = self._signed(action, parameters)
            happened = self._transport.exchange(signed.payload, signed.headers)
            self._learn(action, happened)
            tries += 1
            verdict = judge(happened, is_write=False)
            if isinstance(happened, Answer):
                return happened
            clock_is_off = isinstance(happened, Failure) and happened.code == CLOCK_IS_OFF
            again = verdict is Verdict.REPEAT or (clock_is_off and tries == 1)
            if not again or tries >= MAX_TRIES:
                raise _error(action, happened)
            if not clock_is_off:
                self._sleep(min(8.0, 0.5 * 2 ** (tries - 1)) * (0.5 + self._jitter() / 2))

    # ── inside ──────────────────────────────────────────────────────────────

    def _signed(self, action: str, parameters: Mapping[str, Any]) -> Signed:
        timestamp = int(self._now()) + self._clock_offset
        return self._transport.sign(action, parameters, self._credential(), timestamp)

    def _learn(self, action: str, happened: Happened) -> None:
        """Slow down, or correct the clock, as the service says."""
        if not isinstance(happened, Failure):
            return
        if family(happened.code) == "RequestLimitExceeded":
            self._pace.slow_down(action)
        if happened.code == CLOCK_IS_OFF and happened.server_time is not None:
            self._clock_offset = happened.server_time - int(self._now())


class _NotFoundError(ApiRefusedError):
    """The service does not know what was asked for: an answer, for some reads."""


def _refusal(write: Write, failure: Failure) -> Reply:
    """What an error code says about a write."""
    if isinstance(write, DeleteTask) and family(failure.code) == "ResourceNotFound":
        return Done(task_id=write.task_id, request_id=failure.request_id)
    verdict = judge(failure, is_write=True)
    if verdict is Verdict.UNKNOWN:
        return Unknown(code=failure.code, message=failure.message, request_id=failure.request_id)
    return Refused(
        code=failure.code,
        message=failure.message,
        request_id=failure.request_id,
        # A signature that was too old is worth one more try once the clock is corrected.
        may_repeat=verdict is Verdict.REPEAT or failure.code == CLOCK_IS_OFF,
    )


def _error(action: str, happened: Happened) -> ApiError:
    """A read's failure, for people."""
    if isinstance(happened, Failure):
        advice = advice_for(happened.code)
        text = (
            f"The service refused a call.\n  {action}: {happened.code}: {happened.message}\n"
            f"  RequestId {happened.request_id}" + (f"\n{advice}" if advice else "")
        )
        kind = _NotFoundError if family(happened.code) == "ResourceNotFound" else ApiRefusedError
        return kind(text)
    code = happened.code if isinstance(happened, Lost) else "NotSent"
    message = happened.message if isinstance(happened, Lost | NotSent) else ""
    return ApiUnreachableError(
        f"The service cannot be reached.\n  {action}: {code}: {message}\n{advice_for('NotSent')}"
    )


def _time_of(answer: Answer) -> int:
    if answer.server_time is None:
        raise ApiError(
            "The service's answer is not usable.\n  it has no Date header, so its clock is not known"
        )
    return answer.server_time
