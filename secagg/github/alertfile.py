"""Alerts and decisions in one JSON file, for a repository that has no other store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secagg.errors import StoreError
from secagg.github.alerts import Alert
from secagg.github.sync import AlertDecision
from secagg.system.files import PRIVATE, replacing


class _Alert(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int
    state: str
    tool: str
    rule: str
    path: str
    line: int
    category: str
    updated_at: str
    dismissed_reason: str | None = None
    dismissed_comment: str | None = None
    dismissed_at: str | None = None
    url: str | None = None


class _Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int
    state: Literal["dismissed", "open"]
    at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
    reason: Literal["false positive", "won't fix", "used in tests"] | None = None
    comment: str = ""


class _AlertFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    repository: str
    cursor: str | None = None
    alerts: list[_Alert] = Field(default_factory=list)
    decisions: list[_Decision] = Field(default_factory=list)
    written: list[_Decision] = Field(default_factory=list)


class AlertFile:
    """An :class:`secagg.github.sync.AlertStore` in a file; people write its ``decisions``.

    Raises :class:`StoreError` for a file that cannot be used or is another repository's.
    """

    def __init__(self, path: Path, repository: str) -> None:
        self._path = path
        try:
            self._file = _AlertFile.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            self._file = _AlertFile(repository=repository)
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}") from error
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its form"
            raise StoreError(f"{path} cannot be used: {where}") from None
        if self._file.repository.lower() != repository.lower():
            raise StoreError(f"{path} is of {self._file.repository}, not of {repository}")

    def cursor(self) -> str | None:
        return self._file.cursor

    def alerts(self) -> Mapping[int, Alert]:
        return {alert.number: Alert(**alert.model_dump()) for alert in self._file.alerts}

    def decisions(self) -> Sequence[AlertDecision]:
        return [AlertDecision(**decision.model_dump()) for decision in self._file.decisions]

    def written(self) -> Mapping[int, AlertDecision]:
        return {d.number: AlertDecision(**d.model_dump()) for d in self._file.written}

    def save(
        self, alerts: Sequence[Alert], cursor: str | None, written: Sequence[AlertDecision]
    ) -> None:
        last = {decision.number: decision for decision in self._file.written}
        last.update({d.number: _Decision.model_validate(asdict(d)) for d in written})
        self._file.written = [last[number] for number in sorted(last)]
        kept = {alert.number: alert for alert in self._file.alerts}
        kept.update({alert.number: _Alert(**asdict(alert)) for alert in alerts})
        self._file.alerts = [kept[number] for number in sorted(kept)]
        self._file.cursor = cursor
        data = self._file.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path, mode=PRIVATE) as out:
                out.write(data)
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error.strerror}") from error
