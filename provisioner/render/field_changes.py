"""What differs within one task, as a tree of its fields.

Rule: only what differs is shown, each change under the fields it lies in, and nothing of what
differs is left out; what stays is counted at every level. A secret is replaced before anything is
compared or cut.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from provisioner.core.body.diff import ORDER, FieldChange, ItemKey, Path
from provisioner.core.body.masking import HIDDEN
from provisioner.core.body.normalize import keys_of
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind
from provisioner.core.text import printable
from provisioner.render.body_text import (
    Pairs,
    block_lines,
    is_later,
    is_leaf,
    is_plain,
    item_value,
    items_word,
)
from provisioner.render.text_changes import is_long, text_lines
from provisioner.render.words import (
    KNOWN_AFTER_APPLY,
    Pen,
    counted,
    item_label,
    label,
    shown_value,
    value_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One object on the way down: what it was, what it will be, and how deep it lies."""

    before: JSONObject
    after: JSONObject
    kind: str = TASK
    """Its name in the field table; empty for a map."""

    at: int = 0
    """How many parts of a path lead here."""

    depth: int = 1
    is_counted: bool = True
    """Whether unchanged fields are counted; not where the block stands for several tasks."""

    remarks: Mapping[Path, str] = field(default_factory=dict)
    """What is to be said beside a field, by its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What one name of an object, or one item of a list, stands for."""

    name: str
    item: str | None
    """The item's key, or its number; None if this is not about an item."""

    rule: FieldRule | None
    fields: tuple[FieldChange, ...]
    at: int

    @property
    def label(self) -> str:
        if self.item is None:
            return label(self.name)
        if self.item == ORDER and not isinstance(self.item, ItemKey):
            return f"{label(self.name)} {ORDER}"
        return item_label(self.name, self.item)

    @property
    def leaf(self) -> FieldChange | None:
        return self.fields[0] if len(self.fields[0].path) <= self.at else None


def change_lines(pen: Pen, fields: Sequence[FieldChange], level: Level, head: Pairs = ()) -> Iterator[str]:
    """The changes of one object: what fits on a line first, then blocks, then what stays."""
    entries = [(entry, _short(pen, entry)) for entry in _entries(fields, level)]
    names = [*(name for name, _ in head), *(entry.label for entry, text in entries if text)]
    width = max(map(len, names), default=0)
    for name, text in head:
        yield pen.line(
            level.depth, "~" if text.endswith(KNOWN_AFTER_APPLY) else "", f"{name:<{width}} = {text}"
        )
    for entry, text in entries:
        if text:
            line = f"{entry.label:<{width}} = {text}"
            yield pen.line(level.depth, _symbol(entry.fields[0]), line + _remark(pen, entry.fields[0], level))
    for entry, text in entries:
        if not text:
            yield from _long(pen, entry, level)
    if level.is_counted:
        yield from _hidden(pen, [entry for entry, _ in entries], level)
    elif level.at == 0:
        yield pen.line(level.depth, "", "# (unchanged fields hidden)")


def _entries(fields: Sequence[FieldChange], level: Level) -> Iterator[_Entry]:
    rules = OBJECTS.get(level.kind, {})
    for (_, name), group in groupby(fields, key=lambda field: _part(field, level.at)):
        members = tuple(group)
        rule = rules.get(name)
        if (
            rule is not None
            and rule.kind is Kind.OBJECTS
            and all(len(field.path) > level.at + 1 for field in members)
        ):
            yield from _item_entries(name, rule, members, level)
        else:
            yield _Entry(name=name, item=None, rule=rule, fields=members, at=level.at + 1)


def _item_entries(name: str, rule: FieldRule, fields: Sequence[FieldChange], level: Level) -> list[_Entry]:
    """The items of one list that differ, readers before writers."""
    at = level.at + 2
    entries = [
        _Entry(name=name, item=item, rule=rule, fields=tuple(inner), at=at)
        for (_, item), inner in groupby(fields, key=lambda field: _part(field, at - 1))
    ]
    if not is_leaf(rule) and len(rule.key) == 1:
        entries = _renamed(entries, rule.key[0])
    return sorted(
        entries, key=lambda entry: is_later(_inside(level.before, entry) or _inside(level.after, entry))
    )


def _renamed(entries: Sequence[_Entry], key: str) -> list[_Entry]:
    """The entries, with an item that goes and one that comes with the same content as one change of name."""
    gone = {_content(entry, key, 0): entry for entry in entries}
    come = {_content(entry, key, 1): entry for entry in entries}
    names = {gone[content].item: come[content].item for content in gone.keys() & come.keys() - {None}}
    return [
        _with_new_name(entry, key, names[entry.item]) if entry.item in names else entry
        for entry in entries
        if entry.item not in names.values()
    ]


def _content(entry: _Entry, key: str, side: int) -> str | None:
    """What an item that only was (side 0), or only will be (side 1), says beside its name.

    None for any other entry, and for an item with a secret: two secrets cannot be told apart.
    """
    if entry.leaf is None or not isinstance(entry.item, ItemKey):
        return None
    sides = shown_sides(entry.leaf)
    value = sides[side]
    if sides[1 - side] is not None or not isinstance(value, Mapping):
        return None
    content = json.dumps({name: inner for name, inner in value.items() if name != key}, sort_keys=True)
    return None if HIDDEN in content else content


def _with_new_name(entry: _Entry, key: str, name: str | None) -> _Entry:
    change = FieldChange(path=(*entry.fields[0].path, key), before=entry.item, after=name)
    return replace(entry, fields=(change,))


def _part(field: FieldChange, at: int) -> tuple[bool, str]:
    """What to group by; in a damaged plan a path may end above another's."""
    part = field.path[at] if at < len(field.path) else ""
    return isinstance(part, ItemKey), part


def _symbol(field: FieldChange) -> str:
    if field.before is None:
        return "+"
    return "-" if field.after is None else "~"


def _remark(pen: Pen, field: FieldChange, level: Level) -> str:
    """What stands behind a change; of a node with a new name, what is said of the node."""
    if field.replaces:
        return f" {pen.paint.alarm(f'# forces replacement: {printable(field.replaces)}')}"
    said = level.remarks.get(field.path) or level.remarks.get(field.path[:-1], "")
    return f" {pen.paint.alarm(f'# {said}')}" if said else ""


def shown_sides(field: FieldChange) -> tuple[JSONValue, JSONValue]:
    """Before and after, without secrets."""
    if field.sensitive:
        return None if field.before is None else HIDDEN, None if field.after is None else HIDDEN
    return shown_value(field.before), shown_value(field.after)


def _short(pen: Pen, entry: _Entry) -> str:
    """What stands right of the equals sign; empty if the entry needs more lines than one."""
    field = entry.leaf
    if field is None:
        return ""
    before, after = shown_sides(field)
    if before is not None and after is not None:
        return "" if is_long(before, after) else _arrow(before, after)
    value = after if before is None else before
    if isinstance(value, Mapping) and entry.rule is not None and is_leaf(entry.rule):
        return item_value(value, entry.rule)
    return value_text(value, verbose=pen.verbose) if is_plain(value) else ""


def _arrow(before: JSONValue, after: JSONValue) -> str:
    return HIDDEN if before == after == HIDDEN else f"{value_text(before)} -> {value_text(after)}"


def _long(pen: Pen, entry: _Entry, level: Level) -> Iterator[str]:
    field, depth = entry.leaf, level.depth
    if field is None:
        yield pen.line(depth, "~", f"{entry.label} {{")
        yield from change_lines(pen, entry.fields, _below(entry, level))
        yield pen.line(depth, "", "}")
        return
    before, after = shown_sides(field)
    if before is not None and after is not None:
        yield pen.line(depth, "~", f"{entry.label} = <<-EOT{_remark(pen, field, level)}")
        yield from text_lines(pen, before, after, depth + 1)
        yield pen.line(depth, "", "EOT")
    else:
        value = after if before is None else before
        remark = _remark(pen, field, level)
        yield from block_lines(pen, _symbol(field), entry.label, value, entry.rule, depth, remark)


def _below(entry: _Entry, level: Level) -> Level:
    return Level(
        before=_inside(level.before, entry),
        after=_inside(level.after, entry),
        kind=entry.rule.item if entry.rule is not None else "",
        at=entry.at,
        depth=level.depth + 1,
        is_counted=level.is_counted,
        remarks=level.remarks,
    )


def _inside(value: JSONObject, entry: _Entry) -> JSONObject:
    """The object that an entry stands for; empty if there was none."""
    inner = value.get(entry.name)
    if entry.item is not None:
        inner = _items(value, entry).get(entry.item)
    return inner if isinstance(inner, Mapping) else {}


def _items(value: JSONObject, entry: _Entry) -> dict[str, JSONValue]:
    """The items of a list by their keys, or by their numbers if they have none."""
    items = value.get(entry.name)
    if entry.rule is None or not isinstance(items, list) or not all(isinstance(i, Mapping) for i in items):
        return {}
    keys = keys_of(items, entry.rule)
    if keys is None or len(set(keys)) < len(keys):
        return {str(index): item for index, item in enumerate(items)}
    return {" → ".join(key): item for key, item in zip(keys, items, strict=True)}


def _hidden(pen: Pen, entries: Sequence[_Entry], level: Level) -> Iterator[str]:
    """How much stays as it is: items of each list that changes, then fields."""
    lists = {entry.name: entry for entry in entries if entry.item is not None}
    for name, entry in lists.items():
        changed = {other.item for other in entries if other.name == name}
        kept = {*_items(level.before, entry)} & {*_items(level.after, entry)} - changed
        if kept:
            yield pen.line(level.depth, "", f"# ({items_word(entry.rule, len(kept), 'unchanged')} hidden)")
    fields = {*level.before, *level.after} - {entry.name for entry in entries}
    if fields:
        word = "unchanged field" if level.kind else "unchanged setting"
        yield pen.line(level.depth, "", f"# ({counted(len(fields), word)} hidden)")
