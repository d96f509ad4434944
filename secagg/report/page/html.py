"""The page around the data: one template, one style sheet and one script, all inlined."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from secagg.report.jsonformat import dumps

_SCRIPTS = ("base.js", "filter.js", "list.js", "details.js", "charts.js", "controls.js")
_LIVE_SCRIPTS = ("triage.js",)
_LAST = ("main.js",)
# What would end the element, or a line of a script, is written as JSON's own escapes.
_IN_SCRIPT = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page(data: Mapping[str, Any], *, live: bool = False) -> str:
    """The whole document for ``data`` (see :func:`secagg.report.page.data.page_data`).

    Its content security policy forbids everything but the style and the script in it; a
    ``live`` page may also speak to the server that it came from.
    """
    style = _asset("page.css")
    script = _script(live)
    connect = "; connect-src 'self'" if live else ""
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
        f"{connect}; base-uri 'none'; form-action 'none'"
    )
    made: str = _template().render(
        policy=policy,
        # Both are files of ours, not anybody's data.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(script_json(data)),  # noqa: S704
        title=_title(data),
    )
    return made


def script_json(value: Any) -> str:
    """``value`` as JSON that can stand in a script element of any HTML document."""
    text = dumps(value).decode("utf-8")
    for character, written in _IN_SCRIPT.items():
        text = text.replace(character, written)
    return text


def _title(data: Mapping[str, Any]) -> str:
    last = data["summary"].get("last_run")
    return f"secagg report \u2014 {last['repository']}" if last else "secagg report"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text("utf-8")


@cache
def _script(live: bool) -> str:
    names = [*_SCRIPTS, *(_LIVE_SCRIPTS if live else ()), *_LAST]
    body = "\n".join(_asset(name) for name in names)
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'


@cache
def _template() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(_asset("page.html.j2"))
