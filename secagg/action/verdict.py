"""The last step: the verdict. It is the only step that fails the job for findings."""

from __future__ import annotations

from collections.abc import Mapping

from secagg.action.inputs import Inputs, notice, read_decision, uploads
from secagg.errors import ExitCode
from secagg.github.markdown import write_action_outputs
from secagg.output import console
from secagg.output.decision import DecisionDocument

_ERRORS = {
    ExitCode.USAGE: "an input, a file or a policy cannot be used",
    ExitCode.INTERNAL: "secagg has a bug",
    ExitCode.INTERRUPTED: "it was interrupted",
}


def verdict(inputs: Inputs, environ: Mapping[str, str]) -> int:
    """Print the verdict and return its exit code; 0 only if no outcome of ``fail-on`` occurred.

    The earlier steps set ``SCAN_CODE`` and ``PUBLISH_CODE``. A step that was skipped, killed or
    broken leaves its code empty, which never counts as a pass.
    """
    reasons = sorted(_reasons(inputs, environ), reverse=True)
    code = _worst([code for _, code, _ in reasons])
    for _, _, reason in reasons:
        notice("error", reason)
    decision = read_decision(inputs)
    word = decision.verdict if decision is not None else "incomplete"
    if inputs.mode == "publish" and not code:
        word = "pass"
    if code == ExitCode.INCOMPLETE:
        word = "incomplete"
    write_action_outputs({"verdict": word, "exit-code": code}, environ)
    console.out(f"secagg: {word}, exit code {code}\n")
    return code


def _reasons(inputs: Inputs, environ: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Return the reasons to fail the step: rank, exit code and sentence."""
    fails_on = inputs.fails_on()
    reasons: list[tuple[int, int, str]] = []
    scan_code = _code(environ.get("SCAN_CODE"))
    decision = read_decision(inputs)
    if scan_code is None:
        reasons.append((9, int(ExitCode.INCOMPLETE), "the scan did not run to its end"))
    elif scan_code in _ERRORS:
        reasons.append((8, scan_code, f"the scan failed: {_ERRORS[ExitCode(scan_code)]}"))
    elif scan_code not in [*ExitCode]:
        reasons.append((9, int(ExitCode.INCOMPLETE), f"the scan ended with exit code {scan_code}"))
    elif decision is None and inputs.mode != "publish":
        reasons.append((9, int(ExitCode.INCOMPLETE), "the scan left no decision"))
    elif decision is not None:
        attests = inputs.attest == "true"
        reasons += _decision_reasons(scan_code, decision, fails_on, attests=attests)
    if uploads(inputs, environ) and scan_code is not None and scan_code not in _ERRORS:
        reasons += _upload_reasons(_code(environ.get("PUBLISH_CODE")), fails_on)
    return reasons


def _decision_reasons(
    code: int, decision: DecisionDocument, fails_on: frozenset[str], *, attests: bool
) -> list[tuple[int, int, str]]:
    reasons = []
    incomplete = decision.verdict == "incomplete" or code == ExitCode.INCOMPLETE
    if incomplete and "incomplete" in fails_on:
        why = "; ".join(decision.gaps[:3]) or "a tool did not complete"
        reasons.append((7, int(ExitCode.INCOMPLETE), f"INCOMPLETE: {why}"))
    # An incomplete scan may fail the gate as well, and ``fail-on`` may name only one of them.
    # The exit code counts too, because the decision may be an earlier scan's.
    failed = bool(decision.fail or decision.failures) or code == ExitCode.GATE_FAILED
    if failed and "gate" in fails_on:
        count = f"{decision.fail} problems fail" if decision.fail else "see the scan's step"
        why = "; ".join(decision.failures[:3]) or count
        reasons.append((5, int(ExitCode.GATE_FAILED), f"the gate fails: {why}"))
    if code == ExitCode.STORE_OR_UPLOAD and attests:
        # Who asks for evidence relies on it.
        reasons.append((6, code, "the store cannot be used, or there is no signed evidence"))
    elif code == ExitCode.STORE_OR_UPLOAD and "upload" in fails_on:
        reasons.append((6, code, "the store cannot be used"))
    return reasons


def _upload_reasons(code: int | None, fails_on: frozenset[str]) -> list[tuple[int, int, str]]:
    if code is None:
        if "upload" not in fails_on:
            return []
        return [(6, int(ExitCode.STORE_OR_UPLOAD), "the upload did not run to its end")]
    if code == ExitCode.PASS:
        return []
    if code == ExitCode.INCOMPLETE:
        # The decision names the withheld results as incomplete.
        text = "INCOMPLETE: results of tools that did not complete were not uploaded"
        return [(4, code, text)] if "incomplete" in fails_on else []
    if code == ExitCode.STORE_OR_UPLOAD and "upload" not in fails_on:
        return []
    text = (
        "GitHub did not take the results"
        if code == ExitCode.STORE_OR_UPLOAD
        else "the upload could not be made"
    )
    return [(6, code, text)]


def _code(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _worst(codes: list[int]) -> int:
    """Return the worst exit code: an error outweighs an incomplete scan, and so on."""
    order = [ExitCode.PASS, ExitCode.GATE_FAILED, ExitCode.STORE_OR_UPLOAD, ExitCode.INCOMPLETE]
    ranks = {int(code): rank for rank, code in enumerate(order)}
    return max(codes, key=lambda code: ranks.get(code, len(ranks)), default=int(ExitCode.PASS))
