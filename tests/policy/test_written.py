"""What `secagg policy show` prints loads again, and is the same policy."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.model.finding import Severity
from secagg.output.policy import yaml_text
from secagg.policy import Policy, built_in, load
from secagg.policy.load import band, policy_document
from secagg.system.yamlfile import load_model
from tests.policy.strategies import policies
from tests.policy.subjects import policy

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


def again(policy: Policy) -> Policy:
    return load_model(yaml_text(policy_document(policy)), Policy, name="again.yaml")


@given(policies(texts=_TEXTS))
def test_every_policy_comes_back(policy: Policy) -> None:
    assert again(policy) == policy


@pytest.mark.parametrize("name", built_in())
def test_every_built_in_comes_back(name: str) -> None:
    assert again(load(name)) == load(name)


@given(_TEXTS)
def test_nothing_reaches_the_terminal_that_it_would_obey(text: str) -> None:
    shown = yaml_text({"a": text, "b": [text]})
    assert not {unicodedata.category(c) for c in shown if c != "\n"} & {"Cc", "Cf", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("severities", "written"),
    [
        ([Severity.HIGH], "high"),
        ([Severity.HIGH, Severity.CRITICAL], "high.."),
        ([Severity.LOW, Severity.MEDIUM], "low..medium"),
        ([Severity.LOW, Severity.HIGH], ["high", "low"]),
        (list(Severity), "none.."),
    ],
)
def test_severities_are_written_shortly(severities: list[Severity], written: object) -> None:
    assert band(severities) == written


def test_one_value_is_written_without_a_list() -> None:
    ours = policy({"match": {"tool": ["trivy"], "score": 8.95, "not": {"path": ["a/", "b/"]}}})
    assert policy_document(ours)["rules"] == [
        {
            "name": "r1",
            "match": {"score": "8.95..8.95", "tool": "trivy", "not": {"path": ["a/", "b/"]}},
            "action": "fail",
        }
    ]
