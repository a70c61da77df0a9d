"""State CheckInvoices."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_invoices.logic import CheckInvoicesRequest, check_delivery, read_survey
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, read_query_result
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class CheckInvoicesSettings(Settings):
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CheckInvoicesRequest)
def handler(event: CheckInvoicesRequest, context: LambdaContext) -> dict[str, object]:
    work = ObjectStore(load_settings(CheckInvoicesSettings).work_bucket)
    delivery = Delivery.model_validate(work.read_json(run_files.delivery_key(event.run_id)))
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(event.run_id)))
    survey = read_survey(read_query_result(event.survey_result))
    checked = check_delivery(delivery, survey, currency=policy.billing_currency, preview=event.preview)
    logger.info("invoices checked", line_items=checked.line_items, final=checked.final)
    return checked.model_dump(mode="json")
