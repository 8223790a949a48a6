r"""Text from outside, made safe to print.

Rule: whatever a manifest, a file name or the service says is escaped here where it is printed. A
terminal obeys control characters and reorders text around bidirectional marks; so each of those
becomes a visible escape such as ``\x1b`` or ``\u202e``. All other text stays as its author wrote it.
"""

import re
import shlex

# Control characters (C0, DEL, C1), line and paragraph separators, lone surrogates, and the format
# characters (Unicode category Cf: bidirectional marks, zero-width characters, tags, the BOM).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""The text on one line, every character that a terminal would obey as a visible escape."""
    return _UNSAFE.sub(_escape, text) if _UNSAFE.search(text) else text


def printable_lines(text: str) -> str:
    """Like ``printable``, line by line: the newlines are ours."""
    return "\n".join(printable(line) for line in text.split("\n")) if _UNSAFE.search(text) else text


def shell_word(text: str) -> str:
    """A name as one word of a command that a person may copy, on one line."""
    return printable(shlex.quote(text))


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
