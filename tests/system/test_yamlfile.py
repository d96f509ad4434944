"""Mistakes in YAML are told with file, line, column and the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.config import Config, load_config
from secagg.errors import ConfigError
from secagg.system.yamlfile import load_model


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("tool: {}", "secagg.yaml:1:1", "did you mean tools?"),
        ("policy: x\ntools:\n  trivy:\n    ofline: true\n", "secagg.yaml:4:5", "offline"),
        ("tools:\n  trivvy: {}\n", "secagg.yaml:2:3", "trivy"),
        ("timeout: soon\n", "secagg.yaml:1:1", None),
        ("jobs: 0\n", "secagg.yaml:1:1", None),
        ("policy: [a\n", "secagg.yaml:2:1", None),
        ("- a\n", "secagg.yaml:1:1", None),
        ("tools: {gitleaks: {modes: [dri]}}\n", "secagg.yaml:1:", None),
        ("tools: {trivy: {sha256: beef}}\n", "secagg.yaml:1:17", None),
    ],
)
def test_mistake_is_placed(text: str, where: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        load_model(text, Config, name="secagg.yaml")
    assert (caught.value.where or "").startswith(where), caught.value
    assert hint is None or hint in (caught.value.hint or "")


def test_no_file_and_an_empty_file_are_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path) == Config()
    (tmp_path / "secagg.yaml").write_text("# nothing yet\n")
    assert load_config(tmp_path) == Config()


def test_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, tmp_path / "none.yaml")


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "secagg.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path)


def test_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "secagg.yaml").write_text(
        "timeout: 1.5h\nexclude: ['docs/*']\ntools:\n  snyk: {optional: true}\n  codeql: {enabled: false}\n"
    )
    config = load_config(tmp_path)
    assert config.timeout_seconds == 5400
    assert config.excludes("docs/a")
    assert not config.excludes("src")
    assert config.optional_tools() == {"snyk"}
    assert not config.enabled("codeql")
    assert config.enabled("trivy")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policy: {v}\npolicy: {v}\n", "found duplicate key"),
        ("policy: *{v}\n", "found undefined alias"),
        ("policy: !a!{v} x\n", "found undefined tag handle"),
        ("policy: '{v}\n", "end of stream"),
        ("policy: a: {v}\n", "mapping values are not allowed here"),
        ("policy: [{v}\n", "expected ',' or ']'"),
        ("timeout: {v}\n", "timeout"),
        ("jobs: {v}\n", "jobs"),
        ("tools: {v}\n", "tools"),
        ("exclude: {v}\n", "exclude"),
    ],
)
def test_no_mistake_quotes_a_value(text: str, told: str) -> None:
    """It may be a secret, pasted where it does not belong."""
    value = "qV7-some.Value9"
    with pytest.raises(ConfigError) as caught:
        load_model(text.replace("{v}", value), Config, name="secagg.yaml")
    assert told in str(caught.value)
    assert value[:6] not in f"{caught.value}{caught.value.hint}"
