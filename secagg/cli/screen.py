"""What commands share: output settings, showing an outcome, and reporting to GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from secagg.jsonio.output import indented
from secagg.merge.groups import find_group
from secagg.output import console
from secagg.output.decision import DecisionDocument
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.listing import Listing
from secagg.output.rows import row
from secagg.output.tables import listing_text, tools_lines, tools_table
from secagg.output.verdict import (
    Block,
    HintOptions,
    notes_text,
    show_blocks,
    step_line,
    verdict_text,
)
from secagg.pipeline.choices import View
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.write import decision_document, summarize, write_outputs
from secagg.policy.match import explain_judgement
from secagg.system.files import OUTPUT_DIRECTORY
from secagg.system.root import find_root

# A CI log folds longer lists of notes.
_UNFOLDED_NOTES = 2


class Screen(Struct, frozen=True, kw_only=True):
    """How to show the outcome; without a ``listing`` in the default one for standard output.

    ``everything`` also lists the findings that do not count.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_colour: bool = False
    view: View = View.PER_TOOL
    listing: Listing | None = None
    everything: bool = False

    def style(self) -> Style:
        """Return colours and wrapping for standard output: both only on a terminal."""
        return Style.of_output(no_colour=self.no_colour)


def hint_options(
    root: Path, output: Path, *, config: Path | None, policy: str | None
) -> HintOptions:
    """Return the options by which suggested commands find the scan of ``root`` in ``output``.

    Defaults are left out.
    """
    default_root = find_root(Path())
    is_default = root in (Path(), default_root)
    root_option = [] if is_default else ["--root", str(root)]
    is_default_output = output in (OUTPUT_DIRECTORY, default_root / OUTPUT_DIRECTORY)
    from_option = [] if is_default_output else ["--from", str(output)]
    config_option = [] if config is None else ["--config", str(config)]
    policy_option = [] if policy is None else ["--policy", policy]
    return HintOptions(
        show=[*root_option, *from_option, *config_option, *policy_option],
        except_add=[*root_option, *from_option],
        doctor=[*([] if is_default else [str(root)]), *config_option],
    )


def write_and_show(outcome: Outcome, output: Path, screen: Screen, hints: HintOptions) -> int:
    """Write the files of ``outcome`` into ``output``, print it, and return the exit code."""
    decision = decision_document(outcome)
    written = write_outputs(outcome, output, screen.view, decision=decision)
    if screen.json:
        console.json(indented(summarize(outcome, with_items=True)))
    else:
        style = screen.style()
        blocks = [
            *result_blocks(decision, screen),
            Block(text=written_text(written, screen)),
            Block(text=verdict_text(decision, style, hints)),
        ]
        show_blocks(blocks, style)
    report_to_actions(decision, os.environ)
    return decision.exit_code


def result_blocks(
    decision: DecisionDocument, screen: Screen, *, tools: bool = True
) -> Iterator[Block]:
    """Yield what is above the verdict: findings, tools and notes; nothing if quiet."""
    if screen.quiet:
        return
    style = screen.style()
    listing = screen.listing or Listing.default(style)
    yield Block(text=listing_text(decision, listing, style, everything=screen.everything))
    if tools:
        draw = tools_table if listing is Listing.TABLE else tools_lines
        yield Block(text=draw(decision.tools, style), fold="Tools")
    fold = "Notes" if len(decision.notes) > _UNFOLDED_NOTES else None
    yield Block(text=notes_text(decision, style), fold=fold)


def written_text(written: Sequence[Path], screen: Screen) -> str:
    """Return a line for each written file; an empty string unless verbose."""
    return "\n".join(f"wrote {terminal(str(path))}" for path in written) if screen.verbose else ""


def report_to_actions(
    decision: DecisionDocument, environ: Mapping[str, str], *, annotate: bool = True
) -> None:
    """Write job summary, step outputs and annotations, if this is a step of GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    # Only workflows need these modules.
    from secagg.github.markdown import write_step_summary
    from secagg.output.codehost import CommitPages
    from secagg.output.markdown import decision_annotations, decision_markdown

    write_step_summary(decision_markdown(decision, code=CommitPages.of(environ)), environ)
    set_step_outputs(decision, environ)
    if annotate:
        # The runner reads workflow commands from both streams; standard output stays clean.
        console.commands(decision_annotations(decision))


def set_step_outputs(decision: DecisionDocument, environ: Mapping[str, str]) -> None:
    """Set the verdict and its counts as outputs of the workflow's step."""
    from secagg.github.markdown import write_action_outputs

    values = {"verdict": decision.verdict, "failing": decision.fail, "warning": decision.warn}
    write_action_outputs(values, environ)


def policy_explanation(outcome: Outcome, gate: Gate, identity: str, style: Style) -> str:
    """Explain the action for one row: each rule, then exception and baseline, a line each.

    ``identity`` is an id of the row, or its first digits. Raises
    :class:`secagg.errors.UsageError` where it names no row, or several.
    """
    judgements = outcome.decision.judgements
    group = find_group([judgement.group for judgement in judgements], identity)
    judgement = next(judgement for judgement in judgements if judgement.group is group)
    shown = row(group)
    lines = [
        f"{terminal(shown.what)} ({terminal(shown.where)})",
        f"  id        {group.identity}",
        f"  counts as {judgement.severity}, action {style.paint(judgement.action.value, '1')}",
        f"  policy    {terminal(outcome.decision.policy)}",
    ]
    if judgement.facts.baseline is not None:
        lines.append(f"  baseline  {judgement.facts.baseline.value}")
        comparison = outcome.comparison
        match = None if comparison is None else comparison.matches.get(group.identity)
        if match is not None:
            lines.append(f"            {terminal(match.why)}")
    for step in explain_judgement(gate.policy, judgement, outcome.decision.today or gate.today):
        lines.append(f"  {step_line(step)}")
    return "\n".join(lines)
