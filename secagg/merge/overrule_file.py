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
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from secagg.errors import ConfigError
from secagg.merge.overrule import Join, Overrule, Split

Identity = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Text
    by: str | None = None
    date: datetime.date | None = None


class SplitEntry(_Entry):
    """``split: ID``: what goes by that identity is not one problem."""

    split: Identity
    apart: list[str] = Field(default_factory=list)


class JoinEntry(_Entry):
    """``join: [ID, ID]``: these are one problem, which goes by the first."""

    join: Annotated[list[Identity], Field(min_length=2)]


class OverruleFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    overrules: list[SplitEntry | JoinEntry] = Field(default_factory=list)


def read_overrules(text: str, *, name: str) -> list[Overrule]:
    """The overrules in ``text``, the contents of the file ``name``; an empty file has none.

    Raises :class:`secagg.errors.ConfigError` that says where ``text`` is wrong.
    """
    yaml = YAML(typ="rt")
    try:
        data = yaml.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
        raise ConfigError(f"not valid YAML: {error.problem}", where=where) from None
    except YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", where=name) from None
    if data is None:
        return []
    if not isinstance(data, dict):
        raise ConfigError("an overrule file is a mapping with the key overrules", where=name)
    _choose_shape(data, name)
    try:
        read = OverruleFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(part for part in first["loc"] if part not in ("SplitEntry", "JoinEntry"))
        raise ConfigError(
            f"{'.'.join(map(str, place))}: {first['msg']}",
            where=_where(data, place, name),
            hint="each overrule has split: ID or join: [ID, ID], and a reason",
        ) from None
    return [_overrule(entry) for entry in read.overrules]


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


def _choose_shape(data: dict[str, Any], name: str) -> None:
    """Say plainly what a union's error message would not: an entry is one of two shapes."""
    entries = data.get("overrules")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict) or ("split" in entry) == ("join" in entry):
            raise ConfigError(
                f"overrules.{index}: give either split or join",
                where=_where(data, ("overrules", index), name),
                hint="split: ID, or join: [ID, ID]",
            )


def _where(data: Any, place: tuple[int | str, ...], name: str) -> str:
    line = 0
    for part in place:
        try:
            position = data.lc.data[part]
            line = position[0]
            data = data[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return f"{name}:{line + 1}"


def _overrule(entry: SplitEntry | JoinEntry) -> Overrule:
    if isinstance(entry, SplitEntry):
        return Split(
            identity=entry.split, reason=entry.reason, apart=tuple(entry.apart), by=entry.by
        )
    return Join(identities=tuple(entry.join), reason=entry.reason, by=entry.by)
