"""What is printed goes to its own stream, filtered, and means what it meant."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from secagg.output import console
from secagg.output.console import Syntax
from secagg.secrets import lastfilter
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Secret

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A run in which a value is known."""
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        yield


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(pieces: list[bytes], syntax: Syntax, capsys: pytest.CaptureFixture[str]) -> str:
    console.document(pieces, syntax)
    return capsys.readouterr().out


@pytest.mark.usefixtures("knowing")
def test_each_goes_to_its_own_stream(capsys: pytest.CaptureFixture[str]) -> None:
    console.out(f"one {VALUE} \x1b[31mred\x1b[0m ##[x]\n")
    assert capsys.readouterr() == (f"one {MASK} red ##\N{REPLACEMENT CHARACTER}[x]\n", "")
    console.err(f"two {VALUE}\n::error::x\n")
    assert capsys.readouterr() == ("", f"two {MASK}\n\N{REPLACEMENT CHARACTER}::error::x\n")
    console.commands(["::notice::a", f"::error::{VALUE}\nb"])
    said = f"::notice::a\n::error::{MASK}\N{REPLACEMENT CHARACTER}b\n"
    assert capsys.readouterr() == ("", said)
    console.commands(["::notice::a"], on_stdout=True)
    assert capsys.readouterr() == ("::notice::a\n", "")


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, say in (("stdout", console.out), ("stderr", console.err)):
        stream = Terminal()
        monkeypatch.setattr(sys, name, stream)
        say("\x1b[31mred\x1b[0m \x1b]0;title\x07\n")
        assert stream.getvalue() == (
            "\x1b[31mred\x1b[0m \N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}\n"
        )


@pytest.mark.usefixtures("knowing")
def test_json_is_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    for given in (f'{{"a": "{VALUE}"}}', f'{{"a": "{VALUE}"}}\n\n'.encode()):
        console.json(given)
        assert capsys.readouterr().out == f'{{"a": "{MASK}"}}\n'
    # A lone surrogate comes from a name that is no UTF-8.
    console.json('{"a": "\ud800b"}')
    assert json.loads(capsys.readouterr().out) == {"a": "?b"}


@pytest.mark.usefixtures("knowing")
def test_documents_are_filtered_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    value = json.dumps(f"{VALUE} \uffa0\x7f\U000e0001 ##[x]", ensure_ascii=False).encode()
    text = printed([b"[", value, b", ", b'"plain"', b"]"], Syntax.JSON, capsys)
    assert json.loads(text) == [f"{MASK} \uffa0\x7f\U000e0001 ##[x]", "plain"]
    assert "\\uffa0" in text and "\\u007f" in text and "\\udb40\\udc01" in text
    assert "##[" not in text and text.isascii()
    # A text that the filter has written anew is as harmless as the others.
    console.json(json.dumps(f"{VALUE} \x7f \u202e ##[x]"))
    assert capsys.readouterr().out == f'"{MASK} \\u007f \\u202e #\\u0023[x]"\n'
    lines = printed([f"# {VALUE} é \x1b[31m\u202e\n".encode(), b"::error::\n"], Syntax.TEXT, capsys)
    instead = "\N{REPLACEMENT CHARACTER}"
    assert lines == f"# {MASK} é {instead}\n{instead}::error::\n"


def test_bytes_that_are_no_text_are_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([b'["\xffa"]'], Syntax.JSON, capsys) == '["\N{REPLACEMENT CHARACTER}a"]'
    assert printed([b"<a>\xff</a>"], Syntax.XML, capsys) == "<a>\N{REPLACEMENT CHARACTER}</a>"
    assert printed([b"\xffa\n"], Syntax.TEXT, capsys) == "\N{REPLACEMENT CHARACTER}a\n"


def test_xml_keeps_a_carriage_return(capsys: pytest.CaptureFixture[str]) -> None:
    """Raw, a parser would make a line's end of it, and a terminal would write over the line."""
    root = ET.Element("a")
    root.text = "one\rtwo\n\tthree"
    text = printed([ET.tostring(root)], Syntax.XML, capsys)
    assert "\r" not in text and "\n\tthree" in text
    assert ET.fromstring(text).text == root.text


def test_what_nobody_reads_any_more_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w+b") as file:
        stream = io.TextIOWrapper(os.fdopen(os.dup(file.fileno()), "wb"))
        monkeypatch.setattr(sys, "stdout", stream)
        console.out("before\n")
        console.discard()
        console.out("after\n")
        stream.close()
        file.seek(0)
        assert file.read() == b"before\n"


def test_a_terminal_has_columns_and_a_pipe_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert (console.width(), console.on_terminal()) == (None, False)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert console.on_terminal()


def test_a_terminal_without_a_size_is_as_wide_as_its_lines() -> None:
    """A pseudo-terminal that nobody has given a size, as containers have, says 0 columns."""
    controller, terminal = pty.openpty()
    code = (
        "from secagg.output import console\n"
        "from secagg.output.grid import Style\n"
        "console.out(f'{console.width()} {Style.of_output().wrapped(chr(120) * 200)}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=terminal, check=False, timeout=60)
    os.close(terminal)
    assert (done.returncode, os.read(controller, 4096)) == (0, b"None " + b"x" * 200)
    os.close(controller)


class TerminalBytes(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_a_document_keeps_its_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for make, expected in ((TerminalBytes, b"\x1b[31mred\x1b[0m\n"), (io.TextIOWrapper, b"red\n")):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", make(written))
        console.document([b"\x1b[31mred\x1b[0m\n"], Syntax.TEXT)
        assert written.getvalue() == expected
