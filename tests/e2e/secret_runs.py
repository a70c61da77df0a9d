"""Closes and validates a month, well and badly, in a process of its own; keeps what it left behind and every secret.

X-Ray's recorder, which sends here what it sends from Lambda, stays in a process for good.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from functions.shared.observability import SERVICE
from functions.shared.periods import BillingPeriod
from infra.environments import environment
from local.executions import run_close, run_validation
from local.export_run import export_run
from local.outcome import ExecutionFailed
from local.sample.month import write_month
from local.servicenow.server import ServiceNowStandIn
from local.vault.server import Fault
from local.vault.set_up import SERVICENOW_KEY
from local.world import World, open_world
from tests.e2e.command import REPOSITORY
from tests.e2e.gossip import GIVES_TOKENS, Answer, Gossip, gossip
from tests.e2e.left_behind import PLACES, Run, everything_left, listen_to_calls, listen_to_traces
from tests.e2e.secret_search import Left
from tests.statemachines.harness import write_small_policy

PERIOD = BillingPeriod(2026, 4)
AWKWARD = 'p&ss/w+rd=%25 "quoted" \\ <b>é</b> {}'
"""Begins what is secret: every form of it looks different."""

ENTRY = "import sys; from tests.e2e.secret_runs import main; main(*sys.argv[1:])"
Secrets = dict[str, list[str]]


class Outcome(NamedTuple):
    """``failures`` are the errors of the closes that failed, ``status`` is what the last one made of the month.

    ``left`` is what was left when all was done; ``planted`` holds, for each place, what was left there after every
    secret was put there.
    """

    failures: dict[str, str]
    status: str
    secrets: Secrets
    left: list[Left]
    planted: dict[str, list[Left]]


def run_in_own_process(folder: Path, name: str) -> Outcome:
    """What comes of it in an environment; raises AssertionError with the process's last words."""
    (folder / "tmp").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", ENTRY, str(folder), name],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), "LAMBDA_TASK_ROOT": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    outcome: Outcome = pickle.loads((folder / "outcome.pickle").read_bytes())  # noqa: S301 - we have just written it
    shown = Left("what is shown", "the process's output", f"{ended.stdout}\n{ended.stderr}".encode())
    return outcome._replace(left=[*outcome.left, shown])


def main(path: str, name: str) -> None:
    """The process: writes an Outcome into the folder."""
    folder = Path(path)
    segments: list[bytes] = []
    _trace_as_in_lambda(segments)
    write_month(folder / "cur", str(PERIOD), line_items=2000, seed=7)
    told: list[str] = []
    books: list[ServiceNowStandIn] = []
    with (
        _kept(World, "connect_books", lambda _, found: books.append(found)),
        gossip() as gateway,
        open_world(folder / "out", tell=told.append, config=environment(name)) as world,
    ):
        run = Run(world, books[0], folder / "tmp", told=told, segments=segments)
        with listen_to_calls(run):
            use = _with_vault if world.vault else _with_secrets_manager
            outcome = _everything(run, gateway, use)
    (folder / "outcome.pickle").write_bytes(pickle.dumps(outcome))


def _everything(run: Run, gateway: Gossip, use: Callable[[Run, Gossip, _Months], None]) -> Outcome:
    world = run.world
    months = _Months(run, world.put_policy(write_small_policy(run.temporary)))
    world.deliver(run.temporary.parent / "cur", PERIOD)
    use(run, gateway, months)
    status = months.close()
    run_validation(world, {"billing_period": str(PERIOD), "policy_key": months.policy_key}, run.told.append)
    secrets = _secrets(run, gateway)
    left = everything_left(run)
    return Outcome(months.failures, status, secrets, left, _plant(run, secrets))


class _Months:
    """Closes the one month again and again."""

    def __init__(self, run: Run, policy_key: str) -> None:
        self._run, self.policy_key = run, policy_key
        self.failures: dict[str, str] = {}

    def close(self) -> str:
        """What became of it, as its summary says."""
        world = self._run.world
        request = {"billing_period": str(PERIOD), "policy_key": self.policy_key}
        execution, _ = run_close(world, request, self._run.told.append)
        summary = json.loads((export_run(world, PERIOD, execution) / "summary.json").read_text())
        return str(summary["status"])

    def fail(self, why: str) -> None:
        """Closes in vain."""
        try:
            self.close()
        except ExecutionFailed as failure:
            self.failures[why] = failure.error
            self._run.told.append(str(failure))


def _with_secrets_manager(run: Run, gateway: Gossip, months: _Months) -> None:
    """Fails with each kind of credentials, and closes with an assertion that a key of KMS signs."""
    _fail_at_the_gateway(run, gateway, months)
    kms = run.client("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    assertion = run.books.trust(public, "chargeback-1", key)
    gateway.to_tokens = [401]
    run.world.put_connection({"base_url": gateway.url, "credentials": assertion})
    months.fail("ServiceNow repeats the assertion")
    run.world.put_connection({"base_url": run.books.url, "credentials": assertion})


def _with_vault(run: Run, gateway: Gossip, months: _Months) -> None:
    """Vault refuses each of our requests in turn, and what stands before ServiceNow does."""
    vault = run.world.vault
    assert vault is not None
    for what, path, status in (
        ("Vault repeats the login", "auth/aws/login", 400),
        ("Vault repeats the header", "kv/data", 403),
        ("Vault does not sign", "transit/sign/chargeback-statements", 403),
    ):
        vault.fail(Fault(path, status, times=1000))
        months.fail(what)
        vault.recover()
    _fail_at_the_gateway(run, gateway, months)
    key = vault.transit.keys[SERVICENOW_KEY][0].public_key()
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assertion = run.books.trust(public, "chargeback-1", f"vault:transit/{SERVICENOW_KEY}:1")
    run.world.put_connection({"base_url": run.books.url, "credentials": assertion})


def _fail_at_the_gateway(run: Run, gateway: Gossip, months: _Months) -> None:
    oauth = {"kind": "oauth_client_credentials", "client_id": "chargeback", "client_secret": f"{AWKWARD} of the client"}
    basic = {"kind": "basic", "username": "chargeback.integration", "password": f"{AWKWARD} of the user"}
    cases: tuple[tuple[str, dict[str, str], list[Answer], list[Answer]], ...] = (
        ("ServiceNow repeats the form", oauth, [401], [401]),
        ("ServiceNow repeats the Bearer header", oauth, [GIVES_TOKENS], [500, 500, 500, 401]),
        ("ServiceNow repeats the Basic header", basic, [401], [500, 500, 500, 401]),
    )
    for what, credentials, to_tokens, to_others in cases:
        gateway.to_tokens, gateway.to_others = to_tokens, to_others
        run.world.put_connection({"base_url": gateway.url, "credentials": credentials})
        months.fail(what)


def _secrets(run: Run, gateway: Gossip) -> Secrets:
    """Everything secret that was in use, from those who know it."""
    books, vault, issued = run.books, run.world.vault, [*run.world.cloud.credentials]
    passwords = [
        each["password"] for each in (books.basic_credentials, books.approver_credentials, books.requester_credentials)
    ]
    authority = (run.world.cloud.state_dir / "signing" / "root-key.pem").read_text()
    found = {
        "ServiceNow client secret": [f"{AWKWARD} of the client", books.credentials["client_secret"]],
        "ServiceNow password": [f"{AWKWARD} of the user", *passwords],
        "ServiceNow access token": [*gateway.tokens_issued, *books.tokens_issued],
        "ServiceNow assertion": [*gateway.assertions, *books.assertions_taken],
        "secret key of AWS": [each.secret_key for each in issued],
        "session token of AWS": [each.session_token for each in issued],
        "private key": [line for pem in (authority, *_keys_of_kms()) for line in _within(pem)],
    }
    if vault:
        keys = [key for versions in vault.transit.keys.values() for key in versions]
        pems = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() for key in keys]
        found["private key"] += [line for pem in pems for line in _within(pem)]
        found |= {
            "token of Vault": vault.tokens.issued,
            "accessor of Vault": vault.tokens.accessors,
            "login to Vault": vault.logins,
        }
    return found


def _keys_of_kms() -> list[str]:
    from moto.kms.models import kms_backends

    backends = [backend for regions in kms_backends.values() for backend in regions.values()]
    keys: list[Any] = [key.private_key for backend in backends for key in backend.keys.values() if key.private_key]
    return [key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() for key in keys]


def _within(pem: str) -> list[str]:
    """Three lines that no other key has; Base64 in one piece has them too."""
    return pem.strip().splitlines()[8:11]


def _plant(run: Run, secrets: Secrets) -> dict[str, list[Left]]:
    planted = {}
    for number, (name, place) in enumerate(PLACES.items()):
        for nth, values in enumerate(secrets.values()):
            place.plant(run, f"planted-{number}-{nth}", values[0])
        planted[name] = [Left(name, where, content) for where, content in place.read(run)]
    return planted


@contextmanager
def _kept(owner: Any, name: str, also: Callable[..., object]) -> Iterator[None]:
    """Has something done whenever a method is called."""
    original = getattr(owner, name)

    def both(*given: Any) -> Any:
        also(*given)
        return original(*given)

    setattr(owner, name, both)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _trace_as_in_lambda(segments: list[bytes]) -> None:
    """Functions find themselves in Lambda with tracing on, and X-Ray's daemon where we listen."""
    from local.aws import lambda_runner

    tracing = {
        "POWERTOOLS_TRACE_DISABLED": "false",
        "LAMBDA_TASK_ROOT": str(REPOSITORY),
        "AWS_XRAY_DAEMON_ADDRESS": listen_to_traces(segments),
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    }
    os.environ.update(tracing)
    from aws_xray_sdk.core import xray_recorder

    # Whoever imported it before us was told of another daemon, and the functions' logger of another output.
    xray_recorder.emitter.set_daemon_address(tracing["AWS_XRAY_DAEMON_ADDRESS"])
    logging.Logger.manager.loggerDict.pop(SERVICE, None)
    given = lambda_runner._environment_of
    lambda_runner._environment_of = lambda function, credentials: given(function, credentials) | tracing
