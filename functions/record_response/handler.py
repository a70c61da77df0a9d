"""Called for a statement's owner: RecordResponse."""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_response.logic import RecordResponseRequest, awaited, respond, statement_id
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.response_table import ResponseTable
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class RecordResponseSettings(Settings):
    ledger_bucket: str
    responses_table: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RecordResponseRequest)
def handler(event: RecordResponseRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(RecordResponseSettings)
    responses = ResponseTable(settings.responses_table)
    standing = responses.load(event.charge_period, statement_id(event.business_unit, event.revision))
    if standing is None:
        key = f"{run_files.period_prefix(event.charge_period, event.revision)}summary.json"
        standing = awaited(event, ObjectStore(settings.ledger_bucket).find_json(key))
    given = respond(standing, event, datetime.now(UTC).isoformat(timespec="seconds"))
    responses.save(given)
    logger.info("response recorded", statement=given.statement, status=given.status)
    return given.model_dump(mode="json")
