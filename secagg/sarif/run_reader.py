"""Read the results of one SARIF run into findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.jsonio.members import as_list, as_mapping, as_text, mapping_at, text_at
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
# The kinds of results that report no problem (3.27.9).
_NO_PROBLEM = {
    "pass": "the rule was evaluated and no problem was found",
    "notApplicable": "the rule does not apply here",
    "informational": "purely informational",
}

# Masked messages in the cache: thousands of results may have the same text.
_MOST_MESSAGES = 1_000


class RunReader:
    """Reads the results of one run. Works out once what several results share."""

    def __init__(
        self, run: Mapping[str, Any], index: int, context: ParseContext, tool: str | None
    ) -> None:
        self.index = index
        self.redactor = context.redactor
        self.results = run.get("results")
        frame = with_web_addresses({key: value for key, value in run.items() if key != "results"})
        self.frame: Mapping[str, Any] = self.redactor.mask_json(secrets.without_machine(frame))
        if self.results is None:
            # Kept, so that "did not look" is not written as "found nothing" (3.14.23).
            self.frame = {**self.frame, "results": None}
        driver = mapping_at(self.frame, "tool", "driver")
        self.driver = shortened(str(driver.get("name") or ""), LONGEST_NAME, self.redactor.keyed)
        self.tool = tool or producers.tool_name(self.driver)
        version = driver.get("semanticVersion") or driver.get("version")
        self.version = str(version) if version else None
        self.rules = RuleTable(self.frame, self.redactor.keyed)
        self._images = packages.Images(self.tool, self.driver, self.frame)
        # The unmasked run: the root of this machine is needed to tell which paths lie below it.
        self.uris = UriResolver(run, context.root, self.redactor, context.path_map)
        self._charts = Charts(context.root)
        self.overrides = Overrides(self.frame, self.rules)
        self._logical = as_list(self.frame.get("logicalLocations"))
        self._paths: dict[str, str] = {}
        self._messages: dict[str, str] = {}
        self._views: dict[tuple[Any, ...], RuleView | None] = {}
        if isinstance(self.frame.get("artifacts"), list):
            artifacts = self.uris.relative(self.frame["artifacts"])
            if artifacts is not self.frame["artifacts"]:
                self.frame = {**self.frame, "artifacts": artifacts}

    def read_into(self, parsed: ParsedReport) -> None:
        """Add the findings of the run to ``parsed``; a result that cannot be read is a problem."""
        if self.results is None:
            return
        if not is_list(self.results):
            where = f"runs[{self.index}].results"
            parsed.gaps.append(Gap(message=f"{where} is no list of results", fatal=True))
            return
        parsed.reported += len(self.results)
        for number, (result, data) in enumerate(encoded(self.results)):
            try:
                parsed.findings.append(self._finding(result, data))
            except _MalformedResult as malformed:
                message = str(malformed)
            except (TypeError, ValueError, KeyError, AttributeError, IndexError):
                message = "the result is not built as SARIF 2.1.0 says"
            else:
                continue
            where = f"runs[{self.index}].results[{number}]"
            parsed.problems.append(EntryProblem(message=message, where=where))

    def _finding(self, result: Any, data: bytes) -> Finding:
        """Read a result, whose compact JSON is ``data``. Raises _MalformedResult."""
        if not isinstance(result, dict):
            raise _MalformedResult("the result is not a JSON object")
        raw = result
        result, data = self.redactor.mask_entry(result, data)
        view = self._view(result) or self._rule_from_message(result)
        rule = view.rule
        memo = view.memo
        kind = memo.get("kind")
        if kind is None:
            kind = memo["kind"] = producers.kind_of(self.driver, view, rule.id)
            memo["quotes"] = secrets.is_credential_rule(view, rule.id)
        commit = secret = None
        if kind is Kind.SECRET:
            secret = self._secret(raw, view)
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
        whole = result.get("fingerprints")
        fingerprints = {**whole, **(partial or _EMPTY)} if whole else partial or _EMPTY
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
            line_hash=as_text(fingerprints.get(PRIMARY_LOCATION_LINE_HASH)),
        )
        if score is not None:
            finding.ratings = (Rating(source=self.tool, severity=severity, score=score),)
        if related:
            finding.related = tuple(self._location(p) for p in related if isinstance(p, dict))
        if len(places) > 1:
            finding.places = tuple(places[1:])
        self._suppress(finding, result)
        if self._images.possible:
            self._images.place(finding.location, view, message)
        if kind is Kind.SECRET and secret is not None:
            finding.secret = secret
            finding.location.commit = commit
            if self.tool == "checkov":
                # Checkov's region is the line of the secret and the next one.
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
            # secagg wrote this result: its bag holds facts that are nowhere else in the result.
            from_bag(finding, bag)
        return finding

    def _view(self, result: Mapping[str, Any]) -> RuleView | None:
        """Return the rule of a result; cached by the members that refer to it."""
        key: tuple[Any, ...] = (result.get("ruleId"), result.get("ruleIndex"))
        reference = result.get("rule")
        if isinstance(reference, dict):
            key += (reference.get("id"), reference.get("index"), reference.get("guid"))
            component = reference.get("toolComponent")
            if isinstance(component, dict):
                key += (component.get("name"), component.get("index"), component.get("guid"))
        try:
            return self._views[key]
        except KeyError:
            view = self._views[key] = self.rules.find(result)
            return view
        except TypeError:
            # A member of the key is a list or an object.
            return self.rules.find(result)

    def _message(self, message: Any, view: RuleView) -> str:
        """Return the text of a result, masked again if its parts were joined: see gaps.of_run."""
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

    def _rule_from_message(self, result: Mapping[str, Any]) -> RuleView:
        """Take the first sentence of the message for the rule of a result that names none."""
        message = self._message(result.get("message"), _NO_RULE)
        if not message.strip():
            raise _MalformedResult("the result has neither a rule nor a message")
        name = first_sentence(message)
        if self.tool == "gitleaks":
            # Gitleaks 7 writes "AWS Access Key secret detected" for the rule "AWS Access Key".
            name = name.removesuffix(" secret detected") or name
        return self.rules.find({"ruleId": name}) or RuleView(rule=Rule(id=name), title=name)

    def _package(
        self, view: RuleView, result: Mapping[str, Any], message: str, place: Location
    ) -> Package | None:
        return packages.package_of(self.tool, view, result, message, place.uri)

    def _secret(self, result: Mapping[str, Any], view: RuleView) -> SecretSighting:
        value = secrets.value_of(self.tool, result)
        rule = view.rule
        # The ids of Checkov's detectors are numbers.
        detector = rule.name if self.tool == "checkov" and rule.name else rule.id
        return SecretSighting(
            id=None if value is None else identify(self.redactor, value.reveal()),
            detector=detector,
            in_history=secrets.commit_of(result) is not None,
        )

    def _path(self, artifact: Mapping[str, Any]) -> str | None:
        """Return the unmasked path of an ``artifactLocation``."""
        path = self.uris.path(artifact)
        if path is None or len(path) >= LONGEST_PATH:
            # It was cut, so no file has it.
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
                    location.end_line = _position(region.get("endLine"), start, start)
                    location.start_column = _position(region.get("startColumn"), 1, 1)
                    location.end_column = _position(region.get("endColumn"), 1, None)
        logical = place.get("logicalLocations")
        if logical:
            location.logical = self._logical_name(logical[0])
        return location

    def _target(self, result: Mapping[str, Any]) -> Location:
        """Return the location of a result that has none: the target of the analysis (3.27.13)."""
        target = result.get("analysisTarget")
        return Location(uri=self._path(target)) if isinstance(target, dict) else Location()

    def _logical_name(self, logical: Mapping[str, Any]) -> str | None:
        index = logical.get("index")
        table = self._logical
        shared = table[index] if isinstance(index, int) and 0 <= index < len(table) else None
        for source in (logical, as_mapping(shared)):
            name = source.get("fullyQualifiedName") or source.get("name")
            if isinstance(name, str) and name:
                return shortened(name, LONGEST_ID, self.redactor.keyed)
        return None

    def _cwes(
        self, result: Mapping[str, Any], properties: Mapping[str, Any], view: RuleView
    ) -> tuple[str, ...]:
        taxa = result.get("taxa")
        # njsscan and mobsfscan repeat the rule's metadata in each result.
        metadata = properties.get("metadata") if properties else None
        if not taxa and not isinstance(metadata, dict):
            return view.cwes
        cwes = (*view.cwes, *cwes_in(as_mapping(metadata)), *self.rules.cwes_of(taxa or ()))
        return tuple(dict.fromkeys(cwes))

    @staticmethod
    def _suppress(finding: Finding, result: Mapping[str, Any]) -> None:
        suppressions = result.get("suppressions")
        if suppressions:
            finding.suppressions = tuple(_suppression(s) for s in suppressions)
        elif result.get("baselineState") == "absent":
            finding.suppressions = (_not_a_problem("gone since the baseline"),)
        elif result.get("kind") in _NO_PROBLEM:
            finding.suppressions = (_not_a_problem(_NO_PROBLEM[result["kind"]]),)


class _MalformedResult(Exception):
    """A result cannot become a finding. The message quotes nothing of the result."""


def _is_absolute_place(place: Mapping[str, Any]) -> bool:
    uri = text_at(place, "physicalLocation", "artifactLocation", "uri")
    return uri is not None and is_absolute(uri)


def _suppression(value: Mapping[str, Any]) -> Suppression:
    return Suppression(
        source=text_at(value.get("properties"), "secagg", "source") or "SARIF",
        # The standard requires a kind, but some producers leave it out.
        kind=text_at(value, "kind") or "inSource",
        uri=text_at(value, "location", "physicalLocation", "artifactLocation", "uri"),
        # Drafts of the standard, and its own example, call the status "state".
        status=text_at(value, "status") or text_at(value, "state") or "accepted",
        justification=text_at(value, "justification"),
    )


def _not_a_problem(reason: str) -> Suppression:
    return Suppression(source="SARIF", kind="external", status="accepted", justification=reason)


def _position(value: Any, least: int, default: int | None) -> int | None:
    """Return a line or column if it is valid, else the standard's default (3.30)."""
    return value if value.__class__ is int and value >= least else default
