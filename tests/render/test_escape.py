"""Text from a scanner cannot steer a terminal, a page or a workflow runner."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.render import escape


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


def test_block_keeps_lines_and_indentation() -> None:
    assert escape.terminal_block("a\n  b\x1b[1m\n") == "a\n  b\N{REPLACEMENT CHARACTER}[1m"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[x](http://e)", r"\[x\]\(http://e\)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("a|b", r"a\|b"),
        ("a\n# b", r"a \# b"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_markdown_is_literal(text: str, written: str) -> None:
    assert escape.markdown(text) == written


def test_markdown_mentions_nobody() -> None:
    assert "@octocat" not in escape.markdown("@octocat")


def test_workflow_command_cannot_be_ended() -> None:
    assert escape.workflow_data("a\n::error::b%") == "a%0A::error::b%25"
    assert escape.workflow_property("a:b,c") == "a%3Ab%2Cc"
