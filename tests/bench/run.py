"""Measure what people feel, side by side in one run: medians and ratios, nothing asserted.

python tests/bench/run.py                              all of it, with 1,000 and 10,000 manifests
python tests/bench/run.py all 1000 10000 100000        all of it, with so many
python tests/bench/run.py speed 1000 10000 100000      only plans, of so many
python tests/bench/run.py applies                      only applies: pace, share, refresh
python tests/bench/run.py peers                        other tools; they are installed if they are packages
python tests/bench/run.py journal                      only the journal

Each writes its table into BENCHMARKS.md and what it has of the plot in the README.
"""

import platform
import sys

from applies import applies
from growth import draw
from journal import journal
from peers import peers
from speed import speed

BENCHES = ("journal", "speed", "applies", "peers")


def main() -> None:
    """Print rows in Markdown as they come."""
    names = BENCHES if sys.argv[1:2] in ([], ["all"]) else sys.argv[1:2]
    sizes = [int(size) for size in sys.argv[2:]] or [1_000, 10_000]
    sys.stdout.write(f"Python {platform.python_version()}\n\n")
    for name in names:
        match name:
            case "journal":
                journal()
            case "speed":
                speed(sizes)
            case "applies":
                applies(sizes)
            case "peers":
                peers()
            case _:
                raise SystemExit(f"there is no bench {name}: {', '.join(BENCHES)}")
    draw()


if __name__ == "__main__":
    main()
