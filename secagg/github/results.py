"""Results as code scanning needs them, and which of them it would not show."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secagg.github.limits import Limits, Tally
from secagg.github.places import UploadPlaces, line_of, path_of
from secagg.model.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.sarif.rules import RuleTable
from secagg.sarif.text import message_text

_NO_PROBLEM = frozenset({"pass", "notApplicable", "informational"})


_IDENTITY = "secagg/v1"


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
    """Repair the results of ``run`` in place; what cannot be shown is left out, and counted."""
    places = UploadPlaces(run, root, tally, prefix)
    kept = []
    for result in run["results"]:
        why = _not_to_be_sent(result, keep_suppressed=keep_suppressed)
        if why is None and not places.mend(result):
            why = "it has no location in a file"
        if why is not None:
            tally.leave_out(why, _example(result))
            continue
        _mend_message(result, rules, tally)
        _cut(result, limits, tally)
        if "secagg/moved" in (result.get("properties") or {}):
            tally.mend("result against the schema, moved aside what it forbids", _example(result))
        kept.append(result)
    run["results"] = kept
    # Not counted: what is wrong with them was counted with the results.
    UploadPlaces(run, root, Tally(), prefix).mend_artifacts(run.get("artifacts"))
    _add_fingerprints(kept, tally)


def is_suppressed(result: Mapping[str, Any]) -> bool:
    """Return whether suppressions are in force: there are some, and all are accepted (3.27.23)."""
    given = result.get("suppressions")
    return bool(given) and all(
        isinstance(s, Mapping) and s.get("status", "accepted") == "accepted" for s in given or ()
    )


def _not_to_be_sent(result: Mapping[str, Any], *, keep_suppressed: bool) -> str | None:
    # GitHub reads neither kind nor baselineState: it would open an alert for each of these.
    if result.get("kind", "fail") in _NO_PROBLEM:
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


def _cut(result: dict[str, Any], limits: Limits, tally: Tally) -> None:
    for key in ("locations", "relatedLocations"):
        listed = result.get(key)
        if not isinstance(listed, list) or len(listed) <= limits.locations_shown:
            continue
        tally.truncate("result of which GitHub shows some locations only", _example(result))
        if len(listed) > limits.locations:
            result[key] = listed[: limits.locations]
            tally.cut("result with more locations than GitHub takes", _example(result))
    flows = result.get("codeFlows")
    if isinstance(flows, list) and flows:
        total = sum(len(thread) for thread in _threads(flows))
        if total > limits.flow_locations_shown:
            tally.truncate("result of which GitHub shows some steps of its flows", _example(result))
        if total > limits.flow_locations:
            result["codeFlows"] = _shortened(flows, limits.flow_locations)
            tally.cut("result with more steps in its flows than GitHub takes", _example(result))


def _threads(flows: list[Any]) -> list[list[Any]]:
    return [
        thread["locations"]
        for flow in flows
        if isinstance(flow, dict)
        for thread in flow.get("threadFlows") or ()
        if isinstance(thread, dict) and isinstance(thread.get("locations"), list)
    ]


def _shortened(flows: list[Any], longest: int) -> list[Any]:
    """Whole flows as far as they fit; one that is too long by itself keeps both its ends."""
    kept, left = [], longest
    for flow in flows:
        steps = sum(len(thread) for thread in _threads([flow]))
        if steps <= left:
            kept.append(flow)
            left -= steps
    if kept:
        return kept
    thread = max(_threads(flows[:1]), key=len)
    head = (longest + 1) // 2
    ends = thread[:head] + thread[len(thread) - (longest - head) :]
    return [{"threadFlows": [{"locations": ends}]}]


def _add_fingerprints(results: list[dict[str, Any]], tally: Tally) -> None:
    """GitHub knows an alert again by the line hash; without one, lines that move make new alerts.

    What stands in for it is the identity of the finding, or else what is said of which rule
    and file without numbers; equal ones are numbered in the order of their lines.
    """
    shared = _shared_hashes(results)
    without = [r for r in results if not _line_hash(r) or _hash_key(r) in shared]
    alike: Counter[str] = Counter()
    for result in sorted(without, key=lambda r: (path_of(r), line_of(r))):
        given = result.get("partialFingerprints")
        given = dict(given) if isinstance(given, Mapping) else {}
        basis = given.get(_IDENTITY)
        if not isinstance(basis, str) or not basis:
            message = re.sub(r"\d+", "0", str(result["message"].get("text")))
            text = "\0".join((str(result.get("ruleId")), path_of(result), message))
            basis = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        key = f"{result.get('ruleId')}\0{path_of(result)}\0{basis}"
        alike[key] += 1
        what = "fingerprint that several lines share" if _line_hash(result) else None
        given[PRIMARY_LOCATION_LINE_HASH] = f"{basis[:32]}:{alike[key]}"
        result["partialFingerprints"] = given
        tally.mend(what or "fingerprint that was missing", _example(result))


def _shared_hashes(results: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Hashes that a producer gave to several lines of one file: they tell nothing apart.

    GitHub would fold the results into one alert.
    """
    lines: dict[tuple[str, str, str], set[int]] = {}
    for result in results:
        lines.setdefault(_hash_key(result), set()).add(line_of(result))
    return {key for key, results_of_line in lines.items() if len(results_of_line) > 1 and key[2]}


def _hash_key(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(result.get("ruleId")), path_of(result), _line_hash(result) or ""


def _line_hash(result: Mapping[str, Any]) -> str | None:
    given = result.get("partialFingerprints")
    value = given.get(PRIMARY_LOCATION_LINE_HASH) if isinstance(given, Mapping) else None
    return value if isinstance(value, str) and value else None
