"""Play one story again and say every step: ``python tests/life/replay.py SEED``."""

import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

from life.story import Told, story  # noqa: E402  # found by what is above
from life.world import in_this_process  # noqa: E402


def replay(seed: int) -> Told:
    """The story of a seed."""
    with in_this_process():
        return story(seed)


def main(arguments: list[str]) -> int:
    """The command. Returns 1 if a promise is broken."""
    ended = replay(int(arguments[0]))
    print("\n".join(ended.notes))
    print(f"BROKEN: {ended.broken}" if ended.broken else "Every promise is kept.")
    return bool(ended.broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
