"""One way out: nothing but :mod:`secagg.output.console` prints, and what it prints is harmless.

So whoever forgets to escape a text has not let it be obeyed. This holds what ruff's rules (T20,
TID251) hold in the editor, and other ways to the same streams; a new one fails this test.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import secagg_parsers
import secagg_policies

import secagg

PACKAGES = [Path(str(made.__file__)).parent for made in (secagg, secagg_parsers, secagg_policies)]
STREAMS = frozenset({"stdout", "stderr", "__stdout__", "__stderr__", "displayhook", "excepthook"})
CALLS = frozenset({"print", "echo", "secho", "rich_print", "print_exc", "print_exception"}) | {
    "basicConfig",
    "StreamHandler",
    "addHandler",
    "showwarning",
    "Console",
    "dup2",
}
# By module, what of it is no way past the filter.
ALLOWED = {
    "output/console.py": "it is the way",
    "cli/__init__.py": "answers --version before anything is loaded",
    "output/progress.py": "rich's display, every cell of which is escaped and filtered",
    "output/logs.py": "hands secagg's own log on to the console",
    "mcp/server.py": "adds a handler that drops what the library logs",
    "notify/targets.py": "keeps what the library logs off the screen",
}


def outlets(source: str) -> Iterator[str]:
    """Whatever in ``source`` may write to a terminal."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in STREAMS:
            if isinstance(node.value, ast.Name) and node.value.id == "sys":
                yield f"sys.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in ("sys", "rich"):
            yield from (alias.name for alias in node.names if alias.name in STREAMS | {"print"})
        elif isinstance(node, ast.Call):
            name = node.func
            called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if called in CALLS:
                yield called
            # 1 and 2 are standard output and standard error.
            first = node.args[0] if node.args else None
            number = first.value if isinstance(first, ast.Constant) else None
            if called in ("write", "fdopen") and number in (1, 2):
                yield f"{called}({number})"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("print('x')", ["print"]),
        ("import sys\nsys.stderr.write('x')", ["sys.stderr"]),
        ("from sys import stdout", ["stdout"]),
        ("import typer\ntyper.echo('x')", ["echo"]),
        ("import os\nos.write(2, b'x')", ["write(2)"]),
        ("import logging\nlogging.basicConfig()", ["basicConfig"]),
        ("from rich import print", ["print"]),
        ("file.write('x')", []),
        ("self.stdout = 1", []),
    ],
)
def test_ways_out_are_seen(source: str, found: list[str]) -> None:
    assert list(outlets(source)) == found


def test_there_is_one_way_out() -> None:
    found = {}
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            ways = sorted(set(outlets(path.read_text("utf-8"))))
            name = path.relative_to(package).as_posix()
            if ways and name not in ALLOWED:
                found[name] = ways
    assert found == {}
    for name in ALLOWED:
        # What is listed here without need would hide the next one.
        assert list(outlets((PACKAGES[0] / name).read_text("utf-8"))), name
