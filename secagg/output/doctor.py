"""The table of ``secagg doctor``: what each tool lacks for a scan to be complete."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection, Sequence
from datetime import timedelta

from secagg.doctor import Diagnosis
from secagg.output.escape import terminal
from secagg.output.grid import Style, draw

_HEADERS = ["TOOL", "READY", "VERSION", "SUPPORTED", "TOKEN", "DATABASE", "FOUND AT", "WHAT TO DO"]
_COLOURS = {"yes": "32", "no": "1;31", "not needed": "2", "optional": "33", "left out": "33"}


def doctor_table(diagnoses: Sequence[Diagnosis], optional: Collection[str], style: Style) -> str:
    """One row a tool, and a sentence on what a scan would come to."""
    cells = []
    for diagnosis in diagnoses:
        ready = _ready(diagnosis, optional)
        found = str(diagnosis.path) if diagnosis.path else "not found"
        cells.append(
            [
                diagnosis.tool,
                style.paint(ready, _COLOURS[ready]),
                terminal(diagnosis.version or ""),
                terminal(diagnosis.supported) + (", pinned" if diagnosis.pinned else ""),
                {None: "-", True: "present", False: "missing"}[diagnosis.token],
                _age(diagnosis.database_age),
                terminal(found),
                terminal(_advice(diagnosis)),
            ]
        )
    lacking = [d.tool for d in diagnoses if _ready(d, optional) == "no"]
    absent = [d.tool for d in diagnoses if d.applies and d.left_out]
    verdict = (
        f"A scan would be incomplete: {', '.join(lacking)} would not complete."
        if lacking
        else "A scan would be complete."
    )
    if absent:
        verdict += f" It would leave out what is not installed: {', '.join(absent)}."
    table = draw(_HEADERS, cells, style, stretch=(6, 7), shares=(2, 3))
    if style.width is not None:
        verdict = textwrap.fill(verdict, style.width)
    return f"{table}\n\n{style.paint(verdict, '1;31' if lacking else '1;32')}"


def doctor_json(diagnoses: Sequence[Diagnosis], optional: Collection[str]) -> str:
    """The same for machines."""
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
    complete = would_complete(diagnoses, optional)
    return json.dumps({"schema_version": 1, "complete": complete, "tools": tools}, indent=2)


def would_complete(diagnoses: Sequence[Diagnosis], optional: Collection[str]) -> bool:
    """Tell whether a scan would be complete, as far as can be told."""
    return all(_ready(diagnosis, optional) != "no" for diagnosis in diagnoses)


def _ready(diagnosis: Diagnosis, optional: Collection[str]) -> str:
    if not diagnosis.applies:
        return "not needed"
    if diagnosis.ready:
        return "yes"
    if diagnosis.left_out:
        return "left out"
    return "optional" if diagnosis.tool in optional else "no"


def _advice(diagnosis: Diagnosis) -> str:
    parts = [diagnosis.problem, diagnosis.next_step] if diagnosis.applies else []
    if diagnosis.network and diagnosis.applies:
        parts.append(f"network: {diagnosis.network}")
    return "; ".join(part for part in parts if part)


def _age(age: timedelta | None) -> str:
    if age is None:
        return ""
    if age < timedelta(hours=2):
        return f"{age.total_seconds() / 60:.0f} min old"
    if age < timedelta(days=2):
        return f"{age.total_seconds() / 3600:.0f} h old"
    return f"{age.days} d old"
