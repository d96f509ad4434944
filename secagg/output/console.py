"""The one way to standard output and standard error.

Everything that secagg prints goes through here (ruff forbids ``print``, ``sys.stdout`` and
``sys.stderr`` elsewhere) and through the last filter for secrets
(:mod:`secagg.secrets.lastfilter`), so that a text that nobody escaped still steers neither the
terminal nor the runner of a workflow.
What is left to whoever makes a line: that untrusted text brings no line break of its own
(:func:`secagg.output.escape.terminal`).
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import BinaryIO, TextIO, cast

from secagg.output.escape import COMMAND, OLD_COMMAND, UNSAFE, defuse_lines
from secagg.secrets.lastfilter import FilteredFile, filtered

# The colours that secagg itself paints, and links to the pages of advisories and weaknesses:
# nothing else that begins with an escape is let through.
_OWN = (
    r"\x1b\[[0-9;]*m|\x1b\]8;;(?:https://"
    r"(?:nvd\.nist\.gov/vuln/detail|github\.com/advisories|osv\.dev/vulnerability"
    r"|rustsec\.org/advisories|pkg\.go\.dev/vuln|security\.snyk\.io/vuln"
    r"|cwe\.mitre\.org/data/definitions)/[A-Za-z0-9._-]+)?\x1b\\"
)
_COLOURS = re.compile(_OWN)
_KEPT = re.compile(rf"({_OWN}|\t|\r?\n)")
_PLAIN = re.compile(r"[\t\n\x20-\x7e]*")
_INSTEAD = "\N{REPLACEMENT CHARACTER}"
# What a piece of JSON without any of these bytes, and of ASCII, cannot hold: anything to obey.
_SUSPECT = (b"##", b"\x7f", b"\x1b")
_LARGEST_PLANE_0 = 0xFFFF
_COMMAND_XML = re.compile(f"{COMMAND.pattern}::", re.MULTILINE)
_LINE = "\t\r\n"


class Syntax(Enum):
    """How a document is written, which decides how a letter is escaped in it.

    An HTML page of secagg counts as JSON: what is untrusted in it stands in JSON in its script.
    """

    JSON = "json"
    XML = "xml"
    TEXT = "text"


def out(text: str) -> None:
    """Print ``text``, which ends in a line break, on standard output."""
    sys.stdout.write(harmless(filtered(text), colours=colours(sys.stdout)))
    sys.stdout.flush()


def paged(text: str) -> None:
    """Print ``text`` as :func:`out` does, by the user's pager where the terminal is too short.

    ``PAGER`` names another than ``less``, which quits by itself at the end of a short text and
    leaves it on the screen, as git has it.
    """
    if sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
        size = os.get_terminal_size(sys.stdout.fileno())
        if text.count("\n") >= size.lines > 0:
            import pydoc

            os.environ.setdefault("LESS", "FRX")
            sys.stdout.flush()
            pydoc.pager(harmless(filtered(text), colours=colours(sys.stdout)))
            return
    out(text)


def err(text: str) -> None:
    """Print ``text``, which ends in a line break, on standard error."""
    sys.stderr.write(harmless(filtered(text), colours=colours(sys.stderr)))
    sys.stderr.flush()


def commands(lines: Iterable[str], *, on_stdout: bool = False) -> None:
    """Print workflow commands that secagg made itself, a line each, which the runner obeys.

    It reads them from both streams; standard error keeps standard output clean.
    """
    stream = sys.stdout if on_stdout else sys.stderr
    stream.write("".join(f"{UNSAFE.sub(_INSTEAD, filtered(line))}\n" for line in lines))
    stream.flush()


def document(pieces: Iterable[bytes], syntax: Syntax) -> None:
    """Print a document (UTF-8) in ``pieces``; JSON and XML mean the same as they did before.

    A piece ends where a token of the document ends.
    """
    sys.stdout.flush()
    # First the filter: it writes a text that it has masked anew, without escapes.
    FilteredFile(cast(BinaryIO, _Harmless(syntax))).writelines(pieces)
    sys.stdout.buffer.flush()


def conversation() -> bool:
    """Tell whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> str | None:
    """Print ``question`` and return the line that is answered; None at the end of input."""
    out(question)
    answer = sys.stdin.readline()
    return answer.strip() if answer else None


def discard() -> None:
    """Throw away what is printed from now on: whoever read standard output has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def on_terminal() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()


def width() -> int | None:
    """Say how many columns standard output has: None where it is no terminal, or does not say."""
    # A pseudo-terminal whose size nobody has set, such as a container's, has 0 columns.
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    return columns or None


def colours(stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether ``stream`` (standard output, if None) takes colours.

    ``NO_COLOR`` takes them away, ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` ask for them anywhere, and
    ``CLICOLOR=0`` and a dumb terminal want none. Sources: no-color.org, force-color.org,
    bixense.com/clicolors.
    """
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return (sys.stdout if stream is None else stream).isatty()


def in_file() -> bool:
    """Tell whether standard output goes into a file rather than to a terminal or a pipe."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def gitlab_section(name: str, title: str | None) -> None:
    """Begin a folded section of a GitLab job log, or end it where there is no ``title``.

    Source: GitLab Docs, "CI/CD job logs", "Custom collapsible sections".
    """
    word = "end" if title is None else "start"
    options = "" if title is None else "[collapsed=true]"
    text = UNSAFE.sub(_INSTEAD, filtered(title or ""))
    mark = f"\x1b[0Ksection_{word}:{time.time():.0f}:{name}{options}\r\x1b[0K"
    sys.stdout.write(f"{mark}{text}\n")
    sys.stdout.flush()


def json(text: str | bytes) -> None:
    """Print one JSON document on standard output, with a line break at its end."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    document([data.rstrip(b"\n"), b"\n"], Syntax.JSON)


def harmless(text: str, *, colours: bool = False) -> str:
    """Take from lines of text whatever a terminal or a runner would obey.

    With ``colours`` the escapes that colour a text are kept.
    """
    if _PLAIN.fullmatch(text) is None:
        if not colours:
            text = _COLOURS.sub("", text)
        parts = _KEPT.split(text)
        # What is kept stands at the odd places.
        parts[::2] = [UNSAFE.sub(_INSTEAD, part) for part in parts[::2]]
        text = "".join(parts)
    return defuse_lines(text)


class _Harmless:
    """Standard output as a file in which a document is written, with nothing to obey in it."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax

    def write(self, piece: bytes) -> int:
        """Write ``piece``, harmless."""
        return sys.stdout.buffer.write(_written(piece, self._syntax))


def _written(piece: bytes, syntax: Syntax) -> bytes:
    if syntax is Syntax.JSON:
        if piece.isascii() and not any(map(piece.__contains__, _SUSPECT)):
            return piece
        text = UNSAFE.sub(_json_escape, piece.decode("utf-8", "replace"))
        return OLD_COMMAND.sub(r"#\\u0023", text).encode()
    text = piece.decode("utf-8", "replace")
    if syntax is Syntax.XML:
        text = OLD_COMMAND.sub("#&#35;", UNSAFE.sub(_xml_escape, text))
        return _COMMAND_XML.sub(r"\1&#58;:", text).encode()
    return harmless(text, colours=colours(sys.stdout)).encode()


def _json_escape(letter: re.Match[str]) -> str:
    if letter[0] in _LINE:
        return letter[0]
    code = ord(letter[0])
    if code <= _LARGEST_PLANE_0:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _xml_escape(letter: re.Match[str]) -> str:
    # A parser would make a line's end of a carriage return that is not written as a reference.
    return letter[0] if letter[0] in "\t\n" else f"&#{ord(letter[0])};"
