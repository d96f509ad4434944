"""secagg-exceptions.yaml: mistakes are placed, days are whole, the ceiling holds."""

from __future__ import annotations

import datetime

import pytest

from secagg.decisions.ownfile import parse_file
from secagg.errors import ConfigError
from secagg.policy.decision import ExceptionState
from tests.decisions.make import TODAY, loaded, own, row
from tests.merge.make import vulnerability

NAME = "secagg-exceptions.yaml"
GOOD = """version: 1
exceptions:
  # a comment
  - cve: CVE-2021-44228
    path: engine/
    reason: the lookup is removed from the class path
    owner: ana@example.com
    created: 2026-11-01
    expires: 2026-12-01
  - rule: [a/*, b/c]
    tool: codeql
    reason: generated code
    owner: '@org/security'
    created: 2026-11-01
    expires: 2026-11-02
"""


def test_entries_say_where_they_stand_and_what_they_cover() -> None:
    one, two = loaded({NAME: GOOD}).all()
    assert (one.source, two.source) == (f"{NAME}:4", f"{NAME}:10")
    assert one.target == "CVE-2021-44228 at engine/"
    assert two.target == "rule a/* or b/c of codeql"
    assert one.owner == "ana@example.com"
    assert one.reason == "the lookup is removed from the class path"
    assert [e.standing(TODAY) for e in (one, two)] == [
        ExceptionState.IN_FORCE,
        ExceptionState.EXPIRED,
    ]


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("path: engine/", "paht: engine/", "5:5", "paht"),
        ("cve: CVE-2021-44228", "cve: 44228", "4:5", "a text is expected"),
        ("cve: CVE-2021-44228", "cve: CVE-44228", "4:5", "CVE-2021-44228 is expected"),
        ("cve: CVE-2021-44228", "id: abcdef", "4:5", "whole id"),
        ("cve: CVE-2021-44228", "ghsa: GHSA-1", "4:5", "GHSA"),
        ("cve: CVE-2021-44228", "purl: lodash", "4:5", "a purl is expected"),
        ("cve: CVE-2021-44228", "purl: 'pkg:npm/a#b'", "4:5", "subpath"),
        ("cve: CVE-2021-44228", "purl: 'pkg:npm/a@'", "4:5", "empty"),
        ("path: engine/", "path: '!engine/'", "5:5", "takes nothing back"),
        ("path: engine/", "path: ''", "5:5", "empty"),
        ("path: engine/", "path: []", "5:5", "empty list"),
        ("path: engine/", "path: '[a'", "5:5", "no path pattern"),
        ("path: engine/", f"path: '{'a' * 4097}'", "5:5", "longer than 4096"),
        ("path: engine/", "tool: trivy", "4:5", "tool goes with rule"),
        ("expires: 2026-12-01", "expires: soon", "9:5", "2026-12-31"),
        ("expires: 2026-12-01", "expires: 1764547200", "9:5", "a day such as"),
        ("expires: 2026-12-01", "expires: 2026-12-01T10:00:00Z", "9:5", "a day such as"),
        ("expires: 2026-12-01", "expires: 2026-13-01", "9:14", "no such day"),
        ("expires: 2026-12-01", "expires: 2026-10-01", "4:5", "before it is created"),
        ("    expires: 2026-12-01\n", "", "", "expires"),
        ("    owner: ana@example.com\n", "", "", "owner"),
        ("    reason: the lookup is removed from the class path\n", "", "", "reason"),
        ("reason: generated code", "reason: ' '", "12:5", "reason"),
        ("version: 1", "version: 2", "1:1", "version"),
        ("exceptions:", "exception:", "", "exceptions"),
        ("  - rule: [a/*, b/c]\n    tool", "  - tool", "10:5", "it covers nothing"),
    ],
)
def test_mistake_is_placed(old: str, new: str, where: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        loaded({NAME: GOOD.replace(old, new)})
    assert str(caught.value).startswith(f"{NAME}:{where}")
    assert said in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "keys",
    [
        {"path": "**"},
        {"path": "*"},
        {"path": "**/*.*"},
        {"path": "[a-z0-9]*"},
        {"path": ["tests/", "**"]},
        {"rule": "*"},
        {"rule": "*", "tool": "trivy"},
        {"rule": "?*", "path": "**"},
        {"purl": "pkg:npm/*"},
        {"purl": "pkg:*/**"},
        {"purl": "pkg:npm/**", "path": "*"},
    ],
)
def test_what_covers_everything_is_refused(keys: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="would cover everything"):
        own(**keys)


def test_a_catch_all_may_stand_beside_what_narrows() -> None:
    group = row(vulnerability("trivy", "CVE-2021-1111"))
    assert own(cve="CVE-2021-1111", path="**").covering(group)


@pytest.mark.parametrize(
    ("today", "standing"),
    [
        ("2026-11-30", ExceptionState.IN_FORCE),
        ("2026-12-01", ExceptionState.IN_FORCE),
        ("2026-12-02", ExceptionState.EXPIRED),
    ],
)
def test_it_holds_through_its_last_day(today: str, standing: ExceptionState) -> None:
    day = datetime.date.fromisoformat(today)
    found = loaded({NAME: GOOD}, today=day)
    group = row(vulnerability("trivy", "CVE-2021-44228", uri="engine/Cargo.lock"))
    (covering,) = found.covering(group)
    assert covering.standing(day) is standing
    assert covering.refusal is None


@pytest.mark.parametrize(
    ("created", "expires", "max_days", "said"),
    [
        ("2026-11-01", "2027-01-30", 90, None),
        ("2026-11-01", "2027-01-31", 90, "91 days after it was created; the policy allows 90"),
        ("2026-11-01", "2026-11-09", 7, "8 days"),
        ("2026-11-24", "2026-11-25", 90, "dated in the future"),
        ("2026-11-23", "2026-11-25", 90, None),
        (None, "2026-11-25", 90, "does not say when it was created"),
    ],
)
def test_ceiling(created: str | None, expires: str, max_days: int, said: str | None) -> None:
    text = GOOD.replace("expires: 2026-12-01", f"expires: {expires}")
    line = "" if created is None else f"    created: {created}\n"
    text = text.replace("    created: 2026-11-01\n", line, 1)
    exception = loaded({NAME: text}, max_days=max_days).all()[0]
    if said is None:
        assert exception.refusal is None
        assert exception.standing(TODAY) is ExceptionState.IN_FORCE
    else:
        assert said in (exception.refusal or "")
        assert exception.standing(TODAY) is ExceptionState.REFUSED


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "version: 1\n", "exceptions:\n", "exceptions: []"]
)
def test_empty_file_has_none(text: str) -> None:
    assert parse_file(text).entries == []


@pytest.mark.parametrize(
    "text",
    [
        "- a\n",
        "exceptions: {a: b}\n",
        "exceptions: [1, 2]\n",
        "exceptions: [[]]\n",
        "a: &a [*a]\n",
        "[" * 5000,
        "exceptions: " + "[" * 5000 + "]" * 5000,
        "a: !!python/object/apply:os.system ['x']\n",
        "exceptions:\n  - {cve: CVE-2021-1111, cve: CVE-2021-1112}\n",
        "\x00",
        "a: b\n\tc: d\n",
    ],
)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_file(text)


def test_dates_may_be_quoted() -> None:
    text = GOOD.replace("2026-12-01", "'2026-12-01'")
    assert loaded({NAME: text}).all()[0].expires == datetime.date(2026, 12, 1)
