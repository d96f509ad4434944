"""All texts of a finding and of its rule, for whoever has to look into each of them."""

from __future__ import annotations

from collections.abc import Iterable

from secagg.finding import Finding, Rule


def texts_of(finding: Finding) -> Iterable[str]:
    """Every text of a finding outside of its rule and its SARIF origin."""
    yield from short_texts_of(finding)
    yield finding.message
    yield from finding.references
    for name, value in finding.fingerprints.items():
        yield name
        yield value


def short_texts_of(finding: Finding) -> Iterable[str]:
    """Of those texts, the ones that never wait (:mod:`secagg.stowing`)."""
    yield finding.title
    yield finding.rule_id
    if finding.fix:
        yield finding.fix
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


def texts_of_rule(rule: Rule) -> Iterable[str]:
    """Every text of a rule."""
    yield from short_texts_of_rule(rule)
    long = (rule.full_description, rule.help_text, rule.help_markdown, rule.help_uri)
    yield from filter(None, long)


def short_texts_of_rule(rule: Rule) -> Iterable[str]:
    """Of those texts, the ones that never wait."""
    yield rule.id
    yield from rule.tags
    yield from filter(None, (rule.name, rule.short_description, rule.precision))
