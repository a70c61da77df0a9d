"""Custom resource Custom::CostAllocationTags, and what the daily schedule starts: ActivateTags."""

from datetime import UTC, datetime

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Json

from functions.activate_tags.logic import Activation, activate_tags
from functions.activate_tags.resource import TagRequest, failed, succeeded
from functions.shared.adapters.cloudformation import send_answer
from functions.shared.adapters.cost_allocation_tags import CostAllocationTags
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class ActivateTagsSettings(Settings):
    backfill_months: int
    tag_keys: Json[tuple[str, ...]]


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=TagRequest)
def handler(event: TagRequest, context: LambdaContext) -> dict[str, object]:
    try:
        answer = succeeded(event, None if event.leaves_tags_alone else _activate())
    except Exception as failure:
        logger.exception("cost-allocation tags not activated")
        if not event.response_url:
            raise
        # Whatever went wrong, CloudFormation waits for an answer.
        answer = failed(event, failure)
    if event.response_url:
        send_answer(event.response_url, answer)
    return answer


def _activate() -> Activation:
    settings = load_settings(ActivateTagsSettings)
    activation = activate_tags(CostAllocationTags(), settings.tag_keys, settings.backfill_months, datetime.now(UTC))
    logger.info("cost-allocation tags looked after", **activation.model_dump())
    for name in ("activated", "not_yet_known", "refused"):
        count = len(getattr(activation, name))
        metrics.add_metric(name=f"Tags{name.title().replace('_', '')}", unit=MetricUnit.Count, value=count)
    return activation
