"""YAML, read strictly: a document means what its author sees, or it is refused with a place.

Rule: this is the only module that knows ``yaml``, and it takes nothing but libyaml's events. Tags,
merge keys, keys that are not text and keys that come twice are refused, because each of them makes
a document mean something else than it says. Aliases are bounded, nesting is bounded, and nothing
here recurses, so no file can crash or exhaust the program.

There are two readers here, for what ``native_yaml`` leaves to them. The quick one builds values and
gives up at anything unusual; the careful one then reads the text again, finds every problem and keeps
the place of every value. A text that is in order costs one quick reading.

Raw U+0085, U+2028 and U+2029 are refused: YAML 1.1 took them for line breaks and 1.2 does not. So
is a byte order mark after the beginning, which would become part of a key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.problem import Document, Problem
from provisioner.core.schema.validation import shown
from provisioner.core.source import Source
from provisioner.store.reading.nodes import (
    MAX_NESTING,
    WORDS,
    Container,
    Finding,
    Lines,
    Node,
    Place,
    Weight,
    place_of,
    resolve,
)
from provisioner.store.reading.yaml_messages import (
    BEGINS_IN_ERROR,
    TAG_DIRECTIVE,
    VERSION_DIRECTIVE,
    not_text,
    refused_character,
    syntax_fault,
)

MAX_REPEATED_VALUES = 10_000
"""Values that the aliases of one document may add."""

MAX_REPEATED_CHARACTERS = 1_048_576
"""Characters that the aliases of one document may add: few long texts are a bomb too."""

_BYTE_ORDER_MARK = "\ufeff"
_VERSIONS = (None, (1, 2))
_MAX_TAG_DIRECTIVES = 64  # libyaml compares each one with all before it

_Mark: TypeAlias = Any
"""A ``yaml`` mark. The stubs allow for none; libyaml gives every event two."""

_Parser: TypeAlias = Any
"""A ``CParser``: its events are told apart by their type, which is faster than ``isinstance``."""

_Start: TypeAlias = MappingStartEvent | SequenceStartEvent
_Tagged: TypeAlias = ScalarEvent | MappingStartEvent | SequenceStartEvent
_STARTS = frozenset([MappingStartEvent, SequenceStartEvent])
_ENDS = frozenset([MappingEndEvent, SequenceEndEvent])
_SILENT = frozenset([DocumentEndEvent, StreamStartEvent, StreamEndEvent])
_TEXT = frozenset([str])

# What libyaml accepts and YAML 1.2 reads differently, and what cannot be encoded.
_MISREAD = re.compile("[\x85\u2028\u2029\ufeff\ud800-\udfff]")
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_TAG = re.compile(r"(?:&\S+\s+)?(!\S*)")
_TAG_DIRECTIVE = re.compile("^%TAG", re.MULTILINE)
_NUMERIC = frozenset("-0123456789")


def parse_yaml(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Every document that is in order, without those that are null, and every problem.

    Both are in the order of the text. ``Document.index`` counts all documents, whether or not they
    are returned.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    documents = _quick(text, file)
    if documents is not None:
        return documents, []
    composed = _composed(text)
    return (
        [
            Document(node.value, Source(file, *node.place), index)
            for index, node in enumerate(composed.nodes)
            if node is not None and node.value is not None
        ],
        [Problem(Source(file, *place), message) for place, message in composed.findings],
    )


def locate_yaml(text: str, index: int, path: Sequence[str | int], *, key: bool) -> tuple[int, int]:
    """Line and column of the value at ``path`` in a document, or of its key.

    The nearest parent's if there is none; an alias's for everything that comes through it; 1:1 for
    a document that is not there or not in order.
    """
    nodes = _composed(text.removeprefix(_BYTE_ORDER_MARK)).nodes
    node = nodes[index] if index < len(nodes) else None
    return (1, 1) if node is None else place_of(node, path, key=key)


def scalar_span(text: str, place: tuple[int, int]) -> tuple[int, int] | None:
    """Where the scalar that stands at a line and column begins and ends in a text that is in order.

    None if no scalar stands there alone: a map, a list, an alias, or one that others repeat.
    """
    for event in iter(CParser(text).get_event, None):
        if isinstance(event, ScalarEvent) and event.anchor is None:
            begin: _Mark = event.start_mark
            end: _Mark = event.end_mark
            if _place(begin) == place:
                return begin.index, end.index
    return None


# ── the quick reader ────────────────────────────────────────────────────────


class _UnusualError(Exception):
    """Something that only the careful reader can judge."""


def _quick(text: str, file: str) -> list[Document] | None:
    """The documents of a text in which nothing is unusual; None for any other."""
    if "%TAG" in text or (not text.isascii() and _MISREAD.search(text)):
        return None
    try:
        return _built(text, file)
    except (YAMLError, _UnusualError):
        return None


def _built(text: str, file: str) -> list[Document]:
    """The documents of a text.

    An anchor is not looked at: without an alias it means nothing, and an alias is unusual.

    Raises:
        YAMLError: this is not YAML.
        _UnusualError: there is something that may have to be refused.
    """
    parser: _Parser = CParser(text)
    sources: list[Source] = []
    root: list[Any] = []
    # The values of the innermost container, or its keys and values in turn; and those around it.
    items: list[Any] = root
    outer: list[list[Any]] = []
    for event in iter(parser.get_event, None):
        kind = type(event)
        if kind is ScalarEvent:
            value = event.value
            if event.tag or (not event.style and (value in WORDS or value[0] in _NUMERIC)):
                value = _resolved(event)
            items.append(value)
        elif kind in _ENDS:
            value = _map(items) if kind is MappingEndEvent else items
            items = outer.pop()
            items.append(value)
        elif kind in _STARTS:
            if event.tag or len(outer) == MAX_NESTING:
                raise _UnusualError
            outer.append(items)
            items = []
        elif kind not in _SILENT:
            sources.append(_first_source(event, parser, file))
    return [
        Document(value, source, index)
        for index, (value, source) in enumerate(zip(root, sources, strict=True))
        if value is not None
    ]


def _resolved(event: ScalarEvent) -> JSONValue:
    if event.tag:
        raise _UnusualError
    return resolve(event.value)


def _map(items: list[Any]) -> dict[str, JSONValue]:
    """A map of keys and values in turn; every key is text and comes once."""
    keys = items[::2]
    if not {*map(type, keys)} <= _TEXT:
        raise _UnusualError
    value = dict(zip(keys, items[1::2], strict=True))
    if len(value) != len(keys) or "<<" in value:
        raise _UnusualError
    return value


def _first_source(event: AliasEvent | DocumentStartEvent, parser: _Parser, file: str) -> Source:
    """Where a document's first node stands."""
    if isinstance(event, AliasEvent) or event.version not in _VERSIONS:
        raise _UnusualError
    return Source(file, *_place(parser.peek_event().start_mark))


# ── the careful reader ──────────────────────────────────────────────────────


_NOTHING = Weight(values=0)


@dataclass(slots=True)
class _Container(Container):
    """A document is one too: a list of one value."""

    is_key: bool = False
    """It stands where a key should: it has been refused and is only read to its end."""

    anchor: str | None = None
    awaits_value: bool = False
    """A key has been read."""

    @property
    def awaits_key(self) -> bool:
        """Whether the next value is a key."""
        return self.is_map and not self.awaits_value

    def take(self, node: Node) -> None:
        """Put a value in its place; what comes next in a map is a key."""
        self.add(node)
        self.key, self.awaits_value = None, False


class _Composer:
    """Reads one text: a node for every document that is in order, and everything that is wrong."""

    def __init__(self, text: str) -> None:
        self.nodes: list[Node | None] = []
        self.findings: list[Finding] = []
        self._text = text
        self._open: list[_Container] = []
        self._anchors: dict[str, Node | None] = {}
        self._findings_before = 0
        self._repeated = _NOTHING

    def run(self) -> None:
        """Read to the end, or to the first fault after which nothing can be made out."""
        if finding := _unreadable(self._text):
            self.findings.append(finding)
            return
        try:
            for event in iter(CParser(self._text).get_event, None):
                self._take(event)
        except MarkedYAMLError as error:
            self.findings.append(_syntax_finding(self._text, error))
        except _TooDeepError as error:
            self.findings.append(Finding(error.place, f"nested deeper than {MAX_NESTING} levels"))

    def _take(self, event: Event) -> None:
        match event:
            case ScalarEvent():
                self._scalar(event)
            case AliasEvent():
                self._alias(event)
            case MappingStartEvent() | SequenceStartEvent():
                self._start(event)
            case MappingEndEvent() | SequenceEndEvent():
                self._end()
            case DocumentStartEvent():
                self._start_document(event)
            case DocumentEndEvent():
                self._end_document()
            case _:
                pass  # the stream's own beginning and end

    def _find(self, mark: _Mark, message: str) -> None:
        self.findings.append(Finding(_place(mark), message))

    # Documents

    def _start_document(self, event: DocumentStartEvent) -> None:
        self._findings_before = len(self.findings)
        self._anchors = {}
        self._repeated = _NOTHING
        self._open = [_Container(_place(event.start_mark))]
        if event.version not in _VERSIONS:
            self._find(event.start_mark, VERSION_DIRECTIVE)
        if event.tags:
            begin: _Mark = event.start_mark
            offset = self._text.index("%TAG", begin.index)
            self.findings.append(_tag_directive(self._text, offset))

    def _end_document(self) -> None:
        is_clean = len(self.findings) == self._findings_before
        self.nodes.append(self._open.pop().children[0] if is_clean else None)

    # Containers

    def _start(self, event: _Start) -> None:
        if len(self._open) > MAX_NESTING:
            raise _TooDeepError(_place(event.start_mark))
        parent = self._open[-1]
        is_map = isinstance(event, MappingStartEvent)
        is_key = parent.awaits_key
        if is_key:
            self._refuse_key(
                event,
                f'a {"map" if is_map else "list"} cannot be a key: quote text that begins with "{{" or "["',
            )
        self._declare(event)
        self._open.append(_Container(_place(event.start_mark), is_map, is_key=is_key, anchor=event.anchor))

    def _end(self) -> None:
        container = self._open.pop()
        if not container.is_key:
            self._add(container.anchor, container.node())

    def _add(self, anchor: str | None, node: Node) -> None:
        self._open[-1].take(node)
        if anchor is not None:
            self._anchors[anchor] = node

    def _declare(self, event: _Tagged) -> None:
        """Refuse a tag; let aliases know that an anchor has begun."""
        if event.tag:
            begin: _Mark = event.start_mark
            written = _TAG.match(self._text, begin.index)
            tag = shown(written.group(1) if written else event.tag)
            self._find(
                event.start_mark, f"the tag {tag} is not allowed: remove it; a value is what it looks like"
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    # Scalars and keys

    def _scalar(self, event: ScalarEvent) -> None:
        self._declare(event)
        is_plain = not event.style and not event.tag
        value = resolve(event.value) if is_plain else event.value
        node = Node(value, _place(event.start_mark), weight=Weight(characters=len(event.value)))
        if not self._open[-1].awaits_key:
            self._add(event.anchor, node)
            return
        self._key(event, value, is_plain=is_plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _key(self, event: ScalarEvent, value: JSONValue, *, is_plain: bool) -> None:
        container = self._open[-1]
        container.weight += Weight(values=0, characters=len(event.value))
        if not isinstance(value, str):
            self._refuse_key(event, not_text(event.value))
        elif is_plain and value == "<<":
            self._refuse_key(event, 'the merge key "<<" is not allowed: write the keys out')
        elif value in container.keys:
            first = container.keys[value].line
            self._refuse_key(event, f"duplicate key {shown(value)}: line {first} has it already")
        else:
            container.keys[value] = _place(event.start_mark)
            container.key, container.awaits_value = value, True

    def _refuse_key(self, event: _Tagged | AliasEvent, message: str) -> None:
        self._find(event.start_mark, message)
        self._open[-1].awaits_value = True

    # Aliases

    def _alias(self, event: AliasEvent) -> None:
        parent = self._open[-1]
        if parent.awaits_key:
            self._refuse_key(event, "an alias cannot be a key: write the key out")
            return
        node = self._repeated_node(event)
        parent.take(Node(node.value, _place(event.start_mark), weight=node.weight))

    def _repeated_node(self, event: AliasEvent) -> Node:
        """What an alias stands for, or nothing and a finding."""
        name = event.anchor or ""
        anchored = self._anchors.get(name)
        if anchored is None:
            self._find(
                event.start_mark,
                f"the alias *{name} is inside the value that it repeats"
                if name in self._anchors
                else f"the alias *{name} has no anchor: there is no &{name} before it in this document",
            )
        elif len(self._open) - 1 + anchored.weight.height > MAX_NESTING:
            self._find(event.start_mark, f"the alias *{name} nests deeper than {MAX_NESTING} levels")
        elif self._is_within_bounds(event, anchored.weight):
            return anchored
        return Node(None, _place(event.start_mark))

    def _is_within_bounds(self, event: AliasEvent, weight: Weight) -> bool:
        """Count what an alias adds; one finding a document."""
        before = self._repeated
        self._repeated = before + weight
        if _is_bounded(before) and not _is_bounded(self._repeated):
            self._find(
                event.start_mark,
                f"aliases repeat too much: more than {MAX_REPEATED_VALUES:,} values "
                f"or {MAX_REPEATED_CHARACTERS:,} characters",
            )
        return _is_bounded(self._repeated)


class _TooDeepError(Exception):
    """Nesting beyond all use: reading on would only cost time."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.place = place


@lru_cache(maxsize=1)
def _composed(text: str) -> _Composer:
    """One text, read carefully; the last one is kept, because problems of a file come together."""
    composer = _Composer(text)
    composer.run()
    return composer


# ── words and places ────────────────────────────────────────────────────────


def _place(mark: _Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _is_bounded(weight: Weight) -> bool:
    return weight.values <= MAX_REPEATED_VALUES and weight.characters <= MAX_REPEATED_CHARACTERS


def _unreadable(text: str) -> Finding | None:
    """What would stop libyaml, or cost it too much."""
    if match := _REFUSED.search(text):
        return Finding(Lines(text).place(match.start()), refused_character(ord(match.group())))
    directives = [match.start() for match in _TAG_DIRECTIVE.finditer(text)]
    return _tag_directive(text, directives[0]) if len(directives) > _MAX_TAG_DIRECTIVES else None


def _tag_directive(text: str, offset: int) -> Finding:
    return Finding(Lines(text).place(offset), TAG_DIRECTIVE)


def _syntax_finding(text: str, error: MarkedYAMLError) -> Finding:
    """A fault in people's words. Where the text just ends, the place is that of what has not ended."""
    problem = str(error.problem)
    mark: _Mark = error.problem_mark
    begin: _Mark = error.context_mark or mark
    if problem in BEGINS_IN_ERROR or mark.index >= len(text):
        mark = begin
    message = syntax_fault(problem, begin_line=begin.line + 1, character=text[mark.index : mark.index + 1])
    return Finding(_place(mark), message)
