"""What real bills hold is in a sample month of any size, and hangs together."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from tests.unit.local.sample_months import Line, SampleMonth, effective_cost, exact, sample_month

EVERY_TYPE = {
    *("Usage", "Tax", "Credit", "Refund", "Fee", "RIFee", "DiscountedUsage"),
    *("SavingsPlanUpfrontFee", "SavingsPlanRecurringFee", "SavingsPlanCoveredUsage", "SavingsPlanNegation"),
    *("EdpDiscount", "PrivateRateDiscount", "BundledDiscount"),
}


@pytest.fixture(params=[("2026-03", 1), ("2026-05", 7), ("2026-12", 3)], ids=lambda p: f"{p[0]}-seed-{p[1]}")
def month(request: pytest.FixtureRequest) -> SampleMonth:
    period, seed = request.param
    return sample_month(period, seed)


def owner_tags(month: SampleMonth) -> set[str | None]:
    return {dict(line["resource_tags"]).get("user_cost_center") for line in month.lines}


def by(lines: list[Line], column: str) -> dict[str, list[Line]]:
    groups = defaultdict(list)
    for line in lines:
        groups[line[column]].append(line)
    return groups


def summed(lines: list[Line], column: str) -> Decimal:
    return sum((exact(line[column]) for line in lines), Decimal(0))


def test_every_type_of_line_is_there(month: SampleMonth) -> None:
    assert {line["line_item_line_item_type"] for line in month.lines} == EVERY_TYPE


def test_owner_tags_are_blank_missing_mistyped_spelled_otherwise_and_unheard_of(month: SampleMonth) -> None:
    tags = owner_tags(month)
    assert {None, "", "  ", "CC 1001", "member-portal", "PBM-CORE", "CC-7777", "tbd", "CC-1005", "CC-2199"} <= tags
    written = {tag for tag in tags if tag}
    assert any(tag.startswith("cc-") for tag in written)
    assert any(tag != tag.strip() for tag in written)
    assert any("O" in tag.removeprefix("CC-") and tag.startswith("CC-1") for tag in written)
    assert any(tag.startswith("CC_") for tag in written)


def test_some_resources_have_no_tags_and_some_have_all_but_an_owner(month: SampleMonth) -> None:
    taggable = [line for line in month.of_type("Usage") if line["line_item_resource_id"]]
    assert any(not line["resource_tags"] for line in taggable)
    assert any(line["resource_tags"] and line["tag_cost_center"] is None for line in taggable)


def test_what_has_no_resource_has_no_tags(month: SampleMonth) -> None:
    without = [line for line in month.lines if not line["line_item_resource_id"]]
    assert not any(line["resource_tags"] for line in without)
    assert {"AWSDataTransfer", "AWSCloudTrail", "AWSSupportEnterprise"} <= {
        line["line_item_product_code"] for line in without
    }
    assert all(line["line_item_resource_id"] is None for line in month.of_type("Credit", "Refund", "Tax"))


def test_a_sixth_to_two_fifths_of_the_lines_cost_nothing_and_some_next_to_nothing(month: SampleMonth) -> None:
    costs = [line["line_item_unblended_cost"] for line in month.lines]
    assert 0.15 < sum(cost == 0 for cost in costs) / len(costs) < 0.40
    assert any("e-" in repr(cost) for cost in costs)
    assert all(abs(cost) < 90_000 for cost in costs)


def test_a_line_is_known_by_its_id_and_its_hour(month: SampleMonth) -> None:
    seen = Counter((line["identity_line_item_id"], line["identity_time_interval"]) for line in month.lines)
    assert set(seen.values()) == {1}
    for line in month.lines:
        start, end = line["line_item_usage_start_date"], line["line_item_usage_end_date"]
        assert line["identity_time_interval"] == f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
        assert line["bill_billing_period_start_date"] <= start < end <= line["bill_billing_period_end_date"]


def test_the_invoices_come_from_several_sellers_and_one_is_a_credit_memo(month: SampleMonth) -> None:
    told_apart = ("bill_bill_type", "bill_billing_entity", "bill_invoicing_entity")
    kinds = {(line["bill_invoice_id"], *(line[column] for column in told_apart)) for line in month.lines}
    assert len(kinds) == len({line["bill_invoice_id"] for line in month.lines}) == 6
    assert Counter(kind[1:] for kind in kinds) == {
        ("Anniversary", "AWS", "Amazon Web Services, Inc."): 1,
        ("Anniversary", "AWS", "Amazon Web Services EMEA SARL"): 1,
        ("Anniversary", "AWS Marketplace", "Amazon Web Services, Inc."): 1,
        ("Purchase", "AWS", "Amazon Web Services, Inc."): 2,
        ("Refund", "AWS", "Amazon Web Services, Inc."): 1,
    }
    memo = [line for line in month.lines if line["bill_bill_type"] == "Refund"]
    assert all(line["line_item_unblended_cost"] < 0 for line in memo)
    assert [total.billed_cost[0] for total in month.truth.control_totals].count("-") == 1


def test_marketplace_lines_name_their_vendor_as_the_seller(month: SampleMonth) -> None:
    marketplace = [line for line in month.lines if line["bill_billing_entity"] == "AWS Marketplace"]
    assert {line["line_item_line_item_type"] for line in marketplace} == {"Usage", "Fee", "Tax"}
    assert not any("Amazon" in line["line_item_legal_entity"] for line in marketplace)
    ours = [line for line in month.lines if line["bill_billing_entity"] == "AWS"]
    assert all(line["line_item_legal_entity"] == line["bill_invoicing_entity"] for line in ours)


def test_tax_is_charged_on_every_usage_invoice(month: SampleMonth) -> None:
    taxed = {line["bill_invoice_id"] for line in month.of_type("Tax")}
    usage = {line["bill_invoice_id"] for line in month.of_type("Usage")}
    assert taxed == usage
    assert {line["line_item_tax_type"] for line in month.of_type("Tax")} == {"VAT", "USSalesTax"}


def test_discounts_and_credits_take_off_and_say_so_in_their_columns(month: SampleMonth) -> None:
    discounts = month.of_type("EdpDiscount", "PrivateRateDiscount", "BundledDiscount")
    for line in [*discounts, *month.of_type("Credit", "Refund")]:
        assert line["line_item_unblended_cost"] < 0
    for line in discounts:
        assert line["discount_total_discount"] == line["line_item_unblended_cost"]
        assert [value for _, value in line["discount"]] == [line["line_item_unblended_cost"]]
    assert any(line["discount_bundled_discount"] for line in month.of_type("BundledDiscount"))


def test_covered_usage_is_negated_to_nothing(month: SampleMonth) -> None:
    totals: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for line in month.of_type("SavingsPlanCoveredUsage", "SavingsPlanNegation"):
        key = ("savings_plan_savings_plan_a_r_n", "line_item_usage_type", "line_item_operation")
        group = (*(line[column] for column in key), line["identity_time_interval"])
        totals[group] += exact(line["line_item_unblended_cost"])
    assert totals
    assert not any(totals.values())
    assert all(line["line_item_unblended_cost"] > 0 for line in month.of_type("SavingsPlanCoveredUsage"))


def test_each_savings_plan_is_used_for_what_it_covers_and_partly_unused(month: SampleMonth) -> None:
    fees = by(month.of_type("SavingsPlanRecurringFee"), "savings_plan_savings_plan_a_r_n")
    covered = by(month.of_type("SavingsPlanCoveredUsage"), "savings_plan_savings_plan_a_r_n")
    assert set(fees) == set(covered)
    for arn, lines in fees.items():
        used = summed(lines, "savings_plan_used_commitment")
        assert used == sum(effective_cost(line) for line in covered[arn])
        assert 0 < summed(lines, "savings_plan_total_commitment_to_date") - used < used / 4
    options = {lines[0]["savings_plan_payment_option"] for lines in fees.values()}
    assert options == {"No Upfront", "All Upfront"}


def test_upfront_fees_are_billed_when_bought_and_amortised_afterwards(month: SampleMonth) -> None:
    (plan,) = month.of_type("SavingsPlanUpfrontFee")
    assert plan["bill_bill_type"] == "Purchase"
    assert plan["savings_plan_start_time"][:7] == f"{plan['bill_billing_period_start_date']:%Y-%m}"
    for line in month.of_type("SavingsPlanRecurringFee"):
        committed = line["savings_plan_total_commitment_to_date"]
        is_prepaid = line["savings_plan_payment_option"] == "All Upfront"
        assert line["line_item_unblended_cost"] == (0 if is_prepaid else committed)
        amortised = line["savings_plan_amortized_upfront_commitment_for_billing_period"]
        assert amortised == (committed if is_prepaid else 0)
    (fee,) = [line for line in month.of_type("Fee") if line["reservation_reservation_a_r_n"]]
    assert (fee["bill_bill_type"], fee["line_item_unblended_cost"] > 0) == ("Purchase", True)


def test_each_reservation_is_worth_its_fees_less_what_is_unused(month: SampleMonth) -> None:
    usage = by(month.of_type("DiscountedUsage"), "reservation_reservation_a_r_n")
    fees = month.of_type("RIFee")
    assert set(usage) == {line["reservation_reservation_a_r_n"] for line in fees}
    for fee in fees:
        unused = exact(fee["reservation_unused_recurring_fee"]) + exact(
            fee["reservation_unused_amortized_upfront_fee_for_billing_period"]
        )
        paid = effective_cost(fee) + exact(fee["reservation_amortized_upfront_fee_for_billing_period"])
        reserved = usage[fee["reservation_reservation_a_r_n"]]
        assert sum(effective_cost(line) for line in reserved) == paid - unused
        assert unused > 0
        assert not summed(reserved, "line_item_unblended_cost")
    assert any(fee["reservation_amortized_upfront_fee_for_billing_period"] for fee in fees)


def test_pods_and_tasks_divide_an_instance_of_their_account_and_never_more_than_it_costs(month: SampleMonth) -> None:
    split = [line for line in month.lines if line["split_line_item_parent_resource_id"]]
    assert {line["line_item_operation"] for line in split} == {"EKSPod-EC2", "ECSTask-EC2"}
    cost: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    claimed: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for line in month.lines:
        at = (line["line_item_usage_account_id"], line["identity_time_interval"])
        if parent := line["split_line_item_parent_resource_id"]:
            assert line["line_item_unblended_cost"] == 0
            part = exact(line["split_line_item_split_cost"]) + exact(line["split_line_item_unused_cost"])
            claimed[(parent, *at)] += part
        elif line["line_item_product_code"] == "AmazonEC2":
            cost[(line["line_item_resource_id"], *at)] += effective_cost(line)
    assert all(0 < part <= cost[parent] for parent, part in claimed.items())


def test_pods_on_one_instance_have_several_owners_and_some_none(month: SampleMonth) -> None:
    split = [line for line in month.lines if line["split_line_item_parent_resource_id"]]
    owners = [
        {line["tag_cost_center"] for line in lines}
        for lines in by(split, "split_line_item_parent_resource_id").values()
    ]
    assert any(len(of_one - {None}) > 1 for of_one in owners)
    assert any(None in of_one for of_one in owners)


def test_containers_on_fargate_are_billed_by_themselves(month: SampleMonth) -> None:
    fargate = [line for line in month.lines if line["line_item_operation"] in ("FargatePod", "FargateTask")]
    assert {line["line_item_product_code"] for line in fargate} == {"AmazonEKS", "AmazonECS"}
    for line in fargate:
        split = exact(line["split_line_item_split_cost"]) + exact(line["split_line_item_unused_cost"])
        assert split == exact(line["line_item_unblended_cost"])
        assert line["split_line_item_parent_resource_id"] is None


def test_an_open_month_has_invoices_for_purchases_only() -> None:
    month = sample_month(final=False)
    ids = {(line["bill_bill_type"] == "Purchase", line["bill_invoice_id"]) for line in month.lines}
    assert {invoice for is_purchase, invoice in ids if not is_purchase} == {None, ""}
    assert len([invoice for is_purchase, invoice in ids if is_purchase and invoice]) == len(ids) - 2 == 2


def test_a_month_becomes_final_by_getting_its_invoice_ids_and_nothing_else() -> None:
    closed, still_open = (sample_month(final=final).lines for final in (True, False))
    without_id = [[{**line, "bill_invoice_id": None} for line in lines] for lines in (closed, still_open)]
    assert without_id[0] == without_id[1]
    assert all(line["bill_invoice_id"] for line in closed)
