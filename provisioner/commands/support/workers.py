"""Threads that carry calls, and the wish of a person to stop. See ``engine.ports``."""

import math
import queue
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeVar, cast

from provisioner.engine.ports import Completed

T = TypeVar("T")

LONGEST_WAIT_SECONDS = 0.25
"""How long the main thread waits at most before it goes on for a moment.

Python handles a signal when the main thread next executes something. A signal that arrives just before a
wait begins, or in another thread, does not end that wait.
"""


class ThreadWorkers:
    """A few daemon threads: they must not keep a process alive that was told twice to stop."""

    def __init__(self, count: int, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._should_stop = should_stop
        self._work: queue.SimpleQueue[tuple[int, Callable[[], object]] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Completed | Exception] = queue.SimpleQueue()
        self._count = count
        self._started = 0
        self._under_way = 0

    def submit(self, ticket: int, work: Callable[[], object]) -> None:
        """See ``Workers.submit``. Threads are started as they are needed."""
        self._under_way += 1
        self._work.put((ticket, work))
        if self._started < min(self._count, self._under_way):
            self._started += 1
            threading.Thread(target=self._run, daemon=True, name=f"call-{self._started}").start()

    def wait(self, timeout_seconds: float | None) -> list[Completed]:
        """See ``Workers.wait``. Work that raised is a bug: it ends the run, which would wait for ever."""
        completed: list[Completed] = []
        try:
            completed.append(_unless_raised(self._next(timeout_seconds)))
            while True:
                completed.append(_unless_raised(self._done.get_nowait()))
        except queue.Empty:
            pass
        self._under_way -= len(completed)
        return completed

    def close(self) -> None:
        """Begin nothing that is not under way, and end the threads as they come to their end."""
        with suppress(queue.Empty):
            while True:
                self._work.get_nowait()
        for _ in range(self._started):
            self._work.put(None)

    def _next(self, timeout_seconds: float | None) -> Completed | Exception:
        """Wait for the next result.

        Raises:
            queue.Empty: the time is over, or the user asked to stop.
        """
        until = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            left = max(0.0, until - time.monotonic())
            try:
                return self._done.get(timeout=min(left, LONGEST_WAIT_SECONDS))
            except queue.Empty:
                if left <= LONGEST_WAIT_SECONDS or self._should_stop():
                    raise

    def _run(self) -> None:
        while (given := self._work.get()) is not None:
            ticket, work = given
            try:
                self._done.put(Completed(ticket, work()))
            except Exception as error:  # noqa: BLE001  # not handled here: handed to whoever waits
                self._done.put(error)


def _unless_raised(ended: Completed | Exception) -> Completed:
    if isinstance(ended, Exception):
        raise ended
    return ended


def gathered(works: Sequence[Callable[[], T]], *, count: int) -> Generator[T, None, None]:
    """What pieces of work come to, in their order, so many of them at a time. See ``cloud.api.Gather``."""
    if len(works) == 1:
        yield works[0]()
        return
    workers, results = ThreadWorkers(count), dict[int, object]()
    try:
        for ticket, work in enumerate(works):
            workers.submit(ticket, work)
        for ticket in range(len(works)):
            while ticket not in results:
                results.update((one.ticket, one.result) for one in workers.wait(None))
            yield cast("T", results.pop(ticket))
    finally:
        workers.close()


class Interrupt:
    """Whether the person asked to stop: once is a wish, twice is an order."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._asked = threading.Event()

    def is_set(self) -> bool:
        """Whether no new call should begin."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than until the person asks."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._asked.wait(min(left, LONGEST_WAIT_SECONDS)):
                return

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM ask to stop while ``with`` lasts."""
        before = {name: signal.signal(name, self._hear) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Ctrl-C ends the program while ``with`` lasts: at a prompt there is nothing to finish first."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()
        name = signal.Signals(number).name
        self._say(
            f"\n{name}: no new calls; those in flight are finished and recorded. Once more stops at once."
        )


class SystemClock:
    """The machine's clock. See ``Clock``."""

    def __init__(self, interrupt: Interrupt) -> None:
        self._interrupt = interrupt

    def now(self) -> int:
        """See ``Clock.now``."""
        return int(time.time())

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        self._interrupt.wait(seconds)
