"""Whatever is printed goes through one filter."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.output import console, escape
from secagg.output.grid import Style, draw

EVIL = "\x1b]0;t\x07 ##[add-mask]e \u202e \x9b1m \U000e0041"


def test_lines_keep_nothing_to_obey(capsys: pytest.CaptureFixture[str]) -> None:
    console.out(f"{EVIL}\n  ::error::x\n\x1b[31mred\x1b[0m\n")
    lines = capsys.readouterr().out.split("\n")
    assert escape.UNSAFE.search("".join(lines)) is None
    assert "##[" not in lines[0]
    assert not lines[1].lstrip().startswith("::")
    # Standard output is no terminal here: no colours either.
    assert lines[2] == "red"


def test_colours_of_our_own_stay_on_a_terminal() -> None:
    assert console.harmless("\x1b[31mred\x1b[0m\x1b[2J", colours=True) == (
        "\x1b[31mred\x1b[0m\N{REPLACEMENT CHARACTER}[2J"
    )


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_json_means_the_same(text: str) -> None:
    written = _printed(json.dumps([text, EVIL], ensure_ascii=False), console.Syntax.JSON)
    assert json.loads(written) == [text, EVIL]
    assert escape.UNSAFE.search(written) is None
    assert "##[" not in written


def test_xml_means_the_same() -> None:
    text = "##[group]a\n::error::b\n  ::warning::c \u202e"
    root = ET.Element("a", name=text)
    root.text = text
    written = _printed(ET.tostring(root, encoding="unicode"), console.Syntax.XML)
    read = ET.fromstring(written)
    assert read.text == text
    assert read.get("name") == text
    assert "##[" not in written
    assert not any(line.lstrip().startswith("::") for line in written.splitlines())
    assert "\u202e" not in written


def test_commands_are_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    console.commands(["::error::a\n::stop-commands::t"])
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("width", [None, 60, 80, 200])
def test_a_forgotten_cell_breaks_no_table(width: int | None) -> None:
    evil = ["a\n::error::x", "p" * 300_000, "y"]
    table = draw(
        ["A", "B", "C"], [evil, ["1", "2", "3"]], Style(width=width), stretch=(1,), shares=(1,)
    )
    assert len(table) < 3_000
    assert width is None or max(map(len, table.splitlines())) <= width


def test_a_table_without_room_becomes_a_list() -> None:
    names = ["TOOL", "A RATHER LONG HEADER", "ANOTHER LONG HEADER", "WHAT TO DO"]
    rows = [["trivy", "x" * 30, "y" * 30, "install it and put it on the path of programs"]]
    lines = draw(names, rows, Style(width=80), stretch=(3,), shares=(1,)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["TOOL", "trivy"]
    assert "install it and put it on the path of programs" in " ".join(" ".join(lines).split())


def _printed(text: str, syntax: console.Syntax) -> str:
    return console._harmless_piece(text.encode(), syntax).decode()
