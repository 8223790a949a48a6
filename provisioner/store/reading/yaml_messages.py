"""What is wrong with a YAML text, in people's words.

Rule: libyaml says what its scanner expected; this says what to change. Every message ends in
something that the author of a file can do.
"""

# libyaml's words for what is wrong, and ours. {begin}: the line where the construct begins.
_WORDS = {
    "mapping values are not allowed in this context": 'a ":" cannot stand here: '
    'indent the line like its neighbours, or quote text that holds ": "',
    "could not find expected ':'": 'this line is neither "key: value" nor "- value": '
    "check it and its indentation",
    "did not find expected key": "a key is expected here, indented like the others of the map "
    "that begins in line {begin}",
    "did not find expected '-' indicator": 'a "- " is expected here, indented like the others of the list '
    "that begins in line {begin}",
    "did not find expected ',' or ']'": 'a "," or a "]" is missing in the list that begins in line {begin}',
    "did not find expected ',' or '}'": 'a "," or a "}" is missing in the map that begins in line {begin}',
    "did not find expected node content": "a value is expected here",
    "did not find expected <document start>": "nothing more is expected here: "
    'a new document begins with "---"',
    "did not find expected alphabetic or numeric character": "an anchor or an alias needs a name: "
    'quote text that begins with "&" or "*"',
    "block sequence entries are not allowed in this context": "a list cannot begin here: "
    'put its first "- " on the next line',
    "found unexpected end of stream": "the quoted text that begins here has no closing quote",
    "found unexpected document indicator": "the quoted text that begins in line {begin} has no closing quote "
    "before this line",
    "found unknown escape character": "this escape does not exist: write two backslashes for one, "
    "or use single quotes",
    "found invalid Unicode character escape code": "this escape is not of a whole character: "
    "write the character itself",
    "did not find expected hexdecimal number": "this escape is not complete: write two backslashes for one, "
    "or use single quotes",
    "did not find expected comment or line break": 'text after "|" or ">" begins on the next line',
    "found undefined tag handle": "a tag is not allowed: remove it; a value is what it looks like",
    "found a tab character where an indentation space is expected": "a tab cannot indent: use spaces",
    "found a tab character that violates indentation": "a tab cannot indent: use spaces",
    "found incompatible YAML document": "files are read as YAML 1.2: remove this line",
    "found unknown directive name": 'this directive does not exist: quote text that begins with "%"',
}

TAG_DIRECTIVE = "the directive %TAG is not allowed: there are no tags"
VERSION_DIRECTIVE = _WORDS["found incompatible YAML document"]

BEGINS_IN_ERROR = frozenset(["could not find expected ':'", "found unexpected end of stream"])
"""Faults whose place is where the construct begins: libyaml notices them only at its end."""


def syntax_fault(problem: str, *, begin_line: int, character: str) -> str:
    """What libyaml calls ``problem``, in our words; ``character`` stands at its place."""
    if problem == "found character that cannot start any token":
        return _impossible_beginning(character)
    return _WORDS.get(problem, f"not YAML: {problem}").replace("{begin}", str(begin_line))


def not_text(written: str) -> str:
    """Why a plain scalar cannot be a key."""
    return (
        f'the key {written} is not text: quote it ("{written}")' if written else 'a key is missing before ":"'
    )


def refused_character(code: int) -> str:
    """Why a character cannot stand in a text."""
    name = f"the character U+{code:04X}"
    if 0xD800 <= code <= 0xDFFF:
        return f"{name} is half of a character and cannot be encoded"
    escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return f"{name} is not allowed as it stands: write {escape} in double quotes"


def _impossible_beginning(character: str) -> str:
    if character == "\t":
        return _WORDS["found a tab character that violates indentation"]
    return f'a value cannot begin with "{character}": quote it'
