"""What a person decided about the generated files, kept in the repository for the next run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import msgspec

from secagg.errors import ConfigError
from secagg.system.tomltext import loads_toml
from secagg.system.yamlfile import read_text

NAME = ".secagg-init.toml"
FEATURES = (
    "dependency-update",
    "performance-test",
    "db-migration",
    "docs-generation",
    "release",
)


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of ``secagg init``: a second run without any writes the same files.

    ``branches``: the default branch first. ``minute`` is when the daily scan runs. ``action`` is
    ``OWNER/NAME@COMMIT``, or empty where the repository has a copy of the action.
    """

    branches: list[str]
    minute: int
    ci: Literal["github", "gitlab"] = "github"
    features: list[str] = []
    snyk: bool = True
    codeql: bool = True
    runner: str = "ubuntu-latest"
    action: str = ""

    def text(self) -> str:
        """The file."""
        lines = [
            f"{name} = {json.dumps(value)}" for name, value in msgspec.to_builtins(self).items()
        ]
        return "# What secagg init was told. Options of its next run change this file.\n" + (
            "\n".join(lines) + "\n"
        )


def read_answers(root: Path) -> Answers | None:
    """What was decided before; None where nothing was. Raises :class:`ConfigError`."""
    path = root / NAME
    if not path.is_file():
        return None
    try:
        return msgspec.convert(loads_toml(read_text(path)), Answers)
    except ValueError as error:
        raise ConfigError(str(error), where=NAME, hint=f"mend {NAME}, or remove it") from error
