"""A sample month is a Data Exports delivery whose total is known before anyone reads it."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from functions.shared.errors import InvalidPeriod
from local.sample.invoices import round_to_cents
from local.sample.month import write_month
from tests.unit.local.sample_months import REPOSITORY, SMALL, chunks, exact, sample_month

CONTRACT = REPOSITORY / "sql" / "contracts" / "cur2_columns.csv"
BREADTH = [
    "line_item_product_code",
    "line_item_usage_account_id",
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
]
FLAT_TAGS = ["tag_cost_center", "tag_business_unit", "tag_environment", "tag_application"]
ARROW_TYPES = {
    "string": pa.string(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
    "map<string,double>": pa.map_(pa.string(), pa.float64()),
}


def contract_columns() -> list[tuple[str, str]]:
    with CONTRACT.open(newline="") as lines:
        return [(row["name"], row["type"]) for row in csv.DictReader(lines)]


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_month_has_exactly_the_lines_asked_for_in_the_chunks_its_manifest_lists() -> None:
    month = sample_month()
    listed = [key.rpartition("/")[2] for key in month.manifest["dataFiles"]]
    assert [file.name for file in chunks(month.folder)] == listed
    assert len(listed) >= 2
    assert len(month.lines) == month.truth.rows == SMALL
    assert all(key.startswith("s3://example-bucket/") for key in month.manifest["dataFiles"])


def test_a_month_is_cut_into_chunks_of_at_most_a_million_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.sample.month._LARGEST_CHUNK", 900)
    write_month(tmp_path, "2026-05", line_items=SMALL, seed=7)
    assert [pq.read_metadata(file).num_rows for file in chunks(tmp_path)] == [900, 900, 200]


def test_a_smaller_month_over_a_larger_one_leaves_no_chunk_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as many_chunks:
        many_chunks.setattr("local.sample.month._LARGEST_CHUNK", 500)
        write_month(tmp_path, "2026-05", line_items=SMALL, seed=7)
    write_month(tmp_path, "2026-05", line_items=SMALL, seed=7)
    assert len(chunks(tmp_path)) == 2


def test_an_export_has_the_columns_of_the_contract_in_order_and_then_the_flattened_tags() -> None:
    month = sample_month()
    expected = [*contract_columns(), *((name, "string") for name in FLAT_TAGS)]
    assert [(column["name"], column["type"]) for column in month.manifest["columns"]] == expected
    for file in chunks(month.folder):
        schema = pq.read_schema(file)
        assert schema.names == [name for name, _ in expected]
        for name, kind in expected:
            assert schema.field(name).type.equals(ARROW_TYPES[kind]), name


def test_an_export_without_flattened_tags_has_the_columns_of_the_contract_only(tmp_path: Path) -> None:
    write_month(tmp_path, "2026-05", line_items=SMALL, seed=7, flat_tags=False)
    assert [pq.read_schema(file).names for file in chunks(tmp_path)] == [[name for name, _ in contract_columns()]] * 2
    plain = [line for file in chunks(tmp_path) for line in pq.read_table(file).to_pylist()]
    flat = [{k: v for k, v in line.items() if k not in FLAT_TAGS} for line in sample_month().lines]
    assert plain == flat


def test_a_flattened_tag_repeats_the_resource_tag_and_is_null_without_it() -> None:
    for line in sample_month().lines:
        tags = dict(line["resource_tags"])
        for name in FLAT_TAGS:
            assert line[name] == tags.get(name.replace("tag_", "user_"))


@pytest.mark.parametrize("final", [True, False])
def test_the_truth_is_what_the_lines_add_up_to_as_decimals(final: bool) -> None:
    month = sample_month(final=final)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    lines: Counter[str] = Counter()
    for line in month.lines:
        invoice = line["bill_invoice_id"] or ""
        totals[invoice] += exact(line["line_item_unblended_cost"])
        lines[invoice] += 1
    cents = {key: total.quantize(Decimal("0.01"), ROUND_HALF_UP) for key, total in totals.items()}
    said = month.truth.control_totals
    assert {total.invoice_id: Decimal(total.exact) for total in said} == dict(totals)
    assert {total.invoice_id: total.billed_cost for total in said} == {key: f"{c:f}" for key, c in cents.items()}
    assert {total.invoice_id: total.lines for total in said} == dict(lines)
    assert Decimal(month.truth.billed_cost) == sum(cents.values())


def test_the_truth_is_written_beside_the_data() -> None:
    month = sample_month()
    written = json.loads((month.folder / "truth" / "BILLING_PERIOD=2026-05" / "invoices.json").read_text())
    assert written["rows"] == SMALL
    assert written["billed_cost"] == month.truth.billed_cost
    assert written["control_totals"] == [total._asdict() for total in month.truth.control_totals]


def test_an_engine_that_casts_the_doubles_gets_the_exact_costs_back() -> None:
    month = sample_month()
    files = [str(file) for file in chunks(month.folder)]
    total = "SELECT sum(CAST(line_item_unblended_cost AS DECIMAL(38,10))) FROM read_parquet(?)"
    (row,) = duckdb.connect().execute(total, [files]).fetchall()
    assert row[0] == sum(Decimal(total.exact) for total in month.truth.control_totals)


@pytest.mark.parametrize(("units", "cents"), [(49_999_999, 0), (50_000_000, 1), (-50_000_000, -1), (150_000_000, 2)])
def test_half_a_cent_rounds_away_from_zero(units: int, cents: int) -> None:
    assert round_to_cents(units) == cents


def test_the_same_month_is_written_to_the_same_bytes_by_another_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from local.sample.month import write_month;"
        f"write_month(Path(sys.argv[1]), '2026-05', line_items={SMALL}, seed=7)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, env=environment, check=True)
    assert digests(tmp_path) == digests(sample_month().folder)


def test_another_seed_is_another_month_of_the_same_size() -> None:
    one, other = sample_month(), sample_month(seed=8)
    assert one.truth.billed_cost != other.truth.billed_cost
    assert one.truth.rows == other.truth.rows


def test_the_bill_stays_between_3_and_3_2_million_all_year_and_grows_through_spring() -> None:
    totals = [Decimal(sample_month(f"2026-{number:02d}").truth.billed_cost) for number in range(1, 13)]
    assert all(3_000_000 < total < 3_200_000 for total in totals)
    spring = totals[2:6]
    assert spring == sorted(spring)
    assert spring[-1] / spring[0] < Decimal("1.05")


def test_more_lines_make_the_bill_finer_and_not_larger() -> None:
    small, large = sample_month(), sample_month(line_items=60_000)
    assert abs(Decimal(small.truth.billed_cost) - Decimal(large.truth.billed_cost)) < 5_000
    services, accounts, types, starts, ends = (
        pa.concat_tables(pq.read_table(file, columns=BREADTH) for file in chunks(large.folder)).to_pydict().values()
    )
    assert len(set(services)) >= 60
    assert len(set(accounts)) == 40
    fees = [
        end - start for kind, start, end in zip(types, starts, ends, strict=True) if kind == "SavingsPlanRecurringFee"
    ]
    assert set(fees) == {timedelta(hours=1)}


def test_too_few_lines_to_hold_everything_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 2000"):
        write_month(tmp_path, "2026-05", line_items=1_999, seed=7)
    assert not list(tmp_path.iterdir())


def test_a_period_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPeriod, match="2026-5"):
        write_month(tmp_path, "2026-5", line_items=SMALL, seed=7)
