"""Schedules beyond what can be enumerated: many tasks, many faults, long histories; each made from a seed.

Rule: everything is drawn from the seed, so the seed is the schedule.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from provisioner.core.address import Address, TaskId
from simulation.choices import NO_FAULTS, Chance
from simulation.scenarios import (
    back_up,
    ensure_comes_to_an_end,
    lose,
    manifests,
    restore,
    spec_of,
)
from simulation.service import BrokenPromiseError
from simulation.world import IDS, Manifests, World, replayable

FEWEST, MOST = 5, 40
"""Addresses of a deep schedule."""

NAMES = [f"n{index}" for index in range(6)]
"""Addresses of a history."""


@dataclass
class Player:
    """One random story."""

    random: Random
    world: World = field(default_factory=World)
    wanted: Manifests = field(default_factory=dict)
    steps: int = 0
    broken: str = ""
    """The promise that was broken; empty if none was."""

    def play(self, story: Callable[[], None]) -> None:
        """The whole story, or as far as every promise is kept."""
        with replayable():
            try:
                story()
            except BrokenPromiseError as violation:
                self.broken = str(violation)

    def next_stage(self) -> None:
        """Ids of what follows are none of what was before."""
        self.steps += 1
        IDS.begin(self.steps)

    def apply(self, faults: int, probability: float) -> None:
        """One run with up to so many faults."""
        self.next_stage()
        random = self.random
        self.world.apply(
            self.wanted,
            Chance(random, probability, faults) if faults else NO_FAULTS,
            parallelism=random.choice((1, 2, 5)),
            wait=random.random() < 0.1,
            meanwhile=self.wanted if random.random() < 0.2 else None,
            order=random.randrange,
        )

    def edit(self, names: list[str]) -> None:
        """Create, change, replace or remove one manifest."""
        random = self.random
        name = Address(random.choice(names))
        kept = {address: spec for address, spec in self.wanted.items() if address != name}
        if name not in self.wanted or random.random() < 0.7:
            spec = spec_of(name, random.randint(1, 9), random.choices((201, 202), (9, 1))[0])
            kept[name] = spec
        self.wanted = manifests(*kept.values())

    def end(self) -> None:
        """All windows pass, and everything becomes as desired."""
        self.next_stage()
        self.wanted = ensure_comes_to_an_end(self.world, self.wanted)


def deep(seed: int) -> Player:
    """Many addresses: perhaps a run without faults, then one or two with several, then the end."""
    random = Random(seed)
    player = Player(random)
    number = FEWEST + int((MOST - FEWEST + 1) * random.random() ** 12)
    names = [f"n{index}" for index in range(number)]
    player.wanted = manifests(*map(spec_of, names))
    player.play(lambda: _play_deep(player, names))
    return player


def history(seed: int, steps: int) -> Player:
    """Weeks of a project: people edit, apply, lose, restore and copy, and anything goes wrong."""
    player = Player(Random(seed))
    player.play(lambda: _play_history(player, steps))
    return player


def _play_deep(player: Player, names: list[str]) -> None:
    random = player.random
    if random.random() < 0.1:
        player.apply(0, 0)
        for _ in range(len(names) // 2):
            player.edit(names)
    for _ in range(random.choice((1, 1, 1, 1, 1, 2))):
        player.apply(random.randint(1, 8), random.choice((0.003, 0.01, 0.03)))
        player.world.pass_time(random.choice((10, 130, 375)))
    player.end()


def _play_history(player: Player, steps: int) -> None:
    for step in range(1, steps + 1):
        _step(player)
        if step % 20 == 0 or step == steps:
            player.end()


def _in_console(player: Player, change: Callable[[World, TaskId], None]) -> None:
    """A person does something to one of the tasks that the console shows."""
    shown = [task.task_id for task in player.world.service.listed("p1")]
    shown = [task_id for task_id in shown if task_id in player.world.service.tasks]
    if shown:
        change(player.world, player.random.choice(shown))


def _apply(player: Player) -> None:
    player.apply(player.random.randint(0, 5), player.random.choice((0.003, 0.01, 0.05)))


def _wait(player: Player) -> None:
    player.world.pass_time(player.random.choice((1, 10, 60, 130, 375, 390, 391)))


def _back_up(player: Player) -> None:
    back_up(player.world, NO_FAULTS)


def _restore(player: Player) -> None:
    if player.world.backups:
        restore(player.world, Chance(player.random, 0, 0))


def _lose(player: Player) -> None:
    lose(player.world, Chance(player.random, 0, 0))


_STEPS: dict[Callable[[Player], None], int] = {
    lambda player: player.edit(NAMES): 14,
    _apply: 12,
    _wait: 6,
    _back_up: 2,
    _restore: 1,
    _lose: 1,
    lambda player: _in_console(player, World.copy_task): 1,
    lambda player: _in_console(player, World.edit_task): 1,
}
"""What people do, and how often."""


def _step(player: Player) -> None:
    (step,) = player.random.choices(tuple(_STEPS), tuple(_STEPS.values()))
    step(player)
