"""A program learns nothing of the environment but what it is meant to."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from secagg.system.process import ALLOWED, environment

names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_abc", min_size=1, max_size=20)


@given(st.dictionaries(names | st.sampled_from(ALLOWED), st.text("xy/", max_size=5)))
def test_only_allowed_names_pass(source: dict[str, str]) -> None:
    env = environment(source, ["OWN"], {"SET": "1"})
    for name in env.keys() - {"PATH", "SET", "OWN"}:
        assert name in ALLOWED or name.startswith("LC_")
        assert env[name] == source[name]
    assert env["SET"] == "1"


def test_tokens_stay_here() -> None:
    source = {
        "PATH": "/usr/bin",
        "GITHUB_TOKEN": "t",
        "SNYK_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "LC_ALL": "C",
        "HTTPS_PROXY": "http://proxy",
        "PRE_COMMIT": "1",
        "GIT_DIR": "/elsewhere",
        "LD_PRELOAD": "/evil.so",
    }
    assert environment(source) == {
        "PATH": "/usr/bin",
        "LC_ALL": "C",
        "HTTPS_PROXY": "http://proxy",
    }


def test_a_tool_gets_its_own_token_and_settings() -> None:
    source = {"PATH": "/usr/bin", "SNYK_TOKEN": "t", "OTHER": "t"}
    assert environment(source, ["SNYK_TOKEN"], {"CI": "true"}) == {
        "PATH": "/usr/bin",
        "SNYK_TOKEN": "t",
        "CI": "true",
    }


def test_the_scanned_directory_cannot_put_programs_on_the_path() -> None:
    source = {"PATH": os.pathsep.join([".", "", "bin", "/usr/bin", "../x"])}
    assert environment(source)["PATH"] == "/usr/bin"


def test_there_is_always_a_path() -> None:
    assert environment({})["PATH"]
