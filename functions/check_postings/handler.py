"""State CheckPostings."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_postings.logic import CheckPostingsRequest, check_postings, read_answers
from functions.prepare_statements.totals import RunTotals
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class CheckPostingsSettings(Settings):
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CheckPostingsRequest)
def handler(event: CheckPostingsRequest, context: LambdaContext) -> dict[str, object]:
    work = ObjectStore(load_settings(CheckPostingsSettings).work_bucket)
    totals = RunTotals.model_validate(work.read_json(run_files.totals_key(event.run_id)))
    answers = read_answers(work.read_records(run_files.postings_prefix(event.run_id)))
    checked = check_postings(totals, answers).model_dump(mode="json")
    logger.info("postings checked", run_id=event.run_id, **checked)
    return checked
