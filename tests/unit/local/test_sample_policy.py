"""The sample organisation's policy is valid all year, and fits its bill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from functions.shared.periods import BillingPeriod
from functions.shared.policy import Policy, compile_policy, driver_files, load_policy, normalize_tag_value
from functions.shared.policy.model import CHARGE_CLASSES, SPLIT_METHODS, FixedSplit, Match
from local.sample.organisation import ACCOUNTS, ALIASES, BUSINESS_UNITS, RETIRED_COST_CENTERS, UNKNOWN_COST_CENTERS
from tests.unit.local.sample_months import REPOSITORY, Line, sample_month

FOLDER = REPOSITORY / "policy"
MONTHS = [f"2026-{number:02d}" for number in range(1, 13)]


@pytest.fixture(scope="module")
def policy() -> Policy:
    text = (FOLDER / "meridian.yaml").read_text(encoding="utf-8")
    drivers = {file: (FOLDER / file).read_text(encoding="utf-8") for file in driver_files(text)}
    return load_policy(text, drivers, name="meridian.yaml")


def recognised(policy: Policy, month: str) -> dict[str, str]:
    """Owner tag values that mean something in the month, with the cost center they mean."""
    valid = [center for center in policy.document.cost_centers if center.valid_in(month)]
    return {normalize_tag_value(value): center.id for center in valid for value in (center.id, *center.aliases)}


@pytest.mark.parametrize("month", MONTHS)
def test_the_policy_compiles_for_every_month_of_the_year(policy: Policy, month: str) -> None:
    compiled = compile_policy(policy, BillingPeriod.parse(month))
    assert {pool.id for pool in policy.document.pools} >= {"untagged", "untaggable", "unrecognized"}
    assert len(compiled.pool_levels) == 2


def test_the_policy_knows_the_accounts_of_the_bill_and_half_of_them_have_an_owner(policy: Policy) -> None:
    accounts = policy.document.accounts
    assert {(account.id, account.name) for account in accounts} == {(a.account_id, a.name) for a in ACCOUNTS}
    assert len([account for account in accounts if account.cost_center]) == len(accounts) / 2


def test_the_policy_knows_the_cost_centers_of_the_bill_by_their_business_unit(policy: Policy) -> None:
    units = {center.id: center.business_unit for center in policy.document.cost_centers}
    for account in ACCOUNTS:
        for center in account.cost_centers:
            assert units[center] == BUSINESS_UNITS[center[3:5]]
    assert {unit.id for unit in policy.document.business_units} == set(units.values())
    assert len(policy.document.business_units) == 12


def test_aliases_are_recognised_and_retired_or_unknown_cost_centers_are_not(policy: Policy) -> None:
    values = recognised(policy, "2026-03")
    assert all(values[normalize_tag_value(alias)] == center for center, alias in ALIASES.items())
    for value in (*RETIRED_COST_CENTERS, *UNKNOWN_COST_CENTERS, "CC-1O01", "CC_1001"):
        assert normalize_tag_value(value) not in values


def test_one_cost_center_opens_and_one_closes_within_the_sample_months(policy: Policy) -> None:
    march, april, may = (set(recognised(policy, month).values()) for month in ("2026-03", "2026-04", "2026-05"))
    assert april - march == {"CC-1705"}
    assert april - may == {"CC-1504"}


def test_every_way_of_splitting_is_in_use_and_one_pool_feeds_another(policy: Policy) -> None:
    splits = [pool.split for pool in policy.document.pools]
    assert {split.method for split in splits} == set(SPLIT_METHODS)
    assert any(isinstance(split, FixedSplit) and split.pools_fed() for split in splits)
    assert any(split.method == "even" and split.among for split in splits if not isinstance(split, FixedSplit))


def test_headcount_has_every_staffed_cost_center_in_every_month_it_is_valid(policy: Policy) -> None:
    table = policy.driver_tables["headcount"]
    assert sorted(table) == MONTHS
    for month in MONTHS:
        valid = {center.id for center in policy.document.cost_centers if center.valid_in(month)}
        assert set(table[month]) == valid - {"CC-9000", "CC-9100"}


def test_every_rule_and_every_class_of_charge_meets_lines_of_the_bill(policy: Policy) -> None:
    lines = sample_month().lines
    unused = [rule.id for rule in policy.document.rules if not any(_matches(rule.match, line) for line in lines)]
    assert unused == []
    assert {_charge_class(line) for line in lines} == set(CHARGE_CLASSES) - {"commitment_bridge"}


def test_untagged_resources_are_found_in_accounts_with_and_without_an_owner(policy: Policy) -> None:
    owned = {account.id for account in policy.document.accounts if account.cost_center}
    for period in ("2026-03", "2026-05"):
        untagged = [line for line in sample_month(period).of_type("Usage") if _is_untagged(line)]
        assert {line["line_item_usage_account_id"] in owned for line in untagged} == {True, False}


def _is_untagged(line: Line) -> bool:
    return bool(line["line_item_resource_id"]) and not (line["tag_cost_center"] or "").strip()


def _charge_class(line: Line) -> str:
    kind: str = line["line_item_line_item_type"]
    if kind in ("RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "SavingsPlanNegation"):
        return "commitment_fee"
    if kind in ("Tax", "Credit", "Refund", "Fee"):
        return kind.lower()
    if kind.endswith("Discount"):
        return "discount"
    return "support" if line["line_item_product_code"].startswith("AWSSupport") else "usage"


def _matches(match: Match, line: Line) -> bool:
    return all(_holds(key, values, line) for key, values in match.terms().items())


def _holds(key: str, values: tuple[str, ...], line: Line) -> bool:
    if key == "usage_type_prefix":
        return (line["line_item_usage_type"] or "").startswith(values)
    return bool(set(_readings(key, line)) & set(values))


def _readings(key: str, line: Line) -> Iterator[str | None]:
    if key == "charge_class":
        yield _charge_class(line)
    elif key.startswith("tag:"):
        yield dict(line["resource_tags"]).get(f"user_{key.removeprefix('tag:')}")
    else:
        names = {"account": "usage_account_id", "service": "product_code", "operation": "operation"}
        yield line[f"line_item_{names.get(key, key)}"]
