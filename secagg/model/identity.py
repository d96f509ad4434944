"""``secagg/v1``: by what a problem is known again, in the next scan and the one after.

The identity of a finding rests on what the problem is and where it lies, per kind:

- vulnerability: the canonical advisory id, the package, the manifest;
- secret: the keyed hash of the value, the file;
- code: the rule, the file, the code at the place without its spacing;
- misconfiguration: the check, the resource, the file;
- license: the license, the package, the manifest.

It does not change with descriptions, severities, times, the number of a line, the name of
the checkout, an image's tag or digest, generated resource names, or versions. All findings
of one secret in one file share one identity.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from secagg.model.context import (
    code_context,
    message_context,
    name_before_value,
    snippet_context,
    source_lines,
    without_image_tags,
)
from secagg.model.finding import Finding, Kind, Location, Package
from secagg.model.fingerprint import line_hashes_for, read_source
from secagg.model.place import image_key
from secagg.packages.advisories import plain_name
from secagg.packages.keys import Buckets
from secagg.secrets.redactor import Redactor, SecretLines

SCHEME = "secagg/v1"

# The order in which a problem's advisory ids are preferred as its name.
_PREFERRED = ("CVE-", "GHSA-", "RUSTSEC-", "PYSEC-", "GO-", "MAL-", "OSV-", "SNYK-")
_CVE = re.compile(r"CVE-(\d+)-(\d+)")
_AVD = re.compile(r"(?:AVD-)?([A-Z]{2,8})-?0*(\d{1,4})")
_PEP_503 = re.compile(r"[-_.]+")
# Names that Kubernetes makes: a template hash and five characters of its safe alphabet.
_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED = re.compile(
    rf"-[{_SAFE}a-f0-9]{{8,10}}-[{_SAFE}]{{5}}(?![\w-])"
    rf"|-(?=[a-z0-9]*\d)[{_SAFE}]{{5}}(?![\w-])"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|(?<![0-9a-z])(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{10,64}(?![0-9a-z])"
    r"|(?<!\d)\d{8,}(?!\d)"
)


def identity(finding: Finding, context: str | None = None) -> str:
    """Return the identity of one finding: 32 hexadecimal digits.

    ``context`` is the normalized code at its place (:func:`secagg.model.context.code_context`);
    without it the snippet of the report stands in, then the message. It counts for code,
    and for misconfigurations that name no resource.
    """
    return _IDENTITIES[finding.kind](finding, context)


def secret_identity(secret_id: str, place: str) -> str:
    """Return the identity of the secret with a keyed hash in the file ``place``."""
    return _hashed(Kind.SECRET, secret_id, place)


def code_identity(rule: str, place: str, context: str) -> str:
    """Return the identity of what ``rule`` found at ``place`` in code that reads ``context``."""
    return _hashed(Kind.CODE, rule, place, context)


def misconfiguration_identity(
    checks: Iterable[str], place: str, resource: str | None, context: str | None = None
) -> str:
    """The identity of a failed check on a resource; on a place in a file if none is named."""
    named = "" if resource is None else resource_key(resource)
    return _hashed(
        Kind.MISCONFIGURATION, canonical_check(checks), place, named, (not named and context) or ""
    )


def mark_findings(
    findings: Sequence[Finding], root: Path | None, redactor: Redactor | None = None
) -> None:
    """Set ``line_hash`` and ``identity`` of all ``findings``, reading each file once.

    What merging will ask of vulnerabilities (``bucket`` and ``advisory``) is set too, while what
    it rests on is being read. ``root`` is the checkout, if there is one. Findings of one tool that
    would share an identity without being the same (two equal lines of code with one flaw, two
    versions of a package) are numbered in the order of their places; secrets are not. What rests on
    a line with a secret is keyed (:mod:`secagg.secrets.redactor`) by ``redactor``, which all that
    leaves must have.
    """
    secrets = None if redactor is None else SecretLines(findings, redactor)
    base = None if root is None else Path(os.path.realpath(root))
    by_file: defaultdict[str | None, list[Finding]] = defaultdict(list)
    for finding in findings:
        place = finding.location
        # History and images have no line in the work tree.
        here = place.start_line is not None and place.commit is None and place.image is None
        by_file[place.uri if here else None].append(finding)
    marker = _Marker()
    for uri, in_file in by_file.items():
        data = read_source(base, uri) if base is not None and uri else None
        if data is None:
            for finding in in_file:
                if secrets is not None and secrets.holds(finding, None):
                    secrets.key_hashes(finding)
                marker.mark(finding)
            continue
        _mark(in_file, data, marker, secrets)
    _number(findings)


def canonical_alias(aliases: Iterable[str]) -> str:
    """Return the one id that stands for a set of aliases, whichever tools contributed them.

    A CVE before a GHSA before others; of several CVEs the oldest.
    """
    given = tuple(aliases)
    written = (alias.strip().upper() for alias in given)
    return plain_name(given) or min(written, key=_alias_order, default="")


def canonical_check(checks: Iterable[str]) -> str:
    """The one id for a check under several: ``DS002`` and ``AVD-DS-0002`` are ``DS-0002``."""
    written = sorted(_check(check) for check in checks)
    return min(written, key=lambda check: (not _AVD.fullmatch(check), check), default="")


def package_part(package: Package | None) -> str:
    """Return the part of an identity that tells of a package: its type and name, without a version.

    It belongs to the scheme and stays as it is, whatever is learned of ecosystems. To tell whether
    two packages are one, take :func:`secagg.packages.keys.package_key`.
    """
    if package is None:
        return ""
    kind, name = package.type.lower(), package.name.strip().lower()
    if kind == "pypi":
        name = _PEP_503.sub("-", name)
    elif kind == "maven":
        name = name.replace("/", ":")
    return f"{kind}/{name}"


@lru_cache(maxsize=8192)
def resource_key(resource: str) -> str:
    """Return a resource's name with generated parts (pod hashes, UUIDs, times) made equal."""
    return _GENERATED.sub("*", resource.strip())


def place_of(place: Location) -> str:
    """Return what of a location belongs to an identity: the file, and the image it is in."""
    if place.image is None:
        return place.uri or place.logical or ""
    image = image_key(place.image)
    # Some tools write the image's own name where a file's would stand.
    if place.uri is None or image_key(place.uri) == image:
        return image
    return f"{image}!{place.uri}"


def _vulnerability(finding: Finding, context: str | None) -> str:
    alias, place = finding.advisory, place_of(finding.location)
    if alias is None:
        vulnerability = finding.vulnerability
        alias = canonical_alias(
            (vulnerability.aliases if vulnerability is not None else ()) or (finding.rule_id,)
        )
    if finding.package is None:
        # Two places of one advisory in a file are told apart by what is said of them.
        return _hashed(Kind.VULNERABILITY, alias, "", place, message_context(finding.message))
    return _hashed(Kind.VULNERABILITY, alias, package_part(finding.package), place)


def _secret(finding: Finding, context: str | None) -> str:
    place = place_of(finding.location)
    sighting = finding.secret
    if sighting is not None and sighting.id is not None:
        return secret_identity(sighting.id, place)
    # The tool hid the value: its name stands in, never the line, which holds the secret.
    return _hashed(Kind.SECRET, finding.rule_id, place, context or "")


def _code(finding: Finding, context: str | None) -> str:
    if not context:
        context = snippet_context(finding) or message_context(finding.message)
    place = place_of(finding.location)
    if finding.location.logical and finding.location.uri is None:
        context = f"{context}@{finding.location.logical}"
    return code_identity(finding.rule_id, place, context)


def _misconfiguration(finding: Finding, context: str | None) -> str:
    check = finding.misconfiguration
    checks = (check.checks if check is not None else ()) or (finding.rule_id,)
    resource = None if check is None else check.resource
    if resource is None and not context:
        context = snippet_context(finding) or message_context(finding.message)
    return misconfiguration_identity(checks, place_of(finding.location), resource, context)


def _license(finding: Finding, context: str | None) -> str:
    named = (finding.license or finding.rule_id).strip().lower()
    package = package_part(finding.package)
    return _hashed(Kind.LICENSE, named, package, place_of(finding.location))


_IDENTITIES: dict[Kind, Callable[[Finding, str | None], str]] = {
    Kind.VULNERABILITY: _vulnerability,
    Kind.SECRET: _secret,
    Kind.CODE: _code,
    Kind.MISCONFIGURATION: _misconfiguration,
    Kind.LICENSE: _license,
}


class _Marker:
    """Marks one finding after the other; equal names and identities are one object."""

    def __init__(self) -> None:
        self._buckets = Buckets()
        self._identities: dict[str, str] = {}

    def mark(self, finding: Finding, context: str | None = None) -> None:
        """Set the ids of ``finding``, in merging and over time (see :func:`identity`)."""
        vulnerability = finding.vulnerability
        if vulnerability is not None:
            finding.bucket = self._buckets.of(finding)
            finding.advisory = plain_name(vulnerability.aliases)
        made = identity(finding, context)
        finding.identity = self._identities.setdefault(made, made)


def _mark(found: list[Finding], data: bytes, marker: _Marker, secrets: SecretLines | None) -> None:
    """Set the hashes and identities of the findings of one file."""
    hashes = line_hashes_for(data, {f.location.start_line or 0 for f in found if not f.line_hash})
    lines = source_lines(data)
    if secrets is not None:
        secrets.look_into(found[0].location.uri, lines)
    untagged: list[bytes] = []
    for finding in found:
        place = finding.location
        if finding.line_hash is None:
            finding.line_hash = hashes.get(place.start_line or 0)
        context = None
        if finding.kind is not Kind.VULNERABILITY and finding.kind is not Kind.LICENSE:
            if finding.kind is Kind.SECRET:
                context = name_before_value(lines, place)
            elif finding.kind is Kind.MISCONFIGURATION:
                untagged = untagged or without_image_tags(lines)
                context = code_context(untagged, place)
            else:
                context = code_context(lines, place)
        if secrets is not None and secrets.holds(finding, lines):
            secrets.key_hashes(finding)
            if context:
                context = secrets.key_context(context)
        marker.mark(finding, context)


def _number(findings: Sequence[Finding]) -> None:
    """Tell apart findings of one tool that share an identity, in the order of their places."""
    first: dict[tuple[str, str], Finding] = {}
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.kind is not Kind.SECRET:
            key = finding.tool, finding.identity
            before = first.setdefault(key, finding)
            if before is not finding:
                alike.setdefault(key, [before]).append(finding)
    for same in alike.values():
        ranks = {key: rank for rank, key in enumerate(sorted({_order(f) for f in same}))}
        for finding in same:
            rank = ranks[_order(finding)]
            if rank:
                finding.identity = _hashed(finding.kind, finding.identity, str(rank + 1))


def _order(finding: Finding) -> tuple[str, int, int, str]:
    """What tells findings of one identity apart; equal in all of it, they are the same."""
    place = finding.location
    version = "" if finding.package is None else finding.package.version or ""
    if finding.kind is Kind.VULNERABILITY:
        return upstream_version(version), 0, 0, ""
    return version, place.start_line or 0, place.start_column or 0, place.logical or ""


def upstream_version(version: str) -> str:
    """Return a version without its distribution's revision (``1.2.3-4+deb11u1`` is ``1.2.3``)."""
    return re.sub(r"(?<=\d)[-+~](?:\d[\w.+~]*(?:ubuntu|deb|el|fc|r)?[\w.+~]*|r\d+)$", "", version)


def _check(check: str) -> str:
    written = check.strip().upper()
    match = _AVD.fullmatch(written)
    return f"{match[1]}-{int(match[2]):04d}" if match else written


def _alias_order(alias: str) -> tuple[int, int, int, str]:
    for rank, prefix in enumerate(_PREFERRED):
        if alias.startswith(prefix):
            match = _CVE.fullmatch(alias)
            year, number = (int(match[1]), int(match[2])) if match else (0, 0)
            return rank, year, number, alias
    return len(_PREFERRED), 0, 0, alias


def _hashed(kind: Kind, *parts: str) -> str:
    text = "\x1f".join((SCHEME, kind, *parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
