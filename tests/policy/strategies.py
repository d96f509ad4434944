"""Random policies and findings from small pools, so that they meet often."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import strategies as st

from secagg.merge import Group
from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Package,
    SecretSighting,
    Severity,
    Vulnerability,
)
from secagg.policy import BaselineState, Facts, Policy
from secagg.system.validation import validate
from tests.policy.subjects import TODAY

_KINDS = [kind.value for kind in Kind]
_SEVERITIES = [severity.value for severity in Severity]
_BANDS = ["high..", "..medium", "low..high", "medium..", "none..", *_SEVERITIES]
_TOOLS = ["trivy", "snyk", "codeql"]
_RULES = ["CVE-2021-1", "CVE-2022-2", "py/sql-injection"]
_PATHS = ["web/a.py", "web/lock.json", "app/b.py"]
_OWNERS = ["@a/web", "@a/app", "@b/ops"]


def _some(*values: Any) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=3)
    )


_KEYS: dict[str, st.SearchStrategy[Any]] = {
    "kind": _some(*_KINDS),
    "severity": _some(*_BANDS),
    "severity_known": st.booleans(),
    "score": st.sampled_from(["7.0..8.9", "9.0..", "..3.95", "0.05..10", 9.8]),
    "tool": _some(*_TOOLS, "*", "t*"),
    "rule": _some(*_RULES, "CVE-*", "*"),
    "advisory": _some("CVE-2021-1", "GHSA-*", "CVE-*"),
    "cwe": _some("CWE-79", 89),
    "package": _some("pkg:npm/lodash", "lod*", "pkg:npm/*", "next"),
    "path": _some("web/", "*.py", "app/b.py", "!web/a.py"),
    "component": _some("web", ".", "*"),
    "fix_available": st.booleans(),
    "dependency": st.sampled_from(["direct", "transitive"]),
    "scope": st.sampled_from(["runtime", "dev"]),
    "verified": st.booleans(),
    "in_history_only": st.booleans(),
    "epss_at_least": st.sampled_from([0, 0.2, 0.5, 1e-05]),
    "in_kev": st.booleans(),
    "age_at_least": st.sampled_from(["0d", "7d", "2w", 30]),
    "baseline": st.sampled_from(["new", "existing"]),
    "in_diff": st.booleans(),
    "owner": _some(*_OWNERS, "@a/*", "*"),
}


def matches(keys: int = 3, depth: int = 1) -> st.SearchStrategy[dict[str, Any]]:
    """A ``match`` as a file gives it, with ``any`` and ``not`` to a depth."""
    chosen = st.lists(st.sampled_from(sorted(_KEYS)), unique=True, max_size=keys)
    plain = chosen.flatmap(lambda names: st.fixed_dictionaries({n: _KEYS[n] for n in names}))
    if depth == 0:
        return plain
    inner = matches(keys - 1, depth - 1)
    nested = st.fixed_dictionaries(
        {}, optional={"any": st.lists(inner, min_size=1, max_size=2), "not": inner}
    )
    return st.builds(lambda one, other: one | other, plain, st.one_of(st.just({}), nested))


_GAPS = st.fixed_dictionaries(
    {
        "gap": _some("old.py", "ui/package.json", "tool * failed"),
        "reason": st.just("it leaves soon"),
        "owner": st.sampled_from(["ana", "@a/web"]),
        "created": st.just("2026-11-01"),
        "expires": st.dates(datetime.date(2026, 11, 1), datetime.date(2027, 2, 1)).map(str),
    }
)


def policies(
    *, most: int = 4, keys: int = 3, texts: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[Policy]:
    """A policy of some rules, each asking for up to so many ``keys``."""
    words = st.just("w") if texts is None else texts
    rule = st.fixed_dictionaries(
        {"match": matches(keys), "action": st.sampled_from(["fail", "warn", "ignore"])},
        optional={"limit": st.integers(0, 2), "why": words},
    )
    more = st.fixed_dictionaries(
        {},
        optional={
            "description": words,
            "unknown_severity": st.sampled_from(_SEVERITIES),
            "unknown_tool": st.sampled_from(_SEVERITIES),
            "known_tools": _some("grype", "semgrep"),
            "require": _some("code", "secret"),
            "optional_tools": _some("snyk", "on", "1.0"),
            "max_age": st.dictionaries(st.sampled_from(_SEVERITIES), st.integers(0, 90)),
            "due_soon": st.integers(0, 9),
            "baseline": st.sampled_from(["auto", "scan", "none"]),
            "max_database_age": st.integers(1, 90),
            "gaps": st.lists(_GAPS, max_size=2),
            "exceptions": st.fixed_dictionaries({"max_days": st.integers(0, 400)}),
        },
    )
    return st.builds(
        lambda rules, fields: validate(
            Policy,
            {"name": "ours"}
            | fields
            | {"rules": [{"name": f"r{n}"} | rule for n, rule in enumerate(rules)]},
        ),
        st.lists(rule, min_size=1, max_size=most),
        more,
    )


_UNKNOWN = st.sampled_from([None, True, False])


@st.composite
def findings(draw: st.DrawFn, kind: Kind) -> Finding:
    """A finding of ``kind``, with what its kind has known or not."""
    finding = Finding(
        tool=draw(st.sampled_from([*_TOOLS, "other"])),
        kind=kind,
        rule_id=draw(st.sampled_from(_RULES)),
        severity=draw(st.sampled_from(list(Severity))),
        severity_known=draw(st.booleans()),
        title="t",
        score=draw(st.sampled_from([None, 0.0, 5.0, 8.9, 9.8])),
        location=Location(uri=draw(st.sampled_from([None, *_PATHS])), start_line=1),
        cwes=draw(st.sampled_from([(), ("CWE-79",), ("CWE-89", "CWE-79")])),
        component=draw(st.sampled_from([None, "web", "app"])),
    )
    if draw(st.booleans()):
        finding.package = Package(type="npm", name=draw(st.sampled_from(["lodash", "next"])))
    if kind is Kind.VULNERABILITY and draw(st.booleans()):
        finding.vulnerability = Vulnerability(
            aliases=draw(st.sampled_from([(), ("CVE-2021-1",), ("GHSA-1", "CVE-2022-2")])),
            fixed_versions=draw(st.sampled_from([(), ("2",)])),
            direct=draw(_UNKNOWN),
            scope=draw(st.sampled_from([None, "dev", "runtime"])),
            epss=draw(st.sampled_from([None, 0.1, 0.6])),
            kev=draw(_UNKNOWN),
        )
    if kind is Kind.SECRET and draw(st.booleans()):
        finding.secret = SecretSighting(
            id="x", detector="d", verified=draw(_UNKNOWN), in_history=draw(st.booleans())
        )
    return finding


@st.composite
def groups(draw: st.DrawFn) -> tuple[Group, Facts]:
    """A group of one or two findings, and the facts on it."""
    kind = draw(st.sampled_from(list(Kind)))
    members = draw(st.lists(findings(kind), min_size=1, max_size=2))
    seen = draw(st.sampled_from([None, 0, 7, 14, 31]))
    facts = Facts(
        baseline=draw(st.sampled_from([None, *BaselineState])),
        in_diff=draw(_UNKNOWN),
        owners=draw(st.sampled_from([(), ("@a/web",), ("@b/ops", "@a/app")])),
        first_seen=None
        if seen is None
        else datetime.datetime.combine(
            TODAY - datetime.timedelta(days=seen), datetime.time(), datetime.UTC
        ),
        epss=draw(st.sampled_from([None, 0.3])),
        kev=draw(_UNKNOWN),
    )
    return Group(identity="a" * 32, representative=members[0], members=members), facts
