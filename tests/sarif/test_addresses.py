"""No link leads from a SARIF file to anything but the web."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.sarif.uris import is_web, with_web_addresses

EVIL = [
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "vbscript:x",
    " ",
    "//e",
    7,
]


def frame(address: Any) -> dict[str, Any]:
    rule = {"id": "r", "helpUri": address, "name": "n"}
    driver = {"name": "T", "informationUri": address, "rules": [rule, 3]}
    return {"tool": {"driver": driver, "extensions": [{"name": "E", "rules": [rule]}]}, "x": 1}


@pytest.mark.parametrize("address", EVIL)
def test_other_addresses_are_left_out(address: Any) -> None:
    bare = {"id": "r", "name": "n"}
    assert with_web_addresses(frame(address)) == {
        "tool": {
            "driver": {"name": "T", "rules": [bare, 3]},
            "extensions": [{"name": "E", "rules": [bare]}],
        },
        "x": 1,
    }


@pytest.mark.parametrize("address", ["https://e.example/a", "HTTP://e.example"])
def test_addresses_of_the_web_stay(address: str) -> None:
    given = frame(address)
    assert is_web(address)
    assert with_web_addresses(given) is given


def test_a_run_without_a_tool_is_itself() -> None:
    given: dict[str, Any] = {"tool": None, "results": []}
    assert with_web_addresses(given) is given
