"""State CountTickets."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.count_tickets.logic import CountTicketsRequest, count_tickets, require_updated
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.adapters.servicenow.tickets import Tickets
from functions.shared.observability import logger, metrics, record_metrics, tracer
from functions.shared.settings import load_settings
from functions.update_ticket.logic import TICKETS


class CountTicketsSettings(BooksSettings):
    datadog_metrics: bool
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CountTicketsRequest)
def handler(event: CountTicketsRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CountTicketsSettings)
    outcomes = ObjectStore(settings.work_bucket).read_records(run_files.tickets_prefix(event.run_id))
    require_updated(outcomes, event.accounts)
    tickets = Tickets.of(open_books(settings, context))
    counts = count_tickets(tickets.all_of(TICKETS), event.day)
    measures = {"TicketsOpen": counts.open, "TicketsOverdue": counts.overdue}
    record_metrics(measures, to_datadog=settings.datadog_metrics)
    logger.info("tickets counted", run_id=event.run_id, **counts.model_dump())
    return counts.model_dump()
