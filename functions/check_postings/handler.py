"""State CheckPostings."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_postings.logic import CheckPostingsRequest, RefusedCharge, check_postings
from functions.post_charge.logic import PostedCharge
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
    posted = [PostedCharge.model_validate(row) for row in work.read_records(run_files.posted_prefix(event.run_id))]
    refused = [RefusedCharge.model_validate(row) for row in work.read_records(run_files.refused_prefix(event.run_id))]
    checked = check_postings(totals, posted, refused).model_dump(mode="json")
    logger.info("postings checked", run_id=event.run_id, **checked)
    return checked
