"""A project opened: its root, its settings, its manifests and its state file.

Rule: everything that a command needs from the folder comes through here, so that every command
finds the root, reads the settings and words a problem in the same way.
"""

import gc
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from provisioner import __version__
from provisioner.commands.settings_file import enter_root, located, read_settings
from provisioner.core.address import Address, Source
from provisioner.core.manifest import Defaults, Parsed, TaskSpec, collect, parse
from provisioner.core.plan import Origin
from provisioner.core.problem import Problem, Severity
from provisioner.core.schema import manifest_schema
from provisioner.core.settings import BY_NAME, EMBEDDED, Settings
from provisioner.core.state import Remote, State
from provisioner.core.validation import Checker, nearest
from provisioner.errors import ManifestError, UsageError
from provisioner.store.backend import LocalBackend
from provisioner.store.cache import Head, ManifestCache, load_cache
from provisioner.store.documents import LoadedFile, find_documents, load_documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every command that opens a project takes."""

    chdir: str = ""
    environment: str = ""
    flags: Mapping[str, str | float | None] = field(default_factory=dict)
    """Setting name to value, for the flags that were given."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """Everything that the manifests say, wrong or right."""

    desired: Mapping[Address, TaskSpec]
    problems: tuple[Problem, ...]
    """Errors and warnings, in order of place."""

    files: int

    @property
    def errors(self) -> list[Problem]:
        """The problems that forbid a plan."""
        return [problem for problem in self.problems if problem.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Problem]:
        """The problems that are worth saying and forbid nothing."""
        return [problem for problem in self.problems if problem.severity is Severity.WARNING]


class Project:
    """One project, its root being the current folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def manifests(self, state: State | None = None) -> Manifests:
        """Read and check every manifest. Problems are returned, not raised.

        With the state, a file that did not change since its tasks were applied is not parsed.
        """
        settings = self.settings
        # Nothing that is built here holds cycles, and there is a lot of it: collecting costs 40 %.
        gc.disable()
        try:
            if state is None:
                return load_manifests(settings.manifests, settings.defaults)
            cache = load_cache(_cache_key(settings.defaults))
            found = load_manifests(settings.manifests, settings.defaults, state=state, cache=cache)
            if not found.errors:
                cache.save()
            return found
        finally:
            gc.freeze()
            gc.enable()

    def backend(self) -> LocalBackend:
        """The state file; nothing is read yet."""
        return LocalBackend(self.settings.state, stack=self.settings.stack, tool_version=__version__)

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


def load_manifests(
    path: str, defaults: Defaults, *, state: State | None = None, cache: ManifestCache | None = None
) -> Manifests:
    """Every manifest below ``path`` as specs by address, and every problem.

    With state and cache, a file whose every task is in the state just as the file asks for it is
    read but not parsed: its specs come from the state.
    """
    files, problems = find_documents(path)
    if not files and not problems:
        problems.append(_no_manifests(path))
    checker = Checker(manifest_schema())
    specs: list[TaskSpec] = []
    for name in files:
        known = _unchanged(name, cache, state) if cache is not None and state is not None else None
        loaded = load_documents(name, known_digest=known[0] if known else "")
        if known and loaded.digest == known[0]:
            specs += known[1]
            continue
        found, wrong = _parse_file(loaded, checker, defaults)
        specs += found
        problems += wrong
        if cache is not None and not wrong and not any(spec.ignore_changes for spec in found):
            cache.keep(name, loaded.digest, [_head(spec) for spec in found])
    desired, clashes = collect(specs)
    problems += [_clash(first, again) for first, again in clashes]
    return Manifests(desired, tuple(sorted(problems)), len(files))


def _parse_file(
    loaded: LoadedFile, checker: Checker, defaults: Defaults
) -> tuple[list[TaskSpec], list[Problem]]:
    specs, problems = [], list(loaded.problems)
    for document in loaded.documents:
        parsed = parse(document.value, document.source, checker, defaults)
        problems += _problems(loaded, document.index, parsed)
        if parsed.spec is not None:
            specs.append(parsed.spec)
    return specs, problems


def _unchanged(name: str, cache: ManifestCache, state: State) -> tuple[str, list[TaskSpec]] | None:
    """The bytes for which a file says what the state has, and the specs that it then holds."""
    digest, heads = cache.heads(name)
    specs = []
    for head in heads:
        address = Address(head.address)
        record = state.tasks.get(address)
        if record is None or address in state.open or record.digest != head.digest:
            return None
        source = Source(name, head.line, head.column)
        specs.append(
            TaskSpec(
                address=address,
                source=source,
                project_id=head.project_id,
                task_type=head.task_type,
                body=record.spec,
                create_body=record.spec,
                digest=head.digest,
                prevent_destroy=head.prevent_destroy,
            )
        )
    if not specs:
        return None
    cache.keep(name, digest, heads)
    return digest, specs


def _head(spec: TaskSpec) -> Head:
    return Head(
        address=spec.address,
        line=spec.source.line,
        column=spec.source.column,
        project_id=spec.project_id,
        task_type=spec.task_type,
        digest=spec.digest,
        prevent_destroy=spec.prevent_destroy,
    )


def _cache_key(defaults: Defaults) -> str:
    """What an entry depends on beside the file's bytes."""
    what = [__version__, manifest_schema(), defaults.project_id, defaults.task_info]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def ensure_targets(targets: Iterable[str], desired: Iterable[Address], state: State) -> tuple[Address, ...]:
    """The targets as addresses.

    Raises:
        UsageError: a target is neither in the manifests nor in the state.
    """
    known = sorted({*desired, *state.tasks, *state.open})
    for target in targets:
        if target not in known:
            raise UsageError(
                f'There is no task "{target}"{nearest(target, known)}.\n  --target takes an address.'
            )
    return tuple(sorted({Address(target) for target in targets}))


def problem_text(problems: Iterable[Problem]) -> str:
    """Problems one a line, and how many there are."""
    listed = sorted(problems)
    count = sum(problem.severity is Severity.ERROR for problem in listed)
    lines = "\n".join(str(problem) for problem in listed)
    return f"{lines}\n{count} problem{'' if count == 1 else 's'}. Nothing was changed."


def setting_flags(values: Mapping[str, object]) -> dict[str, str | float | None]:
    """The parsed arguments that are settings."""
    return {name: values[name] for name in BY_NAME if values.get(name) is not None}  # type: ignore[misc]  # argparse gives text or None


def _problems(loaded: LoadedFile, index: int, parsed: Parsed) -> list[Problem]:
    return [
        *located(loaded.path, index, parsed.faults),
        *located(loaded.path, index, parsed.warnings, Severity.WARNING),
    ]


def _no_manifests(path: str) -> Problem:
    """Not an error: a project whose last task is to be deleted has none."""
    shown = f"{path.rstrip('/')}/"
    return Problem(Source(shown), f"no manifests were found below {shown}", Severity.WARNING)


def _clash(first: TaskSpec, again: TaskSpec) -> Problem:
    place: Source = again.source
    return Problem(place, f'the address "{again.address}" is taken: {first.source} has it too')
