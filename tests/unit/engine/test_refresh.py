"""How tasks are looked at: with few calls, and never gone by one look."""

from collections.abc import Iterable

import pytest

from fakes.clock import START
from fakes.specs import spec_of
from fakes.world import World
from provisioner.core.address import TaskId
from provisioner.core.api.replies import RemoteTask
from provisioner.core.manifest.spec import TaskSpec
from provisioner.engine.refresh import Looked, look_at
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError, CredentialsError

MANY = [spec_of(f"t{number:02d}") for number in range(12)]
FEW = MANY[:3]


def _applied(specs: Iterable[TaskSpec]) -> World:
    world = World()
    assert not world.apply(*specs).failures
    world.events.clear()
    return world


def _looked(world: World, lag_seconds: int = 0) -> Looked:
    records = [world.state.tasks[address] for address in sorted(world.state.tasks)]
    return look_at(records, world.api, world.workers, lag_seconds=lag_seconds)


def test_many_tasks_are_listed_and_few_are_read() -> None:
    """One listing for all; one read each."""
    for specs, expected in ((MANY, ["list p1"]), (FEW, ["read t-1", "read t-2", "read t-3"])):
        world = _applied(specs)
        looked = _looked(world)
        assert world.events == expected
        assert set(looked.observed) == set(world.api.tasks)
        assert looked.unread == {}


def test_it_is_told_how_many_were_seen() -> None:
    """Ten thousand take a while."""
    for specs, expected in ((MANY, [12]), (FEW, [1, 2, 3])):
        world, counted = _applied(specs), list[int]()
        records = [world.state.tasks[address] for address in sorted(world.state.tasks)]
        look_at(records, world.api, world.workers, progress=counted.append)
        assert counted == expected


def test_what_a_listing_shows_otherwise_is_read_alone() -> None:
    """It may lag behind, or not show everything."""
    world = _applied(MANY)
    changed = world.api.tasks[TaskId("t-5")]
    changed.body = {**changed.body, "Config": {"parallelism": "9"}}
    assert _looked(world).observed[TaskId("t-5")] == changed.body
    assert world.events == ["list p1", "read t-5"]


def test_a_task_is_gone_if_neither_a_read_nor_a_listing_shows_it() -> None:
    """However the read says so."""
    for error in (None, ApiRefusedError("FailedOperation")):
        world = _applied(FEW)
        del world.api.tasks[TaskId("t-1")]
        world.api.read_errors.append(error)
        looked = _looked(world)
        assert looked.observed[TaskId("t-1")] is None
        assert world.events.count("list p1") == 1


def test_a_task_that_a_listing_shows_is_not_gone() -> None:
    """A read that is refused is no proof; one that says no contradicts, and nothing is said then."""
    world = _applied(FEW)
    world.api.read_errors.append(ApiRefusedError("FailedOperation"))
    world.api.unreadable.add(TaskId("t-2"))
    looked = _looked(world)
    assert looked.observed[TaskId("t-1")] is not None
    assert TaskId("t-2") not in looked.observed
    assert "do not agree yet" in looked.unread[TaskId("t-2")]


def test_a_task_that_may_not_be_listed_yet_is_not_gone() -> None:
    """It was made a moment ago."""
    world = _applied(FEW)
    del world.api.tasks[TaskId("t-1")]
    assert "may not be listed yet" in _looked(world, lag_seconds=30).unread[TaskId("t-1")]
    world.api.server_clock.sleep(30)
    assert world.api.server_clock.now() == START + 30
    assert _looked(world, lag_seconds=30).observed[TaskId("t-1")] is None


def test_a_clock_that_is_behind_makes_no_new_task_old() -> None:
    """How long ago it was made is counted on the service's clock only."""
    world = World()
    world.api.server_clock.sleep(250)
    world.apply(*FEW)
    del world.api.tasks[TaskId("t-1")]
    assert "may not be listed yet" in _looked(world, lag_seconds=30).unread[TaskId("t-1")]


@pytest.mark.parametrize(
    "error", [ApiUnreachableError("no network"), CredentialsError("none"), ApiError("rubbish")]
)
def test_where_the_service_cannot_be_asked_nothing_is_said(error: ApiError) -> None:
    """No task is taken for gone."""
    world = _applied(FEW)
    world.api.read_errors.append(error)
    with pytest.raises(type(error)):
        _looked(world)


def test_tasks_of_several_projects_are_listed_where_there_are_many() -> None:
    """Each project for itself."""
    world = _applied([*MANY, spec_of("elsewhere", project_id="p2")])
    assert len(_looked(world).observed) == 13
    assert sorted(world.events) == ["list p1", "read t-1"]


def test_a_read_brings_the_body() -> None:
    """As it is there, unprocessed."""
    world = _applied(FEW)
    task = world.api.read("p1", TaskId("t-1"), 201)
    assert isinstance(task, RemoteTask)
    assert _looked(world).observed[TaskId("t-1")] == task.body
