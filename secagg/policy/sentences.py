"""Findings in words: counted, and the worst of them by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from secagg.merge.groups import Group
from secagg.policy.decision import Judgement

# So many findings are named in a sentence; the table has them all.
NAMED = 3


def counted(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number:,} {noun}{plural(number, '', 's')}"


def plural(number: int, one: str, many: str) -> str:
    """The word for one, or the word for any other number."""
    return one if number == 1 else many


def listed(
    judgements: Sequence[Judgement],
    *,
    of: int | None = None,
    also: Callable[[Judgement], str] | None = None,
) -> str:
    """The first few by name, and how many more (of as many as ``of``); ``also`` adds words."""
    shown = [
        named(j.group) if also is None else f"{named(j.group)}, {also(j)}"
        for j in judgements[:NAMED]
    ]
    rest = (len(judgements) if of is None else of) - len(shown)
    joint = ", " if also is None else "; "
    return joint.join(shown) + (f" and {rest:,} more" if rest else "")


def worst_judgements(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Worst first, then by place."""
    return sorted(judgements, key=badness)


def badness(judgement: Judgement) -> tuple[int, float, str, int, str]:
    """What to sort by for worst first, then by place."""
    finding = judgement.group.representative
    place = finding.location
    return (
        -judgement.severity.rank,
        -(finding.score or 0.0),
        place.uri or "",
        place.start_line or 0,
        judgement.group.identity,
    )


def named(group: Group) -> str:
    """A finding in a few words: rule, package, place."""
    finding = group.representative
    package, place = finding.package, finding.location
    what = finding.rule_id
    if package is not None:
        what += f" in {package.name} {package.version or ''}".rstrip()
    where = place.uri or place.image or place.logical
    line = f":{place.start_line}" if place.uri and place.start_line else ""
    return f"{what} ({where}{line})" if where else what
