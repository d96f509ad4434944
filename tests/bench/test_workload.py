"""What made workloads hold, and that they are the same for one seed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bench.merging import measure
from bench.packages import IMAGES
from bench.secretwords import LINES, MESSAGES, PROSE, RATES
from bench.stages import Pass
from bench.workload import Workload, make_sarif, make_workload
from secagg.model.finding import Kind

_WORD = re.compile("token|passw|secret|credential", re.IGNORECASE)
_LISTS = (
    "Vulnerabilities",
    "Misconfigurations",
    "Secrets",
    "Licenses",
    "vulnerabilities",
    "results",
)


def _entries(workload: Workload, family: str) -> list[tuple[str, Any]]:
    """Entries of the family's reports, each with the name of the list that it is in."""

    def walk(value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, each in value.items():
                if key in _LISTS:
                    yield from ((key, entry) for entry in each)
                else:
                    yield from walk(each)
        elif isinstance(value, list):
            for each in value:
                yield from walk(each)

    found: list[tuple[str, Any]] = []
    for name, data in workload.reports.items():
        of = "sarif" if name.endswith(".sarif") else name.partition(".")[0].partition("-")[0]
        if of == family:
            found += walk(json.loads(data))
    return found


def _worded(workload: Workload, family: str) -> list[tuple[str, Any]]:
    return [one for one in _entries(workload, family) if _WORD.search(json.dumps(one[1]))]


@pytest.fixture(scope="module")
def workload() -> Workload:
    return make_workload(5_000, 1)


@pytest.fixture(scope="module")
def plain() -> Workload:
    return make_workload(5_000, 1, plain=True)


@pytest.mark.parametrize("findings", [50, 500])
def test_a_seed_gives_the_same_workload_and_another_seed_another(findings: int) -> None:
    one, again, other = (make_workload(findings, seed) for seed in (1, 1, 2))
    assert one.reports == again.reports
    assert one.reports != other.reports
    assert one.findings == again.findings == other.findings == findings


@pytest.mark.parametrize("family", RATES)
def test_secret_words_stand_in_as_many_entries_as_in_real_reports(
    workload: Workload, family: str
) -> None:
    share = len(_worded(workload, family)) / len(_entries(workload, family))
    assert share == pytest.approx(RATES[family], abs=0.005)


def test_a_plain_workload_is_the_same_without_secret_words(
    workload: Workload, plain: Workload
) -> None:
    assert [p.sightings for p in plain.problems] == [p.sightings for p in workload.problems]
    assert _worded(plain, "snyk") == _worded(plain, "sarif") == []
    assert {key for key, _ in _worded(plain, "trivy")} == {"Secrets"}
    without = {name: len(data) for name, data in plain.reports.items()}
    for name, data in workload.reports.items():
        assert len(data) == pytest.approx(without[name], rel=0.05)


def test_secret_words_are_masked_nowhere(workload: Workload) -> None:
    way = Pass(workload.reports)
    for text in (*PROSE, *MESSAGES, *LINES):
        assert _WORD.search(text)
        assert way.redactor.mask(text) == text


def test_reports_are_read_completely(workload: Workload) -> None:
    way = Pass(workload.reports)
    way.read()
    reports = [parsed for result in way.results for parsed in result.parsed]
    assert [problem for parsed in reports for problem in parsed.problems] == []
    assert [gap for parsed in reports for gap in parsed.gaps if gap.fatal] == []
    counted = sum(len(one.findings) + one.merged + one.suppressed for one in reports)
    assert sum(one.reported for one in reports) == counted == workload.findings == 5_000


def test_a_workload_holds_what_real_repositories_hold(workload: Workload) -> None:
    way = Pass(workload.reports)
    way.read()
    assert {finding.kind for finding in way.findings} == set(Kind)
    references = {image.reference for image in IMAGES}
    for tool in ("trivy", "snyk"):
        images = {f.location.image for f in way.findings if f.tool == tool}
        assert images == {None, *references}
    assert {s.kind for f in way.findings for s in f.suppressions} == {"external", "inSource"}
    assert any("codeFlows" in entry for _, entry in _entries(workload, "sarif"))
    (gap,) = [gap for one in way.results for parsed in one.parsed for gap in parsed.gaps]
    assert "larger than the extractor reads" in gap.message
    assert len(workload.components) == 50


def test_sarif_is_as_large_as_asked_for() -> None:
    data = make_sarif(200_000, 1)
    assert 200_000 <= len(data) < 250_000
    assert data == make_sarif(200_000, 1)
    assert len(json.loads(data)["runs"][0]["results"]) > 100


def test_merging_is_measured_on_groups_that_are_the_truth() -> None:
    measured = measure(make_workload(300, 1))
    assert measured["exact"] is True
    assert measured["reported"] == 300
    assert measured["problems"] == measured["groups"] > 50
