"""Parse raw reports, and read when and of what a report was made.

Nothing here is needed to read the report; each answer is None where the report does not say.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secagg.errors import ReportError
from secagg.model.place import image_key
from secagg.parsing import NO_RESULTS, ParseContext, ParsedReport, Parser, RawReport, learn, parse
from secagg.pipeline.outcome import ToolResult, gaps_of
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.redactor import Redactor

IMAGE = "image:"


"""What the component of a scanned image begins with; an image is no part of the source tree."""


_IMAGE_TYPES = frozenset({"container_image", "image", "vm"})


_SHA = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """``at`` is in UTC; ``image`` is the name of the image that was scanned, without its tag."""

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
        return _sarif(document)
    if "ArtifactType" in document or "SchemaVersion" in document:
        return _trivy(document)
    return Provenance()


def _sarif(document: Mapping[str, Any]) -> Provenance:
    times, commits, branches, images = [], [], [], []
    for run in _objects(document.get("runs")):
        for invocation in _objects(run.get("invocations")):
            times += [
                at
                for name in ("endTimeUtc", "startTimeUtc")
                if (at := _time(invocation.get(name))) is not None
            ][:1]
        for where in _objects(run.get("versionControlProvenance")):
            commits.append(_commit(where.get("revisionId")))
            branches.append(_text(where.get("branch")))
        properties = run.get("properties")
        if isinstance(properties, Mapping):
            images.append(_text(properties.get("imageName")))
    return Provenance(
        at=max(times, default=None),
        commit=next(filter(None, commits), None),
        branch=next(filter(None, branches), None),
        image=_image(next(filter(None, images), None)),
    )


def _trivy(document: Mapping[str, Any]) -> Provenance:
    metadata = document.get("Metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    of_image = document.get("ArtifactType") in _IMAGE_TYPES
    return Provenance(
        at=_time(document.get("CreatedAt")),
        commit=_commit(metadata.get("Commit")),
        branch=_text(metadata.get("Branch")),
        image=_image(_text(document.get("ArtifactName"))) if of_image else None,
    )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    # The lists of a large report are decoded as they are read; they are no plain lists.
    if value is None or isinstance(value, str | Mapping) or not hasattr(value, "__iter__"):
        return iter(())
    return (item for item in value if isinstance(item, Mapping))


def _time(value: Any) -> datetime.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)


def _commit(value: Any) -> str | None:
    text = _text(value)
    whole = text is not None and len(text) in (40, 64) and _SHA.issuperset(text.lower())
    return text.lower() if text is not None and whole else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 400 else None


def _image(name: str | None) -> str | None:
    return image_key(name) if name else None


# An entry that nobody understands may be the worst finding of all.
_ODD_HINT = "see the notes; if the report is sound, this is a gap in secagg: please report it"


def understand(
    runs: Sequence[ToolRun],
    *,
    parsers: Mapping[str, Parser],
    context: ParseContext,
    optional: frozenset[str] = frozenset(),
) -> list[ToolResult]:
    """Learn the secrets of all reports, then parse them.

    Nothing is raised for a bad report: its run becomes failed and says why, and what the
    other reports hold is kept. ``optional`` names the tools whose failure is allowed.
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
        # Taken from the list one by one: each is let go of once it has become findings.
        run.reports.reverse()
        while run.reports:
            parsed = _parse(run.reports.pop(), run, parsers, context)
            if parsed is not None:
                result.parsed.append(parsed)
                run.version = run.version or parsed.tool_version
        odd = sum(len(parsed.problems) for parsed in result.parsed)
        if odd:
            entries = "1 entry" if odd == 1 else f"{odd} entries"
            fail(run, f"{entries} of its report could not be understood", _ODD_HINT)
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
    """Mark ``run`` failed for ``reason``, unless it failed for another reason before."""
    if run.status is not Status.FAILED:
        run.status = Status.FAILED
        run.reason = reason
        run.hint = hint


def _mask_run(run: ToolRun, redactor: Redactor) -> None:
    """Mask what a tool said of its own run before its secrets were known."""
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
