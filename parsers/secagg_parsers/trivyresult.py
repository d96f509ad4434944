"""The entries of one result of Trivy: vulnerabilities, misconfigurations, secrets, licenses."""

from __future__ import annotations

import re
from typing import Any

from secagg import severity as ladder
from secagg.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    Rating,
    Rule,
    SecretSighting,
    Severity,
    Vulnerability,
)
from secagg.parsing import ParseContext, RawReport
from secagg_parsers.fields import Entry, listed, mapping, needed, number, position, text, texts
from secagg_parsers.masking import Masker, identify
from secagg_parsers.places import Lines, Places, base_of

# Trivy's result types by the purl type that they are; others are their own purl type.
_PURL_TYPES = {
    "npm": "npm",
    "yarn": "npm",
    "pnpm": "npm",
    "bun": "npm",
    "node-pkg": "npm",
    "pip": "pypi",
    "pipenv": "pypi",
    "poetry": "pypi",
    "uv": "pypi",
    "pylock": "pypi",
    "python-pkg": "pypi",
    "conda-pkg": "conda",
    "cargo": "cargo",
    "rust-binary": "cargo",
    "rustbinary": "cargo",
    "gomod": "golang",
    "gobinary": "golang",
    "jar": "maven",
    "pom": "maven",
    "gradle": "maven",
    "sbt": "maven",
    "bundler": "gem",
    "gemspec": "gem",
    "composer": "composer",
    "composer-vendor": "composer",
    "nuget": "nuget",
    "dotnet-core": "nuget",
    "packages-props": "nuget",
    "debian": "deb",
    "ubuntu": "deb",
    "alpine": "apk",
    "wolfi": "apk",
    "chainguard": "apk",
    "redhat": "rpm",
    "centos": "rpm",
    "rocky": "rpm",
    "alma": "rpm",
    "oracle": "rpm",
    "amazon": "rpm",
    "fedora": "rpm",
    "photon": "rpm",
    "cbl-mariner": "rpm",
    "azurelinux": "rpm",
}
_CHECK = re.compile(r"(?:AVD-)?([A-Z]+)-?0*(\d+)")
_GHSA = re.compile(r"github\.com/advisories/(GHSA(?:-[23456789cfghjmpqrvwx]{4}){3})\b")
_STARS = re.compile(r"\*{3,}")
_NO_DETAILS = "Unable to get vulnerability details"


class ResultReader:
    """Builds the findings of one artifact; :meth:`enter` each result before its entries."""

    def __init__(
        self,
        report: RawReport,
        context: ParseContext,
        *,
        artifact: str | None,
        artifact_type: str | None,
        resource: str | None,
    ) -> None:
        base = base_of(artifact, context.root) if artifact else None
        self._places = Places(context.root, report.component or base)
        self._lines = Lines(context.root)
        self._redactor = context.redactor
        self._mask = Masker(context.redactor)
        self._image = artifact if artifact_type in ("container_image", "image", "vm") else None
        self._resource = resource
        self._rules: dict[str, Rule] = {}
        self._target = ""
        self._type = ""
        self._found: dict[str, Entry] = {}

    def enter(self, result: Entry) -> None:
        """Take what the entries of ``result`` share."""
        self._target = text(result, "Target") or ""
        self._type = text(result, "Type") or ""
        self._class = text(result, "Class") or ""
        self._found = {}
        for package in listed(result, "Packages"):
            if isinstance(package, dict):
                identifier = package.get("Identifier")
                uid = identifier.get("UID") if isinstance(identifier, dict) else None
                for key in (uid, package.get("ID")):
                    if isinstance(key, str) and key:
                        self._found.setdefault(key, package)

    def vulnerability(self, entry: Entry) -> Finding:
        """A vulnerable package."""
        rule_id = needed(entry, "VulnerabilityID")
        name = needed(entry, "PkgName")
        identifier = mapping(entry, "PkgIdentifier")
        severity, known = ladder.of_word(text(entry, "Severity"))
        ratings = _ratings(entry)
        references = texts(entry, "References")
        title = text(entry, "Title") or rule_id
        description = text(entry, "Description") or ""
        listed_as = self._listed(entry, identifier)
        fixed = text(entry, "FixedVersion")
        version = text(entry, "InstalledVersion")
        relationship = text(listed_as, "Relationship")
        return Finding(
            tool="trivy",
            kind=Kind.VULNERABILITY,
            rule_id=rule_id,
            severity=severity,
            severity_known=known and _NO_DETAILS not in description,
            score=ladder.score_within(severity, ratings, text(entry, "SeveritySource")),
            title=self._mask[title],
            message=self._mask[description or title],
            ratings=ratings,
            location=self._package_place(entry, listed_as),
            rule=self._rule(rule_id, title, description, text(entry, "PrimaryURL")),
            cwes=texts(entry, "CweIDs"),
            package=Package(
                type=_PURL_TYPES.get(self._type, self._type or "generic"),
                name=name,
                version=version,
                purl=text(identifier, "PURL"),
            ),
            vulnerability=Vulnerability(
                aliases=_aliases(rule_id, entry, references),
                fixed_versions=_versions(fixed),
                direct={"direct": True, "indirect": False}.get(relationship or ""),
                scope="dev" if listed_as.get("Dev") is True else None,
                status=text(entry, "Status"),
                published=text(entry, "PublishedDate"),
            ),
            fix=f"Upgrade {name} to {fixed}." if fixed else None,
            references=references,
        )

    def misconfiguration(self, entry: Entry) -> Finding:
        """A check that failed."""
        written = text(entry, "ID") or needed(entry, "AVDID")
        checks = _checks(written, text(entry, "AVDID"))
        cause = mapping(entry, "CauseMetadata")
        severity, known = ladder.of_word(text(entry, "Severity"))
        title = text(entry, "Title") or checks[0]
        message = text(entry, "Message") or text(entry, "Description") or title
        resource = text(cause, "Resource") or self._resource
        return Finding(
            tool="trivy",
            kind=Kind.MISCONFIGURATION,
            rule_id=checks[0],
            severity=severity,
            severity_known=known,
            title=self._mask[title],
            message=self._mask[message],
            location=self._place(
                self._target, position(cause, "StartLine"), position(cause, "EndLine")
            ),
            rule=self._rule(
                checks[0], title, text(entry, "Description") or "", text(entry, "PrimaryURL")
            ),
            misconfiguration=Misconfiguration(
                checks=checks,
                resource=self._mask.optional(resource),
                provider=text(cause, "Provider"),
            ),
            fix=self._mask.optional(text(entry, "Resolution")),
            references=texts(entry, "References"),
        )

    def secret(self, entry: Entry) -> Finding:
        """A secret: its value is masked in the report, and read from the file if that is here."""
        rule_id = needed(entry, "RuleID")
        severity, known = ladder.of_word(text(entry, "Severity"))
        title = text(entry, "Title") or rule_id
        place = self._place(self._target, position(entry, "StartLine"), position(entry, "EndLine"))
        category = text(entry, "Category")
        return Finding(
            tool="trivy",
            kind=Kind.SECRET,
            rule_id=rule_id,
            severity=severity,
            severity_known=known,
            title=self._mask[title],
            message=self._mask[f"{title} in {self._target}"],
            location=place,
            rule=self._rule(rule_id, title, f"{category} secret" if category else "", None),
            cwes=("CWE-798",),
            secret=SecretSighting(
                id=self._value_there(text(entry, "Match"), place), detector=rule_id
            ),
            fix="Revoke the secret where it was issued, then remove it from the code and history.",
        )

    def license(self, entry: Entry) -> Finding:
        """A license of a package or file that Trivy classifies as a problem."""
        name = needed(entry, "Name")
        severity, known = ladder.of_word(text(entry, "Severity"))
        package = text(entry, "PkgName")
        file = text(entry, "FilePath") or self._target
        category = text(entry, "Category")
        of = package or file
        return Finding(
            tool="trivy",
            kind=Kind.LICENSE,
            rule_id=name,
            severity=severity,
            severity_known=known,
            title=self._mask[f"{category or 'unknown'} license {name}"],
            message=self._mask[f"{of} is under {name}, a license of category {category}."],
            location=self._place(file, None, None),
            rule=self._rule(name, f"License {name}", "", text(entry, "Link")),
            package=Package(type=_PURL_TYPES.get(self._type, self._type or "generic"), name=package)
            if package
            else None,
            license=name,
        )

    def _rule(self, rule_id: str, title: str, description: str, uri: str | None) -> Rule:
        rule = self._rules.get(rule_id)
        if rule is None:
            rule = self._rules[rule_id] = Rule(
                id=rule_id,
                short_description=self._mask[title],
                full_description=self._mask[description] if description else None,
                help_uri=uri,
                tags=("security",),
            )
        return rule

    def _listed(self, entry: Entry, identifier: Entry) -> Entry:
        """The entry of the package list for a vulnerability's package."""
        for key in (text(identifier, "UID"), text(entry, "PkgID")):
            if key is not None and key in self._found:
                return self._found[key]
        return {}

    def _package_place(self, entry: Entry, listed_as: Entry) -> Location:
        lines = listed(listed_as, "Locations")
        first: Any = lines[0] if lines else {}
        line = end = None
        if isinstance(first, dict):
            line, end = position(first, "StartLine"), position(first, "EndLine")
        path = text(entry, "PkgPath")
        system = self._class == "os-pkgs"
        place = self._place(path or self._target, line, end)
        layer = mapping(entry, "Layer")
        place.layer = text(layer, "DiffID") or text(layer, "Digest")
        if system:
            place.image = self._image or self._target
            place.uri = None if self._image else place.uri
        return place

    def _place(self, target: str, line: int | None, end: int | None) -> Location:
        return Location(
            uri=self._places[target] if target else None,
            start_line=line,
            end_line=end if line is not None else None,
            image=self._image,
            logical=self._resource,
        )

    def _value_there(self, match: str | None, place: Location) -> str | None:
        """The keyed hash of the value behind the asterisks of ``match``, read from its file."""
        if not match or place.uri is None or place.start_line is None or place.image:
            return None
        stars = list(_STARS.finditer(match))
        lines = self._lines.of(place.uri)
        if len(stars) != 1 or place.start_line > len(lines):
            return None
        last = min(place.end_line or place.start_line, len(lines))
        if last > place.start_line:
            value = b"\n".join(lines[place.start_line - 1 : last])
            return identify(self._redactor, value.decode("utf-8", "replace"), key=True)
        line = lines[place.start_line - 1].decode("utf-8", "replace")
        before, after = match[: stars[0].start()], match[stars[0].end() :]
        start = line.find(before) + len(before) if before in line else -1
        end = line.find(after, start) if after else len(line)
        if start < 0 or end <= start or end - start != stars[0].end() - stars[0].start():
            return None
        # Some rules mask the first part of a token only: the rest of it follows in clear.
        while end < len(line) and (line[end].isalnum() or line[end] in "-_"):
            end += 1
        place.start_column, place.end_column = start + 1, end + 1
        return identify(self._redactor, line[start:end])


def _ratings(entry: Entry) -> tuple[Rating, ...]:
    ratings = []
    for source, given in mapping(entry, "CVSS").items():
        if not isinstance(given, dict):
            continue
        for version in ("40", "V40", "V3", "V2"):
            score = number(given, f"V{version.removeprefix('V')}Score")
            vector = text(given, f"V{version.removeprefix('V')}Vector")
            if score is not None:
                severity = ladder.of_cvss(score, vector)
                rating = Rating(source=source, severity=severity, score=score, vector=vector)
                if rating not in ratings:
                    ratings.append(rating)
    words = {1: Severity.LOW, 2: Severity.MEDIUM, 3: Severity.HIGH, 4: Severity.CRITICAL}
    for source, level in mapping(entry, "VendorSeverity").items():
        if isinstance(level, int) and level in words:
            ratings.append(Rating(source=source, severity=words[level]))
    return tuple(ratings)


def _aliases(rule_id: str, entry: Entry, references: tuple[str, ...]) -> tuple[str, ...]:
    aliases = [rule_id, *texts(entry, "VendorIDs")]
    named = {match[1] for reference in references if (match := _GHSA.search(reference))}
    # One advisory of GitHub's is this one; several are of others that this one mentions.
    if len(named) == 1:
        aliases += named
    return tuple(dict.fromkeys(aliases))


def _versions(fixed: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in fixed.split(",") if part.strip()) if fixed else ()


def _checks(written: str, avd: str | None) -> tuple[str, ...]:
    """All forms of a check's id, the one that Trivy writes today (``DS-0001``) first."""
    match = _CHECK.fullmatch(written)
    forms = [written]
    if match is not None:
        provider, digits = match[1], match[2]
        normal = f"{provider}-{int(digits):04d}"
        forms = [normal, f"AVD-{normal}", written]
    return tuple(dict.fromkeys([*forms, *([avd] if avd else [])]))
