"""Link places in the code to their pages at GitHub or GitLab: other hosts have other addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from secagg.secrets.patterns import MASK

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REPOSITORY = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._-]+){2,}")
_GITHUB = "https://github.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeHost:
    """Where people read the code of ``repository``: a file's page is ``files``, commit and path.

    ``files`` is such as ``https://github.com/acme/shop/blob/``.
    """

    repository: str
    files: str

    @classmethod
    def of_remote(cls, host: str, repository: str, environ: Mapping[str, str]) -> CodeHost | None:
        """Return the host of a git remote; None for one that is not known as GitHub or GitLab."""
        github = {_GITHUB, environ.get("GITHUB_SERVER_URL", "")}
        if f"https://{host}" in github:
            return cls(repository=repository, files=f"https://{host}/{repository}/blob/")
        if host == environ.get("CI_SERVER_HOST") or "gitlab" in host:
            return cls(repository=repository, files=f"https://{host}/{repository}/-/blob/")
        return None


@dataclass(frozen=True, slots=True)
class CommitPages:
    """The pages of a repository's files at one commit, below the address ``files``."""

    files: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> CommitPages | None:
        """Return the pages for the commit of a CI job; None elsewhere.

        Sources: GitHub Docs, "Variables reference"; GitLab Docs, "Predefined CI/CD variables".
        """
        name = environ.get("GITHUB_REPOSITORY")
        if name:
            url = f"{environ.get('GITHUB_SERVER_URL') or _GITHUB}/{name}"
            middle, commit = "/blob/", environ.get("GITHUB_SHA", "")
        else:
            url = environ.get("CI_PROJECT_URL", "")
            middle, commit = "/-/blob/", environ.get("CI_COMMIT_SHA", "")
        if not _COMMIT.fullmatch(commit) or not _REPOSITORY.fullmatch(url):
            return None
        return cls(f"{url}{middle}{commit}")

    def page(self, path: str, line: int | None) -> str | None:
        """Return the page of a file at a line; None for a masked path."""
        if MASK in path or path.startswith(("/", "..")) or "://" in path:
            return None
        return f"{self.files}/{quote(path)}" + (f"#L{line}" if line else "")
