"""Package URLs and advisory ids from what scanners report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from secagg.system.patterns import lazy

# Databases whose advisories are about one problem each. Vendors' advisories (DSA, RHSA, USN, ALAS)
# bundle several problems: these would be merged if their ids counted as aliases.
_ONE_PROBLEM = lazy(
    r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|RUSTSEC-\d{4}-\d{4}"
    r"|GO-\d{4}-\d+|OSV-\d{4}-\d+|GMS-\d{4}-\d+|NSWG-ECO-\d+|SNYK-[A-Z0-9-]+|npm:\S+:\d{8})",
    re.IGNORECASE,
)

_ADVISORY_PAGES = {
    "GHSA-": lazy(
        r"(?:github\.com/advisories/|/security/advisories/)(GHSA(?:-[0-9a-z]{4}){3})(?![0-9a-z-])"
    ),
    "RUSTSEC-": lazy(r"rustsec\.org/advisories/(RUSTSEC-\d{4}-\d{4})"),
    "PYSEC-": lazy(r"/(PYSEC-\d{4}-\d+)(?:\.yaml)?$"),
    "GO-": lazy(r"pkg\.go\.dev/vuln/(GO-\d{4}-\d+)"),
}


def is_alias(identifier: str) -> bool:
    """Tell whether an id names one problem, and so may be an alias of a vulnerability."""
    return _ONE_PROBLEM.fullmatch(identifier) is not None


def aliases(rule_id: str, others: Iterable[str], references: Sequence[str]) -> tuple[str, ...]:
    """Return all ids of a vulnerability: ``rule_id``, the aliases in ``others`` and in references.

    A reference to an advisory's page counts only if it is the only page of its database: of two,
    one is about something else.
    """
    names = [rule_id, *(name for name in others if is_alias(name))]
    joined = "\n".join(references)
    for database, page in _ADVISORY_PAGES.items():
        if database in joined and not any(name.startswith(database) for name in names):
            # Most references are about something else: check for the prefix before the pattern.
            pages = {m[1] for url in references if database in url and (m := page.search(url))}
            if len(pages) == 1:
                names += pages
    return tuple(dict.fromkeys(names))


# Distributions by package format: the purl's namespace is the distribution.
_TYPE_OF_SYSTEM = {
    "alma": "rpm",
    "almalinux": "rpm",
    "alpine": "apk",
    "amazon": "rpm",
    "amzn": "rpm",
    "arch": "alpm",
    "azurelinux": "rpm",
    "bottlerocket": "rpm",
    "cbl-mariner": "rpm",
    "centos": "rpm",
    "chainguard": "apk",
    "debian": "deb",
    "echo": "deb",
    "fedora": "rpm",
    "minimos": "apk",
    "opensuse": "rpm",
    "opensuse.leap": "rpm",
    "opensuse-leap": "rpm",
    "opensuse-tumbleweed": "rpm",
    "oracle": "rpm",
    "photon": "rpm",
    "redhat": "rpm",
    "rhel": "rpm",
    "rocky": "rpm",
    "sles": "rpm",
    "slem": "rpm",
    "suse linux enterprise server": "rpm",
    "ubuntu": "deb",
    "wolfi": "apk",
}

# Purl types of the names that tools have for package managers, lock files and installed packages.
_TYPE_OF_MANAGER = {
    "actions": "githubactions",
    "apk": "apk",
    "bun": "npm",
    "bundler": "gem",
    "cargo": "cargo",
    "cocoapods": "cocoapods",
    "composer": "composer",
    "composer-vendor": "composer",
    "conan": "conan",
    "conda-environment": "conda",
    "conda-pkg": "conda",
    "crates.io": "cargo",
    "dart-pub": "pub",
    "deb": "deb",
    "dotnet": "nuget",
    "dotnet-core": "nuget",
    "erlang": "hex",
    "gemspec": "gem",
    "github-action": "githubactions",
    "go": "golang",
    "go-module": "golang",
    "gobinary": "golang",
    "golang": "golang",
    "golangdep": "golang",
    "gomod": "golang",
    "gomodules": "golang",
    "govendor": "golang",
    "gradle": "maven",
    "hex": "hex",
    "jar": "maven",
    "java": "maven",
    "java-archive": "maven",
    "javascript": "npm",
    "jenkins-plugin": "maven",
    "julia": "julia",
    "k8s": "k8s",
    "kubernetes": "k8s",
    "maven": "maven",
    "node-pkg": "npm",
    "npm": "npm",
    "nuget": "nuget",
    "packages-props": "nuget",
    "packagist": "composer",
    "paket": "nuget",
    "php-composer": "composer",
    "pip": "pypi",
    "pipenv": "pypi",
    "pnpm": "npm",
    "poetry": "pypi",
    "pom": "maven",
    "pub": "pub",
    "pylock": "pypi",
    "pypi": "pypi",
    "python": "pypi",
    "python-pkg": "pypi",
    "rpm": "rpm",
    "ruby": "gem",
    "rubygems": "gem",
    "rust": "cargo",
    "rust-binary": "cargo",
    "rust-crate": "cargo",
    "rustbinary": "cargo",
    "sbt": "maven",
    "swift": "swift",
    "uv": "pypi",
    "yarn": "npm",
}

# Names and versions that are the same in a purl of any type.
_NORMAL = lazy(r"[a-z0-9][a-z0-9.-]*")

# The same for namespaces; the "@" of npm's scopes is encoded.
_NORMAL_NAMESPACE = lazy(r"@?[a-z0-9][a-z0-9.-]*(?:/[a-z0-9][a-z0-9.-]*)*")

# Types whose purl has no namespace.
_UNSCOPED_TYPES = frozenset({"cargo", "gem", "hex", "nuget", "pub", "pypi", "conda"})
_SCOPED_TYPES = frozenset({"npm", "golang", "composer"})


def is_system(manager: str) -> bool:
    """Tell whether ``manager`` is an operating system (with or without version: ``debian:11``)."""
    return manager.partition(":")[0].lower() in _TYPE_OF_SYSTEM


def type_of(manager: str) -> str:
    """Return the purl type of the packages of ``manager``; ``generic`` if it is unknown."""
    name = manager.partition(":")[0].lower()
    return _TYPE_OF_MANAGER.get(name) or _TYPE_OF_SYSTEM.get(name) or "generic"


def type_in(purl: str) -> str | None:
    """Return the type of a purl; None if it is no purl."""
    if not purl.startswith("pkg:"):
        return None
    return purl[4:].lstrip("/").partition("/")[0].lower() or None


@lru_cache(maxsize=4096)
def build_purl(manager: str, name: str, version: str | None) -> str | None:
    """Return the purl of a package; None if its parts cannot be derived from the name."""
    purl_type = type_of(manager)
    namespace, base_name = "", name
    if purl_type in _SCOPED_TYPES:
        namespace, _, base_name = name.rpartition("/")
    elif purl_type == "maven":
        namespace, _, base_name = name.rpartition(":")
        if not namespace:
            return None
    elif purl_type in ("deb", "apk", "rpm") and is_system(manager):
        # Snyk writes source/binary; what is installed is the binary package.
        namespace, base_name = manager.partition(":")[0].lower(), name.rpartition("/")[2]
    elif purl_type not in _UNSCOPED_TYPES:
        return None
    if not base_name.strip().strip("/").strip():
        return None
    if (
        purl_type != "pub"  # The library replaces characters that Dart does not allow.
        and _NORMAL.fullmatch(base_name)
        and (not version or _NORMAL.fullmatch(version))
        and (not namespace or _NORMAL_NAMESPACE.fullmatch(namespace))
    ):
        # For most packages the library changes nothing, and takes a hundred times as long.
        path = f"{namespace.replace('@', '%40')}/{base_name}" if namespace else base_name
        return f"pkg:{purl_type}/{path}@{version}" if version else f"pkg:{purl_type}/{path}"
    from packageurl import PackageURL

    try:
        return PackageURL(purl_type, namespace or None, base_name, version).to_string()
    except (TypeError, ValueError):
        return None
