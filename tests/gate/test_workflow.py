"""The workflow of the README, as printed, in the clones and events that GitHub gives it.

The commands and the depth of the clone are read from the README itself. Clones are made as
actions/checkout makes them, of a repository on disk; Gitleaks is the real one, GitHub a stand-in.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from secagg.cli.app import run as run_cli
from tests.change.repos import Repo
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

README = Path(__file__).parents[2] / "README.md"
CONFIG = """\
tools:
  trivy: {enabled: false}
  snyk: {enabled: false}
  codeql: {enabled: false}
  trufflehog: {enabled: false}
"""
OLD = 'api_key = "zX9kQ2mW7vB4nT8pL3rJ6sD1"\n'
NEW = 'api_key = "qP5wE8rT1yU4iO7aS0dF3gH6"\n'
MERGE, QUEUE = "refs/pull/7/merge", "refs/heads/gh-readonly-queue/main/pr-7-abc"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def workflow() -> dict[str, Any]:
    (text,) = [text for text in blocks("yaml") if "jobs:" in text]
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


def printed(event: str) -> tuple[list[str], int]:
    """The arguments of secagg and the depth of the clone in the job that ``event`` starts."""
    assert event in workflow()["on"]
    (job,) = [j for j in workflow()["jobs"].values() if f"event_name == '{event}'" in j["if"]]
    (depth,) = [step["with"]["fetch-depth"] for step in job["steps"] if "uses" in step]
    (line,) = [s["run"] for s in job["steps"] if s.get("run", "").startswith("secagg ")]
    return shlex.split(line)[1:], depth


@dataclass(frozen=True, kw_only=True)
class Case:
    """One event: the ref that GitHub checks out, what it says, and what has to come of it."""

    name: str
    event: str
    ref: str
    payload: dict[str, Any] = field(default_factory=dict)
    change: str = "harmless"
    read_only: bool = False
    code: int = 0
    shallow: int = 2


def pull(repository: str = REPOSITORY, user: str = "ann") -> dict[str, Any]:
    head = {"sha": "head", "ref": "change", "repo": {"full_name": repository}}
    base = {"sha": "main", "ref": "main", "repo": {"full_name": REPOSITORY}}
    about = {"number": 7, "user": {"login": user}, "head": head, "base": base}
    return {"number": 7, "pull_request": about}


GROUP = {"merge_group": {"base_sha": "main", "head_sha": "queue"}}
CASES = [
    Case(
        name="pull request", event="pull_request", ref=MERGE, payload=pull(), change="new", code=1
    ),
    Case(
        name="fork",
        event="pull_request",
        ref=MERGE,
        payload=pull("eve/shop"),
        change="new",
        read_only=True,
        code=1,
    ),
    Case(
        name="Dependabot",
        event="pull_request",
        ref=MERGE,
        payload=pull(user="dependabot[bot]"),
        read_only=True,
    ),
    Case(name="merge queue", event="merge_group", ref=QUEUE, payload=GROUP),
    # A secret that was there before fails what looks at all there is.
    Case(
        name="push",
        event="push",
        ref="refs/heads/main",
        payload={"before": "start"},
        code=1,
        shallow=3,
    ),
    Case(
        name="first push",
        event="push",
        ref="refs/heads/main",
        payload={"before": "0" * 40, "created": True},
        code=1,
        shallow=3,
    ),
    Case(
        name="schedule",
        event="schedule",
        ref="refs/heads/main",
        payload={"schedule": "17 4 * * *"},
        code=1,
        shallow=3,
    ),
]


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, str]]]:
    """Repositories as GitHub has them, by what the change brings, and their commits by name."""
    root = tmp_path_factory.mktemp("origins")
    return {
        change: origin(root / change, text)
        for change, text in (("harmless", "# Shop, better told\n"), ("new", NEW))
    }


def origin(root: Path, text: str) -> tuple[Path, dict[str, str]]:
    """A repository whose change writes ``text``. To start Gitleaks takes most of a test's time."""
    repo = Repo(root)
    modes = "" if text == NEW else "  gitleaks: {modes: [git]}\n"
    repo.write("secagg.yaml", CONFIG + modes)
    repo.write("app.py", OLD)
    commits = {"start": repo.commit("Start")}
    repo.git("checkout", "-q", "-b", "change")
    repo.write("notes.md", "begun\n")
    repo.commit("Begin")
    repo.write("notes.md", text)
    commits["head"] = repo.commit("Change")
    repo.git("checkout", "-q", "main")
    repo.write("README.md", "# Shop\n")
    commits["main"] = repo.commit("Go on")
    for name, ref in (("merge", MERGE), ("queue", QUEUE)):
        repo.git("checkout", "-q", "--detach", "main")
        repo.git("merge", "-q", "--no-ff", "-m", f"Merge for {name}", "change")
        commits[name] = repo.git("rev-parse", "HEAD")
        repo.git("update-ref", ref, commits[name])
    repo.git("checkout", "-q", "main")
    return root, commits


def checkout(source: Path, target: Path, ref: str, depth: int) -> Repo:
    """A clone as actions/checkout makes it (its source, ref-helper.ts); a depth of 0 is all."""
    clone = Repo(target)
    clone.git("remote", "add", "origin", source.as_uri())
    short = ref.removeprefix("refs/").removeprefix("heads/")
    local = f"refs/remotes/{short}" if ref == MERGE else f"refs/remotes/origin/{short}"
    every = [] if depth else ["+refs/heads/*:refs/remotes/origin/*"]
    limit = [f"--depth={depth}"] if depth else []
    clone.git("fetch", "-q", "--no-tags", *limit, "origin", *every, f"+{ref}:{local}")
    if ref == MERGE:
        clone.git("checkout", "-q", "--force", local)
    else:
        clone.git("checkout", "-q", "--force", "-B", short, local)
    clone.git("remote", "set-url", "origin", f"https://github.com/{REPOSITORY}")
    return clone


def named(value: Any, commits: dict[str, str]) -> Any:
    """``value`` with the names of commits replaced by their hashes."""
    if isinstance(value, dict):
        return {
            key: commits.get(inner, inner)
            if key in ("sha", "base_sha", "head_sha", "before") and isinstance(inner, str)
            else named(inner, commits)
            for key, inner in value.items()
        }
    return value


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(looks=0, default_branch="main") as running:
        yield running


def scan(
    case: Case,
    depth: int | None,
    origins: dict[str, tuple[Path, dict[str, str]]],
    server: GitHubServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """Run what the README prints for the event of ``case``; the exit code."""
    arguments, printed_depth = printed(case.event)
    source, commits = origins[case.change]
    depth = printed_depth if depth is None else depth
    clone = checkout(source, tmp_path / "clone", case.ref, depth)
    server.read_only = case.read_only
    event = tmp_path / "event.json"
    payload = named(case.payload, commits)
    about = {"default_branch": "main", "full_name": REPOSITORY}
    event.write_text(json.dumps({"repository": about, **payload}))
    given = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": case.event,
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REF": case.ref,
        "GITHUB_SHA": clone.git("rev-parse", "HEAD"),
        "GITHUB_BASE_REF": "main" if case.event == "pull_request" else "",
        "GITHUB_API_URL": server.url,
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(source.parent / "cache"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "SECAGG_HMAC_KEY": "a key that is only for tests",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for name in ("SECAGG_STORE", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setattr(sys, "argv", ["secagg", *arguments])
    monkeypatch.chdir(clone.root)
    with pytest.raises(SystemExit) as ended:
        run_cli()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_commands_work_as_printed(
    case: Case,
    origins: dict[str, tuple[Path, dict[str, str]]],
    server: GitHubServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = scan(case, None, origins, server, tmp_path, monkeypatch)
    said = capsys.readouterr()
    assert code == case.code, said.out + said.err
    decision = json.loads((tmp_path / "clone" / "secagg-out" / "decision.json").read_bytes())
    assert decision["verdict"] == ("fail" if case.code else "pass")
    refs = {upload.ref for upload in server.uploads.values()}
    assert refs == (set() if case.read_only else {case.ref})
    # What the base has is no word against a change.
    failing = {f["path"] for f in decision["findings"] if f["action"] == "fail"}
    if case.event in ("pull_request", "merge_group"):
        assert failing == ({"notes.md"} if case.change == "new" else set())
    else:
        assert failing == {"app.py"}


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name in ("pull request", "merge queue", "schedule")],
    ids=lambda case: case.name,
)
def test_a_shallow_clone_is_never_judged_and_says_what_to_fetch(
    case: Case,
    origins: dict[str, tuple[Path, dict[str, str]]],
    server: GitHubServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = scan(case, 1, origins, server, tmp_path, monkeypatch)
    said = capsys.readouterr()
    assert code == case.shallow, said.out + said.err
    assert "fetch-depth: 0" in said.out + said.err
