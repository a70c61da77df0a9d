"""State MeasureHygiene."""

from datetime import date
from decimal import Decimal

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.measure_hygiene.logic import (
    MeasureHygieneRequest,
    is_open_month,
    measure_hygiene,
    plotted,
    plotted_coverage,
    plotted_variance,
    summarize,
)
from functions.measure_hygiene.model import Hygiene
from functions.measure_hygiene.queries import plotted_queries
from functions.measure_hygiene.rows import read_measures
from functions.measure_hygiene.units import compared_days
from functions.prepare_statements.payload import ItemsReference
from functions.shared import run_files
from functions.shared.adapters.hygiene_table import HygieneTable
from functions.shared.adapters.object_store import ObjectStore, read_query_result
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.observability import logger, metrics, record_metrics, tracer
from functions.shared.settings import Settings, load_settings
from functions.update_ticket.items import ticket_items


class MeasureHygieneSettings(Settings):
    athena_usd_per_tb: Decimal
    datadog_metrics: bool
    hygiene_table: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=MeasureHygieneRequest)
def handler(event: MeasureHygieneRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(MeasureHygieneSettings)
    work, run_id = ObjectStore(settings.work_bucket), event.delivery.run_id
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(run_id)))
    rows = read_measures({name: read_query_result(uri) for name, uri in event.results.items()})
    days = compared_days(event.delivery.billing_period, date.fromisoformat(event.delivery.day))
    before = HygieneTable(settings.hygiene_table).units_before(
        event.delivery.billing_period, days, policy.business_units
    )
    hygiene = measure_hygiene(event.delivery, policy, rows, before)
    work.write_json(run_files.hygiene_key(run_id), hygiene.model_dump(mode="json"))
    record_metrics(
        plotted_queries(event.bytes_scanned, settings.athena_usd_per_tb), to_datadog=settings.datadog_metrics
    )
    if is_open_month(hygiene):
        _record(hygiene, plotted_coverage(rows, policy), to_datadog=settings.datadog_metrics)
    logger.info("hygiene measured", run_id=run_id, accounts=len(hygiene.accounts), untagged=hygiene.untagged_ratio)
    items = ticket_items(run_id, hygiene, policy)
    work.write_json(run_files.ticket_items_key(run_id), [item.model_dump(mode="json") for item in items])
    tickets = ItemsReference(bucket=work.bucket, key=run_files.ticket_items_key(run_id), count=len(items))
    return summarize(hygiene, tickets).model_dump()


def _record(hygiene: Hygiene, coverage: dict[str, Decimal], *, to_datadog: bool) -> None:
    record_metrics(plotted(hygiene), to_datadog=to_datadog)
    for tag, covered in coverage.items():
        record_metrics({"TagCoverage": covered}, {"tag": tag}, to_datadog=to_datadog)
    for unit, variance in plotted_variance(hygiene).items():
        record_metrics({"MonthOverMonthVariance": variance}, {"business_unit": unit}, to_datadog=to_datadog)
