"""What a job is to do, what it does, and which calls lead from the one to the other: as tables."""

from dataclasses import replace

import pytest

from provisioner.core.jobs.codec import (
    decode_run,
    encode_run,
    packed_run,
    start_moment,
    step_document,
    step_of,
    unpacked_run,
)
from provisioner.core.jobs.job import (
    COMMIT_TYPES,
    Job,
    OnChange,
    Production,
    RunChange,
    RunRecord,
    RunSpec,
    RunState,
    Step,
)
from provisioner.core.jobs.transitions import (
    accepted,
    goal_of,
    is_reached,
    loses_state,
    refusal,
    run_change,
    settled,
    stays_in_production,
    steps_for,
    took_effect,
    with_job,
    without_effect,
)

OURS, OTHER = "d1", "d0"
KEEP, RESTART, DISCARD = OnChange.KEEP_STATE, OnChange.RESTART, OnChange.DISCARD_STATE
SUBMIT, START, STOP, SUSPEND, RESUME = Step.SUBMIT, Step.START, Step.STOP, Step.SUSPEND, Step.RESUME
STARTS = Step.SUBMIT_AND_START
GOES_ON, PAUSES, ANEW = Step.SUBMIT_KEEPING, Step.SUBMIT_RESTARTING, Step.SUBMIT_DISCARDING
DRAFT, SUBMITTED, RUNNING, SUSPENDED, STOPPED = RunState

TABLE = [
    # what is asked for, what the job does; the steps with our body in production, and with another
    (DRAFT, KEEP, Job.NONE, (), ()),
    (DRAFT, KEEP, Job.RUNNING, (), ()),
    (SUBMITTED, KEEP, Job.NONE, (), (SUBMIT,)),
    (SUBMITTED, KEEP, Job.RUNNING, (), (SUBMIT,)),
    (SUBMITTED, KEEP, Job.SUSPENDED, (), (SUBMIT,)),
    (RUNNING, KEEP, Job.NONE, (START,), (STARTS,)),
    (RUNNING, KEEP, Job.READY, (START,), (STARTS,)),
    (RUNNING, DISCARD, Job.STOPPED, (START,), (STARTS,)),
    (RUNNING, KEEP, Job.RUNNING, (), (GOES_ON,)),
    (RUNNING, RESTART, Job.RUNNING, (), (PAUSES,)),
    (RUNNING, DISCARD, Job.RUNNING, (), (ANEW,)),
    (RUNNING, KEEP, Job.SUSPENDED, (RESUME,), (GOES_ON,)),
    (RUNNING, RESTART, Job.SUSPENDED, (RESUME,), (GOES_ON,)),
    (RUNNING, DISCARD, Job.SUSPENDED, (RESUME,), (ANEW,)),
    (RUNNING, KEEP, Job.FAILED, (GOES_ON,), (GOES_ON,)),
    (RUNNING, RESTART, Job.FAILED, (PAUSES,), (PAUSES,)),
    (RUNNING, DISCARD, Job.FAILED, (ANEW,), (ANEW,)),
    (SUSPENDED, KEEP, Job.NONE, (), ()),
    (SUSPENDED, KEEP, Job.STOPPED, (), ()),
    (SUSPENDED, KEEP, Job.FAILED, (), ()),
    (SUSPENDED, KEEP, Job.RUNNING, (SUSPEND,), (SUSPEND,)),
    (SUSPENDED, KEEP, Job.SUSPENDED, (), ()),
    (STOPPED, KEEP, Job.NONE, (), (SUBMIT,)),
    (STOPPED, KEEP, Job.READY, (), (SUBMIT,)),
    (STOPPED, KEEP, Job.STOPPED, (), (SUBMIT,)),
    (STOPPED, KEEP, Job.RUNNING, (STOP,), (STOP, SUBMIT)),
    (STOPPED, KEEP, Job.SUSPENDED, (STOP,), (STOP, SUBMIT)),
    (STOPPED, KEEP, Job.FAILED, (), (SUBMIT,)),
]


@pytest.mark.parametrize(("state", "on_change", "job", "same", "other"), TABLE)
def test_steps_from_what_a_job_does_to_what_is_asked_for(
    state: RunState, on_change: OnChange, job: Job, same: tuple[Step, ...], other: tuple[Step, ...]
) -> None:
    """The whole table."""
    wish = RunSpec(state=state, on_change=on_change)
    run = RunRecord(job=job, digest=OURS, current=OURS)
    assert steps_for(wish, run, OURS) == same
    assert steps_for(wish, run, OTHER) == other
    # A body that is not known is none that was submitted.
    assert steps_for(wish, replace(run, digest="", current=""), "") == other


def test_a_start_from_a_moment_is_a_call_of_its_own() -> None:
    """CommitType 1 has no place for it."""
    wish = RunSpec(state=RUNNING, start_from=1)
    assert steps_for(wish, RunRecord(job=Job.NONE), OURS) == (SUBMIT, START)
    assert steps_for(wish, RunRecord(job=Job.STOPPED, digest=OURS), OURS) == (START,)


def test_a_job_that_runs_an_older_version_than_the_submitted_one_is_changed() -> None:
    """A submit alone changes nothing about what runs."""
    wish = RunSpec(state=RUNNING)
    assert steps_for(wish, RunRecord(job=Job.RUNNING, digest=OURS, current=OTHER), OURS) == (GOES_ON,)
    assert steps_for(wish, RunRecord(job=Job.SUSPENDED, digest=OURS, current=OTHER), OURS) == (GOES_ON,)


@pytest.mark.parametrize("job", Job)
def test_only_stops_and_discards_lose_state_and_only_where_there_is_any(job: Job) -> None:
    """What is not known may have some."""
    has_state = job not in (Job.NONE, Job.READY, Job.STOPPED)
    for step in Step:
        assert loses_state(step, job) is (has_state and step in (STOP, ANEW))


@pytest.mark.parametrize("job", [Job.NONE, Job.READY, Job.STOPPED, Job.FAILED])
def test_what_does_not_run_cannot_be_suspended(job: Job) -> None:
    """Said with what to write."""
    assert "write run.state: running" in refusal(RunSpec(state=SUSPENDED), job)
    assert not refusal(RunSpec(state=STOPPED), job)


# ── what a plan knows ───────────────────────────────────────────────────────


def test_nothing_to_do_is_no_change() -> None:
    """Neither for a draft, whatever is there."""
    run = RunRecord(job=Job.RUNNING, digest=OURS, current=OURS)
    assert run_change(RunSpec(state=RUNNING, on_change=DISCARD, start_from=1), run, OURS) is None
    assert run_change(RunSpec(state=DRAFT), run, OTHER) is None
    assert run_change(RunSpec(state=DRAFT), None, OURS, is_new=True) is None


def test_a_new_task_has_no_job() -> None:
    """So it is known what there is to do, and nothing can be lost."""
    change = run_change(RunSpec(state=RUNNING, on_change=DISCARD), None, OURS, is_new=True)
    assert change == RunChange(before=Job.NONE, after=RUNNING, steps=(STARTS,), on_change=DISCARD)


def test_a_job_that_was_not_managed_may_run_or_not() -> None:
    """Both ways are planned, and what either loses counts."""
    change = run_change(RunSpec(state=RUNNING, on_change=DISCARD), None, OURS)
    assert change is not None
    assert (change.before, change.steps, change.if_running) == (Job.UNKNOWN, (STARTS,), (ANEW,))
    assert change.loses_state
    assert run_change(RunSpec(state=SUBMITTED), None, OURS) == RunChange(
        before=Job.UNKNOWN, after=SUBMITTED, steps=(SUBMIT,)
    )


def test_a_loss_is_said_only_where_there_is_one() -> None:
    """A stop of what runs; not of what is stopped already."""
    wish, run = RunSpec(state=STOPPED), RunRecord(job=Job.RUNNING, digest=OURS)
    change = run_change(wish, run, OURS)
    assert change is not None
    assert change.loses_state
    other = run_change(wish, replace(run, job=Job.STOPPED), OTHER)
    assert other is not None
    assert not other.loses_state


def test_a_pending_step_is_a_change_even_if_nothing_follows() -> None:
    """The next apply looks what became of it."""
    run = RunRecord(job=Job.READY, digest=OURS, current=OURS, step=START)
    change = run_change(RunSpec(state=RUNNING), run, OURS)
    assert change is not None
    assert (change.pending, change.steps, change.if_running) == (START, (START,), ())
    assert run_change(RunSpec(state=SUBMITTED), run, OURS) is not None


def test_what_waits_for_approval_is_not_submitted_again() -> None:
    """Unless the body is another one by now."""
    run = RunRecord(job=Job.NONE, digest=OURS, current=OURS, step=STARTS, approval="a-1")
    change = run_change(RunSpec(state=RUNNING), run, OURS)
    assert change == RunChange(before=Job.NONE, after=RUNNING, steps=(), approval="a-1")
    other = run_change(RunSpec(state=RUNNING), run, OTHER)
    assert other is not None
    assert (other.approval, other.steps) == ("", (STARTS,))


def test_a_refusal_is_a_change_that_cannot_be() -> None:
    """Somebody has to say it."""
    change = run_change(RunSpec(state=SUSPENDED), None, OURS, is_new=True)
    assert change is not None
    assert "only a job that runs" in change.refused


@pytest.mark.parametrize(
    ("run", "stays"),
    [
        (None, False),
        (RunRecord(job=Job.NONE), False),
        (RunRecord(job=Job.UNKNOWN), False),
        (RunRecord(job=Job.READY), True),
        (RunRecord(job=Job.NONE, digest=OURS), True),
    ],
)
def test_what_is_in_production_stays_there(run: RunRecord | None, stays: bool) -> None:
    """As far as that is known."""
    assert stays_in_production(RunSpec(state=DRAFT), run) is stays
    assert not stays_in_production(RunSpec(state=SUBMITTED), run)


# ── what was seen ───────────────────────────────────────────────────────────


def seen(status: int | None, version: int = 1, *, is_submitted: bool = True) -> Production:
    """What production shows."""
    return Production(status=status, version=version, server_time=0, is_submitted=is_submitted)


NOTHING = seen(None, 0, is_submitted=False)


@pytest.mark.parametrize(
    ("status", "job"),
    [
        (None, Job.UNKNOWN),
        (0, Job.UNKNOWN),
        (1, Job.READY),
        (2, Job.MOVING),
        (3, Job.RUNNING),
        (4, Job.SUSPENDED),
        (5, Job.MOVING),
        (6, Job.STOPPED),
        (7, Job.FAILED),
        (20, Job.FAILED),
        (21, Job.UNKNOWN),
        (404, Job.UNKNOWN),
    ],
)
def test_every_status_is_a_job(status: int | None, job: Job) -> None:
    """As the vendor numbers them; anything else says nothing."""
    assert seen(status).job is job
    assert NOTHING.job is Job.NONE


@pytest.mark.parametrize(
    ("step", "before", "now", "took", "reached"),
    [
        # A version tells.
        (ANEW, RunRecord(job=Job.RUNNING, version=1), seen(3, 1), False, False),
        (ANEW, RunRecord(job=Job.RUNNING, version=1), seen(3, 2), True, True),
        (GOES_ON, RunRecord(job=Job.RUNNING, version=1), seen(2, 2), True, False),
        (SUBMIT, RunRecord(job=Job.NONE), seen(1, 1), True, True),
        (SUBMIT, RunRecord(job=Job.NONE), NOTHING, False, False),
        # Without one, what is there at all; or nothing does.
        (SUBMIT, RunRecord(job=Job.NONE), seen(1, 0), True, True),
        (STARTS, RunRecord(job=Job.STOPPED), seen(6, 0), False, False),
        (STARTS, RunRecord(job=Job.STOPPED), seen(3, 0), True, True),
        (SUBMIT, RunRecord(job=Job.RUNNING), seen(3, 0), None, True),
        (ANEW, RunRecord(job=Job.RUNNING), seen(3, 0), None, True),
        (STARTS, RunRecord(job=Job.RUNNING), seen(3, 0), None, True),
        # What the job does tells of the others.
        (START, RunRecord(job=Job.READY, version=1), seen(1), False, False),
        (START, RunRecord(job=Job.READY, version=1), seen(2), True, False),
        (START, RunRecord(job=Job.READY, version=1), seen(3), True, True),
        (STOP, RunRecord(job=Job.RUNNING, version=1), seen(5), True, False),
        (STOP, RunRecord(job=Job.RUNNING, version=1), seen(6), True, True),
        (STOP, RunRecord(job=Job.RUNNING, version=1), NOTHING, True, True),
        (STOP, RunRecord(job=Job.RUNNING, version=1), seen(3), False, False),
        (SUSPEND, RunRecord(job=Job.RUNNING, version=1), seen(4), True, True),
        (SUSPEND, RunRecord(job=Job.RUNNING, version=1), seen(6), False, False),
        (RESUME, RunRecord(job=Job.SUSPENDED, version=1), seen(3), True, True),
    ],
)
def test_what_is_seen_tells_what_became_of_a_step(
    step: Step, before: RunRecord, now: Production, took: bool | None, reached: bool
) -> None:
    """Whether it took effect at all, and whether it has come to its end."""
    assert took_effect(step, before, now) is took
    assert is_reached(step, before, now) is reached


@pytest.mark.parametrize("step", Step)
def test_an_accepted_step_is_remembered(step: Step) -> None:
    """Which body was submitted, which one runs, and what to judge it by."""
    known = RunRecord(job=Job.RUNNING, digest="d0", current="c0", version=3)
    run = accepted(known, step_document(step, known), digest=OURS, at=7)
    digest = OURS if step in COMMIT_TYPES else "d0"
    current = {SUBMIT: "c0", START: "d0", STOP: "", SUSPEND: "c0", RESUME: "c0"}.get(step, OURS)
    assert run == RunRecord(job=Job.RUNNING, digest=digest, current=current, version=3, step=step, sent=7)
    assert run.is_pending


def test_only_a_submit_leaves_the_job_alone() -> None:
    """Every other step has a goal."""
    assert [step for step in Step if goal_of(step) is None] == [SUBMIT]


def test_only_a_version_can_wait_for_approval() -> None:
    """Another step leaves that as it was."""
    run = accepted(None, step_document(SUBMIT, RunRecord()), digest=OURS, at=7, approval="a-1")
    assert run.approval == "a-1"
    assert accepted(run, step_document(STOP, run), digest="", at=8).approval == "a-1"


def test_nothing_is_under_way_once_it_is_settled() -> None:
    """What is not in production any more was never submitted."""
    run = RunRecord(job=Job.READY, digest=OURS, current=OURS, version=1, step=START, sent=7, approval="a")
    assert settled(run, seen(3, 2)) == RunRecord(job=Job.RUNNING, digest=OURS, current=OURS, version=2)
    assert settled(run, seen(3, 0)).version == 1
    assert settled(run, NOTHING) == RunRecord(job=Job.NONE, version=1)


def test_what_had_no_effect_is_to_be_done_again_but_for_a_discard() -> None:
    """A discard that was accepted is taken for done, whatever is seen."""
    for step, digest in ((GOES_ON, ""), (SUBMIT, ""), (ANEW, OURS), (START, OURS)):
        run = RunRecord(job=Job.RUNNING, digest=OURS, current=OURS, version=1, step=step)
        assert without_effect(run, seen(3, 1)) == RunRecord(
            job=Job.RUNNING, digest=digest, current=digest, version=1
        )
    run = RunRecord(job=Job.RUNNING, digest=OURS, current=OURS, version=1, step=GOES_ON)
    assert without_effect(run, seen(7, 2)).digest == OURS


def test_a_job_that_somebody_started_runs_what_is_submitted() -> None:
    """Unless it is known what it runs."""
    ready = RunRecord(job=Job.READY, digest=OURS)
    assert with_job(ready, Job.RUNNING).current == OURS
    assert with_job(ready, Job.STOPPED).current == ""
    assert with_job(replace(ready, current=OTHER), Job.RUNNING).current == OTHER
    assert with_job(replace(ready, job=Job.FAILED), Job.RUNNING).current == ""


# ── as text ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wish",
    [
        None,
        RunSpec(state=SUBMITTED),
        RunSpec(state=RUNNING, on_change=RESTART, start_from=0),
        RunSpec(state=RUNNING, start_from=1_700_000_000_000),
    ],
)
def test_a_wish_survives_the_cache(wish: RunSpec | None) -> None:
    """As one word."""
    assert unpacked_run(packed_run(wish)) == wish


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job", "walking"),
        ("step", "jump"),
        ("digest", 1),
        ("version", "1"),
        ("sent", True),
        ("current", None),
    ],
)
def test_a_record_of_another_shape_is_none(field: str, value: object) -> None:
    """Every field is looked at."""
    document = {**encode_run(RunRecord(step=START)), field: value}
    with pytest.raises((TypeError, ValueError)):
        decode_run(document)
    with pytest.raises(KeyError):
        decode_run({key: one for key, one in document.items() if key != field})


def test_a_step_of_another_shape_is_none() -> None:
    """So a journal that this version does not know is refused."""
    good = step_document(START, RunRecord(version=2))
    assert step_of(good) == (START, RunRecord(version=2))
    for field, value in (("step", "jump"), ("job", "walking"), ("version", "2")):
        with pytest.raises((TypeError, ValueError)):
            step_of({**good, field: value})


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (1_700_000_000_000, 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        ("2026-01-31T08:00:00Z", 1_769_846_400_000),
        ("2026-01-31T08:00:00+08:00", 1_769_817_600_000),
        ("2026-01-31T08:00:00", None),
        ("2026-01-31", None),
        ("yesterday", None),
        (-1, None),
        ("1969-12-31T23:59:59Z", None),
        (253_402_300_799_999, 253_402_300_799_999),
        (253_402_300_800_000, None),
        ("9999-12-31T23:59:59-01:00", None),
        ("1" * 5000, None),
        ("²", None),
    ],
)
def test_a_moment_has_a_zone_or_is_a_number(written: int | str, moment: int | None) -> None:
    """A time without a zone is somebody's local one, and nobody can tell whose."""
    assert start_moment(written) == moment
