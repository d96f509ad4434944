"""The most severe results of an upload, for people who cannot see them as alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from secagg.github.places import line_of, path_of
from secagg.github.preflight import Part
from secagg.github.results import is_suppressed
from secagg.github.rules import severity_of
from secagg.model.finding import Severity
from secagg.sarif.rules import RuleTable


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult:
    """One result in words, as the tool gave them: escape them for where they are shown."""

    severity: Severity
    score: float
    tool: str
    rule: str
    text: str
    path: str
    line: int


def worst(parts: Sequence[Part]) -> list[ShownResult]:
    """All results that are not suppressed, most severe first."""
    shown = []
    for part in parts:
        table = RuleTable(part.run)
        for result in part.run["results"]:
            if is_suppressed(result):
                continue
            score = severity_of(result, table.find(result))
            shown.append(
                ShownResult(
                    severity=Severity.of_score(score),
                    score=score,
                    tool=part.tool,
                    rule=str(result["ruleId"]),
                    text=str(result["message"]["text"]),
                    path=unquote(path_of(result)),
                    line=line_of(result),
                )
            )
    return sorted(shown, key=lambda r: (-r.score, r.path, r.line, r.tool, r.rule))
