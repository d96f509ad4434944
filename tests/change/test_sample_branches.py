"""The branches of the sample monorepo: each brings what its name says, and nothing else is new.

The real Trivy and Gitleaks, and what stands in for CodeQL and TruffleHog.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from scripts import sample_repo, trivy_db
from secagg.change.baseline import Comparison, compare
from secagg.change.diff import read_diff
from secagg.change.facts import facts_of
from secagg.change.model import Diff
from secagg.config import load_config
from secagg.merge.groups import Group
from secagg.pipeline.baseline import read_baseline
from secagg.pipeline.choices import View
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.scan import ScanOptions, scan
from secagg.pipeline.write import write_outputs
from secagg.policy import Action, ToolOutcome, Verdict, judge, load
from secagg.policy.decision import BaselineState
from secagg.sarif.conform import schema
from secagg.scanners.base import Status
from tests.cli.running import KEY
from tests.cli.test_five_tools import STANDINS
from tests.cli.test_sample import TOOLS

_OPEN_TO_ALL = """

resource "aws_security_group" "metrics" {
  name        = "shelf-metrics"
  description = "Metrics of the engine"

  ingress {
    description = "Metrics from anywhere"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""


def _open_port(root: Path) -> None:
    with (root / "deploy/terraform/main.tf").open("a") as file:
        file.write(_OPEN_TO_ALL)


def _remove_unrelated(root: Path) -> None:
    (root / "README.md").unlink()


# Changes that the sample has no branch for, made in a clone of main.
OTHER_CHANGES: dict[str, Callable[[Path], None]] = {
    "new-misconfiguration": _open_port,
    "unrelated-file-removed": _remove_unrelated,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A branch scanned and compared with main."""

    outcome: Outcome
    diff: Diff
    comparison: Comparison

    def in_state(self, state: BaselineState) -> list[Group]:
        return [
            group
            for group in self.outcome.merged.groups
            if self.comparison.states[group.identity] is state
        ]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Compared]]:
    home = tmp_path_factory.mktemp("branches")
    sample_repo.build(home / "repo")
    trivy_db.build(home / "cache")
    bin_dir = home / "bin"
    bin_dir.mkdir()
    for name in ("trivy", "gitleaks"):
        (bin_dir / name).symlink_to(TOOLS / name)
    for name in ("codeql", "trufflehog", "misbehave.py"):
        shutil.copy(STANDINS / name, bin_dir)
    config = home / "secagg.yaml"
    config.write_text(
        f"tools:\n  trivy: {{offline: true, cache_dir: {home / 'cache'}}}\n"
        "  snyk: {enabled: false}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join([str(bin_dir), "/usr/bin", "/bin"])
        for name, value in {"PATH": path, "HOME": str(home), "SECAGG_HMAC_KEY": KEY}.items():
            patch.setenv(name, value)
        main = _scanned(_clone(home, "main"), config)
        write_outputs(main, home / "baseline")
        report = (home / "baseline" / "findings.sarif").read_bytes()
        found: dict[str, Compared] = {}
        for view in View:
            # What main itself has written, in either view, is the same as main.
            write_outputs(main, home / view.value, view)
            written = (home / view.value / "findings.sarif").read_bytes()
            baseline = read_baseline([("findings.sarif", written)], root=home / "main")
            diff = read_diff(home / "main", "origin/main...HEAD")
            found[f"main, {view.value}"] = Compared(
                main, diff, compare(main.merged, baseline.groups, None)
            )
        for branch in (*sample_repo.BRANCHES, *OTHER_CHANGES):
            root = _clone(home, branch)
            outcome = _scanned(root, config)
            diff = read_diff(root, "origin/main...HEAD")
            baseline = read_baseline([("findings.sarif", report)], root=root)
            found[branch] = Compared(outcome, diff, compare(outcome.merged, baseline.groups, diff))
        yield found


def _clone(home: Path, branch: str) -> Path:
    """A clone that has this branch and main, as a pull request's checkout has."""
    root = home / branch.replace("/", "-")
    other = OTHER_CHANGES.get(branch)
    start = "main" if other is not None else branch
    _git(home, "clone", "-q", "--single-branch", "--branch", start, home / "repo", root)
    _git(root, "fetch", "-q", "origin", "main:refs/remotes/origin/main")
    if other is not None:
        other(root)
        _git(root, "add", "--all")
        author = ("-c", "user.name=Ada Archer", "-c", "user.email=ada@shelf.example")
        _git(root, *author, "commit", "-q", "-m", "Change something")
    return root


def _git(directory: Path, *arguments: str | Path) -> None:
    subprocess.run(["git", "-C", directory, *arguments], check=True)


def _scanned(root: Path, config: Path) -> Outcome:
    outcome = scan(
        ScanOptions(root=root), plain_gate(root, load_config(root, config)), lambda event: None
    )
    broken = [(r.run.tool, r.run.reason) for r in outcome.results if r.run.status is Status.FAILED]
    assert broken == []
    return outcome


def _names(groups: Iterable[Group]) -> list[tuple[str, str, str | None]]:
    finds = (group.representative for group in groups)
    return sorted((f.kind.value, f.rule_id, f.location.uri) for f in finds)


NEW = {
    "main, per-tool": [],
    "main, merged": [],
    "pr/nothing-new": [],
    "pr/new-vulnerability": [
        ("vulnerability", "CVE-2019-11324", "python-ai-service/requirements.txt")
    ],
    "pr/new-secret": [("secret", "github-pat", "nextjs-ui-dashboard/lib/releases.js")],
    "pr/secret-added-and-removed": [
        ("secret", "github-pat", "nextjs-ui-dashboard/lib/releases.js")
    ],
    "pr/new-code-flaw": [("code", "py/command-line-injection", "python-ai-service/app/reports.py")],
    "pr/moved-lines": [],
    "pr/renamed-file": [],
    "pr/fixes": [],
    "new-misconfiguration": [("misconfiguration", "AWS-0107", "deploy/terraform/main.tf")],
    "unrelated-file-removed": [],
}


@pytest.mark.parametrize("branch", NEW)
def test_exactly_what_was_planted_is_new(compared: dict[str, Compared], branch: str) -> None:
    found = compared[branch]
    new = found.in_state(BaselineState.NEW)
    assert _names(new) == NEW[branch]
    facts = facts_of(found.outcome.merged, diff=found.diff, comparison=found.comparison)
    assert [facts[group.identity].in_diff for group in new] == [True] * len(new)


@pytest.mark.parametrize("branch", NEW)
def test_the_pr_gate_fails_for_exactly_what_is_new(
    compared: dict[str, Compared], branch: str
) -> None:
    found = compared[branch]
    facts = facts_of(found.outcome.merged, diff=found.diff, comparison=found.comparison)
    runs = [ToolOutcome(tool="all", component=".", status="complete")]
    decision = judge(load("pr-gate"), found.outcome.merged, runs=runs, facts=facts)
    failing = [j.group for j in decision.judgements if j.action is Action.FAIL]
    counted = [j.group for j in decision.judgements if j.action is not Action.IGNORE]
    assert _names(counted) == NEW[branch]
    assert _names(failing) == NEW[branch]
    assert decision.verdict is (Verdict.FAIL if failing else Verdict.PASS)


def test_nothing_is_gone_but_what_was_fixed(compared: dict[str, Compared]) -> None:
    gone = {branch: _names(found.comparison.absent) for branch, found in compared.items()}
    assert gone.pop("pr/fixes") == [
        ("misconfiguration", "AWS-0092", "deploy/terraform/main.tf"),
        ("vulnerability", "CVE-2018-18074", "python-ai-service/requirements.txt"),
    ]
    assert set(map(tuple, gone.values())) == {()}


def test_every_group_has_a_state(compared: dict[str, Compared]) -> None:
    for found in compared.values():
        identities = [group.identity for group in found.outcome.merged.groups]
        assert len(identities) > 90
        assert set(found.comparison.states) == set(identities)


def test_the_states_are_written_and_what_is_gone_too(
    compared: dict[str, Compared], tmp_path: Path
) -> None:
    found = compared["pr/fixes"]
    found.outcome.comparison = found.comparison
    write_outputs(found.outcome, tmp_path, View.MERGED)
    log = json.loads((tmp_path / "findings.sarif").read_bytes())
    assert [error.message for error in Draft7Validator(schema()).iter_errors(log)] == []
    states = Counter(r.get("baselineState") for run in log["runs"] for r in run["results"])
    assert states == {"unchanged": len(found.outcome.merged.groups), "absent": 2}
    # A baseline that says that something is absent does not have it.
    again = read_baseline(
        [("findings.sarif", (tmp_path / "findings.sarif").read_bytes())], root=tmp_path
    )
    assert compare(found.outcome.merged, again.groups).absent == ()
    found.outcome.comparison = found.comparison
    write_outputs(found.outcome, tmp_path, View.PER_TOOL)
    log = json.loads((tmp_path / "findings.sarif").read_bytes())
    assert {r["baselineState"] for run in log["runs"] for r in run["results"]} == {"unchanged"}


def test_lines_that_moved_are_known_without_the_diff_too(compared: dict[str, Compared]) -> None:
    moved = compared["pr/moved-lines"]
    main = compared["main, per-tool"].outcome.merged.groups
    assert compare(moved.outcome.merged, main).count(BaselineState.NEW) == 0


def test_only_what_a_rename_left_in_history_has_changed(compared: dict[str, Compared]) -> None:
    """The secrets of a renamed file are the old ones at its new name, and in its old history."""
    updated = {
        branch: found.in_state(BaselineState.UPDATED)
        for branch, found in compared.items()
        if found.in_state(BaselineState.UPDATED)
    }
    assert list(updated) == ["pr/renamed-file"]
    places = {group.representative.location.uri for group in updated["pr/renamed-file"]}
    assert places == {"python-ai-service/app/settings.py"}
    matches = compared["pr/renamed-file"].comparison.matches
    changes = [matches[group.identity].changes for group in updated["pr/renamed-file"]]
    assert all("it is only in history" in change for change in changes)


def test_moved_lines_do_not_count_as_touched(compared: dict[str, Compared]) -> None:
    found = compared["pr/moved-lines"]
    facts = facts_of(found.outcome.merged, diff=found.diff)
    touched = [g for g in found.outcome.merged.groups if facts[g.identity].in_diff]
    # A manifest that is touched at all counts as a whole.
    assert {group.representative.kind.value for group in touched} == {"vulnerability"}
