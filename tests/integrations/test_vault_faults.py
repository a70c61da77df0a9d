"""The fault matrix of Vault: every call, with everything that can go wrong with it.

What passes by itself is raised as an error that state machines retry, what does not as one that they do not; a Vault
that has recovered serves the next use, no message holds a secret, and no token is left behind that could be ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest

from functions.shared.adapters.certificate_authorities import issue_by_vault
from functions.shared.adapters.vault_client import VaultClient
from functions.shared.adapters.vault_secrets import VaultSecrets
from functions.shared.adapters.vault_signing import VaultSigningKey
from functions.shared.errors import ChargebackError, TransientError
from functions.shared.signing.request import Subject, request_certificate
from local.vault.server import Fault, FaultKind
from tests.integrations.detours import closed_port
from tests.unit.signing_kit import KeyAtHand
from tests.unit.vault_bench import KEY, REFERENCE, VaultBench, listened, vault_bench

Act = Callable[[VaultBench, VaultClient], object]
Outcome = Literal["unnoticed", "transient", "refused"]


@dataclass(frozen=True)
class Call:
    """A request by its path, and what makes it."""

    name: str
    path: str
    act: Act


def read(_: VaultBench, vault: VaultClient) -> object:
    return VaultSecrets(vault).read(REFERENCE)


def read_later(bench: VaultBench, vault: VaultClient) -> object:
    """By then two thirds of the token's life are over."""
    read(bench, vault)
    bench.clock.now += 700
    return read(bench, vault)


def sign(_: VaultBench, vault: VaultClient) -> object:
    return VaultSigningKey(f"{KEY}:1", vault).sign(b"statement")


def read_key(_: VaultBench, vault: VaultClient) -> object:
    return VaultSigningKey(f"{KEY}:1", vault).public_key()


def certify(_: VaultBench, vault: VaultClient) -> object:
    request = request_certificate(Subject(common_name="Statements", organization="Meridian"), KeyAtHand("certified"))
    return issue_by_vault(vault, "pki/statements", request, "Statements", 30)


CALLS = (
    Call("login", "auth/aws/login", read),
    Call("read a secret", "kv/data/", read),
    Call("read a key", "transit/keys/", read_key),
    Call("sign", "transit/sign/", sign),
    Call("certify", "pki/sign/", certify),
    Call("renew", "renew-self", read_later),
    Call("revoke", "revoke-self", read),
)
TOLD_TO_WAIT = "429 with Retry-After"
FAULTS: tuple[FaultKind | int | str, ...] = (
    "refused",
    "reset",
    "slow",
    "slow body",
    "malformed",
    TOLD_TO_WAIT,
    400,
    401,
    403,
    404,
    409,
    412,
    429,
    500,
    502,
    503,
)
PASSES = {"refused", "reset", "slow", "slow body", "malformed", TOLD_TO_WAIT, 412, 429, 500, 502, 503}


REVOKED_ALL_THE_SAME = {403, "slow body", "malformed"}
"""It had ended already, or was revoked: that answer has no body to go wrong."""

SIGNED_HEADERS = "eyJ"
"""How the Base64 of JSON begins."""


class Closed(httpx.BaseTransport):
    """Sends requests for a path to a port on which nobody listens."""

    def __init__(self, path: str) -> None:
        self._network, self._path = httpx.HTTPTransport(), path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._path in request.url.path:
            request.url = request.url.copy_with(port=closed_port())
        return self._network.handle_request(request)


def outcome(call: Call, fault: object) -> Outcome:
    """What is to come of it, once."""
    if call.name == "revoke":
        return "unnoticed"  # the token ends by itself, and the work is done
    if fault in PASSES:
        return "transient"
    if call.name == "renew":
        return "unnoticed"  # another login takes its place
    return "refused"


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultBench]:
    with vault_bench(tmp_path_factory.getbasetemp() / "vault") as found:
        yield found


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_what_goes_wrong_has_the_right_name_and_is_over_when_it_is_over(
    bench: VaultBench, call: Call, fault: Any
) -> None:
    transport = Closed(call.path) if fault == "refused" else None
    if fault != "refused":
        kind, headers = (429, {"Retry-After": "7"}) if fault == TOLD_TO_WAIT else (fault, {})
        bench.stand_in.fail(Fault(call.path, kind, times=2 if fault == 403 else 1, headers=headers))

    raised: ChargebackError | None = None
    try:
        timeout = 1.0 if fault in ("slow", "slow body") else 10.0
        with listened() as heard, bench.session(transport=transport, timeout_seconds=timeout) as vault:
            call.act(bench, vault)
    except ChargebackError as error:
        raised = error

    became = "unnoticed" if raised is None else "transient" if isinstance(raised, TransientError) else "refused"
    assert became == outcome(call, fault), raised
    said = f"{raised!r} {raised.__cause__ if raised else ''} {heard.getvalue()}"
    assert bench.unsaid(said)
    assert call.name != "login" or SIGNED_HEADERS not in said
    assert call.name != "revoke" or fault in REVOKED_ALL_THE_SAME or "was not revoked" in said

    bench.stand_in.recover()
    assert bench.stand_in.tokens.alive == [] or call.path in ("auth/aws/login", "revoke-self")
    with bench.session() as vault:
        call.act(bench, vault)


def test_a_token_that_is_refused_once_is_replaced_and_nobody_notices(bench: VaultBench) -> None:
    with bench.session() as vault:
        read(bench, vault)
        bench.stand_in.fail(Fault("transit/sign/", 403))
        sign(bench, vault)

    assert bench.stand_in.requests.count("POST auth/aws/login") == 2


def test_a_sealed_vault_is_asked_again_later(bench: VaultBench) -> None:
    bench.stand_in.sealed = True

    with pytest.raises(TransientError, match="503 Vault is sealed"), bench.session() as vault:
        read(bench, vault)
