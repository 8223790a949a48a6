"""Colour, or none: the one place that knows escape sequences.

Rule: whether to colour is decided by whoever prints. What comes from outside is made printable
before it comes here.
"""

from dataclasses import dataclass

_CODES = {"green": "32", "yellow": "33", "red": "31", "cyan": "36", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class Paint:
    """A brush that paints if it was told to."""

    colour: bool

    def __call__(self, text: str, *styles: str) -> str:
        """The text in these styles."""
        if not self.colour or not text:
            return text
        codes = ";".join(_CODES[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"
