"""The policy's mandatory tags as a tag policy of AWS Organizations.

A tag policy says how a tag is written and which values it may have. It reports what is written otherwise and, for the
resource types that it is enforced for, refuses it. It never asks for a tag that is not there: that is what tickets are
for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from functions.shared.policy.model import PolicyDocument

LONGEST_DOCUMENT = 10_000
"""Characters that Organizations takes."""

TagPolicy = dict[str, dict[str, dict[str, Any]]]


def tag_policy(policy: PolicyDocument, enforced_for: Sequence[str] = ()) -> TagPolicy:
    """The owner tag and the mandatory ones, spelt as in the policy; the owner tag with its values if there is room.

    They are the ids and aliases of the cost centers that have no end, for a tag policy knows no months. Without values
    any value is accepted. Raises ValueError when the keys alone are longer than Organizations takes.
    """
    owner = policy.tags.owner
    values = [text for center in policy.cost_centers if not center.valid_to for text in (center.id, *center.aliases)]
    tags = {key: _tag(key, enforced_for) for key in dict.fromkeys([owner, *policy.tags.mandatory])}
    with_values = {**tags, owner: {**tags[owner], "tag_value": {"@@assign": list(dict.fromkeys(values))}}}
    for document in ({"tags": with_values}, {"tags": tags}):
        if len(written(document)) <= LONGEST_DOCUMENT:
            return document
    raise ValueError(
        f"{len(tags)} tag keys make a tag policy of {len(written({'tags': tags}))} characters, Organizations takes "
        f"{LONGEST_DOCUMENT}: make fewer tags mandatory, or enforce them for fewer resource types"
    )


def written(document: TagPolicy) -> str:
    """The document as Organizations counts it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _tag(key: str, enforced_for: Sequence[str]) -> dict[str, Any]:
    tag: dict[str, Any] = {"tag_key": {"@@assign": key}}
    return tag | {"enforced_for": {"@@assign": list(enforced_for)}} if enforced_for else tag
