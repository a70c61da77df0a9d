"""State CheckSeal."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_seal.logic import CheckSealRequest, SealChecked
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import Seal, check_unchanged
from functions.shared.settings import Settings, load_settings


class CheckSealSettings(Settings):
    billing_bucket: str
    export_prefix: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CheckSealRequest)
def handler(event: CheckSealRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CheckSealSettings)
    seal = Seal.model_validate(ObjectStore(settings.work_bucket).read_json(run_files.seal_key(event.run_id)))
    folder = f"{settings.export_prefix}data/BILLING_PERIOD={seal.billing_period}/"
    check_unchanged(seal, ObjectStore(settings.billing_bucket).latest_versions(folder))
    logger.info("seal holds", run_id=event.run_id, files=len(seal.files))
    return SealChecked(files=len(seal.files), unchanged=True).model_dump()
