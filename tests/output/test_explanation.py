"""What ``secagg explain`` prints of one row."""

from __future__ import annotations

import pytest

from secagg.errors import UsageError
from secagg.merge import explain, merge
from secagg.model.finding import Finding
from secagg.model.identity import set_identities
from secagg.output.grid import Style
from secagg.output.rows import explanation_lines
from tests.merge.make import misconfiguration, secret, vulnerability


def told(about: Finding, *others: Finding) -> str:
    findings = [about, *others]
    set_identities(findings, None)
    merged = merge(findings)
    (group,) = [g for g in merged.groups if about in g.members]
    return explanation_lines(explain(merged, group.identity), Style(colour=False))


def test_a_row_is_known_by_its_own_id_once() -> None:
    text = told(secret())
    assert "also known as" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("  id ")]
    assert text.count(line.split()[1]) == 1


def test_an_id_from_when_fewer_tools_ran_is_told() -> None:
    (line,) = [
        line
        for line in told(vulnerability("trivy", "CVE-2021-1")).splitlines()
        if "also known as" in line
    ]
    assert len(line.split()) == 4


def test_what_was_kept_apart_is_named_as_in_the_table() -> None:
    text = told(
        vulnerability("trivy", "CVE-2021-1", version="1.0", title="Overflow"),
        vulnerability("trivy", "CVE-2021-1", version="2.0", title="Overflow"),
    )
    assert "CVE-2021-1 lodash 2.0 at web/package-lock.json: another version: 2.0" in text


def test_a_check_of_the_whole_file_lies_in_the_file_and_not_on_lines() -> None:
    whole = misconfiguration("trivy", "DS-0026")
    line = misconfiguration("trivy", "DS-0001", line=1)
    other = misconfiguration("trivy", "DS-0013", line=1)
    assert "DS-0001 DS-0001 failed at Dockerfile:1: in the same file" in told(whole, line)
    assert "DS-0013 DS-0013 failed at Dockerfile:1: on the same lines" in told(line, other)


@pytest.mark.parametrize("short", ["", "8", "87f0a"])
def test_an_id_that_is_too_short_says_so(short: str) -> None:
    with pytest.raises(UsageError, match="too short") as caught:
        explain(merge([secret()]), short)
    assert caught.value.hint is not None and "6 digits" in caught.value.hint
