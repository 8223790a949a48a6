"""Work in other processes: the same answers in the same order, whatever becomes of a process."""

import os
import signal
import threading
from collections.abc import Callable, Sequence

import pytest

from provisioner.commands.project.processes import processes_for, shared

PARTS = [["a", "b"], ["c"], ["d", "e"]]
JOINED = [b"ab", b"c", b"de"]


def joined(part: Sequence[str]) -> bytes:
    """The work of these tests."""
    return "".join(part).encode()


class Forks:
    """The processes that were started; other tests of this run may have some of their own."""

    def __init__(self) -> None:
        self.pids: list[int] = []

    def __call__(self) -> int:
        pid = _fork()
        self.pids.append(pid)
        return pid

    def left(self) -> list[int]:
        """Those that are still there, or that nobody has waited for."""
        return [pid for pid in self.pids if is_child(pid)]


_fork = os.fork


def is_child(pid: int) -> bool:
    """Whether this process has such a child, running or not waited for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Forks:
    """Every fork, noted."""
    noted = Forks()
    monkeypatch.setattr(os, "fork", noted)
    return noted


def test_every_part_is_answered_in_order(forks: Forks) -> None:
    """The first one here, the others in processes of their own, none of which stays."""
    own = os.getpid()
    pids = shared(PARTS, lambda _: str(os.getpid()).encode())
    assert pids[0] == str(own).encode()
    assert len(set(pids)) == 3
    assert shared(PARTS, joined) == JOINED
    assert shared(PARTS[:1], joined) == JOINED[:1]
    assert len(forks.pids) == 4
    assert forks.left() == []


def test_answer_may_be_larger_than_a_pipe() -> None:
    """The other process waits until it is read."""
    large = 3_000_000
    assert [len(answer) for answer in shared([["a"], ["b"]], lambda part: joined(part) * large)] == [
        large
    ] * 2


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raises() -> None:
    raise RuntimeError("in a child")


def exits() -> None:
    os._exit(0)


@pytest.mark.parametrize("end", [dies, raises, exits])
def test_what_a_process_does_not_answer_is_done_here(
    end: Callable[[], None], forks: Forks, capfd: pytest.CaptureFixture[str]
) -> None:
    """Killed, failed or gone: the result is the same, and nobody hears of it."""
    own = os.getpid()

    def work(part: Sequence[str]) -> bytes:
        if os.getpid() != own:
            end()
        return joined(part)

    assert shared(PARTS, work) == JOINED
    assert forks.left() == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("missing", ["fork", "pipe"])
def test_no_process_to_be_had_is_no_problem(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system at its limit of processes or files: everything is done here."""

    def refuse() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, missing, refuse)
    assert shared(PARTS, joined) == JOINED


def test_no_process_outlives_a_failure(forks: Forks) -> None:
    """An error or Ctrl-C here ends the others too."""
    own = os.getpid()

    def work(part: Sequence[str]) -> bytes:
        if os.getpid() != own:
            signal.pause()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared(PARTS, work)
    assert len(forks.pids) == 2
    assert forks.left() == []
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_half_an_answer_is_none() -> None:
    """What came before a process was killed is not taken for a result."""
    own = os.getpid()

    class Torn(bytes):
        """Says that it is longer than it is."""

        def __len__(self) -> int:
            return 1000

    def work(part: Sequence[str]) -> bytes:
        return joined(part) if os.getpid() == own else Torn(b"half")

    assert shared(PARTS, work) == JOINED


def test_few_pieces_of_work_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """And many are shared among the cores, up to a bound."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert [processes_for(count, least=150) for count in (0, 149, 299, 300, 900, 100_000)] == [
        1,
        1,
        1,
        2,
        6,
        8,
    ]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert processes_for(100_000, least=150) == 1


def test_with_threads_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of a process has one thread only, and could wait for ever for another one's lock."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert processes_for(100_000, least=150) == 1
    finally:
        done.set()
        thread.join()
    # Whether other tests of this run have left a thread is not this one's matter.
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert processes_for(100_000, least=150) == 2
