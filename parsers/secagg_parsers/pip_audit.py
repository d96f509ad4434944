"""pip-audit: JSON of 2.x, an object, and of 1.x, a list; fields as pip-audit 2.10 writes them.

The report names no file. In a checkout the requirements or the project file of the directory that
was audited are meant, the first of them that is there.
"""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location
from secagg_parsers.dependency import package_of, vulnerable
from secagg_parsers.fields import Entry, any_text, any_texts, needed, text
from secagg_parsers.jsonreport import JsonParser, Reading

_FILES = ("requirements.txt", "pyproject.toml", "pylock.toml", "setup.py", "setup.cfg")


class PipAuditParser(JsonParser):
    """Understands reports of pip-audit."""

    tool = "pip-audit"
    command = "pip-audit --format json"

    def read(self, document: Any, reading: Reading) -> None:
        dependencies = document.get("dependencies") if isinstance(document, dict) else document
        if not is_list(dependencies):
            reading.odd("dependencies is no list", "dependencies")
            return
        place = Location(uri=_file(reading))
        for index, dependency in enumerate(dependencies):
            where = f"dependencies[{index}]"
            if not isinstance(dependency, dict):
                reading.odd("the entry is no object", where)
                continue
            skipped = dependency.get("skip_reason")
            if skipped is not None:
                reading.gap(f"pip-audit skipped {dependency.get('name')}: {skipped}")
            found = dependency.get("vulns")
            if found is None and skipped is not None:
                continue
            if not isinstance(found, list):
                reading.odd("vulns is no list", where)
                continue
            head = {key: dependency.get(key) for key in ("name", "version")}
            for number, item in enumerate(found):
                entry = {**item, "package": head} if isinstance(item, dict) else item
                reading.keep(entry, lambda e: _finding(e, place), f"{where}.vulns[{number}]")


def _finding(entry: Entry, place: Location) -> Finding:
    """Make the finding of one vulnerability; pip-audit rates none of them. Raises OddEntry."""
    package = entry["package"]
    return vulnerable(
        tool="pip-audit",
        rule_id=needed(entry, "id"),
        package=package_of("pip", needed(package, "name"), text(package, "version")),
        location=place,
        description=any_text(entry, "description"),
        other_ids=any_texts(entry, "aliases"),
        fixed=any_texts(entry, "fix_versions"),
    )


def _file(reading: Reading) -> str:
    places = [reading.places[name] for name in _FILES]
    root = reading.root
    if root is not None:
        for place in places:
            if (root / place).is_file():
                return place
    return places[0]
