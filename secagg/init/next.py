"""What only a person can do after ``secagg init``: secrets, settings, and who owns what."""

from __future__ import annotations

from collections.abc import Iterator

from secagg.init.answers import Answers
from secagg.init.survey import Survey
from secagg.packages.components import ROOT

_TEAMS = {"cargo": "rust", "pypi": "python", "npm": "frontend", "golang": "go", "maven": "java"}


def next_steps(survey: Survey, answers: Answers) -> str:
    """The steps that are left, and a proposal for CODEOWNERS."""
    steps = list(_gitlab(answers) if answers.ci == "gitlab" else _github(survey, answers))
    lines = ["What only a person can do now:"]
    lines += [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    if answers.ci == "github":
        lines += ["", "A proposal for .github/CODEOWNERS (put in your own teams):", ""]
        lines += [f"    {line}" for line in _owners(survey)]
    return "\n".join(lines) + "\n"


def _github(survey: Survey, answers: Answers) -> Iterator[str]:
    yield (
        "Set the secret SECAGG_HMAC_KEY (openssl rand -hex 32), so that all jobs know one secret "
        "by one name."
    )
    if answers.snyk and survey.snyk:
        yield (
            "Set the secret SNYK_TOKEN, for Actions and for Dependabot; without it Snyk's jobs "
            "are INCOMPLETE. Or: secagg init --no-snyk."
        )
    if answers.codeql:
        yield (
            "Switch CodeQL's default setup off (Settings, Advanced Security), or leave CodeQL "
            "to it: secagg init --no-codeql."
        )
    yield "In a private repository, have Code Security switched on, or set upload: never."
    yield (
        f"Require the check 'secagg / gate' on {answers.branches[0]} (Settings, Rules), in the "
        "merge queue too, and approval by code owners for the files below."
    )
    if not answers.action:
        yield (
            "The action is a copy in .github/actions/secagg, which installs secagg by version: "
            "have that in your package index, or name a published action by "
            "--action OWNER/NAME@COMMIT."
        )
    if "dependency-update" in answers.features:
        yield (
            "Make a GitHub App that may write contents and pull requests, and set UPDATE_APP_ID "
            "and UPDATE_APP_KEY: pull requests of the job's own token start no checks."
        )
    if "db-migration" in answers.features:
        yield "Make the environments staging and production, the latter with approval."
    if "release" in answers.features:
        yield "Make the environment release, and register it as a trusted publisher at the index."
    yield "Put .secagg/ and secagg-out/, which scans at a desk write, into .gitignore."
    yield "Commit, push a branch and open a pull request: the gate judges it."


def _gitlab(answers: Answers) -> Iterator[str]:
    yield "In .gitlab-ci.yml: include: {local: .gitlab/secagg.gitlab-ci.yml}"
    yield "Set the masked, protected variable SECAGG_HMAC_KEY (openssl rand -hex 32)."
    if answers.snyk:
        yield "Set the masked variable SNYK_TOKEN, or: secagg init --no-snyk."
    yield "Make a daily schedule (Build, Pipeline schedules), and require pipelines to succeed."


def _owners(survey: Survey) -> Iterator[str]:
    width = max([len(c.path) for c in survey.components] + [28]) + 4
    for component in survey.components:
        teams = [_TEAMS[e] for e in component.ecosystems if e in _TEAMS]
        if component.path != ROOT and teams:
            yield f"{f'/{component.path}/':<{width}}@your-org/{teams[0]}-team"
    for path in ("/.github/", "/policies/", "/secagg.yaml", "/secagg-exceptions.yaml"):
        yield f"{path:<{width}}@your-org/security"
