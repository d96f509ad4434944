"""Read ``.trivyignore`` and ``.trivyignore.yaml``, the exceptions of Trivy.

As Trivy 0.76 reads it: blank lines and lines that begin with ``#`` are ignored, the first word is
the id, and a line with a bad date is left out.
"""

from __future__ import annotations

import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, model_validator
from ruamel.yaml.comments import CommentedMap

from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.toolscope import ToolScope, checked_id
from secagg.model.finding import Kind
from secagg.packages.purl import PurlPattern, exact_purl
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.system.dates import Ceiling, last_day
from secagg.system.globs import Glob
from secagg.system.yamlfile import load_model

NAME = ".trivyignore"
_EXPIRY_PREFIX = "exp:"


def read_trivyignore(text: str, ceiling: Ceiling, *, name: str = NAME) -> list[ScopedException]:
    """Return the exceptions in ``text``; comment lines right above an id are its reason."""
    entries: list[ScopedException] = []
    comment: list[str] = []
    after_id = False
    for number, line in enumerate(text.split("\n"), start=1):
        text_line = line.strip()
        if not text_line:
            comment, after_id = [], False
        elif text_line.startswith("#"):
            comment = [] if after_id else comment
            comment.append(text_line.lstrip("# "))
            after_id = False
        else:
            after_id = True
            entries.append(_entry(text_line, comment, ceiling, f"{name}:{number}"))
    return entries


def _entry(text_line: str, comments: list[str], ceiling: Ceiling, source: str) -> ScopedException:
    words, _, comment = text_line.partition(" #")
    fields = words.split()
    expires: datetime.date | None = None
    refusal = None
    try:
        checked_id(fields[0])
    except ValueError as error:
        refusal = f"cannot be understood: {error}"
    dates = [
        word.removeprefix(_EXPIRY_PREFIX) for word in fields[1:] if word.startswith(_EXPIRY_PREFIX)
    ]
    if dates:
        try:
            expires = last_day(dates[0])
        except ValueError:
            refusal = "has an expiry date that is none (exp:YYYY-MM-DD is expected)"
    exception = PolicyException(
        origin=DecisionSource.SCANNERS,
        source=source,
        target=f"{shortened(fields[0])} of trivy",
        reason=shortened(comment) or shortened(" ".join(comments)),
        expires=expires,
        refusal=refusal or ceiling.foreign_refusal(None, expires),
    )
    return ScopedException(exception, ToolScope(tool="trivy", name=fields[0]))


YAML_NAME = ".trivyignore.yaml"

_KIND_OF_SECTION = {
    "vulnerabilities": Kind.VULNERABILITY,
    "misconfigurations": Kind.MISCONFIGURATION,
    "secrets": Kind.SECRET,
    "licenses": Kind.LICENSE,
}


class _Ignored(BaseModel):
    # An unknown key may narrow the entry: such an entry is refused, so that it covers no more.
    model_config = ConfigDict(extra="allow")

    id: str
    paths: list[str] | None = None
    purls: list[str] | None = None
    expired_at: Any = None
    statement: str | None = None
    _line: int = PrivateAttr(default=1)

    @model_validator(mode="wrap")
    @classmethod
    def _with_line(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        entry = handler(value)
        if isinstance(value, CommentedMap):
            entry._line = value.lc.line + 1
        return entry


class _TrivyIgnoreFile(BaseModel):
    model_config = ConfigDict(extra="ignore")

    vulnerabilities: list[_Ignored] | None = None
    misconfigurations: list[_Ignored] | None = None
    secrets: list[_Ignored] | None = None
    licenses: list[_Ignored] | None = None


def read_trivyignore_yaml(
    text: str, ceiling: Ceiling, *, name: str = YAML_NAME
) -> list[ScopedException]:
    """Return the exceptions in ``text``, by their lines.

    Raises :class:`secagg.errors.ConfigError` with file, line and column.
    """
    file = load_model(text, _TrivyIgnoreFile, name=name)
    exceptions: list[tuple[int, ScopedException]] = []
    for section, kind in _KIND_OF_SECTION.items():
        for ignored in getattr(file, section) or ():
            exceptions.append((ignored._line, _yaml_entry(ignored, kind, ceiling, name)))
    return [entry for _, entry in sorted(exceptions, key=lambda pair: pair[0])]


def _yaml_entry(ignored: _Ignored, kind: Kind, ceiling: Ceiling, name: str) -> ScopedException:
    refusal: str | None = None
    expires: datetime.date | None = None
    paths: tuple[Glob, ...] = ()
    purls: tuple[PurlPattern, ...] = ()
    try:
        checked_id(ignored.id)
        if ignored.model_extra:
            raise ValueError("has keys that are not known: " + ", ".join(ignored.model_extra))
        if ignored.expired_at is not None:
            expires = last_day(ignored.expired_at)
        paths = tuple(Glob(path, cased=True) for path in ignored.paths or ())
        purls = tuple(exact_purl(purl) for purl in ignored.purls or ())
    except ValueError as error:
        refusal = shortened(f"cannot be understood: {error}")
    exception = PolicyException(
        origin=DecisionSource.SCANNERS,
        source=f"{name}:{ignored._line}",
        target=shortened(_target(ignored, kind)) or "",
        reason=shortened(ignored.statement),
        expires=expires,
        refusal=refusal or ceiling.foreign_refusal(None, expires),
    )
    scope = ToolScope(
        tool="trivy", kinds=frozenset({kind}), name=ignored.id, paths=paths, purls=purls
    )
    return ScopedException(exception, scope)


def _target(ignored: _Ignored, kind: Kind) -> str:
    text = f"{kind} {ignored.id} of trivy"
    text += f" in {' or '.join(ignored.purls)}" if ignored.purls else ""
    return text + (f" at {' or '.join(ignored.paths)}" if ignored.paths else "")
