"""Hypothesis strategies for problems and filters."""

from __future__ import annotations

import datetime

from hypothesis import strategies as st

from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, State, Triage
from secagg.report.filters import Filters
from secagg.report.standing import SEVERITY_LABELS, ShownState
from tests.report.make import NOW, TODAY, identity, problem

_WORDS = st.sampled_from(["lodash", "django", "CVE-2026-0001", "web", "engine", "sql"])
_TIMES = st.integers(0, 400).map(lambda d: NOW - datetime.timedelta(days=d))
_DAYS = st.integers(-60, 60).map(lambda d: TODAY + datetime.timedelta(days=d))
_OWNERS = st.sampled_from(["@acme/web", "@acme/engine", "dana"])

triages = st.builds(
    Triage,
    state=st.sampled_from(State),
    reason=_WORDS,
    owner=st.none() | _OWNERS,
    expires=st.none() | _DAYS,
)

problems: st.SearchStrategy[Problem] = st.builds(
    problem,
    name=st.text(max_size=6),
    identity=st.integers(0, 500).map(lambda n: identity(str(n))),
    kind=st.sampled_from(Kind),
    severity=st.sampled_from(Severity),
    severity_known=st.booleans(),
    title=_WORDS,
    tools=st.lists(st.sampled_from(["trivy", "snyk", "codeql"]), max_size=3, unique=True).map(
        tuple
    ),
    component=st.none() | st.sampled_from([".", "web", "web/app", "engine"]),
    uri=st.none() | st.sampled_from(["web/a.js", "web/app/b.js", "engine/src/main.rs"]),
    owners=st.lists(_OWNERS, max_size=2, unique=True).map(tuple),
    package=st.none() | st.sampled_from(["lodash", "django"]),
    aliases=st.lists(st.sampled_from(["CVE-2026-0001", "GHSA-1"]), max_size=2).map(tuple),
    fixed_versions=st.sampled_from([(), ("4.17.21",)]),
    score=st.none() | st.floats(0, 10),
    first_seen=st.none() | _TIMES,
    reopened_at=st.none() | _TIMES,
    fixed_at=st.none() | _TIMES,
    due=st.none() | _DAYS,
    exception=st.none() | st.just("secagg-exceptions.yaml:3"),
    triage=st.none() | triages,
)

# Each sets one field and nothing else.
single_filters: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.frozensets(st.sampled_from(SEVERITY_LABELS), min_size=1).map(lambda v: {"severities": v}),
    st.sampled_from(Severity).map(lambda v: {"at_least": v}),
    st.frozensets(st.sampled_from(Kind), min_size=1).map(lambda v: {"kinds": v}),
    st.just({"tools": frozenset({"trivy"})}),
    st.just({"components": frozenset({"web"})}),
    st.just({"paths": ("web/**",)}),
    st.frozensets(st.sampled_from(ShownState), min_size=1).map(lambda v: {"states": v}),
    st.sampled_from(["@acme/web", "none"]).map(lambda v: {"owners": frozenset({v})}),
    st.just({"packages": frozenset({"lodash"})}),
    st.just({"ids": frozenset({"cve-2026-0001"})}),
    st.just({"older_than": datetime.timedelta(days=30)}),
    _TIMES.map(lambda v: {"new_since": v}),
    st.booleans().map(lambda v: {"fix_available": v}),
    st.just({"overdue": True}),
    _WORDS.map(lambda v: {"text": v}),
)


def made(fields: dict[str, object]) -> Filters:
    """The filters with ``fields`` set."""
    return Filters(**fields)  # type: ignore[arg-type]
