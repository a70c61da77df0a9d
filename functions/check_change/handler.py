"""State CheckChange, before the bill is sealed for a close."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_change.logic import (
    ChangeRecord,
    CheckChangeRequest,
    FilesInForce,
    approved_change,
    changed_files,
    digest_of,
    files_in_force,
    files_of,
)
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.changes import ChangeRequests
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.closed_evidence import ClosedEvidence
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings
from functions.shared.sql_catalog import load_statements

_SIGNED = "evidence.json.p7s"


class CheckChangeSettings(BooksSettings):
    change_gate: bool
    ledger_bucket: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CheckChangeRequest)
def handler(event: CheckChangeRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CheckChangeSettings)
    work, record = ObjectStore(settings.work_bucket), ChangeRecord(gate="off")
    if settings.change_gate:
        files = files_in_force(_policy(work, event.run_id), {n: s.text for n, s in load_statements().items()})
        digest, changed = digest_of(files), changed_files(files, _last_closed(ObjectStore(settings.ledger_bucket)))
        record = ChangeRecord(gate="on", digest=digest)
        if changed:
            found = ChangeRequests(open_books(settings, context).client).naming(digest)
            record = approved_change(digest, changed, found)
    content = record.model_dump(mode="json")
    work.write_json(run_files.change_key(event.run_id), content)
    logger.info("change checked", run_id=event.run_id, gate=record.gate, number=record.number)
    return content


def _policy(work: ObjectStore, run_id: str) -> dict[str, str]:
    folder = run_files.policy_source_prefix(run_id)
    return {each.key.removeprefix(folder): work.read_text(each.key) for each in work.latest_versions(folder)}


def _last_closed(ledger: ObjectStore) -> FilesInForce:
    """What the revision that was closed last was made with; nothing when there is none."""
    signed = [each for each in ledger.latest_versions("periods/") if each.key.endswith(_SIGNED)]
    if not signed:
        return {}
    key = max(signed, key=lambda each: (each.last_modified, each.key)).key.removesuffix(".p7s")
    return files_of(ClosedEvidence.read(key, ledger.read(key)))
