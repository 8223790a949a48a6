"""A plan as a comment: what a parser of Markdown makes of it, and how much of it there is."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from builders import SECRET, a_plan, a_spec, a_state, columns, texts_everywhere
from provisioner.core.address import Address
from provisioner.core.plan.plan import Plan
from provisioner.core.source import Source
from provisioner.render.plan_markdown import LIMIT, render_markdown

ALLOWED = {"h3", "p", "pre", "code", "details", "summary"}
MARK = "fromoutside"
TRICKS = st.lists(
    st.sampled_from(
        [
            "`",
            "```",
            "~~~",
            "\n",
            "\r",
            "<",
            "</code>",
            "</details>",
            "<script>",
            "&lt;",
            "&",
            "@all",
            "#1",
            " ",
            "    ",
            "|",
            "*",
            "_",
            "](http://x)",
            "![",
            "<!--",
            "]]>",
            "\u202e",
            "\\",
            "- ",
            "> ",
        ]
    ),
    max_size=8,
).map("".join)


class _Page(HTMLParser):
    """What a browser would show: its elements, and the text outside of code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.plain = ""
        self.code = ""
        self.feed(MarkdownIt("commonmark").render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        assert dict(attrs) in ({}, {"open": None}, {"open": ""}, {"class": "language-diff"})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        if "code" in self.open:
            self.code += data
        else:
            self.plain += data


@given(TRICKS)
def test_nothing_from_outside_becomes_markup(text: str) -> None:
    """No element, no link, no name that somebody is notified by: it is all inside of code."""
    for plan in (
        texts_everywhere(f"{text}{MARK}"),
        _creates(25, 25, team=f"{text}{MARK}"),
        a_plan(targets=(Address(f"{text}{MARK}"),)),
    ):
        page = _Page(render_markdown(plan))
        assert page.seen <= ALLOWED
        assert page.open == []
        assert MARK not in page.plain
        assert MARK in page.code


def test_a_fence_is_not_ended_by_what_it_holds() -> None:
    """Not even by a name that is one."""
    plan = _creates(25, 25)
    origin = replace(plan.origin, targets=(Address("```"),), environment=MARK)
    page = _Page(render_markdown(replace(plan, origin=origin)))
    assert MARK not in page.plain
    assert "details" in page.seen


def _creates(count: int, folder: int, team: str = "team") -> Plan:
    """So many different creates, so many to a folder."""
    return a_plan(
        *(
            a_spec(
                f"task-{number:05}",
                Description=f"number {number}",
                Nodes=[{"Id": "1", "Name": "in", "NodeType": "INPUT", "Schema": columns(3)}],
                source=Source(f"manifests/{team}-{number // folder:03}/task-{number:05}.yaml", 1, 1),
            )
            for number in range(count)
        )
    )


@pytest.mark.parametrize("folder", [20, 100, 10_000])
def test_ten_thousand_creates_fit_into_a_comment_and_are_all_counted(folder: int) -> None:
    """In groups that a person can look over; what has no room is said to be missing."""
    text = render_markdown(_creates(10_000, folder))
    assert len(text) < 65_536
    assert len(text) > LIMIT * 0.9
    groups = [
        int(count.replace(",", "")) for count in re.findall(r"<code>[^<]*: ([0-9,]+) tasks? will be", text)
    ]
    left_out = re.search(r"^([0-9]+) more tasks in ([0-9]+) more groups? would", text, re.MULTILINE)
    missing, missing_groups = map(int, left_out.groups()) if left_out else (0, 0)
    assert sum(groups) + missing == 10_000
    assert len(groups) + missing_groups == 10_000 // folder
    listed = len(re.findall(r"^\+   task-", text, re.MULTILINE))
    cut = sum(int(more) for more in re.findall(r"^# … and ([0-9]+) more line", text, re.MULTILINE))
    assert listed + cut == sum(groups)


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize(
    "text", ["`" * 30_000, "x" * 100_000, "&" * 30_000], ids=["fence", "long", "escaped"]
)
def test_no_text_makes_it_too_long_for_a_comment(text: str, verbose: bool) -> None:
    """One that could would leave the comment standing that was there before."""
    shown = render_markdown(texts_everywhere(text), verbose=verbose)
    assert len(shown) < 65_536
    assert "more " in shown
    assert _Page(shown).open == []


def test_what_destroys_is_unfolded_and_comes_first() -> None:
    """A reviewer sees it without a click."""
    plan = a_plan(a_spec("new"), state=a_state(a_spec("gone", TaskName="another")))
    opened, folded = re.findall(r"<details.*", render_markdown(plan))
    assert opened == "<details open><summary><code>gone will be destroyed</code></summary>"
    assert folded.startswith("<details><summary><code>new will be created")


def test_a_secret_is_never_shown() -> None:
    """Created or destroyed."""
    secret = a_spec(Config={"password": SECRET})
    for plan in (a_plan(secret), a_plan(state=a_state(secret))):
        for verbose in (False, True):
            assert SECRET not in render_markdown(plan, verbose=verbose)
