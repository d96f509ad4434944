"""A loopback stand-in for the services that npm audit and pip-audit ask.

``npm audit`` (npm 11) posts the versions that are installed to its registry, and reads the versions
of each package that has an advisory. ``pip-audit --vulnerability-service osv`` asks OSV about each
package. The answers are the advisories of fixtures/advisories.yaml.
"""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from scripts.advisories import Advisory, load


class AdvisoryApi:
    """The server, for use in a ``with`` statement."""

    def __init__(self) -> None:
        self.advisories = load()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._installed: dict[str, list[str]] = {}

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

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

    def of_npm(self, installed: dict[str, list[str]]) -> dict[str, list[dict[str, Any]]]:
        """Answer npm: the advisories for each package of which a version has one."""
        self._installed = installed
        answer: dict[str, list[dict[str, Any]]] = {}
        for number, advisory in enumerate(self.advisories):
            versions = installed.get(advisory.package, [])
            if advisory.ecosystem == "npm" and any(_hits(advisory, v) for v in versions):
                answer.setdefault(advisory.package, []).append(_npm(advisory, number))
        return answer

    def packument(self, name: str) -> dict[str, Any]:
        """Answer npm about the versions of a package: those installed, and the patched."""
        versions = [*self._installed.get(name, ["0.0.0"])]
        for advisory in self.advisories:
            if advisory.package == name:
                versions += advisory.patched
        made = {version: {"name": name, "version": version, "dist": {}} for version in versions}
        return {"name": name, "dist-tags": {"latest": versions[-1]}, "versions": made}

    def of_osv(self, name: str, version: str) -> dict[str, Any]:
        """Answer pip-audit: the advisories for one version of a Python package."""
        found = [
            a
            for a in self.advisories
            if a.ecosystem == "pip" and a.package.lower() == name.lower() and _hits(a, version)
        ]
        return {"vulns": [_osv(advisory) for advisory in found]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    data = gzip.decompress(data)
                elif self.headers.get("Content-Encoding") == "deflate":
                    data = zlib.decompress(data)
                asked = json.loads(data)
                if "package" in asked:
                    self._answer(api.of_osv(asked["package"]["name"], asked["version"]))
                else:
                    self._answer(api.of_npm(asked))

            def do_GET(self) -> None:
                self._answer(api.packument(self.path[1:].replace("%2f", "/")))

            def _answer(self, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        return Handler


def _hits(advisory: Advisory, version: str) -> bool:
    written = [",".join(part.split()) for part in _ranges(advisory)]
    return any(Version(version) in SpecifierSet(one, prereleases=True) for one in written)


def _ranges(advisory: Advisory) -> list[str]:
    """The ranges as Python writes them: an operator and its version without a blank."""
    made = []
    for one in advisory.vulnerable:
        text = one.replace(",", " ")
        for operator in ("<=", ">=", "<", ">", "="):
            text = text.replace(f"{operator} ", operator)
        made.append(
            " ".join("==" + p[1:] if p.startswith("=") and p[1] != "=" else p for p in text.split())
        )
    return made


def _npm(advisory: Advisory, number: int) -> dict[str, Any]:
    rating = advisory.ratings.get("ghsa") or next(iter(advisory.ratings.values()), None)
    ghsa = next((name for name in advisory.names if name.startswith("GHSA-")), advisory.id)
    return {
        "id": 1_000_000 + number,
        "url": f"https://github.com/advisories/{ghsa}",
        "title": advisory.title,
        "severity": "moderate" if advisory.severity == "medium" else advisory.severity,
        "vulnerable_versions": " || ".join(advisory.vulnerable).replace(",", ""),
        "cwe": list(advisory.cwes),
        "cvss": {
            "score": rating.score if rating else 0,
            "vectorString": rating.vector if rating else None,
        },
    }


def _osv(advisory: Advisory) -> dict[str, Any]:
    ghsa = next((name for name in advisory.names if name.startswith("GHSA-")), advisory.id)
    events = [{"introduced": "0"}, *({"fixed": version} for version in advisory.patched)]
    package = {"name": advisory.package, "ecosystem": "PyPI"}
    affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {
        "id": ghsa,
        "aliases": [name for name in advisory.names if name != ghsa],
        "summary": advisory.title,
        "details": advisory.description,
        "published": f"{advisory.published}T00:00:00Z",
        "modified": f"{advisory.published}T00:00:00Z",
        "affected": [affected],
        "references": [{"type": "WEB", "url": url} for url in advisory.references],
    }
