"""Names of files on their way to GitHub: every one that git can hold arrives as itself."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from secagg.github.deliver import Fate
from secagg.github.payload import encode_run
from secagg.github.places import decode, encode, is_reference
from secagg.github.preflight import preflight
from tests.github.fakes import delivery
from tests.github.make import given, place, result, run
from tests.standins.github_server import GitHubServer

# A part of a path as git holds it: any bytes but a slash and NUL, and neither . nor .. nor .git.
_NAME = (
    st.one_of(
        st.binary(min_size=1, max_size=40),
        st.text(min_size=1, max_size=20).map(lambda t: t.encode("utf-8", "replace")),
        st.text(alphabet='%#?: ~\\[]{}|^`"<>&=+@aA0.\n\t', min_size=1, max_size=20).map(str.encode),
        st.sampled_from(
            [
                b"100%.py",
                b"a%20b",
                b"c#",
                b"what?.py",
                b"git::x",
                b"nginx:1.2",
                b"C:",
                b"file:",
                b"file:a",
            ]
        ),
    )
    .map(lambda name: name.replace(b"/", b"").replace(b"\0", b"")[:200])
    .filter(lambda name: name.lower() not in (b"", b".", b"..", b".git"))
)
_PATH = st.lists(_NAME, min_size=1, max_size=3).map(b"/".join)
# How scanners write the name of a file.
_WRITTEN = st.sampled_from(["raw", "encoded", "file:", "absolute", "dotted"])


def _written(how: str, path: bytes, root: bytes) -> str:
    encoded = quote(path)
    return {
        "raw": os.fsdecode(path),
        "encoded": encoded,
        "file:": f"file://{quote(root)}/{encoded}",
        "absolute": os.fsdecode(root + b"/" + path),
        "dotted": f"./{encoded}",
    }[how]


@settings(max_examples=300)
@drawn(path=_PATH, how=_WRITTEN, prefix=st.sampled_from(["", "my service/"]))
def test_any_file_arrives_as_itself(path: bytes, how: str, prefix: str) -> None:
    """A file that is there is found by its name however it is written, whatever its bytes."""
    with tempfile.TemporaryDirectory() as directory:
        root = os.path.join(os.fsencode(directory), prefix.encode())
        file = os.path.join(root, path)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        Path(os.fsdecode(file)).write_bytes(b"x")
        uri = _written(how, path, root.rstrip(b"/"))
        plan = preflight(
            given(run([result(locations=[place(uri)])])),
            root=Path(os.fsdecode(root)),
            prefix=prefix,
        )
        sent = plan.parts[0].run["results"][0]["locations"][0]["physicalLocation"]
        assert unquote_to_bytes(sent["artifactLocation"]["uri"]) == prefix.encode() + path
        assert is_reference(sent["artifactLocation"]["uri"])


@drawn(path=_PATH)
def test_encoding_is_turned_back_by_decoding(path: bytes) -> None:
    name = os.fsdecode(path)
    assert decode(encode(name)) == name and is_reference(encode(name))


@settings(max_examples=100)
@drawn(uris=st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_whatever_is_written_sinks_no_other_result(uris: list[str]) -> None:
    """GitHub refuses nothing: a URI is mended, or its result left out by name."""
    found = [
        result(n, locations=[place(uri)], relatedLocations=[place(uri)])
        for n, uri in enumerate([*uris, "src/good.py"], 1)
    ]
    plan = preflight(given(run(found)))
    with GitHubServer(looks=0) as server:
        done = delivery(server).deliver(plan)
    assert [sent.fate for sent in done.sent] == [Fate.UPLOADED]
    assert plan.sent + plan.tally.left_out_count == len(found)


@pytest.mark.parametrize(
    "uri",
    [
        "100%.py",
        "a b.py",
        "c#/x.cs",
        "what?.py",
        "foo:bar.py",
        "/a.py",
        "a\\b",
        "é.py",
        "a//b c",
        "",
    ],
)
def test_the_stand_in_refuses_what_is_no_relative_path(uri: str) -> None:
    plan = preflight(given(run([result(1), result(2)])))
    bad: dict[str, Any] = plan.parts[0].run["results"][1]["locations"][0]["physicalLocation"]
    bad["artifactLocation"]["uri"] = uri
    plan.parts[0].encoded = encode_run(plan.parts[0].run)
    with GitHubServer(looks=0) as server:
        (sent,) = delivery(server).deliver(plan).sent
        assert sent.fate is Fate.FAILED and server.alerts == []


def _checkout(tmp_path: Path) -> Path:
    top = tmp_path / "shop"
    (top / "src").mkdir(parents=True)
    (top / "src" / "a.py").write_text("x")
    (top / "service").mkdir()
    (tmp_path / "outside.py").write_text("x")
    for name, goal in {
        "link.py": "src/a.py",
        "dir": "src",
        "service/up.py": "../src/a.py",
        "away.py": "../outside.py",
        "circle": "circle",
    }.items():
        (top / name).symlink_to(goal)
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    return top


@pytest.mark.parametrize(
    ("root", "written", "sent"),
    [
        ("", "link.py", "src/a.py"),
        ("", "dir/a.py", "src/a.py"),
        ("service/", "up.py", "src/a.py"),
        ("service/", "../src/a.py", "src/a.py"),
        ("service/", "../gone/a.py", "gone/a.py"),
        ("service/", "../../outside.py", "outside.py"),
        # Where a link leads out of the repository, it is the link that git has.
        ("", "away.py", "away.py"),
        ("", "circle", "circle"),
        ("", "src/a.py#L12", "src/a.py"),
        ("", "gone.py#L12-L14", "gone.py"),
    ],
)
def test_git_has_nothing_behind_a_link(tmp_path: Path, root: str, written: str, sent: str) -> None:
    top = _checkout(tmp_path)
    plan = preflight(given(run([result(locations=[place(written)])])), root=top / root, prefix=root)
    where = plan.parts[0].run["results"][0]["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("git::https:/github.com/acme/m?ref=v1/net/main.tf", "github.com/acme/m/net/main.tf"),
        ("git::https://github.com/acme/m.git?ref=v2//net/main.tf", "github.com/acme/m/net/main.tf"),
        ("git::ssh://git@github.com/acme/m?ref=v1&depth=1/main.tf", "github.com/acme/m/main.tf"),
        ("git::git@github.com:acme/m.git?ref=v1/main.tf", "github.com/acme/m/main.tf"),
        ("https://github.com/acme/m?ref=v1/main.tf", "github.com/acme/m/main.tf"),
    ],
)
def test_module_is_named_without_its_version(written: str, sent: str) -> None:
    plan = preflight(given(run([result(locations=[place(written)])])))
    where = plan.parts[0].run["results"][0]["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == sent
