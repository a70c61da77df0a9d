"""State RecordFailure."""

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_failure.logic import RecordFailureRequest, explain, note_failure, open_period
from functions.shared.adapters.period_table import PeriodTable
from functions.shared.observability import logger, metrics, tracer
from functions.shared.period_state import PeriodStatus
from functions.shared.settings import Settings, load_settings


class RecordFailureSettings(Settings):
    periods_table: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RecordFailureRequest)
def handler(event: RecordFailureRequest, context: LambdaContext) -> dict[str, object]:
    failure = explain(event.caught)
    billing_period = event.run.delivery.get("billing_period")
    if billing_period and not event.run.delivery.get("preview"):
        periods = PeriodTable(load_settings(RecordFailureSettings).periods_table)
        record = periods.load(billing_period)
        if record is None:
            periods.save(open_period(billing_period, failure, event.at), replaces=None)
        elif record.execution_id in {"", event.execution_id} and record.status != PeriodStatus.CLOSED:
            periods.save(note_failure(record, failure, event.at), replaces=record)
    metrics.add_metric(name=f"{event.what.title()}Failed", unit=MetricUnit.Count, value=1)
    logger.error(f"{event.what} failed", billing_period=billing_period, error=failure.error, cause=failure.cause)
    return failure.model_dump()
