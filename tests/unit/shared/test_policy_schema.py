"""The JSON Schema in the repository is the one of the code."""

from __future__ import annotations

import json
from pathlib import Path

from functions.shared.policy.model import CHARGE_CLASSES, PolicyDocument
from functions.shared.policy.schema import schema_text

SCHEMA = Path(__file__).parents[3] / "policy" / "schema.json"


def test_the_committed_schema_is_current() -> None:
    stale = "run: python -m functions.shared.policy.schema > policy/schema.json"
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), stale


def test_the_schema_knows_every_key_and_refuses_others() -> None:
    schema = json.loads(schema_text())
    assert set(schema["properties"]) == set(PolicyDocument.model_fields)
    assert set(schema["$defs"]["ChargeClasses"]["required"]) == set(CHARGE_CLASSES)
    objects = [schema, *schema["$defs"].values()]
    assert all(one["additionalProperties"] is False for one in objects)
