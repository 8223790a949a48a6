"""Something wrong with a file, for the person who wrote it.

Rule: a problem names its place and what to do. Problems are collected and shown together, never one
at a time: an author wants to correct a file once.
"""

from dataclasses import dataclass
from enum import StrEnum

from provisioner.core.json_types import JSONValue
from provisioner.core.source import Source
from provisioner.core.text import printable


class Severity(StrEnum):
    """Whether a problem forbids going on."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem; ordered by place, then by text."""

    source: Source
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """``file:line:column: message``; a warning says that it is one."""
        kind = "warning: " if self.severity is Severity.WARNING else ""
        return printable(f"{self.source}: {kind}{self.message}")


class ProblemsFoundError(Exception):
    """A text is not what it has to be; carries every problem. Never reaches a person as such."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file."""

    value: JSONValue
    source: Source
    """Where its first node stands."""

    index: int
    """Which document of the file it is, from 0."""
