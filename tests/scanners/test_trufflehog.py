"""TruffleHog, stood in for by an executable that keeps its contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.packages.components import find_components
from secagg.scanners.base import Status, ToolRun
from tests.scanners.conftest import Bench, Repo

FIRST = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6"
SECOND = "ghp_" + "zY9xW8vU7tS6rQ5pO4nM3lK2jI1hG0fE9dC8"


def scan(bench: Bench, root: Path, **settings: Any) -> ToolRun:
    (run,) = bench.scan("trufflehog", root, **settings)
    assert bench.leftovers() == []
    return run


def files(run: ToolRun) -> list[str]:
    found = []
    for report in run.reports:
        for line in report.data.splitlines():
            (data,) = json.loads(line)["SourceMetadata"]["Data"].values()
            found.append(data["file"])
    return sorted(found)


def test_history_is_scanned_by_default(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"old.py": "", "new.py": f'TOKEN = "{SECOND}"\n'})
    run = scan(bench, repo.root)
    assert (run.mode, run.status, run.version) == ("git", Status.COMPLETE, "3.88.0")
    assert files(run) == ["new.py", "old.py"]


def test_only_a_range_is_scanned(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    base = repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"new.py": f'TOKEN = "{SECOND}"\n'})
    assert files(scan(bench, repo.root, since=base)) == ["new.py"]


def test_a_base_that_is_not_there_is_a_failure(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"old.py": ""})
    run = scan(bench, repo.root, since="nope")
    assert (run.status, run.reason) == (
        Status.FAILED,
        "the base commit 'nope' is not in this clone",
    )


def test_files_are_scanned_where_there_is_no_history(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("trufflehog")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "app.py").write_text(f'TOKEN = "{FIRST}"\n')
    run = scan(bench, tmp_path / "plain")
    assert run.mode == "filesystem"
    assert files(run) == [str(tmp_path / "plain" / "app.py")]


def test_nothing_found_is_an_empty_report(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"app.py": "x = 1\n"})
    run = scan(bench, repo.root)
    assert run.status is Status.COMPLETE
    assert [report.data for report in run.reports] == [b""]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("scan errors", "TruffleHog met errors and did not scan everything"),
        ("terminated", "TruffleHog did not say that it finished scanning"),
    ],
)
def test_exit_code_zero_is_not_believed(bench: Bench, repo: Repo, told: str, reason: str) -> None:
    bench.stand_in("trufflehog", told)
    repo.commit({"app.py": f'TOKEN = "{FIRST}"\n'})
    run = scan(bench, repo.root)
    assert (run.status, run.reason) == (Status.FAILED, reason)
    assert FIRST not in str(run.hint)


def test_a_chosen_component_is_scanned_alone(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"a/app.py": f'TOKEN = "{FIRST}"\n', "a/setup.py": ""})
    repo.commit({"b/app.py": f'TOKEN = "{SECOND}"\n', "b/setup.py": ""})
    chosen = [c for c in find_components(repo.root) if c.path == "b"]
    assert files(scan(bench, repo.root, components=chosen, whole=False)) == ["b/app.py"]


def test_lines_that_hide_themselves_are_counted(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"app.py": f'A = "{FIRST}"  # trufflehog:ignore\nB = 1  # trufflehog:ignore\n'})
    run = scan(bench, repo.root)
    assert files(run) == []
    assert [gap.message for gap in run.gaps] == [
        "2 lines of the repository carry trufflehog:ignore, which hides them"
    ]


def test_such_lines_are_counted_without_git_too(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("trufflehog")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "app.py").write_text("A = 1  # trufflehog:ignore\n")
    run = scan(bench, tmp_path / "plain")
    assert len(run.gaps) == 1


def test_a_shallow_clone_is_incomplete(bench: Bench, repo: Repo, tmp_path: Path) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"old.py": f'TOKEN = "{FIRST}"\n'})
    repo.commit({"old.py": ""})
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.root}", str(tmp_path / "clone"))
    (gap,) = scan(bench, tmp_path / "clone").gaps
    assert gap.fatal
    assert gap.message.startswith("the clone is shallow")


def test_history_below_a_repository_cannot_be_scanned(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    repo.commit({"a/app.py": f'TOKEN = "{FIRST}"\n'})
    run = scan(bench, repo.root / "a")
    assert run.status is Status.FAILED
    assert run.hint == "scan it from its top, or set tools.trufflehog.modes to [filesystem]"
    assert len(files(scan(bench, repo.root / "a", modes=["filesystem"]))) == 1


def test_git_mode_without_a_repository_is_a_failure(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("trufflehog")
    (tmp_path / "plain").mkdir()
    run = scan(bench, tmp_path / "plain", modes=["git"])
    assert (run.status, run.reason) == (Status.FAILED, "not a git repository")


def test_verification_is_asked_for_only_if_wanted(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trufflehog")
    repo.commit({"app.py": "x = 1\n"})
    run = scan(bench, repo.root, verify=True)
    assert run.status is Status.FAILED  # the stand-in cannot verify, and says so
    assert "cannot verify" in str(run.hint)
    program.write_text(program.read_text().replace('sys.exit("this stand-in cannot', 'print("not'))
    assert scan(bench, repo.root, concurrency=2).status is Status.COMPLETE
