"""The checked inputs of ``action.yml``, and what several steps need of the event and decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from secagg.errors import UsageError
from secagg.github.event import read_event
from secagg.output import console
from secagg.output.decision import DecisionDocument
from secagg.output.markdown import Annotation, annotation_lines
from secagg.scanners import SCANNERS


def uploads(inputs: Inputs, environ: Mapping[str, str]) -> bool:
    """Return whether this run uploads: ``auto`` excludes forks, whose token may not."""
    if inputs.mode == "gate-only" or inputs.upload == "never":
        return False
    return inputs.upload == "always" or not from_fork(environ)


def from_fork(environ: Mapping[str, str]) -> bool:
    """Return whether the run is for a fork's pull request."""
    event = read_event(environ)
    return event is not None and event.from_fork


def without_secrets(environ: Mapping[str, str]) -> bool:
    """Return whether the run is for a fork or by Dependabot, and so has no Snyk token."""
    event = read_event(environ)
    return event is not None and event.read_only and environ.get("HAS_SNYK_TOKEN") != "true"


def read_decision(inputs: Inputs) -> DecisionDocument | None:
    """Return the gate's decision; None where there is none."""
    from secagg.pipeline.write import DECISION_NAME

    try:
        data = (inputs.out / DECISION_NAME).read_bytes()
        return msgspec.json.decode(data, type=DecisionDocument)
    except (OSError, msgspec.DecodeError):
        return None


def notice(kind: str, message: str) -> None:
    """Print an annotation for the whole run."""
    console.commands(annotation_lines([Annotation(kind=kind, title="secagg", message=message)]))


MODES = ("scan", "gate-only", "upload-only", "secrets", "publish")
_SECRET_SCANNERS = ("gitleaks", "trufflehog")
_CHOICES = {
    "mode": MODES,
    "upload": ("auto", "always", "never"),
    "tools_install": ("pinned", "path"),
    "comment": ("true", "false"),
    "summary": ("true", "false"),
    "annotations": ("true", "false"),
    "cache": ("true", "false"),
    "attest": ("true", "false"),
}
_FAIL_ON = ("gate", "incomplete", "upload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs by their names in ``action.yml``; lists are separated by commas or blanks.

    ``directory`` holds the step's files, ``reports`` the artifacts of other jobs, and ``expect``
    the names of the artifacts that must exist.
    """

    directory: str = ""
    path: str = "."
    mode: str = "scan"
    tools: str = ""
    components: str = ""
    policy: str = ""
    baseline: str = ""
    diff: str = ""
    since: str = ""
    fail_on: str = "gate,incomplete,upload"
    upload: str = "auto"
    category: str = ""
    comment: str = "true"
    summary: str = "true"
    annotations: str = "true"
    tools_install: str = "pinned"
    cache: str = "true"
    db_repository: str = ""
    reports: str = ""
    expect: str = ""
    attest: str = "false"

    @property
    def out(self) -> Path:
        """Return the directory of the files that become the artifact."""
        return Path(self.directory) / "out"

    @property
    def reads_reports(self) -> bool:
        """Return whether other jobs have scanned."""
        return self.mode in ("gate-only", "upload-only", "publish")

    def tool_names(self) -> list[str]:
        """Return the scanners to run; an empty list leaves it to the configuration."""
        return words(self.tools) or (list(_SECRET_SCANNERS) if self.mode == "secrets" else [])

    def fails_on(self) -> frozenset[str]:
        """Return the outcomes that fail the step."""
        return frozenset(words(self.fail_on))


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Read the inputs from ``INPUT_NAME`` variables. Raises :class:`UsageError` if one is wrong."""
    values = {
        field.name: environ[name]
        for field in fields(Inputs)
        if (name := f"INPUT_{field.name.upper()}") in environ
    }
    inputs = Inputs(**values)
    for name, allowed in _CHOICES.items():
        if (value := getattr(inputs, name)) not in allowed:
            raise UsageError(
                f"input {name.replace('_', '-')}: {value!r} is none of {', '.join(allowed)}"
            )
    if unknown := sorted(inputs.fails_on() - set(_FAIL_ON)):
        raise UsageError(f"input fail-on: {unknown[0]!r} is none of {', '.join(_FAIL_ON)}")
    if unknown := sorted(set(inputs.tool_names()) - set(SCANNERS)):
        raise UsageError(f"input tools: {unknown[0]!r} is none of {', '.join(SCANNERS)}")
    if inputs.reads_reports and not inputs.reports:
        raise UsageError(f"input reports: mode {inputs.mode} needs the directory of the reports")
    return inputs


def words(text: str) -> list[str]:
    """Return the words of a list that commas, blanks or line ends separate."""
    return text.replace(",", " ").split()
