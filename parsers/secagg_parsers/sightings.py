"""Findings of secrets, for the tools that report little else."""

from __future__ import annotations

from secagg.model.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg_parsers.masking import REVOKE


def sighting(
    *,
    tool: str,
    rule_id: str,
    title: str,
    location: Location,
    value_id: str | None,
    detector: str | None = None,
    verified: bool | None = None,
    severity: Severity | None = None,
    description: str | None = None,
) -> Finding:
    """Make the finding of one sighting of a secret; high, or critical where it is verified.

    ``value_id`` is what :func:`secagg.secrets.identity.identify` gave for the value. All texts must
    be masked.
    """
    where = f" in commit {location.commit[:12]}" if location.commit else ""
    return Finding(
        tool=tool,
        kind=Kind.SECRET,
        rule_id=rule_id,
        severity=severity or (Severity.CRITICAL if verified else Severity.HIGH),
        title=title,
        message=f"{title} in {location.uri or 'the repository'}{where}.",
        location=location,
        rule=Rule(
            id=rule_id,
            name=title,
            short_description=description or title,
            tags=("security", "secret"),
        ),
        cwes=("CWE-798",),
        secret=SecretSighting(
            id=value_id,
            detector=detector or rule_id,
            verified=verified,
            in_history=location.commit is not None,
        ),
        fix=REVOKE,
    )
