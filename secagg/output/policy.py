"""Show policies, messages of policy checks and results of policy tests."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.output.junit import add_case, add_result, add_suite, junit_document
from secagg.output.verdict import step_line
from secagg.policy.decision import Action, DecisionSource
from secagg.policy.load import match_document
from secagg.policy.model import CompareWith, Policy, PolicyRule
from secagg.policy.reasons import plural, quantity
from secagg.policycheck.names import CheckMessage
from secagg.policytest.run import SENTENCE, CaseResult, FileResult, Mismatch

_COMPARISONS = {
    CompareWith.AUTO: "the stored run of its base, or else a scan of it",
    CompareWith.SCAN: "a scan of its base",
    CompareWith.NONE: "nothing, unless --baseline says with what",
}
_COLOURS = {Action.FAIL: "1;31", Action.WARN: "33", Action.IGNORE: "2"}
_PASSED, _FAILED = "\u2713", "\u2717"
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_WIDTH = 100
_ASCII = re.compile(r"[\n\x20-\x7e]*")


def messages_text(messages: Sequence[CheckMessage], files: int, style: Style) -> str:
    """Return two lines a message: place and error, as compilers write them, and a hint."""
    lines = []
    for message in messages:
        code = style.paint(message.code, "33")
        lines.append(f"{terminal(message.where)}: {code}: {terminal(message.text)}")
        if message.advice:
            lines.append(f"  hint: {terminal(message.advice)}")
    summary = quantity(len(messages), "message") if messages else "nothing to mend"
    checked = f"{files:,} {plural(files, 'policy', 'policies')} checked"
    return "\n".join([*lines, f"{checked}: {summary}"])


def messages_json(messages: Sequence[CheckMessage]) -> str:
    """Return the messages of a check as JSON."""
    rows = [
        {
            "where": message.where,
            "code": message.code,
            "text": message.text,
            "advice": message.advice,
        }
        for message in messages
    ]
    return json.dumps({"schema_version": 1, "messages": rows}, indent=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyListEntry:
    """A policy in the list: ``source`` is ``built in``, or the package that it comes from."""

    name: str
    source: str
    description: str


def policies_table(policies: Sequence[PolicyListEntry], style: Style) -> str:
    """Return a line a policy, with their sources unless all are built in."""
    any_installed = any(policy.source != "built in" for policy in policies)
    headers = ["NAME", *(["SOURCE"] if any_installed else []), "DESCRIPTION"]
    cells = [
        [
            style.paint(terminal(policy.name), "1"),
            *([terminal(policy.source)] if any_installed else []),
            terminal(policy.description),
        ]
        for policy in policies
    ]
    return draw(headers, cells, style, stretch=(len(headers) - 1,), shares=(1,))


def policies_json(policies: Sequence[PolicyListEntry]) -> str:
    """Return the list of policies as JSON."""
    rows = [
        {"name": policy.name, "source": policy.source, "description": policy.description}
        for policy in policies
    ]
    return json.dumps({"schema_version": 1, "policies": rows}, indent=2)


def policy_table(policy: Policy, chain: Sequence[str], origins: Sequence[str], style: Style) -> str:
    """Return the rules and settings of ``policy`` as text.

    ``chain`` are the policies that it extends, itself first, and ``origins`` names for each rule
    the one that it comes from.
    """
    head = style.paint(terminal(policy.name), "1")
    if policy.description:
        head += f": {terminal(policy.description)}"
    lines = [head]
    if len(chain) > 1:
        lines.append(" extends ".join(terminal(name) for name in chain))
    headers = ["", "WHEN", "THEN", "WHY", "RULE", *(["FROM"] if len(chain) > 1 else [])]
    cells = []
    for number, (rule, origin) in enumerate(zip(policy.rules, origins, strict=True), 1):
        line = [
            str(number),
            terminal(match_words(match_document(rule.match))),
            style.paint(action_words(rule), _COLOURS[rule.action]),
            terminal(rule.why or ""),
            terminal(rule.name),
        ]
        cells.append([*line, terminal(origin)] if len(chain) > 1 else line)
    lines += ["", draw(headers, cells, style, stretch=(1, 3), shares=(1, 1)), ""]
    lines += [terminal(sentence) for sentence in _setting_sentences(policy)]
    return "\n".join(lines)


def action_words(rule: PolicyRule) -> str:
    """Return ``fail``, or with a limit ``warn up to 10, then fail``."""
    if rule.limit is None:
        return rule.action.value
    below = Action.WARN if rule.action is Action.FAIL else rule.action
    return f"{below} up to {rule.limit:,}, then fail" if rule.limit else "fail (a limit of 0)"


def match_words(match: Mapping[str, Any]) -> str:
    """Return ``kind secret, severity high.., not (path tests/)``; without keys ``everything``."""
    parts = []
    for key, value in match.items():
        if key == "any":
            parts.append("any of (" + " | ".join(match_words(inner) for inner in value) + ")")
        elif key == "not":
            parts.append(f"not ({match_words(value)})")
        elif isinstance(value, list):
            parts.append(f"{key} {' or '.join(value)}")
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            parts.append(f"{key} {text}")
    return ", ".join(parts) or "everything"


def results_text(files: Sequence[FileResult], style: Style, *, quiet: bool = False) -> str:
    """Return the cases of all files; with ``quiet`` only those that failed."""
    lines: list[str] = []
    for file in files:
        cases_shown = [case for case in file.cases if not (quiet and case.passed)]
        if cases_shown:
            lines.append(f"{terminal(file.file)} (policy {terminal(file.policy)})")
        for case in cases_shown:
            lines += _case_lines(case, style)
        if file.untested and not quiet:
            rules = ", ".join(map(terminal, file.untested))
            lines.append(style.paint(f"  rules that took no problem here: {rules}", "2"))
    cases = [case for file in files for case in file.cases]
    failed = sum(not case.passed for case in cases)
    end = f"{quantity(len(cases), 'case')} in {quantity(len(files), 'file')}: "
    end += style.paint(f"{failed:,} failed", "1;31") if failed else style.paint("all pass", "1;32")
    return "\n".join([*lines, end])


def results_junit(files: Sequence[FileResult]) -> str:
    """Return the results as JUnit XML, a suite a file."""
    root = ET.Element("testsuites", name="secagg policy test")
    for file in files:
        suite = add_suite(root, file.file)
        for case in file.cases:
            line = case.where.removeprefix(f"{file.file}:").partition(":")[0]
            element = add_case(suite, file.policy, case.name, path=file.file, line=int(line))
            if case.mismatches:
                message = "; ".join(_mismatch_sentence(mismatch) for mismatch in case.mismatches)
                text = "\n".join(_mismatch_lines(case.mismatches))
                add_result(element, "failure", message, kind="mismatch", text=text)
    return junit_document(root).decode("utf-8")


def yaml_text(document: dict[str, Any]) -> str:
    """Return ``document`` (of plain values) as YAML, in its own order, with a final newline."""
    yaml = YAML(typ="rt")
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_quote_unsafe(document), out)
    text = out.getvalue()
    if _ASCII.fullmatch(text):
        return text
    return "".join(_escape(c) if c != "\n" and _is_unsafe(c) else c for c in text)


def _setting_sentences(policy: Policy) -> list[str]:
    sentences = ["The first rule that matches decides; what no rule takes is ignored."]
    if policy.max_age:
        ages = ", ".join(
            f"{severity} {quantity(days, 'day')}" for severity, days in policy.max_age.items()
        )
        due_soon = quantity(policy.due_soon, "day")
        sentences.append(
            f"From first seen to fixed: {ages}; what is late fails. "
            f"A note says so {due_soon} before."
        )
    approvals = [f"{s} {people} people" for s, people in policy.approval.items() if people > 1]
    if approvals:
        sentences.append(
            f"A decision that hides a problem counts once so many have made it: "
            f"{', '.join(approvals)}."
        )
    severity, tool = policy.unknown_severity, policy.unknown_tool
    if severity is None:
        sentences.append(
            "Of unknown severity: counts as high or worse, and as medium where only linters "
            f"report it; of unknown tools: as {tool} or worse."
        )
    elif severity is tool:
        sentences.append(
            f"Of unknown severity, or of unknown tools: counts as {severity} or worse."
        )
    else:
        sentences.append(
            f"Of unknown severity: counts as {severity} or worse; "
            f"of unknown tools: as {tool} or worse."
        )
    if policy.baseline is not None:
        sentences.append(f"A change is compared with: {_COMPARISONS[policy.baseline]}.")
    if policy.max_database_age is not None:
        max_age = quantity(policy.max_database_age, "day")
        sentences.append(f"A scanner's database of advisories may be {max_age} old.")
    if policy.known_tools:
        sentences.append(f"Tools known besides secagg's own: {', '.join(policy.known_tools)}.")
    if policy.require:
        kinds = ", ".join(policy.require)
        sentences.append(f"A scan in which no tool looked for one of these is incomplete: {kinds}.")
    if policy.optional_tools:
        sentences.append(f"Tools that may fail: {', '.join(policy.optional_tools)}.")
    for gap in policy.gaps:
        gap_text = " or ".join(gap.gap)
        sentences.append(
            f"Accepted until {gap.expires} by {gap.owner}, though no tool looks at it: {gap_text} "
            f"({gap.reason})."
        )
    sentences.append(
        f"An exception holds for {quantity(policy.exceptions.max_days, 'day')} at the most."
    )
    trusted = policy.decisions.trust
    if set(trusted) != set(DecisionSource):
        sentences.append(
            f"Decisions count that are made in: {', '.join(trusted) or 'nothing'}; "
            "others are shown as not trusted."
        )
    return sentences


def _case_lines(case: CaseResult, style: Style) -> Iterator[str]:
    mark = style.paint(_PASSED, "32") if case.passed else style.paint(_FAILED, "1;31")
    yield f"  {mark} {terminal(case.name)}"
    yield from (f"      {line}" for line in _mismatch_lines(case.mismatches))


def _mismatch_lines(mismatches: Sequence[Mismatch]) -> Iterator[str]:
    """Yield each mismatch with its place, and once for each finding how it was judged."""
    for number, mismatch in enumerate(mismatches):
        yield terminal(f"{mismatch.where}: {_mismatch_sentence(mismatch)}")
        yield from (f"  {terminal(f'said: {sentence}')}" for sentence in mismatch.shown)
        remaining = mismatches[number + 1 :]
        last_of_finding = not remaining or remaining[0].steps is not mismatch.steps
        if last_of_finding:
            yield from (f"  {step_line(step)}" for step in mismatch.steps)


def _mismatch_sentence(mismatch: Mismatch) -> str:
    subject = "" if mismatch.finding is None else f"{mismatch.finding}: "
    field = "" if mismatch.aspect == SENTENCE else f"{mismatch.aspect} "
    return f"{subject}expected {field}{mismatch.expected}, got {mismatch.actual}"


def _quote_unsafe(value: Any) -> Any:
    """Put texts with unsafe characters into double quotes, where YAML has escapes."""
    if isinstance(value, dict):
        return {_quote_unsafe(key): _quote_unsafe(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_quote_unsafe(inner) for inner in value]
    if isinstance(value, str) and any(map(_is_unsafe, value)):
        return DoubleQuotedScalarString(value)
    return value


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
