"""What a gate prints: JUnit, Markdown, annotations and the table, whatever a scanner wrote."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.output.decision import DecidedChange, DecidedException
from secagg.output.grid import Style
from secagg.output.junit import junit_xml
from secagg.output.markdown import MOST_CHARACTERS, decision_annotations, decision_markdown
from secagg.output.summary import ToolSummary
from secagg.output.tables import findings_text, tools_lines
from secagg.output.verdict import notes_text, verdict_text
from tests.gate.make import TODAY, decided, decision

HOSTILE = "a\x1b[31m\x00 <script>alert(1)</script> ]]> | `x` @team\n::error::%0A\u202e"


def test_junit_counts_failures_and_gaps() -> None:
    text = junit_xml(
        decision(
            decided(1),
            decided(2, "warn"),
            decided(3, "ignore"),
            decided(4, kind="secret"),
            gaps=["snyk did not complete: no token"],
        )
    )
    root = ElementTree.fromstring(text)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "1")
    cases = list(root.iter("testcase"))
    assert len(cases) == 4
    assert [case.get("line") for case in cases if case.find("failure") is not None] == ["1", "4"]
    error = root.find(".//error")
    assert error is not None
    assert error.get("message") == "snyk did not complete: no token"


def test_junit_of_nothing_has_one_passed_test() -> None:
    root = ElementTree.fromstring(junit_xml(decision()))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "0")


@given(st.text(max_size=80))
def test_junit_is_well_formed_whatever_the_text(text: str) -> None:
    finding = decided(1, title=text, problem=text, where=text, path=text or None, why=text)
    ElementTree.fromstring(junit_xml(decision(finding, gaps=[text])))


def test_annotations_are_ten_of_a_kind_and_say_how_many_more() -> None:
    findings = [decided(n) for n in range(1, 15)] + [decided(n, "warn") for n in range(20, 30)]
    lines = decision_annotations(decision(*findings))
    kinds = Counter(line.split(" ")[0] for line in lines)
    assert kinds == {"::error": 10, "::warning": 10}
    assert sum("more" in line for line in lines) == 1
    assert "5 more" in next(line for line in lines if "more" in line)


def test_annotations_name_gaps_first() -> None:
    lines = decision_annotations(decision(decided(1), gaps=["trivy did not complete"]))
    assert lines[0] == "::error title=scan incomplete::trivy did not complete"
    assert lines[1].startswith("::error file=app/db.py,line=1,title=high%3A rule-1::")


@given(st.text(max_size=80))
def test_an_annotation_is_one_command_on_one_line(text: str) -> None:
    finding = decided(1, title=text, problem=text, path=text or None, where=text, why=text)
    lines = decision_annotations(decision(finding))
    assert len(lines) == 1
    assert not re.search(r"[\r\n\x00-\x1f\u2028\u202e]", lines[0])
    head = lines[0].removeprefix("::error ").split("::")[0]
    assert set(re.findall(r"(?:^|,)(\w+)=", head)) <= {"file", "line", "title"}


def test_markdown_puts_failures_first_and_counts_what_does_not_fit() -> None:
    findings = [decided(n, "warn", title="w" * 150) for n in range(1, 400)]
    findings += [decided(n, title="f" * 140) for n in range(400, 700)]
    text = decision_markdown(decision(*findings))
    assert len(text) <= MOST_CHARACTERS
    assert text.index("To fix: 300") < text.index("Warnings: 399")
    shown = text.count("| high | ")
    more = sum(int(n) for n in re.findall(r"and (\d+) more, which do not fit", text))
    assert shown + more == 699
    # Warnings get what room is left.
    assert text.count("f" * 140) == 300
    assert 0 < text.count("w" * 150) < 399


@pytest.mark.parametrize("longest", [2_000, 5_000, 20_000])
def test_markdown_keeps_its_limit(longest: int) -> None:
    findings = [decided(n, title=HOSTILE * 5, owners=["@org/team"]) for n in range(1, 200)]
    assert len(decision_markdown(decision(*findings), limit=longest)) <= longest


def test_markdown_is_literal_text() -> None:
    text = decision_markdown(decision(decided(1, title=HOSTILE, problem=HOSTILE, where=HOSTILE)))
    assert "<script>" not in text
    # No mention within code.
    assert "@team" not in re.sub("`[^`]*`", "", text)
    assert "\x1b" not in text
    row = next(line for line in text.splitlines() if "high" in line and "script" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_the_table_says_why_and_until_when() -> None:
    lapsed = DecidedException(
        source="secagg-exceptions.yaml:4", target="CVE-2020-1", standing="expired", expires=TODAY
    )
    document = decision(
        decided(1, days_left=-2, owners=["@org/db"], fix="use parameters", baseline="new"),
        decided(2, "warn", days_left=0, kev=True, lapsed=[lapsed]),
        decided(3, "ignore"),
        failures=["1 problem by rule high: High problems are to be fixed."],
        notes=["the EPSS list is 9 days old"],
        change=DecidedChange(
            baseline="main.sarif", states={"new": 1, "unchanged": 2}, controls_changed=["p.yaml"]
        ),
    )
    text = findings_text(document, Style()) + notes_text(document, Style())
    text += verdict_text(document, Style())
    assert "2 days overdue" in text
    assert "due today" in text
    assert "fix: use parameters" in text
    assert "@org/db" in text
    assert "exploited in the wild" in text
    assert "secagg-exceptions.yaml:4 expired on 2026-11-23" in text
    assert "rule-3" not in text
    assert "compared to main.sarif: 1 new, 2 unchanged" in text
    assert "touches the gate itself (p.yaml)" in text
    assert "note: the EPSS list is 9 days old" in text
    assert "rule-3" in findings_text(document, Style(), everything=True)
    assert verdict_text(document, Style()).splitlines()[-1].startswith("  - 1 problem by rule high")


def test_tools_that_were_skipped_for_one_reason_share_a_line() -> None:
    def tool(name: str, status: Literal["complete", "skipped"], reason: str | None) -> ToolSummary:
        return ToolSummary(
            tool=name,
            component=".",
            status=status,
            seconds=1,
            findings=0,
            reported=0,
            reason=reason,
        )

    off = "switched off in secagg.yaml"
    tools = [
        tool("snyk", "skipped", off),
        tool("trivy", "complete", None),
        tool("codeql", "skipped", "no code in a language that CodeQL knows"),
        tool("trufflehog", "skipped", off),
    ]
    assert tools_lines(tools, Style()).split("\n") == [
        "complete  trivy, 0 found, 1.0 s",
        f"skipped   snyk, trufflehog: {off}",
        "skipped   codeql: no code in a language that CodeQL knows",
    ]


def test_the_table_obeys_no_escape_sequence() -> None:
    document = decision(decided(1, title=HOSTILE, where=HOSTILE), gaps=[HOSTILE])
    style = Style(width=80)
    assert "\x1b" not in findings_text(document, style) + verdict_text(document, style)
