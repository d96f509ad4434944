"""Failed checks in a report of Trivy."""

from __future__ import annotations

from secagg.model.context import workload_in
from secagg.model.finding import Finding, Kind, Location, Misconfiguration, Rule
from secagg.model.severity import of_word
from secagg.system.patterns import lazy
from secagg_parsers.fields import (
    Entry,
    OddEntry,
    any_mapping,
    any_objects,
    any_text,
    any_texts,
    mapping,
    position,
    required_text,
    text,
)
from secagg_parsers.trivy.artifact import TrivyTarget

# DS-0001 today, DS001 and AVD-DS-0001 before. Ids of a user's own checks have any form.
_CHECK = lazy(r"(?:AVD-)?([A-Z]+)-?(\d{3,5})")
_SHORT = frozenset({"DS", "KSV", "KCV"})
_MOST_PLACES = 50
_KUBERNETES = frozenset({"kubernetes", "helm"})


class Misconfigurations:
    """Builds findings of failed checks."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str | None], Rule] = {}
        self._checks: dict[tuple[str, str | None], tuple[str, ...]] = {}

    def finding(self, target: TrivyTarget, entry: Entry) -> Finding:
        """Make the finding of one failed check. Raises OddEntry."""
        avd = any_text(entry, "AVDID")
        check_id = text(entry, "ID") or avd or required_text(entry, "ID")
        checks = self._checks.get((check_id, avd))
        if checks is None:
            checks = self._checks[check_id, avd] = forms_of(check_id, avd)
        cause = mapping(entry, "CauseMetadata")
        severity, is_known = of_word(text(entry, "Severity"))
        title, description = any_text(entry, "Title"), any_text(entry, "Description")
        title_text = title or description or check_id
        resolution = any_text(entry, "Resolution")
        resource = target.artifact.resource
        cause_resource = text(cause, "Resource")
        if cause_resource and cause_resource != resource:
            resource = f"{resource}: {cause_resource}" if resource else cause_resource
        # The lines of a chart's template are those of what Helm made of it.
        rendered = target.type == "helm"
        start = None if rendered else position(cause, "StartLine")
        end = None if rendered else position(cause, "EndLine")
        message = any_text(entry, "Message") or description or title or check_id
        if target.type in _KUBERNETES and not cause_resource:
            workload = workload_in(message)
            if workload is not None:
                resource = f"{resource}: {workload}" if resource else workload
        return Finding(
            tool="trivy",
            kind=Kind.MISCONFIGURATION,
            rule_id=checks[0],
            severity=severity,
            severity_known=is_known,
            title=title_text,
            message=message,
            location=target.place(entry, start=start, end=end),
            related=self._occurrences(target, cause) if "Occurrences" in cause else (),
            rule=self._rule(checks[0], title_text, description, resolution, entry),
            misconfiguration=Misconfiguration(
                checks=checks,
                resource=resource,
                provider=any_text(cause, "Provider"),
            ),
            fix=resolution,
            references=any_texts(entry, "References"),
        )

    def _rule(
        self, check: str, title: str, description: str | None, fix: str | None, entry: Entry
    ) -> Rule:
        rule = self._rules.get((check, description))
        if rule is None:
            rule = self._rules[check, description] = Rule(
                id=check,
                name=title,
                short_description=title,
                full_description=description,
                help_text=fix,
                help_uri=any_text(entry, "PrimaryURL"),
                tags=("security", "misconfiguration"),
            )
        return rule

    def _occurrences(self, target: TrivyTarget, cause: Entry) -> tuple[Location, ...]:
        """Return the module calls that lead to the cause, innermost last (Terraform)."""
        places = []
        for item in any_objects(cause, "Occurrences")[:_MOST_PLACES]:
            lines = any_mapping(item, "Location")
            file = any_text(item, "Filename")
            places.append(
                Location(
                    uri=target.artifact.places[file] if file else None,
                    start_line=_line(lines, "StartLine"),
                    end_line=_line(lines, "EndLine"),
                    logical=any_text(item, "Resource"),
                )
            )
        return tuple(places)


def _line(lines: Entry, key: str) -> int | None:
    try:
        return position(lines, key)
    except OddEntry:
        return None


def forms_of(check_id: str, avd: str | None = None) -> tuple[str, ...]:
    """Return all ids of a check, first the one form by which it is known whatever Trivy's version.

    ``DS-0001`` for ``DS001``, ``DS-0001`` and ``AVD-DS-0001`` alike.
    """
    match = _CHECK.fullmatch(check_id) or (_CHECK.fullmatch(avd) if avd else None)
    forms = [check_id]
    if match is not None:
        provider, count = match[1], int(match[2])
        normal = f"{provider}-{count:04d}"
        forms = [normal]
        if provider in _SHORT and count < 1000:
            forms.append(f"{provider}{count:03d}")
        forms += [f"AVD-{normal}", check_id]
    if avd:
        forms.append(avd)
    return tuple(dict.fromkeys(forms))
