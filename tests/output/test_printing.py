"""What is printed, on which stream, and in which syntax it stays what it was."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from secagg.output import console
from secagg.secrets import lastfilter
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Secret

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"
MARK = "\N{REPLACEMENT CHARACTER}"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The filter is on, and knows a value."""
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        yield


@pytest.mark.usefixtures("known")
def test_each_way_of_printing_is_filtered_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"\x1b[31ma\x1b[0m {VALUE}\u202e\n::error::b\n##[group]c\n"
    shown = f"a {MASK}{MARK}\n{MARK}::error::b\n##{MARK}[group]c\n"
    console.out(text)
    assert capsys.readouterr() == (shown, "")
    console.paged(text)
    assert capsys.readouterr().out == shown
    console.err(text)
    assert capsys.readouterr() == ("", shown)


@pytest.mark.usefixtures("known")
def test_a_terminal_gets_our_own_colours_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\x1b[31ma\x1b[0m \x1b]8;;https://evil.example\x1b\\x \x1b[2J\n"
    for name, write in (("stdout", console.out), ("stderr", console.err)):
        screen = Terminal()
        monkeypatch.setattr(sys, name, screen)
        write(text)
        assert screen.getvalue() == (
            f"\x1b[31ma\x1b[0m {MARK}]8;;https://evil.example{MARK}\\x {MARK}[2J\n"
        )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("rows", "lines", "term", "is_paged"),
    [
        (4, 4, "xterm", True),
        (5, 4, "xterm", False),
        (1, 4, "xterm", True),
        # Without a size, as in a container.
        (0, 4, "xterm", False),
        (4, 4, "dumb", False),
    ],
)
def test_a_pager_gets_what_a_terminal_gets(
    rows: int, lines: int, term: str, is_paged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, keyboard, pager = Terminal(), Terminal(), io.StringIO()
    monkeypatch.setattr(screen, "fileno", lambda: 1)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stdin", keyboard)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((80, rows)))
    monkeypatch.setattr("pydoc.pager", pager.write)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("LESS", "")
    monkeypatch.delenv("LESS")
    colour = "\x1b[31ma\x1b[0m" if term != "dumb" else "a"
    console.paged(f"\x1b[31ma\x1b[0m {VALUE}\u202e\n::error::b\n" + "c\n" * (lines - 2))
    shown = f"{colour} {MASK}{MARK}\n{MARK}::error::b\n" + "c\n" * (lines - 2)
    assert (pager if is_paged else screen).getvalue() == shown
    assert (screen if is_paged else pager).getvalue() == ""
    # As git has it: less quits where one screen is enough, keeps colours, and clears nothing.
    assert os.environ.get("LESS") == ("FRX" if is_paged else None)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("on_stdout", [True, False])
def test_a_command_is_for_the_runner(on_stdout: bool, capsys: pytest.CaptureFixture[str]) -> None:
    console.commands([f"::error::a {VALUE}", "::warning::b\rc"], on_stdout=on_stdout)
    streams = capsys.readouterr()
    written, other = (streams.out, streams.err) if on_stdout else (streams.err, streams.out)
    assert written == f"::error::a {MASK}\n::warning::b{MARK}c\n"
    assert other == ""


@pytest.mark.usefixtures("known")
def test_a_section_of_a_log_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    console.gitlab_section("scan", f"Scan {VALUE}\x1b[2J")
    console.gitlab_section("scan", None)
    shown = capsys.readouterr().out
    assert re.fullmatch(
        r"\x1b\[0Ksection_start:\d+:scan\[collapsed=true\]\r\x1b\[0K"
        + re.escape(f"Scan {MASK}{MARK}[2J\n")
        + r"\x1b\[0Ksection_end:\d+:scan\r\x1b\[0K\n",
        shown,
    )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "text", ["a\x1b[2Jb", "\U000e0041 \u202e \uffff", "##[x] é", "\x7f", "plain"]
)
def test_json_is_escaped_and_stays_the_same(
    text: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    document = {"text": text, "secret": VALUE, "more": ["é", "\n\t"]}
    for ascii_only in (True, False):
        console.json(json.dumps(document, ensure_ascii=ascii_only, indent=1) + "\n\n")
        written = capsysbinary.readouterr().out
        assert json.loads(written) == {**document, "secret": MASK}
        assert written.endswith(b"}\n") and not written.endswith(b"\n\n")
        assert b"\x1b" not in written and b"\x7f" not in written and b"##[" not in written
    console.json(json.dumps(document).encode())
    assert json.loads(capsysbinary.readouterr().out) == {**document, "secret": MASK}


def test_json_that_is_no_utf_8_is_replaced(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    console.json('{"a": "\udc80"}')
    assert json.loads(capsysbinary.readouterr().out) == {"a": "?"}
    console.document([b'{"a":"', b'\xff"}'], console.Syntax.JSON)
    assert json.loads(capsysbinary.readouterr().out) == {"a": MARK}


@pytest.mark.usefixtures("known")
def test_xml_and_text_are_escaped_in_their_own_ways(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    pieces = [f"<a>{VALUE} ##[x]</a>".encode(), "\n\u202e\xe9".encode(), b"\n ::error::y\xff"]
    console.document(pieces[:1], console.Syntax.XML)
    element = ET.fromstring(capsysbinary.readouterr().out)
    assert element.text == f"{MASK} ##[x]"
    console.document(pieces, console.Syntax.TEXT)
    assert capsysbinary.readouterr().out.decode() == (
        f"<a>{MASK} ##{MARK}[x]</a>\n{MARK}\xe9\n {MARK}::error::y{MARK}"
    )
    console.document([b"<b>\n::error::y\xff</b>"], console.Syntax.XML)
    written = capsysbinary.readouterr().out.decode()
    assert ET.fromstring(written).text == f"\n::error::y{MARK}" and "\n::" not in written


def test_a_character_of_each_plane_is_one_escape(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """From U+10000 on, JSON has two escapes for one character."""
    for code in (0xE000, 0xF8FF, 0xFFFB, 0xF0000, 0x10FFFD, 0x110BD):
        console.json(json.dumps(chr(code), ensure_ascii=False))
        written = capsysbinary.readouterr().out
        assert json.loads(written) == chr(code) and written.isascii(), hex(code)


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": ""}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"CLICOLOR": "1"}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm"}, True, True),
    ],
)
def test_when_a_stream_is_coloured(
    environ: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    assert console.colours(stream, environ) is coloured
    monkeypatch.setattr(sys, "stdout", stream)
    assert console.colours(environ=environ) is coloured


def test_a_question_gets_a_line_or_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("  yes \n\n"))
    assert [console.ask("Really? "), console.ask(""), console.ask("")] == ["yes", "", None]
    assert capsys.readouterr().out == "Really? "


def test_who_reads_and_where_it_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for stdin, stdout, expected in (
        (Terminal(), Terminal(), True),
        (io.StringIO(), Terminal(), False),
        (Terminal(), io.StringIO(), False),
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        assert console.is_interactive() is expected
    assert console.in_file() is False
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert console.on_terminal()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not console.on_terminal()
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert console.in_file() is True and console.width() is None
        console.discard()
        file.write("lost")
        file.flush()
    assert (tmp_path / "out").read_text() == ""
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert console.in_file() is False
