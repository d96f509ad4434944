"""Texts of SARIF that are cut are masked before: no piece of a secret across the cut is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg.sarif.reader import learn_report, read_report
from secagg.sarif.text import LONGEST_FILLED, LONGEST_ID, LONGEST_NAME
from secagg.sarif.uris import LONGEST_PATH
from secagg.secrets.redactor import Redactor, Secret
from tests.attack.writings import left_of

KEY = b"a key of 32 bytes for tests only"
# Put together here, so that no scanner takes it for a secret.
SECRET = "q7Lm2Xv9Rt4Zk" + "8Wb3Ny6Pd1Hs5"
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cF2eG4"

Run = dict[str, Any]


def log(driver: dict[str, Any], result: dict[str, Any], **run: Any) -> Run:
    return {"tool": {"driver": {"name": "Tool", **driver}}, "results": [result], **run}


def at(**artifact: Any) -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": artifact}}
    return {"ruleId": "r", "message": {"text": "m"}, "locations": [place]}


def by_id(text: str, *arguments: str, rule: str = "r") -> Run:
    message = {"id": "m", "arguments": list(arguments)}
    rules = [{"id": rule, "messageStrings": {"m": {"text": text}}}]
    return log({"rules": rules}, {"ruleId": rule, "message": message})


def notified(text: str) -> Run:
    notification = {"level": "error", "message": {"id": "m"}}
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": [notification]}
    driver = {"globalMessageStrings": {"m": {"text": text}}}
    return log(driver, {"ruleId": "r", "message": {"text": "m"}}, invocations=[invocation])


# By what is cut: its longest length, and a run that holds such a text.
CUT: dict[str, tuple[int, Callable[[str], Run]]] = {
    "path": (LONGEST_PATH, lambda t: log({}, at(uri=t))),
    "path of an artifact": (
        LONGEST_PATH,
        lambda t: log({}, at(index=0), artifacts=[{"location": {"uri": t}}]),
    ),
    "base of a path": (
        LONGEST_PATH,
        lambda t: log(
            {}, at(uri="a.py", uriBaseId="B"), originalUriBaseIds={"B": {"uri": f"{t}/"}}
        ),
    ),
    "target": (
        LONGEST_PATH,
        lambda t: log({}, {"ruleId": "r", "message": {"text": "m"}, "analysisTarget": {"uri": t}}),
    ),
    "rule": (LONGEST_ID, lambda t: log({}, {"ruleId": t, "message": {"text": "m"}})),
    "rule by index": (
        LONGEST_ID,
        lambda t: log({"rules": [{"id": t}]}, {"ruleIndex": 0, "message": {"text": "m"}}),
    ),
    "logical location": (
        LONGEST_ID,
        lambda t: log(
            {},
            {
                "ruleId": "r",
                "message": {"text": "m"},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": t}]}],
            },
        ),
    ),
    "name of a rule": (
        LONGEST_ID,
        lambda t: log(
            {"rules": [{"id": "r", "name": t}]}, {"ruleId": "r", "message": {"text": "m"}}
        ),
    ),
    "tool": (LONGEST_NAME, lambda t: log({"name": t}, {"ruleId": "r", "message": {"text": "m"}})),
    "tag": (
        LONGEST_NAME,
        lambda t: log(
            {"rules": [{"id": "r", "properties": {"tags": [t]}}]},
            {"ruleId": "r", "message": {"text": "m"}},
        ),
    ),
    "message by id": (LONGEST_FILLED, by_id),
    "message that is filled in": (LONGEST_FILLED, lambda t: by_id("{0}" * 30, t)),
    "message without a rule": (120, lambda t: log({}, {"message": {"text": t}})),
    "notification": (300, notified),
    "long notification": (LONGEST_FILLED, notified),
}


def read(run: Run, redactor: Redactor) -> ParsedReport:
    report = RawReport(
        name="r.sarif", data=json.dumps({"version": "2.1.0", "runs": [run]}).encode()
    )
    context = ParseContext(redactor=redactor)
    learn_report(report, context=context, tool=None)
    parsed = read_report(report.document, report_name="r.sarif", context=context, tool=None)
    assert len(parsed.findings) == 1
    return parsed


def everything(parsed: ParsedReport) -> str:
    """All that a report was read into, the results that are written again with it."""
    return repr(parsed)


@pytest.mark.parametrize("value", [SECRET, TOKEN], ids=["known", "by its shape"])
@pytest.mark.parametrize("what", CUT)
def test_nothing_is_left_of_a_secret_across_the_cut(what: str, value: str) -> None:
    longest, run_of = CUT[what]
    for before in range(longest - len(value) - 20, longest + 2, 3):
        redactor = Redactor(KEY)
        if value == SECRET:
            redactor.identify(Secret(value))
        # A word of its own, as names and texts have it.
        text = "x" * (before - 1) + "/" + value + "/" + "y" * 7_000
        assert not left_of(value, everything(read(run_of(text), redactor))), before


@pytest.mark.parametrize("before", range(LONGEST_FILLED - 60, LONGEST_FILLED + 1, 3))
def test_a_token_that_is_put_together_across_the_cut_is_masked(before: int) -> None:
    # Neither the rule's text nor the argument has the form of a token.
    text = "x" * (before - 1) + " " + TOKEN[:6] + "{0} " + "{1}" * 3_000
    parsed = read(by_id(text, TOKEN[6:], "y"), Redactor(KEY))
    assert TOKEN[:14] not in parsed.findings[0].message


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        # In the rule's text, beyond the cut and across it.
        ("x" * 3_000 + f" the password '{SECRET}' is in the code", ()),
        ("x" * (LONGEST_FILLED - 20) + f" '{SECRET}' is in the code", ()),
        # In an argument, which is named where the message is cut off.
        ("{1}" * 3_000 + " the password '{0}' is in the code", (SECRET, "x" * 100)),
        ("{1}" * 3_000 + " {0}", (f"the password '{SECRET}'", "x" * 100)),
        # In more literals than are filled in.
        ("{1}" * 3_000 + "".join(f" '{n}-{{0}}'" for n in range(9)), (SECRET, "x" * 100)),
    ],
)
def test_credentials_that_a_message_quotes_beyond_its_cut_are_learned(
    text: str, arguments: tuple[str, ...]
) -> None:
    parsed = read(by_id(text, *arguments, rule="hard-coded-password"), Redactor(KEY))
    assert not left_of(SECRET, everything(parsed))


def test_an_address_that_is_too_long_is_left_out() -> None:
    def address(length: int) -> str | None:
        rules = [{"id": "r", "helpUri": "https://e.example/".ljust(length, "h")}]
        run = log({"rules": rules}, {"ruleId": "r", "message": {"text": "m"}})
        rule = read(run, Redactor(KEY)).findings[0].rule
        assert rule is not None
        return rule.help_uri

    assert len(address(2_000) or "") == 2_000
    assert address(2_001) is None


@pytest.mark.parametrize("what", ["path", "path of an artifact", "rule", "logical location"])
def test_the_checksum_of_what_is_cut_off_needs_the_key(what: str) -> None:
    run_of = CUT[what][1]

    def name(end: str, key: bytes = KEY) -> str:
        (finding,) = read(run_of("x" * 9_000 + end), Redactor(key)).findings
        return finding.location.logical or finding.location.uri or finding.rule_id

    assert name("a") == name("a") != name("b")
    assert name("a") != name("a", b"another key of 32 bytes, as long")
    assert name("a")[:-16] == name("a", b"another key of 32 bytes, as long")[:-16]


def test_the_path_of_an_artifact_that_is_cut_says_where_a_secret_was() -> None:
    redactor = Redactor(KEY)
    redactor.identify(Secret(SECRET))
    text = "x/" * 2_000 + SECRET + "/y" * 3_000
    (finding,) = read(CUT["path of an artifact"][1](text), redactor).findings
    assert finding.location.uri is not None
    assert "[redacted-" in finding.location.uri
    assert len(finding.location.uri) == LONGEST_PATH
