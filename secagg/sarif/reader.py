"""Read SARIF 2.1.0 of any producer into findings.

The result itself is kept beside each :class:`Finding`, masked, so that it can be written again
without loss. Section numbers are those of OASIS, Static Analysis Results Interchange Format
(SARIF) Version 2.1.0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.members import value_at
from secagg.jsonio.reading import is_list
from secagg.parsing import Gap, ParseContext, ParsedReport, RawReport, without_collecting
from secagg.sarif import gaps, producers, secrets
from secagg.sarif.rules import RuleTable
from secagg.sarif.run_reader import RunReader
from secagg.sarif.upgrade import upgraded
from secagg.secrets.redactor import Redactor, identify
from secagg.system.patterns import lazy

VERSION = "2.1.0"
# Any other version is not quoted in messages, because it may hold a secret.
_PLAIN_VERSION = lazy(r"\d{1,3}(?:\.\d{1,3}){0,3}(?:-(?:rtm|csd|beta)[\d.-]{0,12})?")
# Results can be read without these when they are in external property files (3.15.2).
_OPTIONAL_PROPERTIES = frozenset(
    {
        "addresses",
        "conversion",
        "externalizedProperties",
        "policies",
        "taxonomies",
        "translations",
        "webRequests",
        "webResponses",
    }
)
# Runs of one report. GitHub takes 20 in a file, and no tool writes hundreds.
MOST_RUNS = 1_000


def read(
    path: str | os.PathLike[str], *, root: Path | None = None, redactor: Redactor | None = None
) -> ParsedReport:
    """Read the SARIF file at ``path``: its findings, gaps and runs.

    Paths below ``root`` become relative to it. Without a ``redactor`` the ids of secrets hold
    for this call only. Raises :class:`ReportError` if the file cannot be read or is not SARIF
    2.1.0.
    """
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}", report=name) from None
    report = RawReport(name=name, data=data)
    context = ParseContext(redactor=redactor or Redactor(os.urandom(32)), root=root)
    with suppress(Exception):
        learn_report(report, context=context, tool=None)
    return read_report(report.document, report_name=name, context=context, tool=None)


def read_report(
    document: Mapping[str, Any],
    *,
    report_name: str,
    context: ParseContext,
    tool: str | None,
) -> ParsedReport:
    """Return the findings of all runs of a SARIF ``document``, and the runs' frames.

    ``tool`` overrides the name of the driver. A result that cannot be read becomes an
    :class:`EntryProblem`, and what the tool says it missed a :class:`Gap`. Raises
    :class:`ReportError` for another version, a document that is no log, or results that are in
    other files.
    """
    runs = _runs_of(document, report_name)
    parsed = ParsedReport(tool=tool or "sarif")
    parsed.gaps.extend(_external_gaps(runs))
    if any(value_at(part, "results") for part in _inlined(document)):
        message = "the report keeps results in inlineExternalProperties, which are not read"
        parsed.gaps.append(Gap(message=message, fatal=True))
    frames: list[Mapping[str, Any]] = []
    if not runs:
        parsed.gaps.append(Gap(message="the report holds no run of any tool", fatal=True))
    for index, run in enumerate(runs):
        if not isinstance(run, Mapping):
            parsed.gaps.append(Gap(message=f"runs[{index}] is no run object", fatal=True))
            continue
        reader = RunReader(run, index, context, tool)
        if not frames:
            parsed.tool = reader.tool
            parsed.tool_version = reader.version
        frames.append(reader.frame)
        parsed.gaps.extend(gaps.of_run(reader.frame, run, index, context.redactor.mask))
        with without_collecting():
            reader.read_into(parsed)
    parsed.runs = frames
    return parsed


def learn_report(report: RawReport, *, context: ParseContext, tool: str | None) -> None:
    """Teach the redactor the secrets in a SARIF report, before any report is parsed.

    They are the secrets that Gitleaks writes, and what rules on hard-coded credentials quote.
    """
    document = report.document
    may_quote = secrets.may_quote_credentials(report.text)
    document = upgraded(document) or document
    for run in document.get("runs", ())[:MOST_RUNS]:
        results = value_at(run, "results")
        if not is_list(results):
            continue
        frame = {key: value for key, value in run.items() if key != "results"}
        if (tool or producers.driver_tool(frame)) == "gitleaks":
            for result in results:
                if isinstance(result, Mapping) and (value := secrets.value_of("gitleaks", result)):
                    identify(context.redactor, value.reveal())
        elif may_quote:
            secrets.learn_quoted(
                results, RuleTable(frame, context.redactor.keyed), context.redactor
            )


def _runs_of(document: Any, report_name: str) -> Sequence[Any]:
    if not isinstance(document, Mapping):
        raise ReportError("no SARIF log: the report is not a JSON object", report=report_name)
    version = document.get("version")
    if version is None and VERSION in str(document.get("$schema")):
        version = VERSION
    if version != VERSION and (newer := upgraded(document)) is not None:
        document, version = newer, VERSION
    if version != VERSION:
        version_text = "no version" if version is None else "another version"
        if _PLAIN_VERSION.fullmatch(str(version)):
            version_text = f"version {str(version)!r}"
        raise ReportError(
            f"no SARIF {VERSION}: the report has {version_text}",
            report=report_name,
            hint="let the tool write SARIF 2.1.0 (compilers: /errorlog:FILE,version=2.1), "
            "or convert the file first",
        )
    runs = document.get("runs")
    if not is_list(runs):
        raise ReportError("no SARIF log: it has no list of runs", report=report_name)
    if len(runs) > MOST_RUNS:
        raise ReportError(f"the report holds more than {MOST_RUNS:,} runs", report=report_name)
    for index, run in enumerate(runs):
        references = value_at(run, "externalPropertyFileReferences")
        if isinstance(references, Mapping):
            if not _OPTIONAL_PROPERTIES.issuperset(references):
                raise _external_error(references, index, report_name)
        elif references:
            raise _external_error(references, index, report_name)
    return runs


def _inlined(document: Mapping[str, Any]) -> list[Any]:
    """Return the external properties within the log itself (3.13.5)."""
    inlined = document.get("inlineExternalProperties")
    return list(inlined) if is_list(inlined) else []


def _external_gaps(runs: Sequence[Any]) -> Iterator[Gap]:
    """Yield a gap for each run that keeps optional properties in other files."""
    for index, run in enumerate(runs):
        references = value_at(run, "externalPropertyFileReferences")
        if references:
            what = ", ".join(sorted(references))
            yield Gap(message=f"runs[{index}] keeps {what} in files that are not read")


def _external_error(references: Any, index: int, report_name: str) -> ReportError:
    names: list[str] = []
    if isinstance(references, Mapping):
        for kind, files in references.items():
            for file in files if isinstance(files, list) else [files]:
                uri = value_at(file, "location", "uri")
                names.append(f"{kind} in {uri}" if isinstance(uri, str) else str(kind))
    what = ", ".join(names) or "unnamed files"
    return ReportError(
        f"runs[{index}] keeps a part of itself in external property files ({what})",
        report=report_name,
        hint="let the tool write one file, or inline the external properties",
    )
