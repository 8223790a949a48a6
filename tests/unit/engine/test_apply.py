"""The order of effects when changes are carried out: one promise a test."""

from collections import deque
from dataclasses import replace

import pytest

from fakes.actions import CREATE, DELETE, DELETE_OFFLINE, MODIFY
from fakes.fates import LOST_AFTER, LOST_BEFORE, OK, Fate, late, refused
from fakes.specs import spec_of
from fakes.workers import SlowWorkers
from fakes.world import World
from provisioner.core.api.calls import CreateTask, ModifyTask
from provisioner.core.api.replies import Done, Refused, Unknown
from provisioner.core.json_types import JSONObject
from provisioner.core.marker import find_marker
from provisioner.core.plan.plan import Action, Reason
from provisioner.core.state.state import WriteKind
from provisioner.core.task_types import OFFLINE
from provisioner.engine.apply import _Active, _send
from provisioner.engine.editing_lock import locked
from provisioner.engine.task_steps import MAX_TRIES, steps_of
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError, CredentialsError, StateError

A, B, C, D = (spec_of(name) for name in "abcd")


A_CHANGED = spec_of("a", {"Config": {"parallelism": "2"}})


# ── one write ───────────────────────────────────────────────────────────────


def test_an_intent_is_durable_before_its_send_and_the_outcome_before_anything_else() -> None:
    """Intent, send, outcome; only then is the task read back, and what was read recorded."""
    world = World()
    world.apply(A)
    assert world.events == [
        *("intent create a", f"send {CREATE} a", "finished a", "read t-1", "resolved a confirmed"),
    ]


def test_every_intent_precedes_its_send_whatever_order_the_answers_come_in() -> None:
    """Also with several calls in flight, answered last first."""
    world = World(choose=lambda count: count - 1)
    world.apply(A, B, C)
    for name in "abc":
        assert world.events.index(f"intent create {name}") < world.events.index(f"send {CREATE} {name}")
        assert world.events.index(f"send {CREATE} {name}") < world.events.index(f"finished {name}")


def test_the_intent_carries_what_was_signed() -> None:
    """Time and digest of the very bytes that are sent, so that the window can be worked out later."""
    world = World()
    world.api.fates.append(LOST_BEFORE)
    world.clock.seconds = 77
    world.apply(A)
    (attempt,) = world.backend.attempts()
    (signed,) = world.api.sent
    assert (attempt.timestamp, attempt.payload_digest) == (signed.timestamp, signed.digest)


def test_a_created_task_is_recorded_as_it_was_asked_for() -> None:
    """TaskId, body, digest and the attempt that is in its marker."""
    world = World()
    applied = world.apply(A)
    record = world.state.tasks[A.address]
    assert (record.task_id, record.spec, record.digest) == ("t-1", A.body, A.digest)
    marker = find_marker(str(world.api.tasks[record.task_id].body["Description"]))
    assert marker is not None
    assert marker.attempt == record.attempt
    assert applied.failures == []
    assert world.reporter.heard == ["a: create", "a: create done: t-1"]
    assert world.plan(A).is_empty


def test_without_markers_the_description_is_sent_as_written() -> None:
    """``marker: none`` leaves no trace in the task."""
    world = World(use_marker=False)
    world.apply(A)
    assert world.api.named("a")[0].body["Description"] == "about a"


@pytest.mark.parametrize(
    ("fate", "exists"),
    [
        pytest.param(LOST_BEFORE, False, id="request lost"),
        pytest.param(LOST_AFTER, True, id="answer lost"),
        pytest.param(late(60), False, id="done later"),
    ],
)
def test_a_create_without_an_answer_is_not_sent_again_and_stays_open(fate: Fate, exists: bool) -> None:
    """Unknown is neither done nor failed: the attempt waits to be settled."""
    world = World()
    world.api.fates.append(fate)
    applied = world.apply(A)
    assert len(world.api.sent) == 1
    assert [attempt.address for attempt in world.backend.attempts()] == ["a"]
    assert world.state.tasks == {}
    assert bool(world.api.named("a")) is exists
    assert [type(result.reply) for result in applied.failures] == [Unknown]
    assert "outcome unknown" in world.reporter.heard[-1]


def test_a_refusal_that_may_repeat_becomes_a_new_attempt_with_a_new_id_signed_anew() -> None:
    """The first attempt is closed; the second has an id, a time and bytes of its own."""
    world = World()
    world.api.fates.append(refused("RequestLimitExceeded", may_repeat=True))
    world.apply(A)
    first, second = world.api.sent
    assert first.payload != second.payload
    assert first.timestamp <= second.timestamp
    assert world.events[:6] == [
        *("intent create a", f"send {CREATE} a", "rejected a"),
        *("intent create a", f"send {CREATE} a", "finished a"),
    ]
    assert len(world.api.named("a")) == 1


def test_a_refusal_that_may_repeat_is_waited_after_ever_longer() -> None:
    """Half a second, one, two, four, then eight; and at last it is given up."""
    world = World()
    world.api.fates.extend([refused("RequestLimitExceeded", may_repeat=True)] * MAX_TRIES)
    applied = world.apply(A)
    assert world.clock.seconds == 0.5 + 1 + 2 + 4 + 8 + 8 + 8
    assert len(world.api.sent) == MAX_TRIES
    assert [result.reply.code for result in applied.failures if isinstance(result.reply, Refused)] == [
        "RequestLimitExceeded"
    ]
    assert applied.gave_up == ""


def test_a_refusal_for_good_is_not_repeated_and_closes_the_attempt() -> None:
    """The address may be planned anew; the report has code and reason."""
    world = World()
    world.api.fates.append(refused("InvalidParameter"))
    applied = world.apply(A)
    assert len(world.api.sent) == 1
    assert world.backend.attempts() == ()
    assert len(applied.failures) == 1
    assert world.reporter.heard[-1] == "a: create failed: InvalidParameter: said InvalidParameter"


def test_what_cannot_be_signed_is_not_announced_and_not_sent() -> None:
    """No intent without bytes; the change fails and the others go on."""
    world = World()
    world.api.sign_errors.append(CredentialsError("no key"))
    applied = world.apply(A, B)
    assert [signed.write for signed in world.api.sent if isinstance(signed.write, CreateTask)]
    assert "intent create a" not in world.events
    assert [result.change.address for result in applied.failures] == ["a"]
    assert list(world.state.tasks) == ["b"]


# ── many changes ────────────────────────────────────────────────────────────


def test_the_run_keeps_going_when_one_change_fails() -> None:
    """One refusal concerns one task."""
    world = World()
    world.api.fates_of["b"] = _fates(refused("InvalidParameter"))
    applied = world.apply(A, B, C)
    assert sorted(world.state.tasks) == ["a", "c"]
    assert [result.change.address for result in applied.failures] == ["b"]
    assert applied.not_attempted == []


def test_deletes_come_last() -> None:
    """Nothing is taken away before what takes its place is there."""
    world = World()
    world.apply(A)
    world.events.clear()
    world.apply(B, C)
    assert world.events.index(f"send {DELETE} a") > world.events.index("finished c")
    assert sorted(world.state.tasks) == ["b", "c"]


@pytest.mark.parametrize(
    "fate", [pytest.param(refused("InvalidParameter"), id="refused"), pytest.param(LOST_AFTER, id="unknown")]
)
def test_deletes_wait_until_everything_before_them_has_succeeded(fate: Fate) -> None:
    """One failure, and nothing is deleted; the report says which deletes were not begun, and why."""
    world = World()
    world.apply(A)
    world.api.fates_of["b"] = _fates(fate)
    applied = world.apply(B, C)
    assert [change.address for change in applied.not_attempted] == ["a"]
    assert applied.gave_up == "deletes wait until everything else has succeeded"
    assert sorted(world.state.tasks) == ["a", "c"]


def test_a_failure_without_deletes_behind_it_gives_no_other_reason() -> None:
    """There is nothing that waits."""
    world = World()
    world.api.fates.append(refused("InvalidParameter"))
    assert world.apply(A).gave_up == ""


def test_an_offline_task_is_deleted_by_its_own_action() -> None:
    """The record tells the family."""
    world = World()
    world.apply(spec_of("a", {"TaskType": OFFLINE}))
    world.apply()
    assert [signed.action for signed in world.api.sent] == [CREATE, DELETE_OFFLINE]
    assert world.state.tasks == {}


def test_no_more_changes_are_begun_at_once_than_allowed() -> None:
    """Parallelism is a limit, and it is used."""
    world = World()
    world.apply(*(spec_of(f"task-{number}") for number in range(20)), parallelism=3)
    assert world.workers.most_under_way == 3
    assert len(world.state.tasks) == 20


def test_the_pace_of_an_action_is_waited_for() -> None:
    """Five creates, one every two seconds."""
    world = World()
    world.api.pace_seconds[CREATE] = 2
    world.apply(*(spec_of(f"task-{number}") for number in range(5)))
    assert world.clock.seconds == 8
    assert len(world.state.tasks) == 5


@pytest.mark.parametrize(("latency", "parallelism", "at_once"), [(0.1, 64, 10), (0.4, 64, 18), (0.4, 10, 10)])
def test_slow_calls_use_the_pace_all_the_same(latency: float, parallelism: int, at_once: int) -> None:
    """20 a second: as many changes are under way as that takes, unless fewer are allowed."""
    world = World()
    world.api.pace_seconds[CREATE] = 0.05
    world.workers = slow = SlowWorkers(world.clock, latency)
    world.apply(*(spec_of(f"task-{number}") for number in range(400)), parallelism=parallelism)
    assert len(world.state.tasks) == 400
    assert slow.most_under_way <= at_once
    # A create and its read, each as long as a call takes.
    fastest = max(0.05, 2 * latency / parallelism)
    assert world.clock.seconds == pytest.approx(400 * fastest + 2 * latency, rel=0.02)


def test_a_pause_does_not_hold_up_other_changes() -> None:
    """While one waits for its next try, another is sent; then the nearer of the two waits counts."""
    world = World()
    world.api.fates_of["a"] = _fates(refused("RequestLimitExceeded", may_repeat=True))
    world.api.pace_seconds[CREATE] = 0.25
    world.apply(A, B, C)
    sends = [event for event in world.events if event.startswith("send")]
    assert sends == [f"send {CREATE} {name}" for name in "abca"]


# ── stopping ────────────────────────────────────────────────────────────────


def test_a_wish_to_stop_begins_nothing_new_but_finishes_what_is_in_flight() -> None:
    """Two calls are out when the person asks: both are recorded and read back; the third is never begun."""
    world = World()
    world.should_stop = lambda: len(world.api.sent) >= 1
    applied = world.apply(A, B, C, parallelism=2)
    assert sorted(world.state.tasks) == ["a", "b"]
    assert world.backend.attempts() == ()
    assert [change.address for change in applied.not_attempted] == ["c"]
    assert world.plan(A, B).is_empty


def test_a_change_that_waits_for_its_pace_is_not_sent_once_stopped() -> None:
    """It was begun but not announced: for it, nothing happened."""
    world = World()
    world.api.pace_seconds[CREATE] = 5
    world.should_stop = lambda: len(world.api.sent) >= 1
    applied = world.apply(A, B, parallelism=2)
    assert list(world.state.tasks) == ["a"]
    assert [change.address for change in applied.not_attempted] == ["b"]


def test_a_change_that_pauses_before_its_next_try_is_not_tried_again_once_stopped() -> None:
    """The pause is cut short and the attempt that was refused is closed."""
    world = World()
    world.api.fates.append(refused("RequestLimitExceeded", may_repeat=True))
    world.should_stop = lambda: len(world.api.sent) >= 1
    applied = world.apply(A)
    assert len(world.api.sent) == 1
    assert [change.address for change in applied.not_attempted] == ["a"]
    assert world.backend.attempts() == ()
    assert world.clock.seconds == 0


def test_a_wish_to_stop_before_the_first_change_leaves_all_of_them() -> None:
    """Deletes too."""
    world = World()
    world.apply(A)
    world.should_stop = lambda: True
    applied = world.apply(B)
    assert [change.address for change in applied.not_attempted] == ["b", "a"]
    assert len(world.api.sent) == 1


@pytest.mark.parametrize("code", ["AuthFailure", "AuthFailure.SecretIdNotFound"])
def test_refused_credentials_end_the_run(code: str) -> None:
    """Every other call would be refused too."""
    world = World()
    world.apply(A)
    world.api.fates.append(refused(code))
    applied = world.apply(B, C, D, parallelism=1)
    assert applied.gave_up == f"the service refuses the credentials ({code})"
    assert [change.address for change in applied.not_attempted] == ["c", "d", "a"]


def test_an_unreachable_service_ends_the_run_after_all_tries() -> None:
    """What could not be sent for one task cannot be sent for the others."""
    world = World()
    world.api.fates.extend([refused("NotSent", may_repeat=True)] * MAX_TRIES)
    applied = world.apply(A, B, parallelism=1)
    assert applied.gave_up == "the service cannot be reached"
    assert [change.address for change in applied.not_attempted] == ["b"]
    assert len(world.api.sent) == MAX_TRIES


# ── the state cannot be kept ────────────────────────────────────────────────


def test_an_intent_that_cannot_be_recorded_is_not_sent() -> None:
    """And nothing after it is."""
    world = World()
    world.backend.fail_after = 0
    with pytest.raises(StateError, match="Nothing more was sent"):
        world.apply(A, B)
    assert world.api.sent == []


def test_a_lost_outcome_ends_the_run_and_names_every_task_id_that_is_not_recorded() -> None:
    """Two creates are in flight when the disk breaks: both ids are in the error, nothing more is sent."""
    world = World()
    world.backend.fail_after = 2
    with pytest.raises(StateError) as caught:
        world.apply(A, B, C, parallelism=2)
    text = str(caught.value)
    assert "the disk is broken" in text
    assert "These tasks were created and could not be recorded:\n  a = t-1\n  b = t-2\n" in text
    assert len(world.api.sent) == 2


def test_a_lost_outcome_is_not_reported_as_a_success() -> None:
    """``finished`` means recorded."""
    world = World()
    world.backend.fail_after = 1
    with pytest.raises(StateError):
        world.apply(A)
    assert world.reporter.heard == ["a: create", "a: create failed: done, but it could not be recorded"]


@pytest.mark.parametrize(
    "fate", [pytest.param(OK, id="done"), pytest.param(refused("InvalidParameter"), id="refused")]
)
def test_a_lost_outcome_of_a_write_that_names_its_task_is_only_an_error(fate: Fate) -> None:
    """Its TaskId is in the state already; the next run looks at the task."""
    world = World()
    world.apply(A)
    world.backend.fail_after = 1
    world.api.fates.append(fate)
    with pytest.raises(StateError) as caught:
        world.apply(A_CHANGED)
    assert "could not be recorded" not in str(caught.value)
    assert [attempt.kind for attempt in world.backend.attempts()] == [WriteKind.UPDATE]


def test_a_journal_that_fails_between_two_writes_of_a_change_stops_it_there() -> None:
    """A replace whose delete is recorded and whose create is not announced."""
    world = World()
    world.apply(A)
    world.backend.fail_after = 2
    with pytest.raises(StateError):
        world.apply(spec_of("a", {"TaskType": OFFLINE}))
    assert world.state.tasks == {}
    assert [signed.action for signed in world.api.sent] == [CREATE, DELETE]


# ── reading back ────────────────────────────────────────────────────────────


def test_what_a_create_did_not_keep_is_sent_once_more_by_modify() -> None:
    """The whole body, under the marker of the create."""
    world = World()
    world.api.dropped[CREATE] = {"Config"}
    applied = world.apply(A)
    assert [signed.action for signed in world.api.sent] == [CREATE, MODIFY]
    stored = world.api.named("a")[0]
    assert stored.body["Config"] == {"parallelism": "1"}
    marker = find_marker(str(stored.body["Description"]))
    assert marker is not None
    assert marker.attempt == world.state.tasks[A.address].attempt
    assert applied.failures == []
    assert world.plan(A).is_empty


def test_what_still_differs_after_that_is_a_failure_and_stays_in_the_plan() -> None:
    """Once more, and not for ever; the state says what the service holds, so the next plan shows the rest."""
    world = World()
    world.api.dropped = {CREATE: {"Config"}, MODIFY: {"Config"}}
    (result,) = world.apply(A).failures
    assert len(world.api.sent) == 2
    (field,) = result.lost
    assert (field.path, field.before, field.after) == (("Config", "parallelism"), None, "1")
    assert result.done == {WriteKind.CREATE, WriteKind.UPDATE}
    (change,) = world.plan(A).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.CHANGED)
    assert [(field.path, field.before, field.after) for field in change.fields] == [
        (("Config", "parallelism"), None, "1")
    ]


def test_a_service_that_does_not_keep_the_marker_ends_the_beginning_of_new_creates() -> None:
    """A task whose answer is lost could not be found again."""
    world = World()
    world.api.dropped = {CREATE: {"Description"}, MODIFY: {"Description"}}
    applied = world.apply(A, B, spec_of("c"), parallelism=1)
    assert len(world.api.tasks) == 1
    assert "marker" in applied.gave_up
    assert [change.address for change in applied.not_attempted] == ["b", "c"]


def test_a_modify_that_is_refused_after_a_create_fails_the_change() -> None:
    """The TaskId is recorded all the same."""
    world = World()
    world.api.dropped[CREATE] = {"Config"}
    world.api.fates.extend([OK, refused("InvalidParameter")])
    applied = world.apply(A)
    assert [result.kind for result in applied.failures] == [WriteKind.UPDATE]
    assert world.state.tasks[A.address].task_id == "t-1"
    _assert_is_finished_later(world)


def _assert_is_finished_later(world: World) -> None:
    """The next plan knows that the content is not there, and its apply brings it; then all is well."""
    world.should_stop = lambda: False
    (change,) = world.plan(A).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.UNSEEN)
    world.apply(A)
    (stored,) = world.api.named("a")
    assert stored.body["Config"] == {"parallelism": "1"}
    assert world.plan(A).is_empty


@pytest.mark.parametrize("after", ["send", "read"])
def test_a_create_that_was_stopped_before_its_content_was_kept_is_finished_later(after: str) -> None:
    """Stopped before the read-back or before what it showed was mended: the task counts as made."""
    world = World()
    world.api.dropped[CREATE] = {"Config"}
    last = {"send": f"send {CREATE} a", "read": "read t-1"}[after]
    world.should_stop = lambda: last in world.events
    applied = world.apply(A)
    assert applied.not_attempted == []
    assert [type(result.reply) for result in applied.results] == [Done]
    assert applied.results[0].unread
    assert applied.results[0].done == {WriteKind.CREATE}
    assert [signed.action for signed in world.api.sent] == [CREATE]
    _assert_is_finished_later(world)


def test_a_task_that_is_not_shown_at_once_is_looked_at_again() -> None:
    """After a moment; if it is still not shown, its content counts as not known."""
    world = World()
    hidden = [True]
    read = world.api.read
    world.api.read = lambda *names: None if hidden and hidden.pop() else read(*names)  # type: ignore[method-assign]  # one read that shows nothing
    applied = world.apply(A)
    assert applied.failures == []
    assert world.plan(A).is_empty
    world.api.read = lambda *_: None  # type: ignore[method-assign]  # no read shows anything
    applied = world.apply(A, B)
    assert "does not show it yet" in applied.failures[0].unread
    (change,) = world.plan(A, B).changes
    assert change.reason is Reason.UNSEEN


def test_a_replace_that_was_stopped_in_between_says_so() -> None:
    """The old task is gone; the next plan creates the new one."""
    world = World()
    world.apply(A)
    world.should_stop = lambda: f"send {DELETE} a" in world.events
    applied = world.apply(spec_of("a", {"TaskType": OFFLINE}))
    assert [change.address for change in applied.not_attempted] == ["a"]
    assert "the old task is destroyed" in world.reporter.heard[-1]


def test_a_content_that_cannot_be_confirmed_on_disk_is_fatal() -> None:
    """The journal fails at the very last entry."""
    world = World()
    world.backend.fail_after = 2
    with pytest.raises(StateError):
        world.apply(A)
    assert world.api.named("a")


def test_what_an_update_did_not_keep_is_a_failure_at_once() -> None:
    """The whole body has just been sent: sending it again would change nothing."""
    world = World()
    world.apply(A)
    world.api.dropped[MODIFY] = {"Config"}
    applied = world.apply(A_CHANGED)
    assert [signed.action for signed in world.api.sent] == [CREATE, MODIFY]
    (field,) = applied.failures[0].lost
    assert (field.before, field.after) == ("1", "2")
    assert world.state.tasks[A.address].spec == A.body
    (change,) = world.plan(A_CHANGED).changes
    assert (change.action, change.fields) == (Action.UPDATE, (field,))


def test_what_an_update_did_not_clear_is_a_failure_and_stays_in_the_plan() -> None:
    """A service that merges leaves what the manifest no longer has: the state says so."""
    world = World()
    extended = spec_of("a", {"SyncType": 1, "Config": {"parallelism": "1", "extra": "x"}})
    world.apply(extended)
    world.api.merges_settings = True
    (result,) = world.apply(A).failures
    assert sorted(field.path for field in result.lost) == [("Config", "extra"), ("SyncType",)]
    (change,) = world.plan(A).changes
    assert [field.path for field in change.fields] == [("Config", "extra"), ("SyncType",)]


def test_what_others_may_change_is_sent_as_they_have_it() -> None:
    """A modify carries the whole body: a field that is ignored must not go back to what it was."""
    world = World()
    ignoring = replace(A, ignore_changes=("Config",))
    world.apply(ignoring)
    stored = world.api.named("a")[0]
    stored.body = {**stored.body, "Config": {"parallelism": "99"}}
    changed = replace(spec_of("a", {"Description": "new"}), ignore_changes=("Config",))
    assert world.apply(changed).failures == []
    assert world.api.named("a")[0].body["Config"] == {"parallelism": "99"}
    assert world.plan(changed).is_empty


def test_a_mapping_to_nodes_that_are_left_to_others_is_kept() -> None:
    """Also where the service has given nodes and mappings its own numbers."""
    nodes = [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}]
    first = spec_of("a", {"Nodes": nodes, "Mappings": [{"SourceId": "1", "SinkId": "2"}]})
    world = World()
    world.apply(replace(first, ignore_changes=("Nodes",)))
    world.api.numbers = {"1": "91", "2": "92"}
    changed = spec_of("a", {**first.body, "Description": "new"})
    assert world.apply(replace(changed, ignore_changes=("Nodes",))).failures == []
    assert world.api.named("a")[0].body["Mappings"] == [{"SourceId": "91", "SinkId": "92"}]
    assert world.plan(replace(changed, ignore_changes=("Nodes",))).is_empty


def test_what_is_not_left_to_others_any_more_shows() -> None:
    """The state says what was applied last, and that is not what the manifest has now."""
    world = World()
    world.apply(replace(A, ignore_changes=("Config",)))
    changed = spec_of("a", {"Description": "new", "Config": {"parallelism": "7"}})
    assert world.apply(replace(changed, ignore_changes=("Config",))).failures == []
    assert world.plan(replace(changed, ignore_changes=("Config",))).is_empty
    (change,) = world.plan(changed).changes
    assert [field.path for field in change.fields] == [("Config", "parallelism")]


def test_what_the_service_adds_is_not_sent_back_to_it() -> None:
    """Not its own fields, and no null; and its numbers of nodes only as the author's."""
    nodes = [{"Name": "in", "Id": "1"}, {"Name": "out", "Id": "2"}]
    mapping = {"SourceId": "1", "SinkId": "2"}
    first = spec_of("a", {"Nodes": nodes, "Mappings": [mapping]})
    world = World()
    world.apply(replace(first, ignore_changes=("Mappings", "ExtConfig")))
    stored = world.api.named("a")[0]
    numbered = [{**node, "Id": f"9{node['Id']}"} for node in nodes]
    theirs = {"SourceId": "91", "SinkId": "92", "ExtConfig": None, "SchemaMappings": None}
    stored.body = {**stored.body, "Nodes": numbered, "Mappings": [theirs], "ExtConfig": None}
    changed = spec_of("a", {"Nodes": nodes, "Mappings": [mapping], "Description": "new"})
    assert world.apply(replace(changed, ignore_changes=("Mappings", "ExtConfig"))).failures == []
    write = world.api.sent[-1].write
    assert isinstance(write, ModifyTask)
    sent = write.body
    assert sent["Mappings"] == [mapping]
    assert sent.get("ExtConfig") is None


@pytest.mark.parametrize("error", [None, ApiUnreachableError("no route")], ids=["gone", "unreachable"])
def test_without_knowing_what_others_wrote_nothing_is_sent(error: ApiError | None) -> None:
    """It would be written over."""
    world = World()
    ignoring = replace(A, ignore_changes=("Config",))
    world.apply(ignoring)
    if error is None:
        world.api.tasks.clear()
    else:
        world.api.read_errors.append(error)
    sent = len(world.api.sent)
    (result,) = world.apply(replace(A_CHANGED, ignore_changes=("Description",))).failures
    assert isinstance(result.reply, Refused)
    assert len(world.api.sent) == sent


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(ApiUnreachableError("no route\nmore"), "no route", id="unreachable"),
        pytest.param(ApiRefusedError("not allowed"), "not allowed", id="refused"),
    ],
)
def test_a_task_that_cannot_be_read_back_is_made_and_not_confirmed(error: ApiError, said: str) -> None:
    """It was created and recorded; that it is as written is not known, and the next plan says so."""
    world = World()
    world.api.read_errors.append(error)
    applied = world.apply(A)
    assert applied.failures[0].unread == f"it could not be read back: {said}"
    assert applied.failures[0].done == {WriteKind.CREATE}
    assert not applied.is_short
    assert [change.reason for change in world.plan(A).changes] == [Reason.UNSEEN]


def test_a_task_that_is_not_shown_yet_is_written_and_not_confirmed() -> None:
    """The answer said that it was done."""
    world = World()
    world.apply(A)
    world.api.tasks.clear()
    world.api.fates.append(
        replace(OK, reply=Done(task_id=world.state.tasks[A.address].task_id, request_id=""))
    )
    applied = world.apply(A_CHANGED)
    assert applied.failures[0].unread == "it could not be read back: the service does not show it yet"


# ── updates and replaces ────────────────────────────────────────────────────


def test_an_update_sends_the_whole_body_and_clears_what_is_no_longer_asked_for() -> None:
    """Texts and lists have an empty value; a number has none and is left out."""
    world = World()
    schedule: JSONObject = {"CycleStep": 1}
    offline: JSONObject = {
        "ExecutorId": "7",
        "Nodes": [{"Name": "in"}],
        "SyncType": 1,
        "OfflineTaskAddEntity": schedule,
    }
    world.apply(spec_of("a", offline))
    world.api.replaces = True
    world.apply(A)
    write = world.api.sent[-1].write
    assert isinstance(write, ModifyTask)
    assert (write.task_id, write.body["ExecutorId"], write.body["Nodes"]) == ("t-1", "", [])
    assert write.body["OfflineTaskAddEntity"] == {}
    assert "SyncType" not in write.body
    assert world.state.tasks[A.address].spec == A.body


def test_an_update_keeps_the_marker_of_the_attempt_that_made_the_task() -> None:
    """One task, one marker, for life."""
    world = World()
    world.apply(A)
    before = find_marker(str(world.api.named("a")[0].body["Description"]))
    world.apply(spec_of("a", {"Description": "new words"}))
    description = str(world.api.named("a")[0].body["Description"])
    assert find_marker(description) == before
    assert description.startswith("new words [")


def test_an_update_of_a_task_without_a_known_attempt_puts_its_own_in_the_marker() -> None:
    """An old record that does not tell which attempt made the task."""
    world = World()
    world.apply(A)
    change = world.plan(spec_of("a", {"Description": "new"})).changes[0]
    world.backend._ledger.tasks[A.address] = replace(world.state.tasks[A.address], attempt="")
    world.carry_out([change])
    marker = find_marker(str(world.api.named("a")[0].body["Description"]))
    assert marker is not None
    assert marker.attempt == f"{2:016x}"


def test_a_plan_about_a_task_that_is_no_longer_recorded_still_names_it() -> None:
    """The change has the TaskId, project and type that it was planned with."""
    world = World()
    world.apply(A)
    update = world.plan(A_CHANGED).changes[0]
    delete = world.plan().changes[0]
    world.forget_everything()
    world.ready()
    world.carry_out([update])
    assert world.api.named("a")[0].body["Config"] == {"parallelism": "2"}
    world.forget_everything()
    world.ready()
    world.carry_out([delete])
    assert world.api.tasks == {}


def test_a_replace_deletes_and_then_creates() -> None:
    """The two cannot exist side by side under one name."""
    world = World()
    world.apply(A)
    world.events.clear()
    applied = world.apply(spec_of("a", {"TaskType": OFFLINE}))
    assert [event for event in world.events if not event.startswith("read")] == [
        *("intent delete a", f"send {DELETE} a", "finished a"),
        *("intent create a", f"send {CREATE} a", "finished a", "resolved a confirmed"),
    ]
    assert world.state.tasks[A.address].task_id == "t-2"
    assert [result.change.action for result in applied.results] == [Action.REPLACE]


def test_a_replace_whose_delete_fails_creates_nothing() -> None:
    """Else there would be two."""
    world = World()
    world.apply(A)
    world.api.fates.append(refused("OperationDenied"))
    applied = world.apply(spec_of("a", {"TaskType": OFFLINE}))
    assert [result.kind for result in applied.failures] == [WriteKind.DELETE]
    assert len(world.api.named("a")) == 1


# ── what cannot be carried out ──────────────────────────────────────────────


def test_a_change_without_its_spec_or_task_id_is_a_mistake_of_the_caller() -> None:
    """A plan read from a file has no specs: it must be made again before it is carried out."""
    world = World()
    world.apply(A)
    create, update = world.plan(B).changes[1], world.plan(spec_of("a", {"Description": "new"})).changes[0]
    with pytest.raises(ValueError, match="b: this change has no spec"):
        world.carry_out([replace(create, spec=None)])
    with pytest.raises(ValueError, match="a: this change has no TaskId"):
        world.carry_out([replace(update, task_id=None)])


def test_only_a_change_that_wants_to_send_is_sent() -> None:
    """Guard against a mistake of the loop itself."""
    world = World()
    change = world.plan(A).changes[0]
    with pytest.raises(TypeError, match="a does not wait to send"):
        _send(_Active(change, locked(change, steps_of(change, world.context()), world.locks)))


def _fates(*fates: Fate) -> deque[Fate]:
    return deque(fates)
