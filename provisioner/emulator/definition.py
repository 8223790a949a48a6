"""The API's own definition: actions, objects, fields and types, read from ``api.json``.

Rule: nothing about a parameter is written in this package's code; it is looked up here. That is what
makes the emulator a second witness: a name that our client spells wrong is not in the definition.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field of an object."""

    name: str
    type: str
    """A scalar's name, ``object`` or ``list``."""

    item: str = ""
    """Of an object or a list: an object's name, or for a list also a scalar's."""

    required: bool = False
    china_only: bool = False
    role: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """All that is declared."""

    version: str
    requests: Mapping[str, str]
    """API action to the name of its request object."""

    objects: Mapping[str, Mapping[str, Field]]


@cache
def load() -> Definition:
    """The definition, read once."""
    path = os.path.join(os.path.dirname(__file__), "api.json")
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    return Definition(
        version=document["version"],
        requests={name: action["request"] for name, action in document["actions"].items()},
        objects={
            name: {field["name"]: Field(**field) for field in fields}
            for name, fields in document["objects"].items()
        },
    )
