"""The last filter: what is known in a run leaves it in no text, and paths stay."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from secagg.jsonio.value import encode
from secagg.secrets import lastfilter
from secagg.secrets.lastfilter import own_secrets
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret
from secagg.system.files import replacing
from tests.attack.writings import WRITINGS, left_of

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"


@pytest.fixture
def redactor(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    return lastfilter.run_redactor()


def test_it_is_off_unless_it_is_switched_on(redactor: Redactor) -> None:
    redactor.identify(Secret(VALUE))
    assert lastfilter.filtered(VALUE) == VALUE


def test_a_file_that_is_written_holds_no_known_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        for name, write in WRITINGS.items():
            text = f"near {write(VALUE)} here"
            document = {"a": [text, 1], "b": {"c": "x", "d": text}}
            pieces = [b'{"all":[', encode(document), b",", encode("other"), b"]}"]
            with replacing(tmp_path / "out.json") as out:
                out.writelines(pieces)
            with replacing(tmp_path / "out.md") as out:
                out.write(text.encode())
            written = json.loads((tmp_path / "out.json").read_bytes())
            assert written["all"][0]["b"]["c"] == "x" and written["all"][1] == "other"
            for shown in (written["all"][0]["a"][0], (tmp_path / "out.md").read_text()):
                assert MASK in shown, name
                assert not left_of(write(VALUE), shown), name


def test_a_path_of_the_checkout_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    path = f"deploy/{VALUE}/Dockerfile"
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        lastfilter.keep_paths([path, VALUE, "other.py"])
        document = {
            "path": path,
            "category": f"trivy/{path}/",
            "name": VALUE,
            "text": f"{VALUE} is the name of a directory",
            "both": f"{VALUE} in {path}",
        }
        told = json.loads(lastfilter.filtered_json(encode(document)))
    assert told["path"] == path and told["category"] == f"trivy/{path}/" and told["name"] == VALUE
    assert told["text"] == f"{MASK} is the name of a directory"
    assert VALUE not in told["both"]


def test_shapes_are_left_to_those_who_read() -> None:
    text = 'token: gh0-not-known, "secret": {"id": "x"}'
    with lastfilter.filtering():
        assert lastfilter.filtered(text) == text
        assert "ghp_" not in lastfilter.filtered_error(f"bad value ghp_{'a1B2' * 9}")


def test_the_tokens_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("SNYK_TOKEN", "3f2b1c9e-7a64-4d0b-9c11-8e5f6a7b2d43")
    with lastfilter.filtering():
        told = lastfilter.filtered("the token 3f2b1c9e-7a64-4d0b-9c11-8e5f6a7b2d43 is not valid")
    assert told == f"the token {MASK} is not valid"


def test_what_secagg_holds_itself() -> None:
    environ = {
        "SNYK_TOKEN": "3f2b1c9e-7a64-4d0b-9c11-8e5f6a7b2d43",
        "TRIVY_PASSWORD": "hunter2x",
        "SECAGG_HMAC_KEY": "a long and secret key",
        "SECAGG_STORE": "postgresql://secagg:Pw9sdf7w@db/scans",
        "HTTPS_PROXY": "http://me:p0xY77@proxy:3128",
        "PGCONN": "host=db password=Conn77Str",
        # Names of files, headers and words, which would be masked everywhere.
        "SSH_KEY": "/home/me/.ssh/id",
        "TRIVY_TOKEN_HEADER": "Trivy-Token-1",
        "POSTGRES_PASSWORD": "postgres",
        "OTHER_URL": "postgresql://scanner:scanner@db/scans",
        "TOKENIZERS_PARALLELISM": "false",
        "A_TOKEN": "12345678",
        "HOME": "/home/me",
    }
    arguments = ["report", "--store", "postgresql://kim:Arg77pw@db/scans"]
    assert set(own_secrets(environ, arguments)) == {
        "3f2b1c9e-7a64-4d0b-9c11-8e5f6a7b2d43",
        "hunter2x",
        "a long and secret key",
        "Pw9sdf7w",
        "p0xY77",
        "Conn77Str",
        "Arg77pw",
    }


def test_a_path_stays_in_a_json_file_and_not_in_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    path = f"deploy/{VALUE}/Dockerfile"
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        lastfilter.keep_paths([path])
        for name, head in (("a.json", b" \n{"), ("b.json", b"["), ("c.md", b"# ")):
            with replacing(tmp_path / name) as out:
                out.write(b"  ")
                out.write(head + encode(path))
                out.write(encode(path))
        for name, kept in (("a.json", True), ("b.json", True), ("c.md", False)):
            assert (path in (tmp_path / name).read_text()) is kept, name


def test_bytes_that_are_no_text_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        data = b"\xff\xfe " + VALUE.encode() + b" \x80"
        assert lastfilter.filtered_bytes(data) == b"\xff\xfe [redacted] \x80"
        clean = b"\xff nothing"
        assert lastfilter.filtered_bytes(clean) is clean
    assert lastfilter.filtered_bytes(data) is data


def test_a_password_in_an_address_is_known_whatever_its_variable_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHERE", "postgresql://scans:Pw9sdf7w@db/scans")
    with lastfilter.filtering():
        assert lastfilter.filtered("no Pw9sdf7w there") == f"no {MASK} there"
    monkeypatch.delenv("WHERE")
    monkeypatch.setattr("sys.argv", ["secagg", "--store=postgresql://scans:Pw9sdf7w@db/scans"])
    with lastfilter.filtering():
        assert lastfilter.filtered("no Pw9sdf7w there") == f"no {MASK} there"
    assert lastfilter.filtered("no Pw9sdf7w there") == "no Pw9sdf7w there"


def test_it_is_switched_on_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        monkeypatch.setattr(lastfilter._Run, "redactors", None)
        lastfilter.run_redactor().identify(Secret(VALUE))
        assert lastfilter.filtered(VALUE) == VALUE
        lastfilter.switch_on()
        lastfilter.run_redactor().identify(Secret(VALUE))
        # What is known already stays known.
        lastfilter.switch_on()
        assert lastfilter.filtered(VALUE) == MASK


def test_what_the_tree_calls_its_files_is_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    (tmp_path / "deploy9x").mkdir()
    for tree, shown in ((tmp_path, "deploy9x/a.py"), (None, None)):
        made = lastfilter.run_redactor(tree)
        made.identify(Secret("deploy9x"))
        assert (made.shown_path("deploy9x/a.py") == shown) is (tree is not None)


def test_a_file_passes_on_what_else_is_asked_of_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        out = lastfilter.FilteredFile(file)
        assert out.name == file.name
        out.write(b"x")
        assert out.tell() == 1


def test_an_error_tells_no_token_before_a_run_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "3f2b1c9e-7a64-4d0b-9c11-8e5f6a7b2d43"
    monkeypatch.setenv("SNYK_TOKEN", token)
    assert lastfilter.filtered_error(f"{token} is not valid") == f"{MASK} is not valid"
