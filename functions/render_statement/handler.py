"""State RenderStatement, once per business unit."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.render_statement.filing import file_signed, file_unsigned
from functions.render_statement.model import StatementModel
from functions.render_statement.package import RenderStatementRequest, StatementFile, statement_folder
from functions.render_statement.timestamps import timestamp_authority
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.signing_identity import SigningSettings, open_signatory
from functions.shared.filed_statement import FiledStatement
from functions.shared.money import format_cents
from functions.shared.observability import logger, metrics, tracer
from functions.shared.seal import retention_end
from functions.shared.settings import load_settings


class RenderStatementSettings(SigningSettings):
    statements_bucket: str
    work_bucket: str
    retention_years: int
    timestamp_url: str


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
    folder = statement_folder(statement, event.run_id, replay=event.replay)
    until = retention_end(event.started_at, settings.retention_years)

    def overwrite(file: StatementFile) -> StatementFile:
        bucket = work if event.replay else statements
        bucket.write(folder + file.name, file.content, file.content_type)
        return file

    def file_once(file: StatementFile) -> StatementFile:
        statements.write_once(folder + file.name, file.content, file.content_type, file.content_id, until)
        return file._replace(content=statements.read(folder + file.name))

    if statement.draft or event.replay:
        record = file_unsigned(statement, folder, overwrite)
    else:
        with open_signatory(settings, event.started_at) as signatory:
            timestamps = timestamp_authority(settings.timestamp_url)
            record = file_signed(statement, folder, file_once, signatory, timestamps)
    work.write_json(record_key, record.model_dump(mode="json"))
    logger.info("statement filed", business_unit=event.business_unit, total=format_cents(statement.total))
    return {"total": format_cents(statement.total)}
