"""What is said at length waits compressed, and is said as before."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secagg.finding import Finding, Kind, Location, Package, Rating, Rule, SarifOrigin, Severity
from secagg.packing import Packed, pack
from secagg.redact import Redactor, Secret
from secagg.sharing import Stowing, share
from secagg.stowing import as_held, stow, waiting_json

_TEXTS = st.text(st.sampled_from('a\0"\\\n\u00e9\ud800\U0001f511'), max_size=20)
_RULES = st.builds(
    Rule,
    id=st.just("R1"),
    full_description=st.none() | _TEXTS,
    help_text=st.none() | _TEXTS,
    help_markdown=st.none() | _TEXTS,
    help_uri=st.none() | _TEXTS,
)
_FINDINGS = st.builds(
    Finding,
    tool=st.just("trivy"),
    kind=st.just(Kind.CODE),
    rule_id=st.just("R1"),
    severity=st.just(Severity.HIGH),
    title=_TEXTS,
    message=_TEXTS,
    references=st.lists(_TEXTS, max_size=3).map(tuple),
    fingerprints=st.dictionaries(_TEXTS, _TEXTS, max_size=2),
    rule=st.none() | _RULES,
    sarif=st.none()
    | st.builds(SarifOrigin, run=st.just({}), result=st.dictionaries(_TEXTS, _TEXTS, max_size=2)),
)


def said(finding: Finding) -> dict[str, Any]:
    """All that ``finding`` says, in values of its own."""
    values = {field.name: getattr(finding, field.name) for field in fields(Finding)}
    rule, origin = finding.rule, finding.sarif
    values["rule"] = None if rule is None else [getattr(rule, f.name) for f in fields(Rule)]
    values["sarif"] = None if origin is None else origin.result
    return values


@given(st.lists(_FINDINGS, max_size=40))
def test_findings_say_the_same_whether_they_wait_or_not(findings: list[Finding]) -> None:
    before = [said(finding) for finding in findings]
    gathered = Stowing()
    for finding in findings:
        gathered.append(finding)
    for _ in range(2):
        gathered.stow()
        assert [said(finding) for finding in gathered] == before
        assert [said(finding) for finding in reversed(gathered)] == before[::-1]
    for finding in gathered:
        full = any((finding.message, finding.references, finding.fingerprints))
        assert (waiting_json(finding) is not None) == full
        assert finding.sarif is None or finding.sarif.waits


@given(st.lists(_TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")), max_size=40))
def test_packed_texts_are_the_texts(texts: list[bytes]) -> None:
    texts = [text.replace(b"\0", b"") for text in texts]
    assert [packed.json for packed in pack(texts)] == texts


def test_many_findings_wait_while_others_are_read() -> None:
    gathered = Stowing()
    for number in range(3000):
        gathered.append(_vulnerability(number))
    assert [waiting_json(finding) is not None for finding in gathered].count(True) == 2048


def test_a_field_can_be_set_while_the_others_wait() -> None:
    finding = _vulnerability(1)
    stow([finding])
    finding.references = ("https://example.org/2",)
    assert finding.message == "message 1" and finding.references == ("https://example.org/2",)
    assert waiting_json(finding) is None
    stow([finding])
    copy = replace(finding, title="another")
    assert (copy.message, copy.references) == (finding.message, finding.references)
    held = [getattr(finding, as_held(Finding, field.name)) for field in fields(Finding)]
    assert [type(value) for value in held].count(Packed) == 2


def test_a_value_learned_later_is_taken_out_of_what_waits() -> None:
    redactor = Redactor(b"key")
    value = "Zx81-canary\u00e9\n-4711-waits"
    rule = Rule(id="R1", help_markdown=f"as in {value}", full_description="of no value")
    origin = SarifOrigin(run={}, result={"message": {"text": f"found {value}"}})
    leaking = replace(
        _vulnerability(1),
        message=f"it says {value}",
        references=(f"https://example.org/{value}",),
        fingerprints={"theirs": value},
        rule=rule,
        sarif=origin,
    )
    gathered = Stowing()
    for number in range(40):
        gathered.append(leaking if number == 20 else _vulnerability(number))
    gathered.stow()
    redactor.identify(Secret(value))

    class Report:
        findings = gathered
        runs = gaps = problems = ()

    redactor.scrub_reports([Report()])  # type: ignore[list-item]
    for text in (str(said(leaking)), str(said(gathered[19]))):
        assert "Zx81" not in text and "4711" not in text
    assert rule.full_description == "of no value" and leaking.message.startswith("it says ")
    assert gathered[19].message == "message 19"


def test_equal_values_are_one_object_and_keep_what_they_say() -> None:
    findings = [_vulnerability(number % 2) for number in range(6)]
    findings[3].ratings = (Rating(source="nvd", severity=Severity.HIGH, score=7),)
    before = [repr(finding) for finding in findings]
    share(findings, {})
    assert [repr(finding) for finding in findings] == before
    assert findings[0].ratings is findings[2].ratings
    assert findings[1].ratings is not findings[3].ratings, "7 is not written like 7.0"
    assert findings[0].location is findings[4].location
    assert findings[0].location is not findings[1].location


def test_places_on_lines_stay_apart() -> None:
    findings = [_vulnerability(0), _vulnerability(0)]
    for finding in findings:
        finding.location = Location(uri="a", start_line=3)
    share(findings, {})
    assert findings[0].location is not findings[1].location


def _vulnerability(number: int) -> Finding:
    return Finding(
        tool="trivy",
        kind=Kind.VULNERABILITY,
        rule_id=f"CVE-2021-{number}",
        severity=Severity.HIGH,
        title="title",
        message=f"message {number}",
        ratings=(Rating(source="nvd", severity=Severity.HIGH, score=7.0),),
        location=Location(uri=f"web/{number}/package-lock.json"),
        package=Package(type="npm", name="left-pad"),
        references=(f"https://example.org/{number}",),
    )
