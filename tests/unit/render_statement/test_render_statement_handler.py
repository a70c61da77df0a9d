"""A statement is filed once, with its checksums, where nobody can change it; a draft is not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.filed_statement import FiledStatement
from tests.unit.function_bench import FunctionBench
from tests.unit.render_statement.builders import statement
from tests.unit.run_samples import RUN_ID, STARTED_AT


def prepare(bench: FunctionBench, **changes: Any) -> dict[str, str]:
    """Keeps a statement as PrepareStatements does; returns the item of the Map."""
    model = statement(cost_centers=1, months=2).model_copy(update=changes)
    unit = model.business_unit.id
    bench.work.write_json(run_files.statement_model_key(RUN_ID, unit), model.model_dump(mode="json"))
    return {"run_id": RUN_ID, "business_unit": unit, "started_at": STARTED_AT}


def filed(bench: FunctionBench, item: dict[str, str]) -> FiledStatement:
    key = run_files.rendered_key(RUN_ID, item["business_unit"])
    return FiledStatement.model_validate(bench.work.read_json(key))


def test_pdf_csv_and_checksums_are_filed_and_locked(bench: FunctionBench) -> None:
    item = prepare(bench)

    bench.invoke("render_statement", item)

    store, record = ObjectStore("statements"), filed(bench, item)
    pdf, csv = store.read(record.folder + record.pdf), store.read(record.folder + record.csv)
    assert (hashlib.sha256(pdf).hexdigest(), hashlib.sha256(csv).hexdigest()) == (record.pdf_sha256, record.csv_sha256)
    assert record.pdf_sha256 in store.read_text(record.folder + record.sha256sums)
    for version in store.latest_versions(""):
        held = bench.retention("statements", version.key, version.version_id)
        assert held == ("COMPLIANCE", datetime(2033, 7, 1, tzinfo=UTC))


def test_a_filed_statement_stands_even_if_newer_code_would_render_it_otherwise(bench: FunctionBench) -> None:
    """A run that resumes after a deployment must not stumble over the statements it has filed before."""
    item = prepare(bench)
    first = bench.invoke("render_statement", item)
    record = filed(bench, item)
    newer = statement(cost_centers=1, months=2).provenance.model_copy(update={"code_version": "9" * 64})
    prepare(bench, provenance=newer)

    assert bench.invoke("render_statement", item) == first
    assert filed(bench, item) == record
    assert len(ObjectStore("statements").latest_versions("")) == 3


def test_a_draft_lies_with_its_run_and_is_not_locked(bench: FunctionBench) -> None:
    item = prepare(bench, draft=True)

    bench.invoke("render_statement", item)

    versions = ObjectStore("statements").latest_versions("")
    assert {version.key.split("/")[0] for version in versions} == {"drafts"}
    assert all(bench.retention("statements", version.key, version.version_id) is None for version in versions)
