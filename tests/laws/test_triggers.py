"""The catalogue of triggers is what the guide says and what the operations do."""

from __future__ import annotations

import re

import msgspec
import pytest

from cognomen.api import idp
from cognomen.triggers.catalog import TRIGGERS
from tests.laws.tree import ROOT

GUIDE = (ROOT / "docs" / "guide" / "triggers.md").read_text()
OPERATIONS = {file.name: file.read_text() for file in sorted((ROOT / "tests" / "operations").glob("*.py"))}
NAMES = list(TRIGGERS)


def cells(trigger: str) -> list[list[str]]:
    """What stands in backticks in each cell of the trigger's row in the guide."""
    (row,) = re.findall(rf"^\| `{trigger}` \|(.*)\|$", GUIDE, re.MULTILINE)
    return [re.findall(r"`([^`]+)`", cell) for cell in row.split(" | ")]


def test_every_trigger_of_the_model_is_in_it() -> None:
    """LambdaConfigType's members, but for the newer form of one trigger and the senders' key."""
    members = {field.encode_name for field in msgspec.structs.fields(idp.LambdaConfigType)}
    assert members - {"PreTokenGenerationConfig", "KMSKeyID"} == set(TRIGGERS)


@pytest.mark.parametrize("trigger", NAMES)
def test_the_guide_says_the_same(trigger: str) -> None:
    """Sources, what the event tells, what the answer may change, the errors."""
    row = TRIGGERS[trigger]
    sources, _, request, response, errors = cells(trigger)
    assert sources == [f"{row.prefix or trigger}_{source}" for source in row.sources]
    assert [name for name in request if name != "clientMetadata"] == list(row.request)
    assert [name for name in response if name in row.response] == list(row.response)
    assert errors == [*row.errors] or (errors == [] and row.errors == TRIGGERS["PreSignUp"].errors)


@pytest.mark.parametrize("trigger", NAMES)
def test_every_source_is_proved(trigger: str) -> None:
    """By a test of the operations that names it, whole or beside the trigger."""
    row = TRIGGERS[trigger]
    prefix = row.prefix or trigger

    def is_proved(source: str) -> bool:
        whole = f"{prefix}_{source}"
        return any(whole in text or (f'"{prefix}_' in text and f'"{source}"' in text) for text in OPERATIONS.values())

    assert [source for source in row.sources if not is_proved(source)] == []
