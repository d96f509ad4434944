"""What several steps ask of the event and of what was decided."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from secagg.action.inputs import Inputs
from secagg.github.event import read_event
from secagg.output import console
from secagg.output.annotations import Annotation, annotation_lines
from secagg.output.decision import DecisionDocument


def uploads(inputs: Inputs, environ: Mapping[str, str]) -> bool:
    """Whether this run uploads: ``auto`` leaves out forks, whose token may not."""
    if inputs.mode == "gate-only" or inputs.upload == "never":
        return False
    return inputs.upload == "always" or not from_fork(environ)


def from_fork(environ: Mapping[str, str]) -> bool:
    """Whether the run is for a fork's pull request."""
    event = read_event(environ)
    return event is not None and event.from_fork


def without_secrets(environ: Mapping[str, str]) -> bool:
    """Whether the run is for a fork or of Dependabot, and has no token of Snyk's therefore."""
    event = read_event(environ)
    return event is not None and event.read_only and environ.get("HAS_SNYK_TOKEN") != "true"


def read_decision(inputs: Inputs) -> DecisionDocument | None:
    """What the gate decided; None where it came to no decision."""
    from secagg.pipeline.write import DECISION_NAME

    try:
        data = (inputs.out / DECISION_NAME).read_bytes()
        return msgspec.json.decode(data, type=DecisionDocument)
    except (OSError, msgspec.DecodeError):
        return None


def notice(kind: str, message: str) -> None:
    """Print an annotation that stands for the whole run."""
    console.commands(annotation_lines([Annotation(kind=kind, title="secagg", message=message)]))
