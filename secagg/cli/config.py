"""``secagg config``: show each setting in force, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from msgspec.structs import asdict

from secagg.cli.options import ConfigOption, FormatOption, OutputFormat, RootOption
from secagg.config import Config, find_config
from secagg.errors import ExitCode
from secagg.jsonio.output import indented
from secagg.output import console
from secagg.output.escape import cell
from secagg.pipeline.origin import ENVIRONMENT
from secagg.system.yamlfile import PlacedModel

config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@config_app.callback()
def _config() -> None:
    """Look at the configuration."""


@config_app.command()
def show(
    root: RootOption = Path(),
    config: ConfigOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show every setting in force, and the file and line, or the default, that it comes from."""
    store = os.environ.get(ENVIRONMENT)
    raise typer.Exit(
        show_config(root, config, as_json=output_format is OutputFormat.JSON, store=store)
    )


_DEFAULT = "default"


def show_config(root: Path, config: Path | None, *, as_json: bool, store: str | None) -> int:
    """Print every setting with its value and its origin: a file and line, or the default.

    Raises :class:`secagg.errors.ConfigError` for a file that cannot be used.
    """
    file = find_config(root, config)
    settings = Config() if file is None else file.value
    rows = [*_rows(asdict(settings) | {"tools": settings.tool_options()}, file)]
    if store:
        rows.append(("store", store, ENVIRONMENT))
    name = None if file is None else file.name
    if as_json:
        entries = [{"key": key, "value": value, "from": origin} for key, value, origin in rows]
        document = {"root": str(root.resolve()), "file": name, "settings": entries}
        console.json(indented(document))
        return int(ExitCode.PASS)
    lines = [
        f"root  {cell(str(root.resolve()))}",
        f"file  {cell(name or 'none: all defaults')}",
        "",
    ]
    width = max(len(key) for key, _, _ in rows)
    for key, value, origin in rows:
        comment = "" if origin == _DEFAULT else f"  # {cell(origin)}"
        lines.append(f"{cell(key):<{width}}  {cell(_value_text(value))}{comment}")
    console.out("\n".join(lines) + "\n")
    return int(ExitCode.PASS)


def _rows(
    settings: Mapping[str, Any], file: PlacedModel[Config] | None, *parents: str
) -> Iterator[tuple[str, Any, str]]:
    """Yield each setting's dotted key, its value, and its origin."""
    for key, value in settings.items():
        path = (*parents, key)
        if isinstance(value, Mapping) and value:
            yield from _rows(value, file, *path)
        else:
            yield ".".join(path), value, _origin(file, path)


def _origin(file: PlacedModel[Config] | None, path: tuple[str, ...]) -> str:
    """Return the file and line that set the key; a key that the file lacks has its default."""
    node: Any = file.document if file is not None else {}
    for part in path:
        if not isinstance(node, Mapping) or part not in node:
            return _DEFAULT
        node = node[part]
    assert file is not None
    return file.name if " " in file.name else file.where(*path).rpartition(":")[0]


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "-"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "{}" if value == {} else str(value)
