"""CSAF documents: the products that are not affected are covered, by their purls."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.decisions import AllExceptions
from secagg.errors import ConfigError
from secagg.model.finding import Location
from secagg.policy.decision import ExceptionState
from tests.decisions.make import TODAY, loaded, row
from tests.merge.make import vulnerability

LODASH, OTHER = "pkg:npm/lodash@4.17.4", "pkg:npm/other@1.0.0"
IMAGE = "pkg:oci/shop?repository_url=registry.example/shop&tag=1"


def product(name: str, purl: str | None) -> dict[str, Any]:
    helper = {} if purl is None else {"product_identification_helper": {"purl": purl}}
    return {"name": name, "product_id": name, **helper}


def document(
    *vulnerabilities: dict[str, Any],
    tree: dict[str, Any] | None = None,
    date: str = "2026-11-01T00:00:00Z",
    status: str = "final",
) -> dict[str, Any]:
    return {
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "publisher": {"category": "vendor", "name": "acme"},
            "tracking": {"status": status, "current_release_date": date},
        },
        "product_tree": {"full_product_names": [product("A", LODASH)]} if tree is None else tree,
        "vulnerabilities": list(vulnerabilities),
    }


def said(status: str = "known_not_affected", *names: str, **fields: Any) -> dict[str, Any]:
    value = {
        "cve": "CVE-2021-1111",
        "product_status": {status: list(names or ("A",))},
        "flags": [{"label": "vulnerable_code_not_present", "product_ids": list(names or ("A",))}],
    }
    return value | fields


def read(*documents: dict[str, Any]) -> AllExceptions:
    files = {f"{number}.json": one for number, one in enumerate(documents)}
    return loaded(files, vex=tuple(files))


def covers(*documents: dict[str, Any], name: str = "CVE-2021-1111", **fields: Any) -> bool:
    covering = read(*documents).covering(row(vulnerability("trivy", name, **fields)))
    return any(e.standing(TODAY) is ExceptionState.IN_FORCE for e in covering)


def test_statement_is_shown_with_its_reason_and_author() -> None:
    impact = {"category": "impact", "details": "never called", "product_ids": ["A"]}
    fix = {"category": "exploit_status", "details": "none", "product_ids": ["A"]}
    (exception,) = read(document(said(threats=[impact, fix]))).all()
    assert exception.source == "0.json: vulnerability 1"
    assert exception.target == f"CVE-2021-1111 in {LODASH}"
    assert exception.reason == "vulnerable_code_not_present: never called"
    assert (exception.owner, str(exception.created)) == ("acme", "2026-11-01")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("known_not_affected", True),
        ("fixed", True),
        ("first_fixed", True),
        ("known_affected", False),
        ("under_investigation", False),
        ("recommended", False),
        ("unheard_of", False),
    ],
)
def test_status_decides(status: str, expected: bool) -> None:
    assert covers(document(said(status))) is expected


def test_package_version_and_id_must_be_the_ones_named() -> None:
    named = document(said(cve=None, ids=[{"system_name": "acme", "text": "GHSA-aaaa-bbbb-cccc"}]))
    assert covers(named, name="GHSA-aaaa-bbbb-cccc")
    assert not covers(named)
    assert not covers(document(said()), version="4.17.5")
    assert not covers(document(said()), package="lodash-es")


def test_not_affected_needs_a_word_on_why_and_a_draft_says_nothing() -> None:
    assert not covers(document(said(flags=[])))
    assert covers(document(said("fixed", flags=[])))
    assert not covers(document(said(), status="draft"))
    grouped = {"full_product_names": [product("A", LODASH)]}
    grouped["product_groups"] = [{"group_id": "G", "product_ids": ["A"]}]
    flags = [{"label": "component_not_present", "group_ids": ["G"]}]
    assert covers(document(said(flags=flags), tree=grouped))


def test_later_document_that_says_affected_takes_it_back() -> None:
    later = document(said("known_affected"), date="2026-11-02T00:00:00Z")
    assert not covers(document(said()), later)
    assert covers(document(said(), date="2026-11-03T00:00:00Z"), later)
    # What cannot be read may be about any package.
    nameless = document(
        said("known_affected"),
        tree={"full_product_names": [product("A", None)]},
        date="2026-11-02T00:00:00Z",
    )
    assert not covers(document(said()), nameless)


def test_products_stand_anywhere_in_the_tree() -> None:
    deep = {"branches": [{"branches": [{"product": product("A", LODASH)}]}]}
    assert covers(document(said(), tree=deep))
    plural = {"name": "A", "product_id": "A"}
    plural |= {"product_identification_helper": {"purls": [OTHER, LODASH]}}  # type: ignore[dict-item]
    assert covers(document(said(), tree={"full_product_names": [plural]}))
    assert not covers(document(said(), tree={"full_product_names": [product("A", None)]}))
    assert not covers(document(said(), tree={}))


def test_component_of_an_image_is_covered_in_that_image_only() -> None:
    tree = {
        "full_product_names": [product("A", LODASH), product("S", IMAGE)],
        "relationships": [
            {
                "category": "default_component_of",
                "full_product_name": {"name": "A of S", "product_id": "S:A"},
                "product_reference": "A",
                "relates_to_product_reference": "S",
            }
        ],
    }
    inside = Location(uri="package.json", image="registry.example/shop:1")
    elsewhere = Location(uri="package.json", image="registry.example/till:1")
    part = document(said("known_not_affected", "S:A"), tree=tree)
    whole = document(said("known_not_affected", "S"), tree=tree)
    for said_of in (part, whole):
        assert covers(said_of, location=inside)
        assert not covers(said_of, location=elsewhere)
    assert not covers(part, package="other", version="1.0.0", location=inside)
    assert covers(whole, package="other", version="1.0.0", location=inside)


@pytest.mark.parametrize(
    ("vulnerabilities", "message"),
    [
        ({}, "no list"),
        (["CVE-2021-1111"], "is an object"),
        ([{"product_status": {}}], "has a CVE or another id"),
    ],
)
def test_what_is_no_document_is_refused(vulnerabilities: Any, message: str) -> None:
    broken = {**document(), "vulnerabilities": vulnerabilities}
    with pytest.raises(ConfigError, match=message):
        read(broken)
