"""What can be typed, and how it is understood: wherever flags stand, and as Terraform's users write them."""

import json
from collections.abc import Callable
from itertools import groupby

import pytest

from projects import Project, task_manifest
from provisioner.commands.parsing.arguments import COMMANDS, all_arguments
from provisioner.commands.parsing.parser import Flag, Typed, take_apart

PROD = "environments:\n  prod: {endpoint: embedded}\n  apply: {endpoint: embedded}\n  plan: {endpoint: embedded}\n"


@pytest.fixture
def environments(project: Project) -> Project:
    """A project with environments, two of them called like commands."""
    path = project.root / "provisioner.yaml"
    path.write_text(path.read_text() + PROD)
    return project


@pytest.mark.parametrize("dashes", ["-", "--"])
@pytest.mark.parametrize(
    ("typed", "environment"),
    [
        ("{d}env apply plan", "apply"),
        ("{d}env=apply plan", "apply"),
        ("{d}env plan {d}no-color plan", "plan"),
        ("{d}env prod {d}chdir {root} plan", "prod"),
        ("{d}chdir={root} {d}env=prod plan", "prod"),
        ("plan {d}env prod", "prod"),
        ("{d}no-color plan {d}env prod", "prod"),
        ("{d}env prod -- plan", "prod"),
        ("{d}parallelism 3 plan", ""),
    ],
)
def test_a_flags_value_is_not_the_command(
    environments: Project, typed: str, environment: str, dashes: str
) -> None:
    """The command is the first word that is neither a flag nor the value of one."""
    arguments = typed.format(d=dashes, root=environments.root).split()
    before = environments.files()
    ran = environments.run(*arguments, *([] if "--" in arguments else ["--json"]))
    assert ran.code == 0, ran.err
    if "--" not in arguments:
        assert json.loads(ran.out)["environment"] == environment
    assert {name: data for name, data in environments.files().items() if name in before} == before


@pytest.mark.parametrize("command", ["state -json list", "-json state list", "state list -json"])
def test_flags_may_stand_between_the_words_of_a_command(project: Project, command: str) -> None:
    """Before, between and after."""
    assert json.loads(project.run(*command.split()).out) == {"format_version": "1.0", "tasks": []}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["a", "--", "--json", "-b"], Typed(("a", "--json", "-b"), ())),
        (["--env", "--json", "a"], Typed(("a",), (Flag("--env", None), Flag("--json", None)))),
        (["--max-deletes", "-5", "a"], Typed(("a",), (Flag("--max-deletes", "-5"),))),
        (["-out", "-", "a"], Typed(("a",), (Flag("-out", "-"),))),
        (["--out=-x=y", "-", "-7"], Typed(("-", "-7"), (Flag("--out", "-x=y"),))),
        (["--strange", "a"], Typed(("a",), (Flag("--strange", None),))),
        (["a", "--env"], Typed(("a",), (Flag("--env", None),))),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_was_typed_is_taken_apart(typed: list[str], expected: Typed) -> None:
    """A value never looks like a flag, unless it stands behind an equals sign."""
    assert take_apart(typed) == expected


def test_a_flag_means_the_same_everywhere() -> None:
    """Whether it takes a value must be known before the command is."""
    flags = sorted(
        (argument.names[0], argument.takes_value)
        for command in COMMANDS
        for argument in all_arguments(command)
        if argument.is_flag
    )
    for name, same in groupby(flags, key=lambda pair: pair[0]):
        assert len({takes_value for _, takes_value in same}) == 1, name


def test_a_name_that_looks_like_a_flag_stands_behind_two_dashes(project: Project) -> None:
    """``--`` ends the flags."""
    ran = project.run("apply", "--", "--json")
    assert (ran.code, "There is no saved plan" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("plan --detailed-exit", 'no flag "--detailed-exit" (did you mean "--detailed-exitcode"?)'),
        ("apply -auto-aprove", 'no flag "-auto-aprove" (did you mean "--auto-approve"?)'),
        ("plan --zz=7", 'provisioner plan: there is no flag "--zz".'),
        ("plan -x", 'no flag "-x"'),
        ("plan --out", "--out needs a value: --out=FILE"),
        ("plan -out --verbose", "-out needs a value: --out=FILE"),
        ("plan --verbose=maybe", '--verbose is true or false, not "maybe"'),
        ("plan what", '"what" is one argument too many'),
        ("state mv a b c", '"c" is one argument too many'),
        ("state mv a", "the following arguments are required: TO"),
        ("state rm", "the following arguments are required: ADDRESS"),
        ("schema plam", "invalid choice: 'plam'"),
    ],
)
def test_wrong_usage_is_one_line_and_what_to_type(project: Project, typed: str, expected: str) -> None:
    """No page of usage before the line that matters."""
    ran = project.run(*typed.split())
    command = " ".join(typed.split()[:2]) if typed.startswith("state") else typed.split(maxsplit=1)[0]
    first, *rest = ran.err.splitlines()
    assert (ran.code, ran.out) == (1, "")
    assert first.startswith("Error: provisioner ")
    assert expected in first
    assert rest == ["What it takes is listed by:", f"  provisioner {command} --help"]


def test_help_has_two_spellings(project: Project) -> None:
    """``help plan`` says what ``plan --help`` says, for groups and for everything."""
    for command in ("plan", "state mv", "state", ""):
        asked = project.run("help", *command.split())
        assert (asked.code, asked.err) == (0, "")
        assert project.run(*command.split(), "--help") == asked
        assert project.run("-help", *command.split()) == asked
    assert "usage: provisioner state mv" in project.run("help", "state", "mv").out
    assert "state accept" in project.run("help", "state").out
    assert "force-unlock" not in project.run("help", "state").out
    for arguments in (("help", "plna"), ("help", "state", "mw")):
        ran = project.run(*arguments)
        assert (ran.code, "did you mean" in ran.err) == (1, True)


@pytest.mark.parametrize("typed", ["", "--json", "--strange", "state", "--env prod", "state -json"])
def test_nothing_to_do_is_wrong_usage(project: Project, typed: str) -> None:
    """The commands are listed, and the code says that nothing was done."""
    ran = project.run(*typed.split())
    assert ran.code == 1
    assert "state list" in ran.out


# ── Terraform's habits ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "flags",
    [
        "-auto-approve=true",
        "-auto-approve -input=false -no-color",
        "-lock=true -refresh=false -auto-approve=TRUE",
    ],
)
def test_scripts_made_for_terraform_go_on_working(project: Project, flags: str) -> None:
    """Switches with ``=true`` and ``=false``, and flags that have nothing to change here."""
    for command in ("init -input=false", "plan -input=false -lock=false -refresh=false", f"apply {flags}"):
        ran = project.run(*command.split())
        assert ran.code == 0, ran.err
        assert "\x1b" not in ran.out
    assert project.run("state", "list").out == "orders-to-lake\n"


def test_the_last_of_a_switch_counts(project: Project, answer: Callable[[str], None]) -> None:
    """``-auto-approve=false`` asks."""
    answer("no\n")
    ran = project.run("apply", "-auto-approve", "-auto-approve=false")
    assert (ran.code, "Enter a value" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("apply -input=false", "Add --auto-approve"),
        ("destroy -input=false -auto-approve=false", "Add --auto-approve"),
        ("apply -auto-approve -lock=false", "The lock cannot be switched off"),
        ("destroy -auto-approve -lock=false", "The lock cannot be switched off"),
        ("apply -refresh saved.plan", "A saved plan is carried out as it is"),
        ("apply -destroy saved.plan", "A saved plan is carried out as it is"),
        ("apply saved.plan -target=x", "A saved plan is carried out as it is"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(project: Project, typed: str, expected: str) -> None:
    """Nothing is asked, sent or written."""
    assert project.run("plan", "-out=saved.plan").code == 0
    before = project.files()
    ran = project.run(*typed.split())
    assert (ran.code, expected in ran.err) == (1, True), ran.err
    assert "Enter a value" not in ran.err
    assert project.files() == before


def test_apply_destroy_is_destroy(project: Project) -> None:
    """Everything goes, and ``-input=false`` does not ask for a saved plan."""
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("plan", "-out=saved.plan").code == 0
    assert project.run("apply", "-input=false", "saved.plan").code == 0
    ran = project.run("apply", "-destroy", "-auto-approve")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "Destroy complete! Resources: 2 destroyed.")
    assert project.run("state", "list").out == ""
