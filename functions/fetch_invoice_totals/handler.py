"""State FetchInvoiceTotals."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.fetch_invoice_totals.logic import (
    FetchInvoiceTotalsRequest,
    Source,
    describe_totals,
    read_invoice_file,
    read_summaries,
)
from functions.shared import run_files
from functions.shared.adapters.invoicing import list_invoices
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.observability import logger, metrics, tracer
from functions.shared.periods import BillingPeriod
from functions.shared.settings import Settings, load_settings

NO_ROLE = "none"


class FetchInvoiceTotalsSettings(Settings):
    invoice_reader_role: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=FetchInvoiceTotalsRequest)
def handler(event: FetchInvoiceTotalsRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(FetchInvoiceTotalsSettings)
    work, period = ObjectStore(settings.work_bucket), BillingPeriod.parse(event.billing_period)
    source: Source = "none"
    totals = []
    if event.invoices_key:
        source, totals = "file", read_invoice_file(event.invoices_key, work.find_text(event.invoices_key))
    elif settings.invoice_reader_role != NO_ROLE:
        source = "invoicing_api"
        for account in event.billing_accounts:
            totals += read_summaries(list_invoices(account, period, settings.invoice_reader_role))
    rows = [invoice.model_dump(mode="json") for invoice in totals]
    work.write_json_lines(f"{run_files.table_prefix(event.run_id, 'invoice_totals')}rows.jsonl", rows)
    fetched = describe_totals(source, totals).model_dump(mode="json")
    logger.info("invoice totals fetched", run_id=event.run_id, **fetched)
    return fetched
