"""References made from the program itself: ``reference.py commands|openapi``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import typer

from secagg.cli.app import app

# Typer's own, for the shell.
_SHELL = ("install_completion", "show_completion")


def commands() -> Iterator[str]:
    """Every command with its arguments, options and examples, in Markdown."""
    yield "# Commands\n"
    yield "Made from the command line itself by `scripts/reference.py`.\n"
    root: Any = typer.main.get_command(app)
    yield from _command(root, typer.Context(root, info_name="secagg"))


def _command(command: Any, context: typer.Context) -> Iterator[str]:
    """A command, or all below it; ``context`` is its own, from which commands are loaded."""
    if not hasattr(command, "list_commands") or command.invoke_without_command:
        yield from _page(command, context.command_path)
    if not hasattr(command, "list_commands"):
        return
    for word in command.list_commands(context):
        one = command.get_command(context, word)
        if not one.hidden:
            yield from _command(one, typer.Context(one, info_name=word, parent=context))


def _page(command: Any, name: str) -> Iterator[str]:
    yield f"\n## {name}\n"
    yield f"{(command.help or '').strip()}\n"
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or parameter.name in _SHELL:
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
    examples = (command.epilog or "").partition("Examples:\n")[2]
    if examples:
        lines = "\n".join(f"    {line.strip()}" for line in examples.splitlines())
        yield f"\n{lines}\n"


def openapi() -> str:
    """The description of ``secagg serve``, from the application, which is not started."""
    from secagg.serve.app import Served, make_app
    from secagg.serve.guard import Access

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
