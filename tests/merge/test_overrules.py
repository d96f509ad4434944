"""Overrules: a person's word outranks the rules."""

from __future__ import annotations

import datetime

import pytest

from secagg.errors import ConfigError, UsageError
from secagg.merge import Join, Split, explain, merge
from secagg.merge.overrule import read_overrules, write_overrules
from secagg.model.identity import set_identities
from tests.merge.make import code, names, secret, vulnerability

A, B = "a" * 32, "b" * 32


def test_split_parts_the_sources_and_is_shown() -> None:
    findings = [
        vulnerability("trivy", "CVE-2021-1"),
        vulnerability("snyk", "SNYK-1", "CVE-2021-1"),
        vulnerability("other", "CVE-2021-1"),
    ]
    (whole,) = merge(findings).groups
    split = Split(identity=whole.identity, reason="not the same")
    merged = merge(findings, overrules=[split])
    assert len(merged.groups) == 3
    assert whole.identity not in {group.identity for group in merged.groups}
    told = explain(merged, merged.groups[0].identity)
    assert {link.why for link in told.kept_apart} == {"split by overrule: not the same"}
    assert len(told.kept_apart) == 2


def test_split_of_one_tool_leaves_the_identity_to_the_others() -> None:
    findings = [
        vulnerability("trivy", "CVE-2021-1"),
        vulnerability("snyk", "CVE-2021-1"),
        vulnerability("other", "CVE-2021-1"),
    ]
    (whole,) = merge(findings).groups
    merged = merge(
        findings, overrules=[Split(identity=whole.identity, reason="server", apart=("snyk",))]
    )
    assert names(merged.groups) == [["other:CVE-2021-1", "trivy:CVE-2021-1"], ["snyk:CVE-2021-1"]]
    assert whole.identity in {group.identity for group in merged.groups}


def test_join_makes_one_of_two_and_keeps_the_first_identity() -> None:
    findings = [secret(value="hmac-sha256:aa"), secret(value="hmac-sha256:bb"), secret(uri="z")]
    one, two = (merge([f]).groups[0].identity for f in findings[:2])
    merged = merge(findings, overrules=[Join(identities=(one, two), reason="one key")])
    (joined,) = [group for group in merged.groups if len(group.members) == 2]
    assert joined.identity == one
    assert [r.key for r in explain(merged, one).overrules] == ["joined: one key"]
    # The link of the third, which has the first's value, leads to the joined group.
    (third,) = [group for group in merged.groups if len(group.members) == 1]
    assert third.related == (one,)


def test_joins_chain() -> None:
    findings = [secret(value=f"hmac-sha256:{n}") for n in range(3)]
    ids = [merge([f]).groups[0].identity for f in findings]
    merged = merge(
        findings,
        overrules=[
            Join(identities=(ids[0], ids[1]), reason="one"),
            Join(identities=(ids[1], ids[2]), reason="one too"),
        ],
    )
    (group,) = merged.groups
    assert len(group.members) == 3


def test_what_cannot_be_done_is_said() -> None:
    findings = [secret(), code("codeql", "r", "CWE-89")]
    one, two = (merge([f]).groups[0].identity for f in findings)
    merged = merge(
        findings,
        overrules=[
            Split(identity=A, reason="gone"),
            Split(identity=one, reason="of one"),
            Join(identities=(one, B), reason="half gone"),
            Join(identities=(one, two), reason="of two kinds"),
        ],
    )
    assert len(merged.groups) == 2
    assert len(merged.unused_overrules) == 3
    assert len(merged.warnings) == 1


def test_file_reads_and_writes() -> None:
    text = write_overrules(
        "# ours\n", Split(identity=A, reason="not one", apart=("snyk",), by="ana"), date=_DAY
    )
    text = write_overrules(text, Join(identities=(A, B), reason="one key"), date=_DAY)
    assert read_overrules(text, name="o.yaml") == [
        Split(identity=A, reason="not one", apart=("snyk",), by="ana"),
        Join(identities=(A, B), reason="one key"),
    ]
    assert read_overrules("", name="o.yaml") == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("overrules:\n  - split: abc\n    reason: why not\n", "o.yaml:2"),
        (f"overrules:\n  - split: {A}\n", "o.yaml:2"),
        (f"overrules:\n  - join: [{A}]\n    reason: why not\n", "o.yaml:2"),
        (f"overrules:\n  - split: {A}\n    join: [{A}, {B}]\n    reason: both\n", "o.yaml:2"),
        (f"overrules:\n  - split: {A}\n    reason: why\n    resaon: x\n", "o.yaml:4"),
        ("overrules: [\n", "o.yaml:2"),
        ("- a\n", "o.yaml"),
        ("version: 2\n", "o.yaml:1"),
    ],
)
def test_file_errors_say_where(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_overrules(text, name="o.yaml")
    assert str(caught.value).startswith(where)


def test_explain_takes_a_beginning_and_refuses_what_is_unclear() -> None:
    merged = merge([secret(uri=f"f{n}") for n in range(40)])
    group = merged.groups[0]
    told = explain(merged, group.identity[:12])
    assert told.group is group
    assert told.in_head is True
    assert {link.why for link in told.related} == {"the same value in another file"}
    with pytest.raises(UsageError):
        explain(merged, "")
    with pytest.raises(UsageError):
        explain(merged, "f" * 32)


def test_explain_tells_of_the_same_advisory_elsewhere() -> None:
    here = vulnerability("trivy", "CVE-2021-1", uri="a/package.json")
    there = vulnerability("trivy", "CVE-2021-1", uri="b/package.json")
    merged = merge([here, there])
    identity = merge([here]).groups[0].identity
    (link,) = explain(merged, identity).related
    assert link.group.representative.location.uri == "b/package.json"


_DAY = datetime.date(2026, 11, 23)


def test_an_overrule_names_a_group_by_any_id_that_it_goes_by() -> None:
    findings = [
        vulnerability("trivy", "CVE-2021-1", "GHSA-aaaa-aaaa-aaaa"),
        vulnerability("snyk", "GHSA-aaaa-aaaa-aaaa"),
        vulnerability("trivy", "CVE-2021-2", package="minimist"),
    ]
    set_identities(findings, None)
    whole, single = merge(findings).groups
    member = findings[1].identity
    assert member != whole.identity
    apart = merge(findings, overrules=[Split(identity=member, reason="two to us")])
    assert len(apart.groups) == 3 and not apart.unused_overrules
    one = merge(findings, overrules=[Join(identities=(member, single.identity), reason="one")])
    assert [group.identity for group in one.groups] == [member]
    both = merge(
        findings,
        overrules=[
            Split(identity=whole.identity, reason="two to us"),
            Join(identities=(whole.identity, single.identity), reason="one"),
        ],
    )
    # What was split is gone, although one of its members goes by the same id.
    assert len(both.groups) == 3 and both.unused_overrules
