"""State PrepareStatements."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import to_jsonable_python

from functions.prepare_statements.logic import RunFacts, build_statements, made_as_filed, signed_as_filed
from functions.prepare_statements.payload import ItemsReference, PrepareStatementsRequest, StatementsPrepared
from functions.prepare_statements.rows import read_statement_rows
from functions.prepare_statements.tags import match_tags
from functions.prepare_statements.totals import add_up, charges
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore, read_query_result
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.money import total
from functions.shared.observability import logger, metrics, tracer
from functions.shared.reconciliation import Reconciliation
from functions.shared.restored_close import read_restored
from functions.shared.seal import Seal
from functions.shared.settings import Settings, load_settings
from functions.shared.sql_catalog import hash_sources
from functions.shared.sql_sources import read_sql_sources


class PrepareStatementsSettings(Settings):
    code_version: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=PrepareStatementsRequest)
def handler(event: PrepareStatementsRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(PrepareStatementsSettings)
    work, run_id = ObjectStore(settings.work_bucket), event.run_id
    policy = PolicyOfRun.model_validate(work.read_json(run_files.policy_key(run_id)))
    seal = Seal.model_validate(work.read_json(run_files.seal_key(run_id)))
    reconciliation = Reconciliation.model_validate(work.read_json(run_files.reconciliation_key(run_id)))
    restored = read_restored(work, run_id) if event.replay else None
    code = restored.code_version if restored else settings.code_version
    sql = hash_sources(read_sql_sources(work, run_id))
    facts = RunFacts.of(event, policy, seal, reconciliation, sql_sha256=sql, code_version=code)
    rows = read_statement_rows(**{name: read_query_result(uri) for name, uri in event.results})
    statements = build_statements(facts, policy, reconciliation, rows)
    if restored:
        statements = signed_as_filed(statements, restored.signers)
        statements = made_as_filed(statements, restored.provenance)
    totals = add_up(rows.entries, rows.untagged_cost)
    items = charges(event, policy, totals)
    tags = match_tags(rows.unrecognized_tags, policy.owner_spellings)
    for statement in statements:
        key = run_files.statement_model_key(run_id, statement.business_unit.id)
        work.write_json(key, statement.model_dump(mode="json"))
    work.write_json(run_files.unrecognized_tags_key(run_id), to_jsonable_python(tags))
    work.write_json(run_files.totals_key(run_id), to_jsonable_python(totals))
    work.write_json(run_files.charge_items_key(run_id), to_jsonable_python(items))
    logger.info("statements prepared", run_id=run_id, statements=len(statements), charges=len(items))
    return StatementsPrepared(
        business_units=[statement.business_unit.id for statement in statements],
        charges=ItemsReference(bucket=work.bucket, key=run_files.charge_items_key(run_id), count=len(items)),
        total=total(center.total for center in totals.cost_centers),
    ).model_dump(mode="json")
