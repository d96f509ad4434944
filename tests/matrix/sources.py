"""The places where decisions are made: how each makes one, ends it and takes it back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient
from ruamel.yaml import YAML

from secagg.pipeline.storesource import HistoryScope, open_source, open_triage
from secagg.serve.app import Served, make_app
from secagg.serve.guard import CSRF_HEADER, Access, hosts_for
from tests.matrix.rows import Fate, Reporter, Row
from tests.matrix.shop import LONG_AGO, NEXT_MONTH, TODAY, YESTERDAY, Shop

REASON = "looked at, made up"
Act = Callable[[Shop, Sequence[Row]], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A place where decisions are made.

    ``keep`` lets the decisions on the rows given stand and no other; ``end`` lets those on the
    rows given be over. ``what`` is the command or the file, for the document; ``origin`` is the
    policy's word for it.
    """

    name: str
    what: str
    origin: str
    make: Act
    undo: Act
    end: Act | None = None
    reporter: Reporter = Reporter.TRIVY
    fates: tuple[Fate, ...] = tuple(Fate)

    def rows(self, first: int) -> list[Row]:
        """A row for each thing that can happen to its decisions."""
        fates = [fate for fate in self.fates if fate is not Fate.ENDS or self.end is not None]
        return [Row(first + n, self.name, fate, self.reporter) for n, fate in enumerate(fates)]


def _yaml(shop: Shop, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    yaml = YAML(typ="rt")
    path = shop.root / name
    document = yaml.load(path.read_text())
    change(document)
    yaml.dump(document, path)


# secagg-exceptions.yaml


def _except(shop: Shop, rows: Sequence[Row]) -> None:
    for row in rows:
        by = ("--reason", REASON, "--owner", "ana@shelf.example")
        shop.secagg("except", "add", "--cve", row.cve, "--purl", row.purl, *by)


def _entries(document: dict[str, Any]) -> list[Any]:
    listed = document.get("decisions") or document.get("exceptions") or []
    assert isinstance(listed, list)
    return listed


def _except_end(shop: Shop, rows: Sequence[Row]) -> None:
    def change(document: dict[str, Any]) -> None:
        for entry in _entries(document):
            if entry.get("cve") in {row.cve for row in rows}:
                entry["created"], entry["expires"] = LONG_AGO, YESTERDAY

    _yaml(shop, "secagg-exceptions.yaml", change)


def _except_undo(shop: Shop, rows: Sequence[Row]) -> None:
    def change(document: dict[str, Any]) -> None:
        listed = _entries(document)
        for entry in list(listed):
            if entry.get("cve") in {row.cve for row in rows}:
                listed.remove(entry)

    _yaml(shop, "secagg-exceptions.yaml", change)


# The same file, by triage


def _decide(shop: Shop, rows: Sequence[Row], *options: str) -> None:
    said = ("--state", "false-positive", "--reason", REASON, "--by", "ana")
    shop.secagg("triage", *shop.of(rows), *said, "--expires", str(NEXT_MONTH), *options)


def _triage_file(shop: Shop, rows: Sequence[Row]) -> None:
    _decide(shop, rows, "--file")


def _triage_file_end(shop: Shop, rows: Sequence[Row]) -> None:
    def change(document: dict[str, Any]) -> None:
        for entry in _entries(document):
            if entry.get("id") in shop.of(rows):
                entry["expires"] = YESTERDAY

    _yaml(shop, "secagg-exceptions.yaml", change)


def _older_file(shop: Shop, rows: Sequence[Row]) -> None:
    """Write what the file of earlier versions held."""
    made = {
        "state": "false-positive",
        "reason": REASON,
        "by": "ana",
        "at": f"{YESTERDAY}T09:00:00Z",
    }
    path = shop.root / ".secagg/triage.yaml"
    path.parent.mkdir(exist_ok=True)
    document = {"decisions": [{"id": identity, **made} for identity in shop.of(rows)]}
    YAML(typ="rt").dump(document, path)


def _older_file_end(shop: Shop, rows: Sequence[Row]) -> None:
    def change(document: dict[str, Any]) -> None:
        for entry in _entries(document):
            if entry["id"] in shop.of(rows):
                entry["expires"] = YESTERDAY

    _yaml(shop, ".secagg/triage.yaml", change)


def _triage_file_undo(shop: Shop, rows: Sequence[Row]) -> None:
    shop.secagg("triage", *shop.of(rows), "--undo", "--file")


# The store


def _undo(shop: Shop, rows: Sequence[Row]) -> None:
    shop.secagg("triage", *shop.of(rows), "--undo")


def _on_page(shop: Shop, rows: Sequence[Row], **body: Any) -> None:
    whose = HistoryScope(root=shop.root)
    access = Access(hosts=hosts_for("127.0.0.1", 8765))
    served = Served(
        open_source=lambda: open_source(None, whose),
        access=access,
        triage=open_triage(None, whose),
        by="dana",
    )
    page = TestClient(make_app(served), base_url="http://127.0.0.1:8765", follow_redirects=False)
    assert page.get("/", params={"token": access.one_time}).status_code == 303
    said = {"identities": shop.of(rows), "reason": REASON, **body}
    answer = page.post("/api/triage", json=said, headers={CSRF_HEADER: access.csrf})
    assert answer.status_code == 200, answer.text


def _page(shop: Shop, rows: Sequence[Row]) -> None:
    _on_page(shop, rows, state="accepted", expires=str(NEXT_MONTH))


def _page_undo(shop: Shop, rows: Sequence[Row]) -> None:
    _on_page(shop, rows, state="open")


# GitHub


def _dismiss(shop: Shop, rows: Sequence[Row]) -> None:
    shop.at_github(
        rows, state="dismissed", dismissed_reason="false positive", dismissed_comment=REASON
    )
    shop.secagg("sync")


def _open_again(shop: Shop, rows: Sequence[Row]) -> None:
    shop.at_github(rows, state="open")
    shop.secagg("sync")


# VEX: what is taken back is said to be affected by a later statement.


def _openvex(shop: Shop, rows: Sequence[Row], status: str) -> None:
    path = shop.root / "openvex.json"
    document = json.loads(path.read_bytes())
    day = TODAY if status == "affected" else YESTERDAY
    for row in rows:
        document["statements"].append(
            {
                "vulnerability": {"name": row.cve},
                "products": [{"@id": row.purl}],
                "status": status,
                "timestamp": f"{day}T00:00:00Z",
                "justification": "vulnerable_code_not_in_execute_path",
                "impact_statement": REASON,
            }
        )
    path.write_text(json.dumps(document))


def _cyclonedx(shop: Shop, rows: Sequence[Row], state: str) -> None:
    path = shop.root / "cyclonedx.json"
    document = json.loads(path.read_bytes())
    day = TODAY if state == "exploitable" else YESTERDAY
    for row in rows:
        analysis = {"state": state, "detail": REASON, "lastUpdated": f"{day}T00:00:00Z"}
        document["vulnerabilities"].append(
            {"id": row.cve, "analysis": analysis, "affects": [{"ref": row.purl}]}
        )
    path.write_text(json.dumps(document))


def _csaf(shop: Shop, rows: Sequence[Row], status: str) -> None:
    path = shop.root / "csaf.json"
    document = json.loads(path.read_bytes())
    tree = document.setdefault("product_tree", {}).setdefault("full_product_names", [])
    kept = [v for v in document["vulnerabilities"] if v["cve"] not in {row.cve for row in rows}]
    for row in rows:
        helper = {"purl": row.purl}
        tree.append(
            {"name": row.purl, "product_id": row.purl, "product_identification_helper": helper}
        )
        impact = {"category": "impact", "details": REASON, "product_ids": [row.purl]}
        status_of = {status: [row.purl]}
        kept.append({"cve": row.cve, "product_status": status_of, "threats": [impact]})
    document["vulnerabilities"] = kept
    path.write_text(json.dumps(document))


# Scanners' own files


def _lines(shop: Shop, name: str) -> list[str]:
    path = shop.root / name
    return path.read_text().splitlines() if path.exists() else []


def _write(shop: Shop, name: str, lines: Sequence[str]) -> None:
    (shop.root / name).write_text("".join(f"{line}\n" for line in lines))


def _trivyignore(shop: Shop, rows: Sequence[Row]) -> None:
    ends = [f"{row.cve} exp:{NEXT_MONTH}" for row in rows]
    _write(shop, ".trivyignore", [*_lines(shop, ".trivyignore"), f"# {REASON}", *ends])


def _trivyignore_end(shop: Shop, rows: Sequence[Row]) -> None:
    over = {f"{row.cve} exp:{NEXT_MONTH}": f"{row.cve} exp:{YESTERDAY}" for row in rows}
    _write(shop, ".trivyignore", [over.get(line, line) for line in _lines(shop, ".trivyignore")])


def _without(name: str, text_of: Callable[[Row], str]) -> Act:
    def undo(shop: Shop, rows: Sequence[Row]) -> None:
        gone = {text_of(row) for row in rows}
        kept = [line for line in _lines(shop, name) if not any(one in line for one in gone)]
        _write(shop, name, kept)

    return undo


def _trivyignore_yaml(shop: Shop, rows: Sequence[Row]) -> None:
    lines = [
        f"  - {{id: {row.cve}, statement: '{REASON}', expired_at: {NEXT_MONTH}}}" for row in rows
    ]
    _write(shop, ".trivyignore.yaml", ["vulnerabilities:", *lines])


def _trivyignore_yaml_end(shop: Shop, rows: Sequence[Row]) -> None:
    def over(line: str) -> str:
        named = any(row.cve in line for row in rows)
        return line.replace(str(NEXT_MONTH), str(YESTERDAY)) if named else line

    _write(shop, ".trivyignore.yaml", [over(line) for line in _lines(shop, ".trivyignore.yaml")])


def _gitleaksignore(shop: Shop, rows: Sequence[Row]) -> None:
    _write(shop, ".gitleaksignore", [f"{row.path}:{row.rule}:1" for row in rows])


def _snyk(shop: Shop, rows: Sequence[Row]) -> None:
    entry = "  {rule}: [{{'*': {{reason: '{reason}', expires: {end}T00:00:00.000Z}}}}]"
    lines = [entry.format(rule=row.rule, reason=REASON, end=NEXT_MONTH) for row in rows]
    _write(shop, ".snyk", ["version: v1.25.0", "ignore:", *lines])


def _snyk_end(shop: Shop, rows: Sequence[Row]) -> None:
    def over(line: str) -> str:
        named = any(row.rule in line for row in rows)
        return line.replace(str(NEXT_MONTH), str(YESTERDAY)) if named else line

    _write(shop, ".snyk", [over(line) for line in _lines(shop, ".snyk")])


# Reports


def _suppress(shop: Shop, rows: Sequence[Row]) -> None:
    shop.suppressed |= {row.number for row in rows}


def _no_longer_suppress(shop: Shop, rows: Sequence[Row]) -> None:
    shop.suppressed -= {row.number for row in rows}


SOURCES = (
    Source(
        *("exceptions", "`secagg except add`: `secagg-exceptions.yaml`", "files"),
        *(_except, _except_undo, _except_end),
    ),
    Source(
        *("triage file", "`secagg triage --file`: the same file", "files"),
        *(_triage_file, _triage_file_undo, _triage_file_end),
    ),
    Source(
        *("older file", "`.secagg/triage.yaml` of earlier versions", "files"),
        *(_older_file, _triage_file_undo, _older_file_end),
        # A comment lists 50 rows.
        fates=(Fate.ENDS, Fate.UNDONE, Fate.OVERRULED),
    ),
    Source("store", "`secagg triage`: the store", "store", _decide, _undo, Shop.let_days_pass),
    Source(
        *("page", "the page of `secagg serve`", "store"),
        *(_page, _page_undo, Shop.let_days_pass),
    ),
    Source("GitHub", "a dismissal at GitHub, by `secagg sync`", "github", _dismiss, _open_again),
    Source(
        *("OpenVEX", "an OpenVEX document (`--vex`)", "vex"),
        lambda shop, rows: _openvex(shop, rows, "not_affected"),
        lambda shop, rows: _openvex(shop, rows, "affected"),
    ),
    Source(
        *("CycloneDX", "a CycloneDX VEX document (`--vex`)", "vex"),
        lambda shop, rows: _cyclonedx(shop, rows, "not_affected"),
        lambda shop, rows: _cyclonedx(shop, rows, "exploitable"),
    ),
    Source(
        *("CSAF", "a CSAF VEX document (`--vex`)", "vex"),
        lambda shop, rows: _csaf(shop, rows, "known_not_affected"),
        lambda shop, rows: _csaf(shop, rows, "known_affected"),
    ),
    Source(
        *("trivyignore", "`.trivyignore`", "scanners"),
        *(_trivyignore, _without(".trivyignore", lambda row: row.cve), _trivyignore_end),
    ),
    Source(
        *("trivyignore yaml", "`.trivyignore.yaml`", "scanners", _trivyignore_yaml),
        *(_without(".trivyignore.yaml", lambda row: row.cve), _trivyignore_yaml_end),
    ),
    Source(
        *("gitleaksignore", "`.gitleaksignore`", "scanners", _gitleaksignore),
        _without(".gitleaksignore", lambda row: f"{row.path}:"),
        reporter=Reporter.GITLEAKS,
    ),
    Source(
        *("snyk", "`.snyk`", "scanners", _snyk, _without(".snyk", lambda row: row.rule)),
        _snyk_end,
        reporter=Reporter.SNYK,
    ),
    Source(
        *("suppression", "a suppression in a SARIF report", "reports"),
        *(_suppress, _no_longer_suppress),
        reporter=Reporter.SARIF,
    ),
)
