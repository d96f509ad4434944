from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Severity
from tests.parsers import samples
from tests.parsers.reading import read
from tests.parsers.samples import COMMIT, GITLEAKS, GITLEAKS_7, MAIL, TOKEN


def one(root: Path | None = None, **fields: Any) -> Finding:
    (finding,) = read([{**GITLEAKS, **fields}], root=root).findings
    return finding


def test_work_tree() -> None:
    finding = one()
    assert (finding.kind, finding.severity) == (Kind.SECRET, Severity.HIGH)
    assert (finding.rule_id, finding.title) == ("github-pat", "Github pat")
    assert finding.secret is not None
    assert finding.secret.id is not None
    assert not finding.secret.in_history
    assert finding.fingerprints == {"gitleaks": "settings.py:github-pat:3"}
    assert finding.message == "Github pat in settings.py."


def test_history() -> None:
    (finding,) = read([samples.gitleaks_commit()]).findings
    assert finding.secret is not None
    assert finding.secret.in_history
    assert finding.location.commit == COMMIT
    assert finding.fingerprints == {"gitleaks": f"{COMMIT}:settings.py:github-pat:3"}
    assert finding.references == (f"https://github.com/a/b/blob/{COMMIT}/settings.py#L3",)


@pytest.mark.parametrize("entry", [GITLEAKS, samples.gitleaks_commit(), GITLEAKS_7])
def test_no_secret_and_nobody_is_named(entry: samples.Json) -> None:
    shown = repr(read([entry]))
    assert TOKEN not in shown
    assert MAIL not in shown
    assert "Jane" not in shown


def test_version_7_and_before() -> None:
    (finding,) = read([GITLEAKS_7]).findings
    assert (finding.rule_id, finding.location.start_line) == ("Github", 13)
    assert finding.location.commit == COMMIT
    assert finding.rule is not None
    assert finding.rule.tags == ("security", "secret", "key", "Github")
    old = {**GITLEAKS_7, "reason": "AWS", "rule": None}
    assert [f.rule_id for f in read([old]).findings] == ["AWS"]


class TestColumns:
    """Gitleaks 8.30.1: bytes, the last one included, one too high but on the first line."""

    @pytest.mark.parametrize(
        ("lines", "columns", "expected"),
        [
            ((1, 1), (7, 46), (7, 47)),
            ((3, 3), (8, 47), (7, 47)),
            ((1, 15), (1, 30), (1, 30)),
            ((2, 16), (4, 32), (3, 32)),
        ],
        ids=["first line", "later line", "from the first", "later lines"],
    )
    def test_in_the_work_tree(
        self, lines: tuple[int, int], columns: tuple[int, int], expected: tuple[int, int]
    ) -> None:
        place = one(
            StartLine=lines[0], EndLine=lines[1], StartColumn=columns[0], EndColumn=columns[1]
        ).location
        assert (place.start_column, place.end_column) == expected

    def test_are_those_of_the_value_where_its_line_is_here(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text(f"a\nb\néé {TOKEN} {TOKEN}\n")
        for reported, column in ((7, 4), (48, 45)):
            place = one(tmp_path, StartColumn=reported).location
            assert (place.start_column, place.end_column) == (column, column + len(TOKEN))

    def test_of_history_are_left_out(self) -> None:
        (finding,) = read([samples.gitleaks_commit()]).findings
        assert (finding.location.start_line, finding.location.start_column) == (3, None)


class TestPaths:
    def test_are_relative_to_the_checkout(self, tmp_path: Path) -> None:
        file = f"{tmp_path}/src/a.py"
        finding = one(tmp_path, File=file, Fingerprint=f"{file}:github-pat:3")
        assert finding.location.uri == "src/a.py"
        assert finding.fingerprints == {"gitleaks": "src/a.py:github-pat:3"}

    def test_of_a_component(self, tmp_path: Path) -> None:
        (tmp_path / "service").mkdir()
        (tmp_path / "service" / "settings.py").touch()
        for name in ("settings.py", "service/settings.py", "./settings.py"):
            (finding,) = read(
                [{**GITLEAKS, "File": name}], root=tmp_path, component="service"
            ).findings
            assert finding.location.uri == "service/settings.py"


@pytest.mark.parametrize("masked", ["REDACTED", "*****", "", None, "ghp...", "[redacted]"])
def test_a_masked_value_has_no_id(masked: str | None) -> None:
    finding = one(Secret=masked, Match="token=REDACTED")
    assert finding.secret is not None
    assert finding.secret.id is None


def test_private_keys_are_equal_however_they_are_written() -> None:
    key = samples.PRIVATE_KEY
    forms = [key, key + "\n", key.replace("\n", "\r\n"), key.replace("\n", "\n    "),
             key.replace("\n", "\\n"), key.replace("\n", "\n\n")]  # fmt: skip
    ids = {
        f.secret and f.secret.id for f in read([{**GITLEAKS, "Secret": k} for k in forms]).findings
    }
    assert len(ids) == 1


def test_a_value_is_masked_in_what_stands_before_it() -> None:
    value = "quietly" + "7x" * 9
    first = {**GITLEAKS, "RuleID": "a", "Description": f"not {value}"}
    parsed = read([first, {**GITLEAKS, "Secret": value}])
    assert value not in repr(parsed)


def test_empty_reports() -> None:
    assert read("[]", "gitleaks").gaps == []
    assert read("null", "gitleaks").reported == 0
    empty = read("", "gitleaks")
    assert (empty.reported, [gap.fatal for gap in empty.gaps]) == (0, [True])


def test_odd_leaks_are_problems() -> None:
    parsed = read(
        [GITLEAKS, {**GITLEAKS, "StartLine": "3"}, 7, {**GITLEAKS, "RuleID": {}}, {"offender": 1}],
        "gitleaks",
    )
    assert len(parsed.findings) == 1
    assert [(p.where, p.message) for p in parsed.problems] == [
        ("leaks[1]", "StartLine is text, not a whole number"),
        ("leaks[2]", "the entry is a number, not an object"),
        ("leaks[3]", "RuleID is an object, not text"),
        ("leaks[4]", "rule is missing"),
    ]


def test_what_is_no_list_is_refused() -> None:
    report: samples.Json = {"leaks": []}
    with pytest.raises(ReportError, match="a list of leaks is expected"):
        read(report, "gitleaks")


def test_many_findings_share_their_rule() -> None:
    findings = read([GITLEAKS] * 3).findings
    assert findings[0].rule is findings[1].rule is findings[2].rule


def test_a_private_key_is_the_same_in_sarif() -> None:
    (leak,) = read([{**GITLEAKS, "Secret": samples.PRIVATE_KEY}]).findings
    document = samples.codeql()
    document["runs"][0]["tool"] = {"driver": {"name": "gitleaks"}}
    place = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    place["region"]["snippet"] = {"text": samples.PRIVATE_KEY.replace("\n", "\r\n")}
    (result,) = read(document).findings
    assert leak.secret is not None
    assert result.secret is not None
    assert result.secret.id == leak.secret.id is not None


def test_sarif_is_read_as_gitleaks() -> None:
    document = samples.codeql()
    document["runs"][0]["tool"] = {"driver": {"name": "gitleaks"}}
    assert read(document).tool == "gitleaks"
