"""The action's last step believes the worst of what the steps before it left."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec
import pytest

from secagg.action.inputs import Inputs
from secagg.action.verdict import verdict
from secagg.output.decision import DecisionDocument

# What an earlier scan into the same directory left.
PASSED = DecisionDocument(
    secagg_version="1",
    policy="default",
    verdict="pass",
    exit_code=0,
    today=datetime.date(2026, 1, 1),
    total=0,
    fail=0,
    warn=0,
    ignore=0,
)


@pytest.mark.parametrize(
    ("scan_code", "code", "words"),
    [
        ("0", 0, ""),
        ("1", 1, "the gate fails"),
        ("3", 3, "INCOMPLETE"),
        ("139", 3, "exit code 139"),
        ("70", 70, "a bug"),
        ("", 3, "did not run to its end"),
    ],
)
def test_a_decision_that_says_pass_outweighs_no_exit_code(
    scan_code: str, code: int, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = Inputs(directory=str(tmp_path), upload="never")
    inputs.out.mkdir()
    (inputs.out / "decision.json").write_bytes(msgspec.json.encode(PASSED))
    assert verdict(inputs, {"SCAN_CODE": scan_code}) == code
    assert words in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("attest", "code", "words"), [("true", 4, "no signed evidence"), ("false", 0, "")]
)
def test_evidence_that_was_asked_for_is_no_matter_of_taste(
    attest: str, code: int, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """``fail-on`` may leave out what GitHub's uploads do, but not that nothing was signed."""
    inputs = Inputs(directory=str(tmp_path), upload="never", attest=attest, fail_on="gate")
    inputs.out.mkdir()
    (inputs.out / "decision.json").write_bytes(msgspec.json.encode(PASSED))
    assert verdict(inputs, {"SCAN_CODE": "4"}) == code
    assert words in "".join(capfd.readouterr())
