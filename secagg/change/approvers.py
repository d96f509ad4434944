"""Tell who owns a file of decisions by CODEOWNERS, so that their approval in it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from secagg.change.owners import load_owners


def code_owners(root: Path, base: str | None = None) -> Callable[[str], Sequence[str]]:
    """Return the owners below ``root`` by CODEOWNERS, of the work tree or of the commit ``base``.

    CODEOWNERS is read when somebody is asked about. The owners that ``secagg.yaml`` adds do not
    count, as nobody makes them review.
    """

    @cache
    def owners(file: str) -> Sequence[str]:
        return load_owners(root, ref=base).of(file)

    return owners
