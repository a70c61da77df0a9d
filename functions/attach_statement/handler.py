"""State AttachStatement, once per business unit."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.attach_statement.logic import (
    AttachStatementRequest,
    StatementAttached,
    attached,
    choose_carrier,
    require_line,
    statement_files,
)
from functions.post_charge.item import ChargeItem
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.attaching import attach_once
from functions.shared.filed_statement import FiledStatement
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings


class AttachStatementSettings(BooksSettings):
    statements_bucket: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=AttachStatementRequest)
def handler(event: AttachStatementRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(AttachStatementSettings)
    work, statements = ObjectStore(settings.work_bucket), ObjectStore(settings.statements_bucket)
    items = [ChargeItem.model_validate(item) for item in work.read_json(run_files.charge_items_key(event.run_id))]
    filed = FiledStatement.model_validate(work.read_json(run_files.rendered_key(event.run_id, event.business_unit)))
    book = ServiceNowChargeBook.of(open_books(settings, context))
    carrier = choose_carrier(items, event.business_unit)
    result = StatementAttached(business_unit=event.business_unit, table=book.table)
    if carrier is not None:
        line = require_line(carrier, book.find(carrier.key), book.table)
        files = attach_once(book.files_of(line.sys_id), statement_files(filed, statements.read))
        result = attached(event.business_unit, book.table, line, files)
    logger.info("statement attached", run_id=event.run_id, **result.model_dump(mode="json"))
    return result.model_dump(mode="json")
