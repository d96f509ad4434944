"""``secagg/v1``: the identity of a finding, which stays the same from scan to scan.

It is a hash of what the problem is and where it is, by kind:

- vulnerability: the canonical advisory id, the package, the manifest;
- secret: the keyed hash of the value, the file;
- code: the rule, the file, the code at the place without white space;
- misconfiguration: the check, the resource, the file;
- license: the license, the package, the manifest.

Descriptions, severities, times, line numbers, the name of the checkout, an image's tag or
digest, generated resource names and versions are no part of it. All findings of one secret in
one file share one identity.
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
from secagg.packages.advisories import OTHER_RANK, RANKS, plain_name
from secagg.packages.keys import Buckets
from secagg.secrets.redactor import Redactor, SecretLines
from secagg.system.patterns import lazy

SCHEME = "secagg/v1"
_CVE = lazy(r"CVE-(\d+)-(\d+)")
_AVD = lazy(r"(?:AVD-)?([A-Z]{2,8})-?0*(\d{1,4})")
_PEP_503 = lazy(r"[-_.]+")
# The suffixes that Kubernetes generates: a template hash and five letters of its alphabet.
_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED = lazy(
    rf"-[{_SAFE}a-f0-9]{{8,10}}-[{_SAFE}]{{5}}(?![\w-])"
    rf"|-(?=[a-z0-9]*\d)[{_SAFE}]{{5}}(?![\w-])"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|(?<![0-9a-z])(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{10,64}(?![0-9a-z])"
    r"|(?<!\d)\d{8,}(?!\d)"
)


def identity(finding: Finding, context: str | None = None) -> str:
    """Return the identity of one finding: 32 hexadecimal digits.

    ``context`` is the code at its place (:func:`secagg.model.context.code_context`); without it
    the snippet of the report stands in, then the message. It counts for code, and for
    misconfigurations without a resource.
    """
    return _IDENTITIES[finding.kind](finding, context)


def secret_identity(secret_id: str, place: str) -> str:
    """Return the identity of a secret by its keyed hash and its file."""
    return _hashed(Kind.SECRET, secret_id, place)


def code_identity(rule: str, place: str, context: str) -> str:
    """Return the identity of a finding in code by its rule, its file and the code there."""
    return _hashed(Kind.CODE, rule, place, context)


def misconfiguration_identity(
    checks: Iterable[str], place: str, resource: str | None, context: str | None = None
) -> str:
    """Return the identity of a failed check on a resource; without one, on the code at a place."""
    name = "" if resource is None else resource_key(resource)
    return _hashed(
        Kind.MISCONFIGURATION, canonical_check(checks), place, name, (not name and context) or ""
    )


def set_identities(
    findings: Sequence[Finding], root: Path | None, redactor: Redactor | None = None
) -> None:
    """Set ``line_hash`` and ``identity`` of all ``findings``; read each file once.

    Also set the keys for merging vulnerabilities (``bucket`` and ``advisory``). ``root`` is the
    checkout, if there is one. Different findings of one tool that would share an identity (the
    same line of code twice, two versions of a package) are numbered in the order of their places;
    secrets are not. Hashes of lines with a secret are keyed by ``redactor``
    (:mod:`secagg.secrets.redactor`), which is required for all that leaves this machine.
    """
    secrets = None if redactor is None else SecretLines(findings, redactor)
    base = None if root is None else Path(os.path.realpath(root))
    by_file: defaultdict[str | None, list[Finding]] = defaultdict(list)
    for finding in findings:
        location = finding.location
        # Findings in history and in images have no line in the work tree.
        in_tree = (
            location.start_line is not None and location.commit is None and location.image is None
        )
        by_file[location.uri if in_tree else None].append(finding)
    keys = _KeySetter()
    for uri, in_file in by_file.items():
        data = read_source(base, uri) if base is not None and uri else None
        if data is None:
            for finding in in_file:
                if secrets is not None and secrets.affects(finding, None):
                    secrets.key_hashes(finding)
                keys.set(finding)
            continue
        _set_in_file(in_file, data, keys, secrets)
    _number_equal(findings)


def canonical_alias(aliases: Iterable[str]) -> str:
    """Return the one id that stands for a set of aliases, whatever tools they come from.

    A CVE comes before a GHSA and others; of several CVEs the oldest.
    """
    aliases = tuple(aliases)
    ids = (alias.strip().upper() for alias in aliases)
    return plain_name(aliases) or min(ids, key=_alias_order, default="")


def canonical_check(checks: Iterable[str]) -> str:
    """Return the one id of a check with several: ``DS002`` and ``AVD-DS-0002`` are ``DS-0002``."""
    ids = sorted(_check_id(check) for check in checks)
    return min(ids, key=lambda check: (not _AVD.fullmatch(check), check), default="")


def package_part(package: Package | None) -> str:
    """Return a package's part of an identity: its type and name, without the version.

    It is part of the scheme and must not change. To compare packages, use
    :func:`secagg.packages.keys.package_key`.
    """
    if package is None:
        return ""
    kind, name = package.type.lower(), package.name.strip().lower()
    if kind == "pypi":
        name = _PEP_503.sub("-", name)
    elif kind == "maven":
        name = name.replace("/", ":")
    return f"{kind}/{name}"


# Checkov: AWS::SQS::Queue.Jobs
_TYPE = lazy(r"^\w+::[\w:-]+\.(?=\w)")


@lru_cache(maxsize=8192)
def resource_key(resource: str) -> str:
    """Return a resource's name with ``*`` for generated parts (pod hashes, UUIDs, times).

    A template of CloudFormation has one resource of a logical id; some tools write its type too.
    """
    return _GENERATED.sub("*", _TYPE.sub("", resource.strip(), count=1))


def place_of(location: Location) -> str:
    """Return a location's part of an identity: the file, and the image that it is in."""
    if location.image is None:
        return location.uri or location.logical or ""
    image = image_key(location.image)
    # Some tools write the name of the image in place of a file.
    if location.uri is None or image_key(location.uri) == image:
        return image
    return f"{image}!{location.uri}"


def _vulnerability(finding: Finding, context: str | None) -> str:
    alias, place = finding.advisory, place_of(finding.location)
    if alias is None:
        vulnerability = finding.vulnerability
        alias = canonical_alias(
            (vulnerability.aliases if vulnerability is not None else ()) or (finding.rule_id,)
        )
    if finding.package is None:
        # Messages tell apart two places of one advisory in a file.
        return _hashed(Kind.VULNERABILITY, alias, "", place, message_context(finding.message))
    return _hashed(Kind.VULNERABILITY, alias, package_part(finding.package), place)


def _secret(finding: Finding, context: str | None) -> str:
    place = place_of(finding.location)
    sighting = finding.secret
    if sighting is not None and sighting.id is not None:
        return secret_identity(sighting.id, place)
    # The tool masks the value. Its name stands in, never the line, which has the secret.
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
    name = (finding.license or finding.rule_id).strip().lower()
    return _hashed(Kind.LICENSE, name, package_part(finding.package), place_of(finding.location))


_IDENTITIES: dict[Kind, Callable[[Finding, str | None], str]] = {
    Kind.VULNERABILITY: _vulnerability,
    Kind.SECRET: _secret,
    Kind.CODE: _code,
    Kind.MISCONFIGURATION: _misconfiguration,
    Kind.LICENSE: _license,
}


class _KeySetter:
    """Sets the keys of findings; equal keys share one string object."""

    def __init__(self) -> None:
        self._buckets = Buckets()
        self._identities: dict[str, str] = {}

    def set(self, finding: Finding, context: str | None = None) -> None:
        """Set the keys for merging ``finding``, and its identity (see :func:`identity`)."""
        vulnerability = finding.vulnerability
        if vulnerability is not None:
            finding.bucket = self._buckets.of(finding)
            finding.advisory = plain_name(vulnerability.aliases)
        key = identity(finding, context)
        finding.identity = self._identities.setdefault(key, key)


def upstream_version(version: str) -> str:
    """Return a version without its distribution's revision (``1.2.3-4+deb11u1`` is ``1.2.3``)."""
    return re.sub(r"(?<=\d)[-+~](?:\d[\w.+~]*(?:ubuntu|deb|el|fc|r)?[\w.+~]*|r\d+)$", "", version)


def _set_in_file(
    findings: list[Finding], data: bytes, keys: _KeySetter, secrets: SecretLines | None
) -> None:
    """Set the hashes and identities of the findings of one file."""
    unhashed = {f.location.start_line or 0 for f in findings if not f.line_hash}
    hashes = line_hashes_for(data, unhashed)
    lines = source_lines(data)
    if secrets is not None:
        secrets.add_file(findings[0].location.uri, lines)
    untagged: list[bytes] = []
    for finding in findings:
        location = finding.location
        if finding.line_hash is None:
            finding.line_hash = hashes.get(location.start_line or 0)
        context = None
        if finding.kind is not Kind.VULNERABILITY and finding.kind is not Kind.LICENSE:
            if finding.kind is Kind.SECRET:
                context = name_before_value(lines, location)
            elif finding.kind is Kind.MISCONFIGURATION:
                untagged = untagged or without_image_tags(lines)
                context = code_context(untagged, location)
            else:
                context = code_context(lines, location)
        if secrets is not None and secrets.affects(finding, lines):
            secrets.key_hashes(finding)
            if context:
                context = secrets.key_context(context)
        keys.set(finding, context)


def _number_equal(findings: Sequence[Finding]) -> None:
    """Number different findings of one tool with equal identities, in the order of places."""
    first: dict[tuple[str, str], Finding] = {}
    equal: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.kind is not Kind.SECRET:
            key = finding.tool, finding.identity
            before = first.setdefault(key, finding)
            if before is not finding:
                equal.setdefault(key, [before]).append(finding)
    for group in equal.values():
        ranks = {key: rank for rank, key in enumerate(sorted({_order(f) for f in group}))}
        for finding in group:
            rank = ranks[_order(finding)]
            if rank:
                finding.identity = _hashed(finding.kind, finding.identity, str(rank + 1))


def _order(finding: Finding) -> tuple[str, int, int, str]:
    """The sort key of findings with one identity; those with equal keys are the same."""
    location = finding.location
    version = "" if finding.package is None else finding.package.version or ""
    if finding.kind is Kind.VULNERABILITY:
        return upstream_version(version), 0, 0, ""
    return version, location.start_line or 0, location.start_column or 0, location.logical or ""


def _check_id(check: str) -> str:
    name = check.strip().upper()
    match = _AVD.fullmatch(name)
    return f"{match[1]}-{int(match[2]):04d}" if match else name


def _alias_order(alias: str) -> tuple[int, int, int, str]:
    database, hyphen, _ = alias.partition("-")
    match = _CVE.fullmatch(alias)
    year, number = (int(match[1]), int(match[2])) if match else (0, 0)
    return RANKS.get(database, OTHER_RANK) if hyphen else OTHER_RANK, year, number, alias


def _hashed(kind: Kind, *parts: str) -> str:
    text = "\x1f".join((SCHEME, kind, *parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
