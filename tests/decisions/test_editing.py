"""Edits of secagg-exceptions.yaml leave everything else as it stands."""

from __future__ import annotations

import datetime
import difflib
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from secagg.decisions.ownedit import added, removed
from secagg.decisions.ownfile import parse_file
from secagg.errors import ConfigError

TEXT = """# Reviewed by @org/security
version: 1   # the only one

exceptions:
# the lookup is gone
- cve: CVE-2021-44228   # log4shell
  path: [engine/, "*.lock"]
  reason: |
    removed at build time
    # not a comment
  owner: 'ana'
  created: 2026-11-01
  expires: 2026-12-01

# generated code
# is not ours
- rule: 'x/*'
  reason: "a text that is longer than eighty characters, so that a careless dump would fold it into two lines"
  owner: ana   # left the team
  created: 2026-11-01
  expires: 2026-12-01
# a fixture
- {path: tests/, reason: abc, owner: bo, created: 2026-11-01, expires: 2026-12-01}

# the end
"""
VALUES: dict[str, Any] = {
    "purl": ["pkg:npm/a", "pkg:npm/b@1.*"],
    "reason": "it: is # odd\nand \x85 'quoted'",
    "owner": "@org/team",
    "created": datetime.date(2026, 11, 23),
    "expires": datetime.date(2026, 12, 23),
}


def test_adding_changes_no_line_that_was_there() -> None:
    after, (entry,) = added(TEXT, [VALUES])
    changes = list(difflib.ndiff(TEXT.splitlines(), after.splitlines()))
    assert not [line for line in changes if line.startswith("- ")]
    assert entry.reason == VALUES["reason"]
    assert entry.line == after.splitlines().index("- purl:") + 1
    assert len(parse_file(after).entries) == 4


@pytest.mark.parametrize(
    "text", ["", "# mine\n", "version: 1\n", "exceptions:\n", "exceptions: []\n"]
)
def test_adding_to_an_empty_file(text: str) -> None:
    after, (entry,) = added(text, [VALUES])
    assert "# mine" not in text or "# mine" in after
    assert [e.model_dump() for e in parse_file(after).entries] == [entry.model_dump()]
    assert "  - purl:" in after


def test_adding_keeps_the_indentation_of_the_file() -> None:
    indented = "exceptions:\n    - cve: CVE-2021-1111\n      reason: abc\n      owner: a\n      expires: 2026-12-01\n"
    after, _ = added(indented, [VALUES])
    assert after.startswith(indented)
    assert "\n    - purl:\n" in after


def test_removing_takes_an_entry_with_its_own_comments() -> None:
    after = removed(TEXT, [1])
    assert after == TEXT[: TEXT.index("# generated")] + TEXT[TEXT.index("# a fixture") :]
    assert removed(TEXT, [0]).startswith(
        "# Reviewed by @org/security\nversion: 1   # the only one\n\nexceptions:\n\n# generated code\n"
    )
    assert removed(TEXT, [2]) == TEXT[: TEXT.index("# a fixture")] + "\n# the end\n"


def test_removing_all_leaves_an_empty_list() -> None:
    after = removed(TEXT, [0, 1, 2])
    assert parse_file(after).entries == []
    assert after.startswith("# Reviewed") and after.endswith("# the end\n")


def test_flow_style_is_edited_too() -> None:
    one = "{cve: CVE-2021-1111, reason: abc, owner: a, expires: 2026-12-01}"
    other = one.replace("1111", "2222")
    after = removed(f"exceptions: [{one}, {other}]\n", [0])
    assert [e.cve for e in parse_file(after).entries] == ["CVE-2021-2222"]


@pytest.mark.parametrize(
    "edit", [lambda text: added(text, [VALUES])[0], lambda text: removed(text, [0])]
)
def test_a_file_with_a_mistake_is_not_edited(edit: Any) -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        edit(TEXT.replace("cve:", "cvee:"))


def test_an_entry_that_cannot_be_read_back_is_not_written() -> None:
    with pytest.raises(ConfigError):
        added(TEXT, [VALUES | {"expires": "soon"}])


_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=3, max_size=60
).filter(lambda text: len(text.strip()) >= 3)


@settings(max_examples=150, deadline=None)
@given(reasons=st.lists(_texts, min_size=1, max_size=4), gone=st.sets(st.integers(0, 6)))
def test_what_is_added_is_read_back_and_what_is_removed_is_gone(
    reasons: list[str], gone: set[int]
) -> None:
    text = TEXT
    for reason in reasons:
        text, (entry,) = added(text, [VALUES | {"reason": reason}])
        assert entry.reason == reason.strip()
    entries = parse_file(text).entries
    numbers = {number for number in gone if number < len(entries)}
    left = parse_file(removed(text, numbers)).entries
    assert [e.reason for e in left] == [
        e.reason for number, e in enumerate(entries) if number not in numbers
    ]
