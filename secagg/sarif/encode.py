"""Write SARIF as a stream: runs, and results one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from msgspec.structs import replace

from secagg import __version__
from secagg.jsonio.members import as_list, as_mapping, text_at, value_at
from secagg.jsonio.output import encoded, pieces
from secagg.model.finding import Finding, Kind
from secagg.sarif import gaps
from secagg.sarif.bag import VERSION as BAG_VERSION
from secagg.sarif.build import adopted_result, native_result
from secagg.sarif.conform import MOVED, conform_run, with_moved
from secagg.sarif.descriptors import RuleIndex
from secagg.sarif.model import GroupedFindings, GroupedResult, Invocation, Revision, SarifRun
from secagg.sarif.uris import ROOT_BASE, is_absolute
from secagg.secrets.patterns import MASK

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(out: BinaryIO, runs: Iterable[SarifRun]) -> None:
    """Write one SARIF 2.1.0 log of ``runs`` to the binary file ``out``.

    Memory grows with the number of different rules, but not with their texts. A run whose
    findings were read from several SARIF runs becomes as many runs, because indices into a run's
    tables hold in that run only: the second has ``2/`` after its category, and so on.
    """
    out.write(encoded({"$schema": SCHEMA, "version": "2.1.0"})[:-1] + b',"runs":[')
    separator = b""
    frames = _Frames()
    for unsplit in runs:
        for run in _split(unsplit):
            out.write(separator)
            _write_run(out, run, frames)
            separator = b","
    out.write(b"]}\n")


def _write_run(out: BinaryIO, run: SarifRun, frames: _Frames) -> None:
    if run.frame is None:
        rules = RuleIndex(_findings(run))
        frame = run_frame(run)
        # The rules are written one by one as well, so the driver that holds them comes last.
        driver = frame.pop("tool")["driver"]
        out.write(encoded(frame)[:-1] + b',"tool":{"driver":')
        out.write(encoded(driver)[:-1] + b',"rules":[')
        out.writelines(pieces(rules.descriptors()))
        out.write(b']}},"results":[')
        out.writelines(pieces(native_result(item, rules) for item in run.findings))
        out.write(b"]}")
        return
    unchanged, changed = frames.adopted(run, run.frame)
    out.write(unchanged)
    if "results" in run.frame and not any(True for _ in run.findings):
        # The tool looked for none (3.14.23); an empty list would mean that it looked.
        out.write(changed + b"}")
        return
    out.write(changed + b',"results":[')
    out.writelines(pieces(map(adopted_result, run.findings)))
    out.write(b"]}")


class _Frames:
    """The frames of runs read from SARIF, in JSON.

    A run becomes one for each component, all with its rules and notifications: what secagg leaves
    as it is in a frame is checked and encoded once.
    """

    def __init__(self) -> None:
        # By the frame and the names of its members that are unchanged; with the frame, so that no
        # other one gets its id.
        self._unchanged: dict[tuple[int, tuple[str, ...]], tuple[Any, bytes, Any]] = {}

    def adopted(self, run: SarifRun, frame: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Return the members of a frame that stay as they are, and the others, as JSON.

        Joined they are the beginning of an object. The first is the same object for equal bytes.
        """
        members = _adopted_members(run, frame)
        unchanged = {key: value for key, value in members.items() if value is frame.get(key)}
        key = (id(frame), tuple(unchanged))
        if key not in self._unchanged:
            checked = conform_run(unchanged, run.tool)
            moved = as_mapping(checked.pop("properties", None)).get(MOVED, {})
            self._unchanged[key] = frame, encoded(checked)[:-1] + b",", moved
        _, encoded_members, moved = self._unchanged[key]
        changed = {key: value for key, value in members.items() if key not in unchanged}
        # A run has to have a tool to conform, which is among the unchanged members.
        changed = conform_run({**changed, "tool": {"driver": {"name": run.tool}}}, run.tool)
        del changed["tool"]
        return encoded_members, encoded(with_moved(changed, moved))[1:-1]


def _split(run: SarifRun) -> Iterator[SarifRun]:
    """Split ``run`` by the SARIF runs its findings were read from; native findings come first."""
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
    """Tell whether findings were read from SARIF. The merged view makes all results anew."""
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


def _adopted_members(run: SarifRun, frame: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a run frame read from SARIF what secagg knows; leave out paths of this machine."""
    copy = {key: value for key, value in frame.items() if key != "results"}
    bases = copy.get("originalUriBaseIds")
    if isinstance(bases, Mapping):
        copy["originalUriBaseIds"] = {name: _without_path(base) for name, base in bases.items()}
    details = as_mapping(copy.get("automationDetails"))
    former_category = details.get("id")
    if run.category is not None:
        copy["automationDetails"] = {**details, "id": run.category}
    invocation = run.invocation
    if invocation is not None and (not copy.get("invocations") or not invocation.successful):
        old_gaps = [*gaps.of_run(copy, {"results": frame.get("results", [])}, 0)]
        messages = {gap.message for gap in old_gaps}
        new_gaps = [gap for gap in invocation.gaps if gap.message not in messages]
        is_fatal = any(gap.fatal for gap in old_gaps)
        # A gap that the run has already is not added again each time that it is written.
        if new_gaps or not copy.get("invocations") or not (invocation.successful or is_fatal):
            added = _invocation(replace(invocation, gaps=new_gaps))
            copy["invocations"] = [*(copy.get("invocations") or ()), added]
    if run.revision is not None and not copy.get("versionControlProvenance"):
        copy["versionControlProvenance"] = [_provenance(run.revision)]
    tokens = as_list(copy.get("redactionTokens"))
    copy["redactionTokens"] = tokens if MASK in tokens else [*tokens, MASK]
    properties = _run_properties(run, as_mapping(copy.get("properties")))
    category = run.category
    if isinstance(former_category, str) and category not in (None, former_category):
        properties["secagg"] = {**properties["secagg"], "automationId": former_category}
    copy["properties"] = properties
    return copy


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
    return {name: value for name, value in members.items() if value is not None}


def _run_properties(run: SarifRun, former: Mapping[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = {"version": BAG_VERSION}
    if run.component is not None:
        ours["component"] = run.component
    looked_for = _looked_for(former) if run.looked_for is None else run.looked_for
    if looked_for is not None:
        ours["lookedFor"] = list(looked_for)
    database = run.database or text_at(former, "secagg", "databaseBuiltAt")
    if database is not None:
        ours["databaseBuiltAt"] = database
    return {**former, **run.properties, "secagg": ours}


def _looked_for(properties: Mapping[str, Any]) -> list[str] | None:
    """Return the kinds that the tool looked for, where a file of ours says it."""
    kinds = value_at(properties, "secagg", "lookedFor")
    return [kind.value for kind in Kind if kind.value in kinds] if isinstance(kinds, list) else None


def _without_path(base: Any) -> Any:
    """Return an entry of ``originalUriBaseIds`` without a path of this machine."""
    if isinstance(base, Mapping) and is_absolute(str(base.get("uri") or "")):
        return {key: value for key, value in base.items() if key != "uri"}
    return base
