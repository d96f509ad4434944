"""Hadolint: JSON as Hadolint 2 (``Formatter/Json.hs``) writes it, a list of rules that failed."""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg_parsers.fields import Entry, any_text, position, required_text
from secagg_parsers.jsonreport import Reading
from secagg_parsers.tosarif import ConvertedRun, SarifConvertingParser, add_each, sarif_message

_LEVELS = {"error": "error", "warning": "warning", "info": "note", "style": "note"}


class HadolintParser(SarifConvertingParser):
    """Understands reports of Hadolint."""

    tool = "hadolint"
    command = "hadolint --format json"
    empty_list = True

    def run_of(self, document: Any, reading: Reading) -> ConvertedRun:
        run = ConvertedRun("Hadolint")
        if is_list(document):
            add_each(document, lambda entry: _add(entry, run), "rules", reading)
        else:
            reading.add_problem("the report is no list", "rules")
        return run


def _add(entry: Entry, run: ConvertedRun) -> None:
    rule_id = required_text(entry, "code")
    file = required_text(entry, "file")
    message = any_text(entry, "message") or rule_id
    if rule_id == "DL1000":
        # Hadolint could not parse the Dockerfile, and checked nothing in it.
        run.notice(f"cannot parse the Dockerfile: {message}", "error", file)
    region = {"startLine": position(entry, "line"), "startColumn": position(entry, "column")}
    level = _LEVELS.get((any_text(entry, "level") or "").lower())
    page = f"https://github.com/hadolint/hadolint/wiki/{rule_id}"
    rule = {"id": rule_id, "helpUri": page if rule_id.startswith("DL") else None}
    run.add(rule, {"level": level, "message": sarif_message(message)}, file, region)
