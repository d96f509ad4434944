"""SARIF 2.1.0 of any producer, read into findings.

Everything a result says beyond what a :class:`Finding` holds is kept beside it, masked, so
that it can be written again without loss. The rules are the standard's: OASIS, Static
Analysis Results Interchange Format 2.1.0; sections are named where a rule is applied.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secagg.errors import ReportError
from secagg.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Rating,
    Rule,
    SarifOrigin,
    SecretSighting,
    Severity,
    Suppression,
)
from secagg.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.parsing import Gap, ParseContext, ParsedReport, Problem, RawReport
from secagg.redact import Redactor
from secagg.sarif import gaps, producers, secrets
from secagg.sarif.bag import from_bag
from secagg.sarif.rules import LEVELS, RuleTable, RuleView, security_severity
from secagg.sarif.text import first_sentence, message_text
from secagg.sarif.uris import UriResolver, is_absolute

VERSION = "2.1.0"

_SEVERITY_OF_LEVEL = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.NONE,
}
_SEVERITY_OF_WORD = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
}
# Properties of results in which tools write one of those words.
_WORDED = ("issue_severity", "severity", "cvssv3_baseSeverity", "cvssv2_severity")
_EMPTY: Mapping[str, Any] = {}
# Kinds of result that say that nothing is wrong (3.27.9).
_NO_PROBLEM = {
    "pass": "the rule was evaluated and no problem was found",
    "notApplicable": "the rule does not apply here",
    "informational": "purely informational",
}


def read(
    path: str | os.PathLike[str], *, root: Path | None = None, redactor: Redactor | None = None
) -> ParsedReport:
    """Read the SARIF file at ``path``: its findings, what it left out, and its runs.

    Paths are made relative to ``root`` where they lie below it. Without a ``redactor`` the
    ids of secrets hold for this call only. Raises :class:`ReportError` if the file cannot
    be read or is no SARIF 2.1.0.
    """
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}", report=name) from None
    report = RawReport(name=name, data=data)
    context = ParseContext(redactor=redactor or Redactor(os.urandom(32)), root=root)
    return read_report(report.document, report_name=name, context=context, tool=None)


def read_report(
    document: Mapping[str, Any],
    *,
    report_name: str,
    context: ParseContext,
    tool: str | None,
) -> ParsedReport:
    """The findings of all runs of a SARIF ``document``, and the runs' frames.

    ``tool`` overrides the name of the driver. Raises :class:`ReportError` for another
    version, a document that is no log, or results that lie in other files; an odd result
    becomes a :class:`Problem`, and what the tool says it missed a :class:`Gap`.
    """
    runs = _runs_of(document, report_name)
    parsed = ParsedReport(tool=tool or "sarif")
    frames: list[Mapping[str, Any]] = []
    if not runs:
        parsed.gaps.append(Gap(message="the report holds no run of any tool", fatal=True))
    for index, run in enumerate(runs):
        if not isinstance(run, Mapping):
            parsed.gaps.append(Gap(message=f"runs[{index}] is no run object", fatal=True))
            continue
        reader = _RunReader(run, index, context, tool)
        if not frames:
            parsed.tool = reader.tool
            parsed.tool_version = reader.version
        frames.append(reader.frame)
        parsed.gaps.extend(gaps.of_run(reader.frame, run, index))
        reader.read_into(parsed)
    parsed.runs = frames
    return parsed


def _runs_of(document: Any, report_name: str) -> list[Any]:
    if not isinstance(document, Mapping):
        raise ReportError("no SARIF log: the report is not a JSON object", report=report_name)
    version = document.get("version")
    if version is None and VERSION in str(document.get("$schema")):
        version = VERSION
    if version != VERSION:
        said = "no version" if version is None else f"version {str(version)[:20]!r}"
        raise ReportError(
            f"no SARIF {VERSION}: the report has {said}",
            report=report_name,
            hint="let the tool write SARIF 2.1.0, or convert the file first",
        )
    runs = document.get("runs")
    if not isinstance(runs, list):
        raise ReportError("no SARIF log: it has no list of runs", report=report_name)
    for index, run in enumerate(runs):
        if isinstance(run, Mapping) and run.get("externalPropertyFileReferences"):
            raise _external(run["externalPropertyFileReferences"], index, report_name)
    return runs


def _external(references: Any, index: int, report_name: str) -> ReportError:
    named: list[str] = []
    if isinstance(references, Mapping):
        for kind, files in references.items():
            for file in files if isinstance(files, list) else [files]:
                location = file.get("location") if isinstance(file, Mapping) else None
                uri = location.get("uri") if isinstance(location, Mapping) else None
                named.append(f"{kind} in {uri}" if isinstance(uri, str) else str(kind))
    what = ", ".join(named) or "unnamed files"
    return ReportError(
        f"runs[{index}] keeps a part of itself in external property files ({what})",
        report=report_name,
        hint="let the tool write one file, or inline the external properties",
    )


class _RunReader:
    """Reads the results of one run; what all results share is worked out once."""

    def __init__(
        self, run: Mapping[str, Any], index: int, context: ParseContext, tool: str | None
    ) -> None:
        self.index = index
        self.redactor = context.redactor
        self.results = run.get("results")
        frame = {key: value for key, value in run.items() if key != "results"}
        self.frame: Mapping[str, Any] = self.redactor.mask_json(secrets.without_machine(frame))
        driver = _mapping(_mapping(self.frame.get("tool")).get("driver"))
        self.driver = str(driver.get("name") or "")
        self.tool = tool or producers.tool_name(self.driver)
        version = driver.get("semanticVersion") or driver.get("version")
        self.version = str(version) if version else None
        self.rules = RuleTable(self.frame)
        # Masking never changes a URI base that holds no secret, but the machine's own root
        # is needed unmasked to tell what lies below it.
        self.uris = UriResolver(run, context.root)
        self.overrides = _overrides(self.frame, self.rules)
        self._logical = run.get("logicalLocations")
        if isinstance(self.frame.get("artifacts"), list):
            artifacts = self.uris.relative(self.frame["artifacts"])
            if artifacts is not self.frame["artifacts"]:
                self.frame = {**self.frame, "artifacts": artifacts}

    def read_into(self, parsed: ParsedReport) -> None:
        if self.results is None:
            return
        if not isinstance(self.results, list):
            where = f"runs[{self.index}].results"
            parsed.gaps.append(Gap(message=f"{where} is no list of results", fatal=True))
            return
        parsed.reported += len(self.results)
        self._learn_secrets()
        for number, result in enumerate(self.results):
            try:
                parsed.findings.append(self._finding(result))
            except _Odd as odd:
                why = str(odd)
            except (TypeError, ValueError, KeyError, AttributeError, IndexError):
                why = "the result is not built as SARIF 2.1.0 says"
            else:
                continue
            where = f"runs[{self.index}].results[{number}]"
            parsed.problems.append(Problem(message=why, where=where))

    def _learn_secrets(self) -> None:
        """Know every value first, so that no result leaks another's."""
        if self.tool == "gitleaks":
            for result in self.results or ():
                if isinstance(result, Mapping) and (value := secrets.value_of(self.tool, result)):
                    self.redactor.identify(value)

    def _finding(self, result: Any) -> Finding:
        if not isinstance(result, dict):
            raise _Odd("the result is not a JSON object")
        view = self.rules.find(result)
        if view is None:
            view = self._nameless(result)
        rule = view.rule
        memo = view.memo
        kind = memo.get("kind")
        if kind is None:
            kind = memo["kind"] = producers.kind_of(self.driver, view, rule.id)
            memo["quotes"] = secrets.is_credential_rule(view, rule.id)
        commit = secret = None
        if kind is Kind.SECRET:
            secret = self._sighting(result, rule.id)
            commit = secrets.commit_of(result)
            result = secrets.without_secret(result)
        elif memo["quotes"]:
            said = message_text(result.get("message"), view.strings, view.shared)
            secrets.learn_literals(said, self.redactor)
            result = secrets.without_literals(result, self.redactor)
        result = self.redactor.mask_json(result)
        message = message_text(result.get("message"), view.strings, view.shared)
        properties = result.get("properties")
        if not isinstance(properties, dict):
            properties = _EMPTY
        severity, known, score = self._severity(result, properties, view, kind)
        locations = result.get("locations")
        related = result.get("relatedLocations")
        places = [self._location(place) for place in locations] if locations else []
        partial = result.get("partialFingerprints")
        given = result.get("fingerprints")
        fingerprints = {**given, **(partial or _EMPTY)} if given else partial or _EMPTY
        if places and _is_absolute_place(locations[0]):
            result = self.uris.relative(result)
        finding = Finding(
            tool=self.tool,
            kind=kind,
            rule_id=rule.id,
            severity=severity,
            title=view.title or first_sentence(message) or rule.name or rule.id,
            message=message,
            severity_known=known,
            score=score,
            location=places[0] if places else self._target(result),
            rule=rule,
            cwes=self._cwes(result, properties, view),
            fingerprints=fingerprints,
            sarif=SarifOrigin(run=self.frame, result=result),
            line_hash=_text(fingerprints.get(PRIMARY_LOCATION_LINE_HASH)),
        )
        if score is not None:
            finding.ratings = (Rating(source=self.tool, severity=severity, score=score),)
        if related or len(places) > 1:
            others = [self._location(place) for place in related or ()]
            finding.related = tuple(places[1:] + others)
        self._suppress(finding, result)
        if kind is Kind.SECRET and secret is not None:
            finding.secret = secret
            finding.location.commit = commit
        elif kind is Kind.VULNERABILITY:
            finding.package = producers.package_of(view, result, message)
            finding.vulnerability = producers.vulnerability_of(view, rule.id, result, message)
        elif kind is Kind.MISCONFIGURATION:
            finding.misconfiguration = Misconfiguration(
                checks=(rule.id,), resource=finding.location.logical
            )
        elif kind is Kind.LICENSE:
            finding.package = producers.package_of(view, result, message)
            finding.license = rule.name or rule.id
        bag = properties.get("secagg")
        if isinstance(bag, dict):
            # We wrote this ourselves: it says more than could be worked out again.
            from_bag(finding, bag)
        return finding

    def _nameless(self, result: Mapping[str, Any]) -> RuleView:
        """A result that names no rule is known by what it says."""
        message = self.redactor.mask(message_text(result.get("message"), _EMPTY, _EMPTY))
        if not message:
            raise _Odd("the result has neither a rule nor a message")
        name = first_sentence(message)
        if self.tool == "gitleaks":
            # Gitleaks 7: "AWS Access Key secret detected", with a rule of that name.
            name = name.removesuffix(" secret detected")
        return self.rules.find({"ruleId": name}) or RuleView(rule=Rule(id=name), title=name)

    def _sighting(self, result: Mapping[str, Any], rule_id: str) -> SecretSighting:
        value = secrets.value_of(self.tool, result)
        return SecretSighting(
            id=None if value is None else self.redactor.identify(value),
            detector=rule_id,
            in_history=secrets.commit_of(result) is not None,
        )

    def _severity(
        self,
        result: Mapping[str, Any],
        properties: Mapping[str, Any],
        view: RuleView,
        kind: Kind,
    ) -> tuple[Severity, bool, float | None]:
        score = security_severity(properties) if properties else None
        if score is None:
            score = view.score
        if score is not None:
            return Severity.of_score(score), True, score
        for key in _WORDED:
            word = properties.get(key)
            if isinstance(word, str) and word.lower() in _SEVERITY_OF_WORD:
                return _SEVERITY_OF_WORD[word.lower()], True, _cvss(properties)
        level, known = self._level(result, view)
        if kind is Kind.SECRET and not known:
            return Severity.HIGH, True, None
        return _SEVERITY_OF_LEVEL[level], known, None

    def _level(self, result: Mapping[str, Any], view: RuleView) -> tuple[str, bool]:
        """The level of a result, and whether anyone chose it (3.27.10)."""
        kind = result.get("kind")
        if kind is not None and kind != "fail":
            return "none", True
        level = result.get("level")
        if level in LEVELS:
            return level, True
        if self.overrides:
            provenance = _mapping(result.get("provenance")).get("invocationIndex", -1)
            for key in ((provenance, view.rule.id), (provenance, str(view.raw.get("id")))):
                if key in self.overrides:
                    return self.overrides[key], True
        if view.level is not None:
            return view.level, True
        return "warning", False

    def _location(self, place: Mapping[str, Any]) -> Location:
        location = Location()
        physical = place.get("physicalLocation")
        if physical:
            artifact = physical.get("artifactLocation")
            if artifact:
                location.uri = self.uris.path(artifact)
            region = physical.get("region")
            if region:
                start = region.get("startLine")
                if start.__class__ is int and start >= 1:
                    location.start_line = start
                    location.end_line = region.get("endLine", start)
                    location.start_column = region.get("startColumn", 1)
                    location.end_column = region.get("endColumn")
        logical = place.get("logicalLocations")
        if logical:
            location.logical = self._logical_name(logical[0])
        return location

    def _target(self, result: Mapping[str, Any]) -> Location:
        """Where a result without locations lies: in what the tool was told to analyse."""
        target = result.get("analysisTarget")
        return Location(uri=self.uris.path(target)) if isinstance(target, dict) else Location()

    def _logical_name(self, logical: Mapping[str, Any]) -> str | None:
        index = logical.get("index")
        for source in (logical, self._listed(index)):
            name = source.get("fullyQualifiedName") or source.get("name")
            if isinstance(name, str) and name:
                return name
        return None

    def _listed(self, index: Any) -> Mapping[str, Any]:
        listed = self._logical
        if isinstance(index, int) and isinstance(listed, list) and 0 <= index < len(listed):
            return _mapping(listed[index])
        return _EMPTY

    def _cwes(
        self, result: Mapping[str, Any], properties: Mapping[str, Any], view: RuleView
    ) -> tuple[str, ...]:
        taxa = result.get("taxa")
        if not taxa:
            return view.cwes
        return tuple(dict.fromkeys((*view.cwes, *self.rules.cwes_of(taxa))))

    @staticmethod
    def _suppress(finding: Finding, result: Mapping[str, Any]) -> None:
        suppressions = result.get("suppressions")
        if suppressions:
            finding.suppressions = tuple(_suppression(s) for s in suppressions)
        elif result.get("baselineState") == "absent":
            finding.suppressions = (_not_a_problem("gone since the baseline"),)
        elif result.get("kind") in _NO_PROBLEM:
            finding.suppressions = (_not_a_problem(_NO_PROBLEM[result["kind"]]),)


class _Odd(Exception):
    """One result that cannot become a finding; the text holds nothing of the result."""


def _is_absolute_place(place: Mapping[str, Any]) -> bool:
    uri = _mapping(_mapping(place.get("physicalLocation")).get("artifactLocation")).get("uri")
    return isinstance(uri, str) and is_absolute(uri)


def _suppression(value: Mapping[str, Any]) -> Suppression:
    # "state" is what drafts of the standard, and its own example, called "status".
    return Suppression(
        source="SARIF",
        kind=_text(value.get("kind")) or "external",
        status=_text(value.get("status")) or _text(value.get("state")) or "accepted",
        justification=_text(value.get("justification")),
    )


def _not_a_problem(why: str) -> Suppression:
    return Suppression(source="SARIF", kind="external", status="accepted", justification=why)


def _overrides(run: Mapping[str, Any], rules: RuleTable) -> dict[tuple[int, str], str]:
    """Levels that an invocation set for rules (3.20.5), by invocation index and rule id.

    A run's only invocation holds for results that do not say theirs (-1) as well.
    """
    found: dict[tuple[int, str], str] = {}
    invocations = run.get("invocations")
    if not isinstance(invocations, list):
        return found
    for index, invocation in enumerate(invocations):
        overrides = _mapping(invocation).get("ruleConfigurationOverrides")
        for override in overrides if isinstance(overrides, list) else ():
            level = _mapping(_mapping(override).get("configuration")).get("level")
            view = rules.find({"rule": _mapping(_mapping(override).get("descriptor"))})
            if level in LEVELS and view is not None:
                found[index, view.rule.id] = level
                if len(invocations) == 1:
                    found[-1, view.rule.id] = level
    return found


def _cvss(properties: Mapping[str, Any]) -> float | None:
    for key in ("cvssv3_baseScore", "cvssv2_score"):
        value = properties.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10:
            return float(value)
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
