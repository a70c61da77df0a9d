"""The functions of the month-end close, each with its settings and exactly the rights it needs."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.fetch_invoice_totals.handler import NO_ROLE
from functions.shared.code_version import code_version
from infra.config import EnvironmentConfig
from infra.constructs.python_function import PythonFunction, function_code
from infra.names import invoice_reader
from infra.stacks.data_stack import DataStack


class CloseFunctions(Construct):
    """All functions by the name of their state; the grants below are the whole of what they may do."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        data: DataStack,
        key: kms.IKey,
        periods: dynamodb.TableV2,
        servicenow: secretsmanager.Secret,
        layers: list[lambda_.ILayerVersion],
        rendering: lambda_.ILayerVersion,
    ) -> None:
        super().__init__(scope, construct_id)
        self.by_state: dict[str, PythonFunction] = {}
        self._data, self._key, self._code, self._layers = data, key, function_code(), layers
        work = {"work_bucket": data.work.bucket_name}
        billing = {"billing_bucket": data.billing.bucket_name}
        export = {"export_prefix": config.export_prefix}
        ledger = {"ledger_bucket": data.ledger.bucket_name}
        retention = {"retention_years": str(config.retention_years)}
        periods_table = {"periods_table": periods.table_name}

        reader = invoice_reader(config) if config.ties_to_invoices else NO_ROLE

        self._add("read_manifest", work | billing | export)
        self._add("compile_policy", work | {"ratified_policy": config.ratified_policy})
        self._add("render_queries", work | billing | {"flattened_tags": json.dumps(config.flattened_tags)})
        self._add("check_invoices", work)
        self._add("take_period_lock", periods_table)
        self._add("seal_billing_data", work | billing | retention, timeout_minutes=15, memory_mib=1769)
        self._add("fetch_invoice_totals", work | {"invoice_reader_role": reader})
        self._add("reconcile_ledger", work)
        self._add("check_seal", work | billing | export)
        self._add("publish_ledger", work | ledger | retention, memory_mib=1024)
        self._add("prepare_statements", work | {"code_version": code_version()}, timeout_minutes=10, memory_mib=2048)
        statements = {"statements_bucket": data.statements.bucket_name}
        self._add(
            "render_statement", work | statements | retention, timeout_minutes=10, memory_mib=1769, extra=rendering
        )
        self._add("post_charge", work | {"servicenow_secret": servicenow.secret_arn})
        self._add("check_postings", work)
        self._add("summarize_run", work | ledger | retention)
        self._add("record_failure", periods_table)

        self._grant_work()
        self._grant_billing(config.export_prefix)
        self._grant_records()
        if config.ties_to_invoices:
            self._allow("FetchInvoiceTotals", ["sts:AssumeRole"], [reader])
        for state in ("TakePeriodLock", "RecordFailure"):
            periods.grant(self.by_state[state], "dynamodb:GetItem", "dynamodb:PutItem")
        self._allow("PostCharge", ["secretsmanager:GetSecretValue"], [servicenow.secret_arn])
        for state in self.by_state:
            # Whatever a function reads is encrypted with the one key: objects, the secret, and the table's own key.
            self._allow(state, ["kms:Decrypt"], [key.key_arn])

    def let_read_executions(self, machine: sfn.StateMachine) -> None:
        """TakePeriodLock asks whether the execution that holds a period still runs."""
        executions = cdk.Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{machine.state_machine_name}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        statement = iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[executions])
        iam.Policy(self, "ReadExecutions", statements=[statement]).attach_to_role(self._role_of("TakePeriodLock"))

    def _add(
        self,
        verb_noun: str,
        settings: dict[str, str],
        *,
        timeout_minutes: int = 5,
        memory_mib: int = 512,
        extra: lambda_.ILayerVersion | None = None,
    ) -> None:
        function = PythonFunction(
            self,
            verb_noun,
            code=self._code,
            layers=[*self._layers, extra] if extra else self._layers,
            settings=settings,
            log_key=self._key,
            timeout=cdk.Duration.minutes(timeout_minutes),
            memory_mib=memory_mib,
        )
        self.by_state[function.state_name] = function

    def _grant_work(self) -> None:
        """Which files of a run each function reads and writes; query results count as files of the run."""
        work = self._data.work
        read: dict[str, tuple[str, ...]] = {
            "CompilePolicy": ("policies/*",),
            "RenderQueries": ("runs/*/delivery.json", "runs/*/policy.json"),
            "CheckInvoices": ("runs/*/delivery.json", "runs/*/policy.json", "athena-results/*"),
            "SealBillingData": ("runs/*/delivery.json",),
            "FetchInvoiceTotals": ("invoices/*",),
            "ReconcileLedger": ("runs/*/policy.json", "athena-results/*"),
            "CheckSeal": ("runs/*/seal.json",),
            "PublishLedger": ("runs/*/ledger_entries/*", "athena-results/*"),
            "PrepareStatements": (
                "runs/*/policy.json",
                "runs/*/seal.json",
                "runs/*/reconciliation.json",
                "athena-results/*",
            ),
            "RenderStatement": ("runs/*/statements/*", "runs/*/rendered/*"),
            "PostCharge": ("runs/*/rendered/*",),
            "CheckPostings": ("runs/*/totals.json", "runs/*/postings/*"),
            "SummarizeRun": (
                "runs/*/policy.json",
                "runs/*/seal.json",
                "runs/*/reconciliation.json",
                "runs/*/totals.json",
                "runs/*/unrecognized_tags.json",
                "runs/*/rendered/*",
                "runs/*/postings/*",
            ),
        }
        write: dict[str, tuple[str, ...]] = {
            "ReadManifest": ("runs/*/delivery.json",),
            "CompilePolicy": ("runs/*/policy_*", "runs/*/policy.json"),
            "SealBillingData": ("runs/*/seal.json",),
            "FetchInvoiceTotals": ("runs/*/invoice_totals/*",),
            "ReconcileLedger": ("runs/*/reconciliation.json",),
            "PrepareStatements": (
                "runs/*/statements/*",
                "runs/*/totals.json",
                "runs/*/unrecognized_tags.json",
                "runs/*/charge_items.json",
            ),
            "RenderStatement": ("runs/*/rendered/*",),
            "PostCharge": ("runs/*/postings/*",),
            "SummarizeRun": ("runs/*/summary.json", "runs/*/evidence.json"),
        }
        for state, keys in read.items():
            self._allow(state, ["s3:GetObject"], [work.arn_for_objects(key) for key in keys])
        for state, keys in write.items():
            self._allow(state, ["s3:PutObject"], [work.arn_for_objects(key) for key in keys])
            self._allow(state, ["kms:GenerateDataKey"], [self._key.key_arn])
        self._list_versions("PublishLedger", work, "runs/*/ledger_entries/")
        self._list_versions("RenderStatement", work, "runs/*/rendered/*")
        self._list_versions("CheckPostings", work, "runs/*/postings/")
        self._list_versions("SummarizeRun", work, "runs/*/rendered/", "runs/*/postings/")
        # Without it S3 answers "forbidden" for a file that is not there, and whoever named it learns nothing.
        for state in ("CompilePolicy", "FetchInvoiceTotals"):
            self._allow(state, ["s3:ListBucket"], [work.bucket_arn])

    def _grant_billing(self, export_prefix: str) -> None:
        """The bill is read by those that find, seal and check it, and by the queries; retention is set by one."""
        billing = self._data.billing
        manifests, files = f"{export_prefix}metadata/", f"{export_prefix}data/"
        self._allow("ReadManifest", ["s3:GetObject"], [billing.arn_for_objects(f"{manifests}*")])
        self._allow(
            "SealBillingData", ["s3:GetObjectVersion", "s3:PutObjectRetention"], [billing.arn_for_objects(f"{files}*")]
        )
        month = "BILLING_PERIOD=*/"
        self._list_versions("ReadManifest", billing, manifests + month, files + month)
        self._list_versions("CheckSeal", billing, files + month)

    def _grant_records(self) -> None:
        """The ledger and the statements are written once; the head tells a repeated write from a conflict."""
        once = ["s3:PutObject", "s3:PutObjectRetention", "s3:GetObject"]
        ledger, statements = self._data.ledger, self._data.statements
        self._allow("PublishLedger", once, [ledger.arn_for_objects("ledger/*")])
        self._allow("SummarizeRun", once, [ledger.arn_for_objects("periods/*")])
        self._allow("RenderStatement", once, [statements.arn_for_objects("charge_period=*")])
        self._allow("RenderStatement", ["s3:PutObject"], [statements.arn_for_objects("drafts/*")])
        self._allow("PublishLedger", ["kms:GenerateDataKey"], [self._key.key_arn])

    def _role_of(self, state: str) -> iam.IRole:
        role = self.by_state[state].role
        assert role is not None  # noqa: S101 - a function that is made here has a role
        return role

    def _list_versions(self, state: str, bucket: s3.IBucket, *prefixes: str) -> None:
        self.by_state[state].add_to_role_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucketVersions"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": sorted(prefixes)}},
            )
        )

    def _allow(self, state: str, actions: list[str], resources: list[str]) -> None:
        self.by_state[state].add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))
