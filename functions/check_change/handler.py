"""State CheckChange: before the bill is sealed for a close, and before a close is resumed."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check_change.last_closed import last_closed
from functions.check_change.logic import (
    ChangeRecord,
    CheckChangeRequest,
    approved_change,
    changed_files,
    digest_of,
    files_in_force,
    stands,
)
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.servicenow.changes import ChangeRequests
from functions.shared.adapters.servicenow.connection import BooksSettings, open_books
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import load_settings
from functions.shared.sql_catalog import load_statements


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
    work = ObjectStore(settings.work_bucket)
    record = _checked(event, work, settings, context) if settings.change_gate else ChangeRecord(gate="off")
    content = record.model_dump(mode="json")
    work.write_json(run_files.change_key(event.run_id), content)
    logger.info("change checked", run_id=event.run_id, gate=record.gate, number=record.number)
    return content


def _checked(
    event: CheckChangeRequest, work: ObjectStore, settings: CheckChangeSettings, context: LambdaContext
) -> ChangeRecord:
    files = files_in_force(_policy(work, event.run_id), {n: s.text for n, s in load_statements().items()})
    digest, kept = digest_of(files), _kept(work, event)
    if kept is not None and stands(kept, digest):
        return kept
    changed = changed_files(files, last_closed(ObjectStore(settings.ledger_bucket)))
    if not changed:
        return ChangeRecord(gate="on", digest=digest)
    changes = ChangeRequests.of(open_books(settings, context))
    return approved_change(digest, changed, changes.naming(digest), changes.our_user())


def _policy(work: ObjectStore, run_id: str) -> dict[str, str]:
    folder = run_files.policy_source_prefix(run_id)
    return {each.key.removeprefix(folder): work.read_text(each.key) for each in work.latest_versions(folder)}


def _kept(work: ObjectStore, event: CheckChangeRequest) -> ChangeRecord | None:
    """What a run that is taken up again has kept of its first check; nothing where there was no gate then."""
    folder = run_files.change_prefix(event.run_id)
    if event.action == "close" or not work.latest_versions(folder):
        return None
    return ChangeRecord.model_validate(work.read_json(run_files.change_key(event.run_id)))
