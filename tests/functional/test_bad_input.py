"""Bad input: one clear error, the right exit code, no traceback, nothing changed on disk."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from projects import Project, task_manifest, unmeasured

Change = Callable[[Project], object]


def _write(name: str, data: bytes) -> Change:
    return lambda project: project.write(name, "").write_bytes(data)


MANIFESTS: dict[str, tuple[Change, str]] = {
    "empty": (_write("manifests/x.yaml", b""), "manifests/x.yaml: is empty"),
    "binary": (_write("manifests/x.yaml", b"\x7fELF\0\0"), "manifests/x.yaml:1:"),
    "latin-1": (_write("manifests/x.yaml", b"name: caf\xe9\n"), "manifests/x.yaml:1:10"),
    "50 MB": (_write("manifests/x.yaml", b"# x\n" * 12_500_000), "manifests/x.yaml"),
    "brackets": (_write("manifests/x.yaml", b"[" * 100_000), "manifests/x.yaml:1:65"),
    "json brackets": (_write("manifests/x.json", b"[" * 100_000), "manifests/x.json:1:65"),
    "not json": (_write("manifests/x.json", b"{,}"), "manifests/x.json:1:2"),
    "typo": (
        _write("manifests/x.yaml", b"name: x\nTaskInfo:\n  TaskNam: x\n"),
        'manifests/x.yaml:3:3: unknown field "TaskNam" in TaskInfo (did you mean "TaskName"?)',
    ),
    "unquoted digits": (
        _write("manifests/x.yaml", b"name: x\nTaskInfo:\n  ExecutorId: 20230313175748567418\n"),
        'quote it: "20230313175748567418"',
    ),
    "duplicate address": (
        _write("manifests/x.yaml", task_manifest("orders-to-lake").encode()),
        'the address "orders-to-lake" is taken',
    ),
    "folder instead of file": (lambda project: (project.root / "manifests/x.yaml").mkdir(), ""),
    "dangling link": (lambda project: os.symlink("nowhere", project.root / "manifests/x.yaml"), "x.yaml"),
    "fifo": (lambda project: os.mkfifo(project.root / "manifests/x.yaml"), "x.yaml"),
}


@pytest.mark.parametrize("name", [name for name in MANIFESTS if MANIFESTS[name][1]])
@pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply", "-auto-approve")], ids="-".join)
def test_a_bad_manifest_is_named_and_nothing_changes(
    project: Project, name: str, command: tuple[str, ...]
) -> None:
    """Exit 3, the place, and no file changed."""
    change, expected = MANIFESTS[name]
    change(project)
    before = project.files() if name not in ("fifo", "50 MB") else {}
    ran = project.run(*command)
    assert ran.code == 3
    assert expected in ran.err
    assert "Traceback" not in ran.err
    if before:
        assert project.files() == before


def test_every_problem_of_every_file_in_one_run(project: Project) -> None:
    """Sorted by place, one a line."""
    project.write("manifests/a.yaml", "name: a\nTaskInfo:\n  Foo: 1\n  SyncType: two\n")
    project.write("manifests/b.yaml", "name: b\n")
    ran = project.run("validate")
    lines = ran.err.removeprefix("Error: ").splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        "manifests/a.yaml",
        "manifests/a.yaml",
        "manifests/b.yaml",
    ]
    assert lines[3].startswith("3 problems")


STATES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "The state file is empty"),
    "truncated": (lambda data: data[: len(data) // 2], "The state file is damaged"),
    "edited": (lambda data: data.replace(b"orders", b"0rders", 1), "changed by something else"),
    "newer": (lambda data: data.replace(b'"format": 1', b'"format": 7'), "newer version"),
    "binary": (lambda _: b"\xff\xfe\0", "The state file is damaged"),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize(
    "command", [("plan",), ("apply", "-auto-approve"), ("show",), ("state", "list")], ids="-".join
)
def test_a_bad_state_is_refused_and_kept(project: Project, name: str, command: tuple[str, ...]) -> None:
    """Exit 4, what to do, and the file is as it was: never taken for "nothing exists"."""
    assert project.run("apply", "-auto-approve").code == 0
    path = project.root / "provisioner.state.json"
    change, expected = STATES[name]
    damaged = change(path.read_bytes())
    path.write_bytes(damaged)
    ran = project.run(*command)
    assert ran.code == 4
    assert expected in ran.err
    assert path.read_bytes() == damaged


def test_an_edit_by_hand_can_be_accepted(project: Project) -> None:
    """``state accept`` takes an edit that is meant."""
    project.run("apply", "-auto-approve")
    path = project.root / "provisioner.state.json"
    path.write_bytes(path.read_bytes().replace(b'"protected": false', b'"protected": true'))
    assert project.run("plan").code == 4
    assert project.run("state", "accept").code == 0
    assert project.run("plan").code == 0


SETTINGS = {
    "unknown key": (
        "endpont: x\n",
        3,
        'provisioner.yaml:2:1: unknown field "endpont" (did you mean "endpoint"?)',
    ),
    "wrong type": ("parallelism: many\n", 3, "provisioner.yaml:2:14: parallelism must be a whole number"),
    "http beyond loopback": (
        "endpoint: http://example.com\nregion: r\n",
        3,
        "provisioner.yaml:2:11: The endpoint cannot be used. 'http://example.com': plain HTTP is allowed",
    ),
    "no endpoint": (
        "endpoint: ftp://x\n",
        3,
        "provisioner.yaml:2:11: The endpoint cannot be used. 'ftp://x': ",
    ),
    "another environment's endpoint": (
        "environments: {prod: {endpoint: a/b}, empty: {}}\n",
        3,
        "provisioner.yaml:2:33: The endpoint cannot be used. 'a/b': it holds a path.",
    ),
    "a default that is there twice": (
        "defaults:\n  Nodes:\n    - {Name: a}\n    - {Name: b}\n    - {Name: a}\n",
        3,
        'provisioner.yaml:6:14: defaults.Nodes has two items with Name "a": items 0 and 2',
    ),
    "another environment's default that is there twice": (
        "environments:\n  prod: {defaults: {Config: [{Name: a, Value: x}, {Name: a, Value: y}]}}\n",
        3,
        'provisioner.yaml:3:58: environments.prod.defaults.Config has two items with Name "a"',
    ),
    "no region's name": ("region: a b\n", 3, 'provisioner.yaml:2:9: region "a b" is not of the form'),
    "no region": ("endpoint: wedata.intl.tencentcloudapi.com\n", 1, "region"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_bad_settings_are_named(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place in provisioner.yaml or the setting, and what to do."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "example")
    text, code, expected = SETTINGS[name]
    project.write("provisioner.yaml", "stack: 0011223344556677\n" + text + "project_id: '1'\n")
    ran = project.run("apply", "-auto-approve")
    assert (ran.code, expected in ran.err) == (code, True), ran.err


@pytest.mark.parametrize("command", ["validate", "plan", "show"])
@pytest.mark.parametrize("name", [name for name, (_, code, _) in SETTINGS.items() if code == 3])
def test_bad_settings_are_found_before_an_apply(project: Project, name: str, command: str) -> None:
    """By every command that reads them, also as JSON."""
    text, code, expected = SETTINGS[name]
    project.write("provisioner.yaml", "stack: 0011223344556677\n" + text + "project_id: '1'\n")
    ran = project.run(command)
    assert (ran.code, expected in ran.err) == (code, True), ran.err
    document = json.loads(project.run(command, "--json").out)
    if command == "validate":
        (problem,) = document["diagnostics"]
        said = "{file}:{line}:{column}: {summary}".format(**problem)
        assert (document["valid"], expected in said) == (False, True), said


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize(
    ("flag", "variable", "value"),
    [("--endpoint", "PROVISIONER_ENDPOINT", "ftp://x"), ("--region", "PROVISIONER_REGION", "a b")],
    ids=["endpoint", "region"],
)
def test_a_bad_flag_or_variable_is_wrong_usage(
    project: Project, monkeypatch: pytest.MonkeyPatch, command: str, flag: str, variable: str, value: str
) -> None:
    """Nobody need look for it in a file."""
    ran = project.run(command, flag, value)
    assert (ran.code, value in ran.err, "provisioner.yaml:" in ran.err) == (1, True, False)
    monkeypatch.setenv(variable, value)
    ran = project.run(command)
    assert (ran.code, value in ran.err, "provisioner.yaml:" in ran.err) == (1, True, False)


def test_no_credentials_names_each_place_looked_at(project: Project) -> None:
    """A person must see where to put them."""
    ran = project.run("apply", "-auto-approve", "--endpoint", "https://127.0.0.1:1", "--region", "r")
    assert ran.code == 5
    for place in ("TENCENTCLOUD_SECRET_ID", ".tccli", ".tencentcloud"):
        assert place in ran.err


def test_a_refused_connection_is_one_clear_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there: nothing was sent, nothing is recorded."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "example")
    ran = project.run("apply", "-auto-approve", "--endpoint", "http://127.0.0.1:1", "--region", "r")
    assert ran.code == 5
    assert "Traceback" not in ran.err
    assert not (project.root / "provisioner.state.json").exists()


# ── real processes ──────────────────────────────────────────────────────────


def _process(project: Project, *arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # options are subprocess's own
        [sys.executable, "-m", "provisioner", *arguments],
        cwd=project.root,
        text=True,
        check=False,
        **{"capture_output": True, "timeout": 120, **options},
    )


@pytest.mark.parametrize("command", ["plan", "validate", "--help", "version", "schema"])
def test_a_reader_that_has_gone_is_no_error(project: Project, command: str) -> None:
    """``| head`` ends quietly."""
    read, write = os.pipe()
    os.close(read)
    ran = _process(project, command, stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_apply_goes_on_when_its_reader_has_gone(project: Project) -> None:
    """The reader's end must not leave half an apply."""
    read, write = os.pipe()
    os.close(read)
    ran = _process(project, "apply", "-auto-approve", stdout=write, stderr=write, capture_output=False)
    os.close(write)
    assert ran.returncode == 0
    assert project.run("plan").out.startswith("No changes.")


def test_a_full_disk_under_standard_output_is_an_error(project: Project) -> None:
    """A JSON plan that was not written must not look like success."""
    with Path("/dev/full").open("w") as full:
        ran = _process(project, "plan", "--json", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert ran.returncode == 1
    assert "No space left" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_read_only_folder_is_refused_before_anything_is_sent(project: Project) -> None:
    """Nothing can be recorded there, so nothing is created."""
    if os.geteuid() == 0:
        # root writes everywhere; a limit on the size of files has the same effect.
        ran = _process(
            project,
            "apply",
            "-auto-approve",
            env=unmeasured(),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        )
    else:
        project.root.chmod(0o500)
        ran = _process(project, "apply", "-auto-approve")
        project.root.chmod(0o700)
    assert ran.returncode in (1, 4), ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (project.root / "provisioner.state.json").exists()
