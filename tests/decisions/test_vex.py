"""VEX documents: what is not affected is covered, in the package and version that is named."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.decisions import AllExceptions
from secagg.errors import ConfigError
from secagg.model.finding import Location, replace
from secagg.policy.decision import ExceptionState
from tests.decisions.make import TODAY, loaded, row, sources
from tests.merge.make import vulnerability

LODASH = "pkg:npm/lodash@4.17.4"


def openvex(*statements: dict[str, Any], **document: Any) -> dict[str, Any]:
    head = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://openvex.dev/docs/example/vex-9fb3463de1b57",
        "author": "Ana",
        "timestamp": "2026-01-08T18:02:03.647787998-06:00",
        "version": 1,
    }
    return head | document | {"statements": list(statements)}


def statement(status: str = "not_affected", **fields: Any) -> dict[str, Any]:
    value = {
        "vulnerability": {"name": "CVE-2021-1111", "aliases": ["GHSA-aaaa-bbbb-cccc"]},
        "products": [{"@id": LODASH}],
        "status": status,
        "justification": "vulnerable_code_not_in_execute_path",
        "impact_statement": "never called",
    }
    return value | fields


def read(*documents: dict[str, Any], **options: Any) -> AllExceptions:
    files = {f"{number}.json": document for number, document in enumerate(documents)}
    return loaded(files, vex=tuple(files), **options)


def covers(*documents: dict[str, Any], name: str = "CVE-2021-1111", **fields: Any) -> bool:
    found = read(*documents)
    covering = found.covering(row(vulnerability("trivy", name, **fields)))
    return any(e.standing(TODAY) is ExceptionState.IN_FORCE for e in covering)


def test_statement_is_shown_with_its_reason_and_author() -> None:
    (exception,) = read(openvex(statement())).all()
    assert exception.source == "0.json: statement 1"
    assert exception.target == f"CVE-2021-1111 or GHSA-AAAA-BBBB-CCCC in {LODASH}"
    assert exception.reason == "vulnerable_code_not_in_execute_path: never called"
    assert exception.owner == "Ana"
    assert str(exception.created) == "2026-01-09"


def test_package_and_version_must_be_the_ones_named() -> None:
    document = openvex(statement())
    assert covers(document)
    assert covers(document, name="GHSA-aaaa-bbbb-cccc")
    assert not covers(document, name="CVE-2021-1112")
    assert not covers(document, version="4.17.5")
    assert not covers(document, version=None)
    assert not covers(document, package="lodash-es")
    assert covers(openvex(statement(products=[{"@id": "pkg:npm/lodash"}])), version="9")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("not_affected", True),
        ("fixed", True),
        ("affected", False),
        ("under_investigation", False),
        ("not-affected", False),
        ("", False),
    ],
)
def test_only_some_statuses_are_exceptions(status: str, expected: bool) -> None:
    assert covers(openvex(statement(status))) is expected


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ([{"@id": "pkg:oci/shop", "subcomponents": [{"@id": LODASH}]}], True),
        ([{"@id": LODASH, "subcomponents": [{"@id": "pkg:npm/other"}]}], False),
        ([{"@id": "urn:x", "identifiers": {"purl": LODASH}}], True),
        ([{"@id": "urn:x", "identifiers": {"cpe23": "cpe:2.3:a:x:y:1"}}], False),
        ([{"@id": "https://example.com/shop"}], False),
        ([LODASH], True),
        ([{"@id": "pkg:npm/*"}], False),
        ([{"@id": "pkg:npm/lodash@4.*"}], False),
        ([], False),
        (None, False),
        ("pkg:npm/lodash", False),
        ([{"@id": "pkg:npm/a"}, {"@id": LODASH}], True),
    ],
)
def test_products(products: Any, expected: bool) -> None:
    assert covers(openvex(statement(products=products))) is expected


def test_statement_without_a_package_is_refused_in_a_sentence() -> None:
    (exception,) = read(openvex(statement(products=[]))).all()
    assert exception.refusal == "names no package by its purl"


def test_not_affected_needs_a_justification() -> None:
    bare = statement()
    del bare["justification"], bare["impact_statement"]
    (exception,) = read(openvex(bare)).all()
    assert "justification" in (exception.refusal or "")


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", False),
        ("2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z", True),
        # Who was first cannot be told.
        ("2026-02-01T00:00:00Z", "2026-02-01T01:00:00+01:00", False),
        ("2026-02-01T00:00:00Z", "whenever", False),
        ("never", "2026-02-01T00:00:00Z", False),
    ],
)
def test_the_latest_word_counts(then: str, now: str, expected: bool) -> None:
    document = openvex(statement(timestamp=then), statement("affected", timestamp=now))
    assert covers(document) is expected
    parted = [openvex(statement(timestamp=then)), openvex(statement("affected", timestamp=now))]
    assert covers(*parted) is expected


def test_a_later_word_on_another_package_or_problem_changes_nothing() -> None:
    later = {"timestamp": "2026-09-01T00:00:00Z"}
    other = statement("affected", products=[{"@id": "pkg:npm/other"}], **later)
    assert covers(openvex(statement(), other))
    other = statement("affected", vulnerability={"name": "CVE-2021-2222"}, **later)
    assert covers(openvex(statement(), other))


def test_a_later_word_on_one_version_takes_back_that_version_only() -> None:
    wide = statement(products=[{"@id": "pkg:npm/lodash"}])
    later = statement("affected", timestamp="2026-09-01T00:00:00Z")
    assert not covers(openvex(wide, later))
    assert covers(openvex(wide, later), version="4.17.5")


def test_a_later_word_by_an_alias_counts_too() -> None:
    later = statement(
        "under_investigation",
        vulnerability={"name": "GHSA-aaaa-bbbb-cccc"},
        timestamp="2026-09-01T00:00:00Z",
    )
    assert not covers(openvex(statement(), later))


def test_a_later_word_on_what_cannot_be_read_takes_everything_back() -> None:
    later = statement("affected", products=[{"@id": "urn:x"}], timestamp="2026-09-01T00:00:00Z")
    (exception,) = read(openvex(statement(), later)).all()
    assert "statement 2 says otherwise (affected)" in (exception.refusal or "")


def cyclonedx(*vulnerabilities: Any, **document: Any) -> dict[str, Any]:
    head: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {"timestamp": "2026-01-01T00:00:00Z", "authors": [{"email": "ana@x.org"}]},
        "components": [
            {
                "bom-ref": "a",
                "purl": "pkg:npm/a@1",
                "components": [{"bom-ref": "l", "purl": LODASH}],
            },
            {"bom-ref": "nameless", "name": "x"},
        ],
    }
    return head | document | {"vulnerabilities": list(vulnerabilities)}


def analysed(state: str = "not_affected", **fields: Any) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": "CVE-2021-1111",
        "references": [{"id": "GHSA-aaaa-bbbb-cccc", "source": {"name": "GitHub"}}],
        "analysis": {"state": state, "justification": "code_not_reachable", "detail": "not called"},
        "affects": [{"ref": "l"}],
    }
    return value | fields


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("not_affected", True),
        ("false_positive", True),
        ("resolved", True),
        ("resolved_with_pedigree", True),
        ("exploitable", False),
        ("in_triage", False),
        ("fine", False),
        ("", False),
    ],
)
def test_cyclonedx_states(state: str, expected: bool) -> None:
    assert covers(cyclonedx(analysed(state))) is expected


def test_cyclonedx_is_shown_with_its_reason() -> None:
    (exception,) = read(cyclonedx(analysed())).all()
    assert exception.source == "0.json: vulnerability 1"
    assert exception.reason == "code_not_reachable: not called"
    assert exception.owner == "ana@x.org"


@pytest.mark.parametrize(
    ("affects", "expected"),
    [
        ([{"ref": "l"}], True),
        ([{"ref": "a"}], False),
        ([{"ref": "nameless"}], False),
        ([{"ref": "gone"}], False),
        ([{"ref": LODASH}], True),
        ([{"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#l"}], True),
        (
            [{"ref": "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg%3Anpm%2Flodash%404.17.4"}],
            True,
        ),
        ([{"ref": "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#x"}], False),
        ([{"ref": "l", "versions": [{"version": "4.17.4", "status": "unaffected"}]}], True),
        ([{"ref": "l", "versions": [{"version": "4.17.5", "status": "unaffected"}]}], False),
        ([{"ref": "l", "versions": [{"version": "4.17.4", "status": "affected"}]}], False),
        ([{"ref": "l", "versions": [{"range": "vers:npm/<5", "status": "unaffected"}]}], False),
        ([], False),
        (None, False),
        ("l", False),
    ],
)
def test_cyclonedx_refs(affects: Any, expected: bool) -> None:
    assert covers(cyclonedx(analysed(affects=affects))) is expected


def test_cyclonedx_without_analysis_says_nothing() -> None:
    value = analysed()
    del value["analysis"]
    assert read(cyclonedx(value)).all() == []


def test_formats_speak_against_each_other() -> None:
    later = {"state": "exploitable", "lastUpdated": "2026-09-01T00:00:00Z"}
    assert not covers(openvex(statement()), cyclonedx(analysed(analysis=later)))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "empty"),
        (b"{", "0.json:1:"),
        (b'{"a": 1,\n "a": 2}', "0.json:2:"),
        (b"[" * 100_000, "0.json"),
        ({}, "no VEX document"),
        ([], "no VEX document"),
        ({"@context": "https://openvex.dev/ns", "statements": {}}, "list of statements"),
        (openvex("x"), "a statement is an object"),  # type: ignore[arg-type]
        (openvex({}), "names a vulnerability"),
        (openvex(statement(vulnerability={"name": 5})), "names a vulnerability"),
        (openvex(statement() | {"status": None}), "has a status"),
        (cyclonedx(5), "a vulnerability is an object"),
        (cyclonedx(analysed(id=None)), "has an id"),
        (cyclonedx(analysed(analysis=[])), "an analysis is an object"),
        ({"bomFormat": "CycloneDX", "vulnerabilities": {}}, "no list"),
    ],
)
def test_hostile_documents_are_refused(document: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(document)
    assert said in str(caught.value)


def test_a_vex_file_that_is_named_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"vex/a\.json: there is no such VEX file"):
        loaded({}, vex=("vex/a.json",))


def test_two_statements_of_one_row_are_both_shown() -> None:
    group = row(vulnerability("trivy", "CVE-2021-1111"))
    found = read(openvex(statement(), statement("fixed")))
    assert sources(found, group) == ["0.json: statement 1", "0.json: statement 2"]


def test_ceiling_for_all_refuses_vex() -> None:
    (exception,) = read(openvex(statement()), ceiling_for_all=True).all()
    assert "no expiry date" in (exception.refusal or "")


def test_a_version_that_nobody_knows_may_be_the_one_taken_back() -> None:
    wide = statement(products=[{"@id": "pkg:npm/lodash"}])
    later = statement("affected", timestamp="2026-09-01T00:00:00Z")
    assert covers(openvex(wide), version=None)
    assert not covers(openvex(wide, later), version=None)


DIGEST = "sha256:" + "c" * 64
IMAGE = "pkg:oci/shop"


@pytest.mark.parametrize(
    ("product", "covered"),
    [
        ({"@id": f"{IMAGE}@{DIGEST}"}, True),
        ({"@id": f"{IMAGE}@sha256:{'d' * 64}"}, False),
        ({"@id": f"{IMAGE}?repository_url=registry.example.com/acme/shop&tag=1.4"}, True),
        ({"@id": f"{IMAGE}?repository_url=registry.example.com/acme/shop&tag=1.5"}, False),
        ({"@id": f"{IMAGE}?repository_url=registry.example.com/other/shop"}, False),
        ({"@id": "pkg:oci/other"}, False),
        ({"@id": f"{IMAGE}@{DIGEST}", "subcomponents": [{"@id": LODASH}]}, True),
        ({"@id": f"{IMAGE}@{DIGEST}", "subcomponents": [{"@id": "pkg:npm/other"}]}, False),
        ({"@id": f"{IMAGE}@sha256:{'d' * 64}", "subcomponents": [{"@id": LODASH}]}, False),
    ],
)
def test_a_statement_about_an_image_covers_what_is_in_it(
    product: dict[str, Any], covered: bool
) -> None:
    place = Location(image="registry.example.com/acme/shop:1.4", digests=(DIGEST,))
    found = read(openvex(statement(products=[product])))
    finding = replace(
        vulnerability("trivy", "CVE-2021-1111", package="lodash", version="4.17.4"), location=place
    )
    assert bool(found.covering(row(finding))) is covered


def test_what_speaks_against_a_statement_about_an_image_withdraws_it() -> None:
    product = [{"@id": f"{IMAGE}@{DIGEST}"}]
    later = statement("affected", products=product, timestamp="2026-02-01T00:00:00Z")
    document = openvex(statement(products=product), later)
    (exception,) = read(document).all()
    assert exception.standing(TODAY) is ExceptionState.REFUSED
