"""State SummarizeRun, at the end of a close and of a preview."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.money import format_cents, total
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import retention_end
from functions.shared.settings import Settings, load_settings
from functions.summarize_run.evidence import build_evidence
from functions.summarize_run.filed import LedgerBucket, RecordFolder, archive
from functions.summarize_run.logic import RunSummarized, SummarizeRunRequest, build_summary
from functions.summarize_run.records import RunRecords


class SummarizeRunSettings(Settings):
    code_version: str
    ledger_bucket: str
    retention_years: int
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=SummarizeRunRequest)
def handler(event: SummarizeRunRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(SummarizeRunSettings)
    work, run_id = ObjectStore(settings.work_bucket), event.run_id
    records = RunRecords.read(work, run_id)
    until = retention_end(event.started_at, settings.retention_years)
    folder, bucket = RecordFolder(work, f"runs/{run_id}/", until), LedgerBucket()
    if event.status == "CLOSED":
        ledger = ObjectStore(settings.ledger_bucket)
        prefix = run_files.period_prefix(event.charge_period, event.revision)
        archive(ledger, records.sources.archived(), until)
        folder = RecordFolder(ledger, prefix, until, event.ledger["content_sha256"])
        bucket = LedgerBucket.read(ledger, event, records)
    folder.put("summary.json", build_summary(event, records))
    summary = folder.read("summary.json")
    folder.put("evidence.json", build_evidence(event, records, bucket, summary, settings.code_version))
    logger.info("run summarized", run_id=run_id, status=event.status, delta=format_cents(records.reconciliation.delta))
    return RunSummarized(
        summary=folder.uri("summary.json"),
        evidence=folder.uri("evidence.json"),
        total=total(center.total for center in records.totals.cost_centers),
    ).model_dump(mode="json")
