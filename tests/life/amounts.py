"""How many stories are played, on the processors there are."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from life.story import story
from life.world import in_this_process

IS_LONG = os.environ.get("SIMULATION") == "long"
STORIES = int(os.environ.get("STORIES") or (20_000 if IS_LONG else 500))
_BLOCK = STORIES if IS_LONG else 50
PROCESSES = min(2, os.cpu_count() or 1)

_BATCH = 20

BLOCKS = [range(first, min(first + _BLOCK, STORIES)) for first in range(0, STORIES, _BLOCK)]
"""The stories of each test: several workers share them. A long run is one test."""


@dataclass(frozen=True)
class Played:
    """What came of some stories."""

    stories: int
    edits: int
    """Differences that were made behind our back."""

    broken: list[str]
    """Each with the command that plays it once more."""


def played(seeds: Sequence[int]) -> Iterator[Played]:
    """Play these seeds, some at a time; those of a long run on the processors there are."""
    if not IS_LONG:
        yield _play(seeds)
        return
    batches = [seeds[first : first + _BATCH] for first in range(0, len(seeds), _BATCH)]
    context = multiprocessing.get_context("fork")
    with context.Pool(PROCESSES) as pool:
        for done, some in enumerate(pool.imap_unordered(_play, batches), 1):
            if done % 50 == 0:
                print(f"{done * _BATCH:,} of {len(seeds):,} stories", flush=True)
            yield some


def _play(seeds: Sequence[int]) -> Played:
    edits, broken = 0, []
    with in_this_process():
        for seed in seeds:
            ended = story(seed)
            edits += ended.edits
            if ended.broken:
                broken.append(f"{ended.broken}\n  python tests/life/replay.py {seed}")
    return Played(len(seeds), edits, broken)
