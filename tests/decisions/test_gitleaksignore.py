"""Gitleaks' ignore file: one leak at one place a line."""

from __future__ import annotations

import pytest

from secagg.model.finding import Finding
from secagg.policy.decision import ExceptionState
from tests.decisions.make import TODAY, loaded, row, sources
from tests.merge.make import secret

COMMIT = "8882f65768542c501a898f555e0baa8b4fe651c6"
TEXT = f"""# a test fixture
{COMMIT}:app/config.py:aws-access-token:3
./app\\keys.py:generic-api-key:7

app/config.py
{COMMIT[:12]}:app/config.py:aws-access-token:3
app/config.py:aws-access-token:x
::1
"""


def test_lines_and_refusals() -> None:
    found = loaded({".gitleaksignore": TEXT}).all()
    standings = [e.standing(TODAY) for e in found]
    assert standings == [ExceptionState.IN_FORCE] * 2 + [ExceptionState.REFUSED] * 4
    assert (found[0].source, found[0].reason) == (".gitleaksignore:2", "a test fixture")
    assert found[1].reason is None
    assert "whole commit" in (found[3].refusal or "")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (secret("gitleaks", commit=COMMIT), True),
        (secret("gitleaks", commit="0" * 40), False),
        (secret("gitleaks"), False),
        (secret("gitleaks", commit=COMMIT, line=4), False),
        (secret("gitleaks", commit=COMMIT, uri="app/config2.py"), False),
        (secret("gitleaks", commit=COMMIT, detector="generic-api-key"), False),
        (secret("trufflehog", commit=COMMIT), False),
        (secret("gitleaks", uri="app/keys.py", detector="generic-api-key", line=7), True),
        (
            secret(
                "gitleaks", uri="app/keys.py", detector="generic-api-key", line=7, commit=COMMIT
            ),
            True,
        ),
    ],
)
def test_fingerprint_is_of_one_leak(found: Finding, expected: bool) -> None:
    assert bool(loaded({".gitleaksignore": TEXT}).covering(row(found))) is expected


def test_history_and_work_tree_need_a_line_each_or_one_without_a_commit() -> None:
    group = row(secret("gitleaks"), secret("gitleaks", commit=COMMIT))
    here = "app/config.py:aws-access-token:3\n"
    then = f"{COMMIT}:{here}"
    other = then.replace(COMMIT, "0" * 40)
    assert sources(loaded({".gitleaksignore": here}), group) == [".gitleaksignore:1"]
    assert sources(loaded({".gitleaksignore": then}), group) == []
    assert sources(loaded({".gitleaksignore": other + then}), group) == []


def test_what_trufflehog_found_as_well_stays() -> None:
    group = row(secret("gitleaks"), secret("trufflehog", detector="AWS", verified=True))
    assert sources(loaded({".gitleaksignore": "app/config.py:aws-access-token:3\n"}), group) == []
