"""What a policy does not trust is refused with a sentence, whatever it would have been worth."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.decisions.entry import Trust
from secagg.model.finding import Suppression
from secagg.policy import load
from secagg.policy.decision import DecisionSource, ExceptionState
from secagg.policy.load import policy_document
from secagg.policy.model import Policy
from secagg.system.validation import validate
from tests.decisions.make import TODAY, loaded, row
from tests.merge.make import vulnerability

FILES: dict[DecisionSource, dict[str, Any]] = {
    DecisionSource.FILES: {
        "secagg-exceptions.yaml": {
            "exceptions": [
                {
                    "cve": "CVE-2021-1111",
                    "reason": "accepted by the team",
                    "owner": "ana@example.com",
                    "created": "2026-11-01",
                    "expires": "2026-12-01",
                }
            ]
        }
    },
    DecisionSource.SCANNERS: {".trivyignore": "CVE-2021-1111\n"},
    DecisionSource.VEX: {
        "vex.json": {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "statements": [
                {
                    "vulnerability": {"name": "CVE-2021-1111"},
                    "products": [{"@id": "pkg:npm/lodash@4.17.4"}],
                    "status": "fixed",
                }
            ],
        }
    },
}


@pytest.mark.parametrize("origin", FILES)
def test_only_what_is_trusted_counts(origin: DecisionSource) -> None:
    group = row(vulnerability("trivy", "CVE-2021-1111"))
    vex = ("vex.json",) if origin is DecisionSource.VEX else ()
    for trusted in DecisionSource:
        trust = Trust("ours", frozenset({trusted}))
        (found,) = loaded(FILES[origin], vex=vex, trust=trust).covering(group)
        held = found.standing(TODAY) is ExceptionState.IN_FORCE
        assert held is (trusted is origin)
        assert found.origin is origin
        if not held:
            assert (found.refusal or "").startswith("the policy ours does not trust ")


def test_suppressions_in_reports_are_a_kind_of_their_own() -> None:
    finding = vulnerability("trivy", "CVE-2021-1111")
    finding.suppressions = (Suppression(source="SARIF", kind="external", status="accepted"),)
    for trusted in DecisionSource:
        trust = Trust("ours", frozenset({trusted}))
        found = loaded({}, trust=trust).covering(row(finding))
        held = [e.standing(TODAY) is ExceptionState.IN_FORCE for e in found]
        assert held == [trusted is DecisionSource.REPORTS]


def test_a_policy_says_it_and_passes_it_on() -> None:
    assert set(load("default").decisions.trust) == set(DecisionSource)
    gate = load("pr-gate")
    assert set(gate.decisions.trust) == set(DecisionSource) - {DecisionSource.REPORTS}
    texts = {
        "own.yaml": "name: own\nextends: pr-gate\ndecisions: {trust: store}\n",
        "heir.yaml": "name: heir\nextends: own.yaml\n",
    }
    heir = load("heir.yaml", read=texts.get)
    assert heir.decisions.trust == [DecisionSource.STORE]
    assert validate(Policy, policy_document(heir)) == heir
