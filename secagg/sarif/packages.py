"""Find the package, advisory, licence and container image that a SARIF result is about.

SARIF has no members for them, and each tool writes them at a place of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from packageurl import PackageURL

from secagg.jsonio.members import as_list, as_mapping, objects_in
from secagg.model.finding import Location, Package, Vulnerability
from secagg.model.place import ecosystem_of
from secagg.sarif.rules import RuleView
from secagg.system.patterns import lazy

ADVISORY = lazy(
    r"\b(?:CVE-\d{4}-\d{4,}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}|SNYK-[A-Z0-9]+-[A-Z0-9-]+"
    r"|RUSTSEC-\d{4}-\d{4}|PYSEC-\d{4}-\d+|GO-\d{4}-\d{4,}|OSV-\d{4}-\d+|MAL-\d{4}-\d+"
    r"|BDSA-\d{4}-\d+|PRISMA-\d{4}-\d+"
    r"|DLA-\d+-\d+|DSA-\d+-\d+|USN-\d+-\d+|RHSA-\d{4}:\d+|ALAS2?-\d{4}-\d+|TEMP-\d+-[0-9A-F]+)\b"
)
# A rule of Checkov's package scan: an advisory or a licence, then the package.
_CHECKOV_PACKAGE = lazy(r"(?P<advisory_or_license>[^_\s]+)_(?P<name>\S+)@(?P<version>[^@\s]*)")

# purl types by the words that tools use for them.
_ECOSYSTEMS = {
    "python": "pypi",
    "pip": "pypi",
    "pypi": "pypi",
    "poetry": "pypi",
    "node": "npm",
    "npm": "npm",
    "npmjs": "npm",
    "yarn": "npm",
    "javascript": "npm",
    "go": "golang",
    "golang": "golang",
    "gomod": "golang",
    "gomodules": "golang",
    "go-module": "golang",
    "maven": "maven",
    "gradle": "maven",
    "java": "maven",
    "java-archive": "maven",
    "rust": "cargo",
    "rust-crate": "cargo",
    "cargo": "cargo",
    "crates": "cargo",
    "crates.io": "cargo",
    "ruby": "gem",
    "rubygems": "gem",
    "gem": "gem",
    "nuget": "nuget",
    "dotnet": "nuget",
    "composer": "composer",
    "packagist": "composer",
    "php": "composer",
    "php-composer": "composer",
    "deb": "deb",
    "debian": "deb",
    "ubuntu": "deb",
    "apk": "apk",
    "alpine": "apk",
    "rpm": "rpm",
    "redhat": "rpm",
    "centos": "rpm",
}
# Tools that look at packages of one ecosystem only.
_TOOL_ECOSYSTEMS = {
    "govulncheck": "golang",
    "cargo-audit": "cargo",
    "pip-audit": "pypi",
    "npm-audit": "npm",
    "bundler-audit": "gem",
}

_FIELD = lazy(r"^(Package|Installed Version|Fixed Version|PkgName): *(.+?)\s*$", re.MULTILINE)
_AT_VERSION = lazy(
    # A name begins where a word does: else each of its characters would be tried as the first.
    r"(?P<name>(?:@|(?<![\w.\-/:]))[\w.\-/:]{1,300})@(?P<version>v?\d[\w.+~:\-]*|#[0-9a-f]{7,40}(?![\w]))"
)
_IN_PACKAGE = lazy(r"in (?P<type>[\w-]+) package: (?P<name>\S+), version (?P<version>[^\s,]+)")
_VULNERABLE_PACKAGE = lazy(r"(?:vulnerable|introduces a vulnerable) (?P<name>[\w.\-/@:]+) package")
_IS_VULNERABLE = lazy(
    r"(?<![\w.@/-])(?P<name>[\w.@/-]{1,300}) (?P<version>v?\d\S{0,200}) is vulnerable to "
)
# Govulncheck: "calls vulnerable functions in 1 package (a)", "depends on 1 vulnerable module (b)".
_GO_MODULES = lazy(r"\b\d+ (?:vulnerable )?(?:package|module)s? \((?P<name>[\w./~-]+)")
_PURL = lazy(
    r"\bpkg:(?P<type>[a-z]+)/(?P<name>[^\s@?#]+)(?:@(?P<version>[^\s?#]+))?(?:[?#][^\s,)\]]*)?"
)
_GRYPE_IMAGE = lazy(r"was found in image (?P<image>\S+) at: (?P<path>\S+)")
# The name of Trivy's rules for packages of an operating system.
_TRIVY_OS_PACKAGES = "OsPackageVulnerability"
_INSIDE_ARCHIVE = lazy(r"(?<=\.[jwe]ar):")


def package_of(
    tool: str, view: RuleView, result: Mapping[str, Any], message: str, uri: str | None
) -> Package | None:
    """Find the package that a result is about, at the places where tools write it.

    Its ecosystem is that of its purl, else the tool's word for it, else that of the file.
    """
    properties = as_mapping(result.get("properties"))
    for bag in (properties, as_mapping(view.raw.get("properties"))):
        package = _package_from_bag(bag, message)
        if package is not None:
            return package
    ecosystem = _ecosystem_of(tool, view, uri)
    fields = dict(_FIELD.findall(message))
    if "Package" in fields or "PkgName" in fields:
        name = fields.get("Package") or fields["PkgName"]
        return _package(ecosystem, name, fields.get("Installed Version"))
    if match := _IN_PACKAGE.search(message):
        word = match["type"].lower()
        return _package(_ECOSYSTEMS.get(word, word), match["name"], match["version"])
    for text in (message, *_logical_names(result)):
        if match := _PURL.search(text):
            return _package_from_purl(match)
    component = properties.get("component")
    if isinstance(component, str) and component:
        # Black Duck names the registry as well.
        origin = str(properties.get("componentOrigin") or "").lower()
        version = properties.get("componentVersion")
        version = version if isinstance(version, str) else None
        return _package(_ECOSYSTEMS.get(origin, ecosystem), component, version)
    if tool == "checkov" and (match := _CHECKOV_PACKAGE.fullmatch(view.rule.id)):
        return _package(ecosystem, match["name"], match["version"])
    for text in (
        message if "is vulnerable to" in message else "",
        view.rule.full_description or "",
        *_logical_names(result),
    ):
        if len(text) < 400 and (match := _AT_VERSION.search(text)):
            return _package(ecosystem, match["name"], match["version"])
    for form in (_IS_VULNERABLE, _VULNERABLE_PACKAGE, _GO_MODULES):
        if match := form.search(message):
            return _package(ecosystem, match["name"], match.groupdict().get("version"))
    return None


def license_of(tool: str, view: RuleView) -> str:
    """Return the licence that a rule is about."""
    rule = view.rule
    if rule.id.startswith("snyk:lic:") or tool == "trivy":
        # snyk:lic:pip:barlib:GPL-3.0; Trivy writes barlib:GPL-3.0.
        return rule.id.rpartition(":")[2]
    if tool == "checkov" and (match := _CHECKOV_PACKAGE.fullmatch(rule.id)):
        return match["advisory_or_license"]
    return rule.name or rule.id


def aliases_of(view: RuleView, rule_id: str, message: str) -> tuple[str, ...]:
    """Return the advisory ids of this problem, from the rule's id, tags, name and title.

    Help texts and long descriptions are not read: they name other advisories too.
    """
    aliases = dict.fromkeys(ADVISORY.findall(rule_id))
    rule = view.rule
    for text in (*rule.tags, rule.name, rule.short_description):
        if text:
            aliases.update(dict.fromkeys(ADVISORY.findall(text)))
    for text in as_list(view.raw.get("deprecatedIds")):
        # OSV-Scanner writes the ids of other databases here.
        if isinstance(text, str) and ADVISORY.fullmatch(text):
            aliases[text] = None
    for value in _identifiers(view.raw.get("properties")):
        aliases.update(dict.fromkeys(ADVISORY.findall(value)))
    if rule.full_description and rule.full_description.startswith("("):
        # Snyk: "(CVE-2020-8203) lodash@4.17.4".
        head = rule.full_description[1:].partition(")")[0]
        aliases.update(dict.fromkeys(ADVISORY.findall(head)))
    known_as, closing, _ = message.partition("also known as ")[2].partition(")")
    if closing:
        aliases.update(dict.fromkeys(ADVISORY.findall(known_as)))
    return tuple(aliases) or (rule_id,)


def vulnerability_of(view: RuleView, rule_id: str, message: str) -> Vulnerability:
    """Return the advisory of a result: its ids and, where the message has them, fixed versions."""
    fixed = dict(_FIELD.findall(message)).get("Fixed Version", "")
    return Vulnerability(
        aliases=aliases_of(view, rule_id, message),
        fixed_versions=tuple(v for v in re.split(r"[,\s]+", fixed) if v),
    )


class Images:
    """The container image that a run, or one of its results, is about."""

    def __init__(self, tool: str, driver: str, frame: Mapping[str, Any]) -> None:
        self._tool = tool
        # Trivy names the image in the run's properties; its paths are inside the image.
        name = as_mapping(frame.get("properties")).get("imageName")
        self._image = name if tool == "trivy" and isinstance(name, str) and name else None
        self._is_snyk_container = "container" in driver.lower() and tool == "snyk"

    @property
    def possible(self) -> bool:
        """Whether results of this run may be in an image."""
        return self._is_snyk_container or self._tool in ("grype", "trivy")

    def place(self, location: Location, view: RuleView, message: str) -> None:
        """Set the image of a result's location, and make its path relative to the image."""
        if self._image is not None:
            location.image = self._image
        elif self._is_snyk_container or view.rule.name == _TRIVY_OS_PACKAGES:
            # The path is the image's name.
            location.image = location.uri
        elif self._tool == "grype" and location.uri is not None:
            match = _GRYPE_IMAGE.search(message)
            path = location.uri
            if match is not None:
                location.image, path = match["image"], match["path"]
            # Grype's paths begin with the target of its scan.
            location.uri = _INSIDE_ARCHIVE.sub("/", path.lstrip("/")) or location.uri


def _ecosystem_of(tool: str, view: RuleView, uri: str | None) -> str:
    for tag in view.rule.tags:
        ecosystem = _ECOSYSTEMS.get(tag.lower())
        if ecosystem is not None:
            return ecosystem
    return _TOOL_ECOSYSTEMS.get(tool) or (uri and ecosystem_of(uri)) or "generic"


def _package_from_bag(bag: Mapping[str, Any], message: str) -> Package | None:
    """Return the package of a property with purls; of several, the one that ``message`` names."""
    for key in ("purl", "purls", "packageUrl", "package_url"):
        value = bag.get(key)
        purls = value if isinstance(value, list) else [value]
        matches = [m for purl in purls if isinstance(purl, str) if (m := _PURL.match(purl))]
        if not matches:
            continue
        in_message = [
            m
            for m in matches
            if unquote(m["name"]).rpartition("/")[2] in message
            and (not m["version"] or unquote(m["version"]) in message)
        ]
        return _package_from_purl((in_message or matches)[0])
    return None


def _package_from_purl(match: re.Match[str]) -> Package:
    try:
        purl = PackageURL.from_string(match[0])
    except ValueError:
        return _package(match["type"], unquote(match["name"]), match["version"], match[0])
    name = purl.name
    if purl.namespace and purl.type not in ("deb", "apk", "rpm", "alpm"):
        name = f"{purl.namespace}{':' if purl.type == 'maven' else '/'}{name}"
    return _package(purl.type, name, purl.version, match[0])


def _package(ecosystem: str, name: str, version: str | None, purl: str | None = None) -> Package:
    return Package(type=ecosystem, name=name, version=version or None, purl=purl)


def _identifiers(properties: Any) -> Iterator[str]:
    if not isinstance(properties, Mapping):
        return
    for key in ("identifiers", "aliases", "cve", "cves", "ghsa"):
        value = properties.get(key)
        if isinstance(value, Mapping):
            value = [item for items in value.values() for item in items or ()]
        yield from map(str, value if isinstance(value, list) else [value])


def _logical_names(result: Mapping[str, Any]) -> Iterator[str]:
    for location in objects_in(result.get("locations")):
        for logical in objects_in(location.get("logicalLocations")):
            yield str(logical.get("fullyQualifiedName") or logical.get("name"))
