"""Render the files that ``secagg init`` writes from templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from secagg import __version__
from secagg.errors import SecaggError
from secagg.init.ownwheel import pinned_digest
from secagg.init.survey import NAME, Answers, Survey, Update

_EXPRESSION = "${{"
_PLAIN_YAML = re.compile(r"[A-Za-z][\w.-]*")
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the text of a template. ``use`` in it names an action by its pinned commit."""
    return _environment().get_template(f"{template}.j2").render(use=use, **values)


def use(action: str) -> str:
    """Return the reference to an action: by commit, with the version in a comment.

    Raises :class:`SecaggError` for an action that is not in ``actions.toml``.
    """
    repository = "/".join(action.split("/")[:2])
    action_pin = pins().get(repository)
    if action_pin is None:
        raise SecaggError(f"{repository} is not in actions.toml")
    return f"{action}@{action_pin['commit']} # {action_pin['version']}"


@cache
def pins() -> dict[str, dict[str, str]]:
    """Return version and commit of each action, by its repository."""
    text = resources.files("secagg.init").joinpath("actions.toml").read_text("utf-8")
    return tomllib.loads(text)


def quoted(value: Any) -> str:
    """Quote a value from the repository as YAML text, in which no expression is evaluated."""
    if isinstance(value, str):
        if _PLAIN_YAML.fullmatch(value) and value.lower() not in _YAML_WORDS:
            return value
        written = "".join(
            c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value
        )
        return f'"{written}"'.replace(_EXPRESSION, "${{ '${{' }}")
    return f"[{', '.join(quoted(item) for item in value)}]"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("secagg.init"),
        # Values in the YAML are quoted by ``q``; GitHub's expressions need the usual braces.
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
    environment.filters.update(filters)
    return environment


_ACTION_DIRECTORY = ".github/actions/secagg"
_WORKFLOWS = ".github/workflows"

# The digest of 2026-09 for all platforms.
_IMAGE = "python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b"

_DATABASE_IMAGE = (
    "postgres:17-alpine@sha256:742f40ea20b9ff2ff31db5458d127452988a2164df9e17441e191f3b72252193"
)

# The kind of a job in dependency-update.yml, by a component's manifest.
_LOCK_KINDS = {
    "Cargo.lock": "cargo",
    "Cargo.toml": "cargo",
    "uv.lock": "uv",
    "requirements.txt": "pip",
    "package-lock.json": "npm",
    "go.mod": "go",
}

_SLUG = re.compile(r"[^A-Za-z0-9]+")


def planned_files(survey: Survey, answers: Answers) -> dict[str, str]:
    """Return the text of each file by its path, the answers' file included."""
    files = {
        NAME: answers.text(),
        "secagg.yaml": render("secagg.yaml", {}),
        "policies/team.yaml": render("team.yaml", {}),
        "policies/pr-gate.yaml": render("pr-gate.yaml", {}),
    }
    files |= _gitlab(survey, answers) if answers.ci == "gitlab" else _github(survey, answers)
    return files


def _github(survey: Survey, answers: Answers) -> dict[str, str]:
    values = _values(survey, answers)
    names = ["security-scan.yml", "secrets-scan.yml", "pr-gate.yml", "pr-publish.yml"]
    names += [
        f"{feature}.yml"
        for feature in answers.features
        if feature != "dependency-update" or values["locks"]
    ]
    files = {f"{_WORKFLOWS}/{name}": render(name, values) for name in names}
    files[".github/dependabot.yml"] = render("dependabot.yml", values)
    if not answers.action:
        action, locks = action_and_locks()
        files[f"{_ACTION_DIRECTORY}/action.yml"] = action
        files |= {f"{_ACTION_DIRECTORY}/locks/{name}": lock for name, lock in locks.items()}
        files[f"{_ACTION_DIRECTORY}/locks/secagg.txt"] = _requirement(answers)
    return files


def _gitlab(survey: Survey, answers: Answers) -> dict[str, str]:
    _, locks = action_and_locks()
    values = _values(survey, answers)
    return {
        ".gitlab/secagg.gitlab-ci.yml": render("gitlab.yml", values),
        ".gitlab/secagg/runtime.txt": locks[_RUNTIME],
        ".gitlab/secagg/secagg.txt": _requirement(answers),
    }


def _requirement(answers: Answers) -> str:
    """Return the lock of secagg itself. Without a digest, pip refuses it (``--require-hashes``)."""
    digest = pinned_digest(answers.wheel)
    return f"secagg=={__version__}{f' --hash={digest}' if digest else ''}\n"


def _values(survey: Survey, answers: Answers) -> dict[str, Any]:
    snyk = _snyk_runs(survey.snyk) if answers.snyk else []
    codeql = (*survey.languages, ("actions", "none")) if answers.codeql else ()
    jobs = [("trivy", ["report-trivy"]), ("snyk", [item["artifact"] for item in snyk])]
    jobs.append(("codeql", [f"report-codeql-{language}" for language, _ in codeql]))
    updates = [u for u in survey.updates if u.ecosystem != "github-actions"]
    updates.append(Update("github-actions", ("/", "/.github/actions/*")))
    rust, python = survey.places("cargo"), survey.places("pypi")
    docs = [("generate-rust-docs", rust), ("generate-python-docs", python)]
    return {
        "survey": survey,
        "locks": _lock_jobs(survey),
        "images": _named_directories(survey.places("docker"), "image"),
        "database_image": _DATABASE_IMAGE,
        "rust_docs": rust,
        "python_docs": python,
        "docs_jobs": [*(job for job, places in docs if places), "generate-api-specs"],
        "minute": answers.minute,
        "branches": answers.branches,
        "default_branch": answers.branches[0],
        "runner": answers.runner,
        "image": _IMAGE,
        "copied": not answers.action,
        # By path, so that the checkout decides which version of the action runs.
        "action": answers.action or f"./{_ACTION_DIRECTORY} # zizmor: ignore[self-repository]",
        "snyk": snyk,
        "codeql": codeql,
        "needs": [name for name, artifacts in jobs if artifacts],
        "expected": [artifact for _, artifacts in jobs for artifact in artifacts],
        "gitlab_tools": ["trivy", "gitleaks", *(["snyk"] if snyk else [])],
        "updates": sorted(updates),
    }


def _snyk_runs(components: Sequence[str]) -> list[dict[str, str]]:
    """Return a run of Snyk for each component, with the name of its artifact."""
    return [
        {"component": item["directory"], "artifact": f"report-snyk-{item['name']}"}
        for item in _named_directories(components, "root")
    ]


def _lock_jobs(survey: Survey) -> list[dict[str, str]]:
    """Return a job for each lock file that can be updated."""
    kinds = [
        (kind, component.path)
        for component in survey.components
        for kind in dict.fromkeys(
            _LOCK_KINDS[name] for name in _LOCK_KINDS if name in component.manifests
        )
    ]
    jobs = []
    for kind in dict.fromkeys(kind for kind, _ in kinds):
        directories = [path for other, path in kinds if other == kind]
        for item in _named_directories(directories, kind):
            name = item["name"] if item["name"] == kind else f"{kind}-{item['name']}"
            jobs.append({**item, "kind": kind, "name": name})
    return jobs


def _named_directories(directories: Sequence[str], root: str) -> list[dict[str, str]]:
    """Give each directory a name for artifacts, branches and images; ``.`` gets ``root``."""
    named: list[dict[str, str]] = []
    for directory in directories:
        name = _SLUG.sub("-", directory).strip("-").lower() or root
        if any(item["name"] == name for item in named):
            name = f"{name}-{len(named) + 1}"
        named.append({"directory": directory, "name": name})
    return named


# What the action installs, and what besides that where it signs evidence.
_RUNTIME, _ATTEST = "runtime.txt", "attest.txt"


def action_and_locks() -> tuple[str, dict[str, str]]:
    """Return the text of action.yml and those of its locks, from the wheel or the checkout.

    Raises :class:`SecaggError` if an installation lacks one of them.
    """
    package = Path(__file__).parent / "action"
    checkout = Path(__file__).parents[2]
    for directory in (package, checkout):
        action = directory / "action.yml"
        locks = {name: directory / "requirements" / name for name in (_RUNTIME, _ATTEST)}
        if all(path.is_file() for path in (action, *locks.values())):
            texts = {name: path.read_text("utf-8") for name, path in locks.items()}
            return action.read_text("utf-8"), texts
    raise SecaggError(
        "this installation of secagg has no action.yml",
        hint="name a published action: secagg init --action OWNER/NAME@COMMIT",
    )
