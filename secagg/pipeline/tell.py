"""The decision, told to the GitHub Actions step that this runs in."""

from __future__ import annotations

from collections.abc import Mapping

from secagg.output.decision import DecisionDocument


def tell_actions(
    decision: DecisionDocument, environ: Mapping[str, str], *, annotate: bool = True
) -> None:
    """Job summary, outputs and annotations, where this runs as a step of GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    # Outside of a workflow none of this is loaded.
    from secagg.github.actions import write_step_summary
    from secagg.output import console
    from secagg.output.annotations import decision_annotations
    from secagg.output.codesite import CodeSite
    from secagg.output.gatemarkdown import decision_markdown

    write_step_summary(decision_markdown(decision, site=CodeSite.of(environ)), environ)
    tell_outputs(decision, environ)
    if annotate:
        # The runner reads workflow commands from both streams; standard output stays clean.
        console.commands(decision_annotations(decision))


def tell_outputs(decision: DecisionDocument, environ: Mapping[str, str]) -> None:
    """The verdict and its counts as outputs of the step."""
    from secagg.github.actions import write_outputs

    values = {"verdict": decision.verdict, "failing": decision.fail, "warning": decision.warn}
    write_outputs(values, environ)
