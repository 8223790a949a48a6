"""Addresses that change, and tasks that are let go: what becomes of the state before anything is compared."""

from collections.abc import Iterable

import pytest

from builders import a_plan, a_record, a_removal, a_spec, a_state, an_attempt
from provisioner.core.address import Address
from provisioner.core.manifest.spec import Removal, TaskSpec, collect
from provisioner.core.plan.moves import (
    Forgotten,
    Move,
    Names,
    collisions,
    current,
    moved_record,
    name_faults,
    names_of,
    rearranged,
)
from provisioner.core.plan.plan import Action, Reason
from provisioner.core.plan.planner import make_plan
from provisioner.core.state.state import State, WriteKind

OLD, NEW = a_spec("old"), a_spec("new", moved_from=["old"])


def _names(*specs: TaskSpec, removals: Iterable[Removal] = (), use_marker: bool = True) -> Names:
    return names_of(specs, {one.address: one for one in removals}, use_marker=use_marker)


# ── moves ───────────────────────────────────────────────────────────────────


def test_a_record_goes_to_its_new_address_and_keeps_in_mind_what_its_marker_says() -> None:
    """Everything else about it stays."""
    before = a_state(OLD)
    there = rearranged(before, _names(NEW))
    assert there.moves == (Move(before=OLD.address, after=NEW.address, task_id=a_record(OLD).task_id),)
    assert there.state.tasks == {"new": a_record(OLD, marked_as="old")}
    assert not there.waiting
    assert before.tasks.keys() == {"old"}


def test_without_markers_there_is_nothing_to_keep_in_mind() -> None:
    """And nothing is left to do once it is recorded."""
    there = rearranged(a_state(OLD), _names(NEW, use_marker=False))
    assert there.state.tasks == {"new": a_record(OLD)}


@pytest.mark.parametrize("state", [a_state(), a_state(a_spec("new")), a_state(a_spec("other"))])
def test_a_move_that_is_made_or_never_was_changes_nothing(state: State) -> None:
    """The line may stay as long as somebody likes; the very same state comes back."""
    assert rearranged(state, _names(NEW)).state is state


def test_a_state_that_is_several_names_behind_is_brought_up_to_date() -> None:
    """Whichever of the old names it has."""
    specs = (a_spec("new", moved_from=["middle", "old"]),)
    for old in ("middle", "old"):
        there = rearranged(a_state(a_spec(old)), _names(*specs))
        assert [(move.before, move.after) for move in there.moves] == [(old, "new")]
        assert there.state.tasks[NEW.address].marked_as == old


def test_a_task_that_comes_back_to_the_address_in_its_marker_needs_no_write() -> None:
    """Moved there and back again."""
    record = a_record(OLD, marked_as="first")
    assert moved_record(record, OLD.address, NEW.address, use_marker=True).marked_as == "first"
    assert moved_record(record, OLD.address, Address("first"), use_marker=True).marked_as == ""


@pytest.mark.parametrize("open_at", ["old", "new"])
@pytest.mark.parametrize("kind", WriteKind)
def test_nothing_moves_while_a_write_has_no_outcome(open_at: str, kind: WriteKind) -> None:
    """Neither address is touched: neither a create of the new nor a delete of the old."""
    attempt = an_attempt(a_spec(open_at), kind)
    state = a_state(OLD, attempts=[attempt])
    there = rearranged(state, _names(NEW))
    assert [move.waits for move in there.moves] == [True]
    assert there.state.tasks == state.tasks
    assert there.waiting == {"old", "new"}
    plan = a_plan(NEW, state=state)
    assert plan.changes == ()
    assert [one.address for one in plan.unsettled] == [open_at]


def test_a_create_that_may_have_made_the_task_holds_up_the_new_address() -> None:
    """There is no record to move yet, and a create of the new one would be the second."""
    plan = a_plan(NEW, state=a_state(attempts=[an_attempt(OLD)]))
    assert plan.moves == (Move(before=OLD.address, after=NEW.address, task_id=None, waits=True),)
    assert plan.changes == ()
    assert [one.address for one in plan.unsettled] == ["old"]


def test_two_tasks_where_one_belongs_are_left_alone_and_named() -> None:
    """The old and the new one; and two old ones."""
    both = a_state(OLD, a_spec("new"))
    assert list(collisions(both, _names(NEW))) == [("new", "old")]
    assert rearranged(both, _names(NEW)).waiting == {"old", "new"}
    chain = a_spec("new", moved_from=["middle", "old"])
    two = a_state(OLD, a_spec("middle"))
    assert list(collisions(two, _names(chain))) == [("new", "middle", "old")]
    assert rearranged(two, _names(chain)).state.tasks == two.tasks
    assert list(collisions(a_state(OLD), _names(NEW))) == []


def test_with_targets_only_what_they_name_moves_or_goes() -> None:
    """An old address names the task by its new one."""
    names = _names(NEW, removals=[a_removal("left")])
    state = a_state(OLD, a_spec("left"), a_spec("else"))
    assert rearranged(state, names, [Address("else")]).state is state
    assert rearranged(state, names, [NEW.address]).state.tasks.keys() == {"new", "left", "else"}
    assert rearranged(state, names, [Address("left")]).state.tasks.keys() == {"old", "else"}
    assert (current("old", names), current("else", names)) == ("new", "else")


def test_a_name_that_a_manifest_speaks_of_is_not_free() -> None:
    """A task that is written as a manifest gets another one."""
    names = _names(NEW, a_spec("b", moved_from=["a-2", "a-1"]), removals=[a_removal("left")])
    assert names.spoken_for == {"old", "a-2", "a-1", "left"}


# ── the plan ────────────────────────────────────────────────────────────────


def test_a_rename_is_neither_a_delete_nor_a_create() -> None:
    """Only the marker is brought up to date."""
    old = a_spec("old", TaskName="t")
    plan = a_plan(a_spec("new", TaskName="t", moved_from=["old"]), state=a_state(old))
    (change,) = plan.changes
    assert (change.address, change.action, change.reason) == ("new", Action.UPDATE, Reason.MOVED)
    assert (change.task_id, change.fields) == (a_record(old).task_id, ())


def test_a_task_that_moves_and_changes_is_compared_with_what_was_applied() -> None:
    """The name that is only the address changes with it."""
    (change,) = a_plan(NEW, state=a_state(OLD)).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.CHANGED)
    assert [(field.path, field.before, field.after) for field in change.fields] == [
        (("TaskName",), "old", "new")
    ]


def test_a_move_alone_is_something_to_do() -> None:
    """Without markers nothing is sent, and the state changes all the same."""
    spec = a_spec("new", TaskName="t", moved_from=["old"])
    names = _names(spec, use_marker=False)
    plan = make_plan(collect([spec])[0], a_state(a_spec("old", TaskName="t")), a_plan().origin, names=names)
    assert (plan.changes, plan.unchanged) == ((), 1)
    assert not plan.is_empty


def test_a_destroy_goes_by_the_new_address() -> None:
    """So that it is the manifest's protection that counts."""
    (change,) = a_plan(NEW, state=a_state(OLD), destroy=True).changes
    assert (change.address, change.action, change.reason) == ("new", Action.DELETE, Reason.DESTROY)


# ── what is let go ──────────────────────────────────────────────────────────


def test_a_task_that_is_forgotten_is_not_deleted() -> None:
    """Counted by itself, and the plan is not empty."""
    plan = a_plan(state=a_state(OLD), removals=[a_removal("old")])
    assert plan.changes == ()
    assert plan.forgotten == (Forgotten(address=OLD.address, task_id=a_record(OLD).task_id),)
    assert (plan.counts.forget, plan.counts.destroy, plan.is_empty) == (1, 0, False)


def test_a_destroy_leaves_a_task_that_is_to_be_forgotten() -> None:
    """Somebody wrote that it is to stay."""
    plan = a_plan(state=a_state(OLD, NEW), removals=[a_removal("old")], destroy=True)
    assert [change.address for change in plan.changes] == ["new"]
    assert [one.address for one in plan.forgotten] == ["old"]


def test_a_delete_that_a_manifest_asks_for_says_where() -> None:
    """And is an ordinary delete; a create with an equal body is no rename of it."""
    removal = a_removal("old", destroy=True)
    plan = a_plan(a_spec("fresh"), state=a_state(OLD), removals=[removal])
    create, delete = plan.changes
    assert (delete.action, delete.reason, delete.source) == (
        Action.DELETE,
        Reason.REMOVED,
        removal.source,
    )
    assert (create.renamed_from, plan.forgotten) == (None, ())


def test_a_destroy_that_a_manifest_asks_for_too_stays_one() -> None:
    """Its reason is the first that was given."""
    plan = a_plan(state=a_state(OLD), removals=[a_removal("old", destroy=True)], destroy=True)
    assert [change.reason for change in plan.changes] == [Reason.DESTROY]


@pytest.mark.parametrize("destroy", [False, True])
def test_what_is_gone_already_is_nothing_to_do(destroy: bool) -> None:
    """The manifest may stay."""
    assert a_plan(state=a_state(), removals=[a_removal("old", destroy=destroy)]).is_empty


@pytest.mark.parametrize("state", [a_state(OLD, attempts=[an_attempt(OLD, WriteKind.UPDATE)])])
def test_nothing_is_forgotten_while_a_write_has_no_outcome(state: State) -> None:
    """Nor deleted: what there is must be known first."""
    plan = a_plan(state=state, removals=[a_removal("old")])
    assert plan.changes == ()
    assert [(one.address, one.waits) for one in plan.forgotten] == [("old", True)]
    assert [one.address for one in plan.unsettled] == ["old"]
    assert rearranged(state, _names(removals=[a_removal("old")])).state.tasks == state.tasks
    assert plan.counts.forget == 0


# ── what cannot be ──────────────────────────────────────────────────────────


def _faults(*specs: TaskSpec, removals: Iterable[Removal] = ()) -> list[tuple[str, str | None, str]]:
    _, faults = name_faults(collect(specs)[0], list(removals))
    return [(fault.source.file, fault.address, fault.message) for fault in faults]


def test_an_address_that_is_still_there_has_not_moved() -> None:
    """So two tasks cannot swap their names either, nor is there a circle of any other length."""
    assert _faults(OLD, NEW) == [
        (
            "manifests/new.yaml",
            "old",
            '"old" is still an address: manifests/old.yaml:1:1 has it, so it has not moved here',
        )
    ]
    swapped = _faults(a_spec("a", moved_from=["b"]), a_spec("b", moved_from=["a"]))
    assert [file for file, _, _ in swapped] == ["manifests/a.yaml", "manifests/b.yaml"]
    advice = "; to swap two addresses, go by way of a third one, with one apply for each step"
    assert all(message.endswith(advice) for _, _, message in swapped)


def test_renames_in_a_row_take_an_apply_each() -> None:
    """Which of them comes first is said: the one to the address that is free."""
    [(file, _, message)] = _faults(a_spec("middle", moved_from=["old"]), a_spec("new", moved_from=["middle"]))
    assert file == "manifests/new.yaml"
    assert message.endswith('; move it in one apply, and in the next, without this line, "old" to "middle"')
    assert _faults(a_spec("old"), a_spec("new", moved_from=["middle"])) == []
    assert _faults(a_spec("middle", moved_from=["old"]), a_spec("new")) == []


def test_one_task_cannot_move_to_two_addresses() -> None:
    """The second one is named, and the first."""
    assert _faults(NEW, a_spec("other", moved_from=["elsewhere", "old"])) == [
        (
            "manifests/other.yaml",
            "old",
            '"old" has moved to "new" already: manifests/new.yaml:1:1 says so',
        )
    ]


def test_what_has_moved_cannot_be_removed() -> None:
    """By its old name or by its new one."""
    assert _faults(NEW, removals=[a_removal("old")]) == [
        (
            "manifests/new.yaml",
            "old",
            '"old" cannot have moved here: manifests/old.yaml:1:1 removes it',
        )
    ]
    assert _faults(NEW, removals=[a_removal("new")]) == [
        (
            "manifests/new.yaml",
            None,
            '"new" cannot be removed: manifests/new.yaml:1:1 still describes it',
        )
    ]


def test_a_task_is_removed_once() -> None:
    """The first counts."""
    first, again = a_removal("old"), a_removal("old", destroy=True)
    removed, faults = name_faults({}, [first, again])
    assert removed == {"old": first}
    assert [fault.message for fault in faults] == [
        '"old" is removed twice: manifests/old.yaml:1:1 removes it too'
    ]


def test_what_fits_together_has_no_faults() -> None:
    """A chain, and something removed beside it."""
    assert _faults(a_spec("new", moved_from=["middle", "old"]), removals=[a_removal("x")]) == []
