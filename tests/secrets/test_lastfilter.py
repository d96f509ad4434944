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


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("A_TOKEN", "Zk3fW9", True),
        ("A_TOKEN", "Zk3fW", False),
        ("A_TOKEN", " Zk3fW9 ", True),
        ("A_TOKEN", "/Zk3fW9qLx0TnB7vRp2YsQ8", False),
        ("A_TOKEN", "onlysmallletter", False),
        ("A_TOKEN", "onlysmallletters", True),
        ("A_TOKEN", "012345678901234", False),
        ("A_TOKEN", "0123456789012345", True),
        ("A_TOKEN", "Word", False),
        ("A_TOKEN", "Words of it", True),
        ("a_password2", "Zk3fW9", True),
        ("GH_PAT", "Zk3fW9", True),
        ("MY_KEY_ID", "Zk3fW9", True),
        ("X_AUTH", "Zk3fW9", True),
        ("DB_CREDENTIALS", "Zk3fW9", True),
        ("A_TOKEN_FILE", "Zk3fW9", False),
        ("KEYBOARD", "Zk3fW9", False),
        ("PLAIN", "Zk3fW9", False),
    ],
)
def test_which_variables_hold_a_secret(name: str, value: str, secret: bool) -> None:
    assert [*own_secrets({name: value})] == ([value.strip()] if secret else [])


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("https://bot:Zk3fW9@host", ["Zk3fW9"]),
        ("https://:Zk3fW9@host", ["Zk3fW9"]),
        ("https://bot:Zk3fW9@a and https://bot:Q7wK2z@b", ["Zk3fW9", "Q7wK2z"]),
        ("https://Zk3fW9:Zk3fW9@host", []),
        ("https://bot:words@host", []),
        ("https://host:8080/a@b", []),
        ("dsn?password=Zk3fW9&x=1", ["Zk3fW9"]),
        ("PASSWD=Zk3fW9;x", ["Zk3fW9"]),
        ("nopassword=Zk3fW9", []),
    ],
)
def test_which_texts_hold_a_password(text: str, secrets: list[str]) -> None:
    assert [*own_secrets({"ANY": text})] == [*own_secrets({}, [text])] == secrets


def test_the_run_s_redactor_knows_the_key_and_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    monkeypatch.setenv("SNYK_TOKEN", "Zk3f-W9qL")
    monkeypatch.setattr("sys.argv", ["secagg", "--store", "postgresql://a:Pw9sdf7w@db/x"])
    with lastfilter.filtering():
        made = lastfilter.run_redactor()
        texts = ["the key of this test", b"the key of this test".hex(), "Zk3f-W9qL", "Pw9sdf7w"]
        assert [made.mask_known(text) for text in texts] == [MASK] * 4
        # A second redactor of the run is asked as well.
        lastfilter.run_redactor().identify(Secret(VALUE))
        made.identify(Secret("Q7wK2zP9xY-1"))
        assert lastfilter.filtered(f"{VALUE} Q7wK2zP9xY-1") == f"{MASK} {MASK}"
        data = encode([f"a {VALUE}", "Q7wK2zP9xY-1"])
        assert json.loads(lastfilter.filtered_json(data)) == [f"a {MASK}", MASK]


def test_paths_are_kept_for_one_run_and_as_they_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    path = f"a dir/{VALUE}"
    with lastfilter.filtering():
        lastfilter.keep_paths([path])
        lastfilter.run_redactor().identify(Secret(VALUE))
        assert json.loads(lastfilter.filtered_json(encode([path]))) != [path]
        lastfilter.keep_paths([path, "other"])
        # As a path, and as a URI.
        for written in (path, f"a%20dir/{VALUE}"):
            assert json.loads(lastfilter.filtered_json(encode([written]))) == [written]
        assert lastfilter.filtered(path) != path
        with lastfilter.filtering():
            lastfilter.run_redactor().identify(Secret(VALUE))
            assert json.loads(lastfilter.filtered_json(encode([path]))) != [path]
        assert json.loads(lastfilter.filtered_json(encode([path]))) == [path]


def test_a_value_around_a_public_path_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a text without its public paths must hold no value, also put together."""
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        made = lastfilter.run_redactor()
        for value in ("Q7wK2zP9xY-1", VALUE):
            made.identify(Secret(value))
        path = f"dir/{VALUE}/a.py"
        lastfilter.keep_paths([path])
        for text, public in (
            (f"see {path} there", True),
            (f"Q7wK2z{path}P9xY-1", False),
            (f"{path} Q7wK2zP9xY-1", False),
        ):
            assert (json.loads(lastfilter.filtered_json(encode([text]))) == [text]) is public, text


def test_a_public_path_within_a_public_path_uncovers_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rest of the longer one is no secret, whichever of them comes first."""
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        made = lastfilter.run_redactor()
        for value in ("Q7wK2zP9xY-1", VALUE):
            made.identify(Secret(value))
        for outer in ("a/Q7wK2zP9xY-1", "z/Q7wK2zP9xY-1"):
            lastfilter.keep_paths([f"{outer}/m/{VALUE}", f"m/{VALUE}"])
            text = f"see {outer}/m/{VALUE}"
            assert json.loads(lastfilter.filtered_json(encode([text]))) == [text]


def test_nothing_is_read_where_nothing_may_be_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.argv", ["secagg"])
    with lastfilter.filtering():
        text = "a text"
        assert lastfilter.filtered(text) is text
        assert lastfilter._Run.redactors == []
        # What is set later is no secret of the run that has begun.
        monkeypatch.setenv("SNYK_TOKEN", "Zk3f-W9qL")
        assert lastfilter.filtered("Zk3f-W9qL") == "Zk3f-W9qL"


@pytest.mark.parametrize("head", [b"", b" ", b"\n\t"])
def test_the_first_byte_tells_what_a_file_is(
    tmp_path: Path, head: bytes, redactor: Redactor
) -> None:
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret('Q7"wK2zP9xY'))
        for name, text in (("json", '["Q7\\"wK2zP9xY"]'), ("text", 'see Q7"wK2zP9xY')):
            with (tmp_path / name).open("wb") as file:
                out = lastfilter.FilteredFile(file)
                assert out.write(head) == len(head)
                assert out.write(text.encode()) == len(text)
        assert json.loads((tmp_path / "json").read_bytes()) == [MASK]
        assert (tmp_path / "text").read_bytes() == head + f"see {MASK}".encode()
    with (tmp_path / "off").open("wb") as file:
        lastfilter.FilteredFile(file).write(b'see Q7"wK2zP9xY')
    assert (tmp_path / "off").read_bytes() == b'see Q7"wK2zP9xY'


def test_large_data_is_filtered_whenever_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        # More of them than a file remembers, each of its own length, and each written twice.
        parts = [f"{number} {VALUE} ".encode() + b"." * (5_000 + number) for number in range(40)]
        searched: list[bytes] = []
        real = lastfilter.filtered_bytes

        def noting(data: bytes) -> bytes:
            searched.append(data)
            return real(data)

        monkeypatch.setattr(lastfilter, "filtered_bytes", noting)
        with replacing(tmp_path / "out") as out:
            for part in parts:
                assert out.write(part) == len(part)
                out.write(part)
        expected = b"".join(part.replace(VALUE.encode(), MASK.encode()) * 2 for part in parts)
        assert (tmp_path / "out").read_bytes() == expected
        # What is written again is not searched again.
        assert searched == parts


def test_a_file_stays_what_its_first_byte_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "the key of this test")
    path = f"deploy/{VALUE}/Dockerfile"
    with lastfilter.filtering():
        lastfilter.run_redactor().identify(Secret(VALUE))
        lastfilter.keep_paths([path])
        with replacing(tmp_path / "a.json") as out:
            for piece in (b"[", encode(path), b",", encode(path), b"]"):
                out.write(piece)
        assert json.loads((tmp_path / "a.json").read_bytes()) == [path, path]
        with replacing(tmp_path / "a.md") as out:
            for piece in (b"# ", encode([path]), encode(path)):
                out.write(piece)
        assert VALUE not in (tmp_path / "a.md").read_text()
