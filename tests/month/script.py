"""What happens in a month, and what is true after each event."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from tests.month.world import CANARY, World
from tests.workflows.act import Ran

YAML_CVE, RSA_CVE, FLASK_CVE = "CVE-2020-14343", "CVE-2020-25658", "CVE-2023-30861"
JINJA_CVE, TOML_CVE, LXML_CVE = "CVE-2024-22195", "CVE-2021-99001", "CVE-2022-2309"
CODES = {"pass": 0, "fail": 1, "incomplete": 3}
Day = Callable[[World], None]


def decided(
    world: World,
    ran: Ran,
    artifact: str,
    verdict: str,
    *,
    failing: Collection[str] = (),
    reason: str = "",
) -> None:
    """A run came to a verdict, with the exit code, the findings and the reason that belong to it."""
    decision = ran.artifact(artifact, "decision.json")
    world.check("verdict", decision["verdict"], verdict)
    world.check("exit code", decision["exit_code"], CODES[verdict])
    world.check("green", ran.green, verdict == "pass")
    # The last step's own words; the job is red for them.
    world.check("last word", f"secagg: {verdict}, exit code {CODES[verdict]}" in ran.log, True)
    rules = {row["rule"] for row in decision["findings"] if row["action"] == "fail"}
    world.check("findings that fail", rules, set(failing))
    reasons = " ".join([*decision["failures"], *decision["gaps"]])
    world.check("a reason is given", bool(reasons), verdict != "pass")
    world.check(f"the reason is {reason!r}", reason in reasons, True)


def scanned(world: World, ran: Ran) -> None:
    """A scan of main says what is true, GitHub has the alerts of it, and the store has it all."""
    open_ones, before = world.truth() - world.accepted, world.desk.scans()
    world.seen |= world.truth()
    decided(world, ran, "secagg", "fail" if open_ones else "pass", failing=open_ones)
    world.check("alerts", world.alerts(), open_ones - world.dismissed)
    mine = {"secagg/trivy/", f"secagg/trivy/{world.component}/"}
    world.check("categories", world.categories(), mine | world.emptied)
    world.desk.record(ran.artifacts / "secagg")
    world.check("scans in the store", world.desk.scans(), before + 1)
    world.check("problems in the store", world.desk.problems("all"), world.seen)
    world.check("open problems", world.desk.problems(), open_ones - world.settled)
    world.check("fixed problems", world.desk.problems("fixed"), world.seen - world.truth())


def gated(
    world: World, ran: Ran, number: int, verdict: str, *, failing: Collection[str] = ()
) -> None:
    """A change got its verdict, one comment that says so, and alerts of its own."""
    decided(world, ran, "secagg-gate", verdict, failing=failing)
    world.check("comments", world.comments(number), 1)
    world.check("alerts of main", world.alerts() & set(failing), set())


def day_is_quiet(world: World) -> None:
    scanned(world, world.daily())


def advisory_is_published(world: World) -> None:
    """What was clean yesterday is not today, and a change that does not touch it is not blamed."""
    world.advisories.append(("yaml", YAML_CVE, "5.4"))
    day_is_quiet(world)
    world.branch("readme")
    world.write("README.md", "hello\n")
    world.commit("say hello")
    ran, number = world.pull("readme")
    gated(world, ran, number, "pass")


def change_mends_it(world: World) -> None:
    """A change that mends it is green; once merged and pushed, the alert closes."""
    world.branch("mend")
    world.require(yaml="5.4")
    world.commit("mend yaml")
    ran, number = world.pull("mend")
    gated(world, ran, number, "pass")
    world.check("alerts", YAML_CVE in world.alerts(), True)
    world.merge("mend")
    scanned(world, world.push())
    world.check("alerts", YAML_CVE in world.alerts(), False)
    world.check("comments", world.comments(number), 1)


def file_accepts_it(world: World) -> None:
    """An exception in a change does not count for that change's own gate, and does once merged."""
    world.advisories.append(("jinja2", JINJA_CVE, "3.1.3"))
    world.branch("exception")
    world.require(jinja2="3.1.0")
    reason = ["--reason", "no template is a stranger's", "--expires", "30d"]
    root = ["--root", str(world.tree), "--owner", "ana@example.com"]
    world.desk.run("except", "add", "--cve", JINJA_CVE, *reason, *root)
    world.commit("use jinja2, and accept what is wrong with it")
    ran, number = world.pull("exception")
    gated(world, ran, number, "fail", failing=[JINJA_CVE])
    world.merge("exception")
    world.accepted.add(JINJA_CVE)
    scanned(world, world.push())


def fork_brings_a_problem(world: World) -> None:
    """A fork meets the gate without a secret; the second stage uploads and comments."""
    world.advisories.append(("rsa", RSA_CVE, "4.7"))
    world.branch("fork")
    world.require(rsa="4.0")
    world.commit("add rsa")
    requests = len(world.server.requests)
    ran, number = world.pull("fork", fork=True, author="mallory")
    decided(world, ran, "secagg-gate", "fail", failing=[RSA_CVE])
    world.check("requests of the first stage", len(world.server.requests), requests)
    published = world.publish(ran, number)
    world.check("the second stage is green", published.green, True)
    world.check("comments", world.comments(number), 1)
    refs = {a["ref"] for a in world.server.analyses}
    mine = {ref for ref in refs if ref.startswith(f"refs/pull/{number}/")}
    world.check("the change's own analyses", len(mine), 1)
    world.back()
    world.check("alerts", world.alerts(), world.truth() - world.accepted)


def terminal_accepts_it(world: World) -> None:
    """A decision at the terminal, into the file that is committed, counts from the next scan on."""
    world.advisories.append(("toml", TOML_CVE, "0.11"))
    world.require(toml="0.10")
    world.commit("use toml")
    scanned(world, world.push())
    world.desk.decide(TOML_CVE, "accepted", "it reads our own files only", "--file")
    world.commit("accept what is wrong with toml")
    world.accepted.add(TOML_CVE)
    day_is_quiet(world)


def secret_is_committed(world: World) -> None:
    """A secret in a change is red, also where it is taken out again, and its value is nowhere."""
    world.branch("secret")
    world.write("service/config.py", f'token = "{CANARY}"\n')
    world.commit("a token")
    ran, number = world.pull("secret")
    gated(world, ran, number, "fail", failing=["github-pat"])
    world.take_out("secret", "service/config.py", "take the token out")
    gated(world, world.again(number, "secret"), number, "fail", failing=["github-pat"])
    world.back()


def github_dismisses_it(world: World) -> None:
    """An alert that a person has dismissed stays so, and the store learns of it."""
    world.advisories.append(("lxml", LXML_CVE, "4.9.1"))
    world.require(lxml="4.9.0")
    world.commit("use lxml")
    scanned(world, world.push())
    world.dismiss(LXML_CVE, "won't fix", "we parse nothing of strangers")
    world.check("sync", "alert" in world.desk.sync(), True)
    world.settled.add(LXML_CVE)
    day_is_quiet(world)


def comment_accepts_it(world: World) -> None:
    """A comment with /secagg decides in the store; there a scan changes nothing of it."""
    world.advisories.append(("flask", FLASK_CVE, "3.1.0"))
    day_is_quiet(world)
    world.server.permissions["ana"] = "write"
    world.desk.comment(FLASK_CVE, 1)
    world.settled.add(FLASK_CVE)
    day_is_quiet(world)


def scanner_breaks(world: World) -> None:
    """A scanner that is killed makes the day INCOMPLETE by name, and closes and fixes nothing."""
    alerts, problems = world.alerts(), world.desk.problems("all")
    fixed = world.desk.problems("fixed")
    world.broken = True
    ran = world.daily()
    world.broken = False
    decided(world, ran, "secagg", "incomplete", reason="killed by signal 9")
    world.check("alerts", world.alerts(), alerts)
    world.desk.record(ran.artifacts / "secagg")
    world.check("problems in the store", world.desk.problems("all"), problems)
    world.check("fixed problems", world.desk.problems("fixed"), fixed)


def database_ages(world: World) -> None:
    """A refused database is told with its age; one that is too old makes the day INCOMPLETE."""
    world.refused = True
    world.database(timedelta(days=3))
    ran = world.daily()
    scanned(world, ran)
    world.check("its age is told", "3 days old" in ran.log, True)
    world.database(timedelta(days=40))
    failing = world.truth() - world.accepted
    ran = world.daily()
    decided(world, ran, "secagg", "incomplete", failing=failing, reason="40 days old")
    world.refused = False
    world.database(timedelta(hours=1))


def queue_is_gated(world: World) -> None:
    """The merge queue meets the same gate."""
    world.branch("queued")
    world.require(rsa="4.0")
    world.commit("add rsa again")
    decided(world, world.queue("queued"), "secagg-gate", "fail", failing=[RSA_CVE])
    world.back()


def key_is_not_set(world: World) -> None:
    """Without SECAGG_HMAC_KEY a secret is red just the same, and its value is nowhere."""
    world.key = False
    world.branch("keyless")
    world.write("service/settings.py", f'token = "{CANARY}"\n')
    world.commit("a token again")
    ran, number = world.pull("keyless")
    gated(world, ran, number, "fail", failing=["github-pat"])
    world.back()
    scanned(world, world.daily())
    world.key = True


def dependabot_updates(world: World) -> None:
    """Dependabot's pull request is gated and uploaded like a person's, and mends what it says."""
    world.branch("dependabot")
    world.require(flask="3.1.0")
    world.commit("bump flask")
    ran, number = world.pull("dependabot", author="dependabot[bot]")
    gated(world, ran, number, "pass")
    world.merge("dependabot")
    scanned(world, world.push())


def component_is_renamed(world: World) -> None:
    """A component that moves is the same problems to the store, and new alerts to GitHub.

    The old category is emptied, so that its alerts close. A decision by id in a file holds where a
    history knows the move: the workflows keep none, and fail again until somebody decides anew.
    """
    before = {row["rule_id"]: row["identity"] for row in world.desk.rows("--state", "all")}
    world.emptied.add(f"secagg/trivy/{world.component}/")
    world.rename("service", "backend")
    world.commit("call it backend")
    world.accepted.remove(TOML_CVE)
    world.settled.add(TOML_CVE)
    world.dismissed.remove(LXML_CVE)
    scanned(world, world.push())
    places = {alert.path for alert in world.open_on_main()}
    world.check("places", places, {"backend/requirements.txt"})
    after = {row["rule_id"]: row["identity"] for row in world.desk.rows("--state", "all")}
    world.check("identities", after, before)


MONTH: dict[int, Day] = {
    3: advisory_is_published,
    5: change_mends_it,
    7: file_accepts_it,
    9: fork_brings_a_problem,
    10: terminal_accepts_it,
    12: secret_is_committed,
    13: github_dismisses_it,
    14: scanner_breaks,
    15: scanner_breaks,
    17: comment_accepts_it,
    18: database_ages,
    21: queue_is_gated,
    22: key_is_not_set,
    24: dependabot_updates,
    27: component_is_renamed,
}


def run_day(world: World, day: int) -> None:
    """One day of the month; afterwards no secret's value is anywhere."""
    MONTH.get(day, day_is_quiet)(world)
    world.check("places with a secret's value", world.leaked(CANARY), [])
