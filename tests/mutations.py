"""Bytes changed at random, the same way for the same seed: for fuzz tests."""

import random

_JSON = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"NaN",
    b"\\ud800",
    b'""',
]
_YAML = [
    b"- ",
    b": ",
    b"&a ",
    b"*a",
    b"!!str ",
    b"<<: ",
    b"|\n",
    b">-\n",
    b"---\n",
    b"...\n",
    b"? ",
    b"# ",
    b"'",
]
_BYTES = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\x1b[31m",
    b"9" * 400,
    b" " * 80,
]
_WORDS = [*_JSON, *_YAML, *_BYTES]


def mutated(data: bytes, seed: str) -> bytes:
    """The bytes after one to four changes; one time in twenty nothing of them is left."""
    chance = random.Random(seed)
    if chance.random() < 0.05:
        return _rubbish(chance)
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        _change(changed, chance)
    return bytes(changed)


def _rubbish(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(200))
    return b"".join(chance.choices(_WORDS, k=chance.randrange(60)))


def _change(data: bytearray, chance: random.Random) -> None:
    """One change, in place."""
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((1, 1, 2, 8, 64, 1024)))
    match chance.randrange(8):
        case 0 if start < len(data):
            data[start] ^= 1 << chance.randrange(8)
        case 1 if start < len(data):
            data[start] = chance.randrange(256)
        case 2:
            data[start:start] = chance.choice(_WORDS)
        case 3:
            del data[start:end]
        case 4:
            data[start:start] = data[start:end]
        case 5:
            del data[start:]
        case 6:
            _swap_lines(data, chance)
        case _:
            data[start:end] = chance.choice(_WORDS)


def _swap_lines(data: bytearray, chance: random.Random) -> None:
    """Two lines in each other's place, or one of them twice."""
    lines = bytes(data).splitlines(keepends=True)
    if len(lines) < 2:
        return
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    changed = list(lines)
    changed[one] = lines[other]
    if chance.random() < 0.5:
        changed[other] = lines[one]
    data[:] = b"".join(changed)
