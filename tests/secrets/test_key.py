"""The key of the hashes: where it comes from, and what is said where it cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secagg.errors import ConfigError
from secagg.secrets import key as keys
from secagg.secrets.key import VARIABLE, is_shared, load_key

HEX = "ab" * 32


def key_file(directory: Path, text: str = HEX, mode: int = 0o600) -> dict[str, str]:
    """Write the installation's key, and return the environment that leads to it."""
    file = directory / "secagg" / "hmac.key"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(mode)
    return {"XDG_STATE_HOME": str(directory)}


def test_the_variable_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = key_file(tmp_path)
    assert load_key(environment) == bytes.fromhex(HEX)
    given = {**environment, VARIABLE: " sixteen bytes of it "}
    assert load_key(given) == b"sixteen bytes of it"
    assert (is_shared(environment), is_shared(given)) == (False, True)
    # Without an environment it is the process's own.
    for name in ("XDG_STATE_HOME", VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert load_key() == bytes.fromhex(HEX) and not is_shared()
    monkeypatch.setenv(VARIABLE, "a key of sixteen bytes")
    assert load_key() == b"a key of sixteen bytes" and is_shared()


def test_a_key_of_the_variable_has_sixteen_bytes() -> None:
    assert load_key({VARIABLE: "0123456789abcdef"}) == b"0123456789abcdef"
    # Bytes that are no UTF-8 count as they are.
    assert load_key({VARIABLE: "\udcff" * 16}) == b"\xff" * 16
    for short in ("0123456789abcde", " 0123456789abcde ", ""):
        with pytest.raises(ConfigError) as caught:
            load_key({VARIABLE: short})
        assert str(caught.value) == f"{VARIABLE} is too short: {len(short.strip())} bytes"
        assert f"set {VARIABLE} to a text of at least 16 bytes" in str(caught.value.hint)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o660])
def test_a_key_that_anybody_else_may_use_is_refused(mode: int, tmp_path: Path) -> None:
    environment = key_file(tmp_path, mode=mode)
    with pytest.raises(ConfigError) as caught:
        load_key(environment)
    file = tmp_path / "secagg" / "hmac.key"
    assert str(caught.value) == (
        f"{file}: the key for secrets must be a file that only its owner may read"
    )
    assert caught.value.hint == f"chmod 600 {file}"


def test_what_is_no_file_is_no_key(tmp_path: Path) -> None:
    environment = key_file(tmp_path)
    file = tmp_path / "secagg" / "hmac.key"
    file.unlink()
    file.mkdir(mode=0o700)
    with pytest.raises(ConfigError) as caught:
        load_key(environment)
    assert str(file) in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 15, "é" * 40])
def test_a_damaged_key_is_named_by_its_file(text: str, tmp_path: Path) -> None:
    environment = key_file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_key(environment)
    assert str(caught.value) == f"{tmp_path}/secagg/hmac.key: the key for secrets is damaged"
    assert "remove the file to get a new key" in str(caught.value.hint)


def test_a_key_of_sixteen_bytes_and_white_space_is_whole(tmp_path: Path) -> None:
    assert load_key(key_file(tmp_path, "ab" * 16 + "\n")) == bytes.fromhex("ab" * 16)


def test_no_place_for_the_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_key({})
    assert str(caught.value) == "there is no home directory to keep the key for secrets in"
    assert VARIABLE in str(caught.value.hint)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        load_key({"XDG_STATE_HOME": str(tmp_path / "file")})
    where = tmp_path / "file" / "secagg" / "hmac.key"
    assert str(caught.value) == f"{where}: the key for secrets cannot be used"
    assert str(caught.value.hint).startswith(f"Not a directory; set {VARIABLE}")


def test_an_error_without_a_reason_is_told_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise PermissionError

    monkeypatch.setattr(keys, "create_file", refuse)
    with pytest.raises(ConfigError) as caught:
        load_key({"XDG_STATE_HOME": str(tmp_path)})
    assert str(caught.value.hint).startswith(f"PermissionError; set {VARIABLE}")


def test_a_key_that_goes_at_once_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "create_file", lambda path, data: None)
    with pytest.raises(ConfigError) as caught:
        load_key({"XDG_STATE_HOME": str(tmp_path)})
    assert str(caught.value) == f"{tmp_path}/secagg/hmac.key: the key for secrets has gone"
    assert VARIABLE in str(caught.value.hint)


def test_a_key_is_made_beside_other_files_of_secagg(tmp_path: Path) -> None:
    (tmp_path / "secagg").mkdir()
    (tmp_path / "secagg" / "history.db").touch()
    assert len(load_key({"XDG_STATE_HOME": str(tmp_path)})) == 32


def test_a_new_key_is_random_and_its_owner_s(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = [load_key({"XDG_STATE_HOME": str(tmp_path / name)}) for name in ("a", "a", "b")]
    finally:
        os.umask(old)
    assert made[0] == made[1] != made[2] and {len(key) for key in made} == {32}
    assert (tmp_path / "a" / "secagg").stat().st_mode & 0o777 == 0o700
    text = (tmp_path / "a" / "secagg" / "hmac.key").read_text()
    assert text == made[0].hex() + "\n"
