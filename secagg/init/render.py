"""Templates of the generated files, and what is put into them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from secagg.errors import SecaggError

_EXPRESSION = "${{"
_PLAIN = re.compile(r"[A-Za-z][\w.-]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def render(template: str, values: Mapping[str, Any]) -> str:
    """The text of a template. ``use`` in it names an action by its pinned commit."""
    return _environment().get_template(f"{template}.j2").render(use=use, **values)


def use(action: str) -> str:
    """An action as a workflow names it: by commit, with the version in a comment.

    Raises :class:`SecaggError` for an action that is not in ``actions.toml``.
    """
    repository = "/".join(action.split("/")[:2])
    pin = pins().get(repository)
    if pin is None:
        raise SecaggError(f"{repository} is not in actions.toml")
    return f"{action}@{pin['commit']} # {pin['version']}"


@cache
def pins() -> dict[str, dict[str, str]]:
    """Version and commit of each action, by its repository."""
    text = resources.files("secagg.init").joinpath("actions.toml").read_text("utf-8")
    return tomllib.loads(text)


def quoted(value: Any) -> str:
    """A value from the repository as YAML that can be nothing else, an expression least of all."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        written = "".join(
            c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value
        )
        return f'"{written}"'.replace(_EXPRESSION, "${{ '${{' }}")
    return f"[{', '.join(quoted(item) for item in value)}]"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("secagg.init"),
        # YAML, of which every value is quoted; GitHub's expressions have the usual braces.
        autoescape=False,  # noqa: S701
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    filters: dict[str, Callable[[Any], str]] = {"q": quoted}
    made.filters.update(filters)
    return made
