"""provisioner.yaml: found, read, checked, and joined with variables and flags.

Rule: what the file says wrong is a problem with a place in it, of every environment and for every
command; what a variable or a flag says wrong is wrong usage.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.problem import Problem, Severity
from provisioner.core.schema.validation import Checker, Fault, Path
from provisioner.core.settings import (
    EMBEDDED,
    FILE_NAME,
    Settings,
    default_faults,
    resolve,
    settings_schema,
)
from provisioner.core.text import printable
from provisioner.errors import UsageError
from provisioner.store.reading.documents import load_documents, locate


def enter_root(chdir: str) -> None:
    """Make the project's root the current folder: the one given, or the nearest one upwards with settings.

    Raises:
        UsageError: there is no such folder, or no project in it.
    """
    try:
        start = os.path.abspath(chdir or os.curdir)
        if chdir:
            os.chdir(start)
        os.chdir(_root_above(start, only_here=bool(chdir)))
    except FileNotFoundError as error:
        raise _unusable(chdir, "there is no such folder") from error
    except OSError as error:
        raise _unusable(chdir, (error.strerror or "cannot be entered").lower()) from error


def read_settings(
    environment: str, flags: Mapping[str, str | float | None]
) -> Settings | tuple[Problem, ...]:
    """The settings in force, or everything that is wrong with the file in the current folder.

    Args:
        environment: the one that was chosen, or empty.
        flags: setting name to value, for the flags that were given.

    Raises:
        UsageError: a flag or a variable is unusable, or there is no such environment.
    """
    loaded = load_documents(FILE_NAME)
    if loaded.problems:
        return tuple(loaded.problems)
    first, *others = loaded.documents
    problems = [Problem(other.source, f"{FILE_NAME} holds one document, not more") for other in others[:1]]
    faults = Checker(settings_schema()).check(first.value)
    document = cast("JSONObject", first.value) if not faults else {}
    problems += located(FILE_NAME, first.index, [*faults, *_further_faults(document)])
    if problems:
        return tuple(sorted(problems))
    settings = resolve(document, environment=environment, variables=os.environ, flags=flags)
    _ensure_endpoint(settings.endpoint)
    return settings


def located(
    path: str, index: int, faults: Iterable[Fault], severity: Severity = Severity.ERROR
) -> list[Problem]:
    """Faults of one document of a file, each at its place."""
    return [
        Problem(locate(path, index, fault.path, key=fault.at_key), fault.message, severity)
        for fault in faults
    ]


def _unusable(chdir: str, why: str) -> UsageError:
    return UsageError(f"The project's folder cannot be used.\n  {printable(chdir or os.curdir)}: {why}")


def _root_above(start: str, *, only_here: bool) -> str:
    folder = start
    while not os.path.lexists(os.path.join(folder, FILE_NAME)):
        parent = os.path.dirname(folder)
        if only_here or parent == folder:
            where = "" if only_here else " and in every folder above it"
            raise UsageError(
                f"There is no project here: {FILE_NAME} was not found.\n"
                f"  looked in {printable(start)}{where}\n"
                "Make one with:\n  provisioner init"
            )
        folder = parent
    return folder


def _further_faults(document: JSONObject) -> Iterator[Fault]:
    """What the schema cannot say, of the environments that were not chosen too."""
    environments = cast("Mapping[str, JSONObject | None]", document.get("environments") or {})
    yield from _faults_of(document, ())
    for name, layer in environments.items():
        yield from _faults_of(layer or {}, ("environments", name))


def _faults_of(layer: JSONObject, path: Path) -> Iterator[Fault]:
    yield from default_faults(layer, path)
    endpoint = layer.get("endpoint")
    if endpoint is None:
        return
    try:
        _ensure_endpoint(cast("str", endpoint))
    except UsageError as error:
        yield Fault((*path, "endpoint"), " ".join(line.strip() for line in str(error).splitlines()))


def _ensure_endpoint(endpoint: str) -> None:
    """Pass, or say why nothing can be sent there.

    Raises:
        UsageError: see ``parse_endpoint``.
    """
    if endpoint != EMBEDDED:
        # Not needed by a plan against the embedded emulator, and not free to import.
        from provisioner.cloud.endpoint import parse_endpoint

        parse_endpoint(endpoint)
