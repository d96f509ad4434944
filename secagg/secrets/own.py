"""The secrets that secagg holds itself: tokens that it hands on, and passwords in addresses.

A scanner that fails may quote the token that it was given, and a database's driver its address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from secagg.secrets.forms import is_telling

_SHORTEST = 6
# Of nothing but small letters, or nothing but digits, what is shorter is a word or a number.
_SHORTEST_PLAIN = 16
# SNYK_TOKEN, TRIVY_PASSWORD, SECAGG_HMAC_KEY, AWS_ACCESS_KEY_ID; no name of a file or a header.
_NAMED_SO = re.compile(
    r"(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|KEY|KEY_ID|_PAT|_PWD|_AUTH)\d{0,2}$",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"://(?P<user>[^\s/:@?#]{0,256}):(?P<password>[^\s/@]{1,512})@"
    r"|\bpass(?:word|wd)=(?P<assigned>[^\s&;\"']{1,512})",
    re.IGNORECASE,
)


def own_secrets(environ: Mapping[str, str], arguments: Iterable[str] = ()) -> Iterator[str]:
    """Yield the secrets in an environment and a command line.

    They are the values of variables that are named as secrets are, and the passwords in addresses
    of any variable or argument. A word is left out: masked, it would be gone from every text.
    """
    for name, value in environ.items():
        if _NAMED_SO.search(name) and _is_value(value):
            yield value.strip()
    for text in (*environ.values(), *arguments):
        for match in _CREDENTIALS.finditer(text):
            password = match["password"] or match["assigned"]
            if password != match["user"] and _is_value(password):
                yield password


def _is_value(text: str) -> bool:
    text = text.strip()
    if len(text) < _SHORTEST or text.startswith("/"):
        return False
    plain = text.isdigit() or (text.isalpha() and text.islower())
    return len(text) >= _SHORTEST_PLAIN or (not plain and is_telling(text))
