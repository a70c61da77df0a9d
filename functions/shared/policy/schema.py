"""The policy format as JSON Schema, for editors and for reviewers of a policy.

``python -m functions.shared.policy.schema > policy/schema.json`` writes it. It knows the form of every value; what
values must be to each other is known to ``load_policy`` alone.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from functions.shared.policy.model import PolicyDocument


class _PolicySchema(GenerateJsonSchema):
    """An optional key is left out of a policy, never written as null; titles would only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        without_default = self.generate_inner(schema["schema"])
        return without_default if schema.get("default") is None else super().default_schema(schema)


def schema_text() -> str:
    """The schema as it stands in the repository: indented JSON that ends with a line break."""
    schema = PolicyDocument.model_json_schema(schema_generator=_PolicySchema)
    schema = {"$schema": _PolicySchema.schema_dialect, **schema, "title": "Chargeback policy"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
