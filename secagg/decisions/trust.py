"""Which decisions a policy counts: those made where it says that they may be made."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from secagg.policy.exception import DecisionSource, PolicyException

_WORDS = {
    DecisionSource.FILES: "files of decisions",
    DecisionSource.STORE: "the store",
    DecisionSource.GITHUB: "dismissals at GitHub",
    DecisionSource.VEX: "VEX documents",
    DecisionSource.SCANNERS: "scanners' ignore files",
    DecisionSource.REPORTS: "suppressions in reports",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """The places that a policy trusts; ``policy`` is its name, for the sentence."""

    policy: str = "default"
    origins: Collection[DecisionSource] = frozenset(DecisionSource)

    def refusal(self, origin: DecisionSource) -> str | None:
        """The sentence that refuses what was decided in ``origin``; None where it counts."""
        if origin in self.origins:
            return None
        return f"the policy {self.policy} does not trust {_WORDS[origin]}"

    def applied(self, exception: PolicyException) -> PolicyException:
        """``exception``, refused if its origin is not trusted."""
        refusal = self.refusal(exception.origin)
        if refusal is None or exception.refusal is not None:
            return exception
        return dataclasses.replace(exception, refusal=refusal)


EVERYTHING = Trust()
"""What counts where no policy is asked."""
