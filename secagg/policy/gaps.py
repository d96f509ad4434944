"""What a scan cannot vouch for: a tool that failed, or no tool at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What a policy needs to know of a tool run: ``status`` as in ``summary.json``.

    ``tool`` may carry a mode (``trivy (fs)``). A run that said nothing of input that it should
    have had has failed (:mod:`secagg.scanners.coverage`).
    """

    tool: str
    component: str
    status: str
    optional: bool = False
    reason: str | None = None
    hint: str | None = None


def gaps(runs: Sequence[ToolOutcome], optional_tools: Collection[str]) -> list[str]:
    """A sentence for each run that failed and is not optional; one if nothing completed."""
    failed = [run for run in runs if run.status == "failed"]
    sentences = [_sentence(run) for run in failed if not _optional(run, optional_tools)]
    if not any(run.status == "complete" for run in runs) and not sentences:
        sentences.append("no tool completed: nothing vouches for this repository")
    return sentences


def gap_notes(runs: Sequence[ToolOutcome], optional_tools: Collection[str]) -> list[str]:
    """A sentence for each run that failed and is allowed to."""
    return [
        f"{_sentence(run)}; it is optional, so the rest is judged without it"
        for run in runs
        if run.status == "failed" and _optional(run, optional_tools)
    ]


def _optional(run: ToolOutcome, optional_tools: Collection[str]) -> bool:
    return run.optional or run.tool.partition(" (")[0] in optional_tools


def _sentence(run: ToolOutcome) -> str:
    place = "" if run.component == "." else f" in {run.component}"
    hint = f" ({run.hint})" if run.hint else ""
    return f"{run.tool}{place} did not complete: {run.reason or 'no reason given'}{hint}"
