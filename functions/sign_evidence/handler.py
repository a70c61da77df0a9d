"""State SignEvidence, after SummarizeRun in a close."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.signing_identity import SigningSettings, open_signatory
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import retention_end
from functions.shared.settings import load_settings
from functions.shared.signing.detached import CMS_TYPE, RAW_TYPE, sign_file
from functions.sign_evidence.logic import EvidenceSigned, SignEvidenceRequest, sha256


class SignEvidenceSettings(SigningSettings):
    ledger_bucket: str
    retention_years: int


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=SignEvidenceRequest)
def handler(event: SignEvidenceRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(SignEvidenceSettings)
    ledger, key = ObjectStore(settings.ledger_bucket), run_files.evidence_key(event.charge_period, event.revision)
    until = retention_end(event.started_at, settings.retention_years)
    evidence = ledger.read(key)
    if not ledger.latest_versions(f"{key}.p7s"):
        with open_signatory(settings, event.started_at) as signatory:
            signature = sign_file(evidence, signatory)
        # The CMS last: where it stands, the evidence is complete, and the next one may follow it in the chain.
        for name, content, kind in ((f"{key}.sig", signature.raw, RAW_TYPE), (f"{key}.p7s", signature.cms, CMS_TYPE)):
            ledger.write_once(name, content, kind, sha256(content), until)
    signed = EvidenceSigned(
        evidence_sha256=sha256(evidence), signature=ledger.uri(f"{key}.p7s"), raw_signature=ledger.uri(f"{key}.sig")
    ).model_dump(mode="json")
    logger.info("evidence signed", period=event.charge_period, revision=event.revision, **signed)
    return signed
