"""Places in files."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A place in a file. Lines and columns count from 1, as editors do; 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """``file:line:column``, or only the file where no place in it is meant."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file
