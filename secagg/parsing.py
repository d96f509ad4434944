"""What a parser is, for ours and for anyone's: raw report in, findings out.

A parser is an object with this module's :class:`Parser` shape, named in the
entry-point group ``secagg.parsers``. It gets a :class:`RawReport` and a
:class:`ParseContext`, and gives a :class:`ParsedReport` whose counts balance:
``reported == len(findings) + suppressed + merged + len(problems)``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

from secagg.errors import ReportError, UsageError
from secagg.jsonio.reading import LARGEST, NotStrict, loads, split, to_utf8
from secagg.model.finding import Finding
from secagg.model.place import NO_MAP, PathMap
from secagg.secrets.redactor import Redactor

ENTRY_POINTS = "secagg.parsers"
_LONGEST_LINES = 1 << 20
# Smaller reports are decoded in one go.
_SMALLEST = 1 << 16


@dataclass(slots=True, kw_only=True)
class EntryProblem:
    """One entry of a report that could not become a finding, and why (no secret in it)."""

    message: str
    where: str | None = None


@dataclass(slots=True, kw_only=True)
class Gap:
    """Something the tool says it did not look at. A ``fatal`` one makes the scan incomplete.

    ``files`` are those that could not be read, where a tool names them and says that it completed.
    ``whole`` is True where a run is in doubt as a whole, and no file or package is named.
    ``accepted`` is set where somebody has accepted it, or the base of the change has it too.
    """

    message: str
    fatal: bool = False
    files: tuple[str, ...] = ()
    whole: bool = False
    accepted: bool = False


NO_RESULTS = "there are no results: nothing was found, or nothing to look at"
"""What a parser remarks on an empty report; beside a failure it says nothing."""


class RawReport:
    """The bytes that a scanner wrote, not yet understood.

    ``name`` is what messages call it; ``tool`` the scanner if known (it ran here, or the
    user said so); ``component`` the component it ran over, if it ran over one only.
    ``finished`` is True where the tool's end was seen and was good, so that an empty report
    means that nothing was found.
    """

    def __init__(
        self,
        *,
        name: str,
        data: bytes,
        tool: str | None = None,
        component: str | None = None,
        finished: bool = False,
    ) -> None:
        self.name = name
        self.tool = tool
        self.component = component
        self.finished = finished
        self.data = data

    @property
    def blank(self) -> bool:
        """True if there is nothing but white space."""
        return not self.data or self.data.isspace()

    @property
    def text(self) -> bytes:
        """The bytes as UTF-8, to look for a word in; as they are where they are not text."""
        try:
            return to_utf8(self.data, report=self.name)
        except ReportError:
            return self.data

    @property
    def document(self) -> Any:
        """The report as one JSON value, decoded once however many ask.

        The lists of a large report are decoded entry by entry as they are iterated over
        (:class:`secagg.jsonio.reading.Entries`; ``is_list`` is true for them and for a list).
        Raises :class:`secagg.errors.ReportError` with the byte offset if it is not JSON.
        """
        decoded = self._decoded
        if isinstance(decoded, ReportError):
            raise decoded.with_traceback(None)
        return decoded

    @property
    def document_or_none(self) -> Any:
        """The report as one JSON value, or None where it is not one: for ``confidence``."""
        decoded = self._decoded
        return None if isinstance(decoded, ReportError) else decoded

    @property
    def error(self) -> ReportError | None:
        """Why the report is not one JSON value, or None if it is."""
        decoded = self._decoded
        return decoded if isinstance(decoded, ReportError) else None

    @cached_property
    def _decoded(self) -> Any:
        try:
            data = self.data
            if _SMALLEST <= len(data) <= LARGEST:
                try:
                    return split(to_utf8(data, report=self.name), self._refuse)
                except NotStrict:
                    first_lines = _json_lines(data)
                    if first_lines is not None:
                        return loads(first_lines, report=self.name)
            return loads(data, report=self.name)
        except ReportError as error:
            # Its traceback leads to the report, and the collector may be off: they would stay.
            return error.with_traceback(None)

    def _refuse(self) -> NoReturn:
        """Raise the error of an entry that is not strict JSON."""
        loads(self.data, report=self.name)
        raise ReportError("an entry is not valid JSON", report=self.name)


@dataclass(slots=True, kw_only=True)
class ParseContext:
    """What a parser may use: the redactor, and the root of the checkout if there is one.

    ``path_map`` is what a person has said of paths of another machine.
    """

    redactor: Redactor
    root: Path | None = None
    path_map: PathMap = NO_MAP

    def real_path(self, path: str) -> str:
        """Give the path that a tool meant: unmasked, and moved as a person has said."""
        return self.path_map.apply(self.redactor.real_path(path))


@dataclass(slots=True, kw_only=True)
class ParsedReport:
    """A report understood. ``runs`` are SARIF runs without results, to be written again."""

    tool: str
    tool_version: str | None = None
    findings: list[Finding] = field(default_factory=list)
    reported: int = 0
    suppressed: int = 0
    merged: int = 0
    problems: list[EntryProblem] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    runs: Sequence[Mapping[str, Any]] = ()

    @property
    def balances(self) -> bool:
        """True if nothing that was reported is unaccounted for."""
        accounted = len(self.findings) + self.suppressed + self.merged + len(self.problems)
        return self.reported == accounted


@runtime_checkable
class Parser(Protocol):
    """Understands the reports of one tool.

    A parser should also have ``learn(report, context)`` (:class:`LearningParser`), which is called
    for all reports before the first is parsed. One without it parses its report twice.

    ``confidence`` looks at a report's shape (its ``document``, or its first bytes where it
    is not one JSON value) and answers 0 (not mine) to 100 (surely mine); it must be cheap
    and must not raise. ``parse`` raises :class:`secagg.errors.ReportError` when the report
    as a whole cannot be understood, and never for a single odd entry.
    """

    tool: str

    def confidence(self, report: RawReport) -> int: ...

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport: ...


@runtime_checkable
class LearningParser(Parser, Protocol):
    """A parser that tells the secrets of a report before any text is masked.

    ``learn`` gives every secret value that the report holds to the context's redactor. What it
    raises is ignored: ``parse`` says what is wrong with the report.
    """

    def learn(self, report: RawReport, context: ParseContext) -> None: ...


def installed_parsers() -> dict[str, Parser]:
    """Return all parsers found by entry point, by tool name; each entry point names a class."""
    parsers: dict[str, Parser] = {}
    for entry in sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda e: e.name):
        parsers[entry.name] = entry.load()()
    return parsers


def choose(report: RawReport, parsers: Mapping[str, Parser]) -> Parser:
    """Return the parser for ``report``: the one its ``tool`` names, else the most confident one.

    Some reports could be several tools' (``[]``, ``null``): among parsers that are equally
    confident the one whose tool's name stands in the report's name is chosen.

    Raises :class:`UsageError` for an unknown tool and :class:`ReportError` for a report that
    no parser knows.
    """
    if report.tool is not None:
        try:
            return parsers[report.tool]
        except KeyError:
            names = ", ".join(parsers)
            raise UsageError(
                f"no parser for {report.tool!r}", hint=f"known tools: {names}"
            ) from None
    called = report.name.lower()
    ranked = sorted(
        (-parser.confidence(report), name not in called, name) for name, parser in parsers.items()
    )
    if ranked and ranked[0][0] < 0:
        return parsers[ranked[0][2]]
    if report.error is not None:
        raise report.error
    raise ReportError(
        "no parser knows this format",
        report=report.name,
        hint="say which tool wrote it with --as TOOL; known: " + ", ".join(parsers),
    )


def learn(report: RawReport, parsers: Mapping[str, Parser], context: ParseContext) -> None:
    """Let the redactor know all secrets that ``report`` holds; to be called before :func:`parse`.

    Nothing is raised for a bad report: parsing it will tell.
    """
    with without_collecting(), suppress(Exception):
        parser = choose(report, parsers)
        if isinstance(parser, LearningParser):
            parser.learn(report, context)
        else:
            # What it identifies while it parses must be masked in the reports before it too.
            parser.parse(report, context)


def parse(report: RawReport, parsers: Mapping[str, Parser], context: ParseContext) -> ParsedReport:
    """Choose the parser for ``report`` and let it work. All secrets must be known (:func:`learn`).

    Raises :class:`UsageError` as :func:`choose` does, and :class:`ReportError` for everything
    that keeps the report from being understood, a bug in a parser included: no report may take
    the others' findings down with it.
    """
    with without_collecting():
        try:
            parsed = choose(report, parsers).parse(report, context)
        except (ReportError, UsageError):
            raise
        except RecursionError:
            raise ReportError("nested too deeply to be understood", report=report.name) from None
        except Exception as error:
            # What the exception says may hold a secret.
            raise ReportError(
                f"the parser failed on it ({type(error).__name__})",
                report=report.name,
                hint="this is a bug in the parser: please report it with the shape of the report",
            ) from None
        for finding in parsed.findings:
            _name_key(finding, context.redactor)
        return parsed


def _name_key(finding: Finding, redactor: Redactor) -> None:
    """Say which key the hash of a secret was made with, unless its report did or could have."""
    secret = finding.secret
    if secret is None or secret.id is None or secret.key is not None:
        return
    # A hash in a report of ours from before keys had names may be of any key.
    if finding.sarif is None or b'"hmac-sha256:' not in finding.sarif.encoded:
        secret.key = redactor.key_name


def _json_lines(data: bytes) -> bytes | None:
    """The first two lines of ``data`` if each is a JSON value of its own, else None.

    They are refused as one value for the reason that all of the lines would be, which takes
    twelve times the memory of the text.
    """
    end = data.find(b"\n")
    head = data[: data.find(b"\n", end + 1) + 1]
    if not 0 < end < len(head) <= _LONGEST_LINES:
        return None
    try:
        for line in (head[:end], head[end:]):
            loads(line, report="")
    except ReportError:
        return None
    return head


@contextmanager
def without_collecting() -> Iterator[None]:
    """Switch cyclic garbage collection off for the block.

    Decoded reports and findings are millions of objects without reference cycles: the collector
    would walk over all of them again and again, which takes longer than decoding.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
