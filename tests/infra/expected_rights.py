"""What every role may do: the whole of it, written down a second time, so that a wider grant is a visible decision.

One line a right, as tests.infra.stacks reads them; ``{export}`` is the environment's export prefix.
"""

from __future__ import annotations

EVERY_FUNCTION = """
logs:CreateLogStream <Functions/{state}Logs>
logs:PutLogEvents <Functions/{state}Logs>
xray:PutTelemetryRecords *
xray:PutTraceSegments *
"""

READS_OURS = "kms:Decrypt <Key>"
READ_NOTHING_OF_OURS = {
    "CheckDelivery": "it reads nothing but the bill, which has a key of its own",
    "IssueCertificate": "it reads nothing that is encrypted",
}
"""What every function has beside that, and those which have it not."""

FUNCTIONS = {
    "ReadManifest": """
        s3:ListBucketVersions <Billing> when s3:prefix is like {export}metadata/BILLING_PERIOD=*/
        s3:ListBucketVersions <Billing> when s3:prefix is like {export}data/BILLING_PERIOD=*/
        s3:GetObject <Billing>/{export}metadata/*
        s3:GetObject <Work>/runs/*/delivery.json
        s3:GetObject <Work>/runs/*/restored.json
        s3:ListBucket <Work>
        s3:PutObject <Work>/runs/*/delivery.json
        kms:Decrypt <BillingKey>
        kms:GenerateDataKey <Key>
    """,
    "CompilePolicy": """
        s3:GetObject <Work>/policies/*
        s3:GetObject <Work>/runs/*/sources/policy/*
        s3:ListBucket <Work>
        s3:PutObject <Work>/runs/*/policy_*
        s3:PutObject <Work>/runs/*/policy.json
        s3:PutObject <Work>/runs/*/sources/policy/*
        kms:GenerateDataKey <Key>
    """,
    "RenderQueries": """
        s3:GetObject <Work>/runs/*/delivery.json
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/runs/*/sources/sql/*
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/sources/sql/
        s3:PutObject <Work>/runs/*/sources/sql/*
        kms:GenerateDataKey <Key>
    """,
    "CheckInvoices": """
        s3:GetObject <Work>/runs/*/delivery.json
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/athena-results/*
    """,
    "TakePeriodLock": """
        dynamodb:GetItem <Periods>
        dynamodb:PutItem <Periods>
        states:DescribeExecution states:execution:<MonthEndClose.Name>:*
    """,
    "CheckChange": """
        s3:PutObject <Work>/runs/*/sources/change/*
        kms:GenerateDataKey <Key>
    """,
    "SealBillingData": """
        s3:GetObject <Work>/runs/*/delivery.json
        s3:GetObjectVersion <Billing>/{export}data/*
        s3:PutObjectRetention <Billing>/{export}data/*
        s3:PutObject <Work>/runs/*/seal.json
        kms:Decrypt <BillingKey>
        kms:GenerateDataKey <Key>
    """,
    "FetchInvoiceTotals": """
        s3:GetObject <Work>/invoices/*
        s3:ListBucket <Work>
        s3:PutObject <Work>/runs/*/invoice_totals/*
        kms:GenerateDataKey <Key>
    """,
    "ReconcileLedger": """
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/athena-results/*
        s3:PutObject <Work>/runs/*/reconciliation.json
        s3:PutObject <Work>/runs/*/queries.json
        kms:GenerateDataKey <Key>
    """,
    "CheckSeal": """
        s3:GetObject <Work>/runs/*/seal.json
        s3:ListBucketVersions <Billing> when s3:prefix is like {export}data/BILLING_PERIOD=*/
    """,
    "PublishLedger": """
        s3:GetObject <Work>/athena-results/*
        s3:GetObject <Work>/runs/*/ledger_entries/*
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/ledger_entries/
        s3:GetObject <Ledger>/ledger/*
        s3:PutObject <Ledger>/ledger/*
        s3:PutObjectRetention <Ledger>/ledger/*
        kms:GenerateDataKey <Key>
    """,
    "PrepareStatements": """
        s3:GetObject <Work>/athena-results/*
        s3:GetObject <Work>/runs/*/restored.json
        s3:GetObject <Work>/runs/*/sources/sql/*
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/sources/sql/
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/runs/*/reconciliation.json
        s3:GetObject <Work>/runs/*/seal.json
        s3:PutObject <Work>/runs/*/charge_items.json
        s3:PutObject <Work>/runs/*/statements/*
        s3:PutObject <Work>/runs/*/totals.json
        s3:PutObject <Work>/runs/*/unrecognized_tags.json
        kms:GenerateDataKey <Key>
    """,
    "RenderStatement": """
        s3:GetObject <Work>/runs/*/statements/*
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/rendered/*
        s3:GetObject <Work>/runs/*/rendered/*
        s3:PutObject <Work>/runs/*/rendered/*
        s3:PutObject <Work>/runs/*/replayed/*
        s3:PutObject <Statements>/drafts/*
        s3:GetObject <Statements>/charge_period=*
        s3:PutObject <Statements>/charge_period=*
        s3:PutObjectRetention <Statements>/charge_period=*
        kms:GenerateDataKey <Key>
        ssm:GetParameter ssm:parameter/chargeback/{environment}/signing-identity
        kms:Sign kms:key/* when kms:ResourceAliases is like alias/chargeback-{environment}-signing-*
    """,
    "PostCharge": """
        s3:GetObject <Work>/runs/*/rendered/*
        s3:PutObject <Work>/runs/*/postings/*
        secretsmanager:GetSecretValue <ServiceNow>
        kms:GenerateDataKey <Key>
    """,
    "CheckPostings": """
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/runs/*/totals.json
        s3:GetObject <Work>/runs/*/postings/*
        s3:GetObject <Ledger>/periods/*/summary.json
        secretsmanager:GetSecretValue <ServiceNow>
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/postings/
    """,
    "AttachStatement": """
        s3:GetObject <Work>/runs/*/charge_items.json
        s3:GetObject <Work>/runs/*/rendered/*
        s3:GetObject <Statements>/charge_period=*
        secretsmanager:GetSecretValue <ServiceNow>
    """,
    "SummarizeRun": """
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/runs/*/seal.json
        s3:GetObject <Work>/runs/*/reconciliation.json
        s3:GetObject <Work>/runs/*/totals.json
        s3:GetObject <Work>/runs/*/unrecognized_tags.json
        s3:GetObject <Work>/runs/*/rendered/*
        s3:GetObject <Work>/runs/*/postings/*
        s3:GetObject <Work>/runs/*/delivery.json
        s3:GetObject <Work>/runs/*/invoice_totals/*
        s3:GetObject <Work>/runs/*/queries.json
        s3:GetObject <Work>/runs/*/sources/*
        s3:GetObject <Work>/runs/*/summary.json
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/rendered/
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/postings/
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/sources/*
        s3:PutObject <Work>/runs/*/summary.json
        s3:PutObject <Work>/runs/*/evidence.json
        s3:GetObject <Ledger>/periods/*
        s3:PutObject <Ledger>/periods/*
        s3:PutObjectRetention <Ledger>/periods/*
        s3:GetObject <Ledger>/archive/*
        s3:GetObjectRetention <Ledger>/archive/*
        s3:PutObject <Ledger>/archive/*
        s3:PutObjectRetention <Ledger>/archive/*
        s3:GetObjectVersion <Ledger>/ledger/*
        s3:ListBucketVersions <Ledger> when s3:prefix is like archive/
        s3:ListBucketVersions <Ledger> when s3:prefix is like ledger/
        s3:ListBucketVersions <Ledger> when s3:prefix is like periods/
        kms:GenerateDataKey <Key>
    """,
    "SignEvidence": """
        s3:ListBucketVersions <Ledger> when s3:prefix is like periods/*/evidence.json.p7s
        s3:GetObject <Ledger>/periods/*/evidence.json*
        s3:PutObject <Ledger>/periods/*/evidence.json*
        s3:PutObjectRetention <Ledger>/periods/*/evidence.json*
        kms:GenerateDataKey <Key>
        ssm:GetParameter ssm:parameter/chargeback/{environment}/signing-identity
        kms:Sign kms:key/* when kms:ResourceAliases is like alias/chargeback-{environment}-signing-*
    """,
    "RecordFailure": """
        dynamodb:GetItem <Periods>
        dynamodb:PutItem <Periods>
    """,
}

OF_THE_REPLAY = {
    "RestorePeriod": """
        s3:GetObjectVersion <Billing>/{export}data/*
        s3:ListBucketVersions <Ledger> when s3:prefix is like periods/*
        s3:ListBucketVersions <Ledger> when s3:prefix is like ledger/*
        s3:GetObject <Ledger>/periods/*/evidence.json*
        s3:GetObject <Ledger>/archive/*
        s3:GetObjectVersion <Ledger>/ledger/*
        s3:ListBucket <Ledger>
        s3:GetObject <Statements>/charge_period=*
        s3:ListBucket <Statements>
        s3:GetObjectVersion <Work>/runs/*/restored_cur/*
        s3:GetObjectVersion <Work>/runs/*/restored_ledger/*
        s3:PutObject <Work>/runs/*/restored_cur/*
        s3:PutObject <Work>/runs/*/restored_ledger/*
        s3:PutObject <Work>/runs/*/sources/*
        s3:PutObject <Work>/runs/*/invoice_totals/*
        s3:PutObject <Work>/runs/*/delivery.json
        s3:PutObject <Work>/runs/*/seal.json
        s3:PutObject <Work>/runs/*/restored.json
        kms:Decrypt <BillingKey>
        kms:GenerateDataKey <Key>
    """,
    "CompareReplay": """
        s3:GetObject <Ledger>/periods/*
        s3:GetObjectVersion <Ledger>/ledger/*
        s3:ListBucketVersions <Ledger> when s3:prefix is like ledger/*
        s3:ListBucket <Ledger>
        s3:GetObject <Statements>/charge_period=*
        s3:ListBucket <Statements>
        s3:GetObject <Work>/athena-results/*
        s3:GetObject <Work>/runs/*/evidence.json
        s3:GetObject <Work>/runs/*/summary.json
        s3:GetObject <Work>/runs/*/rendered/*
        s3:GetObject <Work>/runs/*/replayed/*
        s3:ListBucket <Work>
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/rendered/
        s3:PutObject <Work>/runs/*/replay.json
        kms:GenerateDataKey <Key>
    """,
}
"""Functions of replay_period; beside them it invokes RecordFailure."""

OF_VALIDATION = {
    "CheckDelivery": """
        s3:ListBucketVersions <Billing> when s3:prefix is like {export}metadata/BILLING_PERIOD=*/
        s3:ListBucketVersions <Billing> when s3:prefix is like {export}data/BILLING_PERIOD=*/
        s3:GetObject <Billing>/{export}metadata/*
        s3:PutObject <Work>/runs/*/delivery.json
        kms:Decrypt <BillingKey>
        kms:GenerateDataKey <Key>
    """,
    "RenderChecks": """
        s3:GetObject <Work>/runs/*/delivery.json
        s3:GetObject <Work>/runs/*/policy.json
    """,
    "MeasureHygiene": """
        s3:GetObject <Work>/runs/*/policy.json
        s3:GetObject <Work>/athena-results/*
        s3:PutObject <Work>/runs/*/hygiene.json
        s3:PutObject <Work>/runs/*/ticket_items.json
        dynamodb:Query <Validation/TagHygiene>
        kms:GenerateDataKey <Key>
    """,
    "RecordHygiene": """
        s3:GetObject <Work>/runs/*/hygiene.json
        dynamodb:PutItem <Validation/TagHygiene>
        dynamodb:Query <Validation/TagHygiene>
    """,
    "UpdateTicket": """
        secretsmanager:GetSecretValue <ServiceNow>
        dynamodb:PutItem <Validation/TagHygiene>
        s3:PutObject <Work>/runs/*/tickets/*
        kms:GenerateDataKey <Key>
    """,
    "CountTickets": """
        secretsmanager:GetSecretValue <ServiceNow>
        s3:ListBucketVersions <Work> when s3:prefix is like runs/*/tickets/
        s3:GetObject <Work>/runs/*/tickets/*
    """,
}
"""Functions of daily_validation; beside them it invokes CompilePolicy and RecordFailure."""

BESIDE_THE_CLOSE = {
    "DecideApproval": """
        dynamodb:GetItem <Periods>
        dynamodb:PutItem <Periods>
        states:SendTaskSuccess <MonthEndClose>
        states:SendTaskFailure <MonthEndClose>
    """,
    "RecordResponse": """
        dynamodb:GetItem <Responses>
        dynamodb:PutItem <Responses>
        s3:GetObject <Ledger>/periods/*
        s3:ListBucket <Ledger>
    """,
    "IssueCertificate": """
        ssm:PutParameter ssm:parameter/chargeback/{environment}/signing-identity
        kms:Sign kms:key/* when kms:ResourceAliases is like alias/chargeback-{environment}-signing-*
        kms:GetPublicKey kms:key/* when kms:ResourceAliases is like alias/chargeback-{environment}-signing-*
    """,
}
"""Functions that no state machine invokes."""

OF_EVERY_STATE_MACHINE = """
athena:StartQueryExecution athena:workgroup/{workgroup}
athena:GetQueryExecution athena:workgroup/{workgroup}
athena:StopQueryExecution athena:workgroup/{workgroup}
athena:GetDataCatalog athena:datacatalog/AwsDataCatalog
glue:GetDatabase glue:database/default
glue:GetDatabase glue:catalog
glue:GetDatabase glue:database/<Database>
glue:GetDatabase glue:table/<Database>/*
glue:GetTable glue:catalog
glue:GetTable glue:database/<Database>
glue:GetTable glue:table/<Database>/*
glue:GetTables glue:catalog
glue:GetTables glue:database/<Database>
glue:GetTables glue:table/<Database>/*
glue:GetPartitions glue:catalog
glue:GetPartitions glue:database/<Database>
glue:GetPartitions glue:table/<Database>/*
s3:GetBucketLocation <Work>
s3:ListBucket <Work>
s3:ListBucketMultipartUploads <Work>
s3:GetObject <Work>/runs/*
s3:GetObject <Work>/athena-results/*
s3:PutObject <Work>/runs/*
s3:PutObject <Work>/athena-results/*
s3:AbortMultipartUpload <Work>/runs/*
s3:AbortMultipartUpload <Work>/athena-results/*
s3:ListMultipartUploadParts <Work>/runs/*
s3:ListMultipartUploadParts <Work>/athena-results/*
kms:Decrypt <Key>
kms:GenerateDataKey <Key>
states:StartExecution <MonthEndClose>
states:DescribeExecution states:execution:<MonthEndClose.Name>:*
states:StopExecution states:execution:<MonthEndClose.Name>:*
logs:CreateLogDelivery *
logs:GetLogDelivery *
logs:UpdateLogDelivery *
logs:DeleteLogDelivery *
logs:ListLogDeliveries *
logs:PutResourcePolicy *
logs:DescribeResourcePolicies *
logs:DescribeLogGroups *
xray:PutTraceSegments *
xray:PutTelemetryRecords *
xray:GetSamplingRules *
xray:GetSamplingTargets *
"""
"""Both run queries and executions of the close: the close those of its own Map, the replay the derivation."""

MONTH_END_CLOSE = """
s3:GetBucketLocation <Billing>
s3:GetBucketLocation <Ledger>
s3:ListBucket <Billing>
s3:ListBucket <Ledger>
s3:GetObject <Billing>/{export}data/*
s3:GetObject <Ledger>/ledger/*
kms:Decrypt <BillingKey>
dynamodb:UpdateItem <Periods>
states:DescribeExecution states:execution:<MonthEndClose.Name>/*
states:StopExecution states:execution:<MonthEndClose.Name>/*
"""
"""Beside these the state machine invokes every function of the close."""

REPLAY_PERIOD = """
events:PutTargets events:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule
events:PutRule events:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule
events:DescribeRule events:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule
"""
"""Beside these the state machine invokes its own functions and RecordFailure. Neither the bill nor the ledger is for
it: what it reads of them was restored to the work bucket."""

STARTERS = {
    "MonthEndClose/EventsRole": "states:StartExecution <MonthEndClose>",
    "ScheduleRole": """
        states:StartExecution <MonthEndClose>
        sqs:SendMessage <UndeliveredSchedules>
    """,
}
"""What starts a close by itself: an arrival, and the schedule."""

INVOICES = "sts:AssumeRole arn:aws:iam::{payer}:role/Chargeback-{environment}-invoice_reader"
"""Where a bill is tied to the payer's invoices, FetchInvoiceTotals has this too."""

CHANGE_GATE = """
s3:GetObject <Work>/runs/*/sources/policy/*
s3:ListBucketVersions <Work> when s3:prefix is like runs/*/sources/policy/
s3:GetObject <Work>/runs/*/sources/change/*
s3:ListBucketVersions <Work> when s3:prefix is like runs/*/sources/change/
s3:GetObject <Ledger>/periods/*/evidence.json
s3:ListBucketVersions <Ledger> when s3:prefix is like periods/
"""
"""Where a changed policy needs a change request, CheckChange has this too."""

IN_OTHER_TESTS = {
    "BillingSource/InvoiceReader": (
        "billing_source:the_payer_lets_the_function_that_compares_invoices_list_them_and_nobody_else"
    ),
    "BillingSource/Tags/ActivateTagsRole": (
        "billing_source:the_function_may_look_after_tags_and_keep_its_failures_and_nothing_else"
    ),
    "BillingSource/Tags/ScheduleRole": "billing_source:the_tags_are_looked_after_every_day",
    "Ci/Deploy": "ci:the_roles_do_nothing_but_take_the_bootstraps_roles_where_something_is_deployed",
    "Ci/Diff": "ci:the_roles_do_nothing_but_take_the_bootstraps_roles_where_something_is_deployed",
    "PayerCi/Deploy": "ci:the_roles_do_nothing_but_take_the_bootstraps_roles_where_something_is_deployed",
    "PayerCi/Diff": "ci:the_roles_do_nothing_but_take_the_bootstraps_roles_where_something_is_deployed",
    "Observability/Datadog": "outside_readers:datadog_reads_metrics_and_names_if_it_is_let_in_and_nothing_else",
    "Observability/Posture/Publisher": "posture:eventbridge_may_publish_to_the_owners_topic_and_nothing_else",
    "Observability/ThreatDetection/Publisher": (
        "threats:a_finding_goes_to_the_owners_topic_with_a_role_that_can_do_nothing_else"
    ),
    "Observability/Wiz": "outside_readers:wiz_reads_how_things_are_configured_and_never_what_is_in_them",
    "Replica/Replication": "replica:s3_copies_with_exactly_the_rights_that_it_needs",
    **{f"Validation/{state}Role": "validation:a_function_may_do_exactly_what_its_code_does" for state in OF_VALIDATION},
    "Validation/DailyValidation/EventsRole": "validation:what_starts_a_validation_may_start_it_and_nothing_else",
    "Validation/DailyValidationRole": "validation:the_validation_may_query_and_invoke_and_nothing_else",
    "Validation/ScheduleRole": "validation:what_starts_a_validation_may_start_it_and_nothing_else",
}
"""Roles of which another test of this folder says all that they may do: its module and its name."""

TAKEN_BY = {
    "BillingSource/Tags/ScheduleRole": "scheduler.amazonaws.com",
    "MonthEndClose/EventsRole": "events.amazonaws.com",
    "MonthEndCloseRole": "states.amazonaws.com",
    "ReplayPeriodRole": "states.amazonaws.com",
    "Observability/Posture/Publisher": "events.amazonaws.com",
    "Observability/ThreatDetection/Publisher": "events.amazonaws.com",
    "Replica/Replication": "s3.amazonaws.com",
    "ScheduleRole": "scheduler.amazonaws.com",
    "Validation/DailyValidation/EventsRole": "events.amazonaws.com",
    "Validation/DailyValidationRole": "states.amazonaws.com",
    "Validation/ScheduleRole": "scheduler.amazonaws.com",
}
"""The service that takes a role which is no function's."""

WITHOUT_A_RESOURCE = {
    "xray:PutTraceSegments": "X-Ray has no resources to name",
    "xray:PutTelemetryRecords": "X-Ray has no resources to name",
    "xray:GetSamplingRules": "X-Ray has no resources to name",
    "xray:GetSamplingTargets": "X-Ray has no resources to name",
    "logs:CreateLogDelivery": "Step Functions logs through log deliveries, which cannot be named beforehand",
    "logs:GetLogDelivery": "as CreateLogDelivery",
    "logs:UpdateLogDelivery": "as CreateLogDelivery",
    "logs:DeleteLogDelivery": "as CreateLogDelivery",
    "logs:ListLogDeliveries": "as CreateLogDelivery",
    "logs:PutResourcePolicy": "as CreateLogDelivery: it lets the delivery write into the log group",
    "logs:DescribeResourcePolicies": "as CreateLogDelivery",
    "logs:DescribeLogGroups": "as CreateLogDelivery",
    "ce:ListCostAllocationTags": "tags of the bill have no ARN",
    "ce:UpdateCostAllocationTagsStatus": "as ListCostAllocationTags",
    "ce:StartCostAllocationTagBackfill": "as ListCostAllocationTags",
    "ce:ListCostAllocationTagBackfillHistory": "as ListCostAllocationTags",
    "invoicing:ListInvoiceSummaries": "an invoice has no ARN before it is known",
    "cloudwatch:DescribeAlarms": "Datadog reads every metric and alarm of the account: metrics have no ARN",
    "cloudwatch:GetMetricData": "as DescribeAlarms",
    "cloudwatch:GetMetricStatistics": "as DescribeAlarms",
    "cloudwatch:ListMetrics": "as DescribeAlarms",
    "tag:GetResources": "the tagging API knows no resource",
    "tag:GetTagKeys": "as GetResources",
    "tag:GetTagValues": "as GetResources",
    "dynamodb:ListTables": "Datadog reads a list of all there is",
    "lambda:ListFunctions": "as ListTables",
    "sns:ListTopics": "as ListTables",
    "sqs:ListQueues": "as ListTables",
    "states:ListStateMachines": "as ListTables",
}
"""The only actions that any role may have on every resource, and why."""

PATTERNS = {
    r"<Work>/(runs|athena-results|policies|invoices)/.+": "a folder of the work bucket: its keys have the run in them",
    r"<Billing>/{export}((data|metadata)/)?\*": "AWS names the files of the bill",
    r"<Ledger>/((ledger|periods|archive)/.+|\*)": "a folder of the ledger; S3 copies all of it",
    r"<Statements>/(drafts/|charge_period=)\*": "a folder of the statements",
    r"<Replica/(Billing|Ledger|Statements)>/\*": "S3 copies every object under the key that it has",
    r"glue:table/<Database>/\*": "the queries of a close read and write every table of ours",
    r"states:execution:<(MonthEndClose|Validation/DailyValidation).Name>[:/]\*": (
        "executions of ours are named when they start"
    ),
    r"kms:key/\* when kms:ResourceAliases is like alias/chargeback-{environment}-signing-\*": (
        "the key's alias is named instead: one key follows another"
    ),
}
"""The only resources with a wildcard in their name that any role may have a right on, and why."""

WIDE_IN_POLICIES_OF_RESOURCES = {
    "kms:* by the account": "the account's own policies decide about a key, as AWS's default policy has it",
}
"""The only actions with a wildcard that a resource's own policy allows, and why."""
