"""What is escaped before it is printed, and what is left as it is."""

import sys
import unicodedata

import pytest

from provisioner.core.text import printable, printable_lines

DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text, é 任务 😀 \\n", "plain text, é 任务 😀 \\n"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred\x07\x7f\x9b", "\\x1b[31mred\\x07\\x7f\\x9b"),
        ("\u202eabc\u2066\u200b\ufeff\u2028\xad", "\\u202eabc\\u2066\\u200b\\ufeff\\u2028\\xad"),
        ("\udcff\ud800", "\\udcff\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_dangerous_character_is_escaped_and_no_other() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category in DANGEROUS:
            assert printable(character) != character, hex(code)
        elif category != "Cn":  # may get a meaning in a later Unicode
            assert printable(character) == character, hex(code)


def test_plain_text_is_not_copied() -> None:
    text = "a plain manifest name"
    assert printable(text) is text


def test_printable_lines_keeps_newlines_only() -> None:
    assert printable_lines("a\nb\x1b\r\n") == "a\nb\\x1b\\r\n"
    assert printable_lines("plain") == "plain"
