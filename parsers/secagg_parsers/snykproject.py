"""The issues of one project of Snyk, which may be an image or an application in one."""

from __future__ import annotations

import re
from typing import Any

from packageurl import PackageURL

from secagg import severity as ladder
from secagg.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    Rating,
    Rule,
    Severity,
    Vulnerability,
)
from secagg.parsing import ParseContext, RawReport
from secagg_parsers.fields import (
    Entry,
    OddEntry,
    flag,
    listed,
    mapping,
    needed,
    position,
    text,
    texts,
)
from secagg_parsers.masking import Masker
from secagg_parsers.places import Places, base_of

# Snyk's package managers by the purl type of what they manage.
_PURL_TYPES = {
    "npm": "npm",
    "yarn": "npm",
    "pnpm": "npm",
    "pip": "pypi",
    "pipenv": "pypi",
    "poetry": "pypi",
    "uv": "pypi",
    "maven": "maven",
    "gradle": "maven",
    "sbt": "maven",
    "gomodules": "golang",
    "golangdep": "golang",
    "golang": "golang",
    "rubygems": "gem",
    "nuget": "nuget",
    "paket": "nuget",
    "composer": "composer",
    "cocoapods": "cocoapods",
    "hex": "hex",
    "swift": "swift",
    "cargo": "cargo",
    "deb": "deb",
    "debian": "deb",
    "ubuntu": "deb",
    "apk": "apk",
    "alpine": "apk",
    "rpm": "rpm",
    "rhel": "rpm",
    "centos": "rpm",
    "sles": "rpm",
    "amzn": "rpm",
    "oracle": "rpm",
    "linux": "generic",
}
_IDS = ("CVE", "GHSA", "RUSTSEC", "PYSEC", "GO", "OSV", "SUSE", "RHSA", "DSA", "DLA", "USN", "ELSA")
_RULE_CHECK = re.compile(r"SNYK-CC-[A-Z0-9-]+")


class ProjectReader:
    """Builds the findings of one project. Raises OddEntry where its frame makes no sense."""

    def __init__(
        self, report: RawReport, context: ParseContext, project: Entry, image: str | None
    ) -> None:
        path = text(project, "path")
        is_image = isinstance(project.get("docker"), dict) and bool(project["docker"])
        self.image = image or (_image_name(path) if is_image and path else None)
        base = base_of(path, context.root) if path and self.image is None else None
        self._places = Places(context.root, report.component or base)
        self._mask = Masker(context.redactor)
        self._manager = text(project, "packageManager") or ""
        self._file = text(project, "displayTargetFile") or text(project, "targetFile")
        self._name = text(project, "projectName")
        self._rules: dict[str, Rule] = {}

    def key(self, row: Entry) -> tuple[Any, ...]:
        """What makes two rows one issue: id, package and version."""
        return needed(row, "id"), _package_name(row), text(row, "version")

    def issue(self, row: Entry, rows: list[Entry]) -> Finding:
        """A vulnerability or a license issue, from all its rows (one for each path)."""
        rule_id = needed(row, "id")
        is_license = text(row, "type") == "license" or rule_id.startswith("snyk:lic:")
        title = text(row, "title") or rule_id
        severity, known = ladder.of_word(_worst_word(row))
        ratings = _ratings(row)
        package = self._package(row)
        identifiers = mapping(row, "identifiers")
        fixed = texts(row, "fixedIn") or tuple(
            v for v in (text(row, "nearestFixedInVersion"),) if v is not None
        )
        paths = tuple(dict.fromkeys(texts(r, "from") for r in rows if texts(r, "from")))
        description = text(row, "description") or ""
        return Finding(
            tool="snyk",
            kind=Kind.LICENSE if is_license else Kind.VULNERABILITY,
            rule_id=rule_id,
            severity=severity,
            severity_known=known,
            score=ladder.score_within(severity, ratings, "snyk"),
            title=self._mask[title],
            message=self._mask[f"{title} in {package.name} {package.version or ''}".strip()],
            ratings=ratings,
            location=self._place(),
            rule=self._rule(rule_id, title, description),
            cwes=texts(identifiers, "CWE"),
            package=package,
            vulnerability=Vulnerability(
                aliases=() if is_license else _aliases(rule_id, identifiers),
                fixed_versions=fixed,
                dependency_paths=paths,
                direct=any(len(path) == 2 for path in paths) if paths else None,
                epss=_probability(mapping(row, "epssDetails")),
                published=text(row, "publicationTime"),
            ),
            license=_license_name(row, rule_id) if is_license else None,
            fix=_fix(package, fixed, rows),
            references=_urls(row),
        )

    def misconfiguration(self, issue: Entry) -> Finding:
        """An issue of ``snyk iac test``."""
        rule_id = text(issue, "publicId") or needed(issue, "id")
        title = text(issue, "title") or rule_id
        severity, known = ladder.of_word(text(issue, "severity"))
        description = mapping(issue, "iacDescription")
        path = [str(part) for part in listed(issue, "path") if isinstance(part, str | int)]
        said = text(description, "issue") or text(issue, "issue") or title
        fix = text(description, "resolve") or text(issue, "resolve")
        return Finding(
            tool="snyk",
            kind=Kind.MISCONFIGURATION,
            rule_id=rule_id,
            severity=severity,
            severity_known=known,
            title=self._mask[title],
            message=self._mask[said],
            location=self._place(position(issue, "lineNumber")),
            rule=self._rule(rule_id, title, said),
            misconfiguration=Misconfiguration(
                checks=(rule_id,), resource=self._mask[".".join(path)] if path else None
            ),
            fix=self._mask.optional(fix),
            references=texts(issue, "references"),
        )

    def _package(self, row: Entry) -> Package:
        name, version = _package_name(row), text(row, "version")
        manager = (text(row, "packageManager") or self._manager).partition(":")[0]
        kind = _PURL_TYPES.get(manager, manager or "generic")
        return Package(type=kind, name=name, version=version, purl=_purl(kind, name, version))

    def _place(self, line: int | None = None) -> Location:
        uri = self._places[self._file] if self._file else None
        logical = self._name if uri is None and self.image is None else None
        return Location(uri=uri, start_line=line, image=self.image, logical=logical)

    def _rule(self, rule_id: str, title: str, description: str) -> Rule:
        rule = self._rules.get(rule_id)
        if rule is None:
            uri = None
            if rule_id.startswith("SNYK-"):
                uri = f"https://security.snyk.io/vuln/{rule_id}"
            if _RULE_CHECK.fullmatch(rule_id):
                uri = f"https://security.snyk.io/rules/cloud/{rule_id}"
            rule = self._rules[rule_id] = Rule(
                id=rule_id,
                short_description=self._mask[title],
                help_markdown=self._mask[description] if description else None,
                help_uri=uri,
                tags=("security",),
            )
        return rule


def _package_name(row: Entry) -> str:
    name = text(row, "packageName") or text(row, "moduleName") or text(row, "name")
    if name is None:
        raise OddEntry("packageName is missing")
    return name


def _image_name(path: str) -> str:
    """The image of ``path``: a project's name may stand behind its tag (``a/b:tag/project``)."""
    head, colon, tag = path.rpartition(":")
    return f"{head}{colon}{tag.partition('/')[0]}" if colon and head else path


def _worst_word(row: Entry) -> str | None:
    """Old versions say high in ``severity`` where ``severityWithCritical`` says critical."""
    return text(row, "severityWithCritical") or text(row, "severity")


def _ratings(row: Entry) -> tuple[Rating, ...]:
    ratings = []
    score = row.get("cvssScore")
    vector = row.get("CVSSv3")
    if isinstance(score, int | float) and not isinstance(score, bool):
        vector = vector if isinstance(vector, str) else None
        ratings.append(
            Rating(
                source="snyk",
                severity=ladder.of_cvss(float(score), vector),
                score=float(score),
                vector=vector,
            )
        )
    for detail in listed(row, "cvssDetails"):
        if not isinstance(detail, dict):
            continue
        score = detail.get("cvssV3BaseScore")
        assigner = text(detail, "assigner")
        if isinstance(score, int | float) and assigner:
            vector = text(detail, "cvssV3Vector")
            source = {"Red Hat": "redhat"}.get(assigner, assigner.lower())
            severity = ladder.of_cvss(float(score), vector)
            ratings.append(
                Rating(source=source, severity=severity, score=float(score), vector=vector)
            )
    word, known = ladder.of_word(text(row, "nvdSeverity"))
    if known and word is not Severity.NONE and not any(r.source == "nvd" for r in ratings):
        ratings.append(Rating(source="nvd", severity=word))
    return tuple(ratings)


def _aliases(rule_id: str, identifiers: Entry) -> tuple[str, ...]:
    aliases = [rule_id]
    for kind in _IDS:
        aliases += texts(identifiers, kind)
    return tuple(dict.fromkeys(aliases))


def _probability(epss: Entry) -> float | None:
    value = epss.get("probability")
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _license_name(row: Entry, rule_id: str) -> str:
    return text(row, "license") or rule_id.rpartition(":")[2]


def _fix(package: Package, fixed: tuple[str, ...], rows: list[Entry]) -> str | None:
    """The upgrade that Snyk proposes: of the direct dependency, where that is what helps."""
    for row in rows:
        steps = [step for step in listed(row, "upgradePath") if isinstance(step, str)]
        if flag(row, "isUpgradable") and steps:
            return f"Upgrade to {steps[0]}."
    return f"Upgrade {package.name} to {fixed[0]}." if fixed else None


def _urls(row: Entry) -> tuple[str, ...]:
    urls = []
    for reference in listed(row, "references"):
        url = reference.get("url") if isinstance(reference, dict) else reference
        if isinstance(url, str):
            urls.append(url)
    return tuple(urls)


def _purl(kind: str, name: str, version: str | None) -> str | None:
    if kind in ("generic", "deb", "apk", "rpm"):
        # Without the distribution's name a purl of a system package would be a guess.
        return None
    namespace: str | None = None
    bare = name
    if kind == "maven":
        namespace, _, bare = name.rpartition(":")
    elif "/" in name and kind in ("npm", "golang", "composer"):
        namespace, _, bare = name.rpartition("/")
    try:
        return PackageURL(kind, namespace or None, bare, version).to_string()
    except ValueError:
        return None
