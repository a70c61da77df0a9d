"""State PostCharge, once per cost center."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_postings.logic import RefusedCharge
from functions.post_charge.item import ChargeItem
from functions.post_charge.logic import post_charge
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.errors import ChargebackError
from functions.shared.filed_statement import FiledStatement
from functions.shared.money import format_cents
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings


class PostChargeSettings(BooksSettings):
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=ChargeItem)
def handler(event: ChargeItem, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(PostChargeSettings)
    work = ObjectStore(settings.work_bucket)
    filed = FiledStatement.model_validate(work.read_json(run_files.rendered_key(event.run_id, event.business_unit)))
    try:
        book = ServiceNowChargeBook.of(open_books(settings, context))
        posted = post_charge(event.charge(filed.pdf_sha256), book)
    except ChargebackError as error:
        refused = RefusedCharge(cost_center=event.cost_center, error=type(error).__name__, cause=str(error))
        work.write_json(run_files.posting_key(event.run_id, event.cost_center), refused.model_dump())
        raise
    work.write_json(run_files.posting_key(event.run_id, event.cost_center), posted.model_dump(mode="json"))
    logger.info("charge posted", cost_center=event.cost_center, key=posted.key, is_new=posted.created)
    return {"amount": format_cents(posted.amount)}
