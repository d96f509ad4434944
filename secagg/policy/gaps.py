"""Gaps in a scan: a tool that failed, what it did not look at, or no tool at all."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence, Set

from msgspec import Struct, field

from secagg.model.finding import KIND_WORDS, Kind
from secagg.policy.decision import Exceptions, ExceptionState, PolicyException
from secagg.system.patterns import lazy

_DIGITS = lazy(r"\d+")
# The line and column of a place such as app/old.py:7:12.
_LINE = lazy(r":\d+(?::\d+)?$")
_PUNCTUATION = "()[]:;,.'\""
# The tool's name that begins a sentence: "Trivy: ...".
_DRIVER = lazy(r"(?:[A-Z][\w-]{1,30}: )+")
_TOOLS_FOR = {
    Kind.VULNERABILITY: "let secagg scan run Trivy or Snyk: their clean reports do not tell",
    Kind.SECRET: "run Gitleaks, TruffleHog or Trivy",
    Kind.CODE: "run CodeQL or Snyk Code",
    Kind.MISCONFIGURATION: "run Trivy or Snyk IaC",
    Kind.LICENSE: "run Trivy with the scanner license",
}
_ACCEPT_HINT = (
    "or accept it for a while: "
    "secagg except add --gap WORDS-OF-IT --reason WHY --owner WHO --expires 30d"
)


class RunGap(Struct, frozen=True, kw_only=True):
    """One thing that a run did not look at; ``whole`` where the run as a whole is in doubt."""

    message: str
    whole: bool = False

    @property
    def key(self) -> str:
        """A key that stays the same from scan to scan, and through SARIF and back."""
        return gap_key(self.message)


def gap_key(message: str) -> str:
    """Make the key of a gap's sentence: it drops counts, lines, and the tool's name in front.

    Numbers in a name stay: the gap of ``shop2/package.json`` is not that of ``shop1/package.json``.
    """
    words = _DRIVER.sub("", message, count=1).split(" ")
    return " ".join(map(_without_count, words)).rstrip(". \u2026")


class ToolOutcome(Struct, frozen=True, kw_only=True):
    """A tool run, as far as a policy needs to know it; ``status`` is as in ``summary.json``.

    ``tool`` may carry a mode (``trivy (fs)``). ``gaps`` make the run incomplete; ``remarks`` are
    the keys of those that do not, such as gaps that were accepted before. ``broken`` is True
    where the run failed for another ``reason``. A run that does not mention an input that it
    should have had has failed (:mod:`secagg.scanners.coverage`). ``kinds`` are what it looked for
    to the end. A ``needed`` run is never optional: no other tool looked for the same.
    ``missing`` says that the tool is not installed.
    """

    tool: str
    component: str
    status: str
    optional: bool = False
    reason: str | None = None
    hint: str | None = None
    gaps: Sequence[RunGap] = ()
    remarks: frozenset[str] = frozenset()
    broken: bool = True
    version: str | None = None
    kinds: frozenset[Kind] = frozenset()
    needed: bool = False
    missing: bool = False


class Coverage(Struct, kw_only=True):
    """What a scan did not cover.

    ``sentences`` are the reasons why it is incomplete, ``notes`` the gaps that are accepted.
    ``accepted`` are the keys of accepted gaps and ``used`` the exceptions that name a gap.
    ``not_analysed`` is shown beside any verdict.
    """

    sentences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    used: list[PolicyException] = field(default_factory=list)
    not_analysed: list[str] = field(default_factory=list)


def assess_coverage(
    runs: Sequence[ToolOutcome],
    *,
    optional_tools: Collection[str],
    exceptions: Exceptions,
    in_base: Set[str],
    today: datetime.date,
    required: Sequence[Kind] = (),
) -> Coverage:
    """Collect the gaps of ``runs``, each once, and tell which are accepted.

    ``required`` are kinds that a tool must have looked for. An exception in force accepts a gap.
    So does the base of the change, where ``in_base`` has the gap's key and the gap does not put
    the whole run in doubt. Where no tool completed and there is no other reason, that is one.
    """
    result = Coverage()
    complete = False
    for run in runs:
        complete = complete or run.status == "complete"
        if run.status != "failed":
            continue
        optional = run.optional or run.tool.partition(" (")[0] in optional_tools
        if optional and not run.needed:
            result.notes += [
                f"{sentence}; it is optional, so the rest is judged without it"
                for sentence in _sentences(run, run.gaps)
            ]
            continue
        unaccepted = []
        for gap in run.gaps:
            why = _why_accepted(gap, result, exceptions, in_base, today)
            if why is None:
                unaccepted.append(gap)
            else:
                result.accepted.add(gap.key)
                result.notes.append(f"{_sentence(run, gap.message, None)}; {why}")
        if unaccepted or run.broken:
            result.sentences += _sentences(run, unaccepted)
        else:
            complete = True
    kinds = {kind for run in runs for kind in run.kinds}
    for kind in dict.fromkeys(required):
        if kind not in kinds:
            result.sentences.append(
                f"no tool that completed looked for {KIND_WORDS[kind]}, which is required "
                f"({_TOOLS_FOR[kind]}; or take {kind} out of require)"
            )
    if Kind.CODE not in kinds:
        result.not_analysed.append(f"code was not analysed: {_no_code_tool(runs)}")
    if not complete and not result.sentences:
        result.sentences.append("no tool completed, so problems may be missing")
    result.sentences = list(dict.fromkeys(result.sentences))
    result.notes = list(dict.fromkeys(result.notes))
    return result


def _without_count(word: str) -> str:
    bare = word.strip(_PUNCTUATION)
    if not bare.strip("0123456789.,:-%"):
        return _DIGITS.sub("#", word)
    return word.replace(bare, _LINE.sub(":#", bare), 1)


def _why_accepted(
    gap: RunGap,
    result: Coverage,
    exceptions: Exceptions,
    in_base: Set[str],
    today: datetime.date,
) -> str | None:
    """Why a gap is accepted, None where it is not; the exceptions for it count as used."""
    if gap.key in in_base and not gap.whole:
        return "the base of the change has this gap too"
    for exception in exceptions.covering_gap(gap.message):
        result.used.append(exception)
        if exception.standing(today) is ExceptionState.IN_FORCE:
            until = f" until {exception.expires}" if exception.expires else ""
            return f"{exception.owner or 'nobody'} accepts it{until} ({exception.source})"
    return None


def _sentences(run: ToolOutcome, gaps: Sequence[RunGap]) -> Iterator[str]:
    if run.broken or not gaps:
        yield _sentence(run, run.reason or "no reason given", run.hint)
    for gap in gaps:
        yield _sentence(run, gap.message, None if run.broken else _ACCEPT_HINT)


def _no_code_tool(runs: Sequence[ToolOutcome]) -> str:
    """Why no tool analysed code, by the outcome of CodeQL's runs."""
    codeql_runs = [run for run in runs if run.tool.partition(" (")[0] == "codeql"]
    if any(run.status == "failed" for run in codeql_runs):
        return "CodeQL did not complete"
    reasons = [run.reason for run in codeql_runs if run.reason and not run.missing]
    if not reasons:
        return "no CodeQL"
    return f"CodeQL is {reasons[0]}" if reasons[0].startswith("switched off") else reasons[0]


def _sentence(run: ToolOutcome, reason: str, hint: str | None) -> str:
    place = "" if run.component == "." else f" in {run.component}"
    advice = f" ({hint})" if hint else ""
    return f"{run.tool}{place} did not complete: {reason}{advice}"
