"""How many stories are played, on the processors there are; what came of them, for the summary."""

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from life.story import story
from life.world import in_this_process

IS_LONG = os.environ.get("SIMULATION") == "long"
STORIES = int(os.environ.get("STORIES") or (20_000 if IS_LONG else 500))
PROCESSES = min(2, os.cpu_count() or 1)

COUNTS: Counter[str] = Counter()
"""What was played in this process."""

_BATCH = 20


def told(seeds: Sequence[int]) -> Iterator[str]:
    """Play these seeds; yields what is broken, each with the command that plays it once more."""
    batches = [seeds[first : first + _BATCH] for first in range(0, len(seeds), _BATCH)]
    context = multiprocessing.get_context("fork")
    with context.Pool(PROCESSES, initializer=_untraced) as pool:
        for done, (edits, broken) in enumerate(pool.imap_unordered(_play, batches), 1):
            COUNTS.update(
                stories=min(_BATCH, len(seeds) - (done - 1) * _BATCH), edits=edits, broken=len(broken)
            )
            if IS_LONG and done % 50 == 0:
                print(f"{done * _BATCH:,} of {len(seeds):,} stories", flush=True)
            yield from broken


def _untraced() -> None:
    """Nothing is measured in what only plays: the tests of each floor reach every branch."""
    sys.settrace(None)


def _play(seeds: Sequence[int]) -> tuple[int, list[str]]:
    edits, broken = 0, []
    with in_this_process():
        for seed in seeds:
            ended = story(seed)
            edits += ended.edits
            if ended.broken:
                broken.append(f"{ended.broken}\n  python tests/life/replay.py {seed}")
    return edits, broken
