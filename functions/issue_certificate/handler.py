"""What an operator invokes when a key gets its certificate: IssueCertificate."""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.issue_certificate.logic import (
    CertificateRequested,
    InstallCertificate,
    IssueCertificate,
    RequestCertificate,
    describe,
    identity_of,
    read_request,
    request_token,
    require_authority,
)
from functions.shared.adapters.certificate_authorities import issue_by_private_ca, issue_by_vault
from functions.shared.adapters.signing_identity import SigningSettings, open_signing_key, open_vault, store_identity
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings
from functions.shared.signing.request import request_certificate


class IssueCertificateSettings(SigningSettings):
    signing_key: str
    private_ca_arn: str
    vault_pki_role: str
    certificate_days: int


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: object, context: LambdaContext) -> dict[str, object]:
    settings, request = load_settings(IssueCertificateSettings), read_request(event)
    with open_signing_key(request.key or settings.signing_key, settings.vault) as named:
        key = named.resolved()
        if isinstance(request, InstallCertificate):
            chain = request.certificate_chain
        else:
            asked = request_certificate(request.subject, key)
            if isinstance(request, RequestCertificate):
                logger.info("certificate requested", key=key.reference)
                return CertificateRequested(key=key.reference, certificate_request=asked).model_dump(mode="json")
            chain = _issue(request, asked, settings)
        identity = identity_of(key, chain, datetime.now(UTC))
    version = store_identity(settings.identity_parameter, identity)
    installed = describe(identity, settings.identity_parameter, version).model_dump(mode="json")
    logger.info("signing identity installed", **installed)
    return installed


def _issue(request: IssueCertificate, asked: str, settings: IssueCertificateSettings) -> str:
    if request.issuer == "private_ca":
        require_authority(request.issuer, private_ca_arn=settings.private_ca_arn)
        token = request_token(asked)
        return issue_by_private_ca(settings.private_ca_arn, asked, token, settings.certificate_days)
    require_authority(request.issuer, vault_pki_role=settings.vault_pki_role)
    with open_vault(settings.vault) as vault:
        name = request.subject.common_name
        return issue_by_vault(vault, settings.vault_pki_role, asked, name, settings.certificate_days)
