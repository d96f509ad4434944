"""What is known of the tools that write SARIF: names, kinds, and where they hide packages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secagg.finding import Kind, Package, Vulnerability
from secagg.naming.place import family_of
from secagg.sarif.rules import RuleView

# One tool under several driver names (after lower-casing, spaces made dashes).
_SAME_TOOL = {
    "snykcode": "snyk",
    "snyk-code": "snyk",
    "snyk-open-source": "snyk",
    "snyk-container": "snyk",
    "snyk-iac": "snyk",
    "codeql-command-line-toolchain": "codeql",
    "semgrep-oss": "semgrep",
    "semgrep-pro": "semgrep",
}

# Tools that look for one kind of problem only, by the start of their driver's name.
_ONE_KIND = (
    ("snykcode", Kind.CODE),
    ("snyk-code", Kind.CODE),
    ("snyk-iac", Kind.MISCONFIGURATION),
    ("snyk", Kind.VULNERABILITY),
    ("gitleaks", Kind.SECRET),
    ("trufflehog", Kind.SECRET),
    ("detect-secrets", Kind.SECRET),
    ("ggshield", Kind.SECRET),
    ("gitguardian", Kind.SECRET),
    ("kingfisher", Kind.SECRET),
    ("noseyparker", Kind.SECRET),
    ("secretlint", Kind.SECRET),
    ("whispers", Kind.SECRET),
    ("checkov", Kind.MISCONFIGURATION),
    ("tfsec", Kind.MISCONFIGURATION),
    ("terrascan", Kind.MISCONFIGURATION),
    ("kics", Kind.MISCONFIGURATION),
    ("kubelinter", Kind.MISCONFIGURATION),
    ("kube-linter", Kind.MISCONFIGURATION),
    ("kubescape", Kind.MISCONFIGURATION),
    ("hadolint", Kind.MISCONFIGURATION),
    ("dockle", Kind.MISCONFIGURATION),
    ("zizmor", Kind.MISCONFIGURATION),
    ("dependency-check", Kind.VULNERABILITY),
    ("grype", Kind.VULNERABILITY),
    ("osv-scanner", Kind.VULNERABILITY),
    ("govulncheck", Kind.VULNERABILITY),
    ("pip-audit", Kind.VULNERABILITY),
    ("cargo-audit", Kind.VULNERABILITY),
    ("docker-scout", Kind.VULNERABILITY),
    ("codeql", Kind.CODE),
    ("semgrep", Kind.CODE),
    ("bandit", Kind.CODE),
    ("gosec", Kind.CODE),
    ("spotbugs", Kind.CODE),
    ("eslint", Kind.CODE),
    ("brakeman", Kind.CODE),
)

_ADVISORY = re.compile(
    r"\b(?:CVE-\d{4}-\d{4,}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}|SNYK-[A-Z0-9]+-[A-Z0-9-]+"
    r"|RUSTSEC-\d{4}-\d{4}|PYSEC-\d{4}-\d+|GO-\d{4}-\d{4,}|OSV-\d{4}-\d+|MAL-\d{4}-\d+"
    r"|DLA-\d+-\d+|DSA-\d+-\d+|USN-\d+-\d+|RHSA-\d{4}:\d+|ALAS2?-\d{4}-\d+|TEMP-\d+-[0-9A-F]+)\b"
)
_LICENSE_TAGS = frozenset({"license", "licence"})
_KIND_TAGS = {
    "vulnerability": Kind.VULNERABILITY,
    "misconfiguration": Kind.MISCONFIGURATION,
    "secret": Kind.SECRET,
    "secrets": Kind.SECRET,
    "license": Kind.LICENSE,
    "licence": Kind.LICENSE,
}
# purl types by the words that tools use for them.
_ECOSYSTEMS = {
    "python": "pypi",
    "pip": "pypi",
    "pypi": "pypi",
    "poetry": "pypi",
    "node": "npm",
    "npm": "npm",
    "yarn": "npm",
    "javascript": "npm",
    "go": "golang",
    "golang": "golang",
    "gomod": "golang",
    "go-module": "golang",
    "maven": "maven",
    "gradle": "maven",
    "java": "maven",
    "java-archive": "maven",
    "rust": "cargo",
    "cargo": "cargo",
    "crates.io": "cargo",
    "ruby": "gem",
    "rubygems": "gem",
    "gem": "gem",
    "nuget": "nuget",
    "dotnet": "nuget",
    "composer": "composer",
    "php": "composer",
    "deb": "deb",
    "apk": "apk",
    "rpm": "rpm",
}

_FIELD = re.compile(r"^(Package|Installed Version|Fixed Version|PkgName): *(.+?)\s*$", re.MULTILINE)
_AT_VERSION = re.compile(r"(?P<name>@?[\w.\-/:]+)@(?P<version>\d[\w.+~:\-]*)")
_IN_PACKAGE = re.compile(
    r"in (?P<type>[\w-]+) package: (?P<name>\S+), version (?P<version>[^\s,]+)"
)
_VULNERABLE_PACKAGE = re.compile(
    r"(?:vulnerable|introduces a vulnerable) (?P<name>[\w.\-/@:]+) package"
)
_PURL = re.compile(r"\bpkg:(?P<type>[a-z]+)/(?P<name>[^\s@?#]+)(?:@(?P<version>[^\s?#]+))?")


def tool_name(driver: str) -> str:
    """A driver's name as secagg writes it: lower case, dashes, one name per tool."""
    name = _slug(driver)
    return _SAME_TOOL.get(name, name) or "sarif"


def driver_tool(run: Mapping[str, Any]) -> str:
    """A run's tool by the name of its driver, as secagg writes it."""
    tool = run.get("tool")
    driver = tool.get("driver") if isinstance(tool, Mapping) else None
    return tool_name(str(driver.get("name") or "")) if isinstance(driver, Mapping) else "sarif"


def kind_of(driver: str, view: RuleView | None, rule_id: str) -> Kind:
    """What sort of problem a rule of a tool is about: by its tags, its tool, its id."""
    name = _slug(driver)
    tags = () if view is None else tuple(tag.lower() for tag in view.rule.tags)
    for tag in tags:
        if tag in _KIND_TAGS and not name.startswith(("snyk-iac", "codeql")):
            return _KIND_TAGS[tag]
    for prefix, kind in _ONE_KIND:
        if name.startswith(prefix):
            return kind
    if _ADVISORY.match(rule_id):
        return Kind.VULNERABILITY
    if name.startswith("trivy"):
        return Kind.VULNERABILITY if rule_id.startswith("CVE") else Kind.MISCONFIGURATION
    return Kind.CODE


def aliases_of(view: RuleView | None, rule_id: str, message: str) -> tuple[str, ...]:
    """Every advisory id that stands for this one problem: in the id, tags, name and title.

    Help texts and long descriptions are left alone: they speak of other advisories too.
    """
    found = dict.fromkeys(_ADVISORY.findall(rule_id))
    if view is not None:
        rule = view.rule
        for text in (*rule.tags, rule.name, rule.short_description):
            if text:
                found.update(dict.fromkeys(_ADVISORY.findall(text)))
        for value in _identifiers(view.raw.get("properties")):
            found.update(dict.fromkeys(_ADVISORY.findall(value)))
        if rule.full_description and rule.full_description.startswith("("):
            # Snyk: "(CVE-2020-8203) lodash@4.17.4".
            head = rule.full_description[1:].partition(")")[0]
            found.update(dict.fromkeys(_ADVISORY.findall(head)))
    known_as = re.search(r"also known as ([^)]*)\)", message)
    if known_as:
        found.update(dict.fromkeys(_ADVISORY.findall(known_as[1])))
    return tuple(found) or (rule_id,)


def package_of(
    view: RuleView | None, result: Mapping[str, Any], message: str, place: str | None = None
) -> Package | None:
    """The package that a result is about, from the places where tools are known to say it.

    ``place`` is the file that the result lies in.
    """
    tags = () if view is None else view.rule.tags
    kind = next((_ECOSYSTEMS[t.lower()] for t in tags if t.lower() in _ECOSYSTEMS), None)
    # Trivy's SARIF tells the ecosystem by the name of the lock file alone.
    kind = kind or (place and family_of(place)) or "generic"
    properties = result.get("properties")
    if isinstance(properties, Mapping):
        for key in ("purl", "purls", "packageUrl"):
            value = properties.get(key)
            value = value[0] if isinstance(value, list) and value else value
            if isinstance(value, str) and (match := _PURL.match(value)):
                return _package(match["type"], match["name"], match["version"], value)
    fields = dict(_FIELD.findall(message))
    if "Package" in fields or "PkgName" in fields:
        name = fields.get("Package") or fields["PkgName"]
        return _package(kind, name, fields.get("Installed Version"))
    if match := _IN_PACKAGE.search(message):
        ecosystem = _ECOSYSTEMS.get(match["type"].lower(), match["type"].lower())
        return _package(ecosystem, match["name"], match["version"])
    if match := _PURL.search(message):
        return _package(match["type"], match["name"], match["version"], match[0])
    for text in (
        message if "is vulnerable to" in message else "",
        "" if view is None else view.rule.full_description or "",
        *_logical_names(result),
    ):
        if len(text) < 400 and (match := _AT_VERSION.search(text)):
            return _package(kind, match["name"], match["version"])
    if match := _VULNERABLE_PACKAGE.search(message):
        return _package(kind, match["name"], None)
    return None


def vulnerability_of(
    view: RuleView | None, rule_id: str, result: Mapping[str, Any], message: str
) -> Vulnerability:
    """The advisory behind a result, as far as its SARIF says."""
    fixed = dict(_FIELD.findall(message)).get("Fixed Version", "")
    return Vulnerability(
        aliases=aliases_of(view, rule_id, message),
        fixed_versions=tuple(v for v in re.split(r"[,\s]+", fixed) if v),
    )


def _package(kind: str, name: str, version: str | None, purl: str | None = None) -> Package:
    return Package(type=kind, name=name, version=version or None, purl=purl)


def _identifiers(properties: Any) -> list[str]:
    if not isinstance(properties, Mapping):
        return []
    found: list[str] = []
    for key in ("identifiers", "aliases", "cve", "cves", "ghsa"):
        value = properties.get(key)
        if isinstance(value, Mapping):
            value = [item for items in value.values() for item in items or ()]
        found.extend(str(item) for item in (value if isinstance(value, list) else [value]))
    return found


def _logical_names(result: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for location in result.get("locations") or ():
        if isinstance(location, Mapping):
            for logical in location.get("logicalLocations") or ():
                if isinstance(logical, Mapping):
                    names.append(str(logical.get("fullyQualifiedName") or logical.get("name")))
    return names


def _slug(driver: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", driver.strip().lower()).strip("-")
