"""``secagg/v1``: what must not change an identity, and what must."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    SecretSighting,
    Severity,
    Vulnerability,
    replace,
)
from secagg.model.identity import (
    canonical_alias,
    canonical_check,
    identity,
    package_part,
    resource_key,
    set_identities,
)
from secagg.model.place import image_key

SOURCE = """\
import sqlite3


def login(connection, name):
    query = "SELECT * FROM users WHERE name = '" + name + "'"
    return connection.execute(query).fetchone()


def other(connection, name):
    return connection.execute("DELETE FROM logs WHERE who = " + name)
"""


def _finding(kind: Kind, **values: Any) -> Finding:
    return Finding(
        **{
            "tool": "t",
            "kind": kind,
            "rule_id": "py/sql-injection",
            "severity": Severity.HIGH,
            "title": "A title",
            "message": "A message",
            **values,
        }
    )


def _code(line: int = 6, **values: Any) -> Finding:
    place = Location(uri="app/db.py", start_line=line, start_column=12, end_column=37)
    return _finding(Kind.CODE, **{"location": place, **values})


def _vulnerability(**values: Any) -> Finding:
    return _finding(
        Kind.VULNERABILITY,
        **{
            "rule_id": "CVE-2018-18074",
            "package": Package(type="pypi", name="requests", version="2.19.0"),
            "vulnerability": Vulnerability(aliases=("CVE-2018-18074", "GHSA-x84v-xcm2-53pg")),
            "location": Location(uri="app/requirements.txt", start_line=3),
            **values,
        },
    )


def _secret(**values: Any) -> Finding:
    return _finding(
        Kind.SECRET,
        **{
            "secret": SecretSighting(id="hmac-sha256:aa", detector="generic"),
            "location": Location(uri="app/settings.py", start_line=9),
            **values,
        },
    )


def _misconfiguration(**values: Any) -> Finding:
    return _finding(
        Kind.MISCONFIGURATION,
        **{
            "rule_id": "KSV-0001",
            "misconfiguration": Misconfiguration(checks=("KSV-0001",), resource="Deployment/web"),
            "location": Location(uri="k8s/web.yaml", start_line=4, end_line=20),
            **values,
        },
    )


def _license(**values: Any) -> Finding:
    return _finding(
        Kind.LICENSE,
        **{
            "license": "GPL-3.0",
            "package": Package(type="npm", name="left-pad"),
            "location": Location(uri="package-lock.json"),
            **values,
        },
    )


ALL = {
    Kind.CODE: _code,
    Kind.VULNERABILITY: _vulnerability,
    Kind.SECRET: _secret,
    Kind.MISCONFIGURATION: _misconfiguration,
    Kind.LICENSE: _license,
}


def _in(root: Path, source: str, finding: Finding, uri: str = "app/db.py") -> str:
    file = root / uri
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    set_identities([finding], root)
    return finding.identity


# -- laws for every kind --------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_an_identity_is_thirty_two_hexadecimal_digits(kind: Kind) -> None:
    assert len(bytes.fromhex(identity(ALL[kind]()))) == 16


def test_kinds_differ() -> None:
    assert len({identity(make()) for make in ALL.values()}) == len(ALL)


@settings(deadline=None)
@given(st.sampled_from(sorted(Kind)), st.data())
def test_what_is_said_of_a_problem_does_not_change_it(kind: Kind, data: st.DataObject) -> None:
    finding = ALL[kind]()
    before = identity(finding, "context")
    finding.title = data.draw(st.text())
    finding.message = data.draw(st.text())
    finding.severity = data.draw(st.sampled_from(sorted(Severity)))
    finding.score = data.draw(st.floats(0, 10))
    finding.fix = data.draw(st.text())
    finding.fingerprints = {"0": data.draw(st.text())}
    finding.location.start_line = data.draw(st.integers(1, 9999))
    finding.location.start_column = data.draw(st.integers(1, 200))
    assert identity(finding, "context") == before


@settings(deadline=None)
@given(st.sampled_from(sorted(Kind)), st.text(min_size=1))
def test_another_file_is_another_problem(kind: Kind, added: str) -> None:
    finding = ALL[kind]()
    moved = copy.deepcopy(finding)
    moved.location.uri = f"{finding.location.uri}{added}"
    assert identity(moved, "context") != identity(finding, "context")


# -- code -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(above=st.integers(0, 30))
def test_lines_above_change_nothing(tmp_path_factory: pytest.TempPathFactory, above: int) -> None:
    root = tmp_path_factory.mktemp("checkout")
    moved = _code(6 + above)
    assert _in(root, "# x\n" * above + SOURCE, moved) == _in(root, SOURCE, _code())


@settings(deadline=None)
@given(
    width=st.sampled_from(["  ", "\t", "        "]), ending=st.sampled_from(["\n", "\r\n", "\r"])
)
def test_indentation_and_line_endings_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, width: str, ending: str
) -> None:
    root = tmp_path_factory.mktemp("checkout")
    before = _in(root, SOURCE, _code())
    shift = len(width) - 4
    place = Location(uri="app/db.py", start_line=6, start_column=12 + shift, end_column=37 + shift)
    file = root / "app/db.py"
    file.write_bytes(SOURCE.replace("    ", width).replace("\n", ending).encode())
    after = _code(location=place)
    set_identities([after], root)
    assert after.identity == before


def test_a_line_break_within_the_place_changes_nothing(tmp_path: Path) -> None:
    before = _in(tmp_path, SOURCE, _code())
    broken = SOURCE.replace(
        "connection.execute(query)", "connection.execute(\n        query\n    )"
    )
    place = Location(uri="app/db.py", start_line=6, start_column=12, end_line=8, end_column=6)
    assert _in(tmp_path, broken, _code(location=place)) == before


def test_moving_the_function_changes_nothing(tmp_path: Path) -> None:
    head, login, other = SOURCE.split("\n\n\n")
    moved = "\n\n\n".join((head, other.rstrip("\n"), login + "\n"))
    line = moved.split("\n").index("    return connection.execute(query).fetchone()") + 1
    assert _in(tmp_path, moved, _code(line)) == _in(tmp_path, SOURCE, _code())


def test_the_name_of_the_checkout_changes_nothing(tmp_path: Path) -> None:
    assert _in(tmp_path / "a", SOURCE, _code()) == _in(tmp_path / "b/c d", SOURCE, _code())


def test_other_code_and_another_rule_change_it(tmp_path: Path) -> None:
    before = _in(tmp_path, SOURCE, _code())
    assert _in(tmp_path, SOURCE.replace("(query)", "(text)"), _code()) != before
    assert _in(tmp_path, SOURCE, _code(rule_id="py/other")) != before


def test_equal_lines_are_told_apart_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/db.py").write_text("run(a_long_enough_name)\n" * 3)
    place = [Location(uri="app/db.py", start_line=line) for line in (3, 1, 2)]
    findings = [_code(location=where) for where in place]
    set_identities(findings, tmp_path)
    assert len({f.identity for f in findings}) == 3
    again = [_code(location=copy.deepcopy(place[1]))]
    set_identities(again, tmp_path)
    assert again[0].identity == findings[1].identity


def test_one_place_reported_twice_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/db.py").write_text(SOURCE)
    findings = [_code(), _code(message="another path to the same place")]
    set_identities(findings, tmp_path)
    assert findings[0].identity == findings[1].identity


def test_without_the_file_the_message_stands_in_without_numbers() -> None:
    first = _code(message="Line 4 of 2026-01-31 calls eval, see 0f3a9c77e1")
    later = _code(message="Line 9 of 2026-02-01  calls eval, see 77e10f3a9c")
    set_identities([first], None)
    set_identities([later], None)
    assert first.identity == later.identity
    other = _code(message="Line 4 of 2026-01-31 calls exec, see 0f3a9c77e1")
    assert identity(other) != first.identity


def test_hashes_and_identities_come_from_one_reading(tmp_path: Path) -> None:
    finding = _code()
    _in(tmp_path, SOURCE, finding)
    assert finding.identity and finding.line_hash


# -- vulnerabilities --------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.sets(st.sampled_from(["GHSA-x84v-xcm2-53pg", "SNYK-PYTHON-REQUESTS-72435", "PYSEC-2018-28"]))
)
def test_other_names_of_one_advisory_change_nothing(others: set[str]) -> None:
    named = _vulnerability(vulnerability=Vulnerability(aliases=("CVE-2018-18074", *others)))
    assert identity(named) == identity(_vulnerability())


@pytest.mark.parametrize("version", ["2.19.1", "2.19.0-1ubuntu2", "2.19.0+deb11u1", None])
def test_the_installed_version_changes_nothing(version: str | None) -> None:
    package = Package(type="pypi", name="Requests", version=version)
    assert identity(_vulnerability(package=package)) == identity(_vulnerability())


def test_another_package_or_advisory_changes_it() -> None:
    other = Package(type="pypi", name="urllib3", version="2.19.0")
    same_name = Package(type="npm", name="requests", version="2.19.0")
    advisory = Vulnerability(aliases=("CVE-2018-18075",))
    found = [
        _vulnerability(),
        _vulnerability(package=other),
        _vulnerability(package=same_name),
        _vulnerability(vulnerability=advisory, rule_id="CVE-2018-18075"),
    ]
    assert len({identity(finding) for finding in found}) == 4


@pytest.mark.parametrize(
    "image", ["acme/app:1", "acme/app:2", "acme/app@sha256:0f", "acme/app:3@sha256:0f"]
)
def test_a_new_tag_or_digest_changes_nothing(image: str) -> None:
    def at(name: str) -> str:
        location = Location(uri=f"{name} (debian 11.4)", image=name)
        return identity(_vulnerability(location=location))

    assert at(image) == at("acme/app")
    assert at(image) != at("acme/other:1")


def test_two_versions_in_one_lock_file_are_told_apart() -> None:
    versions = ("1.0.0", "2.0.0", "1.0.0")
    found = [
        _vulnerability(package=Package(type="npm", name="x", version=version))
        for version in versions
    ]
    set_identities(found, None)
    assert found[0].identity == found[2].identity != found[1].identity


# -- secrets ----------------------------------------------------------------------------------


def test_one_secret_in_one_file_is_one_problem_wherever_it_stands() -> None:
    history = _secret(location=Location(uri="app/settings.py", start_line=2, commit="0" * 40))
    other_rule = _secret(rule_id="another-detector")
    found = [_secret(), history, other_rule]
    set_identities(found, None)
    assert len({finding.identity for finding in found}) == 1


def test_another_secret_changes_it() -> None:
    other = _secret(secret=SecretSighting(id="hmac-sha256:bb", detector="generic"))
    assert identity(other) != identity(_secret())


def test_a_hidden_secret_is_known_by_its_name_never_by_its_line(tmp_path: Path) -> None:
    def at(source: str, line: int) -> str:
        hidden = SecretSighting(id=None, detector="generic")
        place = Location(uri="app/settings.py", start_line=line)
        return _in(tmp_path, source, _secret(secret=hidden, location=place), "app/settings.py")

    before = at('DB_PASSWORD = "one"\n', 1)
    assert at('\n  DB_PASSWORD = "two"\n', 2) == before
    assert at('API_PASSWORD = "one"\n', 1) != before


# -- misconfigurations --------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["Pod/web-7d4b9c6f5d-x2x9z", "Pod/web-5c7f9d8b6c-k8s4q"])
def test_generated_names_change_nothing(resource: str) -> None:
    def of(name: str) -> str:
        known = Misconfiguration(checks=("KSV-0001",), resource=name)
        return identity(_misconfiguration(misconfiguration=known))

    assert of(resource) == of("Pod/web-7d4b9c6f5d-2bcdf")
    assert of(resource) != of("Pod/db-7d4b9c6f5d-x2x9z")


def test_names_that_people_gave_stay() -> None:
    for name in ("Pod/web-https", "aws_s3_bucket.logs[0]", "Service/vault-agent", "v1.2.3"):
        assert resource_key(name) == name


@pytest.mark.parametrize("check", ["DS002", "DS-0002", "AVD-DS-0002", "ds-0002"])
def test_a_check_has_one_name(check: str) -> None:
    assert canonical_check([check]) == "DS-0002"


def test_the_same_check_on_another_resource_is_another_problem() -> None:
    other = Misconfiguration(checks=("KSV-0001",), resource="Deployment/db")
    assert identity(_misconfiguration(misconfiguration=other)) != identity(_misconfiguration())


def test_without_a_resource_the_code_tells_checks_apart(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\nADD one /\nADD two /\n")
    found = [
        _misconfiguration(
            rule_id="DS-0005",
            misconfiguration=Misconfiguration(checks=("DS-0005",)),
            location=Location(uri="Dockerfile", start_line=line, end_line=line),
        )
        for line in (2, 3)
    ]
    set_identities(found, tmp_path)
    assert found[0].identity != found[1].identity


# -- the pieces --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.permutations(["CVE-2021-2", "CVE-2020-99999", "GHSA-2222-2222-2222", "SNYK-JS-A-1"]))
def test_the_canonical_alias_does_not_depend_on_order(aliases: list[str]) -> None:
    assert canonical_alias(aliases) == "CVE-2020-99999"
    assert canonical_alias(alias for alias in aliases if not alias.startswith("CVE")).startswith(
        "GHSA"
    )
    assert canonical_alias([]) == ""


def test_package_names_follow_their_ecosystem() -> None:
    def key(kind: str, name: str) -> str:
        return package_part(Package(type=kind, name=name))

    assert key("pypi", "Zope.Interface") == key("pypi", "zope_interface")
    assert key("maven", "org.a/b") == key("maven", "org.a:b")
    assert key("npm", "a.b") != key("npm", "a-b")
    assert package_part(None) == ""


def test_images_keep_the_port_of_their_registry() -> None:
    assert image_key("localhost:5000/app:1") == "localhost:5000/app"
    assert image_key("app") == "app"


def test_every_finding_gets_an_identity() -> None:
    found = [make() for make in ALL.values()]
    bare = [
        replace(
            finding,
            location=Location(),
            package=None,
            vulnerability=None,
            misconfiguration=None,
            secret=None,
        )
        for finding in found
    ]
    set_identities([*found, *bare], None)
    assert all(finding.identity for finding in (*found, *bare))
