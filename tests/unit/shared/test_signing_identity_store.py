"""The identity is one parameter: key and certificate are switched together, and whoever signs reads it anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from functions.shared.adapters.kms_signing import KmsSigningKey
from functions.shared.adapters.signing_identity import (
    SigningSettings,
    open_signatory,
    open_signing_key,
    read_identity,
    store_identity,
)
from functions.shared.adapters.vault_settings import VaultLogin
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import SigningIdentityInvalid, SigningRefused
from functions.shared.signing.identity import SigningIdentity
from tests.unit.function_bench import VALUES
from tests.unit.signing_kit import NOW, install_identity

PARAMETER = VALUES["IDENTITY_PARAMETER"]
VAULT = VaultLogin(address="http://127.0.0.1:8200", role="chargeback", server_id="vault.example")
SETTINGS = SigningSettings(identity_parameter=PARAMETER, vault=None)


def test_whoever_opens_the_identity_signs_with_its_key(signing: SigningIdentity) -> None:
    with open_signatory(SETTINGS, NOW) as signatory:
        assert signatory.identity == signing
        assert len(signatory.sign(b"statement")) == 256


def test_a_rotation_is_one_step(signing: SigningIdentity) -> None:
    rotated = install_identity(number=2)

    found = read_identity(PARAMETER)
    assert (found.key, found.fingerprint) == (rotated.key, rotated.fingerprint)
    assert found.key != signing.key
    with open_signatory(SETTINGS, NOW) as signatory:
        signatory.sign(b"statement")


def test_a_key_that_was_certified_while_a_close_waited_signs_it(signing: SigningIdentity) -> None:
    began_before = signing.valid_from - timedelta(days=30)

    with open_signatory(SETTINGS, began_before) as signatory:
        assert signatory.identity == signing
    with pytest.raises(SigningIdentityInvalid, match="valid from"):
        open_signatory(SETTINGS, datetime(2050, 1, 1, tzinfo=UTC)).__enter__()


def test_every_identity_there_was_stays_in_the_parameters_history(signing: SigningIdentity) -> None:
    install_identity(number=2)

    history = boto3.client("ssm").get_parameter_history(Name=PARAMETER)["Parameters"]
    assert SigningIdentity.model_validate_json(history[0]["Value"]) == signing


@pytest.mark.usefixtures("bench")
def test_without_an_identity_it_says_how_to_get_one() -> None:
    with pytest.raises(SigningIdentityInvalid, match=f"no signing identity in {PARAMETER}: request a certificate"):
        open_signatory(SETTINGS, NOW).__enter__()


def test_a_chain_of_two_certificates_fits_into_the_parameter(signing: SigningIdentity) -> None:
    long = SigningIdentity(key=signing.key, certificate_chain="\n" * 4000 + signing.certificate_chain)

    assert store_identity(PARAMETER, long) > 1


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("arn:aws:kms:us-east-1:123456789012:key/1", KmsSigningKey),
        ("alias/chargeback-test-signing-1", KmsSigningKey),
        ("vault:transit/statements:3", VaultSigningKey),
    ],
)
def test_a_reference_says_where_its_key_is(reference: str, kind: type) -> None:
    with open_signing_key(reference, VAULT) as key:
        assert isinstance(key, kind)
        assert key.reference == reference


@pytest.mark.parametrize("reference", ["arn:aws:s3:::bucket", "file:key.pem", ""])
def test_a_key_that_lies_about_is_no_signing_key(reference: str) -> None:
    with pytest.raises(SigningRefused, match="names no signing key"):
        open_signing_key(reference).__enter__()


def test_a_key_in_vault_needs_a_vault() -> None:
    with pytest.raises(SigningRefused, match="VAULT is none"):
        open_signing_key("vault:transit/statements:1").__enter__()
