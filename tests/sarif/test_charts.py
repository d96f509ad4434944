"""No line is claimed that a chart's template does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parsers.reading import read


def _report(uri: str) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": 120, "endLine": 130}}
    result = {
        "ruleId": "CKV_K8S_16",
        "message": {"text": "Container should not be privileged"},
        "locations": [{"physicalLocation": place}],
    }
    driver = {"name": "checkov", "rules": [{"id": "CKV_K8S_16"}]}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": [result]}]}


def test_a_template_has_no_rendered_lines(tmp_path: Path) -> None:
    chart = tmp_path / "charts" / "web"
    (chart / "templates" / "parts").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: web\n")
    for inside in ("charts/web/templates/a.yaml", "charts/web/templates/parts/b.yaml"):
        found = read(_report(inside), root=tmp_path).findings[0]
        assert (found.location.uri, found.location.start_line) == (inside, None)
        assert found.sarif is not None and b"region" not in found.sarif.encoded


def test_other_files_keep_their_lines(tmp_path: Path) -> None:
    (tmp_path / "mail" / "templates").mkdir(parents=True)
    for uri in ("mail/templates/a.yaml", "a.yaml"):
        assert read(_report(uri), root=tmp_path).findings[0].location.start_line == 120
    assert read(_report("charts/web/templates/a.yaml")).findings[0].location.start_line == 120
