"""The whole life of a task, by random stories: see ``story``.

A failure prints the seed and the command that plays it once more, with every step said.
"""

from itertools import islice

import pytest

from life.amounts import COUNTS, STORIES, told
from life.mutants import MUTANTS, Mutant
from life.replay import replay

MOST_FOR_A_MUTANT = 400


def test_random_stories_keep_every_promise() -> None:
    """Plan empty after apply and after export; drift and plan show what was edited and nothing else."""
    broken = list(told(range(STORIES)))
    assert broken == [], "\n".join(islice(broken, 10))


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mistake_in_the_comparison_is_noticed(mutant: Mutant) -> None:
    """Otherwise the stories would not look there."""
    COUNTS.update(mutants=1)
    with mutant.applied():
        seeds = [mutant.seed, *range(MOST_FOR_A_MUTANT)]
        seed = next((seed for seed in seeds if replay(seed).broken), None)
    assert seed is not None, mutant.name
    assert replay(seed).broken == ""
    COUNTS.update(caught=1)
