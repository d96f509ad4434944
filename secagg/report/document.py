"""The models of ``report.schema.json``, and reading problems from a report in JSON."""

from __future__ import annotations

import datetime
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from secagg.errors import ReportError
from secagg.model.problem import UNREPORTED, Problem, RunRecord
from secagg.report.source import RecordedHistory
from secagg.report.standing import ShownState

_DERIVED: dict[str, Any] = {
    "state": (ShownState, Field(description="the state on the day of the report")),
    "overdue": (bool, Field(description="stands after the day by which it was to be fixed")),
    "age_days": (int | None, Field(description="whole days since it was first seen")),
    "owner": (str | None, Field(description="the owner by triage, else the file's first owner")),
}
_HINTS = get_type_hints(Problem)
_FIELDS: dict[str, Any] = {
    f.name: (_HINTS[f.name], Field()) for f in fields(Problem) if f.name not in UNREPORTED
}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeverityCount(_Model):
    count: int = Field(ge=0)
    more: int = Field(ge=0, description="new or reopened in the last run")
    fewer: int = Field(ge=0, description="fixed in the last run")


class ComponentSummary(_Model):
    component: str
    total: int
    by_severity: dict[str, int]
    repository: str | None = None
    branch: str | None = None


class UpgradeSummary(_Model):
    package: str
    package_type: str | None
    version: str
    place: str = Field(description="the manifest or image")
    component: str
    closes: int
    problems: int = Field(description="all problems of this package in this place")
    worst: str
    ordered: bool = Field(
        description="false: versions could not be compared, only exact statements count"
    )
    identities: list[str]
    repository: str | None = None
    branch: str | None = None


class ReportSummary(_Model):
    total: int
    by_severity: dict[str, SeverityCount]
    by_state: dict[str, int]
    new: int
    fixed: int
    reopened: int
    overdue: int
    components: list[ComponentSummary]
    upgrades: list[UpgradeSummary]
    last_run: RunRecord | None
    incomplete: list[RunRecord] = Field(
        default=[], description="the newest runs of other branches that did not see everything"
    )


ProblemRecord = create_model("ProblemRecord", __base__=_Model, **(_FIELDS | _DERIVED))


class ReportDocument(_Model):
    """``secagg report --format json``. Within schema version 1 keys are only ever added."""

    schema_version: Literal[1]
    generated_at: datetime.datetime
    summary: ReportSummary
    problems: list[ProblemRecord]  # type: ignore[valid-type]


class _ReportFile(BaseModel):
    """The parts of a report that are read again; of the runs it has only the last."""

    class Summary(BaseModel):
        last_run: RunRecord | None = None

    schema_version: Literal[1]
    summary: Summary
    problems: list[dict[str, Any]]


def load_report(path: Path) -> RecordedHistory:
    """Return the problems of a report in JSON.

    Raises :class:`ReportError` where the file is no such report.
    """
    try:
        document = _ReportFile.model_validate_json(path.read_bytes())
        values = [
            {key: value for key, value in record.items() if key not in _DERIVED}
            for record in document.problems
        ]
        problems = TypeAdapter(list[Problem]).validate_python(values)
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no secagg report in JSON"
        raise ReportError(
            str(reason), report=path.name, hint="write one with: secagg report --format json"
        ) from None
    last_run = document.summary.last_run
    return RecordedHistory(problems, [] if last_run is None else [last_run])
