"""Gitleaks: JSON of 8 (``git`` and ``dir``) and of 7 and before; its SARIF as well.

Fields as the report writers of Gitleaks 8.30 and 7.5 name them. Match, Secret, line and
offender hold the raw secret, Message may; Author, Email and Date are personal data: all of
them are dropped.
"""

from __future__ import annotations

from typing import Any

import msgspec

from secagg.errors import ReportError
from secagg.jsonio.reading import Entries, is_list
from secagg.model.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg.parsing import Gap, ParseContext, ParsedReport, RawReport
from secagg.secrets.redactor import identify
from secagg_parsers.fields import (
    REVOKE_SECRET,
    Entry,
    any_text,
    as_object,
    collect,
    position,
    required_text,
    text,
)
from secagg_parsers.places import Lines, Places
from secagg_parsers.shapes import MAYBE, SURE, check_shape, is_sarif, sarif_drivers, shape_of

# The fields without the secret, the code around it, or personal data.
_SAFE_FIELDS = (
    "RuleID",
    "Description",
    "File",
    "Commit",
    "Tags",
    "Fingerprint",
    "Link",
    "StartLine",
    "EndLine",
    "StartColumn",
    "EndColumn",
    "rule",
    "reason",
    "file",
    "commit",
    "lineNumber",
    "tags",
)


class GitleaksParser:
    """Understands reports of Gitleaks."""

    tool = "gitleaks"

    def confidence(self, report: RawReport) -> int:
        if report.error is not None:
            return 0
        document = report.document
        if document is None or document == []:
            return MAYBE
        if is_sarif(document):
            return SURE if sarif_drivers(document) == ["gitleaks"] else 0
        return SURE if shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        parsed = ParsedReport(tool=self.tool)
        if report.tool == self.tool and report.blank:
            if not report.finished:
                empty = "the report is empty: Gitleaks 8 writes [] where it finds nothing"
                parsed.gaps.append(Gap(message=empty, fatal=True))
            return parsed
        document = report.document
        if is_sarif(document) and sarif_drivers(document)[:1] in ([], ["gitleaks"]):
            from secagg.sarif import read_report

            return read_report(document, report_name=report.name, context=context, tool=self.tool)
        check_shape(report, self.tool)
        if document is None:
            return parsed
        if isinstance(document, dict):
            document = document.get("findings")
        if not is_list(document):
            raise ReportError(
                "this is no report of gitleaks: a list of leaks is expected",
                report=report.name,
                hint="write it with gitleaks --report-format json",
            )
        collect(parsed, document, _GitleaksReader(report, context).finding, "leaks")
        return parsed

    def learn(self, report: RawReport, context: ParseContext) -> None:
        """Register the value of every leak with the redactor."""
        document = report.document
        if is_sarif(document):
            from secagg.sarif import learn_report

            learn_report(report, context=context, tool=self.tool)
            return
        if isinstance(document, dict):
            document = document.get("findings")
        if isinstance(document, Entries):
            for leak in document.parts(_decode_leak):
                identify(context.redactor, _first_text(leak.secret, leak.offender))
            return
        for item in document:
            if isinstance(item, dict):
                identify(context.redactor, _value(item))


class _Leak(msgspec.Struct):
    """A leak's secret, as Gitleaks 8 or 7 names it."""

    secret: Any = msgspec.field(name="Secret", default=None)
    offender: Any = None


_decode_leak = msgspec.json.Decoder(_Leak).decode


def _value(entry: Entry) -> str | None:
    """Return the secret of a leak."""
    return _first_text(entry.get("Secret"), entry.get("offender"))


def _first_text(secret: Any, offender: Any) -> str | None:
    return next((text for text in (secret, offender) if isinstance(text, str) and text), None)


class _GitleaksReader:
    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._redactor = context.redactor
        self._places = Places(context.root, report.component, context.real_path)
        self._lines = Lines(context.root)
        self._rules: dict[tuple[str, str | None, Any], Rule] = {}

    def finding(self, item: Any) -> Finding:
        """Make the finding of one leak. Raises OddEntry."""
        leak = as_object(item)
        value = _value(leak)
        entry = self._redactor.mask_json({key: leak[key] for key in _SAFE_FIELDS if key in leak})
        value_id = identify(self._redactor, value)
        if "offender" in leak:
            return self._finding_of_7(entry, value_id)
        return self._finding_of_8(entry, value, value_id)

    def _finding_of_8(self, entry: Entry, value: str | None, value_id: str | None) -> Finding:
        description = any_text(entry, "Description")
        rule_id = text(entry, "RuleID") or description or required_text(entry, "RuleID")
        commit, file = text(entry, "Commit"), text(entry, "File")
        place = Location(
            uri=self._places.optional(file),
            start_line=position(entry, "StartLine"),
            end_line=position(entry, "EndLine"),
            commit=commit,
        )
        self._columns(place, entry, value)
        finding = self._finding(
            self._rule(rule_id, description, entry.get("Tags")), place, value_id
        )
        fingerprint = any_text(entry, "Fingerprint")
        if fingerprint is not None:
            # It names the file as invoked, which may name this machine: made of what is known.
            parts = (f"{commit}:" if commit else "", f"{rule_id}:{place.start_line}")
            if fingerprint == f"{parts[0]}{file}:{parts[1]}":
                expected = f"{parts[0]}{place.uri}:{finding.rule_id}:{place.start_line}"
            else:
                expected = fingerprint
            finding.fingerprints = {"gitleaks": expected}
        link = any_text(entry, "Link")
        if link is not None:
            finding.references = (self._link(link, place, file),)
        return finding

    def _link(self, link: str, place: Location, file: str | None) -> str:
        """The address of the leak, whose parts are mostly known and masked already."""
        if place.commit and file:
            site, commit, rest = link.partition(place.commit)
            end = f"#L{place.start_line}"
            if commit and rest in (f"/{file}{end}", f"/{file}{end}-L{place.end_line}"):
                return f"{site}{commit}/{place.uri}{rest[len(file) + 1 :]}"
        return link

    def _finding_of_7(self, entry: Entry, value_id: str | None) -> Finding:
        place = Location(
            uri=self._places.optional(text(entry, "file")),
            start_line=position(entry, "lineNumber"),
            commit=text(entry, "commit"),
        )
        # Before 3 the rule was called the reason.
        rule_id = text(entry, "rule") or text(entry, "reason") or required_text(entry, "rule")
        return self._finding(self._rule(rule_id, None, entry.get("tags")), place, value_id)

    def _columns(self, place: Location, entry: Entry, value: str | None) -> None:
        """Set the columns: of the value in its line if that is here, else Gitleaks' own.

        Gitleaks counts bytes, ends with the last one, and is one too high on every line but
        the first of what it looked at: a file, or in history the lines that a commit added in
        one place. Where the latter is not known, no column is better than a wrong one.
        """
        line, end_line = place.start_line, place.end_line
        start, end = position(entry, "StartColumn"), position(entry, "EndColumn")
        if line is None or start is None:
            return
        if value and place.uri is not None and end_line in (None, line):
            there = self._lines.one(place.uri, line)
            if there is not None:
                column = _nearest(there.decode("utf-8", "replace"), value, start)
                if column is not None:
                    place.start_column, place.end_column = column, column + len(value)
                    return
        if place.commit is not None:
            return
        place.start_column = max(1, start - (line > 1))
        if end is not None:
            place.end_column = end + (end_line in (None, 1))

    def _rule(self, rule_id: str, description: str | None, tags: Any) -> Rule:
        tag_text = tags if isinstance(tags, str) else ""
        if isinstance(tags, list):
            tag_text = ",".join(tag for tag in tags if isinstance(tag, str))
        rule = self._rules.get((rule_id, description, tag_text))
        if rule is None:
            leak_tags = tuple(tag for tag_name in tag_text.split(",") if (tag := tag_name.strip()))
            rule = self._rules[rule_id, description, tag_text] = Rule(
                id=rule_id,
                name=_in_words(rule_id),
                short_description=description or _in_words(rule_id),
                tags=tuple(dict.fromkeys(("security", "secret", *leak_tags))),
            )
        return rule

    def _finding(self, rule: Rule, location: Location, value_id: str | None) -> Finding:
        title = rule.name or rule.id
        suffix = f" in commit {location.commit[:12]}" if location.commit else ""
        return Finding(
            tool="gitleaks",
            kind=Kind.SECRET,
            rule_id=rule.id,
            severity=Severity.HIGH,
            title=title,
            message=f"{title} in {location.uri or 'the repository'}{suffix}.",
            location=location,
            rule=rule,
            cwes=("CWE-798",),
            secret=SecretSighting(
                id=value_id, detector=rule.id, in_history=location.commit is not None
            ),
            fix=REVOKE_SECRET,
        )


def _in_words(rule_id: str) -> str:
    """Return the rule's name in words, for its description is two sentences of advice."""
    words = rule_id.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _nearest(line: str, value: str, column: int) -> int | None:
    """Return the column (from 1) of the occurrence of ``value`` nearest to ``column``."""
    best: int | None = None
    at = line.find(value)
    while at >= 0:
        if best is None or abs(at + 1 - column) < abs(best - column):
            best = at + 1
        at = line.find(value, at + 1)
    return best
