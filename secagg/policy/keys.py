"""The keys of ``match``: each becomes a question, asked of every subject.

An answer is yes, no, or ``None`` where it is not known. A key that does not apply to the kind
(EPSS of a secret) answers no. Where the members of a group differ (two tools, a rule for one),
the answer is ``None``: the group as a whole is neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from secagg.model.finding import Kind, Package, Severity, Vulnerability
from secagg.packages.components import component_of
from secagg.packages.purl import package_test
from secagg.policy.decision import BaselineState, Cause
from secagg.policy.model import Baseline, Dependency, Match, PolicyScope
from secagg.policy.notation import ScoreRange
from secagg.policy.selectors import (
    advisory_test,
    by_rule,
    component_test,
    in_paths,
    owner_test,
    path_test,
)
from secagg.policy.subject import Subject, age_in_days
from secagg.system.globs import Glob, names

Answer = bool | None
Ask = Callable[[Subject], Answer]
_NOT_OF_THIS_KIND = "nothing that a finding of this kind has"
# The CVSS scores of each severity.
BANDS = {
    Severity.CRITICAL: (9.0, 10.0),
    Severity.HIGH: (7.0, 8.9),
    Severity.MEDIUM: (4.0, 6.9),
    Severity.LOW: (0.1, 3.9),
    Severity.NONE: (0.0, 0.0),
}


class Question(Struct, frozen=True):
    """One key of a rule; ``expected`` and ``actual`` are its value and the subject's, in words."""

    key: str
    expected: str
    ask: Ask
    actual: Callable[[Subject], str]


def questions(match: Match) -> list[Question]:
    """Return the questions of the keys that ``match`` gives, in the order of the docs."""
    return [
        Question(key, _words(getattr(match, key)), make(getattr(match, key)), _ACTUAL[key])
        for key, make in _MAKERS.items()
        if getattr(match, key) is not None
    ]


def _unanimous(answers: Iterable[bool]) -> Answer:
    """Yes if all answers are, no if none is, ``None`` where they differ or there is none."""
    distinct = set(answers)
    return distinct.pop() if len(distinct) == 1 else None


def _is(value: bool | None, expected: bool) -> Answer:
    return None if value is None else value is expected


def _kind(expected: list[Kind]) -> Ask:
    return lambda s: s.finding.kind in expected


def _severity(expected: list[Severity]) -> Ask:
    return lambda s: s.severity in expected


def _severity_known(expected: bool) -> Ask:
    return lambda s: s.finding.severity_known is expected


def _score(expected: ScoreRange) -> Ask:
    return lambda s: expected.holds(*score_bounds(s))


def score_bounds(s: Subject) -> tuple[float, float]:
    """Return the lowest and highest possible score: the severity's band where none is given."""
    score = s.finding.score
    return BANDS[s.severity] if score is None else (score, score)


def _tool(expected: list[str]) -> Ask:
    matches = names(expected)
    return lambda s: _unanimous(matches(member.tool) for member in s.group.members)


def _rule(expected: list[str]) -> Ask:
    rules = [Glob(pattern, flat=True) for pattern in expected if pattern]
    return lambda s: _unanimous(by_rule(s.group.members, rules))


def _advisory(expected: list[str]) -> Ask:
    matches = advisory_test(expected)
    return lambda s: matches(advisories(s))


def advisories(s: Subject) -> tuple[str, ...]:
    """Return every advisory id of a vulnerability; none for other kinds."""
    vulnerability = s.finding.vulnerability
    if vulnerability is None:
        return (s.finding.rule_id,) if s.finding.kind is Kind.VULNERABILITY else ()
    return vulnerability.aliases or (s.finding.rule_id,)


def _cwe(expected: list[str]) -> Ask:
    return lambda s: any(cwe.upper() in expected for cwe in s.finding.cwes)


def _package(expected: list[str]) -> Ask:
    test = package_test(expected)

    def ask(s: Subject) -> Answer:
        # A member without a package contradicts no other, as with exceptions, nor does one of
        # which too little is known.
        answers = {test(member.package) for member in s.group.members if member.package is not None}
        if answers >= {True, False} or answers == {None}:
            return None
        return True in answers

    return ask


def _path(expected: list[str]) -> Ask:
    matches = path_test(expected)

    def ask(s: Subject) -> Answer:
        # A member without a file contradicts no other, as with exceptions.
        answers = {answer for answer in in_paths(s.group.members, matches) if answer is not None}
        return None if answers >= {True, False} else True in answers

    return ask


def _component(expected: list[str]) -> Ask:
    matches = component_test(expected)
    return lambda s: matches(component_of(s.finding))


def _of_vulnerability(ask: Callable[[Subject, Vulnerability], Answer]) -> Ask:
    """Make a question about vulnerabilities, to which other kinds answer no."""

    def wrapped(s: Subject) -> Answer:
        if s.finding.kind is not Kind.VULNERABILITY:
            return False
        return ask(s, s.finding.vulnerability or Vulnerability())

    return wrapped


def _fix_available(expected: bool) -> Ask:
    return _of_vulnerability(lambda s, v: bool(v.fixed_versions) is expected)


def _status(expected: list[str]) -> Ask:
    matches = names(expected)
    return _of_vulnerability(lambda s, v: None if v.status is None else matches(v.status))


def _dependency(expected: Dependency) -> Ask:
    return _of_vulnerability(lambda s, v: _is(v.direct, expected is Dependency.DIRECT))


def _scope(expected: PolicyScope) -> Ask:
    return _of_vulnerability(lambda s, v: None if v.scope is None else v.scope == expected.value)


def _verified(expected: bool) -> Ask:
    return lambda s: False if s.finding.secret is None else _is(s.finding.secret.verified, expected)


def _in_history_only(expected: bool) -> Ask:
    return lambda s: s.finding.secret is not None and s.finding.secret.in_history is expected


def _epss_at_least(expected: float) -> Ask:
    def ask(s: Subject, v: Vulnerability) -> Answer:
        epss = epss_of(s, v)
        return None if epss is None else epss >= expected

    return _of_vulnerability(ask)


def epss_of(s: Subject, v: Vulnerability) -> float | None:
    """Return the EPSS probability of the list that was read, else of the scanner."""
    return s.facts.epss if s.facts.epss is not None else v.epss


def _in_kev(expected: bool) -> Ask:
    return _of_vulnerability(lambda s, v: _is(kev_of(s, v), expected))


def kev_of(s: Subject, v: Vulnerability) -> bool | None:
    """Tell whether the list or the scanner says that it is exploited; None if neither knows."""
    if s.facts.kev is None:
        return v.kev
    return bool(s.facts.kev or v.kev)


def _words(value: Any) -> str:
    """A rule's value for a key, in words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        words = [str(item) for item in value]
        return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
    return str(value)


def _age_at_least(expected: int) -> Ask:
    def ask(s: Subject) -> Answer:
        age = age_in_days(s.facts, s.today)
        return None if age is None else age >= expected

    return ask


def _baseline(expected: Baseline) -> Ask:
    def ask(s: Subject) -> Answer:
        state = s.facts.baseline
        return None if state is None else (state is BaselineState.NEW) is (expected is Baseline.NEW)

    return ask


def _in_diff(expected: bool) -> Ask:
    return lambda s: _is(s.facts.in_diff, expected)


def _cause(expected: list[Cause]) -> Ask:
    return lambda s: None if s.facts.cause is None else s.facts.cause in expected


def _owner(expected: list[str]) -> Ask:
    matches = owner_test(expected)
    return lambda s: matches(s.facts.owners)


_MAKERS: Mapping[str, Callable[[Any], Ask]] = {
    "kind": _kind,
    "severity": _severity,
    "severity_known": _severity_known,
    "score": _score,
    "tool": _tool,
    "rule": _rule,
    "advisory": _advisory,
    "cwe": _cwe,
    "package": _package,
    "path": _path,
    "component": _component,
    "fix_available": _fix_available,
    "status": _status,
    "dependency": _dependency,
    "scope": _scope,
    "verified": _verified,
    "in_history_only": _in_history_only,
    "epss_at_least": _epss_at_least,
    "in_kev": _in_kev,
    "age_at_least": _age_at_least,
    "baseline": _baseline,
    "in_diff": _in_diff,
    "cause": _cause,
    "owner": _owner,
}


def _text(value: object) -> str:
    if value is None:
        return "not known"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _package_text(package: Package | None) -> str:
    """A package's name, with its version where that is known."""
    if package is None:
        return "none"
    return f"{package.name}@{package.version}" if package.version else package.name


def _list_text(values: Iterable[object]) -> str:
    return ", ".join(sorted({str(value) for value in values if value is not None})) or "none"


def _vulnerability_text(
    get: Callable[[Subject, Vulnerability], object],
) -> Callable[[Subject], str]:
    def actual(s: Subject) -> str:
        if s.finding.kind is not Kind.VULNERABILITY:
            return _NOT_OF_THIS_KIND
        return _text(get(s, s.finding.vulnerability or Vulnerability()))

    return actual


def _secret_text(get: Callable[[Any], object]) -> Callable[[Subject], str]:
    return lambda s: _NOT_OF_THIS_KIND if s.finding.secret is None else _text(get(s.finding.secret))


def _score_text(s: Subject) -> str:
    least, most = score_bounds(s)
    return str(least) if least == most else f"not given, within {least} to {most} by its severity"


def _age_text(s: Subject) -> str:
    age = age_in_days(s.facts, s.today)
    return "not known" if age is None else f"{age} day" + ("" if age == 1 else "s")


_ACTUAL: Mapping[str, Callable[[Subject], str]] = {
    "kind": lambda s: s.finding.kind.value,
    "severity": lambda s: s.severity.value,
    "severity_known": lambda s: _text(s.finding.severity_known),
    "score": _score_text,
    "tool": lambda s: _list_text(s.group.tools),
    "rule": lambda s: _list_text(m.rule_id for m in s.group.members),
    "advisory": lambda s: _list_text(advisories(s)),
    "cwe": lambda s: _list_text(s.finding.cwes),
    "package": lambda s: _package_text(s.finding.package),
    "path": lambda s: _list_text(m.location.uri for m in s.group.members),
    "component": lambda s: component_of(s.finding),
    "fix_available": _vulnerability_text(lambda s, v: bool(v.fixed_versions)),
    "status": _vulnerability_text(lambda s, v: v.status),
    "dependency": _vulnerability_text(
        lambda s, v: v.direct if v.direct is None else "direct" if v.direct else "transitive"
    ),
    "scope": _vulnerability_text(lambda s, v: v.scope),
    "verified": _secret_text(lambda secret: secret.verified),
    "in_history_only": _secret_text(lambda secret: secret.in_history),
    "epss_at_least": _vulnerability_text(epss_of),
    "in_kev": _vulnerability_text(kev_of),
    "age_at_least": _age_text,
    "baseline": lambda s: _text(s.facts.baseline),
    "in_diff": lambda s: _text(s.facts.in_diff),
    "cause": lambda s: _text(s.facts.cause),
    "owner": lambda s: _list_text(s.facts.owners),
}
