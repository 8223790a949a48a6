"""The journal: what was durable is never lost in silence, what was torn never counts."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.address import Address, TaskId
from provisioner.core.state.entries import Entry, Finished, Header, Intent, Rejected, Resolved, Verdict
from provisioner.core.state.journal import _line, decode, encode_entry, encode_header
from provisioner.core.state.ledger import Ledger, fold
from provisioner.core.state.state import State, WriteKind
from provisioner.errors import StateDamagedError
from records import a_finish, a_rejection, an_intent, some_attempt, some_header, some_record, some_state
from tally import Table

NAME = "provisioner.state.journal"
ORDERS = Address("orders")
Value = TypeVar("Value")


def a_resolution(seq: int, verdict: Verdict = Verdict.ADOPTED, **changes: Any) -> Resolved:
    """An attempt was settled by looking."""
    record = None if verdict is Verdict.ABSENT else some_record(digest="")
    values = {
        "address": ORDERS,
        "attempt": "0123456789abcdef",
        "verdict": verdict,
        "record": record,
        "evidence": "seen",
    }
    return Resolved(seq=seq, **{**values, **changes})


def lines_of(entries: Sequence[Entry], header: Header | None = None) -> list[bytes]:
    """A journal, line by line."""
    line, chain = encode_header(header or some_header())
    lines = [line]
    for entry in entries:
        line, chain = encode_entry(entry, chain)
        lines.append(line)
    return lines


ENTRIES: tuple[Entry, ...] = (
    an_intent(8),
    a_finish(8 + 1),
    an_intent(10, "payments"),
    a_rejection(11, "payments"),
    an_intent(12, kind=WriteKind.UPDATE, task_id=TaskId("id-orders"), attempt="ffffffffffffffff"),
    a_resolution(13, Verdict.REPEAT, attempt="ffffffffffffffff"),
    an_intent(14, "lake ä\ud800", spec={}),
)
LINES = lines_of(ENTRIES)
WHOLE = b"".join(LINES)
RESERVED = b"\0" * 4096

CASES: dict[str, tuple[Entry, ...]] = {
    "nothing": (),
    "create": ENTRIES[:1],
    "delete": (an_intent(8, kind=WriteKind.DELETE, task_id=TaskId("id-orders")),),
    "finished": ENTRIES[:2],
    "rejected": ENTRIES[:4],
    "adopted": (ENTRIES[0], a_resolution(9)),
    "absent": (ENTRIES[0], a_resolution(9, Verdict.ABSENT)),
    "repeat": (ENTRIES[0], a_resolution(9, Verdict.REPEAT)),
    "everything": ENTRIES,
}


# ── bytes ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("entries", CASES.values(), ids=CASES)
def test_what_was_written_is_read(entries: tuple[Entry, ...]) -> None:
    """Decoding is the inverse of encoding, and says where the next entry goes."""
    lines = lines_of(entries)
    journal = decode(b"".join(lines), NAME)
    assert journal.header == some_header()
    assert journal.entries == entries
    assert journal.size == sum(map(len, lines))
    assert journal.torn == 0
    assert lines[-1].split(b" ")[1] == journal.chain.encode()


@pytest.mark.parametrize("entries", CASES.values(), ids=CASES)
def test_reserved_space_is_no_entry(entries: tuple[Entry, ...]) -> None:
    """NUL bytes behind the last entry are space to write in."""
    data = b"".join(lines_of(entries))
    assert decode(data + RESERVED, NAME) == decode(data, NAME)


def test_line_is_length_chain_json() -> None:
    """The first line, byte for byte."""
    line, chain = encode_header(
        Header(lineage="l", stack="s", base_serial=1, base_seq=2, base_checksum="c", journal="j")
    )
    text = b'{"base_checksum":"c","base_seq":2,"base_serial":1,"format":1,"journal":"j","kind":"header","lineage":"l","stack":"s"}'
    assert line == b"%06d %s %s\n" % (len(text), chain.encode(), text)
    assert len(chain) == 32


def test_long_entry_has_a_longer_length() -> None:
    """Six digits are the least, not the most."""
    entry = an_intent(8, spec={"Description": "x" * 1_000_000})
    lines = lines_of([entry])
    assert lines[1].startswith(b"1000")
    assert decode(b"".join(lines), NAME).entries == (entry,)
    assert decode(b"".join(lines)[:-10], NAME).entries == ()


@pytest.mark.parametrize("reserved", [b"", RESERVED], ids=["bare", "reserved"])
def test_every_prefix_is_a_journal(reserved: bytes, tried: Table) -> None:
    """Cut at any byte it gives the entries that were whole; cut inside the header it is refused."""
    ends = [sum(map(len, LINES[: count + 1])) for count in range(len(LINES))]
    tried("bytes at which journal or snapshot is cut", len(WHOLE) + 1)
    for cut in range(len(WHOLE) + 1):
        data = WHOLE[:cut] + reserved
        if cut < ends[0]:
            with pytest.raises(StateDamagedError):
                decode(data, NAME)
            continue
        journal = decode(data, NAME)
        whole = sum(end <= cut for end in ends)
        assert journal.entries == ENTRIES[: whole - 1]
        assert journal.size == ends[whole - 1]
        assert journal.torn == cut - ends[whole - 1]
        fold(some_state(), journal.entries)


@pytest.mark.parametrize("count", range(len(LINES)), ids=lambda count: f"{count}-entries")
@pytest.mark.parametrize("reserved", [b"", b"\0" * 64], ids=["bare", "reserved"])
def test_no_flipped_bit_loses_a_synced_entry(count: int, reserved: bytes, tried: Table) -> None:
    """One bit that changed in what was durable is always damage, never a torn entry."""
    data = b"".join(LINES[: count + 1])
    lost = []
    tried("bits of journal or snapshot that are flipped", len(data) * 8)
    for index in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data + reserved)
            flipped[index] ^= 1 << bit
            try:
                journal = decode(bytes(flipped), NAME)
            except StateDamagedError:
                continue
            lost.append((index, bit, journal.torn))
    assert lost == []


def test_flipped_bit_in_the_reserved_space_loses_nothing() -> None:
    """Behind the last entry there is nothing to lose; what stands there is reported and written over."""
    for index in range(64):
        for bit in range(8):
            reserved = bytearray(64)
            reserved[index] ^= 1 << bit
            journal = decode(WHOLE + bytes(reserved), NAME)
            assert journal.entries == ENTRIES
            assert journal.size == len(WHOLE)
            assert journal.torn == index + 1


HOLES = {
    "whole-entry": (0, None),
    "beginning": (0, 50),
    "middle": (60, 70),
    "end": (60, None),
    "all-but-newline": (0, -1),
}


@pytest.mark.parametrize(("start", "end"), HOLES.values(), ids=HOLES)
@pytest.mark.parametrize("reserved", [b"", RESERVED], ids=["bare", "reserved"])
def test_last_entry_with_holes_was_never_durable(start: int, end: int | None, reserved: bytes) -> None:
    """Blocks of one write may reach the disk in any order; what is missing reads as NUL."""
    last = bytearray(LINES[-1])
    last[start:end] = bytes(len(last[start:end]))
    journal = decode(b"".join(LINES[:-1]) + bytes(last) + reserved, NAME)
    assert journal.entries == ENTRIES[:-1]
    assert journal.torn == len(bytes(last).rstrip(b"\0"))


@pytest.mark.parametrize("index", range(1, len(LINES) - 1), ids=lambda index: f"entry-{index}")
@pytest.mark.parametrize(("start", "end"), HOLES.values(), ids=HOLES)
def test_holes_before_the_last_entry_are_damage(index: int, start: int, end: int | None) -> None:
    """An entry that another one follows was synced: it cannot have been torn."""
    hurt = bytearray(LINES[index])
    hurt[start:end] = bytes(len(hurt[start:end]))
    with pytest.raises(StateDamagedError, match="The journal is damaged"):
        decode(b"".join([*LINES[:index], bytes(hurt), *LINES[index + 1 :]]) + RESERVED, NAME)


def without(index: int) -> list[bytes]:
    """The journal with one line dropped."""
    return [*LINES[:index], *LINES[index + 1 :]]


@pytest.mark.parametrize("index", range(len(LINES) - 1), ids=lambda index: f"line-{index}")
@pytest.mark.parametrize(
    "change",
    [
        without,
        lambda index: [*LINES[: index + 1], *LINES[index:]],
        lambda index: [*LINES[:index], LINES[index + 1], LINES[index], *LINES[index + 2 :]],
        lambda index: [*LINES[:index], LINES[index][:-1], *LINES[index + 1 :]],
        lambda index: [*LINES[:index], b"\n", *LINES[index:]],
        lambda index: [*LINES[:index], LINES[index].replace(b"\n", b"\r\n"), *LINES[index + 1 :]],
    ],
    ids=["dropped", "duplicated", "swapped", "joined", "blank-line", "carriage-return"],
)
def test_rearranged_lines_are_refused(index: int, change: Callable[[int], list[bytes]]) -> None:
    """Each entry's chain continues the one before, so no line can be moved, lost or repeated."""
    with pytest.raises(StateDamagedError):
        decode(b"".join(change(index)), NAME)


def test_last_line_twice_is_refused() -> None:
    """The same entry a second time does not continue itself."""
    with pytest.raises(StateDamagedError, match=r"entry 9, byte \d+: its checksum does not match"):
        decode(WHOLE + LINES[-1], NAME)


def test_entry_of_another_journal_is_refused() -> None:
    """A line that is whole in itself but continues another header is damage."""
    other = lines_of(ENTRIES[:1], some_header(base_serial=4))
    with pytest.raises(StateDamagedError, match="The journal is damaged"):
        decode(LINES[0] + other[1], NAME)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_more_than_one_line_is_never_torn(one: bytes, other: bytes) -> None:
    """Only one entry can be unfinished, and an entry is one line."""
    with pytest.raises(StateDamagedError):
        decode(WHOLE + one + b"\n" + other + b"x", NAME)


def test_empty_file_has_no_header() -> None:
    """A journal without a header extends nothing."""
    with pytest.raises(StateDamagedError) as caught:
        decode(b"", NAME)
    assert str(caught.value) == (
        f"The journal is damaged.\n  {NAME}: it has no header.\n"
        "Put state file and journal back from one backup."
    )


def written(*documents: dict[str, object]) -> bytes:
    """A journal with these documents in it, checksums and all."""
    data, chain = b"", "0" * 32
    for document in documents:
        line, chain = _line(document, chain)
        data += line
    return data


HEADER: dict[str, object] = json.loads(LINES[0].split(b" ", 2)[2])
INTENT: dict[str, object] = json.loads(LINES[1].split(b" ", 2)[2])


def test_entry_in_the_header_s_place_is_refused() -> None:
    """The first line says which snapshot is extended, or nothing is."""
    with pytest.raises(StateDamagedError, match="it has no header"):
        decode(written(INTENT), NAME)


@pytest.mark.parametrize("version", [2, None, "1"], ids=["newer", "none", "text"])
def test_other_format_is_refused(version: object) -> None:
    """Only the format that this version writes is read."""
    with pytest.raises(StateDamagedError, match="The journal is from a newer version"):
        decode(written({**HEADER, "format": version}), NAME)


@pytest.mark.parametrize(
    "documents",
    [
        [{**HEADER, "colour": "red"}],
        [{key: value for key, value in HEADER.items() if key != "stack"}],
        [HEADER, {"kind": "paused", "seq": 8}],
        [HEADER, {"seq": 8}],
        [HEADER, {**INTENT, "attempt": {}}],
        [HEADER, {**INTENT, "attempt": None}],
        [HEADER, {"kind": "finished", "seq": 8}],
        [
            HEADER,
            {
                "kind": "resolved",
                "seq": 8,
                "address": "a",
                "attempt": "",
                "verdict": "lost",
                "record": None,
                "evidence": "",
            },
        ],
    ],
    ids=[
        *("header-with-more", "header-with-less", "unknown-kind", "no-kind", "empty-attempt", "null-attempt"),
        *("finished-with-less", "unknown-verdict"),
    ],
)
def test_entry_of_an_unknown_shape_is_refused(documents: list[dict[str, object]]) -> None:
    """The checksum fits, so another version wrote it; it is not skipped."""
    with pytest.raises(StateDamagedError, match="The journal has an entry that this version does not know"):
        decode(written(*documents), NAME)


# ── folding ─────────────────────────────────────────────────────────────────


def test_intent_is_open_until_its_outcome() -> None:
    """An announced write is an open attempt, and nothing is recorded of it."""
    state = fold(some_state(), [an_intent(8)])
    assert state == some_state(seq=8, open={ORDERS: some_attempt()})


def test_finished_create_is_recorded() -> None:
    """What was announced becomes what is known, but for its content: that was not read back yet."""
    state = fold(some_state(), [an_intent(8), a_finish(9)])
    expected = some_record(request_id="r-1", digest="")
    assert state == some_state(seq=9, tasks={ORDERS: expected})


def test_finished_update_keeps_the_marker_s_attempt() -> None:
    """The marker in the task is that of its creation; a later write does not change it."""
    update = an_intent(
        8,
        kind=WriteKind.UPDATE,
        task_id=TaskId("id-orders"),
        attempt="f" * 16,
        spec={"TaskName": "new"},
        digest="n" * 64,
        protected=True,
    )
    state = fold(some_state("orders"), [update, a_finish(9, attempt="f" * 16)])
    assert state.tasks == {
        ORDERS: some_record(
            spec={"TaskName": "new"},
            # Not before it was read back.
            digest="",
            protected=True,
            request_id="r-1",
        )
    }


def test_finished_update_of_a_forgotten_task_is_recorded() -> None:
    """Without a record to take the marker's attempt from, the update's own stands."""
    update = an_intent(8, kind=WriteKind.UPDATE, task_id=TaskId("id-orders"), attempt="f" * 16)
    state = fold(some_state(), [update, a_finish(9, attempt="f" * 16)])
    assert state.tasks[ORDERS].attempt == "f" * 16


@pytest.mark.parametrize("known", [("orders",), ()], ids=["known", "unknown"])
def test_finished_delete_forgets_the_task(known: tuple[str, ...]) -> None:
    """After a delete there is nothing, whether or not there was a record."""
    delete = an_intent(8, kind=WriteKind.DELETE, task_id=TaskId("id-orders"))
    assert fold(some_state(*known), [delete, a_finish(9)]) == some_state(seq=9)


def test_rejected_write_changes_nothing() -> None:
    """A refusal before any effect closes the attempt and leaves the record."""
    assert fold(some_state("orders"), [an_intent(8), a_rejection(9)]) == some_state("orders", seq=9)


@pytest.mark.parametrize(
    ("verdict", "tasks"),
    [
        (Verdict.ADOPTED, {ORDERS: some_record(digest="")}),
        (Verdict.ABSENT, {}),
        (Verdict.REPEAT, {ORDERS: some_record(digest="")}),
        (Verdict.CONFIRMED, {ORDERS: some_record(digest="")}),
    ],
    ids=["adopted", "absent", "repeat", "confirmed"],
)
def test_resolution_says_what_is_known_now(verdict: Verdict, tasks: dict[Address, Any]) -> None:
    """The attempt is closed and its record, or its absence, is what was seen."""
    state = fold(some_state("orders"), [an_intent(8), a_resolution(9, verdict)])
    assert state == some_state(seq=9, tasks=tasks)


def test_resolution_may_stand_alone() -> None:
    """A person may settle what was open when the snapshot was taken, or nothing at all."""
    opened = some_state(open={ORDERS: some_attempt()})
    assert fold(opened, [a_resolution(8, Verdict.ABSENT)]) == some_state(seq=8)
    assert fold(some_state("orders"), [a_resolution(8, Verdict.ABSENT)]) == some_state(seq=8)


@pytest.mark.parametrize("base", range(len(ENTRIES) + 1), ids=lambda base: f"{base}-folded")
def test_entries_that_the_snapshot_has_are_skipped(base: int) -> None:
    """A crash between snapshot and journal leaves both: folding again changes nothing."""
    snapshot = fold(some_state(), ENTRIES[:base])
    assert fold(snapshot, ENTRIES) == fold(some_state(), ENTRIES)


def test_missing_entry_is_refused() -> None:
    """An entry that should stand before this one was lost with its outcome."""
    with pytest.raises(StateDamagedError, match="entry 8 is missing before entry 9"):
        fold(some_state(), [a_finish(9)])


@pytest.mark.parametrize(
    "outcome", [a_finish(9, attempt="other"), a_rejection(9, attempt="other")], ids=["finished", "rejected"]
)
def test_outcome_of_another_attempt_is_refused(outcome: Finished | Rejected) -> None:
    """An outcome closes the attempt it names and no other."""
    with pytest.raises(StateDamagedError, match="orders: an outcome has no intent before it"):
        fold(some_state(), [an_intent(8), outcome])


@pytest.mark.parametrize("outcome", [a_finish(8), a_rejection(8)], ids=["finished", "rejected"])
def test_outcome_without_intent_is_refused(outcome: Finished | Rejected) -> None:
    """Nothing is recorded that was not announced."""
    with pytest.raises(StateDamagedError, match="orders: an outcome has no intent before it"):
        fold(some_state("orders"), [outcome])


class Counting(dict[Address, Value]):
    """A map that counts how often its entries are touched."""

    def __init__(self, values: dict[Address, Value], touched: Counter[str]) -> None:
        super().__init__(values)
        self.touched = touched

    def __iter__(self) -> Iterator[Address]:
        """Count a walk over all keys."""
        self.touched["walk"] += 1
        return super().__iter__()

    def __getitem__(self, key: Address) -> Value:
        """Count a read; copying the map reads every entry."""
        self.touched["read"] += 1
        return super().__getitem__(key)

    def __setitem__(self, key: Address, value: Value) -> None:
        """Count a write."""
        self.touched["set"] += 1
        super().__setitem__(key, value)

    def pop(self, key: Address, default: Any = None) -> Any:
        """Count a removal."""
        self.touched["pop"] += 1
        return super().pop(key, default)

    def get(self, key: Address, default: Any = None) -> Any:
        """Count a look."""
        self.touched["get"] += 1
        return super().get(key, default)


@pytest.mark.parametrize("size", [1, 10, 10_000])
def test_folding_costs_the_same_in_any_state(size: int) -> None:
    """An entry touches its own task and no other; only asking for the whole state touches all."""
    ledger = Ledger(some_state(*(f"t{number}" for number in range(size))))
    touched: Counter[str] = Counter()
    ledger.tasks, ledger.open = Counting(ledger.tasks, touched), Counting(ledger.open, touched)
    for entry in (
        *(an_intent(8, "new"), a_finish(9, "new"), an_intent(10, "new"), a_rejection(11, "new")),
        *(an_intent(12, "new"), a_resolution(13, Verdict.ABSENT, address=Address("new"))),
    ):
        ledger.add(entry)
    assert touched == {"set": 4, "get": 1, "pop": 4}
    assert len(ledger.state.tasks) == size
    assert touched["read"] == size


names = st.sampled_from(["a", "b", "c"])
kinds = st.sampled_from([kind for kind in WriteKind if kind is not WriteKind.RUN])


@st.composite
def histories(draw: st.DrawFn) -> tuple[Entry, ...]:
    """A run as it can happen: every write announced, then perhaps its outcome."""
    entries: list[Entry] = []
    opened: dict[str, Intent] = {}
    for seq in range(8, 8 + draw(st.integers(0, 12))):
        name = draw(names)
        if name in opened:
            del opened[name]
            outcomes: list[Entry] = [
                a_finish(seq, name),
                a_rejection(seq, name),
                a_resolution(seq, address=Address(name)),
                a_resolution(seq, Verdict.ABSENT, address=Address(name)),
            ]
            entries.append(draw(st.sampled_from(outcomes)))
        else:
            opened[name] = an_intent(seq, name, kind=draw(kinds))
            entries.append(opened[name])
    return tuple(entries)


@given(histories(), st.integers(min_value=0))
def test_any_history_may_be_cut_into_snapshot_and_journal(entries: tuple[Entry, ...], cut: int) -> None:
    """Folding a part into a snapshot and the rest later gives the same state as folding all."""
    journal = decode(b"".join(lines_of(entries)), NAME)
    assert journal.entries == entries
    cut %= len(entries) + 1
    base: State = fold(some_state("a"), entries[:cut])
    assert fold(base, entries[cut:]) == fold(some_state("a"), entries)
