"""The policy as the reference reads it: the YAML file and the driver files, for one month.

Policies that reach this reader are valid; what an invalid one is, other tests say.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import yaml


class Target(NamedTuple):
    """Who is charged: a cost center or a pool (``kind``), by id."""

    kind: str
    id: str


def comparable(value: str) -> str:
    """The spelling in which tag values, ids and aliases are compared: NFC, trimmed, each letter in lower case."""
    trimmed = unicodedata.normalize("NFC", value).strip()
    return "".join(letter.lower()[:1] for letter in trimmed)


@dataclass(frozen=True)
class Policy:
    """The policy file as written, the month (YYYY-MM), and the driver files' text by the path the policy gives them."""

    document: Mapping[str, Any]
    month: str
    driver_files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, month: str, driver_files: Mapping[str, str] | None = None) -> Policy:
        """From the YAML text."""
        return cls(yaml.safe_load(text), month, driver_files or {})

    @cached_property
    def valid_entries(self) -> list[Mapping[str, Any]]:
        """The cost centers of the month, the first and the last month of their validity included."""
        return [
            center
            for center in self.document["cost_centers"]
            if center.get("valid_from", self.month) <= self.month <= center.get("valid_to", self.month)
        ]

    @cached_property
    def cost_centers(self) -> dict[str, str]:
        """The ids of the cost centers of the month, with their business units."""
        return {center["id"]: center["business_unit"] for center in self.valid_entries}

    @cached_property
    def owners_by_tag_value(self) -> dict[str, str]:
        """What an owner tag can say, as it is compared: ids and aliases of the month's cost centers."""
        return {
            comparable(spelling): center["id"]
            for center in self.valid_entries
            for spelling in (center["id"], *center.get("aliases", ()))
        }

    @cached_property
    def owners_by_account(self) -> dict[str, str]:
        """The default owners of accounts, as far as they are valid in the month."""
        owners = {account["id"]: account.get("cost_center") for account in self.document.get("accounts", ())}
        return {account: owner for account, owner in owners.items() if owner in self.cost_centers}

    @cached_property
    def rules(self) -> list[Mapping[str, Any]]:
        """The rules in file order."""
        return list(self.document.get("rules", ()))

    @cached_property
    def tag_keys(self) -> list[str]:
        """Every tag key that the policy looks at."""
        in_rules = [key for rule in self.rules for key in rule["match"].get("tag", {})]
        tags = self.document["tags"]
        return sorted({tags["owner"], *tags["mandatory"], *in_rules})

    @cached_property
    def adjustments(self) -> list[Mapping[str, Any]]:
        """The adjustments of the month, in file order."""
        return [each for each in self.document.get("adjustments", ()) if each["billing_period"] == self.month]

    def looks_at(self, match_key: str) -> bool:
        """Whether a rule has that match key."""
        return any(match_key in rule["match"] for rule in self.rules)

    def driver(self, name: str) -> dict[str, Decimal]:
        """A driver's values of the month by cost center."""
        rows = csv.DictReader(io.StringIO(self.driver_files[self.document["drivers"][name]["file"]]))
        return {row["cost_center"]: Decimal(row["value"]) for row in rows if row["billing_period"] == self.month}
