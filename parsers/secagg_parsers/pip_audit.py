"""pip-audit: JSON of 2.x, an object, and of 1.x, a list; fields as pip-audit 2.10 writes them.

The report does not name the file. In a checkout it is the first requirements or project file that
exists in the directory.
"""

from __future__ import annotations

from typing import Any

from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Location
from secagg_parsers.dependency import package_of, vulnerability_finding
from secagg_parsers.fields import Entry, any_text, any_texts, required_text, text
from secagg_parsers.jsonreport import JsonParser, Reading

_FILES = ("requirements.txt", "pyproject.toml", "pylock.toml", "setup.py", "setup.cfg")


class PipAuditParser(JsonParser):
    """Understands reports of pip-audit."""

    tool = "pip-audit"
    command = "pip-audit --format json"

    def read(self, document: Any, reading: Reading) -> None:
        dependencies = document.get("dependencies") if isinstance(document, dict) else document
        if not is_list(dependencies):
            reading.add_problem("dependencies is no list", "dependencies")
            return
        location = Location(uri=_file(reading))
        for index, dependency in enumerate(dependencies):
            path = f"dependencies[{index}]"
            if not isinstance(dependency, dict):
                reading.add_problem("the entry is no object", path)
                continue
            skipped = dependency.get("skip_reason")
            if skipped is not None:
                reading.gap(f"pip-audit skipped {dependency.get('name')}: {skipped}")
            vulnerabilities = dependency.get("vulns")
            if vulnerabilities is None and skipped is not None:
                continue
            if not isinstance(vulnerabilities, list):
                reading.add_problem("vulns is no list", path)
                continue
            package = {key: dependency.get(key) for key in ("name", "version")}
            for number, item in enumerate(vulnerabilities):
                entry = {**item, "package": package} if isinstance(item, dict) else item
                reading.keep(
                    entry,
                    lambda entry_fields: _finding(entry_fields, location),
                    f"{path}.vulns[{number}]",
                )


def _finding(entry: Entry, location: Location) -> Finding:
    """Make the finding of one vulnerability; pip-audit rates none of them. Raises OddEntry."""
    package = entry["package"]
    return vulnerability_finding(
        tool="pip-audit",
        rule_id=required_text(entry, "id"),
        package=package_of("pip", required_text(package, "name"), text(package, "version")),
        location=location,
        description=any_text(entry, "description"),
        other_ids=any_texts(entry, "aliases"),
        fixed=any_texts(entry, "fix_versions"),
    )


def _file(reading: Reading) -> str:
    paths = [reading.places[name] for name in _FILES]
    root = reading.root
    if root is not None:
        for path in paths:
            if (root / path).is_file():
                return path
    return paths[0]
