"""Each message of the check: word for word where it matters, and never without a cause."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest

from secagg.errors import ConfigError
from secagg.model.finding import Kind
from secagg.policy import built_in
from secagg.policycheck.check import check_policy
from secagg.policycheck.names import CheckMessage, Tree

TODAY = datetime.date(2026, 11, 24)


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a component, a file that was deleted and what git ignores."""
    repo = tmp_path / "repo"
    (repo / "web" / "src").mkdir(parents=True)
    (repo / "web" / "package.json").write_text("{}")
    (repo / "web" / "src" / "a.ts").touch()
    (repo / "old.py").touch()
    (repo / ".gitignore").write_text("dist/\nnode_modules/\n*.log\n")
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "one")
    git(repo, "rm", "-q", "old.py")
    git(repo, "commit", "-qm", "two")
    (repo / "untracked.txt").touch()
    return repo


def messages(root: Path, text: str, *, name: str = "gate.yaml") -> list[CheckMessage]:
    (root / name).write_text(text)
    return [
        CheckMessage(
            where=m.where.removeprefix(f"{root}/"), code=m.code, text=m.text, advice=m.advice
        )
        for m in check_policy(str(root / name), root, Tree(root), TODAY, str)
    ]


def rules(*lines: str) -> str:
    return "name: gate\nrules:\n" + "".join(f"  - {line}\n" for line in lines)


def told(root: Path, *lines: str) -> list[tuple[str, str]]:
    return [(m.where.removeprefix("gate.yaml:"), m.code) for m in messages(root, rules(*lines))]


@pytest.mark.parametrize("name", built_in())
def test_the_built_in_policies_are_clean(name: str, root: Path) -> None:
    assert check_policy(name, root, Tree(root), TODAY, str) == []


def test_a_policy_as_people_write_them_is_clean(root: Path) -> None:
    text = (
        "name: gate\nextends: pr-gate\nremove: new-medium\noptional_tools: [snyk, house]\n"
        "known_tools: trivyy\nrules:\n"
        "  - {name: a, match: {component: web, severity: medium..}, action: fail, limit: 3}\n"
        "  - {name: b, match: {path: [web/, '!web/src/'], tool: [trivyy, semgrep, Trivy]},"
        " action: warn}\n"
        "  - {name: c, match: {any: [{kind: secret, verified: true}, {in_kev: true}]},"
        " action: fail}\n"
        "  - {name: d, match: {package: ['pkg:npm/*', 'pkg:*', lodash]}, action: warn}\n"
    )
    assert messages(root, text) == []


@pytest.mark.parametrize(
    ("line", "where", "code", "text"),
    [
        (
            "{name: a, match: {kind: code, in_kev: true}, action: fail}",
            "3:15",
            "impossible-match",
            "no problem can fulfil this match of rule a: kind and in_kev exclude each other",
        ),
        (
            "{name: a, match: {kind: secret, severity: high, not: {kind: secret}}, action: fail}",
            "3:15",
            "impossible-match",
            "no problem can fulfil this match of rule a: kind and not exclude each other",
        ),
        (
            "{name: a, match: {kind: [code, secret], verified: true, not: {kind: secret}},"
            " action: warn}",
            "3:15",
            "impossible-match",
            "no problem can fulfil this match of rule a: verified and not exclude each other",
        ),
        (
            "{name: a, match: {kind: code, any: [{cwe: 79}, {scope: dev}]}, action: fail}",
            "3:52",
            "impossible-alternative",
            "this alternative of rule a can never hold together with the rest of the match",
        ),
        (
            "{name: a, match: {kind: code, not: {scope: dev}}, action: fail}",
            "3:35",
            "not-without-effect",
            "the condition under not in rule a never holds together with the rest of the match, "
            "so it excludes nothing",
        ),
        (
            "{name: a, match: {not: {any: [{kind: secret, scope: dev}, {cwe: 79}]}}, action: fail}",
            "3:35",
            "impossible-alternative",
            "this alternative of rule a can never hold together with the rest of the match",
        ),
        (
            "{name: a, limit: 0, action: fail}",
            "3:15",
            "limit-of-zero",
            "a limit of 0 tolerates nothing, and rule a fails without it too",
        ),
        (
            "{name: a, limit: 0, action: ignore}",
            "3:15",
            "limit-of-zero",
            "rule a says ignore, but its limit of 0 makes the first problem fail",
        ),
        (
            "{name: a, match: {path: [web/, srv/]}, action: fail}",
            "3:36",
            "path-matches-nothing",
            "the path 'srv/' matches no file here, nor one in the history of this clone",
        ),
        (
            "{name: a, match: {not: {path: srv/}}, action: fail}",
            "3:29",
            "path-matches-nothing",
            "the path 'srv/' matches no file here, nor one in the history of this clone",
        ),
        (
            "{name: a, match: {path: ['!web/']}, action: fail}",
            "3:23",
            "path-matches-nothing",
            "a pattern that begins with ! excludes files, and no pattern before it includes any",
        ),
        (
            "{name: a, match: {path: ['#x', web/]}, action: fail}",
            "3:30",
            "path-matches-nothing",
            "the pattern '#x' matches nothing: git reads it as a comment",
        ),
        (
            "{name: a, match: {component: wbe}, action: fail}",
            "3:23",
            "component-matches-nothing",
            "no component is called 'wbe'",
        ),
        (
            "{name: a, match: {tool: [trivy, git-leaks]}, action: fail}",
            "3:37",
            "unknown-tool",
            "no tool is known as 'git-leaks'",
        ),
    ],
)
def test_one_mistake_is_one_message(
    root: Path, line: str, where: str, code: str, text: str
) -> None:
    (found,) = messages(root, rules(line))
    assert (found.where, found.code, found.text) == (f"gate.yaml:{where}", code, text)
    assert found.advice


def test_advice_is_about_what_is_there(root: Path) -> None:
    (found,) = messages(root, rules("{name: a, match: {component: wbe}, action: fail}"))
    assert found.advice == "did you mean web?"
    (found,) = messages(root, rules("{name: a, match: {component: payments}, action: fail}"))
    assert found.advice == "the components here: ., web"
    (found,) = messages(root, "name: x\nextends: seed\noptional_tools: [codeql, Snyk]\n")
    assert (found.where, found.code) == ("gate.yaml:3:26", "unknown-tool")
    assert found.advice == "write snyk"


@pytest.mark.parametrize(
    "pattern",
    ["old.py", "*.py", "dist/", "node_modules", "**/node_modules/**", "a.log", "/web/*", "*.txt"],
)
def test_what_is_was_or_may_be_made_is_no_mistake(root: Path, pattern: str) -> None:
    assert told(root, f"{{name: a, match: {{path: '{pattern}'}}, action: fail}}") == []


def test_without_git_the_files_that_are_there_count(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "x.js").touch()
    lines = ("{name: a, match: {path: [vendor/, old.py]}, action: fail}",)
    assert told(tmp_path, *lines) == [("3:39", "path-matches-nothing")]


def test_nothing_is_said_of_globs_where_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    file = tmp_path / "gate.yaml"
    file.write_text(rules("{name: a, match: {path: srv/, component: x}, action: fail}"))
    empty = tmp_path / "empty"
    assert check_policy(str(file), empty, Tree(empty), TODAY, str) == []


def test_unreachable_rules(root: Path) -> None:
    secrets = "{name: secrets, match: {kind: secret}, action: fail}"
    live = "{name: live, match: {kind: secret, verified: true}, action: fail}"
    (found,) = messages(root, rules(secrets, live))
    assert found == CheckMessage(
        where="gate.yaml:4:6",
        code="unreachable-rule",
        text="rule live never decides: rule secrets before it decides on all that it matches",
        advice="move it before secrets, narrow that one, or remove this one",
    )
    assert told(root, live, secrets) == []
    (found,) = messages(
        root,
        rules(
            "{name: a, match: {severity: high..}, action: fail}",
            "{name: else, match: {kind: license, cwe: 79}, action: fail}",
            "{name: b, match: {severity: ..medium}, action: warn}",
            "{name: c, match: {kind: code}, action: ignore}",
        ),
    )
    assert (
        found.text
        == "rule c never decides: rules a and b before it together decide on all that it matches"
    )
    each = [f"{{name: {k}, match: {{kind: {k}}}, action: fail}}" for k in Kind]
    (found,) = messages(root, rules(*each, "{name: rest, action: warn}"))
    assert found.text.startswith("rule rest never decides: the rules before it together decide")
    # What cannot hold is said once, and not that it is never reached as well.
    assert [
        code
        for _, code in told(
            root, secrets, "{name: x, match: {kind: code, scope: dev}, action: fail}"
        )
    ] == ["impossible-match"]


def test_rules_of_others_are_for_overriding(root: Path) -> None:
    text = "name: gate\nextends: strict\nrules: [{name: low-warns, match: {severity: ..medium}, action: warn}]\n"
    assert messages(root, text) == []
    # But a rule of ours that takes the place of another may stand behind what covers it.
    text = "name: gate\nextends: default\nrules: [{name: medium, match: {severity: critical}, action: warn}]\n"
    (found,) = messages(root, text)
    assert found.where == "gate.yaml:3:10"
    assert found.text == (
        "rule medium never decides: rule critical-and-high before it (of default) decides on "
        "all that it matches"
    )


def test_each_file_of_the_chain_is_checked(root: Path) -> None:
    (root / "base.yaml").write_text(
        rules("{name: a, match: {kind: code, scope: dev}, action: fail}", "{name: b, action: warn}")
    )
    (found,) = messages(root, "name: gate\nextends: base.yaml\ndue_soon: 1d\n")
    assert (found.where, found.code) == ("base.yaml:3:15", "impossible-match")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: seed\nrules: [{name: all, action: fail}]\n", True),
        (
            "extends: seed\nremove: [critical, high]\nrules: [{name: x, match: {kind: code}, action: fail}]\n",
            True,
        ),
        (
            "extends: seed\nremove: [critical]\nrules: [{name: x, match: {kind: code}, action: fail}]\n",
            False,
        ),
        ("extends: seed\nrules: [{name: high, action: fail}]\n", False),
        ("extends: daily\nrules: [{name: all, action: fail}]\n", False),  # its ages hold
        ("extends: seed\nrules: [{name: all, match: {severity: high..}, action: warn}]\n", True),
        ("extends: seed\nrules: [{name: all, match: {path: web/}, action: fail}]\n", False),
    ],
)
def test_extending_in_vain(root: Path, text: str, said: bool) -> None:
    found = messages(root, "name: gate\n" + text)
    assert [(m.where, m.code) for m in found] == (
        [("gate.yaml:2:1", "extends-without-effect")] if said else []
    )


OWN = """version: 1
exceptions:
  - cve: CVE-2021-44228
    reason: not reachable
    owner: ana
    created: 2026-10-01
    expires: {expires}
"""


@pytest.mark.parametrize(
    ("expires", "text"),
    [
        ("2026-11-23", "the exception CVE-2021-44228 expired on 2026-11-23"),
        ("2026-11-24", None),
        (
            "2027-01-31",
            "the exception CVE-2021-44228 expires 2027-01-31, 122 days after it was created; "
            "the policy allows 90",
        ),
    ],
)
def test_exceptions_by_the_day_and_the_policys_ceiling(
    root: Path, expires: str, text: str | None
) -> None:
    (root / "secagg-exceptions.yaml").write_text(OWN.format(expires=expires))
    found = messages(root, rules("{name: a, action: fail}"))
    assert [m.text for m in found] == ([] if text is None else [text])
    assert [m.where for m in found] == ([] if text is None else ["secagg-exceptions.yaml:7:5"])
    longer = "name: gate\nextends: seed\nexceptions: {max_days: 200}\n"
    assert bool(messages(root, longer)) is (expires == "2026-11-23")


def test_exceptions_of_scanners_too(root: Path) -> None:
    (root / ".trivyignore").write_text("# old\nCVE-2020-1 exp:2026-01-01\n")
    (found,) = messages(root, rules("{name: a, action: fail}"))
    assert (found.where, found.code) == (".trivyignore:2:1", "exception-expired")
    assert "prune" not in found.advice


def test_what_cannot_be_read_is_an_error(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"gate\.yaml:2:1"):
        messages(root, "name: x\nruls: []\n")
    (root / "secagg-exceptions.yaml").write_text("exceptions: 3\n")
    with pytest.raises(ConfigError, match="secagg-exceptions"):
        messages(root, rules("{name: a, action: fail}"))


def test_gaps_that_are_over_or_run_too_long_are_named_where_they_stand(root: Path) -> None:
    entry = "reason: it leaves, owner: ana, created: 2026-09-01"
    (root / "base.yaml").write_text(
        f"name: base\nextends: pr-gate\ngaps:\n  - {{gap: a.py, {entry}, expires: 2026-11-23}}\n"
    )
    text = (
        "name: gate\nextends: base.yaml\ngaps:\n"
        f"  - {{gap: b.py, {entry}, expires: 2026-11-24}}\n"
        "  - gap: c.py\n    reason: it stays\n    owner: ana\n    created: 2026-09-01\n"
        "    expires: 2027-08-20\n"
    )
    said = [(Path(m.where).name, m.code) for m in messages(root, text)]
    assert said == [
        ("gate.yaml:9:5", "exception-refused"),
        ("base.yaml:4:69", "exception-expired"),
    ]
