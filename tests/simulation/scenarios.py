"""What people do, stage by stage, while anything may go wrong.

Rule: a scenario says who does what in which order; what goes wrong is chosen by the schedule. Every one
ends with undisturbed runs after all windows have passed, and then everything must be as it was asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from builders import a_spec
from fakes.world import WINDOW_SECONDS
from provisioner.core.jobs.job import OnChange, RunSpec, RunState
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec
from provisioner.errors import StateDamagedError
from simulation.choices import NO_FAULTS, Choices
from simulation.world import IDS, JOURNAL, LOCK, SNAPSHOT, Ended, Manifests, World

Stage: TypeAlias = Callable[[World, Choices], None]


@dataclass(frozen=True)
class Scenario:
    """A story in stages."""

    name: str
    stages: tuple[Stage, ...]

    def begin(self) -> World:
        """The world before the first stage."""
        return World()

    def play(self, number: int, world: World, choices: Choices) -> None:
        """One stage. A stage may be played in many worlds; its ids are its own."""
        IDS.begin(number)
        self.stages[number](world, choices)


# ── what is asked for ───────────────────────────────────────────────────────


def spec_of(
    name: str, parallelism: int = 1, task_type: int = 201, on_change: OnChange | None = None
) -> TaskSpec:
    """A small task; with ``on_change`` its job runs."""
    body: JSONObject = {
        "TaskName": name,
        "TaskType": task_type,
        "Description": name,
        "Config": {"parallelism": str(parallelism)},
    }
    run = None if on_change is None else RunSpec(state=RunState.RUNNING, on_change=on_change)
    return a_spec(name, body, project_id="p1", run=run)


def manifests(*specs: TaskSpec) -> Manifests:
    """Specs by address."""
    return {spec.address: spec for spec in sorted(specs, key=lambda spec: spec.address)}


def touched(wanted: Manifests) -> Manifests:
    """Every manifest with another value in it."""
    return {address: spec_of(address, 99, spec.task_type) for address, spec in wanted.items()}


NOTHING: Manifests = {}
A, A2, A3, A_OFFLINE = (manifests(spec_of("a", *rest)) for rest in ((), (2,), (3,), (1, 202)))
A_RUNS, A2_RUNS = (manifests(spec_of("a", number, 201, OnChange.KEEP_STATE)) for number in (1, 2))
A2_ANEW = manifests(spec_of("a", 2, 201, OnChange.DISCARD_STATE))
A3_B = manifests(spec_of("a", 3), spec_of("b"))
B = manifests(spec_of("b"))
AB = manifests(spec_of("a"), spec_of("b"))
MIXED = manifests(spec_of("a", 2), spec_of("c"))
"""After AB: an update, a create, a delete."""


# ── stages ──────────────────────────────────────────────────────────────────


def apply(
    wanted: Manifests, *, parallelism: int = 2, wait: bool = False, meanwhile: Manifests | None = None
) -> Stage:
    """One run; anything may go wrong."""

    def stage(world: World, choices: Choices) -> None:
        world.apply(wanted, choices, parallelism=parallelism, wait=wait, meanwhile=meanwhile)

    return stage


def applied(wanted: Manifests) -> Stage:
    """One run; nothing goes wrong."""

    def stage(world: World, _choices: Choices) -> None:
        world.ensure_converged(wanted, world.apply(wanted))

    return stage


def undisturbed(wanted: Manifests) -> Stage:
    """One run after all windows; nothing goes wrong in it."""

    def stage(world: World, _choices: Choices) -> None:
        _undisturbed(world, wanted)

    return stage


def some_time(*seconds: int) -> Stage:
    """One of these times passes."""

    def stage(world: World, choices: Choices) -> None:
        world.pass_time(seconds[choices.variant(len(seconds))])

    return stage


TIME = some_time(10, 130, WINDOW_SECONDS - 15)
"""No time; enough for what is late; so much that only what happens at the last moment is not listed yet."""

WINDOW_BUT_A_SECOND = some_time(WINDOW_SECONDS)


def skew(seconds: int) -> Stage:
    """The local clock is wrong."""

    def stage(world: World, _choices: Choices) -> None:
        world.skew = seconds

    return stage


def back_up(world: World, _choices: Choices) -> None:
    """A person keeps a copy of the state."""
    world.back_up()


def forget_content(world: World, _choices: Choices) -> None:
    """What the tasks hold is not known any more, as after an update that had no effect."""
    world.forget_content()


LOSSES: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "snapshot": (SNAPSHOT,),
    "journal": (JOURNAL,),
    "both": (SNAPSHOT, JOURNAL),
    "snapshot and lock": (SNAPSHOT, LOCK),
    "journal and lock": (JOURNAL, LOCK),
    "everything": (SNAPSHOT, JOURNAL, LOCK),
}


def lose(world: World, choices: Choices) -> None:
    """A person removes files of the state."""
    paths = list(LOSSES.values())[choices.variant(len(LOSSES))]
    for path in paths:
        world.put_file(path, None)
    _wait_without_lock(world, paths)


def lose_everything(world: World, _choices: Choices) -> None:
    """A person removes every file of the state."""
    for path in LOSSES["everything"]:
        world.put_file(path, None)
    _wait_without_lock(world, LOSSES["everything"])


def lose_all_but_the_lock(world: World, _choices: Choices) -> None:
    """A person removes snapshot and journal."""
    world.forget_state()


def restore(world: World, choices: Choices) -> None:
    """A person puts back the latest backup: all of it, or one of the two files."""
    snapshot, journal = world.backups[-1]
    which = choices.variant(4)
    if which in (1, 2):
        world.put_file(SNAPSHOT, snapshot)
    if which in (1, 3):
        world.put_file(JOURNAL, journal)


def restore_all(world: World, _choices: Choices) -> None:
    """A person puts back all of the latest backup."""
    world.put_file(SNAPSHOT, world.backups[-1][0])
    world.put_file(JOURNAL, world.backups[-1][1])


def restore_journal(world: World, _choices: Choices) -> None:
    """A person puts back the journal alone."""
    world.put_file(JOURNAL, world.backups[-1][1])


def _wait_without_lock(world: World, paths: Iterable[str]) -> None:
    """Without the lock file nothing tells what was sent; whoever removes it too has to wait for a window."""
    if LOCK in paths:
        world.pass_time(WINDOW_SECONDS + 1)


def damage(world: World, choices: Choices) -> None:
    """A byte of the journal changes: in the middle of an entry, or nowhere."""
    journal = world.disk.content(JOURNAL)
    if not journal or not choices.variant(2):
        return
    end = len(journal.rstrip(b"\0"))
    first = journal.find(b"\n") + 1
    at = first + 60 if first + 60 < end - 1 else first // 2
    world.put_file(JOURNAL, journal[:at] + bytes([journal[at] ^ 1]) + journal[at + 1 :])


def copy_in_console(world: World, choices: Choices) -> None:
    """A person copies a task that the console shows, or does not."""
    listed = world.service.listed("p1")
    if listed and choices.variant(2):
        world.copy_task(listed[0].task_id)


def end(wanted: Manifests) -> Stage:
    """All windows pass; undisturbed runs make everything as desired."""

    def stage(world: World, _choices: Choices) -> None:
        ensure_comes_to_an_end(world, wanted)

    return stage


def ensure_comes_to_an_end(world: World, wanted: Manifests) -> Manifests:
    """After all windows, two undisturbed runs at most make everything as desired; more where a person helps.

    Returns what is desired in the end.

    Raises:
        BrokenPromiseError: they do not.
    """
    ended = _undisturbed(world, wanted)
    if world.is_lost and ended is not None and isinstance(ended.error, StateDamagedError):
        world.forget_state()
        _undisturbed(world, wanted)
    world.remove_copies()
    if world.is_lost:
        wanted, ended = _after_loss(world, wanted)
    elif ended is None or not ended.is_success:
        ended = _undisturbed(world, wanted)
    world.ensure_converged(wanted, ended)
    world.remove_strays()
    return wanted


def _after_loss(world: World, wanted: Manifests) -> tuple[Manifests, Ended | None]:
    """What a person does who took the state away: believe nothing that it says, and look.

    In the end one task more is wanted, because it is at a create that the project is listed; and where a
    loss was not waited for yet, that create waits a window.
    """
    ended = _undisturbed(world, wanted)
    world.forget_what_is_gone()
    wanted = touched(wanted)
    for more in ({}, manifests(spec_of(f"one-more-{IDS.token_hex(8)}"))):
        wanted = {**wanted, **more}
        ended = _undisturbed(world, wanted)
        if ended is None or not ended.is_success:
            ended = _undisturbed(world, wanted)
    return wanted, ended


def _undisturbed(world: World, wanted: Manifests) -> Ended | None:
    world.pass_time(WINDOW_SECONDS + 1)
    return world.apply(wanted, NO_FAULTS)


# ── the stories ─────────────────────────────────────────────────────────────


def _scenario(name: str, *stages: Stage) -> Scenario:
    return Scenario(name, stages)


SCENARIOS = (
    _scenario("create", apply(A), TIME, apply(A), end(A)),
    _scenario("create, at the end of the window", apply(A), WINDOW_BUT_A_SECOND, apply(A), end(A)),
    _scenario("create two", apply(AB), end(AB)),
    _scenario("create two, again", apply(AB), TIME, apply(AB), end(AB)),
    _scenario("create and wait", apply(A, wait=True), apply(A, wait=True), end(A)),
    _scenario("create, change", apply(A), TIME, apply(A2), apply(A3), end(A3)),
    _scenario("create, remove", apply(A), TIME, apply(NOTHING), end(NOTHING)),
    _scenario("create, remove, create", apply(A), TIME, apply(NOTHING), apply(A), end(A)),
    _scenario("change", applied(A), apply(A2), TIME, apply(A3), end(A3)),
    _scenario("change and back", applied(A), apply(A2), TIME, apply(A), end(A)),
    _scenario("write the same, change", applied(A), forget_content, apply(A), apply(A2), end(A2)),
    _scenario("remove", applied(A), apply(NOTHING), TIME, apply(NOTHING), end(NOTHING)),
    _scenario("replace", applied(A), apply(A_OFFLINE), TIME, apply(A_OFFLINE), end(A_OFFLINE)),
    _scenario("replace and wait", applied(A), apply(A_OFFLINE, wait=True), end(A_OFFLINE)),
    _scenario("change, create and remove", applied(AB), apply(MIXED), TIME, apply(MIXED), end(MIXED)),
    _scenario("create and start", apply(A_RUNS), TIME, apply(A_RUNS), end(A_RUNS)),
    _scenario("job goes on", applied(A_RUNS), apply(A2_RUNS), TIME, apply(A2_RUNS), end(A2_RUNS)),
    _scenario("job begins anew", applied(A_RUNS), apply(A2_ANEW), TIME, apply(A2_ANEW), end(A2_ANEW)),
    _scenario(
        "paused while a job begins anew", applied(A_RUNS), apply(A2_ANEW, meanwhile=A2_ANEW), end(A2_ANEW)
    ),
    _scenario("clock ahead", skew(200), apply(A), TIME, apply(A2), end(A2)),
    _scenario("clock behind", skew(-200), apply(A), TIME, apply(A2), end(A2)),
    _scenario("paused", apply(A, meanwhile=A), end(A)),
    _scenario("paused, two", apply(AB, parallelism=1, meanwhile=AB), end(AB)),
    _scenario("paused while changing", applied(A), apply(A2, meanwhile=A3), end(A3)),
    _scenario("paused while removing", applied(AB), apply(B, meanwhile=AB), end(AB)),
    _scenario("all but the lock lost", apply(A), lose_all_but_the_lock, apply(A), end(A)),
    _scenario("state lost", apply(A), lose, apply(A), end(A)),
    _scenario("state lost, later", apply(A), TIME, lose, apply(A), end(A)),
    _scenario("state of two lost", applied(A), apply(AB), lose, apply(AB), end(AB)),
    _scenario("backup restored", applied(A), back_up, apply(AB), restore, apply(AB), end(AB)),
    _scenario(
        # Begun anew, so that its serial is lower than that of what is put back.
        "another line restored",
        *(undisturbed(A), undisturbed(A2), undisturbed(A3), back_up),
        *(lose_everything, undisturbed(A3), undisturbed(A3)),
        *(apply(A3_B), restore_all, apply(A3_B), end(A3_B)),
    ),
    _scenario(
        "old journal", apply(A), back_up, undisturbed(NOTHING), apply(A), restore_journal, apply(A), end(A)
    ),
    _scenario("journal damaged", apply(A), damage, apply(A), end(A)),
    _scenario("copied in the console", apply(A), TIME, copy_in_console, apply(A2), end(A2)),
    _scenario("copied, replaced, and back", applied(A), copy_in_console, apply(A_OFFLINE), apply(A), end(A)),
)


def scenario_of(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        KeyError: there is none.
    """
    return {scenario.name: scenario for scenario in SCENARIOS}[name]
