"""A loopback stand-in for the part of GitHub that secagg speaks to, over real HTTP.

It keeps the contract of code scanning's REST API: it decodes and validates what it gets, applies
the limits, processes uploads after a number of looks, and matches alerts by tool, rule, path and
fingerprint; an alert is fixed once no category of its ref reports it any more. Faults can be
queued for requests: see :meth:`GitHubServer.fail`.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft7Validator

from secagg.sarif.conform import schema

TOKEN = "a-token-that-is-only-for-tests"
REPOSITORY = "acme/shop"
_GZIP_LIMIT = 10_000_000
_SHOWN = 5_000
# Results checked against the schema one by one: all of a small file.
_VALIDATED = 300

# path-noscheme of RFC 3986, 3.3 and appendix A, without a query or a fragment.
_PCHAR = r"(?:[A-Za-z0-9\-._~]|%[0-9A-Fa-f]{2}|[!$&'()*+,;=]|@)"
_RELATIVE = re.compile(rf"{_PCHAR}+(?:/(?:{_PCHAR}|:)*)*")
_DEFAULT_SETUP = (
    "CodeQL analyses from advanced configurations cannot be processed when the default setup is "
    "enabled"
)

Answer = tuple[int, Any, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a request fails instead of being answered. ``how`` is status, reset, cut or hang."""

    method: str
    path: str
    how: str = "status"
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    # The request is carried out before its answer is lost.
    done: bool = False


@dataclass(slots=True, kw_only=True)
class Alert:
    """An alert; ``places`` are the (ref, category) that report it now."""

    number: int
    tool: str
    rule: str
    path: str
    fingerprint: str
    line: int
    places: set[tuple[str, str]]
    state: str = "open"
    dismissed_reason: str | None = None
    dismissed_comment: str | None = None
    updated_at: float = 0.0
    latest: tuple[str, str] = ("", "")


@dataclass(slots=True, kw_only=True)
class Upload:
    """A file that was taken. ``looks`` are those left until it is processed."""

    ref: str
    commit: str
    document: Any
    looks: int
    status: str = "pending"
    errors: list[str] = field(default_factory=list)


class GitHubServer:
    """The server, for use in a ``with`` statement.

    ``looks`` is how often an upload is still pending when asked after. ``requests`` lists method
    and path of everything that was asked; ``events`` what happened to alerts.
    """

    def __init__(self, *, looks: int = 1, default_branch: str = "trunk") -> None:
        self.looks = looks
        self.default_branch = default_branch
        self.now: Callable[[], float] = time.time
        self.login: str | None = "github-actions[bot]"
        self.requests: list[tuple[str, str]] = []
        self.authorizations: set[str | None] = set()
        self.events: list[tuple[str, int]] = []
        self.alerts: list[Alert] = []
        self.analyses: list[dict[str, Any]] = []
        self.uploads: dict[str, Upload] = {}
        self.comments: list[dict[str, Any]] = []
        self.pulls: dict[int, dict[str, Any]] = {}
        # Issues of all repositories; settings of repositories, and the names of others than ours.
        self.issues: list[dict[str, Any]] = []
        self.settings: dict[str, dict[str, Any]] = {}
        self.others: set[str] = set()
        self.may_label = True
        # What people may do, by login; others are nobody here.
        self.permissions: dict[str, str] = {}
        # Commits that are not on the default branch, and whether dismissals are delegated.
        self.foreign: set[str] = set()
        self.delegated = False
        # Tools and categories of which the tool status page was told that they failed.
        self.failed_tools: list[tuple[str, str]] = []
        # Whether the token may read only, as in a fork's pull request, and where the API lies.
        self.read_only = False
        self.prefix = ""
        # Whether GitHub's own analysis with CodeQL stands in the way of others.
        self.default_setup = False
        self.requested: list[int] = []
        self.processing_errors: list[list[str]] = []
        self.at_end: list[Callable[[], None]] = []
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for close in self.at_end:
            close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address for GITHUB_API_URL."""
        return f"http://127.0.0.1:{self._server.server_port}{self.prefix}"

    def fail(self, method: str, path: str, *, times: int = 1, **how: Any) -> None:
        """Let the next ``times`` requests whose path holds the pattern ``path`` fail."""
        self._faults += [Fault(method=method, path=path, **how)] * times

    def count(self, method: str, path: str) -> int:
        """How many requests were made whose path holds the pattern ``path``."""
        return sum(m == method and bool(re.search(path, p)) for m, p in self.requests)

    def open_alerts(self) -> list[Alert]:
        """The alerts that are open."""
        return [alert for alert in self.alerts if alert.state == "open"]

    # What follows runs in the server's threads.

    def answer(self, method: str, url: str, body: Any, authorization: str | None) -> Answer:
        parts = urlsplit(url)
        params = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if authorization != f"Bearer {TOKEN}":
            return _problem(401, "Bad credentials")
        if self.read_only and method != "GET":
            return _problem(403, "Resource not accessible by integration")
        if not parts.path.startswith(self.prefix):
            return _problem(404, "Not Found")
        path_asked = parts.path.removeprefix(self.prefix)
        for pattern, handle in self._routes().items():
            verb, _, path = pattern.partition(" ")
            match = re.fullmatch(path, path_asked)
            if match and verb == method:
                with self._lock:
                    return handle(params, body, *match.groups())
        return _problem(404, "Not Found")

    def fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.method == method and re.search(fault.path, path):
                    return self._faults.pop(number)
        return None

    def _routes(self) -> dict[str, Callable[..., Answer]]:
        base = f"/repos/{REPOSITORY}"
        return {
            "GET /repos/([^/]+/[^/]+)": self._repository,
            "GET /repos/([^/]+/[^/]+)/issues": self._list_issues,
            "POST /repos/([^/]+/[^/]+)/issues": self._open_issue,
            r"PATCH /repos/([^/]+/[^/]+)/issues/(\d+)": self._change_issue,
            f"GET {base}/compare/(.+)[.]{{3}}([0-9a-f]+)": self._compare,
            "GET /user": self._user,
            f"POST {base}/code-scanning/sarifs": self._upload,
            f"GET {base}/code-scanning/sarifs/([^/]+)": self._processing,
            f"GET {base}/code-scanning/analyses": self._list_analyses,
            f"GET {base}/code-scanning/alerts": self._list_alerts,
            rf"PATCH {base}/code-scanning/alerts/(\d+)": self._change_alert,
            rf"GET {base}/issues/(\d+)/comments": self._list_comments,
            rf"POST {base}/issues/(\d+)/comments": self._comment,
            rf"PATCH {base}/issues/comments/(\d+)": self._change_comment,
            rf"GET {base}/pulls/(\d+)": self._pull,
            f"GET {base}/collaborators/([^/]+)/permission": self._permission,
        }

    def _repository(self, params: dict[str, str], body: Any, name: str) -> Answer:
        if name != REPOSITORY and name not in self.others:
            return _problem(404, "Not Found")
        settings = {"private": True, "has_issues": True, **self.settings.get(name, {})}
        return 200, {"default_branch": self.default_branch, **settings}, {}

    def _list_issues(self, params: dict[str, str], body: Any, name: str) -> Answer:
        if self.settings.get(name, {}).get("has_issues") is False:
            return _problem(410, "Issues has been disabled in this repository.")
        found = [
            issue
            for issue in self.issues
            if issue["repository"] == name
            and params.get("state", "open") in ("all", issue["state"])
            and {params.get("labels")} <= {None, *(label["name"] for label in issue["labels"])}
        ]
        return self._page(found[::-1], params, "issues")

    def _open_issue(self, params: dict[str, str], body: Any, name: str) -> Answer:
        if len(body["body"]) > 65_536 or not 0 < len(body["title"]) <= 256:
            return _problem(422, "Validation Failed")
        kind = "Bot" if (self.login or "").endswith("[bot]") else "User"
        made = {
            "repository": name,
            "number": len(self.issues) + 1,
            "state": "open",
            "state_reason": None,
            "closed_at": None,
            "title": body["title"],
            "body": body["body"],
            "labels": [{"name": label} for label in body["labels"] if self.may_label],
            "user": {"login": self.login, "type": kind},
        }
        self.issues.append(made)
        return 201, made, {}

    def _change_issue(self, params: dict[str, str], body: Any, name: str, number: str) -> Answer:
        issue = self.issues[int(number) - 1]
        if len(body.get("body", "")) > 65_536:
            return _problem(422, "Validation Failed")
        if body.get("state", issue["state"]) != issue["state"]:
            issue["state_reason"] = body.get("state_reason")
            closed = body["state"] == "closed"
            issue["closed_at"] = _time(self.now()) if closed else None
        issue.update({key: body[key] for key in ("title", "body", "state") if key in body})
        return 200, issue, {}

    def _user(self, params: dict[str, str], body: Any) -> Answer:
        if self.login is None or self.login.endswith("[bot]"):
            return _problem(403, "Resource not accessible by integration")
        return 200, {"login": self.login, "type": "User"}, {}

    def _compare(self, params: dict[str, str], body: Any, base: str, head: str) -> Answer:
        on_it = base == self.default_branch and head not in self.foreign
        return 200, {"status": "behind" if on_it else "diverged"}, {}

    def _permission(self, params: dict[str, str], body: Any, login: str) -> Answer:
        permission = self.permissions.get(login)
        if permission is None:
            return _problem(404, f"{login} is not a user")
        return 200, {"permission": permission, "user": {"login": login}}, {}

    def _pull(self, params: dict[str, str], body: Any, number: str) -> Answer:
        pull = self.pulls.get(int(number))
        return (200, pull, {}) if pull is not None else _problem(404, "Not Found")

    def _upload(self, params: dict[str, str], body: Any) -> Answer:
        if not isinstance(body, dict) or not {"commit_sha", "ref", "sarif"} <= body.keys():
            return _problem(422, "Invalid request.")
        if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", body["commit_sha"]):
            return _problem(422, "commit_sha is not a commit")
        if not re.fullmatch(r"refs/(heads|tags)/.+|refs/pull/\d+/(merge|head)", body["ref"]):
            return _problem(422, "ref is not a ref")
        try:
            packed = base64.b64decode(body["sarif"], validate=True)
            if len(packed) > _GZIP_LIMIT:
                return _problem(413, "Payload too large")
            document = json.loads(gzip.decompress(packed))
        except (binascii.Error, OSError, zlib.error, ValueError):
            return _problem(400, "Invalid SARIF: it cannot be decoded")
        sarif_id = f"00000000-0000-4000-8000-{len(self.uploads):012x}"
        self.uploads[sarif_id] = Upload(
            ref=body["ref"], commit=body["commit_sha"], document=document, looks=self.looks
        )
        url = f"{self.url}/repos/{REPOSITORY}/code-scanning/sarifs/{sarif_id}"
        return 202, {"id": sarif_id, "url": url}, {}

    def _processing(self, params: dict[str, str], body: Any, sarif_id: str) -> Answer:
        upload = self.uploads.get(sarif_id)
        if upload is None:
            return _problem(404, "Not Found")
        if upload.status == "pending":
            if upload.looks > 0:
                upload.looks -= 1
                return 200, {"processing_status": "pending"}, {}
            self.process(sarif_id)
        answer: dict[str, Any] = {"processing_status": upload.status}
        if upload.errors:
            answer["errors"] = upload.errors
        return 200, answer, {}

    def process(self, sarif_id: str) -> None:
        """Process an upload, as GitHub does some time after it has taken it."""
        upload = self.uploads[sarif_id]
        errors = self.processing_errors.pop(0) if self.processing_errors else []
        if self.default_setup and any(
            run["tool"]["driver"]["name"] == "CodeQL" for run in upload.document["runs"]
        ):
            errors = [_DEFAULT_SETUP]
        failed = [run for run in upload.document["runs"] if _says_it_failed(run)]
        if failed:
            # The tool status page is told, and nothing else changes.
            self.failed_tools += [(run["tool"]["driver"]["name"], _category(run)) for run in failed]
            errors = ["unsuccessful execution"]
        upload.errors = errors or list(_rejections(upload.document))
        upload.status = "failed" if upload.errors else "complete"
        if upload.status == "complete":
            for run in upload.document["runs"]:
                self._analyse(upload, run, sarif_id)

    def _analyse(self, upload: Upload, run: dict[str, Any], sarif_id: str) -> None:
        tool = run["tool"]["driver"]["name"]
        category = _category(run)
        place = (upload.ref, category)
        shown = sorted(run["results"], key=lambda r: -_rank(run, r))[:_SHOWN]
        found = {_key(tool, result): result for result in shown}
        known = {(a.tool, a.rule, a.path, a.fingerprint): a for a in self.alerts}
        for key, result in found.items():
            alert = known.get(key)
            line = result["locations"][0]["physicalLocation"]["region"]["startLine"]
            if alert is None:
                number = len(self.alerts) + 1
                _, rule, path, fingerprint = key
                alert = Alert(
                    number=number,
                    tool=tool,
                    rule=rule,
                    path=path,
                    fingerprint=fingerprint,
                    line=line,
                    places=set(),
                )
                self.alerts.append(alert)
                self.events.append(("opened", number))
            elif alert.state == "fixed":
                alert.state = "dismissed" if alert.dismissed_reason else "open"
                self.events.append(("reopened", alert.number))
            alert.line, alert.latest, alert.updated_at = line, place, self.now()
            alert.places.add(place)
        for alert in self.alerts:
            key = (alert.tool, alert.rule, alert.path, alert.fingerprint)
            if place in alert.places and (alert.tool != tool or key not in found):
                if alert.tool != tool:
                    continue
                alert.places.discard(place)
                if not alert.places:
                    alert.state = "fixed"
                    alert.updated_at = self.now()
                    self.events.append(("closed", alert.number))
        self.analyses.insert(
            0,
            {
                "ref": upload.ref,
                "commit_sha": upload.commit,
                "category": category,
                "tool": {"name": tool},
                "results_count": len(shown),
                "sarif_id": sarif_id,
                "created_at": _time(self.now()),
            },
        )

    def _list_analyses(self, params: dict[str, str], body: Any) -> Answer:
        found = [
            analysis
            for analysis in self.analyses
            if params.get("ref") in (None, analysis["ref"])
            and params.get("tool_name") in (None, analysis["tool"]["name"])
        ]
        return self._page(found, params, "code-scanning/analyses")

    def _list_alerts(self, params: dict[str, str], body: Any) -> Answer:
        found = [
            self._shown(alert)
            for alert in self.alerts
            if params.get("state") in (None, alert.state)
            and params.get("tool_name") in (None, alert.tool)
            and (params.get("ref") is None or params["ref"] == alert.latest[0])
        ]
        found.sort(key=lambda a: a["updated_at"], reverse=True)
        return self._page(found, params, "code-scanning/alerts")

    def _shown(self, alert: Alert) -> dict[str, Any]:
        ref, category = alert.latest
        return {
            "number": alert.number,
            "state": alert.state,
            "dismissed_reason": alert.dismissed_reason,
            "dismissed_comment": alert.dismissed_comment,
            "updated_at": _time(alert.updated_at),
            "html_url": f"{self.url}/{REPOSITORY}/security/code-scanning/{alert.number}",
            "rule": {"id": alert.rule},
            "tool": {"name": alert.tool},
            "most_recent_instance": {
                "ref": ref,
                "category": category,
                "state": alert.state,
                "location": {"path": alert.path, "start_line": alert.line},
            },
        }

    def _change_alert(self, params: dict[str, str], body: Any, number: str) -> Answer:
        alert = next((a for a in self.alerts if a.number == int(number)), None)
        if alert is None:
            return _problem(404, "Not Found")
        if body.get("state") == "dismissed":
            reasons = ("false positive", "won't fix", "used in tests")
            comment = body.get("dismissed_comment") or ""
            if body.get("dismissed_reason") not in reasons or len(comment) > 280:
                return _problem(422, "Validation Failed")
            if self.delegated:
                if not body.get("create_request"):
                    return _problem(403, "Alert dismissal is delegated in this repository")
                if alert.number in self.requested:
                    return _problem(422, "There is a pending request for this alert")
                self.requested.append(alert.number)
                return 200, self._shown(alert), {}
            alert.state = "dismissed"
            alert.dismissed_reason = body["dismissed_reason"]
            alert.dismissed_comment = comment
            self.events.append(("dismissed", alert.number))
        elif body.get("state") == "open":
            alert.state = "open" if alert.places else "fixed"
            alert.dismissed_reason = alert.dismissed_comment = None
            self.events.append(("reopened", alert.number))
        else:
            return _problem(422, "Validation Failed")
        alert.updated_at = self.now()
        return 200, self._shown(alert), {}

    def _list_comments(self, params: dict[str, str], body: Any, issue: str) -> Answer:
        found = [c for c in self.comments if c["issue"] == int(issue)]
        return self._page(found, params, f"issues/{issue}/comments")

    def _comment(self, params: dict[str, str], body: Any, issue: str) -> Answer:
        if len(body.get("body", "")) > 65_536:
            return _problem(422, "Validation Failed")
        kind = "Bot" if (self.login or "").endswith("[bot]") else "User"
        made = {
            "id": len(self.comments) + 1,
            "issue": int(issue),
            "body": body["body"],
            "user": {"login": self.login, "type": kind},
        }
        self.comments.append(made)
        return 201, made, {}

    def _change_comment(self, params: dict[str, str], body: Any, number: str) -> Answer:
        for comment in self.comments:
            if comment["id"] == int(number):
                comment["body"] = body["body"]
                return 200, comment, {}
        return _problem(404, "Not Found")

    def _page(self, items: list[Any], params: dict[str, str], path: str) -> Answer:
        size, page = int(params.get("per_page", 30)), int(params.get("page", 1))
        assert size <= 100
        shown = items[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(items):
            query = "&".join(f"{k}={v}" for k, v in params.items() if k != "page")
            url = f"{self.url}/repos/{REPOSITORY}/{path}?{query}&page={page + 1}"
            headers["Link"] = f'<{url}>; rel="next"'
        return 200, shown, headers

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve("GET")

            def do_POST(self) -> None:
                self._serve("POST")

            def do_PATCH(self) -> None:
                self._serve("PATCH")

            def log_message(self, *args: Any) -> None:
                pass

            def _serve(self, method: str) -> None:
                server.requests.append((method, self.path))
                authorization = self.headers.get("Authorization")
                server.authorizations.add(authorization)
                length = int(self.headers.get("Content-Length") or 0)
                fault = server.fault(method, self.path)
                if fault is not None and fault.how == "reset":
                    # In the middle of the request's body.
                    self.rfile.read(length // 2)
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.connection.close()
                    self.close_connection = True
                    return
                data = self.rfile.read(length)
                body = json.loads(data) if data else None
                if fault is None or fault.done:
                    answer = server.answer(method, self.path, body, authorization)
                if fault is not None:
                    if fault.how == "hang":
                        time.sleep(0.8)
                        self.close_connection = True
                        return
                    if fault.how == "cut":
                        # In the middle of the answer's body.
                        self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 999\r\n\r\n{")
                        self.close_connection = True
                        return
                    body = fault.body if fault.body is not None else {"message": "as asked for"}
                    answer = fault.status, body, fault.headers
                self._send(*answer)

            def _send(self, status: int, document: Any, headers: dict[str, str]) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler


def _problem(status: int, message: str) -> Answer:
    return status, {"message": message, "documentation_url": "https://docs.github.com/rest"}, {}


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _says_it_failed(run: dict[str, Any]) -> bool:
    return any(not i.get("executionSuccessful", True) for i in run.get("invocations", ()))


def _category(run: dict[str, Any]) -> str:
    given: str = run.get("automationDetails", {}).get("id", "")
    return given[: given.rfind("/") + 1]


def _key(tool: str, result: dict[str, Any]) -> tuple[str, str, str, str]:
    physical = result["locations"][0]["physicalLocation"]
    fingerprint = result.get("partialFingerprints", {}).get("primaryLocationLineHash")
    # Without one GitHub can only go by what surrounds the line; here: by the line.
    fingerprint = fingerprint or f"line {physical['region']['startLine']}"
    return tool, result["ruleId"], physical["artifactLocation"]["uri"], fingerprint


def _rank(run: dict[str, Any], result: dict[str, Any]) -> float:
    for rule in run["tool"]["driver"].get("rules", ()):
        if rule["id"] == result["ruleId"]:
            return float(rule.get("properties", {}).get("security-severity", 0))
    return 0.0


def _rejections(document: Any) -> Iterator[str]:
    """Why GitHub would not process a file: its hard limits, and what it cannot read."""
    runs = document.get("runs", ()) if isinstance(document, dict) else ()
    if len(runs) > 20:
        yield f"rejecting SARIF, as there are more runs than allowed ({len(runs)} > 20)"
    bare = {**document, "runs": [{**r, "results": r["results"][:_VALIDATED]} for r in runs]}
    for error in Draft7Validator(schema()).iter_errors(bare):
        yield f"rejecting SARIF, as it is not valid: {error.json_path}"
        return
    seen = set()
    for run in runs:
        key = (run["tool"]["driver"]["name"], _category(run))
        if key in seen:
            yield "rejecting SARIF, as it has several runs with the same category"
        seen.add(key)
        yield from _run_rejections(run)


def _run_rejections(run: dict[str, Any]) -> Iterator[str]:
    tool = run["tool"]
    results = run["results"]
    if len(results) > 25_000:
        yield f"rejecting SARIF, as there are more results per run than allowed ({len(results)})"
    components = [tool["driver"], *tool.get("extensions", ())]
    rules = [rule for component in components for rule in component.get("rules", ())]
    if len(rules) > 25_000:
        yield f"rejecting SARIF, as there are more rules per run than allowed ({len(rules)})"
    if len(components) > 101:
        yield "rejecting SARIF, as there are more extensions per run than allowed"
    for rule in rules:
        properties = rule.get("properties", {})
        if len(properties.get("tags", ())) > 20:
            yield "rejecting SARIF, as there are more tags per rule than allowed"
        if len(rule.get("name", "")) > 255:
            yield "rejecting SARIF, as a rule's name is longer than allowed"
        for key in ("shortDescription", "fullDescription"):
            text = rule.get(key, {"text": "-"}).get("text", "")
            if not text.strip() or len(text) > 1_024:
                yield f"rejecting SARIF, as a rule's {key} is empty or longer than allowed"
        severity = properties.get("security-severity", "1.0")
        if not re.fullmatch(r"\d+(\.\d+)?", str(severity)) or float(severity) > 10:
            yield "could not convert rules: invalid security severity value, is not a number"
    known = {rule["id"] for rule in rules}
    for result in results:
        yield from _result_rejections(result, known)


def _result_rejections(result: dict[str, Any], rules: set[str]) -> Iterator[str]:
    if result.get("ruleId") not in rules:
        yield "rejecting SARIF, as a result names a rule that is not there"
    locations = result.get("locations", ())
    if not locations:
        yield "locationFromSarifResult: expected at least one location"
    if len(locations) > 1_000:
        yield "rejecting SARIF, as there are more locations per result than allowed"
    steps = sum(
        len(thread.get("locations", ()))
        for flow in result.get("codeFlows", ())
        for thread in flow.get("threadFlows", ())
    )
    if steps > 10_000:
        yield "rejecting SARIF, as there are more thread flow locations per result than allowed"
    related = result.get("relatedLocations", ())
    flows = [
        step["location"]
        for flow in result.get("codeFlows", ())
        for thread in flow["threadFlows"]
        for step in thread["locations"]
        if "location" in step
    ]
    for location in (*related, *flows):
        uri = location.get("physicalLocation", {}).get("artifactLocation", {}).get("uri", "-")
        if not _RELATIVE.fullmatch(uri):
            yield "could not parse SARIF, as a location has an invalid URI"
    for location in locations:
        artifact = location.get("physicalLocation", {}).get("artifactLocation")
        if artifact is None or not artifact.get("uri"):
            yield "locationFromSarifResult: expected artifact location"
        elif not _RELATIVE.fullmatch(artifact["uri"]):
            yield "could not parse SARIF, as a location has an invalid URI"
        elif not location["physicalLocation"].get("region", {}).get("startLine"):
            yield "locationFromSarifResult: expected a start line"
