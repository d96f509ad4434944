"""Logins by OpenID Connect: who gets in, whose answers are refused, and when sessions end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from secagg.errors import ConfigError
from secagg.model.problem import State, Triage
from secagg.serve import server
from secagg.serve.app import Served, make_app
from secagg.serve.guard import CSRF_HEADER, Access, hosts_for
from secagg.serve.login import Provider, local_target
from secagg.serve.people import People
from secagg.serve.server import people_of
from secagg.serve.sessions import Sessions
from secagg.serve.settings import Login, Settings, Team, load_settings
from tests.report.browser import ready
from tests.report.make import problem, run
from tests.serve.jobs import ADDRESS
from tests.serve.memory import Memory
from tests.standins.oidc_issuer import CLIENT, OidcIssuer

TEAMS = (
    Team(name="triagers", role="triager", groups=("triage",), repositories=("*",)),
    Team(name="readers", role="reader", members=("rea@example.com",), repositories=("*",)),
)
HOUR = 3600.0


class Site:
    """The server, with a clock, and a browser at it."""

    def __init__(self, issuer: OidcIssuer) -> None:
        self.now = 1_000_000.0
        login = Login(issuer=issuer.url, client_id=CLIENT)
        self.sessions = Sessions(
            absolute=12 * HOUR, idle=HOUR, secure=False, clock=lambda: self.now
        )
        provider = Provider(login, ADDRESS, self.sessions, secret=issuer.secret)
        self.people = People(teams=TEAMS, sessions=self.sessions, provider=provider)
        self.memory = Memory([problem("one")], [])
        access = Access(hosts=hosts_for("127.0.0.1", 8765))
        self.app = make_app(
            Served(
                open_source=lambda: self.memory,
                access=access,
                triage=self.memory,
                people=self.people,
            )
        )
        self.browser = self.a_browser()

    def a_browser(self) -> TestClient:
        return TestClient(self.app, base_url=ADDRESS, follow_redirects=False)

    def begin(self, browser: TestClient, target: str = "/") -> str:
        """Begin a login, and let the issuer send the browser back; answers to where."""
        answer = browser.get("/login", params={"next": target})
        assert answer.status_code == 303, answer.text
        back = httpx.get(answer.headers["location"], trust_env=False).headers["location"]
        assert back.startswith(f"{ADDRESS}/login/callback?")
        return str(back)

    def log_in(self, browser: TestClient | None = None, target: str = "/") -> Any:
        browser = browser or self.browser
        return browser.get(self.begin(browser, target))

    def csrf(self) -> str:
        page = self.browser.get("/")
        assert page.status_code == 200
        return str(page.text.split('"csrf":"')[1].split('"')[0])


@pytest.fixture
def issuer() -> Iterator[OidcIssuer]:
    with OidcIssuer() as running:
        yield running


@pytest.fixture
def site(issuer: OidcIssuer) -> Site:
    return Site(issuer)


def test_a_person_logs_in_decides_and_logs_out(site: Site, issuer: OidcIssuer) -> None:
    browser = site.browser
    away = browser.get("/?kind=secret")
    assert away.status_code == 303
    assert away.headers["location"] == "/login?next=%2F%3Fkind%3Dsecret"
    # A browser asks for an icon by itself: that begins no login.
    icon = browser.get("/favicon.ico", headers={"Sec-Fetch-Mode": "no-cors"})
    assert icon.status_code == 401 and "set-cookie" not in icon.headers
    begun = browser.get(away.headers["location"])
    asked = {k: v[0] for k, v in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{ADDRESS}/login/callback"
    back = httpx.get(begun.headers["location"], trust_env=False).headers["location"]
    done = browser.get(back)
    assert (done.status_code, done.headers["location"]) == (303, "/?kind=secret")
    assert '"person":"ana@example.com"' in browser.get("/").text
    for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"):
        assert part in done.headers["set-cookie"]
    csrf = site.csrf()
    body = {"identities": [site.memory.problems()[0].identity], "state": "accepted", "reason": "r"}
    assert browser.post("/api/triage", json=body).status_code == 403
    assert browser.post("/api/triage", json=body, headers={CSRF_HEADER: "x"}).status_code == 403
    decided = browser.post("/api/triage", json=body, headers={CSRF_HEADER: csrf})
    assert decided.status_code == 200
    assert decided.json()["problems"][0]["triage"]["by"] == "ana@example.com"
    kept = browser.cookies["secagg-session"]
    assert browser.post("/logout", data={"csrf": "x"}).status_code == 403
    elsewhere = {"Origin": "https://evil.example"}
    assert browser.post("/logout", data={"csrf": csrf}, headers=elsewhere).status_code == 403
    crossed = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert browser.post("/logout", data={"csrf": csrf}, headers=crossed).status_code == 403
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/logout", data={"csrf": csrf}, headers=own).status_code == 303
    assert "secagg-session" not in browser.cookies
    assert browser.get("/").status_code == 303
    # A copy of the cookie opens nothing either.
    browser.cookies.set("secagg-session", kept)
    assert browser.get("/").status_code == 303
    assert browser.get("/api/report").status_code == 401
    assert browser.get("/logout").status_code == 200


def test_the_secret_of_a_client_is_sent_and_kept(issuer: OidcIssuer) -> None:
    issuer.secret = "of the client"
    assert Site(issuer).log_in().status_code == 303
    assert "of the client" not in str(issuer.asked)
    issuer.secret, site = None, Site(issuer)
    issuer.secret = "another"
    refused = site.log_in()
    assert refused.status_code == 401
    assert "another" not in refused.text


NOW = 1_700_000_000


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": NOW},
        {"exp": None},
        {"iat": NOW},
        {"iat": None},
        {"sub": None},
        {"email": None},
        {"email": ["ana@example.com"]},
        {"email_verified": False},
        {"email_verified": "true"},
    ],
)
def test_an_id_token_that_is_not_for_this_login_is_refused(
    site: Site, issuer: OidcIssuer, changed: dict[str, Any]
) -> None:
    issuer.changed = changed
    answer = site.log_in()
    assert (answer.status_code, "secagg-session" in site.browser.cookies) == (401, False)
    assert "ana@example.com" not in answer.text
    issuer.changed = {}
    assert site.log_in().status_code == 303


@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256", "a foreign key"])
def test_another_signature_is_refused(site: Site, issuer: OidcIssuer, algorithm: str) -> None:
    if algorithm == "a foreign key":
        issuer.key = rsa.generate_private_key(65537, 2048)
    else:
        issuer.algorithm = algorithm
    assert site.log_in().status_code == 401
    assert site.browser.get("/").status_code == 303


def test_a_public_key_is_no_secret_of_hmac(
    site: Site, issuer: OidcIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(nonce: str | None) -> str:
        whole = OidcIssuer.id_token(issuer, nonce)
        claims = jwt.decode(whole, options={"verify_signature": False})
        return jwt.encode(claims, "k" * 64, "HS256", headers={"kid": "one", "alg": "HS256"})

    monkeypatch.setattr(issuer, "id_token", confused)
    assert site.log_in().status_code == 401


def test_an_answer_counts_in_its_own_browser_and_once(site: Site, issuer: OidcIssuer) -> None:
    back = site.begin(site.browser)
    # Somebody lures another browser to it, which would be logged in as another person.
    assert site.a_browser().get(back).status_code == 401
    other = site.a_browser()
    site.begin(other)
    assert other.get(back).status_code == 401
    kept = dict(site.browser.cookies)
    assert site.browser.get(back).status_code == 303
    # Replayed, with the login's cookie too: refused before the issuer is asked.
    asked = len(issuer.asked)
    replaying = site.a_browser()
    for name, value in kept.items():
        replaying.cookies.set(name, value)
    assert replaying.get(back).status_code == 401
    assert len(issuer.asked) == asked
    # A code that was used already, in a login of its own: the issuer refuses it.
    code = parse_qs(urlsplit(back).query)["code"][0]
    fresh = urlsplit(site.begin(other))
    state = parse_qs(fresh.query)["state"][0]
    replayed = other.get("/login/callback", params={"code": code, "state": state})
    assert replayed.status_code == 401


def test_the_state_and_the_issuer_of_an_answer_are_checked(site: Site, issuer: OidcIssuer) -> None:
    for change in ({"state": "x"}, {"iss": "https://evil.example"}, {"error": "access_denied"}):
        query = parse_qs(urlsplit(site.begin(site.browser)).query)
        values = {name: value[0] for name, value in query.items()} | change
        assert site.browser.get("/login/callback", params=values).status_code == 401
    back = site.begin(site.browser)
    site.now += 601
    assert site.browser.get(back).status_code == 401
    issuer.discovery = {"issuer": "https://evil.example"}
    assert Site(issuer).browser.get("/login").status_code == 503
    issuer.discovery = {"token_endpoint": "http://evil.example/token"}
    assert Site(issuer).browser.get("/login").status_code == 503


def test_no_session_is_brought_along_to_a_login(site: Site) -> None:
    first = site.log_in()
    before = site.browser.cookies["secagg-session"]
    assert first.status_code == 303
    assert site.log_in().status_code == 303
    after = site.browser.cookies["secagg-session"]
    one, two = site.sessions.read(before), site.sessions.read(after)
    assert one is not None
    assert two is not None
    assert one.id != two.id
    # What an attacker has put there before is neither kept nor read.
    fixed = site.a_browser()
    fixed.cookies.set("secagg-session", "a.b.c", domain="127.0.0.1", path="/")
    assert fixed.get("/").status_code == 303
    forged = jwt.encode({"aud": "session", "sub": "ana"}, "k" * 32, "HS256")
    assert site.sessions.read(forged) is None
    login = site.sessions.login_cookie(site.sessions.begin("/"))
    assert site.sessions.read(login) is None
    assert site.sessions.take_login(after) is None


def test_a_session_ends_unused_and_ends_at_last(site: Site) -> None:
    assert site.log_in().status_code == 303
    for _ in range(12):
        site.now += HOUR - 100
        answer = site.browser.get("/api/report")
        if answer.status_code == 401:
            raise AssertionError("a session that is used ended")
    site.now += HOUR - 100
    # 12 hours after the login it ends, used or not.
    assert site.browser.get("/api/report").status_code == 401
    assert site.log_in().status_code == 303
    site.now += HOUR + 1
    assert site.browser.get("/api/report").status_code == 401


def test_a_token_of_one_session_is_not_that_of_another(site: Site) -> None:
    site.log_in()
    first = site.csrf()
    site.log_in()
    second = site.csrf()
    assert first != second
    body = {"identities": [site.memory.problems()[0].identity], "state": "accepted", "reason": "r"}
    headers = {CSRF_HEADER: first}
    assert site.browser.post("/api/triage", json=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"groups": ["staff"]}, 403),
        ({"groups": "triage"}, 403),
        ({"groups": None}, 403),
        ({"groups": None, "email": "rea@example.com"}, 303),
        ({"email": "token:ci"}, 403),
        ({"email": "ana@example.com (assistant)"}, 403),
        ({"email": "x" * 300}, 403),
    ],
)
def test_whoever_is_in_no_team_gets_no_session(
    site: Site, issuer: OidcIssuer, changed: dict[str, Any], status: int
) -> None:
    issuer.changed = changed
    assert site.log_in().status_code == status
    assert ("secagg-session" in site.browser.cookies) == (status == 303)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "x", "", "/login",
     "/logout", "/" + "a" * 2000],
)  # fmt: skip
def test_a_login_leads_to_a_page_of_this_server_alone(target: str) -> None:
    assert local_target(target) == "/"
    assert local_target("/repositories?q=a%20b") == "/repositories?q=a%20b"


def test_the_settings_name_a_way_in(tmp_path: Any) -> None:
    team = "teams: [{name: a, role: reader, members: [x], repositories: ['*']}]\n"
    login = "login: {issuer: https://login.example, client_id: secagg}\n"
    path = tmp_path / "serve.yaml"
    path.write_text("address: https://secagg.example\n" + login + team)
    settings = load_settings(path)
    made = people_of(settings, {})
    assert made is not None
    assert made.sessions is not None
    assert made.sessions.session_name == "__Host-secagg-session"
    for wrong in (team, login, login.replace("https", "http") + team):
        path.write_text("address: https://secagg.example\n" + wrong)
        with pytest.raises(ConfigError):
            load_settings(path)
    with pytest.raises(ValueError, match="openid"):
        Login(issuer="https://login.example", client_id="x", scopes=("email",))
    assert people_of(Settings(address="https://secagg.example")) is None


def test_a_browser_logs_in_approves_and_logs_out(issuer: OidcIssuer, browser: Browser) -> None:
    listening = server.bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    sessions = Sessions(absolute=12 * HOUR, idle=HOUR, secure=False)
    login = Login(issuer=issuer.url, client_id=CLIENT)
    people = People(teams=TEAMS, sessions=sessions, provider=Provider(login, address, sessions))
    waiting = problem("one")
    waiting.approvals_needed = 2
    waiting.unapproved = Triage(state=State.ACCEPTED, reason="behind a proxy", by="kim")
    memory = Memory([waiting], [run()])
    access = Access(hosts=hosts_for("127.0.0.1", listening.getsockname()[1]))
    app = make_app(Served(open_source=lambda: memory, access=access, triage=memory, people=people))
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    context = browser.new_context()
    page = context.new_page()
    # The issuer of the tests asks nobody, and sends the browser back at once.
    ready(page, f"{address}/#state=all")
    expect(page.locator(".row")).to_contain_text("accepted needs a second approval (1 of 2)")
    page.locator(".row").first.click()
    page.get_by_role("button", name="Approve: accepted").click()
    expect(page.locator("#said")).to_contain_text("second approval")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("body")).to_contain_text("You are logged out")
    assert context.cookies() == []
    context.close()
    running.should_exit = True
    thread.join()
    listening.close()
    (decided,) = memory.problems()
    assert decided.triage is not None
    assert (decided.triage.by, decided.triage.reason) == ("ana@example.com", "behind a proxy")
