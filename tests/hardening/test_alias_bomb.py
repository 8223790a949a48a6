"""A few lines of YAML that stand for a billion values are refused before they cost anything.

Measured in a process of its own: the kernel ends it if it uses more processor time, or maps more memory,
than is allowed. Nothing is asked of the clock on the wall.
"""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from projects import Project, unmeasured
from tally import Table

CPU_SECONDS = 0.1
MEMORY_BYTES = 50 * 2**20
LEVELS = 9

_PROGRAM = """
import json, resource, signal, sys, time
from provisioner.store.reading.documents import load_documents
load_documents(sys.argv[1])  # what a first file costs once: modules, the reader itself
pages = int(open("/proc/self/statm").read().split()[0])
used = pages * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[4]),) * 2)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
loaded = load_documents(sys.argv[2])
used = time.process_time() - began
# Once more under the limit; while it is set, the kernel counts in ticks.
load_documents(sys.argv[1])
signal.setitimer(signal.ITIMER_PROF, float(sys.argv[3]))
load_documents(sys.argv[2])
signal.setitimer(signal.ITIMER_PROF, 0)
print(json.dumps({
    "cpu_ms": used * 1000,
    "memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024,
    "documents": len(loaded.documents),
    "problems": [str(problem) for problem in loaded.problems],
}))
"""


def _bomb(opening: str, closing: str, item: str) -> str:
    """Nine levels, each ten times the one before."""
    names = "abcdefghi"[:LEVELS]
    lines = [f"a: &a {opening}{item.format('x') * 10}{closing}"]
    lines += [
        f"{name}: &{name} {opening}{''.join(item.format(f'*{below} ') for _ in range(10))}{closing}"
        for below, name in pairwise(names)
    ]
    return "\n".join(lines) + "\n"


BOMBS = {
    "lists": _bomb("[", "]", "{}, "),
    "maps": "\n".join(
        [
            "a: &a {" + ", ".join(f"k{i}: x" for i in range(10)) + "}",
            *(
                f"{name}: &{name} {{" + ", ".join(f"k{i}: *{below}" for i in range(10)) + "}"
                for below, name in pairwise("abcdefghi")
            ),
        ]
    ),
    "texts": "a: &a '" + "x" * 100_000 + "'\n" + _bomb("[", "]", "{}, ").partition("\n")[2],
}


@pytest.mark.parametrize("kind", BOMBS)
def test_an_alias_bomb_is_refused(kind: str, tmp_path: Path, tried: Table) -> None:
    """Under 100 ms of processor time and 50 MB, with its place."""
    (tmp_path / "first.yaml").write_text("a: &a [1]\nb: *a\n")
    (tmp_path / "bomb.yaml").write_text(BOMBS[kind])
    assert BOMBS[kind].count("&") == LEVELS
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "first.yaml", "bomb.yaml", str(CPU_SECONDS), str(MEMORY_BYTES)],
        cwd=tmp_path,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, f"ended by signal {-ran.returncode}: {ran.stderr}"
    measured = json.loads(ran.stdout)
    assert measured["documents"] == 0
    assert [problem for problem in measured["problems"] if "aliases repeat too much" in problem]
    tried.measured.append(
        f"alias bomb of {kind}, {LEVELS} levels: refused in {measured['cpu_ms']:.1f} ms of processor time "
        f"and {measured['memory_mb']:.1f} MB beyond what was in use"
    )


def test_a_bomb_among_manifests_hides_nothing(project: Project) -> None:
    """It is one problem of one file, for every command."""
    project.write("manifests/bomb.yaml", BOMBS["lists"])
    project.write("manifests/wrong.yaml", "name: wrong\n")
    for command in ("validate", "plan", "apply -auto-approve"):
        ran = project.run(*command.split())
        assert ran.code == 3
        assert "manifests/bomb.yaml:" in ran.err
        assert "aliases repeat too much" in ran.err
        assert "manifests/wrong.yaml:" in ran.err
