"""What a close stands on is put back, each byte held against the signed evidence; what is not there is named."""

from __future__ import annotations

import hashlib

import pytest

from functions.restore_period.logic import choose_revision, read_request
from functions.shared import run_files
from functions.shared.delivery import Delivery
from functions.shared.errors import EvidenceNotFound, InvalidPeriod, InvalidRequest, RestorationFailed, SignatureInvalid
from functions.shared.periods import BillingPeriod
from functions.shared.restored_close import read_restored
from functions.shared.seal import Seal
from functions.shared.signing.identity import SigningIdentity
from tests.unit.closed_may import (
    BILL,
    EARLIER_KEY,
    EVIDENCE_KEY,
    LEDGER_KEY,
    REPLAY,
    SQL,
    STATEMENT,
    close_may,
    overwrite,
    restore_may,
)
from tests.unit.function_bench import VALUES, FunctionBench
from tests.unit.run_samples import DATA_KEY, RUN_ID, policy_of_run
from tests.unit.shared.policy_sample import HEADCOUNT, sample

MAY = BillingPeriod(2026, 5)
SIGNED = [f"periods/2026-05/revision-{n:04d}/evidence.json.p7s" for n in (1, 2, 11)]


@pytest.fixture
def closed(bench: FunctionBench, signing: SigningIdentity) -> FunctionBench:  # noqa: ARG001 - it signs
    close_may(bench)
    return bench


def test_the_sealed_versions_are_copied_to_the_table_of_the_run_though_aws_has_overwritten_the_files(
    closed: FunctionBench,
) -> None:
    closed.billing.write(DATA_KEY, b"PAR1, another bill, PAR1", "parquet")

    restored = restore_may(closed)

    key = run_files.restored_bill_key(REPLAY, DATA_KEY)
    assert key == f"runs/{REPLAY}/restored_cur/BILLING_PERIOD=2026-05/{DATA_KEY.rpartition('/')[2]}"
    assert closed.work.read(key) == BILL
    assert (restored["run_id"], restored["data_files"], restored["data_bytes"]) == (REPLAY, 1, len(BILL))


def test_the_delivery_names_the_copies_and_the_seal_the_originals(closed: FunctionBench) -> None:
    restore_may(closed)

    delivery = Delivery.model_validate(closed.work.read_json(run_files.delivery_key(REPLAY)))
    [copy] = closed.work.latest_versions(run_files.restored_bill_key(REPLAY, DATA_KEY))
    assert [(file.key, file.version_id) for file in delivery.files] == [(copy.key, copy.version_id)]
    seals = [Seal.model_validate(closed.work.read_json(run_files.seal_key(run))) for run in (RUN_ID, REPLAY)]
    assert seals[0] == seals[1]


def test_the_ledger_is_restored_as_the_close_read_it_and_its_own_as_it_stands(closed: FunctionBench) -> None:
    overwrite("ledger", EARLIER_KEY, lambda content: content + b", restated")
    overwrite("ledger", LEDGER_KEY, lambda content: content + b", tampered with")
    closed.ledger.write(LEDGER_KEY.replace("-0001-", "-0002-"), b"a later revision", "parquet")

    assert restore_may(closed)["ledger_objects"] == 1
    assert closed.work.read(run_files.restored_ledger_key(REPLAY, EARLIER_KEY)) == b"ledger of April"
    assert closed.work.read(run_files.restored_ledger_key(REPLAY, LEDGER_KEY)) == b"ledger of May, tampered with"
    assert len(closed.work.latest_versions(f"runs/{REPLAY}/restored_ledger/")) == 2


def test_policy_and_sql_come_from_the_archive_under_the_names_that_they_had(closed: FunctionBench) -> None:
    restored = restore_may(closed)

    policy, sql = run_files.policy_source_prefix(REPLAY), run_files.sql_source_prefix(REPLAY)
    texts = {policy_of_run().file: sample(), **HEADCOUNT}
    assert {name: closed.work.read_text(policy + name) for name in texts} == texts
    assert {name: closed.work.read_text(f"{sql}{name}.sql") for name in SQL} == SQL
    assert (restored["policy_files"], restored["sql_files"]) == (len(texts), len(SQL))


def test_what_the_close_was_is_told_to_those_that_derive_it_again(
    closed: FunctionBench, signing: SigningIdentity
) -> None:
    restore_may(closed)

    restored = read_restored(closed.work, REPLAY)
    assert (restored.charge_period, restored.billing_period, restored.revision) == ("2026-05", "2026-05", 1)
    assert restored.policy_key == run_files.policy_source_prefix(REPLAY) + policy_of_run().file
    assert restored.code_version == VALUES["CODE_VERSION"]
    assert restored.has_invoices
    assert restored.signers["claims"].certificate_sha256 == signing.fingerprint
    assert restored.signers["claims"].subject == signing.subject


def test_where_a_statements_signature_does_not_tell_whoever_signed_the_evidence_is_taken(
    closed: FunctionBench, signing: SigningIdentity
) -> None:
    overwrite("statements", f"{STATEMENT}.SHA256SUMS.p7s", lambda content: content[:-1])

    restore_may(closed)

    assert read_restored(closed.work, REPLAY).signers["claims"].certificate_sha256 == signing.fingerprint


def test_the_filed_ledger_is_listed_by_the_closes_own_statement(closed: FunctionBench) -> None:
    query = " ".join(restore_may(closed)["filed_entries_query"].split())

    assert "FROM restored_ledger AS ledger_entries" in query
    assert f"run_id = '{REPLAY}'" in query
    for condition in ("billing_period = '2026-05'", "charge_period = '2026-05'", "revision = 1"):
        assert f"AND ledger_entries.{condition}" in query


def test_a_version_that_is_gone_is_named(closed: FunctionBench) -> None:
    [stored] = closed.billing.latest_versions(DATA_KEY)
    closed.s3.delete_object(Bucket="billing", Key=DATA_KEY, VersionId=stored.version_id, BypassGovernanceRetention=True)

    with pytest.raises(RestorationFailed, match=f"s3://billing/{DATA_KEY}: the version {stored.version_id} is not"):
        restore_may(closed)


@pytest.mark.parametrize(("which", "name"), [("archive/policy/", "headcount.csv"), ("archive/sql/", "f010_charges")])
def test_an_archived_file_with_other_bytes_or_none_is_named(closed: FunctionBench, which: str, name: str) -> None:
    [key] = [version.key for version in closed.ledger.latest_versions(which) if name in version.key]
    overwrite("ledger", key, lambda content: content + b"\n")
    found = hashlib.sha256(closed.ledger.read(key)).hexdigest()
    with pytest.raises(RestorationFailed, match=f"{key} has the SHA-256 {found}, the evidence says"):
        restore_may(closed)

    closed.s3.delete_object(Bucket="ledger", Key=key)
    with pytest.raises(RestorationFailed, match=f"{key} is not there any more"):
        restore_may(closed)


def test_evidence_that_was_changed_is_not_believed(closed: FunctionBench) -> None:
    overwrite("ledger", EVIDENCE_KEY, lambda content: content.replace(b'"revision": 1', b'"revision": 2', 1))

    with pytest.raises(SignatureInvalid, match=r"evidence\.json: the signature is of a content with the SHA-256"):
        restore_may(closed)


def test_evidence_of_another_revision_is_not_taken_for_the_one_that_is_asked_for(closed: FunctionBench) -> None:
    for ending in ("", ".p7s"):
        closed.ledger.write(
            run_files.evidence_key("2026-05", 2) + ending, closed.ledger.read(EVIDENCE_KEY + ending), "x"
        )

    with pytest.raises(RestorationFailed, match="is the evidence of 2026-05, revision 1"):
        restore_may(closed)
    assert restore_may(closed, revision=1)["revision"] == 1


def test_without_a_revision_the_newest_that_is_signed_is_meant() -> None:
    assert choose_revision(MAY, None, [*SIGNED, "periods/2026-05/revision-0012/evidence.json"]) == 11
    assert choose_revision(MAY, 2, SIGNED) == 2


@pytest.mark.parametrize(
    ("asked", "keys", "said"),
    [(None, [], "2026-05 is not closed"), (3, SIGNED, "2026-05 has no revision 3; closed are: 1, 2, 11")],
)
def test_what_is_not_closed_cannot_be_derived_again(asked: int | None, keys: list[str], said: str) -> None:
    with pytest.raises(EvidenceNotFound, match=said):
        choose_revision(MAY, asked, keys)


@pytest.mark.parametrize(
    "given", [{}, {"billing_period": "2026-05", "revision": 0}, {"billing_period": "2026-05", "month": 5}, "2026-05"]
)
def test_an_input_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match="the input takes billing_period, revision"):
        read_request(given)


def test_a_month_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidPeriod):
        read_request({"billing_period": "May"})
