"""CWE entries that a tool says of each result, and not of its rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parsers.reading import read


@pytest.mark.parametrize("written", ["CWE-95: Eval injection", "cwe-95", ["CWE-95", "x"], 95])
def test_the_metadata_of_a_result_names_them(written: Any) -> None:
    result = {
        "ruleId": "eval_nodejs",
        "message": {"text": "eval"},
        "properties": {"metadata": {"cwe": written, "owasp-web": "A1"}},
    }
    run = {"tool": {"driver": {"name": "nodejsscan"}}, "results": [result]}
    assert read({"version": "2.1.0", "runs": [run]}).findings[0].cwes == ("CWE-95",)
