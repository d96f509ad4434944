"""Text from a scanner cannot steer a terminal, a page or a workflow runner."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from secagg.output import escape


@given(st.text())
def test_terminal_text_is_one_line_without_controls(text: str) -> None:
    shown = escape.terminal(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text())
def test_terminal_text_stays_as_it_is_the_second_time(text: str) -> None:
    once = escape.terminal(text)
    assert escape.terminal(once) == once


@pytest.mark.parametrize(
    "evil", ["\x1b[31mred", "\x1b]0;title\x07", "a\rb", "a\u202eb", "a\u2066b", "\x9b1m", "a\x00b"]
)
def test_terminal_obeys_nothing(evil: str) -> None:
    shown = escape.terminal(evil)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.isprintable() or "\N{REPLACEMENT CHARACTER}" in shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[x](y)", r"\[x\](y)"),
        ("![x](http://e)", "`![x](http://e)`"),
        ("`x`", "&#x60;x&#x60;"),
        ("<img src=x>", r"\<img src=x\>"),
        ("a|b", r"a\|b"),
        ("a\n# b", "a # b"),
        ("# b", r"\# b"),
        ("- b", r"\- b"),
        ("+ b", r"\+ b"),
        ("12. b", r"12\. b"),
        ("1) b", r"1\) b"),
        ("2.31.0", r"2\.31.0"),
        ("snake_case_name", "snake_case_name"),
        ("_a_ __b__", r"\_a\_ \_\_b\_\_"),
        ("a-b (c) {d} !", "a-b (c) {d} !"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_markdown_is_literal(text: str, written: str) -> None:
    assert escape.markdown(text) == written


def test_workflow_command_cannot_be_ended() -> None:
    assert escape.workflow_data("a\n::error::b%") == "a%0A::error::b%25"
    assert escape.workflow_property("a:b,c") == "a%3Ab%2Cc"


def test_unsafe_letters_are_those_of_unicode() -> None:
    harmful = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    missed = [
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in harmful and escape.UNSAFE.match(chr(code)) is None
    ]
    assert missed == []


@pytest.mark.parametrize(
    "evil",
    [
        "##[add-mask]e",
        "a/##[set-output name=verdict]pass.py",
        "###[stop-commands]t",
        "##vso[task.complete]",
        "##teamcity[x]",
        "#\u00ad#[add-mask]",
        "##\u034f[add-mask]",
        "#\ufe0f#\ufe0f[add-mask]",
    ],
)
def test_old_workflow_commands_are_broken(evil: str) -> None:
    shown = escape.terminal(evil)
    visible = "".join(c for c in shown if unicodedata.category(c) not in {"Mn", "Cf"})
    assert escape.OLD_COMMAND.search(visible) is None


@given(st.text(alphabet="#[:a \n\u00ad\ufe0f"))
def test_no_text_is_a_command(text: str) -> None:
    shown = escape.defuse_lines(escape.terminal(text))
    assert "##[" not in shown
    assert not shown.lstrip().startswith("::")


@pytest.mark.parametrize(
    "text",
    [
        "https://e.example/a",
        "see HTTPS://e.example now",
        "www.e.example",
        "ftp://e.example",
        "mailto:a@e.example",
        "mail a@e.example",
        "@octocat",
        "fixes #12",
        "owner/repo#12",
        "GH-12",
        "a`https://e.example`b",
        "` https://e.example `",
        "|https://e.example|",
    ],
)
def test_markdown_makes_no_link_by_itself(text: str) -> None:
    shown = escape.markdown(text)
    outside = re.sub("`[^`]*`", "", shown)
    assert shown.count("`") == 2
    assert not re.search(r"://|www\.|@|#\d|GH-\d", outside, re.IGNORECASE)
    assert "|" not in shown


def test_cells_are_cut_and_say_so() -> None:
    assert len(escape.cell("p" * 300_000)) == escape.LONGEST_CELL
    assert escape.cell("p" * 301).endswith("\N{HORIZONTAL ELLIPSIS}")


@given(st.lists(st.text(alphabet="ab", max_size=900), max_size=6))
def test_a_joined_cell_keeps_a_bit_of_every_part(parts: list[str]) -> None:
    shown = escape.joined(parts, " / ")
    assert len(shown) <= escape.LONGEST_CELL
    assert len(shown.split(" / ")) == max(1, sum(map(bool, parts)))


def test_parts_of_a_cell_are_cut_where_they_are_longest() -> None:
    assert escape.joined(["a", "", "b"], ", ") == "a, b"
    assert escape.joined([], ", ") == ""
    # What fits is not cut.
    exact = ["a" * 148, "b" * 150]
    assert escape.joined(exact, ", ") == ", ".join(exact)
    shown = escape.joined(["a" * 149, "b" * 150], ", ")
    assert shown == f"{'a' * 149}, {'b' * 148}\N{HORIZONTAL ELLIPSIS}"
    assert len(shown) == escape.LONGEST_CELL
    # The short ones stay whole, the longest gives way first, and each keeps its share.
    parts = escape.joined(["short", "b" * 250, "c" * 280], " | ").split(" | ")
    assert [len(part) for part in parts] == [5, 214, 75]
    assert parts[0] == "short" and parts[1].endswith("\N{HORIZONTAL ELLIPSIS}")
    assert len(escape.joined(["x" * 9999] * 50, "")) <= escape.LONGEST_CELL + 50


def test_a_link_in_markdown_is_code_that_nothing_ends() -> None:
    assert (
        escape.markdown("see https://a.example/`x`|y now")
        == "see `https://a.example/%60x%60%7Cy` now"
    )
    assert escape.markdown("a b") == "a b"


def test_markdown_is_cut_at_the_length_that_is_asked_for() -> None:
    assert escape.markdown("x" * 50, 20) == "x" * 19 + "\N{HORIZONTAL ELLIPSIS}"
    assert escape.markdown("x" * 2_000) == "x" * 999 + "\N{HORIZONTAL ELLIPSIS}"


def test_workflow_data_is_escaped_as_the_runner_reads_it() -> None:
    assert escape.workflow_data("a%b\r\nc") == "a%25b%0D%0Ac"
    assert escape.workflow_property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"


@given(
    st.text(alphabet=st.sampled_from("ab1 \n\t*_~`[](){}<>#+-=.!|$\\:/&;'\"\u00e9"), max_size=60)
)
def test_markdown_is_nothing_but_text(text: str) -> None:
    shown = escape.markdown(text)
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for before in ("- ", "| a |\n| --- |\n| ", "**x** "):
        tokens = parser.parse(before + shown)
        kinds = [token.type for token in tokens]
        kinds += [inner.type for token in tokens for inner in token.children or ()]
        kinds = [kind for kind in kinds if kind not in ("softbreak", "code_inline")]
        empty = parser.parse(before + "x")
        plain = [token.type for token in empty]
        plain += [inner.type for token in empty for inner in token.children or ()]
        assert set(kinds) <= {*plain, "text", "text_special"}
        assert [k for k in kinds if k.startswith("td")] == [k for k in plain if k.startswith("td")]
