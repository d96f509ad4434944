"""A loopback stand-in for the part of Snyk's API that ``snyk test`` asks.

The real Snyk CLI (1.1307) builds the dependency graph and posts it; the answer names the issues of
the packages in it, which here are those of fixtures/advisories.yaml that have a ``snyk`` entry,
and one license issue. Requests are answered without looking at the token, except that one must be
there. Run the CLI with the variables that :meth:`SnykApi.environment` gives.

``python -m tests.standins.snyk_api`` serves until it is interrupted, and prints the variables.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from scripts.advisories import Advisory, load

# What the CLI calls a package manager -> the ecosystem of the advisories, and Snyk's language.
_MANAGERS = {
    "npm": ("npm", "js"),
    "yarn": ("npm", "js"),
    "pip": ("pip", "python"),
    "poetry": ("pip", "python"),
}
# A uuid of the form that the CLI accepts; it is nobody's.
TOKEN = "00000000-0000-4000-8000-000000000000"
_FORGE = "snyk:lic:npm:node-forge:(BSD-3-Clause_OR_GPL-2.0)"


class SnykApi:
    """The server, for use in a ``with`` statement. ``requests`` lists what was asked of it.

    ``fail_with`` makes it answer every test with that HTTP status instead.
    """

    def __init__(self, *, fail_with: int | None = None) -> None:
        self.fail_with = fail_with
        self.requests: list[tuple[str, str]] = []
        self.advisories = [a for a in load() if a.snyk and "snyk" in a.sources]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def environment(self) -> dict[str, str]:
        """The variables by which the CLI finds this server and asks no other."""
        return {
            "SNYK_API": f"http://localhost:{self.port}/api",
            "SNYK_HTTP_PROTOCOL_UPGRADE": "0",
            "SNYK_TOKEN": TOKEN,
            "SNYK_DISABLE_ANALYTICS": "1",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status and JSON for one request."""
        self.requests.append((method, path))
        if path.startswith("/api/v1/cli-config/feature-flags/"):
            return 200, {"ok": False}
        if method == "POST" and path == "/api/v1/test-dep-graph":
            if self.fail_with is not None:
                return self.fail_with, {"code": self.fail_with, "message": "not today"}
            return 200, test_result(body["depGraph"], self.advisories)
        return 404, {"code": 404, "message": f"the stand-in has no {method} {path}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._respond({})

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    raw = gzip.decompress(raw)
                self._respond(json.loads(raw) if raw else {})

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep quiet: standard error belongs to the test."""

            def _respond(self, body: dict[str, Any]) -> None:
                if "Authorization" not in self.headers:
                    status, answer = 401, {"code": 401, "message": "no token"}
                else:
                    status, answer = api.answer(self.command, urlsplit(self.path).path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler


def test_result(graph: dict[str, Any], advisories: list[Advisory]) -> dict[str, Any]:
    """The answer to a posted dependency graph (snyk/dep-graph, schema 1.2 and 1.3)."""
    manager = graph["pkgManager"]["name"]
    affected: dict[str, Any] = {}
    issues: dict[str, Any] = {}
    direct = _direct_dependencies(graph)
    for package in graph["pkgs"]:
        found = dict(_issues(package["info"], manager, advisories))
        if not found:
            continue
        issues |= found
        affected[package["id"]] = {
            "pkg": package["info"],
            "issues": {
                issue_id: _affected(issue, package, package["id"] in direct, graph)
                for issue_id, issue in found.items()
            },
        }
    return {
        "result": {"affectedPkgs": affected, "issuesData": issues, "depGraphData": graph},
        "meta": {"isPublic": False, "isLicensesEnabled": True, "org": "demo", "policy": ""},
    }


# Its name begins like a test's, and it is none.
test_result.__test__ = False  # type: ignore[attr-defined]


def _issues(
    package: dict[str, Any], manager: str, advisories: list[Advisory]
) -> Iterator[tuple[str, dict[str, Any]]]:
    ecosystem, language = _MANAGERS.get(manager, ("", ""))
    name, version = package["name"], package.get("version", "")
    for advisory in advisories:
        if (advisory.ecosystem, advisory.package) == (ecosystem, name.lower()) and _matches(
            version, advisory.vulnerable
        ):
            issue = _issue(advisory, name, manager, language)
            yield issue["id"], issue
    if (ecosystem, name) == ("npm", "node-forge"):
        yield _FORGE, _license(name, manager, language)


def _matches(version: str, ranges: tuple[str, ...]) -> bool:
    try:
        number = Version(version)
    except InvalidVersion:
        return False
    return any(SpecifierSet(wanted).contains(number, prereleases=True) for wanted in ranges)


def _issue(advisory: Advisory, name: str, manager: str, language: str) -> dict[str, Any]:
    snyk = advisory.snyk
    if snyk is None:
        raise ValueError(f"{advisory.id} has no entry for Snyk")
    rating = advisory.ratings.get("nvd") or advisory.ratings.get("ghsa")
    published = f"{advisory.published.isoformat()}T00:00:00Z"
    return {
        "id": snyk.id,
        "title": snyk.title,
        "description": f"## Overview\n{advisory.description}\n",
        "severity": snyk.severity,
        "severityWithCritical": snyk.severity,
        "cvssScore": snyk.score or (rating.score if rating else None),
        "CVSSv3": rating.vector if rating and snyk.score is None else "",
        "identifiers": {
            "CVE": [n for n in advisory.names if n.startswith("CVE-")],
            "CWE": list(advisory.cwes),
            "GHSA": [n for n in advisory.names if n.startswith("GHSA-")],
        },
        "packageManager": manager,
        "packageName": name,
        "moduleName": name,
        "language": language,
        "semver": {"vulnerable": [_npm_range(wanted) for wanted in advisory.vulnerable]},
        "fixedIn": list(advisory.patched),
        "exploit": "Not Defined",
        "references": [{"title": page, "url": page} for page in advisory.references],
        "publicationTime": published,
        "disclosureTime": published,
        "creationTime": published,
        "modificationTime": published,
        "functions": [],
        "patches": [],
        "credit": ["Unknown"],
        "malicious": False,
    }


def _license(name: str, manager: str, language: str) -> dict[str, Any]:
    return {
        "id": _FORGE,
        "type": "license",
        "title": "Dual license: BSD-3-Clause, GPL-2.0",
        "license": "(BSD-3-Clause OR GPL-2.0)",
        "severity": "medium",
        "severityWithCritical": "medium",
        "packageManager": manager,
        "packageName": name,
        "moduleName": name,
        "language": language,
        "semver": {"vulnerable": [">=0"]},
        "publicationTime": "2026-01-01T00:00:00.000Z",
        "creationTime": "2026-01-01T00:00:00.000Z",
    }


def _npm_range(wanted: str) -> str:
    return wanted.replace(" ", "").replace(",", " ")


def _affected(
    issue: dict[str, Any], package: dict[str, Any], direct: bool, graph: dict[str, Any]
) -> dict[str, Any]:
    info = package["info"]
    fixed = _next_version(info.get("version", ""), issue.get("fixedIn", []))
    paths = []
    if direct and fixed:
        root = next(p["info"] for p in graph["pkgs"] if p["id"] == _root_package(graph))
        step = {"name": info["name"], "version": info["version"], "newVersion": fixed}
        paths = [{"path": [{"name": root["name"], "version": root.get("version", "")}, step]}]
    return {
        "issueId": issue["id"],
        "pkgName": info["name"],
        "pkgVersion": info.get("version", ""),
        "fixInfo": {
            "upgradePaths": paths,
            "isPatchable": False,
            "nearestFixedInVersion": fixed or "",
        },
    }


def _next_version(version: str, fixed: list[str]) -> str | None:
    later = [candidate for candidate in fixed if Version(candidate) > Version(version)]
    return min(later, key=Version, default=None)


def _root_package(graph: dict[str, Any]) -> str:
    root = graph["graph"]["rootNodeId"]
    nodes: list[dict[str, str]] = graph["graph"]["nodes"]
    return next(node["pkgId"] for node in nodes if node["nodeId"] == root)


def _direct_dependencies(graph: dict[str, Any]) -> set[str]:
    nodes = {node["nodeId"]: node for node in graph["graph"]["nodes"]}
    root = nodes[graph["graph"]["rootNodeId"]]
    return {nodes[dep["nodeId"]]["pkgId"] for dep in root["deps"]}


if __name__ == "__main__":
    with SnykApi() as server:
        for variable, value in server.environment().items():
            print(f"export {variable}={value}", flush=True)
        threading.Event().wait()
