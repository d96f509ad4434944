"""Paths of another machine, moved as a person has said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secagg.model.place import PathMap
from secagg.parsing import ParseContext
from secagg.secrets.redactor import Redactor
from tests.parsers import samples
from tests.parsers.reading import read


@pytest.mark.parametrize(
    ("path", "moved"),
    [
        ("/src/app/a.py", "services/app/a.py"),
        ("/src", "/src"),
        ("/srcs/a.py", "/srcs/a.py"),
        ("/src/vendor/a.py", "third_party/a.py"),
        ("file:///src/a.py", "services/a.py"),
        ("C:\\ci\\shop\\a.py", "a.py"),
        ("C:/ci/shop/b/a.py", "b/a.py"),
        ("a.py", "a.py"),
        ("./out/a.py", "a.py"),
    ],
)
def test_the_longest_prefix_of_whole_names_counts(path: str, moved: str) -> None:
    given = {"/src/": "services", "/src/vendor": "./third_party/", "C:\\ci\\shop": "."}
    assert PathMap(given, stripped=["out"]).apply(path) == moved


def test_nothing_is_moved_by_default() -> None:
    assert not PathMap()
    assert PathMap().apply("/src/a.py") == "/src/a.py"


def test_reports_of_every_form_are_moved(tmp_path: Path) -> None:
    leak = {**samples.GITLEAKS, "File": "/build/7/app/a.env"}
    alert = samples.codeql()
    place = {"artifactLocation": {"uri": "file:///build/7/app/a.py"}, "region": {"startLine": 1}}
    alert["runs"][0]["results"] = [
        {
            "ruleId": "py/x",
            "message": {"text": "x"},
            "locations": [{"physicalLocation": place}],
        }
    ]
    hadolint = [{"code": "DL3020", "level": "error", "file": "build/7/app/Dockerfile", "line": 1}]
    expected: list[tuple[Any, str]] = [
        ([leak], "services/app/a.env"),
        (alert, "services/app/a.py"),
        (hadolint, "services/app/Dockerfile"),
    ]
    moves = PathMap({"/build/7": "services", "build/7": "services"})
    for document, uri in expected:
        context = ParseContext(redactor=Redactor(b"key"), root=tmp_path, path_map=moves)
        found = read(document, context=context).findings[0]
        assert found.location.uri == uri
        if found.sarif is not None:
            written = found.sarif.result["locations"][0]["physicalLocation"]
            assert written["artifactLocation"]["uri"] == uri
