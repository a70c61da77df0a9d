"""State PublishLedger."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.publish_ledger.logic import LedgerPublished, PublishLedgerRequest, hash_entries
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, read_query_result
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import retention_end
from functions.shared.settings import Settings, load_settings

PARQUET = "application/vnd.apache.parquet"


class PublishLedgerSettings(Settings):
    ledger_bucket: str
    work_bucket: str
    retention_years: int


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=PublishLedgerRequest)
def handler(event: PublishLedgerRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(PublishLedgerSettings)
    work, ledger = ObjectStore(settings.work_bucket), ObjectStore(settings.ledger_bucket)
    until = retention_end(event.started_at, settings.retention_years)
    entries, content_sha256 = hash_entries(read_query_result(event.entries_result))
    prefix = run_files.ledger_prefix(event.billing_period, event.charge_period, event.revision)
    staged = work.latest_versions(run_files.table_prefix(event.run_id, "ledger_entries"))
    for part, file in enumerate(staged):
        ledger.write_once(f"{prefix}part-{part:05d}.parquet", work.read(file.key), PARQUET, content_sha256, until)
    logger.info("ledger published", run_id=event.run_id, entries=entries, content_sha256=content_sha256)
    return LedgerPublished(
        location=ledger.uri(prefix), files=len(staged), entries=entries, content_sha256=content_sha256
    ).model_dump()
