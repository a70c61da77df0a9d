"""State CheckDelivery."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_delivery.logic import (
    CheckDeliveryRequest,
    asked_at,
    asked_period,
    describe,
    lag,
    read_request,
    require_begun,
    require_fresh,
)
from functions.check_delivery.schema import delivered_columns, differences, find_drift, require_needed
from functions.read_manifest.logic import name_run
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.delivery import bind_manifest, choose_manifest, manifest_folder, parse_manifest
from functions.shared.observability import logger, metrics, record_metrics, tracer
from functions.shared.periods import BillingPeriod
from functions.shared.settings import Settings, load_settings


class CheckDeliverySettings(Settings):
    billing_bucket: str
    datadog_metrics: bool
    export_prefix: str
    freshness_hours: int
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CheckDeliveryRequest)
def handler(event: CheckDeliveryRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CheckDeliverySettings)
    billing, work = ObjectStore(settings.billing_bucket), ObjectStore(settings.work_bucket)
    request = read_request(event.request)
    at = asked_at(request, event.started_at)
    period = asked_period(request, at)
    manifests = billing.latest_versions(manifest_folder(settings.export_prefix, period))
    if request.scheduled_at and not manifests:
        require_begun(period, at, settings.freshness_hours)
    newest = choose_manifest(settings.export_prefix, period, manifests)
    is_open = period == BillingPeriod(at.year, at.month)
    # Before it is refused as stale: how late a bill is matters most when it is.
    if is_open:
        record_metrics({"FreshnessLag": lag(newest.last_modified, at)}, to_datadog=settings.datadog_metrics)
    if request.scheduled_at:
        require_fresh(newest.key, newest.last_modified, at, settings.freshness_hours)
    content = billing.read(newest.key)
    manifest = parse_manifest(newest.key, content)
    drift = find_drift(delivered_columns(content))
    if is_open:
        record_metrics({"SchemaDrift": differences(drift)}, to_datadog=settings.datadog_metrics)
    require_needed(newest.key, drift)
    data_files = billing.latest_versions(f"{settings.export_prefix}data/BILLING_PERIOD={period}/")
    delivery = bind_manifest(newest, manifest, period, data_files)
    run_id = name_run(period, event.execution_id, 1)
    work.write_json(run_files.delivery_key(run_id), delivery.model_dump(mode="json"))
    logger.info("delivery checked", run_id=run_id, manifest=newest.key, added=drift.added, retyped=drift.retyped)
    checked = describe(delivery, request, run_id=run_id, delivered_at=newest.last_modified, at=at, drift=drift)
    return checked.model_dump(mode="json")
