"""Parse raw reports, and read their provenance: the time, commit, branch and image of the scan."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from secagg.errors import ReportError
from secagg.jsonio.members import as_mapping
from secagg.jsonio.reading import is_list
from secagg.model.place import image_key
from secagg.packages.components import IMAGE
from secagg.parsing import NO_RESULTS, ParseContext, ParsedReport, Parser, RawReport, learn, parse
from secagg.pipeline.outcome import ToolResult, gaps_of
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.redactor import Redactor
from secagg.system.dates import parse_time

_IMAGE_TYPES = frozenset({"container_image", "image", "vm"})
_HEX_DIGITS = frozenset("0123456789abcdef")
_NOT_PARSED_HINT = (
    "see the notes; if the report is sound, this is a gap in secagg: please report it"
)


class Provenance(Struct, frozen=True, kw_only=True):
    """What a report says of its scan; None for what it does not say.

    ``at`` is in UTC. ``image`` is the name of the scanned image without its tag.
    """

    at: datetime.datetime | None = None
    commit: str | None = None
    branch: str | None = None
    image: str | None = None


def provenance_of(report: RawReport) -> Provenance:
    """Read SARIF's ``versionControlProvenance`` and ``invocations`` (2.1.0, 3.23 and 3.20), and
    Trivy's ``CreatedAt``, ``ArtifactType`` and ``Metadata`` (0.76, ``pkg/types/report.go``)."""
    document = report.document_or_none
    if not isinstance(document, Mapping):
        return Provenance()
    if "runs" in document:
        return _sarif_provenance(document)
    if "ArtifactType" in document or "SchemaVersion" in document:
        return _trivy_provenance(document)
    return Provenance()


def parse_reports(
    runs: Sequence[ToolRun],
    *,
    parsers: Mapping[str, Parser],
    context: ParseContext,
    optional: frozenset[str] = frozenset(),
) -> list[ToolResult]:
    """Learn the secrets in the reports of all ``runs``, then parse the reports.

    A bad report raises nothing: its run becomes failed and gives the reason, and the findings of
    the other reports stay. ``optional`` names the tools that may fail.
    """
    redactor = context.redactor
    for run in runs:
        for report in run.reports:
            learn(report, parsers, context)
    redactor.prepare(sum(len(report.data) for run in runs for report in run.reports))
    results = []
    for run in runs:
        _mask_run(run, redactor)
        result = ToolResult(run=run, optional=run.tool in optional)
        # Pops each report, so that its memory is free once it is parsed.
        run.reports.reverse()
        while run.reports:
            parsed = _parse(run.reports.pop(), run, parsers, context)
            if parsed is not None:
                result.parsed.append(parsed)
                run.version = run.version or parsed.tool_version
        # An entry that cannot be parsed may be the worst finding of all.
        not_parsed = sum(len(parsed.problems) for parsed in result.parsed)
        if not_parsed:
            entries = "1 entry" if not_parsed == 1 else f"{not_parsed} entries"
            fail(run, f"{entries} of its report could not be understood", _NOT_PARSED_HINT)
        result.broken = run.status is Status.FAILED
        for gap in gaps_of(result):
            if gap.fatal:
                fail(run, gap.message)
        if run.status is Status.FAILED:
            for parsed in result.parsed:
                parsed.gaps = [gap for gap in parsed.gaps if gap.message != NO_RESULTS]
        results.append(result)
    return results


def fail(run: ToolRun, reason: str, hint: str | None = None) -> None:
    """Mark ``run`` as failed for ``reason``; a run that has failed already keeps its reason."""
    if run.status is not Status.FAILED:
        run.status = Status.FAILED
        run.reason = reason
        run.hint = hint


def _sarif_provenance(document: Mapping[str, Any]) -> Provenance:
    times, commits, branches, images = [], [], [], []
    for run in _objects(document.get("runs")):
        for invocation in _objects(run.get("invocations")):
            times += [
                at
                for name in ("endTimeUtc", "startTimeUtc")
                if (at := parse_time(invocation.get(name))) is not None
            ][:1]
        for source in _objects(run.get("versionControlProvenance")):
            commits.append(_commit(source.get("revisionId")))
            branches.append(_text(source.get("branch")))
        images.append(_text(as_mapping(run.get("properties")).get("imageName")))
    return Provenance(
        at=max(times, default=None),
        commit=next(filter(None, commits), None),
        branch=next(filter(None, branches), None),
        image=_image(next(filter(None, images), None)),
    )


def _trivy_provenance(document: Mapping[str, Any]) -> Provenance:
    metadata = as_mapping(document.get("Metadata"))
    is_image = document.get("ArtifactType") in _IMAGE_TYPES
    return Provenance(
        at=parse_time(document.get("CreatedAt")),
        commit=_commit(metadata.get("Commit")),
        branch=_text(metadata.get("Branch")),
        image=_image(_text(document.get("ArtifactName"))) if is_image else None,
    )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list in a report, which may be decoded entry by entry."""
    return (item for item in value if isinstance(item, Mapping)) if is_list(value) else iter(())


def _commit(value: Any) -> str | None:
    text = _text(value)
    if text is None or len(text) not in (40, 64) or not _HEX_DIGITS.issuperset(text.lower()):
        return None
    return text.lower()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 400 else None


def _image(name: str | None) -> str | None:
    return image_key(name) if name else None


def _mask_run(run: ToolRun, redactor: Redactor) -> None:
    """Mask the messages and the image's name, which were read before the secrets were known."""
    if run.component.startswith(IMAGE):
        run.component = redactor.mask(run.component)
    run.reason = None if run.reason is None else redactor.mask(run.reason)
    run.hint = None if run.hint is None else redactor.mask(run.hint)
    for gap in run.gaps:
        gap.message = redactor.mask(gap.message)


def _parse(
    report: RawReport, run: ToolRun, parsers: Mapping[str, Parser], context: ParseContext
) -> ParsedReport | None:
    try:
        parsed = parse(report, parsers, context)
    except ReportError as error:
        fail(run, context.redactor.mask(error.message), error.hint)
        return None
    if not parsed.balances:
        fail(run, f"{report.name}: {parsed.reported} entries reported, but not all accounted for")
    return parsed
