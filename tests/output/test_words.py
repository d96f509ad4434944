"""One problem in one wording: on the gate's screen as in the report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secagg.model.finding import Finding, Location
from secagg.output.rows import row
from secagg.pipeline.record import problem_of
from secagg.report import words
from tests.decisions.make import row as group_of
from tests.merge.make import code, misconfiguration, secret, vulnerability

COMMIT = "8882f65768542c501a898f555e0baa8b4fe651c6"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            [vulnerability("trivy", "CVE-2021-1", known={"fixed_versions": ("2", "3")})],
            "CVE-2021-1 lodash 4.17.4|web/package-lock.json|fixed in 2 or 3",
        ),
        ([vulnerability("trivy", "CVE-2021-1", version=None)], "CVE-2021-1 lodash|"),
        ([secret(line=3, verified=True)], "aws-access-token|app/config.py:3|None|verified"),
        ([secret(commit=COMMIT)], "|app/config.py:3 @ 8882f65768|None|only in history"),
        ([secret("trivy"), secret(commit=COMMIT)], "aws-access-token|"),
        ([code(line=None)], "py/sql-injection|app/db.py|"),
        ([misconfiguration("trivy", "DS-0002")], "DS-0002|Dockerfile"),
        (
            [vulnerability("trivy", "CVE-2021-1", location=Location(image="acme/shop:1"))],
            "|acme/shop:1|",
        ),
        ([vulnerability("trivy", "CVE-2021-1", location=Location())], "|(no location)|"),
    ],
)
def test_a_row_of_the_scan_and_one_of_the_history_say_the_same(
    members: list[Finding], expected: str
) -> None:
    group = group_of(*members)
    shown, problem = row(group), problem_of(group)
    said = [shown.what, shown.where, str(shown.fix), shown.detail]
    kept = [words.title(problem), words.place(problem), str(words.remedy(problem))]
    assert [*kept, words.detail(problem)] == said
    for part, whole in zip(expected.split("|"), said, strict=False):
        assert part in whole


def test_a_title_that_is_the_rule_s_id_gives_way_to_the_message() -> None:
    problem = replace(
        problem_of(group_of(code())), title="r", rule_id="r", message="said", kev=True
    )
    assert words.detail(problem) == "said (known to be exploited)"
    assert words.detail(replace(problem, message="")) == "r (known to be exploited)"
