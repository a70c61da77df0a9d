"""A Vault with the secrets, keys and rights that docs/integrations.md sets up, and clients of it."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from functions.shared.adapters.vault_client import VaultClient
from functions.shared.adapters.vault_session import AwsCredentials, vault_session
from functions.shared.adapters.vault_settings import VaultLogin
from functions.shared.errors import SigningServiceUnavailable, TransientError
from functions.shared.observability import logger
from local.vault.aws_login import Principal, VaultRole
from local.vault.server import SERVER_ID, VaultStandIn

ROLE_ARN = "arn:aws:iam::222222222222:role/Chargeback-production-PostCharge"
OWN = AwsCredentials("AKIAOURS", "our-secret-access-key", "our-session-token")
STRANGER = AwsCredentials("AKIASTRANGER", "secret-access-key-of-a-stranger", None)
PASSWORD = "correct-horse-battery-staple"
SECRET = {"base_url": "https://meridian.service-now.com", "credentials": json.dumps({"password": PASSWORD})}
REFERENCE, KEY = "vault:kv/chargeback/servicenow", "vault:transit/statements"
READ, UPDATE = frozenset({"read"}), frozenset({"update"})
POLICIES = {
    "chargeback": {
        "kv/data/chargeback/*": READ,
        "transit/keys/statements": READ,
        "transit/sign/statements": UPDATE,
        "pki/sign/*": UPDATE,
    }
}


class Clock:
    """Seconds, for both sides, that pass when they are told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@contextmanager
def listened() -> Iterator[io.StringIO]:
    """What functions log meanwhile, and every library in all detail."""
    heard = io.StringIO()
    handler, root, of_functions = logging.StreamHandler(heard), logging.getLogger(), logger._logger
    level = root.level
    root.setLevel(logging.DEBUG)
    for each in (root, of_functions):
        each.addHandler(handler)
    try:
        yield heard
    finally:
        root.setLevel(level)
        for each in (root, of_functions):
            each.removeHandler(handler)


class VaultBench:
    """The stand-in, and sessions with it."""

    def __init__(self, stand_in: VaultStandIn, clock: Clock) -> None:
        self.stand_in, self.clock = stand_in, clock

    def settings(self, **changed: str) -> VaultLogin:
        """Those that work, but for what is changed."""
        given = {"address": self.stand_in.address, "role": "books", "server_id": SERVER_ID, "namespace": "finops"}
        return VaultLogin.model_validate(given | changed)

    def unsaid(self, text: str) -> bool:
        """Whether a text has nothing of what is kept secret here, nor of what proved who we are."""
        secrets = (PASSWORD, OWN.secret_key, OWN.token, *self.stand_in.tokens.issued)
        return not [secret for secret in secrets if secret and secret in text]

    @contextmanager
    def session(
        self,
        *,
        settings: VaultLogin | None = None,
        credentials: AwsCredentials = OWN,
        away: type[TransientError] = SigningServiceUnavailable,
        transport: httpx.BaseTransport | None = None,
        timeout_seconds: float = 10.0,
    ) -> Iterator[VaultClient]:
        """Signed in when the first request is made."""
        with vault_session(
            settings or self.settings(),
            away=away,
            credentials=lambda: credentials,
            monotonic=self.clock,
            transport=transport,
            timeout_seconds=timeout_seconds,
        ) as client:
            yield client


@contextmanager
def vault_bench(state: Path) -> Iterator[VaultBench]:
    """From here on there is a Vault."""
    clock = Clock()
    stand_in = VaultStandIn(
        state,
        roles={"books": VaultRole((ROLE_ARN,), ("chargeback",), ttl=900, max_ttl=1800)},
        known_by={
            OWN.access_key or "": Principal(OWN.secret_key or "", ROLE_ARN, OWN.token),
            STRANGER.access_key or "": Principal(STRANGER.secret_key or "", "arn:aws:iam::222222222222:role/Other"),
        }.get,
        policies=POLICIES,
        namespace="finops",
        clock=clock,
    )
    stand_in.kv.put("chargeback/servicenow", dict(SECRET))
    stand_in.transit.rotate("statements")
    assert stand_in.pki.root.pem, "made before anybody waits for it"
    with stand_in:
        yield VaultBench(stand_in, clock)
