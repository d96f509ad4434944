"""The in-toto statement of a scan (in-toto Attestation Framework, Statement v1).

The schema is published as ``secagg/schemas/evidence.schema.json``. Names are in lowerCamelCase, as
the framework asks. Within one predicate type names are only ever added, so a reader ignores those
that it does not know.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from secagg.jsonio.output import encoded
from secagg.output.summary import Count

STATEMENT_TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Literal["urn:secagg:evidence:v1"] = "urn:secagg:evidence:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

GIT_COMMIT = "gitCommit"
SHA256 = "sha256"

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, hexadecimal")]


class _EvidencePart(Struct, rename="camel"):
    """A part of the statement."""


class EvaluatedTool(_EvidencePart, kw_only=True):
    """One tool run: which tool looked at what, and whether it saw all of it."""

    name: Annotated[str, Meta(description="the scanner's name")]
    version: str | None = None
    component: Annotated[str, Meta(description="the component's directory; '.' is the whole tree")]
    mode: Annotated[str | None, Meta(description="which of several runs of one tool")] = None
    status: Literal["complete", "failed", "skipped"]
    optional: Annotated[bool, Meta(description="a failure does not make the scan incomplete")] = (
        False
    )
    reported: Annotated[Count, Meta(description="entries in the tool's own report")] = 0
    findings: Annotated[Count, Meta(description="entries that became findings")] = 0
    suppressed: Annotated[Count, Meta(description="entries that the tool was told to ignore")] = 0
    unreadable: Annotated[Count, Meta(description="entries that could not be parsed")] = 0
    reason: Annotated[str | None, Meta(description="why it failed or was skipped")] = None
    notes: Annotated[list[str], Meta(description="coverage gaps and odd entries")] = field(
        default_factory=list
    )


class EvaluatedDatabase(_EvidencePart, kw_only=True):
    """A database of advisories that a tool used."""

    tool: str
    built_at: Annotated[str | None, Meta(description="RFC 3339, UTC; null where unknown")] = None


class DecidingFile(_EvidencePart, kw_only=True):
    """A file that decided: configuration, policy, decisions. Digests are of its bytes as read."""

    name: Annotated[str, Meta(description="path below the root, or 'policy NAME'")]
    sha256: Digest
    read_from: Annotated[
        str, Meta(description="'work tree', 'secagg' (built in), or the base commit")
    ]


class EvaluatedChange(_EvidencePart, kw_only=True):
    """The change under review, and the baseline of the findings."""

    diff: Annotated[str | None, Meta(description="the range whose lines count as changed")] = None
    baseline: Annotated[str | None, Meta(description="the file, run or commit compared with")] = (
        None
    )
    policy_from: Annotated[str | None, Meta(description="the commit of the deciding files")] = None
    controls_changed: Annotated[
        list[str], Meta(description="files of the gate that the change touches")
    ] = field(default_factory=list)


class Counts(_EvidencePart, kw_only=True):
    """The rows of the decision. ``total = fail + warn + ignore``."""

    total: Count
    fail: Count
    warn: Count
    ignore: Count
    excepted: Annotated[Count, Meta(description="left out by a decision; part of ignore")] = 0
    reported: Annotated[Count, Meta(description="entries in the tools' own reports")] = 0
    by_counted_as: Annotated[
        dict[str, int], Meta(description="findings by the severity that they counted as")
    ] = field(default_factory=dict)
    by_severity: Annotated[
        dict[str, int], Meta(description="an older word for by_counted_as, deprecated")
    ] = field(default_factory=dict)


class Evaluation(_EvidencePart, kw_only=True):
    """What was evaluated, by what, and what was incomplete."""

    secagg_version: str
    repository: Annotated[str, Meta(description="OWNER/NAME by git's remote")]
    branch: str
    commit: Annotated[str | None, Meta(description="the commit that was checked out")] = None
    changed_files: Annotated[
        Count | None,
        Meta(description="tracked files that differed from the commit; null: unknown"),
    ] = None
    started_at: Annotated[str | None, Meta(description="RFC 3339, UTC")] = None
    decided_on: Annotated[str, Meta(description="the day of the decision, UTC")]
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Annotated[int, Meta(ge=0, le=255)]
    policy: Annotated[str, Meta(description="the policy's name")]
    narrowed: Annotated[
        bool, Meta(description="only named tools, components or commits were looked at")
    ]
    counts: Counts
    tools: list[EvaluatedTool]
    databases: list[EvaluatedDatabase] = field(default_factory=list)
    gaps: Annotated[list[str], Meta(description="why the scan is incomplete")] = field(
        default_factory=list
    )
    not_analysed: Annotated[
        list[str], Meta(description="what no tool looked for and the policy does not require")
    ] = field(default_factory=list)
    failures: Annotated[list[str], Meta(description="why the gate fails")] = field(
        default_factory=list
    )
    deciding_files: list[DecidingFile] = field(default_factory=list)
    change: EvaluatedChange | None = None


class EvidenceSubject(Struct, kw_only=True):
    """What the statement is about: a commit, or a file of the scan's output."""

    name: str
    digest: Annotated[
        dict[str, str], Meta(description="gitCommit for the commit, sha256 for a file")
    ]


class EvidenceStatement(_EvidencePart, kw_only=True):
    """An in-toto Statement v1 of a scan by secagg."""

    type_: Annotated[
        Literal["https://in-toto.io/Statement/v1"], Meta(description="the framework's version")
    ] = field(name="_type")
    subject: Annotated[list[EvidenceSubject], Meta(min_length=1)]
    predicate_type: Literal["urn:secagg:evidence:v1"]
    predicate: Evaluation

    def files(self) -> dict[str, str]:
        """Return the SHA-256 of each file that the statement is about, by name."""
        return {s.name: s.digest[SHA256] for s in self.subject if SHA256 in s.digest}

    def commit(self) -> str | None:
        """Return the commit that the statement is about; None where git knew none."""
        return next((s.digest[GIT_COMMIT] for s in self.subject if GIT_COMMIT in s.digest), None)


def encode(statement: EvidenceStatement) -> bytes:
    """Encode ``statement`` as compact JSON, the bytes that are signed."""
    return encoded(statement)


def decode(payload: bytes) -> EvidenceStatement:
    """Decode a statement of :data:`PREDICATE_TYPE`.

    Raises :class:`msgspec.DecodeError` for anything else.
    """
    return msgspec.json.decode(payload, type=EvidenceStatement)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises :class:`OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
