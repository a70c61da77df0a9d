"""Called by an approver, while state AwaitApproval waits: DecideApproval."""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.decide_approval.logic import ApprovalDecided, DecideApprovalRequest, decide
from functions.shared.adapters.period_table import PeriodTable
from functions.shared.adapters.waiting_tasks import answer_task
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class DecideApprovalSettings(Settings):
    periods_table: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=DecideApprovalRequest)
def handler(event: DecideApprovalRequest, context: LambdaContext) -> dict[str, object]:
    periods = PeriodTable(load_settings(DecideApprovalSettings).periods_table)
    record = periods.load(event.billing_period)
    decided = decide(record, event, datetime.now(UTC).isoformat(timespec="seconds"))
    periods.save(decided, replaces=record)
    answer_task(decided.approval_token, approved=bool(decided.approved_run_id), by=event.by, reason=event.reason)
    logger.info("approval decided", billing_period=event.billing_period, decision=event.decision)
    return ApprovalDecided(
        billing_period=event.billing_period,
        revision=decided.revision,
        decision=event.decision,
        by=event.by,
        at=decided.decided_at,
    ).model_dump(mode="json")
