"""``secagg.yaml``: how a repository wants to be scanned. None is needed to start."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from secagg.durations import seconds
from secagg.scanners.options import (
    CodeqlOptions,
    GitleaksOptions,
    SnykOptions,
    TrivyOptions,
    TrufflehogOptions,
)
from secagg.yamltext import load_model

NAME = "secagg.yaml"

Duration = Annotated[float, BeforeValidator(seconds)]


class ToolUse(BaseModel):
    """Whether a tool is used, and whether its failure makes the scan incomplete."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=True, description="false: never run this tool")
    optional: bool = Field(
        default=False, description="true: a failure is shown, but the scan still counts as complete"
    )


class CodeqlConfig(ToolUse, CodeqlOptions):
    """CodeQL."""


class GitleaksConfig(ToolUse, GitleaksOptions):
    """Gitleaks."""


class SnykConfig(ToolUse, SnykOptions):
    """Snyk."""


class TrivyConfig(ToolUse, TrivyOptions):
    """Trivy."""


class TrufflehogConfig(ToolUse, TrufflehogOptions):
    """TruffleHog."""


class Tools(BaseModel):
    """The scanners, each with its own settings."""

    model_config = ConfigDict(extra="forbid")

    codeql: CodeqlConfig = Field(default_factory=CodeqlConfig)
    gitleaks: GitleaksConfig = Field(default_factory=GitleaksConfig)
    snyk: SnykConfig = Field(default_factory=SnykConfig)
    trivy: TrivyConfig = Field(default_factory=TrivyConfig)
    trufflehog: TrufflehogConfig = Field(default_factory=TrufflehogConfig)

    def __getitem__(self, tool: str) -> ToolUse:
        settings = getattr(self, tool)
        assert isinstance(settings, ToolUse)
        return settings


class Config(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    policy: str = Field(default="default", description="a built-in policy or the path of one")
    timeout: Duration = Field(default=900.0, description="one deadline for each tool run")
    jobs: int | None = Field(default=None, ge=1, description="tool runs side by side")
    exclude: list[str] = Field(
        default_factory=list, description="globs of directories that are not components"
    )
    tools: Tools = Field(default_factory=Tools)

    @property
    def timeout_seconds(self) -> float:
        return self.timeout

    def enabled(self, tool: str) -> bool:
        """Whether ``tool`` is to be run."""
        return self.tools[tool].enabled

    def optional_tools(self) -> frozenset[str]:
        """The tools whose failure does not make a scan incomplete."""
        return frozenset(t for t in Tools.model_fields if self.tools[t].optional)

    def tool_options(self) -> Mapping[str, Mapping[str, Any]]:
        """Each tool's own settings, by tool name, without those of :class:`ToolUse`."""
        own = set(ToolUse.model_fields)
        return {tool: self.tools[tool].model_dump(exclude=own) for tool in Tools.model_fields}

    def excludes(self, component: str) -> bool:
        """Whether a directory is not to be seen as a component of its own."""
        return any(fnmatchcase(component, glob) for glob in self.exclude)


def load_config(root: Path, path: Path | None = None) -> Config:
    """The configuration at ``path``, else ``secagg.yaml`` in ``root``, else the defaults.

    Raises :class:`secagg.errors.ConfigError` naming file, line and key.
    """
    file = path or root / NAME
    if path is None and not file.is_file():
        return Config()
    return load_model(file, Config, name=str(path) if path else NAME)
