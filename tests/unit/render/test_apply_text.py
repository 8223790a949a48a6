"""How an apply is told."""

from typing import Any

import pytest

from builders import a_plan, a_spec, a_state
from provisioner.core.address import Address, TaskId
from provisioner.core.plan.plan import Change
from provisioner.core.source import Source
from provisioner.render.apply_text import (
    Failure,
    Note,
    Tally,
    failed,
    finished,
    render_summary,
    started,
    summary,
    waiting,
)


def _failure(**fields: Any) -> Failure:
    known: dict[str, Any] = {
        "address": Address("orders"),
        "source": Source("manifests/orders.yaml", 3, 1),
        "action": "CreateIntegrationTask",
        "code": "LimitExceeded",
        "message": "too many\x1b[2J",
        "request_id": "r-1",
        "advice": "Raise the quota.",
        "unknown": False,
    }
    return Failure(**{**known, **fields})


def _changes() -> dict[str, Change]:
    old = [a_spec("changed"), a_spec("gone"), a_spec("replaced")]
    plan = a_plan(
        a_spec("new"), a_spec("changed", SyncType=1), a_spec("replaced", TaskType=202), state=a_state(*old)
    )
    return {change.address: change for change in plan.changes}


@pytest.mark.parametrize(
    ("name", "begins", "ends"),
    [
        ("new", "new: Creating...", "new: Creation complete after 1s [id=h9d]"),
        ("changed", "changed: Modifying...", "changed: Modifications complete after 1s [id=h9d]"),
        ("replaced", "replaced: Replacing...", "replaced: Replacement complete after 1s [id=h9d]"),
        ("gone", "gone: Destroying...", "gone: Destruction complete after 1s [id=h9d]"),
    ],
)
def test_each_change_is_told_twice(name: str, begins: str, ends: str) -> None:
    """When it begins and when it is done."""
    change = _changes()[name]
    assert started(change) == begins
    assert finished(change, TaskId("h9d"), 1.2) == ends


def test_all_done() -> None:
    """In Terraform's words."""
    tally = Tally(added=3, changed=1, destroyed=2)
    assert summary(tally) == "Apply complete! Resources: 3 added, 1 changed, 2 destroyed."
    assert summary(tally, destroy=True) == "Destroy complete! Resources: 2 destroyed."
    assert render_summary(tally, []) == f"\n{summary(tally)}\n"
    assert render_summary(tally, [], colour=True).startswith("\n\x1b[1;32mApply complete!")


def test_what_was_not_done_is_told_task_by_task() -> None:
    """Refused, unknown, not attempted, and how to go on."""
    unknown = _failure(
        address=Address("lost"),
        source=None,
        code="Timeout",
        message="",
        request_id="",
        advice="",
        unknown=True,
    )
    shown = render_summary(
        Tally(added=3),
        [_failure(), unknown],
        not_attempted=[Address("a"), Address("b")],
        reason="interrupted",
    )
    assert shown == (
        "\norders: failed (manifests/orders.yaml:3:1)\n"
        "  CreateIntegrationTask: LimitExceeded: too many\\x1b[2J\n"
        "  RequestId: r-1\n"
        "  Raise the quota.\n\n"
        "lost: outcome unknown\n"
        "  CreateIntegrationTask: Timeout\n\n"
        "Not attempted (interrupted):\n"
        "  a, b\n\n"
        "Apply incomplete: 3 added, 0 changed, 0 destroyed; 1 failed, 1 unknown, 2 not attempted.\n"
        "What was done is recorded. Continue with:\n"
        "  provisioner apply\n"
    )


def test_an_incomplete_destroy_is_continued_as_one() -> None:
    """The command is the one that was given."""
    shown = render_summary(Tally(destroyed=1), [], not_attempted=[Address("a")], destroy=True)
    assert shown == (
        "\nNot attempted:\n  a\n\nDestroy incomplete: 1 destroyed; 1 not attempted.\n"
        "What was done is recorded. Continue with:\n  provisioner destroy\n"
    )


def test_a_failure_is_told_when_it_happens() -> None:
    """In a line; what the service said cannot move the cursor."""
    change = _changes()["new"]
    assert failed(change, "LimitExceeded: too many\x1b[2J") == (
        "new: Creating... LimitExceeded: too many\\x1b[2J"
    )


def test_failures_alone() -> None:
    """Everything was attempted."""
    shown = render_summary(Tally(), [_failure()])
    assert "Not attempted" not in shown
    assert "Apply incomplete: 0 added, 0 changed, 0 destroyed; 1 failed." in shown


TAKEN = Note(address=Address("orders"), text="took the editing lock of a\x1b[2Jb", advice="")
KEPT = Note(address=Address("kept"), text="its editing lock could not be released: no", advice="Unlock it.")


def test_waiting_for_a_person_names_them() -> None:
    """As the service names them, and nothing of it reaches the terminal as it is."""
    change = _changes()["changed"]
    assert waiting(change, "1000\x1b") == "changed: waits for the editing lock (held by 1000\\x1b)"


def test_locks_stand_before_the_last_line_of_a_good_apply() -> None:
    """Whose lock was taken over, and what to do about one that was kept."""
    assert render_summary(Tally(changed=1), [], notes=[TAKEN, KEPT]) == (
        "\norders: took the editing lock of a\\x1b[2Jb\n"
        "kept: its editing lock could not be released: no\n  Unlock it.\n"
        "Apply complete! Resources: 0 added, 1 changed, 0 destroyed.\n"
    )


def test_locks_stand_beside_what_was_not_done() -> None:
    """They are no failures: the last line does not count them."""
    shown = render_summary(Tally(), [_failure()], notes=[TAKEN, KEPT])
    assert "\n\norders: took the editing lock of a\\x1b[2Jb\n\nkept: its editing lock" in shown
    assert "Apply incomplete: 0 added, 0 changed, 0 destroyed; 1 failed.\n" in shown
