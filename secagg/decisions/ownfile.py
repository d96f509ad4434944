"""``secagg-exceptions.yaml``: decisions with an owner, a reason and an end.

::

    version: 1
    exceptions:
      - cve: CVE-2021-44228
        purl: pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1
        path: engine/
        reason: the JNDI lookup is removed from the class path at build time
        owner: ana@example.com
        created: 2026-11-23
        expires: 2026-12-23

All keys given must hold. ``id`` is the row's whole identity (32 digits): a beginning could come
to fit another row. ``gap`` stands alone: it accepts that a tool has not looked at something, by a
path or other words of the sentence that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)
from ruamel.yaml.comments import CommentedMap

from secagg.decisions.advisories import plain
from secagg.decisions.dates import Ceiling
from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.gapscope import GapScope
from secagg.decisions.scope import Scope
from secagg.packages.purl import purl_pattern
from secagg.policy.exception import PolicyException
from secagg.policy.notation import Day, Owner, Reason, gap_words
from secagg.system.globs import Glob, PathGlob, is_catch_all
from secagg.system.yamlfile import load_model

NAME = "secagg-exceptions.yaml"
KEYS = ("id", "cve", "ghsa", "advisory", "purl", "rule", "path", "gap")


def _each(check: Callable[[str], object]) -> AfterValidator:
    def checked(value: str | list[str] | None) -> str | list[str] | None:
        if value == []:
            raise ValueError("an empty list covers nothing")
        for text in listed(value):
            check(text)
        return value

    return AfterValidator(checked)


def listed(value: str | list[str] | None) -> list[str]:
    """One value, several or none, as a list."""
    return [] if value is None else [value] if isinstance(value, str) else value


def _none_yet(value: object) -> object:
    # The last exception was taken out, and its key still stands there.
    return [] if value is None else value


def _rule(text: str) -> Glob:
    return Glob(text, flat=True)


def _shape(pattern: str, words: str) -> AfterValidator:
    """A text that matches ``pattern`` whole; ``words`` say what is expected."""

    def checked(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"{words} is expected")
        return value

    return AfterValidator(checked)


def _published(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


_ID, _CVE, _GHSA = "[0-9a-f]{32}", "(CVE|cve)-[0-9]{4}-[0-9]{4,19}", "(GHSA|ghsa)(-[0-9a-z]{4}){3}"
_ADVISORY, _TOOL = "[A-Za-z][A-Za-z0-9._:-]{3,199}", "[a-z0-9][a-z0-9._-]{0,99}"
_WHOLE = "a row's whole identity (32 digits, as secagg explain shows them)"
Identity = Annotated[str, _shape(_ID, _WHOLE), _published(_ID)]
Cve = Annotated[str, _shape(_CVE, "a CVE id such as CVE-2021-44228"), _published(_CVE)]
Ghsa = Annotated[str, _shape(_GHSA, "an id such as GHSA-jfh8-c2jp-5v3q"), _published(_GHSA)]
Advisory = Annotated[str, _shape(_ADVISORY, "an advisory's id"), _published(_ADVISORY)]
Tool = Annotated[str, _shape(_TOOL, "a scanner's name in lower case"), _published(_TOOL)]


class ExceptionEntry(BaseModel):
    """One exception. ``path``, ``rule`` and ``purl`` take one value or a list of them."""

    model_config = ConfigDict(extra="forbid")

    id: Identity | None = Field(default=None, description="the row's identity, all 32 digits")
    cve: Cve | None = None
    ghsa: Ghsa | None = None
    advisory: Advisory | None = Field(default=None, description="an advisory id of any database")
    purl: Annotated[str | list[str] | None, _each(purl_pattern)] = Field(
        default=None, description="packages, with or without a version; * is a wildcard"
    )
    rule: Annotated[str | list[str] | None, _each(_rule)] = Field(
        default=None, description="rule ids; * is a wildcard"
    )
    tool: Tool | None = Field(default=None, description="with rule: the scanner whose rule it is")
    path: Annotated[str | list[str] | None, _each(PathGlob)] = Field(
        default=None, description="files, as .gitignore writes them"
    )
    gap: Annotated[str | list[str] | None, _each(gap_words)] = Field(
        default=None,
        description="something that no tool has looked at, by a path or other words of its "
        "sentence; * is a wildcard",
    )
    reason: Reason
    owner: Owner
    created: Day | None = Field(default=None, description="the day it was made; it needs one")
    expires: Day = Field(description="the last day (UTC) on which it holds")
    _line: int = PrivateAttr(default=1)

    @model_validator(mode="wrap")
    @classmethod
    def _placed(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        entry = handler(value)
        if isinstance(value, CommentedMap):
            entry._line = value.lc.line + 1
        return entry

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        given = [key for key in KEYS if getattr(self, key) is not None]
        if not given:
            raise ValueError("it covers nothing: give at least one of " + ", ".join(KEYS))
        if self.tool is not None and self.rule is None:
            raise ValueError("tool goes with rule only")
        if self.gap is not None and len(given) > 1:
            raise ValueError("gap stands alone: a gap is no row")
        if all(self._is_broad(key) for key in given):
            raise ValueError(
                f"it would cover everything: nothing in {' and '.join(given)} narrows it"
            )
        if self.created is not None and self.expires < self.created:
            raise ValueError(f"it expires ({self.expires}) before it is created ({self.created})")
        return self

    def _is_broad(self, key: str) -> bool:
        if key == "purl":
            return any(purl_pattern(text).is_broad for text in listed(self.purl))
        if key in ("rule", "path"):
            return any(is_catch_all(text) for text in listed(getattr(self, key)))
        return False

    @property
    def line(self) -> int:
        """The line on which it begins."""
        return self._line

    def scope(self) -> Scope | GapScope:
        """What it covers."""
        if self.gap is not None:
            return GapScope.of(listed(self.gap))
        names = [plain(name) for name in (self.cve, self.ghsa, self.advisory) if name is not None]
        return Scope(
            identity=self.id,
            advisories=tuple((name,) for name in names),
            purls=tuple(purl_pattern(text) for text in listed(self.purl)),
            rules=tuple(_rule(text) for text in listed(self.rule)),
            tool=self.tool,
            paths=tuple(PathGlob(text) for text in listed(self.path)),
        )

    def target(self) -> str:
        """What it covers, in words."""
        names = [n for n in (self.cve, self.ghsa, self.advisory) if n is not None]
        said = [f"row {self.id}"] if self.id is not None else []
        said += [" and ".join(names)] if names else []
        said += [f"rule {' or '.join(listed(self.rule))}"] if self.rule is not None else []
        said += [f"of {self.tool}"] if self.tool is not None else []
        said += [f"in {' or '.join(listed(self.purl))}"] if self.purl is not None else []
        said += [f"at {' or '.join(listed(self.path))}"] if self.path is not None else []
        said += [f"the gap {' or '.join(listed(self.gap))}"] if self.gap is not None else []
        return " ".join(said)


class ExceptionFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    exceptions: Annotated[list[ExceptionEntry], BeforeValidator(_none_yet)] = Field(
        default_factory=list
    )


def parse_file(text: str, *, name: str = NAME) -> ExceptionFile:
    """The file's ``text`` as its model; an empty file has no exceptions.

    Raises :class:`secagg.errors.ConfigError` with file, line and column.
    """
    return load_model(text, ExceptionFile, name=name)


def read_own(text: str, ceiling: Ceiling, *, name: str = NAME) -> list[ScopedException]:
    """The exceptions in ``text``; those that the ceiling does not allow are refused, and kept."""
    return own_entries(parse_file(text, name=name), ceiling, name=name)


def own_entries(file: ExceptionFile, ceiling: Ceiling, *, name: str) -> list[ScopedException]:
    """The exceptions of ``file``, which messages call ``name``, as :func:`read_own` gives them."""
    return [_entry(entry, ceiling, name) for entry in file.exceptions]


def _entry(entry: ExceptionEntry, ceiling: Ceiling, name: str) -> ScopedException:
    exception = PolicyException(
        source=f"{name}:{entry.line}",
        target=shortened(entry.target()) or "",
        reason=shortened(entry.reason),
        owner=entry.owner,
        created=entry.created,
        expires=entry.expires,
        refusal=ceiling.refusal(entry.created, entry.expires),
    )
    return ScopedException(exception, entry.scope())
