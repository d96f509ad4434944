"""Encode and compress SARIF runs for GitHub, and split those that exceed a limit."""

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
from secagg.jsonio.members import value_at
from secagg.sarif.rules import RuleTable
from secagg.secrets.lastfilter import filtered_json

SCHEMA = b"https://json.schemastore.org/sarif-2.1.0.json"
# Times and random ids, which differ between runs with the same findings.
_VOLATILE_KEYS = ("invocations", "versionControlProvenance", "automationDetails")


@dataclass(frozen=True, slots=True)
class EncodedRun:
    """A run as JSON, and its SHA-256 without times and random ids."""

    data: bytes
    digest: str


def encode_run(run: Mapping[str, Any]) -> EncodedRun:
    """Encode a run."""
    stable = _dump({key: value for key, value in run.items() if key not in _VOLATILE_KEYS})
    volatile = {key: run[key] for key in _VOLATILE_KEYS if key in run}
    category = _dump(value_at(run, "automationDetails", "id"))
    digest = hashlib.sha256(stable + b"\0" + category).hexdigest()
    data = b"%b,%b" % (stable[:-1], _dump(volatile)[1:]) if volatile else stable
    return EncodedRun(data, digest)


def sarif_log(runs: Sequence[bytes]) -> bytes:
    """Return one SARIF 2.1.0 log of encoded runs."""
    log = b'{"$schema":"%b","version":"2.1.0","runs":[%b]}' % (SCHEMA, b",".join(runs))
    return filtered_json(log)


def compressed(data: bytes) -> bytes:
    """Return ``data`` as gzip, the same bytes each time."""
    return gzip.compress(data, compresslevel=9 if len(data) < 1 << 22 else 6, mtime=0)


def split(run: dict[str, Any], limits: Limits) -> list[dict[str, Any]]:
    """Return ``run`` if it meets the limits, else parts of it that do.

    A part has no more results than GitHub shows, and only the rules and extensions that it needs.
    """
    driver, extensions = run["tool"]["driver"], run["tool"].get("extensions") or ()
    rules = sum(len(component.get("rules") or ()) for component in (driver, *extensions))
    if (
        len(run["results"]) <= limits.results_shown
        and rules <= limits.rules
        and len(extensions) <= limits.extensions
    ):
        return [run]
    return _number_parts(run, list(_chunks(_by_severity(run), limits)))


def split_in_half(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Split the results of a run that is too large for a file into two parts.

    Raises :class:`ValueError` for a run of fewer than two results.
    """
    results = _by_severity(run)
    if len(results) < 2:
        raise ValueError("a single result cannot be split")
    middle = len(results) // 2
    return [_part(run, results[:middle]), _part(run, results[middle:])]


def set_category(run: dict[str, Any], category: str) -> None:
    """Set the category of ``run``."""
    run["automationDetails"] = {**(run.get("automationDetails") or {}), "id": category}


class _References:
    """The rules and extensions that some results refer to."""

    def __init__(self) -> None:
        self.rules: set[str] = set()
        self.extensions: set[int] = set()

    def add(self, result: Mapping[str, Any]) -> None:
        self.rules.add(_rule_key(result))
        index = _extension_index(result)
        if index is not None:
            self.extensions.add(index)


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # Nested more deeply than orjson takes, or an integer of more than 64 bits.
        text = json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")


def _number_parts(
    run: dict[str, Any], chunks: Sequence[list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return a run for each of ``chunks``, with numbered categories."""
    parts = [_part(run, chunk) for chunk in chunks]
    category = category_of(run)
    for number, part in enumerate(parts, 1):
        set_category(part, part_category(category, number))
    return parts


def _by_severity(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results, the most severe first, then by location."""
    table = RuleTable(run)
    return sorted(
        run["results"],
        key=lambda result: (
            -severity_of(result, table.find(result)),
            path_of(result),
            line_of(result),
            str(result.get("ruleId")),
        ),
    )


def _chunks(results: list[dict[str, Any]], limits: Limits) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    references = _References()
    for result in results:
        index = _extension_index(result)
        full = (
            len(chunk) >= limits.results_shown
            or (_rule_key(result) not in references.rules and len(references.rules) >= limits.rules)
            or (
                index is not None
                and index not in references.extensions
                and len(references.extensions) >= limits.extensions
            )
        )
        if full:
            yield chunk
            chunk, references = [], _References()
        chunk.append(result)
        references.add(result)
    yield chunk


def _part(run: Mapping[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a run of ``results`` with the rules and extensions of ``run`` that they need."""
    table = RuleTable(run)
    needed_rules = {id(view.raw) for r in results if (view := table.find(r)) is not None}
    tool = dict(run["tool"])
    driver = dict(tool["driver"])
    new_indices: dict[tuple[int | None, int], int] = {}
    driver["rules"] = _needed_rules(driver.get("rules") or (), needed_rules, None, new_indices)
    tool["driver"] = driver
    new_extensions: dict[int, int] = {}
    extensions: list[dict[str, Any]] = []
    for index, extension in enumerate(tool.get("extensions") or ()):
        rules = _needed_rules(extension.get("rules") or (), needed_rules, index, new_indices)
        if rules:
            new_extensions[index] = len(extensions)
            extensions.append({**extension, "rules": rules})
    if extensions:
        tool["extensions"] = extensions
    else:
        tool.pop("extensions", None)
    part_results = [_with_new_indices(result, new_indices, new_extensions) for result in results]
    part = {key: value for key, value in run.items() if key not in ("results", "tool")}
    return {**part, "tool": tool, "results": part_results}


def _needed_rules(
    rules: Sequence[Any],
    needed: set[int],
    extension: int | None,
    new_indices: dict[tuple[int | None, int], int],
) -> list[Any]:
    kept_rules: list[Any] = []
    for index, rule in enumerate(rules):
        if id(rule) in needed:
            new_indices[extension, index] = len(kept_rules)
            kept_rules.append(rule)
    return kept_rules


def _with_new_indices(
    result: Mapping[str, Any],
    new_indices: Mapping[tuple[int | None, int], int],
    extensions: Mapping[int, int],
) -> dict[str, Any]:
    """Return ``result`` with its indices in the part, without those that mean nothing."""
    copy = dict(result)
    extension = _extension_index(result)
    index = copy.pop("ruleIndex", None)
    if isinstance(index, int) and (extension, index) in new_indices:
        copy["ruleIndex"] = new_indices[extension, index]
    reference = copy.get("rule")
    if isinstance(reference, dict):
        reference = dict(reference)
        index = reference.pop("index", None)
        if isinstance(index, int) and (extension, index) in new_indices:
            reference["index"] = new_indices[extension, index]
        component = reference.get("toolComponent")
        if isinstance(component, dict) and extension is not None:
            new_component = {key: value for key, value in component.items() if key != "index"}
            if extension in extensions:
                new_component["index"] = extensions[extension]
            reference["toolComponent"] = new_component
        copy["rule"] = reference
    return copy


def _extension_index(result: Mapping[str, Any]) -> int | None:
    index = value_at(result, "rule", "toolComponent", "index")
    return index if isinstance(index, int) and index >= 0 else None


def _rule_key(result: Mapping[str, Any]) -> str:
    return f"{_extension_index(result)}\0{result.get('ruleId')}"
