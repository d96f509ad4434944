"""The places where a decision has to act, each read from what a command writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from secagg.github.results import is_suppressed
from tests.github.fakes import COMMIT
from tests.matrix.rows import BYSTANDER, Row
from tests.matrix.shop import Shop
from tests.standins.github_server import REPOSITORY

Answers = Mapping[Row, bool | None]
"""Whether each row counts; None where the place cannot speak of rows of its kind."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place: ``what`` it is, for the document, and how a row that is decided on ``looks``."""

    name: str
    what: str
    looks: str
    read: Callable[[Shop, str], Answers]


def _rows(shop: Shop) -> list[Row]:
    return [*shop.rows, BYSTANDER]


def _gate(shop: Shop, table: str) -> Answers:
    printed = shop.secagg("gate", "--format", "json", *shop.vex(), code=None)
    findings = json.loads(printed)["findings"]
    return {row: finding["action"] != "ignore" for row, finding in shop.matched(findings)}


def _table(shop: Shop, table: str) -> Answers:
    # A row ends in its id; sentences of the verdict name rows too.
    listed = [line for line in table.splitlines() if re.search(r"\[[0-9a-f]{10,32}\]$", line)]
    return {row: any(_names(line, row) for line in listed) for row in _rows(shop)}


def _names(text: str, row: Row) -> bool:
    marks = (row.cve, row.rule) if row.is_vulnerability else (row.path,)
    return any(re.search(rf"{re.escape(mark)}(?!\d)", text) for mark in marks)


def _report(shop: Shop, table: str) -> Answers:
    printed = shop.secagg("report")
    return {row: _names(printed, row) for row in _rows(shop)}


def _page(shop: Shop, table: str) -> Answers:
    page = shop.home / "report.html"
    shop.secagg("report", "--format", "html", "--state", "all", "--output-file", page)
    data = re.search(r"<script[^>]*type=.application/json.[^>]*>(.*?)</script>", page.read_text())
    assert data is not None
    problems = [
        {"aliases": (), "path": problem.get("uri"), **problem}
        for problem in json.loads(data[1])["problems"]
    ]
    return {
        row: problem["state"] in ("open", "confirmed") for row, problem in shop.matched(problems)
    }


def _sarif(shop: Shop, table: str) -> Answers:
    document = json.loads((shop.root / "secagg-out" / "findings.sarif").read_bytes())
    counts: dict[Row, bool] = {}
    for run in document["runs"]:
        for result in run["results"]:
            for row in _rows(shop):
                if _is_of(result["ruleId"], _uri(result), row):
                    counts[row] = not is_suppressed(result)
    return counts


def _uri(result: Mapping[str, Any]) -> str:
    return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def _is_of(rule: str, path: str, row: Row) -> bool:
    return (rule, path) == (row.rule, row.path)


def _where(shop: Shop, ref: str) -> list[str]:
    there = ["--repository", REPOSITORY, "--ref", ref, "--commit", COMMIT]
    return [*there, "--api-url", shop.server.url, "--no-journal"]


def _upload(shop: Shop, table: str) -> Answers:
    shop.secagg("upload", "secagg-out/findings.sarif", *_where(shop, "refs/heads/trunk"))
    counts: dict[Row, bool] = {}
    for alert in shop.server.alerts:
        for row in _rows(shop):
            if _is_of(alert.rule, alert.path, row):
                counts[row] = alert.state == "open"
    return counts


def _comment(shop: Shop, table: str) -> Answers:
    shop.secagg("upload", "secagg-out/findings.sarif", "--comment", *_where(shop, PULL))
    return _in_comment(shop)


PULL = "refs/pull/7/merge"


def _in_comment(shop: Shop) -> Answers:
    body = shop.server.comments[-1]["body"].replace("\\", "")
    # What comes after is the account of the upload, with what it left out.
    findings = body.partition("### Upload")[0]
    return {row: _names(findings, row) for row in _rows(shop)}


def _openvex(shop: Shop, table: str) -> Answers:
    document = json.loads(shop.secagg("report", "--format", "openvex", "--state", "all"))
    counts = {
        said["vulnerability"]["name"]: said["status"] == "under_investigation"
        or (said["status"] == "affected" and "risk is accepted" not in said["action_statement"]
            and "not acted on" not in said["action_statement"])
        for said in document["statements"]
    }  # fmt: skip
    return {row: counts[row.cve] if row.is_vulnerability else None for row in _rows(shop)}


def _cyclonedx(shop: Shop, table: str) -> Answers:
    document = json.loads(shop.secagg("report", "--format", "cyclonedx-vex", "--state", "all"))
    counts = {
        said["id"]: said["analysis"]["state"] in ("in_triage", "exploitable")
        and "will_not_fix" not in said["analysis"].get("response", ())
        for said in document["vulnerabilities"]
    }
    return {row: counts[row.cve] if row.is_vulnerability else None for row in _rows(shop)}


def _gitlab(shop: Shop, table: str) -> Answers:
    where = shop.home / "gitlab"
    shop.secagg("report", "--format", "gitlab", "--output-file", where)
    text = "\n".join(path.read_text() for path in where.iterdir())
    return {row: _names(text, row) for row in _rows(shop)}


PLACES = (
    Place("gate", "`secagg gate`", "does not count", _gate),
    Place("table", "table of a scan", "not listed", _table),
    Place("report", "`secagg report`", "not listed", _report),
    Place("page", "page", "in its state", _page),
    Place("SARIF", "`findings.sarif`", "suppressed", _sarif),
    Place("comment", "comment on the pull request", "not listed", _comment),
    Place("upload", "alert at GitHub", "dismissed", _upload),
    Place("OpenVEX", "OpenVEX", "not_affected, or accepted", _openvex),
    Place("CycloneDX", "CycloneDX VEX", "false_positive, or will_not_fix", _cyclonedx),
    Place("GitLab", "GitLab's reports", "not listed", _gitlab),
)
