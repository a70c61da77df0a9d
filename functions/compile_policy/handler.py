"""State CompilePolicy."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.compile_policy.logic import POLICY_FOLDER, CompilePolicyRequest, PolicyCompiled
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.adapters.policy_source import PolicySource
from functions.shared.compiled_policy import PolicyOfRun
from functions.shared.observability import logger, metrics, tracer
from functions.shared.periods import BillingPeriod
from functions.shared.policy import compile_policy, load_policy
from functions.shared.settings import Settings, load_settings


class CompilePolicySettings(Settings):
    ratified_policy: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CompilePolicyRequest)
def handler(event: CompilePolicyRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CompilePolicySettings)
    work = ObjectStore(settings.work_bucket)
    if event.policy_key:
        source = PolicySource.from_bucket(work, event.policy_key)
    else:
        source = PolicySource.from_folder(POLICY_FOLDER / settings.ratified_policy)
    policy = load_policy(source.text, source.drivers, name=source.name)
    compiled = compile_policy(policy, BillingPeriod.parse(event.billing_period))
    for table, lines in compiled.json_lines().items():
        key = f"{run_files.table_prefix(event.run_id, table)}rows.jsonl"
        work.write(key, lines.encode("utf-8"), "application/x-ndjson")
    for name, text in {source.name: source.text, **source.drivers}.items():
        # A closed month's policy is archived from here: where it came from may hold another one by then.
        work.write(f"{run_files.policy_source_prefix(event.run_id)}{name}", text.encode("utf-8"), "text/plain")
    policy_of_run = PolicyOfRun.of(policy, compiled)
    work.write_json(run_files.policy_key(event.run_id), policy_of_run.model_dump(mode="json"))
    logger.info("policy compiled", policy=source.name, sha256=policy_of_run.sha256)
    return PolicyCompiled.of(policy_of_run, compiled).model_dump(mode="json")
