"""Package URLs and advisory ids as scanners give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

# Databases whose advisories are about one problem each. A vendor's (DSA, RHSA, USN, ALAS)
# bundle the fixes of several: two problems would be merged if they counted as names.
_ONE_PROBLEM = re.compile(
    r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|RUSTSEC-\d{4}-\d{4}"
    r"|GO-\d{4}-\d+|OSV-\d{4}-\d+|GMS-\d{4}-\d+|NSWG-ECO-\d+|SNYK-[A-Z0-9-]+|npm:\S+:\d{8})",
    re.IGNORECASE,
)


_OWN_PAGES = {
    "GHSA-": re.compile(
        r"(?:github\.com/advisories/|/security/advisories/)(GHSA(?:-[0-9a-z]{4}){3})(?![0-9a-z-])"
    ),
    "RUSTSEC-": re.compile(r"rustsec\.org/advisories/(RUSTSEC-\d{4}-\d{4})"),
    "PYSEC-": re.compile(r"/(PYSEC-\d{4}-\d+)(?:\.yaml)?$"),
    "GO-": re.compile(r"pkg\.go\.dev/vuln/(GO-\d{4}-\d+)"),
}


def names_one_problem(identifier: str) -> bool:
    """True for an id that can stand among the aliases of one vulnerability."""
    return _ONE_PROBLEM.fullmatch(identifier) is not None


def aliases(rule_id: str, others: Iterable[str], references: Sequence[str]) -> tuple[str, ...]:
    """All names of one vulnerability: its id, other ids given, and those its references prove.

    A reference to an advisory's own page proves a name only if it is the only page of its
    database among them: where there are two, one is about something else.
    """
    names = [rule_id, *(name for name in others if names_one_problem(name))]
    joined = "\n".join(references)
    for database, page in _OWN_PAGES.items():
        if database in joined and not any(name.startswith(database) for name in names):
            # Most references are about something else: they are not looked at twice.
            pages = {m[1] for url in references if database in url and (m := page.search(url))}
            if len(pages) == 1:
                names += pages
    return tuple(dict.fromkeys(names))


# Where several distributions share a package format, the purl's namespace is the distribution.
_SYSTEMS = {
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


# The purl types of what package managers, lock files and installed trees hold.
_MANAGERS = {
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


# Names and versions that no type's rules change.
_NORMAL = re.compile(r"[a-z0-9][a-z0-9.-]*")


# The same of namespaces; the "@" of npm's scopes is encoded.
_NORMAL_SPACE = re.compile(r"@?[a-z0-9][a-z0-9.-]*(?:/[a-z0-9][a-z0-9.-]*)*")


# Types whose purl is the name and version, by rules that leave nothing to guess.
_PLAIN = frozenset({"cargo", "gem", "hex", "nuget", "pub", "pypi", "conda"})


_SCOPED = frozenset({"npm", "golang", "composer"})


def is_system(manager: str) -> bool:
    """True for the name of an operating system (with or without a version: ``debian:11``)."""
    return manager.partition(":")[0].lower() in _SYSTEMS


def type_of(manager: str) -> str:
    """Return the purl type of what ``manager`` manages; ``generic`` for one that is not known."""
    name = manager.partition(":")[0].lower()
    return _MANAGERS.get(name) or _SYSTEMS.get(name) or "generic"


def type_in(purl: str) -> str | None:
    """Return the type that a purl names; None if it is no purl."""
    if not purl.startswith("pkg:"):
        return None
    return purl[4:].lstrip("/").partition("/")[0].lower() or None


@lru_cache(maxsize=4096)
def build(manager: str, name: str, version: str | None) -> str | None:
    """Return the purl of a package, where its parts are known without guessing; else None."""
    kind = type_of(manager)
    namespace, bare = "", name
    if kind in _SCOPED:
        namespace, _, bare = name.rpartition("/")
    elif kind == "maven":
        namespace, _, bare = name.rpartition(":")
        if not namespace:
            return None
    elif kind in ("deb", "apk", "rpm") and is_system(manager):
        # Snyk writes source/binary; what is installed is the binary package.
        namespace, bare = manager.partition(":")[0].lower(), name.rpartition("/")[2]
    elif kind not in _PLAIN:
        return None
    if not bare.strip().strip("/").strip():
        return None
    if (
        kind != "pub"  # It writes "_" for what no identifier of Dart may hold.
        and _NORMAL.fullmatch(bare)
        and (not version or _NORMAL.fullmatch(version))
        and (not namespace or _NORMAL_SPACE.fullmatch(namespace))
    ):
        # What the library would leave as it is: most packages, at a hundredth of the time.
        path = f"{namespace.replace('@', '%40')}/{bare}" if namespace else bare
        return f"pkg:{kind}/{path}@{version}" if version else f"pkg:{kind}/{path}"
    from packageurl import PackageURL

    try:
        return PackageURL(kind, namespace or None, bare, version).to_string()
    except (TypeError, ValueError):
        return None
