"""Issues of ``snyk iac test``."""

from __future__ import annotations

from secagg.model.finding import Finding, Kind, Misconfiguration, Rule
from secagg.model.severity import of_word
from secagg_parsers.fields import (
    Entry,
    any_mapping,
    any_text,
    any_texts,
    needed,
    position,
    text,
)
from secagg_parsers.snyk.project import Project


def iac_finding(project: Project, issue: Entry) -> Finding:
    """One issue in a configuration file. Raises OddEntry."""
    public, own = text(issue, "publicId"), text(issue, "id")
    rule_id = public or own or needed(issue, "id")
    title = any_text(issue, "title") or rule_id
    severity, known = of_word(text(issue, "severity"))
    described = any_mapping(issue, "iacDescription")
    message = any_text(described, "issue") or any_text(issue, "issue")
    impact = any_text(described, "impact") or any_text(issue, "impact")
    steps = issue.get("path")
    path = ".".join(map(str, steps)) if isinstance(steps, list) else None
    page = any_text(issue, "documentation")
    if page is None and rule_id.startswith("SNYK-CC-"):
        page = f"https://security.snyk.io/rules/cloud/{rule_id}"
    return Finding(
        tool="snyk",
        kind=Kind.MISCONFIGURATION,
        rule_id=rule_id,
        severity=severity,
        severity_known=known,
        title=title,
        message=message or title,
        location=project.place(position(issue, "lineNumber")),
        rule=Rule(
            id=rule_id,
            short_description=title,
            full_description=impact,
            help_uri=page,
            tags=("security", "misconfiguration"),
        ),
        misconfiguration=Misconfiguration(
            checks=tuple(dict.fromkeys(name for name in (public, own) if name)),
            resource=any_text(issue, "msg") or path or None,
            provider=any_text(issue, "type"),
        ),
        fix=any_text(described, "resolve") or any_text(issue, "resolve"),
        references=any_texts(issue, "references"),
    )
