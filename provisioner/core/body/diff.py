"""What differs between two canonical bodies, field by field.

Rule: equality first (it costs a microsecond), then a walk along the field table that matches list
items by key, and DeepDiff only for what is left irregular: a list without usable keys. DeepDiff is
imported here only and only then; over a whole body it costs 5 to 20 ms and does not test equality.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from provisioner.core.body.normalize import keys_of
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind

_PLAIN = re.compile(r"[A-Za-z_][0-9A-Za-z_-]*", re.ASCII)
_SECRET = re.compile(r"passw|secret|token|credential|private.?key|access.?key", re.IGNORECASE)

Path = tuple[str, ...]

ORDER = "(order)"
"""The last part of a path where only the order of a list's items differs."""


class ItemKey(str):
    """The key of a list item on a path; labelled in quotes, unlike a field's name."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs."""

    path: Path
    """From TaskInfo down: field names, setting names, and keys of list items."""

    before: JSONValue
    """None if it was absent; canonical bodies hold no null."""

    after: JSONValue
    """None if it will be absent."""

    replaces: str = ""
    """Why the change needs a new task; empty if it can be made in place."""

    @property
    def sensitive(self) -> bool:
        """Whether the values must not be shown."""
        return is_sensitive(self.path)


def is_sensitive(path: Path) -> bool:
    """Whether a field's name says that its value is a secret.

    The API has no field for a secret, but a setting may be given any name. A list item is no
    secret for being called ``payment_tokens``; the settings in it are looked at one by one.
    """
    return bool(path) and not isinstance(path[-1], ItemKey) and names_a_secret(path[-1])


@lru_cache(maxsize=4096)
def names_a_secret(name: str) -> bool:
    """Whether a field or setting of this name holds a secret. Names repeat; values do not come here."""
    return _SECRET.search(name) is not None


def path_label(path: Path) -> str:
    """``Nodes["orders"].Config.Database``: quoted where a plain name would be ambiguous."""
    label = ""
    for part in path:
        if _PLAIN.fullmatch(part) and not isinstance(part, ItemKey):
            label += f".{part}" if label else part
        else:
            label += '["' + part.replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return label


def diff(before: JSONObject, after: JSONObject) -> tuple[FieldChange, ...]:
    """Every difference between two TaskInfo bodies, in order of path; empty if they are equal."""
    if before == after:
        return ()
    return tuple(_object(before, after, TASK, ()))


def _object(before: JSONObject, after: JSONObject, name: str, path: Path) -> Iterator[FieldChange]:
    rules = OBJECTS[name]
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            # A name the table does not know can only come from an older or newer version's state.
            rule = rules.get(key)
            yield from _field(old, new, rule, (*path, key)) if rule else _scalar(old, new, None, (*path, key))


def _field(old: JSONValue, new: JSONValue, rule: FieldRule, path: Path) -> Iterator[FieldChange]:
    match rule.kind:
        case Kind.RECORDS:
            yield from _records(_map(old), _map(new), path)
        case Kind.OBJECT:
            yield from _object(_map(old), _map(new), rule.item, path)
        case Kind.OBJECTS:
            yield from _objects(_list(old), _list(new), rule, path)
        case _:
            yield from _scalar(old, new, rule, path)


def _scalar(old: JSONValue, new: JSONValue, rule: FieldRule | None, path: Path) -> Iterator[FieldChange]:
    yield FieldChange(path=path, before=old, after=new, replaces=rule.replaces if rule else "")


def _records(old: JSONObject, new: JSONObject, path: Path) -> Iterator[FieldChange]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield FieldChange(path=(*path, name), before=old.get(name), after=new.get(name))


def _objects(
    old: Sequence[JSONObject], new: Sequence[JSONObject], rule: FieldRule, path: Path
) -> Iterator[FieldChange]:
    old_keys, new_keys = _unique_keys(old, rule), _unique_keys(new, rule)
    if old_keys is None or new_keys is None:
        yield from _irregular(old, new, path)
        return
    olds, news = dict(zip(old_keys, old, strict=True)), dict(zip(new_keys, new, strict=True))
    for key in sorted({*olds, *news}):
        before, after = olds.get(key), news.get(key)
        place = (*path, ItemKey(" → ".join(key)))
        if before is None or after is None:
            yield FieldChange(path=place, before=before, after=after)
        elif before != after:
            yield from _object(before, after, rule.item, place)
    if rule.ordered:
        yield from _order(list(olds), list(news), path)


def _order(old: list[tuple[str, ...]], new: list[tuple[str, ...]], path: Path) -> Iterator[FieldChange]:
    """A change of order among the items that both sides have, where order carries meaning."""
    in_old, in_new = set(old), set(new)
    before = [" → ".join(key) for key in old if key in in_new]
    after = [" → ".join(key) for key in new if key in in_old]
    if before != after:
        yield FieldChange(path=(*path, ORDER), before=before, after=after)


def _irregular(old: Sequence[JSONObject], new: Sequence[JSONObject], path: Path) -> Iterator[FieldChange]:
    from deepdiff import DeepDiff

    tree: Mapping[str, Any] = DeepDiff(
        list(old), list(new), view="tree", verbose_level=2, threshold_to_diff_deeper=0
    )
    changes = []
    for group in tree.values():
        for level in group:
            keys = tuple(str(part) for part in level.path(output_format="list"))
            changes.append(
                FieldChange(path=(*path, *keys), before=_present(level.t1), after=_present(level.t2))
            )
    yield from sorted(changes, key=lambda change: change.path)


def _present(value: object) -> JSONValue:
    """DeepDiff marks absence with an object of its own."""
    from deepdiff.helper import NotPresent

    return None if isinstance(value, NotPresent) else cast("JSONValue", value)


def _unique_keys(items: Sequence[JSONObject], rule: FieldRule) -> list[tuple[str, ...]] | None:
    keys = keys_of(items, rule)
    return keys if keys is not None and len(set(keys)) == len(keys) else None


def _map(value: JSONValue) -> JSONObject:
    return cast("JSONObject", value or {})


def _list(value: JSONValue) -> Sequence[JSONObject]:
    return cast("Sequence[JSONObject]", value or ())
