"""May 2026 as a close has filed it: bill sealed, ledger published, statement and evidence signed. And its replay.

Everything is made by the functions themselves, but for the derivation between RestorePeriod and CompareReplay: what the
queries would give again is given again here.
"""

from __future__ import annotations

import hashlib
from typing import Any

from functions.publish_ledger.logic import hash_entries
from functions.read_manifest.logic import name_run
from functions.render_statement.model import SignedBy, StatementModel
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.periods import BillingPeriod
from functions.shared.restored_close import read_restored
from functions.shared.seal import SealedFile
from functions.shared.sql_catalog import load_statements
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.render_statement.builders import statement
from tests.unit.run_samples import DATA_KEY, RUN_ID, STARTED_AT, csv_of, entry_row, policy_of_run, reconciliation, seal
from tests.unit.shared.policy_sample import HEADCOUNT
from tests.unit.summarize_run.run_of_may import ALLOCATION, CENTER, TAGS, event, keep_run

BILL = b"PAR1, the bill of May 2026, PAR1"
LEDGER_KEY = f"{run_files.ledger_prefix('2026-05', '2026-05', 1)}part-00000.parquet"
EARLIER_KEY = f"{run_files.ledger_prefix('2026-04', '2026-04', 1)}part-00000.parquet"
EVIDENCE_KEY = run_files.evidence_key("2026-05", 1)
SUMMARY_KEY = run_files.summary_key("2026-05", 1)
CODE = VALUES["CODE_VERSION"]
STATEMENT = "charge_period=2026-05/statements/claims-2026-05-r1"
ENTRIES = [
    entry_row(),
    entry_row(entry_id="e-2", cost="4.50", exact_cost="4.5040000000", service_name="AmazonS3"),
    entry_row(entry_id="e-3", cost="-1.00", exact_cost="-1.0000000000", charge_class="credit"),
]
DRIVERS = tuple(HEADCOUNT)
SQL = {name: load_statements()[name].text for name in ("f010_charges", "s010_ledger_entries")}
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:replay_period:one"
REPLAY = name_run(BillingPeriod(2026, 5), EXECUTION, 1)


def close_may(bench: FunctionBench) -> None:
    """Closes the month; needs a signing identity."""
    keep_run(bench)
    bench.s3.delete_object(Bucket="work", Key=run_files.rendered_key(RUN_ID, "claims"))
    for name, text in SQL.items():
        bench.work.write(f"{run_files.sql_source_prefix(RUN_ID)}{name}.sql", text.encode(), "text/plain")
    bench.work.write_json(run_files.seal_key(RUN_ID), seal(files=(_deliver(bench),)).model_dump(mode="json"))
    for key, content in ((EARLIER_KEY, b"ledger of April"), (LEDGER_KEY, b"ledger of May")):
        bench.ledger.write(key, content, "parquet")
    _render(bench, RUN_ID, _statement(), replay=False)
    entries, content_sha256 = hash_entries(ENTRIES)
    published = {"location": "s3://ledger/…", "files": 1, "entries": entries, "content_sha256": content_sha256}
    bench.invoke("summarize_run", event(ledger=published))
    bench.invoke("sign_evidence", {"charge_period": "2026-05", "revision": 1, "started_at": STARTED_AT})


def restore_may(bench: FunctionBench, **request: Any) -> dict[str, Any]:
    """The answer of RestorePeriod."""
    asked = {"billing_period": "2026-05"} | request
    return bench.invoke("restore_period", {"request": asked, "execution_id": EXECUTION})


def derive_may(bench: FunctionBench, entries: list[dict[str, str]] | None = None, **changes: Any) -> None:
    """What month_end_close leaves in the replay's run; ``changes`` are to the statement that is rendered again."""
    for key, kept in (
        (run_files.policy_key(REPLAY), policy_of_run()),
        (run_files.reconciliation_key(REPLAY), reconciliation()),
    ):
        bench.work.write_json(key, kept.model_dump(mode="json"))
    totals = {"cost_centers": [CENTER.model_dump(mode="json")], "untagged_ratio": "0.0731"}
    bench.work.write_json(run_files.totals_key(REPLAY), totals)
    bench.work.write_json(run_files.queries_key(REPLAY), ALLOCATION)
    bench.work.write_json(run_files.unrecognized_tags_key(REPLAY), TAGS)
    signer = read_restored(bench.work, REPLAY).signers["claims"]
    signed = {"signed_by": SignedBy(**signer.model_dump())}
    _render(bench, REPLAY, _statement().model_copy(update=signed | changes), replay=True)
    result = bench.put_query_result("derived", csv_of(*(ENTRIES if entries is None else entries)))
    steps = {"s010_ledger_entries": {"query_execution_id": "q-9", "bytes_scanned": 5, "result": result}}
    bench.invoke("summarize_run", event(run_id=REPLAY, status="PREVIEW", ledger={}, steps=steps))


def compare_may(bench: FunctionBench, filed: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The answer of CompareReplay; ``filed`` are the entries of the published ledger as they stand."""
    result = bench.put_query_result("filed", csv_of(*(ENTRIES if filed is None else filed)))
    request = {"run_id": REPLAY, "charge_period": "2026-05", "revision": 1, "filed_entries_result": result}
    return bench.invoke("compare_replay", request)


def _deliver(bench: FunctionBench) -> SealedFile:
    bench.billing.write(DATA_KEY, BILL, "parquet")
    [stored] = bench.billing.latest_versions(DATA_KEY)
    return SealedFile(
        key=DATA_KEY,
        version_id=stored.version_id,
        size=stored.size,
        etag=stored.etag,
        sha256=hashlib.sha256(BILL).hexdigest(),
    )


def _statement() -> StatementModel:
    made = statement(cost_centers=1, months=2)
    return made.model_copy(update={"provenance": made.provenance.model_copy(update={"code_version": CODE})})


def _render(bench: FunctionBench, run_id: str, model: StatementModel, *, replay: bool) -> None:
    bench.work.write_json(run_files.statement_model_key(run_id, "claims"), model.model_dump(mode="json"))
    item = {"run_id": run_id, "business_unit": "claims", "started_at": STARTED_AT, "replay": replay}
    bench.invoke("render_statement", item)


def overwrite(bucket: str, key: str, change: Any) -> None:
    """Puts another content in an object's place; the version that was filed stays beneath."""
    store = ObjectStore(bucket)
    before = store.read(key)
    after = change(before)
    assert after != before
    store.write(key, after, "application/octet-stream")
