"""Vulnerable packages in a report of Trivy."""

from __future__ import annotations

from secagg.jsonio.value import encode
from secagg.model.finding import Finding, Kind, Package, Rating, Rule, Severity, Vulnerability
from secagg.model.severity import of_cvss, of_word, preferred_rating, score_within
from secagg_parsers.fields import (
    Entry,
    Masker,
    any_mapping,
    any_number,
    any_text,
    any_texts,
    mapping,
    required_text,
    text,
)
from secagg_parsers.purls import aliases, build_purl, type_in, type_of
from secagg_parsers.trivy.artifact import PackageList, TrivyTarget, is_direct

# Reports have held vulnerabilities of a package without an id; they are vulnerabilities still.
UNNAMED = "unnamed-advisory"

_LEVELS = {1: Severity.LOW, 2: Severity.MEDIUM, 3: Severity.HIGH, 4: Severity.CRITICAL}
_MOST_RATED = 4096
_CVSS = (("V40Score", "V40Vector"), ("V3Score", "V3Vector"), ("V2Score", "V2Vector"))


class Vulnerabilities:
    """Builds findings of vulnerable packages; ``without_details`` counts those without details."""

    def __init__(self, mask: Masker) -> None:
        self._mask = mask
        self._rules: dict[str, Rule] = {}
        self._rated: dict[bytes, tuple[Rating, ...]] = {}
        self._packages: dict[tuple[str, str, str | None, str | None], Package] = {}
        self.without_details = 0

    def finding(self, target: TrivyTarget, listed: PackageList, entry: Entry) -> Finding:
        """Make the finding of one vulnerable package. Raises OddEntry."""
        rule_id = text(entry, "VulnerabilityID") or UNNAMED
        name = required_text(entry, "PkgName")
        version = text(entry, "InstalledVersion")
        identifier = entry.get("PkgIdentifier")
        if identifier is None:
            purl = uid = None
        else:
            identifier = mapping(entry, "PkgIdentifier")
            purl, uid = text(identifier, "PURL"), identifier.get("UID")
        title, description = any_text(entry, "Title"), any_text(entry, "Description")
        references, vendor_ids = any_texts(entry, "References"), any_texts(entry, "VendorIDs")
        shown_title = title or _first_sentence(description) or rule_id
        ratings = self._ratings(any_mapping(entry, "CVSS"), any_mapping(entry, "VendorSeverity"))
        severity, is_known = of_word(text(entry, "Severity"))
        source = text(entry, "SeveritySource")
        if not is_known and ratings:
            # Trivy's own word is UNKNOWN where its source has none, whatever others rate.
            severity, is_known = preferred_rating(ratings).severity, True
        if not is_known and title is None and description is None:
            self.without_details += 1
        package = self._package(target.type, name, version, purl)
        fixed = text(entry, "FixedVersion")
        line = end = None
        path: tuple[str, ...] = ()
        direct, scope = None, None
        row = listed.of(uid, entry.get("PkgID"), name, version)
        if row:
            line, end = listed.lines(row)
            path, direct = listed.path(row), is_direct(row)
            scope = "dev" if row.get("Dev") is True else None
        shown = f"{package.name} {package.version}" if package.version else package.name
        return Finding(
            tool="trivy",
            kind=Kind.VULNERABILITY,
            rule_id=rule_id,
            severity=severity,
            severity_known=is_known,
            score=score_within(severity, ratings, source) if is_known else None,
            title=shown_title,
            message=f"{shown}: {shown_title}",
            ratings=ratings,
            location=target.place(entry, path=text(entry, "PkgPath"), start=line, end=end),
            rule=self._rule(rule_id, shown_title, description, any_text(entry, "PrimaryURL")),
            cwes=any_texts(entry, "CweIDs"),
            package=package,
            vulnerability=Vulnerability(
                aliases=() if rule_id == UNNAMED else aliases(rule_id, vendor_ids, references),
                fixed_versions=_versions(fixed),
                dependency_paths=(path,) if path else (),
                direct=direct,
                scope=scope,
                status=any_text(entry, "Status"),
                published=any_text(entry, "PublishedDate"),
            ),
            fix=self._fix(package.name, fixed, vendor_ids),
            references=references,
        )

    def _rule(self, rule_id: str, title: str, description: str | None, page: str | None) -> Rule:
        """Return the rule of an advisory: one object for all packages with the same texts."""
        rule = Rule(
            id=rule_id,
            short_description=title,
            full_description=description,
            help_uri=page,
            tags=("security",),
        )
        shared = self._rules.setdefault(rule_id, rule)
        return shared if shared == rule else rule

    def _ratings(self, scored: Entry, worded: Entry) -> tuple[Rating, ...]:
        """Return the ratings by source, cached: most advisories are rated like another one."""
        key = encode((scored, worded))
        rated = self._rated.get(key)
        if rated is None:
            if len(self._rated) >= _MOST_RATED:
                self._rated.clear()
            rated = self._rated[key] = _ratings(scored, worded)
        return rated

    @staticmethod
    def _fix(name: str, fixed: str | None, vendor_ids: tuple[str, ...]) -> str | None:
        if fixed is None:
            return None
        by = f" ({', '.join(vendor_ids)})" if vendor_ids else ""
        return f"Upgrade {name} to {fixed.replace(', ', ' or ')}{by}."

    def _package(self, kind: str, name: str, version: str | None, purl: str | None) -> Package:
        key = (kind, name, version, purl)
        package = self._packages.get(key)
        if package is None:
            purl_type = type_in(purl) if purl else None
            package = self._packages[key] = Package(
                type=purl_type or type_of(kind),
                name=name,
                version=version,
                purl=purl or self._mask.optional(build_purl(kind, name, version)),
            )
        return package


def _ratings(scored: Entry, worded: Entry) -> tuple[Rating, ...]:
    """One rating for each source and CVSS version that it used, its own word first.

    CVSS 2 is left out where the source also gives a later one.
    """
    ratings: list[Rating] = []
    for source, rating in scored.items():
        if type(rating) is not dict:
            continue
        level = worded.get(source)
        word = _LEVELS.get(level) if type(level) is int else None
        before = len(ratings)
        for score_key, vector_key in _CVSS:
            if score_key not in rating or (score_key == "V2Score" and len(ratings) > before):
                continue
            score, vector = any_number(rating, score_key), any_text(rating, vector_key)
            if score is not None and 0.0 <= score <= 10.0:
                severity = word or of_cvss(score, vector)
                ratings.append(Rating(source=source, severity=severity, score=score, vector=vector))
    for source, level in worded.items():
        if source not in scored and type(level) is int and level in _LEVELS:
            ratings.append(Rating(source=source, severity=_LEVELS[level]))
    return tuple(ratings)


def _versions(fixed: str | None) -> tuple[str, ...]:
    if fixed is None:
        return ()
    if "," not in fixed:
        return (fixed.strip(),)
    return tuple(part for item in fixed.split(",") if (part := item.strip()))


def _first_sentence(description: str | None) -> str | None:
    if description is None:
        return None
    line = description.strip().partition("\n")[0]
    return line if len(line) <= 120 else line[:117].rstrip() + "..."
