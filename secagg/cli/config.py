"""``secagg config``: show what is in force, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from secagg.cli.options import ConfigOption, FormatOption, OutputFormat, RootOption
from secagg.config import Config, find_config
from secagg.errors import ExitCode
from secagg.jsonio.output import indented
from secagg.output import console
from secagg.output.escape import cell
from secagg.pipeline.origin import ENVIRONMENT
from secagg.system.yamlfile import Placed

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

    store = os.environ.get("SECAGG_STORE")
    raise typer.Exit(
        show_config(root, config, as_json=output_format is OutputFormat.JSON, store=store)
    )


_DEFAULT = "default"


def show_config(root: Path, config: Path | None, *, as_json: bool, store: str | None) -> int:
    """Print every setting with its value and its place: a file and line, or the default.

    Raises :class:`secagg.errors.ConfigError` for a file that cannot be used.
    """
    found = find_config(root, config)
    settings = Config() if found is None else found.value
    rows = [*_rows(settings.model_dump(mode="json"), found)]
    if store:
        rows.append(("store", store, ENVIRONMENT))
    file = None if found is None else found.name
    if as_json:
        listed = [{"key": key, "value": value, "from": place} for key, value, place in rows]
        document = {"root": str(root.resolve()), "file": file, "settings": listed}
        console.json(indented(document))
        return int(ExitCode.PASS)
    lines = [
        f"root  {cell(str(root.resolve()))}",
        f"file  {cell(file or 'none: all defaults')}",
        "",
    ]
    keys = max(len(key) for key, _, _ in rows)
    for key, value, place in rows:
        mark = "" if place == _DEFAULT else f"  # {cell(place)}"
        lines.append(f"{cell(key):<{keys}}  {cell(_shown(value))}{mark}")
    console.out("\n".join(lines) + "\n")
    return int(ExitCode.PASS)


def _rows(
    document: Mapping[str, Any], found: Placed[Config] | None, *above: str
) -> Iterator[tuple[str, Any, str]]:
    for key, value in document.items():
        path = (*above, key)
        if isinstance(value, Mapping) and value:
            yield from _rows(value, found, *path)
        else:
            yield ".".join(path), value, _place(found, path)


def _place(found: Placed[Config] | None, path: tuple[str, ...]) -> str:
    """Where the file says it; a key that it does not name has its default."""
    node: Any = found.document if found is not None else {}
    for part in path:
        if not isinstance(node, Mapping) or part not in node:
            return _DEFAULT
        node = node[part]
    assert found is not None
    return found.name if " " in found.name else found.where(*path).rpartition(":")[0]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "-"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "{}" if value == {} else str(value)
