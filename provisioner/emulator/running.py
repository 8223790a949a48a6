"""Publishing a task and running its job: commit, approval, start, stop, suspend, resume.

Rule: a commit publishes what the development state is at that moment, and the run actions work on what
was published. What becomes of the job's state is counted, because no reply tells: a client that loses
it by mistake has to fail a test. Which statuses allow what is undocumented; ``run_preconditions`` plays
the reading in which every action needs a job that it makes sense for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.emulator.locks import ensure_lock
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.task import (
    APPROVAL,
    APPROVAL_BODY,
    APPROVAL_TYPE,
    COMMITTED,
    FAILED,
    HAS_STATE,
    IN_OPERATION,
    IN_TRANSITION,
    JOB_VERSION,
    OFFLINE,
    READS_LEFT,
    RUNNING,
    SETTLES_AT,
    STARTED_FROM,
    STATE_DROPPED,
    STATE_KEPT,
    STATUS_AFTER,
    STOPPED,
    STOPPING,
    SUSPENDED,
    Task,
    body,
    is_offline,
    settled,
)
from provisioner.emulator.tasks import Action, Fields, Tasks
from provisioner.errors import UsageError

SUBMIT, START, RESTART, PAUSE_AND_GO_ON, GO_ON = range(5)
"""Values of CommitType."""

_ALIVE = (RUNNING, SUSPENDED)
_SUBMITTED_OFFLINE = 2
_TIMESTAMP = "timestamp"


class Running:
    """The actions on production state, and its job."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._switches = tasks.switches

    def actions(self) -> Mapping[str, Action]:
        """What is played here."""
        return {
            "CommitIntegrationTask": self._commit,
            "StartIntegrationTask": self._start,
            "StopIntegrationTask": self._stop,
            "SuspendIntegrationTask": self._suspend,
            "ResumeIntegrationTask": self._resume,
        }

    def approve(self, task_id: str) -> None:
        """Let the commit that waits for it have its effect.

        Raises:
            UsageError: none waits.
            RefusedError: the task is in a status by now that forbids it.
        """
        task = self._tasks.get(task_id)
        if task is None or task[APPROVAL] is None:
            raise UsageError(f"No commit of a task {task_id!r:.80} waits for approval.")
        self._ensure_may_commit(task, task[APPROVAL_TYPE])
        self._publish({**task, APPROVAL: None, APPROVAL_BODY: None}, task[APPROVAL_BODY], task[APPROVAL_TYPE])

    # ── commit ──────────────────────────────────────────────────────────────

    def _commit(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._tasks.of_call(parameters, offline=parameters.get("TaskType") == OFFLINE)
        ensure_lock(task, self._switches["commit_needs_lock"], "committed")
        given = parameters.get("CommitType")
        commit_type = int(self._switches["commit_default"] if given is None else given)
        self._ensure_may_commit(task, commit_type)
        content = body(task, self._tasks.definition)
        approval = None
        if self._switches["approval"] == "needed":
            # A second commit takes the place of the one that waits.
            approval = self._tasks.new_approval_id()
            waiting = {APPROVAL: approval, APPROVAL_TYPE: commit_type, APPROVAL_BODY: content}
            self._tasks.put({**task, **waiting})
        else:
            self._publish(task, content, commit_type)
        return {"Data": True, **self._approval_fields(approval)}

    def _approval_fields(self, approval: str | None) -> Fields:
        """``DataDto`` is declared on the China site only; the international one says no more than true."""
        if self._switches["site"] != "china":
            return {}
        return {"DataDto": None if approval is None else {"TaskApproveId": approval}}

    def _ensure_may_commit(self, task: Task, commit_type: int) -> None:
        """An offline task is run by its schedule: for it every CommitType is a submit."""
        if commit_type not in range(5):
            raise RefusedError("InvalidParameterValue", f"The CommitType {commit_type} is not supported.")
        self._ensure_no_transition(task)
        if commit_type == SUBMIT or is_offline(task):
            return
        if commit_type == START:
            self._ensure(task["Status"] not in _ALIVE, task, "started")
        else:
            self._ensure(task["Status"] in (*_ALIVE, FAILED), task, "continued: there is no job")

    def _publish(self, task: Task, content: Fields, commit_type: int) -> None:
        version = int(task.get("InstanceVersion") or 0) + 1
        published = {
            **task,
            "HasVersion": True,
            "Submit": True if self._switches["submit_flag"] == "true" else None,
            "InstanceVersion": version,
            "UpdateTime": self._tasks.now_text(),
            COMMITTED: content,
        }
        if is_offline(task):
            self._tasks.put({**published, "OfflineTaskStatus": _SUBMITTED_OFFLINE})
        elif commit_type == SUBMIT:
            self._tasks.put(published)
        elif commit_type in (START, RESTART):
            self._turn(self._from_new(published), RUNNING)
        else:
            self._turn({**_going_on(published), JOB_VERSION: version}, RUNNING)

    # ── run ─────────────────────────────────────────────────────────────────

    def _start(self, parameters: Mapping[str, Any]) -> Fields:
        event = _event(parameters, ("START", "TIMESTAMP"))
        since = _timestamp(parameters.get("ExtConfig") or ())
        if event == "TIMESTAMP" and since is None:
            raise RefusedError("InvalidParameterValue", "The event TIMESTAMP needs a timestamp in ExtConfig.")
        task = self._job(parameters)
        self._ensure(task[COMMITTED] is not None, task, "started: it is not submitted")
        self._ensure(task["Status"] not in _ALIVE, task, "started")
        return self._turn({**self._from_new(task), STARTED_FROM: since}, RUNNING)

    def _stop(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._job(parameters)
        self._ensure(task["Status"] in _ALIVE, task, "stopped")
        return self._turn({**_without_state(task), "StopTime": self._tasks.now_text()}, STOPPED)

    def _suspend(self, parameters: Mapping[str, Any]) -> Fields:
        event = _event(parameters, ("SUSPEND", "SUSPEND_WITHOUT_SP"))
        task = self._job(parameters)
        self._ensure(task["Status"] == RUNNING, task, "suspended")
        # A forced pause takes no snapshot: there is nothing from which the job could go on.
        return self._turn(task if event == "SUSPEND" else _without_state(task), SUSPENDED)

    def _resume(self, parameters: Mapping[str, Any]) -> Fields:
        _event(parameters, ("RESUME",))
        task = self._job(parameters)
        self._ensure(task["Status"] == SUSPENDED, task, "resumed")
        return self._turn(_going_on(task), RUNNING)

    def _job(self, parameters: Mapping[str, Any]) -> Task:
        """The real-time task of a run action, in whatever state there is of it, between two transitions."""
        task = self._tasks.of_call(parameters, offline=False, development=False)
        self._ensure_no_transition(task)
        return task

    def _from_new(self, task: Task) -> Task:
        """The job starts without state, with what is published."""
        return {
            **_without_state(task),
            HAS_STATE: True,
            JOB_VERSION: task.get("InstanceVersion"),
            STARTED_FROM: None,
            "LastRunTime": self._tasks.now_text(),
        }

    def _turn(self, task: Task, status: int) -> Fields:
        """Bring the job there, through the transition that the switches say."""
        now = self._tasks.now()
        after = FAILED if status == RUNNING and self._switches["start_ends"] == "failed" else status
        turning = {
            **task,
            "Status": STOPPING if status == STOPPED else IN_OPERATION,
            "UpdateTime": self._tasks.now_text(),
            STATUS_AFTER: after,
            READS_LEFT: int(self._switches["transition_reads"]),
            SETTLES_AT: now + int(self._switches["transition_seconds"]),
        }
        self._tasks.put(settled(turning, now))
        return {"Data": True}

    # ── what forbids it ─────────────────────────────────────────────────────

    def _ensure_no_transition(self, task: Task) -> None:
        if task["Status"] in IN_TRANSITION and self._switches["run_preconditions"] == "strict":
            raise RefusedError("ResourceInUse", "The current task is in operation. Try again later.")

    def _ensure(self, is_possible: bool, task: Task, done: str) -> None:
        if not is_possible and self._switches["run_preconditions"] == "strict":
            message = f"The current task has the status {task['Status']} and cannot be {done}."
            raise RefusedError(str(self._switches["precondition_code"]), message)


def _without_state(task: Task) -> Task:
    """The job's state is thrown away, if it has any."""
    if not task[HAS_STATE]:
        return task
    return {**task, HAS_STATE: False, STATE_DROPPED: task[STATE_DROPPED] + 1}


def _going_on(task: Task) -> Task:
    """The job goes on with the state that it has, if it has any."""
    return {**task, HAS_STATE: True, STATE_KEPT: task[STATE_KEPT] + int(task[HAS_STATE])}


def _event(parameters: Mapping[str, Any], known: Sequence[str]) -> str:
    """The event of a run action; the first one is the default.

    Raises:
        RefusedError: it is another action's.
    """
    # The vendor's example of a start has a blank behind it.
    event = str(parameters.get("Event") or known[0]).strip()
    if event not in known:
        raise RefusedError("InvalidParameterValue", f"The event `{event}` is not supported by this action.")
    return event


def _timestamp(settings: Sequence[Mapping[str, Any]]) -> str | None:
    """The point in time to start from, in milliseconds. The vendor's example sends it with START.

    Raises:
        RefusedError: it is none.
    """
    for setting in settings:
        if setting.get("Name") == _TIMESTAMP:
            text = str(setting.get("Value"))
            if not (text.isascii() and text.isdigit()):
                raise RefusedError("InvalidParameterValue", f"The timestamp `{text:.40}` is not in ms.")
            return text
    return None
