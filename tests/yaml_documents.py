"""YAML documents of every kind, right and wrong, the same for the same seed: to hold two readers to each other."""

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml

from corpus import manifest
from mutations import mutated

_SCALARS = (
    *(
        "a",
        "b c",
        "a#b",
        "a #c",
        "#c",
        "x: y",
        "a:b",
        "a:",
        ":a",
        "::",
        "a,b",
        "it's",
        "x 'y",
        "a ?b",
        "=",
        "<a",
    ),
    *(
        "0",
        "5",
        "-3",
        "12",
        "007",
        "1.5",
        "1e3",
        "-0",
        ".5",
        "+1",
        "0x1f",
        "1_000",
        "1:30",
        "2024-01-01",
        "0o7",
    ),
    *("_100", "_1_0", "__5", "-_5", "+_1", "._1", "_a", "_", "1_", "[_5]", "{a: _5}"),
    *("12345678901234567890", "123456789012345", "1234567890123456", "9" * 400, "1 # c", "1 #c", "1#c", "1 "),
    *(
        "~",
        "null",
        "Null",
        "true",
        "True",
        "FALSE",
        "yes",
        "no",
        "on",
        ".nan",
        "-.inf",
        "~x",
        "null x",
        "true:",
    ),
    *('"q"', "'s'", '"05"', "'it''s'", '"a, b: 05"', '""', "''", "' '", '"a\\nb"', "'a\\nb'", '"x\n  y"'),
    *("[1,2]", "[]", "{}", "{a: 1}", "{a: 1, b: [c, 2]}", "[a: b]", "{a, b}", "{a:1}", '{"a":1}', "{'a': x}"),
    *(
        "[a, ]",
        "[,]",
        "[a,,b]",
        "{a: }",
        "{: a}",
        "{? a : b}",
        "[05]",
        "[5 ,6]",
        "{a: 05}",
        "{5: a}",
        "{[a]: b}",
    ),
    *("]", "}", "[", "{", "- a", "-", "--", "-a", "- - a", "- 5", "-12 ", "k: v", "k: 'v'", "- x: 5\n  y: 6"),
    *("*a", "&a x", "!t x", "|", "|\n  text\n  05", "> ", "? a", "?", "? ", "<<", "<<: a", "%x", "@a", "`a`"),
    *("---", "...", "..", "...x", ".a", "!", "&", "*", "a b:c", "a\\b", "x\n  y", "x\n\n    y", "'x\n\n  y'"),
    *(
        "é",
        "中文",
        "😀",
        "\u2028",
        "\ufeff",
        "\x85",
        "\xa0",
        "\u200b",
        "a\u3000b",
        "x\ty",
        "\t",
        "a\r",
        "\x7f",
        "\x01",
    ),
    *("x" * 1100, '"' + "k" * 1100 + '"'),
)
_PLAIN_KEYS = ("a", "b", "c", "name", "TaskInfo", "Config")
_KEYS = (
    *_PLAIN_KEYS,
    *(
        '"k"',
        "'k'",
        "k k",
        "5",
        "true",
        "~",
        "null",
        "a.b",
        "x-y",
        "é",
        "a#b",
        "-a",
        "? a",
        "[a]",
        "{a: b}",
        "<<",
    ),
    *('"5"', "0x1"),
)
_CHARACTERS = (*"'\"[]{},:#-?&*!|>%@` \t0.5+\\\n", "  ", ": ", "- ", ", ")
_VALUES = (
    *(
        None,
        True,
        False,
        0,
        5,
        -3,
        1.5,
        1e300,
        "",
        "a",
        "05",
        "5",
        "true",
        "null",
        "it's",
        'q"q',
        "a: b",
        "- a",
    ),
    *(
        "#c",
        "a #b",
        "multi\nline",
        "trail ",
        "  lead",
        "x" * 90 + " y" * 40,
        "é中",
        "😀",
        "a\tb",
        "2024-01-01",
    ),
    *(
        "1:30",
        "~",
        "[x",
        "{x",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "|",
        ">",
        "?",
        "? a",
        "-",
        "---",
        "...",
        " ",
        "key:",
    ),
)


def yaml_document(seed: int) -> str:
    """One document, or what is left of one."""
    chance = random.Random(seed)
    (make,) = chance.choices(tuple(_KINDS), tuple(_KINDS.values()))
    return make(chance)


def _written_by_hand(chance: random.Random) -> str:
    return _block(chance, 0, 0) or chance.choice(_SCALARS)


def _block(chance: random.Random, indent: int, depth: int) -> str:
    """A map or a list in block style; empty for a scalar."""
    if depth > 4 or chance.random() < 0.3:
        return ""
    is_list, lines = chance.random() < 0.4, []
    for number in range(chance.randint(1, 4)):
        head = " " * indent + ("- " if is_list else _key(chance, number))
        child = _block(chance, indent + chance.choice((2, 2, 2, 1, 3, 4, 2 if is_list else 0)), depth + 1)
        if not child or chance.random() < 0.35:
            ending = chance.choice(("", "", "", " ", "  # c", "#c"))
            lines.append(f"{head} {chance.choice(_SCALARS)}{ending}")
        elif is_list and chance.random() < 0.6:
            lines.append(head + child.lstrip(" "))
        else:
            lines += [head, child]
        if chance.random() < 0.05:
            lines.append(chance.choice(("", "# comment", "   # c", "  ", "---", "...")))
    return "\n".join(lines)


def _key(chance: random.Random, number: int) -> str:
    keys = _PLAIN_KEYS if chance.random() < 0.8 else _KEYS
    return (
        chance.choice(keys) + (str(number) if chance.random() < 0.5 else "") + chance.choice((":", ":", " :"))
    )


def _dumped(chance: random.Random) -> str:
    return _dump(_value(chance, 0), chance)


def _dump(value: Any, chance: random.Random) -> str:
    return str(
        yaml.dump(
            value,
            Dumper=yaml.CSafeDumper,
            default_flow_style=chance.choice((None, True, False)),
            allow_unicode=chance.random() < 0.7,
            width=chance.choice((20, 80, 1000)),
            indent=chance.choice((2, 4)),
            default_style=chance.choice((None, None, None, '"', "'")),
        )
    )


def _value(chance: random.Random, depth: int) -> Any:
    roll = chance.random() if depth < 3 else 1
    if roll < 0.3:
        keys = chance.choices(("a", "b", "c", "5", "true", "é", "x y", "- a", "k: v", "#h", ""), k=3)
        return {key: _value(chance, depth + 1) for key in keys}
    if roll < 0.55:
        return [_value(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    return chance.choice(_VALUES)


@lru_cache(maxsize=64)
def _manifest(number: int) -> str:
    chance = random.Random(number)
    text = manifest(number, chance)
    return text if number % 3 else _dump(yaml.safe_load(text), chance)


def _manifest_with_other_bytes(chance: random.Random) -> str:
    text = _manifest(chance.randrange(64))
    return mutated(text.encode(), str(chance.random())).decode(errors="ignore")


def _manifest_with_other_lines(chance: random.Random) -> str:
    lines = _manifest(chance.randrange(64)).split("\n")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        lines[at : at + 1] = chance.choice(_EDITS)(lines[at], chance)
        lines = lines or [""]
    return "\n".join(lines)


def _with_character(line: str, chance: random.Random) -> list[str]:
    at = chance.randrange(len(line) + 1)
    return [line[:at] + chance.choice(_CHARACTERS) + line[at:]]


_EDITS: tuple[Callable[[str, random.Random], list[str]], ...] = (
    lambda line, chance: [f"{line.partition(':')[0]}: {chance.choice(_SCALARS)}"],
    lambda line, chance: [line, f"{' ' * chance.randint(0, 8)}{_key(chance, 0)} {chance.choice(_SCALARS)}"],
    lambda line, chance: [" " * chance.randint(0, 3) + line],
    lambda line, chance: [line[chance.randint(0, 3) :]],
    lambda line, chance: [line + chance.choice((" ", "  # c", "#c", ",", "}", "]", ":", ": x", " 'x'", '"'))],
    lambda line, chance: [chance.choice(_SCALARS), line],
    _with_character,
    lambda _line, _chance: [],
)

_KINDS: dict[Callable[[random.Random], str], float] = {
    _written_by_hand: 0.35,
    _dumped: 0.2,
    _manifest_with_other_bytes: 0.2,
    _manifest_with_other_lines: 0.25,
}
