"""Rows explained from the last scan's own file, and overruled by people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import secagg, summary
from tests.cli.test_parse import snyk, trivy, written


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def scan(home: Path, *more: str) -> dict[str, str]:
    """Two tools on one problem; the rows' tools by id."""
    files: tuple[Path, ...] = (
        written(home, "a.json", trivy()),
        written(home, "b.json", snyk()),
    )
    ran = secagg(
        "parse",
        *files,
        "--output",
        home / "out",
        "--format",
        "json",
        *more,
        bin_dir=home,
        home=home,
    )
    return {i["id"]: " ".join(i["tools"]) for i in json.loads(ran.stdout)["findings"]["items"]}


def test_own_file_gives_the_same_rows(home: Path) -> None:
    rows = scan(home)
    again = secagg(
        *("parse", home / "out" / "findings.sarif", "--output", home / "two", "--format", "json"),
        bin_dir=home,
        home=home,
    )
    assert {i["id"] for i in json.loads(again.stdout)["findings"]["items"]} == set(rows)
    assert summary(home / "two")["findings"]["total"] == 1


def test_explained_by_its_id_or_the_beginning_of_it(home: Path) -> None:
    (identity,) = scan(home)
    ran = secagg("explain", identity[:8], "--output", home / "out", bin_dir=home, home=home)
    assert ran.code == 0, ran
    assert identity in ran.stdout
    assert "trivy: CVE-2019-10744" in ran.stdout
    assert "snyk: SNYK-JS-LODASH-450202" in ran.stdout
    assert "CVE-2019-10744" in ran.stdout.partition("joined by")[2]


def test_unknown_id_and_missing_scan_are_usage_errors(home: Path) -> None:
    ran = secagg("explain", "deadbeef", bin_dir=home, home=home)
    assert (ran.code, "run a scan first" in ran.stderr) == (2, True)
    scan(home)
    ran = secagg("explain", "deadbeef", "--output", home / "out", bin_dir=home, home=home)
    assert ran.code == 2
    assert "deadbeef" in ran.stderr


def test_split_and_join_hold_from_the_next_scan_on(home: Path) -> None:
    (identity,) = scan(home)
    reason = ("--reason", "they are two problems to us")
    ran = secagg("merge", "split", identity, *reason, bin_dir=home, home=home)
    assert ran.code == 0, ran
    apart = scan(home)
    assert sorted(apart.values()) == ["snyk", "trivy"]
    (home / "secagg-merge.yaml").unlink()
    ran = secagg("merge", "join", *apart, "--reason", "one after all", bin_dir=home, home=home)
    assert ran.code == 0, ran
    assert "one after all" in (home / "secagg-merge.yaml").read_text()


def test_rows_are_named_by_how_they_begin_as_the_table_shows_them(home: Path) -> None:
    (identity,) = scan(home)
    last = ("--from", home / "out")
    reason = ("--reason", "they are two problems to us")
    ran = secagg("merge", "split", identity[:10], *reason, *last, bin_dir=home, home=home)
    assert ran.code == 0, ran
    assert f"split: {identity}" in (home / "secagg-merge.yaml").read_text()
    apart = [row[:10] for row in scan(home)]
    (home / "secagg-merge.yaml").unlink()
    scan(home)
    ran = secagg("merge", "join", *apart, *reason, *last, bin_dir=home, home=home)
    assert (ran.code, "no problem of the last scan goes by the id" in ran.stderr) == (2, True)
    assert not (home / "secagg-merge.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["split", "{id:.3}"], "at least 6"),
        (["split", "ffffff"], "ids are in the table"),
        (["split", "{id}0"], "up to 32"),
        (["split", "no-such-id"], "hexadecimal digits and nothing else"),
        (["split", "{id}", "--apart", "codeql"], "it comes from snyk, trivy"),
        (["join", "{id:.8}", "{id}"], "two problems"),
    ],
)
def test_an_overrule_that_could_not_hold_is_refused(
    home: Path, arguments: list[str], said: str
) -> None:
    (identity,) = scan(home)
    given = [argument.format(id=identity) for argument in arguments]
    last = ("--reason", "because", "--from", home / "out")
    ran = secagg("merge", *given, *last, bin_dir=home, home=home)
    assert ran.code == 2
    assert said in ran.stderr
    assert "no-such-id" not in ran.stderr
    assert not (home / "secagg-merge.yaml").exists()


def test_one_finding_cannot_be_split(home: Path) -> None:
    one = written(home, "a.json", trivy())
    ran = secagg(
        *("parse", one, "--output", home / "out", "--format", "json"), bin_dir=home, home=home
    )
    (row,) = json.loads(ran.stdout)["findings"]["items"]
    ran = secagg(
        *("merge", "split", row["id"][:10], "--reason", "because", "--from", home / "out"),
        bin_dir=home,
        home=home,
    )
    assert (ran.code, "nothing to split" in ran.stderr) == (2, True)


def test_a_file_of_whole_rows_says_what_it_does_not_hold(home: Path) -> None:
    (identity,) = scan(home, "--view", "merged")
    ran = secagg("explain", identity[:10], "--output", home / "out", bin_dir=home, home=home)
    assert ran.code == 0
    assert "--view merged" in ran.stdout
    reason = ("--reason", "they are two problems to us")
    last = ("--from", home / "out")
    ran = secagg("merge", "split", identity[:10], *reason, *last, bin_dir=home, home=home)
    assert ran.code == 0, ran
    assert sorted(scan(home).values()) == ["snyk", "trivy"]


def test_secret_in_a_reason_is_masked(home: Path) -> None:
    (identity,) = scan(home)
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    ran = secagg("merge", "split", identity, "--reason", f"found {token}", bin_dir=home, home=home)
    assert ran.code == 0, ran
    file = home / "secagg-merge.yaml"
    written_there = file.read_text()
    assert "found " in written_there
    assert token not in written_there
    # As by hand.
    entry = {"split": identity, "reason": f"found {token}"}
    file.write_text(json.dumps({"version": 1, "overrules": [entry]}))
    apart = scan(home, "--view", "merged")
    assert sorted(apart.values()) == ["snyk", "trivy"]
    told = [
        secagg("explain", row, "--output", home / "out", bin_dir=home, home=home).stdout
        for row in apart
    ]
    assert all("split: found" in text or "split by overrule: found" in text for text in told)
    kept = [file.read_text() for file in (home / "out").iterdir()]
    assert not [text for text in (*told, *kept) if token in text]


def test_overrule_that_names_nothing_is_said(home: Path) -> None:
    scan(home)
    secagg("merge", "split", "0" * 32, "--reason", "gone", bin_dir=home, home=home)
    scan(home)
    warnings = " ".join(summary(home / "out")["warnings"])
    assert "0" * 32 in warnings


def test_merged_view_has_a_result_a_row_with_its_sources(home: Path) -> None:
    scan(home, "--view", "merged")
    log = json.loads((home / "out" / "findings.sarif").read_bytes())
    (result,) = [r for run in log["runs"] for r in run["results"]]
    assert {s["tool"] for s in result["properties"]["secagg"]["sources"]} == {"snyk", "trivy"}
    guid = result["correlationGuid"]
    scan(home)
    log = json.loads((home / "out" / "findings.sarif").read_bytes())
    assert [r["correlationGuid"] for run in log["runs"] for r in run["results"]] == [guid, guid]


def ids_of(home: Path) -> set[str]:
    """Every id that ``findings.sarif`` shows."""
    sarif = json.loads((home / "out" / "findings.sarif").read_text())
    results = [result for run in sarif["runs"] for result in run["results"]]
    return {result["partialFingerprints"]["secagg/v1"] for result in results}


def two_names(home: Path) -> tuple[str, str]:
    """Two tools on one problem, of which one knows the GHSA only: the row's id and another."""
    full, partial = trivy(), snyk()
    full["Results"][0]["Vulnerabilities"][0]["VendorIDs"] = ["GHSA-jf85-cpcp-j695"]
    for row in partial["vulnerabilities"]:
        row["identifiers"]["CVE"] = []
    files = (written(home, "a.json", full), written(home, "b.json", partial))
    ran = secagg(
        *("parse", *files, "--output", home / "out", "--format", "json"), bin_dir=home, home=home
    )
    (row,) = json.loads(ran.stdout)["findings"]["items"]
    others = sorted(ids_of(home) - {row["id"]})
    return row["id"], others[0]


def test_every_id_of_the_sarif_names_its_row_in_every_command(home: Path) -> None:
    row, other = two_names(home)
    reason = ("--reason", "they are two problems to us")
    last = ("--from", home / "out")
    for given in (row, other, row[:6], other[:6]):
        told = secagg("explain", given, "--output", home / "out", bin_dir=home, home=home)
        assert (told.code, row in told.stdout) == (0, True), told
        told = secagg("gate", "--explain", given, *last, bin_dir=home, home=home)
        assert (told.code, row in told.stdout) == (0, True), told
        (home / "secagg-merge.yaml").unlink(missing_ok=True)
        done = secagg("merge", "split", given, *reason, *last, bin_dir=home, home=home)
        assert done.code == 0, done
        assert f"split: {row}" in (home / "secagg-merge.yaml").read_text()
        (home / "secagg-merge.yaml").unlink()
        (home / "secagg-exceptions.yaml").unlink(missing_ok=True)
        done = secagg(
            *("except", "add", "--id", given, *reason, "--owner", "ana", *last),
            bin_dir=home,
            home=home,
        )
        assert done.code == 0, done
        assert f"id: {row}" in (home / "secagg-exceptions.yaml").read_text()


def test_an_id_that_the_last_scan_does_not_have_is_refused_whole_or_cut(home: Path) -> None:
    scan(home)
    last = ("--reason", "because", "--from", home / "out")
    for given in ("0" * 32, "000000"):
        ran = secagg("merge", "split", given, *last, bin_dir=home, home=home)
        assert (ran.code, "no problem of the last scan" in ran.stderr) == (2, True)
        assert not (home / "secagg-merge.yaml").exists()
