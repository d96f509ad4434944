"""Names that may hold a secret: real for the judge, masked for the reader, never two as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.model.finding import Finding, Kind, Location, Severity
from secagg.pipeline.assemble import DisplayPaths
from secagg.secrets.names import is_name
from secagg.secrets.redactor import Redactor, Secret

TOKEN = "ghp_" + "Zq9" * 12
VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"


def redactor(tree: Path | None = None, *values: str) -> Redactor:
    made = Redactor(b"a key of a test", tree)
    for value in values:
        made.identify(Secret(value))
    return made


@pytest.mark.parametrize(
    "text",
    ["left-pad", "B105", "services/payments", "python.exec", "qx7hzorp-eu9k-b2", "log4j-core"],
)
def test_what_people_call_things_is_a_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", [VALUE, TOKEN, "a81f3c9e2b7d4455a81f", "x" * 300])
def test_what_a_generator_made_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("value", ["deploy", "services/payments", "qx7hzorp-eu9k-b2", "payments"])
def test_a_path_of_the_tree_is_no_secret(tmp_path: Path, value: str) -> None:
    path = f"services/payments/{value}/app.py"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    made = redactor(tmp_path, value)
    assert made.shown_path(path) == path
    assert made.shown_path(f"{tmp_path}/{path}") == f"{tmp_path}/{path}"
    assert made.shown_path(f"file://{tmp_path}/{path}") == f"file://{tmp_path}/{path}"


def test_a_file_named_by_a_secret_is_shown_by_its_id(tmp_path: Path) -> None:
    for name in (f"keys/{VALUE}.pem", f"keys/{TOKEN}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    made = redactor(tmp_path, VALUE)
    shown = [made.shown_path(f"keys/{VALUE}.pem"), made.shown_path(f"keys/{TOKEN}")]
    assert not any(secret in name for secret in (VALUE, TOKEN) for name in shown)
    assert shown[0].startswith("keys/[redacted-")
    assert shown[0].endswith(".pem")
    assert [made.real_path(name) for name in shown] == [f"keys/{VALUE}.pem", f"keys/{TOKEN}"]
    # Whoever reads the report later finds the file by its form.
    assert redactor(tmp_path).real_path(shown[1]) == f"keys/{TOKEN}"
    assert redactor().real_path(shown[1]) == shown[1]


def test_what_is_not_in_the_tree_is_shown_by_its_id() -> None:
    made = redactor(None, "deploy")
    assert made.shown_path("deploy/x.py") != "deploy/x.py"
    assert made.real_path(made.shown_path("deploy/x.py")) == "deploy/x.py"


@given(st.lists(st.text("ab/", min_size=1, max_size=8), min_size=2, max_size=6, unique=True))
def test_two_names_never_become_one(names: list[str]) -> None:
    made = redactor(None, *(f"{VALUE}{name}" for name in names))
    paths = [f"x/{VALUE}{name}" for name in names]
    shown = [made.shown_path(path) for path in paths]
    assert len(set(shown)) == len(paths)
    assert [made.real_path(path) for path in shown] == paths
    assert [made.shown_path(path) for path in shown] == shown


def test_an_address_with_credentials_is_no_path() -> None:
    made = redactor()
    for text in ("https://bot:{}@git.example/x", "see HTTPS://{}@git.example"):
        shown = made.shown_path(text.format(TOKEN))
        # It names no file that anybody looks for, so it has no id.
        assert TOKEN not in shown and "[redacted]" in shown
        assert made.real_path(shown) == shown


def test_words_of_a_report_are_left_where_they_are_words() -> None:
    """A password called like a severity or a package does not change what is judged."""
    made = redactor(None, "CRITICAL", "requests", "python.exec", "locations", VALUE)
    entry = {
        "Severity": "CRITICAL",
        "PkgName": "requests",
        "ruleId": "python.exec",
        "locations": [],
        "message": {"text": "the password is requests"},
        "tags": ["requests", VALUE],
    }
    masked = made.mask_json(entry)
    assert {key: masked[key] for key in entry if key not in ("message", "tags")} == {
        "Severity": "CRITICAL",
        "PkgName": "requests",
        "ruleId": "python.exec",
        "locations": [],
    }
    assert masked["message"] == {"text": "the password is [redacted]"}
    assert VALUE not in json.dumps(masked)


def test_what_leaves_has_no_real_name() -> None:
    made = redactor(None, VALUE)
    path = f"keys/{VALUE}/a.py"
    finding = Finding(
        tool="gitleaks",
        kind=Kind.SECRET,
        rule_id="generic",
        severity=Severity.HIGH,
        title="t",
        location=Location(uri=path, start_line=1),
        related=(Location(uri=path),),
        fingerprints={"gitleaks": f"{path}:generic:1"},
        references=(f"https://git.example/{path}",),
        component=f"keys/{VALUE}",
    )
    DisplayPaths(made).mask_findings([finding])
    assert VALUE not in repr(finding)
    assert finding.component is not None
    assert finding.location.uri == f"{finding.component}/a.py"


def test_a_name_is_no_longer_than_two_hundred_characters() -> None:
    assert is_name("ab-" * 66 + "ab")
    assert not is_name("ab-" * 66 + "abc")


@pytest.mark.parametrize(
    "path", ["x/services/payments/y", "services/payments", "a/services/payments.py"]
)
def test_a_value_over_several_parts_of_a_path_is_not_shown(path: str) -> None:
    made = redactor(None, "services/payments")
    shown = made.shown_path(path)
    assert "services/payments" not in shown and "[redacted-" in shown
    assert made.real_path(shown) == path


def test_a_name_is_looked_for_in_the_tree_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / TOKEN).touch()
    (tree / TOKEN).touch()
    shown = redactor(tree).shown_path(TOKEN)
    assert redactor(tree).real_path(shown) == TOKEN
    for outside in (f"../{shown}", f"{tmp_path}/{shown}", f"a/../../{shown}"):
        assert redactor(tree).real_path(outside) == outside


@pytest.mark.parametrize(
    "path",
    [
        # Only what is in the tree is public, however a path gets there.
        "../deploy9x/a.py",
        "x/../../deploy9x/a.py",
        "/deploy9x/a.py",
        "file:///deploy9x/a.py",
        "deploy9x/missing/Zk3f-deploy9x",
    ],
)
def test_what_is_outside_of_the_tree_is_not_public(path: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "x").mkdir(parents=True)
    (tmp_path / "deploy9x").mkdir()
    made = redactor(tree, "deploy9x")
    assert "deploy9x" not in made.shown_path(path)
    assert made.real_path(made.shown_path(path)) == path


@pytest.mark.parametrize("start", ["", "file:", "file://"])
def test_a_directory_beside_the_tree_is_not_public(start: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "deploy9x").mkdir()
    (tmp_path / "deploy9x" / "a.py").touch()
    made = redactor(tmp_path / "tree", "deploy9x")
    assert "deploy9x" not in made.shown_path(f"{start}{tmp_path}/deploy9x/a.py")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("deploy9x/a.py", True),
        ("deploy9x/gone.py", True),
        ("deploy%39x/a.py", True),
        ("FILE://{tree}/deploy9x/a.py", True),
        ("file:{tree}/deploy9x/a.py", True),
        ("{tree}/deploy9x/a.py", True),
        # A file of the tree is public by its name, if that is made of words.
        ("a/deploy9x", True),
        ("a/a81f3c9e2b-deploy9x", False),
        ("b/deploy9x", False),
    ],
)
def test_what_the_tree_has_is_public(path: str, shown: bool, tmp_path: Path) -> None:
    (tmp_path / "deploy9x").mkdir()
    (tmp_path / "deploy9x" / "a.py").touch()
    (tmp_path / "a").mkdir()
    for name in ("deploy9x", "a81f3c9e2b-deploy9x"):
        (tmp_path / "a" / name).touch()
    path = path.format(tree=tmp_path)
    made = redactor(tmp_path, "deploy9x")
    assert (made.shown_path(path) == path) is shown


def test_a_long_path_is_masked_as_one() -> None:
    made = redactor(None, VALUE)
    long = "a/" * 6_144 + f"x{VALUE}"
    shown = made.shown_path(long)
    assert VALUE not in shown and made.real_path(shown) == long
    short = "a/" * 50 + f"x{VALUE}/b%20c"
    assert made.shown_path(short).endswith("/b%20c")
    assert made.real_path(made.shown_path(short)) == short


def test_the_id_in_a_name_is_of_the_name_and_the_key(tmp_path: Path) -> None:
    name = f"{VALUE}.pem"
    shown = redactor(None, VALUE).shown_path(name)
    assert redactor(None, VALUE).shown_path(f"x/{name}") == f"x/{shown}"
    assert redactor(None, VALUE).shown_path(f"{VALUE}.key") not in (shown, shown[:-3] + "key")
    other = Redactor(b"another key")
    other.identify(Secret(VALUE))
    assert other.shown_path(name) != shown
    # An escape in a URI is the character.
    assert (
        redactor(None, VALUE).shown_path(f"%2E{VALUE}")[3:]
        == (redactor(None, VALUE).shown_path(f".{VALUE}")[1:])
    )


def test_a_shown_name_in_a_directory_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in (TOKEN, f"{TOKEN}.bak", "plain"):
        (tmp_path / "a" / name).touch()
    shown = redactor(tmp_path).shown_path(f"a/{TOKEN}.bak")
    assert redactor(tmp_path).real_path(shown) == f"a/{TOKEN}.bak"
    assert redactor(tmp_path).real_path(f"{shown}/x") == f"a/{TOKEN}.bak/x"
    for unknown in (
        shown.replace("a/", "b/"),
        shown.replace("redacted-", "redacted-0")[:-1],
        "a/x",
    ):
        assert redactor(tmp_path).real_path(unknown) == unknown


def test_a_word_that_is_a_secret_by_its_shape_is_masked() -> None:
    made = redactor(None, "requests")
    entry = made.mask_json({"ruleId": TOKEN, "id": "requests", "name": "requests-9"})
    assert TOKEN not in entry["ruleId"] and entry["id"] == "requests"
    assert entry["name"] == "requests-9"
    assert set(made.public_words()) == {"requests", "requests-9"}
