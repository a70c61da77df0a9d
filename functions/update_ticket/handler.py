"""State UpdateTicket, once per account."""

from datetime import UTC, datetime, timedelta

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.adapters.servicenow.tickets import Tickets
from functions.shared.adapters.ticket_claims import TicketClaims
from functions.shared.errors import ChargebackError
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings
from functions.update_ticket.standing import TicketItem
from functions.update_ticket.updating import RefusedTicket, update_ticket


class UpdateTicketSettings(BooksSettings):
    hygiene_table: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=TicketItem)
def handler(event: TicketItem, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(UpdateTicketSettings)
    work, account_id = ObjectStore(settings.work_bucket), event.account.account_id
    key, claims = run_files.ticket_key(event.run_id, account_id), TicketClaims(settings.hygiene_table)
    lifetime = timedelta(milliseconds=context.get_remaining_time_in_millis())
    try:
        with claims.claimed(account_id, context.aws_request_id, datetime.now(UTC), lifetime):
            tickets = Tickets.of(open_books(settings, context))
            outcome = update_ticket(event.account, event.rules, tickets)
    except ChargebackError as error:
        refused = RefusedTicket(account_id=account_id, error=type(error).__name__, cause=str(error))
        work.write_json(key, refused.model_dump())
        raise
    work.write_json(key, outcome.model_dump(mode="json"))
    logger.info("ticket brought up to the day", account=account_id, act=outcome.act, ticket=outcome.number)
    return {"act": outcome.act}
