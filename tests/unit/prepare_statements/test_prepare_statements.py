"""Statements and charges are the ledger's entries, grouped and added up; nothing is computed a second time."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from functions.post_charge.item import ChargeItem
from functions.prepare_statements.logic import RunFacts, build_statements
from functions.prepare_statements.payload import PrepareStatementsRequest, StatementResults
from functions.prepare_statements.rows import EarlierMonth, StatementRows, UntaggedCost, read_statement_rows
from functions.prepare_statements.tags import match_tags
from functions.prepare_statements.totals import RunTotals, add_up, charges, untagged_ratio
from functions.render_statement import pdf_words as words
from functions.render_statement.adding_up import differences
from functions.render_statement.csv_statement import write_csv
from functions.render_statement.model import StatementModel
from functions.shared import run_files
from functions.shared.compiled_policy import AdjustmentOfRun
from functions.shared.errors import InvariantViolated
from functions.shared.money import total
from functions.shared.sql_catalog import hash_sources
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.render_statement.reading import page_texts
from tests.unit.run_samples import RUN_ID, csv_of, entry_row, invoice_row, policy_of_run, reconciliation, seal

ENTRIES = [
    entry_row(entry_id="e-1", cost="60.00", exact_cost="60.0040000000"),
    entry_row(entry_id="e-2", cost="7.50", exact_cost="7.5000000000", service_name="AmazonS3"),
    entry_row(entry_id="e-3", cost="12.49", allocation_method="shared", pool_id="support", sub_account_id=""),
    entry_row(entry_id="e-4", cost="12.51", allocation_method="shared", pool_id="support", cost_center="CC-1002"),
    entry_row(entry_id="e-5", cost="-3.00", charge_class="credit", cost_center="CC-1002"),
    entry_row(entry_id="e-6", cost="10.50", cost_center="CC-9000", business_unit="finance"),
]
SHARES = [
    {
        "pool_id": "support",
        "cost_center": center,
        "split_method": "driver",
        "pool_cost": "25.00",
        "weight": weight,
        "total_weight": "200500000",
        "share": share,
    }
    for center, weight, share in (("CC-1001", "120000000", "12.49"), ("CC-1002", "80500000", "12.51"))
]
RESOURCES = [
    {
        "cost_center": "CC-1001",
        "resource_id": "i-0abc",
        "sub_account_id": "111122223333",
        "service_name": "AmazonEC2",
        "exact_cost": "40.0000000001",
    }
]
MONTHS = [
    {
        "charge_period": period,
        "business_unit": "claims",
        "cost_center": center,
        "direct_cost": direct,
        "shared_cost": "5.00",
    }
    for period, center, direct in (
        ("2026-03", "CC-1001", "40.00"),
        ("2026-04", "CC-1001", "50.00"),
        ("2026-04", "CC-1002", "1.00"),
    )
]
UNRECOGNIZED = [
    {"owner_tag": owner, "exact_cost": "3.5000000000", "line_count": "2", "accounts": "1"}
    for owner in ("CC-1O01", "who knows")
]
SQL = {"f010_charges": "select 1\n", "s010_ledger_entries": "select 2\n"}
UNTAGGED = {"taggable_cost": "80.0000000000", "untagged_cost": "10.0000000000", "charge_count": "9"}


def request(**changes: Any) -> dict[str, Any]:
    results = StatementResults.model_fields
    return {
        "run_id": RUN_ID,
        "billing_period": "2026-05",
        "charge_period": "2026-05",
        "revision": 1,
        "preview": False,
        "results": {name: f"s3://work/athena-results/{name}.csv" for name in results},
    } | changes


def rows(entries: list[dict[str, str]] | None = None) -> StatementRows:
    return read_statement_rows(
        ENTRIES if entries is None else entries, SHARES, RESOURCES, MONTHS, [UNTAGGED], UNRECOGNIZED
    )


def facts(**changes: Any) -> RunFacts:
    asked = PrepareStatementsRequest.model_validate(request(**changes))
    return RunFacts.of(asked, policy_of_run(), seal(), reconciliation(), sql_sha256="cd" * 32, code_version="ef" * 32)


def statements(entries: list[dict[str, str]] | None = None, **changes: Any) -> dict[str, StatementModel]:
    built = build_statements(facts(**changes), policy_of_run(), reconciliation(), rows(entries))
    return {statement.business_unit.id: statement for statement in built}


def test_every_entry_is_on_the_statement_of_its_business_unit_and_on_no_other() -> None:
    built = statements()

    listed = {unit: [line.entry_id for line in statement.ledger_lines] for unit, statement in built.items()}
    assert listed == {"claims": ["e-1", "e-2", "e-3", "e-4", "e-5"], "finance": ["e-6"]}
    assert total(statement.total for statement in built.values()) == reconciliation().billed_cost


def test_statements_are_laid_out_for_the_paper_that_the_policy_names() -> None:
    american = policy_of_run(paper="Letter")

    built = build_statements(facts(), american, reconciliation(), rows())
    assert {statement.paper for statement in built} == {"Letter"}
    assert {statement.paper for statement in statements().values()} == {"A4"}


def test_statements_add_up_as_the_renderer_demands() -> None:
    for statement in statements().values():
        assert differences(statement) == []


def test_a_business_unit_without_entries_gets_no_statement() -> None:
    assert list(statements(ENTRIES[:-1])) == ["claims"]


def test_a_cost_center_sees_its_direct_cost_by_service_largest_first_and_its_shares_apart() -> None:
    first, second = statements()["claims"].cost_centers

    assert (first.cost_center, first.name, first.total) == ("CC-1001", "Adjudication", Decimal("79.99"))
    assert [(service.service_name, service.cost) for service in first.services] == [
        ("AmazonEC2", Decimal("60.00")),
        ("AmazonS3", Decimal("7.50")),
    ]
    [share] = first.pool_shares
    assert (share.pool_name, share.driver, share.pool_cost, share.share) == (
        "AWS Support",
        "headcount",
        Decimal("25.00"),
        Decimal("12.49"),
    )
    assert (share.weight, share.total_weight) == (Decimal("120"), Decimal("200.5"))
    assert [(entry.charge_class, entry.cost) for entry in second.charge_classes] == [("credit", Decimal("-3.00"))]


def test_what_a_cost_center_paid_the_month_before_stands_beside_it() -> None:
    first, second = statements()["claims"].cost_centers
    [finance] = statements()["finance"].cost_centers

    assert (first.prior_total, second.prior_total, finance.prior_total) == (Decimal("55.00"), Decimal("6.00"), None)


def adjusted(**changes: Any) -> dict[str, StatementModel]:
    """The statements of a month in which 5.00 of CC-1001's cost is moved to CC-9000, a dispute being granted."""
    moved = {"rule_id": "adjustment:ADJ-1", "charge_class": "adjustment", "service_name": "", "line_count": "0"}
    entries = [
        *ENTRIES,
        entry_row(entry_id="e-7", cost="-5.00", exact_cost="-5.0000000000", **moved),
        entry_row(
            entry_id="e-8",
            cost="5.00",
            exact_cost="5.0000000000",
            cost_center="CC-9000",
            business_unit="finance",
            **moved,
        ),
    ]
    known = AdjustmentOfRun(
        from_cost_center="CC-1001", to_cost_center="CC-9000", reason="The farm was theirs", settles="claims 2026-04 r1"
    )
    policy = policy_of_run(**({"adjustments": {"ADJ-1": known}} | changes))
    built = build_statements(facts(), policy, reconciliation(), rows(entries))
    return {statement.business_unit.id: statement for statement in built}


def test_an_adjustment_is_on_both_statements_with_its_reason_and_whom_it_concerns() -> None:
    built = adjusted()

    taken, given = (
        [
            (a.adjustment_id, a.other_cost_center, a.reason, a.settles, a.cost)
            for a in built[unit].cost_centers[0].adjustments
        ]
        for unit in ("claims", "finance")
    )
    assert taken == [("ADJ-1", "CC-9000", "The farm was theirs", "claims 2026-04 r1", Decimal("-5.00"))]
    assert given == [("ADJ-1", "CC-1001", "The farm was theirs", "claims 2026-04 r1", Decimal("5.00"))]
    assert built["claims"].cost_centers[1].adjustments == ()
    assert total(statement.total for statement in built.values()) == reconciliation().billed_cost


def test_an_adjustment_that_the_policy_no_longer_has_says_so() -> None:
    [taken] = adjusted(adjustments={})["claims"].cost_centers[0].adjustments

    assert (taken.reason, taken.other_cost_center, taken.cost) == ("No longer in the policy", "", Decimal("-5.00"))


def test_an_adjustment_and_its_reason_are_printed_and_in_the_csv() -> None:
    for unit, moved, cost in (("claims", "to CC-9000", "-5.00"), ("finance", "from CC-1001", "5.00")):
        statement = adjusted()[unit]
        printed = " ".join(" ".join(page_texts(statement)).split())
        assert all(words in printed for words in ("ADJ-1", "The farm was theirs", "settles claims 2026-04 r1", moved))
        [row] = [
            row
            for row in csv.DictReader(io.StringIO(write_csv(statement).decode()))
            if row["charge_class"] == "adjustment"
        ]
        assert (row["rule_id"], row["adjustment_reason"], row["cost"]) == (
            "adjustment:ADJ-1",
            "The farm was theirs",
            cost,
        )


def test_a_statement_whose_adjustments_are_not_its_ledger_lines_is_refused() -> None:
    data = adjusted()["claims"].model_dump()
    data["cost_centers"][0]["adjustments"] = []

    with pytest.raises(InvariantViolated, match=r"CC-1001: adjustments 0\.00 but their ledger lines add up to -5\.00"):
        StatementModel.model_validate(data)


def test_a_trend_ends_with_the_month_itself() -> None:
    trend = statements()["claims"].trend

    assert [(month.billing_period, month.total) for month in trend] == [
        ("2026-03", Decimal("45.00")),
        ("2026-04", Decimal("61.00")),
        ("2026-05", Decimal("89.50")),
    ]


def test_a_share_that_a_later_revision_corrects_is_shown_without_its_pool() -> None:
    """A pool that has gone since has no row of shares, but what it cost before must still be taken back."""
    gone = entry_row(entry_id="e-7", cost="-4.00", allocation_method="shared", pool_id="old", cost_center="CC-9000")

    [center] = statements([gone | {"business_unit": "finance"}], revision=2)["finance"].cost_centers
    assert [(share.pool_name, share.share, share.pool_cost) for share in center.pool_shares] == [
        ("old", Decimal("-4.00"), Decimal("0"))
    ]


def test_a_share_that_is_taken_back_says_how_the_pool_is_split_now() -> None:
    """Others pay the pool now: a weight of nothing, not a pool that nobody had a weight in."""
    share = next(entry for entry in ENTRIES if entry["pool_id"] == "support" and entry["cost_center"] == "CC-1001")
    taken = share | {"entry_id": "e-9", "cost": "-12.49", "exact_cost": "-12.4900000000", "revision": "2"}
    now = [dict(SHARES[1], weight="80500000", total_weight="80500000", share="25.00")]
    read = read_statement_rows([taken], now, [], MONTHS, [UNTAGGED], [])

    [built] = build_statements(
        facts(revision=2), policy_of_run(), reconciliation([invoice_row(revision_cost="-12.49")]), read
    )

    [pool] = built.cost_centers[0].pool_shares
    assert (pool.share, pool.pool_cost) == (Decimal("-12.49"), Decimal(now[0]["pool_cost"]))
    assert words.split_by(pool)[1] == "0 of 80.5"


def test_a_pool_that_is_gone_is_no_longer_split() -> None:
    gone = entry_row(entry_id="e-7", cost="-4.00", allocation_method="shared", pool_id="old", cost_center="CC-9000")

    [center] = statements([gone | {"business_unit": "finance"}], revision=2)["finance"].cost_centers

    assert words.split_by(center.pool_shares[0]) == ("No longer split", "an earlier revision's share is taken back")


def test_a_restatement_lists_no_resources_for_their_cost_is_the_whole_months() -> None:
    first, second = (statements(revision=revision)["claims"].cost_centers for revision in (1, 2))

    assert any(center.top_resources for center in first)
    assert not any(center.top_resources for center in second)


def test_a_restatement_compares_with_the_month_before_the_one_it_is_about() -> None:
    first, _ = statements(billing_period="2026-08", revision=2)["claims"].cost_centers

    assert first.prior_total == Decimal("55.00")


def test_a_statement_says_what_it_stands_on() -> None:
    provenance = statements()["claims"].provenance

    assert (provenance.sealed_files, provenance.line_items) == (1, 10)
    assert (provenance.policy_sha256, provenance.manifest_execution_id) == (policy_of_run().sha256, "export-1")


def test_the_line_items_are_those_that_were_reconciled_not_those_of_a_newer_delivery() -> None:
    asked = PrepareStatementsRequest.model_validate(request())
    more = reconciliation([invoice_row(), invoice_row(invoice_id="INV-2", lines_read="5")])

    made = RunFacts.of(asked, policy_of_run(), seal(), more, sql_sha256="cd" * 32, code_version="ef" * 32)
    assert made.provenance.line_items == 15


def run_totals() -> RunTotals:
    return add_up(rows().entries, rows().untagged_cost)


def test_totals_per_cost_center_are_direct_plus_shared() -> None:
    shown = {center.cost_center: (center.direct, center.shared, center.total) for center in run_totals().cost_centers}

    assert shown == {
        "CC-1001": (Decimal("67.50"), Decimal("12.49"), Decimal("79.99")),
        "CC-1002": (Decimal("-3.00"), Decimal("12.51"), Decimal("9.51")),
        "CC-9000": (Decimal("10.50"), Decimal("0.00"), Decimal("10.50")),
    }
    assert run_totals().cost_centers[0].by_pool == {"support": Decimal("12.49")}


def charges_of(totals: RunTotals, **changes: Any) -> list[ChargeItem]:
    return charges(PrepareStatementsRequest.model_validate(request(**changes)), policy_of_run(), totals)


def test_a_cost_center_whose_costs_cancel_out_is_not_charged() -> None:
    balanced = [entry_row(cost="5.00"), entry_row(entry_id="e-2", cost="-5.00"), ENTRIES[-1]]

    items = charges_of(add_up(rows(balanced).entries, rows().untagged_cost))
    assert [(item.cost_center, item.amount) for item in items] == [("CC-9000", Decimal("10.50"))]


def test_a_restatement_is_charged_in_its_own_month_for_the_month_it_is_about() -> None:
    [item, *_] = charges_of(run_totals(), billing_period="2026-08", revision=2)

    assert (item.billing_period, item.charge_period, item.revision) == ("2026-08", "2026-05", 2)


@pytest.mark.parametrize(
    ("taggable", "untagged", "ratio"),
    [("80", "10", "0.1250"), ("3", "2", "0.6667"), ("0", "0", "0.0000"), ("-5", "1", "0.0000"), ("1", "1", "1.0000")],
)
def test_the_untagged_ratio_has_four_decimals(taggable: str, untagged: str, ratio: str) -> None:
    row = UntaggedCost.model_validate({"taggable_cost": taggable, "untagged_cost": untagged, "charge_count": "1"})

    assert untagged_ratio(row) == ratio


def test_an_owner_tag_that_names_nobody_is_listed_with_the_spelling_that_was_most_likely_meant() -> None:
    listed = match_tags(rows().unrecognized_tags, policy_of_run().owner_spellings)

    assert [(tag.value, tag.closest) for tag in listed] == [("CC-1O01", "CC-1001"), ("who knows", "")]


def test_a_row_with_an_unknown_column_is_refused_for_query_and_code_have_parted() -> None:
    with pytest.raises(ValidationError, match="surprise"):
        EarlierMonth.model_validate(MONTHS[0] | {"surprise": "1"})


def keep_run(bench: FunctionBench) -> None:
    bench.work.write_json(run_files.policy_key(RUN_ID), policy_of_run().model_dump(mode="json"))
    bench.work.write_json(run_files.seal_key(RUN_ID), seal().model_dump(mode="json"))
    bench.work.write_json(run_files.reconciliation_key(RUN_ID), reconciliation().model_dump(mode="json"))
    for name, found in (
        ("entries", ENTRIES),
        ("pool_shares", SHARES),
        ("top_resources", RESOURCES),
        ("earlier_months", MONTHS),
        ("untagged_cost", [UNTAGGED]),
        ("unrecognized_tags", UNRECOGNIZED),
    ):
        bench.put_query_result(name, csv_of(*found))
    for name, text in SQL.items():
        bench.work.write(f"{run_files.sql_source_prefix(RUN_ID)}{name}.sql", text.encode(), "text/plain")


def test_statements_totals_and_charges_are_kept_for_the_states_that_follow(bench: FunctionBench) -> None:
    keep_run(bench)

    prepared = bench.invoke("prepare_statements", request())

    assert prepared == {
        "business_units": ["claims", "finance"],
        "charges": {"bucket": "work", "key": run_files.charge_items_key(RUN_ID), "count": 3},
        "total": "100.00",
    }
    kept = bench.work.read_json(run_files.statement_model_key(RUN_ID, "claims"))
    statement = StatementModel.model_validate(kept)
    assert differences(statement) == []
    assert (statement.provenance.code_version, statement.provenance.sql_sha256) == (
        VALUES["CODE_VERSION"],
        hash_sources(SQL),
    )
    assert RunTotals.model_validate(bench.work.read_json(run_files.totals_key(RUN_ID))) == run_totals()
    assert [tag["value"] for tag in bench.work.read_json(run_files.unrecognized_tags_key(RUN_ID))] == [
        "CC-1O01",
        "who knows",
    ]
    items = bench.work.read_json(run_files.charge_items_key(RUN_ID))
    assert [(item["cost_center"], item["amount"]) for item in items] == [
        ("CC-1001", "79.99"),
        ("CC-1002", "9.51"),
        ("CC-9000", "10.50"),
    ]


def test_a_previews_statements_are_drafts(bench: FunctionBench) -> None:
    keep_run(bench)

    bench.invoke("prepare_statements", request(preview=True))

    assert bench.work.read_json(run_files.statement_model_key(RUN_ID, "claims"))["draft"] is True
