"""What a person does on the first day, from an empty folder to an empty project."""

import json
from collections.abc import Callable

from projects import Project, task_manifest


def _tasks(project: Project) -> dict[str, str]:
    state = json.loads((project.root / "provisioner.state.json").read_text())
    return {address: record["task_id"] for address, record in state["tasks"].items()}


def test_the_whole_first_day(project: Project, answer: Callable[[str], None]) -> None:
    """Init, validate, plan, apply, edit, apply, remove, apply, destroy: each does what it says."""
    assert project.run("validate").code == 0
    planned = project.run("plan")
    assert planned.code == 0
    assert "# orders-to-lake will be created" in planned.out
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in planned.out

    answer("yes\n")
    applied = project.run("apply")
    assert applied.code == 0, applied.err
    assert "Only 'yes' will be accepted to approve." in applied.err
    assert "Apply complete! Resources: 1 added, 0 changed, 0 destroyed." in applied.out
    created = _tasks(project)
    assert list(created) == ["orders-to-lake"]
    assert project.run("plan").out.startswith("No changes.")

    path = project.root / "manifests" / "orders-to-lake.yaml"
    path.write_text(path.read_text().replace("concurrency: 1", "concurrency: 2"))
    planned = project.run("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert "# orders-to-lake will be updated in-place" in planned.out
    assert '"1" -> "2"' in planned.out
    applied = project.run("apply", "-auto-approve")
    assert "Apply complete! Resources: 0 added, 1 changed, 0 destroyed." in applied.out
    assert _tasks(project) == created

    project.write("manifests/second.yaml", task_manifest("second", task_type=202))
    assert project.run("apply", "-auto-approve").code == 0
    path.unlink()
    planned = project.run("plan")
    assert "# orders-to-lake will be destroyed" in planned.out
    applied = project.run("apply", "-auto-approve")
    assert "Apply complete! Resources: 0 added, 0 changed, 1 destroyed." in applied.out
    assert list(_tasks(project)) == ["second"]

    answer("yes\n")
    destroyed = project.run("destroy")
    assert destroyed.code == 0, destroyed.err
    assert "Destroy complete! Resources: 1 destroyed." in destroyed.out
    assert _tasks(project) == {}


def test_no_at_the_prompt_changes_nothing(project: Project, answer: Callable[[str], None]) -> None:
    """Anything but yes leaves every file that a person knows as it was, and says so with 1."""
    before = project.files()
    for typed in ("no\n", "y\n", "YES\n", ""):
        answer(typed)
        ran = project.run("apply")
        assert ran.code == 1
        assert "Apply cancelled" in ran.err
    after = {name: data for name, data in project.files().items() if not name.startswith(".provisioner")}
    after.pop("provisioner.state.lock", None)
    assert after == before


def test_the_examples_apply_and_are_then_unchanged(examples: Project) -> None:
    """Every file under manifests/ is created, the vendor's documented example among them."""
    applied = examples.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert "4 added" in applied.out
    assert examples.run("plan").out.startswith("No changes.")
    assert examples.run("state", "list").out.split() == sorted(_tasks(examples))


def test_a_saved_plan_is_applied_or_refused_as_stale(project: Project) -> None:
    """What was approved is what happens: any change of manifest or state in between is refused."""
    assert project.run("plan", "-out=tfplan").code == 0
    project.write("manifests/second.yaml", task_manifest("second"))
    refused = project.run("apply", "tfplan")
    assert refused.code == 4
    assert "Saved plan is stale" in refused.err
    assert not (project.root / "provisioner.state.json").exists()
    (project.root / "manifests" / "second.yaml").unlink()
    applied = project.run("apply", "tfplan")
    assert applied.code == 0, applied.err
    assert project.run("apply", "tfplan").code == 4


def test_an_edited_plan_is_neither_shown_nor_applied(project: Project) -> None:
    """Who approves a plan must see what was planned."""
    assert project.run("plan", "-out=tfplan").code == 0
    path = project.root / "tfplan"
    path.write_text(path.read_text().replace('"Database": "shop"', '"Database": "bank"', 1))
    for command in (["show", "tfplan"], ["show", "-json", "tfplan"], ["apply", "tfplan"]):
        ran = project.run(*command)
        assert (ran.code, "The saved plan was edited" in ran.err) == (4, True)
    assert not (project.root / "provisioner.state.json").exists()


def test_a_moved_address_keeps_its_task(project: Project) -> None:
    """``state mv`` and the same name in the manifest: the marker follows, so even a lost state finds it."""
    project.run("apply", "-auto-approve")
    task_id = _tasks(project)["orders-to-lake"]
    assert project.run("state", "mv", "orders-to-lake", "orders").code == 0
    path = project.root / "manifests" / "orders-to-lake.yaml"
    path.write_text(path.read_text().replace("name: orders-to-lake ", "name: orders "))
    path.write_text(path.read_text().replace("TaskInfo:\n", "TaskInfo:\n  TaskName: orders-to-lake\n"))
    planned = project.run("plan").out
    assert "(it was moved here; its ownership marker still names the old address)" in planned
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned
    assert project.run("apply", "-auto-approve").code == 0
    assert project.run("plan").out.startswith("No changes.")
    for name in ("provisioner.state.json", "provisioner.state.journal"):
        (project.root / name).unlink()
    assert project.run("apply", "-auto-approve").code == 0
    assert _tasks(project) == {"orders": task_id}


def test_a_forgotten_state_finds_its_tasks_again(project: Project) -> None:
    """The state file deleted: the marker in the task is found, and nothing is created twice."""
    project.run("apply", "-auto-approve")
    created = _tasks(project)
    (project.root / "provisioner.state.json").unlink()
    (project.root / "provisioner.state.journal").unlink()
    again = project.run("apply", "-auto-approve")
    assert again.code == 0, again.err
    assert "found in WeData" in again.err
    assert _tasks(project) == created


def test_protected_tasks_are_not_destroyed(project: Project) -> None:
    """prevent_destroy holds also when the manifest is gone."""
    protected = task_manifest("kept") + "lifecycle:\n  prevent_destroy: true\n"
    path = project.write("manifests/kept.yaml", protected)
    assert project.run("apply", "-auto-approve").code == 0
    path.unlink()
    for command in (["plan"], ["apply", "-auto-approve"], ["destroy", "-auto-approve"]):
        refused = project.run(*command)
        assert refused.code == 1
        assert "prevent_destroy" in refused.err
    path.write_text(task_manifest("kept") + "lifecycle:\n  prevent_destroy: false\n")
    assert project.run("apply", "-auto-approve").code == 0
    path.unlink()
    assert project.run("apply", "-auto-approve").code == 0


def test_only_the_targets_are_touched(project: Project) -> None:
    """--target plans and applies these tasks and leaves the others alone."""
    project.write("manifests/second.yaml", task_manifest("second"))
    assert project.run("apply", "-auto-approve", "-target=second").code == 0
    assert list(_tasks(project)) == ["second"]
    unknown = project.run("plan", "--target", "secnd")
    assert unknown.code == 1
    assert 'did you mean "second"' in unknown.err
