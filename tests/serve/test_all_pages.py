"""The pages for all repositories: what is in them, for whom, and in how many pieces."""

from __future__ import annotations

import datetime
import html
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from secagg.errors import StoreUnavailable
from secagg.history import Store, open_store
from secagg.model.access import Caller, Grant, TokenScope
from secagg.model.finding import Severity
from secagg.model.problem import Problem, State, ToolRunRecord, Triage
from secagg.report.stored import StoreScope
from secagg.report.storedcounts import weeks
from secagg.serve.app import Served, make_app
from secagg.serve.guard import Access, hosts_for
from secagg.serve.overview import ROWS, AllRepositories
from secagg.serve.people import People, only_person
from secagg.serve.settings import Proxy, Team
from secagg.system.dates import utc_now
from tests.history.make import ident, problem, run
from tests.report.browser import serious

NOW = utc_now()
TODAY = NOW.date()
HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'
TEAMS = (
    Team(name="payments", role="triager", members=("kim",), repositories=("acme/pay",)),
    Team(name="everyone", role="reader", groups=("staff",), repositories=("acme/*",)),
    Team(name="hidden", role="admin", members=("eve",), repositories=("evil/other",)),
)
KIM, STAFF, EVE = {"X-User": "kim"}, {"X-User": "sam", "X-Groups": "staff"}, {"X-User": "eve"}


def scan(
    store: Store,
    repository: str,
    *problems: Problem,
    weeks_ago: float = 0.1,
    verdict: str = "fail",
    branch: str = "main",
) -> None:
    at = NOW - datetime.timedelta(weeks=weeks_ago)
    status = "failed" if verdict == "incomplete" else "complete"
    tool = ToolRunRecord(tool="trivy", component=".", status=status)
    key = ident(f"{repository} {branch} {at}")
    made = run(0, key=key, branch=branch, repository=repository, tools=(tool,))
    made = replace(made, started_at=at, verdict=verdict)
    store.record(made, problems, [("trivy", ".")] if status == "complete" else [])


def late(name: str, **fields: Any) -> Problem:
    return problem(name, due=TODAY - datetime.timedelta(days=3), **fields)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as a file, which tests copy."""
    file = tmp_path_factory.mktemp("pages") / "store.db"
    made = f"sqlite:///{file}"
    with open_store(made) as store:
        worst = late("p1", severity=Severity.CRITICAL, owners=("@kim",), approvals_needed=2)
        scan(store, "acme/pay", worst, problem("p2", owners=("@kim",)), weeks_ago=3)
        scan(store, "acme/pay", worst, verdict="incomplete")
        said = Triage(state=State.ACCEPTED, reason="behind a proxy", by="kim")
        store.triage("acme/pay", [ident("p1")], said)
        scan(store, "acme/web", late("w1", title=HOSTILE, owners=("@ana",)), weeks_ago=2)
        many = [problem(f"m{n:03}", severity=Severity.LOW) for n in range(2 * ROWS + 20)]
        scan(store, "acme/many", *many, verdict="pass")
        scan(store, "evil/other", late("o1", title="of the other", owners=("@eve",)))
        for number in range(ROWS + 5):
            scan(store, f"quiet/r{number:02}", verdict="pass")
    return file


@pytest.fixture
def url(whole: Path, tmp_path: Path) -> str:
    shutil.copy(whole, tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"


class Site:
    def __init__(self, url: str, *, now: Any = utc_now) -> None:
        self.seconds = 0.0
        self.later: list[Callable[[], None]] = []
        self.opened = 0
        self.url = url
        self.repositories = AllRepositories(
            open_store=self._open,
            teams=TEAMS,
            now=now,
            clock=lambda: self.seconds,
            later=self.later.append,
        )
        proxy = Proxy(addresses=(ip_address("10.0.0.5"),), user="X-User", groups="X-Groups")
        everyone = (*TEAMS, Team(name="all", role="reader", members=("ada",), repositories=("*",)))
        self.app = make_app(
            Served(
                open_source=lambda: pytest.fail("the report of everything was asked for"),
                access=Access(hosts=hosts_for("127.0.0.1", 8765)),
                people=People(proxy=proxy, teams=everyone),
                repositories=self.repositories,
            )
        )
        self.client = TestClient(self.app, base_url="http://127.0.0.1:8765", client=("10.0.0.5", 1))

    def _open(self) -> Store:
        self.opened += 1
        return open_store(self.url, create=False)

    def get(self, path: str, headers: dict[str, str] = {"X-User": "ada"}, status: int = 200) -> str:  # noqa: B006
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.text


@pytest.fixture
def site(url: str) -> Site:
    return Site(url)


def test_the_first_page_says_what_a_lead_asks_first(site: Site) -> None:
    page = site.get("/", STAFF).partition("<body>")[2]
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))
    assert "3 repositories" in text
    # A decision that waits for a second person hides nothing.
    assert "123 open problems, 2 overdue" in text
    assert "1 incomplete : what they did not see may be there acme/pay" in text
    assert "1 not scanned for more than a week acme/web" in text
    assert "@ana 1 1" in text
    assert "@kim 1 2" in text
    assert re.search(r"payments 1 repository 1 critical 1 high 1", text)
    for one in ("evil", "hidden", "of the other", "@eve", "quiet"):
        assert one not in text


def test_a_broken_scan_of_one_branch_is_not_hidden_by_a_newer_one_of_another(url: str) -> None:
    with open_store(url) as store:
        scan(store, "acme/many", branch="release", verdict="incomplete", weeks_ago=0.2)
    branches = {
        shown: [
            (run.repository, run.branch)
            for run in AllRepositories(
                open_store=lambda: open_store(url, create=False), branch=shown
            )
            .overview(only_person("ada"))
            .incomplete
        ]
        for shown in (None, "*", "release")
    }
    assert branches[None] == [("acme/pay", "main")]
    assert branches["release"] == [("acme/many", "release")]
    assert set(branches["*"]) == {("acme/pay", "main"), ("acme/many", "release")}


def test_what_may_not_be_read_is_in_no_number_list_or_answer(site: Site) -> None:
    for headers, total in ((KIM, 2), (STAFF, 123), (EVE, 1)):
        assert f"<b>{total}</b> open" in site.get("/", headers)
        assert f">{total} problem" in site.get("/problems", headers)
    assert site.get("/", KIM).count('href="/problems?repository=') <= 3
    for path in ("/problems?q=other", "/problems?repository=evil%2Fother", "/problems?owner=@eve"):
        assert "No problem matches." in site.get(path, STAFF)
    page = f"/problem?repository=evil%2Fother&id={ident('o1')}"
    assert "of the other" in site.get(page, EVE)
    unknown = f"/problem?repository=evil%2Fother&id={ident('none')}"
    assert site.get(page, STAFF, 404) == site.get(unknown, STAFF, 404)
    # The same counts for another person come from that person's rights, not from a kept page.
    assert "of the other" not in site.get("/problems", STAFF)
    assert site.client.get("/", headers={"X-User": "mal"}).status_code == 401
    assert site.client.get("/problems").status_code == 401


@pytest.mark.parametrize("shorten", [str.upper, lambda whole: whole[:8]])
def test_a_problem_is_found_by_any_of_its_ids(url: str, shorten: Callable[[str], str]) -> None:
    with open_store(url) as store:
        scan(store, "acme/web", problem("since", "before", title="merged since"))
    site = Site(url)
    for name in ("since", "before"):
        page = f"/problem?repository=acme%2Fweb&id={shorten(ident(name))}"
        assert "merged since" in site.get(page)
    for nothing in (ident("none"), ident("since")[:4], "x" * 32, ""):
        site.get(f"/problem?repository=acme%2Fweb&id={nothing}", status=404)


def test_every_problem_is_on_one_page_and_each_is_short(site: Site) -> None:
    path: str | None = "/problems?repository=acme%2Fmany"
    seen: list[str] = []
    while path is not None:
        text = site.get(path, STAFF)
        found = re.findall(r"/problem\?repository=acme%2Fmany&amp;id=([0-9a-f]{32})", text)
        assert len(found) <= ROWS
        seen += found
        more = re.search(r'href="([^"]+after=[^"]+)">Next', text)
        path = None if more is None else html.unescape(more[1])
    assert sorted(seen) == sorted(ident(f"m{n:03}") for n in range(2 * ROWS + 20))
    first, second = site.get("/"), ""
    more = re.search(r'href="(/\?after=[^"#]+)', first)
    assert more is not None
    second = site.get(html.unescape(more[1]))
    names = re.compile(r'<td><a href="/problems\?repository=([^"]+)"')
    listed = [*names.findall(first), *names.findall(second)]
    assert len(listed) == len(set(listed)) == ROWS + 9
    assert "Next" not in second


def test_text_of_scanners_is_text(site: Site) -> None:
    page = f"/problem?repository=acme%2Fweb&id={ident('w1')}"
    for path in ("/problems?q=" + "onerror", page, "/problems?q=%22%3E%3Cscript%3E"):
        text = site.get(path)
        assert "<img" not in text
        assert "<script" not in text
        assert "49" not in re.sub(r"[0-9a-f]{32}", "", text.partition("<main")[2])
        assert "default-src 'none'; style-src 'sha256-" in html.unescape(text)
    assert html.escape(HOSTILE).replace("&#x27;", "&#39;") in site.get(page).replace(
        "&#34;", "&quot;"
    )
    assert "needs a second approval (1 of 2)" in site.get("/problems?severity=critical")


@pytest.mark.parametrize(
    "path", ["/problems?severity=x", "/problems?sort=x", "/problems?after=x", "/problems?state=x"]
)
def test_a_wrong_word_is_said(site: Site, path: str) -> None:
    assert 'role="alert"' in site.get(path, status=422)


@pytest.mark.parametrize("name", ["q", "repository", "owner", "state", "sort", "after"])
@pytest.mark.parametrize("value", ["\0", "\ud800", "%_\\'\"", "W1tdLFsxXV0", "x" * 5000])
def test_no_text_in_an_address_breaks_the_server(site: Site, name: str, value: str) -> None:
    query = urlencode({name: value}, errors="surrogatepass")
    answer = site.client.get(f"/problems?{query}", headers={"X-User": "ada"})
    assert answer.status_code in (200, 409, 422), answer.text


def test_counts_are_kept_for_a_while_and_for_the_same_rights_only(site: Site) -> None:
    first = site.get("/", STAFF)
    with open_store(site.url) as store:
        scan(store, "acme/pay", problem("p3"), weeks_ago=0.05)
    assert site.get("/", {"X-User": "another", "X-Groups": "staff"}) == first
    # Others' counts are their own.
    assert "<b>1</b> open" in site.get("/", KIM)
    site.seconds += 31
    # Nobody waits: the counts that there are come once more, and one reader has them counted.
    assert site.get("/", STAFF) == first
    assert site.get("/", STAFF) == first
    (work,) = site.later
    work()
    assert "<b>122</b> open" in site.get("/", STAFF)
    site.seconds += 301
    with open_store(site.url) as store:
        scan(store, "acme/pay", weeks_ago=0.01, verdict="pass")
    assert "<b>121</b> open" in site.get("/", STAFF)


def test_a_store_that_fails_is_opened_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.get("/problems")
    site.get("/problems")
    assert site.opened == 1

    def fails(*arguments: Any, **options: Any) -> Any:
        raise StoreUnavailable("the database restarts")

    with monkeypatch.context() as within:
        within.setattr("secagg.serve.overview.page", fails)
        site.get("/problems", status=503)
    site.get("/problems")
    assert site.opened == 2


def test_the_page_of_one_person_is_the_same_without_settings(url: str) -> None:
    everything = AllRepositories(open_store=lambda: open_store(url, create=False))
    overview = everything.overview(only_person("ana"))
    assert len(overview.repositories) == ROWS + 9
    assert overview.summary.total == 124
    nobody = Caller(name="x", grants=(Grant(scopes=frozenset(), repositories=("*",)),))
    assert everything.overview(nobody).summary.total == 0
    assert TokenScope.READ not in nobody.grants[0].scopes


def test_weeks_count_what_came_and_what_was_fixed(url: str) -> None:
    with open_store(url) as store:
        counted = weeks(store, StoreScope(repository="acme/pay"), today=TODAY, number=5)
    assert sum(week.new for week in counted) == 2
    assert [week.start.weekday() for week in counted] == [0] * 5
    monday = counted[-1].start
    assert monday <= TODAY < monday + datetime.timedelta(weeks=1)


PATHS = ("/", "/problems", f"/problem?repository=acme%2Fweb&id={ident('w1')}")


def test_axe_finds_nothing_serious_and_nothing_sticks_out(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    texts = {path: site.get(path) for path in PATHS}
    for width, scheme in ((360, "dark"), (1440, "light"), (1440, "dark")):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = context.new_page()
        for path, text in texts.items():
            file = tmp_path / "page.html"
            file.write_text(text)
            page.goto(file.as_uri())
            assert serious(page) == [], (path, width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        context.close()
