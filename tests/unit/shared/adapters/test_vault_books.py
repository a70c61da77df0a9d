"""The books are opened with what Vault keeps: the connection's secret, and the key that signs for ServiceNow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.adapters.servicenow.expense_lines import ServiceNowChargeBook
from functions.shared.adapters.signing_identity import open_vault
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import (
    InvalidConfiguration,
    PostingUnauthorized,
    SecretNotFound,
    SecretsUnavailable,
    SecretUnreadable,
    SigningRefused,
    VaultLoginRefused,
)
from functions.shared.settings import load_settings
from infra.names import state_of
from local.assembly import ROOT
from local.servicenow.server import ServiceNowStandIn
from local.vault.server import Fault
from tests.unit.servicenow_bench import LINES, charge_of
from tests.unit.vault_bench import KEY, OWN, PASSWORD, REFERENCE, STRANGER, VaultBench, listened, vault_bench

CONTEXT = cast("LambdaContext", SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))
LOGIN, REVOKE = "POST auth/aws/login", "POST auth/token/revoke-self"
READ, SIGN = "GET kv/data/chargeback/servicenow", "POST transit/sign/statements"


class Office(NamedTuple):
    """Books, and a Vault that has the connection to them."""

    vault: VaultBench
    servicenow: ServiceNowStandIn

    def keep(self, credentials: dict[str, Any]) -> None:
        """Puts the connection into Vault as docs/integrations.md does: the credentials become a text."""
        connection = {"base_url": self.servicenow.url, "credentials": json.dumps(credentials)}
        self.vault.stand_in.kv.put("chargeback/servicenow", connection)

    def environment(self, **changed: str) -> dict[str, str]:
        """Of a function that works in the books."""
        return {"SERVICENOW_SECRET": REFERENCE, "VAULT": self.vault.settings().model_dump_json()} | changed

    def post(self, cost_center: str) -> None:
        """A charge, with whatever is opened in this environment."""
        book = ServiceNowChargeBook.of(open_books(load_settings(BooksSettings, self.environment()), CONTEXT))
        charge = charge_of(cost_center=cost_center)
        assert book.create(charge.key, charge)

    def key_of_vault_signs(self) -> None:
        """ServiceNow trusts a key in Vault's Transit engine."""
        with self.vault.session() as client:
            public = VaultSigningKey(f"{KEY}:1", client).public_key()
        self.keep(self.servicenow.trust(public, "chargeback-1", f"{KEY}:1"))
        self.vault.stand_in.requests.clear()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    work_as(OWN._asdict(), monkeypatch)
    with vault_bench(tmp_path / "vault") as vault, ServiceNowStandIn(tmp_path) as servicenow:
        found = Office(vault, servicenow)
        found.keep(servicenow.credentials)
        yield found


def work_as(credentials: dict[str, str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lambda gives a function the credentials of its role."""
    names = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
    for name, variable in names.items():
        if credentials[name]:
            monkeypatch.setenv(variable, str(credentials[name]))
        else:
            monkeypatch.delenv(variable, raising=False)


def test_charges_are_posted_with_credentials_that_only_vault_has(office: Office) -> None:
    office.post("CC-1")
    office.post("CC-2")

    assert [line["u_cost_center"] for line in office.servicenow.records(LINES)] == ["CC-1", "CC-2"]
    assert office.vault.stand_in.requests == [LOGIN, READ, REVOKE] * 2
    assert office.vault.stand_in.tokens.alive == []


def test_a_key_in_vault_signs_for_servicenow(office: Office) -> None:
    office.key_of_vault_signs()

    office.post("CC-1")

    assert [line["u_cost_center"] for line in office.servicenow.records(LINES)] == ["CC-1"]
    assert office.vault.stand_in.requests == [LOGIN, READ, REVOKE, LOGIN, SIGN, REVOKE]


@pytest.mark.parametrize("path", ["auth/aws/login", "kv/data/", "transit/sign/"])
def test_books_whose_vault_is_away_are_opened_later(office: Office, path: str) -> None:
    office.key_of_vault_signs()
    office.vault.stand_in.fail(Fault(path, 503))

    # What state machines repeat wherever the books are opened.
    with pytest.raises(SecretsUnavailable, match="503"):
        office.post("CC-1")
    office.post("CC-1")


def test_a_secret_that_was_changed_is_taken_with_the_next_use(office: Office) -> None:
    right = office.servicenow.credentials
    office.keep({"kind": "basic", "username": "chargeback.integration", "password": "not-the-secret"})
    with pytest.raises(PostingUnauthorized):
        office.post("CC-1")

    office.keep(right)
    office.post("CC-1")


def test_nothing_that_is_secret_shows_in_setting_error_or_log(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    kv, said = office.vault.stand_in.kv, [json.dumps(office.environment())]
    with listened() as heard:
        office.post("CC-1")
        kv.put("chargeback/servicenow", {"base_url": office.servicenow.url, "credentials": {"password": PASSWORD}})
        for path in ("", "auth/aws/login", "kv/data/", "revoke-self"):
            office.vault.stand_in.fail(Fault(path or "nowhere", 500))
            with pytest.raises((PostingUnauthorized, SecretsUnavailable)) as raised:
                office.post("CC-2")
            said.append(f"{raised.value!r} {raised.value.__cause__!r}")
        kv.secrets.clear()
        with pytest.raises(SecretNotFound) as gone:
            office.post("CC-2")
        work_as(STRANGER._asdict(), monkeypatch)
        with pytest.raises(VaultLoginRefused) as refused:
            office.post("CC-2")

    said += [repr(gone.value), repr(refused.value), heard.getvalue()]
    assert "a Vault token was not revoked" in heard.getvalue()
    assert office.vault.unsaid("".join(said))
    assert str(STRANGER.secret_key) not in "".join(said)
    assert office.servicenow.credentials["client_secret"] not in "".join(said)


def test_what_is_in_vault_is_not_opened_without_one(office: Office) -> None:
    settings = load_settings(BooksSettings, office.environment(VAULT="none"))

    with pytest.raises(SecretUnreadable, match="is in Vault, but VAULT is none: set where it is"):
        open_books(settings, CONTEXT)
    with pytest.raises(SigningRefused, match="VAULT is none"), open_vault(settings.vault):
        pass


@pytest.mark.parametrize(
    "vault", ["vault.example", '{"address": "vault.example", "role": "r", "server_id": "v"}', "{}"]
)
def test_a_setting_that_says_not_where_vault_is_is_refused(office: Office, vault: str) -> None:
    with pytest.raises(InvalidConfiguration, match="VAULT: "):
        load_settings(BooksSettings, office.environment(VAULT=vault))


@pytest.mark.parametrize(("role", "settings"), [("chargeback-books", "Books"), ("chargeback-signing", "Signing")])
def test_the_documented_roles_let_in_every_function_that_signs_in(role: str, settings: str) -> None:
    document = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    [bound] = re.findall(rf"auth/aws/role/{role} [^\n]*\n +bound_iam_principal_arn=(\S+)", document)
    handlers = (ROOT / "functions").glob("*/handler.py")
    users = [each.parent.name for each in handlers if f"({settings}Settings):" in each.read_text(encoding="utf-8")]

    assert set(bound.split(",")) == {"$P-" + state_of(name) for name in users}
