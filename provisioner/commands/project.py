"""A project opened: its root, its settings, its manifests and its state file.

Rule: everything that a command needs from the folder comes through here, so that every command
finds the root, reads the settings and words a problem in the same way.
"""

import gc
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner import __version__
from provisioner.core.address import Address, JSONObject, Source
from provisioner.core.manifest import Defaults, Parsed, TaskSpec, collect, parse
from provisioner.core.plan import Origin
from provisioner.core.problem import Problem, Severity
from provisioner.core.schema import manifest_schema
from provisioner.core.settings import BY_NAME, FILE_NAME, Settings, resolve, settings_schema
from provisioner.core.state import State
from provisioner.core.validation import Checker, Fault, nearest
from provisioner.errors import ManifestError, UsageError
from provisioner.store.backend import LocalBackend
from provisioner.store.documents import LoadedFile, find_documents, load_documents, locate


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

    def manifests(self) -> Manifests:
        """Read and check every manifest. Problems are returned, not raised."""
        # Nothing that is built here holds cycles, and there is a lot of it: collecting costs 40 %.
        gc.disable()
        try:
            return load_manifests(self.settings.manifests, self.settings.defaults)
        finally:
            gc.freeze()
            gc.enable()

    def backend(self) -> LocalBackend:
        """The state file; nothing is read yet."""
        return LocalBackend(self.settings.state, stack=self.settings.stack, tool_version=__version__)

    def origin(self, state: State, *, targets: Sequence[Address] = (), destroy: bool = False) -> Origin:
        """What a plan of this project is worked out from."""
        return Origin(
            tool_version=__version__,
            stack=self.settings.stack,
            lineage=state.lineage,
            serial=state.serial,
            endpoint=self.settings.endpoint,
            environment=self.settings.environment,
            targets=tuple(targets),
            destroy=destroy,
        )


def open_project(options: Options) -> Project:
    """Find the root, make it the current folder, and read the settings.

    Raises:
        UsageError: there is no project here, or a flag or variable is unusable.
        ManifestError: provisioner.yaml has problems; all of them are in the text.
    """
    root = _find_root(options.chdir)
    os.chdir(root)
    loaded = load_documents(FILE_NAME)
    problems = list(loaded.problems)
    document: JSONObject = {}
    if not problems:
        if len(loaded.documents) > 1:
            problems.append(Problem(loaded.documents[1].source, f"{FILE_NAME} holds one document, not more"))
        value = loaded.documents[0].value
        problems += _located(
            FILE_NAME, loaded.documents[0].index, Checker(settings_schema()).check(value), Severity.ERROR
        )
        document = value if isinstance(value, Mapping) else {}
    if problems:
        raise ManifestError(problem_text(problems))
    return Project(
        resolve(document, environment=options.environment, variables=os.environ, flags=options.flags)
    )


def load_manifests(path: str, defaults: Defaults) -> Manifests:
    """Every manifest below ``path`` as specs by address, and every problem."""
    files, problems = find_documents(path)
    checker = Checker(manifest_schema())
    specs: list[TaskSpec] = []
    for name in files:
        loaded = load_documents(name)
        problems += loaded.problems
        for document in loaded.documents:
            parsed = parse(document.value, document.source, checker, defaults)
            problems += _problems(loaded, document.index, parsed)
            if parsed.spec is not None:
                specs.append(parsed.spec)
    desired, clashes = collect(specs)
    problems += [_clash(first, again) for first, again in clashes]
    return Manifests(desired, tuple(sorted(problems)), len(files))


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


def _find_root(chdir: str) -> str:
    """The folder given, or the nearest one upwards with a provisioner.yaml."""
    start = os.path.abspath(chdir or os.curdir)
    folder = start
    while True:
        if os.path.lexists(os.path.join(folder, FILE_NAME)):
            return folder
        parent = os.path.dirname(folder)
        if chdir or parent == folder:
            raise UsageError(
                f"There is no project here: {FILE_NAME} was not found.\n  looked in {start}"
                + ("" if chdir else " and in every folder above it")
                + "\nMake one with:\n  provisioner init"
            )
        folder = parent


def _problems(loaded: LoadedFile, index: int, parsed: Parsed) -> list[Problem]:
    return [
        *_located(loaded.path, index, parsed.faults, Severity.ERROR),
        *_located(loaded.path, index, parsed.warnings, Severity.WARNING),
    ]


def _located(path: str, index: int, faults: Iterable[Fault], severity: Severity) -> list[Problem]:
    return [
        Problem(locate(path, index, fault.path, key=fault.at_key), fault.message, severity)
        for fault in faults
    ]


def _clash(first: TaskSpec, again: TaskSpec) -> Problem:
    place: Source = again.source
    return Problem(place, f'the address "{again.address}" is taken: {first.source} has it too')
