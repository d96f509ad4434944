"""A part: findings of one version of a package that are taken for one vulnerability."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from secagg.finding import Finding
from secagg.merge.advisory import NOTICE_RANK, Advisory


class Part:
    """Members (with each one's ids beside it) on their way to becoming a group.

    ``contested``: its ids would join what one source lists as different problems.
    """

    __slots__ = ("all_ids", "contested", "ids", "members", "version")

    def __init__(
        self,
        version: str,
        members: list[Finding],
        ids: list[set[Advisory]],
        contested: bool = False,
    ) -> None:
        self.version = version
        self.members = members
        self.ids = ids
        self.all_ids: set[Advisory] = ids[0] if len(ids) == 1 else set().union(*ids)
        self.contested = contested

    @property
    def name(self) -> str:
        """The one id for the problem: a contested one goes by an id that is nobody else's."""
        if self.contested:
            own = [one for one in self.all_ids if one.rank != 0]
            if own:
                return min(own).id
        return min(self.all_ids).id

    def take(self, other: Part) -> None:
        """Make the members of ``other`` this part's too."""
        self.members = [*self.members, *other.members]
        self.ids = [*self.ids, *other.ids]
        self.all_ids = self.all_ids | other.all_ids


def aliases_of(finding: Finding) -> Sequence[str]:
    """The advisory ids of a vulnerability as written; the rule's id where none are given."""
    known = finding.vulnerability
    return (known.aliases if known is not None else ()) or (finding.rule_id,)


def linking(ids: Collection[Advisory]) -> Collection[Advisory]:
    """The ids by which a finding joins others.

    A distributor's notice covers several problems, so it only counts where a finding goes by
    nothing else.
    """
    own = [one for one in ids if one.rank != NOTICE_RANK]
    return own or ids
