"""``secagg notify`` with a store and local receivers: who is told what, and never twice."""

from __future__ import annotations

import datetime
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from secagg.cli.app import run as run_cli
from secagg.history import Store, open_store
from secagg.model.finding import Severity
from secagg.model.problem import Problem, RunRecord
from secagg.notify.journal import DeliveryJournal, Sending
from secagg.notify.targets import find_addresses, learn_addresses
from secagg.secrets.redactor import Redactor
from tests.canaries import canaries, reports, survivors
from tests.notify.receivers import Webhook, mail_server, webhook
from tests.report.make import BRANCH, NOW, REPOSITORY, identity, problem, run

# A library that apprise loads if it is there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

Cli = Callable[..., tuple[int, str, str]]
HERE = ("--repo", REPOSITORY, "--branch", BRANCH)
NEW = ("--new-since", "last")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    monkeypatch.delenv("SECAGG_NOTIFY_URLS", raising=False)
    monkeypatch.setenv("SECAGG_STORE", str(tmp_path / "store.db"))
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["secagg", *arguments])
        code = 0
        try:
            run_cli()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        assert "internal error" not in err, err
        return code, out, err

    return ran


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as received:
        yield received


def record(store: Store, day: float, *problems: Problem, **fields: Any) -> RunRecord:
    """Record a scan so many days after :data:`NOW`, which saw ``problems``."""
    made = run(-day, key=identity(f"run {day}"), **fields)
    store.record(made, problems, [("codeql", ".")])
    return made


def messages(hook: Webhook, path: str) -> list[Any]:
    return [json.loads(body)["message"] for body in hook.bodies(path)]


def test_a_target_is_told_once_for_each_scan(cli: Cli, store: Store, hook: Webhook) -> None:
    record(store, 0, problem("one"))
    url = f"json://{hook.host}/a"
    code, out, err = cli("notify", url, *HERE, *NEW)
    assert (code, out, err) == (0, "sent to target 1 (json): 1 problem\n", "")
    code, out, _ = cli("notify", url, *HERE, *NEW)
    assert code == 0 and "UTC already (--again" in out
    assert len(messages(hook, "/a")) == 1
    assert "py/one" in messages(hook, "/a")[0]
    record(store, 1, problem("one"), problem("two"))
    cli("notify", url, *HERE, *NEW)
    second = messages(hook, "/a")[1]
    assert "py/two" in second and "py/one" not in second
    # Other filters are another message.
    code, out, _ = cli("notify", url, *HERE)
    assert "sent to target 1 (json): 2 problems" in out
    assert cli("notify", url, *HERE, *NEW, "--again")[1] == "sent to target 1 (json): 1 problem\n"


def test_only_the_target_that_failed_is_told_again(cli: Cli, store: Store, hook: Webhook) -> None:
    record(store, 0, problem("one"))
    urls = [f"json://{hook.host}/a", f"json://{hook.host}/b"]
    hook.refused.add("/b")
    code, out, err = cli("notify", *urls, *HERE, *NEW)
    assert code == 4
    assert "sent to target 1 (json)" in out
    assert "failed: target 2 (json)" in err and "error=500" in err and "tries again" in err
    hook.refused.clear()
    code, out, _ = cli("notify", *urls, *HERE, *NEW)
    assert code == 0
    assert (
        "this run was sent to target 1 (json)" in out
        and "sent to target 2 (json): 1 problem" in out
    )
    assert len(hook.bodies("/a")) == 1 and len(hook.bodies("/b")) == 2


@pytest.mark.parametrize("told_before", [True, False])
def test_what_a_failed_message_held_is_told_with_the_next_scan(
    cli: Cli, store: Store, hook: Webhook, told_before: bool
) -> None:
    url = f"json://{hook.host}/a"
    if told_before:
        record(store, 0, problem("zero"))
        assert cli("notify", url, *HERE, *NEW)[0] == 0
    hook.refused.add("/a")
    record(store, 1, problem("zero"), problem("one"))
    assert cli("notify", url, *HERE, *NEW)[0] == 4
    hook.refused.clear()
    record(store, 2, problem("zero"), problem("one"), problem("two"))
    assert cli("notify", url, *HERE, *NEW)[0] == 0
    last = messages(hook, "/a")[-1]
    assert "py/one" in last and "py/two" in last
    assert ("py/zero" in last) is not told_before


def test_a_message_that_may_have_arrived_is_not_sent_again(
    cli: Cli, store: Store, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, 0, problem("one"))
    url = f"json://{hook.host}/a"
    with monkeypatch.context() as patched:
        patched.setattr("secagg.notify.targets.NotifyTarget.send", _killed)
        assert cli("notify", url, *HERE)[0] == 130
    code, _, err = cli("notify", url, *HERE)
    assert code == 4 and "unclear: sending this run to target 1 (json)" in err
    assert hook.posted == []
    assert cli("notify", url, *HERE, "--again")[0] == 0
    assert cli("notify", url, *HERE)[0] == 0
    assert len(hook.posted) == 1


def _killed(*arguments: object, **named: object) -> None:
    raise KeyboardInterrupt


def test_two_processes_tell_one_run_once(store: Store) -> None:
    made = record(store, 0, problem("one"))
    first, second = (DeliveryJournal(store, "notify x", "ana") for _ in range(2))
    deliveries, also = first.deliveries(), second.deliveries()
    name = first.begin([made], deliveries)
    assert name is not None
    assert second.begin([made], also) is None
    first.end(name, [made], Sending.SENT)
    assert second.begin([made], also) is None
    assert second.deliveries().pending([made]) == []


def test_an_incomplete_scan_is_told_and_never_as_clean(
    cli: Cli, store: Store, hook: Webhook
) -> None:
    record(store, 0, verdict="incomplete")
    url = f"json://{hook.host}/a"
    code, out, _ = cli("notify", url, *HERE, *NEW)
    assert code == 0 and "the scan was incomplete" in out
    body = json.loads(hook.bodies("/a")[0])
    assert "INCOMPLETE" in body["title"] and body["type"] == "warning"
    assert "may be missing" in body["message"] and "no new problems match" not in body["title"]


def test_nothing_is_sent_when_nothing_matches_unless_asked(
    cli: Cli, store: Store, hook: Webhook
) -> None:
    record(store, 0, problem("one", severity=Severity.LOW))
    url = f"json://{hook.host}/a"
    code, out, _ = cli("notify", url, *HERE, "--at-least", "high")
    assert (code, out) == (0, "nothing to send to target 1 (json): no problem matches\n")
    assert hook.posted == []
    assert cli("notify", url, *HERE, "--at-least", "high", "--always")[0] == 0
    assert json.loads(hook.bodies("/a")[0])["title"].endswith("no problems match")


def test_dry_run_prints_the_message_and_sends_nothing(
    cli: Cli, store: Store, hook: Webhook
) -> None:
    record(store, 0, problem("one", owners=("@acme/web",)))
    code, out, _ = cli("notify", *HERE, "--dry-run")
    assert code == 0 and "@acme/web: 1 problem\n- service/app/views.py:12: high py/one" in out
    code, out, _ = cli("notify", f"json://{hook.host}/a", *HERE, "--dry-run")
    assert code == 0 and "would send to target 1 (json): 1 problem" in out
    assert hook.posted == [] and store.audit() == []


def test_addresses_come_from_the_environment_and_a_file_and_are_never_shown(
    cli: Cli, store: Store, hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "zX9kQ2mV7bN4"
    record(store, 0, problem("one", title=f"the token {token} of the hook"))
    monkeypatch.setenv(
        "SECAGG_NOTIFY_URLS", f"json://{hook.host}/{token}1\nform://{hook.host}/{token}2"
    )
    (tmp_path / "urls").write_text(f"# the team\n\njson://bot:{token}@{hook.host}/{token}1\n")
    hook.refused = {f"/{token}1", f"/{token}2"}
    for attribute, value in (("handlers", []), ("level", 0), ("propagate", True)):
        # What --debug changes is as it was after the test.
        for name in ("secagg", "secagg_parsers"):
            monkeypatch.setattr(logging.getLogger(name), attribute, value)
    code, out, err = cli("--debug", "notify", "--urls-from", str(tmp_path / "urls"), *HERE)
    assert code == 4
    assert err.count("failed: target") == 3 and "target 3 (form)" in err
    printed = out + err + json.dumps([entry.after for entry in store.audit()], default=str)
    printed += "".join(entry.subject for entry in store.audit())
    assert token not in printed
    sent = b"".join(body for _, body in hook.posted).decode()
    assert "the token" in sent and token not in sent


@pytest.mark.parametrize(
    ("address", "tokens", "others"),
    [
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#security-alerts",
            ["T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"],
            ["security-alerts", "slack"],
        ),
        (
            "mailto://bot:correct-horse-battery@mail.example.com?to=payments-team@acme.example",
            ["correct-horse-battery"],
            ["payments-team", "mail.example.com", "acme.example"],
        ),
        ("json://hooks.example.com/acme-shop/aB3dE5gH7j", ["aB3dE5gH7j"], ["acme-shop"]),
        ("json://u:p%40ss%2Fw0rd9@localhost/x", ["p%40ss%2Fw0rd9", "p@ss/w0rd9"], ["localhost"]),
    ],
)
def test_tokens_of_an_address_are_masked_and_its_names_are_not(
    address: str, tokens: list[str], others: list[str]
) -> None:
    redactor = Redactor(b"k" * 16)
    learn_addresses(find_addresses([address], None, {}), redactor)
    for token in [address, *tokens]:
        assert token not in redactor.mask_known(f"it says {token} here")
    for name in others:
        assert redactor.mask_known(f"it says {name} here") == f"it says {name} here"


@pytest.mark.parametrize(
    ("urls", "why"),
    [
        ([], "no target is named"),
        (["slck://abc/def"], "target 1 (slck) is no address"),
        (["json://localhost/a", "no-address-SECRET123"], "target 2 (?) is no address"),
    ],
)
def test_wrong_addresses_are_refused_before_anything_is_sent(
    cli: Cli, store: Store, urls: list[str], why: str
) -> None:
    record(store, 0, problem("one"))
    code, out, err = cli("notify", *urls, *HERE)
    assert code == 2 and why in err
    assert "SECRET123" not in out + err and store.audit() == []


def test_without_apprise_the_command_says_what_to_install(
    cli: Cli, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, 0, problem("one"))
    monkeypatch.setitem(sys.modules, "apprise", None)
    code, _, err = cli("notify", "json://localhost/a", *HERE)
    assert code == 2 and "pip install 'secagg[notify]'" in err
    assert cli("notify", *HERE, "--dry-run")[0] == 0


HOSTILE = "<!here> @channel <@U123> [x](https://evil.example) <https://evil.example|y> *b* & co"


def test_slack_gets_no_mention_and_no_link_of_a_scanner(
    cli: Cli, store: Store, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{hook.host}/services")
    record(store, 0, problem("one", title=HOSTILE, owners=("@channel",), rule_id="CVE-2026-12345"))
    code, _, err = cli(
        "notify", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", *HERE
    )
    assert (code, err) == (0, "")
    ((path, body),) = hook.posted
    assert path.startswith("/services/T1JJ3T3L2/")
    text = json.dumps(json.loads(body), ensure_ascii=False)
    for notation in ("<!", "<@", "@channel", "evil.example|", "https://evil"):
        assert notation not in text
    assert "<https://nvd.nist.gov/vuln/detail/CVE-2026-12345|CVE-2026-12345>" in text


def test_mail_is_html_without_markup_of_a_scanner(cli: Cli, store: Store) -> None:
    import email
    from email.policy import default

    record(store, 0, problem("one", title="<img src=x> see https://evil.example\nBcc: x@y.example"))
    with mail_server() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=bot@acme.example&to=team@acme.example&mode=insecure"
        code, _, err = cli("notify", url, *HERE)
        assert (code, err) == (0, "")
    message = email.message_from_string(mails[0], policy=default)
    assert message["subject"] == "secagg: acme/shop main: 1 problem (1 high)"
    assert message["bcc"] is None
    part = message.get_body(("html",))
    assert part is not None
    html = part.get_content()
    assert "&lt;img src=x&gt; see https[:]//evil.example" in html
    assert "<img" not in html


def test_a_hostile_branch_is_no_mention_in_a_title(cli: Cli, store: Store, hook: Webhook) -> None:
    record(store, 0, problem("one", branch="@everyone"), branch="@everyone")
    url = f"json://{hook.host}/a"
    assert cli("notify", url, "--repo", REPOSITORY, "--branch", "@everyone")[0] == 0
    assert "@everyone" not in json.loads(hook.bodies("/a")[0])["title"]


def test_no_canary_leaves(cli: Cli, hook: Webhook, tmp_path: Path) -> None:
    """Fifty secrets in the reports of two tools, through the command line into a webhook."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    planted = canaries()
    names = ("gitleaks.json", "snyk-code.sarif")
    for name in names:
        (tmp_path / name).write_bytes(reports(planted)[name])
    assert cli("parse", *names, "--quiet")[0] in (1, 3)
    urls = [f"json://{hook.host}/{form}?format={form}" for form in ("text", "markdown", "html")]
    code, out, err = cli("notify", *urls, "--limit", "1000")
    assert code == 0, err
    assert len(hook.posted) == 3 and all(len(body) > 5_000 for _, body in hook.posted)
    for _, body in hook.posted:
        assert survivors(body, planted) == []
    assert survivors((out + err).encode(), planted) == []


def test_days_apart_are_told_of_all_branches_with_something_new(
    cli: Cli, store: Store, hook: Webhook
) -> None:
    url = f"json://{hook.host}/a"
    record(store, 0, problem("one"))
    record(store, 0.1, problem("two", branch="release"), branch="release")
    assert cli("notify", url, "--all-repos", "--branch", "*", *NEW)[0] == 0
    record(
        store,
        1,
        problem("two", branch="release"),
        problem("three", branch="release"),
        branch="release",
    )
    assert cli("notify", url, "--all-repos", "--branch", "*", *NEW)[0] == 0
    first, second = messages(hook, "/a")
    assert "py/one" in first and "py/two" in first
    assert "py/three" in second and "py/one" not in second and "py/two" not in second


def test_times_of_the_journal_are_in_utc(store: Store) -> None:
    made = record(store, 0, problem("one"))
    journal = DeliveryJournal(store, "notify x", "ana")
    name = journal.begin([made], journal.deliveries())
    assert name is not None
    journal.end(name, [made], Sending.SENT)
    deliveries = journal.deliveries()
    assert deliveries.starts == {(REPOSITORY, BRANCH): NOW}
    assert deliveries.runs[made.key].tzinfo is datetime.UTC
