"""State ReadManifest."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.read_manifest.logic import (
    DeliveryFound,
    ReadManifestRequest,
    describe_restored,
    name_run,
    read_request,
    requested_period,
    require_alone,
)
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.delivery import Delivery, bind_manifest, choose_manifest, manifest_folder, parse_manifest
from functions.shared.observability import logger, metrics, tracer
from functions.shared.restored_close import find_restored
from functions.shared.settings import Settings, load_settings


class ReadManifestSettings(Settings):
    billing_bucket: str
    export_prefix: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=ReadManifestRequest)
def handler(event: ReadManifestRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(ReadManifestSettings)
    billing, work = ObjectStore(settings.billing_bucket), ObjectStore(settings.work_bucket)
    request = read_request(event.request)
    if request.replay:
        require_alone(request)
        return _restored(work, request.replay).model_dump(mode="json")
    period = requested_period(request)
    manifests = billing.latest_versions(manifest_folder(settings.export_prefix, period))
    newest = choose_manifest(settings.export_prefix, period, manifests)
    manifest = parse_manifest(newest.key, billing.read(newest.key))
    data_files = billing.latest_versions(f"{settings.export_prefix}data/BILLING_PERIOD={period}/")
    delivery = bind_manifest(newest, manifest, period, data_files)
    run_id = name_run(period, event.execution_id, event.attempt)
    work.write_json(run_files.delivery_key(run_id), delivery.model_dump(mode="json"))
    logger.info("delivery found", run_id=run_id, manifest=newest.key, data_files=len(delivery.files))
    return DeliveryFound(
        billing_period=str(period),
        run_id=run_id,
        preview=request.preview,
        replay=False,
        original=None,
        policy_key=request.policy_key or "",
        invoices_key=request.invoices_key or "",
        manifest_key=newest.key,
        manifest_execution_id=delivery.manifest_execution_id,
        data_files=len(delivery.files),
        data_bytes=sum(file.size for file in delivery.files),
        fingerprint=delivery.fingerprint,
    ).model_dump(mode="json")


def _restored(work: ObjectStore, run_id: str) -> DeliveryFound:
    delivery = work.find_json(run_files.delivery_key(run_id))
    found = describe_restored(
        run_id, find_restored(work, run_id), None if delivery is None else Delivery.model_validate(delivery)
    )
    logger.info("delivery restored", run_id=run_id, data_files=found.data_files)
    return found
