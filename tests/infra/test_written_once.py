"""Ledger and statements come locked for the audit horizon or not at all, and our code sends what the buckets want."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.seal import retention_end
from infra.names import name_of, role_arn
from tests.infra.policies import EVERYTHING, Caller, Cloud, Guarded
from tests.infra.stacks import Stacks

NOW = datetime(2026, 6, 30, 23, 0, tzinfo=UTC)
TLS = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
RECORDS = {
    "ledger": f"{run_files.ledger_prefix('2026-05', '2026-05', 1)}part-00000.parquet",
    "periods": f"{run_files.period_prefix('2026-05', 1)}summary.json",
    "anything else in the ledger bucket": "a",
    "statements": "charge_period=2026-05/claims.pdf",
}
CONDITION_OF = {
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-remaining-retention-days",
    "If-None-Match": "s3:if-none-match",
}


class Nothing:
    """The body of an answer that has none."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        return iter(())


def sent_by_write_once(monkeypatch: pytest.MonkeyPatch, until: datetime, now: datetime) -> dict[str, str]:
    """The condition keys that S3 makes of the headers which the adapter's ``write_once`` sends."""
    for setting in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(setting, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    headers: dict[str, str] = {}

    def answer(request: Any, **_: object) -> AWSResponse:
        for name in CONDITION_OF:
            value = request.headers.get(name)
            if value is not None:
                headers[name] = value.decode() if isinstance(value, bytes) else value
        return AWSResponse(request.url, 200, {"x-amz-version-id": "1"}, Nothing())  # type: ignore[arg-type]

    store = ObjectStore("records")
    store._client.meta.events.register("before-send.s3.PutObject", answer)  # type: ignore[arg-type]
    store.write_once("key", b"content", "text/plain", "sha256", until)
    sent = {CONDITION_OF[name]: value for name, value in headers.items()}
    days = "s3:object-lock-remaining-retention-days"
    sent[days] = str((datetime.fromisoformat(sent[days]) - now).days)
    return sent | TLS


def bucket_of(stacks: Stacks, record: str) -> Guarded:
    return Cloud(stacks).bucket("Statements" if record == "statements" else "Ledger")


def administrator(stacks: Stacks) -> Caller:
    account = stacks.config.finops_account
    return Caller("administrator", account, f"arn:aws:iam::{account}:role/administrator", statements=(EVERYTHING,))


@pytest.fixture(params=RECORDS)
def record(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sent(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """By a close that began now."""
    return sent_by_write_once(monkeypatch, retention_end(NOW, stacks.config.retention_years), NOW)


def test_what_our_code_writes_is_taken(stacks: Stacks, record: str, sent: dict[str, str]) -> None:
    bucket = bucket_of(stacks, record)
    assert bucket.lets(administrator(stacks), "s3:PutObject", f"{bucket.arn}/{RECORDS[record]}", sent)


def test_what_a_close_writes_that_was_resumed_weeks_later_is_taken(
    stacks: Stacks, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = retention_end(NOW, stacks.config.retention_years)
    sent = sent_by_write_once(monkeypatch, until, NOW + timedelta(days=30))
    bucket = bucket_of(stacks, record)
    assert bucket.lets(administrator(stacks), "s3:PutObject", f"{bucket.arn}/{RECORDS[record]}", sent)


@pytest.mark.parametrize(
    "change",
    [
        {"s3:object-lock-mode": None},
        {"s3:object-lock-mode": "GOVERNANCE"},
        {"s3:object-lock-remaining-retention-days": None},
        {"s3:object-lock-remaining-retention-days": "300"},
        {"s3:if-none-match": None},
    ],
)
def test_a_write_is_refused_that_is_unlocked_or_soon_unlocked_or_replaces_what_is_there(
    stacks: Stacks, record: str, sent: dict[str, str], change: dict[str, str | None]
) -> None:
    bucket = bucket_of(stacks, record)
    changed = {key: value for key, value in (sent | change).items() if value is not None}
    assert not bucket.lets(administrator(stacks), "s3:PutObject", f"{bucket.arn}/{RECORDS[record]}", changed)


def test_nobody_deletes_or_hides_a_record(stacks: Stacks, record: str) -> None:
    bucket = bucket_of(stacks, record)
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert not bucket.lets(administrator(stacks), action, f"{bucket.arn}/{RECORDS[record]}"), action


def test_a_draft_of_a_statement_comes_and_goes_as_it_likes(stacks: Stacks) -> None:
    bucket = bucket_of(stacks, "statements")
    draft = f"{bucket.arn}/drafts/run/claims.pdf"
    assert bucket.lets(administrator(stacks), "s3:PutObject", draft, TLS)
    assert bucket.lets(administrator(stacks), "s3:DeleteObject", draft, TLS)


def test_the_seal_locks_the_bill_for_the_audit_horizon_and_cannot_lock_it_for_less(stacks: Stacks) -> None:
    config = stacks.config
    bucket = Cloud(stacks).bucket("Billing")
    name = name_of(config, "SealBillingData")
    arn = role_arn(config.finops_account, config, "SealBillingData")
    seal = Caller(name, config.finops_account, arn, statements=(EVERYTHING,))
    days = (retention_end(NOW, config.retention_years) - NOW).days
    sealed = {"s3:object-lock-mode": "COMPLIANCE", "s3:object-lock-remaining-retention-days": str(days)} | TLS
    retain = ("s3:PutObjectRetention", f"{bucket.arn}/{config.export_prefix}data/a.parquet")
    assert bucket.lets(seal, *retain, sealed)
    assert not bucket.lets(seal, *retain, sealed | {"s3:object-lock-mode": "GOVERNANCE"})
    assert not bucket.lets(seal, *retain, sealed | {"s3:object-lock-remaining-retention-days": "30"})
    assert not bucket.lets(administrator(stacks), *retain, sealed)
