"""The whole life of a task, by random stories: see ``story``.

A failure prints the seed and the command that plays it once more, with every step said.
"""

from itertools import islice

import pytest

from life.amounts import BLOCKS, played
from life.mutants import MUTANTS, Mutant
from life.replay import replay
from tally import Table

MOST_FOR_A_MUTANT = 400


@pytest.mark.parametrize("seeds", BLOCKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_random_stories_keep_every_promise(seeds: range, tried: Table) -> None:
    """Plan empty after apply and after export; drift and plan show what was edited and nothing else."""
    broken: list[str] = []
    for some in played(seeds):
        tried("stories", some.stories)
        tried("differences made behind our back", some.edits)
        broken += some.broken
    assert broken == [], "\n".join(islice(broken, 10))


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mistake_in_the_comparison_is_noticed(mutant: Mutant, tried: Table) -> None:
    """Otherwise the stories would not look there."""
    tried("mistakes in the comparison")
    with mutant.applied():
        seeds = [mutant.seed, *range(MOST_FOR_A_MUTANT)]
        seed = next((seed for seed in seeds if replay(seed).broken), None)
    assert seed is not None, mutant.name
    assert replay(seed).broken == ""
    tried("mistakes that were noticed")
