"""What has changed about a problem that was known before, in ways that matter."""

from __future__ import annotations

from secagg.merge.groups import Group
from secagg.merge.secret import still_in_head
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.model.place import more_places


def updates(now: Group, before: Group) -> tuple[str, ...]:
    """Sentences (without a full stop) on what is different; empty if nothing is.

    That other tools see it, or that its lines moved, is no difference.
    """
    one, other = now.representative, before.representative
    found = []
    if one.severity is not other.severity:
        found.append(f"severity is {one.severity}, was {other.severity}")
    mine, theirs = _versions(now), _versions(before)
    if mine != theirs:
        found.append(f"version is {_listed(mine)}, was {_listed(theirs)}")
    mine, theirs = _fixed(now), _fixed(before)
    if bool(mine) != bool(theirs):
        found.append(f"there is a fix: {_listed(mine)}" if mine else "there is no fix any more")
    if one.kind is Kind.SECRET:
        if _verified(now) and not _verified(before):
            found.append("the secret is now known to work")
        if still_in_head(now) != still_in_head(before):
            found.append(
                "it is in the work tree again" if still_in_head(now) else "it is only in history"
            )
    if one.suppressed != other.suppressed:
        found.append("it is now suppressed" if one.suppressed else "it is no longer suppressed")
    more = _places(now) - _places(before)
    if more > 0:
        found.append("it is at 1 more place" if more == 1 else f"it is at {more} more places")
    if _says_otherwise(now, before):
        found.append("the message is another")
    return tuple(found)


def _versions(group: Group) -> list[str]:
    return sorted({f.package.version for f in group.members if f.package and f.package.version})


def _fixed(group: Group) -> list[str]:
    return sorted(
        {v for f in group.members if f.vulnerability for v in f.vulnerability.fixed_versions}
    )


def _places(group: Group) -> int:
    """How many places the results of the tool that names most of them have."""
    return 1 + len(more_places(group.members))


def _verified(group: Group) -> bool:
    return any(f.secret is not None and f.secret.verified for f in group.members)


def _says_otherwise(now: Group, before: Group) -> bool:
    """Whether a tool that reported it with a rule before says something else of it now."""
    said: dict[tuple[str, str], set[str]] = {}
    for finding in before.members:
        key = finding.tool, finding.rule_id
        said.setdefault(key, set()).add(_message(finding))
    for finding in now.members:
        known = said.get((finding.tool, finding.rule_id))
        if known is not None and _message(finding) in known:
            return False
    return any((f.tool, f.rule_id) in said for f in now.members)


def _message(finding: Finding) -> str:
    """What is said, whatever the file is called by now."""
    text = finding.message
    return message_context(text.replace(finding.location.uri, "") if finding.location.uri else text)


def _listed(values: list[str]) -> str:
    return ", ".join(values) or "unknown"
