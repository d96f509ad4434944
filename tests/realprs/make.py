"""``python -m tests.realprs.make DIR``: repositories with labelled pull requests, by script.

Each repository has a base with problems and gaps of its own, and branches that add some, add
none, or touch what is there. The packages are those that the project's own database of
advisories knows (``scripts/trivy_db.py``). Secrets are made up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from scripts import sample_repo
from tests.change.repos import Repo

# Only what is there on any machine that develops this project.
_CONFIG = """\
tools:
  trivy: {offline: true}
  snyk: {enabled: false}
  codeql: {enabled: false}
  trufflehog: {enabled: false}
"""
_OLD_SECRET = 'api_key = "zX9kQ2mW7vB4nT8pL3rJ6sD1"\n'
_NEW_SECRET = 'api_key = "qP5wE8rT1yU4iO7aS0dF3gH6"\n'
_LOCK = """\
{{"name": "web", "lockfileVersion": 3, "packages": {{
  "": {{"name": "web", "dependencies": {{"lodash": "{0}"{1}}}}},
  "node_modules/lodash": {{
    "version": "{0}"
  }}{2}
}}}}
"""
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  template:
    spec:
      containers:
        - name: {name}
          image: registry.example.com/{name}:{tag}
"""
_PARENT = """\
<project><modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version>
  <packaging>pom</packaging><modules><module>app</module></modules>
</project>
"""
_MODULE = """\
<project><modelVersion>4.0.0</modelVersion>
  <parent><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version></parent>
  <artifactId>app</artifactId>
  <dependencies>
{0}  </dependencies>
</project>
"""
_DEPENDENCY = """\
    <dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>
"""

Change = Callable[[Repo], None]


class _Made:
    """A repository in the making; ``lines`` are its lines of pairs.txt."""

    def __init__(self, directory: Path, name: str, files: dict[str, str]) -> None:
        self.repo = Repo(directory / name)
        self.name = name
        self.lines: list[str] = []
        self._write({"secagg.yaml": _CONFIG, "README.md": f"# {name}\n", **files})
        self.repo.commit("Base")

    def pull_request(self, title: str, label: str, files: dict[str, str | None]) -> None:
        """A branch that writes ``files`` (None takes one away), and the verdict that is right."""
        branch = title.replace(" ", "-")
        self.repo.git("checkout", "-q", "-b", branch, "main")
        self._write(files)
        self.repo.commit(title)
        self.repo.git("checkout", "-q", "main")
        self.lines.append(f"{self.name} main {branch} {label}")

    def _write(self, files: dict[str, str | None] | dict[str, str]) -> None:
        for name, text in files.items():
            if text is None:
                (self.repo.root / name).unlink()
            else:
                self.repo.write(name, text)


_README: dict[str, str | None] = {"README.md": "# Better words\n"}


def make(directory: Path) -> int:
    """Write the repositories and ``pairs.txt``; how many pairs there are."""
    makers = (_python, _web, _kubernetes, _helm, _maven, _leftovers, _sample)
    lines = [line for maker in makers for line in maker(directory)]
    (directory / "pairs.txt").write_text("".join(f"{line}\n" for line in lines))
    return len(lines)


def _python(directory: Path) -> list[str]:
    made = _Made(
        directory,
        "mixed-requirements",
        {
            "requirements.txt": "-r requirements/base.txt\nflask\n",
            "requirements/base.txt": "pyyaml==5.3\n",
            "tools/setup.py": "setup(install_requires=['a'])\n",
            "app.py": _OLD_SECRET,
        },
    )
    made.pull_request("readme", "pass", _README)
    made.pull_request("harmless code", "pass", {"app.py": f"import os\n\n{_OLD_SECRET}"})
    made.pull_request(
        "new package", "fail", {"requirements/base.txt": "pyyaml==5.3\njinja2==2.4.1\n"}
    )
    made.pull_request("fixed package", "pass", {"requirements/base.txt": "pyyaml==6.0.1\n"})
    made.pull_request("new secret", "fail", {"other.py": _NEW_SECRET})
    made.pull_request("replaced secret", "fail", {"app.py": _NEW_SECRET})
    made.pull_request("moved secret", "pass", {"app.py": None, "src/app.py": _OLD_SECRET})
    made.pull_request(
        "new unlocked project", "incomplete", {"web/package.json": '{"dependencies": {"a": "1"}}'}
    )
    made.repo.git("checkout", "-q", "-b", "secret-and-gone", "main")
    made.repo.write("x.py", _NEW_SECRET)
    made.repo.commit("Add")
    (made.repo.root / "x.py").unlink()
    made.repo.commit("Take away")
    made.repo.git("checkout", "-q", "main")
    made.lines.append("mixed-requirements main secret-and-gone fail")
    return made.lines


def _web(directory: Path) -> list[str]:
    locked = _LOCK.format("4.17.4", "", "")
    other = ',\n  "node_modules/minimist": {\n    "version": "1.2.8"\n  }'
    made = _Made(
        directory,
        "web",
        {
            "package.json": '{"name": "web", "dependencies": {"lodash": "4.17.4"}}',
            "package-lock.json": locked,
            "legacy/package.json": '{"dependencies": {"a": "1"}}',
        },
    )
    made.pull_request("readme", "pass", _README)
    made.pull_request(
        "unrelated package",
        "pass",
        {"package-lock.json": _LOCK.format("4.17.4", ', "minimist": "1.2.8"', other)},
    )
    made.pull_request("lock deleted", "incomplete", {"package-lock.json": None})
    made.pull_request("fixed", "pass", {"package-lock.json": _LOCK.format("4.17.21", "", "")})
    return made.lines


def _kubernetes(directory: Path) -> list[str]:
    files = {f"deploy/{n}.yaml": _DEPLOYMENT.format(name=n, tag="1.0") for n in ("shop", "search")}
    made = _Made(directory, "kubernetes", files)
    made.pull_request(
        "image bump", "pass", {"deploy/shop.yaml": _DEPLOYMENT.format(name="shop", tag="1.1")}
    )
    made.pull_request("readme", "pass", _README)
    privileged = _DEPLOYMENT.format(name="shop", tag="1.0") + (
        "          securityContext: {privileged: true}\n"
    )
    made.pull_request("privileged", "fail", {"deploy/shop.yaml": privileged})
    return made.lines


def _helm(directory: Path) -> list[str]:
    template = _DEPLOYMENT.format(name="shop", tag="{{ .Values.tag }}") + (
        "          securityContext: {privileged: {{ .Values.privileged }}}\n"
    )
    made = _Made(
        directory,
        "helm",
        {
            "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
            "chart/values.yaml": "tag: '1.0'\nprivileged: false\n",
            "chart/templates/shop.yaml": template,
        },
    )
    made.pull_request("tag", "pass", {"chart/values.yaml": "tag: '1.1'\nprivileged: false\n"})
    made.pull_request(
        "privileged by values", "fail", {"chart/values.yaml": "tag: '1.0'\nprivileged: true\n"}
    )
    return made.lines


def _maven(directory: Path) -> list[str]:
    old = _DEPENDENCY.format("org.apache.logging.log4j", "log4j-core", "2.14.1")
    loose = _DEPENDENCY.format("com.h2database", "h2", "${no.such}")
    made = _Made(directory, "maven", {"pom.xml": _PARENT, "app/pom.xml": _MODULE.format(old)})
    made.pull_request("readme", "pass", _README)
    # The project's own database has no advisory on a Maven package.
    made.pull_request("unknown version", "incomplete", {"app/pom.xml": _MODULE.format(old + loose)})
    return made.lines


def _leftovers(directory: Path) -> list[str]:
    made = _Made(
        directory,
        "leftovers",
        {
            "old/tool.py": 'print "Python 2"\n',
            "old/setup.py": "setup(install_requires=['a'])\n",
            "broken/package-lock.json": "{",
            "broken/Dockerfile": "FROM debian:12\nRUN apt-get update\n",
        },
    )
    made.pull_request("readme", "pass", _README)
    made.pull_request("more of the old", "pass", {"old/more.py": 'print "more"\n'})
    made.pull_request("another broken lock", "incomplete", {"new/package-lock.json": "{"})
    return made.lines


# What each branch of the sample comes to where nobody looks for flaws in code.
_SAMPLE = {
    "pr/nothing-new": "pass",
    "pr/new-vulnerability": "fail",
    "pr/new-secret": "fail",
    "pr/secret-added-and-removed": "fail",
    "pr/new-code-flaw": "pass",
    "pr/moved-lines": "pass",
    "pr/renamed-file": "pass",
    "pr/fixes": "pass",
}


def _sample(directory: Path) -> list[str]:
    """The branches of the sample monorepo, whose base has dozens of problems and several gaps."""
    sample_repo.build(directory / "sample-monorepo")
    repo = Repo(directory / "sample-monorepo")
    repo.write("secagg.yaml", _CONFIG)
    repo.commit("Base")
    for branch in _SAMPLE:
        repo.git("checkout", "-q", branch)
        repo.git("merge", "-q", "--no-edit", "main")
    repo.git("checkout", "-q", "main")
    return [f"sample-monorepo main {branch} {label}" for branch, label in _SAMPLE.items()]


def main(arguments: list[str]) -> int:
    """Write into the directory that is named."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    directory = Path(arguments[0])
    directory.mkdir(parents=True, exist_ok=True)
    print(f"{make(directory)} pairs in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
