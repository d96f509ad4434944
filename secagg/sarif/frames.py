"""SARIF runs around their results: made anew by sarif_om, or adopted from what was read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import attr
import sarif_om as om

from secagg import __version__
from secagg.redact import MASK
from secagg.sarif.bag import VERSION as BAG_VERSION
from secagg.sarif.conform import conform_run
from secagg.sarif.model import Invocation, SarifRun
from secagg.sarif.uris import ROOT_BASE, is_absolute


def to_json(value: Any) -> Any:
    """A sarif_om object as JSON, without what has no value or the standard's default."""
    kind: Any = type(value)
    if kind is str or kind is int or kind is float or kind is bool:
        return value
    members = _members(kind)
    if members:
        made = {}
        for attribute, name, default in members:
            item = getattr(value, attribute)
            if item is not None and (item != default or name == "executionSuccessful"):
                made[name] = to_json(item)
        return made
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return value


@cache
def _members(kind: type) -> list[tuple[str, str, Any]]:
    """The attributes of a class of sarif_om: each with its name in JSON and its default."""
    if not attr.has(kind):
        return []
    return [
        (field_.name, name, _default(field_))
        for field_ in attr.fields(kind)
        if (name := field_.metadata["schema_property_name"])
    ]


def _default(field_: Any) -> Any:
    default = field_.default
    return default.factory() if isinstance(default, attr.Factory) else default  # type: ignore[arg-type]


def run_frame(run: SarifRun) -> dict[str, Any]:
    """The run object of findings from native formats, without results and without rules."""
    driver = om.ToolComponent(
        name=run.tool,
        version=run.version,
        information_uri=run.information_uri,
    )
    converter = om.ToolComponent(name="secagg", version=__version__)
    base = om.ArtifactLocation(description=om.Message(text="The root of the checkout."))
    built = om.Run(
        tool=om.Tool(driver=driver),
        conversion=None if run.tool == "secagg" else om.Conversion(tool=om.Tool(driver=converter)),
        invocations=None if run.invocation is None else [_invocation(run.invocation)],
        automation_details=_automation(run),
        original_uri_base_ids={ROOT_BASE: base},
        version_control_provenance=_provenance(run),
        column_kind="unicodeCodePoints",
        redaction_tokens=[MASK],
        properties=_run_properties(run, {}),
    )
    frame: dict[str, Any] = to_json(built)
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
        ours = to_json(_invocation(invocation))
        kept["invocations"] = [*(kept.get("invocations") or ()), ours]
    if run.revision is not None and not kept.get("versionControlProvenance"):
        kept["versionControlProvenance"] = to_json(_provenance(run))
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


def _invocation(invocation: Invocation) -> Any:
    notifications = [
        om.Notification(
            message=om.Message(text=gap.message), level="error" if gap.fatal else "warning"
        )
        for gap in invocation.gaps
    ]
    return om.Invocation(
        execution_successful=invocation.successful,
        start_time_utc=invocation.start,
        end_time_utc=invocation.end,
        exit_code=invocation.exit_code,
        tool_execution_notifications=notifications or None,
    )


def _automation(run: SarifRun) -> Any:
    return None if run.category is None else om.RunAutomationDetails(id=run.category)


def _provenance(run: SarifRun) -> list[Any] | None:
    revision = run.revision
    if revision is None:
        return None
    details = om.VersionControlDetails(
        repository_uri=revision.repository_uri,
        revision_id=revision.revision,
        branch=revision.branch,
        mapped_to=om.ArtifactLocation(uri_base_id=ROOT_BASE),
    )
    return [details]


def _run_properties(run: SarifRun, given: Mapping[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = {"version": BAG_VERSION}
    if run.component is not None:
        ours["component"] = run.component
    return {**given, **run.properties, "secagg": ours}


def _without_path(base: Any) -> Any:
    """A base id without the place on this machine that it stood for."""
    if isinstance(base, Mapping) and is_absolute(str(base.get("uri") or "")):
        return {key: value for key, value in base.items() if key != "uri"}
    return base
