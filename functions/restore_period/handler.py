"""State RestorePeriod of replay_period."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.read_manifest.logic import name_run
from functions.restore_period.logic import (
    RestorePeriodRequest,
    choose_revision,
    describe_restored,
    read_request,
    require_about,
)
from functions.restore_period.restoration import Restoration
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings
from functions.shared.signing.verification import signer_of


class RestorePeriodSettings(Settings):
    billing_bucket: str
    ledger_bucket: str
    statements_bucket: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RestorePeriodRequest)
def handler(event: RestorePeriodRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(RestorePeriodSettings)
    period, asked = read_request(event.request)
    ledger = ObjectStore(settings.ledger_bucket)
    signed = ledger.latest_versions(f"periods/{period}/")
    revision = choose_revision(period, asked, [version.key for version in signed])
    key = run_files.evidence_key(str(period), revision)
    content = ledger.read(key)
    signer = signer_of(ledger.uri(key), content, ledger.read(f"{key}.p7s"))
    evidence = ClosedEvidence.read(ledger.uri(key), content)
    require_about(evidence, period, revision, ledger.uri(key))
    restoration = Restoration(
        evidence=evidence,
        signer=signer,
        run_id=name_run(period, event.execution_id, 1),
        billing=ObjectStore(settings.billing_bucket),
        ledger=ledger,
        statements=ObjectStore(settings.statements_bucket),
        work=ObjectStore(settings.work_bucket),
    )
    restored = describe_restored(evidence, signer, restoration.run_id, restoration.restore())
    logger.info("period restored", run_id=restored.run_id, period=str(period), revision=revision)
    return restored.model_dump(mode="json")
