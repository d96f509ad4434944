"""The made-up secrets of the sample monorepo: read, and put into texts that name them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

SECRETS = Path(__file__).resolve().parent.parent / "fixtures" / "planted_secrets.json"

_PLACE = re.compile(r"\{\{(?P<form>secret|base64):(?P<name>\w+)\}\}")


def load(path: Path = SECRETS) -> dict[str, str]:
    """Each planted secret's name and value."""
    secrets: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["secrets"]
    return secrets


def fill(text: str, secrets: dict[str, str]) -> str:
    """``text`` with each ``{{secret:NAME}}`` and ``{{base64:NAME}}`` replaced by the value.

    Raises ``KeyError`` for a name that is not in ``secrets``.
    """

    def value(match: re.Match[str]) -> str:
        secret = secrets[match["name"]]
        if match["form"] == "base64":
            return base64.b64encode(secret.encode()).decode()
        return secret

    return _PLACE.sub(value, text)
