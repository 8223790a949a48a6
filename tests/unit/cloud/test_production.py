"""What runs, as the service shows it: by a listing of production, or by the task itself."""

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from provisioner.cloud.exchange import Answered, Failed, Happened, Lost
from provisioner.cloud.production import Productions
from provisioner.cloud.wire.actions import Call
from provisioner.cloud.wire.replies import run_reply
from provisioner.cloud.wire.requests import run_call
from provisioner.core.address import TaskId
from provisioner.core.api.calls import RunTask
from provisioner.core.api.replies import Done, Refused, Unknown
from provisioner.core.jobs.job import COMMIT_TYPES, Production, Step
from provisioner.errors import ApiError

ID = TaskId("t-1")
NOW = 1_700_000_000
REFUSED = Failed(code="InvalidParameter.InvalidFilterParameter", message="m")


class Site:
    """A service that answers listings and reads with what it is given."""

    def __init__(self, listed: Happened, described: "Happened | None" = None) -> None:
        self._answers = {"DescribeIntegrationTasks": listed, "DescribeIntegrationTask": described}
        self.calls: list[Call] = []

    def ask(self, call: Call) -> Happened:
        """Play the service."""
        self.calls.append(call)
        answer = self._answers[call.action]
        assert answer is not None
        return answer

    def ask_all(self, calls: Sequence[Call]) -> Generator[Happened, None, None]:
        """Several calls."""
        yield from (self.ask(call) for call in calls)

    def of(self, task_type: int = 201) -> Production:
        """The production side of the task."""
        return Productions(self.ask, self.ask_all, _error).of("p", ID, task_type)


def _error(action: str, _happened: Happened) -> ApiError:
    return ApiError(action)


def listing(*tasks: dict[str, Any], server_time: int | None = NOW) -> Answered:
    """A page of a listing."""
    shown = [{"TaskId": ID, **task} for task in tasks]
    return Answered(response={"TaskInfoSet": shown, "TotalCount": len(shown)}, server_time=server_time)


def description(server_time: int | None = NOW, **task: Any) -> Answered:
    """One task as it is read."""
    return Answered(response={"TaskInfo": {"TaskId": ID, **task}}, server_time=server_time)


def test_production_is_asked_for_one_task() -> None:
    """By both filters, and its type."""
    site = Site(listing({"Status": 3, "InstanceVersion": 4}))
    assert site.of(202) == Production(status=3, version=4, server_time=NOW)
    (call,) = site.calls
    assert call.parameters["TaskType"] == 202
    assert call.parameters["Filters"] == [
        {"Name": "ProductionState", "Values": ["true"]},
        {"Name": "TaskId", "Values": [ID]},
    ]


@pytest.mark.parametrize(
    ("task", "status", "version"),
    [({}, None, 0), ({"Status": "3", "InstanceVersion": True}, None, 0), ({"InstanceVersion": -1}, None, 0)],
)
def test_what_is_no_number_says_nothing(task: dict[str, Any], status: int | None, version: int) -> None:
    """Nothing is guessed."""
    assert Site(listing(task)).of() == Production(status=status, version=version, server_time=NOW)


def test_what_is_neither_listed_nor_known_by_itself_has_no_version_in_production() -> None:
    """However the service says so."""
    nothing = Production(status=None, version=0, server_time=NOW, is_submitted=False)
    for described in (
        description(Status=1),
        Failed(code="ResourceNotFound", message="m", server_time=NOW),
        Answered(response={"TaskInfo": None}, server_time=NOW),
    ):
        seen = Site(listing(), described).of()
        assert (seen.is_submitted, seen.version, seen.server_time) == (False, 0, nothing.server_time)


def test_what_is_not_listed_yet_is_told_by_the_task_itself() -> None:
    """A listing may lag."""
    seen = Site(listing(), description(Status=3, InstanceVersion=1)).of()
    assert seen == Production(status=3, version=1, server_time=NOW)


@pytest.mark.parametrize(
    "listed", [listing(), REFUSED, Failed(code="UnknownParameter", message="m"), listing({"TaskId": "x"})]
)
@pytest.mark.parametrize(
    ("task", "is_submitted"),
    [
        ({"Status": 3}, True),
        ({"Status": 0, "InstanceVersion": 2}, True),
        ({"Status": 1, "HasVersion": True}, True),
        ({"Status": 1}, False),
        ({"Status": 0}, False),
        ({}, False),
    ],
)
def test_where_production_is_not_listed_the_task_itself_tells(
    listed: Happened, task: dict[str, Any], is_submitted: bool
) -> None:
    """The filter is refused, or what comes is not what was asked for."""
    seen = Site(listed, description(**task)).of()
    assert (seen.status, seen.is_submitted) == (task.get("Status"), is_submitted)


def test_a_task_that_is_not_there_has_no_job() -> None:
    """Neither listed nor read."""
    site = Site(REFUSED, Answered(response={"TaskInfo": None}, server_time=NOW))
    assert not site.of().is_submitted


@pytest.mark.parametrize(
    "site",
    [
        Site(Lost(code="Timeout", reason="r")),
        Site(Failed(code="InternalError", message="m")),
        Site(REFUSED, Failed(code="FailedOperation", message="m")),
        Site(listing({}, server_time=None)),
        Site(REFUSED, description(server_time=None)),
        Site(REFUSED, Failed(code="ResourceNotFound", message="m")),
    ],
)
def test_no_answer_is_an_error(site: Site) -> None:
    """As is one without the service's time."""
    with pytest.raises(ApiError):
        site.of()


def test_all_of_production_is_one_listing() -> None:
    """None where the service does not list it; another failure is one."""
    site = Site(listing({"Status": 3, "InstanceVersion": 4}))
    found = Productions(site.ask, site.ask_all, _error).all("p")
    assert found == {ID: Production(status=3, version=4, server_time=NOW)}
    assert all(
        call.parameters["Filters"] == [{"Name": "ProductionState", "Values": ["true"]}] for call in site.calls
    )
    refused, broken = Site(REFUSED), Site(Failed(code="InternalError", message="m"))
    assert Productions(refused.ask, refused.ask_all, _error).all("p") is None
    with pytest.raises(ApiError):
        Productions(broken.ask, broken.ask_all, _error).all("p")


def a_step(step: Step, start_from: int | None = None) -> RunTask:
    """A step of a real-time task."""
    return RunTask(project_id="p", task_id=ID, task_type=201, step=step, start_from=start_from)


def test_every_step_has_its_call() -> None:
    """CommitType for a version, an action of its own for the rest."""
    names = {"ProjectId": "p", "TaskId": ID}
    for step, number in COMMIT_TYPES.items():
        call = run_call(a_step(step, 7))
        assert (call.action, call.parameters) == (
            "CommitIntegrationTask",
            {**names, "CommitType": number, "TaskType": 201},
        )
    for step, action in (
        (Step.START, "StartIntegrationTask"),
        (Step.STOP, "StopIntegrationTask"),
        (Step.SUSPEND, "SuspendIntegrationTask"),
        (Step.RESUME, "ResumeIntegrationTask"),
    ):
        call = run_call(a_step(step))
        assert (call.action, call.parameters) == (action, names)
    assert run_call(a_step(Step.START, 7)).parameters == {
        **names,
        "Event": "TIMESTAMP",
        "ExtConfig": [{"Name": "timestamp", "Value": "7"}],
    }


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"Data": True}, ""),
        ({"Data": True, "DataDto": None}, ""),
        ({"Data": False}, "Data false"),
        ({"Data": None}, "NoData"),
        ({}, "NoData"),
        ({"Data": 1}, "NoData"),
    ],
)
def test_a_step_is_accepted_only_by_the_service_saying_so(response: dict[str, Any], code: str) -> None:
    """Anything else is a refusal, or unknown."""
    reply = run_reply(a_step(Step.STOP), Answered(response=response, request_id="r", server_time=NOW))
    if not code:
        assert reply == Done(task_id=ID, request_id="r", server_time=NOW)
    else:
        assert isinstance(reply, Refused if code == "Data false" else Unknown)
        assert reply.code == code


@pytest.mark.parametrize("data", [True, False, None])
@pytest.mark.parametrize(("said", "approval"), [("a-1", "a-1"), (7, "7"), ("a\x1b", "a\\x1b")])
def test_a_version_that_waits_for_approval_is_accepted(
    data: bool | None, said: str | int, approval: str
) -> None:
    """Whatever else the answer says: nothing runs before somebody has said yes."""
    answered = Answered(response={"Data": data, "DataDto": {"TaskApproveId": said}}, server_time=NOW)
    reply = run_reply(a_step(Step.SUBMIT), answered)
    assert isinstance(reply, Done)
    assert reply.approval == approval
    for nothing in ("", None, True, 0):
        answered = Answered(response={"Data": True, "DataDto": {"TaskApproveId": nothing}})
        assert getattr(run_reply(a_step(Step.SUBMIT), answered), "approval", None) == ""
