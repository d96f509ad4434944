"""What was expected of a case, beside what came out."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from secagg.policy.decision import Decision, Judgement
from secagg.policy.explain import RuleStep, chain
from secagg.policy.sentences import named
from secagg.policytest.findings import words
from secagg.policytest.judging import JudgedCase
from secagg.policytest.load import Loaded
from secagg.policytest.model import Case, CaseFinding, Expectation

# What a test calls it where no rule takes a finding.
NO_RULE = "none"
# What a mismatch is about where it is about the words shown.
SENTENCE = "sentence"
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Something that came out otherwise than expected.

    ``where`` is the place of the expectation (``file:line:column``); ``finding`` says which
    finding it is about, ``None`` being the verdict, and ``steps`` how the policy came to it.
    ``said`` are the sentences that were shown.
    """

    where: str
    what: str
    expected: str
    actual: str
    finding: str | None = None
    steps: Sequence[RuleStep] = ()
    said: Sequence[str] = ()


def mismatches(loaded: Loaded, number: int, case: Case, judged: JudgedCase) -> Iterator[Mismatch]:
    """All that went otherwise in the case ``number``, its verdict first."""
    yield from _verdict(loaded, number, case, judged.decision)
    for index, tested in enumerate(case.findings):
        yield from _finding(loaded, (number, index), tested, judged)


def _verdict(loaded: Loaded, number: int, case: Case, decision: Decision) -> Iterator[Mismatch]:
    said = [*decision.reasons, *decision.notes]
    if decision.verdict is not case.verdict:
        yield Mismatch(
            where=loaded.placed.where("cases", number, "verdict"),
            what="verdict",
            expected=case.verdict,
            actual=decision.verdict,
            said=list(decision.reasons) or list(_actions(decision)),
        )
    yield from _says(loaded, ("cases", number, "says"), case.says, said)


def _actions(decision: Decision) -> Iterator[str]:
    """What became of the findings, alike ones together."""
    found = Counter(
        f"{named(judgement.group)}: {judgement.action} by {_decider(judgement)}"
        for judgement in decision.judgements
    )
    for sentence, number in list(found.items())[:_NAMED]:
        yield sentence if number == 1 else f"{sentence} ({number:,} times)"
    if len(found) > _NAMED:
        yield f"and {len(found) - _NAMED:,} more"


def _decider(judgement: Judgement) -> str:
    if judgement.exception is not None:
        return f"an exception ({judgement.exception.source})"
    return "no rule" if judgement.rule is None else f"rule {judgement.rule}"


def _finding(
    loaded: Loaded, number: tuple[int, int], tested: CaseFinding, judged: JudgedCase
) -> Iterator[Mismatch]:
    """The first of the findings that went otherwise, where it stands for several."""
    if tested.expect is None:
        return
    for judgement in judged.by_finding[number[1]]:
        found = list(_judgement(loaded, number, tested, tested.expect, judgement, judged.today))
        if found:
            yield from found
            return


def _judgement(
    loaded: Loaded,
    number: tuple[int, int],
    tested: CaseFinding,
    expect: Expectation,
    judgement: Judgement,
    today: datetime.date,
) -> Iterator[Mismatch]:
    loc = ("cases", number[0], "findings", number[1], "expect")
    pairs = (
        ("action", expect.action, judgement.action),
        ("rule", expect.rule, judgement.rule or NO_RULE),
        ("counts_as", expect.counts_as, judgement.severity),
        ("excepted", expect.excepted, judgement.exception is not None),
    )
    steps = chain(loaded.policy, judgement, today)
    name = words(tested)
    for what, expected, actual in pairs:
        if expected is not None and expected != actual:
            yield Mismatch(
                where=loaded.placed.where(*loc, what),
                what=what,
                expected=_word(expected),
                actual=_word(actual),
                finding=name,
                steps=steps,
            )
    said = [judgement.why] if judgement.why else []
    if judgement.exception is not None:
        said.append(f"{judgement.exception.target}: {judgement.exception.reason}")
    for mismatch in _says(loaded, (*loc, "says"), expect.says, said):
        yield replace(mismatch, finding=name, steps=steps)


def _says(
    loaded: Loaded, loc: tuple[int | str, ...], wanted: Sequence[str], said: Sequence[str]
) -> Iterator[Mismatch]:
    whole = [sentence.casefold() for sentence in said]
    for part in wanted:
        if not any(part.casefold() in sentence for sentence in whole):
            yield Mismatch(
                where=loaded.placed.where(*loc),
                what=SENTENCE,
                expected=f"a sentence with {part!r}",
                actual="others" if said else "none",
                said=said,
            )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
