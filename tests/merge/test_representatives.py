"""Representatives: chosen by stated preference, and nobody's word is lost."""

from __future__ import annotations

import pytest

from secagg.merge import Prefer, Preference, merge
from secagg.merge.representative import represent
from secagg.model.finding import Rating, Severity, Suppression
from tests.merge.make import secret, vulnerability


def rated(source: str, severity: Severity, score: float) -> Rating:
    return Rating(source=source, severity=severity, score=score)


TRIVY = vulnerability(
    "trivy",
    "CVE-2021-1",
    severity=Severity.MEDIUM,
    ratings=(
        rated("nvd", Severity.CRITICAL, 9.8),
        rated("redhat", Severity.LOW, 3.1),
    ),
    fix="upgrade",
    title="words of Trivy",
)
SNYK = vulnerability(
    "snyk",
    "SNYK-1",
    "CVE-2021-1",
    severity=Severity.HIGH,
    score=7.5,
    ratings=(rated("snyk", Severity.HIGH, 7.5),),
    title="words of Snyk",
)


@pytest.mark.parametrize(
    ("prefer", "severity", "score"),
    [
        (Prefer.HIGHEST, Severity.HIGH, 7.5),
        (Prefer.NVD, Severity.CRITICAL, 9.8),
        (Prefer.VENDOR, Severity.LOW, 3.1),
    ],
)
def test_severity_by_preference(prefer: Prefer, severity: Severity, score: float) -> None:
    (group,) = merge([SNYK, TRIVY], preference=Preference(severity=prefer)).groups
    assert (group.severity, group.representative.score) == (severity, score)
    assert {r.source for r in group.representative.ratings} == {"nvd", "redhat", "snyk"}
    assert {f.severity for f in group.members} == {Severity.HIGH, Severity.MEDIUM}


def test_preference_counts_for_a_group_of_one_and_falls_back_to_the_highest() -> None:
    nvd = Preference(severity=Prefer.NVD)
    (alone,) = merge([TRIVY], preference=nvd).groups
    assert alone.severity is Severity.CRITICAL
    assert TRIVY.severity is Severity.MEDIUM
    (unrated,) = merge([SNYK], preference=nvd).groups
    assert unrated.severity is Severity.HIGH


def test_unknown_severity_never_outranks_a_known_one() -> None:
    unknown = vulnerability("x", "CVE-2021-1", severity=Severity.CRITICAL, severity_known=False)
    (group,) = merge([unknown, TRIVY]).groups
    assert group.severity is Severity.MEDIUM
    assert group.representative.severity_known


def test_words_come_from_the_preferred_tool() -> None:
    (group,) = merge([SNYK, TRIVY]).groups
    assert group.representative.title == "words of Trivy"
    assert group.representative.fix == "upgrade"
    (other,) = merge([SNYK, TRIVY], preference=Preference(description=("snyk",))).groups
    assert other.representative.title == "words of Snyk"


def test_one_tools_suppression_does_not_silence_another() -> None:
    quiet = vulnerability("trivy", "CVE-2021-1", suppressions=(Suppression(source="x"),))
    assert merge([quiet]).groups[0].representative.suppressed
    assert not merge([quiet, SNYK]).groups[0].representative.suppressed
    assert merge([quiet, quiet]).groups[0].representative.suppressed


def test_findings_given_are_not_changed() -> None:
    findings = [secret("gitleaks"), secret("trufflehog", verified=True)]
    before = [repr(f) for f in findings]
    merge(findings)
    assert [repr(f) for f in findings] == before


def test_the_representative_is_chosen_when_asked_for() -> None:
    """Once, whoever asks; until then nothing is copied, and equality does not depend on it."""
    members = [
        vulnerability("trivy", "CVE-2024-1", severity=Severity.LOW),
        vulnerability("snyk", "SNYK-1", "CVE-2024-1", severity=Severity.HIGH),
    ]
    (group,), (other,) = merge(members).groups, merge(members).groups
    chosen = group.representative
    assert chosen is group.representative
    assert chosen == represent(group.members, Preference())
    assert group.severity is Severity.HIGH
    assert group == other and group.identity in repr(group)
    own = vulnerability("trivy", "CVE-2024-2")
    other.representative = own
    assert other.representative is own
    assert group != other and group != "a group"
