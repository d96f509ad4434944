"""Regular expressions that are compiled when they are first used.

Compiling takes 0.2 to 0.5 milliseconds, and most commands use few of the expressions that the
modules they load define.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


class _LazyPattern:
    """Becomes like a compiled expression with the first attribute that is asked for."""

    def __init__(self, expression: str | bytes, flags: int) -> None:
        self._expression = expression
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._expression, self._flags)
        # From now on a method is found here, as fast as that of a compiled expression.
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return ``expression`` as :func:`re.compile` does, but compile it at its first use.

    An error in it is raised by that use.
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(expression, flags))
