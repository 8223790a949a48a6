"""Bodies without their secrets.

Rule: a value that must not be shown is replaced here, once, for every reader.
"""

from collections.abc import Mapping
from functools import lru_cache
from operator import is_not
from typing import cast

from provisioner.core.body.diff import names_a_secret
from provisioner.core.json_types import JSONObject, JSONValue

HIDDEN = "(sensitive value)"

_CONTAINERS = (dict, list)


def shown_body(body: JSONObject | None) -> JSONObject | None:
    """A body with every secret replaced, at whatever depth; the body itself if there is none."""
    return None if body is None else cast("JSONObject", masked(body))


def masked(value: JSONValue) -> JSONValue:
    """A value with every secret in it replaced; the value itself if there is none."""
    if isinstance(value, dict):
        return _masked_map(value)
    if not isinstance(value, list):
        return value
    items = [masked(item) for item in value]
    return items if any(map(is_not, items, value)) else value


def _masked_map(value: Mapping[str, JSONValue]) -> JSONObject:
    inner = {
        key: shown
        for key, item in value.items()
        if type(item) in _CONTAINERS and (shown := masked(item)) is not item
    }
    hidden = {key: HIDDEN for key in _secret_names(tuple(value)) if value[key] is not None}
    return {**value, **inner, **hidden} if inner or hidden else value


@lru_cache(maxsize=4096)
def _secret_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that hold a secret. Most maps have the same names as others; values do not come here."""
    return tuple(name for name in names if names_a_secret(name))
