"""A month is closed when its delivery is whole, of the month, in the currency, and on issued invoices."""

from __future__ import annotations

from typing import Any

import pytest

from functions.check_invoices.logic import BooksChecked, DeliveredLines, check_delivery, read_survey
from functions.shared import run_files
from functions.shared.errors import (
    EmptyMonth,
    InvoicesNotFinal,
    MissingCost,
    UnlistedDataFile,
    WrongBillingPeriod,
    WrongCurrency,
)
from tests.unit.function_bench import FunctionBench
from tests.unit.run_samples import DATA_KEY, MANIFEST_KEY, RUN_ID, csv_of, delivery, policy_of_run


def lines(**changes: str) -> dict[str, str]:
    return {
        "data_file": f"s3://billing/{DATA_KEY}",
        "billing_account_id": "999900001111",
        "billing_currency": "USD",
        "billing_period_of_lines": "2026-05",
        "line_item_type": "Usage",
        "is_invoiced": "true",
        "line_count": "1000",
        "lines_without_cost": "0",
        "lines_with_cost": "900",
        "unblended_cost": "1234.5678901234",
    } | changes


def check(*rows: dict[str, str], preview: bool = False) -> BooksChecked:
    return check_delivery(delivery(), read_survey(rows), currency="USD", preview=preview)


def test_a_month_on_issued_invoices_is_final() -> None:
    checked = check(lines(), lines(line_item_type="Tax", line_count="5", billing_account_id="888800001111"))

    assert checked == BooksChecked(
        line_items=1005,
        billing_accounts=["888800001111", "999900001111"],
        billing_currency="USD",
        final=True,
        lines_without_invoice=0,
    )


def test_an_open_month_is_refused_with_the_number_and_cost_of_every_kind_of_line() -> None:
    with pytest.raises(InvoicesNotFinal) as refused:
        check(
            lines(),
            lines(is_invoiced="false", lines_with_cost="1200", unblended_cost="2000.004"),
            lines(is_invoiced="false", lines_with_cost="34", unblended_cost="0.50", billing_account_id="888800001111"),
            lines(is_invoiced="false", line_item_type="Credit", lines_with_cost="2", unblended_cost="-7.10"),
        )
    assert str(refused.value) == (
        "2026-05 is still open: 1,236 lines with a cost have no invoice id: 2 Credit (-7.10 USD), "
        "1,234 Usage (2,000.50 USD). Close it when AWS has issued the invoice, or make a preview"
    )


def test_lines_that_cost_nothing_need_no_invoice() -> None:
    free = lines(is_invoiced="false", lines_with_cost="0", unblended_cost="0")

    assert check(lines(), free).final


def test_a_preview_of_an_open_month_counts_what_is_open() -> None:
    checked = check(lines(), lines(is_invoiced="false", lines_with_cost="12"), preview=True)

    assert (checked.final, checked.lines_without_invoice, checked.line_items) == (False, 12, 2000)


def test_a_delivery_without_lines_is_no_month() -> None:
    with pytest.raises(EmptyMonth, match=MANIFEST_KEY):
        check()


def test_a_file_beside_the_listed_ones_with_lines_stops_the_close() -> None:
    """It would be counted by whoever adds the folder up, and not by us."""
    stray = lines(data_file=f"s3://billing/{DATA_KEY.replace('00001', '00009')}", line_count="7")

    with pytest.raises(UnlistedDataFile, match=r"00009\.snappy\.parquet holds 7 lines"):
        check(lines(), stray)


def test_folders_of_earlier_deliveries_are_no_part_of_this_one() -> None:
    earlier = f"s3://billing/{DATA_KEY.rpartition('/')[0]}/20260601T000000Z-abc/chargeback-00001.snappy.parquet"

    assert check(lines(), lines(data_file=earlier, line_count="999", is_invoiced="false")).line_items == 1000


@pytest.mark.parametrize(("found", "said"), [("2026-04", "of 2026-04"), ("", "of no month")])
def test_lines_of_another_month_are_refused(found: str, said: str) -> None:
    with pytest.raises(WrongBillingPeriod, match=f"1,000 lines {said} in the folder of 2026-05"):
        check(lines(billing_period_of_lines=found))


@pytest.mark.parametrize(("found", "said"), [("EUR", "in EUR"), ("", "in no currency")])
def test_lines_in_another_currency_than_the_policys_are_refused(found: str, said: str) -> None:
    with pytest.raises(WrongCurrency, match=f"{said}, but the policy's organization.billing_currency is USD"):
        check(lines(billing_currency=found))


def test_lines_without_a_cost_are_refused_because_a_total_would_be_a_guess() -> None:
    with pytest.raises(MissingCost, match="3 lines have no line_item_unblended_cost"):
        check(lines(lines_without_cost="3"))


def test_what_is_wrong_with_the_delivery_is_said_of_a_preview_too() -> None:
    with pytest.raises(WrongCurrency):
        check(lines(billing_currency="EUR"), preview=True)


def test_a_cost_in_the_survey_is_exact() -> None:
    [row] = read_survey([lines(unblended_cost="0.1000000001")])

    assert isinstance(row, DeliveredLines)
    assert str(row.unblended_cost) == "0.1000000001"


def keep_run(bench: FunctionBench, **policy: Any) -> None:
    bench.work.write_json(run_files.delivery_key(RUN_ID), delivery().model_dump(mode="json"))
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run(**policy).model_dump(mode="json"))


def test_the_survey_is_read_from_where_athena_put_it(bench: FunctionBench) -> None:
    keep_run(bench)
    survey = bench.put_query_result("survey", csv_of(lines()))

    checked = bench.invoke("check_invoices", {"run_id": RUN_ID, "survey_result": survey, "preview": False})

    assert (checked["line_items"], checked["final"]) == (1000, True)


def test_the_currency_is_the_one_of_the_policy_of_the_run(bench: FunctionBench) -> None:
    keep_run(bench, billing_currency="EUR")
    survey = bench.put_query_result("survey", csv_of(lines()))

    with pytest.raises(WrongCurrency, match="billing_currency is EUR"):
        bench.invoke("check_invoices", {"run_id": RUN_ID, "survey_result": survey, "preview": False})
