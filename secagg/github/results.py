"""Repair results for code scanning, and leave out those that must not become alerts."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secagg.github.limits import Limits, Tally
from secagg.github.places import UploadPlaces, line_of, path_of
from secagg.jsonio.members import as_mapping, text_at
from secagg.model.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.sarif.rules import RuleTable
from secagg.sarif.text import message_text

_NO_PROBLEM_KINDS = frozenset({"pass", "notApplicable", "informational"})
_IDENTITY_KEY = "secagg/v1"


def mend_results(
    run: dict[str, Any],
    rules: RuleTable,
    *,
    root: Path | None,
    prefix: str,
    tally: Tally,
    limits: Limits,
    keep_suppressed: bool,
) -> None:
    """Repair the results of ``run`` in place; leave out and count those that GitHub cannot show."""
    places = UploadPlaces(run, root, tally, prefix)
    mended = []
    for result in run["results"]:
        reason = _reason_to_leave_out(result, keep_suppressed=keep_suppressed)
        if reason is None and not places.mend(result):
            reason = "it has no location in a file"
        if reason is not None:
            tally.leave_out(reason, _example(result))
            continue
        _mend_message(result, rules, tally)
        _cut_lists(result, limits, tally)
        if "secagg/moved" in (result.get("properties") or {}):
            tally.mend("result against the schema, moved aside what it forbids", _example(result))
        mended.append(result)
    run["results"] = mended
    # With a tally of its own, as their faults were counted with the results.
    UploadPlaces(run, root, Tally(), prefix).mend_artifacts(run.get("artifacts"))
    _add_fingerprints(mended, tally)


def is_suppressed(result: Mapping[str, Any]) -> bool:
    """Return whether a result has suppressions, all accepted (SARIF 2.1.0, 3.27.23)."""
    suppressions = result.get("suppressions")
    return bool(suppressions) and all(
        isinstance(suppression, Mapping) and suppression.get("status", "accepted") == "accepted"
        for suppression in suppressions or ()
    )


def _reason_to_leave_out(result: Mapping[str, Any], *, keep_suppressed: bool) -> str | None:
    # GitHub ignores kind and baselineState, and would open an alert for each of these.
    if result.get("kind", "fail") in _NO_PROBLEM_KINDS:
        return f"it is no problem (kind {result['kind']})"
    if result.get("baselineState") == "absent":
        return "it is gone since the baseline"
    if not keep_suppressed and is_suppressed(result):
        return "it is suppressed"
    return None


def _example(result: Mapping[str, Any]) -> str:
    rule = result.get("ruleId")
    try:
        return f"{rule} in {path_of(result)}"
    except (KeyError, IndexError, TypeError):
        return str(rule)


def _mend_message(result: dict[str, Any], rules: RuleTable, tally: Tally) -> None:
    message = result.get("message")
    if isinstance(message, dict) and isinstance(message.get("text"), str) and message["text"]:
        return
    view = rules.find(result)
    text = ""
    if view is not None:
        text = message_text(message, view.strings, view.shared) or view.title or view.rule.id
    result["message"] = {"text": text or str(result.get("ruleId"))}
    tally.mend("message without a text", _example(result))


def _cut_lists(result: dict[str, Any], limits: Limits, tally: Tally) -> None:
    for key in ("locations", "relatedLocations"):
        items = result.get(key)
        if not isinstance(items, list) or len(items) <= limits.locations_shown:
            continue
        tally.truncate("result of which GitHub shows some locations only", _example(result))
        if len(items) > limits.locations:
            result[key] = items[: limits.locations]
            tally.cut("result with more locations than GitHub takes", _example(result))
    flows = result.get("codeFlows")
    if isinstance(flows, list) and flows:
        total = sum(len(thread) for thread in _thread_locations(flows))
        if total > limits.flow_locations_shown:
            tally.truncate("result of which GitHub shows some steps of its flows", _example(result))
        if total > limits.flow_locations:
            result["codeFlows"] = _shorten_flows(flows, limits.flow_locations)
            tally.cut("result with more steps in its flows than GitHub takes", _example(result))


def _thread_locations(flows: list[Any]) -> list[list[Any]]:
    return [
        thread["locations"]
        for flow in flows
        if isinstance(flow, dict)
        for thread in flow.get("threadFlows") or ()
        if isinstance(thread, dict) and isinstance(thread.get("locations"), list)
    ]


def _shorten_flows(flows: list[Any], limit: int) -> list[Any]:
    """Return as many whole flows as fit; of one that is too long, both ends."""
    whole_flows, room = [], limit
    for flow in flows:
        steps = sum(len(thread) for thread in _thread_locations([flow]))
        if steps <= room:
            whole_flows.append(flow)
            room -= steps
    if whole_flows:
        return whole_flows
    thread = max(_thread_locations(flows[:1]), key=len)
    head = (limit + 1) // 2
    ends = thread[:head] + thread[len(thread) - (limit - head) :]
    return [{"threadFlows": [{"locations": ends}]}]


def _add_fingerprints(results: list[dict[str, Any]], tally: Tally) -> None:
    """Add the line hash by which GitHub matches alerts to results that lack one.

    It is the identity of the finding, else a hash of rule, file and message without digits. Equal
    ones are numbered in the order of their lines. Without it a line that moves makes a new alert.
    """
    shared_hashes = _shared_hashes(results)
    unmarked = [r for r in results if not _line_hash(r) or _hash_key(r) in shared_hashes]
    count_of_key: Counter[str] = Counter()
    for result in sorted(unmarked, key=lambda r: (path_of(r), line_of(r))):
        fingerprints = dict(as_mapping(result.get("partialFingerprints")))
        basis = fingerprints.get(_IDENTITY_KEY)
        if not isinstance(basis, str) or not basis:
            message = re.sub(r"\d+", "0", str(result["message"].get("text")))
            text = "\0".join((str(result.get("ruleId")), path_of(result), message))
            basis = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        key = f"{result.get('ruleId')}\0{path_of(result)}\0{basis}"
        count_of_key[key] += 1
        mend = "fingerprint that several lines share" if _line_hash(result) else None
        fingerprints[PRIMARY_LOCATION_LINE_HASH] = f"{basis[:32]}:{count_of_key[key]}"
        result["partialFingerprints"] = fingerprints
        tally.mend(mend or "fingerprint that was missing", _example(result))


def _shared_hashes(results: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return the line hashes that several lines of one file share.

    GitHub would show their results as one alert.
    """
    lines: dict[tuple[str, str, str], set[int]] = {}
    for result in results:
        lines.setdefault(_hash_key(result), set()).add(line_of(result))
    return {key for key, lines_of_hash in lines.items() if len(lines_of_hash) > 1 and key[2]}


def _hash_key(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(result.get("ruleId")), path_of(result), _line_hash(result) or ""


def _line_hash(result: Mapping[str, Any]) -> str | None:
    return text_at(result, "partialFingerprints", PRIMARY_LOCATION_LINE_HASH)
