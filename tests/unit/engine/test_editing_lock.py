"""The editing lock around what a change does: who holds it, what is waited for, and that it is given back."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from builders import an_attempt
from fakes.actions import COMMIT, CREATE, DELETE, MODIFY, RUN_ACTIONS, US
from fakes.fates import LOST_AFTER, refused
from fakes.specs import spec_of
from fakes.world import World
from provisioner.core.address import TaskId
from provisioner.core.api.calls import RunTask
from provisioner.core.api.replies import Done, EditingLock, Refused, Unknown
from provisioner.core.jobs.job import RunSpec, RunState, Step
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.plan import Action
from provisioner.core.state.state import WriteKind
from provisioner.core.task_types import OFFLINE
from provisioner.engine.editing_lock import (
    Ask,
    EditingLocks,
    LockedAnswer,
    LockPolicy,
    held_by_others,
    locked,
)
from provisioner.engine.task_steps import Result, Send, Steps
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError, StateError

A, B = spec_of("a"), spec_of("b")
A_CHANGED, B_CHANGED = (spec_of(name, {"Config": {"parallelism": "2"}}) for name in "ab")
ANNA, BERT = "100028625403", "100099999999"
T1, T2 = TaskId("t-1"), TaskId("t-2")

NO = ApiRefusedError("The service refused a call.\n  Action: FailedOperation: no")
NO_ANSWER = ApiUnreachableError("The service did not answer.\n  no complete answer came in time")
NOBODY, OURS, HERS = (
    EditingLock(is_ours=False),
    EditingLock(is_ours=True, holder=US),
    EditingLock(is_ours=False, holder=ANNA),
)


def a_world(**holders: str) -> World:
    """Tasks a and b exist, held by whom it says; everybody else's task is open to nobody."""
    world = World()
    world.apply(A, B)
    world.events.clear()
    world.reporter.heard.clear()
    world.api.sent.clear()
    world.api.holders = {{"a": T1, "b": T2}[name]: holder for name, holder in holders.items()}
    return world


def change_a(world: World) -> "Refused | Unknown | Done":
    """Let a have another setting; what came of the write that decided."""
    (result,) = world.apply(A_CHANGED, B).results
    return result.reply


def locking(world: World) -> list[str]:
    """The calls about locks, and the sends between them."""
    verbs = ("whose", "lock", "take over", "release", "send")
    return [event for event in world.events if event.startswith(verbs)]


def seen(world: World, task_id: TaskId, *, is_locked: object, holder: object) -> None:
    """The task was read, and says this of its lock."""
    world.locks.note({task_id: {"Locked": is_locked, "Locker": holder}})  # type: ignore[dict-item]  # also rubbish


# ── nobody holds it, or we do ───────────────────────────────────────────────


def test_the_lock_is_taken_before_the_first_write_and_given_back_after_the_last_read() -> None:
    """What was written is read back while nobody else can edit it."""
    world = a_world()
    assert isinstance(change_a(world), Done)
    assert world.events == [
        *("whose t-1", "lock t-1", "intent update a", f"send {MODIFY} a", "finished a"),
        *("read t-1", "resolved a confirmed", "release t-1"),
    ]
    assert world.api.holders == {}


def test_a_lock_that_is_ours_already_is_used_and_left_as_it_was() -> None:
    """Our own session in the console, or the create, took it."""
    world = a_world(a=US)
    change_a(world)
    assert locking(world) == ["whose t-1", f"send {MODIFY} a"]
    assert world.api.holders == {T1: US}


def test_a_task_that_was_read_as_free_is_locked_without_a_look() -> None:
    """Two calls more for an update, and no third."""
    world = a_world()
    seen(world, T1, is_locked=False, holder="")
    change_a(world)
    assert locking(world) == ["lock t-1", f"send {MODIFY} a", "release t-1"]


def test_who_we_are_is_asked_once() -> None:
    """A task that was read as held by the same name needs no call of its own."""
    world = a_world(a=US, b=US)
    seen(world, T1, is_locked=True, holder=US)
    seen(world, T2, is_locked=True, holder=US)
    world.apply(A_CHANGED, B_CHANGED, parallelism=1)
    assert locking(world) == ["whose t-1", f"send {MODIFY} a", f"send {MODIFY} b"]


def test_what_was_read_counts_once() -> None:
    """By the second change of a run it is old."""
    world = a_world()
    seen(world, T1, is_locked=False, holder="")
    change_a(world)
    world.events.clear()
    world.apply(A, B)
    assert locking(world)[0] == "whose t-1"


@pytest.mark.parametrize(
    ("is_locked", "holder"), [(None, None), (True, ""), (True, None), (True, 7), ("false", ""), (0, "")]
)
def test_a_read_that_says_nothing_clear_is_no_reason_not_to_look(is_locked: object, holder: object) -> None:
    """Listings need not show everything, and a service may change what it shows."""
    world = a_world(a=ANNA)
    seen(world, T1, is_locked=is_locked, holder=holder)
    world.locks.note({T2: None})
    assert isinstance(change_a(world), Refused)
    assert locking(world) == ["whose t-1"]


def test_our_own_name_is_not_learned_from_an_answer_without_one() -> None:
    """Else everything that has no holder would be ours."""
    world = a_world(a=ANNA)
    world.locks.note_ours("")
    assert not world.locks.is_ours("")


def test_a_create_takes_no_lock() -> None:
    """There is no task that anybody could have open."""
    world = World()
    world.api.holders = {}
    world.apply(A)
    assert locking(world) == [f"send {CREATE} a"]


def test_what_is_written_after_a_create_is_locked() -> None:
    """What the create did not keep is sent to a task that exists by now."""
    world = World()
    world.api.holders = {}
    world.api.dropped[CREATE] = {"Config"}
    world.apply(A)
    assert locking(world) == [
        *(f"send {CREATE} a", "whose t-1", "lock t-1", f"send {MODIFY} a", "release t-1"),
    ]


def test_what_others_may_change_is_read_under_the_lock() -> None:
    """Nobody can save between the read and the write that carries what was read."""
    world = World()
    world.apply(replace(A, ignore_changes=("Config",)))
    world.events.clear()
    world.api.holders = {}
    world.apply(replace(spec_of("a", {"Description": "new"}), ignore_changes=("Config",)))
    assert world.events[:3] == ["whose t-1", "lock t-1", "read t-1"]
    assert world.events[-1] == "release t-1"


# ── deletes and replaces ────────────────────────────────────────────────────


def test_of_a_task_that_is_deleted_nothing_is_released() -> None:
    """The lock is gone with it."""
    world = a_world()
    world.apply(B)
    assert locking(world) == ["whose t-1", "lock t-1", f"send {DELETE} a"]


@pytest.mark.parametrize("fate", [refused("DeleteFlag 100"), LOST_AFTER], ids=["refused", "unknown"])
def test_of_a_task_that_may_be_there_still_the_lock_is_released(fate: object) -> None:
    """The release is harmless where the task is gone."""
    world = a_world()
    world.api.fates.append(fate)  # type: ignore[arg-type]  # a Fate
    world.apply(B)
    assert locking(world)[-1] == "release t-1"


def test_a_replace_locks_the_old_task_only() -> None:
    """Before it is deleted; the new one is made by a create."""
    world = a_world()
    world.apply(spec_of("a", {"TaskType": OFFLINE}), B)
    assert locking(world) == ["whose t-1", "lock t-1", f"send {DELETE} a", f"send {CREATE} a"]


def test_a_replace_locks_each_task_that_it_writes_to() -> None:
    """What the create did not keep of the new one is a write like any other."""
    world = a_world()
    world.api.dropped[CREATE] = {"Config"}
    world.apply(spec_of("a", {"TaskType": OFFLINE}), B)
    assert locking(world) == [
        *("whose t-1", "lock t-1", f"send {DELETE} a", f"send {CREATE} a"),
        *("whose t-3", "lock t-3", f"send {MODIFY} a", "release t-3"),
    ]


# ── jobs ────────────────────────────────────────────────────────────────────

RUNNING = RunSpec(state=RunState.RUNNING)
A_RUNNING = spec_of("a", run=RUNNING)


def a_world_with_a_job() -> World:
    """Task a exists and runs; nobody has it open."""
    world = World()
    world.apply(A_RUNNING)
    world.events.clear()
    world.api.holders = {}
    return world


def test_the_version_after_a_create_is_locked_and_the_start_is_not_waited_for_under_the_lock() -> None:
    """A commit is what the service is known to refuse to everybody but the holder."""
    world = World()
    world.api.holders = {}
    world.api.moving[TaskId("t-1")] = []
    world.apply(A_RUNNING)
    assert locking(world) == [f"send {CREATE} a", "whose t-1", "lock t-1", f"send {COMMIT} a", "release t-1"]
    assert world.events.index("release t-1") < world.events.index("ran a running")


def test_an_update_and_its_version_are_written_under_one_lock() -> None:
    """Nobody can edit the task between the two."""
    world = a_world_with_a_job()
    world.apply(spec_of("a", {"Config": {"parallelism": "2"}}, run=RUNNING))
    assert locking(world) == [
        *("whose t-1", "lock t-1", f"send {MODIFY} a", f"send {COMMIT} a", "release t-1"),
    ]


def test_a_second_version_asks_for_the_lock_again() -> None:
    """After the first one it was given back; by then it may be our own session's, and is left as it is."""
    change = a_world_with_a_job().plan(spec_of("a", {"Config": {"parallelism": "2"}})).changes[0]
    version = RunTask(project_id="p1", task_id=T1, task_type=201, step=Step.SUBMIT)
    done = Done(task_id=T1, request_id="r")

    def steps() -> Steps:
        yield Send(write=version, attempt=an_attempt(A))
        yield Send(write=version, attempt=an_attempt(A))
        return Result(change=change, reply=done, action="", kind=WriteKind.RUN)

    conversation = locked(change, steps(), EditingLocks(lambda: 0.0))
    asked: list[str] = []
    answers: tuple[LockedAnswer, ...] = (None, NOBODY, OURS, done, NOBODY, OURS)
    for answer in answers:
        request = conversation.send(answer)
        asked.append(request.call.verb if isinstance(request, Ask) else "send")
    with pytest.raises(StopIteration):
        conversation.send(done)
    assert asked == ["look", "lock", "send", "release", "look", "send"]


def test_a_job_is_stopped_whoever_edits_its_task() -> None:
    """What runs is no draft."""
    world = a_world_with_a_job()
    world.apply(spec_of("a", run=RunSpec(state=RunState.STOPPED)))
    assert locking(world) == [f"send {RUN_ACTIONS[Step.STOP]} a"]


def test_a_job_that_is_in_the_way_is_stopped_only_if_its_task_can_be_deleted() -> None:
    """From the stop to the delete the task is ours; else neither happens."""
    world = a_world_with_a_job()
    world.limits = replace(world.limits, stop_running=True)
    world.api.holders = {T1: ANNA}
    (failure,) = world.apply().failures
    assert isinstance(failure.reply, Refused)
    assert failure.reply.code == "BeingEdited"
    assert locking(world) == ["whose t-1"]
    world.api.holders = {}
    world.events.clear()
    world.apply()
    assert locking(world) == ["whose t-1", "lock t-1", f"send {RUN_ACTIONS[Step.STOP]} a", f"send {DELETE} a"]


# ── somebody else holds it ──────────────────────────────────────────────────


def test_a_task_that_somebody_edits_is_not_written_to_and_the_others_are() -> None:
    """Nothing is announced and nothing sent for it; who it is is said."""
    world = a_world(a=ANNA)
    applied = world.apply(A_CHANGED, B_CHANGED)
    (failure,) = applied.failures
    message = f"the task is being edited in WeData by {ANNA}"
    assert failure.reply == Refused(code="BeingEdited", message=message)
    assert [signed.action for signed in world.api.sent] == [MODIFY]
    assert world.backend.attempts() == ()
    assert world.api.holders == {T1: ANNA}


def test_a_delete_and_a_replace_of_what_somebody_edits_do_nothing() -> None:
    """Their work would be lost."""
    world = a_world(a=ANNA)
    for wanted in ([B], [spec_of("a", {"TaskType": OFFLINE}), B]):
        (failure,) = world.apply(*wanted).failures
        assert isinstance(failure.reply, Refused)
        assert failure.done == set()
    assert world.api.sent == []


def test_it_is_waited_for_them_to_close_it() -> None:
    """Looked at again after 1, 2, 4 … seconds; once it is closed, the change goes on. Said once."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(wait_seconds=300)
    world.api.lock_answers.extend([HERS, HERS, HERS, HERS, HERS, HERS, NOBODY])
    began = world.clock.seconds
    world.api.holders = {}
    assert isinstance(change_a(world), Done)
    assert world.clock.seconds - began == 1 + 2 + 4 + 8 + 15 + 15
    assert locking(world) == [*["whose t-1"] * 7, "lock t-1", f"send {MODIFY} a", "release t-1"]
    assert world.reporter.heard == [
        *("a: update", f"a: update waits for {ANNA}", "a: update done: t-1"),
    ]


def test_a_task_that_was_opened_too_soon_is_locked_once_it_is_closed() -> None:
    """Read as free, and somebody was faster; after them it is tried again."""
    world = a_world()
    seen(world, T1, is_locked=False, holder="")
    world.locks.policy = LockPolicy(wait_seconds=300)
    world.api.lock_answers.extend([NO, HERS])
    assert isinstance(change_a(world), Done)
    assert locking(world) == ["lock t-1", *["whose t-1"] * 2, "lock t-1", f"send {MODIFY} a", "release t-1"]


def test_another_holder_is_news() -> None:
    """Somebody closed it, and somebody else was faster than we."""
    world = a_world(a=BERT)
    world.locks.policy = LockPolicy(wait_seconds=300)
    world.api.lock_answers.extend([HERS, NOBODY])
    world.should_stop = lambda: len(world.reporter.heard) == 3
    world.apply(A_CHANGED, B)
    assert world.reporter.heard[1:] == [f"a: update waits for {ANNA}", f"a: update waits for {BERT}"]


def test_when_time_is_up_it_is_looked_at_once_more_and_given_up() -> None:
    """The last pause ends with the time that was given."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(wait_seconds=5)
    began = world.clock.seconds
    reply = change_a(world)
    assert isinstance(reply, Refused)
    assert reply.code == "BeingEdited"
    assert world.clock.seconds - began == 5
    assert locking(world) == ["whose t-1"] * 4


def test_the_time_is_waited_once_and_not_for_every_task() -> None:
    """Else a hundred open tasks would take a hundred times as long."""
    world = a_world(a=ANNA, b=BERT)
    world.locks.policy = LockPolicy(wait_seconds=5)
    world.apply(A_CHANGED, B_CHANGED, parallelism=1)
    began = world.clock.seconds
    world.apply(A_CHANGED, B_CHANGED, parallelism=1)
    assert (began, world.clock.seconds - began) == (5, 0)


def test_tasks_that_are_waited_for_keep_no_other_from_being_written() -> None:
    """One call at a time, and still the second task is done while the first is open."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(wait_seconds=5)
    world.apply(A_CHANGED, B_CHANGED, parallelism=1)
    done = world.reporter.heard.index("b: update done: t-2")
    assert done < next(
        i for i, heard in enumerate(world.reporter.heard) if heard.startswith("a: update fail")
    )


def test_many_tasks_that_are_waited_for_are_looked_at_less_often() -> None:
    """Ten looks a second are enough, however many people have something open."""
    world = a_world()
    world.locks.policy = LockPolicy(wait_seconds=1000)
    world.locks.waiting = 400
    assert world.locks.next_pause(0) == 40
    world.locks.waiting = 1
    assert world.locks.next_pause(0) == 1
    assert world.locks.next_pause(10_000) == 15


def test_a_lock_is_taken_over_only_on_demand_and_named() -> None:
    """The task is written, and open to everybody afterwards."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(takes_over=True)
    assert isinstance(change_a(world), Done)
    assert locking(world) == ["whose t-1", "take over t-1", f"send {MODIFY} a", "release t-1"]
    (taken,) = world.locks.taken_over
    assert (taken.address, taken.task_id, taken.holder) == ("a", T1, ANNA)
    assert world.api.holders == {}


def test_who_both_waits_and_takes_over_waits_first() -> None:
    """A person gets the time to close it."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(wait_seconds=3, takes_over=True)
    assert isinstance(change_a(world), Done)
    assert world.clock.seconds == 3
    assert locking(world)[2:4] == ["whose t-1", "take over t-1"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (HERS, "the service does not allow it"),
        (NO, "Action: FailedOperation: no"),
        (ApiError("odd"), "odd"),
        (NO_ANSWER, "no complete answer came in time"),
    ],
)
def test_a_lock_that_cannot_be_taken_over_keeps_the_change_from_being_written(
    answer: EditingLock | ApiError, why: str
) -> None:
    """It is said so, and why."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(takes_over=True)
    world.api.lock_answers.extend([HERS, answer])
    reply = change_a(world)
    assert isinstance(reply, Refused)
    assert reply.code == "NotTakenOver"
    assert reply.message.endswith(f"by {ANNA}, and the editing lock could not be taken over: {why}")
    assert world.api.sent == []
    assert world.locks.taken_over == []
    # Without an answer it may have been taken: then it is given back.
    assert ("release t-1" in world.events) is (answer is NO_ANSWER)


# ── a service that does not tell, or does not lock ──────────────────────────


def test_a_service_that_knows_no_locks_is_written_to_all_the_same() -> None:
    """Offline tasks may have none. Two calls that are refused, and the write."""
    world = a_world()
    world.api.lock_answers.extend([NO, NO])
    assert isinstance(change_a(world), Done)
    assert locking(world) == ["whose t-1", "lock t-1", f"send {MODIFY} a"]
    assert world.locks.not_released == []


def test_a_service_that_locks_but_does_not_tell_is_given_back_what_was_taken() -> None:
    """It was not held before, as far as anybody knows."""
    world = a_world()
    world.api.lock_answers.append(NO)
    change_a(world)
    assert locking(world) == ["whose t-1", "lock t-1", f"send {MODIFY} a", "release t-1"]


def test_a_lock_that_could_be_had_although_it_was_held_was_ours() -> None:
    """So it is left as it was."""
    world = a_world(a=US)
    seen(world, T1, is_locked=True, holder=US)
    world.api.lock_answers.append(NO)
    change_a(world)
    assert locking(world) == ["whose t-1", "lock t-1", f"send {MODIFY} a"]


@pytest.mark.parametrize("answer", [NO, EditingLock(is_ours=False)], ids=["refused", "not done"])
def test_a_task_that_nobody_holds_and_that_cannot_be_locked_is_written_to(
    answer: EditingLock | ApiError,
) -> None:
    """Only somebody else's lock forbids it. Three calls, and no more."""
    world = a_world()
    world.api.lock_answers.extend([NOBODY, answer, NOBODY])
    assert isinstance(change_a(world), Done)
    assert locking(world) == ["whose t-1", "lock t-1", "whose t-1", f"send {MODIFY} a"]


def test_a_task_that_was_read_as_free_and_cannot_be_locked_is_looked_at() -> None:
    """Somebody opened it in between; or there are no locks, then it is written."""
    world = a_world(a=ANNA)
    seen(world, T1, is_locked=False, holder="")
    assert isinstance(change_a(world), Refused)
    assert locking(world) == ["lock t-1", "whose t-1"]
    world = a_world()
    seen(world, T1, is_locked=False, holder="")
    world.api.lock_answers.extend([NO, NO])
    assert isinstance(change_a(world), Done)
    assert locking(world) == ["lock t-1", "whose t-1", f"send {MODIFY} a"]


def test_a_look_without_an_answer_keeps_the_change_from_being_written() -> None:
    """Nothing is sent yet, so the next run can do it as well."""
    world = a_world()
    world.api.lock_answers.append(NO_ANSWER)
    reply = change_a(world)
    assert reply == Refused(
        code="NotRead", message="it is not known who edits the task: no complete answer came in time"
    )
    assert locking(world) == ["whose t-1"]


def test_a_lock_without_an_answer_is_given_back() -> None:
    """It may have been taken."""
    world = a_world(a=US)
    seen(world, T1, is_locked=False, holder="")
    world.api.lock_answers.append(NO_ANSWER)
    assert isinstance(change_a(world), Done)
    assert locking(world) == ["lock t-1", "whose t-1", f"send {MODIFY} a", "release t-1"]


def test_a_lock_without_an_answer_that_somebody_else_got_is_left_to_them() -> None:
    """A release might take it away from them."""
    world = a_world(a=ANNA)
    seen(world, T1, is_locked=False, holder="")
    world.api.lock_answers.append(NO_ANSWER)
    assert isinstance(change_a(world), Refused)
    assert locking(world) == ["lock t-1", "whose t-1"]


# ── a write that is refused although ────────────────────────────────────────


def test_a_write_that_is_refused_because_of_somebody_says_who() -> None:
    """They opened it after it was read as ours. The refusal keeps its RequestId."""
    world = a_world(a=US)
    world.api.lock_answers.extend([OURS, HERS])
    world.api.fates.append(refused("UnsupportedOperation"))
    reply = change_a(world)
    assert isinstance(reply, Refused)
    assert (reply.code, reply.request_id) == ("BeingEdited", "r-no")
    assert locking(world) == ["whose t-1", f"send {MODIFY} a", "whose t-1"]
    assert world.backend.attempts() == ()


def test_a_lock_that_was_taken_away_from_us_is_not_released() -> None:
    """It is theirs now."""
    world = a_world()
    world.api.lock_answers.extend([NOBODY, OURS, HERS])
    world.api.fates.append(refused("UnsupportedOperation.X"))
    assert isinstance(change_a(world), Refused)
    assert locking(world) == ["whose t-1", "lock t-1", f"send {MODIFY} a", "whose t-1"]


def test_a_lock_that_expired_is_taken_again_and_the_write_is_a_new_attempt() -> None:
    """Once: signed and announced anew."""
    world = a_world()
    world.api.lock_answers.extend([NOBODY, OURS, NOBODY])
    world.api.fates.append(refused("OperationDenied"))
    assert isinstance(change_a(world), Done)
    assert locking(world) == [
        *("whose t-1", "lock t-1", f"send {MODIFY} a"),
        *("whose t-1", "lock t-1", f"send {MODIFY} a", "release t-1"),
    ]
    assert world.events.count("intent update a") == 2
    assert world.events.count("rejected a") == 1


def test_a_refusal_that_has_another_reason_stays_what_it_is() -> None:
    """It is asked once whose the lock is, and only where the code may mean that."""
    world = a_world(a=US)
    world.api.fates.append(refused("UnsupportedOperation"))
    assert change_a(world) == Refused(
        code="UnsupportedOperation", message="said UnsupportedOperation", request_id="r-no"
    )
    assert locking(world) == ["whose t-1", f"send {MODIFY} a", "whose t-1"]
    world.events.clear()
    world.api.fates.append(refused("InvalidParameter"))
    change_a(world)
    assert locking(world) == ["whose t-1", f"send {MODIFY} a"]


def test_a_write_that_is_refused_again_is_not_tried_for_ever() -> None:
    """The second refusal stands."""
    world = a_world()
    world.api.lock_answers.extend([NOBODY, OURS, NOBODY])
    world.api.fates.extend([refused("UnsupportedOperation")] * 2)
    assert isinstance(change_a(world), Refused)
    assert locking(world)[-2:] == [f"send {MODIFY} a", "release t-1"]


def test_a_refused_create_is_nobody_s_lock() -> None:
    """There is no task to ask about."""
    world = World()
    world.api.holders = {}
    world.api.fates.append(refused("UnsupportedOperation"))
    world.apply(A)
    assert locking(world) == [f"send {CREATE} a"]


# ── however it ends ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fate", [refused("InvalidParameter"), LOST_AFTER, refused("AuthFailure")], ids=["no", "?", "gave up"]
)
def test_the_lock_is_given_back_however_the_write_ends(fate: object) -> None:
    """Success is not needed for that."""
    world = a_world()
    world.api.fates.append(fate)  # type: ignore[arg-type]  # a Fate
    change_a(world)
    assert locking(world)[-1] == "release t-1"
    assert world.api.holders == {}


def test_a_run_that_is_stopped_gives_back_what_it_took_and_sends_nothing() -> None:
    """Ctrl-C between the lock and the write."""
    world = a_world()
    world.should_stop = lambda: "lock t-1" in world.events
    applied = world.apply(A_CHANGED, B)
    assert locking(world) == ["whose t-1", "lock t-1", "release t-1"]
    assert ([one.address for one in applied.not_attempted], applied.results) == (["a"], [])
    assert world.locks.not_released == []


def test_a_run_that_is_stopped_before_it_took_anything_takes_nothing() -> None:
    """Ctrl-C before the look is answered: no lock is taken any more."""
    world = a_world()
    world.should_stop = lambda: "whose t-1" in world.events
    applied = world.apply(A_CHANGED, B)
    assert locking(world) == ["whose t-1"]
    assert [one.address for one in applied.not_attempted] == ["a"]


def test_a_run_that_is_stopped_does_not_look_any_more() -> None:
    """A task that was read as free, and could not be locked, is left."""
    world = a_world(a=ANNA)
    seen(world, T1, is_locked=False, holder="")
    world.should_stop = lambda: "lock t-1" in world.events
    applied = world.apply(A_CHANGED, B)
    assert locking(world) == ["lock t-1"]
    assert [one.address for one in applied.not_attempted] == ["a"]


def test_a_run_that_is_stopped_takes_nothing_over() -> None:
    """Ctrl-C while it is asked who holds it."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(takes_over=True)
    world.should_stop = lambda: "whose t-1" in world.events
    applied = world.apply(A_CHANGED, B)
    assert locking(world) == ["whose t-1"]
    assert [one.address for one in applied.not_attempted] == ["a"]


def test_waiting_ends_with_the_wish_to_stop() -> None:
    """At once; nothing is asked and nothing is sent."""
    world = a_world(a=ANNA)
    world.locks.policy = LockPolicy(wait_seconds=300)
    world.should_stop = lambda: len(world.reporter.heard) == 2
    applied = world.apply(A_CHANGED, B)
    assert locking(world) == ["whose t-1"]
    assert [one.address for one in applied.not_attempted] == ["a"]
    assert world.locks.waiting == 0


def test_a_journal_that_fails_does_not_keep_the_lock() -> None:
    """Before the write: nothing is sent. After it: the outcome is unknown here, and the task is free."""
    for entries, sent in ((0, 0), (1, 1)):
        world = a_world()
        world.backend.fail_after = entries
        with pytest.raises(StateError):
            world.apply(A_CHANGED, B)
        assert len(world.api.sent) == sent
        assert locking(world)[-1] == "release t-1"


def test_a_replace_that_is_stopped_half_way_says_so() -> None:
    """The lock went with the old task."""
    world = a_world()
    world.should_stop = lambda: f"send {DELETE} a" in world.events
    applied = world.apply(spec_of("a", {"TaskType": OFFLINE}), B)
    assert [one.action for one in applied.not_attempted] == [Action.REPLACE]
    assert locking(world) == ["whose t-1", "lock t-1", f"send {DELETE} a"]
    assert "the old task is destroyed" in world.reporter.heard[-1]


@pytest.mark.parametrize("last", ["whose t-1", "lock t-1"])
def test_a_create_that_is_stopped_before_its_second_write_is_created(last: str) -> None:
    """As without locks: the task is made, and the next apply writes the rest."""
    world = World()
    world.api.holders = {}
    world.api.dropped[CREATE] = {"Config"}
    world.should_stop = lambda: last in world.events
    (result,) = world.apply(A).results
    assert (result.action, type(result.reply)) == (MODIFY, Done)
    assert "the next apply writes it" in result.unread
    assert world.api.holders == {}


# ── a lock that cannot be given back ────────────────────────────────────────


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((NO, OURS), "Action: FailedOperation: no"),
        ((NO, NO), "Action: FailedOperation: no"),
        ((OURS, OURS), "the service did not do it"),
        ((NO_ANSWER, NO_ANSWER), "no complete answer came in time"),
    ],
)
def test_a_lock_that_is_not_given_back_is_named_and_the_change_is_good(
    answers: tuple[EditingLock | ApiError, ...], why: str
) -> None:
    """Two calls, and then it is a person's turn."""
    world = a_world()
    world.api.lock_answers.extend([None, None, *answers])
    assert isinstance(change_a(world), Done)
    (kept,) = world.locks.not_released
    assert (kept.address, kept.task_id, kept.why) == ("a", T1, why)
    assert locking(world)[-2:] == ["release t-1", "whose t-1"]


@pytest.mark.parametrize("now", [NOBODY, HERS], ids=["nobody's", "somebody else's"])
def test_a_lock_that_is_not_ours_any_more_need_not_be_given_back(now: EditingLock) -> None:
    """It expired, a commit gave it back, or somebody took it over."""
    world = a_world()
    world.api.lock_answers.extend([None, None, NO, now])
    change_a(world)
    assert world.locks.not_released == []


# ── in a run ────────────────────────────────────────────────────────────────


def test_a_run_uses_what_it_read_and_tells_what_became_of_the_locks() -> None:
    """The read before the first write says that nobody has the task open."""
    world = a_world()
    stored = world.api.tasks[T1]
    stored.body = {**stored.body, "Locked": False, "Locker": ""}
    world.api.lock_answers.extend([None, NO, NO])
    run = world.run(A_CHANGED, B)
    outcome = run.carry_out(run.prepare())
    assert locking(world) == ["lock t-1", f"send {MODIFY} a", "release t-1", "whose t-1"]
    assert [one.address for one in outcome.not_released] == ["a"]


def test_a_run_does_as_it_is_told_about_what_others_hold() -> None:
    """The policy comes with the wish."""
    world = a_world(a=ANNA)
    run = world.run(A_CHANGED, B, lock_policy=LockPolicy(takes_over=True))
    outcome = run.carry_out(run.prepare())
    assert [one.holder for one in outcome.taken_over] == [ANNA]


def test_who_else_has_what_open_is_told_by_what_was_read_and_a_call_for_each_name() -> None:
    """Once a name is ours, the others are others'."""
    world = World()
    names = "abcdef"
    world.apply(*map(spec_of, names))
    world.events.clear()
    holders = dict(zip(world.api.tasks, (ANNA, ANNA, US, US, BERT, BERT), strict=True))
    world.api.holders = dict(holders)
    observed: Observed = {task_id: {"Locked": True, "Locker": holder} for task_id, holder in holders.items()}
    records = [world.state.tasks[spec_of(name).address] for name in names]
    others = held_by_others(records, observed, world.api)
    assert others == {task_id: holder for task_id, holder in holders.items() if holder != US}
    assert world.events == ["whose t-1", "whose t-3"]


def test_where_the_service_does_not_tell_whose_a_name_is_nothing_is_said() -> None:
    """It may be ours. Of what is free, gone or not read there is nothing to ask."""
    world = a_world(a=ANNA)
    record = world.state.tasks[A.address]
    world.api.lock_answers.append(NO)
    assert held_by_others([record], {T1: {"Locked": True, "Locker": ANNA}}, world.api) == {}
    world.events.clear()
    silent: tuple[Observed, ...] = ({T1: {"Locked": False, "Locker": ANNA}}, {T1: None}, {}, {T1: {}})
    for observed in silent:
        assert held_by_others([record], observed, world.api) == {}
    assert world.events == []


def test_nothing_about_locks_is_recorded() -> None:
    """They make nothing, and may be asked for again."""
    entries: list[list[object]] = []
    silent: Callable[[World], None] = lambda world: setattr(world.api, "holders", None)  # noqa: E731  # used once
    for arrange in (silent, lambda _: None):
        world = a_world()
        arrange(world)
        change_a(world)
        entries.append([type(entry) for entry in world.backend.memory.entries])
    assert entries[0] == entries[1]
