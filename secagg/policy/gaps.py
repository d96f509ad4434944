"""What a scan did not cover: a tool that failed, what it did not look at, or no tool at all."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass, field

from secagg.model.finding import KIND_WORDS, Kind
from secagg.policy.decision import Exceptions, ExceptionState, PolicyException

_DIGITS = re.compile(r"\d+")
# Of a place such as app/old.py:7:12, and what may stand around a word.
_LINE = re.compile(r":\d+(?::\d+)?$")
_AROUND = "()[]:;,.'\""
_DRIVER = re.compile(r"(?:[A-Z][\w-]{1,30}: )+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGap:
    """One thing that a run has not looked at; ``whole`` where the run is in doubt as a whole."""

    message: str
    whole: bool = False

    @property
    def key(self) -> str:
        """What tells it from other gaps, from scan to scan and through SARIF and back."""
        return gap_key(self.message)


def gap_key(message: str) -> str:
    """Make the key of a gap's sentence: without counts, lines, and the tool's name before it.

    Numbers in a name stay: the gap of ``shop2/package.json`` is not that of ``shop1/package.json``.
    """
    words = _DRIVER.sub("", message, count=1).split(" ")
    return " ".join(map(_without_count, words)).rstrip(". \u2026")


def _without_count(word: str) -> str:
    bare = word.strip(_AROUND)
    if not bare.strip("0123456789.,:-%"):
        return _DIGITS.sub("#", word)
    return word.replace(bare, _LINE.sub(":#", bare), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What a policy needs to know of a tool run: ``status`` as in ``summary.json``.

    ``tool`` may carry a mode (``trivy (fs)``). ``gaps`` are what makes it incomplete by itself;
    ``remarks`` are the keys of what does not, such as gaps that were accepted before.
    ``broken`` is True where the run failed for another ``reason`` than these. A run that said
    nothing of input that it should have had has failed (:mod:`secagg.scanners.coverage`).
    ``kinds`` are what it has looked for to the end. A ``needed`` run is not optional, whoever says
    so: nobody else has looked for what it looks for. ``missing`` says that it is not installed.
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


@dataclass(slots=True, kw_only=True)
class Coverage:
    """What a scan covered.

    ``sentences`` are the reasons for which it is incomplete, ``notes`` what is accepted.
    ``accepted`` are the keys of accepted gaps and ``used`` the exceptions that accept them.
    ``not_analysed`` is to be said beside the verdict, whatever it is.
    """

    sentences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    used: list[PolicyException] = field(default_factory=list)
    not_analysed: list[str] = field(default_factory=list)


def coverage(
    runs: Sequence[ToolOutcome],
    *,
    optional_tools: Collection[str],
    exceptions: Exceptions,
    in_base: Set[str],
    today: datetime.date,
    required: Sequence[Kind] = (),
) -> Coverage:
    """Say what ``runs`` have not looked at, each gap once, and what of it is accepted.

    ``required`` are kinds that somebody must have looked for.

    A gap is accepted by an exception in force, or where the base of the change has it too
    (``in_base`` holds the keys of its gaps): then it names a file or package, and is not the
    change's. Where nothing completed and nothing is said, that is the reason.
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
        left = []
        for gap in run.gaps:
            why = _accepted(gap, result, exceptions, in_base, today)
            if why is None:
                left.append(gap)
            else:
                result.accepted.add(gap.key)
                result.notes.append(f"{_sentence(run, gap.message, None)}; {why}")
        if left or run.broken:
            result.sentences += _sentences(run, left)
        else:
            complete = True
    kinds = {kind for run in runs for kind in run.kinds}
    for kind in dict.fromkeys(required):
        if kind not in kinds:
            result.sentences.append(
                f"no tool that completed looked for {KIND_WORDS[kind]}, which is required "
                f"({_LOOKERS[kind]}; or take {kind} out of require)"
            )
    if Kind.CODE not in kinds:
        result.not_analysed.append(f"code was not analysed: {_no_code_tool(runs)}")
    if not complete and not result.sentences:
        result.sentences.append("no tool completed: nothing vouches for this repository")
    result.sentences = list(dict.fromkeys(result.sentences))
    result.notes = list(dict.fromkeys(result.notes))
    return result


def _accepted(
    gap: RunGap,
    found: Coverage,
    exceptions: Exceptions,
    in_base: Set[str],
    today: datetime.date,
) -> str | None:
    """Why a gap is accepted; None where it is not."""
    if gap.key in in_base and not gap.whole:
        return "the base of the change has this gap too"
    for exception in exceptions.covering_gap(gap.message):
        found.used.append(exception)
        if exception.standing(today) is ExceptionState.IN_FORCE:
            until = f" until {exception.expires}" if exception.expires else ""
            return f"{exception.owner or 'nobody'} accepts it{until} ({exception.source})"
    return None


def _sentences(run: ToolOutcome, gaps: Sequence[RunGap]) -> Iterator[str]:
    if run.broken or not gaps:
        yield _sentence(run, run.reason or "no reason given", run.hint)
    for gap in gaps:
        yield _sentence(run, gap.message, None if run.broken else _WAY_OUT)


_LOOKERS = {
    Kind.VULNERABILITY: "run Trivy or Snyk",
    Kind.SECRET: "run Gitleaks, TruffleHog or Trivy",
    Kind.CODE: "run CodeQL or Snyk Code",
    Kind.MISCONFIGURATION: "run Trivy or Snyk IaC",
    Kind.LICENSE: "run Trivy with the scanner license",
}


def _no_code_tool(runs: Sequence[ToolOutcome]) -> str:
    """Why nobody analysed code, by what became of CodeQL."""
    own = [run for run in runs if run.tool.partition(" (")[0] == "codeql"]
    if any(run.status == "failed" for run in own):
        return "CodeQL did not complete"
    reasons = [run.reason for run in own if run.reason and not run.missing]
    return reasons[0] if reasons else "no CodeQL"


_WAY_OUT = (
    "or accept it for a while: "
    "secagg except add --gap WORDS-OF-IT --reason WHY --owner WHO --expires 30d"
)


def _sentence(run: ToolOutcome, reason: str, hint: str | None) -> str:
    place = "" if run.component == "." else f" in {run.component}"
    way = f" ({hint})" if hint else ""
    return f"{run.tool}{place} did not complete: {reason}{way}"
