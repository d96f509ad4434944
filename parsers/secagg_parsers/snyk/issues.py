"""Vulnerabilities, licences and IaC issues in a report of Snyk."""

from __future__ import annotations

from msgspec import Struct

from secagg.model.finding import (
    Finding,
    Kind,
    Misconfiguration,
    Package,
    Rating,
    Rule,
    Vulnerability,
)
from secagg.model.severity import of_cvss, of_word, score_within
from secagg_parsers.fields import (
    Entry,
    Masker,
    OddEntry,
    any_mapping,
    any_number,
    any_objects,
    any_text,
    any_texts,
    position,
    required_text,
    text,
    texts,
)
from secagg_parsers.purls import aliases, build_purl, is_system, type_of
from secagg_parsers.snyk.project import Project

# All that is read of a row. A report may have very many rows: the rest of each is let go of.
USED = (
    "CVSSv3",
    "cvssDetails",
    "cvssScore",
    "cvssSources",
    "description",
    "epssDetails",
    "exploit",
    "exploitDetails",
    "fixedIn",
    "from",
    "id",
    "identifiers",
    "isUpgradable",
    "license",
    "moduleName",
    "name",
    "nearestFixedInVersion",
    "nvdSeverity",
    "packageManager",
    "packageName",
    "publicationTime",
    "references",
    "severity",
    "severityWithCritical",
    "title",
    "type",
    "upgradePath",
    "version",
)


_SOURCES = {"red hat": "redhat", "redhat": "redhat"}


class _Issue(Struct):
    """The fields that all rows of one issue share."""

    kind: Kind
    license: str | None
    rule: Rule
    title: str
    ratings: tuple[Rating, ...]
    cwes: tuple[str, ...]
    aliases: tuple[str, ...]
    references: tuple[str, ...]
    epss: float | None
    kev: bool | None
    published: str | None


class Issues:
    """Builds findings from rows of issues."""

    def __init__(self, mask: Masker) -> None:
        self._mask = mask
        self._packages: dict[tuple[str, str, str | None], Package] = {}

    def key(self, row: Entry) -> tuple[str, str, str | None]:
        """Return the key of an issue's rows in a project: id, package and version."""
        return required_text(row, "id"), _package_name(row), text(row, "version")

    def finding(self, project: Project, rows: list[Entry]) -> Finding:
        """Return the finding of all rows of an issue in a package. Raises OddEntry."""
        row = rows[0]
        rule_id = required_text(row, "id")
        issue = self._understand(rule_id, row)
        # Old versions say high in ``severity`` where ``severityWithCritical`` says critical.
        severity, is_known = of_word(text(row, "severityWithCritical") or text(row, "severity"))
        package = self._package(project, row)
        nearest = any_text(row, "nearestFixedInVersion")
        fixed = any_texts(row, "fixedIn") or ((nearest,) if nearest else ())
        paths = self._paths(rows)
        shown = f"{package.name} {package.version}" if package.version else package.name
        vulnerability = Vulnerability(
            aliases=issue.aliases,
            fixed_versions=fixed,
            dependency_paths=paths,
            direct=any(len(path) == 2 for path in paths) if paths else None,
            epss=issue.epss,
            kev=issue.kev,
            published=issue.published,
        )
        return Finding(
            tool="snyk",
            kind=issue.kind,
            rule_id=rule_id,
            severity=severity,
            severity_known=is_known,
            score=score_within(severity, issue.ratings, "snyk"),
            title=issue.title,
            message=f"{shown}: {issue.title}",
            ratings=issue.ratings,
            location=project.place(),
            rule=issue.rule,
            cwes=issue.cwes,
            package=package,
            vulnerability=vulnerability,
            license=issue.license,
            fix=self._fix(package, fixed, rows),
            references=issue.references,
        )

    def _package(self, project: Project, row: Entry) -> Package:
        name, version = _package_name(row), text(row, "version")
        manager = text(row, "packageManager") or project.manager
        package = self._packages.get((manager, name, version))
        if package is None:
            kind = type_of(manager if is_system(manager) else project.manager or manager)
            package = self._packages[manager, name, version] = Package(
                type=kind,
                name=name,
                version=version,
                purl=self._mask.optional(build_purl(manager, name, version)),
            )
        return package

    @staticmethod
    def _paths(rows: list[Entry]) -> tuple[tuple[str, ...], ...]:
        paths = [path for row in rows if (path := texts(row, "from"))]
        return tuple(dict.fromkeys(paths)) if len(paths) > 1 else tuple(paths)

    @staticmethod
    def _fix(package: Package, fixed: tuple[str, ...], rows: list[Entry]) -> str | None:
        """Return the upgrade that Snyk proposes: of the direct dependency, if there is one."""
        for row in rows:
            if row.get("isUpgradable") is not True:
                continue
            steps = any_texts(row, "upgradePath")
            came = texts(row, "from")
            if steps and steps[0] in came:
                return f"Install {steps[0]} again: it may use {steps[-1]}."
            if steps:
                return f"Upgrade to {steps[0]}."
        if not fixed:
            return None
        return f"Upgrade {package.name} to {' or '.join(fixed)}."

    def _understand(self, rule_id: str, row: Entry) -> _Issue:
        is_license = text(row, "type") == "license" or rule_id.startswith("snyk:lic:")
        title, description = any_text(row, "title") or rule_id, any_text(row, "description")
        references = _urls(row)
        identifiers = any_mapping(row, "identifiers")
        others = [
            name for key in identifiers if key != "CWE" for name in any_texts(identifiers, key)
        ]
        sources = any_texts(any_mapping(row, "exploitDetails"), "sources")
        license_name = any_text(row, "license") or rule_id.rpartition(":")[2]
        return _Issue(
            kind=Kind.LICENSE if is_license else Kind.VULNERABILITY,
            license=license_name if is_license else None,
            rule=Rule(
                id=rule_id,
                short_description=title,
                help_markdown=description,
                help_uri=_page(rule_id),
                # Case is changed in them.
                tags=tuple([self._mask[tag] for tag in _tags(row, is_license)]),
            ),
            title=title,
            ratings=_ratings(row),
            cwes=any_texts(identifiers, "CWE"),
            aliases=() if is_license else aliases(rule_id, others, references),
            references=references,
            epss=_probability(any_mapping(row, "epssDetails").get("probability")),
            kev=True if "CISA" in sources else None,
            published=any_text(row, "publicationTime"),
        )


def _package_name(row: Entry) -> str:
    """The package: of a distribution's the binary one, which ``name`` has behind its source."""
    shown = text(row, "name")
    if shown and "/" in shown and is_system(text(row, "packageManager") or ""):
        return shown
    name = text(row, "packageName") or text(row, "moduleName") or shown
    if name is None:
        raise OddEntry("packageName is missing")
    return name


def _page(rule_id: str) -> str | None:
    if rule_id.startswith("snyk:lic:"):
        return f"https://snyk.io/vuln/{rule_id}"
    return f"https://security.snyk.io/vuln/{rule_id}" if rule_id[:5] in ("SNYK-", "npm:") else None


def _tags(row: Entry, is_license: bool) -> tuple[str, ...]:
    """Return tags: kinds of issue, and Snyk's exploit maturity."""
    exploit = row.get("exploit")
    for level in any_objects(any_mapping(row, "exploitDetails"), "maturityLevels"):
        exploit = any_text(level, "level") or exploit
    tags = ["license" if is_license else "security"]
    if isinstance(exploit, str) and exploit not in ("", "Not Defined"):
        tags.append("exploit/" + exploit.lower().replace(" ", "-"))
    return tuple(tags)


def _ratings(row: Entry) -> tuple[Rating, ...]:
    """Return Snyk's own rating first, then each other source's."""
    ratings: list[Rating] = []
    _rate(ratings, "snyk", None, any_number(row, "cvssScore"), any_text(row, "CVSSv3"))
    for key, named in (("cvssDetails", "cvssV3"), ("cvssSources", "")):
        for detail in any_objects(row, key):
            score = any_number(detail, f"{named}BaseScore" if named else "baseScore")
            vector = any_text(detail, f"{named}Vector" if named else "vector")
            word = any_text(detail, "severity")
            _rate(ratings, any_text(detail, "assigner"), word, score, vector)
    severity, is_known = of_word(any_text(row, "nvdSeverity"))
    if is_known and not any(rating.source == "nvd" for rating in ratings):
        ratings.append(Rating(source="nvd", severity=severity))
    return tuple(ratings)


def _rate(
    ratings: list[Rating],
    assigner: str | None,
    word: str | None,
    score: float | None,
    vector: str | None,
) -> None:
    if assigner is None or score is None or not 0.0 <= score <= 10.0:
        return
    source = _SOURCES.get(assigner.lower(), assigner.lower())
    severity, is_known = of_word(word)
    rating = Rating(
        source=source,
        severity=severity if is_known else of_cvss(score, vector),
        score=score,
        vector=vector,
    )
    if not any(r.source == source and r.vector == vector for r in ratings):
        ratings.append(rating)


def _probability(value: object) -> float | None:
    """Return EPSS as a number from 0.0 to 1.0; Snyk writes it as text."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        probability = float(value)
    except (ValueError, OverflowError):
        return None
    return probability if 0.0 <= probability <= 1.0 else None


def _urls(row: Entry) -> tuple[str, ...]:
    urls = []
    references = row.get("references")
    for reference in references if isinstance(references, list) else ():
        url = reference.get("url") if isinstance(reference, dict) else reference
        if isinstance(url, str) and url:
            urls.append(url)
    return tuple(dict.fromkeys(urls))


def iac_finding(project: Project, issue: Entry) -> Finding:
    """Make the finding of one issue in a configuration file. Raises OddEntry."""
    public, private = text(issue, "publicId"), text(issue, "id")
    rule_id = public or private or required_text(issue, "id")
    title = any_text(issue, "title") or rule_id
    severity, is_known = of_word(text(issue, "severity"))
    described = any_mapping(issue, "iacDescription")
    message = any_text(described, "issue") or any_text(issue, "issue")
    impact = any_text(described, "impact") or any_text(issue, "impact")
    steps = issue.get("path")
    path = ".".join(map(str, steps)) if isinstance(steps, list) else None
    page = any_text(issue, "documentation")
    if page is None and rule_id.startswith("SNYK-CC-"):
        page = f"https://security.snyk.io/rules/cloud/{rule_id}"
    return Finding(
        tool="snyk",
        kind=Kind.MISCONFIGURATION,
        rule_id=rule_id,
        severity=severity,
        severity_known=is_known,
        title=title,
        message=message or title,
        location=project.place(position(issue, "lineNumber")),
        rule=Rule(
            id=rule_id,
            short_description=title,
            full_description=impact,
            help_uri=page,
            tags=("security", "misconfiguration"),
        ),
        misconfiguration=Misconfiguration(
            checks=tuple(dict.fromkeys(name for name in (public, private) if name)),
            resource=any_text(issue, "msg") or path or None,
            provider=any_text(issue, "type"),
        ),
        fix=any_text(described, "resolve") or any_text(issue, "resolve"),
        references=any_texts(issue, "references"),
    )
