"""SARIF runs around their results: made anew, or adopted from what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from secagg import __version__
from secagg.model.finding import Kind
from secagg.sarif import gaps
from secagg.sarif.bag import VERSION as BAG_VERSION
from secagg.sarif.conform import conform_run
from secagg.sarif.model import Invocation, Revision, SarifRun
from secagg.sarif.uris import ROOT_BASE, is_absolute
from secagg.secrets.redactor import MASK


def run_frame(run: SarifRun) -> dict[str, Any]:
    """Make the run object of findings from native formats, without results and rules."""
    driver = {"name": run.tool, "version": run.version, "informationUri": run.information_uri}
    frame: dict[str, Any] = {"tool": {"driver": _known(driver)}}
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
        said = {gap.message for gap in told}
        unsaid = [gap for gap in invocation.gaps if gap.message not in said]
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
    return _known(
        {
            "executionSuccessful": invocation.successful,
            "startTimeUtc": invocation.start,
            "endTimeUtc": invocation.end,
            "exitCode": invocation.exit_code,
            "toolExecutionNotifications": notifications or None,
        }
    )


def _provenance(revision: Revision) -> dict[str, Any]:
    return _known(
        {
            "repositoryUri": revision.repository_uri,
            "revisionId": revision.revision,
            "branch": revision.branch,
            "mappedTo": {"uriBaseId": ROOT_BASE},
        }
    )


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
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
