"""A part: findings of one version of a package that are taken for one vulnerability."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from secagg.merge.collect import in_order
from secagg.model.context import message_context
from secagg.model.finding import Finding
from secagg.packages.advisories import NOTICE_RANK, OTHER_RANK, Advisory, advisory


class AdvisoryPart:
    """Members (with each one's ids beside it) on their way to becoming a group.

    ``contested``: its ids would join what one source lists as different problems. ``plain``
    is the name of a part whose members could be told by it alone; their ids were not read.
    ``alike``: each member has that name.
    """

    __slots__ = ("alike", "contested", "ids", "members", "plain", "version")

    def __init__(
        self,
        version: str,
        members: list[Finding],
        ids: list[tuple[Advisory, ...]],
        plain: str | None = None,
        alike: bool = False,
    ) -> None:
        self.version = version
        self.members = members
        self.ids = ids
        self.contested = False
        self.plain = plain
        self.alike = alike

    @property
    def all_ids(self) -> Collection[Advisory]:
        """The ids of all members, each once."""
        return self.ids[0] if len(self.ids) == 1 else set().union(*self.ids)

    @property
    def name(self) -> str:
        """The one id for the problem: a contested one goes by an id that is nobody else's."""
        if self.plain is not None:
            return self.plain
        if self.contested:
            own = [one for one in self.all_ids if one.rank != 0]
            if own:
                return min(own).id
        return min(self.all_ids).id

    def take(self, other: AdvisoryPart) -> None:
        """Make the members of ``other`` this part's too."""
        self.members += other.members
        self.ids += other.ids

    def absorb(self, other: AdvisoryPart) -> None:
        """Take ``other``, of which the ids of all members are read, and keep the order."""
        ids = {
            id(member): own
            for part in (self, other)
            for member, own in zip(part.members, part.ids, strict=True)
        }
        self.members = in_order([*self.members, *other.members])
        self.ids = [ids[id(member)] for member in self.members]
        self.plain, self.alike = None, False


def aliases_of(finding: Finding) -> Sequence[str]:
    """The advisory ids of a vulnerability as written; the rule's id where none are given.

    A rule that is no advisory (an unnamed one) only stands for what its title says.
    """
    known = finding.vulnerability
    if known is not None and known.aliases:
        return known.aliases
    rule = finding.rule_id
    if advisory(rule).rank < OTHER_RANK or not finding.title:
        return (rule,)
    return (f"{rule}: {message_context(finding.title)}",)


def linking(ids: Collection[Advisory]) -> Collection[Advisory]:
    """The ids by which a finding joins others.

    A distributor's notice covers several problems, so it only counts where a finding goes by
    nothing else.
    """
    for one in ids:
        if one[0] == NOTICE_RANK:
            return [other for other in ids if other[0] != NOTICE_RANK] or ids
    return ids
