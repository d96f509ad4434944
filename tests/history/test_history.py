"""First seen, last seen, fixed and reopened, on both databases."""

from __future__ import annotations

from dataclasses import replace

from secagg.history import ImportedRun, Store
from secagg.model.problem import State
from tests.history.make import REPO, day, ident, problem, run, see, standing


def test_a_problem_is_new_then_unchanged_then_fixed_then_reopened(store: Store) -> None:
    assert see(store, 1, "a", "b") == ImportedRun(new=2)
    assert see(store, 2, "a", "b", "c") == ImportedRun(new=1, unchanged=2)
    assert see(store, 3, "b") == ImportedRun(unchanged=1, fixed=2)
    assert see(store, 4, "a", "b") == ImportedRun(reopened=1, unchanged=1)
    assert standing(store) == {
        "problem a": (1, 4, None, 4),
        "problem b": (1, 4, None, None),
        "problem c": (2, 2, 3, None),
    }


def test_the_same_run_twice_changes_nothing(store: Store) -> None:
    see(store, 1, "a")
    see(store, 2)
    before = standing(store)
    assert see(store, 1, "a", "b") == ImportedRun(again=True)
    assert standing(store) == before
    assert len(store.runs()) == 2


def test_a_late_run_moves_only_the_first_sighting_back(store: Store) -> None:
    see(store, 5, "a")
    see(store, 6, "b")
    assert see(store, 1, "a", "b", "c").new == 3
    # c was there on day 1 and gone on day 5; a was fixed on day 6 and stays so.
    assert standing(store) == {
        "problem a": (1, 5, 6, None),
        "problem b": (1, 6, None, 6),
        "problem c": (1, 1, 5, None),
    }


def test_only_a_complete_run_of_its_tools_fixes_a_problem(store: Store) -> None:
    see(store, 1, problem("a", tools=["trivy", "snyk"], component="web"))
    for number, covered in enumerate(
        [(), [("trivy", ".")], [("trivy", "."), ("snyk", "engine")], [("gitleaks", ".")]], start=2
    ):
        see(store, number, covered=covered)
        assert standing(store) == {"problem a": (1, 1, None, None)}, covered
    see(store, 9, covered=[("trivy", "."), ("snyk", "web")])
    assert standing(store) == {"problem a": (1, 1, 9, None)}


def test_a_tool_that_once_knew_it_must_look_again(store: Store) -> None:
    """Snyk failed on day 2, where Trivy still saw it; on day 3 Snyk fails again."""
    see(store, 1, problem("a", tools=["trivy", "snyk"]))
    see(store, 2, problem("a", tools=["trivy"]))
    see(store, 3, covered=[("trivy", ".")])
    assert standing(store) == {"problem a": (1, 2, None, None)}


def test_branches_have_histories_of_their_own(store: Store) -> None:
    see(store, 1, "a")
    see(store, 2, "a", branch="fix")
    see(store, 3, branch="fix")
    assert standing(store, "main") == {"problem a": (1, 1, None, None)}
    assert standing(store, "fix") == {"problem a": (2, 2, 3, None)}
    assert store.first_seen(REPO, "main", [ident("a")]) == {ident("a"): day(1)}
    assert store.first_seen(REPO, "fix", [ident("a"), ident("x")]) == {ident("a"): day(2)}
    assert store.first_seen(REPO, "never scanned", [ident("a")]) == {ident("a"): day(1)}


def test_a_problem_under_another_identity_keeps_its_history(store: Store) -> None:
    see(store, 1, "a", "b")
    assert see(store, 3, problem("c", "a", "b")) == ImportedRun(unchanged=1)
    assert standing(store) == {"problem c": (1, 3, None, None)}
    # Fewer tools ran: it is the same problem under one of its old names.
    assert see(store, 4, "a") == ImportedRun(unchanged=1)
    assert standing(store) == {"problem a": (1, 4, None, None)}
    # It was no one problem after all.
    see(store, 5, "a", "b")
    assert standing(store) == {
        "problem a": (1, 5, None, None),
        "problem b": (1, 5, None, None),
    }
    see(store, 6)
    see(store, 7, problem("c", "a", "b"))
    assert standing(store) == {"problem c": (1, 7, None, 7)}


def test_a_run_is_given_back_as_it_was(store: Store) -> None:
    first = run(1, commit="0123456789abcdef0123456789abcdef01234567", by_severity={"high": 1})
    known = problem("a", line=4, epss=0.25, baseline="new", exception="x.yaml:3")
    store.record(first, [known], [("trivy", ".")])
    see(store, 2, problem("a", line=9))
    record, problems = store.run(first.key)
    first = replace(first, covered=(("trivy", "."),))
    assert record == first
    known.repository, known.branch = REPO, "main"
    assert problems == [known]
    assert store.run_of_commit(REPO, "0123456") == first
    assert store.run_of_commit(REPO, "fffffff") is None
    assert [r.key for r in store.runs(REPO, "main", limit=1)] == ["main-2"]
    assert store.branches() == [(REPO, "main")]


def test_a_branch_can_be_seen_as_it_stood(store: Store) -> None:
    see(store, 1, "a", key="one")
    see(store, 2, "b")
    see(store, 3, "a")
    (then,) = store.problems(REPO, "main", as_of="one")
    assert (then.title, then.state) == ("problem a", State.OPEN)
    fixed = store.problems(REPO, "main", states=[State.FIXED])
    assert [p.title for p in fixed] == ["problem b"]


def test_the_newest_run_of_every_branch(store: Store) -> None:
    see(store, 5, "a", key="late")
    see(store, 9, "a", branch="dev", key="dev")
    see(store, 1, "a", key="early")
    see(store, 3, "a", repository="acme/else", key="else")
    assert [r.key for r in store.newest_runs()] == ["dev", "late", "else"]
