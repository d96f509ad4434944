from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Severity
from secagg.parsing import RawReport
from tests.parsers import samples
from tests.parsers.reading import PARSERS, context_for, read
from tests.parsers.samples import (
    COMMIT,
    KEY_ID,
    KEY_SECRET,
    LOG_LINE,
    MAIL,
    TOKEN,
    TRUFFLEHOG_2,
    Json,
    finished,
    lines,
    trufflehog,
)


def one(**fields: Any) -> Finding:
    (finding,) = read(lines(trufflehog(**fields))).findings
    return finding


def at(kind: str, **source: Any) -> Finding:
    return one(SourceMetadata={"Data": {kind: source}})


def id_of(finding: Finding) -> str | None:
    assert finding.secret is not None
    return finding.secret.id


def test_a_finding_in_a_commit() -> None:
    finding = one(Verified=True)
    assert (finding.kind, finding.severity) == (Kind.SECRET, Severity.CRITICAL)
    assert finding.secret is not None
    assert (finding.secret.verified, finding.secret.in_history) == (True, True)
    assert (finding.secret.detector, finding.secret.decoder) == ("AWS", "PLAIN")
    assert (finding.location.uri, finding.location.start_line) == ("keys.txt", 4)
    assert finding.location.commit == COMMIT
    assert finding.rule is not None
    assert finding.rule.help_uri == "https://example.org/rotate"


def test_not_verified() -> None:
    finding = one()
    assert (finding.severity, finding.secret and finding.secret.verified) == (Severity.HIGH, False)


def test_the_identity_is_what_gitleaks_reports() -> None:
    (leak,) = read([{**samples.GITLEAKS, "Secret": KEY_ID}]).findings
    assert id_of(one()) == id_of(leak) is not None
    assert id_of(one(Raw="", RawV2=KEY_ID)) == id_of(leak)


def test_the_first_versions_wrote_base64() -> None:
    old = trufflehog(Raw=base64.b64encode(KEY_ID.encode()).decode())
    for name in ("DecoderName", "RawV2", "SecretParts"):
        del old[name]
    (finding,) = read(lines(old)).findings
    assert id_of(finding) == id_of(one())
    new = one(Raw=base64.b64encode(KEY_ID.encode()).decode())
    assert id_of(new) != id_of(one())


def test_every_value_is_known_and_none_is_shown() -> None:
    context = context_for()
    extra = {"session_token": "s3ss" + "Ab9" * 6, "account": "595918472158"}
    entry = trufflehog(
        DetectorDescription=f"{KEY_SECRET} {extra['session_token']}",
        ExtraData=extra,
        VerificationError=f"no {KEY_SECRET}",
    )
    parsed = read(lines(entry), context=context)
    for value in (KEY_ID, KEY_SECRET, extra["session_token"], MAIL, "Jane"):
        assert value not in repr(parsed)
    assert KEY_SECRET not in context.redactor.mask(f"x {KEY_SECRET} x")
    assert context.redactor.mask("the deployer of 595918472158") == "the deployer of 595918472158"


@pytest.mark.parametrize(
    ("kind", "source", "uri", "logical", "image"),
    [
        ("Filesystem", {"file": "a/b.py", "line": 3}, "a/b.py", None, None),
        ("Github", {"file": "a", "commit": COMMIT, "repository": "r"}, "a", None, None),
        ("Gitlab", {"file": "a", "commit": COMMIT}, "a", None, None),
        ("Bitbucket", {"file": "a", "commit": COMMIT, "workspace": "w"}, "a", None, None),
        ("Gerrit", {"file": "a", "commit": COMMIT, "project": "p"}, "a", None, None),
        ("AzureRepos", {"file": "a", "commit": COMMIT}, "a", None, None),
        ("Huggingface", {"file": "a", "commit": COMMIT}, "a", None, None),
        ("Docker", {"file": "/etc/k", "image": "i", "tag": "1"}, "etc/k", None, "i:1"),
        ("ECR", {"file": "k", "image": "i", "registry": "r"}, "k", None, "r/i"),
        ("S3", {"bucket": "b", "file": "k"}, None, "s3/b/k", None),
        ("GCS", {"bucket": "b", "filename": "k"}, None, "gcs/b/k", None),
        ("Azure", {"container": "c", "file": "k"}, None, "azure/c/k", None),
        ("Slack", {"channel_name": "c", "file": "k"}, None, "slack/c/k", None),
        ("Jira", {"issue": "A-1"}, None, "jira/A-1", None),
        ("Confluence", {"space": "s", "page": "p"}, None, "confluence/s/p", None),
        ("Jenkins", {"project_name": "p", "build_number": 7}, None, "jenkins/p/7", None),
        ("CircleCI", {"repository": "r", "build_number": 7}, None, "circleci/r/7", None),
        ("Postman", {"workspace_name": "w", "request_name": "r"}, None, "postman/w/r", None),
        ("PyPi", {"package": "p", "release": "1", "file": "f"}, None, "pypi/p/1/f", None),
        ("Elasticsearch", {"index": "i", "document_id": "d"}, None, "elasticsearch/i/d", None),
        ("Stdin", {}, None, "stdin", None),
        ("Tomorrow", {"file": "f"}, None, "tomorrow/f", None),
        ("Forager", {"Metadata": {"Npm": {"package": "p"}}}, None, "npm/p", None),
    ],
)
def test_sources(
    kind: str, source: samples.Json, uri: str | None, logical: str | None, image: str | None
) -> None:
    named = {**source, "email": MAIL, "username": "jane"} if kind != "Forager" else source
    place = at(kind, **named).location
    assert (place.uri, place.logical, place.image) == (uri, logical, image)
    assert place.commit == source.get("commit")


def test_links_are_kept() -> None:
    assert at("S3", file="k", link="https://b.example.org/k").references == (
        "https://b.example.org/k",
    )


def test_what_is_staged_has_no_commit() -> None:
    finding = at("Git", commit="Staged", file="a")
    assert finding.location.commit is None
    assert finding.secret is not None
    assert not finding.secret.in_history


def test_files_of_a_component(tmp_path: Path) -> None:
    entry = trufflehog(
        SourceMetadata={"Data": {"Filesystem": {"file": f"{tmp_path}/service/a.py"}}}
    )
    (finding,) = read(lines(entry), root=tmp_path, component="service").findings
    assert finding.location.uri == "service/a.py"


def test_a_detector_of_ones_own() -> None:
    finding = one(DetectorName="CustomRegex", ExtraData={"name": "house token"})
    assert (finding.rule_id, finding.title) == ("CustomRegex", "house token secret")


def test_version_2() -> None:
    (finding,) = read(lines(TRUFFLEHOG_2)).findings
    assert (finding.rule_id, finding.location.uri) == ("Generic Secret", "a/test.py")
    assert finding.secret is not None
    assert finding.secret.verified is None
    assert TOKEN not in repr(finding)


class TestLines:
    def test_log_lines_between(self) -> None:
        text = b'time="now" level=info msg="plain"\n' + lines(LOG_LINE, trufflehog()) + b"\n\n"
        assert read(text).reported == 1

    def test_logged_errors_are_gaps(self) -> None:
        error = {**LOG_LINE, "level": "error", "msg": f"no access to {TOKEN}"}
        fatal = {**LOG_LINE, "level": "error", "msg": "encountered errors during scan"}
        gaps = read(lines(trufflehog(), error, fatal)).gaps
        assert [gap.fatal for gap in gaps] == [False, True]
        assert TOKEN not in repr(gaps)

    @pytest.mark.parametrize(
        ("said", "messages"),
        [
            ([LOG_LINE, finished(unverified=2)], []),
            # One line tells of the end of all sources.
            ([LOG_LINE, LOG_LINE, finished(unverified=2)], []),
            ([finished(verified=1, unverified=1)], []),
            # Log lines of another level only, or of a version that counts nothing.
            ([{**LOG_LINE, "msg": "using 8 workers"}], []),
            ([LOG_LINE, {**LOG_LINE, "msg": "finished scanning"}], []),
            ([LOG_LINE], ["TruffleHog's log does not say that the scan finished"]),
            # The outputs of two scans in one file; the second broke off.
            (
                [LOG_LINE, finished(unverified=2), LOG_LINE],
                ["TruffleHog's log does not say that the scan finished"],
            ),
            (
                [LOG_LINE, finished(verified=1, unverified=2)],
                ["TruffleHog counted 3 secrets, and its output lists 2"],
            ),
            (
                [finished(unverified=2), finished(verified=1)],
                ["TruffleHog counted 3 secrets, and its output lists 2"],
            ),
        ],
    )
    def test_a_log_that_says_less_than_a_whole_scan(
        self, said: list[Json], messages: list[str]
    ) -> None:
        parsed = read(lines(said[0], trufflehog(), trufflehog(Verified=True), *said[1:]))
        assert [gap.message for gap in parsed.gaps] == messages
        assert all(gap.fatal for gap in parsed.gaps)

    def test_a_log_alone(self) -> None:
        assert read(lines(LOG_LINE, finished())).gaps == []
        assert [gap.fatal for gap in read(lines(LOG_LINE, LOG_LINE)).gaps] == [True]
        assert [gap.fatal for gap in read(lines(LOG_LINE, finished(verified=1))).gaps] == [True]

    def test_a_line_that_cannot_be_read_is_a_problem(self) -> None:
        text = lines(trufflehog()) + b'{"Raw": \n{"a": 1}\n' + lines(trufflehog())
        parsed = read(text)
        start = len(lines(trufflehog()))
        assert [(p.where, p.message) for p in parsed.problems] == [
            ("line 2", f"the line ends in the middle (the line begins at byte {start})"),
            ("line 3", "it is neither a finding nor a log line"),
        ]
        assert len(parsed.findings) == 2

    def test_cut_off(self) -> None:
        whole = lines(trufflehog())
        parsed = read(whole + whole[:40])
        assert len(parsed.findings) == 1
        (gap,) = parsed.gaps
        assert gap.fatal
        assert f"byte {len(whole) + 40}" in gap.message
        with pytest.raises(ReportError, match="line 1 ends in the middle at byte 40"):
            read(whole[:40], "trufflehog")

    def test_a_list_or_one_object(self) -> None:
        assert len(read([trufflehog(), trufflehog()]).findings) == 2
        assert len(read(json.dumps(trufflehog(), indent=2)).findings) == 1

    def test_utf_16_as_powershell_writes_it(self) -> None:
        text = lines(trufflehog(), trufflehog()).decode().replace("\n", "\r\n")
        assert len(read(text.encode("utf-16")).findings) == 2

    def test_nothing_of_trufflehog(self) -> None:
        report = RawReport(name="r", data=b"Found verified result\n", tool="trufflehog")
        with pytest.raises(ReportError, match="neither a finding nor a log line"):
            PARSERS["trufflehog"].parse(report, context_for())
        assert len(read(b'{"a": 1}\n{"b": 2}\n', "trufflehog").problems) == 2

    def test_empty_output_says_nothing_of_its_end(self) -> None:
        assert [gap.fatal for gap in read("", "trufflehog").gaps] == [False]
        finished = RawReport(name="r", data=b"\n", tool="trufflehog", finished=True)
        assert PARSERS["trufflehog"].parse(finished, context_for()).gaps == []


def test_odd_entries_are_problems() -> None:
    parsed = read(
        lines(
            trufflehog(Verified="yes"),
            trufflehog(SourceMetadata=[]),
            trufflehog(SourceMetadata={"Data": {"Git": 5}}),
            trufflehog(DetectorName=7),
            trufflehog(),
        )
    )
    assert len(parsed.findings) == 1
    assert [p.message for p in parsed.problems] == [
        "Verified is text, not true or false",
        "SourceMetadata is a list, not an object",
        "SourceMetadata holds a number, not an object",
        "DetectorName is a number, not text",
    ]


def test_offset_of_a_cut_off_line_in_utf_16_lies_in_the_file() -> None:
    data = b'\x00{"branch": "origin/main", "SecretParts": {"key": "v'
    report = RawReport(name="x", data=data, tool="trufflehog")
    with pytest.raises(ReportError) as caught:
        PARSERS["trufflehog"].parse(report, context_for())
    assert caught.value.offset is not None
    assert 0 <= caught.value.offset <= len(data)
