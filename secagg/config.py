"""``secagg.yaml``: how a repository wants to be scanned. None is needed to start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from secagg.scanners.options import (
    CodeqlOptions,
    GitleaksOptions,
    SnykOptions,
    ToolOptions,
    TrivyOptions,
    TrufflehogOptions,
)
from secagg.system.durations import seconds
from secagg.system.globs import names
from secagg.system.yamlfile import load_model

NAME = "secagg.yaml"

Duration = Annotated[float, BeforeValidator(seconds)]


class ToolUse(BaseModel):
    """Whether a tool's failure makes the scan incomplete."""

    optional: bool = Field(
        default=False, description="true: a failure is shown, but the scan still counts as complete"
    )


class CodeqlConfig(CodeqlOptions, ToolUse):
    """CodeQL."""


class GitleaksConfig(GitleaksOptions, ToolUse):
    """Gitleaks."""


class SnykConfig(SnykOptions, ToolUse):
    """Snyk."""


class TrivyConfig(TrivyOptions, ToolUse):
    """Trivy."""


class TrufflehogConfig(TrufflehogOptions, ToolUse):
    """TruffleHog."""


class Tools(BaseModel):
    """The scanners, each with its own settings."""

    model_config = ConfigDict(extra="forbid")

    codeql: CodeqlConfig = Field(default_factory=CodeqlConfig)
    gitleaks: GitleaksConfig = Field(default_factory=GitleaksConfig)
    snyk: SnykConfig = Field(default_factory=SnykConfig)
    trivy: TrivyConfig = Field(default_factory=TrivyConfig)
    trufflehog: TrufflehogConfig = Field(default_factory=TrufflehogConfig)

    def optional(self, tool: str) -> bool:
        """Whether a failure of ``tool`` is allowed."""
        use: ToolUse = getattr(self, tool)
        return use.optional

    def options(self, tool: str) -> ToolOptions:
        """The settings of ``tool``."""
        options: ToolOptions = getattr(self, tool)
        return options


class Config(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    policy: str = Field(default="default", description="a built-in policy or the path of one")
    timeout: Duration = Field(default=900.0, description="one deadline for each tool run")
    jobs: int | None = Field(default=None, ge=1, description="tool runs side by side")
    exclude: list[str] = Field(
        default_factory=list, description="globs of directories that are not components"
    )
    path_map: dict[str, str] = Field(
        default_factory=dict,
        description="where paths of reports from elsewhere belong, by prefix (/src: services/app)",
    )
    tools: Tools = Field(default_factory=Tools)
    owners: dict[str, list[str]] = Field(
        default_factory=dict,
        description="owners by glob of path (python-ai-service/**), before those of CODEOWNERS",
    )

    @property
    def timeout_seconds(self) -> float:
        return self.timeout

    def enabled(self, tool: str) -> bool:
        """Whether ``tool`` is to be run."""
        return self.tools.options(tool).enabled

    def optional_tools(self) -> frozenset[str]:
        """The tools whose failure does not make a scan incomplete."""
        return frozenset(t for t in Tools.model_fields if self.tools.optional(t))

    def tool_options(self) -> Mapping[str, Mapping[str, Any]]:
        """Each tool's own settings, by tool name, without those of :class:`ToolUse`."""
        own = set(ToolUse.model_fields)
        return {t: self.tools.options(t).model_dump(exclude=own) for t in Tools.model_fields}

    def deciding_files(self) -> list[str]:
        """The paths that the tools' settings name: programs, rules, queries and caches."""
        tools = self.tools
        paths = [self.tools.options(tool).path for tool in Tools.model_fields]
        paths += [tools.gitleaks.config, tools.trivy.cache_dir]
        queries = [name for name in (tools.codeql.suite, *tools.codeql.packs) if "/" in name]
        return [*(str(path) for path in paths if path is not None), *queries]

    def excludes(self, component: str) -> bool:
        """Whether a directory is not to be seen as a component of its own."""
        return names(self.exclude, cased=True)(component)


def load_config(root: Path, path: Path | None = None) -> Config:
    """The configuration at ``path``, else ``secagg.yaml`` in ``root``, else the defaults.

    Raises :class:`secagg.errors.ConfigError` naming file, line and key.
    """
    file = path or root / NAME
    if path is None and not file.is_file():
        return Config()
    return load_model(file, Config, name=str(path) if path else NAME)


def read_config(text: str | None, *, name: str) -> Config:
    """The configuration in ``text``, which messages call ``name``; the defaults where it is None.

    Raises :class:`secagg.errors.ConfigError` naming file, line and key.
    """
    return Config() if text is None else load_model(text, Config, name=name)
