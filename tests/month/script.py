"""What happens in a month, and what is asserted after each event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.month.world import CANARY, World
from tests.workflows.act import Ran

YAML_CVE, RSA_CVE, FLASK_CVE = "CVE-2020-14343", "CVE-2020-25658", "CVE-2023-30861"
Day = Callable[[World], None]


def verdict(ran: Ran, artifact: str) -> str:
    """The verdict in the decision that a run left."""
    return str(ran.artifact(artifact, "decision.json")["verdict"])


def day_is_quiet(world: World) -> None:
    """The daily scan says what is true, and GitHub has the alerts of it."""
    ran = world.daily()
    assert ran.green is (not world.truth()), ran.log
    assert verdict(ran, "secagg") == ("fail" if world.truth() else "pass")
    assert world.alerts() == world.truth()


def advisory_is_published(world: World) -> None:
    """What was clean yesterday is not today, and a change that does not touch it is not blamed."""
    world.advisories.append(("yaml", YAML_CVE, "5.4"))
    day_is_quiet(world)
    world.branch("readme")
    world.write("README.md", "hello\n")
    world.commit("say hello")
    ran, number = world.pull("readme")
    assert ran.green, ran.log
    assert comments(world, number) == 1


def change_mends_it(world: World) -> None:
    """A change that mends it is green; once merged and pushed, the alert closes."""
    world.branch("mend")
    world.write("service/requirements.txt", "flask==3.0.0\nyaml==5.4\n")
    world.commit("mend yaml")
    ran, number = world.pull("mend")
    assert ran.green, ran.log
    assert YAML_CVE in world.alerts()
    world.merge("mend")
    assert world.push().green
    assert world.alerts() == set()
    assert comments(world, number) == 1


def fork_brings_a_problem(world: World) -> None:
    """A fork meets the gate without a secret; the second stage uploads and comments."""
    world.advisories.append(("rsa", RSA_CVE, "4.7"))
    world.branch("fork")
    world.write("service/requirements.txt", "flask==3.0.0\nyaml==5.4\nrsa==4.0\n")
    world.commit("add rsa")
    requests = len(world.server.requests)
    ran, number = world.pull("fork", fork=True, author="mallory")
    assert not ran.green
    assert verdict(ran, "secagg-gate") == "fail"
    assert len(world.server.requests) == requests
    assert world.publish(ran, number).green
    assert comments(world, number) == 1
    assert any(a["ref"].startswith(f"refs/pull/{number}/") for a in world.server.analyses)
    assert world.alerts() == world.truth()


def secret_is_committed(world: World) -> None:
    """A secret in a change is red, and its value is nowhere."""
    world.branch("secret")
    world.write("service/config.py", f'token = "{CANARY}"\n')
    world.commit("a token")
    ran, number = world.pull("secret")
    assert not ran.green
    assert verdict(ran, "secagg-gate") == "fail"
    world.write("service/config.py", "token = None\n")
    assert comments(world, number) == 1
    git_reset(world)


def git_reset(world: World) -> None:
    """Go back to main as it is."""
    from tests.workflows.act import git

    git(world.tree, "checkout", "-q", "--force", "main")


def scanner_breaks(world: World) -> None:
    """A scanner that is killed makes the day INCOMPLETE by name, and closes no alert."""
    before = world.alerts()
    world.broken = True
    ran = world.daily()
    world.broken = False
    assert not ran.green
    assert verdict(ran, "secagg") == "incomplete"
    assert "killed by signal 9" in ran.log
    assert world.alerts() == before


def database_ages(world: World) -> None:
    """A refused database is told with its age; one that is too old makes the day INCOMPLETE."""
    world.refused = True
    world.database(timedelta(days=3))
    assert "3 days old" in world.daily().log
    world.database(timedelta(days=40))
    ran = world.daily()
    assert verdict(ran, "secagg") == "incomplete"
    assert "40 days old" in ran.log
    world.refused = False
    world.database(timedelta(hours=1))


def queue_is_gated(world: World) -> None:
    """The merge queue meets the same gate."""
    world.branch("queued")
    world.write("service/requirements.txt", "flask==3.0.0\nyaml==5.4\nrsa==4.0\n")
    world.commit("add rsa again")
    assert not world.queue("queued").green
    git_reset(world)


def dependabot_updates(world: World) -> None:
    """Dependabot's pull request is gated and uploaded like a person's."""
    world.branch("dependabot")
    world.write("service/requirements.txt", "flask==3.1.0\nyaml==5.4\n")
    world.commit("bump flask")
    ran, _ = world.pull("dependabot", author="dependabot[bot]")
    assert ran.green, ran.log
    world.merge("dependabot")
    assert world.push().green


def component_is_renamed(world: World) -> None:
    """The alerts of a component that moves are those of its new place."""
    from tests.workflows.act import git

    world.advisories.append(("flask", FLASK_CVE, "9.9"))
    day_is_quiet(world)
    git(world.tree, "mv", "service", "backend")
    world.commit("call it backend")
    ran = world.push()
    assert not ran.green
    assert {alert.path for alert in world.open_on_main()} == {"backend/requirements.txt"}
    world.advisories.pop()
    day_is_quiet(world)


def comments(world: World, number: int) -> int:
    """The comments that secagg has on a pull request."""
    return sum(comment["issue"] == number for comment in world.server.comments)


MONTH: dict[int, Day] = {
    3: advisory_is_published,
    5: change_mends_it,
    9: fork_brings_a_problem,
    12: secret_is_committed,
    14: scanner_breaks,
    15: scanner_breaks,
    18: database_ages,
    21: queue_is_gated,
    24: dependabot_updates,
    27: component_is_renamed,
}


def run_day(world: World, day: int) -> None:
    """One day of the month; afterwards no secret's value is anywhere."""
    MONTH.get(day, day_is_quiet)(world)
    assert world.leaked(CANARY) == []
