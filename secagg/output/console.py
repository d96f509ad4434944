"""Print to standard output and standard error, without secrets and control sequences.

Everything that secagg prints goes through here (ruff forbids ``print``, ``sys.stdout`` and
``sys.stderr`` elsewhere) and through the last filter for secrets
(:mod:`secagg.secrets.lastfilter`). So even a text that nobody escaped controls neither the terminal
nor the runner of a workflow. Callers only have to keep line breaks out of untrusted text
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

from secagg.output.escape import COMMAND, OLD_COMMAND, REPLACEMENT, UNSAFE, defuse_lines
from secagg.output.links import PAGE_PATTERN
from secagg.secrets.lastfilter import FilteredFile, filtered
from secagg.system.patterns import lazy

# The escapes that secagg writes itself: colours, and links to the pages of known databases.
_OWN_ESCAPES = rf"\x1b\[[0-9;]*m|\x1b\]8;;(?:{PAGE_PATTERN})?\x1b\\"
_COLOURS = lazy(_OWN_ESCAPES)
_ALLOWED = lazy(rf"({_OWN_ESCAPES}|\t|\r?\n)")
_HARMLESS_TEXT = lazy(r"[\t\n\x20-\x7e]*")
# ASCII JSON without these bytes holds no control sequence.
_SUSPECT_BYTES = (b"##", b"\x7f", b"\x1b")
_LAST_OF_PLANE_0 = 0xFFFF
_COMMAND_XML = lazy(f"{COMMAND.pattern}::", re.MULTILINE)
_LINE_CHARACTERS = "\t\r\n"


class Syntax(Enum):
    """The syntax of a document, which decides how characters are escaped in it.

    An HTML page of secagg counts as JSON: its untrusted text is JSON in a script.
    """

    JSON = "json"
    XML = "xml"
    TEXT = "text"


def out(text: str) -> None:
    """Print ``text``, which ends in a line break, on standard output."""
    sys.stdout.write(harmless(filtered(text), colours=colours(sys.stdout)))
    sys.stdout.flush()


def paged(text: str) -> None:
    """Print ``text`` as :func:`out` does, through the pager where the terminal is too short.

    ``PAGER`` names another pager than ``less``. As in git, ``less`` quits at the end of a short
    text and leaves it on the screen.
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
    """Print workflow commands, a line each, for the runner to execute.

    The runner reads both streams; standard error keeps standard output clean.
    """
    stream = sys.stdout if on_stdout else sys.stderr
    stream.write("".join(f"{UNSAFE.sub(REPLACEMENT, filtered(line))}\n" for line in lines))
    stream.flush()


def document(pieces: Iterable[bytes], syntax: Syntax) -> None:
    """Print a document (UTF-8) in ``pieces``, with escapes that keep the meaning of JSON and XML.

    A piece ends where a token of the document ends.
    """
    sys.stdout.flush()
    # The filter comes first: it writes masked texts without escapes.
    FilteredFile(cast(BinaryIO, _HarmlessFile(syntax))).writelines(pieces)
    sys.stdout.buffer.flush()


def is_interactive() -> bool:
    """Return whether a person can answer questions: input and output are terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> str | None:
    """Print ``question`` and return the answer, a line; None at the end of input."""
    out(question)
    answer = sys.stdin.readline()
    return answer.strip() if answer else None


def discard() -> None:
    """Discard what is printed from now on, after the reader of standard output has quit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def on_terminal() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()


def width() -> int | None:
    """Return the number of columns of standard output; None without a terminal or a size."""
    # A pseudo-terminal without a size, such as a container's, has 0 columns.
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    return columns or None


def colours(stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether to colour ``stream``, by default standard output.

    ``NO_COLOR`` switches colours off, ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` on. Otherwise a
    terminal is coloured unless it is dumb or ``CLICOLOR=0``. Sources: no-color.org,
    force-color.org, bixense.com/clicolors.
    """
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return (sys.stdout if stream is None else stream).isatty()


def in_file() -> bool:
    """Return whether standard output goes into a file, not to a terminal or a pipe."""
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
    text = UNSAFE.sub(REPLACEMENT, filtered(title or ""))
    mark = f"\x1b[0Ksection_{word}:{time.time():.0f}:{name}{options}\r\x1b[0K"
    sys.stdout.write(f"{mark}{text}\n")
    sys.stdout.flush()


def json(text: str | bytes) -> None:
    """Print one JSON document on standard output, with a line break at its end."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    document([data.rstrip(b"\n"), b"\n"], Syntax.JSON)


def harmless(text: str, *, colours: bool = False) -> str:
    """Replace the control sequences for terminals and runners in lines of text.

    ``colours`` keeps the escapes of colours and links.
    """
    if _HARMLESS_TEXT.fullmatch(text) is None:
        if not colours:
            text = _COLOURS.sub("", text)
        parts = _ALLOWED.split(text)
        # The allowed parts have odd indices.
        parts[::2] = [UNSAFE.sub(REPLACEMENT, part) for part in parts[::2]]
        text = "".join(parts)
    return defuse_lines(text)


class _HarmlessFile:
    """Writes a document to standard output without control sequences."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax

    def write(self, piece: bytes) -> int:
        """Write ``piece`` without control sequences."""
        return sys.stdout.buffer.write(_harmless_piece(piece, self._syntax))


def _harmless_piece(piece: bytes, syntax: Syntax) -> bytes:
    if syntax is Syntax.JSON:
        if piece.isascii() and not any(map(piece.__contains__, _SUSPECT_BYTES)):
            return piece
        text = UNSAFE.sub(_json_escape, piece.decode("utf-8", "replace"))
        return OLD_COMMAND.sub(r"#\\u0023", text).encode()
    text = piece.decode("utf-8", "replace")
    if syntax is Syntax.XML:
        text = OLD_COMMAND.sub("#&#35;", UNSAFE.sub(_xml_escape, text))
        return _COMMAND_XML.sub(r"\1&#58;:", text).encode()
    return harmless(text, colours=colours(sys.stdout)).encode()


def _json_escape(match: re.Match[str]) -> str:
    if match[0] in _LINE_CHARACTERS:
        return match[0]
    code = ord(match[0])
    if code <= _LAST_OF_PLANE_0:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _xml_escape(match: re.Match[str]) -> str:
    # A parser would turn a literal carriage return into a line feed.
    return match[0] if match[0] in "\t\n" else f"&#{ord(match[0])};"
