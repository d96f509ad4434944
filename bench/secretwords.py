"""Words like "token" and "password", at the rates at which they stand in real reports.

Whatever looks for secrets must look twice at a text that speaks of them. A workload without such
words makes masking look cheaper than it is. Nothing here is a secret: it is prose, and code that
passes values on.
"""

from __future__ import annotations

import re
from collections import Counter

# Shares of a scanner's entries that hold one of the words, counted in real reports.
RATES = {"trivy": 0.13, "snyk": 0.16, "sarif": 0.36}
WORD = re.compile(rb"token|passw|secret|credential", re.IGNORECASE)

# For descriptions of vulnerabilities.
PROSE = (
    "An attacker who obtains the session token may reset the password of its owner. ",
    "The secret key is written to the debug log when the handshake fails. ",
    "The comparison of the password hash takes longer the more of it is right. ",
    "Access tokens are kept after the account that they were issued for is closed. ",
    "Credentials for the proxy are sent to the host that a redirect names. ",
    "A token with an unknown algorithm is accepted without checking its signature. ",
    "The password prompt echoes its input when the terminal is resized. ",
    "Client secrets stay in memory that is handed to the next request. ",
)
# For messages of code scanners.
MESSAGES = (
    " The value is compared with a password and must not be logged.",
    " It reaches a check of the access token.",
    " Avoid hardcoding values that are meant to be secret.",
    " Credentials of the user flow into the same call.",
)
# For the lines of code around a result.
LINES = (
    "    password = request.form.get('password')\n",
    "    if not verify_token(request.headers, session):\n",
    "    user = find_user(form.username, form.password)\n",
    "    client = Client(secret=load_secret(settings))\n",
)


class SecretWords:
    """Says of each entry in turn whether it is to hold a secret word, so that rates come out."""

    def __init__(self, *, plain: bool) -> None:
        """Add no words at all if ``plain``."""
        self._plain = plain
        self._entries: Counter[str] = Counter()
        self._worded: Counter[str] = Counter()

    def due(self, family: str) -> bool:
        """Tell whether the next entry of ``family`` (a key of RATES) is to hold a word.

        Does not count the entry: call :meth:`count` for each that is made.
        """
        if self._plain:
            return False
        return self._worded[family] < RATES[family] * (self._entries[family] + 1)

    def count(self, family: str, *, worded: bool) -> None:
        """Count an entry of ``family``, and whether it holds a word."""
        self._entries[family] += 1
        self._worded[family] += worded
