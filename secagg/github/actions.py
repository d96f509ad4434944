"""What a step tells GitHub Actions: job summary, outputs and annotations.

Source: GitHub Docs, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from secagg.github.findings import ShownResult
from secagg.github.limits import LARGEST_STEP_SUMMARY
from secagg.model.finding import Severity
from secagg.output.annotations import Annotation, annotation_lines
from secagg.secrets.lastfilter import filtered_bytes

_CUT = "\n\nThe rest does not fit here.\n"


def write_step_summary(text: str, environ: Mapping[str, str]) -> None:
    """Append Markdown to the job summary, cut to what GitHub takes. Nothing outside of Actions."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    data = text.encode("utf-8", "replace")
    room = LARGEST_STEP_SUMMARY - _size(path) - len(_CUT)
    if len(data) > room:
        kept = data[: max(0, room)].decode("utf-8", "ignore")
        data = (kept[: kept.rfind("\n") + 1] + _CUT).encode()
    _append(path, data)


def write_outputs(values: Mapping[str, str | int], environ: Mapping[str, str]) -> None:
    """Set outputs of the step. No value can end its own and begin another."""
    path = environ.get("GITHUB_OUTPUT")
    if not path:
        return
    end = f"end-{secrets.token_hex(16)}"
    text = "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())
    _append(path, text.encode("utf-8", "replace"))


def result_annotations(results: Sequence[ShownResult]) -> list[str]:
    """Workflow commands for results that GitHub could not be given otherwise, worst first."""
    return annotation_lines(
        [
            Annotation(
                kind=_KIND[result.severity],
                title=f"{result.severity}: {result.rule}",
                message=result.text,
                path=result.path,
                line=result.line,
            )
            for result in results
        ]
    )


_KIND = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.NONE: "notice",
}


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _append(path: str, data: bytes) -> None:
    with Path(path).open("ab") as out:
        out.write(filtered_bytes(data))
