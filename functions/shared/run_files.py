"""Where a run keeps its files in the work bucket: ``runs/<run id>/<table>/…``, one folder a run, never shared."""

from __future__ import annotations

from urllib.parse import quote


def table_prefix(run_id: str, table: str) -> str:
    """The folder that holds one table of a run."""
    return f"runs/{run_id}/{table}/"


def pool_level_prefix(run_id: str, level: int) -> str:
    """The folder of one level of pool_shares."""
    return f"runs/{run_id}/pool_shares/level={level}/"


def delivery_key(run_id: str) -> str:
    """The delivery that the run reads."""
    return f"runs/{run_id}/delivery.json"


def seal_key(run_id: str) -> str:
    """The seal: object versions, sizes and SHA-256 of the delivery."""
    return f"runs/{run_id}/seal.json"


def policy_key(run_id: str) -> str:
    """What of the policy functions need beside its tables."""
    return f"runs/{run_id}/policy.json"


def reconciliation_key(run_id: str) -> str:
    """The reconciliation, invoice by invoice and pool by pool."""
    return f"runs/{run_id}/reconciliation.json"


def totals_key(run_id: str) -> str:
    """The totals per cost center and pool."""
    return f"runs/{run_id}/totals.json"


def unrecognized_tags_key(run_id: str) -> str:
    """The owner tag values that name no cost center."""
    return f"runs/{run_id}/unrecognized_tags.json"


def charge_items_key(run_id: str) -> str:
    """The items of the Map that posts charges."""
    return f"runs/{run_id}/charge_items.json"


def hygiene_key(run_id: str) -> str:
    """What a validation has measured."""
    return f"runs/{run_id}/hygiene.json"


def ticket_items_key(run_id: str) -> str:
    """The accounts whose tickets a validation brings up to the day."""
    return f"runs/{run_id}/ticket_items.json"


def tickets_prefix(run_id: str) -> str:
    """What became of each account's ticket."""
    return f"runs/{run_id}/tickets/"


def ticket_key(run_id: str, account_id: str) -> str:
    """What became of one account's ticket, or why that failed."""
    return f"{tickets_prefix(run_id)}{account_id}.json"


def queries_key(run_id: str) -> str:
    """The queries that made and reconciled the run's ledger: ids, bytes scanned, milliseconds."""
    return f"runs/{run_id}/queries.json"


def policy_source_prefix(run_id: str) -> str:
    """The folder of the policy file and its driver files, as the run read them."""
    return f"runs/{run_id}/sources/policy/"


def sql_source_prefix(run_id: str) -> str:
    """The folder of the SQL files that the run's queries were rendered from."""
    return f"runs/{run_id}/sources/sql/"


def change_prefix(run_id: str) -> str:
    """The folder of the change request that lets the run use its policy and SQL."""
    return f"runs/{run_id}/sources/change/"


def change_key(run_id: str) -> str:
    """Which change request lets the run use its policy and SQL, or that none is asked for."""
    return f"{change_prefix(run_id)}change.json"


def restored_close_key(run_id: str) -> str:
    """In a replay: what the close was that is derived again."""
    return f"runs/{run_id}/restored.json"


def restored_bill_key(run_id: str, key: str) -> str:
    """In a replay: where a data file of the bill is restored to, given its key in the billing bucket."""
    return f"runs/{run_id}/restored_cur/BILLING_PERIOD={key.rpartition('BILLING_PERIOD=')[2]}"


def restored_ledger_key(run_id: str, key: str) -> str:
    """In a replay: where an object of the ledger is restored to, given its key in the ledger bucket."""
    return f"runs/{run_id}/restored_ledger/{key.removeprefix('ledger/')}"


def replayed_prefix(run_id: str) -> str:
    """In a replay: the folder of the statements that are rendered again."""
    return f"runs/{run_id}/replayed/"


def replay_key(run_id: str) -> str:
    """In a replay: what was compared, and everything that differs."""
    return f"runs/{run_id}/replay.json"


def statement_model_key(run_id: str, business_unit: str) -> str:
    """Everything a business unit's statement says."""
    return f"runs/{run_id}/statements/{safe_name(business_unit)}.json"


def rendered_prefix(run_id: str) -> str:
    """The folder of the records of rendered statements."""
    return f"runs/{run_id}/rendered/"


def rendered_key(run_id: str, business_unit: str) -> str:
    """Where a business unit's statement was put, with its checksums."""
    return f"{rendered_prefix(run_id)}{safe_name(business_unit)}.json"


def run_record_key(run_id: str, name: str) -> str:
    """The summary or the evidence of a run that is no close."""
    return f"runs/{run_id}/{name}"


def postings_prefix(run_id: str) -> str:
    """The folder of what the books answered, one record a charge."""
    return f"runs/{run_id}/postings/"


def posting_key(run_id: str, cost_center: str) -> str:
    """What the books answered to the last attempt at a cost center's charge: it is posted, or why it is not."""
    return f"{postings_prefix(run_id)}{safe_name(cost_center)}.json"


def ledger_prefix(billing_period: str, charge_period: str, revision: int) -> str:
    """The beginning of the keys of a published revision in the ledger bucket."""
    return f"ledger/billing_period={billing_period}/{charge_period}-revision-{revision:04d}-"


def period_prefix(charge_period: str, revision: int) -> str:
    """The folder in the ledger bucket that holds a closed revision's summary and evidence."""
    return f"periods/{charge_period}/revision-{revision:04d}/"


def policy_archive_key(policy_sha256: str, name: str) -> str:
    """Where the ledger bucket keeps a policy or driver file, under the hash of the whole policy."""
    return f"archive/policy/{policy_sha256}/{name}"


def sql_archive_key(sha256: str, name: str) -> str:
    """Where the ledger bucket keeps a SQL file, under its own hash."""
    return f"archive/sql/{sha256}/{name}.sql"


def summary_key(charge_period: str, revision: int) -> str:
    """The summary of a closed revision in the ledger bucket."""
    return f"{period_prefix(charge_period, revision)}summary.json"


def evidence_key(charge_period: str, revision: int) -> str:
    """The evidence of a closed revision in the ledger bucket; its signatures lie beside it, as .p7s and .sig."""
    return f"{period_prefix(charge_period, revision)}evidence.json"


def safe_name(identifier: str) -> str:
    """An id as a part of a key: nothing in it can leave its folder."""
    return quote(identifier, safe="").replace(".", "%2E")
