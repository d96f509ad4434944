"""The output of TruffleHog, line by line: findings, log lines, and what was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.entries import is_list
from secagg.jsonio.text import loads, offset_in, to_utf8
from secagg.parsing import Gap, ParseContext, ParsedReport, RawReport
from secagg_parsers.fields import Entry, kind_of, odd
from secagg_parsers.masking import reason
from secagg_parsers.shapes import is_log_line, is_trufflehog

# Logged where parts of the source could not be read: what was not read was not scanned.
_UNREAD = "encountered errors"
_BAD = ("error", "fatal", "panic", "dpanic")


def entries_of(
    report: RawReport, context: ParseContext, parsed: ParsedReport
) -> list[tuple[str, Entry]]:
    """The findings with their places; odd lines and logged errors are noted in ``parsed``.

    Raises :class:`ReportError` if there is neither a finding nor a log line.
    """
    entries: list[tuple[str, Entry]] = []
    if report.error is None:
        document = report.document
        items = document if is_list(document) else [document]
        for index, item in enumerate(items):
            _sort(f"[{index}]" if items is document else "line 1", item, entries, context, parsed)
        if not items or entries or parsed.reported or is_log_line(document):
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
                odd(parsed, where, _why(error, offset_in(report.data, data, at)))
        else:
            _sort(where, item, entries, context, parsed)
    if not lines:
        raise _refused(report, 0)
    return entries


def _sort(
    where: str,
    item: Any,
    entries: list[tuple[str, Entry]],
    context: ParseContext,
    parsed: ParsedReport,
) -> None:
    """Put a line where it belongs: findings, log, or odd."""
    if is_trufflehog(item):
        entries.append((where, item))
    elif is_log_line(item):
        level, said = str(item.get("level")).lower(), str(item.get("msg"))
        if level.startswith(_BAD):
            fatal = not level.startswith("error") or said.startswith(_UNREAD)
            message = f"TruffleHog logged: {reason(context.redactor, said)}"
            parsed.gaps.append(Gap(message=message, fatal=fatal))
    elif isinstance(item, dict):
        odd(parsed, where, "it is neither a finding nor a log line")
    else:
        odd(parsed, where, f"it is {kind_of(item)}, not an object")


def _cut_off(
    report: RawReport,
    where: str,
    offset: int,
    entries: list[tuple[str, Entry]],
    parsed: ParsedReport,
) -> None:
    """The last line has no end: keep what came before it, and let nobody call it complete."""
    if not entries:
        raise ReportError(f"{where} ends in the middle", report=report.name, offset=offset)
    parsed.gaps.append(
        Gap(message=f"the output was cut off: {where} ends at byte {offset}", fatal=True)
    )


def _why(error: ReportError, start: int) -> str:
    """What is wrong with a line that begins at byte ``start``, without the report's name."""
    said = error.message.removeprefix(f"{error.report}: ").partition(" at byte ")[0]
    said = said.replace("the report ends", "the line ends").partition(": it was")[0]
    return f"{said} (the line begins at byte {start})"


def _lines(data: bytes) -> Iterator[tuple[str, int, bytes, bool]]:
    """Each line with its name, its first byte, and whether it has an end."""
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
