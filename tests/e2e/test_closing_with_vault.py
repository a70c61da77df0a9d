"""Months close where secret, key and certificate authority are in Vault, and nobody stays signed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from functions.shared.adapters.vault_secrets import VaultSecrets
from functions.shared.adapters.vault_session import AwsCredentials, vault_session
from functions.shared.adapters.vault_settings import VaultLogin
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import SecretForbidden, SigningRefused, VaultLoginRefused
from functions.shared.periods import BillingPeriod
from infra.environments import LOCAL_VAULT
from infra.names import role_arn
from local.executions import run_close
from local.export_run import export_run
from local.sample.month import write_month
from local.vault.server import SERVER_ID, VaultStandIn
from local.world import World, open_world
from tests.e2e.command import run
from tests.statemachines.harness import write_small_policy

pytestmark = pytest.mark.slow

APRIL, MAY = "2026-04", "2026-05"
KEY = "vault:transit/chargeback-statements"


class Closed(NamedTuple):
    """A world with two months closed, and its Vault."""

    world: World
    vault: VaultStandIn

    def settings(self, use: str) -> VaultLogin:
        """Of the functions that work in the books, or that sign."""
        return VaultLogin(address=self.vault.address, role=f"chargeback-{use}", server_id=SERVER_ID, namespace="finops")

    def credentials(self, state: str) -> AwsCredentials:
        """Those of a state's function."""
        arn = role_arn(LOCAL_VAULT.finops_account, LOCAL_VAULT, state)
        return AwsCredentials(*self.world.cloud.credentials.of(arn)[1:])

    def signer(self, period: str) -> x509.Certificate:
        """Whoever signed a month's evidence."""
        [signer, *_] = load_der_pkcs7_certificates((self.world.out / period / "evidence.json.p7s").read_bytes())
        return signer


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """April, and May with the next version of the key."""
    folder = tmp_path_factory.mktemp("vault")
    with open_world(folder / "out", config=LOCAL_VAULT) as world:
        assert world.vault is not None
        policy_key = world.put_policy(write_small_policy(folder))
        for period in (APRIL, MAY):
            month = BillingPeriod.parse(period)
            write_month(folder / "cur", period, line_items=2000, seed=7)
            world.deliver(folder / "cur", month)
            execution, _ = run_close(world, {"billing_period": period, "policy_key": policy_key}, lambda _: None)
            export_run(world, month, execution)
            if period == APRIL:
                world.vault.transit.rotate("chargeback-statements")
                world.prepare_signing()
        yield Closed(world, world.vault)


def test_everything_that_was_signed_with_either_version_of_the_key_verifies(closed: Closed) -> None:
    ended = run("verify", closed.world.out)
    assert (ended.code, ended.err) == (0, [])
    assert ended.out[-1].endswith("all of them passed")


def test_the_authority_in_vault_certified_the_keys_in_vault(closed: Closed) -> None:
    root = closed.vault.pki.root.certificate
    signers = [closed.signer(period) for period in (APRIL, MAY)]
    for signer, version in zip(signers, closed.vault.transit.keys["chargeback-statements"], strict=True):
        signer.verify_directly_issued_by(root)
        assert signer.public_key() == version.public_key()
    assert len({signer.fingerprint(SHA256()) for signer in signers}) == 2


def test_each_use_of_vault_has_a_token_of_its_own_and_every_one_was_revoked(closed: Closed) -> None:
    tokens = closed.vault.tokens
    assert len(tokens.issued) > 10
    assert sorted(tokens.revoked) == sorted(tokens.issued)
    assert tokens.alive == []


def test_vault_is_asked_for_nothing_but_the_secret_the_key_and_the_certificates(closed: Closed) -> None:
    assert set(closed.vault.requests) == {
        "POST auth/aws/login",
        "POST auth/token/revoke-self",
        "GET kv/data/chargeback/servicenow",
        "GET transit/keys/chargeback-statements",
        "POST transit/sign/chargeback-statements",
        "POST pki/sign/chargeback",
    }


def test_no_secret_is_kept_in_aws(closed: Closed) -> None:
    assert closed.world.cloud.client("secretsmanager").list_secrets()["SecretList"] == []


def test_who_works_in_the_books_cannot_sign(closed: Closed) -> None:
    own = closed.credentials("PostCharge")
    with (
        pytest.raises(SigningRefused, match="403 permission denied"),
        vault_session(closed.settings("books"), credentials=lambda: own) as vault,
    ):
        VaultSigningKey(f"{KEY}:1", vault).sign(b"a statement")
    with (
        pytest.raises(VaultLoginRefused, match='does not belong to the role "chargeback-signing"'),
        vault_session(closed.settings("signing"), credentials=lambda: own) as vault,
    ):
        VaultSigningKey(f"{KEY}:1", vault).sign(b"a statement")


def test_who_signs_cannot_read_what_opens_the_books(closed: Closed) -> None:
    own = closed.credentials("SignEvidence")
    with (
        pytest.raises(SecretForbidden),
        vault_session(closed.settings("signing"), credentials=lambda: own) as vault,
    ):
        VaultSecrets(vault).read("vault:kv/chargeback/servicenow")


def test_a_function_that_needs_nothing_from_vault_is_not_let_in(closed: Closed) -> None:
    own = closed.credentials("ReadManifest")
    for use in ("books", "signing"):
        with (
            pytest.raises(VaultLoginRefused, match="does not belong to the role"),
            vault_session(closed.settings(use), credentials=lambda: own) as vault,
        ):
            VaultSecrets(vault).read("vault:kv/chargeback/servicenow")
