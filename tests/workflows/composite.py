"""Run the steps of ``action.yml`` in the test's own process: its order, conditions and variables.

Of the runner's expressions those are understood that the file has; another one is an error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from secagg.action.__main__ import main

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = YAML(typ="safe").load(ROOT / "action.yml")
_STEP = re.compile(
    r'"\$PYTHON" -I -m secagg\.action (\w+)$|-m secagg\.action (prepare)$', re.MULTILINE
)
_OUTPUT = re.compile(r"(?P<name>[\w-]+)<<(?P<end>end-\w+)\n(?P<value>.*?)\n(?P=end)\n", re.DOTALL)


@dataclass(slots=True)
class Composite:
    """The action in one job: ``environ`` is the runner's, ``lost`` breaks a step by its id."""

    temp: Path
    environ: dict[str, str]
    lost: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: bool = False
    artifact: dict[str, str] = field(default_factory=dict)

    def run(self, **inputs: str) -> int:
        """Run all steps; 0 if none failed, else the exit code of the last that did."""
        given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        code, self.failed = 0, False
        self.outputs.clear()
        for step in ACTION["runs"]["steps"]:
            if not self._wanted(str(step.get("if", "")), given):
                continue
            if "uses" in step:
                if "upload-artifact" in step["uses"]:
                    self.artifact = self._texts(step["with"], given)
                continue
            ended = self._script(step, self._texts(step["env"], given))
            if ended:
                self.failed, code = True, ended
        return code

    def output(self, name: str) -> str:
        """An output of the whole action."""
        return self._text(ACTION["outputs"][name]["value"], {})

    def _script(self, step: Mapping[str, Any], env: Mapping[str, str]) -> int:
        name = step["id"]
        self.seen[name] = dict(env)
        found = _STEP.search(step["run"].rstrip())
        assert found is not None, step["run"]
        said = self.temp / f"output-{name}"
        said.write_text("")
        with _environment({**self.environ, **env, "GITHUB_OUTPUT": str(said)}):
            if name in self.lost:
                self.lost[name]()
                ended = 137
            elif name == "verdict" and not env["PYTHON"]:
                ended = 3
            else:
                ended = main([found[1] or found[2]])
        text = said.read_text()
        self.outputs[name] = {m["name"]: m["value"] for m in _OUTPUT.finditer(text)}
        if name == "install" and not ended:
            self.outputs[name]["python"] = "python"
        return ended

    def _wanted(self, condition: str, inputs: Mapping[str, str]) -> bool:
        text = condition.strip().removeprefix("${{").removesuffix("}}").strip()
        if text == "always()":
            return True
        parts = [part.strip() for part in text.split("&&") if part.strip()]
        if "!cancelled()" not in parts and self.failed:
            return False
        return all(self._holds(part, inputs) for part in parts if part != "!cancelled()")

    def _holds(self, part: str, inputs: Mapping[str, str]) -> bool:
        left, operator, right = part.split()
        value = self._value(left, inputs)
        return (value == right.strip("'")) is (operator == "==")

    def _texts(self, values: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, str]:
        return {name: self._text(str(value), inputs) for name, value in values.items()}

    def _text(self, text: str, inputs: Mapping[str, str]) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda m: self._value(m[1], inputs), text)

    def _value(self, name: str, inputs: Mapping[str, str]) -> str:
        if " != " in name:
            return str(self._holds(name, inputs)).lower()
        if found := re.fullmatch(r"inputs\.([\w-]+)", name):
            return self._text(inputs[found[1]], inputs)
        if found := re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", name):
            return self.outputs.get(found[1], {}).get(found[2], "")
        assert name == "github.token", name
        return self.environ["TOKEN_OF_THE_JOB"]


@contextmanager
def _environment(environ: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def event_file(path: Path, payload: Mapping[str, Any]) -> str:
    """Write an event's payload; its path."""
    path.write_text(json.dumps(payload))
    return str(path)
