"""What a policy takes from the one it extends, key by key, and each refusal in full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secagg.errors import ConfigError
from secagg.policy import built_in, load
from secagg.policy.load import builtin_text

BASE = """name: base
description: the base
unknown_severity: low
unknown_tool: medium
known_tools: [grype]
optional_tools: [snyk]
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
    assert own == base.model_copy(update={"name": "own", "description": ""})
    assert own.model_dump(mode="json") == base.model_dump(mode="json") | {
        "name": "own",
        "description": "",
    }


def test_an_own_rule_is_never_removed() -> None:
    texts = {
        "base.yaml": BASE,
        "own.yaml": "name: own\nextends: base.yaml\nremove: two\n"
        "rules: [{name: two, action: fail, why: ours}]\n",
    }
    own = load("own.yaml", read=texts.get)
    assert [(rule.name, rule.why) for rule in own.rules] == [("two", "ours"), ("one", None)]


def test_what_is_said_counts() -> None:
    said = (
        "name: own\ndescription: mine\nextends: base.yaml\nremove: one\nunknown_severity: none\n"
        "unknown_tool: none\nknown_tools: semgrep\noptional_tools: []\ndue_soon: 1d\n"
        "max_age: {high: 3d, low: 1w}\nexceptions: {max_days: 200}\n"
        "rules: [{name: zero, action: ignore}, {name: two, action: fail}]\n"
    )
    own = load("own.yaml", read={"base.yaml": BASE, "own.yaml": said}.get)
    assert own.model_dump(mode="json", exclude={"rules"}) == {
        "name": "own",
        "description": "mine",
        "extends": None,
        "remove": [],
        "unknown_severity": "none",
        "unknown_tool": "none",
        "known_tools": ["semgrep", "grype"],
        "optional_tools": [],
        "max_age": {"critical": 7, "high": 3, "low": 7},
        "due_soon": 1,
        "exceptions": {"max_days": 200},
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
        assert f"name: {name}" in builtin_text(name)


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
