"""What people read of each sort of entry: what it covers, why, whose it is, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.decisions import AllExceptions
from secagg.policy.decision import PolicyException
from tests.decisions.make import TODAY, loaded, row
from tests.decisions.test_vex import LODASH, analysed, cyclonedx, openvex, read, statement
from tests.merge.make import secret

COMMIT = "8882f65768542c501a898f555e0baa8b4fe651c6"
GITLEAKS = f"""# a test
# fixture
{COMMIT}:app/a.py:aws-key:3
./b.py:k:7
a.py
{COMMIT[:12]}:a.py:k:3
a.py:k:x
a.py:k:1234567890
:k:1
a.py::1
"""
TRIVY = """# why
CVE-2021-1 exp:2026-12-31 # said
CVE-*
CVE-2021-2 exp:soon

CVE-2021-3
"""
WIDE = {
    "id": "a" * 32,
    "cve": "CVE-2021-1111",
    "ghsa": "GHSA-aaaa-bbbb-cccc",
    "advisory": "OSV-1",
    "purl": ["pkg:npm/a", "pkg:npm/b"],
    "rule": ["x", "y"],
    "tool": "codeql",
    "path": ["a/", "b/"],
}
NO_END = "has no expiry date, and the policy wants one of every exception"


def own(*entries: dict[str, Any]) -> dict[str, Any]:
    head = {
        "reason": "the reason",
        "owner": "ana",
        "created": "2026-11-01",
        "expires": "2026-12-01",
    }
    given = [{k: v for k, v in (head | entry).items() if v is not None} for entry in entries]
    return {"secagg-exceptions.yaml": {"exceptions": given}}


def targets(found: AllExceptions) -> list[str]:
    return [exception.target for exception in found.all()]


def refusals(found: AllExceptions) -> list[str | None]:
    return [exception.refusal for exception in found.all()]


def words(exception: PolicyException) -> tuple[str | None, ...]:
    days = [str(day) if day else None for day in (exception.created, exception.expires)]
    return (exception.reason, exception.owner, *days)


def test_gitleaks() -> None:
    found = loaded({".gitleaksignore": GITLEAKS})
    assert targets(found)[:3] == [
        f"leak {COMMIT}:app/a.py:aws-key:3",
        "leak ./b.py:k:7",
        "leak a.py",
    ]
    assert words(found.all()[0]) == ("a test fixture", None, None, None)
    assert words(found.all()[1]) == (None,) * 4
    assert refusals(found) == [
        None,
        None,
        "is no fingerprint (file:rule:line, with or without commit: before it)",
        "names no whole commit, so that Gitleaks would not honour it either",
        "ends in no line number",
        "ends in no line number",
        "names no file or no rule",
        "names no file or no rule",
    ]
    assert [e.source for e in found.all()] == [f".gitleaksignore:{n}" for n in range(3, 11)]
    assert refusals(loaded({".gitleaksignore": GITLEAKS}, ceiling_for_all=True))[:2] == [NO_END] * 2


def test_trivy() -> None:
    found = loaded({".trivyignore": TRIVY})
    named = ("CVE-2021-1", "CVE-*", "CVE-2021-2", "CVE-2021-3")
    assert targets(found) == [f"{name} of trivy" for name in named]
    assert [words(e) for e in found.all()] == [
        ("said", None, None, "2026-12-30"),
        ("why", None, None, None),
        ("why", None, None, None),
        (None,) * 4,
    ]
    wild = "cannot be understood: an id is expected, in which wildcards have no meaning"
    date = "has an expiry date that is none (exp:YYYY-MM-DD is expected)"
    assert refusals(found) == [None, wild, date, None]
    strict = loaded({".trivyignore": TRIVY}, ceiling_for_all=True)
    assert refusals(strict) == [None, wild, date, NO_END]


def test_trivy_s_yaml() -> None:
    entries = [
        {
            "id": "CVE-2021-1",
            "paths": ["a", "b/**"],
            "purls": ["pkg:npm/a@1", "pkg:npm/b"],
            "statement": "no\nroute",
            "expired_at": "2026-12-31",
        },
        {"id": "CVE-2021-2", "more": 1, "less": 2},
    ]
    file = {".trivyignore.yaml": {"vulnerabilities": entries, "secrets": [{"id": "k"}]}}
    found = loaded(file)
    assert targets(found) == [
        "vulnerability CVE-2021-1 of trivy in pkg:npm/a@1 or pkg:npm/b at a or b/**",
        "vulnerability CVE-2021-2 of trivy",
        "secret k of trivy",
    ]
    assert words(found.all()[0]) == ("no route", None, None, "2026-12-30")
    unknown = "cannot be understood: has keys that are not known: more, less"
    assert refusals(found) == [None, unknown, None]
    assert refusals(loaded(file, ceiling_for_all=True)) == [None, unknown, NO_END]


def test_our_own() -> None:
    found = loaded(own(WIDE, {"gap": ["npm", "go.mod"]}))
    assert targets(found) == [
        f"problem {'a' * 32} CVE-2021-1111 and GHSA-aaaa-bbbb-cccc and OSV-1 rule x or y of codeql "
        "in pkg:npm/a or pkg:npm/b at a/ or b/",
        "the gap npm or go.mod",
    ]
    assert words(found.all()[0]) == ("the reason", "ana", "2026-11-01", "2026-12-01")
    dated = loaded(
        own(
            {"rule": "x", "created": None},
            {"rule": "x", "created": str(TODAY)},
            {"rule": "x", "created": "2026-11-24"},
            {"rule": "x", "expires": "2027-01-30"},
            {"rule": "x", "expires": "2027-01-31"},
        )
    )
    assert refusals(dated) == [
        "does not say when it was created",
        None,
        "is dated in the future (created 2026-11-24)",
        None,
        "expires 2027-01-31, 91 days after it was created; the policy allows 90",
    ]


@pytest.mark.parametrize("for_all", [False, True])
def test_cyclonedx(for_all: bool) -> None:
    first = {"state": "resolved", "firstIssued": "2026-02-03T00:00:00Z"}
    last = first | {"lastUpdated": "2026-04-03T00:00:00Z"}
    ranged = [{"ref": "l", "versions": [{"range": "x"}]}]
    document = cyclonedx(
        analysed(analysis=first),
        analysed(analysis=last, affects=[{"ref": "gone"}]),
        analysed(affects=ranged),
        components=["odd", 5, {"bom-ref": "l", "purl": LODASH}],
    )
    found = read(document, ceiling_for_all=for_all)
    names = "CVE-2021-1111 or GHSA-AAAA-BBBB-CCCC"
    assert targets(found) == [f"{names} in {LODASH}", *[f"{names} in no package"] * 2]
    assert [words(e) for e in found.all()] == [
        ("resolved", "ana@x.org", "2026-02-03", None),
        ("resolved", "ana@x.org", "2026-04-03", None),
        ("code_not_reachable: not called", "ana@x.org", "2026-01-01", None),
    ]
    assert refusals(found) == [
        NO_END if for_all else None,
        "refers to a component that has no purl here",
        "names versions, and none of them alone as unaffected",
    ]


def test_what_cannot_be_read_speaks_against_an_analysis() -> None:
    silent = analysed()
    for against in (analysed(analysis={"detail": "x"}), analysed("exploitable")):
        status = against["analysis"].get("state", "no state")
        (covered,) = read(cyclonedx(silent, against)).all()
        # It is about the same package: that package is taken back, and nothing else refused.
        assert covered.refusal is None
        (refused,) = read(cyclonedx(silent, against | {"affects": [{"ref": "gone"}]})).all()
        assert refused.refusal == f"0.json: vulnerability 2 says otherwise ({status})"


def test_openvex() -> None:
    document = openvex(
        statement(products=["x", {"@id": "pkg:npm/a@"}]),
        statement(supplier="Bo", impact_statement=None),
        statement(justification=None, impact_statement=None, status_notes="n"),
        statement(products=[{"@id": "pkg:npm/a@"}]),
    )
    assert refusals(read(document)) == [
        "names a product that is no package (it has no purl)",
        None,
        "says not_affected without a justification or impact_statement",
        "has a purl that cannot be read: the purl ends in an empty name or version",
    ]
    assert words(read(document).all()[1]) == (
        "vulnerable_code_not_in_execute_path",
        "Bo",
        "2026-01-09",
        None,
    )


def test_what_an_exception_leaves_of_a_row_is_said() -> None:
    here, then = secret("gitleaks"), secret("gitleaks", commit=COMMIT)
    hog = secret("trufflehog", detector="AWS")
    found = loaded({".gitleaksignore": f"{COMMIT}:app/config.py:aws-access-token:3\n"})
    assert found.covering(row(here, then, hog)) == []
    (sentence,) = found.partial().values()
    assert sentence == (
        f".gitleaksignore:1 (leak {COMMIT}:app/config.py:aws-access-token:3) covers 1 of 3 "
        "sightings; the problem still counts for what it does not name: gitleaks at app/config.py:3 "
        "in the work tree, trufflehog at app/config.py:3 in the work tree"
    )
