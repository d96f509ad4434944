"""What secagg wrote keeps its tools, categories and gaps when it is read and written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from secagg.cli.app import app


def run(driver: str, category: str, *, results: int = 0, note: str | None = None) -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": {"uri": "web/a.py"}}}
    notification = {"level": "warning", "message": {"text": note}}
    return {
        "tool": {"driver": {"name": driver, "version": "1.0"}},
        "automationDetails": {"id": category},
        "invocations": [
            {
                "executionSuccessful": True,
                **({"toolExecutionNotifications": [notification]} if note else {}),
            }
        ],
        "properties": {"secagg": {"version": 1, "lookedFor": ["secret"]}},
        "results": [
            {
                "ruleId": f"rule-{number}",
                "message": {"text": f"finding {number}"},
                "locations": [place],
            }
            for number in range(results)
        ],
    }


def again(root: Path, file: Path) -> list[dict[str, Any]]:
    """The runs of a file that ``secagg parse`` writes of another."""
    arguments = ["parse", str(file), "--root", str(root), "--no-store", "--policy", "seed"]
    done = CliRunner().invoke(app, [*arguments, "--output", str(root / "out")])
    assert done.exit_code in (0, 1, 3), done.output
    runs: list[dict[str, Any]] = json.loads((root / "out/findings.sarif").read_bytes())["runs"]
    return runs


def notes(run: dict[str, Any]) -> list[str]:
    return [
        notification["message"]["text"]
        for invocation in run["invocations"]
        for notification in invocation.get("toolExecutionNotifications", ())
    ]


def test_tools_and_categories_stay_and_each_gap_is_its_tools(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/package.json").write_text("{}")
    (tmp_path / "web/a.py").write_text("")
    runs = [
        run("Trivy", "secagg/trivy/web/", results=2),
        run("Gitleaks", "secagg/gitleaks/", note="a file was too large"),
        run("Semgrep", "semgrep/", results=1),
    ]
    file = tmp_path / "mixed.sarif"
    file.write_text(json.dumps({"version": "2.1.0", "runs": runs}))
    for _ in range(2):
        by_place = {
            (r["tool"]["driver"]["name"], r["automationDetails"]["id"]): r
            for r in again(tmp_path, file)
        }
        own = {place for place in by_place if place[0] != "Semgrep"}
        assert own >= {
            ("Trivy", "secagg/trivy/web/"),
            ("Gitleaks", "secagg/gitleaks/"),
            ("Gitleaks", "secagg/gitleaks/web/"),
        }
        # What looked at the component alone does not say that it looked at the rest.
        assert ("Trivy", "secagg/trivy/") not in own
        assert len(by_place["Trivy", "secagg/trivy/web/"]["results"]) == 2
        assert notes(by_place["Trivy", "secagg/trivy/web/"]) == []
        assert any("too large" in note for note in notes(by_place["Gitleaks", "secagg/gitleaks/"]))
        assert sum(len(r["results"]) for r in by_place.values()) == 3
        file = tmp_path / "again.sarif"
        file.write_bytes((tmp_path / "out/findings.sarif").read_bytes())
