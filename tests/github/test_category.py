"""Categories: by name, never by the order or the presence of other reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from secagg.github.category import categorize, category_of
from secagg.github.limits import Tally
from secagg.github.preflight import RunToUpload, preflight
from tests.github.fakes import delivery
from tests.github.make import given, place, result, run
from tests.standins.github_server import GitHubServer

# Reports as they come: file, tool, the category of its own, the component that secagg names.
Report = tuple[str, str, str | None, str | None]


def categories(
    reports: Sequence[Report], asked: str | None = None
) -> dict[Report, tuple[str, str]]:
    """Tool and category of each report, all of them given at once."""
    runs = []
    for _, tool, own, component in reports:
        bag: dict[str, Any] = {}
        if component is not None:
            bag["properties"] = {"secagg": {"component": component}}
        runs.append(run([], tool=tool, category=own, **bag))
    categorize(runs, [report[0] for report in reports], asked, Tally())
    return {
        report: (report[1], category_of(made)) for report, made in zip(reports, runs, strict=True)
    }


_PARTS = st.sampled_from(["web", "api", "Web App", "web-app", "Café", "a.b", "report", "x"])
_REPORTS = st.lists(
    st.tuples(
        st.lists(_PARTS, min_size=1, max_size=3).map(lambda p: "/".join(p) + ".sarif"),
        st.sampled_from(["Trivy", "Snyk Open Source", "gitleaks"]),
        st.none(),
        st.sampled_from([None, ".", "services/api", "web"]),
    ),
    unique_by=lambda report: (report[0], report[1]),
    min_size=1,
    max_size=8,
)


@drawn(reports=_REPORTS, data=st.data())
def test_category_depends_on_the_report_alone(reports: list[Report], data: st.DataObject) -> None:
    """Any order and any subset of the files; no two share one; all end as GitHub reads them."""
    everything = categories(reports)
    assert len(set(everything.values())) == len(reports)
    assert all(name.startswith("secagg/") and name.endswith("/") for _, name in everything.values())
    subset = data.draw(st.lists(st.sampled_from(reports), unique=True, min_size=1))
    assert categories(subset) == {report: everything[report] for report in subset}


@drawn(reports=_REPORTS.filter(lambda found: len(found) > 2), data=st.data())
def test_category_that_was_asked_for_is_a_prefix_of_several(
    reports: list[Report], data: st.DataObject
) -> None:
    everything = categories(reports, "nightly")
    assert len(set(everything.values())) == len(reports)
    subset = data.draw(st.lists(st.sampled_from(reports), unique=True, min_size=2))
    assert categories(subset, "nightly") == {report: everything[report] for report in subset}


@pytest.mark.parametrize(
    ("report", "category"),
    [
        (("engine.sarif", "Trivy", None, None), "secagg/trivy/engine/"),
        (("out/web.sarif", "Trivy", None, None), "secagg/trivy/out/web/"),
        (("../out/web.sarif", "Trivy", None, None), "secagg/trivy/out/web/"),
        (("/tmp/k3Jd9/web.sarif", "Trivy", None, None), "secagg/trivy/web/"),
        (("scan.json", "Snyk Open Source", None, None), "secagg/snyk-open-source/scan/"),
        (("scan.json", "Trivy", None, "services/api"), "secagg/trivy/scan/@services/api/"),
        (("a.sarif", "CodeQL", "/language:go/2026-01-01", None), "/language:go/"),
    ],
)
def test_names(report: Report, category: str) -> None:
    assert categories([report])[report] == (report[1], category)


def test_category_that_was_asked_for() -> None:
    plan = preflight(given(run([]), run([], category="b/"), run([], tool="T2")), category="nightly")
    wanted = ["nightly/tests/tool/", "nightly/b/", "nightly/tests/tool/"]
    assert [p.category for p in plan.parts] == wanted
    alone = preflight(given(run([])), category="nightly")
    assert [p.category for p in alone.parts] == ["nightly/"]


def test_runs_of_one_file_are_told_apart_by_what_they_looked_at() -> None:
    def found(directory: str) -> dict[str, Any]:
        return run([result(locations=[place(f"{directory}/package.json")])], category=None)

    def of(*directories: str) -> dict[str, str]:
        runs = [found(directory) for directory in directories]
        categorize(runs, ["snyk.sarif"] * len(runs), None, Tally())
        return dict(zip(directories, map(category_of, runs), strict=True))

    everything = of("web", "api", "engine")
    assert everything["web"] == "secagg/tool/snyk/web/"
    assert of("engine", "web") == {name: everything[name] for name in ("engine", "web")}


def test_category_that_two_files_have_is_kept_apart_by_their_names() -> None:
    runs = [run([], category="same/") for _ in range(2)]
    categorize(runs, ["a.sarif", "b.sarif"], None, Tally())
    names = [category_of(made) for made in runs]
    other = [run([], category="same/") for _ in range(2)]
    categorize(other, ["b.sarif", "a.sarif"], None, Tally())
    assert len(set(names)) == 2 and [category_of(made) for made in other] == names[::-1]
    assert all(name.startswith("same/") for name in names)


def test_runs_of_one_file_with_one_category_are_numbered() -> None:
    plan = preflight(given(*(run([], category="same/") for _ in range(3))))
    assert [part.category for part in plan.parts] == ["same/", "same/2/", "same/3/"]


def test_vanished_category_is_emptied_only_if_it_is_gone() -> None:
    def sent(server: GitHubServer, *names: str, failed: bool = False) -> None:
        runs = [run([result(i, ruleId=n)], category=f"secagg/t/{n}/") for i, n in enumerate(names)]
        entries = [RunToUpload(run=one, source="the scan") for one in runs]
        entries[-1].incomplete = "it was killed" if failed else None
        delivery(server).deliver(preflight(entries), lambda name: name == "secagg/t/old/")

    with GitHubServer() as server:
        sent(server, "web", "old", "api")
        sent(server, "web", "api", failed=True)
        assert {alert.rule for alert in server.open_alerts()} == {"web", "old", "api"}
        sent(server, "web")
        assert {alert.rule for alert in server.open_alerts()} == {"web", "api"}
        assert json.dumps([a["category"] for a in server.analyses]).count("old") == 2


def test_source_is_named_alike_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reports: list[Report] = [
        (name, "Trivy", None, None) for name in ("out/a.sarif", f"{tmp_path}/out/a.sarif")
    ]
    assert len({categories([report])[report] for report in reports}) == 1
