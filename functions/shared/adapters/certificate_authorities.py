"""Certificate authorities that answer at once: AWS Private CA and HashiCorp Vault's PKI engine."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from functions.shared.adapters.vault_client import VaultClient
from functions.shared.errors import CertificateRefused, SigningServiceUnavailable

# The only family of templates that takes the key usage from the request: the others issue for TLS.
_TEMPLATE = "arn:aws:acm-pca:::template/BlankEndEntityCertificate_CSRPassthrough/V1"
_BUSY_CODES = frozenset({"LimitExceededException", "RequestInProgressException", "ThrottlingException"})


def issue_by_private_ca(authority_arn: str, certificate_request: str, token: str, days: int) -> str:
    """The chain (PEM) that AWS Private CA issues, its root last; raises CertificateRefused with its own words."""
    client: Any = boto3.client("acm-pca")
    try:
        authority = client.describe_certificate_authority(CertificateAuthorityArn=authority_arn)
        issued = client.issue_certificate(
            CertificateAuthorityArn=authority_arn,
            Csr=certificate_request.encode(),
            SigningAlgorithm=authority["CertificateAuthority"]["CertificateAuthorityConfiguration"]["SigningAlgorithm"],
            TemplateArn=_TEMPLATE,
            Validity={"Type": "DAYS", "Value": days},
            IdempotencyToken=token,
        )
        named = {"CertificateAuthorityArn": authority_arn, "CertificateArn": issued["CertificateArn"]}
        client.get_waiter("certificate_issued").wait(**named)
        answer = client.get_certificate(**named)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        kind = SigningServiceUnavailable if code in _BUSY_CODES else CertificateRefused
        raise kind(f"AWS Private CA, {authority_arn}: {code}: {error.response['Error']['Message']}") from error
    except WaiterError as error:
        raise SigningServiceUnavailable(f"AWS Private CA, {authority_arn}: {error}") from error
    return _chain(answer["Certificate"], answer.get("CertificateChain", ""))


def issue_by_vault(vault: VaultClient, role: str, certificate_request: str, common_name: str, days: int) -> str:
    """The chain (PEM) that Vault's PKI engine issues with a role (``<mount>/<role>``).

    Raises CertificateRefused with Vault's own words.
    """
    mount, _, name = role.rpartition("/")
    body = {"csr": certificate_request, "common_name": common_name, "ttl": f"{24 * days}h", "format": "pem"}
    answer = vault.write(f"{mount}/sign/{name}", body, refusal=CertificateRefused)
    issuers = answer.get("ca_chain") or [answer.get("issuing_ca", "")]
    return _chain(str(answer.get("certificate", "")), *map(str, issuers))


def _chain(*certificates: str) -> str:
    return "".join(f"{certificate.strip()}\n" for certificate in certificates if certificate.strip())
