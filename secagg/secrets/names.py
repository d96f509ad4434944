"""Mask secrets in names (paths, rule ids, packages), so that the real name can be found again.

A path or a rule id may hold the value of a secret, or look like one: a password that equals the
name of a directory is in every path below it. Policies judge by the real name, people see the
masked one. A name that is public, because it is in the checkout or made of plain words, is not
masked. In any other name a keyed hash replaces the secret, so that two names stay different.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from secagg.secrets.key import keyed_hash
from secagg.secrets.patterns import MASK
from secagg.secrets.values import KnownValues
from secagg.system.patterns import lazy

# Fields of reports that hold a path: SARIF's, Gitleaks', Trivy's, Snyk's.
PATH_FIELDS = frozenset(
    """
    uri File file Target PkgPath FilePath Filename displayTargetFile targetFile targetFilePath
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
# Fields that hold a word of a fixed vocabulary, or the name of a rule or of a package.
NAME_FIELDS = frozenset(
    """
    ruleId id RuleID rule ID AVDID VulnerabilityID PkgName PkgID PURL name packageName moduleName
    version InstalledVersion FixedVersion Severity severity level kind Class Type type Status status
    DetectorName guid package language packageManager Provider Service Namespace tags Tags CweIDs
    CWE cwe CVE identifiers Category baselineState
    """.split()  # noqa: SIM905
)
_MARK = lazy(r"\[redacted-[0-9a-f]{12}\]")
# A word as people make it: letters, perhaps a number, perhaps letters again. Random texts change
# more often between letters and digits, and between upper and lower case.
_PLAIN = lazy(r"[A-Za-z0-9._:@/+$-]+")
_RUN = lazy(r"[A-Za-z0-9]+")
_LETTERS = r"(?:[a-z]{1,24}|[A-Z]{1,24}|[A-Z]?[a-z]{1,24}(?:[A-Z][a-z]{2,24}|[A-Z]{2,8}){0,4})"
_WORD = lazy(rf"{_LETTERS}?\d{{0,5}}{_LETTERS}?")
_LONGEST_NAME = 200
# Linux opens paths of 4,096 bytes, each of which may be percent-encoded.
_LONGEST_PATH = 3 * 4_096
# Entries of a directory that are searched for a real name.
_MOST_ENTRIES = 20_000


def is_name(text: str) -> bool:
    """Tell whether ``text`` is made of words: ``left-pad``, ``B105``, ``services/payments``."""
    return (
        len(text) <= _LONGEST_NAME
        and _PLAIN.fullmatch(text) is not None
        and all(_WORD.fullmatch(run) is not None for run in _RUN.findall(text))
    )


class ShownNames:
    """Masks names and finds real names again.

    ``mask`` masks every secret in a text; ``tree`` is the scanned tree. ``public`` are the words
    that were not masked although a secret is equal to them.
    """

    def __init__(self, key: bytes, mask: Callable[[str], str], tree: Path | None) -> None:
        self._key = key
        self._mask = mask
        self._shapes = KnownValues().mask
        self._tree = None if tree is None else os.path.realpath(tree)
        self._real: dict[str, str] = {}
        self.public: set[str] = set()

    def word(self, text: str) -> str:
        """Return the shown form of a rule's id, a package's name or a word of a vocabulary."""
        masked = self._mask(text)
        if masked == text:
            return text
        if self._shapes(text) == text and is_name(text):
            self.public.add(text)
            return text
        return self._marked(masked, text)

    def path(self, path: str) -> str:
        """Return the shown form of a path or of its URI.

        Directories of the tree are public, and so are files whose name is made of words, unless
        the path matches the shape of a secret.
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
        shown, has_secret = [], False
        for at, part in enumerate(parts):
            masked_part = self._mask(part)
            has_secret = has_secret or masked_part != part
            exists = public and self._exists("/".join(parts[: at + 1]))
            if masked_part == part or (exists and (at < last or is_name(part))):
                shown.append(part)
            else:
                shown.append(self._marked(masked_part, unquote(part)))
        if has_secret or (public and self._exists(path)):
            return "/".join(shown)
        # The secret reaches over several parts.
        return self._marked(masked, unquote(path))

    def real(self, path: str) -> str:
        """Return the real path of a shown ``path``; itself if there is none.

        A name that this run has not masked yet is looked for in the tree.
        """
        if _MARK.search(path) is None:
            return path
        real = self._real.get(path)
        if real is not None:
            return real
        parts: list[str] = []
        for part in path.split("/"):
            if _MARK.search(part):
                part = self._real.get(part) or self._real_name("/".join(parts), part) or part
            parts.append(part)
        return "/".join(parts)

    def _marked(self, masked: str, real: str) -> str:
        """Put the keyed hash of ``real`` into the masks of ``masked``, and remember ``real``."""
        data = real.encode("utf-8", "surrogatepass")
        digest = keyed_hash(self._key, b"name\0" + data)[:12]
        shown = masked.replace(MASK, f"[redacted-{digest}]")
        self._real[shown] = self._real[unquote(shown)] = real
        return shown

    def _exists(self, path: str) -> bool:
        """Tell whether the tree has ``path``, which may be a URI."""
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

    def _real_name(self, directory: str, shown: str) -> str | None:
        """Find the name in a directory of the tree whose shown form is ``shown``."""
        if self._tree is None or directory.startswith("/") or ".." in directory.split("/"):
            return None
        try:
            names = os.listdir(os.path.join(self._tree, directory))
        except (OSError, ValueError):
            return None
        for name in names[:_MOST_ENTRIES]:
            masked = self._mask(name)
            if masked != name and self._marked(masked, name) == shown:
                return name
        return None
