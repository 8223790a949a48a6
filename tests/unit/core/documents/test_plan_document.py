"""The plan as a document: complete, stable, without secrets, read back with care."""

import hashlib
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_node, a_plan, a_record, a_spec, a_state, an_attempt
from provisioner.core.body.masking import HIDDEN, shown_body
from provisioner.core.documents.plan_document import encode, to_document
from provisioner.core.documents.plan_reader import decides_the_same, decode
from provisioner.core.documents.plan_schema import plan_schema
from provisioner.core.plan.plan import Plan
from provisioner.core.source import Source
from provisioner.core.state.state import WriteKind
from provisioner.core.text import printable_lines
from provisioner.errors import StalePlanError, UsageError

SECRET = "hunter2-correct-horse"
VALIDATOR = jsonschema.Draft202012Validator(plan_schema())


def _sealed(document: Any) -> bytes:
    """The checksum that a document of this content would carry, worked out as its schema says."""
    content = {name: value for name, value in document.items() if name != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _some_plan(**origin: Any) -> Plan:
    old = [a_spec(name) for name in ("changed", "gone", "replaced", "stays")]
    desired = [
        a_spec("changed", SyncType=1, Config={"password": SECRET}),
        a_spec("open"),
        a_spec("replaced", TaskType=202),
        old[3],
    ]
    return a_plan(*desired, state=a_state(*old, attempts=[an_attempt(a_spec("open"))]), **origin)


@given(st.text(), st.text(), st.sampled_from(["prod", ""]))
def test_reading_and_writing_again_gives_the_same_bytes(text: str, name: str, environment: str) -> None:
    """Whatever the manifests contain; and the schema describes it."""
    nodes = [a_node(name or "n", "INPUT", "MYSQL", Config={name or "n": text, "token": SECRET})]
    before = a_spec(Description=text, Nodes=nodes)
    after = a_spec(Description=text[::-1], Nodes=[{**nodes[0], "Config": {"x": text}}])
    plan = a_plan(after, a_spec("new", TaskType=202), state=a_state(before), environment=environment)
    data = encode(plan)
    assert encode(decode(data, "tfplan")) == data
    assert SECRET.encode() not in data
    VALIDATOR.validate(json.loads(data))
    assert json.loads(data) == json.loads(json.dumps(to_document(plan)))


def test_every_kind_of_change_is_written_and_read() -> None:
    """Create, update, replace, delete, open attempts, targets, destroy."""
    addresses = ("changed", "gone", "open", "replaced", "stays")
    for plan in (_some_plan(), _some_plan(targets=addresses), a_plan(state=a_state(a_spec()), destroy=True)):
        data = encode(plan)
        assert encode(decode(data, "tfplan")) == data
        VALIDATOR.validate(json.loads(data))


def test_what_a_terminal_would_obey_is_escaped() -> None:
    """The document goes to standard output too; other scripts stay readable."""
    gone = a_record(a_spec("t"), spec={"Description": "\x9b31m \u202e \x7f 订单 \ud800"})
    text = encode(a_plan(state=a_state(records={"t": gone}))).decode()
    assert "\\u009b31m \\u202e \\u007f 订单 \\ud800" in text


def test_terraforms_words_for_actions() -> None:
    """A policy tool reads these."""
    changes = to_document(_some_plan())["resource_changes"]
    assert {change["address"]: change["change"]["actions"] for change in changes} == {
        "changed": ["update"],
        "gone": ["delete"],
        "open": ["create"],
        "replaced": ["delete", "create"],
    }


def test_secrets_are_hidden_at_every_depth() -> None:
    """In settings, in lists, and whatever their shape; no change of one shows more than that."""
    body: Any = {
        "Config": {"password": "a", "plain": "b"},
        "Nodes": [{"Name": "secrets", "Config": {"x.token": "c"}}],
        "Novel": {"secret": {"deep": ["d"]}, "credentials": None},
    }
    assert shown_body(body) == {
        "Config": {"password": HIDDEN, "plain": "b"},
        "Nodes": [{"Name": "secrets", "Config": {"x.token": HIDDEN}}],
        "Novel": {"secret": HIDDEN, "credentials": None},
    }
    assert shown_body(None) is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"password": "a"}, {"password": "b"}, (HIDDEN, HIDDEN)),
        ({"password": ""}, {"password": "b"}, (HIDDEN, HIDDEN)),
        ({}, {"password": "b"}, (None, HIDDEN)),
        ({"password": "a"}, {}, (HIDDEN, None)),
    ],
    ids=["changed", "was empty", "added", "removed"],
)
def test_a_change_of_a_secret_is_seen_and_not_shown(before: Any, after: Any, expected: Any) -> None:
    """That it changes is in the plan; what it is and was is not."""
    plan = a_plan(a_spec(Config={**after, "x": 1}), state=a_state(a_spec(Config={**before, "x": 1})))
    (field,) = to_document(plan)["resource_changes"][0]["field_changes"]
    assert (field["before"], field["after"], field["sensitive"]) == (*expected, True)


def test_an_item_named_like_a_secret_is_shown() -> None:
    """A node called payment_tokens must be seen to be approved; the secret in it must not."""
    node = a_node("payment_tokens", "OUTPUT", "DLC", Config={"password": SECRET})
    plan = a_plan(a_spec(Nodes=[node]), state=a_state(a_spec(Nodes=None)))
    (field,) = to_document(plan)["resource_changes"][0]["field_changes"]
    assert field["after"]["DataSourceType"] == "DLC"
    assert SECRET not in json.dumps(to_document(plan))


def test_where_a_manifest_stands_decides_nothing() -> None:
    """A line more above it does not make a plan stale; anything else does."""
    one, moved, other = (
        to_document(a_plan(spec))
        for spec in (a_spec(), a_spec(source=Source("elsewhere.yaml", 9, 1)), a_spec(SyncType=1))
    )
    assert decides_the_same(one, moved)
    assert not decides_the_same(one, other)
    assert decides_the_same({"resource_changes": ["x"]}, {"resource_changes": ["x"]})
    assert not decides_the_same({}, one)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "not a saved plan"),
        (b"[]", "not a saved plan"),
        (b"{}", "not a saved plan"),
        (b"\xff", "not a saved plan"),
        (b"[" * 100_000, "not a saved plan"),
        (b'{"format_version": "2.0"}', "of another format"),
        (b'{"format_version": ' + b"[" * 900 + b"]" * 900 + b"}", "of another format|not a saved plan"),
        (b'{"format_version": "1.0", "checksum": "%s"}' % _sealed({"format_version": "1.0"}), "damaged"),
    ],
    ids=["empty", "a list", "a map", "not text", "too deep", "newer", "deep", "nothing in it"],
)
def test_what_is_no_plan_is_refused(data: bytes, expected: str) -> None:
    """With the name of the file."""
    with pytest.raises(UsageError, match=expected) as raised:
        decode(data, "some/file")
    assert "some/file" in str(raised.value)


def test_many_changes_have_a_line_each() -> None:
    """The document says the same, with the same checksum, and a terminal obeys none of it."""
    bodies = [
        {"TaskName": f"t{n}", "Config": {"text": text, "password": SECRET}} for n, text in enumerate(TEXTS)
    ]
    specs = [a_spec(f"t{n:03d}", bodies[n % len(bodies)]) for n in range(101)]
    plan = a_plan(*specs)
    text = encode(plan).decode()
    assert json.loads(text) == to_document(plan)
    assert encode(decode(text.encode(), "tfplan")) == text.encode()
    lines = [json.loads(line.rstrip(",")) for line in text.splitlines() if line.startswith("    {")]
    assert lines == to_document(plan)["resource_changes"]
    assert printable_lines(text) == text
    assert SECRET not in text
    assert "中文" in text


TEXTS = (
    "plain",
    "中文",
    "\x7f",
    "\u202e",
    '"resource_changes":[]',
    "\\u0041",
    "line\nbreak",
    "\x1b[2J",
)


def test_an_edited_plan_is_refused() -> None:
    """Every value that is changed, every one that is left out; another layout is no edit."""
    document = json.loads(encode(_some_plan()))
    assert document["checksum"].encode() == _sealed(document)
    laid_out = json.dumps(document, sort_keys=True, indent=9).encode()
    assert encode(decode(laid_out, "tfplan")) == encode(_some_plan())
    for path in _paths(document):
        if path in ((), ("format_version",)):
            continue
        with pytest.raises(StalePlanError, match="was edited") as raised:
            decode(json.dumps(_with(document, path, "edited")).encode(), "some/file")
        assert "some/file" in str(raised.value)
    del document["checksum"]
    with pytest.raises(StalePlanError, match="was edited"):
        decode(json.dumps(document).encode(), "some/file")


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, item in items for inner in _paths(item, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(copy[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("new", [None, True, 7, "x", [], {}, [[]], {"a": 1}], ids=repr)
def test_a_damaged_plan_is_refused_or_can_be_shown(new: Any) -> None:
    """Put anything anywhere: the answer is a message or a plan, never a crash."""
    from provisioner.render.plan_text import render_plan

    small = {"TaskName": "t", "SyncType": 1, "Nodes": [{"Name": "n", "Config": {"a": "1", "b": "2"}}]}
    large = {**small, "SyncType": 2, "Nodes": [{"Name": "n", "Config": {"a": "x" * 90}}]}
    state = a_state(a_spec("changed", small), a_spec("gone", small), attempts=[an_attempt(a_spec("new"))])
    specs = (a_spec("changed", large), a_spec("new", small))
    document = json.loads(encode(a_plan(*specs, state=state, targets=("changed", "gone", "new"))))
    for path in _paths(document):
        changed = _with(document, path, new)
        if isinstance(changed, dict):
            # Sealed anew: what is read must be safe to read, whoever wrote it.
            changed["checksum"] = _sealed(changed).decode()
        try:
            plan = decode(json.dumps(changed).encode(), "tfplan")
        except UsageError:
            continue
        for verbose in (False, True):
            assert render_plan(plan, colour=False, verbose=verbose)


def test_unsettled_writes_are_listed() -> None:
    """With what was tried and when it was signed."""
    state = a_state(
        records={"t": a_record(a_spec("t"))}, attempts=[an_attempt(a_spec("t"), kind=WriteKind.UPDATE)]
    )
    (one,) = to_document(a_plan(a_spec("t"), state=state))["unsettled"]
    assert one == {
        "address": "t",
        "kind": "update",
        "attempt": "ffeeddccbbaa99887766",
        "timestamp": 1_767_323_045,
    }
