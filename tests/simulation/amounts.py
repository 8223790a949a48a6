"""How much is simulated.

``make test`` plays what fits into its time; ``SIMULATION=long``, which ``make test-long`` sets, far more.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

IS_LONG = os.environ.get("SIMULATION") == "long"

PROCESSES = min(2, os.cpu_count() or 1)

DEEP_SEEDS = range(
    int(os.environ.get("FIRST_SEED", "0")), int(os.environ.get("SEEDS", "2000000")) if IS_LONG else 20_000
)
"""A long run that was ended goes on with the first seed that it has not played."""

HISTORIES, HISTORY_STEPS = (20_000, 100) if IS_LONG else (300, 40)


def blocks_of(seeds: range) -> list[range]:
    """These seeds in so many tests that several workers share them; a long run is one test."""
    count = 1 if IS_LONG else 8
    edges = [len(seeds) * number // count for number in range(count + 1)]
    return [seeds[first:last] for first, last in pairwise(edges)]


_WITH_PAIRS = frozenset(
    {"create, at the end of the window", "create two", "paused", "paused, two", "all but the lock lost"}
)
"""Scenarios that ``make test`` explores with every pair of faults; the others with every single one."""


def budget_of(scenario: str) -> int:
    """How many faults there may be in a schedule of a scenario."""
    budget = 2 if scenario in _WITH_PAIRS else 1
    return budget + 1 if IS_LONG else budget


@dataclass(frozen=True)
class _Batch:
    play: Callable[[int], str]
    seeds: range


def played(play: Callable[[int], str], seeds: range) -> Iterator[str]:
    """Play these seeds, those of a long run on the processors there are; yields what is broken."""
    if not IS_LONG:
        yield from _broken_in(_Batch(play, seeds))
        return
    size = max(1, min(500, len(seeds) // PROCESSES))
    batches = [_Batch(play, seeds[first : first + size]) for first in range(0, len(seeds), size)]
    context = multiprocessing.get_context("fork")
    with context.Pool(PROCESSES) as pool:
        found = 0
        for done, broken in enumerate(pool.imap_unordered(_broken_in, batches), 1):
            found += len(broken)
            if done % 100 == 0 or broken:
                # A long run that is ended before its end has told what it found so far.
                print(
                    f"{min(done * size, len(seeds)):,} of {len(seeds):,} seeds, {found} violations",
                    *broken,
                    flush=True,
                )
            yield from broken


def _broken_in(batch: _Batch) -> list[str]:
    return [broken for broken in map(batch.play, batch.seeds) if broken]
