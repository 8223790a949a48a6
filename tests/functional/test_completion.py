"""What pressing TAB offers: the same in every shell, and what the command line takes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import Project, task_manifest
from provisioner.commands.parsing.arguments import COMMANDS


@pytest.fixture
def applied(project: Project) -> Project:
    """A project with two tasks in its state."""
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("apply", "-auto-approve").code == 0
    return project


def _offered(project: Project, *words: str) -> list[str]:
    ran = project.run("__complete", *words)
    assert (ran.code, ran.err) == (0, "")
    return [line.partition("\t")[0] for line in ran.out.splitlines()]


TASKS = ["orders-to-lake", "second"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("pl", ["plan"]),
        ("--env prod pl", ["plan"]),
        ("--no-color pl", ["plan"]),
        ("--env ", []),
        ("--chdir ", [":folders"]),
        ("--chdir=", [":folders"]),
        ("state m", ["mv"]),
        ("help state m", ["mv"]),
        ("help plan ", []),
        ("plan -ta", ["-target"]),
        ("plan --ta", ["--target"]),
        ("plan -he", ["-help"]),
        ("-chd", ["-chdir"]),
        ("plan --out ", [":files"]),
        ("plan --json=", ["--json=true", "--json=false"]),
        ("plan --nothing=", []),
        ("plan --nothing ", []),
        ("plan ", []),
        ("apply ", [":files"]),
        ("apply a ", []),
        ("schema ", ["manifest", "settings", "plan", "drift"]),
        ("plan --target ", TASKS),
        ("plan -target ", TASKS),
        ("plan --target=sec", ["--target=second"]),
        ("plan -target=sec", ["-target=second"]),
        ("plan --target = sec", ["second"]),
        ("plan --target =", TASKS),
        ("plan --target = second --ver", ["--verbose"]),
        ("state show ", TASKS),
        ("state mv ", TASKS),
        ("state mv second ", []),
        ("state rm second ", TASKS),
        ("state rm -- s", ["second"]),
        ("state rm -- --j", []),
        ("nonsense ", []),
        ("plan --parallelism x --target ", []),
        ("plan --state nowhere.json --target ", []),
    ],
)
def test_what_is_offered(applied: Project, typed: str, expected: list[str]) -> None:
    """Commands, flags with as many dashes as were typed, addresses of the state; else nothing."""
    assert _offered(applied, *typed.split(" ")) == expected


def test_everything_is_offered(project: Project) -> None:
    """Every command where nothing was typed, every flag after a dash, and no addresses before an apply."""
    for words in ([""], [], ["help", ""], ["--", ""]):
        assert set(_offered(project, *words)) == {command.name.split()[0] for command in COMMANDS}
    assert {"--auto-approve", "--chdir", "--max-deletes", "--no-color", "--help"} < set(
        _offered(project, "apply", "-")
    )
    assert _offered(project, "state", "rm", "") == []


def test_a_project_elsewhere_is_looked_into(applied: Project, tmp_path: Path) -> None:
    """--chdir decides whose addresses are offered, and what cannot be read offers nothing."""
    elsewhere = Project(tmp_path, applied._capsys)
    assert _offered(elsewhere, "plan", "--target", "") == []
    assert _offered(elsewhere, "--chdir", str(applied.root), "plan", "--target", "") == TASKS
    (applied.root / "provisioner.state.json").write_text("{")
    assert _offered(applied, "plan", "--target", "") == []


SHELLS = {
    "bash": (
        ["bash", "--norc", "-c"],
        """source <(provisioner completion bash)
           COMP_WORDS=(provisioner "$@"); COMP_CWORD=$#; _provisioner; printf '%s\\n' "${COMPREPLY[@]}" """,
    ),
    "zsh": (
        ["zsh", "-f", "-c"],
        """compdef() {}; _describe() { printf '%s\\n' ${${(P)2}%%:*} }
           source <(provisioner completion zsh)
           words=(provisioner "$@"); CURRENT=$#words; _provisioner""",
    ),
    "fish": (
        ["fish", "--no-config", "-c"],
        """provisioner completion fish | source
           complete -C "provisioner $argv" | string replace -r '\\t.*' '' """,
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pl"], ["plan"]),
        (["plan", "-ta"], ["-target"]),
        (["--env", "prod", "state", "m"], ["mv"]),
        (["plan", "--target", "s"], ["second"]),
        (["state", "mv", ""], TASKS),
    ],
    ids=" ".join,
)
def test_shells_offer_it(applied: Project, shell: str, words: list[str], expected: list[str]) -> None:
    """The script is loaded by the shell itself and answers through the program."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command, script = SHELLS[shell]
    arguments = ["--", *words] if shell == "fish" else [shell, *words]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        [*command, script, *arguments],
        cwd=applied.root,
        env={**os.environ, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.stdout.split(), ran.stderr) == (expected, "")
