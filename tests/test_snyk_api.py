"""The stand-in of Snyk's API, asked without the CLI."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.standins.snyk_api import TOKEN, SnykApi


def _graph(*packages: tuple[str, str], manager: str = "npm") -> dict[str, Any]:
    infos = [("app", "1.0.0"), *packages]
    ids = [f"{name}@{version}" for name, version in infos]
    return {
        "pkgManager": {"name": manager},
        "pkgs": [
            {"id": i, "info": {"name": name, "version": version}}
            for i, (name, version) in zip(ids, infos, strict=True)
        ],
        "graph": {
            "rootNodeId": "root",
            "nodes": [
                {"nodeId": "root", "pkgId": ids[0], "deps": [{"nodeId": i} for i in ids[1:]]},
                *({"nodeId": i, "pkgId": i, "deps": []} for i in ids[1:]),
            ],
        },
    }


def _post(api: SnykApi, graph: dict[str, Any], token: str | None = TOKEN) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{api.port}/api/v1/test-dep-graph",
        data=json.dumps({"depGraph": graph}).encode(),
        headers={"Authorization": f"token {token}"} if token else {},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("package", "version", "manager", "issues"),
    [
        ("lodash", "4.17.20", "npm", {"SNYK-JS-LODASH-1040724"}),
        ("lodash", "4.17.21", "npm", set()),
        ("minimist", "0.2.4", "npm", set()),
        ("minimist", "1.0.0", "npm", {"SNYK-JS-MINIMIST-2429795"}),
        ("PyYAML", "5.3", "pip", {"SNYK-PYTHON-PYYAML-590151"}),
        ("lodash", "4.17.20", "pip", set()),
        ("lodash", "not a version", "npm", set()),
    ],
)
def test_issues_are_those_of_the_version(
    package: str, version: str, manager: str, issues: set[str]
) -> None:
    with SnykApi() as api:
        status, answer = _post(api, _graph((package, version), manager=manager))
    assert status == 200
    assert set(answer["result"]["issuesData"]) == issues


def test_a_token_must_be_there() -> None:
    with SnykApi() as api:
        assert _post(api, _graph(), token=None)[0] == 401
        assert api.requests == []


def test_it_fails_when_told_to() -> None:
    with SnykApi(fail_with=503) as api:
        assert _post(api, _graph())[0] == 503
