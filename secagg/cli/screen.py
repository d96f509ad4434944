"""What commands share: the screen, the files of a run, and the words to GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from secagg.jsonio.output import indented
from secagg.merge.groups import find_group
from secagg.output import console, verdict
from secagg.output.decision import DecisionDocument
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.output.rows import row
from secagg.output.tables import listing_text, tools_lines, tools_table
from secagg.output.verdict import Block, Reach, notes_text, step_line, verdict_text
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.sarifruns import View
from secagg.pipeline.write import DIRECTORY, decision_document, summarize, write_outputs
from secagg.policy.match import explain_judgement
from secagg.system.root import find_root

# More of them are folded away in a CI log.
_FEW_NOTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the user wants to see; without a ``listing`` the usual one for standard output.

    ``everything`` lists what does not count as well.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_colour: bool = False
    view: View = View.PER_TOOL
    listing: Listing | None = None
    everything: bool = False

    def style(self) -> Style:
        """Colours and wrapping for standard output: both only on a terminal."""
        return Style.of_output(no_colour=self.no_colour)


def reach_of(root: Path, last: Path, *, config: Path | None, policy: str | None) -> Reach:
    """How further commands name the scan of ``root`` that was written to the directory ``last``."""
    home = find_root(Path())
    named = root not in (Path(), home)
    here = ["--root", str(root)] if named else []
    where = [] if last in (Path(DIRECTORY), home / DIRECTORY) else ["--from", str(last)]
    configured = [] if config is None else ["--config", str(config)]
    judged = [] if policy is None else ["--policy", policy]
    return Reach(
        show=[*here, *where, *configured, *judged],
        accept=[*here, *where],
        doctor=[*([str(root)] if named else []), *configured],
    )


def finish(outcome: Outcome, output: Path, screen: Screen, reach: Reach) -> int:
    decision = decision_document(outcome)
    written = write_outputs(outcome, output, screen.view, decision=decision)
    if screen.json:
        console.json(indented(summarize(outcome, with_items=True)))
    else:
        style = screen.style()
        shown = [
            *result_blocks(decision, screen),
            Block(text=_written_text(written, screen)),
            Block(text=verdict_text(decision, style, reach)),
        ]
        verdict.show(shown, style)
    tell_actions(decision, os.environ)
    return decision.exit_code


def result_blocks(
    decision: DecisionDocument, screen: Screen, *, tools: bool = True
) -> Iterator[Block]:
    """What stands above the verdict: findings, tools and notes; nothing if it is to be quiet."""
    if screen.quiet:
        return
    style = screen.style()
    listing = screen.listing or Listing.usual(style)
    yield Block(text=listing_text(decision, listing, style, everything=screen.everything))
    if tools:
        draw = tools_table if listing is Listing.TABLE else tools_lines
        yield Block(text=draw(decision.tools, style), fold="Tools")
    fold = "Notes" if len(decision.notes) > _FEW_NOTES else None
    yield Block(text=notes_text(decision, style), fold=fold)


def _written_text(written: Sequence[Path], screen: Screen) -> str:
    return "\n".join(f"wrote {terminal(str(path))}" for path in written) if screen.verbose else ""


def tell_actions(
    decision: DecisionDocument, environ: Mapping[str, str], *, annotate: bool = True
) -> None:
    """Job summary, outputs and annotations, where this runs as a step of GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    # Outside of a workflow none of this is loaded.
    from secagg.github.markdown import write_step_summary
    from secagg.output import console
    from secagg.output.markdown import CodeSite, decision_annotations, decision_markdown

    write_step_summary(decision_markdown(decision, site=CodeSite.of(environ)), environ)
    tell_outputs(decision, environ)
    if annotate:
        # The runner reads workflow commands from both streams; standard output stays clean.
        console.commands(decision_annotations(decision))


def tell_outputs(decision: DecisionDocument, environ: Mapping[str, str]) -> None:
    """The verdict and its counts as outputs of the step."""
    from secagg.github.markdown import write_action_outputs

    values = {"verdict": decision.verdict, "failing": decision.fail, "warning": decision.warn}
    write_action_outputs(values, environ)


def explained(outcome: Outcome, gate: Gate, identity: str, style: Style) -> str:
    """Which rule matched and which did not and why, then exception and baseline, a line each.

    ``identity`` is an id that the row goes by, or its first digits. Raises
    :class:`secagg.errors.UsageError` where it names no row, or several.
    """
    judgements = outcome.decision.judgements
    group = find_group([judgement.group for judgement in judgements], identity)
    judgement = next(one for one in judgements if one.group is group)
    shown = row(judgement.group)
    lines = [
        f"{terminal(shown.what)} ({terminal(shown.where)})",
        f"  id        {judgement.group.identity}",
        f"  counts as {judgement.severity}, action {style.paint(judgement.action.value, '1')}",
        f"  policy    {terminal(outcome.decision.policy)}",
    ]
    if judgement.facts.baseline is not None:
        lines.append(f"  baseline  {judgement.facts.baseline.value}")
        match = None
        if outcome.comparison is not None:
            match = outcome.comparison.matches.get(judgement.group.identity)
        if match is not None:
            lines.append(f"            {terminal(match.why)}")
    for step in explain_judgement(gate.policy, judgement, outcome.decision.today or gate.today):
        lines.append(f"  {step_line(step)}")
    return "\n".join(lines)
