"""Against a baseline: what is new, what was there before, what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.change.baseline import Comparison, compare
from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.merge import merge
from secagg.merge.groups import Group
from secagg.model.finding import Finding, Location, SarifOrigin, Severity, Suppression, replace
from secagg.policy.decision import BaselineState
from tests.merge.make import code, license_finding, misconfiguration, secret, vulnerability
from tests.merge.strategies import findings

NEW, UNCHANGED = BaselineState.NEW, BaselineState.UNCHANGED
UPDATED, ABSENT = BaselineState.UPDATED, BaselineState.ABSENT


def _compare(before: Sequence[Finding], now: Sequence[Finding], diff: Diff | None) -> Comparison:
    return compare(merge(now), merge(before).groups, diff)


def _states(
    before: Sequence[Finding], now: Sequence[Finding], diff: Diff | None = None
) -> list[str]:
    """The states of ``now`` in its own order; each finding has to be a group of its own."""
    merged = merge(now)
    found = compare(merged, merge(before).groups, diff)
    group_of = {id(f): group.identity for group in merged.groups for f in group.members}
    return [found.states[group_of[id(finding)]].value for finding in now]


def _modified(path: str, *hunks: Hunk) -> Diff:
    change = FileChange(path=path, status=FileStatus.MODIFIED, hunks=hunks)
    return Diff(base="b", head="h", files={path: change})


def _renamed(old: str, new: str, *hunks: Hunk) -> Diff:
    change = FileChange(path=new, status=FileStatus.RENAMED, old_path=old, hunks=hunks)
    return Diff(base="b", head="h", files={new: change}, renames={old: new})


def test_two_new_copies_of_an_old_flaw_are_one_old_and_two_new() -> None:
    before = [code(line=5, line_hash="a:1")]
    now = [code(line=line, line_hash=f"a:{n}") for n, line in enumerate((2, 5, 9), 1)]
    found = _compare(before, now, None)
    assert (found.count(NEW), found.count(UNCHANGED), found.count(ABSENT)) == (2, 1, 0)


def test_a_copy_above_is_the_new_one() -> None:
    """The copy has taken over the old one's hash and number; the change tells them apart."""
    before = [code(line=5, line_hash="a:1")]
    now = [code(line=2, line_hash="a:1"), code(line=6, line_hash="a:2")]
    inserted = _modified("app/db.py", Hunk(1, 0, 2, 1))
    assert _states(before, now, inserted) == ["new", "unchanged"]


def test_a_new_version_beside_the_old_one_is_the_new_one() -> None:
    """The lower version takes over the identity; the version tells them apart."""
    before = [vulnerability("trivy", "CVE-2020-1", version="1.5")]
    now = [*before, vulnerability("trivy", "CVE-2020-1", version="1.2")]
    assert _states(before, now) == ["unchanged", "new"]
    assert _states(before, now[1:]) == ["updated"]


def test_a_flaw_in_the_place_of_another_is_new() -> None:
    before = [code(line=5, line_hash="a:1")]
    now = [code(line=5, line_hash="b:1")]
    assert _states(before, now) == ["new"]
    assert _states(before, now, _modified("app/db.py", Hunk(5, 1, 5, 1))) == ["new"]


def test_code_that_was_left_alone_is_known_by_its_line() -> None:
    """The hash also covers what follows the line; the change has only touched that."""
    before = [code(line=5, line_hash="a:1")]
    now = [code(line=6, line_hash="b:1")]
    change = _modified("app/db.py", Hunk(1, 0, 2, 1), Hunk(6, 1, 7, 1))
    found = _compare(before, now, change)
    (match,) = found.matches.values()
    assert match.changes == ("the code around it has changed",)


def test_moved_code_is_known_by_what_it_says() -> None:
    before = [code(line=5, line_hash="a:1")]
    now = [code(line=40, line_hash="a:1")]
    change = _modified("app/db.py", Hunk(5, 1, 4, 0), Hunk(40, 0, 40, 1))
    assert _states(before, now, change) == ["unchanged"]


RENAMED = [
    code(uri="OLD", line=5, line_hash="a:1"),
    misconfiguration(uri="OLD", line=5, line_hash="a:1"),
    misconfiguration(uri="OLD", resource="web"),
    secret(uri="OLD"),
    secret(uri="OLD", value=None, line_hash="a:1"),
    vulnerability("trivy", "CVE-2020-1", uri="OLD"),
    license_finding(uri="OLD"),
]


@pytest.mark.parametrize("finding", RENAMED, ids=lambda f: f"{f.kind}-{f.location.start_line}")
def test_renames_are_followed(finding: Finding) -> None:
    before = replace(finding, location=replace(finding.location, uri="a/old.txt"))
    now = replace(finding, location=replace(finding.location, uri="b/new.txt"))
    assert _states([before], [now], _renamed("a/old.txt", "b/new.txt")) == ["unchanged"]
    assert _states([before], [now]) == ["new"]
    # A new file of the old name with the same in it is a copy.
    diff = _renamed("a/old.txt", "b/new.txt")
    old = FileChange(path="a/old.txt", status=FileStatus.ADDED, whole=True)
    diff = replace(diff, files={**diff.files, "a/old.txt": old})
    found = _compare([before], [before, now], diff)
    assert (found.count(NEW), found.count(UNCHANGED)) == (1, 1)


def test_a_secret_of_a_renamed_file_stays_in_its_history() -> None:
    before = [secret(uri="old.py"), secret(uri="old.py", commit="c1")]
    now = [secret(uri="new.py"), secret(uri="old.py", commit="c1")]
    assert _states(before, now, _renamed("old.py", "new.py")) == ["unchanged", "updated"]


def test_a_secret_whose_value_only_its_history_tells() -> None:
    """Trivy has hidden the value in the work tree; another tool knows it from a commit."""
    before = [secret("trivy", None), secret(commit="c1")]
    assert len(merge(before).groups) == 1
    found = _compare(before, [secret("trivy", None), secret(), secret(commit="c1")], None)
    assert found.count(NEW) == 0
    moved = [secret("trivy", None, uri="new.py"), secret(uri="new.py")]
    found = _compare(before, [*moved, secret(commit="c1")], _renamed("app/config.py", "new.py"))
    assert found.count(NEW) == 0


def test_a_secret_is_its_value() -> None:
    before = [secret(line=3, line_hash="a:1")]
    assert _states(before, [secret(line=9, line_hash="b:1")]) == ["unchanged"]
    other = secret(value="hmac-sha256:bb", line=3, line_hash="a:1")
    assert _states(before, [other]) == ["new"]
    assert _states(before, [secret(uri="copy.py")]) == ["new"]


def test_a_masked_secret_is_known_by_its_line_only() -> None:
    before = [secret("trivy", None, line=3, line_hash="a:1")]
    assert _states(before, [secret("trivy", None, line=8, line_hash="a:1")]) == ["unchanged"]
    assert _states(before, [secret("trivy", None, line=3, line_hash="b:1")]) == ["new"]
    now = [secret("trivy", None, line=3, end=9, line_hash="b:1")]
    body = _modified("app/config.py", Hunk(5, 2, 5, 2))
    assert _states(before, now, body) == ["new"]


def test_a_secret_that_comes_back_is_new() -> None:
    before = [secret(commit="c1")]
    now = [secret(line=3)]
    back = _modified("app/config.py", Hunk(2, 0, 3, 1))
    assert _states(before, now, back) == ["new"]
    # Without the change nobody knows when it came back, or whether the baseline had looked.
    assert _states(before, now) == ["updated"]


def test_another_resource_is_another_problem() -> None:
    before = [misconfiguration(resource="bucket.a", line=5, line_hash="a:1")]
    now = [misconfiguration(resource="bucket.b", line=5, line_hash="c:1")]
    assert _states(before, now) == ["new"]
    assert _states(before, [replace(before[0], line_hash="c:1")]) == ["unchanged"]


def test_another_key_is_said() -> None:
    found = _compare([secret(value="hmac-sha256:11")], [secret(value="hmac-sha256:22")], None)
    assert "another SECAGG_HMAC_KEY" in found.notes[0]
    assert found.count(NEW) == 1
    assert _compare([], [secret()], None).notes == ()


def test_a_tool_that_the_baseline_lacks_is_said() -> None:
    found = _compare([secret()], [secret(), code("codeql", line_hash="a:1")], None)
    assert [note.partition(":")[0] for note in found.notes] == [
        "nothing in the baseline comes from codeql"
    ]


def test_it_is_said_how_a_problem_was_known_again() -> None:
    (match,) = _compare([secret()], [secret()], None).matches.values()
    assert match.why == "the baseline has the same problem at the same place"


def test_many_copies_are_counted() -> None:
    before = [code(line=n, line_hash=f"a:{n}") for n in range(1, 101)]
    now = [code(line=n, line_hash=f"a:{n}") for n in range(1, 104)]
    assert _compare(before, now, None).count(NEW) == 3
    assert len(_compare(now, before, None).absent) == 3


def test_a_vulnerability_of_no_named_package_is_known_by_what_is_said() -> None:
    one = replace(vulnerability("snyk", "CVE-2020-1"), package=None, message="libx 1.2 is bad")
    other = replace(one, message="liby is bad")
    assert _states([one], [replace(one, message="libx 1.3 is bad")]) == ["unchanged"]
    assert _states([one], [other]) == ["new"]


def test_an_image_is_known_under_all_its_tags() -> None:
    before = vulnerability("trivy", "CVE-1-1", location=Location(image="shelf:1", uri="app/x.jar"))
    now = vulnerability("trivy", "CVE-1-1", location=Location(image="shelf:2", uri="app/x.jar"))
    diff = _renamed("app/x.jar", "app/y.jar")
    assert _states([before], [now], diff) == ["unchanged"]


def test_another_rule_for_the_same_code() -> None:
    before = [code("codeql", "py/sql", "CWE-89", line=5, line_hash="a:1")]
    now = [code("semgrep", "sqli", "CWE-564", line=7, line_hash="a:1")]
    assert _states(before, now) == ["unchanged"]
    parent = [code("semgrep", "sqli", "CWE-943", line=7, line_hash="a:1")]
    assert _states(before, parent) == ["unchanged"]
    assert _states(before, [code("semgrep", "x", "CWE-79", line=7, line_hash="a:1")]) == ["new"]
    assert _states(before, [code("semgrep", "sqli", "CWE-89", line=7, line_hash="b:1")]) == ["new"]
    two = [code("a", "r1", "CWE-943", line=5, line_hash="a:1")]
    two += [code("a", "r2", "CWE-943", line=9, line_hash="a:1")]
    assert "unchanged" not in _states(before, two)


_SUPPRESSED = (Suppression(source="SARIF"),)
_ELSEWHERE = Location(uri="b.py", start_line=3)
_FARTHER = Location(uri="c.py", start_line=3)
UPDATES = [
    (replace(code(), severity=Severity.LOW), code(), "severity is high, was low"),
    (
        vulnerability("trivy", "CVE-1-1", known={}),
        vulnerability("trivy", "CVE-1-1", known={"fixed_versions": ("2.0",)}),
        "there is a fix: 2.0",
    ),
    (secret(verified=False), secret(verified=True), "the secret is now known to work"),
    (code(message="from a form"), code(message="from a file"), "the message is another"),
    (
        vulnerability("trivy", "CVE-1-1", known={"fixed_versions": ("2.0",)}),
        vulnerability("trivy", "CVE-1-1", known={}),
        "there is no fix any more",
    ),
    (
        vulnerability("trivy", "CVE-1-1", version=None),
        vulnerability("trivy", "CVE-1-1", version="4.17.4"),
        "version is 4.17.4, was unknown",
    ),
    (
        vulnerability("trivy", "CVE-1-1", version="4.17.5"),
        vulnerability("trivy", "CVE-1-1", version="4.17.4"),
        "version is 4.17.4, was 4.17.5",
    ),
    (code(), code(suppressions=_SUPPRESSED), "it is now suppressed"),
    (code(suppressions=_SUPPRESSED), code(), "it is no longer suppressed"),
    (code(), code(places=(_ELSEWHERE,)), "it is at 1 more place"),
    (code(), code(places=(_ELSEWHERE, _FARTHER)), "it is at 2 more places"),
]


@pytest.mark.parametrize(("before", "now", "change"), UPDATES, ids=[u[2] for u in UPDATES])
def test_updates(before: Finding, now: Finding, change: str) -> None:
    before, now = replace(before, line_hash="a:1"), replace(now, line_hash="a:1")
    (match,) = _compare([before], [now], None).matches.values()
    assert match.changes == (change,)
    assert _states([before], [now]) == ["updated"]
    assert _states([now], [now]) == ["unchanged"]


def test_lines_and_tools_are_no_update() -> None:
    before = [code("codeql", "a", "CWE-89", line=5, line_hash="a:1", message="line 5 is bad")]
    now = [code("codeql", "a", "CWE-89", line=9, line_hash="a:1", message="line 9 is bad")]
    assert _states(before, now) == ["unchanged"]


def test_what_was_absent_in_the_baseline_is_not_in_it() -> None:
    gone = code(line_hash="a:1", sarif=SarifOrigin.of({}, {"baselineState": "absent"}))
    passed = code(line_hash="a:1", sarif=SarifOrigin.of({}, {"kind": "pass"}))
    for before in (gone, passed):
        found = _compare([before], [code(line_hash="a:1")], None)
        assert found.count(NEW) == 1 and found.absent == ()


def test_what_is_gone_is_absent() -> None:
    found = _compare([code(line_hash="a:1"), secret()], [secret()], None)
    assert [group.representative.rule_id for group in found.absent] == ["py/sql-injection"]


@given(st.lists(findings, max_size=12))
def test_a_baseline_compared_with_itself_is_unchanged(found: list[Finding]) -> None:
    states = _compare(found, found, None)
    assert set(states.states.values()) <= {UNCHANGED}
    assert states.absent == ()


@given(st.lists(findings, max_size=12), st.integers(0, 5), st.randoms())
def test_so_many_new_ones_are_so_many_new_ones(
    found: list[Finding], k: int, random: object
) -> None:
    new = [
        make
        for n in range(k)
        for make in [
            code("codeql", f"new/{n}", uri=f"new{n}.py", line_hash="h1:1"),
            vulnerability("trivy", f"CVE-2030-{n + 1}"),
            secret(value=f"hmac-sha256:new{n}", uri="a.env", line=100 * (n + 1)),
        ]
    ]
    before, now = merge(found), merge([*found, *new])
    states = compare(now, before.groups)
    assert states.count(NEW) == len(new) == len(now.groups) - len(before.groups)
    assert states.absent == ()


@given(st.lists(findings, max_size=10), st.integers(0, 50), st.booleans())
def test_what_only_moves_is_not_new(found: list[Finding], by: int, with_diff: bool) -> None:
    """Lines are put at the top of every file."""
    found = [f for f in found if f.line_hash or f.kind.value not in ("code", "secret")]
    moved = []
    for finding in found:
        place = finding.location
        if place.start_line is not None and place.commit is None:
            place = replace(
                place,
                start_line=place.start_line + by,
                end_line=None if place.end_line is None else place.end_line + by,
            )
        moved.append(replace(finding, location=place))
    paths = {f.location.uri for f in found if f.location.uri}
    changes = {
        path: FileChange(path=path, status=FileStatus.MODIFIED, hunks=(Hunk(0, 0, 1, by),))
        for path in paths
        if by
    }
    diff = Diff(base="b", head="h", files=changes) if with_diff else None
    before, now = merge(found), merge(moved)
    states = compare(now, before.groups, diff)
    assert states.count(NEW) == max(0, len(now.groups) - len(before.groups))


@given(st.lists(findings, max_size=8), st.lists(findings, max_size=8))
def test_everything_is_accounted_for(before: list[Finding], now: list[Finding]) -> None:
    """One problem of the baseline explains one of the scan, but for a secret's two places."""
    old, merged = merge(before), merge(now)
    found = compare(merged, old.groups)
    assert set(found.states) == {group.identity for group in merged.groups}
    assert found.count(NEW) + len(found.matches) == len(merged.groups)
    used = [id(match.before) for match in found.matches.values()]
    assert len(set(used)) + len(found.absent) == len(old.groups)
    shared = [m for m in found.matches.values() if used.count(id(m.before)) > 1]
    assert all(m.before.representative.kind.value == "secret" for m in shared)
    assert compare(merge(list(reversed(now))), old.groups).states == found.states


@given(st.lists(findings, max_size=8), st.lists(findings, max_size=8))
def test_nothing_is_known_again_without_a_sign(before: list[Finding], now: list[Finding]) -> None:
    merged = merge(now)
    found = compare(merged, merge(before).groups)
    for group in merged.groups:
        if group.identity in found.matches:
            signs = {sign for f in group.members for sign in _signs(f, known_code=False)}
            earlier = found.matches[group.identity].before.members
            assert signs & {sign for f in earlier for sign in _signs(f, f.line_hash is not None)}


def _signs(finding: Finding, known_code: bool) -> Iterator[tuple[str | None, ...]]:
    """What two findings must share, at least, to be taken for one problem."""
    kind, path = finding.kind.value, finding.location.uri
    if finding.secret is not None:
        yield kind, path, finding.secret.id
    elif finding.package is not None:
        known = finding.vulnerability.aliases if finding.vulnerability else (finding.license,)
        for name in known:
            yield kind, finding.package.name.lower(), (name or "").removesuffix("-only")
    elif finding.misconfiguration is not None:
        yield kind, path, finding.misconfiguration.resource
        # A tool that names no resource may speak of the one that another names.
        yield kind, path, "a resource, or none"
    else:
        yield kind, path, (finding.line_hash or "").partition(":")[0]
        if not known_code:
            yield kind, path, finding.tool, finding.rule_id


def _masked(tool: str, rule: str, line_hash: str | None = None) -> Finding:
    found = secret(tool, None, line=5, detector=rule)
    found.line_hash = line_hash
    return found


def test_a_masked_secret_does_not_hide_behind_an_old_one_on_its_line() -> None:
    old = secret("gitleaks", "hmac-sha256:aa", line=5, detector="generic-api-key")
    joined = [old, _masked("trivy", "github-pat")]
    (group,) = merge(joined).groups
    assert len(group.members) == 2
    assert set(_compare([old], joined, None).states.values()) == {NEW}
    assert set(_compare(joined, joined, None).states.values()) == {UNCHANGED}
    # The same rule on a line that is another now may mean another secret.
    before = [old, _masked("trivy", "github-pat", "a:1")]
    after = [old, _masked("trivy", "github-pat", "b:1")]
    assert set(_compare(before, after, None).states.values()) == {NEW}
    assert set(_compare(before, before, None).states.values()) == {UNCHANGED}


def test_what_was_not_looked_at_is_not_absent() -> None:
    before = merge([secret(line=3)]).groups
    assert len(compare(merge([]), before).absent) == 1
    assert compare(merge([]), before, looked_at=lambda group: False).absent == ()


def test_a_check_that_fails_in_the_same_words_on_touched_lines_is_the_same() -> None:
    before = misconfiguration("trivy", "KSV-0001", uri="deploy/shop.yaml", line=8, line_hash="a:1")
    now = replace(before, line_hash="b:1")
    change = FileChange(
        path="deploy/shop.yaml", status=FileStatus.MODIFIED, hunks=(Hunk(8, 1, 8, 1),)
    )
    diff = Diff(base="b", head="h", files={change.path: change})
    merged = merge([now])
    state = compare(merged, merge([before]).groups, diff).states[merged.groups[0].identity]
    assert state is BaselineState.UPDATED
    other = merge([replace(now, message="Container 'other' of Deployment 'shop' is privileged")])
    found = compare(other, merge([before]).groups, diff).states[other.groups[0].identity]
    assert found is BaselineState.NEW


BUCKETS = "main.tf"


def _bucket(first: int, last: int, **fields: Any) -> Finding:
    """A check that fails in words that tell no bucket from another, as Checkov's SARIF does."""
    return misconfiguration(
        "checkov",
        "CKV_AWS_19",
        uri=BUCKETS,
        line=first,
        end=last,
        message="no encryption",
        **fields,
    )


@pytest.mark.parametrize(
    ("hunks", "now", "state"),
    [
        # A line of it was changed, and it fails as before.
        ((Hunk(12, 1, 12, 1),), (10, 15), UPDATED),
        # Lines were put above it and into it.
        ((Hunk(2, 0, 3, 5), Hunk(13, 0, 19, 2)), (15, 22), UPDATED),
        # A line of it was taken out.
        ((Hunk(12, 1, 11, 0),), (10, 14), UPDATED),
        # It was mended, and another one was added below, or above.
        ((Hunk(12, 1, 12, 2), Hunk(30, 0, 32, 6)), (32, 37), NEW),
        ((Hunk(0, 0, 1, 6), Hunk(12, 1, 18, 2)), (1, 6), NEW),
        # It was taken out, and another one came.
        ((Hunk(10, 6, 9, 0), Hunk(30, 0, 25, 6)), (25, 30), NEW),
        # Nothing of it is left, and something else stands in its place.
        ((Hunk(10, 6, 10, 9),), (10, 18), NEW),
    ],
)
def test_another_check_that_fails_in_the_same_words_is_new(
    hunks: tuple[Hunk, ...], now: tuple[int, int], state: BaselineState
) -> None:
    before, after = _bucket(10, 15, line_hash="a:1"), _bucket(*now, line_hash="b:1")
    for one, other in (
        (before, after),
        (replace(before, line_hash=None), replace(after, line_hash=None)),
    ):
        assert _states([one], [other], _modified(BUCKETS, *hunks)) == [state.value]
    # Where no lines are told there is nothing to tell them apart by.
    bare = misconfiguration("checkov", "CKV_AWS_19", uri=BUCKETS, message="no encryption")
    assert _states([bare], [bare], _modified(BUCKETS, *hunks)) == ["unchanged"]


def test_one_of_several_sightings_of_a_check_is_enough() -> None:
    """Both tools see the old bucket, the one by its block and the other by a line of it."""
    block = _bucket(10, 15)
    line = replace(_bucket(12, 12), tool="kics")
    elsewhere = replace(_bucket(40, 45), tool="kics")
    diff = _modified(BUCKETS, Hunk(12, 1, 12, 1))

    def group(*members: Finding) -> Group:
        return Group(identity="i", representative=members[0], members=members)

    for before, now in (((line, block), (block,)), ((block,), (elsewhere, block))):
        merged = merge(now[:1])
        merged.groups = [group(*now)]
        assert compare(merged, [group(*before)], diff).states["i"] is UPDATED


def test_a_failed_check_is_known_in_a_renamed_file_by_its_lines() -> None:
    before, after = (
        _bucket(10, 15),
        replace(_bucket(11, 16), location=Location(uri="b.tf", start_line=11, end_line=16)),
    )
    diff = _renamed(BUCKETS, "b.tf", Hunk(3, 0, 4, 1), Hunk(12, 1, 13, 1))
    assert _states([before], [after], diff) == ["updated"]
    elsewhere = replace(after, location=Location(uri="b.tf", start_line=40, end_line=45))
    more = _renamed(BUCKETS, "b.tf", Hunk(12, 1, 12, 1), Hunk(30, 0, 40, 6))
    assert _states([before], [elsewhere], more) == ["new"]


@given(st.lists(st.sampled_from("-+= "), max_size=12), st.integers(1, 8), st.integers(0, 8))
def test_kept_lines_are_those_that_have_a_new_line(marks: list[str], first: int, more: int) -> None:
    """Held against the single lines: "-" goes, "+" comes, "=" is changed in its place."""
    hunks, old, new = [], 1, 1
    for mark in (" ", *marks):
        if mark == "-":
            hunks.append(Hunk(old, 1, new - 1, 0))
        elif mark == "+":
            hunks.append(Hunk(old - 1, 0, new, 1))
        elif mark == "=":
            hunks.append(Hunk(old, 1, new, 1))
        old, new = old + (mark != "+"), new + (mark != "-")
    diff = _modified("a", *hunks)
    changed = {h.old_start: h.new_start for h in hunks if h.old_count == h.new_count == 1}
    each = [
        changed.get(line) or diff.new_line("a", line) for line in range(first, first + more + 1)
    ]
    spans = diff.surviving_ranges("a", first, first + more)
    assert [n for one, last in spans for n in range(one, last + 1)] == [n for n in each if n]
