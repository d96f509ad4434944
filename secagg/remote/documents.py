"""The JSON documents that a job and ``secagg serve`` exchange: runs, problems, decisions.

Both sides encode and decode with this module. A run that a job sends is untrusted: :func:`read_run`
checks it before it becomes part of the history.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import orjson

from secagg.errors import SecaggError, StoreError
from secagg.history import ImportedRun
from secagg.history.audit import AuditEntry
from secagg.ids import WHOLE
from secagg.jsonio.packed import unpacked
from secagg.model.access import ApiToken, is_name
from secagg.model.problem import Problem, RunRecord, ToolRunRecord, Triage
from secagg.model.severity import LABELS

T = TypeVar("T")

VERSION = 1
PREFIX = "/api/v1"
DIGEST_HEADER = "Content-Digest"

LONGEST_REPOSITORY = 200
LONGEST_BRANCH = 500
MOST_PROBLEMS = 200_000
MOST_TOOL_RUNS = 2_000
_LONGEST_TEXT = 10_000
_IDENTITY = re.compile(rf"[0-9a-f]{{{WHOLE}}}")
_KEY = re.compile(r"[0-9a-f]{32}")
_COMMIT = re.compile(r"[0-9A-Za-z]{1,64}")
_VERDICTS = frozenset({"pass", "fail", "incomplete"})
_STATUSES = frozenset({"complete", "failed", "skipped"})
_BASELINES = frozenset({None, "new", "unchanged", "updated", "absent"})
_WEB = ("https://", "http://")
_REQUIRED = frozenset({"identity", "kind", "severity", "title", "rule_id", "tools"})
_NAMES = tuple(field.name for field in fields(Problem))
_VALUES = attrgetter(*_NAMES)


class RunDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A scan as a job records it; ``covered`` as in :meth:`secagg.history.Store.record`."""

    run: RunRecord
    covered: list[tuple[str, str]]
    problems: list[Problem]
    version: int = VERSION


class RunAnswer(msgspec.Struct, kw_only=True):
    """A recorded run with its problems; both are missing where there is none."""

    run: RunRecord | None = None
    problems: list[Problem] = []


class RunsAnswer(msgspec.Struct, kw_only=True):
    runs: list[RunRecord]


class KeyAnswer(msgspec.Struct, kw_only=True):
    key: str


class BranchesAnswer(msgspec.Struct, kw_only=True):
    branches: list[tuple[str, str]]


class ProblemsAnswer(msgspec.Struct, kw_only=True):
    problems: list[Problem]


class FirstSeenAnswer(msgspec.Struct, kw_only=True):
    first_seen: dict[str, datetime.datetime]


class ChangesAnswer(msgspec.Struct, kw_only=True):
    changes: dict[str, ImportedRun]


class DecisionsAnswer(msgspec.Struct, kw_only=True):
    """By identity, the decisions of :meth:`secagg.history.Store.newest_decisions`.

    ``made`` and ``wholes`` are those of :meth:`secagg.history.Store.decisions_made`.
    """

    decisions: dict[str, list[Triage]]
    made: dict[str, list[Triage]] | None = None
    wholes: dict[str, list[str]] = {}


class AuditAnswer(msgspec.Struct, kw_only=True):
    entries: list[AuditEntry]


class DecidedAnswer(msgspec.Struct, kw_only=True):
    """The identities that a decision, or its undoing, is on."""

    identities: list[str]


class TokensAnswer(msgspec.Struct, kw_only=True):
    tokens: list[ApiToken]


class ErrorAnswer(msgspec.Struct, kw_only=True):
    """Why a request was refused. ``usage`` says that the arguments are wrong, not the store."""

    detail: Any
    hint: str | None = None
    usage: bool = False
    read_only: bool = False


class UntrustedRun(SecaggError):
    """A run that a job sent and that no scan makes."""


def dumps(value: Any) -> bytes:
    """Encode ``value``: dataclasses and structs of this module, lone surrogates too."""
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        # A lone surrogate, from the name of a file that is not UTF-8.
        return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def problem_values(problem: Problem) -> dict[str, Any]:
    """Return the fields of ``problem`` that differ from their default."""
    values = {
        name: value
        for name, value in zip(_NAMES, _VALUES(problem), strict=True)
        if name in _REQUIRED or (value is not None and value != () and value != "")
    }
    if values.get("severity_known"):
        del values["severity_known"]
    return values


def problems_values(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return each of ``problems`` as :func:`problem_values` does."""
    return [problem_values(problem) for problem in problems]


def run_body(
    run: RunRecord, problems: Sequence[Problem], covered: Iterable[tuple[str, str]]
) -> bytes:
    """Return the JSON of a :class:`RunDocument`."""
    return dumps(
        {
            "version": VERSION,
            "run": run,
            "covered": sorted(set(covered)),
            "problems": problems_values(problems),
        }
    )


def packed(data: bytes) -> bytes:
    """Return ``data`` as gzip, the same bytes each time."""
    return gzip.compress(data, compresslevel=6, mtime=0)


def digest(data: bytes) -> str:
    """Return the value of the header ``Content-Digest`` (RFC 9530) for the body ``data``."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def read(data: bytes, kind: type[T], *, error: type[SecaggError] = StoreError) -> T:
    """Decode JSON as ``kind``. Raises ``error``, which names the place and quotes no value."""
    try:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # A lone surrogate, from the name of a file that is not UTF-8.
            converted: T = msgspec.convert(json.loads(data), kind)
            return converted
    except msgspec.ValidationError as wrong:
        place = str(wrong).partition(" - at ")[2].strip("`") or "its form"
        raise error(f"the document is not built as it should be: {place[:200]}") from None
    except (ValueError, TypeError, RecursionError):
        raise error("the document is no JSON") from None


def read_run(data: bytes) -> RunDocument:
    """Unpack, decode and check a run that a job sent.

    Raises :class:`UntrustedRun` for what no scan makes. What would be shown as a link and is no
    address of the web is left out.
    """
    text = unpacked(data, name="the run", error=UntrustedRun)
    document = read(text, RunDocument, error=UntrustedRun)
    if document.version != VERSION:
        raise UntrustedRun(f"the run has version {document.version}, and this server reads 1")
    document.run = _checked_run(document.run)
    if len(document.problems) > MOST_PROBLEMS:
        raise UntrustedRun(f"the run has more than {MOST_PROBLEMS} problems")
    for problem in document.problems:
        _check_problem(problem)
    for tool, component in document.covered:
        _require(is_name(tool, 200) and _is_text(component), "covered")
    return document


def _checked_run(run: RunRecord) -> RunRecord:
    _require(_KEY.fullmatch(run.key), "run.key")
    _require(is_name(run.repository, LONGEST_REPOSITORY), "run.repository")
    _require(is_name(run.branch, LONGEST_BRANCH), "run.branch")
    default = run.default_branch
    _require(default is None or is_name(default, LONGEST_BRANCH), "run.default_branch")
    _require(run.commit is None or _COMMIT.fullmatch(run.commit), "run.commit")
    _require(run.verdict in _VERDICTS, "run.verdict")
    _require(_is_text(run.policy), "run.policy")
    _require(len(run.tools) <= MOST_TOOL_RUNS, "run.tools")
    _require(set(LABELS).issuperset(run.by_severity), "run.by_severity")
    _require(all(0 <= n <= MOST_PROBLEMS for n in run.by_severity.values()), "run.by_severity")
    started = run.started_at
    if started.tzinfo is None:
        started = started.replace(tzinfo=datetime.UTC)
    return replace(run, started_at=started, tools=tuple(map(_checked_tool_run, run.tools)))


def _checked_tool_run(tool: ToolRunRecord) -> ToolRunRecord:
    _require(is_name(tool.tool, 200), "run.tools.tool")
    _require(tool.status in _STATUSES, "run.tools.status")
    _require(0 <= tool.seconds < 1e9, "run.tools.seconds")
    texts = (tool.component, tool.version or "", tool.mode or "", tool.reason or "", *tool.gaps)
    _require(all(map(_is_text, texts)) and len(tool.gaps) <= MOST_TOOL_RUNS, "run.tools")
    return tool


def _check_problem(problem: Problem) -> None:
    names = (problem.identity, *problem.known_as)
    _require(all(map(_IDENTITY.fullmatch, names)) and len(names) <= 1000, "problems.identity")
    _require(0 < len(problem.tools) <= 100, "problems.tools")
    _require(all(is_name(tool, 200) for tool in problem.tools), "problems.tools")
    _require(problem.baseline in _BASELINES, "problems.baseline")
    _require(problem.epss is None or 0 <= problem.epss <= 1, "problems.epss")
    _require(problem.score is None or 0 <= problem.score <= 10, "problems.score")
    _require(problem.exception is None or _is_text(problem.exception), "problems.exception")
    if problem.help_uri is not None and not problem.help_uri.startswith(_WEB):
        problem.help_uri = None
    problem.references = tuple(uri for uri in problem.references if uri.startswith(_WEB))


def _is_text(text: str) -> bool:
    """Return whether a database stores ``text``: short, without NUL and lone surrogates."""
    return (
        len(text) <= _LONGEST_TEXT
        and "\0" not in text
        and not any("\ud800" <= character <= "\udfff" for character in text)
    )


def _require(holds: object, place: str) -> None:
    if not holds:
        raise UntrustedRun(f"the run is not built as it should be: {place}")


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(type(value).__name__)
