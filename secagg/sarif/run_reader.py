"""The results of one SARIF run, read into findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.jsonio.reading import encoded, is_list
from secagg.jsonio.value import encode
from secagg.model.context import workload_in
from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    Rating,
    Rule,
    SarifOrigin,
    SecretSighting,
    Suppression,
)
from secagg.model.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.parsing import EntryProblem, Gap, ParseContext, ParsedReport
from secagg.sarif import packages, producers, secrets
from secagg.sarif.bag import from_bag
from secagg.sarif.charts import Charts, without_lines, without_regions
from secagg.sarif.rules import Overrides, RuleTable, RuleView, cwes_in, severity_of
from secagg.sarif.text import (
    LONGEST_ID,
    LONGEST_NAME,
    first_sentence,
    message_text,
    shortened,
)
from secagg.sarif.uris import LONGEST_PATH, UriResolver, is_absolute, with_web_addresses
from secagg.secrets.redactor import identify

_EMPTY: Mapping[str, Any] = {}
_NO_RULE = RuleView(rule=Rule(id=""), title="")
# Kinds of result that say that nothing is wrong (3.27.9).
_NO_PROBLEM = {
    "pass": "the rule was evaluated and no problem was found",
    "notApplicable": "the rule does not apply here",
    "informational": "purely informational",
}

# One text of a rule may be the message of thousands of results.
_MOST_MESSAGES = 1_000


class RunReader:
    """Reads the results of one run; what all results share is worked out once."""

    def __init__(
        self, run: Mapping[str, Any], index: int, context: ParseContext, tool: str | None
    ) -> None:
        self.index = index
        self.redactor = context.redactor
        self.results = run.get("results")
        frame = with_web_addresses({key: value for key, value in run.items() if key != "results"})
        self.frame: Mapping[str, Any] = self.redactor.mask_json(secrets.without_machine(frame))
        if self.results is None:
            # Said once more, so that writing does not make "did not look" into "found nothing".
            self.frame = {**self.frame, "results": None}
        driver = _mapping(_mapping(self.frame.get("tool")).get("driver"))
        self.driver = shortened(str(driver.get("name") or ""), LONGEST_NAME, self.redactor.keyed)
        self.tool = tool or producers.tool_name(self.driver)
        version = driver.get("semanticVersion") or driver.get("version")
        self.version = str(version) if version else None
        self.rules = RuleTable(self.frame, self.redactor.keyed)
        self._images = packages.Images(self.tool, self.driver, self.frame)
        # Masking never changes a URI base that holds no secret, but the machine's own root
        # is needed unmasked to tell what lies below it.
        self.uris = UriResolver(run, context.root, self.redactor, context.path_map)
        self._charts = Charts(context.root)
        self.overrides = Overrides(self.frame, self.rules)
        self._logical = self.frame.get("logicalLocations")
        self._paths: dict[str, str] = {}
        self._messages: dict[str, str] = {}
        self._views: dict[tuple[Any, ...], RuleView | None] = {}
        if isinstance(self.frame.get("artifacts"), list):
            artifacts = self.uris.relative(self.frame["artifacts"])
            if artifacts is not self.frame["artifacts"]:
                self.frame = {**self.frame, "artifacts": artifacts}

    def read_into(self, parsed: ParsedReport) -> None:
        if self.results is None:
            return
        if not is_list(self.results):
            where = f"runs[{self.index}].results"
            parsed.gaps.append(Gap(message=f"{where} is no list of results", fatal=True))
            return
        parsed.reported += len(self.results)
        keep = parsed.findings.append
        for number, (result, data) in enumerate(encoded(self.results)):
            try:
                keep(self._finding(result, data))
            except _Odd as odd:
                why = str(odd)
            except (TypeError, ValueError, KeyError, AttributeError, IndexError):
                why = "the result is not built as SARIF 2.1.0 says"
            else:
                continue
            where = f"runs[{self.index}].results[{number}]"
            parsed.problems.append(EntryProblem(message=why, where=where))

    def _finding(self, result: Any, data: bytes) -> Finding:
        """Read a result of which ``data`` is the compact JSON. Raises _Odd."""
        if not isinstance(result, dict):
            raise _Odd("the result is not a JSON object")
        raw = result
        result, data = self.redactor.mask_entry(result, data)
        view = self._view(result) or self._nameless(result)
        rule = view.rule
        memo = view.memo
        kind = memo.get("kind")
        if kind is None:
            kind = memo["kind"] = producers.kind_of(self.driver, view, rule.id)
            memo["quotes"] = secrets.is_credential_rule(view, rule.id)
        commit = secret = None
        if kind is Kind.SECRET:
            secret = self._sighting(raw, view)
            commit = secrets.commit_of(result)
            result = secrets.without_secret(result)
            if memo["quotes"]:
                result = secrets.without_literals(result, self.redactor)
            data = encode(result)
        elif memo["quotes"]:
            result = secrets.without_literals(result, self.redactor)
            data = encode(result)
        message = self._message(result.get("message"), view)
        properties = result.get("properties")
        if not isinstance(properties, dict):
            properties = _EMPTY
        severity, is_known, score = severity_of(
            result, properties, view, kind, self.overrides, self.tool
        )
        locations = result.get("locations")
        related = result.get("relatedLocations")
        places = [self._location(place) for place in locations] if locations else []
        partial = result.get("partialFingerprints")
        given = result.get("fingerprints")
        fingerprints = {**given, **(partial or _EMPTY)} if given else partial or _EMPTY
        if places and (self.uris.moves or _is_absolute_place(locations[0])):
            result = self.uris.relative(result)
            data = encode(result)
        if kind is Kind.MISCONFIGURATION and places and self._charts.is_template(places[0]):
            for place in places:
                without_lines(place)
            data = encode(without_regions(result))
        origin = SarifOrigin(run=self.frame, encoded=data)
        finding = Finding(
            tool=self.tool,
            kind=kind,
            rule_id=rule.id,
            severity=severity,
            title=view.title or first_sentence(message) or rule.name or rule.id,
            message=message,
            severity_known=is_known,
            score=score,
            location=places[0] if places else self._target(result),
            rule=rule,
            cwes=self._cwes(result, properties, view),
            fingerprints=fingerprints,
            sarif=origin,
            line_hash=_text(fingerprints.get(PRIMARY_LOCATION_LINE_HASH)),
        )
        if score is not None:
            finding.ratings = (Rating(source=self.tool, severity=severity, score=score),)
        if related:
            others = [self._location(place) for place in related if isinstance(place, dict)]
            finding.related = tuple(others)
        if len(places) > 1:
            finding.places = tuple(places[1:])
        self._suppress(finding, result)
        if self._images.may_be:
            self._images.place(finding.location, view, message)
        if kind is Kind.SECRET and secret is not None:
            finding.secret = secret
            finding.location.commit = commit
            if self.tool == "checkov":
                # Its region is the line of the secret and the next one.
                finding.location.end_line = finding.location.start_line
        elif kind is Kind.VULNERABILITY:
            finding.package = self._package(view, result, message, finding.location)
            finding.vulnerability = packages.vulnerability_of(view, rule.id, message)
        elif kind is Kind.MISCONFIGURATION:
            finding.misconfiguration = Misconfiguration(
                checks=(rule.id,), resource=finding.location.logical or workload_in(message)
            )
        elif kind is Kind.LICENSE:
            finding.package = self._package(view, result, message, finding.location)
            finding.license = packages.license_of(self.tool, view)
        bag = properties.get("secagg")
        if isinstance(bag, dict):
            # We wrote this ourselves: it says more than could be worked out again.
            from_bag(finding, bag)
        return finding

    def _view(self, result: Mapping[str, Any]) -> RuleView | None:
        """The rule of a result; results that name it alike share the answer."""
        key: tuple[Any, ...] = (result.get("ruleId"), result.get("ruleIndex"))
        reference = result.get("rule")
        if isinstance(reference, dict):
            key += tuple(reference.get(name) for name in ("id", "index", "guid"))
            component = reference.get("toolComponent")
            if isinstance(component, dict):
                key += tuple(component.get(name) for name in ("name", "index", "guid"))
        try:
            return self._views[key]
        except KeyError:
            view = self._views[key] = self.rules.find(result)
            return view
        except TypeError:
            # A name or an index that is a list or an object.
            return self.rules.find(result)

    def _message(self, message: Any, view: RuleView) -> str:
        """The text of a result; one that is put together may hold what its parts do not."""
        text = message_text(message, view.strings, view.shared, self._mask)
        if isinstance(message, dict) and message.get("text") == text:
            return text
        return self._mask(text)

    def _mask(self, text: str) -> str:
        masked = self._messages.get(text)
        if masked is None:
            masked = self.redactor.mask(text)
            if len(self._messages) < _MOST_MESSAGES:
                self._messages[text] = masked
        return masked

    def _nameless(self, result: Mapping[str, Any]) -> RuleView:
        """A result that names no rule is known by what it says."""
        message = self._message(result.get("message"), _NO_RULE)
        if not message.strip():
            raise _Odd("the result has neither a rule nor a message")
        name = first_sentence(message)
        if self.tool == "gitleaks":
            # Gitleaks 7: "AWS Access Key secret detected", with a rule of that name.
            name = name.removesuffix(" secret detected") or name
        return self.rules.find({"ruleId": name}) or RuleView(rule=Rule(id=name), title=name)

    def _package(
        self, view: RuleView, result: Mapping[str, Any], message: str, place: Location
    ) -> Package | None:
        return packages.package_of(self.tool, view, result, message, place.uri)

    def _sighting(self, result: Mapping[str, Any], view: RuleView) -> SecretSighting:
        value = secrets.value_of(self.tool, result)
        rule = view.rule
        # Checkov numbers its detectors: their names say what they look for.
        detector = rule.name if self.tool == "checkov" and rule.name else rule.id
        return SecretSighting(
            id=None if value is None else identify(self.redactor, value.reveal()),
            detector=detector,
            in_history=secrets.commit_of(result) is not None,
        )

    def _path(self, artifact: Mapping[str, Any]) -> str | None:
        """The real path of an ``artifactLocation``, which may be masked by now."""
        path = self.uris.path(artifact)
        if path is None or len(path) >= LONGEST_PATH:
            # No file has a path that was cut.
            return path
        real = self._paths.get(path)
        if real is None:
            real = self._paths[path] = self.redactor.real_path(path)
        return real

    def _location(self, place: Mapping[str, Any]) -> Location:
        location = Location()
        physical = place.get("physicalLocation")
        if physical:
            artifact = physical.get("artifactLocation")
            if artifact:
                location.uri = self._path(artifact)
            region = physical.get("region")
            if region:
                start = region.get("startLine")
                if start.__class__ is int and start >= 1:
                    location.start_line = start
                    location.end_line = _from(region.get("endLine"), start, start)
                    location.start_column = _from(region.get("startColumn"), 1, 1)
                    location.end_column = _from(region.get("endColumn"), 1, None)
        logical = place.get("logicalLocations")
        if logical:
            location.logical = self._logical_name(logical[0])
        return location

    def _target(self, result: Mapping[str, Any]) -> Location:
        """Where a result without locations lies: in what the tool was told to analyse."""
        target = result.get("analysisTarget")
        return Location(uri=self._path(target)) if isinstance(target, dict) else Location()

    def _logical_name(self, logical: Mapping[str, Any]) -> str | None:
        index = logical.get("index")
        for source in (logical, self._listed(index)):
            name = source.get("fullyQualifiedName") or source.get("name")
            if isinstance(name, str) and name:
                return shortened(name, LONGEST_ID, self.redactor.keyed)
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
        # njsscan and mobsfscan say it of each result, in the metadata of the rule.
        about = properties.get("metadata") if properties else None
        if not taxa and not isinstance(about, dict):
            return view.cwes
        named = cwes_in(about) if isinstance(about, dict) else ()
        return tuple(dict.fromkeys((*view.cwes, *named, *self.rules.cwes_of(taxa or ()))))

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
    ours = _mapping(_mapping(value.get("properties")).get("secagg"))
    place = _mapping(_mapping(value.get("location")).get("physicalLocation"))
    return Suppression(
        source=_text(ours.get("source")) or "SARIF",
        # The standard wants a kind; without one it may stand anywhere.
        kind=_text(value.get("kind")) or "inSource",
        uri=_text(_mapping(place.get("artifactLocation")).get("uri")),
        status=_text(value.get("status")) or _text(value.get("state")) or "accepted",
        justification=_text(value.get("justification")),
    )


def _not_a_problem(why: str) -> Suppression:
    return Suppression(source="SARIF", kind="external", status="accepted", justification=why)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY


def _from(value: Any, least: int, default: int | None) -> int | None:
    """A line or column that is one; else the standard's default."""
    return value if value.__class__ is int and value >= least else default


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
