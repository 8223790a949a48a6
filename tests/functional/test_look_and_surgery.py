"""``show``, ``state …``, ``validate --json``, ``apply --json``: what is looked at and what surgery leaves."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from projects import REPOSITORY, Project, task_manifest


@pytest.fixture
def applied(project: Project) -> Project:
    """A project with its first task and a second one applied."""
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("apply", "-auto-approve").code == 0
    return project


def _records(project: Project) -> dict[str, dict[str, object]]:
    state = json.loads((project.root / "provisioner.state.json").read_text())
    tasks: dict[str, dict[str, object]] = state["tasks"]
    return tasks


def test_show_tells_the_state(applied: Project) -> None:
    """Every task with its id, for people and for programs; nothing is changed."""
    before = applied.files()
    records = _records(applied)
    text = applied.run("show").out
    document = json.loads(applied.run("show", "-json").out)
    for address, record in records.items():
        assert f"# {address}:" in text
        assert str(record["task_id"]) in text
    assert {task["address"]: task["task_id"] for task in document["tasks"]} == {
        address: record["task_id"] for address, record in records.items()
    }
    assert document["unsettled"] == []
    assert applied.files() == before


def test_show_tells_a_saved_plan(applied: Project) -> None:
    """The same words and the same document as when it was made."""
    applied.write("manifests/third.yaml", task_manifest("third"))
    planned = applied.run("plan", "-out=saved.plan")
    shown = applied.run("show", "saved.plan")
    assert shown.out == planned.out
    document = json.loads(applied.run("show", "-json", "saved.plan").out)
    assert document == json.loads(applied.run("plan", "-json").out)
    schema = json.loads((REPOSITORY / "schemas" / "plan.schema.json").read_text())
    jsonschema.validate(document, schema)


def test_an_empty_state_is_shown_as_empty(project: Project) -> None:
    """In words; a list of nothing prints nothing."""
    assert project.run("show").out == "The state is empty: it holds no tasks.\n"
    assert project.run("state", "list").out == ""


def test_one_task_is_shown(applied: Project) -> None:
    """As it was last applied; the list can be cut by a prefix."""
    record = _records(applied)["second"]
    assert f'task_id         = "{record["task_id"]}"' in applied.run("state", "show", "second").out
    document = json.loads(applied.run("state", "show", "-json", "second").out)
    assert (document["address"], document["task_id"]) == ("second", record["task_id"])
    assert applied.run("state", "list", "sec").out == "second\n"


def test_a_forgotten_task_goes_on_existing_and_is_adopted_again(applied: Project) -> None:
    """``state rm`` deletes nothing, and the next apply creates nothing."""
    task_id = _records(applied)["second"]["task_id"]
    forgotten = applied.run("state", "rm", "second")
    assert forgotten.code == 0
    assert f"Forgot second [id={task_id}]" in forgotten.out
    assert list(_records(applied)) == ["orders-to-lake"]
    again = applied.run("apply", "-auto-approve")
    assert again.code == 0, again.err
    assert _records(applied)["second"]["task_id"] == task_id


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["state", "rm", "second", "nobody"], 'There is no task "nobody"'),
        (["state", "mv", "second", "orders-to-lake"], "is taken"),
        (["state", "mv", "second", "a b"], 'That is not an address.\n  TO "a b" has a character'),
        (["state", "mv", "second", ""], "TO must not be empty"),
        (["state", "mv", "second", "x" * 129], "TO has 129 characters, and may have at most 128"),
        (["state", "mv", "second", "second"], '"second" is the same address twice'),
        (["state", "mv", "nobody", "x"], 'There is no task "nobody"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_surgery_that_cannot_be_done_changes_nothing(
    applied: Project, arguments: list[str], expected: str
) -> None:
    """All or nothing, exit 1."""
    before = _records(applied)
    ran = applied.run(*arguments)
    assert (ran.code, expected in ran.err) == (1, True), ran.err
    assert _records(applied) == before


def test_a_rename_needs_no_new_task(applied: Project) -> None:
    """The plan says what to type; typed, the task stays and only its name changes."""
    task_id = _records(applied)["second"]["task_id"]
    applied.write("manifests/second.yaml", task_manifest("renamed"))
    hint = "this looks like a rename: add to manifests/second.yaml: "
    (line,) = [line for line in applied.run("plan").out.splitlines() if hint in line]
    written = task_manifest("renamed") + line.strip().removeprefix(f"# ({hint}").removesuffix(")") + "\n"
    applied.write("manifests/second.yaml", written)
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in applied.run("plan").out
    assert applied.run("apply", "-auto-approve").code == 0
    assert _records(applied)["renamed"]["task_id"] == task_id


def test_accepting_without_a_state_file_is_nothing_to_do(project: Project) -> None:
    """And makes none."""
    assert project.run("state", "accept").out == "There is no state file.\n"
    assert not (project.root / "provisioner.state.json").exists()


def test_accepting_what_was_not_edited_is_nothing_to_do(applied: Project) -> None:
    """The state stays as it is, serial and all; an edit that is accepted is a new version of it."""
    path = applied.root / "provisioner.state.json"
    before = path.read_bytes()
    assert applied.run("state", "accept").out == "The state file was not edited. Nothing to do.\n"
    assert path.read_bytes() == before
    assert applied.run("state", "rm", "second").code == 0
    path.write_bytes(path.read_bytes().replace(b'"protected": false', b'"protected": true'))
    serial = json.loads(path.read_bytes())["serial"]
    assert applied.run("state", "accept").out == "Accepted the state file: 1 task.\n"
    assert json.loads(path.read_bytes())["serial"] == serial + 1
    assert applied.run("show").code == 0


def test_no_manifests_is_worth_a_warning(applied: Project) -> None:
    """A wrong folder must not look like success, nor like a wish to delete everything without a word."""
    for path in (applied.root / "manifests").iterdir():
        path.unlink()
    warning = "manifests/: warning: no manifests were found below manifests/\n"
    for command in ("validate", "plan"):
        ran = applied.run(command)
        assert (ran.code, ran.err) == (0, warning)
    document = json.loads(applied.run("validate", "--json").out)
    assert (document["valid"], document["warning_count"], document["tasks"]) == (True, 1, 0)
    assert applied.run("plan", "--destroy").err == ""


def test_validate_says_it_for_programs(project: Project) -> None:
    """The same problems with their places; exit 3 and nothing but JSON on standard output."""
    good = project.run("validate", "-json")
    assert (good.code, json.loads(good.out)["valid"]) == (0, True)
    project.write("manifests/x.yaml", "name: x\nTaskInfo:\n  TaskNam: x\n  SyncType: 0\n")
    bad = project.run("validate", "-json")
    document = json.loads(bad.out)
    assert (bad.code, document["valid"], document["error_count"]) == (3, False, 1)
    assert document["diagnostics"][0] == {
        "severity": "error",
        "summary": 'unknown field "TaskNam" in TaskInfo (did you mean "TaskName"?)',
        "file": "manifests/x.yaml",
        "line": 3,
        "column": 3,
    }


def test_a_warning_forbids_nothing(project: Project) -> None:
    """It is said, and the manifest counts."""
    project.write("manifests/x.yaml", "name: x\nTaskInfo:\n  SyncType: 0\n")
    ran = project.run("validate")
    assert (ran.code, ran.out) == (0, "Success! 2 tasks in 2 files.\n")
    assert "manifests/x.yaml:3:13: warning: TaskInfo.SyncType is 0" in ran.err


def test_an_apply_says_it_for_programs(applied: Project) -> None:
    """One document: what was done to each task, with its id."""
    applied.write("manifests/third.yaml", task_manifest("third"))
    ran = applied.run("apply", "-json", "-auto-approve")
    document = json.loads(ran.out)
    assert ran.code == 0
    assert document["summary"] == {"added": 1, "changed": 0, "destroyed": 0, "moved": 0, "forgotten": 0}
    (result,) = document["results"]
    assert (result["address"], result["outcome"]) == ("third", "done")
    assert result["task_id"] == _records(applied)["third"]["task_id"]


def test_a_plan_that_cannot_be_saved_is_an_error(project: Project, tmp_path: Path) -> None:
    """The folder is not there; a folder is not a file."""
    for name in (str(tmp_path / "nowhere" / "x.plan"), str(tmp_path)):
        ran = project.run("plan", f"-out={name}")
        assert ran.code == 1
        assert "could not be saved" in ran.err


def test_init_does_not_take_a_dangling_link_for_a_file(project: Project) -> None:
    """Neither kept nor written through."""
    path = project.root / "provisioner.yaml"
    path.unlink()
    path.symlink_to("nowhere.yaml")
    ran = project.run("init")
    assert (ran.code, "provisioner.yaml: is a link to something that is not there" in ran.err) == (1, True)
    assert not (project.root / "nowhere.yaml").exists()


def test_init_reads_what_is_ignored_in_any_encoding(project: Project) -> None:
    """The lines that are there stay as they are."""
    path = project.root / ".gitignore"
    path.write_bytes(b"caf\xe9")
    assert project.run("init").code == 0
    assert path.read_bytes().startswith(b"caf\xe9\n.provisioner/\n")


@pytest.mark.parametrize(
    ("name", "why"), [("nope", "there is no such folder"), ("provisioner.yaml", "not a directory")]
)
def test_a_folder_that_is_none_is_named(project: Project, name: str, why: str) -> None:
    """Not "there is no project here"."""
    ran = project.run("plan", f"--chdir={name}")
    assert (ran.code, f"{name}: {why}" in ran.err) == (1, True)


def test_a_folder_that_was_deleted_is_named(project: Project, tmp_path: Path) -> None:
    """A shell may stand in one."""
    gone = tmp_path / "gone"
    script = 'cd "$1" && rmdir "$1" && "$0" -m provisioner plan'
    gone.mkdir()
    ran = subprocess.run(
        ["sh", "-c", script, sys.executable, str(gone)], check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, "  .: there is no such folder")


def test_init_where_it_cannot_be(project: Project) -> None:
    """A file stands where the folder belongs."""
    project.write("taken", "")
    ran = project.run("init", "taken")
    assert ran.code == 1
    assert "could not be made" in ran.err
