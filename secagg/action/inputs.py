"""The inputs of ``action.yml``, checked.

What several steps ask of the event and of what was decided.
"""

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
    """Return whether this run uploads: ``auto`` leaves out forks, whose token may not."""
    if inputs.mode == "gate-only" or inputs.upload == "never":
        return False
    return inputs.upload == "always" or not from_fork(environ)


def from_fork(environ: Mapping[str, str]) -> bool:
    """Return whether the run is for a fork's pull request."""
    event = read_event(environ)
    return event is not None and event.from_fork


def without_secrets(environ: Mapping[str, str]) -> bool:
    """Whether the run is for a fork or of Dependabot, and has no token of Snyk's therefore."""
    event = read_event(environ)
    return event is not None and event.read_only and environ.get("HAS_SNYK_TOKEN") != "true"


def read_decision(inputs: Inputs) -> DecisionDocument | None:
    """Return what the gate decided; None where it came to no decision."""
    from secagg.pipeline.write import DECISION_NAME

    try:
        data = (inputs.out / DECISION_NAME).read_bytes()
        return msgspec.json.decode(data, type=DecisionDocument)
    except (OSError, msgspec.DecodeError):
        return None


def notice(kind: str, message: str) -> None:
    """Print an annotation that stands for the whole run."""
    console.commands(annotation_lines([Annotation(kind=kind, title="secagg", message=message)]))


MODES = ("scan", "gate-only", "upload-only", "secrets", "publish")


_SECRETS = ("gitleaks", "trufflehog")


_CHOICES = {
    "mode": MODES,
    "upload": ("auto", "always", "never"),
    "tools_install": ("pinned", "path"),
    "comment": ("true", "false"),
    "summary": ("true", "false"),
    "annotations": ("true", "false"),
    "cache": ("true", "false"),
}


_FAIL_ON = ("gate", "incomplete", "upload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs by their names in ``action.yml``; lists have commas or blanks between.

    ``directory`` is where the step's files are, ``reports`` where other jobs' artifacts are, and
    ``expect`` the names of those that must be there.
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

    @property
    def out(self) -> Path:
        """The directory of the files that become the artifact."""
        return Path(self.directory) / "out"

    @property
    def judges_reports(self) -> bool:
        """Whether other jobs have scanned."""
        return self.mode in ("gate-only", "upload-only", "publish")

    def tool_names(self) -> list[str]:
        """Return the scanners that are named; nothing where the configuration decides."""
        named = words(self.tools)
        return named or (list(_SECRETS) if self.mode == "secrets" else [])

    def fails_on(self) -> frozenset[str]:
        """Return what turns the step red."""
        return frozenset(words(self.fail_on))


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """The inputs from ``INPUT_NAME`` variables. Raises :class:`UsageError` for a wrong value."""
    given = {
        field.name: environ[name]
        for field in fields(Inputs)
        if (name := f"INPUT_{field.name.upper()}") in environ
    }
    inputs = Inputs(**given)
    for name, allowed in _CHOICES.items():
        if (value := getattr(inputs, name)) not in allowed:
            raise UsageError(
                f"input {name.replace('_', '-')}: {value!r} is none of {', '.join(allowed)}"
            )
    if unknown := sorted(inputs.fails_on() - set(_FAIL_ON)):
        raise UsageError(f"input fail-on: {unknown[0]!r} is none of {', '.join(_FAIL_ON)}")
    if unknown := sorted(set(inputs.tool_names()) - set(SCANNERS)):
        raise UsageError(f"input tools: {unknown[0]!r} is none of {', '.join(SCANNERS)}")
    if inputs.judges_reports and not inputs.reports:
        raise UsageError(f"input reports: mode {inputs.mode} needs the directory of the reports")
    return inputs


def words(text: str) -> list[str]:
    """Return the words of a list with commas, blanks or line ends between."""
    return text.replace(",", " ").split()
