"""TruffleHog 3: a JSON object a line, with log lines between; and the lines of TruffleHog 2.

Fields as TruffleHog's ``pkg/output/json.go`` and ``legacy_json.go`` write them. Raw, RawV2 and
SecretParts hold the secret, ExtraData sometimes does, Redacted may: none of them is taken
over. The same secret comes once for each decoder that saw it.

The output of TruffleHog, line by line: findings, log lines, and what was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list, loads, offset_in, to_utf8
from secagg.parsing import EntryProblem, Gap, ParseContext, ParsedReport, RawReport
from secagg_parsers.fields import Entry, OddEntry, add_problem, json_type, reason
from secagg_parsers.shapes import (
    SURE,
    check_shape,
    is_log_line,
    is_sarif,
    is_trufflehog,
    sarif_drivers,
    shape_of,
)
from secagg_parsers.trufflehog.detections import Detections, learn

__all__ = ["TrufflehogParser"]


class TrufflehogParser:
    """Understands the output of TruffleHog."""

    tool = "trufflehog"

    def confidence(self, report: RawReport) -> int:
        document = report.document_or_none
        if is_sarif(document):
            return SURE if sarif_drivers(document) == [self.tool] else 0
        return SURE if shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        parsed = ParsedReport(tool=self.tool)
        if report.tool == self.tool and report.blank:
            if not report.finished:
                # It prints nothing where it finds nothing; its end is told on standard error.
                parsed.gaps.append(
                    Gap(message="the output is empty: nothing in it says that the scan finished")
                )
            return parsed
        document = report.document_or_none
        if is_sarif(document) and sarif_drivers(document)[:1] in ([], [self.tool]):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        entries = entries_of(report, context, parsed)
        detections = Detections(report, context)
        for where, entry in entries:
            parsed.reported += 1
            try:
                parsed.findings.append(detections.finding(entry))
            except OddEntry as why:
                parsed.problems.append(EntryProblem(message=str(why), where=where))
        return parsed

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the values of every detection with the redactor."""
        if report.blank:
            return
        if is_sarif(report.document_or_none):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)
            return
        for _, entry in entries_of(report, context, ParsedReport(tool=self.tool)):
            learn(entry, context.redactor)


# Logged where parts of the source could not be read: what was not read was not scanned.
_UNREAD = "encountered errors"


_BAD = ("error", "fatal", "panic", "dpanic")
_STARTED, _FINISHED = "running source", "finished scanning"
# Members of the last log line. They count what was printed: after --results and deduplication.
_COUNTS = ("verified_secrets", "unverified_secrets")


def entries_of(
    report: RawReport, context: ParseContext, parsed: ParsedReport
) -> list[tuple[str, Entry]]:
    """Return the findings with their places; odd lines and logged errors are noted in ``parsed``.

    Raises :class:`ReportError` if there is neither a finding nor a log line.
    """
    entries: list[tuple[str, Entry]] = []
    log = _Log()
    if report.error is None:
        document = report.document
        items = document if is_list(document) else [document]
        for index, item in enumerate(items):
            where = f"[{index}]" if items is document else "line 1"
            _sort(where, item, entries, log, context, parsed)
        if not items or entries or parsed.reported or is_log_line(document):
            parsed.gaps += log.gaps(len(entries))
            return entries
        raise _refused(report, None)
    lines = 0
    data = to_utf8(report.data, report=report.name)
    for where, at, line, ended in _lines(data):
        if not line.startswith(b"{"):
            # Older versions print their banner and their log as plain text in between.
            continue
        lines += 1
        try:
            item = loads(line, report=report.name)
        except ReportError as error:
            if not ended:
                end = offset_in(report.data, data, at + len(line))
                _cut_off(report, where, end, entries, parsed)
            else:
                add_problem(parsed, where, _why(error, offset_in(report.data, data, at)))
        else:
            _sort(where, item, entries, log, context, parsed)
    if not lines:
        raise _refused(report, 0)
    parsed.gaps += log.gaps(len(entries))
    return entries


@dataclass(slots=True)
class _Log:
    """What the log says of the scan, where it is in the output too (``2>&1``)."""

    unfinished: bool = False
    secrets: int = 0

    def add(self, line: Entry) -> None:
        if line.get("msg") == _STARTED:
            self.unfinished = True
        elif line.get("msg") == _FINISHED:
            self.unfinished = False
            numbers = (line.get(name) for name in _COUNTS)
            self.secrets += sum(number for number in numbers if type(number) is int)

    def gaps(self, listed: int) -> Iterator[Gap]:
        """Yield why the output of ``listed`` findings is not that of a whole scan."""
        if self.unfinished:
            yield Gap(message="TruffleHog's log does not say that the scan finished", fatal=True)
        elif self.secrets > listed:
            message = f"TruffleHog counted {self.secrets} secrets, and its output lists {listed}"
            yield Gap(message=message, fatal=True)


def _sort(
    where: str,
    item: Any,
    entries: list[tuple[str, Entry]],
    log: _Log,
    context: ParseContext,
    parsed: ParsedReport,
) -> None:
    """Handle a line by its kind: finding, log or odd line."""
    if is_trufflehog(item):
        entries.append((where, item))
    elif is_log_line(item):
        level, sentence = str(item.get("level")).lower(), str(item.get("msg"))
        log.add(item)
        if level.startswith(_BAD):
            fatal = not level.startswith("error") or sentence.startswith(_UNREAD)
            message = f"TruffleHog logged: {reason(context.redactor, sentence)}"
            parsed.gaps.append(Gap(message=message, fatal=fatal))
    elif isinstance(item, dict):
        add_problem(parsed, where, "it is neither a finding nor a log line")
    else:
        add_problem(parsed, where, f"it is {json_type(item)}, not an object")


def _cut_off(
    report: RawReport,
    where: str,
    offset: int,
    entries: list[tuple[str, Entry]],
    parsed: ParsedReport,
) -> None:
    """Add a fatal gap for a last line without an end; keep the lines before it."""
    if not entries:
        raise ReportError(f"{where} ends in the middle", report=report.name, offset=offset)
    parsed.gaps.append(
        Gap(message=f"the output was cut off: {where} ends at byte {offset}", fatal=True)
    )


def _why(error: ReportError, start: int) -> str:
    """Return the error on a line that begins at byte ``start``, without the report's name."""
    message = error.message.removeprefix(f"{error.report}: ").partition(" at byte ")[0]
    message = message.replace("the report ends", "the line ends").partition(", cut off")[0]
    return f"{message} (the line begins at byte {start})"


def _lines(data: bytes) -> Iterator[tuple[str, int, bytes, bool]]:
    """Yield each line with its name, its first byte, and whether it has an end."""
    start, number = 0, 0
    while start < len(data):
        number += 1
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)]
        stripped = line.lstrip()
        if stripped:
            yield f"line {number}", start + len(line) - len(stripped), stripped.rstrip(), end >= 0
        start = end + 1 if end >= 0 else len(data)


def _refused(report: RawReport, offset: int | None) -> ReportError:
    return ReportError(
        "this is no output of trufflehog: it holds neither a finding nor a log line",
        report=report.name,
        offset=offset,
        hint="write it with trufflehog --json",
    )
