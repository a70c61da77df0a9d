"""State RecordHygiene."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.measure_hygiene.model import Hygiene
from functions.record_hygiene.logic import (
    HygieneRecorded,
    RecordHygieneRequest,
    make_record,
    make_unit_record,
    period_day,
)
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class RecordHygieneSettings(Settings):
    hygiene_days: int
    hygiene_table: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RecordHygieneRequest)
def handler(event: RecordHygieneRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(RecordHygieneSettings)
    work, table = ObjectStore(settings.work_bucket), HygieneTable(settings.hygiene_table)
    hygiene = Hygiene.model_validate(work.read_json(run_files.hygiene_key(event.run_id)))
    records = [
        make_record(
            account, hygiene, table.before(account.account_id, period_day(hygiene)), keep_days=settings.hygiene_days
        )
        for account in hygiene.accounts
    ]
    for record in records:
        table.put(record)
    for unit in hygiene.business_units:
        table.put_unit(make_unit_record(unit, hygiene, settings.hygiene_days))
    worse = sum(record.is_worse for record in records)
    logger.info("hygiene recorded", run_id=event.run_id, items=len(records), worse=worse)
    return HygieneRecorded(items=len(records), worse=worse).model_dump()
