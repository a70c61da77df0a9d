"""What cannot be closed is refused in one line, and leaves nothing behind that a good run would stumble over."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.e2e.bills import PERIOD, Bill, in_month, with_column, without_column, without_lines
from tests.e2e.command import close, period_record, posted, published

pytestmark = pytest.mark.slow

Damage = Callable[[Bill], object]


def manifest(edit: Callable[[dict[str, Any]], object]) -> Damage:
    return lambda bill: bill.edit_manifest(lambda content: edit(content) and None)


def lacking(*columns: str) -> Damage:
    def remove(content: dict[str, Any]) -> None:
        content["columns"] = [entry for entry in content["columns"] if entry["name"] not in columns]

    return manifest(remove)


def cost_as_text(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index("line_item_unblended_cost")
    return table.set_column(at, "line_item_unblended_cost", table.column(at).cast(pa.string()))


FIRST_FILE = slice(1)
IN_FIRST_FILE = r"data/BILLING_PERIOD=2026-05/meridian-cur2-00001.snappy.parquet"
IN_SECOND_FILE = r"data/BILLING_PERIOD=2026-05/meridian-cur2-00002.snappy.parquet"
IN_MANIFEST = r"metadata/BILLING_PERIOD=2026-05/meridian-cur2-Manifest.json"

REFUSED: dict[str, tuple[Damage, str]] = {
    "a manifest that is not JSON": (
        lambda bill: bill.manifest.write_text('{"executionId": '),
        rf"InvalidManifest: .*{IN_MANIFEST} is not JSON: .*line 1 column 17",
    ),
    "a manifest that is not text": (
        lambda bill: bill.manifest.write_bytes(b"PAR1\xff\xfe\x00"),
        rf"InvalidManifest: .*{IN_MANIFEST} is not JSON",
    ),
    "a manifest without its columns": (
        manifest(lambda content: content.pop("columns")),
        rf"InvalidManifest: .*{IN_MANIFEST} has no field 'columns'",
    ),
    "a manifest whose files are no list": (
        manifest(lambda content: content.update(dataFiles=3)),
        rf"InvalidManifest: .*{IN_MANIFEST}.*dataFiles is not of the right form",
    ),
    "an export without a needed column": (
        lacking("line_item_unblended_cost"),
        rf"MissingColumn: .*{IN_MANIFEST}: the export lacks line_item_unblended_cost; add it",
    ),
    "a manifest without a column for the owner tag": (
        lacking("resource_tags", "tag_cost_center"),
        rf"MissingColumn: .*{IN_MANIFEST}: the export has neither resource_tags nor tag_cost_center, by which meridian",
    ),
    "a data file without the cost that the manifest lists": (
        lambda bill: bill.edit_lines(without_column("line_item_unblended_cost"), files=FIRST_FILE),
        rf"MissingColumn: .*{IN_FIRST_FILE} lacks line_item_unblended_cost; add it",
    ),
    "lines without a cost": (
        lambda bill: bill.edit_lines(with_column("line_item_unblended_cost", None), files=FIRST_FILE),
        rf"MissingCost: .*{IN_FIRST_FILE}: 1,000 lines have no line_item_unblended_cost",
    ),
    "costs that are text": (
        lambda bill: bill.edit_lines(cost_as_text, files=FIRST_FILE),
        rf"UnreadableDataFile: .*line_item_unblended_cost.*{IN_FIRST_FILE}",
    ),
    "a listed data file that is missing": (
        lambda bill: bill.data_files[1].unlink(),
        rf"MissingDataFile: .*{IN_MANIFEST} lists {IN_SECOND_FILE}, which is not there",
    ),
    "a data file cut short": (
        lambda bill: bill.edit_bytes(lambda content: content[: len(content) // 2]),
        rf"UnreadableDataFile: .*{IN_SECOND_FILE}",
    ),
    "a data file with garbage in its middle": (
        lambda bill: bill.edit_bytes(lambda content: content[:100_000] + b"\xde\xad" * 5_000 + content[110_000:]),
        rf"UnreadableDataFile: .*{IN_SECOND_FILE}",
    ),
    "a data file that is not Parquet": (
        lambda bill: bill.edit_bytes(lambda _: b"identity,cost\na,1\n"),
        rf"UnreadableDataFile: .*{IN_SECOND_FILE}",
    ),
    "a data file of no bytes": (
        lambda bill: bill.edit_bytes(lambda _: b""),
        rf"UnreadableDataFile: .*{IN_SECOND_FILE} is not whole Parquet \(0 bytes\)",
    ),
    "a month without lines": (
        lambda bill: bill.edit_lines(without_lines),
        rf"EmptyMonth: .*{IN_MANIFEST}: the delivery of 2026-05 has no line",
    ),
    "a month without data files": (
        manifest(lambda content: content.update(dataFiles=[])),
        rf"EmptyMonth: .*{IN_MANIFEST} lists no data file",
    ),
    "lines of another month": (
        lambda bill: bill.edit_lines(in_month(4), files=FIRST_FILE),
        rf"WrongBillingPeriod: .*{IN_FIRST_FILE} holds 1,000 lines of 2026-04 in the folder of 2026-05",
    ),
    "a bill in another currency": (
        lambda bill: bill.edit_lines(with_column("line_item_currency_code", "EUR")),
        rf"WrongCurrency: .*{IN_FIRST_FILE} holds 1,000 lines in EUR, .*organization.billing_currency is USD",
    ),
    "a bill in two currencies": (
        lambda bill: bill.edit_lines(with_column("line_item_currency_code", "EUR"), files=slice(1, 2)),
        rf"WrongCurrency: .*{IN_SECOND_FILE} holds 1,000 lines in EUR",
    ),
    "a data file that the manifest does not list": (
        lambda bill: bill.add_unlisted_file(lines=10),
        r"UnlistedDataFile: .*later-00001.snappy.parquet holds 10 lines, but .*Manifest.json does not list it; remove",
    ),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One output folder for every bad delivery, one after another, as somebody would try again and again."""
    return tmp_path_factory.mktemp("bad-input") / "out"


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_delivery_is_refused_in_one_line_that_says_where(
    what: str, bill: Bill, policy: Path, out: Path, tmp_path: Path
) -> None:
    damage, complaint = REFUSED[what]
    damaged = bill.copy_to(tmp_path / "cur")
    damage(damaged)
    ended = close(damaged.folder, policy, PERIOD, out)
    assert ended.code == 2
    assert len(ended.err) == 1
    assert re.match(complaint, ended.err[0]), ended.err[0]
    assert "s3://" not in ended.err[0]
    assert not (out / PERIOD).exists()


def test_after_bad_deliveries_nothing_is_published_and_a_good_one_closes(
    bill: Bill, policy: Path, out: Path, tmp_path: Path
) -> None:
    damaged = bill.copy_to(tmp_path / "cur")
    damaged.edit_lines(in_month(4))
    assert close(damaged.folder, policy, PERIOD, out).code == 2
    assert posted(out) == []
    assert published(out) == []
    assert period_record(out, PERIOD)["failure_error"] == {"S": "WrongBillingPeriod"}
    good = bill.copy_to(tmp_path / "good")
    good.add_unlisted_file(lines=0)  # an empty file that is not listed holds no cost
    ended = close(good.folder, policy, PERIOD, out)
    assert (ended.code, ended.err) == (0, [])
    record = period_record(out, PERIOD)
    assert (record["status"], record["revision"]) == ({"S": "CLOSED"}, {"N": "1"})
