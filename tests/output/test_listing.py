"""Lists of findings: nothing is padded, paths and ids are whole, and nothing is obeyed."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.output import console, escape
from secagg.output.grid import CILog, Style
from secagg.output.links import page_of
from secagg.output.listing import Entry, Listing, format_listing
from secagg.output.verdict import Block, show_blocks

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=400)
ENTRIES = st.builds(
    Entry,
    id=st.just("8704d3a426"),
    severity=st.sampled_from(["critical", "low", "unknown"]),
    name=st.one_of(st.just("CVE-2021-44906"), st.text(min_size=1, max_size=40)),
    package=st.sampled_from(["", "minimist 1.2.0"]),
    place=st.sampled_from(["a.py:3", "web/package-lock.json"]),
    rest=st.sampled_from(["", "@ 0123456789"]),
    detail=TEXT,
    notes=st.lists(TEXT, max_size=2),
    fix=TEXT,
    tools=st.just(("trivy",)),
    word=st.sampled_from(["", "warns"]),
)


@given(
    st.lists(ENTRIES, max_size=4), st.sampled_from([80, 120]), st.sampled_from(list(Listing)[:2])
)
def test_lines_keep_to_the_width_and_are_obeyed_by_nothing(
    entries: list[Entry], width: int, listing: Listing
) -> None:
    text = format_listing(entries, listing, Style(width=width))
    assert escape.UNSAFE.search(text.replace("\n", "")) is None
    for line in text.split("\n"):
        # What is never cut: the place, the name with its package, and the id.
        whole = 40 + len("a.py:3 minimist 1.2.0 web/package-lock.json unknown (warns) [8704d3a426]")
        assert len(line) <= max(width, whole + 20)
    assert text.count("8704d3a426") >= len(entries)


@given(ENTRIES)
def test_a_file_gets_all_of_a_text_in_one_line_a_row(entry: Entry) -> None:
    text = format_listing([entry], Listing.CONCISE, Style())
    assert "\n" not in text
    assert escape.cell(entry.fix, escape.LONGEST_SENTENCE) in text
    assert text.endswith("[8704d3a426]")


def test_places_of_one_file_stand_together_in_the_order_of_the_worst() -> None:
    places = ["b.py:9", "a.py:1", "b.py:2", "a.py:1"]
    entries = [
        Entry(id=f"000000000{n}", severity="high", name=f"R{n}", place=place)
        for n, place in enumerate(places)
    ]
    lines = format_listing(entries, Listing.FULL, Style(width=80)).splitlines()
    assert [line for line in lines if line and line[0] != " "] == ["b.py:9", "b.py:2", "a.py:1"]
    assert [line.split()[1] for line in lines if line.startswith("  ")] == ["R0", "R2", "R1", "R3"]


def test_a_link_leads_to_the_database_of_the_advisory_and_nowhere_else() -> None:
    style = Style(width=80, colour=True, links=True)
    entry = Entry(id="8704d3a426", severity="high", name="CVE-2021-44906", place="a.py:1")
    text = format_listing([entry], Listing.FULL, style)
    assert "\x1b]8;;https://nvd.nist.gov/vuln/detail/CVE-2021-44906\x1b\\" in text
    assert console.harmless(text, colours=True) == text
    assert "\x1b" not in console.harmless(text)
    evil = style.link("x", "https://evil.example/nvd.nist.gov/vuln/detail/CVE-1")
    assert "\x1b]8;;https" not in console.harmless(evil, colours=True)


@pytest.mark.parametrize(
    ("identifier", "page"),
    [
        ("GHSA-wq7g-23rq-cjr6", "https://github.com/advisories/GHSA-wq7g-23rq-cjr6"),
        ("RUSTSEC-2021-0145", "https://rustsec.org/advisories/RUSTSEC-2021-0145.html"),
        ("SNYK-JS-LODASH-590103", "https://security.snyk.io/vuln/SNYK-JS-LODASH-590103"),
        ("CWE-079", "https://cwe.mitre.org/data/definitions/79.html"),
        ("CVE-2021-44906\x1b\\", None),
        ("python.lang.security.audit", None),
    ],
)
def test_pages_are_made_of_ids_alone(identifier: str, page: str | None) -> None:
    assert page_of(identifier) == page


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colours_go_by_what_is_asked_for(
    environ: Mapping[str, str], terminal: bool, pipe: bool
) -> None:
    assert console.colours(Terminal(), environ) is terminal
    assert console.colours(io.StringIO(), environ) is pipe


@pytest.mark.parametrize(
    ("environ", "log"),
    [
        ({}, None),
        ({"CI": "false"}, None),
        ({"CI": "true"}, CILog.OTHER),
        ({"CI": "true", "GITHUB_ACTIONS": "true"}, CILog.GITHUB),
        ({"CI": "true", "GITLAB_CI": "true"}, CILog.GITLAB),
    ],
)
def test_a_log_is_known_by_its_service(environ: Mapping[str, str], log: CILog | None) -> None:
    assert CILog.of(environ) is log
    assert Style(log=log).line == (None if log is None else 160)


def test_each_log_folds_in_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [Block(text="one"), Block(text="::error::two", fold="Tools\n::x"), Block(text="three")]
    show_blocks(blocks, Style(log=CILog.GITHUB))
    instead = "\N{REPLACEMENT CHARACTER}"
    assert capsys.readouterr().out == (
        f"one\n::group::Tools ::x\n{instead}::error::two\n::endgroup::\nthree\n"
    )
    show_blocks(blocks, Style(log=CILog.GITLAB))
    begin, end = r"\x1b\[0Ksection_start:\d+:secagg_1\[collapsed=true\]\r\x1b\[0K", "\x1b[0K"
    written = capsys.readouterr().out.split("\n")
    assert re.fullmatch(begin + f"Tools{instead}::x", written[1])
    assert written[3].startswith(f"{end}section_end:") and written[3].endswith("\r\x1b[0K")
    show_blocks(blocks, Style(width=80))
    assert capsys.readouterr().out.startswith("one\n\n")
