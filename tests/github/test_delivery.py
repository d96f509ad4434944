"""Uploads over real HTTP to the local GitHub: what it takes, refuses and asks for."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secagg.github.client import Token
from secagg.github.deliver import Fate
from secagg.github.failures import Failure, GitHubError
from secagg.github.journal import Journal
from secagg.github.limits import GITHUB
from secagg.github.preflight import Plan, preflight
from tests.github.fakes import FakeClock, client, delivery, target
from tests.github.make import given, place, result, rule, run
from tests.standins.github_server import TOKEN, GitHubServer

SARIFS = "/code-scanning/sarifs$"
RATE = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000100"}


def plan(*runs: dict[str, Any]) -> Plan:
    return preflight(given(*(runs or (run([result(1), result(2)]),))))


def test_upload_is_processed_and_confirmed() -> None:
    with GitHubServer(looks=2) as server:
        done = delivery(server).deliver(plan())
        assert [(s.fate, s.results) for s in done.sent] == [(Fate.UPLOADED, 2)]
        assert len(server.open_alerts()) == 2
        assert server.authorizations == {f"Bearer {TOKEN}"}


# How GitHub fails, and: the failure, its sentence, whether it is tried again.
REFUSALS = [
    (400, "Invalid SARIF", {}, Failure.BAD_REQUEST, "did not understand", 1),
    (401, "Bad credentials", {}, Failure.BAD_CREDENTIALS, "does not know this token", 4),
    (
        403,
        "Resource not accessible by integration",
        {},
        Failure.NOT_PERMITTED,
        "token may not upload",
        4,
    ),
    (
        403,
        "Advanced Security must be enabled for this repository to use code scanning.",
        {},
        Failure.FEATURE_OFF,
        "not enabled for this repository",
        1,
    ),
    (
        403,
        "Code Security must be enabled for this repository to use code scanning.",
        {},
        Failure.FEATURE_OFF,
        "not enabled for this repository",
        1,
    ),
    (403, "API rate limit exceeded", RATE, Failure.RATE_LIMIT, "rate limit of this token", 6),
    (
        403,
        "You have exceeded a secondary rate limit.",
        {},
        Failure.SECONDARY_LIMIT,
        "fewer requests",
        4,
    ),
    (403, "Repository was archived", {}, Failure.FORBIDDEN, "refuses this upload", 4),
    (404, "Not Found", {}, Failure.NOT_FOUND, "no such repository", 4),
    (404, "commit not found", {}, Failure.COMMIT_UNKNOWN, "does not know this commit", 4),
    (404, "No commit found for SHA", {}, Failure.COMMIT_UNKNOWN, "does not know this commit", 4),
    (413, "Payload too large", {}, Failure.TOO_LARGE, "too large", 1),
    (422, "commit not found", {}, Failure.COMMIT_UNKNOWN, "does not know this commit", 4),
    (422, "Validation Failed", {}, Failure.UNPROCESSABLE, "cannot use this commit", 1),
    (429, "Too many requests", {"retry-after": "7"}, Failure.RATE_LIMIT, "rate limit", 6),
    (500, "oh", {}, Failure.UNAVAILABLE, "not available", 6),
    (502, "oh", {}, Failure.UNAVAILABLE, "not available", 6),
    (503, "oh", {}, Failure.UNAVAILABLE, "not available", 6),
    (504, "oh", {}, Failure.UNAVAILABLE, "not available", 6),
]


@pytest.mark.parametrize(
    ("status", "github_text", "headers", "failure", "sentence", "tries"), REFUSALS
)
def test_every_documented_refusal(
    status: int,
    github_text: str,
    headers: dict[str, str],
    failure: Failure,
    sentence: str,
    tries: int,
) -> None:
    with GitHubServer() as server:
        fault = {"status": status, "body": {"message": github_text}, "headers": headers}
        server.fail("POST", SARIFS, times=20, **fault)
        done = delivery(server).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.FAILED]
        assert done.error is not None and done.error.failure is failure
        assert sentence in done.error.message and github_text in done.error.message
        assert done.error.hint
        assert server.count("POST", SARIFS) == tries
        assert server.alerts == []


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        ({"status": 429, "headers": {"retry-after": "7"}}, (7, 8)),
        ({"status": 403, "headers": {"retry-after": "30"}}, (30, 31)),
        ({"status": 403, "headers": RATE}, (101, 102)),
        ({"status": 403, "body": {"message": "secondary rate limit"}}, (60, 61)),
        ({"status": 503}, (0.5, 1.5)),
        (
            {"status": 503, "headers": {"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}},
            (20, 21),
        ),
        ({"status": 401}, (1, 2)),
        ({"status": 403, "body": {"message": "Resource not accessible by integration"}}, (1, 2)),
        ({"status": 404, "body": {"message": "Not Found"}}, (1, 2)),
        ({"how": "reset"}, (0.5, 1.5)),
        ({"how": "cut"}, (0.5, 1.5)),
        ({"how": "hang"}, (0.5, 1.5)),
    ],
)
def test_what_passes_is_tried_again_after_the_time_asked_for(
    fault: dict[str, Any], waits: tuple[float, float]
) -> None:
    clock = FakeClock()
    with GitHubServer(looks=0) as server:
        server.fail("POST", SARIFS, **fault)
        done = delivery(server, clock=clock, timeout=0.4).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED]
        assert waits[0] <= clock.slept[0] <= waits[1]
        assert server.count("POST", SARIFS) == 2


def test_rate_limit_that_lasts_too_long_is_not_waited_for() -> None:
    clock = FakeClock()
    far = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(clock.time) + 3_600)}
    with GitHubServer() as server:
        server.fail("POST", SARIFS, status=403, headers=far)
        done = delivery(server, clock=clock).deliver(plan())
        assert done.error is not None and done.error.failure is Failure.RATE_LIMIT
        assert clock.slept == []


@pytest.mark.parametrize("how", ["reset", "hang", "cut"])
def test_connection_that_stays_broken(how: str) -> None:
    with GitHubServer() as server:
        server.fail("POST", SARIFS, times=6, how=how)
        done = delivery(server, timeout=0.1).deliver(plan())
        assert done.error is not None and done.error.failure is Failure.CONNECTION


@pytest.mark.parametrize(
    ("github_text", "failure"),
    [
        (
            "CodeQL analyses from advanced configurations cannot be processed when the default "
            "setup is enabled",
            Failure.DEFAULT_SETUP,
        ),
        ("rejecting SARIF, as there are too many logical alerts", Failure.TOO_MANY_ALERTS),
        ("rejecting SARIF, as it is odd", Failure.REJECTED),
    ],
)
def test_processing_that_fails_shows_what_github_says(github_text: str, failure: Failure) -> None:
    with GitHubServer() as server:
        server.processing_errors = [[github_text]]
        done = delivery(server).deliver(plan())
        assert done.error is not None and done.error.failure is failure
        assert github_text in done.error.message


def test_default_setup_refuses_codeql_alone() -> None:
    """Also where CodeQL's analyses are spread over several files."""
    with GitHubServer() as server:
        server.default_setup = True
        codeql = [run([result(n)], tool="CodeQL", category=f"/l{n}/") for n in range(1, 24)]
        others = [run([result(1)], tool=tool) for tool in ("Trivy", "gitleaks")]
        done = delivery(server).deliver(plan(codeql[0], *others, *codeql[1:]))
        fates = {s.tool: s.fate for s in done.sent}
        assert fates == {"CodeQL": Fate.FAILED, "Trivy": Fate.UPLOADED, "gitleaks": Fate.UPLOADED}
        assert len(done.sent) == 25 and server.count("POST", SARIFS) == 2
        assert done.error is not None and done.error.failure is Failure.DEFAULT_SETUP


def test_refused_token_is_not_asked_again_where_the_event_makes_it_read_only() -> None:
    with GitHubServer() as server:
        body = {"message": "Resource not accessible by integration"}
        server.fail("POST", SARIFS, times=4, status=403, body=body)
        where = replace(target(server), read_only=True)
        assert delivery(server, where=where).deliver(plan()).error is not None
        assert server.count("POST", SARIFS) == 1


def test_upload_that_is_not_known_yet_is_asked_for_again() -> None:
    with GitHubServer(looks=0) as server:
        server.fail("GET", "/sarifs/", status=404)
        done = delivery(server).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED] and done.warnings == []


def test_one_bad_analysis_does_not_take_the_others_down() -> None:
    with GitHubServer() as server:
        server.processing_errors = [["rejecting SARIF"], [], ["rejecting SARIF"], []]
        runs = [run([result(n)], category=f"c{n}/") for n in (1, 2, 3)]
        done = delivery(server).deliver(plan(*runs))
        assert [s.fate for s in done.sent] == [Fate.UPLOADED, Fate.FAILED, Fate.UPLOADED]


def test_processing_that_takes_long_is_a_warning(tmp_path: Path) -> None:
    clock = FakeClock()
    with GitHubServer(looks=99) as server:
        done = delivery(server, tmp_path, clock=clock).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UNCONFIRMED]
        assert sum(clock.slept) == 155
        assert any("next run asks again" in w for w in done.warnings)


def test_question_that_fails_is_a_warning() -> None:
    with GitHubServer() as server:
        server.fail("GET", "/sarifs/", status=403)
        done = delivery(server).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UNCONFIRMED] and done.warnings


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_to_another_host_does_not_get_the_token(status: int) -> None:
    with GitHubServer() as other, GitHubServer() as server:
        server.fail("POST", SARIFS, status=status, headers={"Location": f"{other.url}/x"})
        done = delivery(server).deliver(plan())
        assert done.error is not None and done.error.failure is Failure.REDIRECT
        assert other.requests == []


def test_redirect_within_the_host_is_followed() -> None:
    with GitHubServer() as server:
        there = f"{server.url}/repos/acme/shop/code-scanning/sarifs"
        server.fail("POST", SARIFS, status=307, headers={"Location": there})
        done = delivery(server).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED]


def test_redirects_in_a_circle_end() -> None:
    with GitHubServer() as server:
        there = f"{server.url}/repos/acme/shop/code-scanning/sarifs"
        server.fail("POST", SARIFS, times=9, status=307, headers={"Location": there})
        done = delivery(server).deliver(plan())
        assert done.error is not None and done.error.failure is Failure.REDIRECT


def test_next_page_on_another_host_does_not_get_the_token() -> None:
    with GitHubServer() as other, GitHubServer() as server:
        link = {"Link": f'<{other.url}/more>; rel="next"'}
        server.fail("GET", "/alerts", status=200, body=[], headers=link)
        with client(server, FakeClock()) as github, pytest.raises(GitHubError, match="other host"):
            list(github.pages("/repos/acme/shop/code-scanning/alerts"))
        assert other.requests == []


def test_token_is_in_no_text(capfd: pytest.CaptureFixture[str]) -> None:
    token = Token(TOKEN)
    assert TOKEN not in f"{token}{token!r}"
    with GitHubServer() as server:
        server.fail("POST", SARIFS, status=400, body={"message": f"you sent {TOKEN}"})
        done = delivery(server).deliver(plan())
        assert done.error is not None
        github_text = f"{done.error}{done.error!r}{done.error.github_text}{done}"
    assert TOKEN not in github_text and "you sent ***" in github_text
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize("bad", ["", " ", "two words", "line\nbreak-in-token", "tokén"])
def test_token_that_no_header_holds_is_refused_unseen(bad: str) -> None:
    with pytest.raises(Exception, match="GitHub token is empty or holds") as caught:
        Token(bad)
    assert not bad.strip() or bad not in str(caught.value)


def test_the_same_is_not_sent_twice(tmp_path: Path) -> None:
    with GitHubServer() as server:
        delivery(server, tmp_path).deliver(plan())
        again = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in again.sent] == [Fate.ALREADY_THERE]
        assert server.count("POST", SARIFS) == 1
        other = delivery(server, tmp_path).deliver(plan(run([result(9)])))
        back = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in (*other.sent, *back.sent)] == [Fate.UPLOADED] * 2
        commit = target(server, commit="d" * 40)
        moved = delivery(server, tmp_path, where=commit).deliver(plan())
        assert [s.fate for s in moved.sent] == [Fate.UPLOADED]


def test_what_failed_is_sent_again(tmp_path: Path) -> None:
    with GitHubServer() as server:
        server.processing_errors = [["default setup is enabled"]]
        delivery(server, tmp_path).deliver(plan())
        again = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in again.sent] == [Fate.UPLOADED]


_KILLED = """
import os, sys
from pathlib import Path
from secagg.github.client import Client
from secagg.github.codescanning import CodeScanning
from secagg.github.deliver import Delivery
from secagg.github.journal import Journal
from secagg.github.target import Target
from secagg.github.client import Token
from tests.github.fakes import COMMIT
from tests.github.test_delivery import plan

url, journal, when = sys.argv[1:]
target = Target(repository="acme/shop", ref="refs/heads/trunk", commit=COMMIT, api_url=url)
upload = CodeScanning.upload
def killed(self, data):
    if when == "before":
        os._exit(9)
    upload(self, data)
    os._exit(9)
if when == "waiting":
    CodeScanning.processing = lambda self, sarif_id: os._exit(9)
else:
    CodeScanning.upload = killed
Delivery(
    Client(url, Token("a-token-that-is-only-for-tests")), target,
    Journal(Path(journal), url, "acme/shop"),
).deliver(plan())
"""


@pytest.mark.parametrize(
    ("when", "fate", "uploads"),
    [
        ("before", Fate.UPLOADED, 1),
        ("after", Fate.ALREADY_THERE, 1),
        ("waiting", Fate.ALREADY_THERE, 1),
    ],
)
def test_killed_between_upload_and_confirmation(
    tmp_path: Path, when: str, fate: Fate, uploads: int
) -> None:
    """A real process, killed at each moment; the next run finds out what GitHub has."""
    with GitHubServer() as server:
        ended = subprocess.run(
            [sys.executable, "-c", _KILLED, server.url, str(tmp_path), when],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
            timeout=60,
        )
        assert ended.returncode == 9
        clock = FakeClock(server.now())
        for sarif_id in server.uploads:
            server.process(sarif_id)
        done = delivery(server, tmp_path, clock=clock).deliver(plan())
        assert [s.fate for s in done.sent] == [fate]
        assert server.count("POST", SARIFS) == uploads
        assert len(server.open_alerts()) == 2
        again = delivery(server, tmp_path, clock=clock).deliver(plan())
        assert [s.fate for s in again.sent] == [Fate.ALREADY_THERE]
        assert server.count("POST", SARIFS) == uploads


def test_upload_that_github_lost_is_sent_again(tmp_path: Path) -> None:
    with GitHubServer(looks=99) as server:
        delivery(server, tmp_path).deliver(plan())
        server.uploads.clear()
        server.looks = 0
        done = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED]


def test_upload_that_is_still_processed_is_not_sent_again(tmp_path: Path) -> None:
    with GitHubServer(looks=99) as server:
        delivery(server, tmp_path).deliver(plan())
        again = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in again.sent] == [Fate.UNCONFIRMED] and again.warnings
        server.fail("GET", "/sarifs/", status=404, body={"message": "gone"})
        server.looks = 0
        third = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in third.sent] == [Fate.UPLOADED]
        assert server.count("POST", SARIFS) == 2


def test_upload_that_failed_after_all_is_sent_again(tmp_path: Path) -> None:
    with GitHubServer(looks=99) as server:
        delivery(server, tmp_path).deliver(plan())
        upload = next(iter(server.uploads.values()))
        upload.status, upload.errors = "failed", ["rejecting SARIF"]
        server.looks = 0
        done = delivery(server, tmp_path).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED]


def test_question_for_former_analyses_that_fails_is_a_warning() -> None:
    with GitHubServer() as server:
        server.fail("GET", "/analyses", status=403)
        done = delivery(server).deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED]
        assert any("former analyses" in w for w in done.warnings)


def test_journal_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with GitHubServer() as server:
        done = delivery(server, tmp_path / "file").deliver(plan())
        assert [s.fate for s in done.sent] == [Fate.UPLOADED]
        assert any("journal cannot be kept" in w for w in done.warnings)


def test_damaged_journal_counts_as_empty(tmp_path: Path) -> None:
    with GitHubServer() as server:
        delivery(server, tmp_path).deliver(plan())
        for path in tmp_path.glob("*.json"):
            path.write_text('{"entries": [{]')
        assert [s.fate for s in delivery(server, tmp_path).deliver(plan()).sent] == [Fate.UPLOADED]


def test_journals_of_runs_side_by_side_keep_all_entries(tmp_path: Path) -> None:
    with GitHubServer(looks=0) as server:
        threads = [
            threading.Thread(
                target=lambda n=n: delivery(server, tmp_path).deliver(
                    plan(run([result(n)], category=f"c{n}/"))
                )
            )
            for n in range(1, 7)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        journal = Journal(tmp_path, server.url, "acme/shop")
        found = [journal.find("refs/heads/trunk", "Tool", f"c{n}/") for n in range(1, 7)]
        assert all(found)


def test_thirty_thousand_results_go_as_github_takes_them() -> None:
    rules = [rule("BAD", **{"security-severity": "9.5"}), rule("R", **{"security-severity": "2"})]
    many = [result(n, ruleId="BAD" if n > 29_000 else "R") for n in range(1, 30_001)]
    with GitHubServer() as server:
        sent = plan(run(many, rules))
        done = delivery(server).deliver(sent)
        assert {s.fate for s in done.sent} == {Fate.UPLOADED}
        assert len(server.open_alerts()) == sent.shown == done.count(Fate.UPLOADED) == 30_000
        first = next(a for a in server.analyses if a["category"] == "tests/tool/")
        assert first["results_count"] == 5_000


def test_parts_that_are_not_needed_any_more_are_emptied() -> None:
    with GitHubServer() as server:
        delivery(server).deliver(plan(run([result(n) for n in range(1, 5_101)])))
        assert len(server.open_alerts()) == 5_100
        done = delivery(server).deliver(plan(run([result(1)])))
        assert [s.category for s in done.sent] == ["tests/tool/", "tests/tool/part-2/"]
        assert [a.line for a in server.open_alerts()] == [1]
        before = len(server.requests)
        delivery(server).deliver(plan(run([result(1)])))
        assert (
            server.count("POST", SARIFS)
            - server.requests[:before].count(("POST", "/repos/acme/shop/code-scanning/sarifs"))
            == 1
        )


@pytest.mark.parametrize("extra", [0, 1])
def test_gzip_size_at_the_real_limit(extra: int) -> None:
    """A file just under 10 MB goes as one, one just over it as two, and GitHub takes both."""
    bulk = random.Random(1)
    size = 4_300_000 + extra * 200_000
    two = [result(n, message={"text": bulk.randbytes(size).hex()}) for n in (1, 2)]
    sent = plan(run(two))
    assert [part.results for part in sent.parts] == ([1, 1] if extra else [2])
    sizes = [part.gzip_bytes for part in sent.parts]
    assert max(sizes) <= GITHUB.gzip_bytes
    assert abs(sum(sizes) / GITHUB.gzip_bytes - 1) < 0.2
    with GitHubServer(looks=0) as server:
        done = delivery(server).deliver(sent)
        assert {s.fate for s in done.sent} == {Fate.UPLOADED}
        assert len(server.open_alerts()) == 2


@pytest.mark.parametrize(
    "runs",
    [
        [run([result(locations=[place(u)]) for u in ("/etc/x", "file:///a/b", "a:1", "..")])],
        [run([result(ruleId="X")], [rule("R", **{"security-severity": None})])],
        [run([result(1)], category=None), run([result(2)], category=None)],
        [run([result(n)], category=f"c{n}/") for n in range(1, 42)],
        [run([result(1, locations=[]), result(2)])],
        [run([])],
    ],
)
def test_what_was_mended_is_taken(runs: list[dict[str, Any]]) -> None:
    with GitHubServer() as server:
        sent = plan(*runs)
        done = delivery(server).deliver(sent)
        assert {s.fate for s in done.sent} == {Fate.UPLOADED}, done.error
        assert len(server.open_alerts()) == sent.sent


def test_uploads_of_the_last_hour_are_counted(tmp_path: Path) -> None:
    clock = FakeClock()
    with GitHubServer(looks=0) as server:
        few = replace(GITHUB, uploads_an_hour=1)
        for number in (1, 2):
            one = preflight(given(run([result(number)], category=f"c{number}/")), limits=few)
            done = delivery(server, tmp_path, clock=clock).deliver(one)
            assert any("an hour" in warning for warning in done.warnings) == (number == 2)
        clock.sleep(3_601)
        third = preflight(given(run([result(3)], category="c3/")), limits=few)
        assert delivery(server, tmp_path, clock=clock).deliver(third).warnings == []
