"""The files of a run: SARIF, summary and decision, each whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from secagg.errors import UsageError
from secagg.jsonio.output import indented
from secagg.output.decision import DecisionDocument
from secagg.pipeline.decide import decision_document
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.sarifruns import View, sarif_runs
from secagg.pipeline.summarize import summarize
from secagg.sarif import write as write_sarif
from secagg.system.files import replacing

DIRECTORY = "secagg-out"
SARIF_NAME = "findings.sarif"
SUMMARY_NAME = "summary.json"
DECISION_NAME = "decision.json"


def write_outputs(
    outcome: Outcome,
    directory: Path,
    view: View = View.PER_TOOL,
    *,
    decision: DecisionDocument | None = None,
) -> list[Path]:
    """Write the three files into ``directory`` (made if missing) and return their paths.

    ``decision`` is the outcome's, where it is made already. Raises :class:`UsageError` where the
    directory cannot be written.
    """
    with writing(directory):
        with replacing(directory / SARIF_NAME) as out:
            write_sarif(out, sarif_runs(outcome, view, outcome.comparison))
        with replacing(directory / DECISION_NAME) as out:
            out.writelines((decision or decision_document(outcome)).json_pieces())
        write_summary(outcome, directory)
    return [directory / name for name in (SARIF_NAME, SUMMARY_NAME, DECISION_NAME)]


def write_summary(outcome: Outcome, directory: Path) -> None:
    """Write ``summary.json`` alone, once more is known of ``outcome``."""
    with writing(directory), replacing(directory / SUMMARY_NAME) as out:
        out.write(indented(summarize(outcome)))


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """While inside, ``directory`` (made if missing) is written; :class:`UsageError` if not."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write to {directory}: {error.strerror}",
            hint="name a directory that can be written with --output",
        ) from error
