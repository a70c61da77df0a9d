"""State CheckPostings."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_postings.books import check_books
from functions.check_postings.earlier import PostedRevision, check_earlier
from functions.check_postings.logic import CheckPostingsRequest, read_answers, require_posted
from functions.prepare_statements.totals import RunTotals
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings


class CheckPostingsSettings(BooksSettings):
    ledger_bucket: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CheckPostingsRequest)
def handler(event: CheckPostingsRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CheckPostingsSettings)
    work, ledger = ObjectStore(settings.work_bucket), ObjectStore(settings.ledger_bucket)
    totals = RunTotals.model_validate(work.read_json(run_files.totals_key(event.run_id)))
    require_posted(totals, read_answers(work.read_records(run_files.postings_prefix(event.run_id))))
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(event.run_id)))
    batch = event.batch(policy.organization, policy.billing_currency)
    book = ServiceNowChargeBook.of(open_books(settings, context))
    checked = check_books(totals, batch, book.read_batch(batch.prefix), book.table)
    summaries = (ledger.read_json(run_files.summary_key(event.charge_period, n)) for n in range(1, event.revision))
    earlier = check_earlier(map(PostedRevision.model_validate, summaries), book)
    answer = checked.model_copy(update={"earlier_total": earlier}).model_dump(mode="json")
    logger.info("books read back", run_id=event.run_id, **answer)
    return answer
