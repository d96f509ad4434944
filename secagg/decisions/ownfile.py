"""``secagg-exceptions.yaml``: read it, and change it without losing its comments.

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

What comes out is read back and compared before anybody writes it: an edit that says something
else than was asked is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
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
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.scope import GapScope, Scope, plain
from secagg.errors import ConfigError
from secagg.packages.purl import purl_pattern
from secagg.policy.decision import PolicyException
from secagg.policy.notation import Day, Owner, ReasonText, gap_pattern
from secagg.system.dates import Ceiling
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
    gap: Annotated[str | list[str] | None, _each(gap_pattern)] = Field(
        default=None,
        description="something that no tool has looked at, by a path or other words of its "
        "sentence; * is a wildcard",
    )
    reason: ReasonText
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
        """Return what it covers."""
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
        """Return what it covers, in words."""
        names = [n for n in (self.cve, self.ghsa, self.advisory) if n is not None]
        parts = [f"row {self.id}"] if self.id is not None else []
        parts += [" and ".join(names)] if names else []
        parts += [f"rule {' or '.join(listed(self.rule))}"] if self.rule is not None else []
        parts += [f"of {self.tool}"] if self.tool is not None else []
        parts += [f"in {' or '.join(listed(self.purl))}"] if self.purl is not None else []
        parts += [f"at {' or '.join(listed(self.path))}"] if self.path is not None else []
        parts += [f"the gap {' or '.join(listed(self.gap))}"] if self.gap is not None else []
        return " ".join(parts)


class ExceptionFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    exceptions: Annotated[list[ExceptionEntry], BeforeValidator(_none_yet)] = Field(
        default_factory=list
    )


def parse_file(text: str, *, name: str = NAME) -> ExceptionFile:
    """Return the file's ``text`` as its model; an empty file has no exceptions.

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


_DASH = re.compile(r"^( *)-(?: |$)")


_HEAD = "# Exceptions of secagg: each needs an owner, a reason and an end.\n"


_EMPTY = "version: 1\nexceptions:\n"


def added(text: str, values: Mapping[str, Any]) -> tuple[str, ExceptionEntry]:
    """``text`` with one more exception at its end, and that exception as it was read back.

    ``values`` are the entry's keys in the order to write them. Raises :class:`ConfigError`
    where ``text`` or the entry is wrong, or where the result cannot be read back.
    """
    before = parse_file(text).exceptions
    yaml = _yaml(text)
    data = yaml.load(text)
    if data is None:
        text = (text or _HEAD) + _EMPTY
        data = yaml.load(text)
    listed = data.get("exceptions")
    if not listed:
        listed = data["exceptions"] = CommentedSeq()
    listed.append(dict(values))
    after = _dumped(yaml, data)
    entries = _read_back(after)
    if _entry_values(entries[:-1]) != _entry_values(before) or len(entries) != len(before) + 1:
        raise ConfigError("cannot be edited without changing what else it says", where=NAME)
    return after, entries[-1]


def removed(text: str, numbers: Collection[int]) -> str:
    """``text`` without the exceptions ``numbers`` (from 0), and without the comments on them.

    An entry's comments are those within it and those right above it, with no blank line
    between. Raises :class:`ConfigError` as :func:`added` does.
    """
    before = parse_file(text).exceptions
    wanted = _entry_values([entry for index, entry in enumerate(before) if index not in numbers])
    for edit in (_cut, _deleted):
        after = edit(text, numbers)
        if after is not None and _entry_values(_read_back(after)) == wanted:
            return after
    raise ConfigError("cannot be edited without changing what else it says", where=NAME)


def _cut(text: str, numbers: Collection[int]) -> str | None:
    """Whole lines taken out: nothing else of the file changes. None where it has no such lines."""
    starts = [entry.line - 1 for entry in parse_file(text).exceptions]
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for number in numbers:
        first = starts[number]
        while first > 0 and not _DASH.match(lines[first]):
            first -= 1
        dash = _DASH.match(lines[first])
        if dash is None or starts.count(starts[number]) > 1:
            return None
        last = _last_line(lines, first, len(dash[1]))
        while first > 0 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        gone.update(range(first, last + 1))
    return "".join(line for index, line in enumerate(lines) if index not in gone)


def _last_line(lines: Sequence[str], first: int, indent: int) -> int:
    """The last line of the item that begins on line ``first``: comments after it are others'."""
    last = first
    for index in range(first + 1, len(lines)):
        line = lines[index]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(line) - len(line.lstrip(" ")) <= indent:
            break
        last = index
    return last


def _deleted(text: str, numbers: Collection[int]) -> str | None:
    """Items deleted from the parsed file: for layouts that have no line of their own."""
    yaml = _yaml(text)
    data = yaml.load(text)
    for number in sorted(numbers, reverse=True):
        del data["exceptions"][number]
    return _dumped(yaml, data)


def _read_back(text: str) -> list[ExceptionEntry]:
    return parse_file(text).exceptions


def _entry_values(entries: Sequence[ExceptionEntry]) -> list[dict[str, Any]]:
    return [entry.model_dump() for entry in entries]


def _yaml(text: str) -> YAML:
    """A round trip that keeps quotes, line lengths and the file's own indentation."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    dashes = [len(m[1]) for line in text.splitlines() if (m := _DASH.match(line))]
    offset = min(dashes, default=2)
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    return yaml


def _dumped(yaml: YAML, data: Any) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
