"""The public interface of parsers, secagg's own and those of others.

A parser is a :class:`Parser`, named in the entry-point group ``secagg.parsers``. It gets a
:class:`RawReport` and a :class:`ParseContext`, and returns a :class:`ParsedReport` whose counts
balance: ``reported == len(findings) + suppressed + merged + len(problems)``.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

from msgspec import Struct, field

from secagg.errors import ReportError, UsageError
from secagg.jsonio.reading import LARGEST, NotStrict, loads, split, to_utf8
from secagg.model.finding import Finding
from secagg.model.place import NO_MAP, PathMap
from secagg.secrets.redactor import Redactor
from secagg.system.entrypoints import entry_points, load

ENTRY_POINTS = "secagg.parsers"
# Bytes of the first two lines of a report that are checked for JSON Lines.
_LONGEST_LINES = 1 << 20
# Bytes of a report from which its lists are decoded entry by entry.
_SMALLEST_SPLIT = 1 << 16


class EntryProblem(Struct, kw_only=True):
    """One entry of a report that could not become a finding, and why (no secret in it)."""

    message: str
    where: str | None = None


class Gap(Struct, kw_only=True):
    """Something that a tool reports it did not look at. A ``fatal`` gap makes the scan incomplete.

    ``files`` are the files that a tool could not read, if it names them and completed. ``whole``
    is True if the whole run is in doubt, and no file or package is named. ``accepted`` is True if
    somebody has accepted the gap, or the base of the change has it too.
    """

    message: str
    fatal: bool = False
    files: tuple[str, ...] = ()
    whole: bool = False
    accepted: bool = False


NO_RESULTS = "there are no results: nothing was found, or nothing to look at"
"""The gap of an empty report, which adds nothing to a failure of its tool."""


class RawReport:
    """The bytes that a scanner wrote.

    ``name`` is the report's name in messages; ``tool`` the scanner, if it is known (it ran here,
    or the user named it); ``component`` the component it scanned, if only one. ``finished`` is
    True if the tool is known to have succeeded, so that an empty report means "no findings".
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
        """True if the report is empty or only white space."""
        return not self.data or self.data.isspace()

    @property
    def text(self) -> bytes:
        """The bytes as UTF-8, to search for a word; unchanged if they are not text."""
        try:
            return to_utf8(self.data, report=self.name)
        except ReportError:
            return self.data

    @property
    def document(self) -> Any:
        """The report as one JSON value, decoded once.

        Lists of a large report are :class:`secagg.jsonio.reading.Entries`, decoded entry by entry
        while they are iterated over; use ``is_list`` to check for either type. Raises
        :class:`secagg.errors.ReportError` with the byte offset if it is not JSON.
        """
        decoded = self._decoded
        if isinstance(decoded, ReportError):
            raise decoded.with_traceback(None)
        return decoded

    @property
    def document_or_none(self) -> Any:
        """The report as one JSON value, or None if it is not one: for ``confidence``."""
        decoded = self._decoded
        return None if isinstance(decoded, ReportError) else decoded

    @property
    def error(self) -> ReportError | None:
        """The error of :attr:`document`, None if it is one JSON value."""
        decoded = self._decoded
        return decoded if isinstance(decoded, ReportError) else None

    @cached_property
    def _decoded(self) -> Any:
        try:
            data = self.data
            if _SMALLEST_SPLIT <= len(data) <= LARGEST:
                try:
                    # No method of this object: its entries would keep the report for ever, where
                    # the garbage collector is switched off.
                    refuse = partial(_refuse, data, self.name)
                    return split(to_utf8(data, report=self.name), refuse)
                except NotStrict:
                    first_lines = _json_lines(data)
                    if first_lines is not None:
                        return loads(first_lines, report=self.name)
            return loads(data, report=self.name)
        except ReportError as error:
            # Tracebacks refer to the report, and the garbage collector may be switched off.
            error.__context__ = None
            return error.with_traceback(None)


def _refuse(data: bytes, name: str) -> NoReturn:
    """Raise the error of an entry that is not strict JSON in the report ``name``."""
    loads(data, report=name)
    raise ReportError("an entry is not valid JSON", report=name)


class ParseContext(Struct, kw_only=True):
    """What a parser may use: the redactor, and the root of the checkout if there is one.

    ``path_map`` maps paths of another machine, as the user has configured it.
    """

    redactor: Redactor
    root: Path | None = None
    path_map: PathMap = NO_MAP

    def real_path(self, path: str) -> str:
        """Return the unmasked path, changed by ``path_map``."""
        return self.path_map.apply(self.redactor.real_path(path))


class ParsedReport(Struct, kw_only=True):
    """The result of a parser. ``runs`` are SARIF runs without results, to be written again."""

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
        """True if every reported entry is a finding, suppressed, merged or a problem."""
        accounted = len(self.findings) + self.suppressed + self.merged + len(self.problems)
        return self.reported == accounted


@runtime_checkable
class Parser(Protocol):
    """A parser for the reports of one tool.

    A parser should also have ``learn(report, context)`` (:class:`LearningParser`), which is called
    for all reports before the first is parsed. Without it, its reports are parsed twice.

    ``confidence`` looks at a report's shape (its ``document``, or its first bytes if it is not
    one JSON value) and returns 0 (not mine) to 100 (surely mine); it must be fast and must not
    raise. ``parse`` raises :class:`secagg.errors.ReportError` if the report as a whole cannot be
    read, and never for a single entry.
    """

    tool: str

    def confidence(self, report: RawReport) -> int: ...

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport: ...


@runtime_checkable
class LearningParser(Parser, Protocol):
    """A parser that finds the secrets of a report before any text is masked.

    ``learn`` gives every secret value in the report to the context's redactor. Its exceptions are
    ignored, because ``parse`` reports the errors of a report.
    """

    def learn(self, report: RawReport, context: ParseContext) -> None: ...


class InstalledParsers(Mapping[str, Parser]):
    """The parsers of all entry points by tool name, each imported when it is asked for.

    A package of parsers may have a function ``candidates``, which gets a :class:`RawReport` and
    returns the names of its parsers that may have confidence in it, or None for all of them: the
    others are not imported then.
    """

    def __init__(self) -> None:
        self._values = entry_points(ENTRY_POINTS)
        self._loaded: dict[str, Parser] = {}

    def __getitem__(self, tool: str) -> Parser:
        if tool not in self._loaded:
            self._loaded[tool] = load(self._values[tool])()
        return self._loaded[tool]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def candidates(self, report: RawReport) -> list[str]:
        """Return the names of the parsers that may have confidence in ``report``."""
        packages = {
            name: re.split("[:.]", value)[0].strip() for name, value in self._values.items()
        }
        named: dict[str, Collection[str] | None] = {}
        for package in set(packages.values()):
            candidates = getattr(import_module(package), "candidates", None)
            named[package] = None if candidates is None else candidates(report)
        return [
            name
            for name, package in packages.items()
            if (names := named[package]) is None or name in names
        ]


def installed_parsers() -> InstalledParsers:
    """Return all parsers by tool name, from the entry points, each of which names a class."""
    return InstalledParsers()


def choose(report: RawReport, parsers: Mapping[str, Parser]) -> Parser:
    """Return the parser for ``report``: the one of its ``tool``, else the most confident one.

    Some reports (``[]``, ``null``) fit several tools: of equally confident parsers the one whose
    tool is in the report's name is chosen. Raises :class:`UsageError` for an unknown tool and
    :class:`ReportError` for a report of no known format.
    """
    if report.tool is not None:
        try:
            return parsers[report.tool]
        except KeyError:
            names = ", ".join(parsers)
            raise UsageError(
                f"no parser for {report.tool!r}", hint=f"known tools: {names}"
            ) from None
    report_name = report.name.lower()
    asked = parsers.candidates(report) if isinstance(parsers, InstalledParsers) else parsers
    ranked = sorted(
        (-parsers[name].confidence(report), name not in report_name, name) for name in asked
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
    """Teach the redactor all secrets in ``report``; call it for all reports before :func:`parse`.

    It never raises: :func:`parse` reports the errors of a report.
    """
    with without_collecting(), suppress(Exception):
        parser = choose(report, parsers)
        if isinstance(parser, LearningParser):
            parser.learn(report, context)
        else:
            # Parsing teaches the redactor too.
            parser.parse(report, context)


def parse(report: RawReport, parsers: Mapping[str, Parser], context: ParseContext) -> ParsedReport:
    """Parse ``report`` with the parser of its tool, after :func:`learn` of all reports.

    Raises :class:`UsageError` like :func:`choose`, and :class:`ReportError` for any other
    failure, even a bug in the parser: one report must not lose the findings of the others.
    """
    with without_collecting():
        try:
            parsed = choose(report, parsers).parse(report, context)
        except (ReportError, UsageError):
            raise
        except RecursionError:
            raise ReportError("nested too deeply to be understood", report=report.name) from None
        except Exception as error:
            # The message of the exception may hold a secret.
            raise ReportError(
                f"the parser failed on it ({type(error).__name__})",
                report=report.name,
                hint="this is a bug in the parser: please report it with the shape of the report",
            ) from None
        for finding in parsed.findings:
            _set_key_name(finding, context.redactor)
        return parsed


def _set_key_name(finding: Finding, redactor: Redactor) -> None:
    """Set the name of the key of a secret's hash, unless the hash may be of another key."""
    secret = finding.secret
    if secret is None or secret.id is None or secret.key is not None:
        return
    # A hash in an old report of secagg, without the key's name, may be of any key.
    if finding.sarif is None or b'"hmac-sha256:' not in finding.sarif.encoded:
        secret.key = redactor.key_name


def _json_lines(data: bytes) -> bytes | None:
    """Return the first two lines of ``data`` if each is a JSON value, else None.

    Decoding them as one value gives the same error as decoding all lines, which would take twelve
    times the memory of the text.
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
