"""A project opened: its root, its settings, its manifests and its state file.

Rule: everything that a command needs from the folder comes through here, so that every command
finds the root, reads the settings and words a problem in the same way.
"""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from provisioner import __version__
from provisioner.commands.project.manifests import Manifests, cache_key, load_manifests
from provisioner.commands.project.settings_file import enter_root, read_settings
from provisioner.core.address import Address
from provisioner.core.manifest.problem import Problem, Severity
from provisioner.core.plan.moves import NO_NAMES, Names, current
from provisioner.core.plan.plan import Origin
from provisioner.core.schema.validation import nearest
from provisioner.core.settings import BY_NAME, EMBEDDED, Settings
from provisioner.core.state.state import Remote, State
from provisioner.core.text import printable
from provisioner.errors import ManifestError, UsageError
from provisioner.store.backend import LocalBackend
from provisioner.store.cache import load_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every command that opens a project takes."""

    chdir: str = ""
    environment: str = ""
    flags: Mapping[str, str | float | None] = field(default_factory=dict)
    """Setting name to value, for the flags that were given."""


class Project:
    """One project, its root being the current folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def manifests(self, state: State | None = None) -> Manifests:
        """Read and check every manifest. Problems are returned, not raised.

        With the state, a file that did not change since its tasks were applied is not parsed.
        """
        settings = self.settings
        with uncollected():
            if state is None:
                return load_manifests(settings.manifests, settings.defaults)
            cache = load_cache(cache_key(settings.defaults))
            found = load_manifests(settings.manifests, settings.defaults, state=state, cache=cache)
            if not found.errors:
                cache.save()
            return found

    def backend(self) -> LocalBackend:
        """The state file; nothing is read yet."""
        return LocalBackend(self.settings.state, stack=self.settings.stack, tool_version=__version__)

    @property
    def use_marker(self) -> bool:
        """Whether tasks carry the ownership marker."""
        return self.settings.marker != "none"

    @cached_property
    def remote(self) -> Remote:
        """Which service the calls go to; the region is empty where none is set.

        Raises:
            UsageError: the endpoint cannot be used.
        """
        settings = self.settings
        if settings.is_embedded:
            return Remote(EMBEDDED, "")
        from provisioner.cloud.credentials import find_region
        from provisioner.cloud.endpoint import parse_endpoint

        endpoint = parse_endpoint(settings.endpoint)
        region = settings.region or find_region(os.environ, home=os.path.expanduser("~")) or ""
        # An emulator on this machine is the same one whatever port it was given this time.
        return Remote(f"http://{endpoint.host}" if endpoint.is_loopback else str(endpoint), region)

    def origin(
        self,
        state: State,
        *,
        targets: Sequence[Address] = (),
        destroy: bool = False,
        refreshed: bool = False,
    ) -> Origin:
        """What a plan of this project is worked out from."""
        return Origin(
            tool_version=__version__,
            stack=self.settings.stack,
            lineage=state.lineage,
            serial=state.serial,
            endpoint=self.remote.endpoint,
            region=self.remote.region,
            environment=self.settings.environment,
            targets=tuple(targets),
            destroy=destroy,
            refreshed=refreshed,
        )


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looking for cycles: a project has none, it is large, and looking costs 40 % of a plan."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()


def open_project(options: Options) -> Project:
    """Find the root, make it the current folder, and read the settings.

    Raises:
        UsageError: there is no project here, or a flag or variable is unusable.
        ManifestError: provisioner.yaml has problems; all of them are in the text.
    """
    opened = check_project(options)
    if isinstance(opened, Project):
        return opened
    raise ManifestError(problem_text(opened))


def check_project(options: Options) -> Project | tuple[Problem, ...]:
    """Like ``open_project``, but the problems of provisioner.yaml are returned.

    Raises:
        UsageError: there is no project here, or a flag or variable is unusable.
    """
    enter_root(options.chdir)
    settings = read_settings(options.environment, options.flags)
    return Project(settings) if isinstance(settings, Settings) else settings


def ensure_targets(
    targets: Iterable[str], desired: Iterable[Address], state: State, names: Names = NO_NAMES
) -> tuple[Address, ...]:
    """The targets as addresses; where a task has moved, its new one.

    Raises:
        UsageError: a target is neither in the manifests nor in the state.
    """
    was_known = [old for olds in names.moved.values() for old in olds]
    known = sorted({*desired, *state.tasks, *state.open, *was_known})
    for target in targets:
        if target not in known:
            raise UsageError(
                f'There is no task "{printable(target)}"{nearest(target, known)}.\n'
                "  --target takes an address."
            )
    return tuple(sorted({current(target, names) for target in targets}))


def problem_text(problems: Iterable[Problem]) -> str:
    """Problems one a line, and how many there are."""
    listed = sorted(problems)
    count = sum(problem.severity is Severity.ERROR for problem in listed)
    lines = "\n".join(str(problem) for problem in listed)
    return f"{lines}\n{count} problem{'' if count == 1 else 's'}. Nothing was changed."


def setting_flags(values: Mapping[str, object]) -> dict[str, str | float | None]:
    """The parsed arguments that are settings."""
    return {name: values[name] for name in BY_NAME if values.get(name) is not None}  # type: ignore[misc]  # argparse gives text or None
