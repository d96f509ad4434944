"""Findings from entries of TruffleHog, 3 and 2."""

from __future__ import annotations

from secagg.model.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg.parsing import ParseContext, RawReport
from secagg_parsers.fields import Entry, any_text, flag, needed, text
from secagg_parsers.masking import REVOKE
from secagg_parsers.trufflehog.columns import Columns
from secagg_parsers.trufflehog.sources import Sources, source_of
from secagg_parsers.trufflehog.values import learn

# What holds the secret.
_VALUES = frozenset({"Raw", "RawV2", "SecretParts", "Redacted", "stringsFound"})


class Detections:
    """Builds findings from entries as TruffleHog wrote them."""

    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._redactor = context.redactor
        self._sources = Sources(context.root, report.component, context.real_path)
        self._rules: dict[tuple[str, str | None, str | None], Rule] = {}
        self._columns = Columns(context.root)

    def finding(self, entry: Entry) -> Finding:
        """One detection. Raises OddEntry."""
        value_id = learn(entry, self._redactor)
        value = entry.get("Raw")
        entry = self._redactor.mask_json({k: v for k, v in entry.items() if k not in _VALUES})
        if "DetectorName" in entry or "SourceMetadata" in entry:
            return self._of_3(entry, value_id, value if isinstance(value, str) else "")
        place = self._sources.legacy(entry)
        rule = self._rule(needed(entry, "reason"), None, None)
        return self._finding(rule, place, SecretSighting(id=value_id, detector=rule.id))

    def _of_3(self, entry: Entry, value_id: str | None, value: str) -> Finding:
        # A detector of the user's own is called CustomRegex and has its name in the extras.
        detector = text(entry, "DetectorName") or f"detector {entry.get('DetectorType')}"
        source = self._sources.source(source_of(entry))
        self._columns.set(source.location, value)
        extras = entry.get("ExtraData")
        name = guide = None
        if isinstance(extras, dict):
            name = extras.get("name") if detector == "CustomRegex" else None
            guide = extras.get("rotation_guide")
        rule = self._rule(
            detector,
            any_text(entry, "DetectorDescription"),
            name if isinstance(name, str) else None,
            guide if isinstance(guide, str) else None,
        )
        sighting = SecretSighting(
            id=value_id,
            detector=rule.id,
            decoder=any_text(entry, "DecoderName"),
            verified=flag(entry, "Verified") or False,
        )
        finding = self._finding(rule, source.location, sighting)
        if source.link is not None:
            finding.references = (source.link,)
        return finding

    def _rule(
        self, detector: str, said: str | None, name: str | None, guide: str | None = None
    ) -> Rule:
        rule = self._rules.get((detector, name, said))
        if rule is None:
            shown = name or detector
            rule = self._rules[detector, name, said] = Rule(
                id=detector,
                name=shown,
                short_description=f"{shown} secret",
                full_description=said,
                help_uri=guide,
                tags=("security", "secret"),
            )
        return rule

    def _finding(self, rule: Rule, place: Location, sighting: SecretSighting) -> Finding:
        sighting.in_history = place.commit is not None
        where = place.uri or place.logical or place.image or "the source"
        state = "that works" if sighting.verified else "that was not verified"
        if sighting.verified is None:
            state = "that may be real"
        return Finding(
            tool="trufflehog",
            kind=Kind.SECRET,
            rule_id=rule.id,
            severity=Severity.CRITICAL if sighting.verified else Severity.HIGH,
            title=f"{rule.name} secret",
            message=f"{rule.name} secret {state} in {where}.",
            location=place,
            rule=rule,
            cwes=("CWE-798",),
            secret=sighting,
            fix=REVOKE,
        )
