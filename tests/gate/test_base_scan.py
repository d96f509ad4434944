"""The scan of a change's base: what it finds, and when it is taken from the cache.

Scanners are stand-ins that write down when they run: what they report stands in the files.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from secagg.cli.gate import GateRequest, judge_and_print
from secagg.cli.scan import run_scan
from secagg.cli.screen import Screen
from secagg.errors import UsageError
from secagg.pipeline.basecache import cached_base_scan
from secagg.pipeline.baseline import BaselineReport, ToolVersion
from secagg.pipeline.basescan import scan_base
from secagg.pipeline.gate import Gate, GateOptions, prepare
from secagg.pipeline.scan import ScanOptions
from tests.change.repos import Repo
from tests.cli.running import standin

CONFIG = "tools: {snyk: {enabled: false}, codeql: {enabled: false}, trufflehog: {enabled: false}}\n"
OLD, NEW = "zX9kQ2mW7vB4nT8pL3rJ6sD1", "qP5wE8rT1yU4iO7aS0dF3gH6"
BOTH = ("gitleaks", "trivy")
GITLEAKS_8_30_1, TRIVY_0_76 = ToolVersion("gitleaks", "8.30.1"), ToolVersion("trivy", "0.76.0")
NEWER_GITLEAKS = ToolVersion("gitleaks", "8.30.2")
TOOL_VERSIONS = (GITLEAKS_8_30_1, TRIVY_0_76)
# A line "key=..." is a secret; in history there is none.
GITLEAKS = """
import json
path = next(a for a in sys.argv if a.startswith("--report-path=")).split("=")[1]
root = pathlib.Path(sys.argv[-1])
with open({log!r}, "a") as log:
    log.write(sys.argv[1] + "\\n")
found = []
for file in sorted(root.rglob("*.py")) if sys.argv[1] == "dir" else []:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.startswith("key="):
            found.append({{"RuleID": "generic-api-key", "Description": "A key", "File": str(file),
                "StartLine": number, "EndLine": number, "Match": line, "Secret": line[4:],
                "Fingerprint": f"{{file}}:generic-api-key:{{number}}"}})
pathlib.Path(path).write_text(json.dumps(found))
sys.stderr.write("1:00PM INF 1 commits scanned.\\n")
"""
TRIVY = """
import json
path = next(a for a in sys.argv if a.startswith("--output=")).split("=")[1]
report = {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem", "Results": []}
pathlib.Path(path).write_text(json.dumps(report))
"""


@dataclass(frozen=True)
class Change:
    """A repository with a change in it, and what counts the runs of its scanners."""

    repo: Repo
    log: Path
    bin: Path

    def gate(self, root: Path | None = None) -> Gate:
        given = GateOptions(policy="pr-gate", policy_from="main", store="")
        return prepare(root or self.repo.root, given, environ={})

    def scan(
        self,
        *tools: str,
        gate: Gate | None = None,
        tool_versions: tuple[ToolVersion, ...] = TOOL_VERSIONS,
    ) -> BaselineReport:
        gate = gate or self.gate()
        options = ScanOptions(root=gate.root, tools=tools or BOTH[:1], since="main")
        return scan_base(gate, options, lambda event: None, tool_versions)

    @property
    def runs(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    binaries, log = tmp_path / "bin", tmp_path / "log"
    binaries.mkdir()
    standin(binaries, "gitleaks", "8.30.1", GITLEAKS.format(log=str(log)))
    standin(binaries, "trivy", "Version: 0.76.0", TRIVY)
    monkeypatch.setenv("PATH", f"{binaries}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    repo = Repo(tmp_path / "repo")
    repo.write("secagg.yaml", CONFIG)
    repo.write("app/old.py", f"key={OLD}\n")
    repo.write("web/package.json", '{"dependencies": {"a": "1"}}')
    repo.commit("Base")
    repo.git("checkout", "-q", "-b", "change")
    repo.write("new.py", f"key={NEW}\n")
    repo.commit("Change")
    return Change(repo, log, binaries)


def files(baseline: BaselineReport) -> set[str | None]:
    return {group.representative.location.uri for group in baseline.groups}


def test_it_finds_what_the_base_has_and_leaves_nothing_behind(change: Change) -> None:
    head = change.repo.git("rev-parse", "HEAD")
    baseline = change.scan(*BOTH)
    assert files(baseline) == {"app/old.py"}
    assert baseline.exact == set(BOTH)
    base = change.repo.git("rev-parse", "main")
    assert baseline.name == f"a scan of its base {base[:12]}"
    assert [gap for gap in baseline.gaps.values() if "web/package.json" in gap]
    assert len(change.repo.git("worktree", "list").splitlines()) == 1
    assert change.repo.git("status", "--porcelain") == ""
    assert change.repo.git("rev-parse", "HEAD") == head


def test_where_the_change_left_its_base_counts_and_not_its_tip(change: Change) -> None:
    base = change.repo.git("rev-parse", "main")
    change.repo.git("checkout", "-q", "main")
    change.repo.write("later.py", f"key={NEW}\n")
    change.repo.commit("Later on main")
    change.repo.git("checkout", "-q", "change")
    baseline = change.scan()
    assert files(baseline) == {"app/old.py"} and str(baseline.name).endswith(base[:12])


def test_the_same_base_is_scanned_once(change: Change, tmp_path: Path) -> None:
    first, runs = change.scan(*BOTH), change.runs
    change.repo.write("more.py", f"key={NEW}\n")
    change.repo.commit("More of the change")
    second = change.scan(*BOTH)
    assert change.runs == runs > 0
    assert [g.identity for g in second.groups] == [g.identity for g in first.groups]
    assert (second.exact, second.name) == (first.exact, first.name)
    assert second.gaps == first.gaps
    kept = list((tmp_path / "cache" / "secagg" / "bases").iterdir())
    assert {path.suffix for path in kept} == {".sarif", ".json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert all(OLD.encode() not in path.read_bytes() for path in kept)


def test_what_is_kept_and_not_whole_is_scanned_again(change: Change, tmp_path: Path) -> None:
    first, runs = change.scan(), change.runs
    for times, (hurt, left) in enumerate(
        [(".sarif", ""), (".sarif", None), (".json", "{}"), (".json", None)], start=2
    ):
        (file,) = (tmp_path / "cache" / "secagg" / "bases").glob(f"*{hurt}")
        file.unlink()
        if left is not None:
            file.write_text(left)
        again = change.scan()
        assert change.runs == times * runs
        assert (files(again), again.exact) == (files(first), first.exact)


def _base_moves(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    change.repo.git("checkout", "-q", "main")
    change.repo.write("README.md", "# Moved\n")
    change.repo.commit("Move on")
    change.repo.git("checkout", "-q", "change")
    change.repo.git("merge", "-q", "--no-edit", "main")


def _settings_change(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    change.repo.git("checkout", "-q", "main")
    change.repo.write("secagg.yaml", f"{CONFIG}exclude: [web]\n")
    # The change is not merged with it: its merge base is the same commit.
    change.repo.commit("Settings")
    change.repo.git("checkout", "-q", "change")


def _another_key(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "another key that is only for tests")


def _another_database(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = change.bin.parent / "trivy"
    (cache / "db").mkdir(parents=True)
    (cache / "db" / "metadata.json").write_text(json.dumps({"UpdatedAt": "2026-11-30T00:00:00Z"}))
    monkeypatch.setenv("TRIVY_CACHE_DIR", str(cache))


@pytest.mark.parametrize(
    "happens", [_base_moves, _settings_change, _another_key, _another_database]
)
def test_what_it_depends_on_makes_another_scan(
    change: Change,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[Change, pytest.MonkeyPatch], None],
) -> None:
    change.scan()
    runs = change.runs
    happens(change, monkeypatch)
    change.scan()
    assert change.runs == 2 * runs


def test_another_version_and_other_tools_make_another_scan(change: Change) -> None:
    change.scan(tool_versions=(GITLEAKS_8_30_1,))
    runs = change.runs
    change.scan(tool_versions=(NEWER_GITLEAKS,))
    assert change.runs == 2 * runs
    change.scan(*BOTH, tool_versions=(GITLEAKS_8_30_1,))
    assert change.runs == 3 * runs


def test_a_tool_that_failed_on_the_base_is_not_exact_and_nothing_is_kept(
    change: Change, tmp_path: Path
) -> None:
    standin(change.bin, "trivy", "Version: 0.76.0", "sys.exit(1)")
    baseline = change.scan(*BOTH)
    assert baseline.exact == {"gitleaks"} and files(baseline) == {"app/old.py"}
    assert not (tmp_path / "cache").exists()


def test_a_directory_that_the_base_lacks_has_nothing_before(change: Change) -> None:
    change.repo.write("service/app.py", f"key={NEW}\n")
    change.repo.commit("A new service")
    gate = change.gate(change.repo.root / "service")
    assert change.scan(gate=gate).groups == () and change.runs == 0


def test_a_directory_of_the_repository_is_scanned_alone(change: Change) -> None:
    baseline = change.scan(gate=change.gate(change.repo.root / "app"))
    assert files(baseline) == {"old.py"}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    change: Change, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    assert files(change.scan()) == {"app/old.py"}


def test_a_base_that_is_not_there_is_an_error(change: Change) -> None:
    gate = change.gate()
    change.repo.git("checkout", "-q", "--orphan", "other")
    change.repo.commit("No history")
    with pytest.raises(UsageError, match="no commit in common"):
        change.scan(gate=gate)


@pytest.mark.parametrize(
    ("policy", "baseline"),
    [
        ("name: ours\nextends: pr-gate\n", "auto"),
        ("name: ours\nextends: pr-gate\nbaseline: none\n", "none"),
        ("name: pr-gate\nrules: [{name: all, action: fail}]\n", None),
    ],
)
def test_what_a_change_is_compared_with_follows_from_the_policy(
    change: Change, tmp_path: Path, policy: str, baseline: str | None
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(policy)
    given = GateOptions(policy=str(file), policy_from="main", store="")
    gate = prepare(change.repo.root, given, environ={})
    assert gate.options.baseline == baseline
    assert (gate.diff is not None) is (baseline == "auto")
    # Outside of a change there is nothing to compare with.
    alone = prepare(change.repo.root, GateOptions(policy=str(file), store=""), environ={})
    assert (alone.options.baseline, alone.diff) == (None, None)


def test_a_gate_takes_the_scan_of_the_base_that_is_kept(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exact for what ran with the same versions and database, by whatever name of a run."""
    own = change.gate()
    assert cached_base_scan(own, TOOL_VERSIONS) is None
    scanned = change.scan(*BOTH)

    def exact(*tool_versions: ToolVersion) -> frozenset[str]:
        kept = cached_base_scan(own, tool_versions)
        assert kept is not None
        assert [g.identity for g in kept.groups] == [g.identity for g in scanned.groups]
        assert (kept.gaps, kept.name) == (scanned.gaps, scanned.name)
        return kept.exact

    assert exact(
        GITLEAKS_8_30_1._replace(name="gitleaks (findings.sarif)"),
        TRIVY_0_76._replace(name="trivy (fs)"),
    ) == set(BOTH)
    assert exact(NEWER_GITLEAKS, TRIVY_0_76) == {"trivy"}
    assert exact(GITLEAKS_8_30_1._replace(version="")) == set()
    assert cached_base_scan(own, [GITLEAKS_8_30_1, ToolVersion("snyk", "1.0")]) is None
    _another_database(change, monkeypatch)
    assert exact(*TOOL_VERSIONS) == {"gitleaks"}


def test_no_kept_scan_is_believed_that_somebody_else_made(change: Change, tmp_path: Path) -> None:
    own = change.gate()
    change.scan(*BOTH)
    place = tmp_path / "cache" / "secagg" / "bases"
    (sarif,) = place.glob("*.sarif")
    assert cached_base_scan(own, TOOL_VERSIONS) is not None
    whole = sarif.read_bytes()
    sarif.write_bytes(whole.replace(b'"results"', b'"results" ', 1))
    assert cached_base_scan(own, TOOL_VERSIONS) is None
    sarif.write_bytes(whole)
    beside = sarif.with_suffix(".json")
    beside.write_bytes(beside.read_bytes().replace(b'"exact":[', b'"exact":["snyk",'))
    assert cached_base_scan(own, TOOL_VERSIONS) is None


def test_no_kept_scan_of_the_repository_is_believed(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(change.repo.root / ".cache"))
    change.scan(*BOTH)
    assert cached_base_scan(change.gate(), TOOL_VERSIONS) is not None
    change.repo.commit("Bring a base")
    assert cached_base_scan(change.gate(), TOOL_VERSIONS) is None


def test_the_last_scan_is_judged_again_as_the_scan_has_judged_it(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change edits the line above an old secret, and moves that."""
    change.repo.write("app/old.py", f"import os\nkey={OLD}\n")
    change.repo.commit("Move the old one")
    given = GateOptions(policy="pr-gate", policy_from="main", store="")
    screen = Screen(quiet=True)
    out = tmp_path / "out"
    options = ScanOptions(root=change.repo.root, tools=["gitleaks"])
    run_scan(options, given, output=out, screen=screen)
    said = json.loads((out / "decision.json").read_bytes())
    request = GateRequest(root=change.repo.root, last=out, gate=given, output=tmp_path / "again")
    judge_and_print(request, screen)
    again = json.loads((tmp_path / "again" / "decision.json").read_bytes())
    causes = {f["path"]: (f["cause"], f["action"]) for f in said["findings"]}
    assert causes == {"app/old.py": ("before", "ignore"), "new.py": ("this change", "fail")}
    assert {f["path"]: (f["cause"], f["action"]) for f in again["findings"]} == causes
    assert again["change"]["baseline"] == said["change"]["baseline"]
