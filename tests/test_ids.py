"""Ids as people give them: one resolver, whatever the command and whatever screen they come from."""

from __future__ import annotations

import pytest

from secagg import ids
from secagg.errors import UsageError
from secagg.merge import merge
from secagg.merge.groups import find_group
from secagg.model.identity import SCHEME
from tests.merge.make import vulnerability

ROW, OTHER, MEMBER = "ab12" + "0" * 28, "ab12" + "9" * 28, "cd34" + "0" * 28
ROWS = [(ROW, (ROW, MEMBER)), (OTHER, (OTHER,))]


@pytest.mark.parametrize(
    "given",
    [ROW, ROW[:6], ROW[:12], MEMBER, MEMBER[:6], f" {MEMBER.upper()} ", f"{ROW[:8]}-{ROW[8:12]}"],
)
def test_a_row_goes_by_its_own_id_and_by_those_of_its_members(given: str) -> None:
    assert ids.resolve(given, ROWS) == ROW


def test_a_row_s_own_id_outranks_the_same_id_of_another_row_s_member() -> None:
    rows = [(OTHER, (OTHER, ROW)), (ROW, (ROW,))]
    assert ids.resolve(ROW, rows) == ROW
    assert ids.resolve(ROW[:8], rows) == ROW


@pytest.mark.parametrize(
    ("given", "said", "hint"),
    [
        ("", "too short", "6 digits"),
        ("ab120", "too short", "6 digits"),
        ("ab1234", "no problem of the store goes by the id ab1234", f"did you mean {ROW}"),
        ("cd34ff", "no problem of the store goes by", f"did you mean {MEMBER}?"),
        ("ffffff", "no problem of the store goes by", "ids are in"),
        (ROW + "0", "up to 32 hexadecimal digits", "ids are in"),
        ("ghp_not_an_id", "up to 32 hexadecimal digits", "ids are in"),
    ],
)
def test_what_names_no_row_is_told_with_the_nearest_ids(given: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        ids.resolve(given, ROWS, source="the store", option="--id")
    assert caught.value.message.startswith("--id: ") and said in caught.value.message
    assert caught.value.hint is not None and hint in caught.value.hint
    assert "ghp_" not in caught.value.message + caught.value.hint


def test_several_rows_are_told_by_what_sets_them_apart() -> None:
    one, two = "abcdef1" + "0" * 25, "abcdef2" + "0" * 25
    with pytest.raises(UsageError, match="2 problems of the last scan have an id") as caught:
        ids.resolve("abcdef", [(one, ()), (two, ())])
    assert caught.value.hint == f"give more of its digits: {one}, {two}"
    with pytest.raises(UsageError, match="2 problems of the last scan share the id") as caught:
        ids.resolve(MEMBER[:10], [(one, (MEMBER,)), (two, (MEMBER,))])
    assert caught.value.hint is not None and one in caught.value.hint


def test_a_group_goes_by_what_its_report_recorded_too() -> None:
    finding = vulnerability("trivy", "CVE-2021-1", fingerprints={SCHEME: MEMBER})
    groups = merge([finding, vulnerability("trivy", "CVE-2021-2")]).groups
    assert find_group(groups, MEMBER[:8]).members == [finding]
    assert all(find_group(groups, ids.short(group.identity)) is group for group in groups)
