"""Write SARIF as a stream: runs, and results one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from secagg import __version__
from secagg.jsonio.output import encoded, pieces
from secagg.model.finding import Finding, Kind
from secagg.sarif import gaps
from secagg.sarif.bag import VERSION as BAG_VERSION
from secagg.sarif.build import adopted_result, native_result
from secagg.sarif.conform import conform_run
from secagg.sarif.descriptors import RuleIndex
from secagg.sarif.model import GroupedFindings, GroupedResult, Invocation, Revision, SarifRun
from secagg.sarif.uris import ROOT_BASE, is_absolute
from secagg.secrets.patterns import MASK

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(out: BinaryIO, runs: Iterable[SarifRun]) -> None:
    """Write one SARIF 2.1.0 log of ``runs`` to the binary file ``out``.

    The memory it takes grows with the number of different rules, and not with their texts. A
    run whose findings were read from several SARIF runs is written as that many, the second
    with ``2/`` after its category, and so on: indices into a run's tables hold in that run only.
    """
    out.write(encoded({"$schema": SCHEMA, "version": "2.1.0"})[:-1] + b',"runs":[')
    separator = b""
    for given in runs:
        for run in _split(given):
            out.write(separator)
            _write_run(out, run)
            separator = b","
    out.write(b"]}\n")


def _write_run(out: BinaryIO, run: SarifRun) -> None:
    if run.frame is None:
        rules = RuleIndex(_findings(run))
        frame = run_frame(run)
        # The rules come one by one as well, so what holds them is written last.
        driver = frame.pop("tool")["driver"]
        out.write(encoded(frame)[:-1] + b',"tool":{"driver":')
        out.write(encoded(driver)[:-1] + b',"rules":[')
        out.writelines(pieces(rules.descriptors()))
        out.write(b']}},"results":[')
        out.writelines(pieces(native_result(item, rules) for item in run.findings))
        out.write(b"]}")
        return
    frame = adopted_frame(run, run.frame)
    if "results" in run.frame and not any(True for _ in run.findings):
        # The tool did not look for any (3.14.23): an empty list would say that it did.
        out.write(encoded(frame))
        return
    out.write(encoded(frame)[:-1] + b',"results":[')
    out.writelines(pieces(map(adopted_result, run.findings)))
    out.write(b"]}")


def _split(run: SarifRun) -> Iterator[SarifRun]:
    """``run`` by the SARIF runs its findings were read from; native findings first."""
    if run.frame is not None or not _has_origins(run):
        yield run
        return
    parts: dict[int, tuple[Mapping[str, Any] | None, list[Finding | GroupedResult]]] = {}
    for item in run.findings:
        finding = item.finding if isinstance(item, GroupedResult) else item
        frame = None if finding.sarif is None else finding.sarif.run
        parts.setdefault(id(frame) if frame is not None else 0, (frame, []))[1].append(item)
    ordered = sorted(parts.values(), key=lambda part: part[0] is not None)
    for number, (frame, items) in enumerate(ordered, 1):
        category = run.category
        if category is not None and number > 1:
            category = f"{category}{number}/"
        yield replace(run, frame=frame, findings=items, category=category)


def _has_origins(run: SarifRun) -> bool:
    """True if findings come from SARIF; in the merged view all are written again."""
    if run.tool == "secagg":
        return False
    return any(finding.sarif is not None for finding in _findings(run))


def _findings(run: SarifRun) -> Iterable[Finding]:
    if isinstance(run.findings, GroupedFindings):
        return run.findings.findings
    return (item.finding if isinstance(item, GroupedResult) else item for item in run.findings)


def run_frame(run: SarifRun) -> dict[str, Any]:
    """Make the run object of findings from native formats, without results and rules."""
    driver = {"name": run.tool, "version": run.version, "informationUri": run.information_uri}
    frame: dict[str, Any] = {"tool": {"driver": _without_nulls(driver)}}
    if run.tool != "secagg":
        frame["conversion"] = {"tool": {"driver": {"name": "secagg", "version": __version__}}}
    if run.invocation is not None:
        frame["invocations"] = [_invocation(run.invocation)]
    if run.category is not None:
        frame["automationDetails"] = {"id": run.category}
    frame["originalUriBaseIds"] = {
        ROOT_BASE: {"description": {"text": "The root of the checkout."}}
    }
    if run.revision is not None:
        frame["versionControlProvenance"] = [_provenance(run.revision)]
    frame["columnKind"] = "unicodeCodePoints"
    frame["redactionTokens"] = [MASK]
    frame["properties"] = _run_properties(run, {})
    return frame


def adopted_frame(run: SarifRun, frame: Mapping[str, Any]) -> dict[str, Any]:
    """A run frame read from SARIF, with what secagg adds and without machine paths."""
    kept = {key: value for key, value in frame.items() if key != "results"}
    bases = kept.get("originalUriBaseIds")
    if isinstance(bases, Mapping):
        kept["originalUriBaseIds"] = {name: _without_path(base) for name, base in bases.items()}
    details = kept.get("automationDetails")
    details = dict(details) if isinstance(details, Mapping) else {}
    former = details.get("id")
    if run.category is not None:
        kept["automationDetails"] = {**details, "id": run.category}
    invocation = run.invocation
    if invocation is not None and (not kept.get("invocations") or not invocation.successful):
        told = [*gaps.of_run(kept, {"results": frame.get("results", [])}, 0)]
        messages = {gap.message for gap in told}
        unsaid = [gap for gap in invocation.gaps if gap.message not in messages]
        fatal = any(gap.fatal for gap in told)
        # What the run says already is not said once more each time that it is written.
        if unsaid or not kept.get("invocations") or not (invocation.successful or fatal):
            added = _invocation(replace(invocation, gaps=unsaid))
            kept["invocations"] = [*(kept.get("invocations") or ()), added]
    if run.revision is not None and not kept.get("versionControlProvenance"):
        kept["versionControlProvenance"] = [_provenance(run.revision)]
    tokens = kept.get("redactionTokens")
    tokens = tokens if isinstance(tokens, list) else []
    kept["redactionTokens"] = tokens if MASK in tokens else [*tokens, MASK]
    properties = kept.get("properties")
    properties = dict(properties) if isinstance(properties, Mapping) else {}
    properties = _run_properties(run, properties)
    if isinstance(former, str) and former != run.category and run.category is not None:
        properties["secagg"] = {**properties["secagg"], "automationId": former}
    kept["properties"] = properties
    return conform_run(kept, run.tool)


def _invocation(invocation: Invocation) -> dict[str, Any]:
    # A notification that has no level is a warning (3.58.6).
    notifications = [
        {
            "message": {"text": gap.message},
            **({"level": "error"} if gap.fatal and not gap.accepted else {}),
        }
        for gap in invocation.gaps
    ]
    return _without_nulls(
        {
            "executionSuccessful": invocation.successful,
            "startTimeUtc": invocation.start,
            "endTimeUtc": invocation.end,
            "exitCode": invocation.exit_code,
            "exitCodeDescription": invocation.reason,
            "toolExecutionNotifications": notifications or None,
        }
    )


def _provenance(revision: Revision) -> dict[str, Any]:
    return _without_nulls(
        {
            "repositoryUri": revision.repository_uri,
            "revisionId": revision.revision,
            "branch": revision.branch,
            "mappedTo": {"uriBaseId": ROOT_BASE},
        }
    )


def _without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    """``members`` without those that have no value."""
    return {name: value for name, value in members.items() if value is not None}


def _run_properties(run: SarifRun, given: Mapping[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = {"version": BAG_VERSION}
    if run.component is not None:
        ours["component"] = run.component
    looked_for = _looked_for(given) if run.looked_for is None else run.looked_for
    if looked_for is not None:
        ours["lookedFor"] = list(looked_for)
    return {**given, **run.properties, "secagg": ours}


def _looked_for(given: Mapping[str, Any]) -> list[str] | None:
    """Keep what an earlier file of ours says of the kinds that its tool looked for."""
    earlier = given.get("secagg")
    kinds = earlier.get("lookedFor") if isinstance(earlier, Mapping) else None
    return [kind.value for kind in Kind if kind.value in kinds] if isinstance(kinds, list) else None


def _without_path(base: Any) -> Any:
    """A base id without the place on this machine that it stood for."""
    if isinstance(base, Mapping) and is_absolute(str(base.get("uri") or "")):
        return {key: value for key, value in base.items() if key != "uri"}
    return base
