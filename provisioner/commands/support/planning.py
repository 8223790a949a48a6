"""Load the state and the manifests of a project, and plan from them."""

from collections.abc import Mapping, Sequence

from provisioner.commands.project.manifests import Manifests, name_place
from provisioner.commands.project.project import Project, ensure_targets, problem_text, uncollected
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.manifest.problem import Problem
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.guard import Limits
from provisioner.core.plan.moves import NO_NAMES, Names, collisions
from provisioner.core.plan.plan import Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.state.state import Remote, State
from provisioner.core.text import printable
from provisioner.errors import ManifestError, StateError
from provisioner.store.backend import LocalBackend


def load_state(project: Project, backend: LocalBackend) -> State:
    """The state, if it is one of the service that this project's calls go to.

    Raises:
        StateError: it is not, or it cannot be trusted.
    """
    with uncollected():
        state = backend.load()
    known, remote = state.remote, project.remote
    # Without a region of ours there is nothing to compare; a call asks for one first.
    is_same = (remote.endpoint, remote.region or known.region) == (known.endpoint, known.region)
    if state.lineage and not is_same:
        raise StateError(
            "The state belongs to another service.\n"
            f"  {printable(project.settings.state)}: {_place(known)}; this project is at {_place(remote)}.\n"
            "A TaskId means something there only. Use another state file (--state, or an environment) for\n"
            "another service. If both names lead to the same one, accept the state for this one:\n"
            "  provisioner state accept"
        )
    return state


def _place(remote: Remote) -> str:
    return printable(f"{remote.endpoint} {remote.region}".strip())


def desired_tasks(
    terminal: Terminal, project: Project, state: State, *, destroy: bool
) -> Mapping[Address, TaskSpec]:
    """What the manifests ask for; see ``read_manifests``."""
    return read_manifests(terminal, project, state, destroy=destroy).desired


def read_manifests(
    terminal: Terminal, project: Project, state: State, *, destroy: bool, refresh: bool = False
) -> Manifests:
    """What the manifests say; their warnings are said unless everything is to go.

    With ``refresh`` they are all parsed: what is gone is created from its manifest, not from the state.

    Raises:
        ManifestError: a manifest has errors.
    """
    manifests: Manifests = project.manifests(None if refresh else state)
    if manifests.errors:
        raise ManifestError(problem_text(manifests.problems))
    for warning in [] if destroy else manifests.warnings:
        terminal.say(str(warning))
    return manifests


def ensure_one_each(manifests: Manifests, state: State, names: Names) -> None:
    """Pass, or refuse: the state has several tasks where the manifests have one that has moved.

    Raises:
        ManifestError: it has; the tasks and what to do are named.
    """
    problems = []
    for new, *olds in collisions(state, names):
        found = [address for address in (new, *olds) if address in state.tasks]
        ids = ", ".join(f"{address} [id={state.tasks[address].task_id}]" for address in found)
        message = (
            f'"{olds[0]}" cannot move to "{new}": the state has both, each with a task of its own: {ids}; '
            f"take this out, or forget the task that is not meant: provisioner state rm ADDRESS"
            if new in state.tasks
            else f'only one task can move to "{new}", and the state has several: {ids}; '
            "forget those that are not meant: provisioner state rm ADDRESS"
        )
        place = name_place(manifests.desired[new].source, olds[0])
        problems.append(Problem(place, message))
    if problems:
        raise ManifestError(problem_text(problems))


def plan_of(
    project: Project,
    desired: Mapping[Address, TaskSpec],
    state: State,
    names: Names = NO_NAMES,
    *,
    targets: Sequence[str] = (),
    destroy: bool = False,
    observed: Observed | None = None,
) -> Plan:
    """The plan, for these targets or for everything; refreshed where something was observed."""
    addresses = ensure_targets(targets, desired, state, names)
    origin = project.origin(state, targets=addresses, destroy=destroy, refreshed=observed is not None)
    return make_plan(desired, state, origin, observed, names)


def limits_of(project: Project) -> Limits:
    """How much a plan may delete."""
    settings = project.settings
    return Limits(settings.max_deletes, settings.max_delete_percent)
