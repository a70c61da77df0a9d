"""Restores what a closed revision stands on: which revision, from where to where, and what must be found there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field, ValidationError

from functions.shared import run_files
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.delivery import DataFile, Delivery
from functions.shared.errors import EvidenceNotFound, InvalidRequest, RestorationFailed
from functions.shared.evidence import StoredObject
from functions.shared.payload import Payload
from functions.shared.periods import BillingPeriod
from functions.shared.restored_sql import RESTORED_LEDGER, SqlCatalog, StandIn
from functions.shared.seal import SealedFile
from functions.shared.signing.signer import Signer

_SIGNED = re.compile(r"periods/[\d-]{7}/revision-(?P<revision>\d{4})/evidence\.json\.p7s")
_LISTED_ENTRIES = "s010_ledger_entries"


class ReplayRequest(Payload):
    """What an execution is started with: a closed month, and which revision of it; without one the newest."""

    billing_period: str
    revision: int | None = Field(default=None, ge=1)


class RestorePeriodRequest(Payload):
    """The execution's input and its id."""

    request: object
    execution_id: str


class PeriodRestored(Payload):
    """What was restored into the run's folder of the work bucket, and the query that lists the ledger as filed.

    ``billing_period`` is where the entries are booked, ``charge_period`` the month of the bill.
    """

    run_id: str
    charge_period: str
    billing_period: str
    revision: int
    data_files: int
    data_bytes: int
    ledger_objects: int
    policy_files: int
    sql_files: int
    signed_by: str
    filed_entries_query: str


def read_request(given: object) -> tuple[BillingPeriod, int | None]:
    """The month and the revision of the execution's input; raises InvalidRequest that names every wrong field."""
    try:
        request = ReplayRequest.model_validate(given)
    except ValidationError as invalid:
        defects = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in invalid.errors())
        raise InvalidRequest(f"{defects}; the input takes {', '.join(ReplayRequest.model_fields)}") from None
    return BillingPeriod.parse(request.billing_period), request.revision


def choose_revision(period: BillingPeriod, asked: int | None, keys: Iterable[str]) -> int:
    """The revision to derive again, of those whose evidence is signed; raises EvidenceNotFound that names them."""
    closed = sorted(int(found["revision"]) for key in keys if (found := _SIGNED.fullmatch(key)))
    if not closed:
        raise EvidenceNotFound(f"{period} is not closed: there is no signed evidence of it")
    revision = closed[-1] if asked is None else asked
    if revision not in closed:
        there_are = ", ".join(map(str, closed))
        raise EvidenceNotFound(f"{period} has no revision {revision}; closed are: {there_are}")
    return revision


def require_about(evidence: ClosedEvidence, period: BillingPeriod, revision: int, name: str) -> None:
    """Raises RestorationFailed when evidence lies where that of another revision belongs."""
    if (evidence.billing_period, evidence.revision) != (str(period), revision):
        raise RestorationFailed(f"{name} is the evidence of {evidence.billing_period}, revision {evidence.revision}")


def require_same(what: str, sha256: str, found: str) -> None:
    """Raises RestorationFailed, naming the file, when its bytes are not those that the evidence has the hash of."""
    if found != sha256:
        raise RestorationFailed(f"{what} has the SHA-256 {found}, the evidence says {sha256}: it is not what it was")


def restored_delivery(evidence: ClosedEvidence, run_id: str, versions: Iterable[tuple[SealedFile, str]]) -> Delivery:
    """The delivery as the run reads it: the sealed files where they were restored to, with the copies' versions."""
    files = tuple(
        DataFile(
            key=run_files.restored_bill_key(run_id, file.key), version_id=version_id, size=file.size, etag=file.etag
        )
        for file, version_id in versions
    )
    return Delivery(
        billing_period=evidence.billing_period,
        manifest_key=evidence.bill.manifest_key,
        manifest_execution_id=evidence.bill.manifest_execution_id,
        columns=evidence.bill.columns,
        files=files,
    )


def ledger_to_read(evidence: ClosedEvidence) -> tuple[StoredObject, ...]:
    """The objects that the queries of the close read; its own ledger is no input of it."""
    own = evidence.ledger.prefix
    return tuple(item for item in evidence.run.ledger_read if not item.key.startswith(own))


def list_filed_entries(evidence: ClosedEvidence, catalog: SqlCatalog, run_id: str) -> str:
    """The query that lists the filed ledger as statements list it: the statement of the close, over the filed rows."""
    filed = StandIn(
        RESTORED_LEDGER,
        {
            "billing_period": evidence.booked_in,
            "charge_period": evidence.billing_period,
            "revision": evidence.revision,
        },
    )
    over_filed = SqlCatalog(catalog.statements, {"ledger_entries": filed})
    return over_filed.render(_LISTED_ENTRIES, {"run_id": run_id})


def describe_restored(evidence: ClosedEvidence, signer: Signer, run_id: str, catalog: SqlCatalog) -> PeriodRestored:
    """The restoration as a reviewer of the execution sees it; ``catalog`` is the SQL of the close."""
    return PeriodRestored(
        run_id=run_id,
        charge_period=evidence.billing_period,
        billing_period=evidence.booked_in,
        revision=evidence.revision,
        data_files=len(evidence.bill.files),
        data_bytes=sum(file.size for file in evidence.bill.files),
        ledger_objects=len(ledger_to_read(evidence)),
        policy_files=len(evidence.policy.files),
        sql_files=len(evidence.sql),
        signed_by=signer.subject,
        filed_entries_query=list_filed_entries(evidence, catalog, run_id),
    )
