"""Compiles a policy for one billing period into the small tables that the allocation SQL joins to the bill.

Everything dated is decided here: the SQL sees only the cost centers, spellings and weights of the period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

from functions.shared.money import format_cents
from functions.shared.periods import BillingPeriod
from functions.shared.policy.defects import Defect, invalid_policy, path_of
from functions.shared.policy.load import Policy
from functions.shared.policy.model import (
    CHARGE_CLASSES,
    POOL_PREFIX,
    CostCenter,
    DriverSplit,
    FixedSplit,
    PolicyDocument,
    Pool,
    ProportionalSplit,
    Target,
)
from functions.shared.policy.pools import pool_levels
from functions.shared.policy.tables import (
    ROW_TYPES,
    AccountRow,
    AdjustmentRow,
    ClassRow,
    CostCenterRow,
    OwnerValueRow,
    PoolRecipientRow,
    PoolRow,
    RuleRow,
    RuleTermRow,
    json_lines,
)
from functions.shared.policy.tags import normalize_tag_value

_EXACT = Context(prec=60)
_EVEN_WEIGHT = "1000000"


@dataclass(frozen=True)
class CompiledPolicy:
    """A policy as it stands in one billing period: rows for SQL, and what the rendering of the SQL asks for.

    ``policy_tags`` are the mandatory tag keys, then the keys that rules match on, in order of first use;
    ``tag_position`` of a rule term counts in it from 1. ``policy_hash`` is the SHA-256 of the sources.
    """

    billing_period: BillingPeriod
    policy_hash: str
    organization: str
    billing_currency: str
    cost_basis: str
    owner_tag: str
    mandatory_tags: tuple[str, ...]
    policy_tags: tuple[str, ...]
    untagged_threshold: Decimal
    invoice_tolerance: Decimal
    unowned_cost_center: str
    policy_classes: tuple[ClassRow, ...]
    policy_rules: tuple[RuleRow, ...]
    policy_rule_terms: tuple[RuleTermRow, ...]
    policy_owner_values: tuple[OwnerValueRow, ...]
    policy_accounts: tuple[AccountRow, ...]
    policy_cost_centers: tuple[CostCenterRow, ...]
    policy_pools: tuple[PoolRow, ...]
    policy_pool_recipients: tuple[PoolRecipientRow, ...]
    policy_adjustments: tuple[AdjustmentRow, ...]

    @property
    def pool_levels(self) -> list[int]:
        """The levels there are, in the order in which they are split: 0, 1, …"""
        return sorted({pool.pool_level for pool in self.policy_pools})

    @property
    def matches_operation(self) -> bool:
        """Whether a rule asks for line_item_operation, which the fold otherwise leaves out."""
        return any(term.match_key == "operation" for term in self.policy_rule_terms)

    @property
    def matches_usage_type(self) -> bool:
        """Whether a rule asks for line_item_usage_type, which the fold otherwise leaves out."""
        return any(term.match_key == "usage_type_prefix" for term in self.policy_rule_terms)

    def json_lines(self) -> dict[str, str]:
        """The content of each table's file, by table name; equal policies give equal bytes."""
        return {table: json_lines(getattr(self, table)) for table in ROW_TYPES}


def compile_policy(policy: Policy, period: BillingPeriod) -> CompiledPolicy:
    """The policy as it stands in a period.

    Cost centers that are not valid in the period take no part: they own no tag value, receive no even or
    proportional share, and an account they own by default has no default owner. Where the policy names such a cost
    center outright as receiver (a rule, a charge class, a fixed share, the unowned default), that is an error, as is a
    driver in use that has no row for the period. Raises InvalidPolicy with all of these at once.
    """
    document = policy.document
    valid = {center.id: center for center in document.cost_centers if center.valid_in(str(period))}
    drivers = {name: table.get(str(period), {}) for name, table in policy.driver_tables.items()}
    defects = [*_receivers_not_valid(document, valid, period), *_drivers_without_row(document, drivers, period)]
    if defects:
        raise invalid_policy(policy.name, defects)
    tags = _policy_tags(document)
    return CompiledPolicy(
        billing_period=period,
        policy_hash=policy.content_hash,
        organization=document.organization.name,
        billing_currency=document.organization.billing_currency,
        cost_basis=document.cost_basis,
        owner_tag=document.tags.owner,
        mandatory_tags=document.tags.mandatory,
        policy_tags=tags,
        untagged_threshold=document.tags.untagged_threshold,
        invoice_tolerance=document.invoice_tolerance,
        unowned_cost_center=document.defaults.unowned_cost_center,
        policy_classes=tuple(ClassRow(name, target.kind, target.id) for name, target in _classes(document)),
        policy_rules=tuple(
            RuleRow(order, rule.id, rule.to.kind, rule.to.id, len(rule.match.terms()))
            for order, rule in enumerate(document.rules, start=1)
        ),
        policy_rule_terms=tuple(_rule_terms(document, tags)),
        policy_owner_values=tuple(_owner_values(valid)),
        policy_accounts=tuple(
            AccountRow(account.id, account.name, account.cost_center if account.cost_center in valid else "")
            for account in document.accounts
        ),
        policy_cost_centers=tuple(_cost_centers(document, valid)),
        policy_pools=tuple(_pools(document)),
        policy_pool_recipients=tuple(row for pool in document.pools for row in _recipients(pool, valid, drivers)),
        policy_adjustments=tuple(_adjustments(document, period)),
    )


def weight_micros(weight: Decimal) -> str:
    """A weight in millionths as integer text, rounded half away from zero."""
    return str(int(_EXACT.multiply(weight, Decimal(1_000_000)).to_integral_value(ROUND_HALF_UP)))


def _classes(document: PolicyDocument) -> Iterator[tuple[str, Target]]:
    for name in CHARGE_CLASSES:
        yield name, getattr(document.charge_classes, name)


def _receivers_not_valid(
    document: PolicyDocument, valid: Mapping[str, CostCenter], period: BillingPeriod
) -> Iterator[Defect]:
    """Cost centers that the policy names as receivers but that cannot own cost in the period."""
    for name, target in _classes(document):
        if target.kind == "cost_center" and target.id not in valid:
            yield _not_valid(path_of("charge_classes", name, "cost_center"), target.id, period)
    for index, rule in enumerate(document.rules):
        if rule.to.kind == "cost_center" and rule.to.id not in valid:
            message = f"rule {rule.id} gives to {rule.to.id}, which is not valid in {period}"
            yield Defect(path_of("rules", index, "to", "cost_center"), message)
    for index, pool in enumerate(document.pools):
        for recipient in pool.split.shares if isinstance(pool.split, FixedSplit) else {}:
            if not recipient.startswith(POOL_PREFIX) and recipient not in valid:
                yield _not_valid(path_of("pools", index, "split", "shares", recipient), recipient, period)
    for index, adjustment in enumerate(document.adjustments):
        for side in ("from_cost_center", "to_cost_center"):
            center = getattr(adjustment, side)
            if adjustment.billing_period == str(period) and center not in valid:
                yield _not_valid(path_of("adjustments", index, side), center, period)
    if document.defaults.unowned_cost_center not in valid:
        yield _not_valid("defaults.unowned_cost_center", document.defaults.unowned_cost_center, period)


def _not_valid(path: str, center: str, period: BillingPeriod) -> Defect:
    return Defect(path, f"{center} is not valid in {period}")


def _drivers_without_row(
    document: PolicyDocument, drivers: Mapping[str, Mapping[str, Decimal]], period: BillingPeriod
) -> Iterator[Defect]:
    used = [pool.split.driver for pool in document.pools if isinstance(pool.split, DriverSplit)]
    for name in dict.fromkeys(used):
        if not drivers[name]:
            yield Defect(path_of("drivers", name), f"driver {name} has no row for {period}")


def _policy_tags(document: PolicyDocument) -> tuple[str, ...]:
    used = [key for rule in document.rules for key in rule.match.tag or {}]
    return tuple(dict.fromkeys([*document.tags.mandatory, *used]))


def _rule_terms(document: PolicyDocument, tags: tuple[str, ...]) -> Iterator[RuleTermRow]:
    for order, rule in enumerate(document.rules, start=1):
        for key, values in rule.match.terms().items():
            tag = key.removeprefix("tag:") if key.startswith("tag:") else None
            position = 0 if tag is None else tags.index(tag) + 1
            compared = values if tag is None else tuple(normalize_tag_value(value) for value in values)
            for value in dict.fromkeys(compared):
                yield RuleTermRow(order, key, position, value)


def _owner_values(valid: Mapping[str, CostCenter]) -> Iterator[OwnerValueRow]:
    for center in valid.values():
        for value in dict.fromkeys(normalize_tag_value(text) for text in (center.id, *center.aliases)):
            yield OwnerValueRow(value, center.id)


def _cost_centers(document: PolicyDocument, valid: Mapping[str, CostCenter]) -> Iterator[CostCenterRow]:
    units = {unit.id: unit.name for unit in document.business_units}
    for center in valid.values():
        yield CostCenterRow(center.id, center.name, center.business_unit, units[center.business_unit])


def _pools(document: PolicyDocument) -> Iterator[PoolRow]:
    feeds = {p.id: p.split.pools_fed() if isinstance(p.split, FixedSplit) else () for p in document.pools}
    levels = pool_levels(feeds)
    for pool in document.pools:
        yield PoolRow(pool.id, pool.name, levels[pool.id], pool.split.method)


def _recipients(
    pool: Pool, valid: Mapping[str, CostCenter], drivers: Mapping[str, Mapping[str, Decimal]]
) -> Iterator[PoolRecipientRow]:
    """Every cost center and pool that can receive a share, with its weight.

    May be none at all, when nobody of ``among`` is valid in the period or has a driver value: then, as when all
    weights are zero, the unowned cost center receives the pool.
    """
    split = pool.split
    if isinstance(split, FixedSplit):
        for recipient, share in split.shares.items():
            kind = "pool" if recipient.startswith(POOL_PREFIX) else "cost_center"
            yield PoolRecipientRow(pool.id, kind, recipient.removeprefix(POOL_PREFIX), weight_micros(share))
        return
    if isinstance(split, DriverSplit):
        weights = {center: weight_micros(value) for center, value in drivers[split.driver].items()}
    else:
        weights = dict.fromkeys(valid, "" if isinstance(split, ProportionalSplit) else _EVEN_WEIGHT)
    among = valid.keys() if split.among is None else valid.keys() & set(split.among)
    for center, weight in weights.items():
        if center in among:
            yield PoolRecipientRow(pool.id, "cost_center", center, weight)


def _adjustments(document: PolicyDocument, period: BillingPeriod) -> Iterator[AdjustmentRow]:
    """Both sides of what is moved in the period: they add up to nothing."""
    currency = document.organization.billing_currency
    for adjustment in document.adjustments:
        if adjustment.billing_period == str(period):
            amount = format_cents(adjustment.amount)
            yield AdjustmentRow(adjustment.id, adjustment.from_cost_center, currency, f"-{amount}")
            yield AdjustmentRow(adjustment.id, adjustment.to_cost_center, currency, amount)
