"""Which fault hits which call, and what cannot be programmed."""

from typing import Any

import pytest

from provisioner.emulator.faults import Faults, Kind
from provisioner.errors import UsageError


def _kinds(faults: Faults, calls: int, action: str = "CreateIntegrationTask") -> list[Kind | None]:
    hits = (faults.next(action) for _ in range(calls))
    return [hit.kind if hit else None for hit in hits]


def test_faults_of_one_action_hit_in_the_order_of_programming() -> None:
    """Each as often as was said, and then nothing."""
    faults = Faults()
    faults.add("refuse", "CreateIntegrationTask", count=2)
    faults.add("drop_answer")
    assert _kinds(faults, 1, "StopIntegrationTask") == [Kind.DROP_ANSWER]
    assert _kinds(faults, 3) == [Kind.REFUSE, Kind.REFUSE, None]


def test_a_fault_that_misses_by_chance_hides_no_other() -> None:
    """The next one has its turn with the same call."""
    faults = Faults()
    faults.add("drop_answer", count=100, probability=0.0)
    faults.add("internal_error")
    assert _kinds(faults, 2) == [Kind.INTERNAL_ERROR, None]


def test_chance_is_repeatable() -> None:
    """The same seed, the same calls: some hit, some not."""
    first, second = Faults(seed=7), Faults(seed=7)
    for faults in (first, second):
        faults.add("drop_answer", count=100, probability=0.5)
    hits = _kinds(first, 100)
    assert hits == _kinds(second, 100)
    assert {None, Kind.DROP_ANSWER} == set(hits)


@pytest.mark.parametrize(
    ("value", "seconds"), [("", 1.0), (0, 0.0), (2.5, 2.5), ("100", 100.0), (1e9, 1e9)], ids=str
)
def test_a_time_is_a_number_of_seconds(value: str | float, seconds: float) -> None:
    """As a number or as text; without one, the kind has its own."""
    faults = Faults()
    faults.add("answer_late", value=value)
    hit = faults.next("CreateIntegrationTask")
    assert hit is not None
    assert hit.seconds == seconds


@pytest.mark.parametrize("kind", ["answer_late", "commit_late", "slow_drip"])
@pytest.mark.parametrize("value", ["abc", -1, "nan", float("inf"), 10**400, True, None, [], 1e10], ids=repr)
def test_what_is_no_time_is_refused_when_it_is_programmed(kind: str, value: Any) -> None:
    """Not when a call is hit."""
    faults = Faults()
    with pytest.raises(UsageError, match="value"):
        faults.add(kind, value=value)
    assert faults.next("CreateIntegrationTask") is None


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("x", "JSON object"),
        (5, "JSON object"),
        ([], "JSON object"),
        ({}, "drop_answer"),
        ({"kind": "explode"}, "explode"),
        ({"kind": []}, "kind"),
        ({"kind": "refuse", "colour": "red"}, "colour"),
        ({"kind": "refuse", "action": "CreateTask"}, "CreateTask"),
        ({"kind": "refuse", "action": None}, "action"),
        ({"kind": "refuse", "count": 0}, "count"),
        ({"kind": "refuse", "count": 1.5}, "count"),
        ({"kind": "refuse", "count": True}, "count"),
        ({"kind": "refuse", "count": "many"}, "count"),
        ({"kind": "refuse", "probability": 1.1}, "probability"),
        ({"kind": "refuse", "probability": "often"}, "probability"),
        ({"kind": "refuse", "probability": float("nan")}, "probability"),
    ],
    ids=repr,
)
def test_a_fault_that_cannot_be_played_is_refused(document: object, named: str) -> None:
    """With the part that is wrong; an action that does not exist would never be hit."""
    faults = Faults()
    with pytest.raises(UsageError, match=named):
        faults.add_documents([{"kind": "drop_answer"}, document])
    assert faults.next("CreateIntegrationTask") is None
