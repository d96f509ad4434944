"""Mistakes in files are told in words of the file, not in those of a library."""

from __future__ import annotations

import re

import pytest

from secagg.config import read_config
from secagg.errors import ConfigError

# What pydantic and its models are called, and what only programmers write.
_LIBRARY = re.compile(r"Input|instance of|dictionary|valid (string|list|integer)|Options|\^|\$")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tools: {snyk: 3}", "tools.snyk: keys with values are expected"),
        ("tools: 3", "tools: keys with values are expected"),
        ("jobs: 0", "jobs: at least 1 is expected"),
        ("jobs: many", "jobs: a whole number is expected"),
        ("exclude: docs", "exclude: a list is expected"),
        ("policy: [a]", "policy: a text is expected"),
        ("tools: {snyk: {enabled: maybe}}", "tools.snyk.enabled: true or false is expected"),
        ("tools: {snyk: {modes: [cloud]}}", "one of these is expected: test, code, iac"),
        ("tools: {trivy: {scanners: []}}", "tools.trivy.scanners: it must not be empty"),
        ("require: [everything]", "one of these is expected: vulnerability, secret, code"),
        ("tools: {trivy: {sha256: abc}}", "a SHA-256 has 64 hexadecimal digits"),
        ("timeout: soon", "a duration is"),
        ("tools: {codeql: {timeout: soon}}", "a duration is"),
    ],
)
def test_mistakes_are_told_in_plain_words(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(text, name="secagg.yaml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("secagg.yaml:1:")
    assert _LIBRARY.search(str(caught.value)) is None
