"""The facts on each group: from the change, the owners, the dates and the files."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from secagg.change.baseline import compare
from secagg.change.facts import facts_of
from secagg.change.model import Diff, FileChange, FileStatus
from secagg.change.owners import load_owners
from secagg.intel import Intel
from secagg.merge import merge
from secagg.model.finding import replace
from secagg.policy.decision import BaselineState
from tests.intel.samples import put
from tests.merge.make import code, vulnerability


def test_what_is_not_given_stays_unknown() -> None:
    merged = merge([code()])
    assert facts_of(merged) == {}
    told = vulnerability("snyk", "CVE-2020-1", known={"epss": 0.5})
    assert [facts.epss for facts in facts_of(merge([code(), told])).values()] == [0.5]


def test_each_source_gives_its_facts(tmp_path: Path) -> None:
    put(tmp_path)
    merged = merge([code(uri="app/db.py", line_hash="a:1")])
    change = FileChange(path="app/db.py", status=FileStatus.ADDED, whole=True)
    (facts,) = facts_of(
        merged,
        diff=Diff(base="b", head="h", files={"app/db.py": change}),
        comparison=compare(merged, []),
        owners=load_owners(tmp_path, components={"app/**": ["@app"]}),
        intel=Intel.load(tmp_path, date(2026, 11, 23)),
    ).values()
    assert facts.baseline is BaselineState.NEW
    assert facts.in_diff is True
    assert facts.owners == ("@app",)
    # Code has no CVE to look up.
    assert facts.epss is None and facts.kev is None


def test_the_worst_that_is_known_of_any_alias(tmp_path: Path) -> None:
    put(tmp_path)
    intel = Intel.load(tmp_path, date(2026, 11, 23))
    known = {"epss": 0.7, "kev": True}
    merged = merge(
        [
            vulnerability("trivy", "CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q", package="log4j"),
            vulnerability("trivy", "cve-2020-0001", package="a", known=known),
            vulnerability("trivy", "CVE-2020-0002", package="b"),
            vulnerability("snyk", "SNYK-JS-C-1", package="c"),
        ]
    )
    facts = facts_of(merged, intel=intel)
    found = {
        g.representative.package.name: (facts[g.identity].epss, facts[g.identity].kev)
        for g in merged.groups
        if g.representative.package is not None
    }
    assert found == {
        "log4j": (0.94358, True),
        # Nobody takes a tool's word that it is exploited away for a catalog without it.
        "a": (0.0005, True),
        "b": (None, False),
        "c": (None, None),
    }
    alone = facts_of(merged)
    assert sum(each.epss == 0.7 for each in alone.values()) == 1


def test_first_seen_is_the_earliest_under_any_name() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    old = code(uri="old.py", line_hash="a:1", identity="m1")
    before = merge([old])
    merged = merge([replace(old, location=replace(old.location, uri="new.py"), identity="m2")])
    change = FileChange(path="new.py", status=FileStatus.RENAMED, old_path="old.py")
    diff = Diff(base="b", head="h", files={"new.py": change}, renames={"old.py": "new.py"})
    comparison = compare(merged, before.groups, diff)
    seen = {before.groups[0].identity: early, "m2": late}
    (facts,) = facts_of(merged, comparison=comparison, first_seen=seen).values()
    assert facts.first_seen == early
    (facts,) = facts_of(merged, first_seen=seen).values()
    assert facts.first_seen == late
