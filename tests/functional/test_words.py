"""What the program says about itself, and what the README says about it."""

import json
import os
import re
from pathlib import Path

import pytest

import provisioner.errors
from projects import REPOSITORY, Project
from provisioner import __version__
from provisioner.commands.parsing.arguments import COMMANDS
from provisioner.core.settings import SETTINGS

README = REPOSITORY / "README.md"


def _between(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


def _kept(name: str, expected: str) -> None:
    """Compare a part of the README with what the program says; rewrite it if that was asked for."""
    if os.environ.get("UPDATE_GOLDEN"):
        text = README.read_text()
        block = f"<!-- {name} -->\n{expected}<!-- /{name} -->"
        README.write_text(
            re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _: block, text, flags=re.DOTALL)
        )
    assert _between(name) == expected


def test_the_readme_lists_the_commands() -> None:
    """The table comes from the table that the parser comes from."""
    rows = "".join(f"| `{command.name}` | {command.text} |\n" for command in COMMANDS)
    _kept("commands", f"| command | does |\n|---|---|\n{rows}")


def test_the_readme_lists_the_settings() -> None:
    """Key, default, variable and meaning; the flag is the key with dashes."""
    rows = "".join(
        f"| `{'.'.join(setting.path)}` | {'' if setting.default is None else f'`{setting.default}`'} "
        f"| `{setting.variable}` | {setting.text} |\n"
        for setting in SETTINGS
    )
    _kept("settings", f"| key | default | variable | what |\n|---|---|---|---|\n{rows}")


MEANINGS = {
    0: "done, or nothing to do",
    1: "any other failure or refusal: wrong usage, the guard, a conflict, “no” at the prompt",
    2: "only with `--detailed-exitcode`: `plan` has changes, or there is `drift`",
    3: "a manifest or provisioner.yaml has problems; all of them are listed",
    4: "the state: locked, damaged, stale plan, cannot be written",
    5: "the service, the network or the credentials: something was refused",
    6: "the outcome of a write is unknown; the journal knows which",
    130: "interrupted; everything known is recorded",
}


def test_the_readme_lists_the_exit_codes() -> None:
    """Every class of error has its code in the table, and every code has a class."""
    codes = {
        error.exit_code
        for error in vars(provisioner.errors).values()
        if isinstance(error, type) and issubclass(error, provisioner.errors.ProvisionerError)
    }
    assert codes | {0, 2} == set(MEANINGS)
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in MEANINGS.items())
    _kept("exit codes", f"| code | means |\n|---|---|\n{rows}")


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(project: Project, command: str) -> None:
    """With one dash or two, and exit 0."""
    for flag in ("--help", "-help", "-h"):
        ran = project.run(*command.split(), flag)
        assert ran.code == 0
        assert f"usage: provisioner {command}" in ran.out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"], ["state"]], ids=" ".join)
def test_help_lists_the_commands(project: Project, arguments: list[str]) -> None:
    """On standard output; asking for nothing is wrong usage."""
    ran = project.run(*arguments)
    assert "state list" in ran.out
    assert ran.code == (0 if arguments not in ([], ["state"]) else 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plna"], 'did you mean "plan"'),
        (["state", "lst"], 'did you mean "state list"'),
        (["plan", "--detailed-exit"], 'no flag "--detailed-exit" (did you mean "--detailed-exitcode"?)'),
        (["apply", "--lock-timeout", "soon"], "--lock-timeout takes seconds"),
        (["plan", "--parallelism", "0"], "--parallelism must be between 1 and 100"),
        (["plan", "--env", "prod"], 'There is no environment "prod"'),
        (["apply", "--json"], "--json cannot ask"),
        (["apply", "nowhere.plan"], "There is no saved plan"),
        (["show", "provisioner.yaml"], "This is not a saved plan"),
        (["state", "show", "nobody"], 'There is no task "nobody"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_1_and_says_what_to_do(project: Project, arguments: list[str], expected: str) -> None:
    """Never 2: that means that there are changes."""
    ran = project.run(*arguments)
    assert (ran.code, expected in ran.err) == (1, True), ran.err


def test_the_version(project: Project) -> None:
    """Every way to ask for it."""
    for arguments in (["version"], ["--version"], ["-version"], ["-v"]):
        assert project.run(*arguments).out == f"provisioner {__version__}\n"
    assert json.loads(project.run("version", "-json").out)["version"] == __version__


def test_outside_a_project_the_way_in_is_named(project: Project, tmp_path: Path) -> None:
    """``provisioner init``."""
    ran = project.run("plan", "--chdir", str(tmp_path))
    assert ran.code == 1
    assert "provisioner init" in ran.err


def test_init_overwrites_nothing(project: Project) -> None:
    """A second init keeps every file as it is."""
    before = project.files()
    ran = project.run("init")
    assert ran.code == 0
    assert ran.out.count("kept") == 3
    assert project.files() == before


@pytest.mark.parametrize("what", ["manifest", "settings", "plan", "drift"])
def test_the_schemas_are_printed_as_they_are_kept(project: Project, what: str) -> None:
    """``provisioner schema`` gives the file in ``schemas/``."""
    assert project.run("schema", what).out == (REPOSITORY / "schemas" / f"{what}.schema.json").read_text()


def test_the_readme_says_of_every_action_of_the_api_what_it_is_for() -> None:
    """Exactly those of the definition; and those that are used are those that the program can call."""
    declared = json.loads((REPOSITORY / "provisioner" / "emulator" / "api.json").read_text())["actions"]
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", _between("actions"), re.MULTILINE)[1:]
    assert sorted(action for action, _ in rows) == sorted(declared)
    named = set(
        re.findall(r'"(\w+)"', (REPOSITORY / "provisioner" / "cloud" / "wire" / "actions.py").read_text())
    )
    used = {action for action, text in rows if not text.startswith("— ")}
    assert used == named & set(declared)
