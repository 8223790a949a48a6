"""Work that is shared among processes, because one of them uses one core only.

Rule: another process is a help and never a need. What it did not answer, for whatever reason, is
done here; and none is left behind. A child is a copy of this process as it is, so it starts in a
millisecond and has everything that the work needs; it answers in bytes.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NoReturn, TypeAlias

Work: TypeAlias = "Callable[[Sequence[str]], bytes]"

_MOST = 8
"""More cores than this do not help: the rest of a plan is done by one."""

_LENGTH_BYTES = 8


def processes_for(count: int, *, least: int) -> int:
    """How many processes ``count`` pieces of work are worth, none of them with less than ``least``."""
    # A copy of a process has one thread only; a lock that another one holds would stay locked in it.
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return 1
    return max(1, min(_MOST, len(os.sched_getaffinity(0)), count // least))


def shared(parts: Sequence[Sequence[str]], work: Work) -> list[bytes]:
    """What ``work`` makes of each part, in order: of the first one here, of each other one elsewhere."""
    own, *others = parts
    with ExitStack() as stack:
        answers = [stack.enter_context(_child(work, part)) for part in others]
        results = [work(own)]
        return results + [answer() or work(part) for answer, part in zip(answers, others, strict=True)]


@contextmanager
def _child(work: Work, part: Sequence[str]) -> Iterator[Callable[[], bytes]]:
    """A process at work; yields a function that waits for its result, which is empty if there is none."""
    try:
        reading, writing = os.pipe()
    except OSError:
        yield bytes
        return
    with os.fdopen(reading, "rb") as pipe:
        pid = _forked(lambda: _answer(writing, work(part)))
        os.close(writing)
        try:
            yield lambda: _result(pipe.read())
        finally:
            _end(pid)


def _forked(run: Callable[[], None]) -> int:
    """The id of a new process that does this and nothing else; 0 if the system allows no more."""
    # Ctrl-C is for the parent, which ends the child; in the child it could not be handled safely.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pid = os.fork()
    except OSError:
        return 0
    else:
        if pid == 0:
            _run_and_exit(run)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_and_exit(run: Callable[[], None]) -> NoReturn:
    """Leave without what a process does at its end: buffers and files are the parent's."""
    try:
        run()
    finally:
        os._exit(0)


def _answer(handle: int, result: bytes) -> None:
    with os.fdopen(handle, "wb", closefd=False) as pipe:
        pipe.write(len(result).to_bytes(_LENGTH_BYTES))
        pipe.write(result)


def _result(answer: bytes) -> bytes:
    """The result, if all of it has come."""
    result = answer[_LENGTH_BYTES:]
    return result if len(result) == int.from_bytes(answer[:_LENGTH_BYTES]) else b""


def _end(pid: int) -> None:
    if pid:
        # It has ended already, or nobody wants its result any more.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
