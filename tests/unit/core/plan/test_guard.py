"""The guard: a plan that destroys more than anybody can have meant is refused, with the numbers."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.address import Address
from provisioner.core.manifest.spec import TaskSpec, spec_digest
from provisioner.core.plan.guard import Limits, ensure_allowed
from provisioner.core.plan.plan import Action, Origin, Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.source import Source
from provisioner.core.state.state import State
from provisioner.errors import UsageError
from records import PROJECT, STACK, some_record, some_state

DEFAULTS = Limits(max_deletes=10, max_delete_percent=30)
SAME = {"TaskName": "t", "TaskMode": "1"}


def spec_of(name: str, *, prevent_destroy: bool = False, mode: str = "1") -> TaskSpec:
    """A task as asked for."""
    body = {**SAME, "TaskMode": mode}
    return TaskSpec(
        address=Address(name),
        source=Source(f"{name}.yaml", 3, 1),
        project_id=PROJECT,
        task_type=201,
        body=body,
        create_body=body,
        digest=spec_digest(PROJECT, body),
        prevent_destroy=prevent_destroy,
    )


def state_of(count: int, *, protected: bool = False) -> State:
    """A state with that many tasks, t00 first."""
    names = [Address(f"t{number:02}") for number in range(count)]
    record = some_record(spec=SAME, digest=spec_digest(PROJECT, SAME), protected=protected)
    return some_state(tasks=dict.fromkeys(names, record))


def kept(state: State, count: int) -> Mapping[Address, TaskSpec]:
    """What is desired when the first ``count`` tasks of a state are to go."""
    return {name: spec_of(name) for name in list(state.tasks)[count:]}


def plan_of(state: State, desired: Mapping[Address, TaskSpec], *, destroy: bool = False) -> Plan:
    """The plan for it."""
    origin = Origin(
        tool_version="1.0",
        stack=STACK,
        lineage=state.lineage,
        serial=state.serial,
        endpoint="embedded",
        region="",
        environment="",
        destroy=destroy,
    )
    return make_plan(desired, state, origin)


def refusal(state: State, count: int, limits: Limits = DEFAULTS) -> list[str]:
    """What is said when the first ``count`` tasks of a state are to go."""
    with pytest.raises(UsageError) as caught:
        ensure_allowed(plan_of(state, kept(state, count)), state, limits, kept(state, count))
    return str(caught.value).splitlines()


ALLOWED: dict[str, tuple[int, int, Limits]] = {
    "nothing": (0, 0, DEFAULTS),
    "no-delete": (20, 0, Limits(0, 0)),
    "few": (100, 10, DEFAULTS),
    "share-at-its-limit": (10, 3, DEFAULTS),
    "all-of-a-small-state": (9, 9, DEFAULTS),
    "everything-if-meant": (20, 20, Limits(20, 100)),
}


@pytest.mark.parametrize(("existing", "count", "limits"), ALLOWED.values(), ids=ALLOWED)
def test_plan_within_the_limits_passes(existing: int, count: int, limits: Limits) -> None:
    """Up to the limits and not one beyond; a share of a small state says nothing."""
    state = state_of(existing)
    ensure_allowed(plan_of(state, kept(state, count)), state, limits, kept(state, count))


def test_too_many_deletes_are_refused() -> None:
    """With the number, the first ten names, and the flag that lifts it."""
    assert refusal(state_of(100), 12) == [
        "This plan destroys 12 of 100 tasks (12 %); the guard allows 10 and 30 %.",
        *(f"  t{number:02}" for number in range(10)),
        "  … and 2 more",
        "If that is meant, add: --max-deletes 12",
    ]


def test_too_large_a_share_is_refused() -> None:
    """From ten tasks on; the flag's number is rounded up, so that it suffices."""
    assert refusal(state_of(11), 4) == [
        "This plan destroys 4 of 11 tasks (36 %); the guard allows 10 and 30 %.",
        "  t00",
        "  t01",
        "  t02",
        "  t03",
        "If that is meant, add: --max-delete-percent 37",
    ]


def test_both_limits_are_named_where_both_are_passed() -> None:
    """One line to add, with everything that is needed."""
    lines = refusal(state_of(12), 12, Limits(10, 2.5))
    assert lines[0] == "This plan destroys 12 of 12 tasks (100 %); the guard allows 10 and 2.5 %."
    assert lines[-1] == "If that is meant, add: --max-deletes 12 --max-delete-percent 100"


def test_small_state_is_guarded_by_number() -> None:
    """Where a share says nothing, the count still does."""
    lines = refusal(state_of(9), 9, Limits(8, 30))
    assert lines[0] == "This plan destroys 9 of 9 tasks (100 %); the guard allows 8 and 30 %."
    assert lines[-1] == "If that is meant, add: --max-deletes 9"


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20), st.integers(0, 100))
def test_flags_that_are_named_lift_the_refusal(existing: int, count: int, deletes: int, percent: int) -> None:
    """Whoever adds what the message says is not refused again."""
    state = state_of(existing)
    plan = plan_of(state, kept(state, count))
    try:
        ensure_allowed(plan, state, Limits(deletes, percent), kept(state, count))
    except UsageError as error:
        words = str(error).splitlines()[-1].split()
        given_flags = {
            word: int(words[index + 1]) for index, word in enumerate(words) if word.startswith("--")
        }
        assert given_flags
        lifted = Limits(
            given_flags.get("--max-deletes", deletes), given_flags.get("--max-delete-percent", percent)
        )
        ensure_allowed(plan, state, lifted, kept(state, count))


def test_destroy_is_asked_for_in_as_many_words() -> None:
    """Then neither number nor share is held against it."""
    state = state_of(20)
    ensure_allowed(plan_of(state, {}, destroy=True), state, Limits(0, 0), {})


@pytest.mark.parametrize("destroy", [False, True], ids=["apply", "destroy"])
def test_protected_task_is_not_destroyed(destroy: bool) -> None:
    """Not when its manifest is gone either, and not by ``destroy``."""
    state = state_of(2, protected=True)
    with pytest.raises(UsageError) as caught:
        ensure_allowed(plan_of(state, {}, destroy=destroy), state, DEFAULTS, {})
    assert str(caught.value).splitlines() == [
        "This plan would destroy tasks that lifecycle.prevent_destroy protects.",
        "  t00  (its manifest is gone)",
        "  t01  (its manifest is gone)",
        "Set prevent_destroy to false in the manifest, or put the manifest back and do that, and try again.",
    ]


def test_protected_task_is_not_replaced() -> None:
    """A replacement destroys it; the message says where its manifest is."""
    state = state_of(1)
    name = Address("t00")
    desired = {name: spec_of(name, prevent_destroy=True, mode="0")}
    plan = plan_of(state, desired)
    assert [change.action for change in plan.changes] == [Action.REPLACE]
    with pytest.raises(UsageError, match=r"  t00  \(t00\.yaml:3:1\)"):
        ensure_allowed(plan, state, DEFAULTS, desired)


def test_protection_that_the_manifest_lifts_is_lifted_for_a_replacement() -> None:
    """Where there is a manifest, it decides."""
    state = state_of(1, protected=True)
    name = Address("t00")
    desired = {name: spec_of(name, mode="0")}
    ensure_allowed(plan_of(state, desired), state, DEFAULTS, desired)


def test_replacements_destroy_too() -> None:
    """One edited setting may make every task anew: the guard counts them like deletes."""
    state = state_of(12)
    desired = {name: spec_of(name, mode="0") for name in state.tasks}
    with pytest.raises(UsageError, match="This plan destroys 12 of 12 tasks"):
        ensure_allowed(plan_of(state, desired), state, DEFAULTS, desired)


def test_destroy_is_held_to_what_the_manifests_protect_now() -> None:
    """Protection that was written and not applied yet counts, and so does one that was lifted."""
    state, name = state_of(1), Address("t00")
    destroyed = plan_of(state, {}, destroy=True)
    with pytest.raises(UsageError, match=r"  t00  \(t00\.yaml:3:1\)"):
        ensure_allowed(destroyed, state, DEFAULTS, {name: spec_of(name, prevent_destroy=True)})
    ensure_allowed(destroyed, state_of(1, protected=True), DEFAULTS, {name: spec_of(name)})
