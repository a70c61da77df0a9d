"""cdk-nag looks on while the stacks are synthesized, and ends it; what it may overlook stands here, each with a reason.

So does what cfn-lint and checkov may overlook, which read it in the templates (``make scan``). One finding of one
resource an entry: whatever else they find there, or in the next resource, is not covered by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.config import EnvironmentConfig
from infra.names import stack_name

CHECKOV = re.compile(r"CKV2?_AWS_\d+$")
CFN_LINT = re.compile(r"[EWI]\d{4}$")

_RUN = "The key has the run's number in it, which is given when the run starts."
_QUERY = "Athena names the file of a result, for each query anew."
_DELIVERY = "The key has the billing period in it, and Data Exports names the files."
_PERIOD = "The key has the billing period in it, and more that is known when a month closes."
_CONTENT = "The key has the hash of the content in it."
_ASKED_FOR = "Whoever starts a close may name a file here."
_ALIAS = "The condition names the keys, by their aliases: the number of a key that follows another is not known yet."
_COPY = "S3 copies each object under the key that it has."

FUNCTIONS_WILDCARDS: dict[str, dict[str, str]] = {
    "ReadManifest": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Billing.Arn>/{export}metadata/*": _DELIVERY,
        "<Data/Work.Arn>/runs/*/restored.json": _RUN,
    },
    "CompilePolicy": {
        "<Data/Work.Arn>/policies/*": _ASKED_FOR,
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/runs/*/policy_*": _RUN,
        "<Data/Work.Arn>/runs/*/sources/policy/*": _RUN,
    },
    "RenderQueries": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/runs/*/sources/sql/*": _RUN,
    },
    "CheckInvoices": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
    },
    "CheckChange": {
        "<Data/Work.Arn>/runs/*/sources/change/*": _RUN,
    },
    "SealBillingData": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Work.Arn>/runs/*/seal.json": _RUN,
        "<Data/Billing.Arn>/{export}data/*": _DELIVERY,
    },
    "FetchInvoiceTotals": {
        "<Data/Work.Arn>/invoices/*": _ASKED_FOR,
        "<Data/Work.Arn>/runs/*/invoice_totals/*": _RUN,
    },
    "ReconcileLedger": {
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "<Data/Work.Arn>/runs/*/queries.json": _RUN,
        "<Data/Work.Arn>/runs/*/reconciliation.json": _RUN,
    },
    "CheckSeal": {
        "<Data/Work.Arn>/runs/*/seal.json": _RUN,
    },
    "PublishLedger": {
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "<Data/Work.Arn>/runs/*/ledger_entries/*": _RUN,
        "<Data/Ledger.Arn>/ledger/*": _PERIOD,
    },
    "PrepareStatements": {
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "<Data/Work.Arn>/runs/*/seal.json": _RUN,
        "<Data/Work.Arn>/runs/*/reconciliation.json": _RUN,
        "<Data/Work.Arn>/runs/*/charge_items.json": _RUN,
        "<Data/Work.Arn>/runs/*/statements/*": _RUN,
        "<Data/Work.Arn>/runs/*/totals.json": _RUN,
        "<Data/Work.Arn>/runs/*/unrecognized_tags.json": _RUN,
        "<Data/Work.Arn>/runs/*/restored.json": _RUN,
        "<Data/Work.Arn>/runs/*/sources/sql/*": _RUN,
    },
    "RenderStatement": {
        "<Data/Work.Arn>/runs/*/statements/*": _RUN,
        "<Data/Work.Arn>/runs/*/rendered/*": _RUN,
        "<Data/Statements.Arn>/drafts/*": _PERIOD,
        "<Data/Statements.Arn>/charge_period=*": _PERIOD,
        "arn:aws:kms:{region}:{account}:key/*": _ALIAS,
        "<Data/Work.Arn>/runs/*/replayed/*": _RUN,
    },
    "PostCharge": {
        "<Data/Work.Arn>/runs/*/rendered/*": _RUN,
        "<Data/Work.Arn>/runs/*/postings/*": _RUN,
    },
    "AttachStatement": {
        "<Data/Work.Arn>/runs/*/charge_items.json": _RUN,
        "<Data/Work.Arn>/runs/*/rendered/*": _RUN,
        "<Data/Statements.Arn>/charge_period=*": _PERIOD,
    },
    "CheckPostings": {
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/runs/*/totals.json": _RUN,
        "<Data/Work.Arn>/runs/*/postings/*": _RUN,
        "<Data/Ledger.Arn>/periods/*/summary.json": _PERIOD,
    },
    "SummarizeRun": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/runs/*/seal.json": _RUN,
        "<Data/Work.Arn>/runs/*/invoice_totals/*": _RUN,
        "<Data/Work.Arn>/runs/*/queries.json": _RUN,
        "<Data/Work.Arn>/runs/*/reconciliation.json": _RUN,
        "<Data/Ledger.Arn>/ledger/*": _PERIOD,
        "<Data/Work.Arn>/runs/*/totals.json": _RUN,
        "<Data/Work.Arn>/runs/*/unrecognized_tags.json": _RUN,
        "<Data/Work.Arn>/runs/*/rendered/*": _RUN,
        "<Data/Work.Arn>/runs/*/postings/*": _RUN,
        "<Data/Work.Arn>/runs/*/sources/*": _RUN,
        "<Data/Work.Arn>/runs/*/summary.json": _RUN,
        "<Data/Work.Arn>/runs/*/evidence.json": _RUN,
        "<Data/Ledger.Arn>/archive/*": _CONTENT,
        "<Data/Ledger.Arn>/periods/*": _PERIOD,
    },
    "RecordResponse": {
        "<Data/Ledger.Arn>/periods/*": _PERIOD,
    },
    "SignEvidence": {
        "arn:aws:kms:{region}:{account}:key/*": _ALIAS,
        "<Data/Ledger.Arn>/periods/*/evidence.json*": _PERIOD,
    },
    "RestorePeriod": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Work.Arn>/runs/*/restored.json": _RUN,
        "<Data/Work.Arn>/runs/*/seal.json": _RUN,
        "<Data/Work.Arn>/runs/*/invoice_totals/*": _RUN,
        "<Data/Work.Arn>/runs/*/sources/*": _RUN,
        "<Data/Work.Arn>/runs/*/restored_cur/*": _RUN,
        "<Data/Work.Arn>/runs/*/restored_ledger/*": _RUN,
        "<Data/Billing.Arn>/{export}data/*": _DELIVERY,
        "<Data/Ledger.Arn>/ledger/*": _PERIOD,
        "<Data/Ledger.Arn>/archive/*": _CONTENT,
        "<Data/Ledger.Arn>/periods/*/evidence.json*": _PERIOD,
        "<Data/Statements.Arn>/charge_period=*": _PERIOD,
    },
    "CompareReplay": {
        "<Data/Work.Arn>/runs/*/rendered/*": _RUN,
        "<Data/Work.Arn>/runs/*/replayed/*": _RUN,
        "<Data/Work.Arn>/runs/*/summary.json": _RUN,
        "<Data/Work.Arn>/runs/*/evidence.json": _RUN,
        "<Data/Work.Arn>/runs/*/replay.json": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "<Data/Ledger.Arn>/ledger/*": _PERIOD,
        "<Data/Ledger.Arn>/periods/*": _PERIOD,
        "<Data/Statements.Arn>/charge_period=*": _PERIOD,
    },
    "IssueCertificate": {
        "arn:aws:kms:{region}:{account}:key/*": _ALIAS,
    },
}
"""What roles of the pipeline's functions may reach by a wildcard; ``<Stack/Construct.Attribute>`` is a reference."""

WILDCARDS: dict[str, dict[str, str]] = {
    "Pipeline/MonthEndCloseRole/DefaultPolicy": {
        "*": "Neither X-Ray nor the delivery of logs has resources that a right could name.",
        "<Data/Work.Arn>/runs/*": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "<Data/Billing.Arn>/{export}data/*": _DELIVERY,
        "<Data/Ledger.Arn>/ledger/*": _PERIOD,
        "arn:aws:glue:{region}:{account}:table/<Data/Database.Ref>/*": "Its queries are about every table of ours.",
    },
    "Pipeline/ReplayPeriodRole/DefaultPolicy": {
        "*": "Neither X-Ray nor the delivery of logs has resources that a right could name.",
        "<Data/Work.Arn>/runs/*": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "arn:aws:glue:{region}:{account}:table/<Data/Database.Ref>/*": "Its queries are about every table of ours.",
        "arn:aws:states:{region}:{account}:execution:<Pipeline/MonthEndClose.Name>:*": (
            "An execution is named when it starts; it waits for the one that it has started."
        ),
    },
    "Pipeline/Validation/DailyValidationRole/DefaultPolicy": {
        "*": "Neither X-Ray nor the delivery of logs has resources that a right could name.",
        "<Data/Work.Arn>/runs/*": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
        "<Data/Billing.Arn>/{export}data/*": _DELIVERY,
        "arn:aws:glue:{region}:{account}:table/<Data/Database.Ref>/*": "Its queries are about every table of ours.",
    },
    "Pipeline/Validation/CheckDeliveryRole/DefaultPolicy": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Billing.Arn>/{export}metadata/*": _DELIVERY,
    },
    "Pipeline/Validation/RenderChecksRole/DefaultPolicy": {
        "<Data/Work.Arn>/runs/*/delivery.json": _RUN,
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
    },
    "Pipeline/Validation/MeasureHygieneRole/DefaultPolicy": {
        "<Data/Work.Arn>/runs/*/policy.json": _RUN,
        "<Data/Work.Arn>/runs/*/hygiene.json": _RUN,
        "<Data/Work.Arn>/runs/*/ticket_items.json": _RUN,
        "<Data/Work.Arn>/athena-results/*": _QUERY,
    },
    "Pipeline/Validation/UpdateTicketRole/DefaultPolicy": {"<Data/Work.Arn>/runs/*/tickets/*": _RUN},
    "Pipeline/Validation/CountTicketsRole/DefaultPolicy": {"<Data/Work.Arn>/runs/*/tickets/*": _RUN},
    "Pipeline/Validation/DailyValidation/ChildExecutions": {
        "arn:aws:states:{region}:{account}:execution:<Pipeline/Validation/DailyValidation.Name>:*": (
            "Step Functions names the runs of a map, which are runs of this machine."
        ),
        "arn:aws:states:{region}:{account}:execution:<Pipeline/Validation/DailyValidation.Name>/*": (
            "Step Functions names the runs of a map, which are runs of this machine."
        ),
    },
    "Pipeline/Validation/RecordHygieneRole/DefaultPolicy": {
        "<Data/Work.Arn>/runs/*/hygiene.json": _RUN,
    },
    "Pipeline/MonthEndClose/ChildExecutions": {
        "arn:aws:states:{region}:{account}:execution:<Pipeline/MonthEndClose.Name>:*": (
            "Step Functions names the runs of a map, which are runs of this machine."
        ),
        "arn:aws:states:{region}:{account}:execution:<Pipeline/MonthEndClose.Name>/*": (
            "Step Functions names the runs of a map, which are runs of this machine."
        ),
    },
    "Pipeline/Functions/ReadExecutions": {
        "arn:aws:states:{region}:{account}:execution:<Pipeline/MonthEndClose.Name>:*": (
            "An execution is named when it starts; it asks for the one that holds a period."
        ),
    },
    "Data/Replication/Reads": {
        "<Data/Billing.Arn>/{export}*": _COPY,
        "<Data/Ledger.Arn>/*": _COPY,
        "<Data/Statements.Arn>/charge_period=*": _COPY,
    },
    "Replica/Replication/DefaultPolicy": {
        "<Replica/Billing.Arn>/*": _COPY,
        "<Replica/Ledger.Arn>/*": _COPY,
        "<Replica/Statements.Arn>/*": _COPY,
    },
    "BillingSource/Tags/ActivateTagsRole/DefaultPolicy": {
        "*": "Neither cost-allocation tags nor X-Ray have resources that a right could name."
    },
    "BillingSource/InvoiceReader/DefaultPolicy": {"*": "An invoice has no ARN that a right could name."},
    "Observability/Datadog/DefaultPolicy": {
        "*": "Neither CloudWatch's metrics nor the list of tagged resources can be named by a right."
    },
}
"""What other roles may reach by a wildcard."""

FUNCTIONS = (
    "BillingSource/Tags/ActivateTags",
    "Pipeline/Functions/AttachStatement",
    "Pipeline/Functions/CheckChange",
    "Pipeline/Functions/CheckInvoices",
    "Pipeline/Functions/CheckPostings",
    "Pipeline/Functions/CheckSeal",
    "Pipeline/Functions/CompareReplay",
    "Pipeline/Functions/CompilePolicy",
    "Pipeline/Functions/DecideApproval",
    "Pipeline/Functions/FetchInvoiceTotals",
    "Pipeline/Functions/IssueCertificate",
    "Pipeline/Functions/PostCharge",
    "Pipeline/Functions/PrepareStatements",
    "Pipeline/Functions/PublishLedger",
    "Pipeline/Functions/ReadManifest",
    "Pipeline/Functions/ReconcileLedger",
    "Pipeline/Functions/RecordFailure",
    "Pipeline/Functions/RecordResponse",
    "Pipeline/Functions/RenderQueries",
    "Pipeline/Functions/RenderStatement",
    "Pipeline/Functions/RestorePeriod",
    "Pipeline/Functions/SealBillingData",
    "Pipeline/Functions/SignEvidence",
    "Pipeline/Functions/SummarizeRun",
    "Pipeline/Functions/TakePeriodLock",
    "Pipeline/Validation/CheckDelivery",
    "Pipeline/Validation/CountTickets",
    "Pipeline/Validation/MeasureHygiene",
    "Pipeline/Validation/RecordHygiene",
    "Pipeline/Validation/RenderChecks",
    "Pipeline/Validation/UpdateTicket",
)
"""One by one, so that a function more is a decision."""

EACH_FUNCTION = {
    "AwsSolutions-L1": "Python 3.12, which AWS keeps up until October 2028: the layers' packages are pinned for it.",
    "CKV_AWS_116": "Whoever invokes it waits for the answer: no request is queued that could be lost.",
    "CKV_AWS_117": "It calls AWS and services outside over TLS: in a network of ours there is nothing for it.",
    "CKV_AWS_173": "Its environment is its settings, names and numbers; no secret is among them.",
    "W3005": "CDK writes down that a function needs its role, which its reference to the role says as well.",
}

EACH_FUNCTION_WITHOUT_RESERVATION = {
    "CKV_AWS_115": "A new account may run ten functions at once, and none of these may be reserved.",
}

_DEAD_LETTERS = "It is where EventBridge leaves what it could not deliver; an alarm watches it."
_NOT_OUR_KEY = "SQS encrypts it with a key of its own, for EventBridge has no right to ours."

OTHERS: dict[str, dict[str, str]] = {
    "BillingSource/Tags/ActivateTags": {
        "CKV_AWS_116": "A request that fails to the end goes to the queue of failures, with its error.",
    },
    "BillingSource/Tags/Failures": {
        "AwsSolutions-SQS3": "It is where requests go that failed to the end; an alarm watches it.",
    },
    "Data/AccessLogs": {"CKV_AWS_18": "Access logs are delivered to it: a log of that would never end."},
    "Observability/Posture/Undelivered": {"AwsSolutions-SQS3": _DEAD_LETTERS, "CKV_AWS_27": _NOT_OUR_KEY},
    "Observability/ThreatDetection/Undelivered": {"AwsSolutions-SQS3": _DEAD_LETTERS, "CKV_AWS_27": _NOT_OUR_KEY},
    "Observability/Wiz": {
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/SecurityAudit]": (
            "Wiz reads the configuration of whatever AWS adds; what is data is denied beside it."
        ),
    },
    "Pipeline/MonthEndClose": {
        "W3005": "CDK writes down that a machine needs its role, which its reference to the role says as well.",
    },
    "Pipeline/ReplayPeriod": {
        "W3005": "CDK writes down that a machine needs its role, which its reference to the role says as well.",
    },
    "Pipeline/ServiceNow": {
        "AwsSolutions-SMG4": "ServiceNow gives these credentials out; who changes them there puts them in here.",
    },
    "Pipeline/Validation/DailyValidation": {
        "W3005": "CDK writes down that a machine needs its role, which its reference to the role says as well.",
    },
    "Pipeline/Validation/Undelivered": {"AwsSolutions-SQS3": _DEAD_LETTERS, "CKV_AWS_27": _NOT_OUR_KEY},
    "Pipeline/UndeliveredEvents": {"AwsSolutions-SQS3": _DEAD_LETTERS, "CKV_AWS_27": _NOT_OUR_KEY},
    "Pipeline/UndeliveredSchedules": {"AwsSolutions-SQS3": _DEAD_LETTERS, "CKV_AWS_27": _NOT_OUR_KEY},
    "Replica/AccessLogs": {"CKV_AWS_18": "Access logs are delivered to it: a log of that would never end."},
}


CHANGE_GATE = {
    "<Data/Work.Arn>/runs/*/sources/policy/*": _RUN,
    "<Data/Ledger.Arn>/periods/*/evidence.json": _PERIOD,
}
"""What CheckChange reads beside that where there is a change gate."""


def acknowledged(config: EnvironmentConfig) -> dict[str, dict[str, str]]:
    """What may be found in an environment: resource → finding → reason."""
    places = {"export": config.export_prefix, "account": config.finops_account, "region": config.region}
    entries: dict[str, dict[str, str]] = {}

    def add(path: str, findings: Mapping[str, str]) -> None:
        entries.setdefault(path, {}).update(findings)

    def add_wildcards(path: str, resources: Mapping[str, str]) -> None:
        add(path, {f"AwsSolutions-IAM5[Resource::{name.format(**places)}]": why for name, why in resources.items()})

    for function in FUNCTIONS:
        add(function, EACH_FUNCTION)
        add_wildcards(f"{function}Role/DefaultPolicy", {"*": "X-Ray has no resources that a right could name."})
        if not config.reserves_concurrency:
            add(function, EACH_FUNCTION_WITHOUT_RESERVATION)
    for state, resources in FUNCTIONS_WILDCARDS.items():
        add_wildcards(f"Pipeline/Functions/{state}Role/DefaultPolicy", resources)
    if config.change_gate:
        add_wildcards("Pipeline/Functions/CheckChangeRole/DefaultPolicy", CHANGE_GATE)
    for path, resources in WILDCARDS.items():
        add_wildcards(path, resources)
    for path, findings in OTHERS.items():
        add(path, findings)
    return entries


def check_with_nag(app: cdk.App, config: EnvironmentConfig) -> None:
    """Has cdk-nag check every stack of the app, all of which must be there by now."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    tree = _Tree(app, config)
    for path, findings in acknowledged(config).items():
        resource = tree.resource(path)
        if resource is not None:
            _acknowledge(resource, {tree.as_nag_says(path, finding): reason for finding, reason in findings.items()})


def _acknowledge(resource: cdk.CfnResource, findings: Mapping[str, str]) -> None:
    skipped = [{"id": finding, "comment": reason} for finding, reason in findings.items() if CHECKOV.match(finding)]
    if skipped:
        resource.add_metadata("checkov", {"skip": skipped})
    ignored = [finding for finding in findings if CFN_LINT.match(finding)]
    if ignored:
        resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ignored}})
    for finding, reason in findings.items():
        if not CHECKOV.match(finding) and not CFN_LINT.match(finding):
            cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


class _Tree:
    """The app's resources by their paths, without the environment's name and what every construct has."""

    _REFERENCE = re.compile(r"<(\w+)/([\w/]+)\.(\w+)>")

    def __init__(self, app: cdk.App, config: EnvironmentConfig) -> None:
        self._app = app
        self._config = config

    def resource(self, path: str) -> cdk.CfnResource | None:
        """The resource; None when this environment does without it."""
        stack, *names = path.split("/")
        found = self._app.node.try_find_child(stack_name(self._config, stack))
        for name in names:
            found = found.node.try_find_child(name) if found else None
        if found is not None:
            found = found.node.try_find_child("Resource") or found
        return found if isinstance(found, cdk.CfnResource) else None

    def as_nag_says(self, path: str, finding: str) -> str:
        """The finding's id, in which references bear the names that CloudFormation knows."""
        if not finding.startswith("AwsSolutions-"):
            return finding
        reader = path.partition("/")[0]
        return f"AwsSolutions::{self._REFERENCE.sub(lambda found: self._name(reader, *found.groups()), finding)}"

    def _name(self, reader: str, owner: str, path: str, attribute: str) -> str:
        resource = self.resource(f"{owner}/{path}")
        assert resource is not None, f"{owner}/{path} is not there"  # noqa: S101 - a fault in the table above
        stack = cdk.Stack.of(resource)
        if reader == owner:
            name = stack.resolve(resource.logical_id)
            return f"<{name}>" if attribute == "Ref" else f"<{name}.{attribute}>"
        value = resource.ref if attribute == "Ref" else resource.get_att(attribute)
        imported = stack.resolve(stack.export_value(value))
        return str(imported["Fn::ImportValue"])
