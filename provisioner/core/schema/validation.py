"""Whether a document is what its schema says, and what is wrong with it in people's words.

Rule: jsonschema-rs decides, because it is 200 times faster; jsonschema is imported only when the
verdict is no, to find every fault and where it is. The words are ours: they say what to write.

A fault has a path and not yet a place in a file: whoever holds the text turns one into the other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from provisioner.core.address import ADDRESS_PATTERN, MAX_ADDRESS
from provisioner.core.json_types import JSONValue

Path: TypeAlias = "tuple[str | int, ...]"

Violation: TypeAlias = Any
"""A ``jsonschema.ValidationError``: not named, so that importing this module does not import it."""

_SHOWN_CHARACTERS = 60
_ADDRESS = re.compile(ADDRESS_PATTERN)
_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
}
_DIGITS = re.compile("-?[0-9]{1,20}")
_COMPLAINTS = {
    "pattern": "{value} is not of the form {expected}",
    "minLength": "must not be empty",
    "minItems": "must not be empty",
    "minimum": "must not be less than {expected}",
    "maximum": "must not be more than {expected}",
    "exclusiveMinimum": "must be more than {expected}",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong at a path of a document."""

    path: Path
    message: str
    at_key: bool = False
    """The fault is the last key of the path itself, not its value."""


class Checker:
    """Checks documents against one schema; compiled at the first use."""

    def __init__(self, schema: dict[str, JSONValue]) -> None:
        self.schema = schema

    @cached_property
    def _compiled(self) -> Any:  # noqa: ANN401  # jsonschema-rs has one class per dialect
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(self.schema)

    def is_valid(self, document: JSONValue) -> bool:
        """The verdict; about 15 microseconds for a manifest."""
        return bool(self._compiled.is_valid(document))

    def check(self, document: JSONValue) -> list[Fault]:
        """Every fault, in order of path; empty if the document is valid."""
        if self.is_valid(document):
            return []
        faults = sorted(set(self._explain(document)), key=_order)
        # The two validators differ in corner cases (see the differential test). The fast one decides.
        return faults or [
            Fault(tuple(error.instance_path), "is not what the schema allows here")
            for error in self._compiled.iter_errors(document)
        ]

    def _explain(self, document: JSONValue) -> Iterator[Fault]:
        from jsonschema import Draft202012Validator

        validator = Draft202012Validator(self.schema)
        for error in validator.iter_errors(document):
            yield from _faults(error)


def nearest(name: str, known: Sequence[str]) -> str:
    """`` (did you mean "X"?)`` for the known name that is most like it, or nothing."""
    import difflib

    folded = {candidate.lower(): candidate for candidate in reversed(known)}
    if found := difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6):
        return f' (did you mean "{folded[found[0]]}"?)'
    return ""


def shown(value: JSONValue) -> str:
    """A value as JSON, cut to a length that fits a message; a text keeps both its quotes."""
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return json.dumps(f"{value[:_SHOWN_CHARACTERS]}…", ensure_ascii=False)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def address_complaint(text: str) -> str:
    """Why a text is no address, to be said after what it is; empty if it is one."""
    if _ADDRESS.fullmatch(text):
        return ""
    if not text:
        return "must not be empty"
    if len(text) > MAX_ADDRESS:
        return f"has {len(text)} characters, and may have at most {MAX_ADDRESS}: {shown(text)}"
    return (
        f"{shown(text)} has a character that is not allowed: use 1 to {MAX_ADDRESS} ASCII letters, digits, "
        '"_", "-" and ".", beginning with a letter, a digit or "_"'
    )


def path_text(path: Path) -> str:
    """``TaskInfo.Nodes[0].Config``; empty for the document itself."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _order(fault: Fault) -> tuple[list[tuple[bool, int, str]], str]:
    keys = [(isinstance(p, str), p if isinstance(p, int) else 0, str(p)) for p in fault.path]
    return keys, fault.message


def _faults(error: Violation) -> Iterator[Fault]:
    path: Path = tuple(error.absolute_path)
    match error.validator:
        case "additionalProperties":
            yield from _unknown_fields(error, path)
        case "required":
            yield from _missing_fields(error, path)
        case "anyOf":
            # Our only use is "this object, or null": the object's own faults are the ones to show.
            if isinstance(error.instance, dict):
                for inner in error.context or ():
                    if inner.validator != "type" or inner.absolute_path != error.absolute_path:
                        yield from _faults(inner)
            else:
                yield Fault(path, f"{_what(path)} must be a map, not {_found(error.instance)}")
        case _:
            yield Fault(path, f"{_what(path)} {_complaint(error)}")


def _unknown_fields(error: Violation, path: Path) -> Iterator[Fault]:
    known = sorted(error.schema.get("properties", {}))
    for name in error.instance:
        if name not in known:
            where = f" in {path_text(path)}" if path else ""
            yield Fault((*path, name), f'unknown field "{name}"{where}{nearest(name, known)}', at_key=True)


def _missing_fields(error: Violation, path: Path) -> Iterator[Fault]:
    for name in error.validator_value:
        if name not in error.instance:
            yield Fault(path, f'"{name}" is missing{f" in {path_text(path)}" if path else ""}')


def _complaint(error: Violation) -> str:
    expected, value = error.validator_value, error.instance
    match error.validator:
        case "type":
            return _type_complaint(expected, value)
        case "const":
            return f"must be {shown(expected)}, not {shown(value)}"
        case "enum":
            allowed = [str(item) for item in expected]
            hint = nearest(value, allowed) if isinstance(value, str) else ""
            return f"cannot be {shown(value)}{hint or ': write ' + ', '.join(allowed)}"
        case keyword:
            if expected == ADDRESS_PATTERN:
                return address_complaint(str(value))
            complaint = _COMPLAINTS.get(keyword, "is not what the schema allows here")
            if "propertyNames" in error.absolute_schema_path:
                complaint = f"has a name that is not allowed: {complaint}" if value else "has an empty name"
            return complaint.format(value=shown(value), expected=expected)


def _type_complaint(expected: str | list[str], value: JSONValue) -> str:
    wanted = [expected] if isinstance(expected, str) else [name for name in expected if name != "null"]
    words = " or ".join(_TYPE_WORDS[name] for name in wanted)
    advice = ""
    if wanted == ["string"] and isinstance(value, int | float):
        advice = f': quote it: "{json.dumps(value)}"'
    elif "integer" in wanted and isinstance(value, str) and _DIGITS.fullmatch(value):
        advice = f": write {int(value)}, without quotes or leading zeros"
    return f"must be {words}, not {_found(value)}{advice}"


def _found(value: JSONValue) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"the truth value {shown(value)}"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text {shown(value)}"
        case Mapping():
            return "a map"
        case _:
            return "a list"


def _what(path: Path) -> str:
    return path_text(path) or "the document"
