"""The configuration of a repository: ``secagg.yaml`` or ``[tool.secagg]`` of ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec.structs import asdict

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
from secagg.system.validation import FileModel, before, key

if TYPE_CHECKING:
    from secagg.system.yamlfile import PlacedModel

NAME, PROJECT, TABLE = CONFIG_FILE, PROJECT_FILE, "[tool.secagg]"
# Wrong names of the file, for an error instead of silence.
_WRONG_NAMES = ("secagg.yml", ".secagg.yaml", ".secagg.yml")

Duration = Annotated[float, before(seconds)]


# Settings of tools that the file does not name. Each is one object, by which this is recognized.
_CODEQL, _GITLEAKS, _SNYK = CodeqlOptions(), GitleaksOptions(), SnykOptions()
_TRIVY, _TRUFFLEHOG = TrivyOptions(), TrufflehogOptions()


class Tools(FileModel, kw_only=True):
    """The scanners, each with its own settings."""

    codeql: CodeqlOptions = key(default_factory=lambda: _CODEQL)
    gitleaks: GitleaksOptions = key(default_factory=lambda: _GITLEAKS)
    snyk: SnykOptions = key(default_factory=lambda: _SNYK)
    trivy: TrivyOptions = key(default_factory=lambda: _TRIVY)
    trufflehog: TrufflehogOptions = key(default_factory=lambda: _TRUFFLEHOG)

    def names(self, tool: str) -> bool:
        """Tell whether the file has settings of ``tool``."""
        return self.options(tool) is not _DEFAULT_TOOLS.options(tool)

    def optional(self, tool: str) -> bool:
        """Tell whether a scan is complete even if ``tool`` fails."""
        return self.options(tool).optional

    def options(self, tool: str) -> ToolOptions:
        """Return the settings of ``tool``."""
        options: ToolOptions = getattr(self, tool)
        return options


_DEFAULT_TOOLS = Tools()
TOOLS = Tools.__struct_fields__


class Config(FileModel, kw_only=True):
    """The whole file."""

    policy: str = key(default="default", description="a built-in policy or the path of one")
    timeout: Duration = key(default=900.0, description="one deadline for each tool run")
    jobs: int | None = key(default=None, ge=1, description="tool runs side by side")
    exclude: list[str] = key(
        default_factory=list, description="globs of directories that are not components"
    )
    path_map: dict[str, str] = key(
        default_factory=dict,
        description="where paths of reports from elsewhere belong, by prefix (/src: services/app)",
    )
    tools: Tools = key(default_factory=Tools)
    require: list[Kind] = key(
        default_factory=list,
        description="kinds that a tool must have looked for, or the scan is incomplete: "
        "vulnerability, secret, code, misconfiguration",
    )
    owners: dict[str, list[str]] = key(
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
        return self.tools.names(tool) and self.enabled(tool)

    def optional_tools(self) -> frozenset[str]:
        """Return the tools whose failure does not make a scan incomplete."""
        return frozenset(t for t in TOOLS if self.tools.optional(t))

    def tool_options(self) -> Mapping[str, Mapping[str, Any]]:
        """Return each tool's settings, by tool name."""
        return {tool: asdict(self.tools.options(tool)) for tool in TOOLS}

    def deciding_files(self) -> list[str]:
        """Return the paths that the tools' settings name: programs, rules, queries and caches."""
        tools = self.tools
        paths = [self.tools.options(tool).path for tool in TOOLS]
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
        return _load_placed(path, str(path))
    file, project = root / NAME, root / PROJECT
    table = project_table(_text_of(project)) if project.is_file() else None
    if file.is_file():
        if table is not None:
            raise ConfigError(
                f"both {NAME} and {TABLE} of {PROJECT} configure secagg", hint="keep one of them"
            )
        return _load_placed(file, NAME)
    misnamed = next((name for name in _WRONG_NAMES if (root / name).is_file()), None)
    if misnamed is not None:
        raise ConfigError(
            f"{misnamed} is not read: the configuration is called {NAME}",
            hint=f"mv {misnamed} {NAME}, or name it by --config {misnamed}",
        )
    if table is None:
        return None
    from ruamel.yaml.comments import CommentedMap

    from secagg.system.yamlfile import PlacedModel, check_model

    where = f"{PROJECT} {TABLE}"
    return PlacedModel(where, check_model(table, Config, name=where), CommentedMap(table))


def read_config(text: str | None, *, name: str) -> Config:
    """Return the configuration in ``text``, or the defaults for None.

    ``name`` is the file's name in messages. Raises :class:`secagg.errors.ConfigError` naming file,
    line and key.
    """
    return Config() if text is None else _load_placed(text, name).value


def read_project(text: str | None, *, name: str) -> Config:
    """Return the configuration in ``[tool.secagg]`` of the ``text`` of a ``pyproject.toml``."""
    table = None if text is None else project_table(text)
    if table is None:
        return Config()
    from secagg.system.yamlfile import check_model

    return check_model(table, Config, name=f"{name} {TABLE}")


def _load_placed(source: Path | str, name: str) -> PlacedModel[Config]:
    from secagg.system.yamlfile import load_placed

    return load_placed(source, Config, name=name)


def _text_of(path: Path) -> str:
    from secagg.system.yamlfile import read_text

    return read_text(path, errors="replace")


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
