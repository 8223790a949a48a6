"""The snapshot: one result for one state, and nothing that is not whole is taken for one."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.address import Address, TaskId
from provisioner.core.jobs.codec import step_document
from provisioner.core.jobs.job import Job, RunRecord, Step
from provisioner.core.state.snapshot import decode, encode
from provisioner.core.state.state import State, TaskRecord, WriteKind, with_task, without_task
from provisioner.errors import StateDamagedError
from records import some_attempt, some_record, some_state
from tally import Table

NAME = "provisioner.state.json"


def sealed(document: Any) -> bytes:
    """Any document with a checksum that fits it, laid out as a snapshot is."""
    rest = json.dumps(document, indent=1).removeprefix("{\n")
    checksum = hashlib.sha256(rest.encode()).hexdigest()
    return f'{{\n "checksum": "{checksum}",\n{rest}'.encode()


def document_of(state: State) -> dict[str, Any]:
    """A snapshot's content without its checksum."""
    document: dict[str, Any] = json.loads(encode(state, "1.0"))
    del document["checksum"]
    return document


STATES = {
    "new": State(lineage="", stack=""),
    "no-tasks": some_state(),
    "one-task": some_state("orders"),
    "two-tasks": some_state("payments", "orders"),
    "open-create": some_state(open={Address("orders"): some_attempt()}),
    "open-update": some_state(
        "orders",
        open={Address("orders"): some_attempt(kind=WriteKind.UPDATE, task_id=TaskId("id-orders"))},
    ),
    "open-delete": some_state(
        "orders",
        open={
            Address("orders"): some_attempt(kind=WriteKind.DELETE, task_id=TaskId("id-orders"), spec={}),
            Address("payments"): some_attempt("payments"),
        },
    ),
    "adopted-unseen": some_state(tasks={Address("orders"): some_record(spec={}, digest="")}),
    "protected": some_state(tasks={Address("orders"): some_record(protected=True)}),
    "empty-list-in-spec": some_state(tasks={Address("orders"): some_record(spec={"Nodes": []})}),
    "sent-from": replace(some_state("a"), sent=("0123456789abcdef", "fedcba9876543210")),
    "lone-surrogate": some_state(tasks={Address("orders"): some_record(request_id="\ud800 \udfff")}),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_what_was_written_is_read(state: State) -> None:
    """Decoding is the inverse of encoding, for every shape a state can have."""
    assert decode(encode(state, "1.0"), NAME) == state


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_one_state_has_one_text(state: State) -> None:
    """What was read is written as the same bytes."""
    data = encode(state, "1.0")
    assert encode(decode(data, NAME), "1.0") == data


def test_order_of_tasks_does_not_reach_the_file() -> None:
    """Two states that are equal have equal bytes."""
    assert encode(some_state("a", "b"), "1.0") == encode(some_state("b", "a"), "1.0")


def test_snapshot_is_laid_out_for_people() -> None:
    """One field a line, one node a line, keys in order; exactly these bytes."""
    state = some_state(
        tasks={
            Address("orders"): some_record(spec={"Nodes": [{"Name": "in"}, {"Name": "ä"}], "SyncType": 2})
        },
        open={Address("payments"): some_attempt("payments", spec={"TaskName": "payments"})},
    )
    lines = encode(state, "1.0").decode().splitlines()
    assert lines[0] == "{"
    assert lines[1].startswith(' "checksum": "')
    assert lines[2:] == [
        ' "endpoint": "",',
        ' "fence": 0,',
        ' "format": 1,',
        ' "lineage": "1f2e3d4c5b6a7988",',
        ' "region": "",',
        ' "sent": [],',
        ' "seq": 7,',
        ' "serial": 3,',
        f' "stack": "{state.stack}",',
        ' "swallowed": "",',
        ' "tool": "1.0",',
        ' "open": {',
        '  "payments": {"address": "payments", "attempt": "0123456789abcdef", "digest": "' + "d" * 64 + '", '
        '"kind": "create", "marked": true, "payload_digest": "'
        + "e"
        * 64
        + '", "project_id": "17865298918277529", '
        '"protected": false, "spec": {"TaskName": "payments"}, "task_id": null, "task_type": 201, '
        '"timestamp": 1700000000}',
        " },",
        ' "tasks": {',
        '  "orders": {',
        '   "applied_at": "2023-11-14T22:13:20Z",',
        '   "attempt": "0123456789abcdef",',
        f'   "digest": "{"d" * 64}",',
        '   "marked_as": "",',
        '   "project_id": "17865298918277529",',
        '   "protected": false,',
        '   "request_id": "8d6cc27b-0000-4000-8000-000000000000",',
        '   "spec": {',
        '    "Nodes": [',
        '     {"Name": "in"},',
        '     {"Name": "ä"}',
        "    ],",
        '    "SyncType": 2',
        "   },",
        '   "task_id": "id-orders",',
        '   "task_type": 201',
        "  }",
        " }",
        "}",
    ]


# JSON text joins a high and a low surrogate that stand side by side; a reader never gives such a pair.
texts = st.text(
    st.characters(codec=None, exclude_categories=()),
    max_size=20,
).map(lambda text: str(json.loads(json.dumps(text))))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(texts, values, max_size=4)
records = st.builds(
    TaskRecord,
    project_id=texts,
    task_id=texts.filter(bool).map(TaskId),
    task_type=st.sampled_from([201, 202]),
    spec=bodies,
    digest=texts,
    request_id=texts,
    applied_at=texts,
    protected=st.booleans(),
    attempt=texts,
    run=st.none()
    | st.builds(
        RunRecord,
        job=st.sampled_from(Job),
        digest=texts,
        current=texts,
        version=st.integers(),
        step=st.none() | st.sampled_from(Step),
        sent=st.integers(),
        approval=texts,
    ),
)
attempts = st.builds(
    some_attempt,
    texts,
    kind=st.sampled_from([kind for kind in WriteKind if kind is not WriteKind.RUN]),
    task_id=st.none() | texts.map(TaskId),
    spec=bodies,
    timestamp=st.integers(),
) | st.builds(
    some_attempt,
    texts,
    kind=st.just(WriteKind.RUN),
    task_id=texts.map(TaskId),
    spec=st.builds(step_document, st.sampled_from(Step), st.builds(RunRecord, version=st.integers())),
    timestamp=st.integers(),
)
states = st.builds(
    State,
    lineage=texts,
    stack=texts,
    serial=st.integers(),
    seq=st.integers(),
    tasks=st.dictionaries(texts.map(Address), records, max_size=3),
    open=st.lists(attempts, max_size=2).map(lambda listed: {attempt.address: attempt for attempt in listed}),
)


@given(states, texts)
def test_any_state_survives_the_round_trip(state: State, tool: str) -> None:
    """Whatever text is in it, lone surrogates too, it comes back and is written the same again."""
    data = encode(state, tool)
    assert decode(data, NAME) == state
    assert encode(decode(data, NAME), tool) == data


FULL = encode(STATES["open-delete"], "1.0")


def test_every_truncation_is_refused(tried: Table) -> None:
    """A snapshot cut at any byte is never a state."""
    tried("bytes at which journal or snapshot is cut", len(FULL))
    for end in range(len(FULL)):
        with pytest.raises(StateDamagedError):
            decode(FULL[:end], NAME)


def test_every_flipped_bit_is_refused(tried: Table) -> None:
    """One bit that changed anywhere is noticed, in the checksum's own line too."""
    taken = []
    tried("bits of journal or snapshot that are flipped", len(FULL) * 8)
    for index in range(len(FULL)):
        for bit in range(8):
            data = bytearray(FULL)
            data[index] ^= 1 << bit
            try:
                decode(bytes(data), NAME)
            except StateDamagedError:
                continue
            taken.append((index, bit))
    assert taken == []


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t"], ids=["nothing", "newline", "blanks"])
def test_empty_file_is_not_an_empty_state(data: bytes) -> None:
    """An empty state would create every task a second time."""
    with pytest.raises(StateDamagedError, match="The state file is empty") as caught:
        decode(data, NAME)
    assert "create every task a second time" in str(caught.value)


def test_newer_format_is_refused_by_name_of_its_writer() -> None:
    """Who wrote the file is who can read it."""
    with pytest.raises(StateDamagedError) as caught:
        decode(sealed({**document_of(some_state()), "format": 2, "tool": "9.1"}), NAME)
    assert str(caught.value).splitlines() == [
        "The state file is from a newer version of provisioner.",
        f"  {NAME}: format 2, written by provisioner 9.1; this one reads up to format 1.",
        "Use that version or a newer one.",
    ]


@pytest.mark.parametrize("version", ["1", None, [1], 2.5], ids=["text", "null", "list", "fraction"])
def test_format_that_is_no_number_is_refused(version: object) -> None:
    """A format nobody here knows is not guessed at."""
    with pytest.raises(StateDamagedError, match=r"written by provisioner \(unknown\)"):
        decode(json.dumps({"format": version}).encode(), NAME)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"{", "not JSON at line 1, column 2"),
        (b'{"a": \xff}', "not UTF-8 text"),
        (b"[]", 'no "format": not a state file'),
        (b"{}", 'no "format": not a state file'),
        (b"[" * 100_000, 'no "format": not a state file'),
    ],
    ids=["not-json", "not-utf-8", "list", "no-format", "nested-too-deep"],
)
def test_file_that_is_no_state_says_why(data: bytes, fault: str) -> None:
    """The message names the file, the fault and what to do."""
    with pytest.raises(StateDamagedError) as caught:
        decode(data, NAME, accept_edits=True)
    assert str(caught.value) == (
        f"The state file is damaged.\n  {NAME}: {fault}\nPut the file back from git or a backup."
    )


def changed(path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A good document with one value replaced."""
    document = document_of(STATES["open-delete"])
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("serial",), "3", '"3" stands where a int belongs'),
        (("serial",), True, "true stands where a int belongs"),
        (("lineage",), None, "null stands where a str belongs"),
        (("tasks",), [], "[] stands where a dict belongs"),
        (("open",), 1, "1 stands where a dict belongs"),
        (("tasks", "orders"), "x", '"x" stands where a dict belongs'),
        (("tasks", "orders", "task_id"), "", "a task has an empty task_id"),
        (("tasks", "orders", "protected"), 1, "1 stands where a bool belongs"),
        (("tasks", "orders", "spec"), None, "null stands where a dict belongs"),
        (("open", "orders", "kind"), "move", "'move' is not a valid WriteKind"),
        (("open", "orders", "task_id"), 1, "1 stands where a str belongs"),
        (("open", "orders", "timestamp"), 1.5, "1.5 stands where a int belongs"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_shape_is_refused(path: tuple[str, ...], value: object, fault: str) -> None:
    """A checksum that fits does not make a shape that does not."""
    with pytest.raises(StateDamagedError) as caught:
        decode(sealed(changed(path, value)), NAME)
    assert fault in str(caught.value)


@pytest.mark.parametrize("name", ["lineage", "stack", "serial", "seq", "tasks", "open"])
def test_missing_part_is_refused(name: str) -> None:
    """Nothing has a default: a part that is not there was lost."""
    document = document_of(some_state("orders"))
    del document[name]
    with pytest.raises(StateDamagedError, match=f"no '{name}'"):
        decode(sealed(document), NAME)


def test_edited_file_is_refused_until_the_edit_is_accepted() -> None:
    """A change by hand is taken only when a person says so."""
    edited = encode(some_state("orders"), "1.0").replace(b"id-orders", b"id-others")
    with pytest.raises(StateDamagedError, match="provisioner state accept"):
        decode(edited, NAME)
    state = decode(edited, NAME, accept_edits=True)
    assert state.tasks[Address("orders")].task_id == "id-others"


def test_accepting_edits_does_not_accept_a_wrong_shape() -> None:
    """``accept_edits`` lifts the checksum and nothing else."""
    with pytest.raises(StateDamagedError, match="empty task_id"):
        decode(
            sealed(changed(("tasks", "orders", "task_id"), "")).replace(b"201", b"202"),
            NAME,
            accept_edits=True,
        )


def resealed(data: bytes) -> bytes:
    """A snapshot that was edited, with a checksum that fits."""
    rest = data.partition(b",\n")[2]
    return b'{\n "checksum": "%s",\n%s' % (hashlib.sha256(rest).hexdigest().encode(), rest)


TWO = encode(some_state("orders", "payments"), "1.0")


def test_spec_is_read_when_it_is_asked_for() -> None:
    """And only then: until then it is the bytes in the file, which are written again as they are."""
    spaced = resealed(TWO.replace(b'"TaskName": "payments"', b'"TaskName":  "payments"'))
    assert spaced != resealed(TWO)
    state = decode(spaced, NAME)
    assert encode(state, "1.0") == spaced
    assert state.tasks[Address("payments")].spec["TaskName"] == "payments"
    assert encode(state, "1.0") == TWO


def test_spec_that_is_no_json_is_damage_when_it_is_read() -> None:
    """A checksum that fits such a file was made to."""
    state = decode(resealed(TWO.replace(b'"TaskName": "orders"', b'"TaskName": orders')), NAME)
    assert state.tasks[Address("payments")].spec
    with pytest.raises(StateDamagedError, match=f"{NAME}: the spec at byte [0-9]+ is not JSON"):
        _ = state.tasks[Address("orders")].spec


def test_every_spec_belongs_to_its_own_task() -> None:
    """A file that has a task twice is read as JSON is: the last one counts, with its own spec."""
    twice = resealed(TWO.replace(b'  "orders": {', b'  "payments": {'))
    assert decode(twice, NAME).tasks[Address("payments")].spec["TaskName"] == "payments"


def test_spec_that_is_not_laid_out_as_ours_is_read_all_the_same() -> None:
    """One line or many, before the other fields or after them, in whatever order the file has its parts."""
    state = some_state("orders", "payments")
    document = document_of(state)
    for changed_ in (
        {"tasks": document["tasks"], **document},
        json.loads(json.dumps(document, sort_keys=True)),
    ):
        assert decode(sealed(changed_), NAME) == state
        assert decode(resealed(b'{"checksum": "",\n' + json.dumps(changed_)[1:].encode()), NAME) == state


def test_no_spec_is_a_default() -> None:
    """A record without one cannot be made, and a record cannot be changed."""
    with pytest.raises(AttributeError):
        _ = TaskRecord.spec
    with pytest.raises(TypeError):
        TaskRecord(project_id="1")  # type: ignore[call-arg]  # the point
    with pytest.raises(AttributeError):
        some_record().spec = {}  # type: ignore[misc]  # the point


def test_task_is_put_into_and_taken_out_of_a_state() -> None:
    """Both give a new state and leave the old one as it was."""
    state = some_state("orders")
    more = with_task(state, Address("payments"), some_record("payments"))
    assert list(more.tasks) == ["orders", "payments"]
    assert without_task(more, Address("payments")) == state
    assert without_task(state, Address("payments")) == state
    assert list(state.tasks) == ["orders"]
