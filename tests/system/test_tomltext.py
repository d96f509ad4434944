"""TOML of a repository is read, or refused before it takes minutes."""

from __future__ import annotations

import pytest

from secagg.system.tomltext import loads_toml


@pytest.mark.parametrize(
    "text",
    [
        "[" + "a." * 100_000 + "b]",
        "[[" + "a . " * 100_000 + "b]]",
        '"a".' * 100_000 + "b = 1",
        "x = {" + "a\t.\t" * 50_000 + "b = 1}",
        "a = " + "[" * 200_000,
        "a = " + "{a = " * 100_000,
        ".".join("a" * 33) + " = 1",
    ],
)
def test_what_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"more than 32 parts|nested too deeply"):
        loads_toml(text)


def test_what_people_write_is_read() -> None:
    assert loads_toml(".".join("a" * 32) + " = 1")["a"]["a"]["a"]
    prose = " ".join(["A sentence, and one more."] * 60)
    assert loads_toml(f'[a.b]\ndescription = "{prose}"\n') == {"a": {"b": {"description": prose}}}
    lock = ", ".join('{file = "x-1.2.3-cp311-cp311-manylinux_2_17_x86_64.whl"}' for _ in range(60))
    assert len(loads_toml(f"files = [{lock}]")["files"]) == 60


def test_what_is_no_toml_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Invalid value"):
        loads_toml("a = ")
