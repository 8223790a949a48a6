"""Play one schedule again and say what happens: ``python tests/simulation/replay.py SCHEDULE``.

A schedule is what a failing test prints: ``SCENARIO/BUDGET/CHOICES/…``, ``deep/SEED`` or
``history/SEED/STEPS``.
"""

import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

from simulation.explorer import replay as replay_scenario  # noqa: E402  # found by what is above
from simulation.histories import deep, history  # noqa: E402


def replay(schedule: str) -> tuple[list[str], str]:
    """What happens in a schedule, line by line, and the promise it breaks; empty if it breaks none.

    Raises:
        KeyError, ValueError: it is no schedule.
    """
    kind, *rest = schedule.split("/")
    if kind not in ("deep", "history"):
        return replay_scenario(schedule)
    player = deep(int(rest[0])) if kind == "deep" else history(int(rest[0]), int(rest[1]))
    return player.world.notes, player.broken


def main(arguments: list[str]) -> int:
    """The command. Returns 1 if a promise is broken."""
    notes, broken = replay(arguments[0])
    print("\n".join(notes))
    print(f"BROKEN: {broken}" if broken else "Every promise is kept.")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
