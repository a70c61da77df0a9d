"""Whatever can fail is watched by an alarm, every alarm is about something that exists, and the owners hear of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from functions.shared.observability import RECORDED
from infra.names import name_of
from local.assembly import ROOT
from tests.infra.expected_rights import BESIDE_THE_CLOSE, FUNCTIONS
from tests.infra.stacks import Resource, Stacks, statements
from tests.statemachines.definition import states

METRICS = {
    "AWS/Events": ("RuleName", {"FailedInvocations", "InvocationsFailedToBeSentToDlq", "TriggeredRules"}),
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles"}),
    "AWS/S3": ("RuleId", {"OperationsFailedReplication"}),
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible"}),
    "AWS/Scheduler": (
        "ScheduleGroup",
        {"InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount", "TargetErrorCount"},
    ),
    "AWS/States": (
        "StateMachineArn",
        {
            "ExecutionThrottled",
            "ExecutionTime",
            "ExecutionsAborted",
            "ExecutionsFailed",
            "ExecutionsSucceeded",
            "ExecutionsTimedOut",
        },
    ),
}
"""What AWS counts, of what we use: a metric that it does not know is silent for ever, and so is its alarm."""

NAMED_BY = {
    "AWS::Events::Rule": ("RuleName", "Name"),
    "AWS::Lambda::Function": ("FunctionName", "FunctionName"),
    "AWS::SQS::Queue": ("QueueName", "QueueName"),
    "AWS::Scheduler::ScheduleGroup": ("ScheduleGroup", "Name"),
    "AWS::StepFunctions::StateMachine": ("StateMachineArn", "StateMachineName"),
}
"""How a kind of resource is called in a metric's dimension, and which of its properties that is."""

SELECTED = re.compile(
    r"SELECT SUM\((?P<metric>\w+)\) FROM \"(?P<namespace>[\w/]+)\" WHERE (?P<dimension>\w+) = '(?P<value>[^']+)'"
)
"""A query over the metrics of several resources."""


@dataclass(frozen=True)
class Measured:
    """A metric, and what it is about: the names of resources of this account and region, as metrics have them."""

    namespace: str
    metric: str
    dimension: str
    value: str


def place(stacks: Stacks, name: str) -> str:
    """Account and region of a resource; whatever is not of one of the other stacks is beside the pipeline."""
    manifest = json.loads((stacks.assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    prefix = f"Chargeback-{stacks.config.name}-"
    stack = prefix + name.partition("/")[0]
    return str(manifest[stack if stack in stacks.templates else f"{prefix}Pipeline"]["environment"])


def measurable(stacks: Stacks, where: str) -> dict[tuple[str, str], str]:
    """What metrics in an account and region can be about, as dimension and value → the resource."""
    account, region = where.removeprefix("aws://").split("/")
    found = {}
    for kind, (dimension, prop) in NAMED_BY.items():
        for name, resource in stacks.of(kind).items():
            if place(stacks, name) == where and prop in resource.properties:
                value = resource.properties[prop]
                arn = f"arn:aws:states:{region}:{account}:stateMachine:{value}"
                found[dimension, arn if dimension == "StateMachineArn" else value] = name
                found[dimension, f"<{name}.{prop}>"] = name
    for name, rule in copied(stacks).items():
        if place(stacks, name) == where:
            found["RuleId", rule["Id"]] = name
    return found


def copied(stacks: Stacks) -> dict[str, dict[str, Any]]:
    """The buckets that are copied to another region, each with its one rule."""
    return {
        name: bucket.properties["ReplicationConfiguration"]["Rules"][0]
        for name, bucket in stacks.of("AWS::S3::Bucket").items()
        if "ReplicationConfiguration" in bucket.properties
    }


def alarms(stacks: Stacks) -> dict[str, Resource]:
    return stacks.of("AWS::CloudWatch::Alarm")


def measured(alarm: Resource) -> list[Measured]:
    """What an alarm looks at, by itself or in an expression."""
    for asked in (SELECTED.fullmatch(m.get("Expression", "")) for m in alarm.properties.get("Metrics", [])):
        if asked:
            return [Measured(**asked.groupdict())]
    used = [m["MetricStat"]["Metric"] for m in alarm.properties.get("Metrics", []) if "MetricStat" in m]
    found = []
    for metric in used or [alarm.properties]:
        ((dimension, value),) = [(d["Name"], d["Value"]) for d in metric["Dimensions"]]
        found.append(Measured(metric["Namespace"], metric["MetricName"], dimension, value))
    return found


def watched(stacks: Stacks) -> dict[str, set[str]]:
    """The resources that alarms are about, and which metrics of theirs."""
    found: dict[str, set[str]] = {}
    for alarm in alarms(stacks).values():
        about = measurable(stacks, place(stacks, alarm.name))
        for of in measured(alarm):
            if (of.dimension, of.value) in about:
                found.setdefault(about[of.dimension, of.value], set()).add(of.metric)
    return found


def keeps_failures_in(stacks: Stacks, function: str) -> set[str]:
    """The queues where Lambda puts what a function could not do."""
    configs = [c.properties for c in stacks.of("AWS::Lambda::EventInvokeConfig").values()]
    return {
        c["DestinationConfig"]["OnFailure"]["Destination"].strip("<>")
        for c in configs
        if c["FunctionName"] == f"<{function}>"
    }


# --- everything is watched -----------------------------------------------------------------------------------------


def test_every_function_that_nobody_waits_for_is_watched(stacks: Stacks) -> None:
    seen = watched(stacks)
    for function in stacks.of("AWS::Lambda::Function"):
        kept = keeps_failures_in(stacks, function)
        is_watched = "Throttles" in seen.get(function, set()) or (kept and kept <= seen.keys())
        # What a person invokes, and waits for, tells that person how it ended.
        assert is_watched or function.removeprefix("Functions/") in BESIDE_THE_CLOSE, function


def test_a_functions_errors_are_told_unless_the_close_knows_what_to_do_with_its_refusal(stacks: Stacks) -> None:
    seen = watched(stacks)
    silent = {state for state in FUNCTIONS if "Errors" not in seen[f"Functions/{state}"]}
    known_errors = {
        state.function
        for state in states().values()
        for catch in state.body.get("Catch", [])
        if catch["Next"] != "RecordFailure"
    }
    assert silent < known_errors


def test_every_state_machine_is_watched_for_every_way_in_which_it_can_end_badly(stacks: Stacks) -> None:
    machines = stacks.of("AWS::StepFunctions::StateMachine")
    assert machines
    for machine in machines:
        assert watched(stacks)[machine] == {
            "ExecutionsFailed",
            "ExecutionsTimedOut",
            "ExecutionsAborted",
            "ExecutionThrottled",
        }


def test_every_queue_is_one_of_undelivered_messages_and_is_watched(stacks: Stacks) -> None:
    queues = set(stacks.of("AWS::SQS::Queue"))
    senders = [t for rule in stacks.of("AWS::Events::Rule").values() for t in rule.properties["Targets"]]
    senders += [schedule.properties["Target"] for schedule in stacks.of("AWS::Scheduler::Schedule").values()]
    assert {sender["DeadLetterConfig"]["Arn"].strip("<>") for sender in senders} == queues
    for queue in queues:
        assert watched(stacks)[queue] == {"ApproximateNumberOfMessagesVisible"}


def test_whatever_a_rule_or_a_schedule_cannot_deliver_is_kept_where_an_alarm_looks(stacks: Stacks) -> None:
    seen = watched(stacks)
    for rule in stacks.of("AWS::Events::Rule").values():
        for target in rule.properties["Targets"]:
            assert target["DeadLetterConfig"]["Arn"].strip("<>") in seen, rule.name
    for schedule in stacks.of("AWS::Scheduler::Schedule").values():
        assert schedule.properties["Target"]["DeadLetterConfig"]["Arn"].strip("<>") in seen, schedule.name


def test_what_starts_a_close_is_watched_itself_should_its_queue_fail_too(stacks: Stacks) -> None:
    seen = watched(stacks)
    starters = {name for name, rule in stacks.of("AWS::Events::Rule").items() if starts_close(rule.properties)}
    assert starters
    for rule in starters:
        assert {"FailedInvocations", "InvocationsFailedToBeSentToDlq"} <= seen[rule]
    for schedule in stacks.of("AWS::Scheduler::Schedule").values():
        if schedule.properties["Target"]["Arn"] == "<MonthEndClose>":
            group = schedule.properties["GroupName"].strip("<>")
            assert {"TargetErrorCount", "InvocationsFailedToBeSentToDeadLetterCount"} <= seen[group]


def starts_close(rule: dict[str, Any]) -> bool:
    return any(target["Arn"] == "<MonthEndClose>" for target in rule["Targets"])


def test_a_record_that_could_not_be_copied_is_noticed(stacks: Stacks) -> None:
    rules = copied(stacks)
    assert bool(rules) == bool(stacks.config.replica_region)
    looking = [m for alarm in alarms(stacks).values() for m in measured(alarm) if m.namespace == "AWS/S3"]
    for bucket, rule in rules.items():
        assert rule["Destination"]["Metrics"]["Status"] == "Enabled", f"S3 does not count what fails in {bucket}"
        assert [m.metric for m in looking if m.value == rule["Id"]] == ["OperationsFailedReplication"]


def test_a_bill_that_does_not_come_is_noticed_where_bills_are_closed_as_they_come(stacks: Stacks) -> None:
    looking = [a.properties for a in alarms(stacks).values() if any(m.metric == "TriggeredRules" for m in measured(a))]
    if not stacks.config.closes_on_arrival:
        assert looking == []
        return
    (alarm,) = looking
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert alarm["TreatMissingData"] == "breaching", "silence is what it is about"
    arrivals = next(m["MetricStat"] for m in alarm["Metrics"] if "MetricStat" in m)
    assert arrivals["Stat"] == "Sum"
    assert arrivals["Metric"]["Dimensions"][0]["Value"] == name_of(stacks.config, "ManifestArrived")
    assert arrivals["Period"] * alarm["EvaluationPeriods"] == stacks.config.freshness_hours * 3600
    assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == alarm["EvaluationPeriods"]


def test_new_columns_are_told_once_a_day(stacks: Stacks) -> None:
    [alarm] = [a for a in alarms(stacks).values() if any(m.metric == "SchemaDrift" for m in measured(a))]

    assert (alarm.properties["Statistic"], alarm.properties["Period"]) == ("Maximum", 24 * 3600)


def test_this_test_knows_every_kind_of_thing_that_can_fail_by_itself(stacks: Stacks) -> None:
    """A kind that is new here needs an alarm, or a reason why none."""
    runs_by_itself = re.compile(
        r"AWS::(Events|Scheduler|Lambda|SQS|StepFunctions|Pipes|Kinesis\w*|Firehose|Batch|ECS|EC2)::(\w+)$"
    )
    kinds = {resource.kind for resource in stacks.resources.values() if runs_by_itself.match(resource.kind)}
    settings_of_others = {"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::LayerVersion", "AWS::SQS::QueuePolicy"}
    assert kinds == {*NAMED_BY, "AWS::Scheduler::Schedule", *settings_of_others}


# --- every alarm is about something, and is heard -------------------------------------------------------------------


def test_every_alarm_is_about_something_that_exists_and_that_aws_measures(stacks: Stacks) -> None:
    own = (ROOT / "functions" / "activate_tags" / "handler.py").read_text(encoding="utf-8")
    for alarm in alarms(stacks).values():
        about = measurable(stacks, place(stacks, alarm.name))
        for of in measured(alarm):
            if of.namespace == "Chargeback":
                assert (of.dimension, of.value) == ("service", "chargeback")
                assert of.metric in RECORDED or (of.metric.startswith("Tags") and 'add_metric(name=f"Tags' in own)
                continue
            dimension, names = METRICS[of.namespace]
            assert of.metric in names, alarm.name
            assert of.dimension == dimension, alarm.name
            assert (of.dimension, of.value) in about, f"{alarm.name}: there is no {of.dimension} {of.value}"


def test_one_failure_is_enough_and_silence_is_none(stacks: Stacks) -> None:
    for alarm in alarms(stacks).values():
        properties = alarm.properties
        if properties["ComparisonOperator"] != "LessThanThreshold":
            assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", alarm.name
            assert (properties["Threshold"], properties["EvaluationPeriods"]) == (1, 1), alarm.name
            assert properties["TreatMissingData"] == "notBreaching", alarm.name
            assert "Metrics" in properties or properties["Statistic"] in {"Sum", "Maximum"}, alarm.name


def test_every_alarm_tells_the_owners(stacks: Stacks) -> None:
    subscriptions = [s.properties for s in stacks.of("AWS::SNS::Subscription").values()]
    for alarm in alarms(stacks).values():
        (action,) = alarm.properties["AlarmActions"]
        topic = action.strip("<>")
        assert stacks.resources[topic].kind == "AWS::SNS::Topic"
        assert place(stacks, topic) == place(stacks, alarm.name)
        told_by_mail = {s["Endpoint"] for s in subscriptions if (s["TopicArn"], s["Protocol"]) == (action, "email")}
        assert told_by_mail == set(stacks.config.owners)
        assert alarm.properties.get("ActionsEnabled", True) is True


def test_cloudwatch_may_use_the_topic_and_its_key_for_this_account_alone(stacks: Stacks) -> None:
    account = {"StringEquals": {"aws:SourceAccount": stacks.config.finops_account}}
    allowed = [s for s in statements(stacks.resources["Observability/Alerts/Policy"]) if s["Effect"] == "Allow"]
    assert [(s["Principal"], s["Action"], s["Condition"]) for s in allowed] == [
        ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish", account)
    ]
    key = stacks.properties("Observability/Alerts")["KmsMasterKeyId"].strip("<>")
    using = [s for s in stacks.properties(key)["KeyPolicy"]["Statement"] if "Service" in s["Principal"]]
    assert [(s["Principal"], set(s["Action"]), s["Condition"]) for s in using] == [
        ({"Service": "cloudwatch.amazonaws.com"}, {"kms:Decrypt", "kms:GenerateDataKey"}, account)
    ]


def runbook() -> list[str]:
    """The alarms of the runbook's table, as patterns of their names."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = text.partition("## When an alarm rings\n")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    return [re.escape(name).replace("<Function>", r"[A-Z]\w+").replace("…", ".+") for name in names]


def name_in_runbook(stacks: Stacks, alarm: Resource) -> str:
    """An alarm's name without the environment; CloudFormation gives one that has none a name by its construct."""
    made = f"Chargeback-{stacks.config.name}-{alarm.name.replace('/', '-', 1).replace('/', '')}0123ABCD"
    name: str = alarm.properties.get("AlarmName", made)
    return name.removeprefix(f"Chargeback-{stacks.config.name}-")


def test_every_alarm_says_what_happened_and_the_runbook_what_to_do(stacks: Stacks) -> None:
    patterns = runbook()
    assert patterns
    for alarm in alarms(stacks).values():
        name = name_in_runbook(stacks, alarm)
        assert [pattern for pattern in patterns if re.fullmatch(pattern, name)], f"the runbook does not know {name}"
        assert re.fullmatch(r"[A-Z].{12,}[:;] .{12,}", alarm.properties["AlarmDescription"]), alarm.name


def test_the_runbook_knows_no_alarm_that_no_environment_has(stacks_of: Any) -> None:
    names = {name_in_runbook(stacks, a) for stacks in [stacks_of("rehearsal")] for a in alarms(stacks).values()}
    assert not [pattern for pattern in runbook() if not any(re.fullmatch(pattern, name) for name in names)]


# --- the dashboard -------------------------------------------------------------------------------------------------


def graphed(stacks: Stacks) -> Iterator[list[Any]]:
    """Every metric and expression of the dashboard, as CloudWatch writes them."""
    body = json.loads(stacks.properties("Observability/Dashboard")["DashboardBody"])
    for widget in body["widgets"]:
        yield from widget["properties"]["metrics"]


def test_the_dashboard_shows_only_what_exists(stacks: Stacks) -> None:
    about = measurable(stacks, place(stacks, "Observability/Dashboard"))
    plain = [metric for metric in graphed(stacks) if isinstance(metric[0], str)]
    assert plain
    for namespace, metric, dimension, value, _ in plain:
        assert (dimension, value) in about, value
        assert dimension == METRICS[namespace][0]
        assert metric in METRICS[namespace][1]


def test_the_dashboard_shows_every_function_of_the_close_the_machine_and_its_queries(stacks: Stacks) -> None:
    shown = {metric[3] for metric in graphed(stacks) if isinstance(metric[0], str)}
    for state in FUNCTIONS:
        assert name_of(stacks.config, state) in shown
    assert name_of(stacks.config, "ManifestArrived") in shown
    assert any(value.endswith(f":stateMachine:{name_of(stacks.config, 'month_end_close')}") for value in shown)
    (query,) = [metric[0]["expression"] for metric in graphed(stacks) if isinstance(metric[0], dict)]
    assert f'WorkGroup="{stacks.properties("Workgroup")["Name"]}"' in query
    settings = stacks.properties("Workgroup")["WorkGroupConfiguration"]
    assert settings["PublishCloudWatchMetricsEnabled"] is True
