"""A plan as text: nothing forged, nothing leaked, nothing left out, and quick."""

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import SECRET, a_node, a_plan, a_record, a_spec, a_state, texts_everywhere
from provisioner.core.address import Address
from provisioner.core.documents.plan_document import encode
from provisioner.core.jobs.job import Job, RunRecord, RunSpec, RunState
from provisioner.core.source import Source
from provisioner.core.text import printable
from provisioner.render.plan_text import render_plan

ESCAPES = re.compile("\x1b\\[[0-9;]+m")
NASTY = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\x00\x07\x08\x1b\x7f\x9b\r\n\t\u202e\u2066\u200b\ufeff\ud800  +-~#")
    )
)


def _shown(*specs: Any, before: Any = (), verbose: bool = False, **origin: Any) -> str:
    return render_plan(a_plan(*specs, state=a_state(*before), **origin), colour=False, verbose=verbose)


@given(NASTY, st.booleans(), st.booleans())
def test_no_text_from_outside_moves_the_cursor(text: str, colour: bool, verbose: bool) -> None:
    """No control, format or bidi character but our newlines, and escape sequences only when asked for."""
    shown = render_plan(texts_everywhere(text), colour=colour, verbose=verbose)
    assert (ESCAPES.sub("", shown) == shown) is not colour
    for line in ESCAPES.sub("", shown).split("\n"):
        assert printable(line) == line


@given(NASTY)
def test_colours_change_nothing_but_colours(text: str) -> None:
    """Without them the text is the same."""
    plan = texts_everywhere(text)
    assert ESCAPES.sub("", render_plan(plan, colour=True)) == render_plan(plan, colour=False)


@given(NASTY, st.booleans())
def test_a_secret_is_never_shown(text: str, verbose: bool) -> None:
    """Created, changed, destroyed, in text or JSON."""
    plan = texts_everywhere(text)
    assert SECRET not in render_plan(plan, colour=False, verbose=verbose)
    assert SECRET.encode() not in encode(plan)
    gone = a_plan(state=a_state(a_spec(Config={"password": SECRET})))
    assert SECRET not in render_plan(gone, colour=False, verbose=True)


def test_no_value_passes_for_a_line_of_the_plan() -> None:
    """A line in a value keeps its symbol, its quotes and its place."""
    forged = "x\n  # other will be destroyed\n\nPlan: 0 to add, 0 to change, 0 to destroy."
    shown = _shown(a_spec(Description=forged), before=[a_spec(Description="x")])
    assert [line for line in shown.split("\n") if line.startswith("Plan:")] == [
        "Plan: 0 to add, 1 to change, 0 to destroy."
    ]
    assert "          +   # other will be destroyed" in shown.split("\n")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a", "a" * 81, ["- a", f"+ {'a' * 81}"]),
        ("a" * 100, "a" * 100 + "b", [f"- …{'a' * 40}", f"+ …{'a' * 40}b"]),
        ("a" * 100 + "b", "a" * 100 + "c", [f"- …{'a' * 40}b", f"+ …{'a' * 40}c"]),
        ("b" + "a" * 100, "c" + "a" * 100, [f"- b{'a' * 40}…", f"+ c{'a' * 40}…"]),
        ("a\nb", "a\nb ", ["a", "- b", '+ "b "']),
        ("a\tb\n", "a\\tb\n", ['- "a\\tb"', "+ a\\tb", ""]),
        ("a\nb", "c\nd\ne", ["- a", "- b", "+ c", "+ d", "+ e"]),
        ("a\n" * 9, "a\n" * 9 + "b", ["# (6 unchanged lines hidden)", "a", "a", "a", "-", "+ b"]),
        ("b\n" + "a\n" * 9, "a\n" * 9, ["- b", "a", "a", "a", "# (7 unchanged lines hidden)"]),
    ],
    ids=[
        "short to long",
        "appended",
        "at the end",
        "at the beginning",
        "trailing blank",
        "tab or backslash",
        "other length",
        "last line",
        "first line",
    ],
)
def test_long_texts_are_shown_by_line(before: str, after: str, expected: list[str]) -> None:
    """What differs whole, what is equal around it, and how much more is equal."""
    shown = _shown(a_spec(Description=after), before=[a_spec(Description=before)])
    block = shown.split("~ Description = <<-EOT\n")[1].split("        EOT")[0]
    assert [line.strip() for line in block.split("\n")[:-1]] == expected


def test_verbose_shows_long_lines_whole() -> None:
    """Both of them."""
    old, new = "a" * 200 + "b", "a" * 200 + "c"
    shown = _shown(a_spec(Description=new), before=[a_spec(Description=old)], verbose=True)
    assert f"- {old}\n" in shown
    assert f"+ {new}\n" in shown


def test_what_is_equal_between_two_differences_is_counted() -> None:
    """The middle of a long text."""
    lines = [str(number) for number in range(30)]
    changed = ["first", *lines[1:-1], "last"]
    shown = _shown(a_spec(Description="\n".join(changed)), before=[a_spec(Description="\n".join(lines))])
    assert "# (22 unchanged lines hidden)" in shown


def test_a_new_order_of_many_columns_is_shown_by_column() -> None:
    """Only those that moved."""
    node = a_node("n", "INPUT", "MYSQL", width=40)
    turned = {**node, "Schema": [*node["Schema"][1:], node["Schema"][0]]}
    shown = _shown(a_spec(Nodes=[turned]), before=[a_spec(Nodes=[node])])
    assert "~ Schema (order) = <<-EOT" in shown
    assert shown.count('- "101"') == shown.count('+ "101"') == 1


def test_items_without_keys_are_numbered() -> None:
    """Nodes without names; a new one and a changed one."""
    before = [{"NodeType": "INPUT", "Config": {"a": "1"}}]
    after = [{"NodeType": "INPUT", "Config": {"a": "2"}}, {"NodeType": "OUTPUT"}]
    shown = _shown(a_spec(Nodes=after), a_spec("new", Nodes=after), before=[a_spec(Nodes=before)])
    assert "      ~ Nodes[0] {\n          ~ Config {\n" in shown
    assert '      + Nodes[1] {\n          + NodeType = "OUTPUT"\n' in shown


def test_fields_of_another_version_are_shown_as_they_are() -> None:
    """Maps, lists, lists of lists, numbers, whatever their names."""
    novel: Any = {
        "Novel": {"deep": {"x": [1, 2.5, None, True]}},
        "Lists": [["a"], []],
        "Maps": [{"b": {"c": "d"}}, {}],
        "odd name": 1,
    }
    gone = a_record(a_spec("t"), spec=novel)
    shown = render_plan(a_plan(state=a_state(records={"t": gone})), colour=False, verbose=True)
    assert '["a"]' in shown
    assert "2.5" in shown
    assert '- "odd name" = 1' in shown
    assert '{ b = { c = "d" } }' in shown
    known = a_record(
        a_spec("t"), spec={**a_spec("t").body, **novel, "Incharge": {"a": ["x" * 90]}}, digest="other"
    )
    plan = a_plan(a_spec("t", Incharge="me"), state=a_state(records={"t": known}))
    changed = render_plan(plan, colour=False).split("\n")
    assert "      - Novel {" in changed
    assert "      - Lists = [" in changed
    assert "      ~ Incharge = <<-EOT" in changed
    assert '          + "me"' in changed


def test_a_list_that_was_no_list_is_shown() -> None:
    """A damaged state: what lies under a path may have any shape."""
    odd = a_record(a_spec("t"), spec={**a_spec("t").body, "Config": {}, "Nodes": []}, digest="other")
    plan = a_plan(a_spec("t"), state=a_state(records={"t": odd}))
    assert '+ Nodes["orders_lake"] {' in render_plan(plan, colour=False)


def test_addresses_beside_each_other_are_wrapped_and_counted() -> None:
    """All of fifty, twenty of more, all if verbose."""
    names = [f"t{number:03d}" for number in range(51)]
    old = [a_spec(name) for name in names]
    new = [a_spec(name, SyncType=1) for name in names]
    fifty = _shown(*new[:50], before=old[:50])
    assert "# 50 tasks will be updated in-place" in fifty
    assert all(name in fifty for name in names[:50])
    many = _shown(*new, before=old)
    assert "… and 31 more (--verbose lists them)" in many
    assert names[20] not in many
    assert max(map(len, many.split("\n"))) <= 110
    verbose = _shown(*new, before=old, verbose=True)
    assert all(f"# {name} will be updated in-place" in verbose for name in names)


def test_short_addresses_are_not_looked_for_in_bodies() -> None:
    """Tasks called 1 and 2 that read from nodes 1 and 2 are not the same."""
    one = a_spec("1", Config={"value": "1"}, TaskName="x")
    two = a_spec("2", Config={"value": "2"}, TaskName="x")
    assert "2 tasks" not in _shown(one, two)


def test_many_tasks_without_place_or_reader() -> None:
    """A manifest beside the settings, and nodes that do not say what they are."""
    nodes: Any = [{"Name": "a"}, {"Name": "b", "NodeType": "INPUT"}]
    specs = [a_spec(f"t{n:02d}", SyncType=n, Nodes=nodes, source=Source("a.yaml", n + 1)) for n in range(21)]
    assert (
        '  # 21 tasks will be created, project "17865298918277529"\n  + t00   ? → ?   real-time   a.yaml:1\n'
        in (_shown(*specs))
    )


def test_nothing_to_destroy() -> None:
    """An empty state, and all of it is to go."""
    assert _shown(destroy=True) == "No changes. There is nothing to destroy.\n"


def test_ten_thousand_creates_take_a_second_at_most() -> None:
    """A line each, and no body is looked at twice; three times the time for a slow machine."""
    nodes = [a_node("in", "INPUT", "MYSQL", width=12), a_node("out", "OUTPUT", "DLC", width=12)]
    like = a_spec(Nodes=nodes)
    specs = [
        replace(
            like,
            address=Address(f"order-{n:05d}"),
            create_body={**like.create_body, "SyncType": n},
            source=Source(f"manifests/team-{n // 100}/task-{n}.yaml", 1),
        )
        for n in range(10_000)
    ]
    plan = a_plan(*specs)
    begin = time.perf_counter()
    shown = render_plan(plan, colour=True)
    assert time.perf_counter() - begin < 3
    assert all(f"+\x1b[0m order-{n:05d} " in shown for n in range(0, 10_000, 997))


def test_a_renamed_node_is_one_change_of_its_name() -> None:
    """Two whole bodies would hide that nothing else differs; if anything else does, or may, both are shown."""
    node = a_node("old", "INPUT", "MYSQL", Id="1", Config={"Database": "shop"})
    before = [a_spec(Nodes=[node])]
    shown = _shown(a_spec(Nodes=[{**node, "Name": "new"}]), before=before)
    assert '~ Name = "old" -> "new"' in shown
    assert "# (6 unchanged fields hidden)" in shown
    assert "Database" not in shown
    for other in ({"Config": {"Database": "bank"}}, {"Config": {"Database": "shop", "password": SECRET}}):
        shown = _shown(a_spec(Nodes=[{**node, "Name": "new", **other}]), before=before)
        assert '+ Nodes["new"] {' in shown
        assert '- Nodes["old"] {' in shown
    secret = {**node, "Config": {"password": "x"}}
    shown = _shown(
        a_spec(Nodes=[{**secret, "Name": "new", "Config": {"password": SECRET}}]),
        before=[a_spec(Nodes=[secret])],
    )
    assert '- Nodes["old"] {' in shown


def test_nodes_that_read_stand_before_nodes_that_write() -> None:
    """Whatever their names: in what is created, in what changes, and in what goes."""
    nodes = [a_node(name, "OUTPUT" if name < "c" else "INPUT", "MYSQL", Id=name) for name in "abcd"]
    changed = [{**node, "DataSourceType": "ORACLE"} for node in nodes]
    old = a_spec("t", Nodes=nodes)
    for shown in (
        _shown(old),
        _shown(a_spec("t", Nodes=changed), before=[old]),
        _shown(before=[old], verbose=True),
        _shown(a_spec("t", Nodes=None), before=[old]),
    ):
        assert re.findall(r'Nodes\["(.)"\]', shown) == ["c", "d", "a", "b"]


def test_a_rename_among_many_is_hinted_on_its_line() -> None:
    """Where every create has a line and no block."""
    new = [a_spec(f"t-{number:02d}", Description=str(number)) for number in range(25)]
    shown = _shown(*new, before=[a_spec("old", Description="7")])
    (line,) = [line for line in shown.split("\n") if "looks like a rename" in line]
    assert "t-07 " in line
    assert line.endswith("# this looks like a rename: add to manifests/t-07.yaml: moved: {from: old}")


@pytest.mark.parametrize(
    ("old", "file", "line"),
    [
        ("orders", "manifests/b.yaml", "moved: {from: orders}"),
        ("orders.v1-eu", "manifests/b.yml", "moved: {from: orders.v1-eu}"),
        ("2024", "manifests/b.yaml", 'moved: {from: "2024"}'),
        ("1e5", "manifests/b.yaml", 'moved: {from: "1e5"}'),
        ("Yes", "manifests/b.yaml", 'moved: {from: "Yes"}'),
        ("null", "manifests/b.yaml", 'moved: {from: "null"}'),
        ("nullable", "manifests/b.yaml", "moved: {from: nullable}"),
        ("orders", "manifests/b.json", '"moved": {"from": "orders"}'),
    ],
)
def test_the_line_that_makes_a_rename_can_be_pasted(old: str, file: str, line: str) -> None:
    """Whatever the address is, it stays a text; and it is in the file's own language."""
    shown = _shown(a_spec("new-name", source=Source(file, 1, 1)), before=[a_spec(old)])
    assert f"# (this looks like a rename: add to {file}: {line})" in shown


def test_many_moves_are_counted_and_verbose_lists_them() -> None:
    """As everything that there is very much of."""
    names = [f"task-{number:03d}" for number in range(60)]
    old = [a_spec(name, TaskName="t") for name in names]
    new = [a_spec(f"{name}-v2", TaskName="t", moved_from=[name]) for name in names]
    shown = _shown(*new, before=old)
    assert shown.count(" has moved to ") == 20
    assert "  … and 40 more (--verbose lists them)\n" in shown
    assert "# 60 tasks will be updated in-place: harmless" in shown
    assert _shown(*new, before=old, verbose=True).count(" has moved to ") == 60


def test_what_is_at_stake_stands_out() -> None:
    """Only that: what is harmless has no colour, in the summary and at the change."""
    reader = a_node("in", "INPUT", "MYSQL", Id="1")
    old = [a_spec("moves", Nodes=[reader]), a_spec("always", Description="x")]
    new = [a_spec("moves", Nodes=[{**reader, "DatasourceId": "9"}]), a_spec("always", Description="y")]
    shown = render_plan(a_plan(*new, state=a_state(*old)), colour=True)
    alarm = "\x1b[1;31mmay lose the sync position\x1b[0m"
    assert f"moves\x1b[0m will be updated in-place: {alarm}\n" in shown
    assert "# may lose the sync position\x1b[0m" in shown
    assert "always\x1b[0m will be updated in-place: harmless\n" in shown
    assert "Risk:\x1b[0m \x1b[1;31m1 may lose the sync position\x1b[0m, 1 harmless.\n" in shown
    assert shown.index("moves") < shown.index("always")


def test_tasks_share_a_block_only_if_they_share_its_consequence() -> None:
    """The same field of a node that reads in one task and writes in the other."""
    names = ("one", "two")
    nodes = {
        name: a_node("n", kind, "MYSQL", Id="1")
        for name, kind in zip(names, ("INPUT", "OUTPUT"), strict=True)
    }
    old = [a_spec(name, Nodes=[nodes[name]]) for name in names]
    new = [a_spec(name, Nodes=[{**nodes[name], "DatasourceId": "9"}]) for name in names]
    shown = _shown(*new, before=old)
    assert "# one will be updated in-place: may lose the sync position" in shown
    assert "# two will be updated in-place: takes effect at the next submit and restart" in shown


def test_what_the_apply_itself_does_about_a_job_is_no_advice() -> None:
    """A job that is paused, or goes on with a new version, is interrupted; nobody has to restart it."""
    old = a_spec()
    run = RunRecord(job=Job.RUNNING, digest=old.digest, current=old.digest)
    state = a_state(records={old.address: a_record(old, run=run)})
    new = a_spec(ExecutorId="1", run=RunSpec(state=RunState.RUNNING))
    shown = render_plan(a_plan(new, state=state), colour=False)
    assert "will be updated in-place: interrupts a running job\n" in shown
    left_alone = a_spec(ExecutorId="1", run=RunSpec(state=RunState.SUBMITTED))
    shown = render_plan(a_plan(left_alone, state=state), colour=False)
    assert "will be updated in-place: takes effect at the next submit and restart\n" in shown
