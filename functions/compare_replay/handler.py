"""State CompareReplay of replay_period."""

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.compare_replay.comparison import compare_close
from functions.compare_replay.gathering import Buckets, read_derived, read_filed
from functions.compare_replay.logic import (
    CompareReplayRequest,
    describe_comparison,
    describe_differences,
    gather_comparison,
)
from functions.shared import run_files
from functions.shared.adapters.object_store import ObjectStore
from functions.shared.errors import ReplayDiffers
from functions.shared.observability import logger, metrics, tracer
from functions.shared.settings import Settings, load_settings


class CompareReplaySettings(Settings):
    code_version: str
    ledger_bucket: str
    statements_bucket: str
    work_bucket: str


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=CompareReplayRequest)
def handler(event: CompareReplayRequest, context: LambdaContext) -> dict[str, object]:
    settings = load_settings(CompareReplaySettings)
    work = ObjectStore(settings.work_bucket)
    buckets = Buckets(ObjectStore(settings.ledger_bucket), ObjectStore(settings.statements_bucket), work)
    filed, signer = read_filed(buckets, event)
    derived = read_derived(buckets, event.run_id)
    comparison = gather_comparison(
        event,
        compare_close(filed, derived),
        entries=len(derived.entries),
        signed_by=signer.subject,
        closed_with=filed.code_versions,
        replayed_with=settings.code_version,
        sql_of_close={file.name for file in filed.evidence.sql},
        queries=set(derived.facts["run"]["queries"]),
    )
    key = run_files.replay_key(event.run_id)
    work.write_json(key, comparison.model_dump(mode="json"))
    logger.info("replay compared", run_id=event.run_id, differences=len(comparison.differences))
    if comparison.differences:
        raise ReplayDiffers(describe_differences(comparison, work.uri(key)))
    return describe_comparison(comparison, work.uri(key)).model_dump(mode="json")
