"""``secagg doctor``: whether a scan would be complete, and what each tool lacks."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import (
    ColourOption,
    ConfigOption,
    FormatOption,
    OutputFormat,
    PathArgument,
    ToolsOption,
)
from secagg.cli.screen import Screen
from secagg.config import load_config
from secagg.doctor import Diagnosis
from secagg.errors import ExitCode
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.pipeline.gate import policy_of
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import days_text


def doctor(
    path: PathArgument = Path(),
    tool: ToolsOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
    config: ConfigOption = None,
    no_color: ColourOption = False,
    github: Annotated[
        bool, typer.Option("--github", help="Say when the Security tab was last fed instead.")
    ] = False,
) -> None:
    """Say for each tool whether a scan of PATH would be complete, and what to do if not."""
    screen = Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    if github:
        from secagg.cli.securitytab import security_tab

        raise typer.Exit(security_tab(path, screen=screen))
    raise typer.Exit(examine_and_print(path, tools=tool or [], config=config, screen=screen))


def examine_and_print(
    path: Path, *, tools: Sequence[str], config: Path | None, screen: Screen
) -> int:
    """Examine the scanners, print the diagnoses, and return 0 only if a scan would be complete."""
    from secagg.doctor import examine
    from secagg.pipeline.lookedfor import tools_left_out
    from secagg.pipeline.scan import ScanOptions, chosen_tools, components_of, scan_request
    from secagg.scanners.base import RunContext
    from secagg.scanners.trivydb import MAX_DAYS

    settings = load_config(path, config)
    max_days = policy_of(path, settings).max_database_age or MAX_DAYS
    options = ScanOptions(root=path, tools=tools, max_database_days=max_days)
    request = scan_request(options, settings, components_of(options, settings))
    context = RunContext(redactor=run_redactor(), root=request.root)
    diagnoses = examine(request, context, chosen_tools(options, settings))
    optional = settings.optional_tools()
    if not tools:
        missing = [d.tool for d in diagnoses if d.missing and not settings.asks_for(d.tool)]
        ready = [d.tool for d in diagnoses if d.ready and d.applies]
        skipped = tools_left_out(ready, missing, request.options, request.components)
        for diagnosis in diagnoses:
            diagnosis.left_out = diagnosis.tool in skipped
    if screen.json:
        console.json(_json(diagnoses, optional))
    else:
        console.out(_text(diagnoses, optional, screen.style()) + "\n")
    complete = _would_complete(diagnoses, optional)
    return int(ExitCode.PASS if complete else ExitCode.INCOMPLETE)


_COLOURS = {
    "ready": "32",
    "not ready": "1;31",
    "not needed": "2",
    "optional": "33",
    "left out": "33",
}
_INDENT = " " * (max(map(len, _COLOURS)) + 2)


def _text(diagnoses: Sequence[Diagnosis], optional: Collection[str], style: Style) -> str:
    """Return a block of lines for each tool, and a sentence on whether a scan would be complete.

    What is not ready comes first.
    """
    order = ("not ready", "ready", "optional", "left out", "not needed")
    by_need = sorted(diagnoses, key=lambda d: order.index(_readiness(d, optional)))
    blocks = [line for diagnosis in by_need for line in _lines(diagnosis, optional, style)]
    lacking = [d.tool for d in diagnoses if _readiness(d, optional) == "not ready"]
    skipped = [d.tool for d in diagnoses if d.applies and d.left_out]
    verdict = (
        f"A scan would be incomplete: {', '.join(lacking)} would not complete."
        if lacking
        else "A scan would be complete."
    )
    if skipped:
        verdict += f" It would leave out what is not installed: {', '.join(skipped)}."
    sentence = style.paint(style.wrapped(verdict), "1;31" if lacking else "1;32")
    return "\n".join([*blocks, "", sentence])


def _lines(diagnosis: Diagnosis, optional: Collection[str], style: Style) -> Iterator[str]:
    readiness = _readiness(diagnosis, optional)
    versions = f"supported: {diagnosis.supported}" + (", pinned" if diagnosis.pinned else "")
    name = " ".join(filter(None, (diagnosis.tool, diagnosis.version)))
    mark = style.paint(f"{readiness:<{len(_INDENT)}}", _COLOURS[readiness])
    yield f"{mark}{terminal(name)} ({terminal(versions)})"
    if diagnosis.path is not None:
        # A path stays whole, so that it can be copied.
        yield f"{_INDENT}{terminal(str(diagnosis.path))}"
    if not diagnosis.applies:
        return
    for text in (diagnosis.problem, diagnosis.next_step, *_notes(diagnosis)):
        if text:
            yield style.wrapped(terminal(text), first=_INDENT, rest=_INDENT + "  ")


def _notes(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.token is not None:
        yield f"token: {'present' if diagnosis.token else 'missing'}"
    if diagnosis.database_age is not None:
        yield f"database: {_age(diagnosis.database_age)}"
    if diagnosis.network:
        yield f"network: {diagnosis.network}"


def _json(diagnoses: Sequence[Diagnosis], optional: Collection[str]) -> str:
    """Return the diagnoses as JSON."""
    tools = [
        {
            "tool": diagnosis.tool,
            "ready": diagnosis.ready,
            "applies": diagnosis.applies,
            "optional": diagnosis.tool in optional,
            "left_out": diagnosis.left_out,
            "path": str(diagnosis.path) if diagnosis.path else None,
            "version": diagnosis.version,
            "supported": diagnosis.supported,
            "pinned": diagnosis.pinned,
            "token": diagnosis.token,
            "database_age_seconds": diagnosis.database_age.total_seconds()
            if diagnosis.database_age is not None
            else None,
            "network": diagnosis.network,
            "problem": diagnosis.problem,
            "next_step": diagnosis.next_step,
        }
        for diagnosis in diagnoses
    ]
    complete = _would_complete(diagnoses, optional)
    return json.dumps({"schema_version": 1, "complete": complete, "tools": tools}, indent=2)


def _would_complete(diagnoses: Sequence[Diagnosis], optional: Collection[str]) -> bool:
    return all(_readiness(diagnosis, optional) != "not ready" for diagnosis in diagnoses)


def _readiness(diagnosis: Diagnosis, optional: Collection[str]) -> str:
    if not diagnosis.applies:
        return "not needed"
    if diagnosis.ready:
        return "ready"
    if diagnosis.left_out:
        return "left out"
    return "optional" if diagnosis.tool in optional else "not ready"


def _age(age: timedelta) -> str:
    if age < timedelta(hours=2):
        return f"{age.total_seconds() / 60:.0f} min old"
    if age < timedelta(days=2):
        return f"{age.total_seconds() / 3600:.0f} h old"
    return f"{days_text(age.days)} old"
