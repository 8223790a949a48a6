"""A whole TaskInfo body as a block: what is created, what is recorded.

Rule: fields stand in the order of the field table, plain values before blocks, readers before
writers, so that every task reads the same way. Long lists of columns are cut and counted unless
everything was asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard, cast

from provisioner.core.body.diff import ItemKey
from provisioner.core.body.normalize import keys_of
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind
from provisioner.render.words import Pen, counted, item_label, label, value_text

_SHORT_LIST = 8
_SHOWN_ITEMS = 6
_NAMES = {
    "IntegrationNodeInfo": "node",
    "IntegrationNodeMapping": "mapping",
    "IntegrationNodeSchema": "column",
    "IntegrationNodeSchemaMapping": "pair",
    "IntegrationTag": "tag",
}

Pairs = Sequence[tuple[str, str]]
"""Labels and texts that stand before the fields of a body."""


def body_lines(pen: Pen, symbol: str, body: JSONObject, head: Pairs = (), depth: int = 1) -> Iterator[str]:
    """The fields of a TaskInfo, after the lines of ``head``. Secrets must be replaced already."""
    yield from object_lines(pen, symbol, body, TASK, depth, head)


def object_lines(
    pen: Pen, symbol: str, value: JSONObject, kind: str, depth: int, head: Pairs = ()
) -> Iterator[str]:
    """The fields of one API object; ``kind`` is its name in the field table, or empty for a map."""
    rules = OBJECTS.get(kind, {})
    names = [name for name in rules if name in value]
    names += [name for name in value if name not in rules]
    plain = [
        (label(name), value_text(value[name], verbose=pen.verbose)) for name in names if is_plain(value[name])
    ]
    yield from pair_lines(pen, symbol, [*head, *plain], depth)
    for name in names:
        if not is_plain(value[name]):
            yield from _field_lines(pen, symbol, name, value[name], rules.get(name), depth)


def pair_lines(pen: Pen, symbol: str, pairs: Pairs, depth: int) -> Iterator[str]:
    """``name = text``, with the equals signs under each other."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        yield pen.line(depth, symbol, f"{name:<{width}} = {text}")


def is_leaf(rule: FieldRule | None) -> bool:
    """Whether items of this list are small enough to stand on one line each: columns, pairs, tags."""
    inside = OBJECTS[rule.item].values() if rule is not None and rule.item else ()
    return all(inner.kind not in (Kind.OBJECT, Kind.OBJECTS) for inner in inside)


def item_value(value: JSONObject, rule: FieldRule | None) -> str:
    """One item on one line, its fields in the order of the table."""
    order = OBJECTS.get(rule.item, {}) if rule is not None else {}
    names = [name for name in order if name in value] + [name for name in value if name not in order]
    return value_text({name: value[name] for name in names})


def items_word(rule: FieldRule | None, count: int, adjective: str) -> str:
    """``32 more columns``, ``1 more node``; ``items`` of whatever has no name."""
    return counted(count, f"{adjective} {_NAMES.get(rule.item if rule is not None else '', 'item')}")


def is_plain(value: JSONValue) -> bool:
    """Whether a value stands on one line: everything but filled maps and lists."""
    return isinstance(value, str) or not isinstance(value, Mapping | Sequence) or not value


def block_lines(
    pen: Pen,
    symbol: str,
    name: str,
    value: JSONValue,
    rule: FieldRule | None,
    depth: int,
    remark: str = "",
) -> Iterator[str]:
    """A filled map or list under its label; ``remark`` stands at the end of its first line."""
    if isinstance(value, Mapping):
        yield pen.line(depth, symbol, f"{name} {{{remark}")
        yield from object_lines(pen, symbol, value, rule.item if rule is not None else "", depth + 1)
        yield pen.line(depth, "", "}")
    else:
        yield from _rows(pen, symbol, name, cast("Sequence[JSONValue]", value), rule, depth, remark)


def _field_lines(
    pen: Pen, symbol: str, name: str, value: JSONValue, rule: FieldRule | None, depth: int
) -> Iterator[str]:
    """A map or list; nodes and mappings have a block each."""
    if not isinstance(value, list) or is_leaf(rule) or not _all_maps(value):
        yield from block_lines(pen, symbol, label(name), value, rule, depth)
        return
    keys = keys_of(value, rule) if rule is not None else None
    for index, item in sorted(enumerate(value), key=lambda numbered: is_later(numbered[1])):
        part = str(index) if keys is None else ItemKey(" → ".join(keys[index]))
        yield from block_lines(pen, symbol, item_label(name, part), item, rule, depth)


def is_later(item: JSONObject) -> bool:
    """Whether an item stands behind the nodes that read; everything else keeps its order."""
    return item.get("NodeType") != "INPUT"


def _rows(
    pen: Pen,
    symbol: str,
    name: str,
    items: Sequence[JSONValue],
    rule: FieldRule | None,
    depth: int,
    remark: str,
) -> Iterator[str]:
    """A line for each item."""
    is_short = pen.verbose or len(items) <= _SHORT_LIST
    yield pen.line(depth, symbol, f"{name} = [{remark}")
    for item in items if is_short else items[:_SHOWN_ITEMS]:
        text = item_value(item, rule) if isinstance(item, Mapping) else value_text(item, verbose=pen.verbose)
        yield pen.line(depth + 1, symbol, f"{text},")
    if not is_short:
        yield pen.line(depth + 1, "", f"# ({items_word(rule, len(items) - _SHOWN_ITEMS, 'more')})")
    yield pen.line(depth, "", "]")


def _all_maps(items: Sequence[JSONValue]) -> TypeGuard[Sequence[JSONObject]]:
    return all(isinstance(item, Mapping) for item in items)
