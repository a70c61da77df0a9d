"""State SealBillingData."""

from concurrent.futures import ThreadPoolExecutor

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.seal_billing_data.logic import SealBillingDataRequest, describe_seal
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.delivery import DataFile, Delivery
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import SealedFile, retention_end, seal_delivery, seal_file
from functions.shared.settings import Settings, load_settings


class SealBillingDataSettings(Settings):
    billing_bucket: str
    work_bucket: str
    retention_years: int


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=SealBillingDataRequest)
def handler(event: SealBillingDataRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(SealBillingDataSettings)
    billing, work = ObjectStore(settings.billing_bucket), ObjectStore(settings.work_bucket)
    delivery = Delivery.model_validate(work.read_json(run_files.delivery_key(event.run_id)))
    until = retention_end(event.started_at, settings.retention_years)

    def fix(file: DataFile) -> SealedFile:
        sealed = seal_file(file, billing.digest(file.key, file.version_id))
        if not event.preview:
            billing.retain(file.key, file.version_id, until)
        return sealed

    with ThreadPoolExecutor(max_workers=4) as readers:
        seal = seal_delivery(delivery, readers.map(fix, delivery.files), None if event.preview else until)
    work.write_json(run_files.seal_key(event.run_id), seal.model_dump(mode="json"))
    logger.info("billing data sealed", run_id=event.run_id, files=len(seal.files))
    return describe_seal(seal, run_files.seal_key(event.run_id)).model_dump()
