"""States RenderSurvey and RenderQueries."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Json

from functions.render_queries.logic import (
    RenderedQueries,
    RenderQueriesRequest,
    render_close,
    render_survey,
    sources_to_keep,
    tag_columns,
)
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.delivery import Delivery
from functions.shared.observability import logger, metrics, tracer
from functions.shared.periods import BillingPeriod
from functions.shared.restored_sql import SqlCatalog
from functions.shared.settings import Settings, load_settings
from functions.shared.sql_sources import read_sql_sources


class RenderQueriesSettings(Settings):
    billing_bucket: str
    flattened_tags: Json[tuple[str, ...]]
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RenderQueriesRequest)
def handler(event: RenderQueriesRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(RenderQueriesSettings)
    work, catalog = ObjectStore(settings.work_bucket), SqlCatalog()
    if event.replay:
        catalog = SqlCatalog.restored(read_sql_sources(work, event.run_id), event.run_id)
    delivery = Delivery.model_validate(work.read_json(run_files.delivery_key(event.run_id)))
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(event.run_id)))
    if event.stage == "survey":
        tag_columns(delivery, policy, settings.flattened_tags)
        return render_survey(BillingPeriod.parse(event.charge_period), catalog).model_dump()
    rendered = render_close(
        event,
        delivery,
        policy,
        catalog,
        flattened_tags=settings.flattened_tags,
        billing_bucket=settings.work_bucket if event.replay else settings.billing_bucket,
        work_bucket=settings.work_bucket,
    )
    if not event.replay:
        _keep_sources(work, event.run_id, rendered)
    logger.info("queries rendered", run_id=event.run_id, queries=len(rendered.queries))
    return rendered.model_dump()


def _keep_sources(work: ObjectStore, run_id: str, rendered: RenderedQueries) -> None:
    folder = run_files.sql_source_prefix(run_id)
    kept = {version.key.removeprefix(folder).removesuffix(".sql") for version in work.latest_versions(folder)}
    for name, text in sources_to_keep(rendered, kept).items():
        work.write(f"{folder}{name}.sql", text.encode("utf-8"), "text/plain; charset=utf-8")
