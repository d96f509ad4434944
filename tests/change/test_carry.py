"""Problems that are known again keep the id that an earlier scan gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from secagg.change.baseline import compare
from secagg.change.model import Diff, FileChange, FileStatus
from secagg.merge import known_as, merge
from secagg.merge.groups import Group
from secagg.model.finding import Finding, SecretSighting
from secagg.pipeline.recognize import carry_identities
from tests.merge.make import code, misconfiguration, secret, vulnerability


def _carried(
    before: Sequence[Finding], now: Sequence[Finding], diff: Diff | None = None
) -> tuple[list[Group], list[Group]]:
    old, merged = merge(before), merge(now)
    carry_identities(merged.groups, compare(merged, old.groups, diff), old.groups)
    return old.groups, merged.groups


def _by_version(groups: Sequence[Group]) -> dict[str | None, Group]:
    return {g.representative.package.version: g for g in groups if g.representative.package}


def _vulnerable(**said: Any) -> Finding:
    return vulnerability("trivy", "CVE-2019-10744", **said)


def _keyed(value: str, key: str, line: int = 3) -> Finding:
    found = secret(value=value, line=line)
    found.secret = SecretSighting(id=value, detector="aws-access-token", key=key)
    return found


def test_each_version_keeps_its_id_when_another_goes() -> None:
    """The id that is worked out for what is left is that of the version that went."""
    both = [_vulnerable(version="4.17.4"), _vulnerable(version="4.17.11")]
    old, now = _carried(both, [_vulnerable(version="4.17.11")])
    before, (left,) = _by_version(old), now
    assert left.identity == before["4.17.11"].identity
    assert before["4.17.4"].identity not in known_as(left)


def test_each_version_keeps_its_id_when_another_comes() -> None:
    both = [_vulnerable(version="4.17.4"), _vulnerable(version="4.17.11")]
    (only,), now = _carried([_vulnerable(version="4.17.11")], both)
    after = _by_version(now)
    assert after["4.17.11"].identity == only.identity
    assert after["4.17.4"].identity != only.identity
    assert only.identity not in known_as(after["4.17.4"])


def test_an_upgrade_that_does_not_help_is_the_same_problem() -> None:
    (old,), (now,) = _carried([_vulnerable(version="1.0")], [_vulnerable(version="1.1")])
    assert now.identity == old.identity


def test_a_file_that_moved_keeps_its_ids_and_a_new_one_in_its_place_has_none_of_them() -> None:
    moved = FileChange(path="lib/db.py", status=FileStatus.RENAMED, old_path="app/db.py")
    added = FileChange(path="app/db.py", status=FileStatus.ADDED, whole=True)
    diff = Diff(
        base="b",
        head="h",
        files={moved.path: moved, added.path: added},
        renames={"app/db.py": "lib/db.py"},
    )
    now = [code(uri="lib/db.py", line_hash="a:1"), code(uri="app/db.py", line_hash="a:1")]
    (old,), groups = _carried([code(line_hash="a:1")], now, diff)
    places = {group.representative.location.uri: group for group in groups}
    assert places["lib/db.py"].identity == old.identity
    assert old.identity not in known_as(places["app/db.py"])
    assert len({group.identity for group in groups}) == 2


def test_secrets_are_known_again_under_another_key() -> None:
    before = [_keyed("hmac-sha256:a1", "k1", 3), _keyed("hmac-sha256:a2", "k1", 9)]
    now = [_keyed("hmac-sha256:b2", "k2", 9), _keyed("hmac-sha256:b1", "k2", 3)]
    old, groups = _carried(before, now)
    lines = {g.representative.location.start_line: g.identity for g in old}
    assert {g.representative.location.start_line: g.identity for g in groups} == lines


@pytest.mark.parametrize("key", ["k1", None])
def test_another_value_under_the_same_key_is_another_secret(key: str | None) -> None:
    before, now = _keyed("hmac-sha256:a1", "k1"), _keyed("hmac-sha256:b1", "k1")
    assert now.secret is not None
    now.secret.key = key
    (old,), (new,) = _carried([before], [now])
    assert new.identity != old.identity


def test_a_check_of_another_tool_is_known_by_the_file_where_one_names_no_resource() -> None:
    before = misconfiguration("checkov", "CKV_AWS_21", uri="main.tf", line=1)
    named = misconfiguration("trivy", "AWS-0090", uri="main.tf", line=1, resource="bucket.logs")
    other = misconfiguration("trivy", "AWS-0090", uri="main.tf", line=9, resource="bucket.data")
    (old,), (now,) = _carried([before], [named])
    assert now.identity == old.identity
    # Of two resources nobody knows which one it was.
    (old,), groups = _carried([before], [named, other])
    assert old.identity not in {group.identity for group in groups}
    # Two that are named are told apart.
    (old,), (now,) = _carried([named], [other])
    assert now.identity != old.identity


def test_a_jar_that_names_its_version_is_the_same_place() -> None:
    before = _vulnerable(uri="lib/log4j-core-2.14.0.jar", kind="maven", version="2.14.0")
    now = _vulnerable(uri="lib/log4j-core-2.14.1.jar", kind="maven", version="2.14.1")
    (old,), (new,) = _carried([before], [now])
    assert new.identity == old.identity
