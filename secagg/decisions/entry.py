"""An exception with its scope, and how the files with exceptions are read and trusted."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from secagg.decisions.scope import GapScope, Scope
from secagg.decisions.toolscope import ToolScope
from secagg.errors import ConfigError
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.policy.model import AcceptedGap
from secagg.system.dates import Ceiling


class ScopedException(Struct, frozen=True):
    """An exception, and what it covers: whole groups, one tool's findings in a group, or gaps.

    ``scope`` is None for an entry that cannot be understood: it covers nothing, and is shown.
    """

    exception: PolicyException
    scope: Scope | ToolScope | GapScope | None


LONGEST_TEXT = 500


def shortened(text: object) -> str | None:
    """Put a text from a file on one line of ``LONGEST_TEXT`` characters; None if it is empty."""
    if not isinstance(text, str) or not text.strip():
        return None
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


Read = Callable[[str], bytes | None]
"""Returns the bytes of the file at a path relative to the root; None if there is no such file."""
LARGEST = 1 << 20
LARGEST_JSON = 16 << 20


def work_tree(root: Path) -> Read:
    """Make a reader of the regular files in the work tree at ``root``.

    The reader raises :class:`ConfigError` for a link that leads out of the tree, for what is no
    regular file, and for what cannot be read: no exception file that exists is ignored.
    """
    base = Path(os.path.realpath(root))

    def read(name: str) -> bytes | None:
        path = base / name
        try:
            if not os.path.lexists(path):
                return None
            real = Path(os.path.realpath(path, strict=True))
            if not real.is_relative_to(base):
                raise ConfigError("is a link that leads out of the repository", where=name)
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ConfigError("is no regular file", where=name)
                return file.read(LARGEST_JSON + 1)
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None

    return read


def text_of(name: str, data: bytes) -> str:
    """Decode ``data`` from UTF-8. Raises :class:`ConfigError` with the line of the first error."""
    if len(data) > LARGEST:
        raise ConfigError("larger than 1 MiB", where=name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", where=f"{name}:{line}") from None


def policy_gaps(gaps: Iterable[AcceptedGap], ceiling: Ceiling) -> list[ScopedException]:
    """Make the exceptions for the ``gaps`` of a policy; ``ceiling`` refuses those beyond it."""
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


_SOURCE_NAMES = {
    DecisionSource.FILES: "files of decisions",
    DecisionSource.STORE: "the store",
    DecisionSource.GITHUB: "dismissals at GitHub",
    DecisionSource.VEX: "VEX documents",
    DecisionSource.SCANNERS: "scanners' ignore files",
    DecisionSource.REPORTS: "suppressions in reports",
}


class Trust(Struct, frozen=True):
    """The sources of decisions that a policy trusts; ``policy`` is its name, for messages."""

    policy: str = "default"
    origins: Collection[DecisionSource] = frozenset(DecisionSource)

    def refusal(self, origin: DecisionSource) -> str | None:
        """Return why a decision from ``origin`` is refused; None if the policy trusts it."""
        if origin in self.origins:
            return None
        return f"the policy {self.policy} does not trust {_SOURCE_NAMES[origin]}"

    def applied(self, exception: PolicyException) -> PolicyException:
        """Return ``exception``, refused if its origin is not trusted."""
        refusal = self.refusal(exception.origin)
        if refusal is None or exception.refusal is not None:
            return exception
        return replace(exception, refusal=refusal)


TRUST_ALL = Trust()
"""For callers without a policy."""
