"""The published schemas are those of the models, and are valid themselves."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from scripts.schemas import DIRECTORY, PUBLISHED, schema


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_schema_is_up_to_date(name: str) -> None:
    text = (DIRECTORY / name).read_text()
    assert text == schema(*PUBLISHED[name])
    Draft202012Validator.check_schema(json.loads(text))
