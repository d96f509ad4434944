"""Policies of installed packages, found by entry point."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from secagg.errors import ConfigError
from secagg.policy import built_in, load
from secagg.policy.load import installed_policies, installed_policy_text, policy_names

NAMES = ["acme-gate", "gone", "lost", "strict"]


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with policies; one of its entry points has no file, another no package."""
    package = tmp_path / "acme_policies_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "acme-gate.yaml").write_text("name: acme-gate\nextends: strict\nremove: low\n")
    (package / "strict.yaml").write_text("name: strict\nrules: [{name: none, action: ignore}]\n")
    info = tmp_path / "acme_of_a_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-of-a-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[secagg.policies]\nlost = acme_policies_of_a_test\nacme-gate = acme_policies_of_a_test\n"
        "gone = no_such_package_of_a_test\nstrict = acme_policies_of_a_test\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    return package


def test_they_are_found_by_name(acme: Path) -> None:
    assert list(installed_policies()) == NAMES
    assert policy_names() == [*built_in(), "acme-gate", "gone", "lost"]
    policy = load("acme-gate")
    assert [rule.name for rule in policy.rules] == [
        rule.name for rule in load("strict").rules if rule.name != "low"
    ]
    # So they are where policies are read from a commit, which has no say in it.
    assert load("acme-gate", read=lambda path: None) == policy


def test_none_takes_the_place_of_a_built_in_one_or_of_a_file(acme: Path) -> None:
    assert len(load("strict").rules) > 1
    assert installed_policy_text("./acme-gate") is None
    assert installed_policy_text("acme-gate.yaml") is None
    assert installed_policy_text("acme-gate.yml") is None
    assert installed_policy_text("another") is None


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("lost", "FileNotFoundError", "acme_policies_of_a_test"),
        ("gone", "ModuleNotFoundError", "no_such_package_of_a_test"),
    ],
)
def test_one_that_is_not_there_is_told(acme: Path, name: str, kind: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(name)
    assert caught.value.message == f"policy {name}: cannot be read: {kind}"
    assert caught.value.hint == f"mend or remove the package that brings it ({value})"


def test_they_extend_by_name_only(acme: Path) -> None:
    (acme / "acme-gate.yaml").write_text("name: acme-gate\nextends: other.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load("acme-gate")
    assert caught.value.message == (
        "policy acme-gate: a policy that comes by its name cannot extend a file (other.yaml)"
    )
    assert caught.value.where == "policy acme-gate"


def test_removing_every_rule_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", read={"x.yaml": "name: x\nextends: seed\nremove: [critical, high]\n"}.get)
    assert caught.value.message == "x.yaml: a policy without rules would let everything pass"
    assert (
        caught.value.hint == "give it rules, extend another policy, or remove fewer of that one's"
    )
