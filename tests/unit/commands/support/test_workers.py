"""Threads that carry calls: everything that ended is handed back, and a bug ends the wait."""

import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from provisioner.commands.support.workers import Interrupt, SystemClock, ThreadWorkers, gathered
from provisioner.engine.ports import Completed


def test_what_ended_is_handed_back_with_its_ticket() -> None:
    """All of it, however many threads there are."""
    workers = ThreadWorkers(2)
    for ticket in range(5):
        workers.submit(ticket, partial(int.__mul__, ticket, 10))
    ended: list[Completed] = []
    while len(ended) < 5:
        ended += workers.wait(None)
    assert {one.ticket: one.result for one in ended} == {ticket: ticket * 10 for ticket in range(5)}
    assert workers.wait(0) == []


def test_work_that_raises_ends_the_wait() -> None:
    """It must not; but a bug must not leave a person in front of a program that waits for ever."""
    workers = ThreadWorkers(1)

    def broken() -> None:
        raise ZeroDivisionError

    workers.submit(1, broken)
    with pytest.raises(ZeroDivisionError):
        workers.wait(None)
    # The thread goes on.
    done = threading.Event()
    workers.submit(2, done.set)
    assert [one.ticket for one in workers.wait(None)] == [2]
    assert done.is_set()


def test_gathered_work_goes_on_at_the_same_time_and_comes_in_its_order() -> None:
    """Each waits until all three are under way."""
    together = threading.Barrier(3)

    def work(number: int) -> int:
        together.wait(60)
        return number

    assert list(gathered([partial(work, number) for number in range(3)], count=3)) == [0, 1, 2]


def test_gathered_work_that_nobody_waits_for_any_more_does_not_begin() -> None:
    """What is under way is finished, and its thread ends."""
    before, begun, go_on = set(threading.enumerate()), list[int](), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number > 0:
            go_on.wait(60)

    results = gathered([partial(work, number) for number in range(3)], count=1)
    next(results)
    results.close()
    go_on.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()
    assert 2 not in begun


# ── signals ─────────────────────────────────────────────────────────────────


def _interrupt_elsewhere() -> None:
    """A signal that another thread takes. It ends no wait of the main thread.

    One that arrives in the moment before the main thread begins to wait does not either.
    """
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def test_ctrl_c_is_heard_while_every_call_is_under_way() -> None:
    """Not only when the next one ends, which may take a minute and a half."""
    heard = threading.Event()
    interrupt = Interrupt(lambda _: heard.set())
    workers = ThreadWorkers(1)

    def call() -> bool:
        _interrupt_elsewhere()
        return heard.wait(60)

    with interrupt.listening():
        workers.submit(1, call)
        assert workers.wait(None) == [Completed(1, True)]


@pytest.mark.parametrize("timeout", [None, 3600.0])
def test_ctrl_c_ends_a_wait_for_which_nothing_has_ended(timeout: float | None) -> None:
    """What is paused is woken then, and given up."""
    interrupt = Interrupt(lambda _: None)
    workers, go_on = ThreadWorkers(1, interrupt.is_set), threading.Event()

    def call() -> bool:
        _interrupt_elsewhere()
        return go_on.wait(60)

    with interrupt.listening():
        workers.submit(1, call)
        assert workers.wait(timeout) == []
        go_on.set()
        completed: list[Completed] = []
        while not completed:
            completed = workers.wait(timeout)
    assert completed == [Completed(1, True)]


def test_ctrl_c_ends_a_sleep() -> None:
    """Windows are minutes long."""
    interrupt = Interrupt(lambda _: None)
    with interrupt.listening():
        threading.Thread(target=_interrupt_elsewhere).start()
        SystemClock(interrupt).sleep(3600)
        assert interrupt.is_set()


_WAITS: dict[str, Callable[[float], object]] = {
    "for a call": ThreadWorkers(1).wait,
    "for time": SystemClock(Interrupt(print)).sleep,
}


@pytest.mark.parametrize("kind", _WAITS)
def test_a_wait_lasts_as_long_as_was_asked(kind: str) -> None:
    """Also where that is longer than the moments it is made of."""
    before = time.monotonic()
    _WAITS[kind](0.6)
    assert time.monotonic() - before >= 0.6
