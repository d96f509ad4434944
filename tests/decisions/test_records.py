"""The whole of what each reader makes of a file, also of one whose parts are odd."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from secagg.decisions.csaf import read_csaf
from secagg.decisions.cyclonedx import read_cyclonedx
from secagg.decisions.entry import policy_gaps
from secagg.decisions.gitleaksignore import read_gitleaksignore
from secagg.decisions.index import in_force
from secagg.decisions.scope import GapScope, Scope
from secagg.decisions.snykfile import read_snyk
from secagg.decisions.toolscope import Fingerprint, ToolScope, chain
from secagg.decisions.trivyignore import read_trivyignore, read_trivyignore_yaml
from secagg.decisions.vex import Statement, read_openvex, vex_exceptions
from secagg.errors import ConfigError
from secagg.model.finding import Kind
from secagg.model.problem import State
from secagg.packages.purl import exact_purl
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.policy.model import AcceptedGap
from secagg.system.dates import Ceiling
from secagg.system.globs import Glob
from tests.decisions.make import TODAY, loaded, row
from tests.decisions.test_csaf import document as csaf
from tests.decisions.test_csaf import product
from tests.decisions.test_vex import cyclonedx, openvex
from tests.merge.make import vulnerability

A, B, C = "pkg:npm/a@1", "pkg:npm/b@2", "pkg:npm/c@3"
SHOP = "pkg:oci/shop?tag=1"
MOMENT = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
YEAR = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
CEILING = Ceiling(max_days=90, today=TODAY, for_all=False)
SNYK_KINDS = frozenset({Kind.VULNERABILITY, Kind.LICENSE, Kind.MISCONFIGURATION})
ODD: list[Any] = ["x", 5, None, {}, []]


def one(source: str, exempts: bool, status: str, *purls: str, **more: Any) -> Statement:
    """A statement on CVE-1 of the first vulnerability of the document ``d``."""
    return Statement(
        **{
            "source": source,
            "names": ("CVE-1",),
            "exempts": exempts,
            "status": status,
            "purls": tuple(map(exact_purl, purls)),
            **more,
        }
    )


TREE = {
    "full_product_names": [*ODD, product("A", A), product("N", None), product("S", SHOP)],
    "branches": [
        *ODD,
        {"product": "odd"},
        {"branches": [*ODD, {"product": product("B", B), "branches": "odd"}]},
        {"product": {"product_id": 5}, "branches": [{"product": product("C", C)}]},
    ],
    "relationships": [
        *ODD,
        {"full_product_name": {"name": "without an id"}, "product_reference": "A"},
        # Of a component that nobody knows, on an image: the image as a whole.
        {
            "full_product_name": {"product_id": "S:?"},
            "product_reference": "unknown",
            "relates_to_product_reference": "S",
        },
        {
            "full_product_name": {"product_id": "S:A"},
            "product_reference": " A ",
            "relates_to_product_reference": " S ",
        },
        # The combination's own purl is the one that counts.
        {
            "full_product_name": product("S:B", B),
            "product_reference": "A",
            "relates_to_product_reference": "S",
        },
        {"full_product_name": {"product_id": "C:?"}, "product_reference": "C"},
        {"full_product_name": {"product_id": "?"}, "relates_to_product_reference": 5},
    ],
    "product_groups": [*ODD, {"group_id": "G", "product_ids": ["B", 5, "C"]}, {"product_ids": []}],
}


@pytest.mark.parametrize(
    ("names", "purls", "images"),
    [
        (["A"], [A], []),
        (["B"], [B], []),
        (["C"], [C], []),
        (["B", "A", "B"], [B, A], []),
        (["S"], [], [SHOP]),
        (["S:?"], [], [SHOP]),
        (["S:A"], [A], [SHOP]),
        (["S:B"], [B], [SHOP]),
        (["C:?"], [C], []),
    ],
)
def test_products_of_csaf(names: list[str], purls: list[str], images: list[str]) -> None:
    vulnerability = {"cve": "CVE-1", "product_status": {"fixed": [5, *names]}}
    assert read_csaf(csaf(vulnerability, tree=TREE), "d") == [
        one(
            "d: vulnerability 1",
            True,
            "fixed",
            *purls,
            images=tuple(map(exact_purl, images)),
            moment=MOMENT,
            author="acme",
        )
    ]


NO_PURL = "names a product that is no package (it has no purl)"


@pytest.mark.parametrize("name", ["N", "?", "unheard of"])
def test_products_of_csaf_that_are_no_packages(name: str) -> None:
    for status, exempts in (("fixed", True), ("known_affected", False)):
        document = csaf({"cve": "CVE-1", "product_status": {status: [name]}}, tree=TREE)
        assert read_csaf(document, "d") == [
            one("d: vulnerability 1", exempts, status, moment=MOMENT, problem=NO_PURL)
        ]
        # Beside a package an exception holds for that; what overrules it may be on any package.
        document = csaf({"cve": "CVE-1", "product_status": {status: [name, "A"]}}, tree=TREE)
        assert read_csaf(document, "d") == [
            one(
                "d: vulnerability 1",
                exempts,
                status,
                A,
                moment=MOMENT,
                author="acme",
                problem=None if exempts else NO_PURL,
            )
        ]


def test_reasons_and_statuses_of_csaf() -> None:
    vulnerability = {
        "cve": " CVE-1 ",
        "ids": [*ODD, {"text": " GHSA-1 "}, {"text": "CVE-1"}],
        "product_status": {
            "known_not_affected": ["A", "B", "C", "S:A"],
            "under_investigation": ["B"],
            "recommended": ["A"],
        },
        "flags": [
            *ODD,
            {"label": " component_not_present ", "product_ids": ["A", "A", "S:A"]},
            {"product_ids": ["B"]},
            {"label": "inline_mitigations_already_exist", "group_ids": ["G", "unknown"]},
        ],
        "threats": [
            *ODD,
            {"category": "impact", "details": "never called", "product_ids": ["A"]},
            {"category": "exploit_status", "details": "none", "product_ids": ["A"]},
            {"category": "impact", "details": "  ", "product_ids": ["A"]},
        ],
    }
    for status, draft in (("final", None), ("draft", "is in a draft")):
        head = {"names": ("CVE-1", "GHSA-1"), "moment": MOMENT, "author": "acme", "problem": draft}
        source, kept = "d: vulnerability 1", "known_not_affected"
        flags = "component_not_present", "inline_mitigations_already_exist"
        assert read_csaf(csaf(vulnerability, tree=TREE, status=status), "d") == [
            one(source, True, kept, A, reason=f"{flags[0]}: never called", **head),
            one(source, True, kept, B, C, reason=flags[1], **head),
            one(source, True, kept, A, images=(exact_purl(SHOP),), reason=flags[0], **head),
            one(source, False, "under_investigation", B, reason=flags[1], **head),
        ]


def test_not_affected_in_csaf_without_a_word_on_why() -> None:
    why = "says known_not_affected without a flag or an impact that says why"
    for names in (["A"], ["A", "N"]):
        document = csaf(
            {"cve": "CVE-1", "product_status": {"known_not_affected": names}}, tree=TREE
        )
        assert [s.problem for s in read_csaf(document, "d")] == [why]


def test_a_later_vulnerability_of_csaf_has_its_own_number() -> None:
    first = {"ids": [{"text": "X-1"}], "product_status": {"fixed": ["A"]}}
    second = {"cve": "CVE-1", "product_status": {"fixed": ["B"], "first_affected": ["C"]}}
    last = {"cve": "CVE-1", "product_status": {"last_affected": ["A"], "first_fixed": ["A"]}}
    read = read_csaf(csaf(first, second, last, tree=TREE), "d")
    assert [(s.source[-1], s.names, s.status, s.exempts) for s in read] == [
        ("1", ("X-1",), "fixed", True),
        ("2", ("CVE-1",), "fixed", True),
        ("2", ("CVE-1",), "first_affected", False),
        ("3", ("CVE-1",), "first_fixed", True),
        ("3", ("CVE-1",), "last_affected", False),
    ]
    bare = {"document": {"csaf_version": "2.0"}, "vulnerabilities": [second]}
    assert read_csaf(bare, "d") == [
        one("d: vulnerability 1", True, "fixed", problem=NO_PURL),
        one("d: vulnerability 1", False, "first_affected", problem=NO_PURL),
    ]
    assert read_csaf({"document": {}}, "d") == []


def test_branches_of_csaf_end_at_a_depth() -> None:
    def nested(depth: int) -> dict[str, Any]:
        branch: dict[str, Any] = {"product": product("A", A)}
        for _ in range(depth):
            branch = {"branches": [branch]}
        return csaf(
            {"cve": "CVE-1", "product_status": {"fixed": ["A"]}}, tree={"branches": [branch]}
        )

    assert read_csaf(nested(99), "d")[0].purls == (exact_purl(A),)
    assert read_csaf(nested(100), "d")[0].problem == NO_PURL


def test_statements_of_cyclonedx() -> None:
    analysis = {"state": "resolved", "justification": " code_not_present ", "detail": " gone "}
    plain = {"id": " CVE-1 ", "affects": [{"ref": "m"}, {"ref": A}, {"ref": A}]}
    document = cyclonedx(
        {"id": "CVE-0"},
        plain | {"analysis": analysis, "references": [*ODD, {"id": "X-1"}, {"id": "CVE-1"}]},
        plain | {"analysis": {}, "references": "odd"},
        {"id": "CVE-1", "analysis": {"state": "false_positive"}, "affects": [*ODD, {"ref": B}]},
        {"id": "CVE-1", "analysis": {"state": "exploitable"}, "affects": [*ODD, {"ref": B}]},
        metadata={
            "timestamp": "2026-11-01T00:00:00Z",
            "component": {"bom-ref": "m", "purl": C},
            "authors": [{"name": "Ana"}],
        },
    )
    no_component = "refers to a component that has no purl here"
    head = {"moment": MOMENT, "author": "Ana"}
    named = {"names": ("CVE-1", "X-1"), "reason": "code_not_present: gone"}
    assert read_cyclonedx(document, "d") == [
        one("d: vulnerability 2", True, "resolved", C, A, **head, **named),
        one("d: vulnerability 3", False, "no state", C, A, reason="", **head),
        one("d: vulnerability 4", True, "false_positive", B, reason="", **head),
        one("d: vulnerability 5", False, "exploitable", B, reason="", problem=no_component, **head),
    ]
    assert read_cyclonedx({"bomFormat": "CycloneDX"}, "d") == []


@pytest.mark.parametrize(
    ("metadata", "author"),
    [
        ({"authors": [{"email": "a@x.org", "name": "Ana"}]}, "a@x.org"),
        ({"authors": [{"name": " Ana "}, {"email": "a@x.org"}]}, "Ana"),
        ({"authors": ["Ana"]}, None),
        ({"authors": []}, None),
        ({"authors": {"name": "Ana"}}, None),
        ("odd", None),
        (None, None),
    ],
)
def test_authors_of_cyclonedx(metadata: Any, author: str | None) -> None:
    vulnerability = {"id": "CVE-1", "analysis": {"state": "resolved"}, "affects": [{"ref": A}]}
    (read,) = read_cyclonedx(cyclonedx(vulnerability, metadata=metadata), "d")
    assert (read.author, read.moment) == (author, None)


@pytest.mark.parametrize(
    ("affected", "purls", "problem"),
    [
        ({"ref": A, "versions": [*ODD, {"status": "unaffected"}]}, [], "alone"),
        ({"ref": A, "versions": []}, [A], None),
        ({"ref": A, "versions": "odd"}, [A], None),
        ({"ref": A, "versions": [{"status": "unaffected", "version": "1"}]}, [A], None),
        ({"ref": A, "versions": [{"status": "unaffected", "version": "2"}]}, [], None),
        (
            {
                "ref": "pkg:npm/%40s/a?x=1",
                "versions": [
                    {"status": "unaffected", "version": "1"},
                    {"status": "affected", "version": "2"},
                    {"status": "unaffected", "version": "3"},
                ],
            },
            ["pkg:npm/%40s/a@1", "pkg:npm/%40s/a@3"],
            None,
        ),
        ({"ref": "urn:cdx:x/1#l"}, ["pkg:npm/lodash@4.17.4"], None),
        ({"ref": f"urn:cdx:x/1#{A}"}, [A], None),
        ({"ref": "urn:other:x/1#l"}, [], "no purl here"),
        ({"ref": "pkg:npm/*"}, [], "wildcard"),
    ],
)
def test_versions_of_cyclonedx(
    affected: dict[str, Any], purls: list[str], problem: str | None
) -> None:
    vulnerability = {"id": "CVE-1", "analysis": {"state": "resolved"}, "affects": [affected]}
    (read,) = read_cyclonedx(cyclonedx(vulnerability), "d")
    assert read.purls == tuple(map(exact_purl, purls))
    assert (problem is None) is (read.problem is None) and (problem or "") in (read.problem or "")
    # What overrules is about the package, whatever versions it lists.
    vulnerability["analysis"] = {"state": "exploitable"}
    (read,) = read_cyclonedx(cyclonedx(vulnerability), "d")
    assert len(read.purls) == (problem != "no purl here" and problem != "wildcard")


def test_statements_of_openvex() -> None:
    head = {"status": "fixed", "vulnerability": " CVE-1 "}
    document = openvex(
        head
        | {
            "vulnerability": {"name": " CVE-1 ", "aliases": [5, None, {}, [], " X-1 ", "CVE-1"]},
            "justification": " why ",
            "impact_statement": " so ",
            "status_notes": " then ",
            "supplier": " Bo ",
            "products": [
                {"@id": A},
                {"@id": SHOP, "subcomponents": [{"@id": B}, {"@id": "urn:x"}]},
                {"@id": "urn:x", "subcomponents": [{"identifiers": {"purl": C}}]},
                {"@id": "pkg:oci/"},
                {"@id": A, "subcomponents": []},
            ],
        },
        head | {"status": "affected", "products": [*ODD, {"@id": A}], "supplier": " "},
        head | {"products": [SHOP], "timestamp": "2026-02-01T00:00:00Z"},
        head | {"last_updated": "2026-03-01T00:00:00Z", "timestamp": "2026-02-01T00:00:00Z"},
        timestamp="2026-11-01T00:00:00Z",
        author=" Ana ",
    )
    first = {"names": ("CVE-1", "X-1"), "reason": "why: so: then", "author": "Bo", "moment": MOMENT}
    shop = (exact_purl(SHOP),)
    bare = {"names": (" CVE-1 ",), "reason": "", "author": "Ana"}
    assert read_openvex(document, "d") == [
        one("d: statement 1", True, "fixed", B, images=shop, **first),
        one("d: statement 1", True, "fixed", A, C, **first),
        one("d: statement 2", False, "affected", A, problem=NO_PURL, moment=MOMENT, **bare),
        one(
            "d: statement 3",
            True,
            "fixed",
            images=shop,
            moment=datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC),
            **bare,
        ),
        one(
            "d: statement 4",
            True,
            "fixed",
            moment=datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC),
            **bare,
        ),
    ]


@pytest.mark.parametrize(
    ("component", "purl"),
    [
        (A, A),
        ("urn:x", None),
        ({"@id": A}, A),
        ({"@id": f" {A} "}, A),
        ({"@id": "https://example.com/pkg:npm/a"}, None),
        ({"@id": B, "identifiers": {"purl": A}}, A),
        ({"@id": A, "identifiers": {"purl": 5}}, A),
        ({"@id": A, "identifiers": "odd"}, A),
        ({"identifiers": {"cpe23": "cpe:2.3:a:a:a:1"}}, None),
    ],
)
def test_what_names_a_package_in_openvex(component: Any, purl: str | None) -> None:
    statement = {"status": "fixed", "vulnerability": "CVE-1", "products": [component]}
    (read,) = read_openvex(openvex(statement), "d")
    assert read.purls == (() if purl is None else (exact_purl(purl),))
    assert read.problem == (NO_PURL if purl is None else None)


@pytest.mark.parametrize(
    ("reader", "document", "message"),
    [
        (read_csaf, csaf() | {"vulnerabilities": {}}, "d: its vulnerabilities are no list"),
        (read_csaf, csaf({}, {}), "d: vulnerability 1: a vulnerability has a CVE or another id"),
        (read_csaf, csaf(5), "d: vulnerability 1: a vulnerability is an object"),  # type: ignore[arg-type]
        (
            read_cyclonedx,
            cyclonedx() | {"vulnerabilities": {}},
            "d: its vulnerabilities are no list",
        ),
        (read_cyclonedx, cyclonedx({}, 5), "d: vulnerability 2: a vulnerability is an object"),
        (
            read_cyclonedx,
            cyclonedx({}, {"analysis": 5}),
            "d: vulnerability 2: an analysis is an object",
        ),
        (
            read_cyclonedx,
            cyclonedx({}, {"analysis": {}}),
            "d: vulnerability 2: a vulnerability has an id",
        ),
        (
            read_openvex,
            {"statements": {}},
            "d: an OpenVEX document has a list of statements",
        ),
        (read_openvex, {"statements": [5]}, "d: statement 1: a statement is an object"),
        (
            read_openvex,
            {"statements": [{"vulnerability": " "}]},
            "d: statement 1: a statement names a vulnerability",
        ),
        (
            read_openvex,
            {"statements": [{"vulnerability": "X", "status": 5}]},
            "d: statement 1: a statement has a status",
        ),
    ],
)
def test_what_is_no_vex_document_is_refused_in_its_place(
    reader: Callable[[Any, str], object], document: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        reader(document, "d")
    assert str(caught.value) == message


def test_an_exception_of_vex() -> None:
    made = one("d: 1", True, "fixed", A, B, reason=None, author=" Ana ", moment=MOMENT)
    (entry,) = vex_exceptions([made], CEILING)
    assert entry.exception == PolicyException(
        origin=DecisionSource.VEX,
        state=State.FALSE_POSITIVE,
        source="d: 1",
        target=f"CVE-1 in {A} or {B}",
        reason="fixed",
        owner="Ana",
        created=MOMENT.date(),
    )
    other = one("e: 2", False, "affected", B, names=("cve-1",), moment=MOMENT)
    (entry,) = vex_exceptions([other, made], CEILING)
    assert isinstance(entry.scope, Scope) and entry.exception.refusal is None
    assert entry.scope.excluded_purls == (exact_purl(B),)
    assert entry.scope.advisories == (("CVE-1",),)
    # The first reason stays, and what was there before is no answer.
    unreadable = one("e: 3", False, "affected", problem="odd")
    later = one("e: 4", False, "affected", problem="odd")
    earlier = one("e: 5", False, "affected", moment=YEAR)
    (entry,) = vex_exceptions([earlier, unreadable, later, made], CEILING)
    assert entry.exception.refusal == "e: 3 says otherwise (affected)"
    (entry,) = vex_exceptions([one("d: 1", True, "fixed", problem="odd"), unreadable], CEILING)
    assert entry.scope is None
    assert entry.exception == PolicyException(
        origin=DecisionSource.VEX,
        state=State.FALSE_POSITIVE,
        source="d: 1",
        target="CVE-1 in no package",
        reason="fixed",
        refusal="odd",
    )


SNYK = """ignore:
  SNYK-1:
    - '*':
        reason: no  time
        ignoredBy: {email: a@x.org}
        created: 2026-11-01T00:00:00Z
        expires: 2026-11-30T00:00:00Z
        disregardIfFixable: true
    - a > b: {reasonType: temporary, source: cli, ignoredBy: Bo}
      '* > c':
    - d
  5:
    - '*': {reason: 5}
  SNYK-2:
    - '*': {until: x, more: y, reason: kept}
    - []
  SNYK-3: odd
exclude: {global: [a]}
patch: {SNYK-1: [a: {}]}
"""


def test_entries_of_snyk() -> None:
    def scope(name: str, path: str | None = None, unless_fixable: bool = False) -> ToolScope:
        steps = None if path is None else chain(path)
        return ToolScope(
            tool="snyk", kinds=SNYK_KINDS, name=name, chain=steps, unless_fixable=unless_fixable
        )

    def exception(line: str, target: str, **fields: Any) -> PolicyException:
        origin = DecisionSource.SCANNERS
        return PolicyException(source=f"f{line}", target=target, origin=origin, **fields)

    no_list = "cannot be understood: an id with a list of paths is expected"
    unknown = "cannot be understood: it has keys that are not known: until, more"
    assert [(e.exception, e.scope) for e in read_snyk(SNYK, CEILING, name="f")] == [
        (
            exception(
                ":3",
                "SNYK-1 of snyk",
                reason="no time",
                owner="a@x.org",
                created=datetime.date(2026, 11, 1),
                expires=datetime.date(2026, 11, 29),
            ),
            scope("SNYK-1", unless_fixable=True),
        ),
        (exception(":9", "SNYK-1 of snyk on the path a > b", owner="Bo"), scope("SNYK-1", "a > b")),
        (exception(":9", "SNYK-1 of snyk on the path * > c"), scope("SNYK-1", "* > c")),
        (exception(":11", "SNYK-1 of snyk on the path d"), scope("SNYK-1", "d")),
        (exception(":13", "5 of snyk"), scope("5")),
        (exception(":15", "SNYK-2 of snyk", reason="kept", refusal=unknown), scope("SNYK-2")),
        (exception(":16", "SNYK-2 of snyk", refusal=no_list), scope("SNYK-2")),
        (exception(":17", "SNYK-3 of snyk", refusal=no_list), scope("SNYK-3")),
        (
            exception(
                "",
                "files that exclude names",
                refusal="takes files out of the scan: that is not honoured",
            ),
            None,
        ),
        (
            exception(
                "",
                "what patch names",
                refusal="has a patch that nobody can check: that is not honoured",
            ),
            None,
        ),
    ]
    (odd,) = read_snyk("ignore: odd\n", CEILING, name="f")
    assert (odd.exception, odd.scope) == (exception(":1", "of snyk", refusal=no_list), None)
    assert read_snyk("ignore:\n", CEILING) == read_snyk("", CEILING) == []
    (own,) = read_snyk("ignore: {a: ['*']}\n", CEILING)
    assert own.exception.source == ".snyk:1"


def test_lines_of_trivy_and_gitleaks() -> None:
    def exception(line: int, target: str, **fields: Any) -> PolicyException:
        origin = DecisionSource.SCANNERS
        return PolicyException(source=f"f:{line}", target=target, origin=origin, **fields)

    read = read_trivyignore("# a\nX-1\n# b\n# c\nX-2 exp:2026-11-30\n", CEILING, name="f")
    assert [(e.exception, e.scope) for e in read] == [
        (exception(2, "X-1 of trivy", reason="a"), ToolScope(tool="trivy", name="X-1")),
        (
            exception(5, "X-2 of trivy", reason="b c", expires=datetime.date(2026, 11, 29)),
            ToolScope(tool="trivy", name="X-2"),
        ),
    ]
    read = read_gitleaksignore("# a\n# b\n./x\\y.py:k:3\n\nodd\n", CEILING, name="f")
    fingerprint = Fingerprint(uri="x/y.py", rule="k", line=3)
    assert [(e.exception, e.scope) for e in read] == [
        (
            exception(3, "leak ./x\\y.py:k:3", reason="a b", by_line=True),
            ToolScope(tool="gitleaks", kinds=frozenset({Kind.SECRET}), fingerprint=fingerprint),
        ),
        (
            exception(
                5,
                "leak odd",
                refusal="is no fingerprint (file:rule:line, with or without commit: before it)",
            ),
            None,
        ),
    ]


def test_entries_of_trivy_s_yaml() -> None:
    text = """secrets:
  - id: k
vulnerabilities:
  - {id: CVE-1, paths: [a/*], purls: [pkg:npm/a@1], statement: so, expired_at: 2026-11-30}
  - {id: CVE-2, odd: 1, paths: [b]}
licenses: []
"""
    read = read_trivyignore_yaml(text, CEILING, name="f")
    origin = DecisionSource.SCANNERS
    assert [(e.exception, e.scope) for e in read] == [
        (
            PolicyException(source="f:2", target="secret k of trivy", origin=origin),
            ToolScope(tool="trivy", kinds=frozenset({Kind.SECRET}), name="k"),
        ),
        (
            PolicyException(
                source="f:4",
                target=f"vulnerability CVE-1 of trivy in {A} at a/*",
                reason="so",
                expires=datetime.date(2026, 11, 29),
                origin=origin,
            ),
            ToolScope(
                tool="trivy",
                kinds=frozenset({Kind.VULNERABILITY}),
                name="CVE-1",
                paths=(Glob("a/*", cased=True),),
                purls=(exact_purl(A),),
            ),
        ),
        (
            PolicyException(
                source="f:5",
                target="vulnerability CVE-2 of trivy at b",
                refusal="cannot be understood: has keys that are not known: odd",
                origin=origin,
            ),
            ToolScope(tool="trivy", kinds=frozenset({Kind.VULNERABILITY}), name="CVE-2"),
        ),
    ]


def test_every_text_of_a_decision_is_masked() -> None:
    files = {
        ".snyk": {"ignore": {"SNYK-1": [{"hunter2": {"hunter2": 1, "reason": "hunter2"}}]}},
        "secagg-exceptions.yaml": {
            "decisions": [{"id": "a" * 32, "reason": "hunter2", "by": "hunter2"}]
        },
    }
    own, snyk = loaded(files, mask=lambda text: text.replace("hunter2", "***")).all()
    assert (own.target, own.reason, own.owner, own.refusal) == (
        f"problem {'a' * 32}",
        "***",
        "***",
        None,
    )
    assert (snyk.target, snyk.reason, snyk.owner) == ("SNYK-1 of snyk", "***", None)
    assert snyk.refusal == "cannot be understood: it has keys that are not known: ***"


@pytest.mark.parametrize(
    ("fields", "owner"),
    [
        ({"by": "bo", "owner": "ana"}, "bo"),
        ({"owner": "ana"}, "ana"),
        ({}, None),
    ],
)
def test_whose_a_decision_on_one_problem_is(fields: dict[str, str], owner: str | None) -> None:
    entry = {"id": "a" * 32, "reason": "a reason", **fields}
    (decision,) = loaded({"secagg-exceptions.yaml": {"decisions": [entry]}}).all()
    assert (decision.owner, decision.on_one) == (owner, True)
    wide = {"cve": "CVE-2021-1111", "expires": "2026-12-01", "created": "2026-11-01"}
    entry = {"reason": "a reason", "owner": "ana", "by": "bo", **wide}
    (decision,) = loaded({"secagg-exceptions.yaml": {"decisions": [entry]}}).all()
    assert (decision.owner, decision.on_one) == ("ana", False)


def test_gaps_that_a_policy_accepts() -> None:
    day = datetime.date(2026, 11, 1)
    end = datetime.date(2026, 12, 1)
    gap = AcceptedGap(gap=["npm", "go.mod"], reason="so", owner="ana", created=day, expires=end)
    (entry,) = policy_gaps([gap], CEILING)
    assert entry.exception == PolicyException(
        source=gap.source,
        target="the gap npm or go.mod",
        reason="so",
        owner="ana",
        created=day,
        expires=end,
    )
    assert entry.scope is not None and isinstance(entry.scope, GapScope)
    assert entry.scope.covers_gap("npm is not installed")
    assert not entry.scope.covers_gap("trivy failed")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1,\n  "a": 2}', "d.json:2:"),
        (b"{\n\n x", "d.json:3:2: "),
        (b"[1,", "d.json:1:"),
        (b"{}", "d.json: is no VEX document"),
    ],
)
def test_a_vex_file_that_cannot_be_read_is_refused_in_its_place(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded({"d.json": data}, vex=("d.json",))
    assert str(caught.value).startswith(message)
    if data == b"{}":
        assert caught.value.hint == "read are OpenVEX, CycloneDX and CSAF 2.0, in JSON"


@pytest.mark.parametrize("name", [".snyk", ".trivyignore", "secagg-exceptions.yaml"])
def test_a_file_that_is_too_large_is_named(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded({name: b"#" * (1 << 20) + b"\n"})
    assert str(caught.value) == f"{name}: larger than 1 MiB"


def test_a_later_decision_says_who_overrules_an_exception() -> None:
    at = datetime.datetime(2026, 11, 5, 8, tzinfo=datetime.UTC)

    def exception(**fields: Any) -> PolicyException:
        return PolicyException(source="e.yaml:1", target="it", **fields)

    for owner, who in (("ana", " by ana"), (None, "")):
        opened = PolicyException(
            source="store", target="it", state=State.OPEN, on_one=True, at=at, owner=owner
        )
        refusal = f"triage says open since 2026-11-05{who} (store)"
        for older in (
            {},
            {"created": at.date()},
            {"at": at},
            {"created": datetime.date(2026, 1, 1)},
        ):
            (overruled,) = in_force([opened, exception(**older)])
            assert overruled == exception(**older, refusal=refusal)
        for newer in (
            {"created": datetime.date(2026, 11, 6)},
            {"at": at + datetime.timedelta(seconds=1)},
            {"refusal": "odd"},
        ):
            assert in_force([opened, exception(**newer)]) == [exception(**newer)]


def test_an_entry_by_package_is_found_beside_one_by_another_key() -> None:
    """Each key of a row's findings is looked up, whichever entries the others have given."""
    dates = {"reason": "a reason", "owner": "ana", "created": "2026-11-01", "expires": "2026-12-01"}
    entries = [
        dates | keys
        for keys in (
            {"id": "b" * 32},
            {"cve": "CVE-2021-1111"},
            {"purl": "pkg:npm/lodash"},
            {"rule": "CVE-2021-1111"},
            {"path": "web/"},
        )
    ]
    found = loaded({"secagg-exceptions.yaml": {"exceptions": entries}})
    group = row(vulnerability("trivy", "CVE-2021-1111"), identity="b" * 32)
    assert len(found.covering(group)) == len(entries)


def test_a_component_on_an_image_has_its_own_image() -> None:
    other = "pkg:oci/other?tag=2"
    tree: dict[str, Any] = {
        "full_product_names": [product("S", SHOP), product("O", other), product("A", A)],
        "relationships": [
            {
                "full_product_name": {"product_id": "X"},
                "product_reference": "O",
                "relates_to_product_reference": "S",
            }
        ],
    }
    document = csaf({"cve": "CVE-1", "product_status": {"fixed": ["X"]}}, tree=tree)
    assert read_csaf(document, "d")[0].images == (exact_purl(other),)
    tree["relationships"][0]["full_product_name"] = product("X", "pkg:oci/third?tag=3")
    assert read_csaf(document, "d")[0].images == (exact_purl("pkg:oci/third?tag=3"),)


def test_of_two_entries_of_one_time_the_one_that_more_people_signed_counts() -> None:
    at = datetime.datetime(2026, 11, 5, 8, tzinfo=datetime.UTC)
    made = PolicyException(
        source="e.yaml:1", target="it", state=State.ACCEPTED, on_one=True, at=at, signers=("ana",)
    )
    approved = replace(made, source="e.yaml:9", signers=("ana", "kim"))
    assert in_force([made, approved]) == in_force([approved, made]) == [approved]
