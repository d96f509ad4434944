"""``secagg issues sync``: one issue a section, found again, kept up to date, and safe to publish."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secagg.github.issues import MOST_BODY_CHARACTERS
from secagg.history import open_store
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, State, Triage
from tests.canaries import canaries, reports, survivors
from tests.github.test_commands import Cli, cli
from tests.report.make import identity, problem, run, vulnerability
from tests.standins.github_server import REPOSITORY, GitHubServer

__all__ = ["cli"]

TRACKER = "acme/security"
END = "<!-- secagg:end -->"


class Team:
    """A store with scans of the default branch, and the repository at GitHub."""

    def __init__(self, server: GitHubServer, cli: Cli, url: str) -> None:
        self.server, self.cli, self.url = server, cli, url
        self._scans = 0

    def scan(self, *problems: Problem, at: float | None = None, **fields: Any) -> None:
        """Record a scan, by default of now, that saw ``problems``."""
        self._scans += 1
        moment = datetime.datetime.fromtimestamp(at or time.time() + self._scans, datetime.UTC)
        given: dict[str, Any] = {
            "branch": "trunk",
            "started_at": moment,
            "key": identity(f"{self._scans}"),
        }
        for each in problems:
            each.branch = "trunk"
        with open_store(self.url) as store:
            store.record(run(**(given | fields)), problems, [("codeql", "."), ("trivy", ".")])

    def sync(self, *options: str, code: int = 0) -> str:
        where = ("--repo", REPOSITORY, "--api-url", self.server.url, "--store", self.url)
        branch = () if "--branch" in options else ("--branch", "trunk")
        ended, out, err = self.cli("issues", "sync", *where, *branch, *options)
        assert ended == code, out + err
        return out + err

    def writes(self) -> int:
        return sum(method in ("POST", "PATCH") for method, _ in self.server.requests)

    @property
    def issues(self) -> list[dict[str, Any]]:
        return self.server.issues


@pytest.fixture
def team(cli: Cli, tmp_path: Path) -> Iterator[Team]:
    with GitHubServer() as server:
        server.others.add(TRACKER)
        yield Team(server, cli, str(tmp_path / "store.db"))


def web(**fields: Any) -> Problem:
    return vulnerability(**fields)


def service(name: str = "one", **fields: Any) -> Problem:
    return problem(name, **fields)


def test_one_issue_a_component_made_once_and_then_left(team: Team) -> None:
    team.scan(web(), service("one"), service("two"))
    assert "would create web: 1 problem" in team.sync("--dry-run")
    assert team.issues == [] and team.writes() == 0
    team.sync()
    assert [issue["title"] for issue in team.issues] == [
        "Security problems: service (trunk)",
        "Security problems: web (trunk)",
    ]
    assert "py/one" in team.issues[0]["body"] and "py/two" in team.issues[0]["body"]
    assert team.issues[0]["labels"] == [{"name": "secagg"}]
    before = team.writes()
    assert team.sync().count("unchanged #") == 2
    assert team.writes() == before


def test_the_body_follows_the_problems_and_peoples_words_stay(team: Team) -> None:
    team.scan(service("one"))
    team.sync()
    issue = team.issues[0]
    begin = issue["body"].index("<!-- secagg:issue")
    # As GitHub's editor saves it.
    issue["body"] = f"Owned by Ada.\r\n\r\n{issue['body'][begin:]}\r\nSee the wiki.\r\n".replace(
        "\n", "\r\n"
    ).replace("\r\r", "\r")
    issue["title"] = "The service's problems"
    issue["labels"].append({"name": "p1"})
    before = team.writes()
    assert "unchanged #1" in team.sync()
    assert team.writes() == before
    team.scan(service("one"), service("two"))
    assert "update #1 service: 2 problems" in team.sync()
    assert issue["body"].startswith("Owned by Ada.\r\n\r\n<!-- secagg:issue")
    assert issue["body"].endswith("\r\nSee the wiki.\r\n")
    assert "py/two" in issue["body"]
    assert issue["title"] == "The service's problems" and {"name": "p1"} in issue["labels"]


def test_closed_when_nothing_is_open_and_opened_when_something_comes_back(team: Team) -> None:
    team.scan(service("one"))
    team.sync()
    team.scan()
    assert "close #1 Security problems: service (trunk): nothing is open" in team.sync()
    issue = team.issues[0]
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert "Nothing is open here." in issue["body"]
    assert "nothing is open, and there are no issues" in team.sync()
    team.scan(service("one"))
    assert "reopen #1 service: 1 problem" in team.sync()
    assert (issue["state"], len(team.issues)) == ("open", 1)
    assert "py/one" in issue["body"]


def test_a_decision_closes_too(team: Team) -> None:
    team.scan(service("one"))
    team.sync()
    now = datetime.datetime.now(datetime.UTC)
    accepted = Triage(state=State.ACCEPTED, reason="not reachable", by="ana", at=now)
    with open_store(team.url) as store:
        store.triage(REPOSITORY, [identity("one")], accepted)
    assert "close #1" in team.sync()


def test_nothing_is_closed_after_an_incomplete_scan(team: Team) -> None:
    team.scan(service("one"), service("two", component="web"))
    team.sync()
    now = datetime.datetime.now(datetime.UTC)
    with open_store(team.url) as store:
        store.triage(
            REPOSITORY, [identity("one")], Triage(state=State.ACCEPTED, reason="x", by="a", at=now)
        )
    team.scan(service("two", component="web"), verdict="incomplete")
    out = team.sync()
    assert "left alone #1" in out and "the last scan was incomplete" in out
    assert team.issues[0]["state"] == "open"
    assert "The last scan was incomplete, so problems may be missing." in team.issues[1]["body"]


def test_what_a_person_closed_stays_closed_until_there_is_something_new(team: Team) -> None:
    team.scan(service("one"), at=time.time() - 100)
    team.sync()
    issue = team.issues[0]
    issue.update(
        state="closed",
        state_reason="not_planned",
        closed_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    assert "a person closed it, and nothing is new" in team.sync()
    assert issue["state"] == "closed"
    team.scan(service("one"), service("two"), at=time.time() + 100)
    assert "reopen #1" in team.sync()


def test_only_issues_of_ours_are_touched(team: Team) -> None:
    team.scan(service("one"))
    team.sync()
    mine = dict(team.issues[0])
    stranger = {"login": "mallory", "type": "User"}
    changes: list[dict[str, Any]] = [
        {"user": stranger},
        {"body": f"my own text {END}"},
        {"labels": []},
        {"pull_request": {}},
    ]
    for number, change in enumerate(changes, start=2):
        team.issues.append({**mine, "number": number, **change})
    copies = [dict(issue) for issue in team.issues[1:]]
    team.scan(service("one"), service("two"))
    assert "update #1" in team.sync()
    assert team.issues[1:] == copies
    assert len(team.issues) == 5


def test_an_issue_of_a_person_is_found_by_that_person_only(team: Team) -> None:
    team.server.login = "ana"
    team.scan(service("one"))
    team.sync()
    assert "unchanged #1" in team.sync()
    team.server.login = "ben"
    assert "create #2 service" in team.sync()
    assert len(team.issues) == 2


def test_a_lost_answer_makes_no_second_issue_that_lives(team: Team) -> None:
    team.scan(service("one"))
    team.server.fail("POST", "/issues$", status=502, done=True)
    team.sync()
    assert len(team.issues) == 2
    assert "close #2" in team.sync()
    assert [issue["state"] for issue in team.issues] == ["open", "closed"]
    assert "unchanged #1" in team.sync()


def test_a_lost_end_mark_loses_no_words(team: Team) -> None:
    team.scan(service("one"))
    team.sync()
    issue = team.issues[0]
    issue["body"] = issue["body"].replace(END, "my notes")
    team.scan(service("one"), service("two"))
    assert "put it back" in team.sync(code=4)
    assert issue["body"].endswith("my notes\n")


def test_sections_by_owner_and_of_another_branch_do_not_meet(team: Team) -> None:
    team.scan(service("one", owners=("@acme/web",)), service("two"))
    team.sync()
    out = team.sync("--by", "owner")
    assert "create #3 @acme/web: 1 problem" in out and "create #2 (no owner)" in out
    assert "left alone others: 1 open issue of another branch or kind of section" in out
    assert [issue["state"] for issue in team.issues] == ["open"] * 3
    # Nobody is notified.
    assert "`@acme/web`" in team.issues[2]["body"]
    assert "@acme/web" not in team.issues[2]["body"].replace("`@acme/web`", "")


def test_a_public_repository_is_refused_and_never_gets_places_of_secrets(team: Team) -> None:
    team.server.settings[REPOSITORY] = {"private": False}
    key = problem("key", kind=Kind.SECRET, rule_id="aws-access-token", uri="service/key.py")
    team.scan(service("one"), key)
    out = team.sync(code=2)
    assert "is public" in out and "--into" in out
    assert team.issues == []
    team.sync("--public-ok")
    body = team.issues[0]["body"]
    assert "2 open problems" in body and "1 secret is not listed" in body
    assert "aws-access-token" not in body and "key.py" not in body
    team.sync("--into", TRACKER)
    assert team.issues[1]["repository"] == TRACKER
    assert "aws-access-token" in team.issues[1]["body"]


def test_a_repository_of_unknown_visibility_counts_as_public(team: Team) -> None:
    team.server.settings[REPOSITORY] = {"private": None}
    team.scan(service("one"))
    team.sync(code=2)


def test_a_branch_that_is_not_the_default_one_has_to_be_named(team: Team) -> None:
    team.scan(service("one"))
    where = ("--repo", REPOSITORY, "--api-url", team.server.url, "--store", team.url)
    team.scan(service("one"), branch="HEAD")
    code, _, err = team.cli("issues", "sync", *where)
    assert code == 2 and "issues are about the default branch trunk" in err
    assert "create #1 service" in team.sync("--branch", "HEAD")


def test_new_issues_are_limited_and_the_worst_come_first(team: Team) -> None:
    found = [
        problem(f"p{i}", component=f"c{i}", severity=Severity.CRITICAL if i == 7 else Severity.LOW)
        for i in range(9)
    ]
    team.scan(*found)
    out = team.sync("--most-new", "3")
    assert out.count("\ncreate") + out.startswith("create") == 3
    assert team.issues[0]["title"] == "Security problems: c7 (trunk)"
    assert out.count("the next call makes it") == 6
    team.sync("--most-new", "100")
    assert len(team.issues) == 9


def test_filters_select_what_the_issues_are_about(team: Team) -> None:
    team.scan(service("one", severity=Severity.LOW), service("two"))
    team.sync("--at-least", "high")
    assert "py/two" in team.issues[0]["body"] and "py/one" not in team.issues[0]["body"]


@pytest.mark.parametrize("words", [0, 30_000, 65_200, 65_500])
def test_no_body_is_longer_than_github_takes(team: Team, words: int) -> None:
    team.scan(service("one"))
    team.sync()
    issue = team.issues[0]
    issue["body"] += "w" * words
    team.scan(*(service(f"p{i}", title="<&>" * 300) for i in range(250)))
    out = team.sync(code=4 if words > 65_400 else 0)
    assert issue["body"].endswith("w" * words)
    if words > 65_400:
        assert "leaves no room" in out
        return
    assert len(issue["body"]) <= MOST_BODY_CHARACTERS
    if words <= 30_000:
        assert "250 open problems" in issue["body"] and "more." in issue["body"]


HOSTILE = "<!-- secagg:end --> <!-- secagg:issue --> @everyone [x](https://evil.example) #1 | `a`"


def test_text_of_scanners_is_no_mark_no_mention_and_no_link(team: Team) -> None:
    found = service("one", title=HOSTILE, component=HOSTILE, owners=(HOSTILE,), message=HOSTILE)
    team.scan(found)
    team.sync()
    body = team.issues[0]["body"]
    assert body.count("<!-- secagg:issue scope=") == body.count(END) == 1
    assert body.replace("\\<!--", "").count("<!--") == 2
    assert "](https://evil" not in body.replace("`[x](https://evil.example)`", "")
    assert "unchanged #1" in team.sync()


def test_refusals_are_named_and_do_not_stop_the_others(team: Team) -> None:
    team.scan(web(), service("one"))
    team.server.fail("POST", "/issues$", status=422, body={"message": "Validation Failed"})
    out = team.sync(code=4)
    assert "failed: create" in out and "Validation Failed" in out
    assert len(team.issues) == 1
    team.server.may_label = False
    assert "may not set" in team.sync(code=4)


def test_without_a_token_the_permissions_for_issues_are_named(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.scan(service("one"))
    monkeypatch.delenv("GITHUB_TOKEN")
    out = team.sync(code=2)
    assert "issues: write" in out and "security-events" not in out


def test_rate_limits_are_waited_for(team: Team) -> None:
    team.scan(service("one"))
    limited = {"retry-after": "7"}
    team.server.fail("POST", "/issues$", status=403, headers=limited, times=2)
    assert "create #1 service" in team.sync()
    assert len(team.issues) == 1


def test_a_repository_without_issues_and_a_token_without_rights_are_said(team: Team) -> None:
    team.scan(service("one"))
    team.server.settings[REPOSITORY] = {"has_issues": False}
    assert "has no issues" in team.sync(code=4)
    team.server.settings.clear()
    team.server.read_only = True
    out = team.sync(code=4)
    assert "refuses the issues" in out
    assert "upload" not in out


def test_no_canary_gets_into_an_issue(team: Team, tmp_path: Path) -> None:
    for name in ("gitleaks.json", "snyk-code.sarif"):
        (tmp_path / name).write_bytes(reports(canaries())[name])
    history = ("--store", team.url, "--repo", REPOSITORY, "--branch", "trunk")
    files = [str(tmp_path / name) for name in ("gitleaks.json", "snyk-code.sarif")]
    assert team.cli("parse", *files, *history, "--quiet")[0] in (1, 3)
    printed = team.sync()
    assert len(team.issues) == 1 and len(team.issues[0]["body"]) > 5_000
    for text in (printed, team.issues[0]["body"], team.issues[0]["title"]):
        assert survivors(text.encode(), canaries()) == []
