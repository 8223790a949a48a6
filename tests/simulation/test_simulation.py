"""Whatever goes wrong, in whatever order: no task twice, none lost. See ``scenarios`` and ``explorer``.

A failure prints the schedule that leads to it and the command that plays it once more.
"""

import pytest

from simulation.amounts import DEEP_SEEDS, HISTORIES, HISTORY_STEPS, blocks_of, budget_of, played
from simulation.explorer import Explorer, Found
from simulation.histories import deep, history
from simulation.mutants import MUTANTS, SNAPSHOT_NOT_LOOKED_AT, Mutant
from simulation.replay import replay
from simulation.scenarios import SCENARIOS, Scenario, scenario_of
from tally import Table


def _name_of(seeds: range) -> str:
    return f"{seeds.start}-{seeds.stop - 1}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_every_schedule_within_the_budget_keeps_every_promise(scenario: Scenario, tried: Table) -> None:
    """Kills, power cuts, errors of the disk, and every fate of a send, in every combination."""
    explored = Explorer(scenario, budget_of(scenario.name)).explore()
    tried("schedules of faults", explored.schedules)
    tried("schedules of faults: runs (what is equal is played once)", explored.runs)
    assert explored.found is None, str(explored.found)


@pytest.mark.parametrize("seeds", blocks_of(DEEP_SEEDS), ids=_name_of)
def test_random_schedules_of_many_addresses_keep_every_promise(seeds: range, tried: Table) -> None:
    """5 to 40 addresses and several faults a run."""
    tried("random deep schedules", len(seeds))
    broken = list(played(_play_deep, seeds))
    assert broken == [], "\n".join(broken[:10])


@pytest.mark.parametrize("seeds", blocks_of(range(HISTORIES)), ids=_name_of)
def test_random_histories_keep_every_promise(seeds: range, tried: Table) -> None:
    """People edit, apply, lose the state, restore a backup, and copy and edit in the console."""
    tried(f"random histories of {HISTORY_STEPS} steps", len(seeds))
    broken = list(played(_play_history, seeds))
    assert broken == [], "\n".join(broken[:10])


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_safety_step_that_is_left_out_is_noticed(mutant: Mutant, tried: Table) -> None:
    """Otherwise the simulation would not look where that step matters."""
    tried("safety steps left out")
    found = _found_in(mutant)
    assert found is not None, f"{mutant.name}: not noticed in {', '.join(mutant.scenarios)}"
    tried("safety steps left out and noticed")
    with mutant.applied():
        assert replay(found.schedule)[1] == found.promise
    assert replay(found.schedule)[1] == ""


def test_what_takes_three_faults_to_show_is_noticed() -> None:
    """A long run found it. Looking for it takes 45,000 runs; when the program does something else at the disk, look anew."""
    schedule = "paused/3/23=15,24=1,25=1,41=1,49=2"
    with SNAPSHOT_NOT_LOOKED_AT.applied():
        assert "do not belong together" in replay(schedule)[1]
    assert replay(schedule)[1] == ""


def test_replay_of_the_given_schedule(request: pytest.FixtureRequest) -> None:
    """``pytest tests/simulation -k replay --schedule=SCHEDULE`` says what happens in it."""
    schedule = request.config.getoption("--schedule") or "create/2/"
    notes, broken = replay(schedule)
    print("\n".join(notes))
    assert not broken


def _found_in(mutant: Mutant) -> Found | None:
    with mutant.applied():
        for budget in range(1, mutant.budget + 1):
            for name in mutant.scenarios:
                found = Explorer(scenario_of(name), budget).explore().found
                if found is not None:
                    return found
    return None


def _play_deep(seed: int) -> str:
    return _told(f"deep/{seed}", deep(seed).broken)


def _play_history(seed: int) -> str:
    return _told(f"history/{seed}/{HISTORY_STEPS}", history(seed, HISTORY_STEPS).broken)


def _told(schedule: str, broken: str) -> str:
    return broken and str(Found(schedule, broken))
