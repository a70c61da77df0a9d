"""State RenderStatement, once per business unit."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.render_statement.logic import render_statement
from functions.render_statement.model import StatementModel
from functions.render_statement.package import RenderStatementRequest, package_statement, statement_folder
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.filed_statement import FiledStatement
from functions.shared.money import format_cents
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import retention_end
from functions.shared.settings import Settings, load_settings


class RenderStatementSettings(Settings):
    statements_bucket: str
    work_bucket: str
    retention_years: int


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=RenderStatementRequest)
def handler(event: RenderStatementRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(RenderStatementSettings)
    work, statements = ObjectStore(settings.work_bucket), ObjectStore(settings.statements_bucket)
    record_key = run_files.rendered_key(event.run_id, event.business_unit)
    if work.latest_versions(record_key):
        # Filed by an earlier execution of this run: it stands, even if the code that renders has changed since.
        return {"total": format_cents(FiledStatement.model_validate(work.read_json(record_key)).total)}
    model_key = run_files.statement_model_key(event.run_id, event.business_unit)
    statement = StatementModel.model_validate(work.read_json(model_key))
    package = package_statement(statement, render_statement(statement))
    folder = statement_folder(statement, event.run_id)
    until = retention_end(event.started_at, settings.retention_years)
    for file in package.files:
        if statement.draft:
            statements.write(folder + file.name, file.content, file.content_type)
        else:
            statements.write_once(folder + file.name, file.content, file.content_type, file.sha256, until)
    record = package.record(folder)
    work.write_json(record_key, record.model_dump(mode="json"))
    logger.info("statement rendered", business_unit=event.business_unit, total=format_cents(statement.total))
    return {"total": format_cents(statement.total)}
