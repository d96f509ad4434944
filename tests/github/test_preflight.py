"""What is mended, split and left out before an upload, and that everything is accounted for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import UploadError
from secagg.github.limits import GITHUB
from secagg.github.payload import EncodedRun, encode_run, sarif_log
from secagg.github.preflight import Plan, deliveries, preflight
from tests.github.make import given, place, result, rule, run


def one(*results: dict[str, Any], rules: list[dict[str, Any]] | None = None) -> Plan:
    return preflight(given(run(list(results), rules)))


def uri(plan: Plan, number: int = 0) -> str:
    sent = plan.parts[0].run["results"][number]
    found: str = sent["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return found


@pytest.mark.parametrize(
    ("given_severity", "written"),
    [
        ("7.5", "7.5"),
        ("0.0", "0.0"),
        (8.1, "8.1"),
        (11, "10.0"),
        ("10.1", "10.0"),
        ("high", "8.0"),
        (None, None),
        ("undefined", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (True, None),
    ],
)
def test_security_severity_is_a_number_in_range(given_severity: Any, written: str | None) -> None:
    plan = one(result(), rules=[rule("R", **{"security-severity": given_severity})])
    properties = plan.parts[0].run["tool"]["driver"]["rules"][0]["properties"]
    assert properties.get("security-severity") == written
    assert ("security" in properties.get("tags", [])) == (written is not None)
    mended = plan.tally.counts("mends")["security-severity that is no number from 0.0 to 10.0"]
    assert mended == (written is None or given_severity != written)


def test_severity_that_only_results_have_goes_to_the_rule() -> None:
    low, high = ({"properties": {"security-severity": s}} for s in ("3.1", "8.4"))
    plan = one(result(1, **low), result(2, **high))
    driver = plan.parts[0].run["tool"]["driver"]
    assert driver["rules"][0]["properties"]["security-severity"] == "8.4"


def test_missing_rules_are_added_and_wrong_indices_go() -> None:
    plan = one(result(1, ruleId="NEW", ruleIndex=9), result(2, ruleIndex=5), rules=[rule()])
    driver = plan.parts[0].run["tool"]["driver"]
    assert [r["id"] for r in driver["rules"]] == ["R", "NEW"]
    assert all("ruleIndex" not in r for r in plan.parts[0].run["results"])


def test_result_without_any_rule_gets_a_name_without_numbers() -> None:
    nameless = result()
    del nameless["ruleId"]
    nameless["message"] = {"text": "variable x1 is never used 17 times"}
    assert one(nameless).parts[0].run["results"][0]["ruleId"] == "variable is never used times"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("src/a.py", "src/a.py"),
        ("src/a%20b.py", "src/a%20b.py"),
        ("./src/a.py", "src/a.py"),
        ("src\\win\\a.py", "src/win/a.py"),
        ("file:///home/runner/work/shop/shop/src/a.py", "src/a.py"),
        ("/github/workspace/src/a.py", "src/a.py"),
        ("/usr/lib/libssl.so", "usr/lib/libssl.so"),
        ("C:\\Users\\x\\a.py", "Users/x/a.py"),
        ("../outside/a.py", "outside/a.py"),
        ("https://example.com/x", "example.com/x"),
        ("nginx:1.25.3", "nginx"),
        ("docker:24-dind", "docker"),
        ("library/nginx:1.25.3-alpine", "library/nginx"),
        ("ghcr.io/shop/api@sha256:" + "a" * 64, "ghcr.io/shop/api"),
        ("localhost:5000/shop/api:1.2", "localhost%3A5000/shop/api"),
        ("python:3.12-slim (debian 12.5)", "python"),
    ],
)
def test_paths_are_relative_and_stable(written: str, sent: str) -> None:
    plan = one(result(locations=[place(written)]))
    assert uri(plan) == sent
    assert (sum(plan.tally.counts("mends").values()) > 0) == (written != sent)


def test_absolute_path_below_the_checkout(tmp_path: Path) -> None:
    plan = preflight(given(run([result(locations=[place(f"{tmp_path}/src/a.py")])])), root=tmp_path)
    assert uri(plan) == "src/a.py"


def test_paths_begin_at_the_top_of_the_repository(tmp_path: Path) -> None:
    flow = [{"threadFlows": [{"locations": [{"location": place("b.py")}]}]}]
    found = [result(1, codeFlows=flow), result(2, locations=[place(f"{tmp_path}/c.py")])]
    plan = preflight(given(run(found)), root=tmp_path, prefix="my service/")
    assert [uri(plan, n) for n in (0, 1)] == ["my%20service/src/a.py", "my%20service/c.py"]
    thread = plan.parts[0].run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    step = thread[0]["location"]["physicalLocation"]["artifactLocation"]
    assert step["uri"] == "my%20service/b.py"


def test_path_below_a_base_of_the_run() -> None:
    based = place("src/a.py")
    based["physicalLocation"]["artifactLocation"]["uriBaseId"] = "SERVICE"
    bases = {"SERVICE": {"uri": "service/"}}
    plan = preflight(given(run([result(locations=[based])], originalUriBaseIds=bases)))
    assert uri(plan) == "service/src/a.py"
    artifact = plan.parts[0].run["results"][0]["locations"][0]["physicalLocation"]
    assert artifact["artifactLocation"] == {"uri": "service/src/a.py"}


@pytest.mark.parametrize(
    "region", [{"startLine": 0, "endLine": 4}, {"startLine": 9, "endLine": 3}, {"charOffset": 7}]
)
def test_region_begins_at_a_line_and_ends_after_it(region: dict[str, Any]) -> None:
    where = place()
    where["physicalLocation"]["region"] = region
    plan = one(result(locations=[where]))
    sent = plan.parts[0].run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert sent["startLine"] >= 1 and "endLine" not in sent


def test_message_by_id_gets_its_text() -> None:
    named = rule("R")
    named["messageStrings"] = {"default": {"text": "{0} is unsafe"}}
    by_id = result(message={"id": "default", "arguments": ["eval"]})
    plan = one(by_id, rules=[named])
    assert plan.parts[0].run["results"][0]["message"]["text"] == "eval is unsafe"


def test_long_flows_keep_those_that_fit_whole() -> None:
    def flow(steps: int) -> dict[str, Any]:
        return {"threadFlows": [{"locations": [{"location": place()}] * steps}]}

    plan = one(result(codeFlows=[flow(6_000), flow(5_000), flow(4_000)]))
    sent = plan.parts[0].run["results"][0]["codeFlows"]
    assert [len(f["threadFlows"][0]["locations"]) for f in sent] == [6_000, 4_000]


def test_file_with_a_colon_in_its_name_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a:b").write_text("")
    plan = preflight(given(run([result(locations=[place("notes/a:b")])])), root=tmp_path)
    assert uri(plan) == "notes/a:b"


def test_new_image_tag_is_the_same_alert() -> None:
    def sent(tag: str) -> tuple[str, str]:
        image = result(locations=[place(f"shop/api:{tag}")], message={"text": "CVE in openssl"})
        del image["partialFingerprints"]
        plan = one(image)
        made = plan.parts[0].run["results"][0]
        return uri(plan), made["partialFingerprints"]["primaryLocationLineHash"]

    assert sent("1.0") == sent("2.0-rc1")


def test_image_that_the_writer_put_in_place_of_a_path() -> None:
    bag = {"secagg": {"version": 1, "location": {"image": "shop/api:1.0"}}}
    plan = one(result(locations=[place("shop/api_1.0")], properties=bag))
    assert uri(plan) == "shop/api"


def test_results_that_are_no_alerts_are_left_out_by_name() -> None:
    plan = one(
        result(1),
        result(2, kind="pass"),
        result(3, baselineState="absent"),
        result(4, locations=[]),
        result(5, locations=[{"logicalLocations": [{"name": "f"}]}]),
    )
    assert (plan.given, plan.sent, plan.tally.left_out_count) == (5, 1, 4)
    assert plan.tally.counts("left_out") == {
        "it is no problem (kind pass)": 1,
        "it is gone since the baseline": 1,
        "it has no location in a file": 2,
    }


def test_suppressed_results_stay_or_go_as_asked() -> None:
    hushed = {"suppressions": [{"kind": "external", "status": "accepted"}]}
    rejected = {"suppressions": [{"kind": "external", "status": "rejected"}]}
    for keep, sent in ((True, 3), (False, 2)):
        runs = run([result(1), result(2, **hushed), result(3, **rejected)])
        plan = preflight(given(runs), keep_suppressed=keep)
        assert (plan.sent, plan.given) == (sent, 3)
        assert plan.parts[0].suppressed == (1 if keep else 0)


def test_location_by_index_gets_its_file() -> None:
    by_index = {"physicalLocation": {"artifactLocation": {"index": 0}}}
    runs = run([result(locations=[by_index])], artifacts=[{"location": {"uri": "src/b.py"}}])
    plan = preflight(given(runs))
    assert uri(plan) == "src/b.py"
    sent = plan.parts[0].run["results"][0]["locations"][0]["physicalLocation"]
    assert sent["region"] == {"startLine": 1}


def test_missing_fingerprints_do_not_depend_on_lines() -> None:
    def bare(line: int) -> dict[str, Any]:
        made = result(line, message={"text": f"said at line {line}"})
        del made["partialFingerprints"]
        return made

    def prints(*lines: int) -> list[str]:
        sent = one(*map(bare, lines)).parts[0].run["results"]
        return [r["partialFingerprints"]["primaryLocationLineHash"] for r in sent]

    assert prints(3, 9) == prints(33, 39)
    assert len(set(prints(3, 9))) == 2


def test_tool_that_did_not_complete_is_withheld() -> None:
    runs = given(run([result()]), run(None, tool="B"))
    runs[0].incomplete = "it was killed"
    plan = preflight(runs)
    assert plan.parts == []
    assert [(w.tool, w.results, w.reason) for w in plan.withheld] == [
        ("Tool", 1, "it was killed"),
        ("B", 0, "the run has no results, so nothing was looked for"),
    ]


@pytest.mark.parametrize("extra", [0, 1])
def test_results_per_run(extra: int) -> None:
    many = [result(n, ruleId="LOW" if n % 2 else "BAD") for n in range(1, 5_001 + extra)]
    rules = [rule("LOW", **{"security-severity": "2.0"}), rule("BAD", **{"security-severity": "9"})]
    plan = one(*many, rules=rules)
    assert [part.results for part in plan.parts] == [5_000, 1][: 1 + extra]
    assert plan.shown == plan.sent == plan.given == 5_000 + extra
    if extra:
        assert [part.category for part in plan.parts] == ["tests/tool/", "tests/tool/part-2/"]
        first = [r["ruleId"] for r in plan.parts[0].run["results"]]
        assert first == ["BAD"] * 2_500 + ["LOW"] * 2_500
        assert [r["id"] for r in plan.parts[1].run["tool"]["driver"]["rules"]] == ["LOW"]
        assert "go as 2 analyses" in plan.lines[0]


@pytest.mark.parametrize("extra", [0, 1])
def test_runs_per_file(extra: int) -> None:
    plan = preflight(given(*(run([], category=f"c{n}/") for n in range(20 + extra))))
    assert [len(delivery) for delivery in deliveries(plan.parts)] == [20, 1][: 1 + extra]


@pytest.mark.parametrize("extra", [0, 1])
def test_rules_per_run(extra: int) -> None:
    count = 25_000 + extra
    limits = replace(GITHUB, results_shown=30_000)
    rules = [rule(f"R{n}") for n in range(count)]
    results = [result(n + 1, ruleId=f"R{n}", ruleIndex=n) for n in range(count)]
    plan = preflight(given(run(results, rules)), limits=limits)
    assert [len(p.run["tool"]["driver"]["rules"]) for p in plan.parts] == [25_000, 1][: 1 + extra]
    for part in plan.parts:
        for sent in part.run["results"]:
            named = part.run["tool"]["driver"]["rules"][sent["ruleIndex"]]["id"]
            assert named == sent["ruleId"]


def test_unused_rules_go_where_there_are_too_many() -> None:
    plan = one(result(ruleId="R7", ruleIndex=7), rules=[rule(f"R{n}") for n in range(25_001)])
    assert [r["id"] for r in plan.parts[0].run["tool"]["driver"]["rules"]] == ["R7"]


@pytest.mark.parametrize("extra", [0, 1])
def test_extensions_per_run(extra: int) -> None:
    count = 100 + extra
    packs = [{"name": f"pack{n}", "rules": [rule(f"R{n}")]} for n in range(count)]
    results = [
        result(
            n + 1,
            ruleId=f"R{n}",
            rule={"id": f"R{n}", "index": 0, "toolComponent": {"index": n}},
        )
        for n in range(count)
    ]
    runs = run(results, [])
    runs["tool"]["extensions"] = packs
    plan = preflight(given(runs))
    assert [len(p.run["tool"]["extensions"]) for p in plan.parts] == [100, 1][: 1 + extra]
    for part in plan.parts:
        for sent in part.run["results"]:
            pack = part.run["tool"]["extensions"][sent["rule"]["toolComponent"]["index"]]
            assert pack["rules"][sent["rule"]["index"]]["id"] == sent["ruleId"]


@pytest.mark.parametrize("extra", [0, 1])
def test_locations_per_result(extra: int) -> None:
    plan = one(result(locations=[place(line=n + 1) for n in range(1_000 + extra)]))
    assert len(plan.parts[0].run["results"][0]["locations"]) == 1_000
    assert sum(plan.tally.counts("cuts").values()) == extra
    assert sum(plan.tally.counts("truncated").values()) == 1


@pytest.mark.parametrize(("count", "truncated"), [(100, 0), (101, 1)])
def test_locations_shown(count: int, truncated: int) -> None:
    plan = one(result(locations=[place(line=n + 1) for n in range(count)]))
    assert sum(plan.tally.counts("truncated").values()) == truncated


@pytest.mark.parametrize("extra", [0, 1])
def test_flow_locations_per_result(extra: int) -> None:
    steps = [{"location": place(line=n + 1)} for n in range(10_000 + extra)]
    plan = one(result(codeFlows=[{"threadFlows": [{"locations": steps}]}]))
    sent = plan.parts[0].run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert len(sent) == 10_000
    assert (sent[0], sent[-1]) == (steps[0], steps[-1])
    assert sum(plan.tally.counts("cuts").values()) == extra


@pytest.mark.parametrize(("count", "truncated"), [(1_000, 0), (1_001, 1)])
def test_flow_locations_shown(count: int, truncated: int) -> None:
    steps = [{"location": place(line=n + 1)} for n in range(count)]
    plan = one(result(codeFlows=[{"threadFlows": [{"locations": steps}]}]))
    assert sum(plan.tally.counts("truncated").values()) == truncated


@pytest.mark.parametrize(
    ("count", "kept", "cuts", "truncated"),
    [(10, 10, 0, 0), (11, 11, 0, 1), (20, 20, 0, 1), (21, 20, 1, 1)],
)
def test_tags_per_rule(count: int, kept: int, cuts: int, truncated: int) -> None:
    tags = [*(f"tag{n}" for n in range(count - 1)), "external/cwe/cwe-079"]
    plan = one(result(), rules=[rule("R", tags=tags)])
    sent = plan.parts[0].run["tool"]["driver"]["rules"][0]["properties"]["tags"]
    assert len(sent) == kept
    assert "external/cwe/cwe-079" in sent
    assert sum(plan.tally.counts("cuts").values()) == cuts
    assert sum(plan.tally.counts("truncated").values()) == truncated


def test_file_over_the_size_limit_is_split() -> None:
    """Text that does not compress: 12 results of 50,000 random bytes each."""
    many = [result(n, message={"text": secrets.token_hex(50_000)}) for n in range(1, 13)]
    small = replace(GITHUB, gzip_bytes=200_000)
    plan = preflight(given(run(many)), limits=small)
    assert len(plan.parts) > 1
    assert max(part.gzip_bytes for part in plan.parts) <= small.gzip_bytes
    assert plan.sent == plan.given == 12
    assert all(
        len(d) == 1 or sum(p.gzip_bytes for p in d) < 2_000_000
        for d in deliveries(plan.parts, small)
    )


def test_result_that_is_too_large_by_itself_is_named() -> None:
    large = result(1, message={"text": secrets.token_hex(50_000)})
    small = replace(GITHUB, gzip_bytes=20_000)
    plan = preflight(given(run([large, result(2)])), limits=small)
    assert plan.tally.counts("left_out") == {"it is too large for GitHub by itself": 1}
    assert [part.results for part in plan.parts] == [1]
    assert plan.parts[0].category == "tests/tool/"


def test_thirty_thousand_results_are_all_shown() -> None:
    plan = one(*(result(n) for n in range(1, 30_001)))
    assert [part.results for part in plan.parts] == [5_000] * 6
    assert (plan.sent, plan.shown) == (30_000, 30_000)


def test_counts_that_do_not_balance_stop_everything() -> None:
    plan = one(result())
    plan.given += 1
    with pytest.raises(UploadError, match="do not add up"):
        plan.check()


def test_the_same_content_has_the_same_digest() -> None:
    first, second = run([result()]), run([result()])
    second["invocations"] = [{"executionSuccessful": True, "startTimeUtc": "2026-01-01T00:00:00Z"}]
    second["automationDetails"] = {"id": "tests/tool/", "guid": "a-random-one"}
    other = run([result(2)])
    digests = [preflight(given(r)).parts[0].encoded.digest for r in (first, second, other)]
    assert digests[0] == digests[1] != digests[2]


def test_hash_that_several_lines_share_tells_nothing_apart() -> None:
    """Some producers give one text to all results of a file; on one line it may be right."""
    same = {"partialFingerprints": {"primaryLocationLineHash": "requires login"}}

    def prints(*lines: int) -> list[str]:
        sent = one(*(result(line, **same) for line in lines)).parts[0].run["results"]
        return [r["partialFingerprints"]["primaryLocationLineHash"] for r in sent]

    assert len(set(prints(2, 4, 9))) == 3
    assert prints(2, 2) == ["requires login"] * 2


def test_texts_of_rules_are_as_long_as_github_takes_them() -> None:
    long = rule("R")
    long |= {"name": "n" * 400, "shortDescription": {"text": " "}}
    long["fullDescription"] = {"text": "first line\n" + "d" * 3_000, "markdown": "kept"}
    plan = one(result(), rules=[long])
    sent = plan.parts[0].run["tool"]["driver"]["rules"][0]
    assert len(sent["name"]) == 255 and len(sent["fullDescription"]["text"]) == 1_024
    assert sent["shortDescription"]["text"] == "first line"
    assert sent["fullDescription"]["markdown"] == "kept"
    assert sum(plan.tally.counts("cuts").values()) == 2
    assert plan.tally.counts("mends")["rule with an empty description"] == 1


def test_links_and_files_that_are_no_uris_sink_nothing() -> None:
    bad, good = rule("R"), rule("S")
    bad["helpUri"], good["helpUri"] = "see the wiki", "https://example.com/R?x=1#top"
    listed: dict[str, Any] = {
        "artifacts": [{"location": {"uri": "100%.py"}}, {"location": {"uri": ""}}]
    }
    plan = preflight(given(run([result()], [bad, good], **listed)))
    sent = plan.parts[0].run
    rules = sent["tool"]["driver"]["rules"]
    assert "helpUri" not in rules[0] and rules[1]["helpUri"] == good["helpUri"]
    assert [a["location"] for a in sent["artifacts"]] == [{"uri": "100%25.py"}, {}]


def test_plan_encodes_each_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def count(sent: Mapping[str, Any]) -> EncodedRun:
        encoded.append(sent["automationDetails"]["id"])
        return encode_run(sent)

    monkeypatch.setattr("secagg.github.preflight.encode_run", count)
    plan = preflight(given(*(run([result(n)], tool=f"T{n}") for n in range(3))))
    files = [sarif_log([part.encoded.data for part in pack]) for pack in deliveries(plan.parts)]
    assert len(encoded) == len(plan.parts) == 3
    assert [json.loads(file)["runs"] for file in files] == [[part.run for part in plan.parts]]
