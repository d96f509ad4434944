"""The image's steps, run without Docker: each ``RUN`` of the Dockerfile, in a directory for ``/``.

Nothing is fetched: the packages of the lock are those of the tests' environment, in which pip finds
each of them satisfied or ends with an error, and the scanners are installed already. What only a
Debian image has (``apt-get``, ``useradd``) is recorded, not run.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.workflows.act import ROOT, git
from tests.workflows.pinned import install_pinned

DOCKERFILE = ROOT / "Dockerfile"
LOCK = ROOT / "requirements"
PORT = "8080"
RECORDED = """#!/bin/sh
printf '%s' "${0##*/}" >>"$RECORD"
printf ' %s' "$@" >>"$RECORD"
echo >>"$RECORD"
"""


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile and what they say, without comments and continued lines."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [
        (w, rest) for w, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


@dataclass(slots=True)
class Image:
    """An image in the making: ``root`` is the directory that stands for its ``/``."""

    root: Path
    stubs: Path
    workdir: str = "/"
    user: str = "root"
    env: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def inside(self, text: str) -> str:
        """A text with the image's paths as those of the directory."""
        return re.sub(r"(?<![\w.])/(opt|var|work|build)\b", rf"{self.root}/\1", text)

    def environ(self) -> dict[str, str]:
        path = self.inside(self.env.get("PATH", "").replace("$PATH", ""))
        own = {name: self.inside(value) for name, value in self.env.items() if name != "PATH"}
        return {
            "PATH": ":".join(filter(None, [str(self.stubs), path.strip(":"), "/usr/bin:/bin"])),
            "HOME": str(self.root),
            "RECORD": str(self.root / "recorded"),
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **own,
        }

    def run(self, script: str) -> None:
        self.runs.append(script)
        workdir = self.path(self.workdir)
        workdir.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["sh", "-c", self.inside(script)],
            cwd=workdir,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    def copy(self, words: list[str]) -> None:
        """``COPY`` of the context, without what .dockerignore leaves out, or of the other stage."""
        *sources, target = (word for word in words if not word.startswith("--"))
        if any(word.startswith("--from") for word in words):
            # The stages share their directory.
            assert sources == [target]
            return
        into = self.path(f"{self.workdir}/{target}" if not target.startswith("/") else target)
        for name in context():
            if any(source == "." or name == source for source in sources):
                place = into / (name if sources == ["."] else Path(name).name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, place)


def context() -> Iterator[str]:
    """The files of the build's context: what .dockerignore lets in again after ``*``."""
    first, *rest = (ROOT / ".dockerignore").read_text().split()
    assert first == "*"
    allowed = [line[1:] for line in rest if line.startswith("!")]
    refused = [line.removeprefix("**/") for line in rest if line.startswith("**/")]
    assert len(allowed) + len(refused) == len(rest)
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        parts = Path(name).parts
        kept = parts[0] in allowed and not any(fnmatch.filter(parts, one) for one in refused)
        if kept and (ROOT / name).is_file():
            yield name


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, built step by step."""
    top = tmp_path_factory.mktemp("image")
    made = Image(root=top / "root", stubs=top / "stubs")
    made.stubs.mkdir()
    made.root.mkdir()
    for name in ("apt-get", "chown", "rm", "useradd"):
        (made.stubs / name).write_text(RECORDED)
        (made.stubs / name).chmod(0o755)
    # The base image's python: a new environment has pip and the tests' packages to find.
    packages = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (made.stubs / "python").write_text(
        f"#!/bin/sh\n"
        f'[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"\n'
        f'{sys._base_executable} -m venv --without-pip "$3" || exit\n'  # type: ignore[attr-defined]
        f'site=$(echo "$3"/lib/python3*/site-packages)\n'
        f'echo {packages} >"$site/tests.pth"\n'
        f'printf \'#!/bin/sh\\nexec "%s/bin/python" -m pip "$@"\\n\' "$3" >"$3/bin/pip"\n'
        f'chmod +x "$3/bin/pip"\n'
    )
    (made.stubs / "python").chmod(0o755)
    (made.root / "opt/secagg").mkdir(parents=True)
    install_pinned(made.root / "opt/secagg/tools")
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word == "FROM":
            made.workdir, made.user, made.env = "/", "root", {}
        elif word == "WORKDIR":
            made.workdir = rest
        elif word == "USER":
            made.user = rest
        elif word == "ENV":
            made.env |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif word == "COPY":
            made.copy(rest.split())
        elif word == "RUN":
            made.run(rest)
        elif word == "ENTRYPOINT":
            made.entrypoint = json.loads(rest)
        elif word == "CMD":
            made.command = json.loads(rest)
        elif word == "HEALTHCHECK":
            made.health = json.loads(rest.partition(" CMD ")[2])
        else:
            assert word == "EXPOSE", word
    return made


def test_every_step_was_run(image: Image) -> None:
    assert len(image.runs) == 3
    assert image.user == "10001"
    recorded = (image.root / "recorded").read_text().splitlines()
    assert recorded == [
        "apt-get update",
        "apt-get install --yes --no-install-recommends git",
        f"rm -rf {image.root}/var/lib/apt/lists/*",
        "useradd --uid 10001 --create-home --shell /usr/sbin/nologin secagg",
        f"chown secagg: {image.root}/work",
    ]


def test_secagg_in_the_image_is_the_one_that_was_copied(image: Image) -> None:
    program = image.path("/opt/secagg/bin/secagg")
    done = subprocess.run(
        [program.with_name("python"), "-I", "-c", "import secagg, secagg_parsers, secagg_policies as p; "
         "print(secagg.__file__, secagg_parsers.__file__, p.__file__)"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert all(place.startswith(str(image.root)) for place in done.stdout.split())
    listed = subprocess.run(
        [program, "tools", "verify", "trivy", "gitleaks"],
        env=image.environ(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stdout + listed.stderr


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def test_what_the_image_starts_is_healthy_and_nothing_else_is(image: Image, tmp_path: Path) -> None:
    port = free_port()
    env = {**image.environ(), "SECAGG_STORE": str(tmp_path / "store.db")}
    script = [word.replace(PORT, port) for word in image.health]
    script[0] = str(image.path("/opt/secagg/bin") / script[0])

    def healthy() -> bool:
        return subprocess.run(script, env=env, capture_output=True, timeout=60).returncode == 0

    services = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]
    assert services["serve"]["depends_on"]["tables"] == {
        "condition": "service_completed_successfully"
    }
    program = image.path("/opt/secagg/bin") / image.entrypoint[0]
    subprocess.run(
        [program, *services["tables"]["command"]],
        env=env,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert not healthy()
    words = [*image.entrypoint, *image.command]
    assert words.count(PORT) == 1
    words[0] = str(program)
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [port if word == PORT else word for word in words],
            cwd=tmp_path, env=env, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not healthy():
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.5)
    finally:
        server.terminate()
        server.wait(timeout=30)


def versions(lock: Path) -> Mapping[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["runtime", "attest", "serve", "docs", "performance", "release"])
def test_what_runs_elsewhere_is_what_the_tests_ran_with(name: str) -> None:
    """The action and the image have the versions that the tests have."""
    tested, there = versions(LOCK / "dev.txt"), versions(LOCK / f"{name}.txt")
    assert len(there) > 10
    assert {one: there[one] for one in there if tested.get(one, there[one]) != there[one]} == {}
