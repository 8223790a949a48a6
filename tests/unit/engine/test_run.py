"""One run, from what was left open to the next snapshot."""

from collections import deque

import pytest

from fakes import CREATE, DELETE, LAG_SECONDS, LOST_AFTER, OK, Fate, World, refused, spec_of
from provisioner.core.calls import OFFLINE, Done, Refused
from provisioner.core.state import WriteKind

A, A_OFFLINE = spec_of("a"), spec_of("a", {"TaskType": OFFLINE})
"""Another type is another task: a replace."""


@pytest.mark.parametrize(
    ("fate", "reply", "is_there"),
    [
        pytest.param(OK, Done, True, id="created"),
        pytest.param(refused("InvalidParameter"), Refused, False, id="refused"),
    ],
)
def test_a_replace_whose_delete_is_found_done_goes_on_with_the_create(
    fate: Fate, reply: type, is_there: bool
) -> None:
    """The answer to the delete was lost; the run saw that the task is gone, and that is half the work."""
    world = World()
    world.apply(A)
    world.events.clear()
    world.api.fates_of["a"] = deque([LOST_AFTER, fate])
    # By the service's clock the delete is old enough for a listing to be believed.
    world.api.server_clock.sleep(LAG_SECONDS + 1)
    run = world.run(A_OFFLINE)
    (result,) = run.carry_out(run.prepare()).applied.results
    assert [event for event in world.events if event.startswith("send")] == [
        f"send {DELETE} a",
        f"send {CREATE} a",
    ]
    assert isinstance(result.reply, reply)
    assert WriteKind.DELETE in result.done
    assert bool(world.api.named("a")) is is_there
    assert world.plan(A_OFFLINE).is_empty is is_there
