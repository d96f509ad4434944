"""Lines that hold a secret: no unkeyed hash of one leaves, or a short secret could be computed.

``primaryLocationLineHash`` and ``secagg/v1`` rest on the text at a place. Whoever has them
and knows the code around a password tries passwords until the hash is the same. So what rests on
a line with a secret is hashed once more, with the installation's key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from secagg.model.finding import Finding, Kind, SarifOrigin
from secagg.secrets.redactor import MASK, Redactor

KEYED = "hmac-"
"""What a keyed hash in a fingerprint begins with."""

# What primaryLocationLineHash looks at: so many characters from the start of its line.
_WINDOW = 100
# Without the file: so many lines, at least, those characters may reach over.
_LINES = 5
_DIGITS = 32
_MASK = MASK.encode()
# Fingerprints that are made of no code, or by us with the key.
_HARMLESS = frozenset(
    {"commit", "commitSha", "gitleaks", "primaryLocationStartColumnFingerprint", "secagg/v1"}
)
_SHORTEST = 8


class SecretLines:
    """Tells which findings lie on lines with a secret, and takes the unkeyed hashes from them.

    Known are the values that ``redactor`` knows, the shapes of secrets, and the places of all
    secrets among ``findings``, whose values their tools may have hidden.
    """

    def __init__(self, findings: Iterable[Finding], redactor: Redactor) -> None:
        self._redactor = redactor
        self._by_file: defaultdict[str | None, set[int]] = defaultdict(set)
        for finding in findings:
            place = finding.location
            here = place.start_line is not None and place.commit is None and place.image is None
            if finding.kind is Kind.SECRET and place.start_line is not None and here:
                last = max(place.end_line or 0, place.start_line)
                self._by_file[place.uri].update(range(place.start_line, last + 1))

    def look_into(self, uri: str | None, lines: Sequence[bytes]) -> None:
        """Add the lines of the file ``uri`` that hold a secret."""
        self._by_file[uri].update(self._redactor.secret_lines(b"\n".join(lines)))

    def holds(self, finding: Finding, lines: Sequence[bytes] | None) -> bool:
        """Tell whether what is hashed of ``finding`` holds a secret; ``lines`` are its file's."""
        if finding.kind is Kind.SECRET or MASK in finding.message:
            return True
        if finding.sarif is not None and _MASK in finding.sarif.encoded:
            return True
        place = finding.location
        secret = self._by_file.get(place.uri)
        if not secret or place.start_line is None or place.commit is not None:
            return False
        last = max(place.end_line or 0, place.start_line)
        last = max(last, _last_of_window(lines, place.start_line))
        return any(line in secret for line in range(place.start_line, last + 1))

    def key_hashes(self, finding: Finding) -> None:
        """Key the line hash and the fingerprints of ``finding``, unless they are keyed already."""
        if finding.line_hash:
            finding.line_hash = self._keyed(finding.line_hash)
        finding.fingerprints = self._keyed_all(finding.fingerprints)
        if finding.sarif is not None and b'ingerprints"' in finding.sarif.encoded:
            result = dict(finding.sarif.result)
            for name in ("fingerprints", "partialFingerprints"):
                if isinstance(result.get(name), Mapping):
                    result[name] = self._keyed_all(result[name])
            finding.sarif = SarifOrigin.of(finding.sarif.run, result)

    def key_context(self, context: str) -> str:
        """Make of the code at a place what an identity may rest on."""
        return f"{KEYED}{self._redactor.keyed(context)}"

    def _keyed_all(self, fingerprints: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            if name in _HARMLESS or not isinstance(value, str) or len(value) < _SHORTEST
            else self._keyed(value)
            for name, value in fingerprints.items()
        }

    def _keyed(self, value: str) -> str:
        if value.startswith(KEYED):
            return value
        # The number behind the colon counts equal lines.
        text, colon, ordinal = value.partition(":")
        return f"{KEYED}{self._redactor.keyed(text)[:_DIGITS]}{colon}{ordinal}"


def _last_of_window(lines: Sequence[bytes] | None, first: int) -> int:
    if lines is None:
        return first + _LINES
    left, line = _WINDOW, first
    while left > 0 and line <= len(lines):
        left -= len(lines[line - 1].replace(b" ", b"").replace(b"\t", b"")) + 1
        line += 1
    return line - 1
