"""Every schedule of a scenario within a budget of faults; a failing one as a string that replays it.

Rule: two schedules that lead to equal worlds after a stage go on in the same way, so what follows is
played once and counted for both.
"""

from dataclasses import dataclass, field

from simulation.choices import Script, script_text, scripts_of
from simulation.scenarios import Scenario, scenario_of
from simulation.service import BrokenPromiseError
from simulation.world import World, replayable


@dataclass(frozen=True)
class Found:
    """A schedule that breaks a promise."""

    schedule: str
    promise: str
    """What is broken."""

    def __str__(self) -> str:
        """For whoever has to find out why."""
        return f"{self.promise}\n  python tests/simulation/replay.py '{self.schedule}'"


@dataclass
class Explored:
    """What came of it."""

    schedules: int = 0
    runs: int = 0
    """Stages that were played: schedules share what is the same in them."""

    found: Found | None = None
    """The first schedule that breaks a promise."""


@dataclass
class Explorer:
    """Explores one scenario."""

    scenario: Scenario
    budget: int
    explored: Explored = field(default_factory=Explored)
    _known: dict[tuple[int, int, object], int] = field(default_factory=dict)

    def explore(self) -> Explored:
        """Every schedule, up to the first that breaks a promise."""
        with replayable():
            try:
                self.explored.schedules = self._from(0, self.scenario.begin(), self.budget, ())
            except _FoundError as error:
                self.explored.found = error.found
        return self.explored

    def _from(self, number: int, world: World, budget: int, path: tuple[tuple[int, ...], ...]) -> int:
        """How many schedules there are from here."""
        if number == len(self.scenario.stages):
            return 1
        key = (number, budget, hash(world.fingerprint()))
        if key not in self._known:
            self._known[key] = self._explored_from(number, world, budget, path)
        return self._known[key]

    def _explored_from(
        self, number: int, world: World, budget: int, path: tuple[tuple[int, ...], ...]
    ) -> int:
        schedules = 0
        script: tuple[int, ...] | None = ()
        while script is not None:
            choices, twin = Script(script, budget), world.copy()
            self.explored.runs += 1
            try:
                self.scenario.play(number, twin, choices)
            except BrokenPromiseError as violation:
                raise _FoundError(self._found((*path, script), violation)) from violation
            schedules += self._from(number + 1, twin, choices.left, (*path, script))
            script = choices.following()
        return schedules

    def _found(self, path: tuple[tuple[int, ...], ...], violation: BrokenPromiseError) -> Found:
        schedule = f"{self.scenario.name}/{self.budget}/{'/'.join(map(script_text, path))}"
        return Found(schedule, str(violation))


class _FoundError(Exception):
    def __init__(self, found: Found) -> None:
        super().__init__(str(found))
        self.found = found


def replay(schedule: str) -> tuple[list[str], str]:
    """What happens in a schedule, line by line, and the promise it breaks; empty if it breaks none.

    Raises:
        KeyError, ValueError: it is none.
    """
    name, budget, rest = schedule.split("/", 2)
    scenario, left = scenario_of(name), int(budget)
    world = scenario.begin()
    with replayable():
        for number, script in enumerate(scripts_of(rest)):
            choices = Script(script, left)
            try:
                scenario.play(number, world, choices)
            except BrokenPromiseError as violation:
                return world.notes, str(violation)
            left = choices.left
            # As the explorer does it: what is open or temporary does not outlive a stage.
            world = world.copy()
    return world.notes, ""
