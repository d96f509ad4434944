"""References made from the program itself: ``reference.py commands|openapi``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import typer

from secagg.cli.app import app


def commands() -> Iterator[str]:
    """Every command with its arguments and options, in Markdown."""
    yield "# Commands\n"
    yield "Made from the command line itself by `scripts/reference.py`.\n"
    root: Any = typer.main.get_command(app)
    yield from _command(root, "secagg")


def _command(command: Any, name: str) -> Iterator[str]:
    below = getattr(command, "commands", {})
    if below:
        for word, one in below.items():
            if not one.hidden:
                yield from _command(one, f"{name} {word}")
        return
    yield f"\n## {name}\n"
    yield f"{(command.help or '').strip()}\n"
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        words = [*parameter.opts, *parameter.secondary_opts]
        shown = ", ".join(f"`{word}`" for word in words)
        if parameter.param_type_name == "argument":
            shown = f"`{parameter.metavar or parameter.name}`"
        about = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
        rows.append(f"| {shown} | {about} |")
    if rows:
        yield "| option | does |\n| --- | --- |"
        yield from rows


def openapi() -> str:
    """The description of ``secagg serve``, from the application, which is not started."""
    from secagg.serve.app import Access, Served, make_app

    def no_source() -> Any:
        raise NotImplementedError

    document = make_app(Served(open_source=no_source, access=Access(hosts=frozenset()))).openapi()
    document["servers"] = [{"url": "http://127.0.0.1"}]
    return json.dumps(document, indent=2)


if __name__ == "__main__":
    if sys.argv[1:] == ["commands"]:
        print("\n".join(commands()))
    elif sys.argv[1:] == ["openapi"]:
        print(openapi())
    else:
        sys.exit(__doc__)
