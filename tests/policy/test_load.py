"""Policies that extend others, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.errors import ConfigError
from secagg.policy import load

BASE = """name: base
max_age: {high: 30d}
optional_tools: snyk
rules:
  - {name: one, action: fail}
  - {name: two, action: warn}
  - {name: three, action: ignore}
"""


def test_own_rules_come_first_and_base_rules_are_replaced_in_place(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "middle.yaml").write_text(
        "name: middle\nextends: ../base.yaml\nremove: three\nmax_age: {critical: 1w}\n"
    )
    own = tmp_path / "own.yaml"
    own.write_text(
        "name: own\nextends: sub/middle.yaml\nrules:\n"
        "  - {name: two, action: fail}\n  - {name: zero, action: warn}\n"
    )
    policy = load(str(own))
    assert [(r.name, r.action) for r in policy.rules] == [
        ("zero", "warn"),
        ("one", "fail"),
        ("two", "fail"),
    ]
    assert policy.max_age == {"high": 30, "critical": 7}
    assert policy.optional_tools == ["snyk"]
    assert policy.name == "own"


def test_a_policy_comes_from_a_commit_as_well() -> None:
    texts = {"p/own.yaml": "name: own\nextends: base.yaml\n", "p/base.yaml": BASE}
    assert len(load("p/own.yaml", read=texts.get).rules) == 3


def test_a_circle_is_refused_with_its_chain(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nextends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("name: b\nextends: a.yaml\n")
    with pytest.raises(ConfigError, match=r"a\.yaml extends b\.yaml extends a\.yaml"):
        load(str(tmp_path / "a.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\n", "a policy without rules"),
        ("name: x\nextends: defalt\n", "no policy"),
        ("name: x\nextends: default\nremove: secret\n", "default has no rule secret"),
        ("name: x\nrules: [{name: a, action: fail}, {name: a, action: fail}]", "two rules"),
        ("name: x\nrules: [{name: a, action: fail, match: {severity: high..low}}]", "low..high"),
        ("name: x\nrules: [{name: a, action: fail, match: {severity: hihg}}]", "a severity "),
        ("name: x\nrules: [{name: a, action: fail, match: {score: 9..7}}]", "holds nothing"),
        ("name: x\nrules: [{name: a, action: fail, match: {score: 9..11}}]", "outside"),
        (
            "name: x\nrules: [{name: a, action: fail, match: {age_at_least: 3h}}]",
            "30d, 2w, 3m or 1y",
        ),
        ("name: x\nrules: [{name: a, action: fail, match: {cwe: XSS}}]", "a CWE "),
        ("name: x\nrules: [{name: a, action: fail, match: {kind: []}}]", "it must not be empty"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")) as caught:
        load(str(file))
    assert "x.yaml" in str(caught.value) or "no policy" in message


def test_an_unknown_key_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nrules:\n  - name: a\n    action: fail\n    match: {sevrity: high}\n")
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    assert (caught.value.where or "").endswith("x.yaml:5:13")
    assert caught.value.hint == "did you mean severity?"
