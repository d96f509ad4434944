"""What a scan cannot vouch for, and what of it is accepted."""

from __future__ import annotations

import datetime

import pytest

from secagg.decisions.entry import policy_gaps
from secagg.decisions.index import AllExceptions
from secagg.decisions.ownfile import read_own
from secagg.errors import ConfigError
from secagg.merge.groups import MergedSet
from secagg.policy import Decision, ToolOutcome, Verdict, judge, load
from secagg.policy.gaps import RunGap, gap_key
from secagg.system.dates import Ceiling

TODAY = datetime.date(2026, 11, 23)
UNLOCKED = "ui/package.json has dependencies but no lock file: they were not checked"
UNPARSED = "legacy/old.py cannot be parsed (line 7)"


def run(*gaps: str, broken: bool = False, whole: bool = False) -> ToolOutcome:
    return ToolOutcome(
        tool="trivy (fs)",
        component=".",
        status="failed",
        reason="it crashed" if broken else gaps[0],
        gaps=[RunGap(message=gap, whole=whole) for gap in gaps],
        broken=broken,
    )


def decide(*runs: ToolOutcome, base: tuple[str, ...] = (), text: str = "") -> Decision:
    entries = read_own(text, Ceiling(max_days=90, today=TODAY))
    return judge(
        load("default"),
        MergedSet(groups=[]),
        runs=runs,
        exceptions=AllExceptions(entries, today=TODAY),
        today=TODAY,
        gaps_in_base=frozenset(map(gap_key, base)),
    )


def accepted(words: str, expires: str = "2026-12-01") -> str:
    return (
        f"exceptions:\n  - gap: {words}\n    reason: leaves in March\n    owner: ana\n"
        f"    created: 2026-11-01\n    expires: {expires}\n"
    )


def test_each_gap_is_a_reason_with_its_way_out() -> None:
    decision = decide(run(UNLOCKED, UNPARSED))
    assert decision.verdict is Verdict.INCOMPLETE
    assert [UNLOCKED in decision.gaps[0], UNPARSED in decision.gaps[1]] == [True, True]
    assert all("secagg except add --gap" in gap for gap in decision.gaps)


def test_a_gap_of_the_base_does_not_fail_a_change_and_a_new_one_does() -> None:
    old = decide(run(UNLOCKED), base=(f"Trivy: {UNLOCKED}",))
    assert old.verdict is Verdict.PASS
    assert old.notes == [
        f"trivy (fs) did not complete: {UNLOCKED}; the base of the change has this gap too"
    ]
    new = decide(run(UNLOCKED, UNPARSED), base=(UNLOCKED,))
    assert new.verdict is Verdict.INCOMPLETE
    assert len(new.gaps) == 1 and UNPARSED in new.gaps[0]


def test_a_line_that_has_moved_is_the_same_gap() -> None:
    assert decide(run(UNPARSED), base=(UNPARSED.replace("7", "9"),)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("app/old.py:7: cannot be parsed", "app/old.py:19: cannot be parsed"),
        ("Syntax error at app/old.py:7:12", "Syntax error at app/old.py:19:3"),
        ("lines 7-9 of app/old.py", "lines 17-19 of app/old.py"),
        ("3 of 5 files (60%) were not read.", "4 of 5 files (80%) were not read"),
        ("Trivy: ui/a.json was not read", "ui/a.json was not read"),
    ],
)
def test_counts_and_lines_make_no_other_gap(one: str, other: str) -> None:
    assert gap_key(one) == gap_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("shop1/package.json", "shop2/package.json"),
        ("shop-1/package.json", "shop-2/package.json"),
        ("2025/package.json", "2026/package.json"),
        ("1.1/package.json", "1.2/package.json"),
        ("a:1/package.json", "a:2/package.json"),
        ("requirements1.txt", "requirements2.txt"),
        ("app/old1.py:7", "app/old2.py:7"),
    ],
)
def test_a_number_in_a_name_makes_another_gap(one: str, other: str) -> None:
    """A change brings a second unlocked manifest beside that of the base."""
    sentence = "{} has dependencies but no lock file: they were not checked"
    new = decide(run(sentence.format(other)), base=(sentence.format(one),))
    assert new.verdict is Verdict.INCOMPLETE


def test_a_tool_that_failed_as_a_whole_is_no_gap_of_the_base() -> None:
    crashed = decide(run(UNLOCKED, broken=True), base=(UNLOCKED,))
    assert crashed.verdict is Verdict.INCOMPLETE and "it crashed" in crashed.gaps[0]
    doubtful = decide(
        run("ESLint: the tool says that it failed", whole=True),
        base=("the tool says that it failed",),
    )
    assert doubtful.verdict is Verdict.INCOMPLETE


def test_an_exception_accepts_a_gap_until_its_day_and_stays_visible() -> None:
    held = decide(run(UNPARSED), text=accepted("legacy/old.py"))
    assert held.verdict is Verdict.PASS and held.unused == []
    assert "ana accepts it until 2026-12-01 (secagg-exceptions.yaml:2)" in held.notes[0]
    over = decide(run(UNPARSED), text=accepted("legacy/old.py", "2026-11-22"))
    assert over.verdict is Verdict.INCOMPLETE
    other = decide(run(UNPARSED), text=accepted("legacy/new.py"))
    assert other.verdict is Verdict.INCOMPLETE and len(other.unused) == 1


def test_a_gap_as_a_whole_can_be_accepted_by_its_words() -> None:
    said = "ESLint: the tool says that it failed with exit code 2"
    held = decide(run(said, whole=True), text=accepted("'ESLint: the tool says'"))
    assert held.verdict is Verdict.PASS


@pytest.mark.parametrize("words", ["'*'", "a", "[legacy, '**']", "'e*e'", "'a?b?c'"])
def test_an_exception_for_any_gap_is_refused(words: str) -> None:
    with pytest.raises(ConfigError, match="three characters"):
        read_own(accepted(words), Ceiling(max_days=90, today=TODAY))


def test_gaps_of_deep_paths_are_told_apart_by_their_ends() -> None:
    deep = "/".join(["a-directory"] * 30)
    one, other = (f"{deep}/{name}/package.json has dependencies" for name in ("shop", "mail"))
    assert gap_key(one) != gap_key(other)


def by_policy(*gaps: str, expires: str = "2026-12-01") -> Decision:
    entry = (
        f"{{gap: legacy/, reason: leaves in March, owner: ana, created: 2026-08-01, "
        f"expires: {expires}}}"
    )
    policy = load("p", read={"p": f"name: p\nextends: default\ngaps:\n  - {entry}\n"}.get)
    entries = policy_gaps(policy.gaps, Ceiling(max_days=150, today=TODAY))
    return judge(
        policy,
        MergedSet(groups=[]),
        runs=[run(*gaps)],
        exceptions=AllExceptions(entries, today=TODAY),
        today=TODAY,
    )


def test_a_policy_accepts_a_gap_until_its_day_and_it_stays_visible() -> None:
    held = by_policy(UNPARSED)
    assert held.verdict is Verdict.PASS and held.accepted_gaps == {gap_key(UNPARSED)}
    assert f"{UNPARSED}; ana accepts it until 2026-12-01 (p:4)" in held.notes[0]
    both = by_policy(UNPARSED, UNLOCKED)
    assert both.verdict is Verdict.INCOMPLETE
    assert len(both.gaps) == 1 and UNLOCKED in both.gaps[0]


@pytest.mark.parametrize("expires", ["2026-11-22", "2027-03-01"])
def test_a_gap_whose_day_is_over_or_too_far_counts_again(expires: str) -> None:
    assert by_policy(UNPARSED, expires=expires).verdict is Verdict.INCOMPLETE
