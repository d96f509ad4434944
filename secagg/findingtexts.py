"""All texts of a finding and of its rule, for whoever has to look into each of them."""

from __future__ import annotations

from collections.abc import Iterable

from secagg.finding import Finding, Rule


def texts_of(finding: Finding) -> Iterable[str]:
    """Every text of a finding outside of its rule and its SARIF origin."""
    yield finding.title
    yield finding.message
    yield finding.rule_id
    if finding.fix:
        yield finding.fix
    yield from finding.references
    for place in (finding.location, *finding.related):
        yield from filter(None, (place.uri, place.logical, place.image, place.layer))
    if finding.package is not None:
        package = finding.package
        yield from filter(None, (package.name, package.version, package.purl))
    if finding.vulnerability is not None:
        known = finding.vulnerability
        yield from known.aliases
        yield from known.fixed_versions
        for path in known.dependency_paths:
            yield from path
        yield from filter(None, (known.scope, known.status, known.published))
    if finding.secret is not None:
        yield finding.secret.detector
        yield from filter(None, (finding.secret.decoder,))
    if finding.misconfiguration is not None:
        yield from finding.misconfiguration.checks
        resource, provider = finding.misconfiguration.resource, finding.misconfiguration.provider
        yield from filter(None, (resource, provider))
    for suppression in finding.suppressions:
        yield suppression.source
        yield from filter(None, (suppression.justification,))
    for rating in finding.ratings:
        yield rating.source
    yield from filter(None, (finding.license, finding.component))
    yield from finding.fingerprints
    yield from finding.fingerprints.values()


def texts_of_rule(rule: Rule) -> Iterable[str]:
    """Every text of a rule."""
    yield rule.id
    yield from rule.tags
    for text in (
        rule.name,
        rule.short_description,
        rule.full_description,
        rule.help_text,
        rule.help_markdown,
        rule.help_uri,
        rule.precision,
    ):
        if text:
            yield text
