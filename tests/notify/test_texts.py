"""Untrusted text in a message: it mentions nobody, links nowhere and is no markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.notify.texts import MENTION_BREAK, TextFormat, link, literal

HOSTILE = st.lists(
    st.sampled_from(
        [
            *("@channel", "<!here>", "<@U123>", "<#C1|x>", "@everyone", "@all", "<at>Ada</at>"),
            *("https://evil.example/x", "www.evil.example", "mailto:a@evil.example", "evil.com"),
            *("[click](http://evil.example)", "<https://evil.example|click>", "[x](/y)"),
            *("<b>", "</p>", "&lt;", "*", "_", "`", "~~", "|", "\\", "# ", "- ", "> ", "\n", " "),
            *("lodash", "web/app.py:3", "List<String>", "\u202e", "\u200b"),
        ]
    )
).map("".join)


@given(HOSTILE | st.text(), st.sampled_from(TextFormat))
def test_nothing_is_mentioned_linked_or_marked_up(text: str, form: TextFormat) -> None:
    shown = literal(text, form)
    assert "\n" not in shown
    assert re.search(r"@\w", shown) is None
    assert "://" not in shown
    assert re.search(r"www\.|mailto:", shown, re.IGNORECASE) is None
    assert "](" not in shown.replace("\\]", "")
    assert "<" not in shown


@pytest.mark.parametrize(
    ("text", "form", "shown"),
    [
        ("@babel/core 7.1", TextFormat.TEXT, f"@{MENTION_BREAK}babel/core 7.1"),
        ("see https://evil.example", TextFormat.TEXT, "see https[:]//evil.example"),
        ("log in at evil.com now", TextFormat.TEXT, "log in at evil[.]com now"),
        ("web/app.io/main.py:3", TextFormat.TEXT, "web/app[.]io/main.py:3"),
        ("org.apache.commons next.js System.Net", TextFormat.TEXT, None),
        ("List<String>", TextFormat.TEXT, "List\u2039String\u203a"),
        ("List<String> & co", TextFormat.HTML, "List&lt;String&gt; &amp; co"),
        ("a*b snake_case _x_", TextFormat.MARKDOWN, "a\\*b snake_case \\_x\\_"),
        ("# no heading", TextFormat.MARKDOWN, "\\# no heading"),
        ("[a](b)", TextFormat.TEXT, "[a] (b)"),
    ],
)
def test_texts_stay_readable(text: str, form: TextFormat, shown: str | None) -> None:
    assert literal(text, form) == (text if shown is None else shown)


def test_links_are_written_in_each_format() -> None:
    page = "https://nvd.nist.gov/vuln/detail/CVE-2026-0001"
    assert link("CVE-2026-0001", page, TextFormat.TEXT) == "CVE-2026-0001"
    assert link("CVE-2026-0001", page, TextFormat.MARKDOWN) == f"[CVE-2026-0001]({page})"
    assert link("CVE-2026-0001", page, TextFormat.HTML) == f'<a href="{page}">CVE-2026-0001</a>'
