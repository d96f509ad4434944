"""The token: sent in one header, and seen nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from secagg.errors import UsageError

VARIABLES = ("SECAGG_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
_HIDDEN = "***"


class Token:
    """A GitHub token that cannot be printed.

    Raises :class:`UsageError`, without the value, for one that no header could hold.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise UsageError(
                "the GitHub token is empty or holds characters that no token has",
                hint="check the secret that it comes from",
            )
        self._value = value

    def __repr__(self) -> str:
        return f"Token({_HIDDEN})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Token cannot be serialized")

    def header(self) -> dict[str, str]:
        """The one header that holds it."""
        return {"Authorization": f"Bearer {self._value}"}

    def mask(self, text: str) -> str:
        """``text`` without the token."""
        return text.replace(self._value, _HIDDEN)


def find_token(environ: Mapping[str, str]) -> Token:
    """The token of the environment. Raises :class:`UsageError` where there is none."""
    for name in VARIABLES:
        if environ.get(name):
            return Token(environ[name])
    raise UsageError(
        "there is no GitHub token",
        hint="in a workflow: env: GITHUB_TOKEN: ${{ github.token }}, with the permission "
        "security-events: write; elsewhere a token with the scope security_events",
    )
