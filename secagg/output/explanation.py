"""``secagg explain``: a group, its members, what joined them and what was kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secagg import ids
from secagg.merge import Explanation, Link, Reason
from secagg.model.finding import Finding
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.rows import place, row

_RULES = {
    "advisory-alias": "the same advisory",
    "secret-value": "the same secret value in the same file",
    "overlapping-secret": "another cut of the same secret, on the same columns",
    "masked-secret-on-its-lines": "masked by its tool, on the lines of the only secret there",
    "masked-secrets-on-one-line": "masked by their tools, on one line",
}


def explanation_lines(explanation: Explanation, style: Style) -> str:
    """The whole explanation; one fact a line."""
    return "\n".join(_lines(explanation, style))


def _lines(explanation: Explanation, style: Style) -> Iterator[str]:
    group = explanation.group
    shown = row(group)
    yield style.paint(terminal(f"{shown.severity} {shown.what}"), "1")
    yield f"  {terminal(shown.detail)}"
    yield f"  at {terminal(shown.where)}"
    yield f"  id {group.identity}"
    others = [name for name in explanation.known_as if name != group.identity]
    if others:
        yield f"  also known as {terminal(', '.join(others))}"
    if explanation.in_head is not None:
        yield "  still in the work tree" if explanation.in_head else "  only in history"
    yield ""
    yield f"members ({len(explanation.members)})"
    for number, member in enumerate(explanation.members):
        yield f"  [{number}] {_member(member)}"
    yield from _section("joined by", [_reason(reason) for reason in explanation.reasons])
    yield from _section("overruled by", [_reason(reason) for reason in explanation.overrules])
    yield from _section("kept apart", [_link(link) for link in explanation.kept_apart])
    yield from _section("related", [_link(link) for link in explanation.related])
    yield from _section("warnings", [terminal(warning) for warning in explanation.warnings])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _member(member: Finding) -> str:
    return terminal(f"{member.tool}: {member.rule_id} ({member.severity}) at {place(member)}")


def _reason(reason: Reason) -> str:
    members = ", ".join(f"[{number}]" for number in reason.members)
    rule = _RULES.get(reason.rule, reason.rule.replace("-", " "))
    return terminal(f"{members}: {rule} ({reason.key})")


def _link(link: Link) -> str:
    other, shown = link.group.representative, row(link.group)
    name = shown.what if other.package is not None else f"{shown.what} {other.title}"
    return terminal(f"{ids.short(link.group.identity)} {name} at {shown.where}: {link.why}")
