"""State RenderChecks."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Json

from functions.render_checks.logic import RenderChecksRequest, render_checks
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class RenderChecksSettings(Settings):
    billing_bucket: str
    flattened_tags: Json[tuple[str, ...]]
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RenderChecksRequest)
def handler(event: RenderChecksRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(RenderChecksSettings)
    work = ObjectStore(settings.work_bucket)
    rendered = render_checks(
        event.run_id,
        Delivery.model_validate(work.read_json(run_files.delivery_key(event.run_id))),
        PolicyOfRun.model_validate(work.read_json(run_files.policy_key(event.run_id))),
        flattened_tags=settings.flattened_tags,
        billing_bucket=settings.billing_bucket,
        work_bucket=settings.work_bucket,
    )
    logger.info("queries rendered", run_id=event.run_id, queries=len(rendered.queries))
    return rendered.model_dump()
