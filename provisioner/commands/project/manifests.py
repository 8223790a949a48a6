"""Every manifest read and checked: what did not change by the cache, a large rest by several processes.

Rule: whether a file is parsed, and by which process, changes nothing but the time. The same files
give the same specs and problems, in the same order.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner import __version__
from provisioner.commands.project.settings_file import located
from provisioner.core.address import Address
from provisioner.core.body.lazy import held
from provisioner.core.jobs.codec import packed_run, unpacked_run
from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.parse import MOVED_FROM, Defaults, Parsed, ReadFile, parse
from provisioner.core.manifest.problem import Problem, Severity
from provisioner.core.manifest.spec import Removal, TaskSpec, collect
from provisioner.core.plan.moves import NameFault, Names, name_faults, names_of
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker, Path
from provisioner.core.source import Source
from provisioner.core.state.state import State
from provisioner.store.cache import Head, ManifestCache
from provisioner.store.reading.documents import (
    LoadedFile,
    content_digest,
    find_documents,
    load_documents,
    locate,
)

LEAST_FILES = 150
"""With fewer files to parse than this, the native reader costs more than it saves, and with fewer for each,
so do other processes."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """Everything that the manifests say, wrong or right."""

    desired: Mapping[Address, TaskSpec]
    problems: tuple[Problem, ...]
    """Errors and warnings, in order of place."""

    files: int
    removed: Mapping[Address, Removal] = field(default_factory=dict)
    """Tasks that are not to be managed any more."""

    def names(self, *, use_marker: bool) -> Names:
        """What they say of addresses."""
        return names_of(self.desired.values(), self.removed, use_marker=use_marker)

    @property
    def errors(self) -> list[Problem]:
        """The problems that forbid a plan."""
        return [problem for problem in self.problems if problem.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Problem]:
        """The problems that are worth saying and forbid nothing."""
        return [problem for problem in self.problems if problem.severity is Severity.WARNING]


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
    specs: dict[str, Sequence[TaskSpec]] = {}
    removals: list[Removal] = []
    if cache is not None and state is not None:
        specs = {name: found for name in files if (found := _unchanged(name, cache, state))}
    changed = [name for name in files if name not in specs]
    for file in _parsed(changed, ManifestReader(defaults, natively=len(changed) >= LEAST_FILES)):
        specs[file.path] = file.specs
        problems += file.problems
        removals += file.removals
        if cache is not None:
            _keep(file, cache)
    desired, clashes = collect(spec for name in files for spec in specs[name])
    problems += [_clash(first, again) for first, again in clashes]
    removed, faults = name_faults(desired, sorted(removals, key=lambda one: one.source))
    problems += [_name_problem(fault) for fault in faults]
    return Manifests(desired, tuple(sorted(problems)), len(files), removed)


def cache_key(defaults: Defaults) -> str:
    """What an entry depends on beside the file's bytes."""
    what = [__version__, manifest_schema(), defaults.project_id, defaults.task_info]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


class ManifestReader:
    """Parses and checks files, one by one."""

    def __init__(self, defaults: Defaults, *, natively: bool = False) -> None:
        self._natively = natively
        self._checker = Checker(manifest_schema())
        self._defaults = defaults

    def read(self, name: str) -> ReadFile:
        """What one file says, and everything wrong with it."""
        loaded = load_documents(name, natively=self._natively)
        specs, removals, problems = [], [], list(loaded.problems)
        for document in loaded.documents:
            parsed = parse(document.value, document.source, self._checker, self._defaults)
            problems += _problems(loaded, document.index, parsed)
            if parsed.spec is not None:
                specs.append(parsed.spec)
            if parsed.removal is not None:
                removals.append(parsed.removal)
        return ReadFile(name, loaded.digest, tuple(specs), tuple(problems), tuple(removals))

    def read_packed(self, names: Sequence[str]) -> bytes:
        """What several files say, as bytes for ``unpacked``."""
        from provisioner.commands.project.packing import packed

        return packed(self.read(name) for name in names)


def _parsed(names: Sequence[str], reader: ManifestReader) -> Iterator[ReadFile]:
    """These files, parsed, in whatever order."""
    if len(names) < 2 * LEAST_FILES:
        yield from map(reader.read, names)
        return
    from provisioner.commands.project.packing import unpacked
    from provisioner.commands.project.processes import processes_for, shared

    count = processes_for(len(names), least=LEAST_FILES)
    for answer in shared([names[first::count] for first in range(count)], reader.read_packed):
        yield from unpacked(answer)


def _unchanged(name: str, cache: ManifestCache, state: State) -> Sequence[TaskSpec]:
    """The specs of a file that says what the state has; empty if it does not, or if that is not known."""
    digest, heads = cache.heads(name)
    specs = []
    for head in heads:
        address = Address(head.address)
        record = state.tasks.get(address)
        if record is None or address in state.open or record.digest != head.digest:
            return ()
        body = held(record, "spec")
        specs.append(
            TaskSpec(
                address=address,
                source=Source(name, head.line, head.column),
                project_id=head.project_id,
                task_type=head.task_type,
                body=body,
                create_body=body,
                digest=head.digest,
                prevent_destroy=head.prevent_destroy,
                moved_from=tuple(Address(old) for old in head.moved_from),
                run=unpacked_run(head.run),
            )
        )
    if not specs or content_digest(name) != digest:
        return ()
    cache.keep(name, digest, heads)
    return specs


def _keep(file: ReadFile, cache: ManifestCache) -> None:
    """Remember a file that has nothing wrong with it."""
    if not (file.problems or file.removals) and not any(spec.ignore_changes for spec in file.specs):
        cache.keep(file.path, file.digest, [_head(spec) for spec in file.specs])


def _head(spec: TaskSpec) -> Head:
    return Head(
        address=spec.address,
        line=spec.source.line,
        column=spec.source.column,
        project_id=spec.project_id,
        task_type=spec.task_type,
        digest=spec.digest,
        prevent_destroy=spec.prevent_destroy,
        moved_from=spec.moved_from,
        run=packed_run(spec.run),
    )


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
    return Problem(again.source, f'the address "{again.address}" is taken: {first.source} has it too')


def _name_problem(fault: NameFault) -> Problem:
    return Problem(name_place(fault.source, fault.address), fault.message)


def name_place(source: Source, old: Address | None) -> Source:
    """Where the document that begins at ``source`` names the address that its task had before.

    None: where it says that its task is removed. The file is read once more: this is for the words of a
    problem, and nobody keeps every place of every file for that.
    """
    for document in load_documents(source.file).documents:
        if document.source == source:
            return locate(source.file, document.index, _name_path(document.value, old))
    return source


def _name_path(document: JSONValue, old: Address | None) -> Path:
    if old is None:
        return ("removed",)
    moved = document.get("moved") if isinstance(document, Mapping) else None
    written = moved.get("from") if isinstance(moved, Mapping) else None
    return (*MOVED_FROM, written.index(old)) if isinstance(written, list) and old in written else MOVED_FROM
