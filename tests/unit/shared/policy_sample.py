"""A small valid policy that the policy tests break, one thing at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from functions.shared.errors import InvalidPolicy
from functions.shared.periods import BillingPeriod
from functions.shared.policy import CompiledPolicy, Defect, Policy, compile_policy, load_policy

Change = Callable[[dict[str, Any]], object]

MAY_2026 = BillingPeriod(2026, 5)
HEADCOUNT = {"headcount.csv": "billing_period,cost_center,value\n2026-05,CC-1001,120\n2026-05,CC-1002,80.5\n"}

_SAMPLE = """
schema_version: 1
organization: {name: Meridian Health, billing_currency: USD}
cost_basis: effective
tags: {owner: cost-center, mandatory: [cost-center, environment], untagged_threshold: "0.05"}
business_units:
  - {id: claims, name: Claims Processing}
  - {id: finance, name: Finance}
cost_centers:
  - {id: CC-1001, name: Adjudication, business_unit: claims, aliases: ["CC 1001"]}
  - {id: CC-1002, name: Payments, business_unit: claims}
  - {id: CC-9000, name: Unowned, business_unit: finance}
accounts:
  - {id: "111122223333", name: claims-prod, cost_center: CC-1001}
  - {id: "222233334444", name: sandbox}
charge_classes:
  usage: {owner: true}
  tax: {pool: untaggable}
  support: {pool: support}
  credit: {owner: true}
  refund: {owner: true}
  fee: {owner: true}
  discount: {owner: true}
  commitment_fee: {pool: support}
  commitment_bridge: {cost_center: CC-9000}
rules:
  - {id: shared-logging, match: {account: ["999988887777"]}, to: {pool: logging}}
pools:
  - {id: support, name: AWS Support, split: {method: driver, driver: headcount}}
  - {id: logging, name: Logging, split: {method: fixed, shares: {CC-1001: "0.7", "pool:support": "0.3"}}}
  - {id: untagged, name: Untagged, split: {method: proportional}}
  - {id: untaggable, name: Untaggable, split: {method: even}}
  - {id: unrecognized, name: Unrecognised, split: {method: proportional}}
drivers: {headcount: {file: headcount.csv}}
defaults: {unowned_cost_center: CC-9000}
"""


def sample(*changes: Change) -> str:
    """The sample policy's text after these changes to its values."""
    document = copy.deepcopy(yaml.safe_load(_SAMPLE))
    for change in changes:
        change(document)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def sample_text() -> str:
    """The sample policy as a person writes it."""
    return _SAMPLE


def load(*changes: Change, drivers: Mapping[str, str] = HEADCOUNT) -> Policy:
    """The changed sample, loaded."""
    return load_policy(sample(*changes), drivers)


def compiled(
    *changes: Change, period: BillingPeriod = MAY_2026, drivers: Mapping[str, str] = HEADCOUNT
) -> CompiledPolicy:
    """The changed sample, loaded and compiled."""
    return compile_policy(load(*changes, drivers=drivers), period)


def defects_of(action: Callable[[], object]) -> list[Defect]:
    """The defects that an action is refused for; none when it succeeds."""
    try:
        action()
    except InvalidPolicy as error:
        found: list[Defect] = error.defects  # type: ignore[attr-defined]
        return found
    return []


def defects(*changes: Change, drivers: Mapping[str, str] = HEADCOUNT) -> list[str]:
    """The defects of the changed sample, as ``path: message``."""
    return [str(defect) for defect in defects_of(lambda: load(*changes, drivers=drivers))]


def text_defects(text: str) -> list[str]:
    """The defects of a policy text, as ``path: message``."""
    return [str(defect) for defect in defects_of(lambda: load_policy(text, HEADCOUNT))]


def put(path: str, value: object) -> Change:
    """A change that writes a value at a place such as ``rules.0.to.pool``; an index at the end of a list appends."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        here: Any = document
        for part in parents:
            here = here[int(part)] if isinstance(here, list) else here[part]
        if not isinstance(here, list):
            here[last] = value
        elif int(last) == len(here):
            here.append(value)
        else:
            here[int(last)] = value

    return change


def drop(path: str) -> Change:
    """A change that removes what is at a place."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        here: Any = document
        for part in parents:
            here = here[int(part)] if isinstance(here, list) else here[part]
        del here[int(last) if isinstance(here, list) else last]

    return change
