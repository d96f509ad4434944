"""Names that decide: real for whoever judges, masked for whoever reads.

A path or a rule's id may hold the value of a secret, or look as if it did: a password that is
called like a directory turns up in every path below it. A name that everybody knows stays as it is.
Every other one is shown with a keyed hash in the place of the secret, so that two never become one,
and so that the real name can be found again.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from secagg.secrets.patterns import MASK
from secagg.secrets.values import KnownValues

# Fields of reports that hold a path: SARIF's, Gitleaks', Trivy's, Snyk's.
PATH_FIELDS = frozenset(
    """
    uri File file Target PkgPath FilePath Filename displayTargetFile targetFile targetFilePath
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
# Fields that hold a word of a vocabulary, or the name of a rule or of a package.
NAME_FIELDS = frozenset(
    """
    ruleId id RuleID rule ID AVDID VulnerabilityID PkgName PkgID PURL name packageName moduleName
    version InstalledVersion FixedVersion Severity severity level kind Class Type type Status status
    DetectorName guid package language packageManager Provider Service Namespace tags Tags CweIDs
    CWE cwe CVE identifiers Category baselineState
    """.split()  # noqa: SIM905
)
_MARK = re.compile(r"\[redacted-[0-9a-f]{12}\]")
# A word as people make them: letters, perhaps a number, perhaps letters again. Random ones change
# between letters and digits, and between the cases, more often.
_PLAIN = re.compile(r"[A-Za-z0-9._:@/+$-]+")
_RUN = re.compile(r"[A-Za-z0-9]+")
_LETTERS = r"(?:[a-z]{1,24}|[A-Z]{1,24}|[A-Z]?[a-z]{1,24}(?:[A-Z][a-z]{2,24}|[A-Z]{2,8}){0,4})"
_WORD = re.compile(rf"{_LETTERS}?\d{{0,5}}{_LETTERS}?")
_LONGEST_NAME = 200
# No file of a tree has a longer one (Linux opens 4,096 bytes, of which each may be escaped).
_LONGEST_PATH = 3 * 4_096
_MOST_LISTED = 20_000


def is_name(text: str) -> bool:
    """Return whether ``text`` is made of words: ``left-pad``, ``B105``, ``services/payments``."""
    return (
        len(text) <= _LONGEST_NAME
        and _PLAIN.fullmatch(text) is not None
        and all(_WORD.fullmatch(run) is not None for run in _RUN.findall(text))
    )


class ShownNames:
    """How names are shown. ``mask`` masks every secret in a text; ``tree`` is the scanned tree."""

    def __init__(self, key: bytes, mask: Callable[[str], str], tree: Path | None) -> None:
        self._key = key
        self._mask = mask
        self._shapes = KnownValues().mask
        self._tree = None if tree is None else os.path.realpath(tree)
        self._real: dict[str, str] = {}
        self.public: set[str] = set()

    def word(self, text: str) -> str:
        """Return a rule's id, a package's name or a word of a vocabulary, as it is shown."""
        masked = self._mask(text)
        if masked == text:
            return text
        if self._shapes(text) == text and is_name(text):
            self.public.add(text)
            return text
        return self._marked(masked, text)

    def path(self, path: str) -> str:
        """Return a path, or the URI of one, as it is shown.

        What is in the tree is known to everybody who has it: only what has the form of a secret,
        or is a file named by one, is masked there.
        """
        masked = self._mask(path)
        if masked == path:
            return path
        if "://" in path and not path.lower().startswith("file:"):
            return masked
        if len(path) > _LONGEST_PATH:
            return self._marked(masked, unquote(path))
        parts = path.split("/")
        public = self._shapes(path) == path
        last = len(parts) - 1
        shown, hits = [], 0
        for at, part in enumerate(parts):
            covered = self._mask(part)
            hits += covered != part
            exists = public and self._is_there("/".join(parts[: at + 1]))
            if covered == part or (exists and (at < last or is_name(part))):
                shown.append(part)
            else:
                shown.append(self._marked(covered, unquote(part)))
        if hits or (public and self._is_there(path)):
            return "/".join(shown)
        # A value that reaches over several parts.
        return self._marked(masked, unquote(path))

    def real(self, path: str) -> str:
        """Return the path that is shown as ``path``; itself where that is not known.

        Without having shown it, the name is looked for in the tree.
        """
        if _MARK.search(path) is None:
            return path
        whole = self._real.get(path)
        if whole is not None:
            return whole
        parts: list[str] = []
        for part in path.split("/"):
            found = part
            if _MARK.search(part):
                found = self._real.get(part) or self._listed("/".join(parts), part) or part
            parts.append(found)
        return "/".join(parts)

    def _marked(self, masked: str, real: str) -> str:
        data = real.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, b"name\0" + data, "sha256").hex()[:12]
        shown = masked.replace(MASK, f"[redacted-{digest}]")
        self._real[shown] = self._real[unquote(shown)] = real
        return shown

    def _is_there(self, path: str) -> bool:
        if self._tree is None:
            return False
        if path[:5].lower() == "file:":
            path = path[5:].lstrip("/")
            path = f"/{path}"
        for name in dict.fromkeys((path, unquote(path))):
            relative = name.removeprefix(f"{self._tree}/")
            if relative and not relative.startswith("/") and ".." not in relative.split("/"):
                try:
                    if os.path.lexists(os.path.join(self._tree, relative)):
                        return True
                except (OSError, ValueError):
                    continue
        return False

    def _listed(self, directory: str, shown: str) -> str | None:
        """The name in a directory of the tree that is shown as ``shown``."""
        if self._tree is None or directory.startswith("/") or ".." in directory.split("/"):
            return None
        try:
            names = os.listdir(os.path.join(self._tree, directory))
        except (OSError, ValueError):
            return None
        for name in names[:_MOST_LISTED]:
            masked = self._mask(name)
            if masked != name and self._marked(masked, name) == shown:
                return name
        return None
