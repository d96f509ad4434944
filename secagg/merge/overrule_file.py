"""The file of overrules: YAML that people write, review and keep beside the configuration.

::

    version: 1
    overrules:
      - split: 5c2f0f4a4d5b7c7e8f90a1b2c3d4e5f6
        apart: [snyk]                # optional: only these tools' findings
        reason: Snyk means the server, Trivy the client
        by: ana
        date: 2026-11-20
      - join: [1a..., 2b...]         # the first identity is kept
        reason: one key, written with and without its prefix
"""

from __future__ import annotations

import datetime
import io
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from ruamel.yaml import YAML

from secagg.merge.overrule import Join, Overrule, Split
from secagg.system.yamlfile import load_model

Identity = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class OverruleEntry(BaseModel):
    """One decision: ``split: ID`` (not one problem) or ``join: [ID, ID]`` (one problem)."""

    model_config = ConfigDict(extra="forbid")

    split: Identity | None = None
    apart: list[str] = Field(default_factory=list)
    join: Annotated[list[Identity], Field(min_length=2)] | None = None
    reason: Text
    by: str | None = None
    date: datetime.date | None = None

    @model_validator(mode="after")
    def _one_decision(self) -> Self:
        if (self.split is None) == (self.join is None):
            raise ValueError("give either split: ID, or join: [ID, ID]")
        if self.apart and self.split is None:
            raise ValueError("apart goes with split only")
        return self

    def overrule(self) -> Overrule:
        """The decision as merging takes it."""
        if self.split is not None:
            return Split(
                identity=self.split, reason=self.reason, apart=tuple(self.apart), by=self.by
            )
        return Join(identities=tuple(self.join or ()), reason=self.reason, by=self.by)


class OverruleFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    overrules: list[OverruleEntry] = Field(default_factory=list)


def read_overrules(text: str, *, name: str) -> list[Overrule]:
    """The overrules in ``text``, the contents of the file ``name``; an empty file has none.

    Raises :class:`secagg.errors.ConfigError` that says where ``text`` is wrong.
    """
    read = load_model(text, OverruleFile, name=name)
    return [entry.overrule() for entry in read.overrules]


def write_overrules(text: str, overrule: Overrule, *, date: datetime.date) -> str:
    """``text`` of an overrule file (possibly empty) with ``overrule`` added; comments stay."""
    yaml = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(io.StringIO(text)) or {"version": 1, "overrules": []}
    entry: dict[str, Any] = {}
    if isinstance(overrule, Split):
        entry["split"] = overrule.identity
        if overrule.apart:
            entry["apart"] = list(overrule.apart)
    else:
        entry["join"] = list(overrule.identities)
    entry["reason"] = overrule.reason
    if overrule.by is not None:
        entry["by"] = overrule.by
    entry["date"] = date
    data.setdefault("overrules", []).append(entry)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
