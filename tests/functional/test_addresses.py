"""Renamed tasks and tasks that are let go, as a person sees them: ``moved:`` and ``removed:`` in manifests."""

import json
from collections.abc import Callable, Iterator

import pytest

from projects import Project, Ran, task_manifest
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from provisioner.errors import StalePlanError

FORGET = "kind: IntegrationTask\nname: old\nremoved: {destroy: false}\n"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """An emulator outside the program's own process."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
    with EmulatorServer(switches={"calls_per_second": 0}) as served:
        monkeypatch.setenv("PROVISIONER_ENDPOINT", served.url)
        yield served


@pytest.fixture
def applied(project: Project, emulator: EmulatorServer) -> Project:
    """One task of the name ``old`` beside the one that ``init`` describes."""
    assert emulator.url
    project.write("manifests/it.yaml", task_manifest("old"))
    assert _apply(project).code == 0
    return project


def _apply(project: Project, *more: str) -> Ran:
    return project.run("apply", "-auto-approve", *more)


def _rename(project: Project, old: str = "old", new: str = "new", description: str = "x") -> None:
    text = task_manifest(new, description=description)
    project.write("manifests/it.yaml", f"{text}moved: {{from: {old}}}\n")


def _files(project: Project) -> dict[str, bytes]:
    """But for what may be deleted at any time."""
    return {name: data for name, data in project.files().items() if not name.startswith(".provisioner")}


def _tasks(project: Project) -> dict[str, dict[str, str]]:
    state = json.loads((project.root / "provisioner.state.json").read_text())
    tasks: dict[str, dict[str, str]] = state["tasks"]
    return tasks


def _calls(emulator: EmulatorServer) -> list[str]:
    return [call.action for call in emulator.calls]


# ── renamed ─────────────────────────────────────────────────────────────────


def test_a_rename_makes_no_new_task(applied: Project, emulator: EmulatorServer) -> None:
    """It is said, it is recorded, the marker is brought up to date; the task is the same one."""
    task_id = _tasks(applied)["old"]["task_id"]
    _rename(applied)
    before = _files(applied)
    planned = applied.run("plan")
    assert "  # old has moved to new\n" in planned.out
    assert "will be destroyed" not in planned.out
    assert "will be created" not in planned.out
    assert "Plan: 0 to add, 1 to change, 0 to destroy.\nRisk: 1 harmless.\n" in planned.out
    assert _files(applied) == before
    emulator.calls.clear()
    assert "1 changed, 0 destroyed, 1 moved." in _apply(applied).out
    assert not {"CreateIntegrationTask", "DeleteIntegrationTask"} & set(_calls(emulator))
    record = _tasks(applied)["new"]
    assert (record["task_id"], record["marked_as"], "old" in _tasks(applied)) == (task_id, "", False)
    assert applied.run("plan").out.startswith("No changes.")


def test_the_line_may_stay_or_go(applied: Project) -> None:
    """Once it has moved it says nothing any more; a later name comes in front of it."""
    _rename(applied)
    assert _apply(applied).code == 0
    applied.write("manifests/it.yaml", task_manifest("new"))
    assert applied.run("plan").out.startswith("No changes.")
    _rename(applied, "[new, old]", "newest")
    assert "# new has moved to newest" in applied.run("plan").out
    assert _apply(applied).code == 0
    assert applied.run("plan").out.startswith("No changes.")


def test_without_markers_only_the_state_changes(
    applied: Project, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, nobody is asked, and it is said what was done."""
    monkeypatch.setenv("PROVISIONER_MARKER", "none")
    same_name = task_manifest("old").replace("TaskInfo:\n", "TaskInfo:\n  TaskName: same\n")
    applied.write("manifests/it.yaml", same_name)
    assert _apply(applied).code == 0
    applied.write("manifests/it.yaml", f"{same_name.replace('name: old', 'name: new')}moved: {{from: old}}\n")
    planned = applied.run("plan", "-detailed-exitcode")
    assert (planned.code, "Plan: 0 to add, 0 to change, 0 to destroy.\n" in planned.out) == (2, True)
    emulator.calls.clear()
    ran = applied.run("apply")
    assert (ran.code, ran.out.endswith("0 added, 0 changed, 0 destroyed, 1 moved.\n")) == (0, True), ran
    assert emulator.calls == []
    assert applied.run("plan").out.startswith("No changes.")


@pytest.mark.parametrize("target", ["old", "new"])
def test_either_name_is_a_target(applied: Project, target: str) -> None:
    """What is not a target stays where it is."""
    _rename(applied)
    applied.write("manifests/orders-to-lake.yaml", task_manifest("lake") + "moved: {from: orders-to-lake}\n")
    planned = applied.run("plan", "-target", target).out
    assert "# old has moved to new" in planned
    assert "lake has moved" not in planned
    assert _apply(applied, "-target", target).code == 0
    assert _tasks(applied).keys() == {"new", "orders-to-lake"}
    assert applied.run("plan", "-target", target).out.startswith("Only these targets")


def test_a_saved_plan_moves_what_it_shows_and_is_stale_after_that(applied: Project) -> None:
    """And is stale as well once the line is gone."""
    _rename(applied)
    assert applied.run("plan", "-out", "saved").code == 0
    assert "# old has moved to new" in applied.run("show", "saved").out
    document = json.loads((applied.root / "saved").read_text())
    (change,) = document["resource_changes"]
    assert (change["address"], change["previous_address"]) == ("new", "old")
    assert applied.run("apply", "saved").code == 0
    assert _tasks(applied).keys() == {"new", "orders-to-lake"}
    ran = applied.run("apply", "saved")
    assert (ran.code, "Saved plan is stale" in ran.err) == (StalePlanError.exit_code, True)


def test_a_refreshed_plan_and_drift_see_the_task_at_its_new_address(
    applied: Project, emulator: EmulatorServer
) -> None:
    """Whatever was changed there in the meantime; drift records no move."""
    setting = [{"Name": "concurrency", "Value": "7"}]
    emulator.service.edit(_tasks(applied)["old"]["task_id"], {"Config": setting})
    _rename(applied)
    for command in (["plan", "-refresh"], ["plan", "-refresh", "-target", "old"]):
        planned = applied.run(*command).out
        assert "# old has moved to new" in planned
        assert 'concurrency = "7" -> "1"' in planned
    assert "new" in applied.run("drift").out
    assert "new" in applied.run("drift", "-target", "old").out
    assert applied.run("drift", "-accept").code == 0
    assert _tasks(applied).keys() == {"old", "orders-to-lake"}
    assert "concurrency: 7" in (applied.root / "manifests/it.yaml").read_text()
    assert _apply(applied, "-refresh").code == 0
    assert _tasks(applied).keys() == {"new", "orders-to-lake"}
    assert applied.run("plan", "-refresh").out.startswith("No changes.")


def test_a_destroy_is_held_to_what_the_manifest_of_the_new_name_protects(applied: Project) -> None:
    """Though the state does not know yet."""
    _rename(applied)
    path = applied.root / "manifests/it.yaml"
    path.write_text(path.read_text() + "lifecycle: {prevent_destroy: true}\n")
    ran = applied.run("destroy", "-auto-approve")
    assert (ran.code, "new  (manifests/it.yaml:1:1)" in ran.err) == (1, True), ran.err
    path.write_text(path.read_text().replace("true}", "false}"))
    assert applied.run("destroy", "-auto-approve").code == 0
    assert _tasks(applied) == {}


def test_two_tasks_for_one_name_are_refused_with_place_and_advice(applied: Project) -> None:
    """The state has both: nobody can tell which one is meant."""
    applied.write("manifests/two.yaml", task_manifest("new"))
    assert _apply(applied).code == 0
    (applied.root / "manifests/two.yaml").unlink()
    _rename(applied)
    for command in (["plan"], ["apply", "-auto-approve"], ["drift"], ["destroy", "-auto-approve"]):
        ran = applied.run(*command)
        assert ran.code == 3, ran
        assert 'manifests/it.yaml:9:15: "old" cannot move to "new": the state has both' in ran.err
        assert "provisioner state rm ADDRESS" in ran.err
    assert applied.run("state", "rm", "new").code == 0
    assert "# old has moved to new" in applied.run("plan").out
    assert applied.run("validate").code == 0


def test_a_move_that_is_not_approved_is_not_recorded(applied: Project, answer: Callable[[str], None]) -> None:
    """No means no."""
    _rename(applied)
    answer("no\n")
    assert applied.run("apply").code == 1
    assert _tasks(applied).keys() == {"old", "orders-to-lake"}


def test_while_the_outcome_of_a_write_is_unknown_nothing_moves(
    applied: Project, emulator: EmulatorServer
) -> None:
    """Neither address is touched, and it is said; once it is known the same command goes on."""
    applied.write("manifests/it.yaml", task_manifest("old", description="y"))
    emulator.faults.add("drop_request", "ModifyIntegrationTask")
    assert _apply(applied).code == 6
    _rename(applied, description="y")
    planned = applied.run("plan").out
    assert "# old will move to new once it is known what became of the earlier write" in planned
    emulator.calls.clear()
    assert _apply(applied).code == 6
    assert not {"CreateIntegrationTask", "DeleteIntegrationTask"} & set(_calls(emulator))
    assert _tasks(applied).keys() == {"old", "orders-to-lake"}


# ── let go ──────────────────────────────────────────────────────────────────


def test_a_task_can_be_forgotten_without_being_deleted(applied: Project, emulator: EmulatorServer) -> None:
    """Though it is protected, and with nobody asked over the network."""
    protected = task_manifest("old") + "lifecycle: {prevent_destroy: true}\n"
    applied.write("manifests/it.yaml", protected)
    assert _apply(applied).code == 0
    applied.write("manifests/it.yaml", FORGET)
    planned = applied.run("plan").out
    assert "  # old will no longer be managed; the task itself stays in WeData\n" in planned
    assert planned.endswith("\nPlan: 0 to add, 0 to change, 0 to destroy, 1 to forget.\n")
    emulator.calls.clear()
    assert _apply(applied).out.endswith("0 added, 0 changed, 0 destroyed, 1 forgotten.\n")
    assert emulator.calls == []
    assert _tasks(applied).keys() == {"orders-to-lake"}
    assert "old" in {task["TaskName"] for task in emulator.service.tasks()}
    assert applied.run("plan").out.startswith("No changes.")


def test_forgetting_is_asked_for(applied: Project, answer: Callable[[str], None]) -> None:
    """It is no delete, and it cannot be taken back by putting the manifest back alone."""
    applied.write("manifests/it.yaml", FORGET)
    answer("no\n")
    ran = applied.run("apply")
    assert (ran.code, "Apply cancelled. Nothing was changed." in ran.err) == (1, True)
    assert "old" in _tasks(applied)
    answer("yes\n")
    assert applied.run("apply").code == 0
    assert "old" not in _tasks(applied)


def test_the_guard_does_not_count_what_is_only_forgotten(applied: Project) -> None:
    """Nothing is destroyed by it."""
    applied.write("manifests/it.yaml", FORGET)
    assert applied.run("plan", "-max-deletes", "0", "-max-delete-percent", "0").code == 0
    applied.write("manifests/it.yaml", FORGET.replace("false", "true"))
    ran = applied.run("plan", "-max-deletes", "0")
    assert (ran.code, "This plan destroys 1 of 2 tasks" in ran.err) == (1, True)


def test_a_manifest_can_ask_for_a_delete(applied: Project, emulator: EmulatorServer) -> None:
    """As an ordinary one, with the place where it is asked for; protection counts."""
    applied.write("manifests/it.yaml", FORGET.replace("false", "true"))
    planned = applied.run("plan").out
    assert "  # old will be destroyed\n  # (because its manifest says removed: {destroy: true})\n" in planned
    assert "  #   manifests/it.yaml:1\n" in planned
    assert _apply(applied).code == 0
    assert "old" not in {task["TaskName"] for task in emulator.service.tasks()}
    assert applied.run("plan").out.startswith("No changes.")


def test_a_protected_task_is_not_deleted_by_a_manifest_that_removes_it(applied: Project) -> None:
    """The place is said; what was recorded protects it."""
    applied.write("manifests/it.yaml", task_manifest("old") + "lifecycle: {prevent_destroy: true}\n")
    assert _apply(applied).code == 0
    applied.write("manifests/it.yaml", FORGET.replace("false", "true"))
    ran = applied.run("plan")
    assert (ran.code, "  old  (manifests/it.yaml:1:1)\n" in ran.err) == (1, True)


def test_what_was_forgotten_is_found_again_by_its_marker(applied: Project) -> None:
    """Once its manifest is back: it is not made a second time."""
    task_id = _tasks(applied)["old"]["task_id"]
    applied.write("manifests/it.yaml", FORGET)
    assert _apply(applied).code == 0
    applied.write("manifests/it.yaml", task_manifest("old"))
    assert _apply(applied).code == 0
    assert _tasks(applied)["old"]["task_id"] == task_id


def test_an_apply_for_programs_counts_what_it_only_recorded(applied: Project) -> None:
    """Beside what it did."""
    _rename(applied)
    applied.write("manifests/orders-to-lake.yaml", FORGET.replace("old", "orders-to-lake"))
    document = json.loads(_apply(applied, "-json").out)
    assert document["summary"] == {"added": 0, "changed": 1, "destroyed": 0, "moved": 1, "forgotten": 1}


def test_what_was_forgotten_is_not_exported_under_the_name_that_is_removed(applied: Project) -> None:
    """The two manifests would contradict each other."""
    applied.write("manifests/it.yaml", FORGET)
    assert _apply(applied).code == 0
    assert applied.run("export").code == 0
    assert _tasks(applied).keys() == {"orders-to-lake", "old-2"}
    assert applied.run("validate").code == 0


def test_a_manifest_that_is_not_parsed_again_still_claims_its_old_name(applied: Project) -> None:
    """With the cache and without it."""
    _rename(applied)
    assert _apply(applied).code == 0
    assert applied.run("plan").out.startswith("No changes.")
    applied.write("manifests/two.yaml", task_manifest("old"))
    warm = applied.run("plan")
    (applied.root / ".provisioner" / "manifests.cache").unlink()
    cold = applied.run("plan")
    assert (warm.code, warm.err) == (cold.code, cold.err)
    assert 'manifests/it.yaml:9:15: "old" is still an address: manifests/two.yaml:1:1 has it' in warm.err
