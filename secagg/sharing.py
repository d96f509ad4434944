"""Equal values of findings made one object each.

Half of the bytes in the texts of a large report's findings are there twice: a report repeats
versions, CVSS vectors and weaknesses with each entry, and each is decoded anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from secagg.finding import Finding

_T = TypeVar("_T", bound="str | tuple[str, ...] | None")


def share(findings: Iterable[Finding], pool: dict[object, object]) -> None:
    """Let ``findings`` refer to one object for each text that they repeat.

    ``pool`` holds the texts of those before them; let go of it after the last.
    """

    def one(value: _T) -> _T:
        return pool.setdefault(value, value)  # type: ignore[return-value]

    for finding in findings:
        finding.rule_id, finding.title = one(finding.rule_id), one(finding.title)
        finding.message, finding.fix = one(finding.message), one(finding.fix)
        finding.cwes, finding.references = one(finding.cwes), one(finding.references)
        place = finding.location
        place.uri, place.commit = one(place.uri), one(place.commit)
        for rating in finding.ratings:
            rating.source, rating.vector = one(rating.source), one(rating.vector)
        package, known, secret = finding.package, finding.vulnerability, finding.secret
        if package is not None:
            package.type, package.name = one(package.type), one(package.name)
            package.version, package.purl = one(package.version), one(package.purl)
        if known is not None:
            known.aliases, known.fixed_versions = one(known.aliases), one(known.fixed_versions)
            known.published, known.status = one(known.published), one(known.status)
        if secret is not None:
            secret.id, secret.detector = one(secret.id), one(secret.detector)
        rule = finding.rule
        if rule is not None:
            rule.tags, rule.id = one(rule.tags), one(rule.id)
            rule.short_description = one(rule.short_description)
            rule.full_description = one(rule.full_description)
            rule.help_markdown = one(rule.help_markdown)
