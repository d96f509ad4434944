"""SARIF runs for the tests of the upload."""

from __future__ import annotations

from typing import Any

from secagg.github.preflight import RunToUpload


def result(number: int = 1, **members: Any) -> dict[str, Any]:
    """A result of rule R in src/a.py at line ``number``."""
    made: dict[str, Any] = {
        "ruleId": "R",
        "level": "warning",
        "message": {"text": f"problem {number}"},
        "locations": [place(line=number)],
        "partialFingerprints": {"primaryLocationLineHash": f"{number:016x}:1"},
    }
    return {**made, **members}


def place(uri: str = "src/a.py", line: int = 1) -> dict[str, Any]:
    """A location."""
    artifact = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {"physicalLocation": artifact}


def rule(name: str = "R", **properties: Any) -> dict[str, Any]:
    """A rule."""
    return {"id": name, "shortDescription": {"text": name}, "properties": properties}


def run(
    results: list[dict[str, Any]] | None,
    rules: list[dict[str, Any]] | None = None,
    *,
    tool: str = "Tool",
    category: str | None = "tests/tool/",
    **members: Any,
) -> dict[str, Any]:
    """A run of ``results``."""
    driver: dict[str, Any] = {"name": tool, "rules": [rule()] if rules is None else rules}
    made: dict[str, Any] = {"tool": {"driver": driver}, **members}
    if results is not None:
        made["results"] = results
    if category is not None:
        made["automationDetails"] = {"id": category}
    return made


def given(*runs: dict[str, Any], source: str = "a.sarif") -> list[RunToUpload]:
    """Runs of one file."""
    return [RunToUpload(run=one, source=source) for one in runs]
