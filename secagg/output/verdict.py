"""Show the verdict with its reasons and the next commands, and print the blocks of a screen."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from msgspec import Struct

from secagg import ids
from secagg.output import console
from secagg.output.decision import DecisionDocument
from secagg.output.escape import LONGEST_SENTENCE, cell, terminal, workflow_data
from secagg.output.grid import CILog, Style
from secagg.output.tables import severities_text
from secagg.policy.match import RuleStep

_COLOURS = {"pass": "1;32", "fail": "1;31", "incomplete": "1;33"}
_MOST_NOTES = 20
_COMMENT_COLUMN = 46


class Block(Struct, frozen=True, kw_only=True):
    """A part of a screen; with a title in ``fold`` a CI log may fold it."""

    text: str
    fold: str | None = None


def show_blocks(blocks: Sequence[Block], style: Style) -> None:
    """Print the ``blocks`` that have text, with an empty line between them outside of CI logs.

    Source: GitHub Docs, "Workflow commands for GitHub Actions", "Grouping log lines".
    """
    non_empty = [block for block in blocks if block.text]
    for number, block in enumerate(non_empty):
        if block.fold is not None and style.log is CILog.GITHUB:
            title = workflow_data(terminal(block.fold))
            console.commands([f"::group::{title}"], on_stdout=True)
            console.out(block.text + "\n")
            console.commands(["::endgroup::"], on_stdout=True)
        elif block.fold is not None and style.log is CILog.GITLAB:
            name = f"secagg_{number}"
            console.gitlab_section(name, block.fold)
            console.out(block.text + "\n")
            console.gitlab_section(name, None)
        else:
            last = number == len(non_empty) - 1
            console.out(block.text + ("\n" if last or style.log is not None else "\n\n"))


class HintOptions(Struct, frozen=True, kw_only=True):
    """The options that the suggested next commands need to find the same scan again.

    ``show``, ``except_add`` and ``doctor`` each hold the arguments of that command. ``reports``
    were judged without being recorded, so only ``secagg gate`` can explain their findings.
    """

    show: Sequence[str] = ()
    except_add: Sequence[str] = ()
    doctor: Sequence[str] = ()
    reports: Sequence[str] = ()


def step_line(step: RuleStep) -> str:
    """Return one rule's line in the explanation of an action; an arrow marks the deciding rule."""
    mark = "\u2192" if step.decisive else "\u00b7"
    verdict = "matches" if step.matched else "does not match" if step.matched is False else "?"
    why = f": {step.why}" if step.why else ""
    return terminal(f"{mark} {step.name} {verdict}{why}")


def notes_text(decision: DecisionDocument, style: Style) -> str:
    """Return the notes, a line each; an empty string if there are none."""
    lines = [
        style.wrapped(cell(note, LONGEST_SENTENCE), first="note: ", rest="      ")
        for note in decision.notes[:_MOST_NOTES]
    ]
    omitted = len(decision.notes) - _MOST_NOTES
    if omitted > 0:
        lines.append(f"note: and {omitted:,} more notes, all in decision.json")
    return "\n".join(lines)


def verdict_text(decision: DecisionDocument, style: Style, hints: HintOptions | None = None) -> str:
    """Return counts, comparison, verdict and reasons, and with ``hints`` next commands."""
    lines = [style.wrapped(counts_text(decision), rest="  "), *_change_lines(decision, style)]
    verdict = style.paint(decision.verdict.upper(), _COLOURS[decision.verdict])
    lines.append(f"{verdict} by policy {terminal(decision.policy)}")
    lines += [
        style.wrapped(cell(sentence, LONGEST_SENTENCE), first="  ", rest="    ")
        for sentence in decision.not_analysed
    ]
    lines += [
        style.wrapped(cell(sentence, LONGEST_SENTENCE), first="  - ", rest="    ")
        for sentence in [*decision.gaps, *decision.failures]
    ]
    if hints is not None:
        lines += _next_commands(decision, hints)
    return "\n".join(lines)


def counts_text(decision: DecisionDocument) -> str:
    """Return the counts of problems in one line, by severity and by action."""
    split = severities_text(decision)
    counts = f"{decision.total} problem" + ("" if decision.total == 1 else "s")
    counts += f": {split}" if split else ""
    if decision.merged:
        counts += f" ({decision.reported} reported, {decision.merged} merged)"
    if not decision.total:
        return counts
    excepted = f" ({decision.excepted} by decision)" if decision.excepted else ""
    parts = f"{decision.fail} fail, {decision.warn} warn, {decision.ignore} do not count{excepted}"
    return f"{counts}; {parts}"


def _change_lines(decision: DecisionDocument, style: Style) -> Iterator[str]:
    change = decision.change
    if change is None:
        return
    if change.states:
        states = (
            ", ".join(f"{count} {state}" for state, count in change.states.items() if count)
            or "nothing"
        )
        against = f" to {cell(change.baseline)}" if change.baseline else ""
        yield style.wrapped(f"compared{against}: {states}", rest="  ")
    if change.policy_from:
        yield f"policy, exceptions and configuration as of {cell(change.policy_from)}"
    if change.controls_changed:
        names = ", ".join(map(terminal, change.controls_changed))
        yield style.wrapped(
            f"this change touches the gate itself ({names}); that holds once it is merged",
            rest="  ",
        )


def _next_commands(decision: DecisionDocument, hints: HintOptions) -> Iterator[str]:
    commands: list[tuple[list[str], str]] = []
    if decision.gaps:
        commands.append((["doctor", *hints.doctor], "what each tool needs"))
    if decision.fail:
        worst = ids.short(decision.findings[0].id)
        if hints.reports:
            commands.append(
                (["gate", *hints.reports, "--explain", worst], "why the worst one counts")
            )
        else:
            commands.append((["show", worst, *hints.show], "all about the worst one"))
            accept = ["except", "add", "--id", worst, "--reason", "WHY", *hints.except_add]
            commands.append((accept, "accept it for 30 days"))
    for number, (words, comment) in enumerate(commands):
        command = terminal(shlex.join(["secagg", *words]))
        yield f"{'      ' if number else 'next: '}{command:<{_COMMENT_COLUMN}}  # {comment}"
