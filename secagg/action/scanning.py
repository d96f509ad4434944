"""The step ``scan``: run the scanners, or read other jobs' reports, and judge."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from secagg.action.artifacts import reports
from secagg.action.inputs import Inputs, notice, read_decision, uploads, words
from secagg.action.preparing import installable_tools, tools_to_run
from secagg.change.base import is_change
from secagg.errors import ExitCode
from secagg.github.markdown import write_action_outputs
from secagg.output.decision import DecisionDocument
from secagg.output.junit import junit_xml
from secagg.pipeline.write import DECISION_NAME, SARIF_NAME
from secagg.system.files import replace_file

_PR_GATE = "pr-gate"
_CLEAN_STOP = "secagg-annotations-off"


def scan(inputs: Inputs, environ: MutableMapping[str, str]) -> int:
    """Scan or read reports, judge, write the files of the artifact, and return 0.

    The exit code is an output, because artifact, upload and comment come before the verdict step.
    ``environ`` is this process's environment; the step sets the store in it.
    """
    inputs.out.mkdir(parents=True, exist_ok=True)
    if inputs.mode == "publish":
        # The other job has scanned and judged.
        write_action_outputs({"exit-code": int(ExitCode.PASS)}, environ)
        return 0
    (inputs.out / DECISION_NAME).unlink(missing_ok=True)
    environ.setdefault("SECAGG_STORE", str(Path(inputs.directory) / "secagg.db"))
    if inputs.summary == "false" or uploads(inputs, environ):
        # The upload step writes the summary of the decision and the upload together.
        environ.pop("GITHUB_STEP_SUMMARY", None)
    if inputs.annotations == "false":
        _print_command(f"::stop-commands::{_CLEAN_STOP}\n")
    code = secagg(_arguments(inputs, environ))
    report = ["report", "--root", inputs.path, "--format", "html"]
    secagg([*report, "--output-file", str(inputs.out / "report.html")])
    if inputs.annotations == "false":
        _print_command(f"::{_CLEAN_STOP}::\n")
    decision = read_decision(inputs)
    values: dict[str, str | int] = {"exit-code": code}
    if decision is not None:
        replace_file(inputs.out / "decision.xml", junit_xml(decision).encode())
        values |= _counts(decision)
    for name, file in (
        ("sarif-file", SARIF_NAME),
        ("html-file", "report.html"),
        ("decision-file", DECISION_NAME),
    ):
        values[name] = str(inputs.out / file) if (inputs.out / file).is_file() else ""
    write_action_outputs(values, environ)
    return 0


def secagg(arguments: Sequence[str]) -> int:
    """Run a command of secagg in this process, and return its exit code."""
    from secagg.cli import main

    previous = sys.argv
    sys.argv = ["secagg", *arguments]
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    finally:
        sys.argv = previous
    return int(ExitCode.PASS)


def _arguments(inputs: Inputs, environ: Mapping[str, str]) -> list[str]:
    if inputs.reads_reports:
        arguments = ["parse", "--root", inputs.path]
    else:
        arguments = ["scan"]
        tools = tools_to_run(inputs, environ)
        if not inputs.tool_names():
            # Require the scanners that the action installs: without one there is no pass.
            tools = installable_tools(tools) if inputs.tools_install == "pinned" else []
        arguments += [part for name in tools for part in ("--tool", name)]
        if "snyk" in inputs.tool_names() and "snyk" not in tools:
            notice(
                "notice",
                "Snyk was not run: pull requests of forks and of Dependabot get no SNYK_TOKEN",
            )
        arguments += [part for name in words(inputs.components) for part in ("--component", name)]
        arguments += _since(inputs, environ)
    arguments += ["--output", str(inputs.out)]
    if inputs.attest == "true":
        arguments.append("--attest")
    policy = inputs.policy or (_PR_GATE if is_change(environ) else "")
    for name, value in (("policy", policy), ("baseline", inputs.baseline), ("diff", inputs.diff)):
        if value:
            arguments += [f"--{name}", value]
    if inputs.reads_reports:
        return [*arguments, "--", *reports(inputs)]
    return [*arguments, "--", inputs.path]


def _since(inputs: Inputs, environ: Mapping[str, str]) -> list[str]:
    """Return the option for the commits to scan. An upload to a branch needs all of them."""
    if uploads(inputs, environ) and not is_change(environ):
        return []
    return ["--since", inputs.since or "event"]


def _counts(decision: DecisionDocument) -> dict[str, str | int]:
    states = decision.change.states if decision.change is not None else {}
    counts: dict[str, str | int] = {
        "findings": decision.fail + decision.warn,
        "new-findings": states.get("new", 0),
    }
    for severity in ("critical", "high", "medium", "low"):
        counts[severity] = decision.by_counted_as.get(severity, 0)
    return counts


def _print_command(command: str) -> None:
    from secagg.output import console

    console.commands([command.rstrip("\n")])
