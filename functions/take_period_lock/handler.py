"""State TakePeriodLock."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.adapters.executions import is_running
from functions.shared.adapters.period_table import PeriodTable
from functions.shared.observability import logger, metrics, tracer
from functions.shared.period_state import admit
from functions.shared.settings import Settings, load_settings
from functions.take_period_lock.logic import TakePeriodLockRequest, lock_period


class TakePeriodLockSettings(Settings):
    periods_table: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=TakePeriodLockRequest)
def handler(event: TakePeriodLockRequest, context: LambdaContext) -> dict[str, object]:
    periods = PeriodTable(load_settings(TakePeriodLockSettings).periods_table)
    record = periods.load(event.billing_period)
    held_by_other = record is not None and record.execution_id not in {"", event.execution_id}
    holder_is_running = held_by_other and record is not None and is_running(record.execution_id)
    admission = admit(
        record,
        period=event.billing_period,
        month=event.at[:7],
        run_id=event.run_id,
        fingerprint=event.fingerprint,
        holder_is_running=holder_is_running,
    )
    if admission.action != "closed":
        periods.save(lock_period(record, admission, event), replaces=record)
    logger.info("period admitted", billing_period=event.billing_period, action=admission.action)
    return admission.model_dump(mode="json")
