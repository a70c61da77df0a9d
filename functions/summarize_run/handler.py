"""State SummarizeRun, at the end of a close and of a preview."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.post_charge.logic import PostedCharge
from functions.prepare_statements.totals import RunTotals
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.filed_statement import FiledStatement
from functions.shared.money import total
from functions.shared.observability import logger, metrics, tracer
from functions.shared.reconciliation import Reconciliation
from functions.shared.seal import Seal, retention_end
from functions.shared.settings import Settings, load_settings
from functions.summarize_run.logic import (
    RunSummarized,
    SummarizeRunRequest,
    build_evidence,
    build_summary,
)


class SummarizeRunSettings(Settings):
    ledger_bucket: str
    retention_years: int
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=SummarizeRunRequest)
def handler(event: SummarizeRunRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(SummarizeRunSettings)
    work, run_id = ObjectStore(settings.work_bucket), event.run_id
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(run_id)))
    seal = Seal.model_validate(work.read_json(run_files.seal_key(run_id)))
    reconciliation = Reconciliation.model_validate(work.read_json(run_files.reconciliation_key(run_id)))
    totals = RunTotals.model_validate(work.read_json(run_files.totals_key(run_id)))
    tags = work.read_json(run_files.unrecognized_tags_key(run_id))
    filed = [FiledStatement.model_validate(row) for row in work.read_records(run_files.rendered_prefix(run_id))]
    posted = [PostedCharge.model_validate(row) for row in work.read_records(run_files.postings_prefix(run_id))]
    summary = build_summary(event, policy, reconciliation, totals, filed, posted) | {"unrecognized_tags": tags}
    evidence = build_evidence(event, policy, seal, reconciliation, filed)
    target, prefix = work, f"runs/{run_id}/"
    if event.status == "CLOSED":
        target = ObjectStore(settings.ledger_bucket)
        prefix = run_files.period_prefix(event.charge_period, event.revision)
        until = retention_end(event.started_at, settings.retention_years)
        # Written again when a close is resumed: the same ledger's records may stay as they were first written.
        target.write_json_once(f"{prefix}summary.json", summary, event.ledger["content_sha256"], until)
        target.write_json_once(f"{prefix}evidence.json", evidence, event.ledger["content_sha256"], until)
    else:
        target.write_json(f"{prefix}summary.json", summary)
        target.write_json(f"{prefix}evidence.json", evidence)
    logger.info("run summarized", run_id=run_id, status=event.status, delta=summary["delta"])
    return RunSummarized(
        summary=target.uri(f"{prefix}summary.json"),
        evidence=target.uri(f"{prefix}evidence.json"),
        total=total(center.total for center in totals.cost_centers),
    ).model_dump(mode="json")
