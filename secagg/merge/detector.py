"""Detectors of secrets: which of them look for the same sort of secret."""

from __future__ import annotations

import re
from functools import lru_cache

_BETWEEN = re.compile(r"[^a-z0-9]+")

# The issuer's name in a detector's id tells the sort; order matters where two would fit.
_FAMILIES = (
    ("private-key", ("private-key", "privatekey", "private_key", "rsa", "openssh", "asymmetric")),
    ("aws-secret", ("aws-secret", "aws_secret", "secret-access-key")),
    ("aws", ("aws", "amazon")),
    ("github", ("github",)),
    ("gitlab", ("gitlab",)),
    ("slack", ("slack",)),
    ("stripe", ("stripe",)),
    ("gcp", ("gcp", "google", "firebase")),
    ("azure", ("azure", "microsoft")),
    ("npm", ("npm",)),
    ("pypi", ("pypi",)),
    ("dockerhub", ("docker",)),
    ("twilio", ("twilio",)),
    ("sendgrid", ("sendgrid",)),
    ("mailgun", ("mailgun",)),
    ("mailchimp", ("mailchimp",)),
    ("openai", ("openai",)),
    ("anthropic", ("anthropic",)),
    ("huggingface", ("huggingface", "hugging-face")),
    ("digitalocean", ("digitalocean", "digital-ocean")),
    ("heroku", ("heroku",)),
    ("shopify", ("shopify",)),
    ("square", ("square",)),
    ("telegram", ("telegram",)),
    ("discord", ("discord",)),
    ("facebook", ("facebook",)),
    ("twitter", ("twitter",)),
    ("databricks", ("databricks",)),
    ("hashicorp", ("vault", "hashicorp", "terraform")),
    ("jwt", ("jwt", "json-web-token", "jsonwebtoken")),
    ("database", ("postgres", "mysql", "mongodb", "redis", "jdbc", "sqlserver")),
    ("url", ("uri", "basic-auth", "basicauth", "url")),
)


@lru_cache(maxsize=4096)
def family(detector: str) -> str | None:
    """The sort of secret that ``detector`` looks for; None for one that takes anything."""
    name = detector.lower().replace(" ", "-")
    parts = set(_BETWEEN.split(name))
    for label, words in _FAMILIES:
        # A short word must stand alone: "uri" is in "security" too.
        if any(word in parts or (len(word) > 4 and word in name) for word in words):
            return label
    return None


def families_agree(one: str | None, other: str | None) -> bool:
    """True unless two families are known and are different."""
    if one is None or other is None or one == other:
        return True
    return {one, other} == {"database", "url"}
