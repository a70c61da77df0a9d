"""State ReconcileLedger."""

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.reconcile_ledger.logic import ReconcileLedgerRequest, describe_reconciliation, require_adjustments_booked
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, read_query_result
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.observability import logger, metrics, tracer
from functions.shared.reconciliation import Reconciliation, require_reconciled
from functions.shared.settings import Settings, load_settings


class ReconcileLedgerSettings(Settings):
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=ReconcileLedgerRequest)
def handler(event: ReconcileLedgerRequest, context: LambdaContext) -> dict[str, object]:
    work = ObjectStore(load_settings(ReconcileLedgerSettings).work_bucket)
    result = Reconciliation.of(read_query_result(event.invoices_result), read_query_result(event.pools_result))
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(event.run_id)))
    require_reconciled(result, line_items=event.line_items, tolerance=policy.invoice_tolerance)
    require_adjustments_booked(policy, result)
    work.write_json(run_files.reconciliation_key(event.run_id), result.model_dump(mode="json"))
    # Kept for the evidence: an execution that resumes this run does not know them.
    work.write_json(run_files.queries_key(event.run_id), event.steps)
    metrics.add_metric(name="LineItemsReconciled", unit=MetricUnit.Count, value=event.line_items)
    described = describe_reconciliation(result).model_dump(mode="json")
    logger.info("ledger reconciled", run_id=event.run_id, **described)
    return described
