"""``gaps`` of a policy: what no tool looks at, accepted for a while."""

from __future__ import annotations

from collections.abc import Iterable

from secagg.decisions.dates import Ceiling
from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.gapscope import GapScope
from secagg.policy.exception import PolicyException
from secagg.policy.model import AcceptedGap


def policy_gaps(gaps: Iterable[AcceptedGap], ceiling: Ceiling) -> list[ScopedException]:
    """The exceptions that ``gaps`` come to; those that the ceiling does not allow are refused."""
    return [
        ScopedException(
            PolicyException(
                source=gap.source,
                target=shortened(f"the gap {' or '.join(gap.gap)}") or "",
                reason=shortened(gap.reason),
                owner=gap.owner,
                created=gap.created,
                expires=gap.expires,
                refusal=ceiling.refusal(gap.created, gap.expires),
            ),
            GapScope.of(gap.gap),
        )
        for gap in gaps
    ]
