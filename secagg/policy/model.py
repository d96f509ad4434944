"""Policy files: ordered rules, of which the first that matches a finding decides."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from secagg.errors import ConfigError
from secagg.finding import Kind, Severity
from secagg.policy.decision import Action
from secagg.yamltext import load_model


class Match(BaseModel):
    """What a rule looks at; all keys given must hold, and within a list any value will do."""

    model_config = ConfigDict(extra="forbid")

    kind: list[Kind] = Field(default_factory=list)
    severity: list[Severity] = Field(default_factory=list)
    tool: list[str] = Field(default_factory=list)


class PolicyRule(BaseModel):
    """One rule. ``why`` is the sentence that the developer reads."""

    model_config = ConfigDict(extra="forbid")

    name: str
    match: Match = Field(default_factory=Match)
    action: Action
    why: str | None = None


class Policy(BaseModel):
    """A policy file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str = ""
    unknown_severity: Severity = Field(
        default=Severity.HIGH, description="how a finding counts whose severity nobody gave"
    )
    rules: list[PolicyRule]


def built_in() -> list[str]:
    """The names of the built-in policies."""
    files = resources.files("secagg_policies").iterdir()
    return sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml"))


def load(name_or_path: str) -> Policy:
    """A built-in policy by name, else the file at that path.

    Raises :class:`ConfigError` where it does not exist or cannot be used.
    """
    if name_or_path in built_in():
        text = (resources.files("secagg_policies") / f"{name_or_path}.yaml").read_text("utf-8")
        return load_model(text, Policy, name=f"policy {name_or_path}")
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"no policy {name_or_path!r}",
            hint="a file, or one of the built-in ones: " + ", ".join(built_in()),
        )
    return load_model(path, Policy, name=name_or_path)
