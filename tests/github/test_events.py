"""Every event of a workflow, with what it may have checked out: where its results go.

The checkouts have the refs that actions/checkout and ``gh pr checkout`` write. The report holds
one result and one that is suppressed, and only a commit of the default branch may dismiss.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from secagg.change.base import default_base
from secagg.cli.app import run as run_cli
from secagg.errors import UsageError
from secagg.github.event import read_checkout
from secagg.pipeline.origin import origin_of
from tests.change.repos import Repo
from tests.github.make import result, run
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

HUSHED = {"suppressions": [{"kind": "inSource", "justification": "only in test fixtures"}]}
TRUNK = "refs/heads/trunk"
MERGE, HEAD = "refs/pull/7/merge", "refs/pull/7/head"
BASE: dict[str, Any] = {"default_branch": "trunk", "full_name": REPOSITORY}


def pull(repository: str | None = REPOSITORY, user: str = "ann", **changes: Any) -> dict[str, Any]:
    """The payload of a pull request; ``head`` and ``merge_commit_sha`` are names of commits."""
    repo = None if repository is None else {"full_name": repository}
    about = {
        "number": 7,
        "user": {"login": user},
        "head": {"sha": "head", "ref": "feature", "repo": repo},
        "base": {"sha": "tip", "ref": "trunk", "repo": {"full_name": REPOSITORY}},
        **changes,
    }
    return {"number": 7, "pull_request": about, "repository": BASE}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One workflow run. Commits are called by the names that the fixture gives them.

    ``at`` is what is checked out: a commit, and ``branch`` the local branch that HEAD is on.
    ``refs`` are the remote-tracking refs. ``to`` is the ref that the results go to, None where
    they are refused; ``commit`` the commit. ``branch_in_store`` is what the store calls it.
    """

    name: str
    event: str
    ref: str = TRUNK
    sha: str = "tip"
    payload: Mapping[str, Any] = field(default_factory=lambda: {"repository": BASE})
    at: str = "tip"
    branch: str | None = None
    refs: Mapping[str, str] = field(default_factory=dict)
    to: str | None = TRUNK
    commit: str | None = None
    dismissed: int = 0
    code: int = 0
    arguments: tuple[str, ...] = ()
    origin: str = REPOSITORY
    actor: str = "ann"
    read_only: bool = False
    api_prefix: str = ""
    foreign: bool = False
    branch_in_store: str = "trunk"
    extra: Mapping[str, str] = field(default_factory=dict)


_ON_TRUNK: dict[str, Any] = {"branch": "trunk", "refs": {"origin/trunk": "tip"}, "dismissed": 1}
_NO_REPOSITORY: dict[str, Any] = {"schedule": "0 3 * * *"}
_COMMENT = {"issue": {"number": 7, "pull_request": {}}, "repository": BASE}
_REFUSED: dict[str, Any] = {"to": None, "code": 2, "branch_in_store": "HEAD"}
_FEATURE: dict[str, Any] = {"branch_in_store": "pull request: #7"}
_MERGED: dict[str, Any] = {"ref": MERGE, "sha": "merge", **_FEATURE}
ROWS = [
    Row(name="push", event="push", **_ON_TRUNK),
    Row(
        name="first push of a branch",
        event="push",
        ref="refs/heads/feature",
        sha="head",
        at="head",
        branch="feature",
        refs={"origin/feature": "head"},
        payload={"before": "0" * 40, "created": True, "repository": BASE},
        to="refs/heads/feature",
        branch_in_store="feature",
    ),
    Row(
        name="force push",
        event="push",
        payload={"before": "b" * 40, "forced": True, "repository": BASE},
        **_ON_TRUNK,
    ),
    Row(
        name="tag",
        event="push",
        ref="refs/tags/v1",
        refs={"tags/v1": "tip"},
        to="refs/tags/v1",
        branch_in_store="v1",
    ),
    Row(
        name="annotated tag, called by its own hash",
        event="push",
        ref="refs/tags/v2",
        sha="tag",
        refs={"tags/v2": "tag"},
        to="refs/tags/v2",
        commit="tip",
        branch_in_store="v2",
    ),
    Row(
        name="pull request, merge commit",
        event="pull_request",
        payload=pull(),
        at="merge",
        refs={"pull/7/merge": "merge"},
        to=MERGE,
        **_MERGED,
    ),
    Row(
        name="pull request, head",
        event="pull_request",
        payload=pull(),
        at="head",
        to=HEAD,
        **_MERGED,
    ),
    Row(
        name="pull request, head's branch with a newer push than the event's",
        event="pull_request",
        payload=pull(),
        at="newer",
        branch="feature",
        refs={"origin/feature": "newer"},
        to=HEAD,
        **_MERGED,
    ),
    Row(
        name="pull request, merge commit that was made anew",
        event="pull_request",
        payload=pull(),
        at="remerge",
        to=MERGE,
        **_MERGED,
    ),
    Row(
        name="pull request, its base",
        event="pull_request",
        payload=pull(),
        branch="trunk",
        refs={"origin/trunk": "tip"},
        dismissed=1,
        **{**_MERGED, "branch_in_store": "trunk"},
    ),
    Row(
        name="pull request, a commit of the workflow's own",
        event="pull_request",
        payload=pull(),
        at="local",
        **{**_MERGED, **_REFUSED},
    ),
    Row(
        name="pull_request_target, base",
        event="pull_request_target",
        payload=pull("eve/shop"),
        **_ON_TRUNK,
    ),
    Row(
        name="pull_request_target, head of a fork",
        event="pull_request_target",
        payload=pull("eve/shop"),
        at="head",
        to=HEAD,
        **_FEATURE,
    ),
    Row(
        name="pull_request_target, merge commit",
        event="pull_request_target",
        payload=pull("eve/shop"),
        at="merge",
        to=MERGE,
        **_FEATURE,
    ),
    Row(name="issue_comment, default branch", event="issue_comment", payload=_COMMENT, **_ON_TRUNK),
    Row(
        name="issue_comment, a head that nobody can tell",
        event="issue_comment",
        payload=_COMMENT,
        at="head",
        **_REFUSED,
    ),
    Row(
        name="issue_comment, fetched head",
        event="issue_comment",
        payload=_COMMENT,
        at="head",
        refs={"pull/7/head": "head"},
        to=HEAD,
        **_FEATURE,
    ),
    Row(
        name="issue_comment, gh pr checkout of a fork",
        event="issue_comment",
        payload=_COMMENT,
        at="head",
        branch="eve/trunk",
        refs={"origin/trunk": "tip"},
        **_REFUSED,
    ),
    Row(
        name="issue_comment, a fork's branch that is called trunk",
        event="issue_comment",
        payload=_COMMENT,
        at="head",
        branch="trunk",
        refs={"origin/trunk": "tip"},
        **_REFUSED,
    ),
    Row(
        name="merge_group",
        event="merge_group",
        ref="refs/heads/gh-readonly-queue/trunk/pr-7-abc",
        sha="merge",
        at="merge",
        payload={"merge_group": {"base_sha": "tip"}, "repository": BASE},
        to="refs/heads/gh-readonly-queue/trunk/pr-7-abc",
        branch_in_store="gh-readonly-queue/trunk/pr-7-abc",
    ),
    Row(name="schedule", event="schedule", payload=_NO_REPOSITORY, **_ON_TRUNK),
    Row(
        name="schedule, another branch",
        event="schedule",
        payload=_NO_REPOSITORY,
        at="develop",
        branch="develop",
        refs={"origin/develop": "develop", "origin/trunk": "tip"},
        to="refs/heads/develop",
        branch_in_store="develop",
    ),
    Row(
        name="schedule, another branch at the same commit",
        event="schedule",
        payload=_NO_REPOSITORY,
        branch="develop",
        refs={"origin/develop": "tip", "origin/trunk": "tip"},
        to="refs/heads/develop",
        branch_in_store="develop",
    ),
    Row(
        name="schedule, another branch by its commit",
        event="schedule",
        payload=_NO_REPOSITORY,
        at="develop",
        refs={"origin/develop": "develop", "origin/trunk": "tip"},
        to="refs/heads/develop",
        branch_in_store="develop",
    ),
    Row(
        name="workflow_dispatch on a branch",
        event="workflow_dispatch",
        ref="refs/heads/develop",
        sha="develop",
        at="develop",
        branch="develop",
        refs={"origin/develop": "develop"},
        to="refs/heads/develop",
        branch_in_store="develop",
    ),
    Row(
        name="workflow_dispatch, a tag",
        event="workflow_dispatch",
        at="develop",
        refs={"tags/v3": "develop"},
        to="refs/tags/v3",
        branch_in_store="v3",
    ),
    Row(name="workflow_dispatch, any commit", event="workflow_dispatch", at="head", **_REFUSED),
    Row(
        name="workflow_dispatch, any commit with --ref of a pull request",
        event="workflow_dispatch",
        at="head",
        arguments=("--ref", HEAD),
        **{**_REFUSED, "to": HEAD, "code": 0},
    ),
    Row(
        name="workflow_dispatch, --ref of the default branch for a commit that is not on it",
        event="workflow_dispatch",
        at="head",
        arguments=("--ref", TRUNK),
        foreign=True,
        **{**_REFUSED, "to": TRUNK, "code": 0},
    ),
    Row(
        name="workflow_dispatch, an old commit of the default branch with --ref",
        event="workflow_dispatch",
        at="first",
        arguments=("--ref", TRUNK),
        refs={"origin/trunk": "tip"},
        dismissed=1,
        **{**_REFUSED, "to": TRUNK, "code": 0},
    ),
    Row(
        name="workflow_run, default branch",
        event="workflow_run",
        payload={"workflow_run": {"head_sha": "head"}, "repository": BASE},
        **_ON_TRUNK,
    ),
    Row(
        name="workflow_run, head of a pull request",
        event="workflow_run",
        payload={"workflow_run": {"head_sha": "head"}, "repository": BASE},
        at="head",
        **_REFUSED,
    ),
    Row(
        name="checkout of another repository",
        event="push",
        at="develop",
        branch="trunk",
        refs={"origin/trunk": "develop"},
        origin="acme/other",
        **_REFUSED,
    ),
    Row(
        name="fork",
        event="pull_request",
        payload=pull("eve/shop"),
        at="merge",
        read_only=True,
        actor="eve",
        **{**_MERGED, "to": None},
    ),
    Row(
        name="fork that was deleted",
        event="pull_request",
        payload=pull(None),
        at="head",
        read_only=True,
        actor="eve",
        **{**_MERGED, "to": None},
    ),
    Row(
        name="Dependabot",
        event="pull_request",
        payload=pull(user="dependabot[bot]"),
        at="merge",
        read_only=True,
        actor="dependabot[bot]",
        **{**_MERGED, "to": None},
    ),
    Row(
        name="Dependabot with permissions",
        event="pull_request",
        payload=pull(user="dependabot[bot]"),
        at="merge",
        actor="dependabot[bot]",
        to=MERGE,
        **_MERGED,
    ),
    Row(
        name="permission that is missing",
        event="push",
        read_only=True,
        **{**_ON_TRUNK, "dismissed": 0, "to": None, "code": 4},
    ),
    Row(
        name="reusable workflow",
        event="push",
        extra={
            "GITHUB_WORKFLOW_REF": "acme/workflows/.github/workflows/scan.yml@refs/heads/main",
            "GITHUB_WORKFLOW_SHA": "d" * 40,
        },
        **_ON_TRUNK,
    ),
    Row(name="Enterprise Server", event="push", api_prefix="/api/v3", **_ON_TRUNK),
]


class Shop:
    """A repository with the commits that the rows name, as a runner's clone holds it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self._git("init", "-q", "-b", "work")
        (root / "src").mkdir()
        self.commits: dict[str, str] = {}
        self._commit("first")
        self._commit("tip")
        self._commit("moved")
        self._commit("develop", "tip")
        self._commit("head", "first")
        self._commit("newer", "head")
        self._merge("merge", "tip", "head")
        self._merge("remerge", "moved", "head")
        self._commit("local", "merge")
        self._git("tag", "-a", "-m", "two", "made", self.commits["tip"])
        self.commits["tag"] = self._git("rev-parse", "made")
        self._git("tag", "-d", "made")

    def check_out(self, row: Row) -> None:
        """Bring the clone into the state that the row's workflow has it in."""
        self._git("remote", "add", "origin", f"https://github.com/{row.origin}.git")
        for name, commit in row.refs.items():
            full = f"refs/{name}" if name.startswith("tags/") else f"refs/remotes/{name}"
            self._git("update-ref", full, self.commits[commit])
        self._git("checkout", "-q", "--detach", self.commits[row.at])
        self._git("branch", "-D", "work")
        if row.branch is not None:
            self._git("checkout", "-q", "-b", row.branch)

    def named(self, value: Any) -> Any:
        """``value`` with the hashes of commits in place of their names."""
        if isinstance(value, dict):
            return {key: self.named(item) for key, item in value.items()}
        return self.commits.get(value, value) if isinstance(value, str) else value

    def _commit(self, name: str, parent: str | None = None) -> None:
        if parent is not None:
            self._git("checkout", "-q", "-B", "work", self.commits[parent])
        (self.root / "src" / "a.py").write_text(f"{name}\n" * 9)
        self._git("add", "-A")
        self._git("commit", "-q", "-m", name)
        self.commits[name] = self._git("rev-parse", "HEAD")

    def _merge(self, name: str, base: str, head: str) -> None:
        tree = f"{self.commits[head]}^{{tree}}"
        parents = ("-p", self.commits[base], "-p", self.commits[head])
        self.commits[name] = self._git("commit-tree", tree, *parents, "-m", name)

    def _git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "GH_", "SECAGG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("secagg.github.client.time.sleep", lambda seconds: None)

    def ran(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["secagg", *arguments])
        code = 0
        try:
            run_cli()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return code, out + err

    return ran


def environment(row: Row, shop: Shop, tmp_path: Path, api_url: str) -> dict[str, str]:
    """The variables of the row's workflow run."""
    (tmp_path / "event.json").write_text(json.dumps(shop.named(row.payload)))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": row.event,
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REF": row.ref,
        "GITHUB_REF_NAME": row.ref.split("/", 2)[2],
        "GITHUB_SHA": shop.commits[row.sha],
        "GITHUB_ACTOR": row.actor,
        "GITHUB_API_URL": api_url,
        "GITHUB_TOKEN": TOKEN,
        **row.extra,
    }


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_event(
    row: Row,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., tuple[int, str]],
) -> None:
    """Ref, commit, category, dismissals, exit code, and the branch in the store."""
    shop = Shop(tmp_path / "shop")
    shop.check_out(row)
    (tmp_path / "report.sarif").write_text(
        json.dumps(
            {
                "version": "2.1.0",
                "runs": [run([result(1), result(2, **HUSHED)], category=None)],
            }
        )
    )
    monkeypatch.chdir(shop.root)
    with GitHubServer(looks=0) as server:
        server.read_only, server.prefix = row.read_only, row.api_prefix
        if row.foreign:
            server.foreign.add(shop.commits[row.at])
        for name, value in environment(row, shop, tmp_path, server.url).items():
            monkeypatch.setenv(name, value)
        code, said = cli("upload", "../report.sarif", *row.arguments)
        assert code == row.code, said
        sent = [(a["ref"], a["commit_sha"], a["category"]) for a in server.analyses]
        commit = shop.commits[row.commit or row.at]
        wanted = [] if row.to is None else [(row.to, commit, "secagg/tool/report/")]
        assert sent == wanted
        assert sum(a.state == "dismissed" for a in server.alerts) == row.dismissed
        if row.code == 2:
            assert "--ref" in said and server.requests == []
        if row.read_only and row.code == 0:
            assert "secagg bundle" in said and "secagg publish" in said
    assert origin_of(shop.root).branch == row.branch_in_store


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("issue_comment, a head that nobody can tell", "tip"),
        ("issue_comment, fetched head", "tip"),
        ("issue_comment, a fork's branch that is called trunk", "tip"),
        ("workflow_run, head of a pull request", "tip"),
        ("workflow_dispatch, any commit", "tip"),
        ("issue_comment, default branch", None),
        ("schedule, another branch", None),
        ("workflow_dispatch, a tag", None),
        ("push", None),
    ],
)
def test_gate_of_another_checkout_is_the_events(
    name: str, base: str | None, tmp_path: Path
) -> None:
    """A pull request's head brings no policy of its own; another branch of ours does."""
    row = next(row for row in ROWS if row.name == name)
    shop = Shop(tmp_path / "shop")
    shop.check_out(row)
    environ = environment(row, shop, tmp_path, "https://api.github.com")
    found = default_base(shop.root, environ)
    assert found == (None if base is None else shop.commits[base])


def test_gate_whose_commit_is_not_in_the_clone_is_an_error(tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.name == "workflow_dispatch, any commit")
    shop = Shop(tmp_path / "shop")
    shop.check_out(row)
    environ = environment(row, shop, tmp_path, "https://api.github.com") | {"GITHUB_SHA": "e" * 40}
    with pytest.raises(UsageError, match="not in this clone") as error:
        default_base(shop.root, environ)
    assert "--policy-from" in str(error.value.hint)


def test_result_outside_of_the_change_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., tuple[int, str]]
) -> None:
    """GitHub shows in a pull request only what is in its changed lines."""
    row = next(row for row in ROWS if row.name == "pull request, head")
    shop = Shop(tmp_path / "shop")
    shop.check_out(row)
    outside = result(4, locations=[{"physicalLocation": {"artifactLocation": {"uri": "go.sum"}}}])
    report = {"version": "2.1.0", "runs": [run([result(1), outside])]}
    (tmp_path / "report.sarif").write_text(json.dumps(report))
    monkeypatch.chdir(shop.root)
    with GitHubServer(looks=0) as server:
        for name, value in environment(row, shop, tmp_path, server.url).items():
            monkeypatch.setenv(name, value)
        code, said = cli("upload", "../report.sarif", "--comment")
        assert code == 0 and "not shown in the pull request: 1 results outside" in said
        (comment,) = server.comments
        assert "What GitHub will not show" in comment["body"] and "go.sum:1" in comment["body"]


@pytest.mark.parametrize("white", ["\u2028", "\u2029", "\x85"])
def test_a_branch_s_name_is_no_other_ref(tmp_path: Path, white: str) -> None:
    """Git allows this white space in names; what follows it is no ref of the default branch."""
    repo = Repo(tmp_path / "repo")
    repo.commit("Start")
    head = repo.commit("The change")
    name = f"refs/remotes/origin/topic{white}refs/remotes/origin/main"
    repo.git("update-ref", name, head)
    checkout = read_checkout(repo.root)
    assert checkout is not None and list(checkout.refs_at(head)) == [name]
