"""The configuration of a repository: ``secagg.yaml`` or ``[tool.secagg]`` of ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from ruamel.yaml.comments import CommentedMap

from secagg.errors import ConfigError
from secagg.jsonio.members import value_at
from secagg.model.finding import Kind
from secagg.scanners.options import (
    CodeqlOptions,
    GitleaksOptions,
    SnykOptions,
    ToolOptions,
    TrivyOptions,
    TrufflehogOptions,
)
from secagg.system.dates import seconds
from secagg.system.globs import names
from secagg.system.root import CONFIG_FILE, PROJECT_FILE
from secagg.system.tomltext import loads_toml
from secagg.system.yamlfile import PlacedModel, check_model, load_model, load_placed, read_text

NAME, PROJECT, TABLE = CONFIG_FILE, PROJECT_FILE, "[tool.secagg]"
# Wrong names of the file, for an error instead of silence.
_WRONG_NAMES = ("secagg.yml", ".secagg.yaml", ".secagg.yml")

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
        """Tell whether a scan is complete even if ``tool`` fails."""
        use: ToolUse = getattr(self, tool)
        return use.optional

    def options(self, tool: str) -> ToolOptions:
        """Return the settings of ``tool``."""
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
    require: list[Kind] = Field(
        default_factory=list,
        description="kinds that a tool must have looked for, or the scan is incomplete: "
        "vulnerability, secret, code, misconfiguration",
    )
    owners: dict[str, list[str]] = Field(
        default_factory=dict,
        description="owners by glob of path (python-ai-service/**), before those of CODEOWNERS",
    )

    @property
    def timeout_seconds(self) -> float:
        return self.timeout

    def enabled(self, tool: str) -> bool:
        """Tell whether a scan runs ``tool``."""
        return self.tools.options(tool).enabled

    def asks_for(self, tool: str) -> bool:
        """Tell whether the file names ``tool`` and does not disable it."""
        return tool in self.tools.model_fields_set and self.enabled(tool)

    def optional_tools(self) -> frozenset[str]:
        """Return the tools whose failure does not make a scan incomplete."""
        return frozenset(t for t in Tools.model_fields if self.tools.optional(t))

    def tool_options(self) -> Mapping[str, Mapping[str, Any]]:
        """Return each tool's own settings, by tool name, without those of :class:`ToolUse`."""
        excluded = set(ToolUse.model_fields)
        return {t: self.tools.options(t).model_dump(exclude=excluded) for t in Tools.model_fields}

    def deciding_files(self) -> list[str]:
        """Return the paths that the tools' settings name: programs, rules, queries and caches."""
        tools = self.tools
        paths = [self.tools.options(tool).path for tool in Tools.model_fields]
        paths += [tools.gitleaks.config, tools.trivy.cache_dir]
        queries = [name for name in (tools.codeql.suite, *tools.codeql.packs) if "/" in name]
        return [*(str(path) for path in paths if path is not None), *queries]

    def excludes(self, component: str) -> bool:
        """Tell whether a directory does not count as a component of its own."""
        return names(self.exclude, cased=True)(component)


def load_config(root: Path, path: Path | None = None) -> Config:
    """Return the configuration at ``path``, else that of ``root`` (:func:`find_config`).

    Raises :class:`secagg.errors.ConfigError` naming file, line and key.
    """
    config = find_config(root, path)
    return Config() if config is None else config.value


def find_config(root: Path, path: Path | None = None) -> PlacedModel[Config] | None:
    """Return the configuration at ``path``, else ``secagg.yaml`` or ``[tool.secagg]`` in ``root``.

    The result has the position of each key; it is None if there is no configuration. Raises
    :class:`secagg.errors.ConfigError` for an invalid file, for a misnamed one (``secagg.yml``),
    and if both files configure secagg.
    """
    if path is not None:
        return load_placed(path, Config, name=str(path))
    file, project = root / NAME, root / PROJECT
    table = project_table(read_text(project, errors="replace")) if project.is_file() else None
    if file.is_file():
        if table is not None:
            raise ConfigError(
                f"both {NAME} and {TABLE} of {PROJECT} configure secagg", hint="keep one of them"
            )
        return load_placed(file, Config, name=NAME)
    misnamed = next((name for name in _WRONG_NAMES if (root / name).is_file()), None)
    if misnamed is not None:
        raise ConfigError(
            f"{misnamed} is not read: the configuration is called {NAME}",
            hint=f"mv {misnamed} {NAME}, or name it by --config {misnamed}",
        )
    if table is None:
        return None
    where = f"{PROJECT} {TABLE}"
    return PlacedModel(where, check_model(table, Config, name=where), CommentedMap(table))


def read_config(text: str | None, *, name: str) -> Config:
    """Return the configuration in ``text``, or the defaults for None.

    ``name`` is the file's name in messages. Raises :class:`secagg.errors.ConfigError` naming file,
    line and key.
    """
    return Config() if text is None else load_model(text, Config, name=name)


def read_project(text: str | None, *, name: str) -> Config:
    """Return the configuration in ``[tool.secagg]`` of the ``text`` of a ``pyproject.toml``."""
    table = None if text is None else project_table(text)
    return Config() if table is None else check_model(table, Config, name=f"{name} {TABLE}")


def project_table(text: str) -> dict[str, Any] | None:
    """Return ``[tool.secagg]`` of the ``text`` of a ``pyproject.toml``, None if there is none.

    Raises :class:`secagg.errors.ConfigError` for invalid TOML only if it names that table: other
    tools report the errors of this file.
    """
    try:
        table = value_at(loads_toml(text), "tool", "secagg")
    except ValueError:
        if "[tool.secagg" not in text:
            return None
        raise ConfigError("not valid TOML", where=PROJECT) from None
    return table if isinstance(table, dict) else None
