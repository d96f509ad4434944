"""The tables of ``secagg export parquet``, column by column (docs/parquet.md).

Within schema version 1 columns are only ever added, at the end of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``kind`` is a key of :func:`column_types`; every column may hold null."""

    name: str
    kind: str
    about: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``day`` says what day its partitions are of."""

    name: str
    day: str
    columns: tuple[Column, ...]


_PROBLEM = (
    Column("repository", "text", "OWNER/NAME"),
    Column("branch", "text", ""),
    Column("identity", "text", "the problem's id, the same from scan to scan"),
    Column("known_as", "texts", "all ids under which it was known"),
    Column("kind", "text", "vulnerability, secret, code, misconfiguration or license"),
    Column("severity", "text", "critical, high, medium, low or none"),
    Column("severity_known", "flag", "false: no tool gave one, and it may be as bad as high"),
    Column("score", "number", "CVSS, 0 to 10"),
    Column("title", "text", ""),
    Column("message", "text", ""),
    Column("rule_id", "text", "the tool's rule, or the advisory"),
    Column("rule_name", "text", ""),
    Column("tools", "texts", "who reported it"),
    Column("uri", "text", "the file, from the root"),
    Column("line", "integer", "from 1"),
    Column("end_line", "integer", ""),
    Column("commit", "text", "where a secret is in the history"),
    Column("image", "text", "the container image"),
    Column("logical", "text", "a name in the code or configuration"),
    Column("places", "places", "its other places"),
    Column("component", "text", "the directory of the component, or an image"),
    Column("owners", "texts", "those of the file"),
    Column("package", "text", ""),
    Column("package_type", "text", ""),
    Column("version", "text", "the installed version"),
    Column("purl", "text", ""),
    Column("fixed_versions", "texts", ""),
    Column("dependency_paths", "paths", "from the project to the package"),
    Column("direct", "flag", "a direct dependency"),
    Column("scope", "text", "such as dev"),
    Column("aliases", "texts", "the advisory's other ids"),
    Column("cwes", "texts", ""),
    Column("epss", "number", "probability of exploitation, 0 to 1"),
    Column("kev", "flag", "in CISA's catalog of exploited vulnerabilities"),
    Column("fix", "text", "the tool's advice"),
    Column("references", "texts", ""),
    Column("help_uri", "text", ""),
    Column("secret", "text", "keyed hash of the secret's value"),
    Column("verified", "flag", "the secret works"),
    Column("in_history_only", "flag", "the secret is no longer in the files"),
    Column("resource", "text", "what is misconfigured"),
    Column("sources", "sources", "what each tool said"),
    Column("related", "texts", "ids of related problems"),
    Column("action", "text", "fail, warn or ignore, by the policy in the scan"),
    Column("rule", "text", "the policy's rule"),
    Column("why", "text", "the policy's reason"),
    Column("exception", "text", "the exception that covers it"),
    Column("exception_state", "text", ""),
    Column("exception_reason", "text", ""),
    Column("exception_expires", "day", "its last day"),
    Column("approvals_needed", "integer", "people that a decision needs by the policy"),
    Column("unapproved", "text", "the state of a decision that lacks an approval"),
    Column("unapproved_in", "text", "where that is, if it is an exception"),
    Column("baseline", "text", "new, unchanged, updated or absent, where a baseline was given"),
    Column("due", "day", "by when the policy wants it fixed"),
)

_TRIAGE = (
    Column("triage_state", "text", "confirmed, false-positive, accepted or fixed"),
    Column("triage_reason", "text", ""),
    Column("triage_by", "text", "who decided"),
    Column("triage_owner", "text", ""),
    Column("triage_at", "time", "when"),
    Column("triage_expires", "day", "its last day"),
    Column("triage_alert", "text", "the alert at GitHub that was dismissed"),
    Column("triage_approved_by", "texts", "who else has decided the same"),
)

PROBLEMS = Table(
    "problems",
    "the day of the export",
    (
        *_PROBLEM,
        Column("first_seen", "time", ""),
        Column("last_seen", "time", ""),
        Column("fixed_at", "time", ""),
        Column("reopened_at", "time", ""),
        *_TRIAGE,
        Column("state", "text", "open, confirmed, false-positive, accepted, excepted or fixed"),
        Column("overdue", "flag", "stands after its due day"),
        Column("age_days", "integer", "from first seen until fixed, or until that day"),
        Column("owner", "text", "by triage, else the first of owners"),
    ),
)

_OF_RUN = (Column("run_key", "text", "the scan, as in the table runs"),)

RUNS = Table(
    "runs",
    "the day on which the scan started",
    (
        *_OF_RUN,
        Column("repository", "text", "OWNER/NAME"),
        Column("branch", "text", ""),
        Column("commit", "text", ""),
        Column("started_at", "time", ""),
        Column("verdict", "text", "pass, fail or incomplete"),
        Column("policy", "text", ""),
        Column("critical", "integer", "problems that the scan saw"),
        Column("high", "integer", ""),
        Column("medium", "integer", ""),
        Column("low", "integer", ""),
        Column("none", "integer", ""),
        Column("unknown", "integer", "no tool gave a severity"),
        Column("tools", "tool_runs", "the tool runs, with status and gaps"),
        Column("covered", "coverage", "which tool looked at all of which component"),
    ),
)

SIGHTINGS = Table(
    "sightings",
    "the day on which the scan started",
    (
        *_OF_RUN,
        Column("started_at", "time", "of the scan"),
        Column("run_commit", "text", "of the scan"),
        *_PROBLEM,
    ),
)

DECISIONS = Table(
    "decisions",
    "the day of the export",
    (
        Column("repository", "text", "OWNER/NAME"),
        Column("identity", "text", "the problem that the decision was made on"),
        *_TRIAGE,
    ),
)

AUDIT = Table(
    "audit",
    "the day of the change",
    (
        Column("at", "time", ""),
        Column("who", "text", ""),
        Column("what", "text", "triage, undo and the like"),
        Column("subject", "text", "the problem's id"),
        Column("before", "text", "the decision before, as JSON"),
        Column("after", "text", "the decision after, as JSON"),
    ),
)

TABLES = (PROBLEMS, RUNS, SIGHTINGS, DECISIONS, AUDIT)


def column_types(table: Table) -> list[tuple[str, Any]]:
    """Return the names and Arrow types of the columns of ``table``."""
    import pyarrow as pa

    text = pa.string()
    types = {
        "text": text,
        "flag": pa.bool_(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
        "day": pa.date32(),
        "texts": pa.list_(text),
        "paths": pa.list_(pa.list_(text)),
        "places": pa.list_(pa.struct([("uri", text), ("line", pa.int64())])),
        "sources": pa.list_(
            pa.struct(
                [
                    ("tool", text),
                    ("rule_id", text),
                    ("severity", text),
                    ("score", pa.float64()),
                    ("message", text),
                    ("uri", text),
                    ("line", pa.int64()),
                    ("commit", text),
                ]
            )
        ),
        "tool_runs": pa.list_(
            pa.struct(
                [
                    ("tool", text),
                    ("component", text),
                    ("mode", text),
                    ("status", text),
                    ("version", text),
                    ("seconds", pa.float64()),
                    ("reason", text),
                    ("gaps", pa.list_(text)),
                ]
            )
        ),
        "coverage": pa.list_(pa.struct([("tool", text), ("component", text)])),
    }
    return [(column.name, types[column.kind]) for column in table.columns]
