"""A job on its way to what is asked for: what is looked at, what is sent, and what is recorded."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from builders import a_record
from fakes.actions import COMMIT, DELETE, MODIFY, STATUSES
from fakes.fates import LOST_AFTER, LOST_BEFORE, OK, Fate, late, refused
from fakes.specs import spec_of
from fakes.world import WINDOW_SECONDS, World
from provisioner.core.address import Address, TaskId
from provisioner.core.api.replies import Done, Listing, Refused, Unknown
from provisioner.core.jobs.codec import step_document
from provisioner.core.jobs.job import Job, OnChange, RunChange, RunRecord, RunSpec, RunState, Step
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.plan import Action, Change, Reason
from provisioner.core.state.state import TaskRecord, WriteKind
from provisioner.engine import manual
from provisioner.engine.job_steps import steps_of
from provisioner.engine.refresh import look_at
from provisioner.engine.task_steps import RunLimits
from provisioner.errors import ApiError, ApiRefusedError, StalePlanError, StateError

RUNS = RunSpec(state=RunState.RUNNING)
ANEW = RunSpec(state=RunState.RUNNING, on_change=OnChange.DISCARD_STATE)
STOPPED = RunSpec(state=RunState.STOPPED)
START_ACTION, STOP_ACTION = "StartIntegrationTask", "StopIntegrationTask"
A = Address("a")
ID = TaskId("t-1")
CHANGED: JSONObject = {"Config": {"parallelism": "2"}}


def a_job(run: RunSpec | None = RUNS, info: JSONObject | None = None) -> TaskSpec:
    """The one task, with what its job is to do."""
    return spec_of("a", info, run=run)


def running(world: World | None = None) -> World:
    """A world in which the job of the one task runs."""
    world = world or World()
    world.clock.pulls = world.api.server_clock
    assert not world.apply(a_job()).failures
    world.events.clear()
    return world


def job_of(world: World) -> RunRecord:
    """What is recorded of the job."""
    run = world.state.tasks[A].run
    assert run is not None
    return run


def sent(world: World) -> list[str]:
    """The calls that were sent."""
    return [event.split()[1] for event in world.events if event.startswith("send")]


# ── in order ────────────────────────────────────────────────────────────────


def test_a_body_is_written_and_read_back_before_its_job_starts() -> None:
    """A look, the intent, the call once, its outcome; then it is looked at until it runs."""
    world = World()
    world.apply(a_job())
    assert world.events == [
        *(
            "intent create a",
            "send CreateIntegrationTask a",
            "finished a",
            "read t-1",
            "resolved a confirmed",
        ),
        *("look t-1", "intent run a", f"send {COMMIT} a", "finished a", "look t-1", "ran a running"),
        "look t-1",
    ]
    digest = a_job().digest
    assert job_of(world) == RunRecord(job=Job.RUNNING, digest=digest, current=digest, version=1)
    assert world.plan(a_job()).is_empty


def test_a_change_of_what_runs_alone_writes_no_body() -> None:
    """No ModifyIntegrationTask."""
    world = running()
    change = world.plan(a_job(STOPPED)).changes[0]
    assert (change.reason, change.action, change.before) == (Reason.RUN_STATE, Action.UPDATE, change.after)
    applied = world.apply(a_job(STOPPED))
    assert (sent(world), job_of(world).job) == ([STOP_ACTION], Job.STOPPED)
    assert applied.results[0].done == {WriteKind.RUN}


def test_what_is_so_already_is_left_out() -> None:
    """Somebody stopped it: nothing is sent, and it is recorded."""
    world = running()
    plan = world.plan(a_job(STOPPED))
    world.api.tasks[ID].status = STATUSES[Job.STOPPED]
    applied = world.carry_out(plan.changes)
    assert (sent(world), job_of(world).job, applied.failures) == ([], Job.STOPPED, [])


def test_steps_follow_each_other_once_each_is_reached() -> None:
    """A stop, and then the new version; it is waited for as long as it takes."""
    world = running()
    spec = a_job(STOPPED, CHANGED)
    world.api.moving[ID] = [3, 5, 5, 6]
    assert not world.apply(spec).failures
    assert sent(world) == [MODIFY, STOP_ACTION, COMMIT]
    assert world.clock.seconds == 2
    assert "a: update waits: stop: in operation, 0 s" in world.reporter.heard
    assert "a: update waits: stop: in operation, 1 s" in world.reporter.heard


def test_a_body_that_was_not_kept_is_not_run() -> None:
    """Nobody asked for what is there."""
    world = running()
    world.api.dropped[MODIFY] = {"Config"}
    applied = world.apply(a_job(info=CHANGED))
    assert (sent(world), len(applied.failures)) == ([MODIFY], 1)


def test_a_start_reads_from_where_it_is_told() -> None:
    """In the write; see ``cloud.wire`` for how it is sent."""
    world = World()
    world.apply(a_job(RunSpec(state=RunState.RUNNING, start_from=7)))
    starts = [signed.write for signed in world.api.sent if signed.action == START_ACTION]
    assert [getattr(write, "start_from", None) for write in starts] == [7]


# ── what may not be ─────────────────────────────────────────────────────────


def test_nothing_is_lost_that_the_plan_did_not_say() -> None:
    """The plan took the job for stopped; somebody started it since."""
    world = running()
    world.apply(a_job(STOPPED))
    plan = world.plan(a_job(STOPPED, CHANGED))
    world.api.tasks[ID].status = STATUSES[Job.RUNNING]
    (failure,) = world.carry_out(plan.changes).failures
    assert isinstance(failure.reply, Refused)
    assert failure.reply.code == "StateLoss"
    assert failure.done == {WriteKind.UPDATE}
    assert world.api.tasks[ID].discards == 1


def test_a_job_that_cannot_be_suspended_is_a_failure() -> None:
    """Where the plan could not know it."""
    world = World()
    world.apply(a_job(None))
    (failure,) = world.apply(a_job(RunSpec(state=RunState.SUSPENDED))).failures
    assert isinstance(failure.reply, Refused)
    assert failure.reply.code == "RunState"


def test_a_refused_step_fails_alone() -> None:
    """And is closed: the next plan has it again."""
    world = running()
    world.api.fates.append(refused("UnsupportedOperation"))
    (failure,) = world.apply(a_job(STOPPED)).failures
    assert (failure.action, failure.kind) == (STOP_ACTION, WriteKind.RUN)
    assert world.backend.attempts() == ()
    assert world.plan(a_job(STOPPED)).changes


# ── what fails, and what takes its time ─────────────────────────────────────


@pytest.mark.parametrize("shown", [[1, 2, 7], [1, 7]])
def test_a_job_that_fails_is_a_failure(shown: list[int]) -> None:
    """With its status; the next plan begins with that."""
    world = World()
    world.apply(a_job(RunSpec(state=RunState.SUBMITTED)))
    world.api.moving[ID] = list(shown)
    (failure,) = world.apply(a_job()).failures
    assert failure.reply == Refused(code="Status 7", message="its job has failed")
    assert (job_of(world).job, job_of(world).step) == (Job.FAILED, None)
    assert world.plan(a_job()).changes[0].fields[0].before == "failed"


def test_a_job_that_had_failed_is_given_the_time_to_begin() -> None:
    """What it shows at first is what it was before."""
    world = running()
    world.api.tasks[ID].status = STATUSES[Job.FAILED]
    change = replace(world.plan(a_job(info=CHANGED)).changes[0])
    world.api.moving[ID] = [7, 7, 7, 2]
    assert not world.carry_out([change]).failures
    assert job_of(world).job is Job.RUNNING


def test_a_job_that_had_failed_and_shows_nothing_else_has_failed_again() -> None:
    """Once it had the time to begin; the next plan begins with that."""
    world = running()
    world.api.tasks[ID].status = STATUSES[Job.FAILED]
    change = world.plan(a_job(info=CHANGED)).changes[0]
    world.limits = RunLimits(seconds=10, late=WINDOW_SECONDS)
    world.api.ends_in[Step.SUBMIT_KEEPING] = STATUSES[Job.FAILED]
    (failure,) = world.carry_out([change]).failures
    assert isinstance(failure.reply, Unknown)
    world.limits = RunLimits(seconds=100, late=WINDOW_SECONDS)
    (failure,) = world.apply(a_job(info=CHANGED)).failures
    assert failure.reply == Refused(code="Status 7", message="its job has failed")
    assert (job_of(world).job, job_of(world).step) == (Job.FAILED, None)


def test_what_is_not_reached_in_time_is_unknown_and_recorded() -> None:
    """The next plan says so; the next run looks, and sends nothing that was sent."""
    world = World()
    world.limits = RunLimits(seconds=40, late=WINDOW_SECONDS)
    world.api.ends_in[Step.SUBMIT_AND_START] = STATUSES[Job.MOVING]
    (failure,) = world.apply(a_job()).failures
    assert isinstance(failure.reply, Unknown)
    assert (
        failure.reply.message == "the step submit and start was accepted; after 46 s its job is in operation"
    )
    assert job_of(world).step is Step.SUBMIT_AND_START
    (change,) = world.plan(a_job()).changes
    assert change.run is not None
    assert change.run.pending is Step.SUBMIT_AND_START
    world.events.clear()
    world.api.tasks[ID].status = STATUSES[Job.RUNNING]
    assert not world.apply(a_job()).failures
    assert sent(world) == []
    assert world.plan(a_job()).is_empty


def test_a_pending_step_that_came_to_nothing_is_made_again_after_its_window() -> None:
    """Not before: until then it may still come."""
    world = running()
    world.apply(a_job(STOPPED))
    world.api.ends_in[Step.START] = STATUSES[Job.STOPPED]
    assert len(world.apply(a_job()).failures) == 1
    assert len(world.apply(a_job()).failures) == 1
    assert sent(world) == [STOP_ACTION, START_ACTION]
    world.clock.sleep(WINDOW_SECONDS + 1)
    world.api.ends_in.clear()
    assert not world.apply(a_job()).failures
    assert sent(world) == [STOP_ACTION, START_ACTION, START_ACTION]


def test_a_step_of_this_run_is_not_over_because_others_would_be() -> None:
    """Where nothing of an earlier run can be late, what was sent just now is waited for all the same."""
    world = World()
    world.limits = RunLimits(seconds=60, late=-1)
    world.apply(a_job(RunSpec(state=RunState.SUBMITTED)))
    world.events.clear()
    world.api.moving[ID] = [1, 1, 1, 1]
    assert not world.apply(a_job()).failures
    assert sent(world) == [START_ACTION]
    assert world.clock.seconds > 0


def test_a_job_that_moves_without_us_is_waited_for() -> None:
    """Somebody is at it: what is to be done is worked out from where it comes to rest."""
    world = running()
    plan = world.plan(a_job(STOPPED))
    world.api.moving[ID] = [2, 5]
    world.api.tasks[ID].status = STATUSES[Job.STOPPED]
    assert not world.carry_out(plan.changes).failures
    assert sent(world) == []


def test_a_job_that_moves_without_us_for_ever_is_unknown() -> None:
    """It is said that somebody is at it."""
    world = running()
    plan = world.plan(a_job(STOPPED))
    world.api.tasks[ID].status = STATUSES[Job.MOVING]
    (failure,) = world.carry_out(plan.changes).failures
    assert isinstance(failure.reply, Unknown)
    assert failure.reply.message.startswith("something is done to it; after")


def test_a_step_that_does_not_last_is_not_repeated() -> None:
    """Accepted, seen, and undone by somebody: once is enough."""
    world = running()
    world.apply(a_job(STOPPED))
    world.events.clear()
    world.api.ends_in[Step.START] = STATUSES[Job.STOPPED]
    world.api.moving[ID] = [6, 3, 6]
    (failure,) = world.apply(a_job()).failures
    assert isinstance(failure.reply, Unknown)
    assert failure.reply.message == "the step start was accepted, and its job is stopped again"
    assert sent(world) == [START_ACTION]


def test_a_job_that_never_comes_to_rest_is_given_up() -> None:
    """Somebody moves it again and again."""
    world = running()
    plan = world.plan(a_job(STOPPED))
    world.api.moving[ID] = [2, 3] * 30
    (failure,) = world.carry_out(plan.changes).failures
    assert isinstance(failure.reply, Unknown)
    assert failure.reply.message == "its job does not come to rest"


def test_a_look_that_fails_before_anything_is_sent_is_a_failure_of_this_task() -> None:
    """Nothing of its job was begun."""
    world = running()
    world.api.read_errors.append(ApiRefusedError("FailedOperation"))
    (failure,) = world.apply(a_job(STOPPED)).failures
    assert isinstance(failure.reply, Refused)
    assert (failure.reply.code, sent(world)) == ("NotRead", [])


@pytest.mark.parametrize("looks", [1, 2])
def test_a_look_that_fails_afterwards_leaves_it_unknown(looks: int) -> None:
    """It was accepted, and that is recorded."""
    world = running()
    world.api.read_errors.extend([*([None] * looks), ApiError("no answer")])
    world.api.moving[ID] = [3, 5, 5]
    (failure,) = world.apply(a_job(STOPPED)).failures
    assert isinstance(failure.reply, Unknown)
    assert job_of(world).step is Step.STOP


def test_a_person_who_stops_the_run_does_not_wait_for_jobs() -> None:
    """What was accepted is recorded."""
    world = running()
    world.api.moving[ID] = [3, 5, 5, 5]
    world.should_stop = lambda: any("waits" in heard for heard in world.reporter.heard)
    applied = world.apply(a_job(STOPPED))
    assert isinstance(applied.results[0].reply, Unknown)
    assert world.clock.seconds == 0
    assert job_of(world).step is Step.STOP


def test_a_disk_that_fails_while_a_job_is_looked_at_ends_the_run() -> None:
    """What was accepted is in the journal."""
    world = running()
    world.backend.fail_after = 2
    with pytest.raises(StateError):
        world.apply(a_job(STOPPED))
    assert job_of(world).step is Step.STOP


# ── approval ────────────────────────────────────────────────────────────────


def test_a_version_that_waits_for_approval_is_good_and_is_not_made_twice() -> None:
    """Told while it goes and recorded; once it is approved, what is left is done."""
    world = World()
    world.api.approvals.append("a-1")
    (result,) = world.apply(a_job()).results
    assert (result.is_good, result.waits_for, job_of(world).approval) == (True, "a-1", "a-1")
    assert "a: create waits: waits for approval in WeData (id a-1)" in world.reporter.heard
    (change,) = world.plan(a_job()).changes
    assert change.run is not None
    assert (change.run.approval, change.run.steps) == ("a-1", ())
    world.events.clear()
    (again,) = world.apply(a_job()).results
    assert (again.waits_for, sent(world)) == ("a-1", [])
    task = world.api.tasks[ID]
    task.version, task.status = 1, STATUSES[Job.RUNNING]
    (done,) = world.apply(a_job()).results
    assert (done.waits_for, done.is_good, job_of(world).approval) == ("", True, "")
    assert world.plan(a_job()).is_empty


def test_an_approval_without_a_step_is_left_to_people() -> None:
    """Nothing tells whether it came through."""
    world = running()
    run = replace(job_of(world), approval="a-1", digest=world.state.tasks[A].digest)
    record = replace(world.state.tasks[A], run=run)
    world.backend.replace(replace(world.state, tasks={A: record}))
    (result,) = world.apply(a_job()).results
    assert (result.waits_for, result.is_good) == ("a-1", True)


# ── lost answers ────────────────────────────────────────────────────────────


def settled(world: World) -> list[tuple[str, bool]]:
    """What became of open steps."""
    return [(attempt.address, took) for attempt, took in world.settler().settle().ran]


def test_a_lost_answer_is_settled_by_the_version() -> None:
    """It was done: that is recorded as if it had been answered, and the next run waits for the job."""
    world = running()
    world.api.fates_of["a"] = _fates(OK, LOST_AFTER)
    (failure,) = world.apply(a_job(ANEW, CHANGED)).failures
    assert isinstance(failure.reply, Unknown)
    assert world.plan(a_job(ANEW, CHANGED)).unsettled[0].kind is WriteKind.RUN
    assert world.plan(a_job(ANEW, CHANGED)).changes == ()
    assert settled(world) == [("a", True)]
    assert job_of(world).step is Step.SUBMIT_DISCARDING
    assert not world.apply(a_job(ANEW, CHANGED)).failures
    assert (world.api.tasks[ID].discards, world.api.tasks[ID].version) == (1, 2)
    assert world.plan(a_job(ANEW, CHANGED)).is_empty


def test_a_step_that_may_still_take_effect_holds_its_task() -> None:
    """Until its window is over; then it is known to have had none."""
    world = running()
    world.api.fates.append(late(200))
    world.apply(a_job(STOPPED))
    (held,) = world.settler().settle().held
    assert (held.why, held.until) == (
        "its stop may still take effect",
        world.clock.now() + WINDOW_SECONDS + 1,
    )
    world.clock.sleep(200)
    assert settled(world) == [("a", True)]
    assert job_of(world).step is Step.STOP


def test_a_step_that_had_no_effect_is_planned_again() -> None:
    """After its window; of a job that was not managed it is then known what it did before."""
    world = World()
    world.clock.pulls = world.api.server_clock
    world.apply(a_job(None))
    world.api.fates.append(LOST_BEFORE)
    world.apply(a_job())
    world.clock.sleep(WINDOW_SECONDS + 1)
    assert settled(world) == [("a", False)]
    assert world.backend.attempts() == ()
    assert job_of(world) == RunRecord(job=Job.NONE)
    assert not world.apply(a_job()).failures


def test_a_discard_that_nothing_tells_of_is_left_to_a_person() -> None:
    """Without versions nobody can see it, and twice is once too often."""
    world = running()
    world.api.fates_of["a"] = _fates(OK, LOST_AFTER)
    world.apply(a_job(ANEW, CHANGED))
    (attempt,) = world.backend.attempts()
    task = world.api.tasks[ID]
    world.api.production = lambda *_: replace(  # type: ignore[method-assign]  # a service without versions
        world.api._produced(task, None), version=0
    )
    world.clock.sleep(WINDOW_SECONDS + 1)
    (held,) = world.settler().settle().held
    assert "cannot be seen: say --absent if it did not" in held.why
    assert held.until == 0
    manual.declare_absent(world.backend, attempt)
    assert world.backend.attempts() == ()
    assert world.state.tasks[A].run == replace(job_of(world))


def test_a_step_of_a_task_that_is_forgotten_is_closed() -> None:
    """There is nothing to say about it."""
    world = running()
    world.api.fates.append(LOST_BEFORE)
    world.apply(a_job(STOPPED))
    world.backend.replace(replace(world.state, tasks={}))
    assert [attempt.address for attempt in world.settler().settle().absent] == ["a"]


def test_one_run_sees_a_lost_answer_through() -> None:
    """Settle, plan again, and wait for the job; a loss that was not planned is not made."""
    world = World()
    world.api.fates_of["a"] = _fates(OK, LOST_AFTER)
    run = world.run(a_job())
    outcome = run.carry_out(run.prepare())
    assert [one.is_good for one in outcome.applied.results] == [True]
    assert outcome.applied.results[0].done == {WriteKind.CREATE, WriteKind.RUN}
    assert world.plan(a_job()).is_empty


def test_one_run_says_of_a_step_that_had_no_effect_that_it_failed() -> None:
    """Where it waited for the window to be over."""
    world = running()
    world.clock.pulls = world.api.server_clock
    world.api.fates.append(LOST_BEFORE)
    run = world.run(a_job(STOPPED), wait=True)
    outcome = run.carry_out(run.prepare())
    (result,) = outcome.applied.results
    assert (result.is_good, job_of(world).job) == (True, Job.STOPPED)
    assert sent(world) == [STOP_ACTION, STOP_ACTION]


@pytest.mark.parametrize(("status", "is_good"), [(None, True), (Job.RUNNING, False)])
def test_what_was_not_to_lose_state_does_not_lose_it_on_the_way_to_the_end(
    status: Job | None, is_good: bool
) -> None:
    """A new task whose answer is lost is found and starts; should it run already, that is a failure."""
    world = World()
    world.api.fates.append(LOST_AFTER)
    run = world.run(a_job(ANEW))
    plan = run.prepare()
    look = world.api.inventory

    def somebody_is_faster(project_id: str, **more: Any) -> Listing:
        listing = look(project_id, **more)
        for task in world.api.tasks.values() if status else ():
            task.version, task.status = 1, STATUSES[Job.RUNNING]
        return listing

    world.api.inventory = somebody_is_faster  # type: ignore[method-assign]  # somebody at the console
    (result,) = run.carry_out(plan).applied.results
    assert (result.is_good, world.api.tasks[ID].discards) == (is_good, 0)
    assert world.api.tasks[ID].status == STATUSES[Job.RUNNING]


# ── drift ───────────────────────────────────────────────────────────────────


def test_a_job_that_somebody_stopped_refuses_a_plan_that_does_not_know() -> None:
    """Unless that is what is asked for."""
    world = running()
    world.api.tasks[ID].status = STATUSES[Job.STOPPED]
    run = world.run(a_job(info=CHANGED))
    with pytest.raises(StalePlanError, match=r'run\.state is "stopped", not "running"'):
        run.carry_out(run.prepare())
    asked = world.run(a_job(STOPPED, CHANGED))
    assert not asked.carry_out(asked.prepare()).applied.failures


def test_a_refreshed_plan_begins_with_what_the_job_does() -> None:
    """And is carried out."""
    world = running()
    world.api.tasks[ID].status = STATUSES[Job.STOPPED]
    observed = look_at(world.state.tasks.values(), world.api, world.workers).observed
    run = world.run(a_job(), observed=observed)
    plan = run.prepare()
    (field,) = plan.changes[0].fields
    assert (field.path, field.before, field.after) == (("run", "state"), "stopped", "running")
    assert not run.carry_out(plan).applied.failures
    assert job_of(world).job is Job.RUNNING


def many(world: World, count: int = 12) -> Sequence[TaskRecord]:
    """So many tasks with jobs."""
    world.apply(*[spec_of(f"t{number}", run=RUNS) for number in range(count)])
    world.events.clear()
    return list(world.state.tasks.values())


def test_many_jobs_are_looked_at_by_one_listing() -> None:
    """One that is not in it is looked at alone: it may only not be listed yet."""
    world = World()
    records = many(world)
    world.api.tasks[records[0].task_id].version = 0
    observed = look_at(records, world.api, world.workers).observed
    assert world.events == ["list p1", "list production of p1", f"look {records[0].task_id}"]
    jobs = [(body or {})["run"] for body in observed.values()]
    assert jobs == ["draft", *["running"] * 11]


def test_jobs_are_looked_at_one_by_one_where_production_is_not_listed() -> None:
    """One that cannot be is not said to be anything."""
    world = World()
    records = many(world)
    world.api.lists_production = False
    world.api.read_errors.extend([None, ApiError("no answer")])
    looked = look_at(records, world.api, world.workers)
    assert list(looked.unread.values()) == ["it could not be looked at what runs: no answer"]
    assert len(looked.observed) == 11


# ── deletes ─────────────────────────────────────────────────────────────────


def destroyed(world: World, *, stops: bool = True) -> list[object]:
    """Replies of a run that deletes everything."""
    world.limits = replace(world.limits, stop_running=stops)
    return [one.reply for one in world.apply().results]


def test_a_running_task_is_not_deleted_unless_that_is_asked_for() -> None:
    """Then it is stopped first, and waited for; nothing is lost that is not to go anyway."""
    world = running()
    (reply,) = destroyed(world, stops=False)
    assert isinstance(reply, Refused)
    assert reply.code == "DeleteFlag 100"
    world.events.clear()
    world.api.moving[ID] = [3, 5]
    (reply,) = destroyed(world)
    assert isinstance(reply, Done)
    assert sent(world) == [STOP_ACTION, DELETE]
    assert world.api.tasks == {}


def test_what_does_not_run_is_deleted_without_a_stop() -> None:
    """Whether it has a version in production or not."""
    for status in (STATUSES[Job.STOPPED], STATUSES[Job.FAILED]):
        world = running()
        world.api.tasks[ID].status = status
        assert isinstance(destroyed(world)[0], Done)
        assert sent(world) == [DELETE]


def test_an_offline_task_is_not_looked_at_before_it_is_deleted() -> None:
    """It has no job to stop."""
    world = World()
    world.apply(spec_of("a", {"TaskType": 202}))
    world.events.clear()
    assert isinstance(destroyed(world)[0], Done)
    assert "look t-1" not in world.events


def test_a_stop_that_fails_keeps_the_task() -> None:
    """Refused, unknown, or not reached in time."""
    for fate, kind in ((refused("UnsupportedOperation"), Refused), (LOST_BEFORE, Unknown)):
        world = running()
        world.api.fates.append(fate)
        assert isinstance(destroyed(world)[0], kind)
        assert sent(world) == [STOP_ACTION]
    world = running()
    world.api.ends_in[Step.STOP] = STATUSES[Job.MOVING]
    assert isinstance(destroyed(world)[0], Unknown)
    world = running()
    world.api.read_errors.append(ApiError("no answer"))
    assert isinstance(destroyed(world)[0], Refused)
    assert len(world.api.tasks) == 1


def test_somebody_elses_stop_is_waited_for() -> None:
    """Then there is nothing left to stop."""
    world = running()
    world.api.moving[ID] = [5]
    world.api.tasks[ID].status = STATUSES[Job.STOPPED]
    assert isinstance(destroyed(world)[0], Done)
    assert sent(world) == [DELETE]


def test_a_replaced_task_starts_anew() -> None:
    """Stop, delete, create, start."""
    world = running()
    world.limits = replace(world.limits, stop_running=True)
    assert not world.apply(a_job(info={"TaskMode": "1"})).failures
    assert sent(world) == [STOP_ACTION, DELETE, "CreateIntegrationTask", COMMIT]


# ── what cannot be ──────────────────────────────────────────────────────────


def a_change(task_id: TaskId | None = ID) -> Change:
    """A change of what runs alone."""
    spec, record = a_job(), a_record(a_job())
    return Change(
        address=A,
        action=Action.UPDATE,
        reason=Reason.RUN_STATE,
        project_id="p1",
        task_type=201,
        task_id=task_id,
        before=record.spec,
        after=record.spec,
        fields=(),
        source=spec.source,
        spec=spec,
        run=RunChange(before=Job.READY, after=RunState.RUNNING, steps=(Step.START,)),
    )


def test_a_change_without_its_task_is_a_mistake_of_the_program() -> None:
    """It is said, and nothing is sent."""
    world = World()
    with pytest.raises(ValueError, match="no TaskId"):
        next(steps_of(a_change(task_id=None), world.context()))
    with pytest.raises(ValueError, match="no task is recorded"):
        next(steps_of(a_change(), world.context()))


def test_what_is_sent_about_a_job_says_what_it_is_judged_by() -> None:
    """The step, and what there was before: in the attempt."""
    world = running()
    world.api.fates.append(LOST_BEFORE)
    world.apply(a_job(STOPPED))
    (attempt,) = world.backend.attempts()
    assert attempt.spec == step_document(Step.STOP, RunRecord(job=Job.RUNNING, version=1))
    assert (attempt.kind, attempt.task_id, attempt.digest) == (WriteKind.RUN, ID, "")


def _fates(*fates: Fate) -> deque[Fate]:
    return deque(fates)
