"""``secagg upload`` as a user runs it, against the local GitHub."""

from __future__ import annotations

import gzip
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secagg.cli.app import run as run_cli
from secagg.github.client import Token
from secagg.pipeline.upload import UploadOptions, UploadReport, upload_run
from secagg.sarif.conform import schema
from tests.github.fakes import COMMIT, FakeClock, target
from tests.github.make import given, place, result, rule, run
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

SARIFS = "/code-scanning/sarifs$"
NOT_PERMITTED = {"message": "Resource not accessible by integration"}
HUSHED = {"suppressions": [{"kind": "external", "justification": "only in test fixtures"}]}


class Ran:
    """One run of the command line in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "GH_", "SECAGG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setattr("secagg.github.client.time.sleep", lambda seconds: None)
    monkeypatch.chdir(tmp_path)

    def ran(server: GitHubServer | None, *arguments: str) -> Ran:
        if server is not None:
            monkeypatch.setenv("GITHUB_API_URL", server.url)
        where = ("--repository", REPOSITORY, "--ref", "refs/heads/trunk", "--commit", COMMIT)
        monkeypatch.setattr("sys.argv", ["secagg", "upload", *arguments, *where])
        code = 0
        try:
            run_cli()
        except SystemExit as end:
            code = int(end.code or 0)
        return Ran(code, *capfd.readouterr())

    return ran


def write(path: Path, *runs: dict[str, Any]) -> str:
    path.write_text(json.dumps({"version": "2.1.0", "runs": list(runs)}))
    return str(path)


def sent(
    server: GitHubServer,
    *runs: dict[str, Any],
    options: UploadOptions | None = None,
    environ: dict[str, str] | None = None,
    **changes: Any,
) -> UploadReport:
    where = replace(target(server), **changes)
    return upload_run(
        given(*runs),
        where,
        options or UploadOptions(),
        token=Token(TOKEN),
        root=None,
        environ=environ or {},
        clock=FakeClock(),
    )


def balance(done: UploadReport) -> bool:
    summary = done.summary
    parts = [*(a.results for a in summary.analyses), *(w.results for w in summary.withheld)]
    return summary.given == sum(parts) + sum(summary.left_out.values())


def test_file_is_uploaded_and_accounted_for(cli: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "a.sarif", run([result(1), result(2), result(3, kind="pass")]))
    with GitHubServer(looks=0) as server:
        ran = cli(server, file)
        assert ran.code == 0, ran.err
        assert "3 results: 2 sent in 1 analyses (GitHub shows 2), 0 withheld, 1 left out" in ran.out
        assert len(server.open_alerts()) == 2
        assert TOKEN not in ran.out + ran.err
        again = cli(server, file, "--format", "json")
        document = json.loads(again.out)
        assert document["analyses"][0]["fate"] == "already there"
        assert server.count("POST", SARIFS) == 1


def test_native_report_is_uploaded(cli: Any) -> None:
    fixtures = Path(__file__).parent.parent.parent / "fixtures" / "reports"
    with GitHubServer(looks=0) as server:
        ran = cli(server, str(fixtures / "trivy" / "fs.json"), "--format", "json")
        assert ran.code == 0, ran.err
        summary = json.loads(ran.out)
        assert (
            summary["given"]
            == summary["shown"]
            == sum(a["results_count"] for a in (server.analyses))
            > 0
        )
        assert {a["tool"]["name"] for a in server.analyses} == {"Trivy"}


def test_secret_in_a_foreign_file_does_not_leave(cli: Any, tmp_path: Path) -> None:
    value = "AKIA" + "Q3EXAMPLEKEYQX7Z"
    leak = result(1, ruleId="aws-access-token", message={"text": f"found {value}"})
    leak["locations"][0]["physicalLocation"]["region"]["snippet"] = {"text": f"key = '{value}'"}
    file = write(tmp_path / "gitleaks.sarif", run([leak], [], tool="gitleaks"))
    with GitHubServer(looks=0) as server:
        ran = cli(server, file)
        assert ran.code == 0
        assert value not in json.dumps([u.document for u in server.uploads.values()])
        assert value not in ran.out + ran.err
        assert len(server.open_alerts()) == 1


def test_tool_that_failed_uploads_nothing(cli: Any, tmp_path: Path) -> None:
    failed: dict[str, Any] = {"invocations": [{"executionSuccessful": False}]}
    good, bad = run([result(1)]), run([result(2)], tool="B", **failed)
    with GitHubServer(looks=0) as server:
        ran = cli(server, write(tmp_path / "a.sarif", good, bad))
        assert ran.code == 3
        assert "withheld: B tests/tool/ (1 results)" in ran.out
        for sarif_id in server.uploads:
            server.process(sarif_id)
        assert server.failed_tools == [("B", "tests/tool/")]
        assert {a["tool"]["name"] for a in server.analyses} == {"Tool"}


def test_result_that_nobody_understands_withholds_its_run(cli: Any, tmp_path: Path) -> None:
    with GitHubServer(looks=0) as server:
        odd: Any = "no result"
        ran = cli(server, write(tmp_path / "a.sarif", run([result(1), odd])))
        assert ran.code == 3
        assert server.analyses == [] and server.alerts == []


@pytest.mark.parametrize("text", ["{", "[1]", '{"version": "9.9", "runs": []}'])
def test_file_that_is_no_report_is_refused(cli: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.sarif").write_text(text)
    with GitHubServer() as server:
        ran = cli(server, str(tmp_path / "a.sarif"))
        assert ran.code == 2 and "a.sarif" in ran.err
        assert server.requests == []


def test_dry_run_writes_what_would_be_sent(cli: Any, tmp_path: Path) -> None:
    from jsonschema import Draft7Validator

    file = write(tmp_path / "a.sarif", run([result(1)], [rule("R", **{"security-severity": 11})]))
    with GitHubServer(looks=0) as server:
        ran = cli(server, file, "--dry-run", str(tmp_path / "dry"))
        assert ran.code == 0 and "1 would be sent" in ran.out
        assert server.requests == []
        packed = (tmp_path / "dry" / "upload-1.sarif.gz").read_bytes()
        plain = (tmp_path / "dry" / "upload-1.sarif").read_bytes()
        assert gzip.decompress(packed) == plain
        assert list(Draft7Validator(schema()).iter_errors(json.loads(plain))) == []
        cli(server, file, "--no-journal")
        assert next(iter(server.uploads.values())).document == json.loads(plain)


def test_missing_token_is_said(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    with GitHubServer() as server:
        ran = cli(server, write(tmp_path / "a.sarif", run([result(1)])))
        assert ran.code == 2 and "no GitHub token" in ran.err


@pytest.mark.parametrize(("read_only", "code", "expected"), [(True, 0, True), (False, 4, False)])
def test_token_that_may_not_upload(
    tmp_path: Path, read_only: bool, code: int, expected: bool
) -> None:
    """Expected of a fork's pull request; anywhere else the run is red. Both show the findings."""
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    with GitHubServer() as server:
        server.fail("POST", SARIFS, times=4, status=403, body=NOT_PERMITTED)
        done = sent(server, run([result(1)]), environ=environ, read_only=read_only)
        assert int(done.exit_code) == code
        assert done.summary.expected is expected
        assert done.annotations == ["::warning file=src/a.py,line=1,title=medium%3A R::problem 1"]
        text = (tmp_path / "summary.md").read_text()
        assert "problem 1" in text and "token may not upload" in text
        assert balance(done)


@pytest.mark.parametrize(
    "said",
    [
        "Advanced Security must be enabled",
        "Not Found",
        "Resource not accessible by personal access token",
    ],
)
def test_other_refusals_make_the_run_red_even_in_a_fork(said: str) -> None:
    with GitHubServer() as server:
        status = 404 if said == "Not Found" else 403
        server.fail("POST", SARIFS, times=4, status=status, body={"message": said})
        done = sent(server, run([result(1)]), read_only=True)
        assert int(done.exit_code) == 4 and not done.summary.expected


def test_after_a_refusal_by_the_settings_the_rest_is_not_tried() -> None:
    with GitHubServer() as server:
        server.fail("POST", SARIFS, times=4, status=401)
        runs = [run([result(n)], category=f"c{n}/") for n in range(1, 43)]
        done = sent(server, *runs)
        assert server.count("POST", SARIFS) == 4
        assert len(done.summary.analyses) == 42 and balance(done)


def test_suppressed_result_is_dismissed_and_reopened_when_it_ends() -> None:
    with GitHubServer() as server:
        done = sent(server, run([result(1), result(2, **HUSHED)]))
        assert (done.summary.suppressed, done.summary.dismissed) == (1, 1)
        one, two = sorted(server.alerts, key=lambda a: a.line)
        assert (one.state, two.state) == ("open", "dismissed")
        assert two.dismissed_reason == "used in tests"
        assert two.dismissed_comment == "secagg: only in test fixtures"
        before = len(server.events)
        again = sent(server, run([result(1), result(2, **HUSHED)]))
        assert (again.summary.dismissed, again.summary.reopened) == (0, 0)
        assert server.events[before:] == []
        ended = sent(server, run([result(1), result(2)]))
        assert ended.summary.reopened == 1
        assert len(server.open_alerts()) == 2


def test_dismissal_by_a_person_stays() -> None:
    with GitHubServer() as server:
        sent(server, run([result(1)]))
        server.alerts[0].state = "dismissed"
        server.alerts[0].dismissed_reason = "won't fix"
        server.alerts[0].dismissed_comment = "we live with it"
        done = sent(server, run([result(1)]))
        assert done.summary.reopened == 0 and server.alerts[0].state == "dismissed"


def test_alert_of_a_suppressed_and_another_result_stays_open() -> None:
    same = {"partialFingerprints": {"primaryLocationLineHash": "same:1"}}
    with GitHubServer() as server:
        done = sent(server, run([result(1, **same), result(1, **same, **HUSHED)]))
        assert done.summary.dismissed == 0 and len(server.open_alerts()) == 1


@pytest.mark.parametrize("changes", [{"ref": "refs/pull/7/merge"}, {"ref": "refs/heads/feature"}])
def test_elsewhere_than_on_the_default_branch_suppressed_results_are_left_out(
    changes: dict[str, Any],
) -> None:
    with GitHubServer() as server:
        done = sent(server, run([result(1), result(2, **HUSHED)]), **changes)
        assert done.summary.left_out == {"it is suppressed": 1}
        assert len(server.alerts) == 1 and balance(done)


def test_default_branch_is_asked_for_where_it_is_not_known() -> None:
    with GitHubServer() as server:
        done = sent(server, run([result(2, **HUSHED)]), default_branch=None)
        assert done.summary.dismissed == 1
        server.fail("GET", "/repos/acme/shop$", status=404)
        server.alerts[0].state, server.alerts[0].dismissed_reason = "open", None
        done = sent(server, run([result(2, **HUSHED)]), default_branch=None)
        # Left out, its alert would close as fixed; nobody knows whether it may be dismissed.
        assert (done.summary.suppressed, done.summary.dismissed) == (1, 0)
        assert [alert.state for alert in server.alerts] == ["open"]
        assert any("the default branch" in warning for warning in done.summary.warnings)


@pytest.mark.parametrize("answers", [True, False])
def test_commit_that_is_not_on_the_default_branch_dismisses_nothing(answers: bool) -> None:
    with GitHubServer() as server:
        server.foreign.add(COMMIT)
        if not answers:
            server.fail("GET", "/compare/", status=404)
        done = sent(server, run([result(2, **HUSHED)]), on_ref=None)
        assert (done.summary.suppressed, done.summary.dismissed) == (1, 0)
        assert any("no commit of the default branch" in w for w in done.summary.warnings)
        assert server.count("PATCH", "/alerts/") == 0


def test_commit_that_github_finds_on_the_default_branch_dismisses() -> None:
    with GitHubServer() as server:
        assert sent(server, run([result(2, **HUSHED)]), on_ref=None).summary.dismissed == 1


def test_token_that_may_not_dismiss_is_told_of() -> None:
    with GitHubServer() as server:
        server.fail("PATCH", "/alerts/", times=2, status=403, body=NOT_PERMITTED)
        done = sent(server, run([result(2, **HUSHED)]))
        assert any("their alerts stay open" in warning for warning in done.summary.warnings)


def test_dismissal_is_asked_for_where_it_is_delegated() -> None:
    with GitHubServer() as server:
        server.delegated = True
        runs = run([result(1, **HUSHED), result(2, **HUSHED)])
        done = sent(server, runs)
        assert (done.summary.dismissed, done.summary.requested) == (0, 2)
        assert sorted(server.requested) == [1, 2] and len(server.open_alerts()) == 2
        # Refused once, then asked for each; nobody has answered until the next upload.
        assert server.count("PATCH", "/alerts/") == 3
        again = sent(server, run([result(1, **HUSHED), result(2, **HUSHED)]))
        assert (again.summary.requested, again.summary.warnings) == (2, [])


def test_dismissals_are_paced() -> None:
    clock = FakeClock()
    with GitHubServer(looks=0) as server:
        runs = given(run([result(n, **HUSHED) for n in range(1, 4)]))
        upload_run(
            runs,
            target(server),
            UploadOptions(),
            token=Token(TOKEN),
            root=None,
            environ={},
            clock=clock,
        )
        assert clock.slept.count(1.0) == 2


def test_long_justification_fits_a_dismissal() -> None:
    long = {"suppressions": [{"kind": "external", "justification": "very long " * 60}]}
    with GitHubServer() as server:
        sent(server, run([result(2, **long)]))
        comment = server.alerts[0].dismissed_comment
        assert comment is not None and len(comment) == 280


def test_comment_stays_one(tmp_path: Path) -> None:
    options = UploadOptions(comment=True)
    changes: dict[str, Any] = {"ref": "refs/pull/7/merge", "pull_number": 7}
    with GitHubServer() as server:
        forged = {"id": 1, "issue": 7, "body": "<!-- secagg -->\nclean!", "user": {"login": "eve"}}
        server.comments.append(forged)
        sent(server, run([result(1)]), options=options, **changes)
        sent(server, run([result(1), result(2)]), options=options, **changes)
        assert len(server.comments) == 2
        assert server.comments[0]["body"].endswith("clean!")
        assert "problem 2" in server.comments[1]["body"]
        writes = server.count("PATCH", "comments"), server.count("POST", "comments")
        sent(server, run([result(1), result(2)]), options=options, **changes)
        assert writes == (1, 1) and len(server.comments) == 2


def test_comment_is_as_long_as_github_takes_it() -> None:
    many = [run([result(n)], [rule()], category=f"{'c' * 300}{n}/") for n in range(1, 240)]
    with GitHubServer() as server:
        done = sent(
            server,
            *many,
            options=UploadOptions(comment=True),
            ref="refs/pull/7/merge",
            pull_number=7,
        )
        assert done.summary.error is None
        body = server.comments[0]["body"]
        assert 60_000 < len(body) <= 65_536 and "does not fit" in body


def test_untrusted_text_stays_text(tmp_path: Path) -> None:
    evil = "x\n::error::owned\n| a | <script>alert(1)</script> @everyone [l](https://e.example)"
    bad = result(1, message={"text": evil}, locations=[place("a,b%0A::error.py")])
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }
    with GitHubServer() as server:
        refused = {"message": "Not Found\nupload-shown<<x\n9\nx"}
        server.fail("POST", SARIFS, times=4, status=404, body=refused)
        done = sent(server, run([bad]), environ=environ)
    assert len(done.annotations) == 1 and "\n" not in done.annotations[0]
    assert done.annotations[0].startswith("::warning file=a%2Cb ")
    text = (tmp_path / "summary.md").read_text()
    # What stands in a code span is neither a mention nor a link.
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert "<script>" not in text and "@everyone" not in outside and "](https" not in outside
    lines = (tmp_path / "output").read_text().splitlines()
    assert [line.split("<<")[0] for line in lines[::3]] == [
        "upload-given",
        "upload-shown",
        "upload-withheld",
        "upload-error",
    ]


def test_annotations_are_as_many_as_github_keeps() -> None:
    rules = [rule("BAD", **{"security-severity": "9.5"}), rule("R", **{"security-severity": "5"})]
    many = [result(n, ruleId="BAD" if n > 50 else "R") for n in range(1, 101)]
    with GitHubServer() as server:
        server.fail("POST", SARIFS, times=4, status=404)
        done = sent(server, run(many, rules), environ={"GITHUB_ACTIONS": "true"})
    kinds = [line.split(" ")[0] for line in done.annotations]
    assert kinds == ["::error"] * 10 + ["::warning"] * 10


def test_step_summary_is_as_large_as_github_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("x" * (1024 * 1024 - 150))
    with GitHubServer() as server:
        sent(server, run([result(1)]), environ={"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size <= 1024 * 1024
    assert "does not fit" in path.read_text()


def test_failed_tool_is_told_without_closing_its_alerts(tmp_path: Path) -> None:
    """The tool status page hears of it; an empty run would have closed everything."""
    with GitHubServer(looks=0) as server:
        sent(server, run([result(1)]), run([result(2)], tool="B"))
        runs = given(run([result(1)]), run([], tool="B"))
        runs[1].incomplete = "B was killed"
        done = upload_run(
            runs,
            target(server),
            UploadOptions(),
            token=Token(TOKEN),
            root=None,
            environ={},
            clock=FakeClock(),
        )
        for upload_ in server.uploads.values():
            notes = [i for r in upload_.document["runs"] for i in r.get("invocations", ())]
            assert all(n["toolExecutionNotifications"][0]["message"] for n in notes)
        for sarif_id in list(server.uploads)[-1:]:
            server.process(sarif_id)
        assert server.failed_tools == [("B", "tests/tool/")]
        assert len(server.open_alerts()) == 2 and done.summary.warnings == []


def test_tool_status_page_that_cannot_be_told_is_a_warning() -> None:
    with GitHubServer(looks=0) as server:
        server.fail("POST", SARIFS, times=4, status=403)
        runs = given(run([], tool="B"))
        runs[0].incomplete = "B was killed"
        done = upload_run(
            runs,
            target(server),
            UploadOptions(),
            token=Token(TOKEN),
            root=None,
            environ={},
            clock=FakeClock(),
        )
        assert any("tool status page" in warning for warning in done.summary.warnings)
        assert int(done.exit_code) == 3


def test_explain_sends_nothing_and_needs_no_token(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    failed: dict[str, Any] = {"invocations": [{"executionSuccessful": False}]}
    file = write(tmp_path / "a.sarif", run([result(1)]), run([result(2)], tool="B", **failed))
    with GitHubServer() as server:
        ran = cli(server, file, "--explain")
        assert ran.code == 3 and server.requests == []
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["Tool", "tests/tool/", "1", "send"] in lines
    assert any(line[:4] == ["B", "tests/tool/", "1", "withhold:"] for line in lines)


def test_what_github_will_not_show_is_listed(tmp_path: Path) -> None:
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    many = [place(line=n + 1) for n in range(101)]
    with GitHubServer() as server:
        found = run([result(1), result(2, kind="pass"), result(3, locations=many)])
        done = sent(server, found, environ=environ)
    reasons = {entry.why: entry.count for entry in done.summary.hidden}
    assert reasons == {
        "left out, because it is no problem (kind pass)": 1,
        "result of which GitHub shows some locations only": 1,
    }
    told = (tmp_path / "summary.md").read_text()
    assert "What GitHub will not show" in told and "R in src/a.py" in told
