"""What is printed reaches whoever reads it, whatever the output's encoding and whatever happens to it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from projects import Project, task_manifest, unmeasured
from provisioner import __version__

ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "no locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
TEXT = "订单 café → 😀"


def _process(
    project: Project, *arguments: str, env: dict[str, str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "provisioner", *arguments],
        cwd=project.root,
        env={**unmeasured(), **(env or {})},
        check=False,
        **{"capture_output": True, "stdin": subprocess.DEVNULL, **options},
    )


@pytest.fixture
def written(project: Project) -> Project:
    """A project with a manifest whose texts are not ASCII, some of them where problems and plans quote them."""
    project.write("manifests/café.yaml", task_manifest("second", description=TEXT) + "  Nodes: [{Name: é}]\n")
    return project


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_text_is_beyond_an_outputs_encoding(written: Project, encoding: str) -> None:
    """What the encoding lacks becomes an escape; nothing ends in a traceback."""
    for command, code in (
        ("plan", 0),
        ("apply --auto-approve", 0),
        ("show", 0),
        ("state show second", 0),
        ("destroy", 1),
        ("plan --target né", 1),
        ("plné", 1),
        ("help", 0),
        ("help plan", 0),
        ("emulator --list-switches", 0),
    ):
        ran = _process(written, *command.split(), env=ENCODINGS[encoding])
        assert (ran.returncode, b"Traceback" in ran.stderr) == (code, False), ran.stderr
        ran.stdout.decode("latin-1" if encoding == "latin-1" else "ascii")
    written.write("manifests/wrong.yaml", "name: é\nTaskInfo: {→: 1}\n")
    ran = _process(written, "validate", env=ENCODINGS[encoding])
    assert (ran.returncode, b"Traceback" in ran.stderr) == (3, False)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_json_in_every_encoding(written: Project, encoding: str) -> None:
    """What the encoding lacks is JSON's own escape, so the document says the same."""
    assert written.run("apply", "-auto-approve").code == 0
    written.write("manifests/third.yaml", task_manifest("third", description=TEXT))
    for command in ("plan", "show", "state show second", "state list", "validate", "version"):
        arguments = [*command.split(), "--json"]
        one = _process(written, *arguments, env={"PYTHONIOENCODING": "utf-8"})
        other = _process(written, *arguments, env=ENCODINGS[encoding])
        said = other.stdout.decode("latin-1" if encoding == "latin-1" else "ascii")
        assert json.loads(said) == json.loads(one.stdout)


def test_an_answer_that_is_no_text_is_no_yes(project: Project) -> None:
    """Whatever stands on standard input."""
    for typed in (b"\xff\xfe\n", b"yes\xff\n", b"\0"):
        ran = _process(project, "apply", input=typed, stdin=None)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (1, False)
        assert b"Apply cancelled" in ran.stderr


COMMANDS = [
    "version",
    "--version",
    "version --json",
    "plan -h",
    "help",
    "state -h",
    "validate",
    "plan",
    "schema",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_result_that_cannot_be_written_is_an_error(project: Project, command: str) -> None:
    """A full disk or no standard output at all: said in words, and never taken for success."""
    with Path("/dev/full").open("wb") as full:
        ran = _process(project, *command.split(), stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (ran.returncode, ran.stderr.decode()) == (
        1,
        "Error: Standard output cannot be written.\n  No space left on device\n",
    )
    script = '"$0" -m provisioner "$@" >&-'
    closed = subprocess.run(
        ["sh", "-c", script, sys.executable, *command.split()],
        cwd=project.root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (closed.returncode, closed.stderr) == (
        1,
        "Error: Standard output cannot be written.\n  It is closed.\n",
    )


def test_nobody_to_talk_to_is_no_error(project: Project) -> None:
    """Standard error is closed: the result is what was asked for, and a question is answered by nobody."""
    script = '"$0" -m provisioner "$@" 2>&- </dev/null'
    for command, code, said in (
        ("plan", 0, "Plan: 1 to add"),
        ("apply", 1, "Plan: 1 to add"),
        ("plna", 1, ""),
    ):
        ran = subprocess.run(
            ["sh", "-c", script, sys.executable, *command.split()],
            cwd=project.root,
            check=False,
            capture_output=True,
            text=True,
        )
        assert (ran.returncode, said in ran.stdout) == (code, True)


# ── errors for programs ─────────────────────────────────────────────────────


def _break_settings(project: Project) -> None:
    path = project.root / "provisioner.yaml"
    path.write_text(path.read_text() + "endpont: x\n")


def _break_manifest(project: Project) -> None:
    project.write("manifests/x.yaml", "name: x\n")


def _break_state(project: Project) -> None:
    project.write("provisioner.state.json", "{")


def _nothing(_: Project) -> None:
    """All is well."""


@pytest.mark.parametrize("command", ["plan", "apply -auto-approve", "show", "state list", "state show x"])
@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [(_break_settings, "ManifestError", 3), (_break_state, "StateDamagedError", 4)],
    ids=["settings", "state"],
)
def test_an_error_is_a_document_too(
    project: Project, command: str, change: Any, kind: str, code: int
) -> None:
    """One JSON document on standard output, the words on standard error, the same exit code."""
    change(project)
    plain = project.run(*command.split())
    ran = project.run(*command.split(), "--json")
    assert (ran.code, ran.err) == (plain.code, plain.err)
    document = json.loads(ran.out)
    assert document["format_version"] == "1.0"
    error = document["error"]
    assert (error["kind"], error["exit_code"], ran.code) == (kind, code, code)
    assert ran.err == f"Error: {error['message']}\n"


@pytest.mark.parametrize(
    ("change", "command", "kind", "code"),
    [
        (_break_manifest, "plan", "ManifestError", 3),
        (_nothing, "plan --out nowhere/x", "UsageError", 1),
        (_nothing, "plan --strange", "UsageError", 1),
        (_nothing, "plna", "UsageError", 1),
        (_nothing, "apply", "UsageError", 1),
        (_nothing, "show nowhere", "UsageError", 1),
        (_nothing, "apply -auto-approve --endpoint https://127.0.0.1:1", "CredentialsError", 5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_family_of_errors_is_named(
    project: Project, change: Any, command: str, kind: str, code: int
) -> None:
    """Also where nothing was understood; and never two documents."""
    change(project)
    ran = project.run(*command.split(), "-json")
    error = json.loads(ran.out)["error"]
    assert (error["kind"], error["exit_code"], ran.code) == (kind, code, code)


def test_an_interrupt_is_a_document_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before anything is in flight: 130."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioner.commands.project.manifests.find_documents", interrupted)
    ran = project.run("plan", "--json")
    assert (ran.code, json.loads(ran.out)["error"]["kind"]) == (130, "InterruptedRunError")
    assert "Stopped." in ran.err


def test_json_and_a_full_disk(project: Project) -> None:
    """The words say it; there is nowhere to put the document."""
    with Path("/dev/full").open("wb") as full:
        ran = _process(project, "plna", "--json", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (ran.returncode, ran.stderr.count(b"Error:"), b"Traceback" in ran.stderr) == (1, 1, False)


# ── names from outside ──────────────────────────────────────────────────────


def test_nothing_printed_moves_the_cursor(project: Project) -> None:
    """Escapes in names, values and flags are shown, not obeyed, and a forged line is none."""
    for arguments in (
        ("plan", "--out", "o\x1b[31mut"),
        ("plan", "--\x1b[31mfoo"),
        ("\x1b[31mplan",),
        ("plan", "--target", "\x1b[31m"),
        ("plan", "--chdir", "\x1b[31m"),
        ("plan", "--env", "\x1b[31m"),
        ("show", "\x1b[31m"),
        ("state", "mv", "\x1b[31m", "x"),
        ("init", "new\x1b[31m"),
        ("apply", "--lock-timeout", "\x1b[31m"),
        ("apply", "--endpoint", "\x1b[31m"),
        ("plan", "--manifests", "\x1b[31m"),
        ("emulator", "--data", "/dev/null/\x1b[31m"),
        ("emulator", "--set", "\x1b[31m=1"),
    ):
        ran = project.run(*arguments)
        assert "\x1b" not in ran.out + ran.err, arguments
        assert "\\x1b[31m" in ran.out + ran.err, arguments


@pytest.mark.parametrize("name", ["my plan", "it's", "-plan", "$(x)"])
def test_a_command_to_type_can_be_typed(project: Project, name: str) -> None:
    """Names are quoted where a shell would take them apart, and the flags of the plan are repeated."""
    for flags in ([], ["--parallelism", "3", "--chdir", str(project.root)]):
        ran = project.run("plan", f"--out={name}", *flags)
        command = ran.err.splitlines()[-1].strip()
        assert command.startswith("provisioner apply")
        typed = subprocess.run(
            ["sh", "-c", 'printf "%s\\n" ' + command.removeprefix("provisioner")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        assert typed[-1].removeprefix("./") == name
        assert ("--parallelism=3" in typed) == bool(flags)
        assert project.run(*typed).code == 0


def test_the_version_is_printed_by_a_start_that_imports_nothing() -> None:
    """Shells and scripts call it most."""
    script = "import sys; sys.argv[1:] = ['version']; from provisioner.cli import main; main(); print(len(sys.modules))"
    bare = "import sys; import provisioner.cli; print(len(sys.modules))"
    one, other = (
        subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True).stdout
        for text in (script, bare)
    )
    assert one == f"provisioner {__version__}\n{other}"
