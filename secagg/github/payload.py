"""SARIF as GitHub takes it: encoded, compressed, and split where a run is over a limit."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from secagg.github.category import category_of, part_category
from secagg.github.limits import Limits
from secagg.github.places import line_of, path_of
from secagg.github.rules import severity_of
from secagg.sarif.rules import RuleTable
from secagg.secrets.lastfilter import filtered_json

SCHEMA = b"https://json.schemastore.org/sarif-2.1.0.json"


# Times and random ids, which differ from run to run though nothing else does.
_VOLATILE = ("invocations", "versionControlProvenance", "automationDetails")


@dataclass(frozen=True, slots=True)
class EncodedRun:
    """A run as JSON, and the SHA-256 of what it says.

    ``digest`` leaves out what changes though the findings are the same: times and random ids.
    """

    data: bytes
    digest: str


def encode_run(run: Mapping[str, Any]) -> EncodedRun:
    """Encode a run once: for its size, its digest and each file that it goes into."""
    lasting = _dump({key: value for key, value in run.items() if key not in _VOLATILE})
    volatile = {key: run[key] for key in _VOLATILE if key in run}
    details = run.get("automationDetails")
    category = details.get("id") if isinstance(details, Mapping) else None
    digest = hashlib.sha256(lasting + b"\0" + _dump(category)).hexdigest()
    data = b"%b,%b" % (lasting[:-1], _dump(volatile)[1:]) if volatile else lasting
    return EncodedRun(data, digest)


def sarif_log(runs: Sequence[bytes]) -> bytes:
    """Make one SARIF 2.1.0 log of encoded runs."""
    log = b'{"$schema":"%b","version":"2.1.0","runs":[%b]}' % (SCHEMA, b",".join(runs))
    return filtered_json(log)


def compressed(data: bytes) -> bytes:
    """``data`` as gzip, the same bytes each time."""
    return gzip.compress(data, compresslevel=9 if len(data) < 1 << 22 else 6, mtime=0)


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # Deeper than orjson goes, or an integer beyond 64 bits.
        text = json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")


def split(run: dict[str, Any], limits: Limits) -> list[dict[str, Any]]:
    """``run`` itself if it keeps the limits, else parts of it that do.

    A part holds no more results than GitHub shows, so that all of them are shown. Rules and
    extensions that a part does not need are left out of it.
    """
    driver, extensions = run["tool"]["driver"], run["tool"].get("extensions") or ()
    rules = sum(len(c.get("rules") or ()) for c in (driver, *extensions))
    if (
        len(run["results"]) <= limits.results_shown
        and rules <= limits.rules
        and len(extensions) <= limits.extensions
    ):
        return [run]
    return numbered(run, list(_chunks(ranked(run), limits)))


def halves(run: dict[str, Any]) -> list[dict[str, Any]]:
    """``run`` as two parts of its results, for one that is too large as a file.

    Raises :class:`ValueError` for a run of fewer than two results.
    """
    results = ranked(run)
    if len(results) < 2:
        raise ValueError("a single result cannot be split")
    middle = len(results) // 2
    return [_part(run, results[:middle]), _part(run, results[middle:])]


def numbered(run: dict[str, Any], chunks: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One run for each of ``chunks``, with categories one after the other."""
    parts = [_part(run, chunk) for chunk in chunks]
    category = category_of(run)
    for number, part in enumerate(parts, 1):
        set_category(part, part_category(category, number))
    return parts


def set_category(run: dict[str, Any], category: str) -> None:
    """Make ``category`` the category of ``run``."""
    run["automationDetails"] = {**(run.get("automationDetails") or {}), "id": category}


def ranked(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results, most severe first; the order of equals is that of their places."""
    table = RuleTable(run)
    return sorted(
        run["results"],
        key=lambda r: (
            -severity_of(r, table.find(r)),
            path_of(r),
            line_of(r),
            str(r.get("ruleId")),
        ),
    )


class _Used:
    """Rules and extensions that some results refer to."""

    def __init__(self) -> None:
        self.rules: set[str] = set()
        self.extensions: set[int] = set()

    def add(self, result: Mapping[str, Any]) -> None:
        self.rules.add(_rule_key(result))
        extension = _extension(result)
        if extension is not None:
            self.extensions.add(extension)


def _chunks(results: list[dict[str, Any]], limits: Limits) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    used = _Used()
    for result in results:
        extension = _extension(result)
        full = (
            len(chunk) >= limits.results_shown
            or (_rule_key(result) not in used.rules and len(used.rules) >= limits.rules)
            or (
                extension is not None
                and extension not in used.extensions
                and len(used.extensions) >= limits.extensions
            )
        )
        if full:
            yield chunk
            chunk, used = [], _Used()
        chunk.append(result)
        used.add(result)
    yield chunk


def _part(run: Mapping[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """A run of ``results`` with what they need of the rules and extensions of ``run``."""
    table = RuleTable(run)
    needed = {id(view.raw) for r in results if (view := table.find(r)) is not None}
    tool = dict(run["tool"])
    driver = dict(tool["driver"])
    moved: dict[tuple[int | None, int], int] = {}
    driver["rules"] = _needed_rules(driver.get("rules") or (), needed, None, moved)
    tool["driver"] = driver
    new_index: dict[int, int] = {}
    extensions: list[dict[str, Any]] = []
    for number, extension in enumerate(tool.get("extensions") or ()):
        rules = _needed_rules(extension.get("rules") or (), needed, number, moved)
        if rules:
            new_index[number] = len(extensions)
            extensions.append({**extension, "rules": rules})
    if extensions:
        tool["extensions"] = extensions
    else:
        tool.pop("extensions", None)
    written = [_pointed(result, moved, new_index) for result in results]
    part = {key: value for key, value in run.items() if key not in ("results", "tool")}
    return {**part, "tool": tool, "results": written}


def _needed_rules(
    rules: Sequence[Any], needed: set[int], of: int | None, moved: dict[tuple[int | None, int], int]
) -> list[Any]:
    kept: list[Any] = []
    for index, rule in enumerate(rules):
        if id(rule) in needed:
            moved[of, index] = len(kept)
            kept.append(rule)
    return kept


def _pointed(
    result: Mapping[str, Any],
    moved: Mapping[tuple[int | None, int], int],
    extensions: Mapping[int, int],
) -> dict[str, Any]:
    """``result`` with its indices as they are in the part; one that means nothing goes."""
    made = dict(result)
    of = _extension(result)
    index = made.pop("ruleIndex", None)
    if isinstance(index, int) and (of, index) in moved:
        made["ruleIndex"] = moved[of, index]
    reference = made.get("rule")
    if isinstance(reference, dict):
        reference = dict(reference)
        index = reference.pop("index", None)
        if isinstance(index, int) and (of, index) in moved:
            reference["index"] = moved[of, index]
        component = reference.get("toolComponent")
        if isinstance(component, dict) and of is not None:
            kept = {key: value for key, value in component.items() if key != "index"}
            if of in extensions:
                kept["index"] = extensions[of]
            reference["toolComponent"] = kept
        made["rule"] = reference
    return made


def _extension(result: Mapping[str, Any]) -> int | None:
    reference = result.get("rule")
    component = reference.get("toolComponent") if isinstance(reference, Mapping) else None
    index = component.get("index") if isinstance(component, Mapping) else None
    return index if isinstance(index, int) and index >= 0 else None


def _rule_key(result: Mapping[str, Any]) -> str:
    return f"{_extension(result)}\0{result.get('ruleId')}"
