"""Read the repository's decisions: ``secagg-exceptions.yaml``, older ``.secagg/triage.yaml``.

::

    version: 1
    decisions:
      - cve: CVE-2021-44228
        purl: pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1
        path: engine/
        reason: the JNDI lookup is removed from the class path at build time
        owner: ana@example.com
        created: 2026-11-23
        expires: 2026-12-23
      - id: 3f2a91c07be4d5518c6f0a2b9d7e1c34
        state: false-positive
        reason: a made-up key in a test
        by: ana
        created: 2026-11-23T10:04:00Z

All keys of an entry must match. ``id`` is the problem's whole identity (32 digits): a prefix could
match another problem later. An entry with any other key may cover many problems: it is an
exception, which accepts them or calls them false positives, and needs an owner and an expiry date.
``gap`` goes with no other key: it accepts that a tool has not scanned something, by a path or other
words of the sentence that says so.

``exceptions`` is the list's older name: each of its entries is an exception, also one with ``id``.
``.secagg/triage.yaml`` is the file's older path, and ``at`` an older word for ``created``.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
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

from secagg.decisions.approvers import Owners, confirmed, no_owners
from secagg.decisions.entry import Read, ScopedException, shortened, text_of
from secagg.decisions.scope import GapScope, Scope
from secagg.model.approval import SETTLED
from secagg.model.problem import DECISION_FILE, DECISION_FILES, State, Triage
from secagg.model.state import REOPENED
from secagg.packages.purl import purl_pattern
from secagg.policy.decision import PolicyException
from secagg.policy.notation import Day, Moment, Owner, ReasonText, gap_pattern
from secagg.policy.selectors import normal_id, rooted
from secagg.system.dates import Ceiling, utc_now
from secagg.system.globs import Glob, PathGlob, is_catch_all
from secagg.system.yamlfile import load_model

NAME, NAMES = DECISION_FILE, DECISION_FILES
LISTS = ("exceptions", "decisions")
"""The lists in the file, the older one first."""
KEYS = ("id", "cve", "ghsa", "advisory", "purl", "rule", "path", "gap")


def _each_value(check: Callable[[str], object]) -> AfterValidator:
    def checked(value: str | list[str] | None) -> str | list[str] | None:
        if value == []:
            raise ValueError("an empty list covers nothing")
        for text in listed(value):
            check(text)
        return value

    return AfterValidator(checked)


def listed(value: str | list[str] | None) -> list[str]:
    """Return one value, several or none as a list."""
    return [] if value is None else [value] if isinstance(value, str) else value


def _empty_if_null(value: object) -> object:
    # The last exception was removed, and its key is still there.
    return [] if value is None else value


def _rule(text: str) -> Glob:
    return Glob(text, flat=True)


def _path(text: str) -> PathGlob:
    return PathGlob(rooted(text))


def _full_match(pattern: str, words: str) -> AfterValidator:
    """Accept texts that match ``pattern`` as a whole; ``words`` say what is expected."""

    def checked(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"{words} is expected")
        return value

    return AfterValidator(checked)


def _schema_pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


_ID, _CVE, _GHSA = "[0-9a-f]{32}", "(CVE|cve)-[0-9]{4}-[0-9]{4,19}", "(GHSA|ghsa)(-[0-9a-z]{4}){3}"
_ADVISORY, _TOOL = "[A-Za-z][A-Za-z0-9._:-]{3,199}", "[a-z0-9][a-z0-9._-]{0,99}"
_IDENTITY_EXPECTED = "a problem's whole id (32 digits, as secagg explain shows them)"
Identity = Annotated[str, _full_match(_ID, _IDENTITY_EXPECTED), _schema_pattern(_ID)]
Cve = Annotated[str, _full_match(_CVE, "a CVE id such as CVE-2021-44228"), _schema_pattern(_CVE)]
Ghsa = Annotated[
    str, _full_match(_GHSA, "an id such as GHSA-jfh8-c2jp-5v3q"), _schema_pattern(_GHSA)
]
Advisory = Annotated[str, _full_match(_ADVISORY, "an advisory's id"), _schema_pattern(_ADVISORY)]
Tool = Annotated[str, _full_match(_TOOL, "a scanner's name in lower case"), _schema_pattern(_TOOL)]


class DecisionEntry(BaseModel):
    """One decision. ``path``, ``rule`` and ``purl`` take one value or a list of them."""

    model_config = ConfigDict(extra="forbid")

    id: Identity | None = Field(default=None, description="the problem's identity, all 32 digits")
    cve: Cve | None = None
    ghsa: Ghsa | None = None
    advisory: Advisory | None = Field(default=None, description="an advisory id of any database")
    purl: Annotated[str | list[str] | None, _each_value(purl_pattern)] = Field(
        default=None, description="packages, with or without a version; * is a wildcard"
    )
    rule: Annotated[str | list[str] | None, _each_value(_rule)] = Field(
        default=None, description="rule ids; * is a wildcard"
    )
    tool: Tool | None = Field(default=None, description="with rule: the scanner whose rule it is")
    path: Annotated[str | list[str] | None, _each_value(_path)] = Field(
        default=None, description="files, as .gitignore writes them"
    )
    gap: Annotated[str | list[str] | None, _each_value(gap_pattern)] = Field(
        default=None,
        description="something that no tool has looked at, by a path or other words of its "
        "sentence; * is a wildcard",
    )
    title: str | None = Field(default=None, description="what it is about, for the reader")
    state: State = Field(
        default=State.ACCEPTED,
        description="what it calls the problem; open, confirmed and fixed go with id alone",
    )
    reason: str = Field(min_length=1)
    owner: str | None = Field(default=None, description="who answers for it")
    by: str | None = Field(default=None, description="who has decided")
    approved_by: str | list[str] | None = Field(
        default=None,
        description="who has approved it besides, where the policy wants several people: owners "
        "of this file by CODEOWNERS",
    )
    created: Moment | None = Field(
        default=None, description="the day or the moment (UTC) at which it was made"
    )
    at: Moment | None = Field(default=None, description="an older word for created")
    expires: Day | None = Field(default=None, description="the last day (UTC) on which it holds")
    _line: int = PrivateAttr(default=1)

    @model_validator(mode="wrap")
    @classmethod
    def _placed(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        entry = handler(value)
        if isinstance(value, CommentedMap):
            entry._line = value.lc.line + 1
        return entry

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        keys = [key for key in KEYS if getattr(self, key) is not None]
        if not keys:
            raise ValueError("it covers nothing: give at least one of " + ", ".join(KEYS))
        if self.tool is not None and self.rule is None:
            raise ValueError("tool goes with rule only")
        if self.gap is not None and len(keys) > 1:
            raise ValueError("gap is the only key of its entry: a gap is no problem")
        if all(self._is_broad(key) for key in keys):
            raise ValueError(
                f"it would cover everything: nothing in {' and '.join(keys)} narrows it"
            )
        if self.at is not None and self.created is not None:
            raise ValueError("at and created say the same: leave out at")
        if keys != ["id"]:
            self._check_exception_fields(f"what is named by {' and '.join(keys)}")
        return self

    def _check_exception_fields(self, subject: str) -> None:
        """Raise ``ValueError`` if an exception has no owner, no expiry date or no proper reason."""
        missing = [key for key in ("owner", "expires") if getattr(self, key) is None]
        if missing:
            raise ValueError(f"{subject} needs {' and '.join(missing)} too")
        if self.day is not None and self.expires is not None and self.expires < self.day:
            raise ValueError(f"it expires ({self.expires}) before it is created ({self.day})")
        if len(self.reason.strip()) < _SHORTEST_REASON:
            raise ValueError(f"{subject} needs a reason of {_SHORTEST_REASON} characters or more")
        if self.state not in SETTLED:
            raise ValueError(
                f"{subject} is accepted or false-positive: {self.state.value} goes with id alone"
            )

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

    @property
    def is_exception(self) -> bool:
        """Whether it may cover many problems, so that it needs an end that the policy allows."""
        return any(getattr(self, key) is not None for key in KEYS if key != "id")

    @property
    def moment(self) -> datetime.datetime | None:
        """When it was made, in UTC; for a day, the beginning of the day."""
        created = self.created if self.created is not None else self.at
        if created is None or isinstance(created, datetime.datetime):
            return created
        return datetime.datetime.combine(created, datetime.time(), datetime.UTC)

    @property
    def day(self) -> datetime.date | None:
        """The day on which it was made, in UTC."""
        return None if self.moment is None else self.moment.date()

    def scope(self) -> Scope | GapScope:
        """Return what it covers."""
        if self.gap is not None:
            return GapScope.of(listed(self.gap))
        names = [
            normal_id(name) for name in (self.cve, self.ghsa, self.advisory) if name is not None
        ]
        return Scope(
            identity=self.id,
            advisories=tuple((name,) for name in names),
            purls=tuple(purl_pattern(text) for text in listed(self.purl)),
            rules=tuple(_rule(text) for text in listed(self.rule)),
            tool=self.tool,
            paths=tuple(_path(text) for text in listed(self.path)),
        )

    def target(self) -> str:
        """Return what it covers, in words for messages."""
        names = [n for n in (self.cve, self.ghsa, self.advisory) if n is not None]
        parts = [f"problem {self.id}"] if self.id is not None else []
        parts += [" and ".join(names)] if names else []
        parts += [f"rule {' or '.join(listed(self.rule))}"] if self.rule is not None else []
        parts += [f"of {self.tool}"] if self.tool is not None else []
        parts += [f"in {' or '.join(listed(self.purl))}"] if self.purl is not None else []
        parts += [f"at {' or '.join(listed(self.path))}"] if self.path is not None else []
        parts += [f"the gap {' or '.join(listed(self.gap))}"] if self.gap is not None else []
        return " ".join(parts)


_SHORTEST_REASON = 3


class ExceptionEntry(DecisionEntry):
    """One exception: it always has an owner and an end."""

    reason: ReasonText
    owner: Owner
    created: Moment | None = Field(
        default=None, description="the day or the moment (UTC) it was made; it needs one"
    )
    expires: Day = Field(description="the last day (UTC) on which it holds")

    @model_validator(mode="after")
    def _check_exception(self) -> Self:
        self._check_exception_fields("an exception")
        return self

    @property
    def is_exception(self) -> bool:
        """Return True, also where it names a problem by its id."""
        return True


class DecisionFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    decisions: Annotated[list[DecisionEntry], BeforeValidator(_empty_if_null)] = Field(
        default_factory=list
    )
    exceptions: Annotated[list[ExceptionEntry], BeforeValidator(_empty_if_null)] = Field(
        default_factory=list, description="the older name of decisions, for exceptions only"
    )

    def numbered(self) -> list[tuple[str, int, DecisionEntry]]:
        """Return each entry with its list's name and its index in it, in the order of the file."""
        entries = [
            (name, number, entry)
            for name in LISTS
            for number, entry in enumerate(getattr(self, name))
        ]
        return sorted(entries, key=lambda item: item[2].line)

    @property
    def entries(self) -> list[DecisionEntry]:
        """Every entry, in the order of the file."""
        return [entry for _, _, entry in self.numbered()]


def parse_file(text: str, *, name: str = NAME) -> DecisionFile:
    """Parse the ``text`` of a file of decisions; an empty file has none.

    Raises :class:`secagg.errors.ConfigError` with file, line and column.
    """
    return load_model(text, DecisionFile, name=name)


def read_own(
    text: str, ceiling: Ceiling, *, name: str = NAME, owners: Owners | None = no_owners
) -> list[ScopedException]:
    """Return the decisions in ``text``; those beyond the ceiling are kept, as refused.

    ``owners`` tells whose approval counts (:func:`secagg.decisions.approvers.confirmed`).
    """
    return own_entries(parse_file(text, name=name).entries, ceiling, name=name, owners=owners)


def own_entries(
    entries: Iterable[DecisionEntry],
    ceiling: Ceiling,
    *,
    name: str,
    owners: Owners | None = no_owners,
) -> list[ScopedException]:
    """Convert ``entries`` of the file ``name`` as :func:`read_own` does."""
    return [_entry(entry, ceiling, name, owners) for entry in entries]


def _entry(
    entry: DecisionEntry, ceiling: Ceiling, name: str, owners: Owners | None
) -> ScopedException:
    refusal = None
    if entry.is_exception and entry.expires is not None:
        refusal = ceiling.refusal(entry.day, entry.expires)
    elif entry.day is not None and entry.day > ceiling.today:
        refusal = f"is dated in the future (created {entry.day})"
    signers, unconfirmed = confirmed(
        entry.by or entry.owner, listed(entry.approved_by), name, owners
    )
    exception = PolicyException(
        source=f"{name}:{entry.line}",
        target=shortened(entry.target()) or "",
        reason=shortened(entry.reason),
        owner=entry.owner if entry.is_exception else entry.by or entry.owner,
        created=entry.day,
        expires=entry.expires,
        refusal=refusal,
        state=entry.state,
        on_one=not entry.is_exception,
        at=entry.moment,
        signers=signers,
        unconfirmed=unconfirmed,
    )
    return ScopedException(exception, entry.scope())


def decisions_in(read: Read, owners: Owners = no_owners) -> dict[str, Triage]:
    """Return the newest decision on each problem, of the entries that have ``id`` alone.

    Of two decisions of the same time, the one that leaves the problem open counts, else the later
    one in the file. Decisions dated in the future do not count. ``read`` returns the bytes of a
    file by its path below the root, ``owners`` whose approval counts. Raises
    :class:`secagg.errors.ConfigError` as :func:`parse_file` does.
    """
    decisions: dict[str, Triage] = {}
    today = utc_now().date()
    for name in NAMES:
        data = read(name)
        if data is None:
            continue
        for entry in parse_file(text_of(name, data), name=name).entries:
            if entry.id is None or entry.is_exception or (entry.day or today) > today:
                continue
            decision, previous = _triage(entry, name, owners), decisions.get(entry.id)
            if previous is None or _order(previous) <= _order(decision):
                decisions[entry.id] = decision
    return decisions


def _triage(entry: DecisionEntry, name: str, owners: Owners) -> Triage:
    first = entry.by or entry.owner
    signers, _ = confirmed(first, listed(entry.approved_by), name, owners)
    return Triage(
        state=entry.state,
        reason=entry.reason,
        by=entry.by,
        owner=entry.owner,
        at=entry.moment,
        expires=entry.expires,
        approved_by=signers[1:] if first else signers,
    )


def _order(made: Triage) -> tuple[datetime.datetime, bool]:
    at = made.at or datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return at, made.state in REOPENED
