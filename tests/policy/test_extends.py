"""What a policy takes from the one it extends, key by key, and each refusal in full."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from secagg.errors import ConfigError
from secagg.policy import built_in, load
from secagg.policy.load import builtin_policy_text

BASE = """name: base
description: the base
unknown_severity: low
unknown_tool: medium
known_tools: [grype]
optional_tools: [snyk]
require: secret
max_age: {critical: 7d, high: 30d}
due_soon: 5d
exceptions: {max_days: 20}
rules:
  - {name: one, action: fail}
  - {name: two, action: warn}
"""


def test_what_is_not_said_is_the_bases() -> None:
    texts = {"base.yaml": BASE, "own.yaml": "name: own\nextends: base.yaml\n"}
    own = load("own.yaml", read=texts.get)
    base = load("base.yaml", read=texts.get)
    assert own == replace(base, name="own", description="")


def test_an_own_rule_is_never_removed() -> None:
    texts = {
        "base.yaml": BASE,
        "own.yaml": "name: own\nextends: base.yaml\nremove: two\n"
        "rules: [{name: two, action: fail, why: ours}]\n",
    }
    own = load("own.yaml", read=texts.get)
    assert [(rule.name, rule.why) for rule in own.rules] == [("two", "ours"), ("one", None)]


def test_what_is_said_counts() -> None:
    gap = {"gap": "old.py", "reason": "Python 2", "owner": "ana", "created": "2026-11-01"}
    said = (
        "name: own\ndescription: mine\nextends: base.yaml\nremove: one\nunknown_severity: none\n"
        "unknown_tool: none\nknown_tools: semgrep\noptional_tools: []\ndue_soon: 1d\nrequire: code\n"
        "max_age: {high: 3d, low: 1w}\nexceptions: {max_days: 200}\nbaseline: none\n"
        "max_database_age: 2w\napproval: {critical: 2}\n"
        "gaps: [{gap: old.py, reason: Python 2, owner: ana, created: 2026-11-01, "
        "expires: 2026-12-01}]\n"
        "rules: [{name: zero, action: ignore}, {name: two, action: fail}]\n"
    )
    own = load("own.yaml", read={"base.yaml": BASE, "own.yaml": said}.get)
    settings = msgspec.to_builtins(own)
    del settings["rules"]
    assert settings == {
        "name": "own",
        "description": "mine",
        "extends": None,
        "remove": [],
        "unknown_severity": "none",
        "unknown_tool": "none",
        "known_tools": ["semgrep", "grype"],
        "optional_tools": [],
        "require": ["code", "secret"],
        "max_age": {"critical": 7, "high": 3, "low": 7},
        "approval": {"critical": 2},
        "due_soon": 1,
        "baseline": "none",
        "max_database_age": 14,
        "exceptions": {"max_days": 200},
        "decisions": {"trust": ["files", "store", "github", "vex", "scanners", "reports"]},
        "gaps": [gap | {"gap": ["old.py"], "expires": "2026-12-01"}],
    }
    assert [(rule.name, rule.action) for rule in own.rules] == [("zero", "ignore"), ("two", "fail")]


@pytest.mark.parametrize(
    ("texts", "message", "where", "hint"),
    [
        (
            {"own.yaml": "name: own\nextends: base.yaml\nremove: onee\n", "base.yaml": BASE},
            "base has no rule onee to remove",
            "own.yaml",
            "did you mean one?",
        ),
        (
            {"own.yaml": "name: own\nextends: base.yaml\nremove: [one, xyz]\n", "base.yaml": BASE},
            "base has no rule xyz to remove",
            "own.yaml",
            "its rules: one, two",
        ),
        (
            {"own.yaml": "name: own\nextends: own.yaml\n"},
            "policies extend each other in a circle: own.yaml extends own.yaml",
            "own.yaml",
            "let one of them stand alone",
        ),
        (
            {
                "own.yaml": "name: own\nextends: d/a.yaml\n",
                "d/a.yaml": "name: a\nextends: b.yaml\n",
                "d/b.yaml": "name: b\nextends: a.yaml\n",
            },
            "policies extend each other in a circle: a.yaml extends b.yaml extends a.yaml",
            "d/b.yaml",
            "let one of them stand alone",
        ),
        (
            {"own.yaml": "name: own\n"},
            "a policy without rules would let everything pass",
            "own.yaml",
            "give it rules, extend another policy, or remove fewer of that one's",
        ),
        (
            {"own.yaml": "name: own\nrules: [{name: a, action: fail}, {name: a, action: warn}]\n"},
            "two rules are named 'a'",
            "own.yaml:2:35",
            "give each its own name: messages and tests say it",
        ),
        (
            {"own.yaml": "name: own\nextends: d/stict.yaml\n"},
            "no policy 'd/stict.yaml'",
            None,
            "a file, or one of the built-in ones: daily, default, pr-gate, secrets-only, seed, strict",
        ),
    ],
)
def test_refusals_say_where_and_what_to_do(
    texts: dict[str, str], message: str, where: str | None, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        load("own.yaml", read=texts.get)
    said = f"{where}: {message}" if where is not None else message
    assert (caught.value.message, caught.value.where, caught.value.hint) == (said, where, hint)


def test_a_name_that_is_nearly_one() -> None:
    with pytest.raises(ConfigError) as caught:
        load("stricd")
    assert caught.value.message == "no policy 'stricd'"
    assert caught.value.hint == (
        "did you mean strict? a file, or one of the built-in ones: daily, default, pr-gate, "
        "secrets-only, seed, strict"
    )


def test_the_built_in_ones() -> None:
    assert built_in() == ["daily", "default", "pr-gate", "secrets-only", "seed", "strict"]
    for name in built_in():
        assert load(name).name == name
        assert load(name, read=lambda path: None) == load(name)
        assert f"name: {name}" in builtin_policy_text(name)


def test_a_built_in_is_extended_from_a_directory_and_files_next_to_it(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    (directory / "a.yaml").write_text("name: a\nextends: strict\n")
    (directory / "b.yaml").write_text("name: b\nextends: ./x/../a.yaml\n")
    assert load(str(directory / "b.yaml")).rules == load("strict").rules
    link = tmp_path / "link"
    os.symlink(directory, link)
    (directory / "c.yaml").write_text(f"name: c\nextends: {link}/c.yaml\n")
    with pytest.raises(ConfigError, match=r"c\.yaml extends c\.yaml") as caught:
        load(str(directory / "c.yaml"))
    assert caught.value.where == str(directory / "c.yaml")


def test_mistakes_in_a_file_name_it_as_given(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nrules: 3\n")
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    assert caught.value.where == f"{file}:2:1"
    with pytest.raises(ConfigError) as caught:
        load("p/x.yaml", read=lambda path: file.read_text())
    assert caught.value.where == "p/x.yaml:2:1"


def test_what_a_change_is_compared_with_is_inherited() -> None:
    """Whatever a policy is called, what it extends says it, unless it says otherwise itself."""
    texts = {
        "ours.yaml": "name: ours\nextends: pr-gate\n",
        "team.yaml": "name: team\nextends: ours.yaml\nmax_database_age: 5d\n",
        "off.yaml": "name: off\nextends: team.yaml\nbaseline: none\n",
        "alike.yaml": "name: pr-gate\nrules: [{name: all, action: fail}]\n",
    }

    def said(name: str) -> tuple[str | None, int | None]:
        policy = load(name, read=texts.get)
        return policy.baseline, policy.max_database_age

    assert said("pr-gate") == said("ours.yaml") == ("auto", 30)
    assert said("team.yaml") == ("auto", 5)
    assert said("off.yaml") == ("none", 5)
    assert said("alike.yaml") == said("daily") == (None, None)


def test_gaps_are_accepted_beside_those_of_the_base_and_say_where_they_stand() -> None:
    entry = "gap: {0}, reason: it leaves, owner: ana, created: 2026-11-01, expires: 2026-12-01"
    texts = {
        "base.yaml": f"{BASE}gaps:\n  - {{{entry.format('old.py')}}}\n",
        "own.yaml": f"name: own\nextends: base.yaml\ngaps:\n\n  - {{{entry.format('ui/')}}}\n",
    }
    own = load("own.yaml", read=texts.get)
    line = BASE.count("\n") + 2
    assert [(gap.gap, gap.source) for gap in own.gaps] == [
        (["ui/"], "own.yaml:5"),
        (["old.py"], f"base.yaml:{line}"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gap: '*'", "at least three characters"),
        ("gap: []", "it must not be empty"),
        ("expires: 2026-10-31", "before it is created"),
        ("owner: ' '", "it must not be empty"),
        ("reason: x", "at least 3 characters"),
        ("until: 2026-12-01", "until"),
    ],
)
def test_a_gap_that_says_too_little_is_refused(change: str, message: str) -> None:
    given = {
        "gap": "old.py",
        "reason": "Python 2",
        "owner": "ana",
        "created": "2026-11-01",
        "expires": "2026-12-01",
    }
    key, _, value = change.partition(": ")
    entry = ", ".join(f"{k}: {v}" for k, v in (given | {key: value}).items())
    with pytest.raises(ConfigError, match=message):
        load("own.yaml", read={"own.yaml": f"{BASE}gaps: [{{{entry}}}]\n"}.get)
