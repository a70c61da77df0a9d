"""What the payer account delivers: the bill with its tags, and nothing to anybody but the FinOps account."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator

from functions.activate_tags.handler import ActivateTagsSettings
from functions.activate_tags.resource import TagRequest
from functions.shared.delivery import NEEDED_COLUMNS
from functions.shared.policy.tags import tag_column_suffix
from functions.shared.settings import load_settings
from functions.shared.sql_catalog import ParameterValue, render
from infra.config import EnvironmentConfig
from infra.constructs.cur_query import COLUMNS, LEFT_OUT, LONGEST_QUERY, ExportRefused, export_query, exported_columns
from infra.environments import environment
from infra.names import billing_bucket, invoice_reader, name_of, role_arn, stack_name
from local.assembly import ROOT, node_environment
from tests.infra.stacks import Resource, Stacks, as_list
from tests.infra.test_functions import import_as_deployed

CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
FUNCTION = "BillingSource/Tags/ActivateTags"
TOPIC, QUEUE, KEY = "BillingSource/Alerts", "BillingSource/Tags/Failures", "BillingSource/Key"


@pytest.fixture
def payer_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Stacks]:
    """The payer's stack of production with other settings."""
    for name, value in node_environment().items():
        monkeypatch.setenv(name, value)
    import aws_cdk

    from infra.stacks.billing_source_stack import BillingSourceStack

    def synthesize(**settings: object) -> Stacks:
        config = EnvironmentConfig.model_validate(environment("production").model_dump() | settings)
        app = aws_cdk.App(context=CONTEXT, outdir=str(tmp_path))
        place = aws_cdk.Environment(account=config.payer_account, region="us-east-1")
        BillingSourceStack(app, stack_name(config, "BillingSource"), config=config, env=place)
        return Stacks(Path(app.synth().directory), config)

    return synthesize


def only(stacks: Stacks, kind: str) -> Resource:
    [resource] = [r for r in stacks.of(kind).values() if r.name.startswith("BillingSource/")]
    return resource


def export_of(stacks: Stacks) -> dict[str, Any]:
    export: dict[str, Any] = only(stacks, "AWS::BCMDataExports::Export").properties["Export"]
    return export


def delivered(stacks: Stacks) -> dict[str, str]:
    """The columns of a delivery, each with what it is selected from."""
    query = re.fullmatch(r"SELECT (.+) FROM COST_AND_USAGE_REPORT", export_of(stacks)["DataQuery"]["QueryStatement"])
    assert query
    parts = [column.partition(" AS ") for column in query[1].split(", ")]
    return {name or source: source for source, _, name in parts}


def waits_for_tags(stacks: Stacks, kind: str) -> list[bool]:
    """Of each resource of a kind, whether it is made only once the tags are active."""
    template = stacks.templates[stack_name(stacks.config, "BillingSource")]["Resources"]
    [tags] = [name for name, body in template.items() if body["Type"] == "Custom::CostAllocationTags"]
    return [tags in as_list(body.get("DependsOn", [])) for body in template.values() if body["Type"] == kind]


def fold(owner_tag: str, flat_tags: frozenset[str]) -> str:
    """The fold's SQL as it reads one tag."""
    values: dict[str, ParameterValue] = {"billing_period": "2026-05", "data_files": ["f"], "cost_basis": "effective"}
    values |= {"owner_tag": owner_tag, "policy_tags": [owner_tag], "keeps_operation": False, "keeps_usage_type": False}
    return render("f010_charges", values, flat_tags=flat_tags)


# --- the export ----------------------------------------------------------------------------------------------------


def test_the_export_has_every_column_that_our_sql_reads(stacks: Stacks) -> None:
    left_out = {column for group in LEFT_OUT.values() for column in group}
    text = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "sql").rglob("*.sql"))
    read = set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))) & (
        left_out | set(exported_columns())
    )
    assert len(read) > len(NEEDED_COLUMNS)
    assert read <= delivered(stacks).keys()
    assert set(NEEDED_COLUMNS) <= delivered(stacks).keys()


def test_every_column_of_the_bill_is_exported_or_left_out_for_a_reason(stacks: Stacks) -> None:
    left_out = [column for group in LEFT_OUT.values() for column in group]
    contract = [line.partition(",")[0] for line in COLUMNS.read_text(encoding="utf-8").splitlines()[1:]]
    plain = [name for name, source in delivered(stacks).items() if name == source]
    assert sorted([*plain, *left_out]) == sorted(contract)


def test_nothing_that_tells_about_people_is_exported(stacks: Stacks) -> None:
    assert not [column for column in delivered(stacks) if re.search(r"principal|user_identifier", column)]
    assert "tags" not in delivered(stacks), "user attributes are in it"


def test_flattened_tags_have_the_names_that_the_table_and_the_fold_know(stacks: Stacks) -> None:
    flat = {name: source for name, source in delivered(stacks).items() if name != source}
    [table] = [t.properties["TableInput"] for t in stacks.of("AWS::Glue::Table").values() if t.name.endswith("/Cur")]
    columns = {column["Name"] for column in table["StorageDescriptor"]["Columns"]}
    assert {name for name in columns if name.startswith("tag_")} == flat.keys()
    assert delivered(stacks).keys() <= columns
    for tag in stacks.config.flattened_tags:
        with_columns, without = fold(tag, frozenset(flat)), fold(tag, frozenset())
        [column] = set(re.findall(r"\btag_\w+", with_columns))
        [in_map] = set(re.findall(r"ELEMENT_AT\(resource_tags, '(\w+)'\)", without, re.IGNORECASE))
        assert flat[column] == f"resource_tags.{in_map}"


def test_further_tags_become_columns_beside_the_policys(payer_with: Callable[..., Stacks]) -> None:
    stacks = payer_with(more_flattened_tags=("team", "cost-center"))
    flattened = [name for name, source in delivered(stacks).items() if name != source]
    wanted = {f"tag_{tag_column_suffix(tag)}" for tag in tags_of_the_policy(stacks)} | {"tag_team"}
    assert sorted(flattened) == sorted(wanted)


def test_two_tags_that_aws_spells_the_same_are_refused() -> None:
    with pytest.raises(ExportRefused, match="Cost_Center and cost-center are both user_cost_center"):
        export_query(["cost-center", "Cost_Center"])


def test_a_query_that_aws_would_not_take_is_refused() -> None:
    assert len(export_query([f"tag-{number}" for number in range(400)])) < LONGEST_QUERY
    with pytest.raises(ExportRefused, match="AWS takes 36000"):
        export_query([f"tag-{number}" for number in range(800)])


def test_lines_are_by_hour_and_resource_with_pods_and_tasks_and_undiscounted_lines_apart(stacks: Stacks) -> None:
    assert export_of(stacks)["DataQuery"]["TableConfigurations"] == {
        "COST_AND_USAGE_REPORT": {
            "TIME_GRANULARITY": "HOURLY",
            "INCLUDE_RESOURCES": "TRUE",
            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "TRUE",
            "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
        }
    }


def test_the_bill_goes_to_the_finops_accounts_bucket_where_the_close_looks_for_it(stacks: Stacks) -> None:
    config, export = stacks.config, export_of(stacks)
    assert export["DestinationConfigurations"]["S3Destination"] == {
        "S3Bucket": billing_bucket(config),
        "S3BucketOwner": config.finops_account,
        "S3Region": config.region,
        "S3Prefix": config.export_prefix.removesuffix(f"/{config.export_name}/"),
        "S3OutputConfigurations": {
            "OutputType": "CUSTOM",
            "Format": "PARQUET",
            "Compression": "PARQUET",
            "Overwrite": "OVERWRITE_REPORT",
        },
    }
    assert (
        f"{export['DestinationConfigurations']['S3Destination']['S3Prefix']}/{export['Name']}/" == config.export_prefix
    )
    assert stacks.properties("Billing")["BucketName"] == billing_bucket(config)
    assert export["RefreshCadence"] == {"Frequency": "SYNCHRONOUS"}


def test_the_export_is_in_the_payers_account_and_waits_for_the_buckets_policy(stacks: Stacks) -> None:
    config = stacks.config
    artifacts = json.loads((stacks.assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    source = artifacts[stack_name(config, "BillingSource")]
    assert source["environment"] == f"aws://{config.payer_account}/us-east-1"
    assert stack_name(config, "Data") in source["dependencies"]


# --- the tags ------------------------------------------------------------------------------------------------------


def tags_of_the_policy(stacks: Stacks) -> set[str]:
    """The keys that the policy file has wherever it names tags."""
    policy = yaml.safe_load((ROOT / "policy" / stacks.config.ratified_policy).read_text(encoding="utf-8"))
    by_rules = {key for rule in policy["rules"] for key in rule["match"].get("tag", {})}
    return {policy["tags"]["owner"], *policy["tags"]["mandatory"], *by_rules}


def test_every_tag_of_the_policy_is_a_column_of_the_export(stacks: Stacks) -> None:
    flattened = [name for name, source in delivered(stacks).items() if name != source]
    assert sorted(flattened) == sorted(f"tag_{tag_column_suffix(tag)}" for tag in tags_of_the_policy(stacks))


def test_every_tag_that_we_bill_by_is_activated(stacks: Stacks) -> None:
    keys = only(stacks, "Custom::CostAllocationTags").properties["TagKeys"]
    watched = {stacks.config.anomalies.tag} if stacks.config.anomalies else set()
    assert set(keys) == tags_of_the_policy(stacks) | watched


def test_the_function_is_told_the_same_tags_as_cloudformation(stacks: Stacks) -> None:
    settings = load_settings(ActivateTagsSettings, stacks.properties(FUNCTION)["Environment"]["Variables"])
    asked = only(stacks, "Custom::CostAllocationTags").properties
    assert list(settings.tag_keys) == asked["TagKeys"]
    assert settings.backfill_months == asked["BackfillMonths"] == stacks.config.backfill_months


def test_cloudformation_waits_for_every_attempt_and_not_for_an_hour(stacks: Stacks) -> None:
    asked = only(stacks, "Custom::CostAllocationTags").properties
    attempts = 3 * stacks.properties(FUNCTION)["Timeout"] + 60 + 120
    assert asked["ServiceToken"] == f"<{FUNCTION}>"
    assert attempts <= int(asked["ServiceTimeout"]) <= 15 * 60


def test_the_function_may_look_after_tags_and_keep_its_failures_and_nothing_else(stacks: Stacks) -> None:
    assert stacks.roles[f"{FUNCTION}Role"] == {
        "ce:ListCostAllocationTags *",
        "ce:UpdateCostAllocationTagsStatus *",
        "ce:StartCostAllocationTagBackfill *",
        "ce:ListCostAllocationTagBackfillHistory *",
        f"logs:CreateLogStream <{FUNCTION}Logs>",
        f"logs:PutLogEvents <{FUNCTION}Logs>",
        f"sqs:SendMessage <{QUEUE}>",
        f"kms:Decrypt <{KEY}>",
        f"kms:GenerateDataKey <{KEY}>",
        "xray:PutTelemetryRecords *",
        "xray:PutTraceSegments *",
    }


def test_function_role_queue_and_topic_have_names_that_a_person_finds(stacks: Stacks) -> None:
    names = {
        "FunctionName": (FUNCTION, "ActivateTags"),
        "RoleName": (f"{FUNCTION}Role", "ActivateTags"),
        "QueueName": (QUEUE, "tag_failures"),
        "TopicName": (TOPIC, "payer_alerts"),
    }
    for name, (resource, word) in names.items():
        assert stacks.properties(resource)[name] == name_of(stacks.config, word)


def test_a_deployment_and_the_daily_run_take_turns_where_concurrency_can_be_reserved(stacks: Stacks) -> None:
    reserved = stacks.properties(FUNCTION).get("ReservedConcurrentExecutions")
    assert reserved == (1 if stacks.config.reserves_concurrency else None)


def test_the_function_needs_no_package_beside_powertools(stacks: Stacks, tmp_path: Path) -> None:
    modules = import_as_deployed(stacks, tmp_path, ["powertools"], ["functions.activate_tags.handler"])
    assert not modules & {"httpx", "yaml", "sqlglot"}


def test_the_tags_are_looked_after_every_day(stacks: Stacks) -> None:
    schedule = only(stacks, "AWS::Scheduler::Schedule").properties
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", schedule["ScheduleExpression"])
    assert schedule["Target"]["Arn"] == f"<{FUNCTION}>"
    assert not TagRequest.model_validate(json.loads(schedule["Target"]["Input"])).response_url
    assert stacks.roles["BillingSource/Tags/ScheduleRole"] == {
        f"lambda:InvokeFunction <{FUNCTION}>",
        f"sqs:SendMessage <{QUEUE}>",
        f"kms:Decrypt <{KEY}>",
        f"kms:GenerateDataKey <{KEY}>",
    }


def test_a_run_that_fails_or_never_starts_is_kept_and_told(stacks: Stacks) -> None:
    schedule = only(stacks, "AWS::Scheduler::Schedule").properties
    runs = only(stacks, "AWS::Lambda::EventInvokeConfig").properties
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": f"<{QUEUE}>"}
    assert runs["DestinationConfig"] == {"OnFailure": {"Destination": f"<{QUEUE}>"}}
    assert stacks.properties(QUEUE)["KmsMasterKeyId"] == f"<{KEY}>"
    alarm = stacks.properties("BillingSource/Tags/Failed")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": f"<{QUEUE}.QueueName>"}]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)
    assert alarm["AlarmActions"] == [f"<{TOPIC}>"]


def test_a_tag_that_aws_refuses_is_told(stacks: Stacks) -> None:
    alarm = stacks.properties("BillingSource/Tags/Refused")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Chargeback", "TagsRefused")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "chargeback"}]
    assert alarm["AlarmActions"] == [f"<{TOPIC}>"]


def test_whoever_deploys_reads_which_tags_aws_does_not_know_yet(stacks: Stacks) -> None:
    outputs = stacks.templates[stack_name(stacks.config, "BillingSource")]["Outputs"]
    assert {name: value["Value"]["Fn::GetAtt"][1] for name, value in outputs.items()} == {
        "TagsNotYetKnown": "NotYetKnown",
        "TagsRefused": "Refused",
        "TagBackfill": "Backfill",
    }


# --- anomalies -----------------------------------------------------------------------------------------------------


def test_cost_is_watched_by_account_and_by_tag(stacks: Stacks) -> None:
    assert stacks.config.anomalies
    watched = {
        monitor.properties["MonitorDimension"]: json.loads(monitor.properties.get("MonitorSpecification", "null"))
        for monitor in stacks.of("AWS::CE::AnomalyMonitor").values()
    }
    assert watched == {"LINKED_ACCOUNT": None, "TAG": {"Tags": {"Key": stacks.config.anomalies.tag}}}
    subscription = only(stacks, "AWS::CE::AnomalySubscription").properties
    assert len(subscription["MonitorArnList"]) == 2
    assert subscription["Frequency"] == "IMMEDIATE"
    assert subscription["Subscribers"] == [{"Type": "SNS", "Address": f"<{TOPIC}>"}]


def test_an_anomaly_is_told_when_it_is_large_and_out_of_proportion(stacks: Stacks) -> None:
    assert stacks.config.anomalies
    threshold = json.loads(only(stacks, "AWS::CE::AnomalySubscription").properties["ThresholdExpression"])
    conditions = {part["Dimensions"]["Key"]: part["Dimensions"] for part in threshold["And"]}
    assert {key: condition["Values"] for key, condition in conditions.items()} == {
        "ANOMALY_TOTAL_IMPACT_ABSOLUTE": [str(stacks.config.anomalies.impact_usd)],
        "ANOMALY_TOTAL_IMPACT_PERCENTAGE": [str(stacks.config.anomalies.impact_percent)],
    }
    assert all(condition["MatchOptions"] == ["GREATER_THAN_OR_EQUAL"] for condition in conditions.values())


def test_what_looks_at_tags_is_made_once_they_are_active(stacks: Stacks) -> None:
    assert sorted(waits_for_tags(stacks, "AWS::CE::AnomalyMonitor")) == [False, True]
    assert waits_for_tags(stacks, "AWS::CE::CostCategory") == [True]


def test_the_owners_hear_of_it_and_only_aws_itself_may_tell_them_for_this_payer(stacks: Stacks) -> None:
    told = [
        s.properties for s in stacks.of("AWS::SNS::Subscription").values() if s.properties["TopicArn"] == f"<{TOPIC}>"
    ]
    assert {(s["Protocol"], s["Endpoint"]) for s in told} == {("email", owner) for owner in stacks.config.owners}
    plain, allowed = only(stacks, "AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    services = {"Service": ["cloudwatch.amazonaws.com", "costalerts.amazonaws.com"]}
    this_payer = {"StringEquals": {"aws:SourceAccount": stacks.config.payer_account}}
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sns:Publish")
    assert (allowed["Principal"], allowed["Condition"]) == (services, this_payer)
    assert stacks.properties(TOPIC)["KmsMasterKeyId"] == f"<{KEY}>"
    using = [s for s in stacks.properties(KEY)["KeyPolicy"]["Statement"] if s["Principal"] == services]
    assert [(s["Action"], s["Condition"]) for s in using] == [(["kms:Decrypt", "kms:GenerateDataKey"], this_payer)]


def test_without_anomaly_settings_nothing_is_watched_and_aws_may_not_tell(payer_with: Callable[..., Stacks]) -> None:
    stacks = payer_with(anomalies=None)
    assert not stacks.of("AWS::CE::AnomalyMonitor")
    assert not stacks.of("AWS::CE::AnomalySubscription")
    assert "costalerts" not in json.dumps(list(stacks.templates.values()))


def test_without_a_tag_that_aws_knows_accounts_are_watched_all_the_same(payer_with: Callable[..., Stacks]) -> None:
    stacks = payer_with(anomalies={"tag": None})
    assert [m.properties["MonitorDimension"] for m in stacks.of("AWS::CE::AnomalyMonitor").values()] == [
        "LINKED_ACCOUNT"
    ]


def test_a_tag_that_only_the_anomalies_follow_is_activated_too(payer_with: Callable[..., Stacks]) -> None:
    assert "team" in only(payer_with(anomalies={"tag": "team"}), "Custom::CostAllocationTags").properties["TagKeys"]


# --- all of it -----------------------------------------------------------------------------------------------------


def test_what_is_declared_has_the_form_that_aws_takes(stacks: Stacks) -> None:
    """CloudFormation hands these on as they are, and complains only when it deploys."""
    monitors = [monitor.properties for monitor in stacks.of("AWS::CE::AnomalyMonitor").values()]
    subscription = only(stacks, "AWS::CE::AnomalySubscription").properties
    category = only(stacks, "AWS::CE::CostCategory").properties
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("bcm-data-exports", "CreateExport", {"Export": export_of(stacks)}),
        ("ce", "CreateAnomalySubscription", {"AnomalySubscription": from_json(subscription, "ThresholdExpression")}),
        ("ce", "CreateCostCategoryDefinition", from_json(category, "Rules")),
        *(("ce", "CreateAnomalyMonitor", {"AnomalyMonitor": from_json(m, "MonitorSpecification")}) for m in monitors),
    ]
    session = botocore.session.get_session()
    for service, operation, parameters in calls:
        shape = session.get_service_model(service).operation_model(operation).input_shape
        assert shape
        report = ParamValidator().validate(parameters, shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"


def from_json(properties: dict[str, Any], name: str) -> dict[str, Any]:
    """What CloudFormation takes as text the API takes as an object; tags have another form there."""
    plain = {key: value for key, value in properties.items() if key not in ("ResourceTags", "Tags")}
    return plain | ({name: json.loads(plain[name])} if name in plain else {})


# --- the invoice reader --------------------------------------------------------------------------------------------


def test_the_payer_lets_the_function_that_compares_invoices_list_them_and_nobody_else(
    stacks_of: Callable[[str], Stacks],
) -> None:
    stacks = stacks_of("production")
    config = stacks.config
    role = stacks.resources["BillingSource/InvoiceReader"]
    assert f"arn:aws:iam::{config.payer_account}:role/{role.properties['RoleName']}" == invoice_reader(config)
    [trust] = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{config.finops_account}:root"}
    reader = role_arn(config.finops_account, config, "FetchInvoiceTotals")
    assert trust["Condition"] == {"ArnEquals": {"aws:PrincipalArn": reader}}
    assert reader.endswith(f"role/{name_of(config, 'FetchInvoiceTotals')}")
    assert stacks.roles[role.name] == {"invoicing:ListInvoiceSummaries *"}


def test_where_nobody_compares_invoices_nobody_may_read_them(stacks: Stacks) -> None:
    assert ("BillingSource/InvoiceReader" in stacks.roles) == stacks.config.ties_to_invoices
