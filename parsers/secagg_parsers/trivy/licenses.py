"""Licences that Trivy classifies as a problem."""

from __future__ import annotations

from secagg.model.finding import Finding, Kind, Package, Rule
from secagg.model.place import ecosystem_of
from secagg.model.severity import of_word
from secagg_parsers.fields import Entry, OddEntry, any_text, text
from secagg_parsers.purls import type_of
from secagg_parsers.trivy.artifact import TrivyTarget

_WHY = {
    "forbidden": "must not be used",
    "restricted": "requires derived work to be published under it",
    "reciprocal": "requires changes to be published under it",
}


def license_finding(target: TrivyTarget, entry: Entry) -> Finding:
    """One licence of a package or a file. Raises OddEntry."""
    # A licence that is not known by name is given with its text.
    name = text(entry, "Name") or text(entry, "Text")
    if name is None:
        raise OddEntry("Name is missing")
    name = name.strip().partition("\n")[0][:200] or "unnamed license"
    category = any_text(entry, "Category") or "unknown"
    severity, known = of_word(text(entry, "Severity"))
    package, path = text(entry, "PkgName"), text(entry, "FilePath")
    title = f"License {name} ({category})"
    whose = package or path or target.name or "the artifact"
    why = _WHY.get(category)
    return Finding(
        tool="trivy",
        kind=Kind.LICENSE,
        rule_id=name,
        severity=severity,
        severity_known=known,
        title=title,
        message=f"{whose} is under {name}" + (f", which {why}" if why else "") + ".",
        location=target.place(entry, path=path),
        rule=Rule(
            id=name,
            short_description=title,
            help_uri=any_text(entry, "Link"),
            tags=("license",),
        ),
        package=Package(type=_type(target, path), name=package) if package else None,
        license=name,
    )


def _type(target: TrivyTarget, path: str | None) -> str:
    """The purl type: licences have a class of their own, so that the lock file must tell it."""
    kind = type_of(target.type)
    file = path or target.name
    return (ecosystem_of(file) if kind == "generic" and file else None) or kind
