"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMessage:
    """One mistake: ``where`` is ``file:line:column`` or a name, ``advice`` what to do."""

    where: str
    code: str
    text: str
    advice: str
