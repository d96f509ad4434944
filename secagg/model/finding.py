"""The model of a :class:`Finding`: what one scanner says about one place.

A finding holds no secret value: it has a keyed hash instead (:mod:`secagg.secrets.redactor`),
and every text in it was masked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from secagg.jsonio.value import decode, encode

_S = TypeVar("_S", bound=Struct)


class Kind(StrEnum):
    """The kind of problem that a finding is."""

    VULNERABILITY = "vulnerability"
    SECRET = "secret"
    CODE = "code"
    MISCONFIGURATION = "misconfiguration"
    LICENSE = "license"


# What a tool looks for that reports findings of a kind, in words.
KIND_WORDS = {
    Kind.VULNERABILITY: "vulnerable dependencies",
    Kind.SECRET: "secrets",
    Kind.CODE: "flaws in code",
    Kind.MISCONFIGURATION: "misconfigurations",
    Kind.LICENSE: "licenses",
}


class Severity(StrEnum):
    """The severities of secagg, the worst first."""

    rank: int
    """4 for critical down to 0 for none."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"

    @classmethod
    def of_score(cls, score: float) -> Severity:
        """Return the band of a CVSS score (0.0 to 10.0) by the qualitative scale of CVSS 3.1, 5."""
        if score >= 9.0:
            return cls.CRITICAL
        if score >= 7.0:
            return cls.HIGH
        if score >= 4.0:
            return cls.MEDIUM
        return cls.LOW if score > 0.0 else cls.NONE


# A plain attribute is faster than a property, and this one is read for every row.
for _rank, _severity in enumerate(reversed(Severity)):
    _severity.rank = _rank


class Rating(Struct, kw_only=True, gc=False, omit_defaults=True, rename="camel"):
    """One source's rating of a finding.

    ``source`` names who rates (``nvd``, ``ghsa``, ``snyk``, ``redhat``, the tool
    itself); ``score`` is 0.0 to 10.0; ``vector`` is the CVSS vector as given.
    """

    source: str
    severity: Severity
    score: float | None = None
    vector: str | None = None


class Location(Struct, kw_only=True, gc=False):
    """A place in the scanned tree.

    ``uri`` is relative to the root of the checkout, with ``/`` between its parts and
    not percent-encoded; lines and columns count from 1. ``commit`` is set where the
    place is in history rather than in the work tree, ``image`` and ``layer`` where it
    is in a container image, ``logical`` where only a name is known (a class, a route).
    ``digests`` are those of the image (``sha256:...``: its manifests' and its id), as far as the
    tool gives them.
    """

    uri: str | None = None
    start_line: int | None = None
    start_column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    commit: str | None = None
    image: str | None = None
    layer: str | None = None
    logical: str | None = None
    digests: tuple[str, ...] = ()


# The purl types whose namespace is a distribution rather than part of the name.
DISTRIBUTION_TYPES = frozenset({"alpm", "apk", "deb", "rpm"})


class Package(Struct, kw_only=True, gc=False, omit_defaults=True, rename="camel"):
    """A package of an ecosystem.

    ``type`` is the purl type (``pypi``, ``npm``, ``cargo``, ``golang``, ``maven``,
    ``deb``, ...); ``name`` is as the tool wrote it, namespace included; ``purl`` is
    the tool's, or made where nothing needs to be guessed.
    """

    type: str
    name: str
    version: str | None = None
    purl: str | None = None


class Vulnerability(Struct, kw_only=True, gc=False, omit_defaults=True, rename="camel"):
    """Facts about a vulnerable dependency besides its package.

    ``aliases`` has every advisory id that the tool gives for the problem, the finding's rule
    id included. ``dependency_paths`` lead from the project to the package. ``status`` is the
    vendor's (``fixed``, ``affected``, ``will_not_fix``).
    ``epss`` is a probability 0.0 to 1.0.
    """

    aliases: tuple[str, ...] = ()
    fixed_versions: tuple[str, ...] = ()
    dependency_paths: tuple[tuple[str, ...], ...] = ()
    direct: bool | None = None
    scope: str | None = None
    status: str | None = None
    epss: float | None = None
    kev: bool | None = None
    published: str | None = None


class SecretSighting(Struct, kw_only=True, gc=False, omit_defaults=True, rename="camel"):
    """One sighting of a secret, without its value.

    ``id`` is the keyed hash of the value (``None`` where the tool masks the value in its
    report), and ``key`` names the key of the hash
    (:attr:`secagg.secrets.redactor.Redactor.key_name`). ``verified`` is True where the issuing
    service accepted the secret, False where it did not or was not asked, ``None`` where the tool
    never asks. ``in_history`` says that it is in a commit rather than in the work tree.
    """

    id: str | None
    detector: str
    decoder: str | None = None
    verified: bool | None = None
    in_history: bool = False
    key: str | None = None


class Misconfiguration(Struct, kw_only=True, gc=False, omit_defaults=True, rename="camel"):
    """A check that a configuration file fails: all ids of the check, and the resource."""

    checks: tuple[str, ...] = ()
    resource: str | None = None
    provider: str | None = None


class Rule(Struct, kw_only=True, gc=False):
    """A rule, check or advisory; all findings of one rule share the object."""

    id: str
    name: str | None = None
    short_description: str | None = None
    full_description: str | None = None
    help_text: str | None = None
    help_markdown: str | None = None
    help_uri: str | None = None
    tags: tuple[str, ...] = ()
    precision: str | None = None


class Suppression(Struct, kw_only=True, gc=False):
    """A decision that a finding does not count, as a report has it.

    ``source`` is the file or system (``.trivyignore``, ``snyk policy``, ``SARIF``);
    ``status`` is SARIF's ``accepted``, ``underReview`` or ``rejected`` (3.35.3). ``uri`` is the
    file that has the decision, where the tool names one (3.35.6).
    """

    source: str
    kind: str = "external"
    status: str = "accepted"
    justification: str | None = None
    uri: str | None = None


class SarifOrigin(Struct, kw_only=True, gc=False):
    """The SARIF result that a finding was read from, and its run.

    Both are kept, masked, so that no property is lost when they are written again. ``run``
    is the run object without its ``results``; all findings of the run share it. ``encoded`` is
    the result as JSON.
    """

    run: Mapping[str, Any]
    encoded: bytes

    @classmethod
    def of(cls, run: Mapping[str, Any], result: Mapping[str, Any]) -> SarifOrigin:
        """Make the origin of a decoded ``result``."""
        return cls(run=run, encoded=encode(result))

    @property
    def result(self) -> Mapping[str, Any]:
        """The result object, decoded anew for each caller."""
        result: Mapping[str, Any] = decode(self.encoded)
        return result


class Finding(Struct, kw_only=True, gc=False):
    """What one scanner says about one place.

    ``tool`` is the lower-case name of the scanner; ``rule_id`` its own id for the rule,
    check, detector or advisory. Where the tool gives no severity, ``severity_known`` is False
    and the policy decides how the finding counts. ``places`` are further places of the problem,
    where one result of a tool has several (SARIF 2.1.0, 3.27.12); ``related`` are places that
    explain it. ``ratings`` has the severities of all sources. ``fingerprints`` are those of the
    tool that hold no secret. ``identity`` (``secagg/v1``) is set by
    :mod:`secagg.model.identity`, ``line_hash`` (``primaryLocationLineHash``) by
    :mod:`secagg.model.fingerprint`, ``component`` by the pipeline.

    ``bucket`` and ``advisory`` are cached keys for merging vulnerabilities: the package with its
    place (:mod:`secagg.packages.keys`), and the advisory id where exactly one names it.
    :mod:`secagg.model.identity` sets them from the other fields, and :func:`replace` resets them.
    """

    tool: str
    kind: Kind
    rule_id: str
    severity: Severity
    title: str
    message: str = ""
    severity_known: bool = True
    score: float | None = None
    ratings: tuple[Rating, ...] = ()
    location: Location = field(default_factory=Location)
    places: tuple[Location, ...] = ()
    related: tuple[Location, ...] = ()
    rule: Rule | None = None
    cwes: tuple[str, ...] = ()
    package: Package | None = None
    vulnerability: Vulnerability | None = None
    secret: SecretSighting | None = None
    misconfiguration: Misconfiguration | None = None
    license: str | None = None
    fix: str | None = None
    references: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    sarif: SarifOrigin | None = None
    component: str | None = None
    identity: str = ""
    line_hash: str | None = None
    bucket: str = ""
    advisory: str | None = None

    @property
    def suppressed(self) -> bool:
        """Whether suppressions are in force (SARIF 3.27.23: all of them are accepted)."""
        return bool(self.suppressions) and all(s.status == "accepted" for s in self.suppressions)


def replace(value: _S, **changes: Any) -> _S:
    """Copy ``value`` with ``changes`` to its fields; a finding's cached keys are reset."""
    if isinstance(value, Finding):
        changes = {"bucket": "", "advisory": None, **changes}
    return msgspec.structs.replace(value, **changes)
