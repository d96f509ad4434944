"""Links to the scanned code: a line of a file at the commit that was scanned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from secagg.secrets.redactor import MASK

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SITE = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._-]+){2,}")


@dataclass(frozen=True, slots=True)
class CodeSite:
    """A repository on a server at one commit; ``files`` is the address above its files."""

    files: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> CodeSite | None:
        """The repository that a workflow's job runs for; None elsewhere.

        Sources: GitHub Docs, "Variables reference"; GitLab Docs, "Predefined CI/CD variables".
        """
        server, name = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
        if name:
            return cls._at(f"{server or 'https://github.com'}/{name}", environ.get("GITHUB_SHA"))
        return cls._at(environ.get("CI_PROJECT_URL", ""), environ.get("CI_COMMIT_SHA"), "/-")

    @classmethod
    def _at(cls, repository: str, commit: str | None, middle: str = "") -> CodeSite | None:
        if commit is None or not _COMMIT.fullmatch(commit) or not _SITE.fullmatch(repository):
            return None
        return cls(f"{repository}{middle}/blob/{commit}")

    def page(self, path: str, line: int | None) -> str | None:
        """The page of a file at a line; None for a path that is shown masked."""
        if MASK in path or path.startswith(("/", "..")) or "://" in path:
            return None
        return f"{self.files}/{quote(path)}" + (f"#L{line}" if line else "")
